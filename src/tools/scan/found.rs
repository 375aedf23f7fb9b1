//! What a scan found: a unit, what it answered, and what may be made of that.

use super::fit::Fit;
use crate::model::register::UnitId;

/// What came back to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Registers.
    Values,
    /// An exception code; somebody who refuses is there too.
    Refusal,
    /// Bytes that are no frame.
    Damage,
    /// A whole frame that answers another question.
    Stray,
    /// Nothing.
    Silence,
}

/// What came back to the same question, asked several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// Times that registers came.
    pub(super) values: u8,
    /// Times that it refused.
    pub(super) refusals: u8,
    /// Times that something came that is no answer to the question.
    pub(super) damaged: u8,
    /// Times that nothing came.
    pub(super) silent: u8,
    /// Times that an answer came after it had been given up.
    pub(super) late: u8,
}

impl Answers {
    /// Counts one more.
    pub(super) const fn add(&mut self, heard: Heard) {
        let count = match heard {
            Heard::Values => &mut self.values,
            Heard::Refusal => &mut self.refusals,
            Heard::Damage | Heard::Stray => &mut self.damaged,
            Heard::Silence => &mut self.silent,
        };
        *count = count.saturating_add(1);
    }

    /// Whether nothing came but once, and that was no answer.
    pub(super) const fn is_accident(self) -> bool {
        self.clean() == 0 && self.damaged <= 1
    }

    /// Whether a unit is there, rather than noise.
    pub(super) const fn is_of_a_unit(self) -> bool {
        self.clean() > 0 || self.late > 0
    }

    /// Times that it answered in time, with values or a refusal.
    pub(super) const fn clean(self) -> u8 {
        self.values.saturating_add(self.refusals)
    }
}

/// A unit that was heard at one setting.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// The round of the sweep, which tells the setting.
    pub(super) round: usize,
    /// Its ID.
    pub(super) unit: UnitId,
    /// What it answered.
    pub(super) answers: Answers,
    /// After its answer a second one was heard.
    pub(super) is_two: bool,
    /// From the end of a request to the start of its reply; `None` where it never answered in time.
    pub(super) turnaround_ms: Option<u32>,
    /// What it says of itself, one text each.
    pub(super) says: Vec<String>,
    /// Where it has the marker of `SunSpec`.
    pub(super) sunspec_at: Option<u16>,
    /// The register maps that fit it, the best first.
    pub(super) fits: Vec<Fit>,
}

impl Found {
    /// A unit of which nothing is known but that it is there.
    pub(super) const fn new(round: usize, unit: UnitId, answers: Answers) -> Self {
        Self {
            round,
            unit,
            answers,
            is_two: false,
            turnaround_ms: None,
            says: Vec::new(),
            sunspec_at: None,
            fits: Vec::new(),
        }
    }
}

/// What the answers of a unit say about the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One unit, and a good line.
    One,
    /// Its answers change from question to question although nothing else on the line is disturbed.
    PerhapsTwo,
    /// Its answers are damaged, and so are those of others.
    Noise,
    /// It answers, but later than was waited for.
    TooLate,
}

/// Damaged answers of one unit before they are no accident.
const DAMAGED_MIN: u8 = 2;

/// Judges `found` beside the others of its round.
///
/// Two units with one ID answer at once: their bytes collide and arrive damaged, or now the one is heard
/// and now the other, with another answer, or the one after the other. A bad line damages the answers of others as well.
pub(super) fn verdict(found: &Found, all: &[Found]) -> Verdict {
    let answers = found.answers;
    let mut others = all.iter().filter(|other| other.round == found.round && other.unit != found.unit);
    let others_damaged = others.any(|other| other.answers.damaged >= DAMAGED_MIN);
    match answers {
        _ if found.is_two => Verdict::PerhapsTwo,
        Answers { values: 1.., refusals: 1.., .. } => Verdict::PerhapsTwo,
        Answers { damaged: DAMAGED_MIN.., .. } if others_damaged => Verdict::Noise,
        Answers { damaged: DAMAGED_MIN.., .. } => Verdict::PerhapsTwo,
        Answers { late: 1.., .. } if answers.clean() == 0 => Verdict::TooLate,
        _ => Verdict::One,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(unit: u8, round: usize, heard: &[Heard]) -> Found {
        let mut answers = Answers::default();
        for heard in heard {
            answers.add(*heard);
        }
        Found::new(round, UnitId(unit), answers)
    }

    use Heard::{Damage, Refusal, Silence, Values};

    #[test]
    fn two_units_with_one_id_are_told_from_a_bad_line() {
        let clean = found(1, 0, &[Values; 6]);
        let torn = found(5, 0, &[Damage, Values, Damage, Values, Values, Values]);
        let in_turns = found(6, 0, &[Values, Refusal, Values, Values, Refusal, Values]);
        let all = [clean.clone(), torn.clone(), in_turns.clone()];
        assert_eq!(verdict(&clean, &all), Verdict::One);
        assert_eq!(verdict(&torn, &all), Verdict::PerhapsTwo);
        assert_eq!(verdict(&in_turns, &all), Verdict::PerhapsTwo);

        let torn_too = found(7, 0, &[Damage, Damage, Silence, Damage, Values, Damage]);
        assert_eq!(verdict(&torn, &[torn.clone(), torn_too]), Verdict::Noise);
        // What was damaged at other settings says nothing about this one.
        let elsewhere = found(7, 1, &[Damage; 6]);
        assert_eq!(verdict(&torn, &[torn.clone(), elsewhere]), Verdict::PerhapsTwo);
    }

    #[test]
    fn one_damaged_answer_is_an_accident() {
        let once = found(5, 0, &[Values, Damage, Values, Values, Values, Values]);
        assert_eq!(verdict(&once, std::slice::from_ref(&once)), Verdict::One);
        assert!(found(5, 0, &[Damage, Silence, Silence, Silence, Silence, Silence]).answers.is_accident());
        assert!(!found(5, 0, &[Damage, Silence, Silence, Damage, Silence, Silence]).answers.is_accident());
    }

    #[test]
    fn a_unit_that_was_heard_too_late_is_no_riddle() {
        let mut late = found(9, 0, &[Silence]);
        late.answers.late = 1;
        assert_eq!(verdict(&late, std::slice::from_ref(&late)), Verdict::TooLate);
    }
}
