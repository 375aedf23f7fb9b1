//! A file that is there whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::ArchiveError;
use crate::rights;

/// A file that is being written beside its place, as `NAME.part`. It gets its name when it is whole and
/// on its medium, and is removed when that does not come about.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
    is_kept: bool,
}

impl NewFile {
    /// Begins the file `path`, which must not be there.
    ///
    /// # Errors
    /// When it is there or cannot be made.
    pub fn begin(path: &Path) -> Result<Self, ArchiveError> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(ArchiveError::Exists(path.to_owned()));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let file = rights::private_file(&part)
            .map_err(|source| ArchiveError::File { path: part.clone(), source })?;
        Ok(Self { path: path.to_owned(), part, file, is_kept: false })
    }

    /// The file to write to.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name, once all of it is on its medium.
    ///
    /// # Errors
    /// When the medium takes no more.
    pub fn keep(mut self) -> Result<(), ArchiveError> {
        let kept = self.put_in_place();
        kept.map_err(|source| ArchiveError::File { path: self.path.clone(), source })?;
        self.is_kept = true;
        Ok(())
    }

    fn put_in_place(&self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // Half of it is of no use; where it cannot be removed, its name says what it is.
            let _ = fs::remove_file(&self.part);
        }
    }
}
