//! A line into its words.

use super::command::Refusal;
use super::verb::Verb;

/// Words of a line, separated by blanks; between quotation marks a blank belongs to the word. `None`
/// when a quotation mark is left open. Chinese input methods type other blanks, quotation marks and
/// equals signs; they count as the plain ones.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut inside, mut started) = (false, false);
    for c in line.chars() {
        match c {
            '"' | '“' | '”' => {
                inside = !inside;
                started = true;
            }
            c if c.is_whitespace() && !inside => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            c => {
                word.push(if c == '＝' { '=' } else { c });
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    (!inside).then_some(words)
}

/// Hands out the words of a line one by one.
pub(super) struct Words<'a>(std::slice::Iter<'a, String>);

impl<'a> Words<'a> {
    pub(super) fn new(words: &'a [String]) -> Self {
        Self(words.iter())
    }

    /// The next word, which `verb` cannot do without.
    pub(super) fn needed(&mut self, verb: Verb) -> Result<&'a str, Refusal> {
        self.next().ok_or(Refusal::Usage(verb))
    }

    /// Refuses words that are left over.
    pub(super) fn end(mut self, verb: Verb) -> Result<(), Refusal> {
        self.next().map_or(Ok(()), |_| Err(Refusal::Usage(verb)))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.next().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_separate_words_except_between_quotation_marks() {
        for (line, words) in [
            ("", vec![]),
            ("  a\tb　c ", vec!["a", "b", "c"]),
            ("name=\"3# 冷机\" x", vec!["name=3# 冷机", "x"]),
            ("name＝“3# 冷机”", vec!["name=3# 冷机"]),
            ("\"\"", vec![""]),
        ] {
            assert_eq!(split(line), Some(words.into_iter().map(str::to_owned).collect()), "{line}");
        }
        assert_eq!(split("a \"b"), None);
    }
}
