//! What befalls a meter itself rather than a reply of it: its counters roll over or start again, another
//! meter takes its place, its power fails. Pure; times count from the start of its line.

use crate::time::UtcTime;

/// So many seconds after the start a mishap comes that says nothing else.
pub const AFTER_S: u16 = 30;
/// So often the power fails where nothing else is said, in seconds.
pub const POWER_CYCLE_S: u16 = 60;
/// So long it stays away each time, in seconds.
pub const POWER_OFF_S: u16 = 5;

/// The least and the range of the share of the old count that a meter has that is put in its place, in
/// parts of a thousand. Nobody can tell a greater count from energy that flowed.
const USED_SHARE_MIN: u16 = 200;
const USED_SHARE_RANGE: u16 = 701;

/// What befalls a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// `rollover`: its counters pass their last digit. Those of a type that has none go on.
    Rollover {
        /// Seconds from the start to the zero.
        after_s: u16,
    },
    /// `reset`: its counters start again from zero.
    Reset {
        /// Seconds from the start.
        after_s: u16,
    },
    /// `swap`: a used meter takes its place. It has counted less, and nothing was written to it.
    Swap {
        /// Seconds from the start.
        after_s: u16,
    },
    /// `power-cycle`: it is silent for [`POWER_OFF_S`], again and again, and what was written to it is
    /// forgotten. Its counters go on.
    PowerCycle {
        /// Seconds from one cut of its power to the next, more than [`POWER_OFF_S`].
        every_s: u16,
    },
}

/// What befalls one meter in its life.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    began_ms: i64,
    /// When its counters pass their last digit.
    full_at: Option<UtcTime>,
    /// When its counters start again, and with which share of what they showed, in order of time.
    restarts: Vec<(UtcTime, f64)>,
    /// When another meter took its place.
    swaps: Vec<UtcTime>,
    power_cycles_ms: Vec<i64>,
}

impl Life {
    /// The life of a meter that began at `began`, with these mishaps; a number drawn by chance, `random`,
    /// says how much the meters have counted that take its place.
    #[must_use]
    pub fn new(began: UtcTime, mishaps: impl IntoIterator<Item = Mishap>, random: u64) -> Self {
        let mut life = Self { began_ms: began.as_ms(), ..Self::default() };
        let after = |seconds: u16| UtcTime::from_ms(began.as_ms().saturating_add(ms(seconds)));
        for mishap in mishaps {
            match mishap {
                Mishap::Rollover { after_s } => life.full_at = Some(after(after_s)),
                Mishap::Reset { after_s } => life.restarts.push((after(after_s), 0.0)),
                Mishap::Swap { after_s } => {
                    life.restarts.push((after(after_s), used_share(random)));
                    life.swaps.push(after(after_s));
                }
                Mishap::PowerCycle { every_s } => life.power_cycles_ms.push(ms(every_s.max(1))),
            }
        }
        life.restarts.sort_by_key(|(at, _)| *at);
        life
    }

    /// Whether it has no power at `at`.
    #[must_use]
    pub fn is_off(&self, at: UtcTime) -> bool {
        let age_ms = self.age_ms(at);
        let mut cycles_ms = self.power_cycles_ms.iter();
        cycles_ms.any(|every_ms| age_ms >= *every_ms && age_ms % every_ms < ms(POWER_OFF_S))
    }

    /// How often until `at` it has lost what was written to it.
    #[must_use]
    pub fn times_forgotten(&self, at: UtcTime) -> i64 {
        let cuts: i64 = self.power_cycles_ms.iter().map(|every_ms| self.age_ms(at) / every_ms).sum();
        self.swaps.iter().filter(|swap| **swap <= at).fold(cuts, |times, _| times + 1)
    }

    /// What a counter shows at `at` that would show `raw` if nothing ever happened. One that passes its
    /// last digit at `modulus` is below zero before that, which is the same to it.
    #[must_use]
    pub fn count(&self, at: UtcTime, modulus: Option<f64>, raw: impl Fn(UtcTime) -> f64) -> f64 {
        let full_at = self.full_at.filter(|_| modulus.is_some());
        let mut shift = full_at.map_or(0.0, |full_at| -raw(full_at));
        let mut is_first = true;
        for (restart, share) in self.restarts.iter().take_while(|(restart, _)| *restart <= at) {
            let shown = raw(*restart) + shift;
            let shown = modulus.map_or(shown, |modulus| shown.rem_euclid(modulus));
            shift = shown * share - raw(*restart);
            is_first = false;
        }
        let count = raw(at) + shift;
        // A counter that stands still at its last digit is still before it.
        let is_filling = is_first && full_at.is_some_and(|full_at| at < full_at);
        if is_filling { count.min(-1.0) } else { count }
    }

    fn age_ms(&self, at: UtcTime) -> i64 {
        at.as_ms().saturating_sub(self.began_ms).max(0)
    }
}

fn ms(seconds: u16) -> i64 {
    i64::from(seconds) * 1_000
}

fn used_share(random: u64) -> f64 {
    let part = u16::try_from(random % u64::from(USED_SHARE_RANGE)).unwrap_or(0);
    f64::from(USED_SHARE_MIN + part) / 1_000.0
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers are counted exactly")]
mod tests {
    use super::*;

    const BEGAN_S: i64 = 1_000;

    fn second(after_start: i64) -> UtcTime {
        UtcTime::from_ms((BEGAN_S + after_start) * 1_000)
    }

    fn life(mishaps: &[Mishap]) -> Life {
        Life::new(second(0), mishaps.iter().copied(), 300)
    }

    /// What a counter of six digits shows that counts its seconds since 1970.
    fn shown(life: &Life, after_start: i64) -> f64 {
        let raw = |at: UtcTime| f64::from(i32::try_from(at.as_ms() / 1_000).unwrap());
        life.count(second(after_start), Some(1_000_000.0), raw).rem_euclid(1_000_000.0)
    }

    #[test]
    fn each_mishap_moves_a_counter_as_it_says() {
        let at_ten = |mishap: fn(u16) -> Mishap| life(&[mishap(10)]);
        for (name, life, expected) in [
            ("nothing", life(&[]), [1_009.0, 1_010.0, 1_015.0]),
            ("rollover", at_ten(|after_s| Mishap::Rollover { after_s }), [999_999.0, 0.0, 5.0]),
            ("reset", at_ten(|after_s| Mishap::Reset { after_s }), [1_009.0, 0.0, 5.0]),
            ("swap", at_ten(|after_s| Mishap::Swap { after_s }), [1_009.0, 505.0, 510.0]),
            ("power-cycle", at_ten(|every_s| Mishap::PowerCycle { every_s }), [1_009.0, 1_010.0, 1_015.0]),
        ] {
            assert_eq!([9, 10, 15].map(|after_start| shown(&life, after_start)), expected, "{name}");
        }
    }

    #[test]
    fn mishaps_follow_each_other_in_order_of_time() {
        let life = life(&[
            Mishap::Swap { after_s: 30 },
            Mishap::Reset { after_s: 20 },
            Mishap::Rollover { after_s: 10 },
        ]);
        assert_eq!([9, 19, 20, 29, 30].map(|at| shown(&life, at)), [999_999.0, 9.0, 0.0, 9.0, 5.0]);
    }

    #[test]
    fn a_counter_that_stands_still_rolls_over_all_the_same_and_one_without_a_last_digit_never() {
        let life = life(&[Mishap::Rollover { after_s: 10 }]);
        assert_eq!(life.count(second(9), Some(100.0), |_| 7.0), -1.0);
        assert_eq!(life.count(second(10), Some(100.0), |_| 7.0), 0.0);
        assert_eq!(life.count(second(9), None, |_| 7.0), 7.0);
    }

    #[test]
    fn power_fails_for_five_seconds_and_what_was_written_is_lost() {
        let life = life(&[Mishap::PowerCycle { every_s: 60 }, Mishap::Swap { after_s: 70 }]);
        let off: Vec<i64> = (0..130).filter(|at| life.is_off(second(*at))).collect();
        assert_eq!(off, [60, 61, 62, 63, 64, 120, 121, 122, 123, 124]);
        assert_eq!([59, 60, 70, 120].map(|at| life.times_forgotten(second(at))), [0, 1, 2, 3]);
    }

    #[test]
    fn a_meter_put_in_place_of_another_has_counted_from_a_fifth_to_nine_tenths_of_it() {
        for random in 0..2_000 {
            assert!((0.2..=0.9).contains(&used_share(random)), "{random}");
        }
    }
}
