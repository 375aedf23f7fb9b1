//! `board.toml`: where the slots and the state of this box lie, and whose updates it takes.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item};

use super::command_line::{SerialConsole, running_slot, serial_console};
use super::medium;
use super::state::Slot;
use super::state_file::StateFile;
use crate::limits;

/// Where the file lies on a box.
pub const BOARD_FILE: &str = "/etc/cems-gateway/board.toml";
/// Where Linux tells its command line.
const COMMAND_LINE: &str = "/proc/cmdline";

/// A box with two slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// What it is, such as `orange-pi-zero`: an update names the board that it is made for.
    pub board: String,
    /// The device or file of the state.
    pub state: PathBuf,
    /// The device or file of slot `a`.
    pub slot_a: PathBuf,
    /// The device or file of slot `b`.
    pub slot_b: PathBuf,
    /// Where in a slot its kernel lies, in bytes; the root file system lies before it.
    pub boot_area_at: u64,
    /// Bytes of a slot.
    pub slot_bytes: u64,
    /// The public key of whoever makes updates for this box, as minisign tells it.
    pub update_key: String,
    /// The file that the kernel command line is read from.
    pub command_line: PathBuf,
}

/// What is wrong with `board.toml`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}{reason}; {remedy}", label(field))]
pub struct BoardFault {
    /// The file.
    pub file: String,
    /// The key; empty where the fault lies with the file as a whole.
    pub field: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

fn label(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("{field}: ") }
}

impl Board {
    /// The board that the file at `path` describes; without a path that of [`BOARD_FILE`], and `None` where
    /// that is not there: a machine without slots.
    ///
    /// # Errors
    /// When the file cannot be read or a key of it says nothing that can be used.
    pub fn load(path: Option<&Path>) -> Result<Option<Self>, BoardFault> {
        let file = path.unwrap_or(Path::new(BOARD_FILE));
        match read_bounded(file) {
            Ok(text) => Self::parse(&file.to_string_lossy(), &text).map(Some),
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BoardFault {
                file: file.to_string_lossy().into_owned(),
                field: "",
                reason: format!("the file cannot be read: {error}"),
                remedy: "name the file that describes this box".to_owned(),
            }),
        }
    }

    /// The board that `text` describes, which the user knows as `file`. Keys for other programs are passed
    /// over.
    ///
    /// # Errors
    /// The first key that says nothing that can be used.
    pub fn parse(file: &str, text: &str) -> Result<Self, BoardFault> {
        let fault = |reason: String| BoardFault {
            file: file.to_owned(),
            field: "",
            reason,
            remedy: "correct the TOML".to_owned(),
        };
        let document: DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| fault(error.message().to_owned()))?;
        let keys = Keys { file, document: &document };
        let board = Self {
            board: keys.name("board")?,
            state: keys.path("state")?,
            slot_a: keys.path("slot_a")?,
            slot_b: keys.path("slot_b")?,
            boot_area_at: keys.bytes("boot_area_at")?,
            slot_bytes: keys.bytes("slot_bytes")?,
            update_key: keys.text("update_key")?.to_owned(),
            command_line: keys.optional_path("command_line")?.unwrap_or_else(|| COMMAND_LINE.into()),
        };
        if board.slot_a == board.slot_b {
            return Err(keys.fault("slot_b", "is the same as slot_a", "name the other slot"));
        }
        if board.boot_area_at >= board.slot_bytes {
            return Err(keys.fault(
                "boot_area_at",
                "lies behind the end of the slot",
                "make it less than slot_bytes",
            ));
        }
        Ok(board)
    }

    /// The device or file of `slot`.
    #[must_use]
    pub fn device(&self, slot: Slot) -> &Path {
        match slot {
            Slot::A => &self.slot_a,
            Slot::B => &self.slot_b,
        }
    }

    /// Opens the state.
    ///
    /// # Errors
    /// Those of the system, with the path.
    pub fn open_state(&self) -> io::Result<StateFile> {
        StateFile::open(&self.state).map_err(|error| at(&self.state, &error))
    }

    /// Opens `slot` to be read and written.
    ///
    /// # Errors
    /// Those of the system, with the path.
    pub fn open_slot(&self, slot: Slot) -> io::Result<File> {
        medium::open(self.device(slot)).map_err(|error| at(self.device(slot), &error))
    }

    /// The slot that this system was started from; `None` where nothing tells.
    #[must_use]
    pub fn running(&self) -> Option<Slot> {
        self.command_line_text().as_deref().and_then(running_slot)
    }

    /// The serial port that the kernel speaks at; `None` where it has none.
    #[must_use]
    pub fn serial_console(&self) -> Option<SerialConsole> {
        self.command_line_text().as_deref().and_then(serial_console)
    }

    fn command_line_text(&self) -> Option<String> {
        fs::read_to_string(&self.command_line).ok()
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(limits::BOARD_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

struct Keys<'a> {
    file: &'a str,
    document: &'a DocumentMut,
}

impl<'a> Keys<'a> {
    fn fault(&self, field: &'static str, reason: &str, remedy: &str) -> BoardFault {
        let (file, reason, remedy) = (self.file.to_owned(), reason.to_owned(), remedy.to_owned());
        BoardFault { file, field, reason, remedy }
    }

    fn item(&self, field: &'static str, remedy: &str) -> Result<&'a Item, BoardFault> {
        self.document.get(field).ok_or_else(|| self.fault(field, "is missing", remedy))
    }

    fn text(&self, field: &'static str) -> Result<&'a str, BoardFault> {
        let remedy = format!("write {field} = \"...\"");
        let text = self.item(field, &remedy)?.as_str();
        let fits = |text: &&str| (1..=limits::BOARD_TEXT_CHARS_MAX).contains(&text.len());
        text.filter(fits).ok_or_else(|| self.fault(field, "is no text, or one too long", &remedy))
    }

    fn name(&self, field: &'static str) -> Result<String, BoardFault> {
        let text = self.text(field)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.chars().all(is_plain) {
            return Ok(text.to_owned());
        }
        Err(self.fault(field, "has other characters than letters, digits and -_.", "write a plain name"))
    }

    fn path(&self, field: &'static str) -> Result<PathBuf, BoardFault> {
        let path = PathBuf::from(self.text(field)?);
        if path.is_absolute() {
            return Ok(path);
        }
        Err(self.fault(field, "is no path from the root", "write one that starts with /"))
    }

    fn optional_path(&self, field: &'static str) -> Result<Option<PathBuf>, BoardFault> {
        self.document.contains_key(field).then(|| self.path(field)).transpose()
    }

    fn bytes(&self, field: &'static str) -> Result<u64, BoardFault> {
        let remedy = "write a number of bytes, a multiple of 4096";
        let number = self.item(field, remedy)?.as_integer().and_then(|number| u64::try_from(number).ok());
        let fits =
            |bytes: &u64| *bytes > 0 && *bytes <= limits::SLOT_BYTES_MAX && bytes.is_multiple_of(4_096);
        number.filter(fits).ok_or_else(|| self.fault(field, "is no such number", remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        board = "orange-pi-zero"
        state = "/dev/mmcblk0p5"
        slot_a = "/dev/mmcblk0p2"
        slot_b = "/dev/mmcblk0p3"
        boot_area_at = 16777216
        slot_bytes = 33554432
        update_key = "RWQ"
        watchdog = "/dev/watchdog0"
    "#;

    #[test]
    fn a_board_is_read_with_keys_of_others_passed_over() {
        let board = Board::parse("board.toml", TEXT).unwrap();
        assert_eq!(board.board, "orange-pi-zero");
        assert_eq!(board.device(Slot::B), Path::new("/dev/mmcblk0p3"));
        assert_eq!(board.command_line, Path::new("/proc/cmdline"));
    }

    #[test]
    fn a_fault_names_the_key_the_reason_and_the_remedy() {
        for (from, to, expected) in [
            ("board = \"orange-pi-zero\"", "", "board.toml: board: is missing; write board = \"...\""),
            (
                "orange-pi-zero",
                "a b",
                "board.toml: board: has other characters than letters, digits and -_.; write a plain name",
            ),
            (
                "\"/dev/mmcblk0p5\"",
                "5",
                "board.toml: state: is no text, or one too long; write state = \"...\"",
            ),
            (
                "/dev/mmcblk0p2",
                "p2",
                "board.toml: slot_a: is no path from the root; write one that starts with /",
            ),
            ("mmcblk0p3", "mmcblk0p2", "board.toml: slot_b: is the same as slot_a; name the other slot"),
            (
                "16777216",
                "-1",
                "board.toml: boot_area_at: is no such number; write a number of bytes, a multiple of 4096",
            ),
            (
                "16777216",
                "33554432",
                "board.toml: boot_area_at: lies behind the end of the slot; make it less than slot_bytes",
            ),
        ] {
            let fault = Board::parse("board.toml", &TEXT.replacen(from, to, 1)).unwrap_err();
            assert_eq!(fault.to_string(), expected);
        }
        let broken = Board::parse("board.toml", "board =").unwrap_err();
        assert!(broken.to_string().ends_with("; correct the TOML"), "{broken}");
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        let fault = Board::load(Some(Path::new("/nowhere/board.toml"))).unwrap_err();
        assert!(fault.to_string().starts_with("/nowhere/board.toml: the file cannot be read"), "{fault}");
    }
}
