//! What others may do with what this process makes: nothing. It belongs to the user of the process alone,
//! whatever the machine is set to.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{geteuid, umask};

/// Its user may read and write a file; nobody else may do anything with it.
pub const FILE_MODE: u32 = 0o600;
/// As [`FILE_MODE`], of a folder, which its user may also enter.
const FOLDER_MODE: u32 = 0o700;

/// From here on, whatever this process makes is closed to others, also what a library makes, such as the
/// files of the database.
pub fn keep_all_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Makes the folder at `path`, and those above it that are missing; one that is there stays as it is.
///
/// # Errors
/// Those of the system.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Makes the file at `path`, empty; one that is there is emptied and stays open to whom it was.
///
/// # Errors
/// Those of the system.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)
}

/// What is told to whoever runs a service as root; `None` for any other user.
#[must_use]
pub fn doubt_of_root() -> Option<&'static str> {
    geteuid().is_root().then_some(
        "this runs as root, so that a fault in it would reach the whole machine; run it as a user of its own that \
         owns the data folder and is in the group of the serial ports (dialout), as \
         deploy/cems-gateway.service does",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_belongs_to_its_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        private_folder(&folder).unwrap();
        let file = folder.join("file");
        private_file(&file).unwrap();
        assert_eq!([mode_of(&dir.path().join("a")), mode_of(&folder), mode_of(&file)], [0o700, 0o700, 0o600]);
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, file) = (dir.path().join("shared"), dir.path().join("shared/file"));
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "old").unwrap();
        for (path, mode) in [(&folder, 0o755), (&file, 0o644)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        private_folder(&folder).unwrap();
        private_file(&file).unwrap();
        assert_eq!([mode_of(&folder), mode_of(&file)], [0o755, 0o644]);
        assert_eq!(fs::read(&file).unwrap(), b"");
    }
}
