//! The site file line by line: how it is shown, and how a line of it is typed.

use std::fmt::Write as _;

use super::command::Refusal;
use super::table::file_line;
use super::verb::Verb;
use crate::config::edit::{Edit, LineEdit};
use crate::language::Language;

/// Lines shown at once: a screen of a serial terminal.
const LINES_SHOWN: usize = 20;

/// The lines of a site file from number `from` on, as many as a screen holds.
pub(super) fn page(text: &str, from: usize, language: Language) -> String {
    let last = text.lines().count();
    let mut shown = String::new();
    for (number, line) in (1..).zip(text.lines()).skip(from.saturating_sub(1)).take(LINES_SHOWN) {
        let _ = writeln!(shown, "{}", format!("{number:>5}  {}", file_line(line)).trim_end());
    }
    let next = from.max(1).saturating_add(LINES_SHOWN);
    match language {
        Language::English if shown.is_empty() => format!("the file has {last} lines\n"),
        Language::Chinese if shown.is_empty() => format!("文件共 {last} 行\n"),
        _ if next > last => shown,
        Language::English => format!("{shown}   ...  of {last}; 'site show {next}' goes on\n"),
        Language::Chinese => format!("{shown}   ...  共 {last} 行；site show {next} 继续\n"),
    }
}

/// The edit of `site line NUMBER TEXT` and `site insert NUMBER TEXT`, whose text is taken as it stands, with its
/// quotation marks and blanks; `None` for any other command.
pub(super) fn typed(typed: &str) -> Option<Result<Edit, Refusal>> {
    let (first, rest) = word(typed)?;
    let (second, rest) = word(rest)?;
    let verb = match (first, second) {
        ("site", "line") => Verb::SiteLine,
        ("site", "insert") => Verb::SiteInsert,
        _ => return None,
    };
    Some(edit(verb, rest))
}

fn edit(verb: Verb, rest: &str) -> Result<Edit, Refusal> {
    let (number, text) = word(rest).ok_or(Refusal::Usage(verb))?;
    let (line, text) = (line_number(number)?, text.to_owned());
    Ok(Edit::Line(match verb {
        Verb::SiteInsert => LineEdit::Insert { line, text },
        _ => LineEdit::Replace { line, text },
    }))
}

/// A number of a line, from 1.
pub(super) fn line_number(word: &str) -> Result<usize, Refusal> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Refusal::Line(word.to_owned()))
}

/// The first word, and what follows the one blank behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some(parts) => Some(parts),
        None if text.is_empty() => None,
        None => Some((text, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_as_it_stands() {
        let replace = |line, text: &str| Edit::Line(LineEdit::Replace { line, text: text.to_owned() });
        let insert = |line, text: &str| Edit::Line(LineEdit::Insert { line, text: text.to_owned() });
        for (line, expected) in [
            ("site line 17 name = \"3# “冷机”\"", Some(Ok(replace(17, "name = \"3# “冷机”\"")))),
            ("  site  line 1   # two blanks before", Some(Ok(replace(1, "  # two blanks before")))),
            ("site line 4 baud = \"9600", Some(Ok(replace(4, "baud = \"9600")))),
            ("site insert 2", Some(Ok(insert(2, "")))),
            ("site line", Some(Err(Refusal::Usage(Verb::SiteLine)))),
            ("site line 0 x", Some(Err(Refusal::Line("0".to_owned())))),
            ("site insert x y", Some(Err(Refusal::Line("x".to_owned())))),
            ("site show 4", None),
            ("sites line 4", None),
            ("", None),
        ] {
            assert_eq!(typed(line), expected, "{line}");
        }
    }

    #[test]
    fn a_page_has_numbers_and_tells_how_to_go_on() {
        let text = (1..=30).fold(String::new(), |text, number| text + &format!("key{number} = \u{1b}1\n"));
        let first = page(&text, 1, Language::English);
        assert!(first.starts_with("    1  key1 = ") && !first.contains('\u{1b}'), "{first}");
        assert!(first.ends_with("   20  key20 = ·1\n   ...  of 30; 'site show 21' goes on\n"), "{first}");
        let rest = page(&text, 21, Language::Chinese);
        assert!(rest.starts_with("   21  key21") && rest.ends_with("key30 = ·1\n"), "{rest}");
        assert_eq!(page(&text, 31, Language::English), "the file has 30 lines\n");
        assert_eq!(page("", 1, Language::English), "the file has 0 lines\n");
        assert_eq!(page("a\n", usize::MAX, Language::English), "the file has 1 lines\n");
    }
}
