//! The audit book: who did what to the gateway, and what was refused.
//!
//! Whoever lets somebody do something notes it here, where the name and the place of that somebody are known:
//! the console, the command line's socket, the interface. Nothing that was typed gets into the book unless it
//! is the name of something that there is.

mod reason;

use super::Ops;
use crate::limits;
use crate::model::audit::{Note, Outcome, Reason};
use crate::store::AuditPage;

impl Ops {
    /// Notes something in the audit book. Never waits for the medium; what is noted again is only counted.
    pub fn note(&self, note: Note) {
        self.store().note_audit(note, &self.clock().sight());
    }

    /// Notes what came of something as the outcome of `note`, and hands it on. What was done is on the medium
    /// with its note before this returns, as far as the medium takes writes, so it blocks.
    ///
    /// # Errors
    /// The one that is handed on.
    pub fn noted<T, E>(&self, done: Result<T, E>, note: Note) -> Result<T, E>
    where
        for<'e> Reason: From<&'e E>,
    {
        match &done {
            Ok(_) => self.note_durably(Note { outcome: Outcome::Done, ..note }),
            Err(error) => self.note(Note { outcome: Outcome::Refused(error.into()), ..note }),
        }
        done
    }

    /// Notes something, and waits until it is on the medium, as far as that takes writes.
    pub fn note_durably(&self, note: Note) {
        self.note(note);
        if let Err(error) = self.store().flush() {
            log::warn!("audit: the book waits in memory: {error}");
        }
    }

    /// At most `count` entries of the audit book, the newest first; of those up to the number `from`, or of
    /// all; of `who` by a name or by a kind, or of everybody. The page after it goes on from the number below
    /// its last. A page has at most [`limits::AUDIT_PAGE_MAX`] entries.
    #[must_use]
    pub fn audit(&self, from: Option<u32>, count: usize, who: Option<&str>) -> AuditPage {
        let count = count.min(limits::AUDIT_PAGE_MAX);
        self.store().audit(from, count, |entry| who.is_none_or(|name| entry.note.actor.who.is_called(name)))
    }

    /// Has what was only counted written too, where that is due; to be called now and then.
    pub fn settle_audit(&self) {
        self.store().settle_audit(self.clock().steady_ms());
    }

    /// `POINT/PARAMETER` where the site has it, and nothing where it does not: it may be anything then.
    #[must_use]
    pub fn known_parameter(&self, point_id: &str, parameter_id: &str) -> String {
        let served = self.served();
        let mut all = served.parameters();
        let found = all.any(|(point, parameter, _)| point.id == point_id && parameter.id == parameter_id);
        if found { format!("{point_id}/{parameter_id}") } else { String::new() }
    }

    /// The ID of an event of demand response where there is one, and nothing where there is none.
    #[must_use]
    pub fn known_event(&self, id: &str) -> String {
        self.store().dr_event(id).map_or_else(String::new, |event| event.order.id)
    }
}
