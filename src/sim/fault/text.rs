//! A rule as it is written: `FAULT[:NUMBER][@unit=N]`, then when it strikes.

use std::str::FromStr;

use thiserror::Error;

use super::{Fault, Kind, Rule, Turn};
use crate::model::register::UnitId;
use crate::sim::mishap::{AFTER_S, Mishap, POWER_CYCLE_S, POWER_OFF_S};

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{text}' is no fault ({reason}); write late:MS, bad-crc, noise:BYTES, phantom, lost:BYTES, split:MS, echo, \
     other-unit, wrong-length, two-on-one-id, exception:CODE, hole:FIRST-LAST, silent or hang-up, then as needed \
     @unit=N and one of @every=N, @once=N, @chance=PERCENT; or what befalls a meter: rollover, reset or swap, then as \
     needed @unit=N and @after=SECONDS; or power-cycle, then as needed @unit=N and @every=SECONDS"
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
        let name = parts.next().unwrap_or_default();
        let mut clauses = Clauses::default();
        for part in parts {
            clauses.take(part).map_err(refuse)?;
        }
        let unit = clauses.unit.and_then(|unit| u8::try_from(unit).ok()).map(UnitId);
        Ok(Self { unit, kind: read_kind(name, &clauses).map_err(refuse)? })
    }
}

/// What stands after an `@`.
#[derive(Default)]
struct Clauses {
    unit: Option<u16>,
    every: Option<u16>,
    once: Option<u16>,
    chance: Option<u16>,
    after: Option<u16>,
}

impl Clauses {
    fn take(&mut self, text: &str) -> Result<(), &'static str> {
        let (key, number) = text.split_once('=').ok_or("'=' is missing after '@'")?;
        let number: u16 = number.parse().map_err(|_| WRONG_NUMBER)?;
        let place = match (key, number) {
            ("unit", 0..=255) => &mut self.unit,
            ("every", 1..) => &mut self.every,
            ("once", 1..) => &mut self.once,
            ("chance", 0..=100) => &mut self.chance,
            ("after", _) => &mut self.after,
            _ => return Err("unknown word or number out of range after '@'"),
        };
        place.replace(number).map_or(Ok(()), |_| Err("the same thing is said twice"))
    }

    /// Which replies are struck; all, where nothing is said.
    fn turn(&self) -> Result<Turn, &'static str> {
        match (self.every, self.once, self.chance, self.after) {
            (.., Some(_)) => Err("@after is for rollover, reset and swap"),
            (None, None, None, _) => Ok(Turn::Every(1)),
            (Some(n), None, None, _) => Ok(Turn::Every(n)),
            (None, Some(n), None, _) => Ok(Turn::Once(n)),
            (None, None, Some(percent), _) => Ok(Turn::Chance(percent)),
            _ => Err("which replies it strikes is said twice"),
        }
    }

    /// Seconds from the start to what befalls a meter once.
    fn after_s(&self) -> Result<u16, &'static str> {
        match (self.every, self.once, self.chance) {
            (None, None, None) => Ok(self.after.unwrap_or(AFTER_S)),
            _ => Err("it befalls a meter once; only @unit and @after belong to it"),
        }
    }

    /// Seconds from one cut of a meter's power to the next.
    fn every_s(&self) -> Result<u16, &'static str> {
        match (self.every.unwrap_or(POWER_CYCLE_S), self.once, self.chance, self.after) {
            (every_s, None, None, None) if every_s > POWER_OFF_S => Ok(every_s),
            (_, None, None, None) => Err("the power stays away for 5 s, so @every must be 6 or more"),
            _ => Err("only @unit and @every belong to power-cycle"),
        }
    }
}

const WRONG_NUMBER: &str = "a number is wrong";

fn read_kind(name: &str, clauses: &Clauses) -> Result<Kind, &'static str> {
    Ok(match name {
        "rollover" => Kind::Meter(Mishap::Rollover { after_s: clauses.after_s()? }),
        "reset" => Kind::Meter(Mishap::Reset { after_s: clauses.after_s()? }),
        "swap" => Kind::Meter(Mishap::Swap { after_s: clauses.after_s()? }),
        "power-cycle" => Kind::Meter(Mishap::PowerCycle { every_s: clauses.every_s()? }),
        _ => Kind::Reply(read_fault(name)?, clauses.turn()?),
    })
}

fn read_fault(text: &str) -> Result<Fault, &'static str> {
    if let Some(addresses) = text.strip_prefix("hole:") {
        return read_hole(addresses);
    }
    let (name, number) = match text.split_once(':') {
        Some((name, digits)) => (name, Some(digits.parse::<u16>().map_err(|_| WRONG_NUMBER)?)),
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
        ("wrong-length", None) => Fault::WrongLength,
        ("two-on-one-id", None) => Fault::TwoOnOneId,
        ("exception", Some(code)) => Fault::Exception(code.try_into().map_err(|_| "no such code")?),
        ("silent", None) => Fault::Silent,
        ("hang-up", None) => Fault::HangUp,
        ("hole", None) => return Err("its addresses are missing"),
        ("late" | "noise" | "lost" | "split" | "exception", None) => return Err("its number is missing"),
        _ => return Err("unknown fault, or a number where there is none"),
    })
}

fn read_hole(text: &str) -> Result<Fault, &'static str> {
    let (first, last) = text.split_once('-').ok_or("'-' is missing between its first and last address")?;
    let [first, last] = [first, last].map(|digits| digits.parse::<u16>().map_err(|_| WRONG_NUMBER));
    let (first, last) = (first?, last?);
    if first > last { Err("its last address lies before its first") } else { Ok(Fault::Hole { first, last }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_can_be_written() {
        for text in [
            "late:1",
            "bad-crc",
            "noise:25",
            "phantom",
            "lost:8",
            "split:80",
            "echo",
            "other-unit",
            "wrong-length",
            "two-on-one-id",
            "exception:4",
            "hole:4-6",
            "hole:0-65535@unit=3",
            "silent",
            "hang-up",
            "late:1@unit=247@chance=5",
            "rollover@unit=1",
            "reset@unit=1@after=0",
            "swap@after=90",
            "power-cycle@unit=1@every=6",
        ] {
            assert!(text.parse::<Rule>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_wrong_text_says_why_and_what_can_be_written() {
        for (text, reason) in [
            ("", "unknown fault"),
            ("late", "its number is missing"),
            ("hole", "its addresses are missing"),
            ("hole:4", "'-' is missing"),
            ("hole:6-4", "lies before"),
            ("hole:4-x", "a number is wrong"),
            ("echo:1", "unknown fault"),
            ("late:x", "a number is wrong"),
            ("exception:300", "no such code"),
            ("echo@every=0", "out of range"),
            ("echo@unit=256", "out of range"),
            ("echo@every", "'=' is missing"),
            ("echo@once=1@once=2", "twice"),
            ("echo@once=1@every=2", "twice"),
            ("echo@after=1", "@after is for"),
            ("reset@every=9", "only @unit and @after"),
            ("power-cycle@after=9", "only @unit and @every"),
            ("power-cycle@every=5", "6 or more"),
        ] {
            let fault = text.parse::<Rule>().unwrap_err().to_string();
            assert!(fault.contains(reason) && fault.contains("hole:FIRST-LAST"), "{text}: {fault}");
        }
    }
}
