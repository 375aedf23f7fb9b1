//! Ops: what one may ask the gateway, with no HTTP and no terminal in it.
//!
//! Everything here is about one site at a time. The site may be replaced while questions are being
//! answered; each answer stays with the site that it was asked of.

pub mod archive;
pub mod audit;
pub mod claim;
pub mod condition;
pub mod control;
pub mod counter_events;
pub mod demand_response;
pub mod lines;
pub mod manual;
pub mod query;
pub mod update;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::config::site::Site;
use crate::health::checkup::Checkup;
use crate::model::alarm::Alarm;
use crate::model::point::{Metered, Parameter, Point};
use crate::model::reading::SeriesId;
use crate::ops::query::counts::Counts;
use crate::stats::SeriesKind;
use crate::store::{SeriesProfile, Store, StoreError};
use crate::time::trust::ClockState;
use crate::time::{Clock, UtcTime};
use crate::update::Updates;

/// The site that is served, together with the durable series of its parameters.
#[derive(Debug)]
pub struct ServedSite {
    site: Arc<Site>,
    /// One list a point, one series a parameter, both in the site's order.
    series: Vec<Vec<SeriesId>>,
    since: UtcTime,
}

impl ServedSite {
    fn new(site: Arc<Site>, store: &Store, since: UtcTime) -> Result<Self, StoreError> {
        let mut series = Vec::with_capacity(site.points.len());
        for point in &site.points {
            let of_point = point.parameters.iter().map(|parameter| store.series(&point.id, &parameter.id));
            series.push(of_point.collect::<Result<_, _>>()?);
        }
        let described = site.points.iter().zip(&series).flat_map(|(point, series): (_, &Vec<SeriesId>)| {
            // What is computed is never scanned, so that nothing of it is summed up or missed.
            let scanned =
                point.parameters.iter().zip(series).filter(|(parameter, _)| parameter.formula().is_none());
            scanned.map(|(parameter, series)| (*series, profile(parameter)))
        });
        store.describe(described, site.cems.offset, site.tou.clone());
        Ok(Self { site, series, since })
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Every parameter with its point and its series.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&Point, &Parameter, SeriesId)> {
        self.site.points.iter().zip(&self.series).flat_map(|(point, series)| {
            point.parameters.iter().zip(series).map(move |(parameter, series)| (point, parameter, *series))
        })
    }

    /// When it began to be served.
    #[must_use]
    pub fn since(&self) -> UtcTime {
        self.since
    }
}

/// What the readings of a parameter stand for.
fn profile(parameter: &Parameter) -> SeriesProfile {
    SeriesProfile {
        kind: SeriesKind::of(&parameter.reading_type),
        interval: parameter.interval,
        modulus: parameter.metered().and_then(modulus),
    }
}

/// Where a register starts again from zero, in the unit of its readings. With an offset, or counted
/// backwards, it does not.
fn modulus(metered: &Metered) -> Option<f64> {
    let Metered { register, conversion, .. } = metered;
    let unit = conversion.scale * conversion.ratio;
    let starts_at_zero = unit > 0.0 && conversion.offset.abs() < f64::EPSILON;
    register.data_type.modulus().filter(|_| starts_at_zero).map(|modulus| modulus * unit)
}

/// What one may ask; shared by everyone who answers.
pub struct Ops {
    served: Mutex<Arc<ServedSite>>,
    store: Store,
    clock: Arc<dyn Clock>,
    /// How many readings stretches of the past give.
    counts: Mutex<Counts>,
    /// The peaks of the demand, day by day.
    demand_days: query::DemandDays,
    /// The alarm that the demand called for last.
    demand_alarm: query::DemandAlarm,
    /// What is being written to meters.
    controls: control::Controls,
    /// Who knows how the lines go.
    lines: OnceLock<Arc<dyn lines::LineWatch>>,
    /// Who knows how the machine is.
    checkup: OnceLock<Arc<Checkup>>,
    /// How the gateway gets its first platform.
    claims: claim::Claims,
    /// Updates of the system, where there are slots.
    updates: OnceLock<Arc<Updates>>,
    /// Held by whoever backs up or restores: one at a time.
    archiving: Mutex<()>,
}

impl Ops {
    /// Serves `site` out of `store`.
    ///
    /// # Errors
    /// When the store cannot name the series of the site's parameters.
    pub fn new(site: Arc<Site>, store: Store, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StoreError> {
        let served = Arc::new(ServedSite::new(site, &store, clock.now())?);
        Ok(Arc::new(Self {
            served: Mutex::new(served),
            store,
            clock,
            counts: Mutex::default(),
            demand_days: <_>::default(),
            demand_alarm: <_>::default(),
            controls: control::Controls::default(),
            lines: OnceLock::new(),
            checkup: OnceLock::new(),
            claims: claim::Claims::default(),
            updates: OnceLock::new(),
            archiving: Mutex::default(),
        }))
    }

    /// The site that is served now.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(self.served().site())
    }

    /// Serves `site` from now on. Answers that have begun keep the site before.
    ///
    /// # Errors
    /// When the store cannot name the series of the new site's parameters; the old site stays.
    pub fn replace_site(&self, site: Arc<Site>) -> Result<(), StoreError> {
        let served = Arc::new(ServedSite::new(site, &self.store, self.clock.now())?);
        *self.lock() = served;
        Ok(())
    }

    /// The store that answers are read from.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What somebody should look after at present.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        let clock = (self.clock.state() == ClockState::Unset).then_some(Alarm::ClockUnset);
        self.store
            .alarms()
            .into_iter()
            .chain(clock)
            .chain(self.demand_alarm())
            .chain(self.control_alarms())
            .chain(self.update_alarm())
            .chain(self.standstill_alarms())
            .collect()
    }

    /// The clock that says what is past.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// The site that is served now, with its series.
    #[must_use]
    pub fn served(&self) -> Arc<ServedSite> {
        Arc::clone(&self.lock())
    }

    /// What is remembered of counts; never held while anything is counted.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held only to clone or to swap one pointer.
    fn lock(&self) -> MutexGuard<'_, Arc<ServedSite>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
