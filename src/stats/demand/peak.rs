//! The peak: the greatest of many demands, how often and how long they were over the limit, and how many
//! of them are known.

use super::{Basis, Demand};
use crate::time::UtcTime;

/// The greatest demand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// In kW.
    pub kw: f64,
    /// The end of its window; of equals the first.
    pub end: UtcTime,
    /// What it rests on.
    pub basis: Basis,
}

/// What the demands of windows that follow each other come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peaks {
    /// The greatest of them.
    pub peak: Option<Peak>,
    /// Windows that are known.
    pub known: u32,
    /// Windows that are not.
    pub unknown: u32,
    /// Windows over the limit.
    pub over: u32,
    /// How often the limit was passed: windows over it that follow each other are one time. One that is
    /// not known neither begins nor ends a time.
    pub times_over: u32,
    begins_over: bool,
    ends_over: bool,
}

impl Peaks {
    /// Takes in the window that follows.
    pub fn push(&mut self, end: UtcTime, demand: &Demand, limit_kw: f64) {
        let Demand::Told { kw, basis } = *demand else {
            self.unknown = self.unknown.saturating_add(1);
            return;
        };
        let is_over = kw >= limit_kw;
        if self.known == 0 {
            self.begins_over = is_over;
        }
        self.known = self.known.saturating_add(1);
        self.over = self.over.saturating_add(u32::from(is_over));
        self.times_over = self.times_over.saturating_add(u32::from(is_over && !self.ends_over));
        self.ends_over = is_over;
        self.take(Some(Peak { kw, end, basis }));
    }

    /// Takes in the windows that follow.
    pub fn join(&mut self, later: &Self) {
        let goes_on = self.ends_over && later.begins_over;
        if self.known == 0 {
            self.begins_over = later.begins_over;
        }
        if later.known > 0 {
            self.ends_over = later.ends_over;
        }
        self.known = self.known.saturating_add(later.known);
        self.unknown = self.unknown.saturating_add(later.unknown);
        self.over = self.over.saturating_add(later.over);
        self.times_over = self.times_over.saturating_add(later.times_over - u32::from(goes_on));
        self.take(later.peak);
    }

    fn take(&mut self, later: Option<Peak>) {
        if let Some(later) = later
            && self.peak.is_none_or(|peak| later.kw > peak.kw)
        {
            self.peak = Some(later);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Untold;
    use super::*;

    fn demand(kw: Option<u8>) -> Demand {
        kw.map_or(Demand::Untold(Untold::Incomplete), |kw| Demand::Told {
            kw: f64::from(kw),
            basis: Basis::Register,
        })
    }

    fn of(demands: &[Option<u8>], first: usize) -> Peaks {
        let mut peaks = Peaks::default();
        for (place, kw) in demands.iter().enumerate() {
            let end = UtcTime::from_ms(i64::try_from(first + place).unwrap());
            peaks.push(end, &demand(*kw), 10.0);
        }
        peaks
    }

    #[test]
    fn windows_over_the_limit_that_follow_each_other_are_one_time() {
        let peaks = of(&[Some(3), Some(10), Some(12), None, Some(11), Some(2), Some(12)], 0);
        assert_eq!((peaks.times_over, peaks.over, peaks.known, peaks.unknown), (2, 4, 6, 1));
        let peak = peaks.peak.map(|peak| (peak.kw.to_bits(), peak.end.as_ms()));
        assert_eq!(peak, Some((12_f64.to_bits(), 2)), "of equals the first");
        assert_eq!(of(&[None, None], 0).peak, None);
    }

    proptest! {
        #[test]
        fn days_put_together_are_the_month(
            demands in prop::collection::vec(prop::option::of(5_u8..15), 0..60), cut: prop::sample::Index,
        ) {
            let cut = if demands.is_empty() { 0 } else { cut.index(demands.len()) };
            let mut joined = of(&demands[..cut], 0);
            joined.join(&of(&demands[cut..], cut));
            prop_assert_eq!(joined, of(&demands, 0));
        }
    }
}
