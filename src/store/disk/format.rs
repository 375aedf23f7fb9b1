//! Which form the data directory has, so that an older release does not take what a newer one wrote for
//! damaged, and moves nothing aside.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::store::error::StoreError;

/// The form that this release writes, and the newest that it reads. It is raised where an older release
/// would not understand something any more; and then written only by a release that is confirmed on its box,
/// since the one before may come back.
const FORMAT: u32 = 1;
/// Bytes of the note.
const NOTE_BYTES_MAX: u64 = 16;

/// Refuses a directory of a newer form, and notes the form of one that has no note.
///
/// # Errors
/// When a newer release has written there.
pub(super) fn check(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join("format");
    let Ok(text) = read(&path) else {
        note(&path);
        return Ok(());
    };
    // A note that does not read back says nothing of the rest.
    match text.trim_end().parse::<u32>() {
        Ok(found) if found > FORMAT => {
            Err(StoreError::Newer { dir: directory.to_owned(), found, known: FORMAT })
        }
        _ => Ok(()),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(NOTE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// On a medium that takes no writes the next start notes it.
fn note(path: &Path) {
    let next = path.with_extension("new");
    let noted = File::create(&next).and_then(|mut file| {
        writeln!(file, "{FORMAT}")?;
        file.sync_all()?;
        fs::rename(&next, path)
    });
    if let Err(error) = noted {
        log::debug!("store: {}: {error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_this_form_or_without_a_note_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            check(dir.path()).unwrap();
            assert_eq!(fs::read_to_string(dir.path().join("format")).unwrap(), "1\n");
        }
        fs::write(dir.path().join("format"), "\0\0").unwrap();
        check(dir.path()).unwrap();
    }

    #[test]
    fn a_directory_of_a_newer_release_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("format"), "2\n").unwrap();
        let told = check(dir.path()).unwrap_err().to_string();
        for part in ["written by a newer release", "format 2", "reads up to 1", "start that release again"] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is touched");
    }
}
