//! What reading a meter has taught about it, beyond what its map and the site file say.

use std::fmt;

use super::meter::ReadLimits;
use super::register::{Span, Table};
use crate::limits;
use crate::time::{Interval, UtcTime};

/// Times that the pause before the next trial is doubled.
const DOUBLINGS_MAX: u8 = 5;
/// The longest pause in days, about a month.
const PAUSE_DAYS_MAX: i64 = 30;

/// What one meter was found to refuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// In the order in which they were taught; of both kinds of table at most one longest read.
    lessons: Vec<(Lesson, Retrial)>,
}

/// One thing that a refused read taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lesson {
    /// No read of the table, nor of another one of its kind, may be longer: registers, or coils and discrete
    /// inputs.
    Longest(Table, u16),
    /// No merged read may touch these addresses: a hole that cannot be read over, or a value that the meter does
    /// not have.
    Apart(Table, Span),
}

/// When a lesson is put to the test: a meter may have new firmware, or may have been busy when it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retrial {
    /// From when on it is tried again.
    pub at: UtcTime,
    /// How often it was found to hold.
    pub held: u8,
}

impl Retrial {
    /// That of a lesson of which nothing is known but that it was taught.
    pub const AT_ONCE: Self = Self { at: UtcTime::from_ms(0), held: 0 };

    /// That of a lesson which was found to hold so often, now once more: after a day, then two, four and so on
    /// up to a month.
    fn after(held: u8, now: UtcTime) -> Self {
        let days = PAUSE_DAYS_MAX.min(1 << held.min(DOUBLINGS_MAX));
        Self { at: UtcTime::from_ms(now.as_ms().saturating_add(days * Interval::DAY.as_ms())), held }
    }

    /// Whether it is time. One that lies further ahead than any comes of a clock that was wrong.
    fn is_due(&self, now: UtcTime) -> bool {
        self.at <= now || self.at > Self::after(u8::MAX, now).at
    }
}

impl Lesson {
    /// Whether the lesson forbids a read of this span.
    #[must_use]
    pub fn forbids(&self, table: Table, span: Span) -> bool {
        match *self {
            Self::Longest(of, max) => of.is_bits() == table.is_bits() && span.count > max,
            Self::Apart(of, apart) => {
                of == table && u32::from(apart.start) < span.end() && u32::from(span.start) < apart.end()
            }
        }
    }
}

impl Learned {
    /// What was taught, as it was kept.
    #[must_use]
    pub const fn of(lessons: Vec<(Lesson, Retrial)>) -> Self {
        Self { lessons }
    }

    /// Whether nothing was learned.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lessons.is_empty()
    }

    /// All lessons, each with its next trial.
    #[must_use]
    pub fn lessons(&self) -> &[(Lesson, Retrial)] {
        &self.lessons
    }

    /// Registers of the longest read that it answered, where a longer one was refused.
    #[must_use]
    pub fn registers_max(&self) -> Option<u16> {
        self.longest(false)
    }

    /// The same of coils and discrete inputs.
    #[must_use]
    pub fn bits_max(&self) -> Option<u16> {
        self.longest(true)
    }

    fn longest(&self, bits: bool) -> Option<u16> {
        self.lessons.iter().find_map(|(lesson, _)| match lesson {
            Lesson::Longest(table, max) if table.is_bits() == bits => Some(*max),
            _ => None,
        })
    }

    /// Addresses that it refuses in a merged read, without overlap.
    pub fn apart(&self) -> impl Iterator<Item = (Table, Span)> {
        self.lessons.iter().filter_map(|(lesson, _)| match lesson {
            Lesson::Apart(table, span) => Some((*table, *span)),
            Lesson::Longest(..) => None,
        })
    }

    /// Takes in a lesson that was taught at `now`; whether it was new. Of too many addresses the last are not
    /// kept: reads that they refuse are taken apart anew each time.
    pub fn take(&mut self, lesson: Lesson, now: UtcTime) -> bool {
        let is_new = match lesson {
            Lesson::Longest(table, count) => self.longest(table.is_bits()).is_none_or(|known| count < known),
            Lesson::Apart(table, span) => {
                let is_known = self.apart().any(|(of, known)| of == table && known.contains(span));
                !is_known && self.apart().count() < limits::LEARNED_SPANS_MAX
            }
        };
        if is_new {
            self.lessons.retain(|(known, _)| !lesson.takes_the_place_of(*known));
            self.lessons.push((lesson, Retrial::after(0, now)));
        }
        is_new
    }

    /// The lessons that are to be tried again at `now`, in their order.
    pub fn doubted(&self, now: UtcTime) -> impl Iterator<Item = Lesson> {
        self.lessons.iter().filter(move |(_, retrial)| retrial.is_due(now)).map(|(lesson, _)| *lesson)
    }

    /// A lesson was tried at `now` and holds: it is doubted again later.
    pub fn hold(&mut self, lesson: Lesson, now: UtcTime) {
        for (_, retrial) in self.lessons.iter_mut().filter(|(known, _)| *known == lesson) {
            *retrial = Retrial::after(retrial.held.saturating_add(1), now);
        }
    }

    /// A lesson was tried and does not hold.
    pub fn drop(&mut self, lesson: Lesson) {
        self.lessons.retain(|(known, _)| *known != lesson);
    }

    /// The limits that hold for the meter: what is configured, narrowed by what was learned.
    #[must_use]
    pub fn narrowing(&self, configured: &ReadLimits) -> ReadLimits {
        let narrower = |configured: u16, learned: Option<u16>| learned.unwrap_or(configured).min(configured);
        ReadLimits {
            registers_max: narrower(configured.registers_max, self.registers_max()),
            bits_max: narrower(configured.bits_max, self.bits_max()),
            forbidden: configured.forbidden.iter().copied().chain(self.apart()).collect(),
            even_start: configured.even_start,
        }
    }
}

impl Lesson {
    fn takes_the_place_of(self, known: Self) -> bool {
        matches!((self, known), (Self::Longest(new, _), Self::Longest(old, _)) if new.is_bits() == old.is_bits())
    }
}

/// `reads at most 40 registers; apart: holding 12-15, input 3`
impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let longest = [(self.registers_max(), "registers"), (self.bits_max(), "bits")];
        parts.extend(
            longest.iter().filter_map(|(max, what)| max.map(|max| format!("reads at most {max} {what}"))),
        );
        let place = |(table, span): (Table, Span)| match span.count {
            1 => format!("{} {}", table.name(), span.start),
            _ => format!("{} {}-{}", table.name(), span.start, span.end() - 1),
        };
        let apart: Vec<String> = self.apart().map(place).collect();
        if !apart.is_empty() {
            parts.push(format!("apart: {}", apart.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDING: Table = Table::HoldingRegister;
    const NOW: UtcTime = UtcTime::from_ms(1_772_323_200_000);

    fn span(start: u16, count: u16) -> Span {
        Span { start, count }
    }

    fn learned(lessons: &[Lesson]) -> Learned {
        let mut learned = Learned::default();
        assert!(lessons.iter().all(|lesson| learned.take(*lesson, NOW)));
        learned
    }

    #[test]
    fn only_what_is_new_is_learned() {
        let mut learned = Learned::default();
        for (lesson, is_new) in [
            (Lesson::Longest(HOLDING, 40), true),
            (Lesson::Longest(Table::InputRegister, 40), false),
            (Lesson::Longest(HOLDING, 50), false),
            (Lesson::Longest(HOLDING, 39), true),
            (Lesson::Longest(Table::Coil, 40), true),
            (Lesson::Apart(HOLDING, span(12, 4)), true),
            (Lesson::Apart(HOLDING, span(13, 2)), false),
            (Lesson::Apart(Table::InputRegister, span(13, 2)), true),
        ] {
            assert_eq!(learned.take(lesson, NOW), is_new, "{lesson:?}");
        }
        assert_eq!((learned.registers_max(), learned.bits_max()), (Some(39), Some(40)));
        assert_eq!(learned.lessons().len(), 4);
    }

    #[test]
    fn what_was_learned_narrows_what_is_configured_and_never_widens_it() {
        let configured =
            ReadLimits { registers_max: 50, forbidden: vec![(HOLDING, span(0, 1))], ..ReadLimits::default() };
        let lessons = [
            Lesson::Longest(HOLDING, 80),
            Lesson::Longest(Table::Coil, 16),
            Lesson::Apart(HOLDING, span(9, 1)),
        ];
        let narrowed = learned(&lessons).narrowing(&configured);
        assert_eq!((narrowed.registers_max, narrowed.bits_max), (50, 16));
        assert_eq!(narrowed.forbidden, [(HOLDING, span(0, 1)), (HOLDING, span(9, 1))]);
        assert_eq!(Learned::default().narrowing(&configured), configured);
    }

    #[test]
    fn it_is_told_in_a_line() {
        let learned = learned(&[
            Lesson::Apart(HOLDING, span(12, 4)),
            Lesson::Longest(HOLDING, 40),
            Lesson::Apart(Table::InputRegister, span(3, 1)),
        ]);
        assert_eq!(learned.to_string(), "reads at most 40 registers; apart: holding 12-15, input 3");
        assert_eq!(Learned::default().to_string(), "");
    }

    #[test]
    fn only_so_many_addresses_are_kept() {
        let mut learned = Learned::default();
        for start in 0..u16::MAX {
            learned.take(Lesson::Apart(HOLDING, span(start, 1)), NOW);
        }
        assert_eq!(learned.lessons().len(), limits::LEARNED_SPANS_MAX);
    }

    #[test]
    fn a_lesson_that_holds_is_doubted_after_twice_the_time_up_to_a_month() {
        let lesson = Lesson::Apart(HOLDING, span(12, 4));
        let mut learned = learned(&[lesson]);
        let mut now = NOW;
        for days in [1, 2, 4, 8, 16, 30, 30, 30] {
            let later = |ms: i64| UtcTime::from_ms(now.as_ms() + days * 86_400_000 + ms);
            assert_eq!(learned.doubted(later(-1)).count(), 0, "{days} days");
            assert_eq!(learned.doubted(later(0)).collect::<Vec<_>>(), [lesson], "{days} days");
            now = later(0);
            learned.hold(lesson, now);
        }
        learned.drop(lesson);
        assert!(learned.is_empty());
    }

    #[test]
    fn a_lesson_taught_by_a_clock_that_was_wrong_is_doubted_at_once() {
        let lesson = Lesson::Longest(HOLDING, 40);
        for (taught, is_due) in
            [(NOW, false), (UtcTime::from_ms(0), true), (UtcTime::from_ms(4_000_000_000_000), true)]
        {
            let learned = Learned::of(vec![(lesson, Retrial::after(0, taught))]);
            assert_eq!(learned.doubted(NOW).count() == 1, is_due, "{taught:?}");
        }
        assert_eq!(Learned::of(vec![(lesson, Retrial::AT_ONCE)]).doubted(NOW).count(), 1);
    }

    #[test]
    fn a_lesson_forbids_the_reads_that_it_is_about() {
        let (apart, longest) = (Lesson::Apart(HOLDING, span(12, 4)), Lesson::Longest(HOLDING, 40));
        for (lesson, table, start, count, is_forbidden) in [
            (apart, HOLDING, 0, 12, false),
            (apart, HOLDING, 0, 13, true),
            (apart, HOLDING, 15, 9, true),
            (apart, HOLDING, 16, 9, false),
            (apart, Table::InputRegister, 0, 20, false),
            (longest, Table::InputRegister, 0, 41, true),
            (longest, HOLDING, 0, 40, false),
            (longest, Table::Coil, 0, 41, false),
        ] {
            assert_eq!(lesson.forbids(table, span(start, count)), is_forbidden, "{lesson:?} {start}+{count}");
        }
    }
}
