//! What is looked at before the first byte is written.

use super::error::UpdateError;
use super::manifest::Manifest;
use super::version::Version;
use crate::slots::Board;

/// What an update has to be for this box.
#[derive(Clone, Debug)]
pub struct Admission {
    board: String,
    running: Version,
    root_bytes_max: u64,
    boot_bytes_max: u64,
    takes_any_release: bool,
}

impl Admission {
    /// What fits `board`, where the release `running` runs; where `forced`, any release.
    #[must_use]
    pub fn of(board: &Board, running: Version, forced: bool) -> Self {
        Self {
            board: board.board.clone(),
            running,
            root_bytes_max: board.boot_area_at,
            boot_bytes_max: board.slot_bytes.saturating_sub(board.boot_area_at),
            takes_any_release: forced,
        }
    }

    /// `Ok` where a bundle with this manifest may be written.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, manifest: &Manifest) -> Result<(), UpdateError> {
        if manifest.board != self.board {
            let (made_for, board) = (manifest.board.clone(), self.board.clone());
            return Err(UpdateError::OtherBoard { made_for, board });
        }
        if manifest.version <= self.running && !self.takes_any_release {
            return Err(UpdateError::NotNewer { offered: manifest.version, running: self.running });
        }
        let places = [
            ("root", manifest.root.bytes, self.root_bytes_max),
            ("boot", manifest.boot.bytes, self.boot_bytes_max),
        ];
        match places.into_iter().find(|(_, bytes, bytes_max)| bytes > bytes_max) {
            None => Ok(()),
            Some((image, bytes, bytes_max)) => Err(UpdateError::TooLarge { image, bytes, bytes_max }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::Image;
    use super::*;

    fn admit(change: impl Fn(&mut Manifest), forced: bool) -> Result<(), String> {
        let image = Image { bytes: 4_096, sha256: [0; 32] };
        let version = Version::parse("0.2.0").unwrap();
        let mut manifest = Manifest { board: "box".to_owned(), version, root: image, boot: image };
        change(&mut manifest);
        let admission = Admission {
            board: "box".to_owned(),
            running: Version::parse("0.1.9").unwrap(),
            root_bytes_max: 8_192,
            boot_bytes_max: 4_096,
            takes_any_release: forced,
        };
        admission.admit(&manifest).map_err(|error| error.to_string())
    }

    #[test]
    fn a_newer_release_for_this_board_that_fits_is_taken() {
        assert_eq!(admit(|_| {}, false), Ok(()));
    }

    #[test]
    fn the_same_release_or_an_older_one_is_taken_only_by_force() {
        for version in ["0.1.9", "0.1.8"] {
            let older = |manifest: &mut Manifest| manifest.version = Version::parse(version).unwrap();
            assert!(admit(older, false).unwrap_err().contains("--force"), "{version}");
            assert_eq!(admit(older, true), Ok(()));
        }
    }

    #[test]
    fn no_force_brings_another_board_or_an_image_that_does_not_fit() {
        for forced in [false, true] {
            let other = admit(|manifest| manifest.board = "other".to_owned(), forced);
            assert!(other.unwrap_err().contains("'other'"));
            let root = admit(|manifest| manifest.root.bytes = 8_193, forced);
            assert!(root.unwrap_err().contains("root image has 8193 bytes"));
            let boot = admit(|manifest| manifest.boot.bytes = 4_097, forced);
            assert!(boot.unwrap_err().contains("boot image has 4097 bytes"));
        }
    }
}
