//! Control: what somebody at the site, or an event of demand response, wants a meter's register to hold.
//!
//! ```text
//! order (site, event) -> target (who, what, until when) -> drive (write, read back) -> rest
//! ```
//!
//! Nothing is written that the site file does not let be written, nothing outside of its bounds, and
//! nothing that is not noted on the medium before: after a power cut it is known what is to be put back.
//! What the site orders goes before what an event asks for; a value that nobody stands by any longer gives
//! way to the value of rest.

mod drive;
mod order;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::Notify;

use super::{Ops, ServedSite};
use crate::config::site::Site;
use crate::modbus::decode::EncodeError;
use crate::model::alarm::Alarm;
use crate::model::control::{Control, Writable};
use crate::model::point::{Metered, Parameter, Point};
use crate::model::quality::Cause;
use crate::model::reading::SeriesId;
use crate::store::StoreError;
use crate::time::UtcTime;

pub use drive::Due;
pub use order::{ControlError, ControlLineOf, Holding};
pub use target::{Held, Target};

/// Why a value is not where it should be.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ControlFault {
    /// The meter did not answer, or refused.
    #[error("the meter did not take it: {0}")]
    Line(Cause),
    /// It confirmed the write and shows something else.
    #[error("the meter confirmed it and shows {}", .0.map_or_else(|| "no number".to_owned(), |shown| shown.to_string()))]
    NotTaken(Option<f64>),
    /// The register cannot hold it.
    #[error("{0}")]
    Value(#[from] EncodeError),
    /// It could not be noted before.
    #[error("nothing is written that cannot be noted before: {0}")]
    Store(#[from] StoreError),
}

/// How far a writable parameter is from its target.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ControlState {
    /// Nothing was written, or the value of rest.
    #[default]
    AtRest,
    /// On its way.
    Moving,
    /// Written and read back.
    Settled,
    /// Not where it should be; it is tried again.
    Failing(ControlFault),
}

/// A writable parameter and how it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlOf {
    /// The point's ID.
    pub point: String,
    /// The parameter's ID.
    pub parameter: String,
    /// The unit of the values.
    pub unit: String,
    /// What may be written.
    pub writable: Writable,
    /// What it should be; `None` at rest.
    pub target: Option<Target>,
    /// How far it is from that.
    pub state: ControlState,
    /// The value that was read back last.
    pub read_back: Option<f64>,
}

impl ControlOf {
    /// Whether it is where it should be, or it is known why not.
    #[must_use]
    pub fn has_come_to_something(&self) -> bool {
        self.target.is_none() || matches!(self.state, ControlState::Settled | ControlState::Failing(_))
    }
}

/// What is known of the writable parameters besides what is on the medium.
#[derive(Debug, Default)]
pub(super) struct Controls {
    progress: Mutex<BTreeMap<SeriesId, Progress>>,
    /// Those that nobody may move at present: they go to rest.
    frozen: Mutex<BTreeSet<SeriesId>>,
    /// When an event was last entered again by who calls for it.
    contacts: Mutex<BTreeMap<String, UtcTime>>,
    changed: Notify,
}

impl Controls {
    fn progress(&self) -> MutexGuard<'_, BTreeMap<SeriesId, Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frozen(&self) -> MutexGuard<'_, BTreeSet<SeriesId>> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contacts(&self) -> MutexGuard<'_, BTreeMap<String, UtcTime>> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How one writable parameter goes. Times are those of the steady clock, in milliseconds.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// When the hold ends whatever the time of day is set to.
    lease_ends_ms: Option<i64>,
    /// The event that it is held for.
    event: Option<String>,
    /// What it was brought to last, or was tried to be.
    target: Option<f64>,
    /// When it is looked at again.
    due_ms: i64,
    /// When the register changed last on the way.
    stepped_ms: Option<i64>,
    failures: u32,
    state: ControlState,
    read_back: Option<f64>,
    is_under_way: bool,
}

/// A writable parameter of the site.
#[derive(Clone, Copy)]
struct Bound<'s> {
    point: &'s Point,
    parameter: &'s Parameter,
    metered: &'s Metered,
    writable: &'s Writable,
    series: SeriesId,
}

impl ServedSite {
    fn writables(&self) -> impl Iterator<Item = Bound<'_>> {
        self.parameters().filter_map(|(point, parameter, series)| {
            let (metered, writable) = parameter.writable()?;
            Some(Bound { point, parameter, metered, writable, series })
        })
    }
}

impl Ops {
    /// Every writable parameter of one point or of all, and how it goes.
    #[must_use]
    pub fn controls(&self, point_id: Option<&str>) -> Vec<ControlOf> {
        let served = self.served();
        let bound: Vec<_> =
            served.writables().filter(|bound| point_id.is_none_or(|id| id == bound.point.id)).collect();
        let targets = self.targets(&served);
        let progress = self.controls.progress();
        let of = |bound: &Bound<'_>| {
            let known = progress.get(&bound.series);
            let target = targets.get(&bound.series);
            let is_new = target.map(|target| target.value) != known.and_then(|known| known.target);
            let state = known.map(|known| known.state.clone()).unwrap_or_default();
            ControlOf {
                point: bound.point.id.clone(),
                parameter: bound.parameter.id.clone(),
                unit: bound.parameter.unit.clone(),
                writable: bound.writable.clone(),
                target: target.cloned(),
                // What was said of another target says nothing of this one.
                state: if target.is_some() && is_new { ControlState::Moving } else { state },
                read_back: known.and_then(|known| known.read_back),
            }
        };
        bound.iter().map(of).collect()
    }

    /// Waits until something was ordered, so that it is done at once.
    pub async fn control_ordered(&self) {
        self.controls.changed.notified().await;
    }

    /// What of the writable parameters somebody should look after.
    pub(super) fn control_alarms(&self) -> Vec<Alarm> {
        let served = self.served();
        let progress = self.controls.progress();
        let alarm = |bound: Bound<'_>| match &progress.get(&bound.series)?.state {
            ControlState::Failing(fault) => Some(Alarm::ControlFailing {
                parameter: format!("{}/{}", bound.point.id, bound.parameter.id),
                reason: fault.to_string(),
            }),
            _ => None,
        };
        served.writables().filter_map(alarm).collect()
    }

    /// Lets nobody move a writable parameter for the time being unless it is the same in `site`: all others
    /// go to rest, with `None` every one of them. What somebody holds is not forgotten.
    pub fn freeze_controls(&self, site: Option<&Site>) {
        let served = self.served();
        let stays = |bound: &Bound<'_>| {
            let point = site.and_then(|site| site.points.iter().find(|point| point.id == bound.point.id));
            let same = point.and_then(|point| point.parameters.iter().find(|p| p.id == bound.parameter.id));
            same.and_then(Parameter::metered) == Some(bound.metered)
        };
        let frozen: BTreeSet<SeriesId> =
            served.writables().filter(|bound| !stays(bound)).map(|bound| bound.series).collect();
        *self.controls.frozen() = frozen;
        self.controls.changed.notify_one();
    }

    /// Whether every parameter that nobody may move is at rest.
    #[must_use]
    pub fn is_frozen_at_rest(&self) -> bool {
        let frozen = self.controls.frozen().clone();
        let displaced =
            |(series, control): &(SeriesId, Control)| control.is_displaced && frozen.contains(series);
        !self.store().controls().iter().any(displaced)
    }

    /// Lets every writable parameter be moved again.
    pub fn thaw_controls(&self) {
        self.controls.frozen().clear();
        self.controls.changed.notify_one();
    }
}
