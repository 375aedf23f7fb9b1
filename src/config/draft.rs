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
    /// What the file said when the first edit was staged; nothing where it could not be read.
    base: Option<String>,
    text: String,
}

/// What [`Draft::rollback`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone<T> {
    /// The staged edits are dropped; the file was not touched.
    Dropped,
    /// The file and the one kept beside it have changed places; this is what the check made of it.
    Restored(Turn, T),
    /// The file that was at work last is back in the place of one that never was.
    Returned(T),
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
        let base = match (&self.staged, edit) {
            (Some(staged), _) => staged.base.clone(),
            // Whatever is there, a whole text takes its place.
            (None, Edit::Whole(_)) => read(&self.path).ok(),
            (None, _) => Some(read(&self.path)?),
        };
        let before = self.staged.as_ref().map(|staged| &staged.text).or(base.as_ref());
        let text = apply(before.map_or("", String::as_str), edit, library)?;
        // Edits that undo each other leave nothing staged.
        self.staged = (base.as_ref() != Some(&text)).then_some(Staged { base, text });
        Ok(())
    }

    /// Stages the text of another file.
    ///
    /// # Errors
    /// When that file cannot be read or is no TOML; what was staged before stays.
    pub fn stage_file(&mut self, file: &Path) -> Result<(), DraftError> {
        self.stage(&Edit::Whole(read(file)?), &MapLibrary::new())
    }

    /// What the staged edits change, line by line.
    #[must_use]
    pub fn diff(&self) -> Vec<DiffLine> {
        let of = |staged: &Staged| difference(staged.base.as_deref().unwrap_or_default(), &staged.text);
        self.staged.as_ref().map_or_else(Vec::new, of)
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
        let is_as_it_was = match &staged.base {
            Some(base) => read(&self.path)? == *base,
            None => read(&self.path).is_err(),
        };
        if !is_as_it_was {
            return Err(DraftError::ChangedMeanwhile(self.path.clone()));
        }
        self.exchange(staged.base.as_deref(), &staged.text)?;
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
        self.exchange(Some(&present), &text)?;
        self.at_work = Some(text);
        let turn = self.turn;
        self.turn = turn.next();
        Ok(Undone::Restored(turn, checked))
    }

    /// Keeps the file that is at work as `*.good` beside it, so that [`Self::return_to_good`] finds it. Writes only
    /// where it is another one than the last time.
    ///
    /// # Errors
    /// Those of the system.
    pub fn keep_as_good(&self) -> io::Result<()> {
        let (good, kept) = (good_of(&self.path), bounded_text(&good_of(&self.path)).ok());
        match &self.at_work {
            Some(text) if kept.as_ref() != Some(text) => replace_file(&good, text.as_bytes(), FILE_MODE),
            _ => Ok(()),
        }
    }

    /// The file that was at work last; `None` where none was kept.
    #[must_use]
    pub fn good(&self) -> Option<PathBuf> {
        Some(good_of(&self.path)).filter(|good| good.exists())
    }

    /// Drops the staged edits. Where there are none, brings back the file that was at work last, and keeps the present
    /// one as `*.previous`.
    ///
    /// # Errors
    /// When none was kept, it has faults today, or the disk refuses.
    pub fn return_to_good<T>(
        &mut self,
        check: impl FnOnce(&Path, &str) -> Result<T, Faults>,
    ) -> Result<Undone<T>, DraftError> {
        if self.staged.take().is_some() {
            return Ok(Undone::Dropped);
        }
        let good = self.good().ok_or(DraftError::NothingToUndo)?;
        let text = read(&good)?;
        let checked = check(&good, &text).map_err(DraftError::Faults)?;
        self.exchange(read(&self.path).ok().as_deref(), &text)?;
        self.at_work = Some(text);
        Ok(Undone::Returned(checked))
    }

    /// Writes `before` to `*.previous`, then `after` to the file itself; a power cut between the two
    /// leaves the file as it was. A file that could not be read is kept as it is.
    fn exchange(&self, before: Option<&str>, after: &str) -> Result<(), DraftError> {
        let fault = |path: &Path| {
            let path = path.to_owned();
            move |source| DraftError::Disk { doing: "write", path, source }
        };
        let previous = previous_of(&self.path);
        match before {
            Some(text) => replace_file(&previous, text.as_bytes(), FILE_MODE),
            None if self.path.exists() => std::fs::copy(&self.path, &previous).map(drop),
            None => Ok(()),
        }
        .map_err(fault(&previous))?;
        replace_file(&self.path, after.as_bytes(), FILE_MODE).map_err(fault(&self.path))
    }
}

fn listed(overloads: &[Overload]) -> String {
    overloads.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn previous_of(path: &Path) -> PathBuf {
    beside(path, ".previous")
}

fn good_of(path: &Path) -> PathBuf {
    beside(path, ".good")
}

fn read(path: &Path) -> Result<String, DraftError> {
    bounded_text(path).map_err(|source| DraftError::Disk { doing: "read", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
