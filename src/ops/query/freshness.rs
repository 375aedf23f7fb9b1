//! Freshness: whether the newest reading of a parameter is still true, and whether its point is online.

use crate::model::point::Parameter;
use crate::model::quality::Cause;
use crate::store::Latest;
use crate::time::UtcTime;

/// Scans that may be missed before the newest reading is old.
const SCANS_MISSED_MAX: i64 = 3;

/// Whether a point is being heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointStatus {
    /// At least one of its parameters was answered for lately.
    Online,
    /// None was.
    Offline,
}

/// What the newest state of a series is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// The newest scan gave the newest reading.
    Fresh,
    /// The newest scan gave no value, for this cause, at this time.
    Failing(UtcTime, Cause),
    /// No scan has come for longer than [`SCANS_MISSED_MAX`] intervals.
    Stale,
    /// Nothing was ever scanned.
    NeverScanned,
}

impl Freshness {
    pub(super) fn of(latest: Option<&Latest>, parameter: &Parameter, now: UtcTime) -> Self {
        let age_max_ms = parameter.interval.as_ms().saturating_mul(SCANS_MISSED_MAX);
        let is_old = |at: UtcTime| now.ms_since(at) > age_max_ms;
        match latest {
            Some(Latest { failing: Some((at, cause)), .. }) if !is_old(*at) => Self::Failing(*at, *cause),
            Some(Latest { failing: None, reading: Some(reading) }) if !is_old(reading.at) => Self::Fresh,
            Some(Latest { failing: None, reading: None }) | None => Self::NeverScanned,
            Some(_) => Self::Stale,
        }
    }

    /// Whether the meter itself has answered lately, if only to say that it has no value.
    pub(super) const fn is_heard(self) -> bool {
        match self {
            Self::Fresh => true,
            Self::Failing(_, cause) => {
                matches!(cause, Cause::NotAvailable | Cause::NotANumber | Cause::Exception(_))
            }
            Self::Stale | Self::NeverScanned => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::{Reading, Sample, Value};
    use crate::ops::query::selection::tests::parameter;

    fn latest(read_ms: Option<i64>, failing: Option<(i64, Cause)>) -> Latest {
        let good = |ms| Reading::new(UtcTime::from_ms(ms), Sample::good(Value::Number(1.0)));
        let failing = failing.map(|(ms, cause)| (UtcTime::from_ms(ms), cause));
        Latest { reading: read_ms.map(good), failing }
    }

    #[test]
    fn a_reading_is_fresh_for_three_intervals_and_as_long_as_no_scan_fails() {
        let now_ms = 100_000_000;
        let now = UtcTime::from_ms(now_ms);
        let parameter = parameter("P", "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0");
        let interval_ms = parameter.interval.as_ms();
        let timeout = |at| Freshness::Failing(UtcTime::from_ms(at), Cause::Timeout);
        for (latest, expected) in [
            (latest(Some(now_ms), None), Freshness::Fresh),
            (latest(Some(now_ms - 3 * interval_ms), None), Freshness::Fresh),
            (latest(Some(now_ms - 1 - 3 * interval_ms), None), Freshness::Stale),
            (latest(Some(now_ms - 10), Some((now_ms - 1, Cause::Timeout))), timeout(now_ms - 1)),
            (latest(None, Some((now_ms - 1, Cause::Timeout))), timeout(now_ms - 1)),
            (latest(Some(0), Some((1_000, Cause::Timeout))), Freshness::Stale),
            (latest(None, None), Freshness::NeverScanned),
        ] {
            assert_eq!(Freshness::of(Some(&latest), &parameter, now), expected, "{latest:?}");
        }
        assert_eq!(Freshness::of(None, &parameter, now), Freshness::NeverScanned);
    }

    #[test]
    fn a_meter_that_says_it_has_no_value_is_heard_and_one_that_is_silent_is_not() {
        let at = UtcTime::from_ms(0);
        for cause in [Cause::NotAvailable, Cause::NotANumber, Cause::Exception(2)] {
            assert!(Freshness::Failing(at, cause).is_heard());
        }
        for cause in [Cause::Timeout, Cause::LineDown, Cause::BackedOff, Cause::Garbled] {
            assert!(!Freshness::Failing(at, cause).is_heard());
        }
    }
}
