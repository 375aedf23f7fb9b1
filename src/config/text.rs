//! The text of a file that a person may have put there: of whatever kind, size and encoding.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::limits::CONFIG_BYTES_MAX;

/// The whole text of the file at `path`; too large a file is refused and never cut.
///
/// # Errors
/// Those of the system; [`ErrorKind::InvalidInput`] for what is no regular file,
/// [`ErrorKind::FileTooLarge`] and [`ErrorKind::InvalidData`] for what is not UTF-8.
pub(super) fn bounded_text(path: &Path) -> io::Result<String> {
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    let bytes_max = u64::try_from(CONFIG_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > CONFIG_BYTES_MAX {
        let reason = format!("the file has more than {CONFIG_BYTES_MAX} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, reason));
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = sound.split(|byte| *byte == b'\n').count();
        io::Error::new(ErrorKind::InvalidData, format!("line {line} is not UTF-8"))
    })
}

/// What to do about an `error` of [`bounded_text`]; `otherwise` where the system itself refused.
pub(crate) fn remedy<'a>(error: &io::Error, otherwise: &'a str) -> &'a str {
    // What the system refuses may be of the same kinds, but it carries no words of ours.
    match error.kind() {
        _ if error.get_ref().is_none() => otherwise,
        ErrorKind::InvalidData => "save it as UTF-8 / 请另存为 UTF-8",
        ErrorKind::FileTooLarge => "make it smaller",
        ErrorKind::InvalidInput => "give the path of a regular file",
        _ => otherwise,
    }
}

fn open_regular(path: &Path) -> io::Result<File> {
    // To open a pipe waits for somebody to write into it, unless one says not to; and a terminal
    // must not become the one that this process is controlled from.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let reason = if kind.is_dir() { "it is a directory" } else { "it is no regular file" };
    Err(io::Error::new(ErrorKind::InvalidInput, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal_of(bytes: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.toml");
        std::fs::write(&path, bytes).unwrap();
        bounded_text(&path).map_or_else(|error| error.to_string(), |text| format!("{} bytes", text.len()))
    }

    #[test]
    fn a_file_of_the_greatest_size_is_read_and_one_byte_more_is_told_as_such() {
        assert_eq!(refusal_of(&vec![b'#'; CONFIG_BYTES_MAX]), "1048576 bytes");
        for bytes in [CONFIG_BYTES_MAX + 1, 2 * CONFIG_BYTES_MAX] {
            assert_eq!(refusal_of(&vec![b'#'; bytes]), "the file has more than 1048576 bytes");
        }
        // The limit falls inside a character, which is no reason to blame the encoding.
        let chinese = "电".repeat(CONFIG_BYTES_MAX / 3 + 1);
        assert_eq!(refusal_of(chinese.as_bytes()), "the file has more than 1048576 bytes");
    }

    #[test]
    fn the_first_line_that_is_not_utf_8_is_named() {
        let gbk = b"[cems]\nid = \"CEMS-1\"\nname = \"\xb5\xe7\"\nuser_name = \"\xb1\xed\"\n";
        assert_eq!(refusal_of(gbk), "line 3 is not UTF-8");
        assert_eq!(refusal_of(b"\xff\xfe"), "line 1 is not UTF-8");
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(bounded_text(&pipe).unwrap_err().to_string(), "it is no regular file");
        assert_eq!(bounded_text(dir.path()).unwrap_err().to_string(), "it is a directory");
        assert_eq!(bounded_text(Path::new("/dev/null")).unwrap_err().to_string(), "it is no regular file");
    }
}
