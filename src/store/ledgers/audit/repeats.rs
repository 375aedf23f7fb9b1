//! Which entry a note is counted to, and how many entries refusals may begin.
//!
//! A refusal is counted to the entry of the last hour that says the same. Anything else is counted only
//! where nothing else was noted about the same thing meanwhile: of orders the sequence matters. Refusals
//! begin a bounded number of entries in an hour, and what goes beyond is counted in one more.

use std::collections::{BTreeMap, VecDeque};

use crate::limits;
use crate::model::audit::{self, Actor, AuditEntry, Deed, Note, Reason, Ring, Who};

/// Where a note goes.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    /// To the entry of this number.
    Known(u32),
    /// Into an entry of its own, as it is given here.
    New(Note),
}

/// Entries that further notes may be counted to. Times are those of the clock that nobody sets, in
/// milliseconds.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// In the order in which they were opened.
    open: VecDeque<Open>,
    /// When the hour began in which refusals are counted.
    hour_ms: i64,
    /// Entries of refusals that were begun in it.
    refusals: u32,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    number: u32,
    since_ms: i64,
}

impl Repeats {
    /// Where a note goes.
    pub(super) fn place(&mut self, note: Note, entries: &BTreeMap<u32, AuditEntry>, steady_ms: i64) -> Place {
        let is_over = |since_ms: i64| steady_ms.saturating_sub(since_ms) >= limits::AUDIT_REPEAT_MS;
        while self.open.front().is_some_and(|open| is_over(open.since_ms)) {
            self.open.pop_front();
        }
        if let Some(number) = self.find(&note, entries) {
            return Place::Known(number);
        }
        if note.ring() != Ring::Refusals {
            return Place::New(note);
        }
        if is_over(self.hour_ms) {
            (self.hour_ms, self.refusals) = (steady_ms, 0);
        }
        if self.refusals < limits::AUDIT_REFUSALS_AN_HOUR_MAX {
            self.refusals += 1;
            return Place::New(note);
        }
        let further = further();
        self.find(&further, entries).map_or(Place::New(further), Place::Known)
    }

    /// Notes that an entry was begun.
    pub(super) fn opened(&mut self, number: u32, steady_ms: i64) {
        self.open.push_back(Open { number, since_ms: steady_ms });
        if self.open.len() > limits::AUDIT_OPEN_MAX {
            self.open.pop_front();
        }
    }

    fn find(&self, note: &Note, entries: &BTreeMap<u32, AuditEntry>) -> Option<u32> {
        let open = self.open.iter().rev().filter_map(|open| entries.get(&open.number));
        let mut of_ring = open.filter(|entry| entry.note.ring() == note.ring());
        let found = if note.ring() == Ring::Refusals {
            of_ring.find(|entry| entry.note == *note)
        } else {
            of_ring.find(|entry| entry.note.about == note.about).filter(|entry| entry.note == *note)
        };
        found.map(|entry| entry.number)
    }
}

/// What goes beyond the entries that refusals may begin.
fn further() -> Note {
    let nobody = Actor { who: Who::Unknown, from: audit::Place::Inside };
    Note::refused(nobody, Deed::Further, Reason::TooOften)
}
