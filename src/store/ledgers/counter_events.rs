//! The event ledger of registers: what they did besides plain growth, what was made of it, and what
//! somebody who knows the meter said of it.
//!
//! ```text
//! key     series u32 | milliseconds since 1970 UTC, sign bit turned, u64
//! value   version (1) u8 | number u32 | since i64 | before f64 | after f64 | what u8 | counted f64
//!                        | 0, or 1, milliseconds since 1970 UTC i64 | what u8 | counted f64
//! ```
//!
//! Big-endian; the last part is the ruling. Events are found when a quarter hour is summed up, and found
//! anew when late readings change it: those that are no longer there go, unless somebody ruled on them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::counter::{Assumption, Event, Ruling, Rulings};
use crate::limits;
use crate::model::reading::SeriesId;
use crate::store::ledgers::fields::{take, take_number};
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::UtcTime;

const VERSION: u8 = 1;
/// Turns two's complement into an order of bytes.
const SIGN: u64 = 1 << 63;

/// What a register did besides plain growth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CounterEvent {
    /// Its number, never given again.
    pub number: u32,
    /// The register.
    pub series: SeriesId,
    /// Both values, and what was made of them.
    pub event: Event,
    /// What somebody said of it.
    pub ruled: Option<Ruled>,
}

/// What somebody who knows the meter said of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruled {
    /// When.
    pub at: UtcTime,
    /// What happened.
    pub verdict: Assumption,
    /// What flowed, in the register's unit.
    pub counted: f64,
}

impl CounterEvent {
    /// What counts for it now: what was ruled, or what was made of it.
    #[must_use]
    pub fn verdict(&self) -> (Assumption, f64) {
        let assumed = (self.event.assumption, self.event.counted);
        self.ruled.map_or(assumed, |ruled| (ruled.verdict, ruled.counted))
    }

    /// Whether somebody said that what was made of it is right.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.ruled.is_some() && self.verdict() == (self.event.assumption, self.event.counted)
    }
}

type Place = (SeriesId, UtcTime);

/// The events of all registers, a bounded number of them.
#[derive(Debug, Default)]
pub(in crate::store) struct CounterEvents {
    entries: BTreeMap<Place, CounterEvent>,
    /// Those that nobody ruled on by their number, the oldest first: they go first.
    unruled: BTreeMap<u32, Place>,
    ruled: BTreeMap<u32, Place>,
    next: u32,
    dropped: u64,
    changed: BTreeSet<Place>,
}

impl CounterEvents {
    /// Takes in the `events` that a register is found to have had up to the end of `period`; those that
    /// it was thought to have had in `period` and nobody ruled on are gone. Says whether anything new
    /// was found, and notes how many more than [`limits::COUNTER_EVENTS_A_QUARTER_MAX`] there were.
    /// What was found by other rulings than there are now is left, because it is being found anew.
    pub(in crate::store) fn found(
        &mut self,
        series: SeriesId,
        period: &Range<UtcTime>,
        (events, by): (&[Event], &Rulings),
    ) -> bool {
        if **by != *self.rulings(series) {
            return false;
        }
        let known = self.entries.range((series, period.start)..(series, period.end));
        let gone: Vec<Place> = known
            .filter(|((_, at), known)| known.ruled.is_none() && !events.iter().any(|event| event.at == *at))
            .map(|(place, _)| *place)
            .collect();
        for place in &gone {
            self.remove(*place);
        }
        let mut is_new = false;
        let surplus = events.len().saturating_sub(limits::COUNTER_EVENTS_A_QUARTER_MAX);
        self.dropped += surplus as u64;
        for event in events.iter().skip(surplus) {
            is_new |= self.put(series, *event);
        }
        is_new
    }

    /// The events of `series` in `range`, or of all and always, oldest number first.
    pub(in crate::store) fn of(&self, series: &[SeriesId], range: &Range<UtcTime>) -> Vec<CounterEvent> {
        let of_series = |series: &SeriesId| self.entries.range((*series, range.start)..(*series, range.end));
        let mut found: Vec<CounterEvent> =
            series.iter().flat_map(of_series).map(|(_, event)| *event).collect();
        found.sort_by_key(|event| event.number);
        found
    }

    /// The event of this number.
    pub(in crate::store) fn get(&self, number: u32) -> Option<CounterEvent> {
        let place = self.unruled.get(&number).or_else(|| self.ruled.get(&number))?;
        self.entries.get(place).copied()
    }

    /// Notes what somebody said of an event; `None` takes back what was said.
    pub(in crate::store) fn rule(&mut self, number: u32, ruled: Option<Ruled>) {
        let place = self.unruled.remove(&number).or_else(|| self.ruled.remove(&number));
        let Some(place) = place else { return };
        let rank = if ruled.is_some() { &mut self.ruled } else { &mut self.unruled };
        rank.insert(number, place);
        if let Some(event) = self.entries.get_mut(&place) {
            event.ruled = ruled;
            self.changed.insert(place);
        }
    }

    /// The rulings on one register.
    pub(in crate::store) fn rulings(&self, series: SeriesId) -> Rulings {
        let earliest = (series, UtcTime::from_ms(i64::MIN));
        let of_series = self.entries.range(earliest..=(series, UtcTime::from_ms(i64::MAX)));
        let ruling = |(_, known): (&Place, &CounterEvent)| {
            let (event, ruled) = (known.event, known.ruled?);
            let (verdict, counted) = (ruled.verdict, ruled.counted);
            Some(Ruling { at: event.at, before: event.before, after: event.after, verdict, counted })
        };
        of_series.filter_map(ruling).collect()
    }

    /// Events that there are, those that nobody ruled on, and those that had to go.
    pub(in crate::store) fn counts(&self) -> (usize, usize, u64) {
        (self.entries.len(), self.unruled.len(), self.dropped)
    }

    /// Takes in one event; says whether it is another one than was known at that time.
    fn put(&mut self, series: SeriesId, event: Event) -> bool {
        let place = (series, event.at);
        let known = self.entries.get(&place);
        if let Some(known) = known {
            let is_same = known.event.before.to_bits() == event.before.to_bits()
                && known.event.after.to_bits() == event.after.to_bits();
            // What was ruled is what the walk over the readings finds then.
            if is_same && (known.ruled.is_some() || known.event == event) {
                return false;
            }
        }
        let number = known.map_or(self.next, |known| known.number);
        self.next = self.next.max(number.saturating_add(1));
        self.ruled.remove(&number);
        self.unruled.insert(number, place);
        self.entries.insert(place, CounterEvent { number, series, event, ruled: None });
        self.changed.insert(place);
        while self.entries.len() > limits::COUNTER_EVENTS_MAX {
            let oldest = self.unruled.first_key_value().or_else(|| self.ruled.first_key_value());
            let Some((_, place)) = oldest else { break };
            self.remove(*place);
            self.dropped += 1;
        }
        true
    }

    fn remove(&mut self, place: Place) {
        if let Some(event) = self.entries.remove(&place) {
            self.unruled.remove(&event.number);
            self.ruled.remove(&event.number);
            self.changed.insert(place);
        }
    }
}

impl Ledger for CounterEvents {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let (series, at) = key.split_first_chunk::<4>()?;
        let at = u64::from_be_bytes(at.try_into().ok()?) ^ SIGN;
        let place = (SeriesId(u32::from_be_bytes(*series)), UtcTime::from_ms(at.cast_signed()));
        let mut event = read(place, value)?;
        if self.get(event.number).is_some() {
            // One from a copy of another time.
            event.number = self.next;
        }
        let rank = if event.ruled.is_some() { &mut self.ruled } else { &mut self.unruled };
        rank.insert(event.number, place);
        self.next = self.next.max(event.number.saturating_add(1));
        self.entries.insert(place, event);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        changed.map(|place| Change { key: key(place), value: self.entries.get(&place).map(value) }).collect()
    }

    fn forget_stored(&mut self) {
        self.changed.extend(self.entries.keys());
    }
}

fn key((series, at): Place) -> Vec<u8> {
    let at = at.as_ms().cast_unsigned() ^ SIGN;
    [series.0.to_be_bytes().as_slice(), &at.to_be_bytes()].concat()
}

fn value(known: &CounterEvent) -> Vec<u8> {
    let Event { since, before, after, assumption, counted, .. } = known.event;
    let mut value = vec![VERSION];
    value.extend(known.number.to_be_bytes());
    value.extend(since.as_ms().to_be_bytes());
    value.extend([before, after].map(f64::to_be_bytes).concat());
    value.push(code(assumption));
    value.extend(counted.to_be_bytes());
    value.push(u8::from(known.ruled.is_some()));
    if let Some(Ruled { at, verdict, counted }) = known.ruled {
        value.extend(at.as_ms().to_be_bytes());
        value.push(code(verdict));
        value.extend(counted.to_be_bytes());
    }
    value
}

fn read((series, at): Place, value: &[u8]) -> Option<CounterEvent> {
    let mut rest = value.strip_prefix(&[VERSION])?;
    let number = u32::from_be_bytes(take(&mut rest)?);
    let since = UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?));
    let (before, after) = (take_number(&mut rest)?, take_number(&mut rest)?);
    let assumption = assumption(take::<1>(&mut rest)?)?;
    let counted = take_number(&mut rest)?;
    let ruled = match take::<1>(&mut rest)? {
        [0] => None,
        [1] => Some(Ruled {
            at: UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?)),
            verdict: self::assumption(take::<1>(&mut rest)?)?,
            counted: take_number(&mut rest)?,
        }),
        _ => return None,
    };
    let event = Event { since, at, before, after, assumption, counted };
    rest.is_empty().then_some(CounterEvent { number, series, event, ruled })
}

/// One byte for the store; fixed for ever.
const fn code(assumption: Assumption) -> u8 {
    match assumption {
        Assumption::RolledOver => 1,
        Assumption::Reset => 2,
        Assumption::Replaced => 3,
        Assumption::Glitch => 4,
    }
}

const fn assumption([code]: [u8; 1]) -> Option<Assumption> {
    Some(match code {
        1 => Assumption::RolledOver,
        2 => Assumption::Reset,
        3 => Assumption::Replaced,
        4 => Assumption::Glitch,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: SeriesId = SeriesId(7);

    fn at(minute: i64) -> UtcTime {
        UtcTime::from_ms(minute * 60_000)
    }

    fn event(minute: i64, after: f64) -> Event {
        let (since, before) = (at(minute - 1), 70.0);
        Event { since, at: at(minute), before, after, assumption: Assumption::Reset, counted: after }
    }

    fn ruled(counted: f64) -> Ruled {
        Ruled { at: at(1_000), verdict: Assumption::Replaced, counted }
    }

    fn find(known: &mut CounterEvents, period: &Range<UtcTime>, events: &[Event]) -> bool {
        let rulings = known.rulings(SERIES);
        known.found(SERIES, period, (events, &rulings))
    }

    fn numbers(events: &CounterEvents) -> Vec<u32> {
        let always = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
        events.of(&[SERIES], &always).iter().map(|event| event.number).collect()
    }

    #[test]
    fn what_is_found_again_is_the_same_event_and_what_is_not_found_again_goes_unless_it_was_ruled_on() {
        let mut events = CounterEvents::default();
        let quarter = at(0)..at(15);
        assert!(find(&mut events, &quarter, &[event(3, 1.0), event(9, 2.0)]));
        assert!(!find(&mut events, &quarter, &[event(3, 1.0), event(9, 2.0)]));
        assert_eq!(numbers(&events), [0, 1]);
        events.rule(0, Some(ruled(5.0)));
        find(&mut events, &quarter, &[]);
        assert_eq!(numbers(&events), [0]);
        find(&mut events, &(at(15)..at(30)), &[event(14, 3.0)]);
        assert_eq!(numbers(&events), [0, 2], "an event before the quarter hour is another one's to remove");
        assert!(find(&mut events, &quarter, &[event(3, 1.5)]), "another value is another step");
        assert_eq!(events.get(0).unwrap().ruled, None);
    }

    #[test]
    fn a_ruling_counts_until_it_is_taken_back() {
        let mut events = CounterEvents::default();
        find(&mut events, &(at(0)..at(15)), &[event(3, 1.0)]);
        assert_eq!(events.get(0).unwrap().verdict(), (Assumption::Reset, 1.0));
        events.rule(0, Some(ruled(5.0)));
        assert_eq!(events.get(0).unwrap().verdict(), (Assumption::Replaced, 5.0));
        assert!(!events.get(0).unwrap().is_confirmed());
        let rulings = events.rulings(SERIES);
        assert_eq!((rulings.len(), rulings[0].counted, rulings[0].at), (1, 5.0, at(3)));
        assert!(events.rulings(SeriesId(8)).is_empty());
        events.rule(0, Some(Ruled { at: at(9), verdict: Assumption::Reset, counted: 1.0 }));
        assert!(events.get(0).unwrap().is_confirmed());
        events.rule(0, None);
        assert!(events.rulings(SERIES).is_empty());
        events.rule(99, None);
    }

    #[test]
    fn what_was_found_while_somebody_ruled_is_not_taken_for_what_was_assumed() {
        let mut events = CounterEvents::default();
        find(&mut events, &(at(0)..at(15)), &[event(3, 1.0)]);
        events.rule(0, Some(ruled(5.0)));
        let (rulings, by_ruling) = (events.rulings(SERIES), Event { counted: 5.0, ..event(3, 1.0) });
        events.rule(0, None);
        assert!(!events.found(SERIES, &(at(0)..at(15)), (&[by_ruling], &rulings)));
        assert_eq!(events.get(0).unwrap().event, event(3, 1.0));
    }

    #[test]
    fn those_that_nobody_ruled_on_go_first_when_there_are_too_many() {
        let mut events = CounterEvents::default();
        find(&mut events, &(at(0)..at(15)), &[event(1, 1.0)]);
        events.rule(0, Some(ruled(5.0)));
        for quarter in 1..i64::try_from(limits::COUNTER_EVENTS_MAX).unwrap() + 2 {
            let period = at(quarter * 15)..at(quarter * 15 + 15);
            find(&mut events, &period, &[event(quarter * 15 + 1, 1.0)]);
        }
        let numbers = numbers(&events);
        assert_eq!((numbers[0], numbers[1]), (0, 3));
        assert_eq!(events.counts(), (limits::COUNTER_EVENTS_MAX, limits::COUNTER_EVENTS_MAX - 1, 2));
    }

    #[test]
    fn a_register_that_goes_mad_fills_no_ledger() {
        let mut events = CounterEvents::default();
        let mad: Vec<Event> = (0..100).map(|minute| event(minute, 1.0)).collect();
        find(&mut events, &(at(0)..at(100)), &mad);
        assert_eq!(numbers(&events).len(), limits::COUNTER_EVENTS_A_QUARTER_MAX);
        assert_eq!(events.counts().2, 100 - limits::COUNTER_EVENTS_A_QUARTER_MAX as u64);
    }

    #[test]
    fn everything_reads_back_after_a_restart() {
        let mut events = CounterEvents::default();
        find(&mut events, &(at(-30)..at(15)), &[event(-20, 1.0), event(3, 1.0), event(9, 2.0)]);
        events.rule(1, Some(ruled(5.0)));
        let stored = events.take_changes();
        assert!(events.take_changes().is_empty());
        let mut restored = CounterEvents::default();
        for Change { key, value } in &stored {
            let value = value.as_ref().unwrap();
            assert_eq!(restored.restore(key, value), Some(()));
            for cut in 0..value.len() {
                assert_eq!(CounterEvents::default().restore(key, &value[..cut]), None);
            }
        }
        assert_eq!(restored.entries, events.entries);
        assert_eq!((restored.next, &restored.ruled), (3, &events.ruled));
        restored.forget_stored();
        assert_eq!(restored.take_changes(), stored);
        find(&mut events, &(at(0)..at(15)), &[]);
        let gone: Vec<bool> = events.take_changes().iter().map(|change| change.value.is_none()).collect();
        assert_eq!(gone, [true]);
    }
}
