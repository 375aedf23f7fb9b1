//! What can go wrong with a reply, and when: the faults of real lines, from a script and a seed.
//!
//! A rule is written `FAULT[:NUMBER][@unit=N][@every=N|@once=N|@chance=PERCENT]`, such as `late:200@once=3`
//! (the reply to the third request comes 200 ms late) or `silent@unit=5` (unit 5 is dead).

use std::str::FromStr;

use thiserror::Error;

use crate::model::register::UnitId;

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
    /// `exception:CODE`: the meter refuses with this code.
    Exception(u8),
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

/// A fault and the replies that it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    fault: Fault,
    unit: Option<UnitId>,
    turn: Turn,
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{text}' is no fault ({reason}); write late:MS, bad-crc, noise:BYTES, phantom, lost:BYTES, split:MS, echo, other-unit, exception:CODE, silent or hang-up, then as needed @unit=N and one of @every=N, @once=N, @chance=PERCENT"
)]
pub struct RuleFault {
    text: String,
    reason: &'static str,
}

impl FromStr for Rule {
    type Err = RuleFault;

    fn from_str(text: &str) -> Result<Self, RuleFault> {
        let refuse = |reason| RuleFault { text: text.chars().take(80).collect(), reason };
        let mut parts = text.split('@');
        let fault = read_fault(parts.next().unwrap_or_default()).map_err(refuse)?;
        let (mut unit, mut turn) = (None, None);
        for part in parts {
            let (key, number) = part.split_once('=').ok_or_else(|| refuse("'=' is missing after '@'"))?;
            let number: u16 = number.parse().map_err(|_| refuse("a number is wrong"))?;
            let again = match (key, number) {
                ("unit", 0..=255) => unit.replace(UnitId(number.to_be_bytes()[1])).is_some(),
                ("every", 1..) => turn.replace(Turn::Every(number)).is_some(),
                ("once", 1..) => turn.replace(Turn::Once(number)).is_some(),
                ("chance", 0..=100) => turn.replace(Turn::Chance(number)).is_some(),
                _ => return Err(refuse("unknown word or number out of range after '@'")),
            };
            if again {
                return Err(refuse("the same thing is said twice"));
            }
        }
        Ok(Self { fault, unit, turn: turn.unwrap_or(Turn::Every(1)) })
    }
}

fn read_fault(text: &str) -> Result<Fault, &'static str> {
    let (name, number) = match text.split_once(':') {
        Some((name, digits)) => (name, Some(digits.parse::<u16>().map_err(|_| "a number is wrong")?)),
        None => (text, None),
    };
    Ok(match (name, number) {
        ("late", Some(ms)) => Fault::Late(ms),
        ("bad-crc", None) => Fault::BadCrc,
        ("noise", Some(bytes)) => Fault::Noise(bytes),
        ("phantom", None) => Fault::Phantom,
        ("lost", Some(bytes)) => Fault::Lost(bytes),
        ("split", Some(ms)) => Fault::Split(ms),
        ("echo", None) => Fault::Echo,
        ("other-unit", None) => Fault::OtherUnit,
        ("exception", Some(code)) => Fault::Exception(code.try_into().map_err(|_| "no such code")?),
        ("silent", None) => Fault::Silent,
        ("hang-up", None) => Fault::HangUp,
        ("late" | "noise" | "lost" | "split" | "exception", None) => return Err("its number is missing"),
        _ => return Err("unknown fault, or a number where there is none"),
    })
}

/// The rules of one line, and how often each was asked.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    rules: Vec<(Rule, u64)>,
    random: u64,
}

impl FaultPlan {
    /// Nothing goes wrong.
    #[must_use]
    pub const fn none() -> Self {
        Self { rules: Vec::new(), random: 1 }
    }

    /// These rules; where several strike one reply, the first of them does. The same seed gives the
    /// same faults and the same noise.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>, seed: u64) -> Self {
        // An xorshift generator stands still at zero.
        Self { rules: rules.into_iter().map(|rule| (rule, 0)).collect(), random: seed.max(1) }
    }

    /// What strikes the next reply of `unit`.
    pub fn strike(&mut self, unit: UnitId) -> Option<Fault> {
        let mut struck = None;
        for (rule, seen) in &mut self.rules {
            if rule.unit.is_some_and(|only| only != unit) {
                continue;
            }
            *seen += 1;
            let hit = match rule.turn {
                Turn::Every(n) => seen.is_multiple_of(u64::from(n)),
                Turn::Once(n) => *seen == u64::from(n),
                Turn::Chance(percent) => next_random(&mut self.random) % 100 < u64::from(percent),
            };
            if hit && struck.is_none() {
                struck = Some(rule.fault);
            }
        }
        struck
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
        (0..replies).map(|_| plan.strike(UnitId(unit))).collect()
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
    fn every_fault_can_be_written_and_a_wrong_text_says_why() {
        for text in [
            "late:1",
            "bad-crc",
            "noise:25",
            "phantom",
            "lost:8",
            "split:80",
            "echo",
            "other-unit",
            "exception:4",
            "silent",
            "hang-up",
            "late:1@unit=247@chance=5",
        ] {
            assert!(text.parse::<Rule>().is_ok(), "{text}");
        }
        for (text, reason) in [
            ("", "unknown fault"),
            ("late", "its number is missing"),
            ("echo:1", "unknown fault"),
            ("late:x", "a number is wrong"),
            ("exception:300", "no such code"),
            ("echo@every=0", "out of range"),
            ("echo@unit=256", "out of range"),
            ("echo@every", "'=' is missing"),
            ("echo@once=1@every=2", "twice"),
        ] {
            let fault = text.parse::<Rule>().unwrap_err().to_string();
            assert!(fault.contains(reason), "{text}: {fault}");
        }
    }
}
