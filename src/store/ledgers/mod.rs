//! The small tables of the store, each under its tree.

pub(in crate::store) mod audit;
pub(in crate::store) mod book;
pub(in crate::store) mod boots;
pub(in crate::store) mod control_lines;
pub(in crate::store) mod controls;
pub(in crate::store) mod counter_events;
pub(in crate::store) mod cursor;
pub(in crate::store) mod entries;
mod fields;
pub(in crate::store) mod flash;
pub(in crate::store) mod gaps;
pub(in crate::store) mod learned;
pub(in crate::store) mod ledger;
pub(in crate::store) mod responses;

use crate::store::disk::tree::Tree;
use crate::store::ledgers::audit::AuditBook;
use crate::store::ledgers::book::Book;
use crate::store::ledgers::boots::Boots;
use crate::store::ledgers::control_lines::ControlLine;
use crate::store::ledgers::controls::Controls;
use crate::store::ledgers::counter_events::CounterEvents;
use crate::store::ledgers::cursor::Cursors;
use crate::store::ledgers::entries::Entries;
use crate::store::ledgers::flash::FlashDays;
use crate::store::ledgers::gaps::Gaps;
use crate::store::ledgers::learned::Lessons;
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::store::ledgers::responses::Responses;

/// All small tables.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    /// How far each reader of scans has come.
    pub(super) cursors: Cursors,
    /// Where readings are missing, and why.
    pub(super) gaps: Gaps,
    /// What was written to the medium on the last days.
    pub(super) flash: FlashDays,
    /// The starts of the store.
    pub(super) boots: Boots,
    /// What registers did besides plain growth.
    pub(super) counters: CounterEvents,
    /// Values that somebody entered.
    pub(super) entries: Entries,
    /// Events of demand response.
    pub(super) responses: Responses,
    /// Writable parameters that are not at rest.
    pub(super) controls: Controls,
    /// What was written to meters.
    pub(super) control_lines: Book<ControlLine>,
    /// What reading each meter has taught.
    pub(super) lessons: Lessons,
    /// Who did what to the gateway.
    pub(super) audit: AuditBook,
}

impl Ledgers {
    /// The table of a tree; `None` for a tree that is no small table.
    pub(super) fn of(&mut self, tree: Tree) -> Option<&mut dyn Ledger> {
        match tree {
            Tree::Cursors => Some(&mut self.cursors),
            Tree::Gaps => Some(&mut self.gaps),
            Tree::Flash => Some(&mut self.flash),
            Tree::Boots => Some(&mut self.boots),
            Tree::Counters => Some(&mut self.counters),
            Tree::Entries => Some(&mut self.entries),
            Tree::Responses => Some(&mut self.responses),
            Tree::Controls => Some(&mut self.controls),
            Tree::ControlLines => Some(&mut self.control_lines),
            Tree::Learned => Some(&mut self.lessons),
            Tree::Audit => Some(&mut self.audit),
            _ => None,
        }
    }

    /// What changed in each since this was last asked.
    pub(super) fn take_changes(&mut self) -> Vec<(Tree, Vec<Change>)> {
        let changes =
            Tree::LEDGERS.into_iter().filter_map(|tree| Some((tree, self.of(tree)?.take_changes())));
        changes.filter(|(_, changes)| !changes.is_empty()).collect()
    }

    /// Nothing is known to be stored any more.
    pub(super) fn forget_stored(&mut self) {
        for tree in Tree::LEDGERS {
            if let Some(ledger) = self.of(tree) {
                ledger.forget_stored();
            }
        }
    }
}
