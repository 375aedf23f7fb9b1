//! Edits by the number of a line: for a site file that is no TOML, or has a fault that names its line.

use super::EditError;
use crate::limits::CONFIG_BYTES_MAX;

/// One edit of one line; numbers count from 1, as those of faults do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEdit {
    /// Writes a line anew.
    Replace {
        /// Which.
        line: usize,
        /// What it says from then on.
        text: String,
    },
    /// Puts a line before another one, or behind the last.
    Insert {
        /// Its number from then on.
        line: usize,
        /// What it says.
        text: String,
    },
    /// Takes a line away.
    Remove {
        /// Which.
        line: usize,
    },
}

/// The text after `edit`, whatever it is a text of. All lines end as the first one does.
pub(super) fn apply(text: &str, edit: &LineEdit) -> Result<String, EditError> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.len();
    let at = |line: usize, last: usize| {
        let index = line.checked_sub(1).filter(|index| *index < last);
        index.ok_or(EditError::NoLine { line, last })
    };
    match edit {
        LineEdit::Replace { line, text } => {
            let index = at(*line, last)?;
            lines.splice(index..=index, [text.as_str()]);
        }
        LineEdit::Insert { line, text } => lines.insert(at(*line, last.saturating_add(1))?, text),
        LineEdit::Remove { line } => {
            lines.remove(at(*line, last)?);
        }
    }
    let after: String = lines.iter().flat_map(|line| [*line, end]).collect();
    if after.len() > CONFIG_BYTES_MAX { Err(EditError::TooLarge) } else { Ok(after) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replace(line: usize, text: &str) -> LineEdit {
        LineEdit::Replace { line, text: text.to_owned() }
    }

    fn insert(line: usize, text: &str) -> LineEdit {
        LineEdit::Insert { line, text: text.to_owned() }
    }

    #[test]
    fn one_line_changes_and_all_others_stay() {
        for (edit, expected) in [
            (replace(1, "x"), Ok("x\nb\n")),
            (replace(2, ""), Ok("a\n\n")),
            (insert(1, "x"), Ok("x\na\nb\n")),
            (insert(3, "x"), Ok("a\nb\nx\n")),
            (LineEdit::Remove { line: 1 }, Ok("b\n")),
            (replace(0, "x"), Err(EditError::NoLine { line: 0, last: 2 })),
            (replace(3, "x"), Err(EditError::NoLine { line: 3, last: 2 })),
            (insert(4, "x"), Err(EditError::NoLine { line: 4, last: 3 })),
            (insert(usize::MAX, "x"), Err(EditError::NoLine { line: usize::MAX, last: 3 })),
            (LineEdit::Remove { line: 3 }, Err(EditError::NoLine { line: 3, last: 2 })),
        ] {
            assert_eq!(apply("a\nb", &edit), expected.map(str::to_owned), "{edit:?}");
        }
    }

    #[test]
    fn a_file_of_windows_stays_one_and_an_empty_one_gets_its_first_line() {
        assert_eq!(apply("a\r\nb\r\n", &replace(2, "x")).unwrap(), "a\r\nx\r\n");
        assert_eq!(apply("", &insert(1, "x")).unwrap(), "x\n");
    }

    #[test]
    fn what_would_be_no_site_file_by_its_size_is_refused() {
        let full = "#".repeat(CONFIG_BYTES_MAX - 1);
        assert_eq!(apply(&full, &insert(1, "")), Err(EditError::TooLarge));
        assert!(apply(&full, &replace(1, "#")).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_put_in_and_taken_out_again_leaves_the_text(
            lines in prop::collection::vec("[a-z =\"]{0,6}", 1..9),
            line in 1_usize..9,
            new in "[a-z]{0,4}",
        ) {
            let text: String = lines.iter().map(|line| line.clone() + "\n").collect();
            let line = line.min(lines.len() + 1);
            let more = apply(&text, &insert(line, &new)).unwrap();
            prop_assert_eq!(more.lines().nth(line - 1), Some(new.as_str()));
            prop_assert_eq!(apply(&more, &LineEdit::Remove { line }).unwrap(), text);
        }
    }
}
