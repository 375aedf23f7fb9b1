//! Orders of this program's own command line to the gateway that runs on the same data folder: what
//! `export`, `backup` and `restore` ask for when the store is taken, and `update` always.
//!
//! The console beside it speaks to people, so programs have a socket of their own, with the same right
//! of entry: the gateway's own user and root. One order a connection. Both ways go frames:
//!
//! ```text
//! frame     kind u8 | bytes of the payload u32, big-endian | payload
//!
//! to the gateway      1 export: point, parameter, from, to | 2 backup | 3 restore: name of the file
//!                     4 export of the audit book | 5 update: flags u8, 1 forced, 2 restarts, 4 Chinese
//! from the gateway    16 progress: u64 parts done | u64 of so many
//!                     17 data: bytes of the export
//!                     18 done: what was done, to be shown | 19 failed: why, to be shown
//!
//! field     bytes u16 | UTF-8, or a path as the system has it; 65535 and nothing more for one not given
//! ```
//!
//! After an order to back up, restore or update comes one byte with the open file beside it: the command line
//! may open what the gateway, walled in by its service, may not.
//!
//! Both ends are the same build as a rule; one that does not understand the other says so and ends.

mod ask;
mod file;
mod frame;
mod serve;

use std::fs::File;
use std::path::PathBuf;

pub use ask::{AskError, Errand, ask};
pub use serve::{OrderSocket, listen_for_orders};

use crate::language::Language;
use crate::model::audit::{Actor, Deed, Note, Place, Who};
use crate::ops::archive::ExportOrder;
use crate::update::Wish;

/// Whoever may open the socket.
const OPERATOR: Actor = Actor { who: Who::Operator, from: Place::CommandLine };

/// What the command line may order of the store.
#[derive(Debug)]
pub enum Order {
    /// Readings as CSV.
    Export(ExportOrder),
    /// The audit book as CSV.
    ExportAudit,
    /// A backup of the whole store into this file.
    Backup(File),
    /// A restore of this file, which has this name.
    Restore(File, PathBuf),
}

/// An update to be taken.
#[derive(Debug)]
pub struct UpdateOrder {
    /// The bundle.
    pub file: File,
    /// What is wished beside it.
    pub wish: Wish,
    /// The language to tell of it in.
    pub language: Language,
}

impl Order {
    /// What the audit book says of it when it is done.
    #[must_use]
    pub fn note(&self) -> Note {
        let (what, about) = match self {
            Self::Export(_) => (Deed::Export, "readings".to_owned()),
            Self::ExportAudit => (Deed::Export, "audit".to_owned()),
            Self::Backup(_) => (Deed::BackUp, String::new()),
            Self::Restore(_, name) => (Deed::Restore, name.display().to_string()),
        };
        Note::done(OPERATOR, what).about(about)
    }
}
