//! What a state or a slot lies on: a block device, or a file of its size.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, fadvise};

/// A place of fixed size that is written in parts, and that keeps what was written before the last sync.
pub trait Medium {
    /// Fills `into` from `at` on.
    ///
    /// # Errors
    /// Those of the medium, also where it ends before `into` does.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` from `at` on; a power cut may take any part of it until [`Medium::sync`].
    ///
    /// # Errors
    /// Those of the medium.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything written so far outlives a power cut.
    ///
    /// # Errors
    /// Those of the medium.
    fn sync(&self) -> io::Result<()>;

    /// What is read next comes from the medium, not from memory, as far as the system can be asked for that.
    ///
    /// # Errors
    /// Those of the system.
    fn forget_cached(&self) -> io::Result<()>;

    /// Keeps others that ask for the same from coming in between until what is returned is dropped.
    ///
    /// # Errors
    /// Those of the system.
    fn lock(&self) -> io::Result<impl Sized>;
}

/// The file or device at `path`, to read and to write.
///
/// # Errors
/// Those of the system.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

impl Medium for File {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, at)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn forget_cached(&self) -> io::Result<()> {
        Ok(fadvise(self, 0, None, Advice::DontNeed)?)
    }

    fn lock(&self) -> io::Result<impl Sized> {
        File::lock(self)?;
        Ok(Locked(self))
    }
}

impl<M: Medium> Medium for &M {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        M::read_at(self, at, into)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        M::write_at(self, at, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        M::sync(self)
    }

    fn forget_cached(&self) -> io::Result<()> {
        M::forget_cached(self)
    }

    fn lock(&self) -> io::Result<impl Sized> {
        M::lock(self)
    }
}

struct Locked<'a>(&'a File);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the file would let go of it as well.
        let _unlocked = self.0.unlock();
    }
}

#[cfg(test)]
pub(crate) mod cut;
