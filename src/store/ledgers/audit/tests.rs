//! The book against a naive one, and what is told of it.

use proptest::prelude::*;

use super::*;
use crate::model::audit::{Actor, Deed, Reason, Who};
use crate::time::UtcTime;
use crate::time::trust::ClockState;

const HOUR_MS: i64 = limits::AUDIT_REPEAT_MS;
/// An origin that is not that of the time of day.
const STEADY_MS: i64 = 5_000;

fn at(ms: i64) -> Sight {
    let shown = UtcTime::from_ms(1_790_000_000_000 + ms);
    Sight { shown, state: ClockState::Synchronised, steady_ms: STEADY_MS + ms }
}

fn actor(name: &str) -> Actor {
    Actor { who: Who::Console(name.to_owned()), from: crate::model::audit::Place::Socket }
}

fn guess(name: &str) -> Note {
    Note::refused(actor(name), Deed::LogIn, Reason::WrongPassword)
}

fn hold(parameter: &str, value: f64) -> Note {
    Note::done(actor("li"), Deed::Hold).about(parameter).value(Some(value))
}

fn stored(book: &mut AuditBook) -> AuditBook {
    let mut read_back = AuditBook::default();
    book.forget_stored();
    for Change { key, value } in book.take_changes() {
        if let Some(value) = value {
            assert_eq!(read_back.restore(&key, &value), Some(()));
        }
    }
    read_back
}

fn all(book: &AuditBook) -> Vec<AuditEntry> {
    book.newest(None, usize::MAX, |_| true)
}

fn counts(book: &AuditBook) -> Vec<(Deed, u32)> {
    all(book).into_iter().rev().map(|entry| (entry.note.what, entry.count)).collect()
}

#[test]
fn a_refusal_that_comes_again_is_counted_and_written_only_now_and_then() {
    let mut book = AuditBook::default();
    assert!(book.note(guess("li"), &at(0)), "the first is told at once");
    assert_eq!(book.take_changes().len(), 1);
    for second in 1..=600 {
        assert!(!book.note(guess("li"), &at(second * 1_000)));
        assert_eq!(book.take_changes(), []);
    }
    let entry = all(&book).remove(0);
    assert_eq!((entry.count, entry.at, entry.last), (601, at(0).shown, at(600_000).shown));
    assert!(book.note(guess("li"), &at(601_000)), "the count is settled");
    assert_eq!(book.take_changes().len(), 1);
    assert!(!book.settle(at(1_800_000).steady_ms), "nothing was counted since");
    book.note(guess("li"), &at(1_900_000));
    book.settle_all();
    assert_eq!(book.take_changes().len(), 1, "a stop settles every count");
}

#[test]
fn an_hour_later_the_same_refusal_begins_an_entry_of_its_own() {
    let mut book = AuditBook::default();
    book.note(guess("li"), &at(0));
    book.note(guess("li"), &at(HOUR_MS - 1));
    book.note(guess("li"), &at(HOUR_MS));
    assert_eq!(counts(&book), [(Deed::LogIn, 2), (Deed::LogIn, 1)]);
}

#[test]
fn an_order_that_is_renewed_is_counted_and_one_after_another_is_not() {
    let mut book = AuditBook::default();
    book.note(hold("P", 40.0), &at(0));
    book.note(hold("Q", 50.0), &at(1));
    assert!(book.note(hold("P", 40.0), &at(2)), "the count of an order is durable with the order");
    book.note(hold("P", 30.0), &at(3));
    book.note(hold("P", 40.0), &at(4));
    let told: Vec<_> = all(&book).into_iter().rev().map(|entry| (entry.note.value, entry.count)).collect();
    assert_eq!(told, [(Some(40.0), 2), (Some(50.0), 1), (Some(30.0), 1), (Some(40.0), 1)]);
}

#[test]
fn refusals_beyond_the_budget_of_an_hour_are_counted_in_one_entry() {
    let mut book = AuditBook::default();
    for guest in 0..10_000 {
        book.note(guess(&guest.to_string()), &at(guest));
    }
    let entries = all(&book);
    assert_eq!(entries.len(), limits::AUDIT_REFUSALS_AN_HOUR_MAX as usize + 1);
    assert_eq!((entries[0].note.what, entries[0].count), (Deed::Further, 10_000 - 30));
    book.note(guess("later"), &at(HOUR_MS + 10));
    assert_eq!(all(&book)[0].note, guess("later"), "a new hour has a new budget");
}

#[test]
fn nobody_who_is_refused_pushes_out_what_was_done() {
    let mut book = AuditBook::default();
    book.note(Note::done(actor("li"), Deed::Commit).about("api.listen"), &at(0));
    for hour in 0..100 {
        for guest in 0..40 {
            book.note(guess(&guest.to_string()), &at(hour * HOUR_MS + guest));
        }
    }
    let entries = all(&book);
    assert_eq!(entries.len(), limits::AUDIT_RING_MAX + 1);
    assert_eq!(entries.last().map(|entry| entry.note.what), Some(Deed::Commit));
    assert_eq!(book.gone(), 100 * 31 - limits::AUDIT_RING_MAX as u64);
}

#[test]
fn what_had_to_go_is_counted_also_after_a_restart_and_no_number_is_given_twice() {
    let mut book = AuditBook::default();
    for number in 0..2_000 {
        book.note(hold(&number.to_string(), 1.0), &at(number));
    }
    let gone = 2_000 - limits::AUDIT_RING_MAX as u64;
    assert_eq!(book.gone(), gone);
    let mut read_back = stored(&mut book);
    assert_eq!((read_back.gone(), all(&read_back)), (gone, all(&book)));
    read_back.note(hold("P", 1.0), &at(2_000));
    assert_eq!(all(&read_back)[0].number, 2_001);
}

#[test]
fn what_is_noted_before_the_medium_can_be_read_comes_after_what_it_holds() {
    let (mut older, mut younger) = (AuditBook::default(), AuditBook::default());
    older.note(hold("P", 1.0), &at(0));
    older.note(hold("P", 2.0), &at(1));
    younger.note(hold("P", 3.0), &at(2));
    let mut book = stored(&mut older);
    book.go_on_as(younger);
    let told: Vec<_> = all(&book).into_iter().map(|entry| (entry.number, entry.note.value)).collect();
    assert_eq!(told, [(3, Some(3.0)), (2, Some(2.0)), (1, Some(1.0))]);
    assert_eq!(book.take_changes().len(), 1);
}

#[test]
fn a_page_goes_on_where_the_one_before_ended() {
    let mut book = AuditBook::default();
    for number in 0..5 {
        book.note(hold(&number.to_string(), 1.0), &at(number));
    }
    let numbers = |from, count| {
        book.newest(from, count, |_| true).into_iter().map(|entry| entry.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(None, 2), [5, 4]);
    assert_eq!(numbers(Some(3), 2), [3, 2]);
    assert_eq!(numbers(Some(0), 2), [0_u32; 0]);
}

/// A book that looks through everything that there ever was.
#[derive(Default)]
struct Naive {
    entries: Vec<(AuditEntry, i64)>,
    begun_ms: Vec<i64>,
    hour_ms: i64,
}

impl Naive {
    fn note(&mut self, note: &Note, sight: &Sight) {
        let now_ms = sight.steady_ms;
        let is_refusal = note.ring() == Ring::Refusals;
        if self.counted(note, is_refusal, sight) {
            return;
        }
        let mut note = note.clone();
        if is_refusal {
            if now_ms - self.hour_ms >= HOUR_MS {
                self.hour_ms = now_ms;
                self.begun_ms.clear();
            }
            if self.begun_ms.len() >= limits::AUDIT_REFUSALS_AN_HOUR_MAX as usize {
                let from = crate::model::audit::Place::Inside;
                note = Note::refused(Actor { who: Who::Unknown, from }, Deed::Further, Reason::TooOften);
                if self.counted(&note, true, sight) {
                    return;
                }
            } else {
                self.begun_ms.push(now_ms);
            }
        }
        let number = u32::try_from(self.entries.len()).unwrap() + 1;
        let (at, clock) = (sight.shown, sight.state);
        self.entries.push((AuditEntry { number, note, at, clock, last: at, count: 1 }, now_ms));
    }

    fn counted(&mut self, note: &Note, is_refusal: bool, sight: &Sight) -> bool {
        let fresh = self.entries.iter_mut().rev().take(limits::AUDIT_OPEN_MAX);
        let mut fresh = fresh.filter(|(_, since_ms)| sight.steady_ms - since_ms < HOUR_MS);
        let same_ring = |entry: &AuditEntry| entry.note.ring() == note.ring();
        let concerns =
            |entry: &AuditEntry| entry.note == *note || !is_refusal && entry.note.about == note.about;
        match fresh.find(|(entry, _)| same_ring(entry) && concerns(entry)) {
            Some((entry, _)) if entry.note == *note => {
                entry.count += 1;
                entry.last = sight.shown;
                true
            }
            _ => false,
        }
    }

    /// Newest first: the last ones of each ring.
    fn kept(&self) -> Vec<AuditEntry> {
        let newer = |entry: &AuditEntry| {
            let after = self.entries.iter().skip(entry.number as usize);
            after.filter(|(other, _)| other.note.ring() == entry.note.ring()).count()
        };
        let kept = self.entries.iter().rev().map(|(entry, _)| entry);
        kept.filter(|entry| newer(entry) < limits::AUDIT_RING_MAX).cloned().collect()
    }
}

fn any_note() -> impl Strategy<Value = Note> {
    let name = || (0..60_u8).prop_map(|number| number.to_string());
    prop_oneof![
        3 => name().prop_map(|name| guess(&name)),
        3 => (0..4_u8, 0..3_u8).prop_map(|(of, value)| hold(&of.to_string(), f64::from(value))),
        1 => name().prop_map(|name| Note::done(actor(&name), Deed::LogIn)),
        1 => name().prop_map(|keys| Note::done(actor("li"), Deed::Commit).about(keys)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_book_tells_what_a_naive_one_would(
        notes in prop::collection::vec((any_note(), 0..60_000_i64), 1..3_000),
    ) {
        let (mut book, mut naive, mut medium) = (AuditBook::default(), Naive::default(), BTreeMap::new());
        let mut now_ms = 0;
        let total = notes.len() as u64;
        for (note, pause_ms) in notes {
            now_ms += pause_ms;
            naive.note(&note, &at(now_ms));
            if book.note(note, &at(now_ms)) {
                for Change { key, value } in book.take_changes() {
                    medium.insert(key, value);
                }
            }
        }
        prop_assert_eq!(all(&book), naive.kept());
        let noted: u64 = naive.entries.iter().map(|(entry, _)| u64::from(entry.count)).sum();
        prop_assert_eq!(noted, total, "every note is counted somewhere");

        book.settle_all();
        medium.extend(book.take_changes().into_iter().map(|Change { key, value }| (key, value)));
        let mut read_back = AuditBook::default();
        for (key, value) in medium {
            if let Some(value) = value {
                prop_assert_eq!(read_back.restore(&key, &value), Some(()));
            }
        }
        prop_assert_eq!(all(&read_back), all(&book));
        prop_assert_eq!(read_back.gone(), book.gone());
    }
}
