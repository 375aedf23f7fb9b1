//! A line that is asked for more than it can do.

use std::fmt;

use crate::time::Interval;

/// Shares of a line's time that differ by less are the same: what is summed up in another order may differ in
/// its last digits.
const SHARE_STEP: f64 = 1e-6;

/// A line that cannot do all that it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Overload {
    /// The line's ID.
    pub line_id: String,
    /// How much of its time would be taken; more than 1.
    pub share: f64,
    /// The shortest interval on it.
    pub shortest: Interval,
    /// The meters that are read so often.
    pub meters: Vec<String>,
    /// What that interval would have to be; `None` where that alone is not enough.
    pub possible: Option<Interval>,
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line_id, share, shortest, meters, possible } = self;
        let meters = meters.join(", ");
        write!(f, "line '{line_id}' would be taken {:.0} % of its time; ", share * 100.0)?;
        match possible {
            Some(possible) => write!(f, "{possible} instead of {shortest} could be kept by {meters}")?,
            None => write!(f, "longer intervals than {shortest} alone are not enough")?,
        }
        f.write_str("; or raise the baud rate, read fewer registers, or split the line")
    }
}

/// The overloads of a site that is to take the place of another one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overloads {
    /// Lines that were none before, or were taken less: the change is to be refused.
    pub added: Vec<Overload>,
    /// Lines that were so before: no reason to refuse what mends something else.
    pub kept: Vec<Overload>,
}

impl Overloads {
    /// The overloads `after` a change, held against those `before` it.
    #[must_use]
    pub fn between(before: &[Overload], after: Vec<Overload>) -> Self {
        let is_kept = |overload: &Overload| {
            let same_line = before.iter().find(|known| known.line_id == overload.line_id);
            same_line.is_some_and(|known| overload.share <= known.share + SHARE_STEP)
        };
        let (kept, added) = after.into_iter().partition(is_kept);
        Self { added, kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overload(line: &str, share: f64) -> Overload {
        let (shortest, meters) = (Interval::SECOND, vec!["m".to_owned()]);
        Overload { line_id: line.to_owned(), share, shortest, meters, possible: None }
    }

    #[test]
    fn an_overload_is_kept_where_the_same_line_was_taken_as_much_before() {
        let before = [overload("a", 1.41), overload("b", 2.0)];
        for (line, share, is_kept) in [
            ("a", 1.41, true),
            ("a", 1.410_000_000_000_1, true),
            ("a", 1.2, true),
            ("a", 1.42, false),
            ("b", 1.9, true),
            ("c", 1.1, false),
        ] {
            let between = Overloads::between(&before, vec![overload(line, share)]);
            let counts = (between.kept.len(), between.added.len());
            assert_eq!(counts, if is_kept { (1, 0) } else { (0, 1) }, "{line} {share}");
        }
    }
}
