//! Outline: the members of an object and the entries of a list in JSON text that `guard` has passed.
//!
//! The text has no blanks, is balanced, and its only escapes inside texts are those that JSON needs.

use super::guard;

/// The members of an object, each with its name and its value as written; `None` for another value.
#[must_use]
pub(super) fn members(json: &str) -> Option<Vec<(&str, &str)>> {
    let inner = json.strip_prefix('{')?.strip_suffix('}')?;
    pieces(inner)
        .into_iter()
        .map(|piece| {
            let (name, rest) = piece.split_at(text_length(piece)?);
            Some((name.strip_prefix('"')?.strip_suffix('"')?, rest.strip_prefix(':')?))
        })
        .collect()
}

/// The entries of a list as written; `None` for another value.
#[must_use]
pub(super) fn elements(json: &str) -> Option<Vec<&str>> {
    Some(pieces(json.strip_prefix('[')?.strip_suffix(']')?))
}

/// `text` as JSON has it.
#[must_use]
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control < ' ' => quoted.push_str(&guard::escaped(control)),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Cuts at the commas that stand in no text, list or object.
fn pieces(inner: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let mut in_text = false;
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                found.extend(inner.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    found.extend(inner.get(start..).filter(|last| !last.is_empty()));
    found
}

/// Bytes of the text in quotes that `json` begins with.
fn text_length(json: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_are_told_apart_whatever_their_texts_hold() {
        let json = r#"{"a":[1,"],\",{"],"b,\"c":{"d":[]},"e":"x"}"#;
        let expected = [("a", r#"[1,"],\",{"]"#), (r#"b,\"c"#, r#"{"d":[]}"#), ("e", "\"x\"")];
        assert_eq!(members(json).unwrap(), expected);
        assert_eq!(elements(expected[0].1).unwrap(), ["1", r#""],\",{""#]);
        assert_eq!((members("{}"), elements("[]")), (Some(vec![]), Some(vec![])));
        assert_eq!((members("[]"), elements("{}"), members("1")), (None, None, None));
    }

    #[test]
    fn a_quoted_text_reads_back() {
        for text in ["", "PT-1", "\"\\\n\u{0}电😀"] {
            assert_eq!(serde_json::from_str::<String>(&quoted(text)).unwrap(), text);
        }
    }
}
