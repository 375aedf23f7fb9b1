//! Guard: lets a body through only when it is JSON that the reader behind it cannot trip over.
//!
//! serde-json-core recurses on nested brackets without a limit, takes `null` for NaN and `1e999` for
//! infinity, skips over nonsense in unknown members and refuses characters beyond the first 65536
//! written as escapes. So the body is checked here by the grammar of RFC 8259, byte by byte, and
//! rewritten with its escapes as plain UTF-8.

use thiserror::Error;

use crate::limits;

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum GuardFault {
    /// Not UTF-8.
    #[error("byte {at} is not UTF-8; send the body as UTF-8")]
    NotUtf8 {
        /// Counted from 1.
        at: usize,
    },
    /// Not JSON.
    #[error("byte {at}: {wanted} is wanted here; see RFC 8259")]
    Syntax {
        /// Counted from 1.
        at: usize,
        /// What JSON has there.
        wanted: &'static str,
    },
    /// Nested too deep.
    #[error("byte {at}: lists and objects are nested deeper than {}", limits::API_JSON_DEPTH_MAX)]
    TooDeep {
        /// Counted from 1.
        at: usize,
    },
    /// A number that no double holds.
    #[error("byte {at}: the number is too large")]
    NotFinite {
        /// Counted from 1.
        at: usize,
    },
}

/// A control character as JSON writes it.
pub(super) fn escaped(control: char) -> String {
    format!("\\u{:04x}", u32::from(control))
}

/// `body` as the same JSON text without blanks, its escapes written out as UTF-8 where JSON lets
/// them be.
///
/// # Errors
/// When the body is not JSON, is nested too deep or holds a number that no double holds.
pub(super) fn normalise(body: &[u8]) -> Result<String, GuardFault> {
    let text = std::str::from_utf8(body).map_err(|why| GuardFault::NotUtf8 { at: why.valid_up_to() + 1 })?;
    let mut guard = Guard { text, at: 0, out: String::with_capacity(text.len()) };
    guard.value(0)?;
    guard.skip_blanks();
    if guard.at < text.len() {
        return Err(guard.wanted("the end of the body"));
    }
    Ok(guard.out)
}

struct Guard<'t> {
    text: &'t str,
    /// The next byte; always at the start of a character.
    at: usize,
    out: String,
}

impl Guard<'_> {
    /// Recursion ends at [`limits::API_JSON_DEPTH_MAX`].
    fn value(&mut self, depth: usize) -> Result<(), GuardFault> {
        self.skip_blanks();
        match self.peek() {
            Some(b'{' | b'[') if depth >= limits::API_JSON_DEPTH_MAX => {
                Err(GuardFault::TooDeep { at: self.at + 1 })
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => Err(self.wanted("a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), GuardFault> {
        self.take(b'{', "{")?;
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            return self.take(b'}', "}");
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.wanted("the name of a member in quotes"));
            }
            self.string()?;
            self.skip_blanks();
            self.take(b':', "':'")?;
            self.value(depth + 1)?;
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.take(b',', "','")?,
                _ => return self.take(b'}', "',' or '}'"),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), GuardFault> {
        self.take(b'[', "[")?;
        self.skip_blanks();
        if self.peek() == Some(b']') {
            return self.take(b']', "]");
        }
        loop {
            self.value(depth + 1)?;
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.take(b',', "','")?,
                _ => return self.take(b']', "',' or ']'"),
            }
        }
    }

    fn string(&mut self) -> Result<(), GuardFault> {
        self.take(b'"', "'\"'")?;
        loop {
            let Some(next) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
                return Err(self.wanted("the closing '\"' of a text"));
            };
            match next {
                '"' => return self.take(b'"', "'\"'"),
                '\\' => {
                    let character = self.escape()?;
                    self.push(character);
                }
                next if next < ' ' => return Err(self.wanted("an escape instead of a control character")),
                next => {
                    self.at += next.len_utf8();
                    self.out.push(next);
                }
            }
        }
    }

    /// Reads one escape, or the two that make one character beyond the first 65536.
    fn escape(&mut self) -> Result<char, GuardFault> {
        self.at += 1;
        let plain = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.wanted("one of \" \\ / b f n r t u after a backslash")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, GuardFault> {
        let start = self.at;
        let first = self.four_digits()?;
        let unit = match first {
            0xD800..=0xDBFF => {
                let pair = self.text.as_bytes().get(self.at..self.at + 2) == Some(b"\\u");
                if !pair {
                    return Err(self.wanted("the second half of a pair of \\u escapes"));
                }
                self.at += 1;
                let second = self.four_digits()?;
                let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400);
                low.map(|low| 0x1_0000 + ((first - 0xD800) << 10) + low)
            }
            unit => Some(unit),
        };
        let wrong = GuardFault::Syntax { at: start + 1, wanted: "a character, not half of a pair," };
        unit.and_then(char::from_u32).ok_or(wrong)
    }

    /// Reads `u` and four hexadecimal digits.
    fn four_digits(&mut self) -> Result<u32, GuardFault> {
        self.at += 1;
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.wanted("four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }

    /// Writes a character that came as an escape, as an escape only where JSON wants one.
    fn push(&mut self, character: char) {
        match character {
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            control if control < ' ' => {
                self.out.push_str(&escaped(control));
            }
            other => self.out.push(other),
        }
    }

    fn number(&mut self) -> Result<(), GuardFault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        if !written.parse().is_ok_and(f64::is_finite) {
            return Err(GuardFault::NotFinite { at: start + 1 });
        }
        self.out.push_str(written);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), GuardFault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.wanted("a digit")) } else { Ok(()) }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), GuardFault> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.wanted("true, false or null"));
        }
        self.at += word.len();
        self.out.push_str(word);
        Ok(())
    }

    fn take(&mut self, byte: u8, wanted: &'static str) -> Result<(), GuardFault> {
        if self.peek() != Some(byte) {
            return Err(self.wanted(wanted));
        }
        self.at += 1;
        self.out.push(char::from(byte));
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wanted(&self, wanted: &'static str) -> GuardFault {
        GuardFault::Syntax { at: self.at + 1, wanted }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<String, GuardFault> {
        normalise(body.as_bytes())
    }

    #[test]
    fn json_goes_through_with_its_escapes_written_out() {
        for (body, normal) in [
            ("{}", "{}"),
            (" { \"a\" : [ 1 , -2.5e+3 , true , null ] } \r\n", r#"{"a":[1,-2.5e+3,true,null]}"#),
            (r#""\u7535""#, "\"电\""),
            (r#""\ud83d\ude00""#, "\"😀\""),
            (r#""\u0022\"\u005c\\\/""#, r#""\"\"\\\\/""#),
            (r#""\n\u0000""#, r#""\u000a\u0000""#),
            ("\"电\u{7f}\"", "\"电\u{7f}\""),
        ] {
            assert_eq!(read(body).as_deref(), Ok(normal), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_at_its_byte() {
        for (body, at) in [
            ("", 1),
            ("{", 2),
            ("{\"a\":1,}", 8),
            ("[1,]", 4),
            ("[1 2]", 4),
            ("{\"a\" 1}", 6),
            ("{a:1}", 2),
            ("NaN", 1),
            ("[nul]", 2),
            ("Infinity", 1),
            ("01", 2),
            ("+1", 1),
            (".5", 1),
            ("1.", 3),
            ("1e", 3),
            ("{}x", 3),
            ("\"abc", 5),
            ("\"a\u{1}\"", 3),
            ("\"\\x\"", 3),
            ("\"\\u12g4\"", 4),
            ("\"\\ud800\"", 8),
            ("\"\\ud800\\u0041\"", 3),
            ("\"\\udc00\"", 3),
        ] {
            let found = read(body).map_err(|fault| match fault {
                GuardFault::Syntax { at, .. } => at,
                other => panic!("{body}: {other}"),
            });
            assert_eq!(found, Err(at), "{body}");
        }
        assert_eq!(read("[1e999]"), Err(GuardFault::NotFinite { at: 2 }));
        assert_eq!(normalise(b"\"a\xff\""), Err(GuardFault::NotUtf8 { at: 3 }));
    }

    #[test]
    fn nesting_is_bounded_however_deep_the_body_goes() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(limits::API_JSON_DEPTH_MAX)).is_ok());
        for depth in [limits::API_JSON_DEPTH_MAX + 1, 10_000, limits::API_BODY_BYTES_MAX / 2] {
            let at = limits::API_JSON_DEPTH_MAX + 1;
            assert_eq!(read(&nested(depth)), Err(GuardFault::TooDeep { at }));
        }
    }

    proptest! {
        #[test]
        fn it_takes_what_serde_json_takes_and_means_the_same(
            body in r#"[\[\]{}:," \\untrealse0-9.eE+\-A-Da-d/电😀]{0,24}"#,
        ) {
            let ours = read(&body);
            let theirs = serde_json::from_str::<serde_json::Value>(&body);
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}: {:?} {:?}", body, ours, theirs);
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&ours).unwrap(), theirs);
            }
        }

        #[test]
        fn any_text_survives_being_written_as_escapes(text in "\\PC{0,20}") {
            let escaped = |escapes: String, unit| format!("{escapes}\\u{unit:04X}");
            let escapes = text.encode_utf16().fold(String::new(), escaped);
            let normal = read(&format!("\"{escapes}\"")).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&normal).unwrap(), text);
        }

        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = normalise(&body);
        }
    }
}
