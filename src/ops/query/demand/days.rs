//! The peaks of days, remembered: a month is put together from its days, and the readings of a day are
//! gone through once.
//!
//! Of the day that is not over, only the windows of the last quarters of an hour are looked at again. Late
//! readings, and what a technician says of a register, change the rows of their quarter hours, by which a
//! day that is remembered is seen to be no longer true.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::curve::{Curve, Spent};
use super::source::{DemandSource, Tap, before};
use crate::limits;
use crate::model::demand::DemandSettings;
use crate::ops::query::error::QueryError;
use crate::stats::demand::peak::Peaks;
use crate::store::{Store, StoreError};
use crate::time::{Interval, UtcOffset, UtcTime};

/// The peaks of days at the demand point.
#[derive(Default)]
pub(in crate::ops) struct DemandDays(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    of: Option<Basics>,
    /// By the start of the day.
    days: BTreeMap<UtcTime, Day>,
}

/// What everything that is remembered holds for.
#[derive(Clone, Debug, PartialEq)]
struct Basics {
    register: Tap,
    power: Option<Tap>,
    settings: DemandSettings,
    contract_kw: f64,
    offset: UtcOffset,
}

/// What is remembered of one day.
#[derive(Clone, Copy)]
struct Day {
    peaks: Peaks,
    /// The end of the last window in them.
    through: UtcTime,
    /// Up to where the seal reaches.
    sealed_to: UtcTime,
    seal: Seal,
}

/// What changes when anything does that the peaks rest on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seal {
    revision: u32,
    readings: u64,
}

impl DemandDays {
    /// The peaks of the windows whose ends lie between `first` and `last`, both included.
    pub(super) fn peaks(
        &self,
        source: &DemandSource,
        store: &Store,
        (first, last): (UtcTime, UtcTime),
        now: UtcTime,
        spent: &mut Spent,
    ) -> Result<Peaks, QueryError> {
        let mut all = Peaks::default();
        let mut at = first;
        while at <= last {
            // A window that ends at midnight belongs to the day that ends then.
            let start = before(at, 1).floor_local(Interval::DAY, source.offset());
            let end = start.plus(Interval::DAY);
            all.join(&self.day(source, store, start, (at, end.min(last)), now, spent)?);
            at = end.plus(source.settings().stride());
        }
        Ok(all)
    }

    fn day(
        &self,
        source: &DemandSource,
        store: &Store,
        start: UtcTime,
        (first, last): (UtcTime, UtcTime),
        now: UtcTime,
        spent: &mut Spent,
    ) -> Result<Peaks, QueryError> {
        let is_true = |day: &Day| Ok::<_, StoreError>(seal(source, store, start, day.sealed_to)? == day.seal);
        let known = match self.remembered(source, start) {
            Some(day) if is_true(&day)? => Some(day),
            _ => None,
        };
        let mut peaks = known.map(|day| day.peaks).unwrap_or_default();
        let stride = source.settings().stride();
        let from = known.map_or(first, |day| day.through.plus(stride));
        if from > last {
            return Ok(peaks);
        }
        // Taken first: what comes while the readings are gone through is seen the next time.
        let sealed_to = settled_to(source, store, now).min(last);
        let seal = seal(source, store, start, sealed_to)?;
        let mut settled = None;
        let mut curve = Curve::over(source, store, (from, last), stride, spent)?;
        let mut end = from;
        while end <= last {
            peaks.push(end, &curve.demand(end, spent)?, source.limit_kw());
            if end <= sealed_to {
                settled = Some(Day { peaks, through: end, sealed_to, seal });
            }
            end = end.plus(stride);
        }
        if let Some(settled) = settled {
            self.remember(source, start, settled);
        }
        Ok(peaks)
    }

    fn remembered(&self, source: &DemandSource, start: UtcTime) -> Option<Day> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.days.get(&start).filter(|_| known.of.as_ref() == Some(&Basics::of(source))).copied()
    }

    fn remember(&self, source: &DemandSource, start: UtcTime, day: Day) {
        let basics = Basics::of(source);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.of.as_ref() != Some(&basics) {
            known.of = Some(basics);
            known.days.clear();
        }
        known.days.insert(start, day);
        while known.days.len() > limits::DEMAND_DAYS_MAX {
            known.days.pop_first();
        }
    }
}

impl Basics {
    fn of(source: &DemandSource) -> Self {
        Self {
            register: source.register,
            power: source.power,
            settings: source.settings().clone(),
            contract_kw: source.rule.contract_kw,
            offset: source.offset(),
        }
    }
}

/// Up to where the quarter hours are summed up and every reading of the register has a successor by which
/// it was judged. What came after is looked at again with each question.
fn settled_to(source: &DemandSource, store: &Store, now: UtcTime) -> UtcTime {
    let latest = store.latest(source.register.series).and_then(|latest| latest.reading);
    let judged_to = latest.map_or(now, |reading| reading.at);
    before(now, source.register.near_ms()).min(judged_to).floor(Interval::QUARTER_HOUR)
}

/// The seal of the rows of a day up to `to`.
fn seal(source: &DemandSource, store: &Store, start: UtcTime, to: UtcTime) -> Result<Seal, StoreError> {
    let summed = store.summed(source.register.series, &(start..to))?;
    Ok(Seal { revision: summed.revision, readings: summed.row.summary.readings })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::reading::{Sample, Scan, Value};
    use crate::ops::Ops;
    use crate::time::{ManualClock, parse_instant};

    const POINTS: &str = r#"
        [[point]]
        id = "PT-GRID"
        name = "g"
        category = "G"
        role = "gateway"
        meter = "m"
        [[point.parameter]]
        id = "EPI"
        interval = "PT1M"
        name = "E"
        register = { table = "input", address = 0, type = "u64", word_order = "ABCD" }
        unit = "kWh"
        reading_type = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
        [store]
        raw_days = 400
    "#;

    fn at(text: &str) -> UtcTime {
        parse_instant(text, UtcOffset::from_minutes(480).unwrap()).unwrap()
    }

    #[test]
    fn the_readings_of_a_month_are_gone_through_once() {
        let dir = tempfile::tempdir().unwrap();
        let site = crate::config::site_with(POINTS).unwrap();
        let store = Store::open(dir.path(), &site.store).unwrap();
        let (start, now) = (at("2024-07-01"), at("2024-07-04T09:05:00+08:00"));
        let clock = Arc::new(ManualClock::showing(now));
        let ops = Ops::new(Arc::new(site), store.clone(), clock).unwrap();
        let series = store.series("PT-GRID", "EPI").unwrap();
        let group = store.group(&[series]).unwrap();
        for minute in 0..=i32::try_from(now.ms_since(start) / 60_000).unwrap() {
            let time = UtcTime::from_ms(start.as_ms() + i64::from(minute) * 60_000);
            let samples = vec![Sample::good(Value::Number(f64::from(minute) * 10.0))];
            store.append_blocking(Scan { group, at: time, samples }).unwrap();
        }
        // Every quarter of an hour is summed up, so that nothing changes between the questions.
        let today = at("2024-07-04")..at("2024-07-04T09:00:00+08:00");
        while store.summed(series, &today).unwrap().row.summary.readings < 9 * 60 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let source = ops.demand_source(None).unwrap();
        let ask = || {
            let mut spent = Spent::default();
            let ends = (at("2024-07-01T00:15:00+08:00"), now);
            let peaks = ops.demand_days.peaks(&source, &store, ends, now, &mut spent).unwrap();
            (peaks, spent.readings())
        };
        let (first, gone_through) = ask();
        assert_eq!((first.known, first.unknown), (3 * 1_440 + 545 - 14, 0));
        assert!(gone_through > 4_860, "{gone_through}");
        let (second, gone_through) = ask();
        assert_eq!(second, first);
        assert!(gone_through < 40, "{gone_through}: a window and the readings around it");
    }
}
