//! The line a technician types: keys in, echo and finished lines out; pure.

use unicode_width::UnicodeWidthChar;

use crate::limits::CONSOLE_LINE_BYTES_MAX;

/// What a key brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Enter after a line that fits.
    Line(String),
    /// Enter after more than fits; the line is thrown away.
    TooLong,
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D on an empty line.
    Ended,
}

/// A line of at most [`CONSOLE_LINE_BYTES_MAX`] bytes, edited at its end.
#[derive(Debug)]
pub(super) struct Editor {
    line: String,
    last: String,
    /// Bytes of a character that is not complete yet.
    partial: Vec<u8>,
    escape: Escape,
    /// The byte before was a carriage return, so that a line feed belongs to it.
    after_return: bool,
    overflowed: bool,
    hidden: bool,
    echo: Vec<u8>,
}

/// Where in an escape sequence, such as the arrow keys send, the next byte lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Outside,
    Started,
    Parameters,
}

const BELL: u8 = 0x07;

impl Editor {
    pub(super) fn new() -> Self {
        Self {
            line: String::with_capacity(CONSOLE_LINE_BYTES_MAX),
            last: String::new(),
            partial: Vec::with_capacity(4),
            escape: Escape::Outside,
            after_return: false,
            overflowed: false,
            hidden: false,
            echo: Vec::new(),
        }
    }

    /// Starts a new line; a hidden one is neither echoed nor remembered.
    pub(super) fn start(&mut self, hidden: bool) {
        self.line.clear();
        self.partial.clear();
        self.overflowed = false;
        self.hidden = hidden;
    }

    /// What is to be sent back to the terminal since the last call.
    pub(super) fn take_echo(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.echo)
    }

    /// Takes one byte from the terminal.
    pub(super) fn take(&mut self, byte: u8) -> Option<Typed> {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        if self.in_escape(byte) {
            return None;
        }
        if !self.partial.is_empty() || byte >= 0x80 {
            self.take_partial(byte);
            return None;
        }
        match byte {
            b'\n' if after_return => None,
            b'\r' | b'\n' => Some(self.enter()),
            0x03 => {
                self.echo.extend(b"^C\r\n");
                self.line.clear();
                Some(Typed::Interrupted)
            }
            0x04 if self.line.is_empty() => {
                self.echo.extend(b"\r\n");
                Some(Typed::Ended)
            }
            0x08 | 0x7F => {
                self.erase_last();
                None
            }
            0x15 => {
                self.erase_all();
                None
            }
            b'\t' => {
                self.insert(' ');
                None
            }
            0x20..0x7F => {
                self.insert(char::from(byte));
                None
            }
            _ => {
                self.echo.push(BELL);
                None
            }
        }
    }

    fn enter(&mut self) -> Typed {
        self.echo.extend(b"\r\n");
        let line = self.line.clone();
        self.line.clear();
        if std::mem::take(&mut self.overflowed) {
            return Typed::TooLong;
        }
        if !self.hidden && !line.trim().is_empty() {
            self.last.clone_from(&line);
        }
        Typed::Line(line)
    }

    /// Whether `byte` belongs to an escape sequence; acts on the one that is known, arrow up.
    fn in_escape(&mut self, byte: u8) -> bool {
        let (inside, next) = match (self.escape, byte) {
            (_, 0x1B) => (true, Escape::Started),
            (Escape::Started, b'[' | b'O') | (Escape::Parameters, 0x20..=0x3F) => (true, Escape::Parameters),
            (Escape::Parameters, 0x40..=0x7E) => {
                if byte == b'A' {
                    self.recall();
                }
                (true, Escape::Outside)
            }
            // Outside, or no sequence after all: the byte counts for itself.
            _ => (false, Escape::Outside),
        };
        self.escape = next;
        inside
    }

    fn take_partial(&mut self, byte: u8) {
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                let c = text.chars().next();
                self.partial.clear();
                match c.filter(|c| !c.is_control()) {
                    Some(c) => self.insert(c),
                    None => self.echo.push(BELL),
                }
            }
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                self.partial.clear();
                self.echo.push(BELL);
            }
        }
    }

    fn insert(&mut self, c: char) {
        if self.overflowed || self.line.len() + c.len_utf8() > CONSOLE_LINE_BYTES_MAX {
            self.overflowed = true;
            self.echo.push(BELL);
            return;
        }
        self.line.push(c);
        if !self.hidden {
            self.echo.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn erase_last(&mut self) {
        match self.line.pop() {
            Some(_) if self.hidden => {}
            Some(c) => (0..c.width().unwrap_or(0)).for_each(|_| self.echo.extend(b"\x08 \x08")),
            None => self.echo.push(BELL),
        }
    }

    fn erase_all(&mut self) {
        self.overflowed = false;
        while !self.line.is_empty() {
            self.erase_last();
        }
    }

    fn recall(&mut self) {
        if self.hidden || self.last.is_empty() {
            self.echo.push(BELL);
            return;
        }
        self.erase_all();
        self.line.clone_from(&self.last);
        self.echo.extend(self.last.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn type_into(editor: &mut Editor, keys: &[u8]) -> (Vec<Typed>, String) {
        let typed = keys.iter().filter_map(|byte| editor.take(*byte)).collect();
        (typed, String::from_utf8(editor.take_echo()).unwrap())
    }

    fn line(text: &str) -> Typed {
        Typed::Line(text.to_owned())
    }

    #[test]
    fn a_line_ends_once_whatever_the_terminal_sends_for_enter() {
        for keys in ["a\rb\r", "a\nb\n", "a\r\nb\r\n"] {
            assert_eq!(type_into(&mut Editor::new(), keys.as_bytes()).0, [line("a"), line("b")], "{keys:?}");
        }
    }

    #[test]
    fn backspace_takes_a_whole_character_and_its_columns() {
        let mut editor = Editor::new();
        let (typed, echo) = type_into(&mut editor, "a冷\x7f\x08\x08b\r".as_bytes());
        assert_eq!(typed, [line("b")]);
        assert_eq!(echo, "a冷\x08 \x08\x08 \x08\x08 \x08\x07b\r\n");
    }

    #[test]
    fn ctrl_u_erases_the_line_and_ctrl_c_leaves_it() {
        let mut editor = Editor::new();
        assert_eq!(type_into(&mut editor, b"abc\x15d\r").0, [line("d")]);
        let (typed, echo) = type_into(&mut editor, b"abc\x03e\r");
        assert_eq!(typed, [Typed::Interrupted, line("e")]);
        assert_eq!(echo, "abc^C\r\ne\r\n");
    }

    #[test]
    fn ctrl_d_ends_only_an_empty_line() {
        let mut editor = Editor::new();
        assert_eq!(type_into(&mut editor, b"a\x04\r\x04").0, [line("a"), Typed::Ended]);
    }

    #[test]
    fn arrow_up_recalls_the_last_line_and_other_sequences_do_nothing() {
        let mut editor = Editor::new();
        let keys = b"status\r\r\x1b[A\rx\x1b[B\x1b[3~\x1bOP\x1b[1;5C\r";
        assert_eq!(type_into(&mut editor, keys).0, [line("status"), line(""), line("status"), line("x")]);
        let (_, echo) = type_into(&mut editor, b"ab\x1b[A");
        assert_eq!(echo, "ab\x08 \x08\x08 \x08x");
    }

    #[test]
    fn a_hidden_line_is_neither_echoed_nor_recalled() {
        let mut editor = Editor::new();
        editor.start(true);
        let (typed, echo) = type_into(&mut editor, "geheim密\x7f!\r".as_bytes());
        assert_eq!((typed, echo.as_str()), (vec![line("geheim!")], "\r\n"));
        editor.start(false);
        assert_eq!(type_into(&mut editor, b"\x1b[A\r").0, [line("")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_whole_and_the_next_one_is_not() {
        let mut editor = Editor::new();
        let long = "x".repeat(CONSOLE_LINE_BYTES_MAX + 1);
        assert_eq!(type_into(&mut editor, format!("{long}\r").as_bytes()).0, [Typed::TooLong]);
        let full = "x".repeat(CONSOLE_LINE_BYTES_MAX);
        assert_eq!(type_into(&mut editor, format!("{full}\r").as_bytes()).0, [line(&full)]);
        assert_eq!(type_into(&mut editor, format!("{long}\x15y\r").as_bytes()).0, [line("y")]);
        let three_bytes = "冷".repeat(CONSOLE_LINE_BYTES_MAX / 3 + 1);
        assert_eq!(type_into(&mut editor, format!("{three_bytes}\r").as_bytes()).0, [Typed::TooLong]);
    }

    #[test]
    fn bytes_that_are_no_characters_ring_the_bell_and_are_left_out() {
        let mut editor = Editor::new();
        let (typed, echo) = type_into(&mut editor, b"a\xff\xe5\x41b\x00\r");
        assert_eq!((typed, echo.as_str()), (vec![line("ab")], "a\x07\x07b\x07\r\n"));
    }

    proptest! {
        /// Line noise never gets more into a line than fits, nor a control character.
        #[test]
        fn any_bytes_make_only_printable_lines_that_fit(keys in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let mut editor = Editor::new();
            for byte in keys {
                if let Some(Typed::Line(line)) = editor.take(byte) {
                    prop_assert!(line.len() <= CONSOLE_LINE_BYTES_MAX);
                    prop_assert!(!line.chars().any(char::is_control));
                }
                editor.take_echo();
            }
        }
    }
}
