//! What was recorded of a line, as a file that people read and the simulator plays back.
//!
//! One frame a line; `docs/recording.md` describes the form.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use super::recorder::{Direction, Frame};
use super::timing::Protocol;
use crate::limits::{ID_CHARS_MAX, RECORDING_FILE_BYTES_MAX, TCP_FRAME_BYTES_MAX};
use crate::time::{UtcOffset, UtcTime, parse_instant};

/// How the first line of the file begins; the version follows.
const HEAD: &str = "cems-gateway recording ";
/// The version that is written, and the only one that is read.
const VERSION: &str = "1";
/// What stands above the frames for whoever reads them.
const LEGEND: &str =
    "# microseconds since the line began, UTC, > sent < heard ! heard and thrown away, bytes\n";

/// The recording of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What the line is called.
    pub line: String,
    /// How the frames are to be read. Whether the port hears itself is not in the file.
    pub protocol: Protocol,
    /// The frames, oldest first.
    pub frames: Vec<Frame>,
}

/// Why a file is no recording.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// It cannot be read.
    #[error("{source}; give the path of a file that 'record' has written")]
    File {
        /// What the system says.
        source: io::Error,
    },
    /// It is far larger than what a line holds.
    #[error(
        "it has more than {RECORDING_FILE_BYTES_MAX} bytes; cut it into parts, each with the three lines of the head"
    )]
    TooLong,
    /// Something else begins with other words.
    #[error(
        "it is no recording: its first line is not '{HEAD}{VERSION}'; give a file that 'record' has written"
    )]
    Head,
    /// A later form.
    #[error(
        "it is a recording of version {0}, and this program reads version {VERSION}; use a newer program"
    )]
    Version(String),
    /// One line is broken.
    #[error("line {number}: {reason}")]
    Line {
        /// Counted from 1.
        number: usize,
        /// What is wrong and what should be there.
        reason: &'static str,
    },
}

impl Recording {
    /// As a file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text =
            format!("{HEAD}{VERSION}\nprotocol {}\nline {}\n{LEGEND}", name(self.protocol), self.line);
        for frame in &self.frames {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "{} {} {}",
                frame.at.as_micros(),
                frame.time.iso(UtcOffset::UTC),
                mark(frame.direction)
            );
            for byte in &frame.bytes {
                let _ = write!(text, " {byte:02x}");
            }
            text.push('\n');
        }
        text
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// Why it is no recording: with the number of the line where there is one.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let fault = |source| RecordingError::File { source };
        let longest = u64::try_from(RECORDING_FILE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(fault)?;
        file.take(longest + 1).read_to_end(&mut bytes).map_err(fault)?;
        if bytes.len() > RECORDING_FILE_BYTES_MAX {
            return Err(RecordingError::TooLong);
        }
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Why it is no recording.
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        if text.len() > RECORDING_FILE_BYTES_MAX {
            return Err(RecordingError::TooLong);
        }
        let mut lines = (1..).zip(text.lines());
        let version =
            lines.next().and_then(|(_, line)| line.strip_prefix(HEAD)).ok_or(RecordingError::Head)?;
        if version.trim_end() != VERSION {
            return Err(RecordingError::Version(version.trim_end().chars().take(20).collect()));
        }
        let mut member = |name: &str, number, reason| {
            let line = lines.next().and_then(|(_, line)| line.strip_prefix(name)?.strip_prefix(' '));
            line.map(str::trim).ok_or(RecordingError::Line { number, reason })
        };
        let reason = "here stands 'protocol rtu' or 'protocol tcp'";
        let protocol = protocol(member("protocol", 2, reason)?);
        let protocol = protocol.ok_or(RecordingError::Line { number: 2, reason })?;
        let reason = "here stands 'line' and its ID, of 64 characters at most";
        let line = member("line", 3, reason)?;
        if line.is_empty() || line.chars().count() > ID_CHARS_MAX || line.chars().any(char::is_control) {
            return Err(RecordingError::Line { number: 3, reason });
        }
        let mut frames: Vec<Frame> = Vec::new();
        for (number, line) in lines.filter(|(_, line)| !is_remark(line)) {
            let fault = |reason| RecordingError::Line { number, reason };
            let frame = frame(line).map_err(fault)?;
            if frames.last().is_some_and(|before| frame.at < before.at) {
                return Err(fault("it is earlier than the frame before it; put the frames in order"));
            }
            frames.push(frame);
        }
        Ok(Self { line: line.to_owned(), protocol, frames })
    }
}

fn is_remark(line: &str) -> bool {
    line.trim_start().is_empty() || line.starts_with('#')
}

const fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Rtu { .. } => "rtu",
        Protocol::Tcp => "tcp",
    }
}

fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "rtu" => Some(Protocol::Rtu { local_echo: false }),
        "tcp" => Some(Protocol::Tcp),
        _ => None,
    }
}

const fn mark(direction: Direction) -> char {
    match direction {
        Direction::Sent => '>',
        Direction::Heard => '<',
        Direction::Discarded => '!',
    }
}

fn direction(mark: &str) -> Option<Direction> {
    match mark {
        ">" => Some(Direction::Sent),
        "<" => Some(Direction::Heard),
        "!" => Some(Direction::Discarded),
        _ => None,
    }
}

fn frame(line: &str) -> Result<Frame, &'static str> {
    let mut words = line.split_whitespace();
    let at = words.next().and_then(|word| word.parse().ok());
    let at = at.ok_or("it begins with the microseconds since the line began, a whole number")?;
    let time = words.next().and_then(|word| parse_instant(word, UtcOffset::UTC).ok());
    let time: UtcTime = time.ok_or("the second word is the time, like 2024-06-12T02:30:05.120Z")?;
    let direction = words.next().and_then(direction);
    let direction = direction.ok_or("the third word is > (sent), < (heard) or ! (heard and thrown away)")?;
    let bytes: Option<Vec<u8>> = words.map(byte).collect();
    let bytes =
        bytes.ok_or("after the third word stand bytes, each two hexadecimal digits, like 01 03 0a")?;
    if !(1..=TCP_FRAME_BYTES_MAX).contains(&bytes.len()) {
        return Err("a frame has 1 to 260 bytes");
    }
    Ok(Frame { direction, at: Duration::from_micros(at), time, bytes })
}

fn byte(word: &str) -> Option<u8> {
    let is_hex = word.len() == 2 && word.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hex { u8::from_str_radix(word, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let directions =
            prop_oneof![Just(Direction::Sent), Just(Direction::Heard), Just(Direction::Discarded)];
        let bytes = prop::collection::vec(any::<u8>(), 1..=TCP_FRAME_BYTES_MAX);
        let one = (directions, 0..u64::from(u32::MAX), 0..4_000_000_000_000_i64, bytes);
        prop::collection::vec(one, 0..20).prop_map(|mut drawn| {
            drawn.sort_by_key(|(_, at, ..)| *at);
            let frame = |(direction, at, ms, bytes)| Frame {
                direction,
                at: Duration::from_micros(at),
                time: UtcTime::from_ms(ms),
                bytes,
            };
            drawn.into_iter().map(frame).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_it_was(frames in frames(), tcp in any::<bool>()) {
            let protocol = if tcp { Protocol::Tcp } else { Protocol::Rtu { local_echo: false } };
            let recording = Recording { line: "rs485-1".to_owned(), protocol, frames };
            prop_assert_eq!(Recording::parse(&recording.text()).unwrap(), recording);
        }

        #[test]
        fn no_text_makes_the_reader_panic(tail in ".{0,200}") {
            let _ = Recording::parse(&tail);
            let _ = Recording::parse(&format!("{HEAD}1\nprotocol rtu\nline a\n{tail}"));
        }
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        let head = "cems-gateway recording 1\nprotocol tcp\nline lan\n";
        for (text, told) in [
            ("", "no recording"),
            ("[cems]\n", "no recording"),
            ("cems-gateway recording 2\n", "version 2"),
            ("cems-gateway recording 1\n", "line 2: here stands 'protocol rtu'"),
            ("cems-gateway recording 1\nprotocol ascii\n", "line 2"),
            ("cems-gateway recording 1\nprotocol rtu\n", "line 3"),
            ("cems-gateway recording 1\nprotocol rtu\nline \n", "line 3"),
            (&format!("{head}\n# a remark\n1.5 2024-06-12T00:00:00Z > 01"), "line 6: it begins with"),
            (&format!("{head}5 noon > 01"), "line 4: the second word"),
            (&format!("{head}5 2024-06-12T00:00:00Z = 01"), "line 4: the third word"),
            (&format!("{head}5 2024-06-12T00:00:00Z > 01 3"), "line 4: after the third word"),
            (&format!("{head}5 2024-06-12T00:00:00Z > +1"), "line 4: after the third word"),
            (&format!("{head}5 2024-06-12T00:00:00Z >"), "line 4: a frame has 1 to 260 bytes"),
            (
                &format!("{head}5 2024-06-12T00:00:00Z > 01\n4 2024-06-12T00:00:00Z < 01"),
                "line 5: it is earlier",
            ),
        ] {
            let refused = Recording::parse(text).unwrap_err().to_string();
            assert!(refused.contains(told), "{text}: {refused}");
        }
        let huge = format!("{head}{}", "#\n".repeat(RECORDING_FILE_BYTES_MAX / 2));
        assert!(matches!(Recording::parse(&huge), Err(RecordingError::TooLong)));
    }
}
