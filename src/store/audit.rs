//! Who did what to the gateway, as the store keeps it.

use super::Store;
use crate::model::audit::{AuditEntry, Note};
use crate::time::trust::Sight;

/// Some entries of the audit book.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditPage {
    /// The entries, newest first.
    pub entries: Vec<AuditEntry>,
    /// Entries that had to go since the book was begun.
    pub gone: u64,
}

impl Store {
    /// Notes something in the audit book; never waits for the medium. It is durable with the next flush; of a
    /// refusal that is only counted the count is, when it is settled.
    pub fn note_audit(&self, note: Note, sight: &Sight) {
        let mut state = self.shared.state();
        if state.ledgers.audit.note(note, sight) {
            self.write_soon(state);
        }
    }

    /// Has what was only counted written too, where that is due.
    pub fn settle_audit(&self, steady_ms: i64) {
        let mut state = self.shared.state();
        if state.ledgers.audit.settle(steady_ms) {
            self.write_soon(state);
        }
    }

    /// At most `count` entries that `fit`, the newest first; of those up to the number `from`, or of all.
    #[must_use]
    pub fn audit(&self, from: Option<u32>, count: usize, fits: impl Fn(&AuditEntry) -> bool) -> AuditPage {
        let state = self.shared.state();
        let book = &state.ledgers.audit;
        AuditPage { entries: book.newest(from, count, fits), gone: book.gone() }
    }
}
