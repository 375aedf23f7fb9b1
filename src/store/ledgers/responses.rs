//! The ledger of demand response: every event with its invitation and reply, its frozen baseline, what
//! came of it, and who did what.
//!
//! ```text
//! key     event ID, ASCII
//! value   version (1) u8 | number? | name | response u8 | timing? u8 | start i64 | end i64
//!         | wanted kW? f64 | point? | invitation ID? | round? u8 | made i64 | deadline i64
//!         | wanted of the site kW? f64 | price? f64
//!         | entered i64 | point | parameter | method u8 | samples until u8 | rule u8
//!         | reply: 0, or 1 i64 (declined), or 2 i64 f64 (promised kW)
//!         | cancelled? i64
//!         | baseline: 0, or 1 days u8 (day i32)* loads u8 (kW f64)*, or 2 found u8 wanted u8, or 3
//!         | outcome: 0, or 1 completeness f64 loads u8 (0, or 1 kW f64)*
//!         | acts u8 (at i64 | who | 1 entered, 2 promised f64, 3 declined, 4 cancelled)*
//! ```
//!
//! Big-endian; times are milliseconds since 1970 UTC, days count from 1970; `?` is a byte 0, or 1 and the
//! value; a text is its bytes behind their number, u16. A value is never longer than
//! `STORE_VALUE_BYTES_MAX`.

mod bytes;

use std::collections::{BTreeMap, BTreeSet};

use crate::limits;
use crate::model::demand_response::{DrEvent, EventStatus};
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::UtcTime;

/// What became of an event that was to be added.
#[derive(Clone, Debug, PartialEq)]
pub enum Added {
    /// It is kept from now on.
    New,
    /// One of this ID is kept already.
    Known(Box<DrEvent>),
    /// There are [`limits::DR_OPEN_EVENTS_MAX`] events that are not over.
    Full,
}

/// The events by ID, a bounded number of them.
#[derive(Debug, Default)]
pub(in crate::store) struct Responses {
    events: BTreeMap<String, DrEvent>,
    changed: BTreeSet<String>,
}

impl Responses {
    /// Adds an event at `now`, and lets the oldest go that is over where there are too many.
    pub(in crate::store) fn add(&mut self, event: DrEvent, now: UtcTime) -> Added {
        if let Some(known) = self.events.get(&event.order.id) {
            return Added::Known(Box::new(known.clone()));
        }
        let is_open = |event: &&DrEvent| event.status(now) < EventStatus::Ended;
        if self.events.values().filter(is_open).count() >= limits::DR_OPEN_EVENTS_MAX && is_open(&&event) {
            return Added::Full;
        }
        while self.events.len() >= limits::DR_EVENTS_MAX {
            let over = self.events.values().filter(|event| !is_open(event));
            let Some(oldest) = over.min_by_key(|event| event.order.time.end) else { break };
            let id = oldest.order.id.clone();
            self.events.remove(&id);
            self.changed.insert(id);
        }
        self.changed.insert(event.order.id.clone());
        self.events.insert(event.order.id.clone(), event);
        Added::New
    }

    /// Every event, by ID.
    pub(in crate::store) fn all(&self) -> impl Iterator<Item = &DrEvent> {
        self.events.values()
    }

    /// The event of this ID.
    pub(in crate::store) fn get(&self, id: &str) -> Option<&DrEvent> {
        self.events.get(id)
    }

    /// Lets `change` change an event, and gives it as it is then; `None` where there is none.
    pub(in crate::store) fn change(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut DrEvent),
    ) -> Option<DrEvent> {
        let event = self.events.get_mut(id)?;
        let before = event.clone();
        change(event);
        if *event != before {
            self.changed.insert(id.to_owned());
        }
        Some(event.clone())
    }
}

impl Ledger for Responses {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let event = bytes::read(key, value)?;
        if self.events.len() >= limits::DR_EVENTS_MAX {
            return None;
        }
        self.events.insert(event.order.id.clone(), event);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let change = |id: String| {
            let value = self.events.get(&id).map(bytes::write);
            Change { key: id.into_bytes(), value }
        };
        changed.map(change).collect()
    }

    fn forget_stored(&mut self) {
        self.changed.extend(self.events.keys().cloned());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::demand_response::{
        Act, Baseline, BaselineMethod, EventOrder, Invitation, Measured, NoBaseline, Outcome, Reply,
        ResponseType, SamplesUntil, TimeType, ValidityRule,
    };

    fn at(hour: i64) -> UtcTime {
        UtcTime::from_ms(hour * 3_600_000)
    }

    fn event(id: &str, hour: i64) -> DrEvent {
        let invitation = Invitation {
            id: None,
            round: None,
            at: at(hour - 20),
            deadline: at(hour - 5),
            wanted_kw: Some(500.0),
            price_per_kwh: Some(2.0),
        };
        DrEvent {
            order: EventOrder {
                id: id.to_owned(),
                number: None,
                name: "8月6日日前削峰".to_owned(),
                response: ResponseType::PeakClipping,
                timing: Some(TimeType::DayAhead),
                time: at(hour)..at(hour + 2),
                wanted_kw: None,
                point_id: None,
                invitation,
            },
            entered_at: at(hour - 20),
            measured: Measured { point_id: "PT-GRID".to_owned(), parameter_id: "EPI".to_owned() },
            method: BaselineMethod::LastFive,
            samples_until: SamplesUntil::EventDay,
            rule: ValidityRule::MeanForAnHour,
            reply: None,
            cancelled_at: None,
            baseline: None,
            outcome: None,
            audit: Vec::new(),
        }
    }

    /// An event with everything as long as it can be.
    fn longest() -> DrEvent {
        let id = "x".repeat(limits::ID_CHARS_MAX);
        let text = || Some(id.clone());
        let mut event = event(&id, 1_000_000);
        event.order.number = text();
        event.order.point_id = text();
        event.order.name = "电".repeat(limits::NAME_CHARS_MAX);
        event.order.invitation.id = text();
        event.order.invitation.round = Some(3);
        event.order.wanted_kw = Some(1e9);
        event.measured = Measured { point_id: id.clone(), parameter_id: id.clone() };
        event.reply = Some(Reply { at: at(1), promised_kw: Some(450.0) });
        event.cancelled_at = Some(at(2));
        let day: jiff::civil::Date = "2024-08-05".parse().unwrap();
        event.baseline = Some(Ok(Baseline { dates: vec![day; 10], load_kw: vec![1_234.567_891; 96] }));
        event.outcome = Some(Outcome { load_kw: vec![Some(1_234.567_891); 96], completeness: 0.5 });
        for hour in 0..20 {
            event.note(at(hour), &id, Act::Promised(450.0));
        }
        event
    }

    fn stored(event: &DrEvent) -> Option<DrEvent> {
        let mut ledger = Responses::default();
        assert_eq!(ledger.add(event.clone(), at(0)), Added::New);
        let change = ledger.take_changes().remove(0);
        let mut restored = Responses::default();
        restored.restore(&change.key, &change.value.unwrap())?;
        restored.get(&event.order.id).cloned()
    }

    #[test]
    fn an_event_comes_back_as_it_was() {
        let plain = event("DR-1", 1_000);
        let none = |reason| DrEvent { baseline: Some(Err(reason)), ..plain.clone() };
        let declined = Reply { at: at(7), promised_kw: None };
        let outcome = Outcome { load_kw: vec![None, Some(-0.5)], completeness: 0.5 };
        for event in [
            longest(),
            none(NoBaseline::NothingBefore),
            none(NoBaseline::TooFewDays { found: 3, wanted: 5 }),
            DrEvent { reply: Some(declined), outcome: Some(outcome), ..plain.clone() },
            plain,
        ] {
            assert_eq!(stored(&event), Some(event));
        }
    }

    #[test]
    fn the_longest_event_fits_one_value() {
        let bytes = bytes::write(&longest());
        assert!(bytes.len() <= limits::STORE_VALUE_BYTES_MAX, "{} bytes", bytes.len());
    }

    #[test]
    fn what_no_version_wrote_is_refused() {
        let event = longest();
        let (key, value) = (event.order.id.as_bytes(), bytes::write(&event));
        for length in 0..value.len() {
            assert_eq!(bytes::read(key, &value[..length]), None, "{length}");
        }
        assert_eq!(bytes::read(key, &[value.as_slice(), &[0]].concat()), None);
        assert_eq!(bytes::read(b"", &value), None);
        assert_eq!(bytes::read("电".as_bytes(), &value), None);
        assert_eq!(bytes::read(key, &[&[2], &value[1..]].concat()), None);
    }

    #[test]
    fn of_too_many_the_oldest_that_is_over_goes_and_a_further_open_one_is_refused() {
        let mut ledger = Responses::default();
        let now = at(10_000);
        for number in 0..limits::DR_EVENTS_MAX {
            let hour = i64::try_from(number).unwrap();
            assert_eq!(ledger.add(event(&format!("old-{number}"), hour), now), Added::New);
        }
        assert_eq!(ledger.add(event("new-0", 10_001), now), Added::New);
        assert!(ledger.get("old-0").is_none() && ledger.get("old-1").is_some());
        for number in 1..limits::DR_OPEN_EVENTS_MAX {
            assert_eq!(ledger.add(event(&format!("new-{number}"), 10_001), now), Added::New);
        }
        assert_eq!(ledger.add(event("one more", 10_001), now), Added::Full);
        let known = event("new-0", 10_001);
        assert_eq!(ledger.add(event("new-0", 10_002), now), Added::Known(Box::new(known)));
        ledger.change("new-0", |event| event.cancelled_at = Some(now));
        assert_eq!(ledger.add(event("one more", 10_001), now), Added::New);
        assert_eq!(ledger.all().count(), limits::DR_EVENTS_MAX);
    }

    #[test]
    fn only_what_changed_is_written_again() {
        let mut ledger = Responses::default();
        ledger.add(event("DR-1", 1_000), at(0));
        ledger.add(event("DR-2", 1_000), at(0));
        assert_eq!(ledger.take_changes().len(), 2);
        ledger.change("DR-1", |_| {});
        assert_eq!(ledger.change("DR-3", |_| {}), None);
        assert!(ledger.take_changes().is_empty());
        ledger.change("DR-1", |event| event.reply = Some(Reply { at: at(1), promised_kw: None }));
        assert_eq!(ledger.take_changes().len(), 1);
        ledger.forget_stored();
        assert_eq!(ledger.take_changes().len(), 2);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(place in 0_usize..4_000, byte in any::<u8>()) {
            let mut value = bytes::write(&longest());
            if let Some(changed) = value.get_mut(place) {
                *changed = byte;
            }
            if let Some(event) = bytes::read(b"DR-1", &value) {
                prop_assert!(bytes::write(&event).len() <= limits::STORE_VALUE_BYTES_MAX);
            }
        }
    }
}
