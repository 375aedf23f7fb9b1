//! The peaks of days, remembered: a month is put together from its days, and the readings of a day are
//! gone through once.
//!
//! Of the day that is not over, only the windows after the last one that is settled are looked at. Late
//! readings, and what a technician says of a register, change the rows of their quarter hours, by which a
//! day that is remembered is seen to be no longer true.

use std::collections::BTreeMap;
use std::ops::Range;
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
        let known = self.remembered(source, start);
        let known = match known {
            Some(day) if seal(source, store, start, day.through)? == day.seal => Some(day),
            _ => None,
        };
        let mut peaks = known.map(|day| day.peaks).unwrap_or_default();
        let from = known.map_or(first, |day| day.through.plus(source.settings().stride()));
        if from > last {
            return Ok(peaks);
        }
        // Taken first: what comes while the readings are gone through is seen the next time.
        let ends = source.end_at(last);
        let mut sealed = seal(source, store, start, ends)?;
        let mut through = known.map(|day| day.through);
        let mut settled = peaks;
        let mut is_settled = true;
        let mut curve = Curve::over(source, store, (from, ends), source.settings().stride(), spent)?;
        let mut end = from;
        while end <= ends {
            let (demand, settles) = curve.demand(end, now, spent)?;
            peaks.push(end, &demand, source.limit_kw());
            is_settled &= settles;
            if is_settled {
                settled = peaks;
                through = Some(end);
            }
            end = end.plus(source.settings().stride());
        }
        if let Some(through) = through {
            if quarter(through) != quarter(ends) {
                sealed = seal(source, store, start, through)?;
            }
            self.remember(source, start, Day { peaks: settled, through, seal: sealed });
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

const fn quarter(at: UtcTime) -> UtcTime {
    at.floor(Interval::QUARTER_HOUR)
}

/// The seal of the rows of a day up to `through`.
fn seal(source: &DemandSource, store: &Store, start: UtcTime, through: UtcTime) -> Result<Seal, StoreError> {
    let time: Range<UtcTime> = start..quarter(through);
    let summed = store.summed(source.register.series, &time)?;
    Ok(Seal { revision: summed.revision, readings: summed.row.summary.readings })
}
