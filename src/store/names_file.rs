//! The names of series and groups once more, in a plain file beside the databases: without its name a
//! reading is worth nothing, so they do not hang on one database. It also tells them when the medium
//! lets no database be opened.
//!
//! The file is a row of records as they are stored in a database (`frame.rs`); new ones are added at
//! its end, before the database gets them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::store::disk::frame::{Framed, carve};
use crate::store::error::StoreError;
use crate::store::job::NewNames;
use crate::store::names::StoredNames;

/// The file of names.
#[derive(Debug)]
pub(super) struct NamesFile {
    path: PathBuf,
}

impl NamesFile {
    /// The file in the directory `data`.
    pub(super) fn of(data: &Path) -> Self {
        Self { path: data.join("names") }
    }

    /// The names that it holds; those whose records do not hold are left out.
    pub(super) fn read(&self) -> StoredNames {
        let mut names = StoredNames::default();
        let read = File::open(&self.path)
            .and_then(|file| carve(file, |framed| names.add(framed.tree, framed.key, framed.value)));
        match read {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log::warn!("store: {}: {error}; the database has the names too", self.path.display());
            }
            _ => {}
        }
        names
    }

    /// Adds names, on the medium when this returns.
    pub(super) fn append(&self, names: &NewNames) -> Result<(), StoreError> {
        let mut options = File::options();
        self.write(options.create(true).append(true), &self.path, names)
    }

    /// Writes the file anew.
    pub(super) fn replace(&self, names: &NewNames) -> Result<(), StoreError> {
        let next = self.path.with_extension("new");
        self.write(File::options().create(true).truncate(true).write(true), &next, names)?;
        fs::rename(&next, &self.path).map_err(|error| self.failing(&error))
    }

    fn write(&self, options: &fs::OpenOptions, path: &Path, names: &NewNames) -> Result<(), StoreError> {
        let records = names
            .records()
            .filter_map(|(tree, key, value)| Framed { tree, stamp: 0, key: &key, value: &value }.to_bytes());
        let bytes: Vec<u8> = records.flatten().collect();
        let written = options.open(path).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        written.map_err(|error| self.failing(&error))
    }

    fn failing(&self, error: &io::Error) -> StoreError {
        StoreError::Failing { reason: format!("{}: {error}", self.path.display()) }
    }
}
