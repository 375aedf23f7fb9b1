//! The site file with staged edits: nothing touches the disk before `commit`.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::difference::{DiffLine, difference};
use super::edit::{Edit, EditError, apply};
use super::replace::{beside, replace_file};
use super::text::{bounded_text, remedy};
use crate::document::Faults;
use crate::model::map_library::MapLibrary;
use crate::model::overload::Overload;
use crate::rights::FILE_MODE;

/// Staged edits of one site file.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    /// What the file said when it was last put to work; nothing where it could not be read.
    at_work: Option<String>,
    /// What the next rollback of the file is.
    turn: Turn,
    staged: Option<Staged>,
}

#[derive(Debug)]
struct Staged {
    /// What the file said when the first edit was staged.
    base: String,
    text: String,
}

/// What [`Draft::rollback`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone<T> {
    /// The staged edits are dropped; the file was not touched.
    Dropped,
    /// The file and the one kept beside it have changed places; this is what the check made of it.
    Restored(Turn, T),
}

/// What it means that the file and the one before it change places: they take turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// Nothing was committed since the gateway started: the file kept beside may be older or newer.
    #[default]
    Unknown,
    /// The last commit is taken back.
    Undo,
    /// It is done again.
    Redo,
}

impl Turn {
    const fn next(self) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Undo => Self::Redo,
            Self::Redo => Self::Undo,
        }
    }
}

/// Why the draft or the file stays as it is.
#[derive(Debug, Error)]
pub enum DraftError {
    /// The edit is refused.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The text would be no valid site.
    #[error("the site would have faults:\n{0}")]
    Faults(#[from] Faults),
    /// A line would be asked for more than it can do, and was not before.
    #[error("a line would be asked for more than it can do: {}", listed(.0))]
    Overloaded(Vec<Overload>),
    /// There is nothing to commit.
    #[error("nothing is staged")]
    NothingStaged,
    /// There is nothing to go back to.
    #[error("nothing is staged, and there is no previous file to go back to")]
    NothingToUndo,
    /// Somebody else changed the file since the first edit was staged, or since it was put to work.
    #[error(
        "{} was changed by somebody else meanwhile and is left as it is; 'rollback' drops edits that are \
         staged, to make them again; where none are, compare it with {} and put right by hand what must be",
        .0.display(),
        previous_of(.0).display()
    )]
    ChangedMeanwhile(PathBuf),
    /// The file is written, but the gateway could not put it to work.
    #[error("the file is written but not at work: {0}; 'rollback' brings the previous one back")]
    NotApplied(String),
    /// The disk refuses.
    #[error(
        "cannot {doing} {}: {source}; {}",
        path.display(),
        remedy(source, "check the disk and the file's owner")
    )]
    Disk {
        /// `read` or `write`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Draft {
    /// A draft of the site file at `path`, which is at work, with nothing staged.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        // A link is followed once and for all, so that a commit replaces the file and not the link.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let at_work = bounded_text(&path).ok();
        Self { path, at_work, turn: Turn::default(), staged: None }
    }

    /// The site file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there are staged edits.
    #[must_use]
    pub fn is_staged(&self) -> bool {
        self.staged.is_some()
    }

    /// The text with the staged edits; that of the file where there are none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn text(&self) -> Result<String, DraftError> {
        self.staged.as_ref().map_or_else(|| read(&self.path), |staged| Ok(staged.text.clone()))
    }

    /// What the file says, without the staged edits.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn on_file(&self) -> Result<String, DraftError> {
        read(&self.path)
    }

    /// Stages one more edit.
    ///
    /// # Errors
    /// When it is refused; what was staged before stays.
    pub fn stage(&mut self, edit: &Edit, library: &MapLibrary) -> Result<(), DraftError> {
        let base = match &self.staged {
            Some(staged) => staged.base.clone(),
            None => read(&self.path)?,
        };
        let before = self.staged.as_ref().map_or(&base, |staged| &staged.text);
        let text = apply(before, edit, library)?;
        // Edits that undo each other leave nothing staged.
        self.staged = (text != base).then_some(Staged { base, text });
        Ok(())
    }

    /// What the staged edits change, line by line.
    #[must_use]
    pub fn diff(&self) -> Vec<DiffLine> {
        self.staged.as_ref().map_or_else(Vec::new, |staged| difference(&staged.base, &staged.text))
    }

    /// Checks the text with the staged edits and writes it; the file before stays beside it as
    /// `*.previous`. Gives what the check made of the text.
    ///
    /// # Errors
    /// When nothing is staged, the check refuses the text, somebody else changed the file, or the disk
    /// refuses; the edits then stay staged.
    pub fn commit<T, E: Into<DraftError>>(
        &mut self,
        check: impl FnOnce(&Path, &str) -> Result<T, E>,
    ) -> Result<T, DraftError> {
        let staged = self.staged.as_ref().ok_or(DraftError::NothingStaged)?;
        let checked = check(&self.path, &staged.text).map_err(Into::into)?;
        if read(&self.path)? != staged.base {
            return Err(DraftError::ChangedMeanwhile(self.path.clone()));
        }
        self.exchange(&staged.base, &staged.text)?;
        self.at_work = self.staged.take().map(|staged| staged.text);
        self.turn = Turn::Undo;
        Ok(checked)
    }

    /// Drops the staged edits. Where there are none, brings the file before the last commit back and
    /// keeps the present one as `*.previous` in turn.
    ///
    /// # Errors
    /// When there is nothing to undo, somebody else changed the file since it was put to work, the
    /// previous file has faults today, or the disk refuses.
    pub fn rollback<T>(
        &mut self,
        check: impl FnOnce(&Path, &str) -> Result<T, Faults>,
    ) -> Result<Undone<T>, DraftError> {
        if self.staged.take().is_some() {
            return Ok(Undone::Dropped);
        }
        let previous = previous_of(&self.path);
        if !previous.exists() {
            return Err(DraftError::NothingToUndo);
        }
        let text = read(&previous)?;
        // Both files lie in one folder, so that paths in the text mean the same from either.
        let checked = check(&previous, &text).map_err(DraftError::Faults)?;
        let present = read(&self.path)?;
        if self.at_work.as_ref() != Some(&present) {
            return Err(DraftError::ChangedMeanwhile(self.path.clone()));
        }
        self.exchange(&present, &text)?;
        self.at_work = Some(text);
        let turn = self.turn;
        self.turn = turn.next();
        Ok(Undone::Restored(turn, checked))
    }

    /// Writes `before` to `*.previous`, then `after` to the file itself; a power cut between the two
    /// leaves the file as it was.
    fn exchange(&self, before: &str, after: &str) -> Result<(), DraftError> {
        let write = |path: PathBuf, text: &str| {
            replace_file(&path, text.as_bytes(), FILE_MODE).map_err(|source| DraftError::Disk {
                doing: "write",
                path,
                source,
            })
        };
        write(previous_of(&self.path), before)?;
        write(self.path.clone(), after)
    }
}

fn listed(overloads: &[Overload]) -> String {
    overloads.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn previous_of(path: &Path) -> PathBuf {
    beside(path, ".previous")
}

fn read(path: &Path) -> Result<String, DraftError> {
    bounded_text(path).map_err(|source| DraftError::Disk { doing: "read", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
