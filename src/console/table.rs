//! Columns that stand under each other, also where Chinese characters take two places.

use unicode_width::UnicodeWidthStr;

/// Blanks between two columns.
const GAP: usize = 2;

/// Lines of cells, each column as wide as its widest cell; the last column is left as it is.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `text` as a terminal may show it: a meter's own text could hold control sequences.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// A line of a file as a terminal may show it, with blanks for its tabs.
pub(super) fn file_line(text: &str) -> String {
    printable(&text.replace('\t', "    "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = table(&[row(["P", "有功", "1"]), row(["EPI", "p", "20"]), row(["x", "", ""])]);
        assert_eq!(text, "P    有功  1\nEPI  p     20\nx\n");
    }

    #[test]
    fn control_characters_are_not_sent_to_the_terminal() {
        assert_eq!(printable("SN\x1b[2J1\u{9b}2"), "SN·[2J1·2");
        assert_eq!(file_line("\tid = \"\x1b\""), "    id = \"·\"");
    }
}
