//! Which way a rollback goes: a commit and the file before it take turns.

use super::desk::Applied;
use crate::config::draft::{DraftError, Undone};

/// What the next rollback of the site file does, as far as a console has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing was committed from this console; the file kept beside may be the older or the newer.
    #[default]
    Unknown,
    /// It takes the commit back.
    Undo,
    /// It does the commit again.
    Redo,
}

impl Turn {
    /// The turn after a commit that gave `result`.
    pub(super) fn after_commit(self, result: &Result<Applied, DraftError>) -> Self {
        match result {
            Ok(_) | Err(DraftError::NotApplied(_)) => Self::Undo,
            Err(_) => self,
        }
    }

    /// The turn after a rollback that gave `result`.
    pub(super) fn after_rollback(self, result: &Result<Undone<Applied>, DraftError>) -> Self {
        match (result, self) {
            // The file is written even where it could not be put to work.
            (Ok(Undone::Restored(_)) | Err(DraftError::NotApplied(_)), Self::Undo) => Self::Redo,
            (Ok(Undone::Restored(_)) | Err(DraftError::NotApplied(_)), Self::Redo) => Self::Undo,
            // Whoever changed the file also decided what lies beside it.
            (Err(DraftError::ChangedMeanwhile(_)), _) => Self::Unknown,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rollback_of_the_file_turns_and_dropping_edits_does_not() {
        let restored = || Ok(Undone::Restored(Applied::default()));
        let turn = Turn::default().after_commit(&Ok(Applied::default()));
        assert_eq!(turn, Turn::Undo);
        assert_eq!(turn.after_rollback(&Ok(Undone::Dropped)), Turn::Undo);
        assert_eq!(turn.after_rollback(&Err(DraftError::NothingToUndo)), Turn::Undo);
        assert_eq!(turn.after_rollback(&restored()), Turn::Redo);
        assert_eq!(turn.after_rollback(&Err(DraftError::NotApplied(String::new()))), Turn::Redo);
        assert_eq!(turn.after_rollback(&restored()).after_rollback(&restored()), Turn::Undo);
        assert_eq!(Turn::Redo.after_commit(&Err(DraftError::NothingStaged)), Turn::Redo);
        assert_eq!(Turn::Redo.after_commit(&Err(DraftError::NotApplied(String::new()))), Turn::Undo);
        assert_eq!(Turn::Unknown.after_rollback(&restored()), Turn::Unknown);
    }
}
