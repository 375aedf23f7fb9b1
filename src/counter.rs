//! The increase of a register that only grows, told apart from what meters do to it.
//!
//! An energy register falls for three reasons: it rolled over at its last digit, somebody reset or
//! replaced the meter, or one reading is wrong. Two numbers alone cannot say which, so each
//! judgement is returned as an [`Event`] with both values and the assumption that was made:
//!
//! | Seen | Assumed | Counted |
//! |---|---|---|
//! | grows | energy flowed | the difference |
//! | one reading falls, the next is not below the one before | the reading is wrong | nothing for it |
//! | one reading rises, the next falls back to or above the one before | the reading is wrong | nothing for it |
//! | falls, and from the old value through the modulus it is at most [`ROLLOVER_SHARE`] of it | rolled over once | the way through the modulus |
//! | falls to at most [`RESET_SHARE`] of the old value | restarted from zero | the new value |
//! | falls to anything else | the meter was replaced by a used one | nothing |
//!
//! A wrong reading is only seen by the one after it. Give one reading beyond each end of the span
//! of interest where there is one; [`Counter`] tells which increase belongs to which time.

use crate::time::UtcTime;

/// The largest part of its whole range that a register is believed to advance in one step over its
/// end. A tenth of a six-digit kWh register is 100 MWh between two readings.
pub const ROLLOVER_SHARE: f64 = 0.1;
/// A register that falls to this part of its old value or less is believed to have been reset and
/// to have counted up from zero since.
pub const RESET_SHARE: f64 = 0.1;

/// A register's reading: when and what.
pub type CounterReading = (UtcTime, f64);

/// What [`increase`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Increase {
    /// How far the register advanced, in its unit; never negative.
    pub amount: f64,
    /// Everything on the way that was not plain growth.
    pub events: Vec<Event>,
}

/// A step that was not plain growth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When the later of the two values was read.
    pub at: UtcTime,
    /// The last value that was believed.
    pub before: f64,
    /// The value that did not follow from it.
    pub after: f64,
    /// What is assumed to have happened.
    pub assumption: Assumption,
}

/// Why a register did not just grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumption {
    /// It passed its last digit once.
    RolledOver,
    /// It was set to zero and has counted up since.
    Reset,
    /// Another register took its place; what flowed in between is unknown and not counted.
    Replaced,
    /// This one reading is wrong; it is left out.
    Glitch,
}

/// One judged reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// When the reading was taken; the increase happened up to then.
    pub at: UtcTime,
    /// How far the register advanced since the reading before; never negative.
    pub amount: f64,
    /// Set when it did not just grow.
    pub event: Option<Event>,
}

/// How far the register advanced over `readings`, which come in the order of time.
///
/// `modulus` is the value at which it starts again from zero, such as 1 000 000 for six digits;
/// without it no fall is taken for a rollover. Values that are not finite are left out.
pub fn increase(readings: impl Iterator<Item = CounterReading>, modulus: Option<f64>) -> Increase {
    let mut counter = Counter::new(modulus);
    let mut total = Increase::default();
    for reading in readings {
        total.extend(counter.push(reading));
    }
    total.extend(counter.finish());
    total
}

impl Increase {
    fn extend(&mut self, step: Option<Step>) {
        if let Some(step) = step {
            self.amount += step.amount;
            self.events.extend(step.event);
        }
    }
}

/// Judges readings one by one, each as soon as its successor is known.
///
/// Sum the steps whose time lies in (start, end] for the increase from start to end.
#[derive(Clone, Debug)]
pub struct Counter {
    modulus: Option<f64>,
    believed: Option<f64>,
    waiting: Option<CounterReading>,
}

impl Counter {
    /// A counter that starts again from zero at `modulus`, in the unit of its readings.
    #[must_use]
    pub const fn new(modulus: Option<f64>) -> Self {
        Self { modulus, believed: None, waiting: None }
    }

    /// Takes the next reading and judges the one before it. The first reading only sets the start.
    pub fn push(&mut self, (at, value): CounterReading) -> Option<Step> {
        if !value.is_finite() {
            return None;
        }
        if self.believed.is_none() {
            self.believed = Some(value);
            return None;
        }
        let waiting = self.waiting.replace((at, value))?;
        self.judge(waiting, Some(value))
    }

    /// Judges the last reading, of which no successor will come: it is taken for right.
    pub fn finish(&mut self) -> Option<Step> {
        let waiting = self.waiting.take()?;
        self.judge(waiting, None)
    }

    fn judge(&mut self, (at, after): CounterReading, next: Option<f64>) -> Option<Step> {
        let before = self.believed?;
        let event = |assumption| Some(Event { at, before, after, assumption });
        if next.is_some_and(|next| is_glitch(before, after, next)) {
            return Some(Step { at, amount: 0.0, event: event(Assumption::Glitch) });
        }
        self.believed = Some(after);
        if after >= before {
            return Some(Step { at, amount: after - before, event: None });
        }
        let (assumption, amount) = fall(before, after, self.modulus);
        Some(Step { at, amount, event: event(assumption) })
    }
}

/// Whether `value` falls or jumps out of a line that goes on without it.
fn is_glitch(before: f64, value: f64, next: f64) -> bool {
    let dips = value < before && next >= before;
    let spikes = value > next && next >= before;
    dips || spikes
}

/// What a fall that lasts is taken for, and what it counts.
fn fall(before: f64, after: f64, modulus: Option<f64>) -> (Assumption, f64) {
    if let Some(modulus) = modulus {
        let through = modulus - before + after;
        if before <= modulus && after >= 0.0 && through <= modulus * ROLLOVER_SHARE {
            return (Assumption::RolledOver, through);
        }
    }
    if (0.0..=before * RESET_SHARE).contains(&after) {
        return (Assumption::Reset, after);
    }
    (Assumption::Replaced, 0.0)
}
