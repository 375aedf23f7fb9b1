//! The audit book as CSV (RFC 4180), oldest entry first.

use std::io::Write;

use csv::{Terminator, WriterBuilder};

use super::{ArchiveError, export};
use crate::limits;
use crate::model::audit::{AuditEntry, Outcome};
use crate::store::Store;
use crate::time::{UtcOffset, UtcTime};

/// The columns. Later versions may add some at the end.
const COLUMNS: [&str; 12] =
    ["number", "time", "clock", "who", "name", "from", "what", "about", "value", "outcome", "count", "last"];

/// What was exported of the audit book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Entries.
    pub entries: u64,
    /// Entries that had to go before.
    pub gone: u64,
}

/// Writes the audit book to `out`, with times at `offset`.
///
/// # Errors
/// When it cannot be written.
pub fn export_audit(store: &Store, offset: UtcOffset, out: impl Write) -> Result<AuditReport, ArchiveError> {
    let (entries, gone) = all(store);
    let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
    csv.write_record(COLUMNS).map_err(export::output)?;
    for entry in entries.iter().rev() {
        csv.write_record(row(entry, offset)).map_err(export::output)?;
    }
    csv.flush().map_err(ArchiveError::Output)?;
    Ok(AuditReport { entries: entries.len() as u64, gone })
}

/// Every entry, newest first, a page at a time: those who note something do not wait for all of it.
fn all(store: &Store) -> (Vec<AuditEntry>, u64) {
    let mut entries: Vec<AuditEntry> = Vec::new();
    loop {
        let from = entries.last().map(|last| last.number.saturating_sub(1));
        let page = store.audit(from, limits::AUDIT_PAGE_MAX, |_| true);
        if page.entries.is_empty() {
            return (entries, page.gone);
        }
        entries.extend(page.entries);
    }
}

fn row(entry: &AuditEntry, offset: UtcOffset) -> [String; 12] {
    let AuditEntry { number, note, at, clock, last, count } = entry;
    let time = |at: &UtcTime| at.iso(offset).to_string();
    let outcome = match note.outcome {
        Outcome::Done => "done",
        Outcome::Refused(reason) => reason.word(),
    };
    [
        number.to_string(),
        time(at),
        clock.name().to_owned(),
        note.actor.who.word().to_owned(),
        note.actor.who.name().to_owned(),
        note.actor.from.to_string(),
        note.what.word().to_owned(),
        note.about.clone(),
        note.value.map_or_else(String::new, |value| value.to_string()),
        outcome.to_owned(),
        count.to_string(),
        time(last),
    ]
}
