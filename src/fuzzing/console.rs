//! What a technician types.

use super::is_fit_for_a_terminal;
use crate::console::Language;
use crate::console::command::parse;
use crate::console::fuzzing::explained;
use crate::limits::CONSOLE_LINE_BYTES_MAX;

/// Characters of the longest refusal beside those that were typed.
const REFUSAL_CHARS_MAX: usize = 1_000;

/// A line is a command or is refused; the refusal can be shown, and a command means the same when blanks
/// stand around it.
pub(super) fn console_line(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    // The line editor lets nothing else through.
    if line.len() > CONSOLE_LINE_BYTES_MAX || line.chars().any(char::is_control) {
        return;
    }
    let parsed = parse(line);
    assert_eq!(parse(&format!("  {line}  ")), parsed, "blanks around a line change what it means");
    let Err(refusal) = parsed else { return };
    for language in [Language::English, Language::Chinese] {
        let told = explained(&refusal, language);
        assert!(is_fit_for_a_terminal(&told), "a refusal moves the cursor: {told:?}");
        assert!(told.chars().count() <= REFUSAL_CHARS_MAX + 2 * line.chars().count(), "{told}");
    }
}
