//! What can go wrong with a reply or a meter, and when: the faults of real lines, from a script and a seed.
//!
//! A rule about replies is written `FAULT[:NUMBER][@unit=N][@every=N|@once=N|@chance=PERCENT]`, such as
//! `late:200@once=3` (the reply to the third request comes 200 ms late) or `silent@unit=5` (unit 5 is dead).
//! One about what befalls a meter is written `MISHAP[@unit=N][@after=SECONDS|@every=SECONDS]`, such as
//! `reset@unit=5@after=90`.

mod text;

pub use text::RuleFault;

use super::mishap::{Life, Mishap};
use crate::model::register::{Span, UnitId};
use crate::time::UtcTime;

/// What goes wrong with one reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `late:MS`: it starts so many milliseconds later.
    Late(u16),
    /// `bad-crc`: its CRC is wrong; over TCP its transaction is.
    BadCrc,
    /// `noise:BYTES`: so many random bytes come before it.
    Noise(u16),
    /// `phantom`: the head of a long reply comes before it, and never the rest. Over TCP a whole
    /// reply to an earlier transaction comes before it.
    Phantom,
    /// `lost:BYTES`: its first bytes are lost.
    Lost(u16),
    /// `split:MS`: it pauses in the middle.
    Split(u16),
    /// `echo`: the request comes back before it, as from an adapter that hears itself.
    Echo,
    /// `other-unit`: another unit answers in its place.
    OtherUnit,
    /// `wrong-length`: it is whole, but of another number of registers.
    WrongLength,
    /// `two-on-one-id`: a second meter of this address answers as well. On a serial line both replies
    /// fall into each other, over TCP the second follows the first.
    TwoOnOneId,
    /// `exception:CODE`: the meter refuses with this code.
    Exception(u8),
    /// `hole:FIRST-LAST`: the meter refuses requests that touch one of these addresses, with code 02.
    Hole {
        /// The first address.
        first: u16,
        /// The last address.
        last: u16,
    },
    /// `silent`: no reply. With a unit, a dead meter; without, a dead line.
    Silent,
    /// `hang-up`: the connection is closed instead.
    HangUp,
}

/// Which of the requests that a rule is about it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Every n-th.
    Every(u16),
    /// The n-th alone, counted from 1.
    Once(u16),
    /// Each with so many percent.
    Chance(u16),
}

/// A fault of replies, or a mishap of meters, and whom it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Without one, all.
    unit: Option<UnitId>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Reply(Fault, Turn),
    Meter(Mishap),
}

impl Rule {
    fn is_about(&self, unit: UnitId) -> bool {
        self.unit.is_none_or(|only| only == unit)
    }
}

impl Fault {
    /// Whether a request for `span` can be struck at all.
    fn touches(self, span: Option<Span>) -> bool {
        let Self::Hole { first, last } = self else { return true };
        span.is_some_and(|span| span.start <= last && span.end() > u32::from(first))
    }
}

/// The rules of one line, and how often each was asked.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    rules: Vec<(Rule, u64)>,
    seed: u64,
    random: u64,
}

impl FaultPlan {
    /// Nothing goes wrong.
    #[must_use]
    pub const fn none() -> Self {
        Self { rules: Vec::new(), seed: 1, random: 1 }
    }

    /// These rules; where several strike one reply, the first of them does. The same seed gives the
    /// same faults, the same noise and the same meters in place of others.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>, seed: u64) -> Self {
        // An xorshift generator stands still at zero.
        let seed = seed.max(1);
        Self { rules: rules.into_iter().map(|rule| (rule, 0)).collect(), seed, random: seed }
    }

    /// What strikes the next reply of `unit`, which was asked about the addresses of `span`.
    pub fn strike(&mut self, unit: UnitId, span: Option<Span>) -> Option<Fault> {
        let mut struck = None;
        for (rule, seen) in &mut self.rules {
            let Kind::Reply(fault, turn) = rule.kind else { continue };
            if !rule.is_about(unit) || !fault.touches(span) {
                continue;
            }
            *seen += 1;
            let hit = match turn {
                Turn::Every(n) => seen.is_multiple_of(u64::from(n)),
                Turn::Once(n) => *seen == u64::from(n),
                Turn::Chance(percent) => next_random(&mut self.random) % 100 < u64::from(percent),
            };
            if hit && struck.is_none() {
                struck = Some(fault);
            }
        }
        struck
    }

    /// What befalls `unit` on a line that began at `began`.
    #[must_use]
    pub fn life_of(&self, unit: UnitId, began: UtcTime) -> Life {
        let mishap = |(rule, _): &(Rule, u64)| match rule.kind {
            Kind::Meter(mishap) if rule.is_about(unit) => Some(mishap),
            _ => None,
        };
        // A draw of its own, so that what befalls a meter does not move the noise.
        let mut random = self.seed ^ (u64::from(unit.0) + 1) << 32;
        Life::new(began, self.rules.iter().filter_map(mishap), next_random(&mut random))
    }

    /// So many bytes of noise.
    pub fn noise(&mut self, bytes: u16) -> Vec<u8> {
        (0..bytes).map(|_| next_random(&mut self.random).to_be_bytes()[0]).collect()
    }
}

/// Marsaglia's xorshift: good enough for noise, and the same on every machine.
const fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rules: &[&str]) -> FaultPlan {
        FaultPlan::new(rules.iter().map(|rule| rule.parse().unwrap()), 7)
    }

    fn strikes(plan: &mut FaultPlan, unit: u8, replies: usize) -> Vec<Option<Fault>> {
        (0..replies).map(|_| plan.strike(UnitId(unit), None)).collect()
    }

    #[test]
    fn a_rule_strikes_the_replies_that_it_names() {
        let late = Some(Fault::Late(200));
        assert_eq!(strikes(&mut plan(&["late:200"]), 1, 2), [late, late]);
        assert_eq!(strikes(&mut plan(&["late:200@every=3"]), 1, 4), [None, None, late, None]);
        assert_eq!(strikes(&mut plan(&["late:200@once=2"]), 1, 4), [None, late, None, None]);
        assert_eq!(strikes(&mut plan(&["late:200@chance=0"]), 1, 2), [None, None]);
        assert_eq!(strikes(&mut plan(&["late:200@chance=100"]), 1, 2), [late, late]);
    }

    #[test]
    fn a_rule_for_one_unit_neither_strikes_nor_counts_another() {
        let mut plan = plan(&["silent@unit=5@once=2"]);
        assert_eq!(strikes(&mut plan, 4, 3), [None; 3]);
        assert_eq!(strikes(&mut plan, 5, 3), [None, Some(Fault::Silent), None]);
    }

    #[test]
    fn the_first_rule_that_strikes_wins() {
        let mut plan = plan(&["bad-crc@once=2", "echo"]);
        assert_eq!(strikes(&mut plan, 1, 2), [Some(Fault::Echo), Some(Fault::BadCrc)]);
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        let mut plans = [plan(&["echo@chance=50"]), plan(&["echo@chance=50"])];
        let [one, other] = plans.each_mut().map(|plan| (strikes(plan, 1, 200), plan.noise(9)));
        assert_eq!(one, other);
        let struck = one.0.iter().flatten().count();
        assert!((60..140).contains(&struck), "{struck} of 200");
    }

    #[test]
    fn a_hole_strikes_what_touches_it_and_counts_nothing_else() {
        let hole = Some(Fault::Hole { first: 4, last: 6 });
        let mut always = plan(&["hole:4-6"]);
        let mut once = plan(&["hole:4-6@once=2"]);
        for (start, count, is_struck, is_second) in
            [(0, 4, false, false), (0, 5, true, false), (7, 1, false, false), (6, 9, true, true)]
        {
            let span = Some(Span { start, count });
            assert_eq!(always.strike(UnitId(1), span), hole.filter(|_| is_struck), "{start}, {count}");
            assert_eq!(once.strike(UnitId(1), span), hole.filter(|_| is_second), "{start}, {count}");
        }
        assert_eq!(always.strike(UnitId(1), None), None);
    }

    #[test]
    fn a_mishap_befalls_the_meter_that_it_names_and_strikes_no_reply() {
        let mut plan = plan(&["reset@unit=5@after=9", "bad-crc@unit=4"]);
        let began = UtcTime::from_ms(0);
        assert_eq!(plan.life_of(UnitId(5), began), Life::new(began, [Mishap::Reset { after_s: 9 }], 0));
        assert_eq!(plan.life_of(UnitId(4), began), Life::default());
        assert_eq!(plan.strike(UnitId(5), None), None);
    }

    #[test]
    fn another_seed_or_unit_gets_another_meter_in_its_place() {
        let swapped = |seed, unit| {
            FaultPlan::new(["swap".parse().unwrap()], seed).life_of(UnitId(unit), UtcTime::from_ms(0))
        };
        assert_eq!(swapped(1, 1), swapped(1, 1));
        assert_ne!(swapped(1, 1), swapped(1, 2));
        assert_ne!(swapped(1, 1), swapped(2, 1));
    }
}
