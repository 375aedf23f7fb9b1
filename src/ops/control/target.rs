//! What each writable parameter should be now, and on whose account.

use std::collections::BTreeMap;

use super::Bound;
use crate::config::site::Site;
use crate::model::control::{Control, ControlAct};
use crate::model::demand_response::{DrEvent, EventStatus};
use crate::model::reading::SeriesId;
use crate::ops::{Ops, ServedSite};
use crate::time::UtcTime;
use crate::time::trust::ClockState;

/// What a writable parameter should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// In the parameter's unit.
    pub value: f64,
    /// Who wants it, and until when; `None` for the value of rest.
    pub held: Option<Held>,
}

/// On whose account a value is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// A person, or the ID of an event.
    pub by: String,
    /// Whether that is an event of demand response.
    pub is_event: bool,
    /// Until when, unless somebody stands by it anew.
    pub until: UtcTime,
}

/// An event that moves a parameter.
struct Moving {
    event: String,
    value: f64,
    until: UtcTime,
}

impl Ops {
    /// What should be written, by series; nothing for what is at rest and stays there.
    pub(super) fn targets(&self, served: &ServedSite) -> BTreeMap<SeriesId, Target> {
        let mut kept: BTreeMap<SeriesId, Control> = self.store().controls().into_iter().collect();
        let events = self.running_events();
        let frozen = self.controls.frozen().clone();
        let target = |bound: Bound<'_>| {
            let control = kept.remove(&bound.series).unwrap_or_default();
            let held = if frozen.contains(&bound.series) {
                None
            } else {
                self.held(&bound, &control, served.site(), &events)
            };
            let rest =
                || control.is_displaced.then_some(Target { value: bound.writable.release, held: None });
            Some((bound.series, held.or_else(rest)?))
        };
        served.writables().filter_map(target).collect()
    }

    fn held(&self, bound: &Bound<'_>, control: &Control, site: &Site, events: &[DrEvent]) -> Option<Target> {
        if let Some(hold) = &control.hold {
            let held = Held { by: hold.by.clone(), is_event: false, until: hold.until };
            return Some(Target { value: hold.value, held: Some(held) });
        }
        let moving = self.moving(bound, control, site, events)?;
        let held = Held { by: moving.event, is_event: true, until: moving.until };
        Some(Target { value: moving.value, held: Some(held) })
    }

    /// The event that moves a parameter now: of several the one that began first.
    fn moving(
        &self,
        bound: &Bound<'_>,
        control: &Control,
        site: &Site,
        events: &[DrEvent],
    ) -> Option<Moving> {
        let settings = site.demand_response.as_ref()?;
        let controls = || settings.resources.iter().filter_map(|resource| resource.control.as_ref());
        let of_bound = || {
            controls().filter(|control| {
                control.point_id == bound.point.id && control.parameter_id == bound.parameter.id
            })
        };
        let now = self.clock().now();
        let moves = |event: &DrEvent| {
            if control.declined_event.as_ref() == Some(&event.order.id) {
                return None;
            }
            let value = of_bound().find_map(|control| control.value(event.order.response))?;
            let until = self.lease_end(event, bound);
            (now < until).then(|| Moving { event: event.order.id.clone(), value, until })
        };
        events.iter().find_map(moves)
    }

    /// Until when an event may move a parameter: to its end, and no longer than the lease after it began
    /// or was last entered again.
    fn lease_end(&self, event: &DrEvent, bound: &Bound<'_>) -> UtcTime {
        let time = &event.order.time;
        let contact = self.controls.contacts().get(&event.order.id).copied();
        let from = contact.map_or(time.start, |at| at.max(time.start));
        from.plus(bound.writable.lease).min(time.end)
    }

    /// Events that the site has promised something for and that go on, in the order in which they began.
    fn running_events(&self) -> Vec<DrEvent> {
        if self.clock().state() == ClockState::Unset {
            return Vec::new();
        }
        let now = self.clock().now();
        let mut events = self.dr_events();
        events.retain(|event| event.status(now) == EventStatus::Running && event.promised_kw().is_some());
        events
    }

    /// The event that moves a parameter now, or would if nobody held it.
    pub(super) fn event_of(&self, bound: &Bound<'_>) -> Option<String> {
        let kept = self.store().controls().into_iter().find(|(series, _)| *series == bound.series);
        let control = kept.map(|(_, control)| control).unwrap_or_default();
        self.moving(bound, &control, &self.site(), &self.running_events()).map(|moving| moving.event)
    }

    /// Notes that whoever calls for an event stands by it.
    pub(in crate::ops) fn note_contact(&self, event: &str) {
        let now = self.clock().now();
        let open: Vec<String> = self.running_events().into_iter().map(|event| event.order.id).collect();
        let mut contacts = self.controls.contacts();
        contacts.retain(|id, _| open.contains(id));
        if open.iter().any(|id| id == event) {
            contacts.insert(event.to_owned(), now);
        }
        drop(contacts);
        self.controls.changed.notify_one();
    }

    /// Lets go of what nobody stands by any longer, and of what the site file no longer lets be written.
    pub(super) fn end_leases(&self, served: &ServedSite) {
        let (now, steady_ms) = (self.clock().now(), self.clock().steady_ms());
        let is_unset = self.clock().state() == ClockState::Unset;
        let running: Vec<String> = self.running_events().into_iter().map(|event| event.order.id).collect();
        for (series, control) in self.store().controls() {
            let Some(bound) = served.writables().find(|bound| bound.series == series) else {
                self.abandon(series, control.is_displaced, now);
                continue;
            };
            if let Some(hold) = &control.hold {
                let ends_ms = self.lease_ends_ms(&bound, hold.until.ms_since(now), steady_ms, is_unset);
                if now >= hold.until || steady_ms >= ends_ms {
                    self.store().change_control(series, |control| control.hold = None);
                    self.store().note_control(series, now, ControlAct::LeaseOver, &hold.by);
                }
            }
            if control.declined_event.as_ref().is_some_and(|id| !running.contains(id)) && !is_unset {
                self.store().change_control(series, |control| control.declined_event = None);
            }
        }
    }

    /// When a hold ends by the steady clock. One that was ordered before a restart ends at its time of day,
    /// and no later than the lease after the start; by a clock that nothing speaks for it ends at once.
    fn lease_ends_ms(&self, bound: &Bound<'_>, left_ms: i64, steady_ms: i64, is_unset: bool) -> i64 {
        let mut progress = self.controls.progress();
        let known = progress.entry(bound.series).or_default();
        let left_ms = if is_unset { 0 } else { left_ms.clamp(0, bound.writable.lease.as_ms()) };
        *known.lease_ends_ms.get_or_insert(steady_ms.saturating_add(left_ms))
    }

    fn abandon(&self, series: SeriesId, is_displaced: bool, now: UtcTime) {
        self.store().change_control(series, |control| *control = Control::default());
        if is_displaced {
            let (point, parameter) = self.store().series_name(series).unwrap_or_default();
            log::error!(
                "control: {point}/{parameter} may no longer be written; it stays at what was written last"
            );
            self.store().note_control(series, now, ControlAct::Abandoned, "");
        }
        self.controls.progress().remove(&series);
    }
}
