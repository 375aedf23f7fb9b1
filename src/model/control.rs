//! Control: a value that the gateway may write to a meter, within what the site file allows.
//!
//! Control stays with the site. A Parameter is written only where the site file says so, inside its bounds,
//! and only for as long as somebody stands by it: a lease that is not renewed ends, and the value of rest
//! is written again.

use crate::time::{Interval, UtcTime};

/// What may be written to a Parameter's register.
#[derive(Clone, Debug, PartialEq)]
pub struct Writable {
    /// The least, in the Parameter's unit.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The value of rest, written when nobody holds another one any more.
    pub release: f64,
    /// The longest that a value is held without anybody standing by it anew.
    pub lease: Interval,
    /// How much the value may move in a minute; at once where it is `None`.
    pub ramp_per_min: Option<f64>,
}

impl Writable {
    /// Whether `value` may be written.
    #[must_use]
    pub fn allows(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    /// Where the value may be `elapsed_ms` after it was `from`, on its way to `to`. A value that lies
    /// outside the bounds is brought back to the nearer one at once.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a day has 86,400,000 milliseconds")]
    pub fn on_the_way(&self, from: f64, to: f64, elapsed_ms: i64) -> f64 {
        let Some(per_min) = self.ramp_per_min else { return to };
        let from = from.clamp(self.min, self.max);
        let step = per_min * elapsed_ms.clamp(0, Interval::DAY.as_ms()) as f64 / 60_000.0;
        if (to - from).abs() <= step { to } else { from + step.copysign(to - from) }
    }
}

/// A value that somebody wants a Parameter to have.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// In the Parameter's unit.
    pub value: f64,
    /// Who wants it.
    pub by: String,
    /// Since when.
    pub since: UtcTime,
    /// Until when, unless it is said again.
    pub until: UtcTime,
}

/// What is kept of a Parameter that is not at rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Control {
    /// What somebody at the site wants it to have.
    pub hold: Option<Hold>,
    /// An event of demand response that the site no longer lets move it.
    pub declined_event: Option<String>,
    /// Something was written that is not the value of rest, or may have been.
    pub is_displaced: bool,
}

impl Control {
    /// Whether there is nothing left to remember.
    #[must_use]
    pub const fn is_at_rest(&self) -> bool {
        self.hold.is_none() && self.declined_event.is_none() && !self.is_displaced
    }
}

/// What happened to a writable Parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ControlAct {
    /// Somebody wants it to have this value.
    Held(f64),
    /// Somebody no longer does.
    Released,
    /// Nobody stood by the value for too long.
    LeaseOver,
    /// The value was written and read back.
    Reached(f64),
    /// The value of rest was written and read back.
    Rested(f64),
    /// The meter had another value than the one that it is held at.
    Strayed(f64),
    /// The value could not be written, or not be read back.
    Failed(f64),
    /// The site file no longer lets it be written, so the value of rest could not be written either.
    Abandoned,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(per_min: Option<f64>) -> Writable {
        Writable {
            min: 0.0,
            max: 100.0,
            release: 100.0,
            lease: Interval::QUARTER_HOUR,
            ramp_per_min: per_min,
        }
    }

    #[test]
    fn a_value_moves_no_faster_than_its_ramp_and_never_outside_its_bounds() {
        for (per_min, from, to, elapsed_ms, expected) in [
            (None, 100.0, 20.0, 0, 20.0),
            (Some(60.0), 100.0, 20.0, 5_000, 95.0),
            (Some(60.0), 20.0, 100.0, 5_000, 25.0),
            (Some(60.0), 22.0, 20.0, 5_000, 20.0),
            (Some(60.0), 100.0, 20.0, -5_000, 100.0),
            (Some(60.0), 500.0, 20.0, 5_000, 95.0),
            (Some(60.0), -500.0, 20.0, 5_000, 5.0),
            (Some(60.0), 100.0, 20.0, i64::MAX, 20.0),
        ] {
            let moved = ramp(per_min).on_the_way(from, to, elapsed_ms);
            assert!((moved - expected).abs() < 1e-9, "{from} -> {to}: {moved}, not {expected}");
        }
    }
}
