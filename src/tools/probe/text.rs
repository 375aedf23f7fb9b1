//! What registers may be, as text: lines for a site file, and a table of every type and order.

use std::fmt::Write as _;

use super::judge::Guess;
use super::ways::{ORDERS, TYPES, Way, addresses, ways_at};
use crate::language::Language;
use crate::modbus::line::RegisterBlock;
use crate::model::quality::Cause;
use crate::model::register::{DataType, RawValue};

/// Possible ways shown; the likely ones are never left out.
const POSSIBLE_MAX: usize = 8;
/// Characters of a number in the table.
const CELL_CHARS: usize = 22;

/// The best ways, then others that are likely, then those that are only possible.
pub(super) fn guesses(guesses: &[Guess], language: Language) -> String {
    let best = guesses.first();
    let likely = guesses.iter().filter(|guess| guess.is_likely());
    let (near, far): (Vec<_>, Vec<_>) =
        likely.partition(|guess| best.is_some_and(|best| guess.is_near(best)));
    let possible: Vec<_> = guesses.iter().filter(|guess| !guess.is_likely()).collect();
    let possible = list(language.pick("possible:", "可能："), &possible, POSSIBLE_MAX, language);
    if near.is_empty() {
        let none = language.pick(
            "likely: none; ask while the meter measures something, or try the addresses around\n\n",
            "很可能：无；请在电表有测量值时再读，或试读相邻地址\n\n",
        );
        return format!("{none}{possible}");
    }
    let near_head = language.pick("likely, the best first:", "很可能，最佳在前：");
    let far_head = language.pick("less likely:", "较不可能：");
    let near = list(near_head, &near, usize::MAX, language);
    near + &list(far_head, &far, usize::MAX, language) + &possible
}

/// A list under its head; nothing where it is empty.
fn list(head: &str, guesses: &[&Guess], shown_max: usize, language: Language) -> String {
    if guesses.is_empty() {
        return String::new();
    }
    let mut text = format!("{head}\n");
    text.extend(guesses.iter().take(shown_max).map(|guess| line(guess, language)));
    if let Some(more @ 1..) = guesses.len().checked_sub(shown_max) {
        let _ = match language {
            Language::English => writeln!(text, "and {more} more"),
            Language::Chinese => writeln!(text, "另有 {more} 种"),
        };
    }
    text.push('\n');
    text
}

/// As it goes into a site file, with what it then says.
fn line(guess: &Guess, language: Language) -> String {
    let Guess { register, scale, quantity, value, .. } = guess;
    let mut text = format!(
        "register = {{ table = \"{}\", address = {}, type = \"{}\", word_order = \"{}\" }}",
        register.table.name(),
        register.address,
        register.data_type,
        register.word_order
    );
    let unit = if quantity.unit() == "1" { String::new() } else { format!(" {}", quantity.unit()) };
    let _ = writeln!(text, "  # {} {value}{unit}", quantity.name(language));
    if *scale < 1.0 {
        let _ = writeln!(text, "scale = {scale}");
    }
    text
}

/// Every type at every address, in every word order.
pub(super) fn all(block: &RegisterBlock, language: Language) -> String {
    // Each Chinese character is as wide as two of the others.
    let mut text = language.pick("address  type  ", "   地址  类型  ").to_owned();
    for order in ORDERS {
        let _ = write!(text, "{order:>CELL_CHARS$}");
    }
    text.push('\n');
    for address in addresses(block) {
        for data_type in TYPES {
            text.push_str(&row(address, data_type, &ways_at(block, address, data_type)));
        }
    }
    text
}

/// One row; none where the span ends before the value.
fn row(address: u16, data_type: DataType, ways: &[Way]) -> String {
    if ways.is_empty() {
        return String::new();
    }
    let mut text = format!("{address:>7}  {:<6}", data_type.to_string());
    for order in ORDERS {
        let way = ways.iter().find(|way| way.register.word_order.to_string() == order);
        let _ = write!(text, "{:>CELL_CHARS$}", way.map_or_else(String::new, |way| cell(&way.raw)));
    }
    format!("{}\n", text.trim_end())
}

fn cell(raw: &Result<RawValue, Cause>) -> String {
    match raw {
        Ok(RawValue::Integer(number)) => number.to_string(),
        Ok(RawValue::Float(number)) if (1e-4..1e12).contains(&number.abs()) || *number == 0.0 => {
            number.to_string().chars().take(CELL_CHARS - 1).collect()
        }
        Ok(RawValue::Float(number)) => format!("{number:.5e}"),
        Ok(RawValue::Text(_)) | Err(_) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::golden_text::assert_golden;
    use super::super::judge;
    use super::*;
    use crate::model::register::{Span, Table};
    use crate::time::UtcTime;

    fn block(words: &[u16]) -> RegisterBlock {
        let span = Span { start: 52, count: u16::try_from(words.len()).unwrap() };
        RegisterBlock {
            table: Table::InputRegister,
            span,
            words: words.iter().copied().collect(),
            read_at: UtcTime::default(),
        }
    }

    #[test]
    fn the_best_guess_can_be_pasted_into_a_site_file() {
        let text = guesses(&judge::guesses(&block(&[0x199A, 0x4366])), Language::English);
        assert_eq!(
            text.lines().nth(1),
            Some(
                r#"register = { table = "input", address = 52, type = "f32", word_order = "CDAB" }  # voltage 230.1 V"#
            )
        );
        let text = guesses(&judge::guesses(&block(&[2_301])), Language::English);
        assert!(text.contains("# voltage 230.1 V\nscale = 0.1\n"), "{text}");
    }

    #[test]
    fn what_may_be_chance_stands_below_what_is_none() {
        let text = guesses(&judge::guesses(&block(&[0x4348, 0x0000, 0x435C, 0x0000])), Language::English);
        let heads: Vec<&str> = text.lines().filter(|line| line.ends_with(':')).collect();
        assert_eq!(heads, ["likely, the best first:", "less likely:", "possible:"]);
        let best: Vec<&str> = text.lines().skip(1).take_while(|line| !line.is_empty()).collect();
        assert_eq!(best.len(), 3, "{text}");
        assert!(best.iter().all(|line| line.contains("\"f32\"") && line.contains("voltage 2")), "{text}");
    }

    #[test]
    fn where_nothing_is_likely_the_text_says_what_to_try() {
        let text = guesses(&judge::guesses(&block(&[0; 4])), Language::English);
        assert!(text.starts_with("likely: none; "), "{text}");
    }

    #[test]
    fn the_table_shows_every_type_in_every_order_and_a_dash_for_what_is_no_number() {
        let text = all(&block(&[0x4366, 0x199A]), Language::English);
        let row = |name: &str| {
            let row = text.lines().find(|line| line.starts_with(&format!("     52  {name} "))).unwrap();
            row.split_whitespace().skip(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("f32"), ["230.1", "1.59504e-23", "2.30926e23", "-3.17223e-23"], "{text}");
        assert_eq!(row("u16"), ["17254", "26179"]);
        assert_eq!(row("bcd32"), ["-", "-", "-", "-"]);
    }

    #[test]
    fn a_probe_is_told_in_english_and_in_chinese() {
        let (known, empty) = (block(&[0x4366, 0x199A, 0, 0, 2_301]), block(&[0; 2]));
        for (name, language) in [("english", Language::English), ("chinese", Language::Chinese)] {
            let told = |of: &RegisterBlock| guesses(&judge::guesses(of), language) + &all(of, language);
            assert_golden(&format!("probe-{name}.txt"), &(told(&known) + &told(&empty)));
        }
    }
}
