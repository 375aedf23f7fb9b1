//! What two texts differ in, line by line.

/// Cells of the comparison table. Beyond, the changed stretch is shown as removed and added whole.
const CELLS_MAX: usize = 1_000_000;
/// Unchanged lines shown around a change, so that one sees where it is.
const CONTEXT: usize = 2;

/// One line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffLine {
    /// In both texts, shown for orientation.
    Same {
        /// 1-based, in the new text.
        line: usize,
        /// Without its line end.
        text: String,
    },
    /// Only in the old text.
    Removed {
        /// 1-based, in the old text.
        line: usize,
        /// Without its line end.
        text: String,
    },
    /// Only in the new text.
    Added {
        /// 1-based, in the new text.
        line: usize,
        /// Without its line end.
        text: String,
    },
    /// Unchanged lines left out.
    Skipped,
}

/// The lines that differ between `old` and `new`, each with a little of what surrounds it; empty when
/// the texts have the same lines.
#[must_use]
pub fn difference(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old == new {
        return Vec::new();
    }
    let steps = steps(&old, &new);
    shorten(&steps, &old, &new)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Same,
    Remove,
    Add,
}

fn steps(old: &[&str], new: &[&str]) -> Vec<Step> {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let mut steps = vec![Step::Same; head];
    if (old.len() + 1).saturating_mul(new.len() + 1) <= CELLS_MAX {
        steps.extend(middle_steps(old, new));
    } else {
        steps.extend(old.iter().map(|_| Step::Remove));
        steps.extend(new.iter().map(|_| Step::Add));
    }
    steps.extend(std::iter::repeat_n(Step::Same, tail));
    steps
}

/// Along a longest common subsequence.
fn middle_steps(old: &[&str], new: &[&str]) -> Vec<Step> {
    let width = new.len() + 1;
    // common[i * width + j] is the length of the longest common subsequence of old[i..] and new[j..].
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::with_capacity(old.len() + new.len());
    while i < old.len() || j < new.len() {
        let step = if i == old.len() {
            Step::Add
        } else if j == new.len() {
            Step::Remove
        } else if old[i] == new[j] {
            Step::Same
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            Step::Remove
        } else {
            Step::Add
        };
        i += usize::from(step != Step::Add);
        j += usize::from(step != Step::Remove);
        steps.push(step);
    }
    steps
}

/// Leaves out unchanged lines that are far from any change.
fn shorten(steps: &[Step], old: &[&str], new: &[&str]) -> Vec<DiffLine> {
    let changed = |at: usize| steps.get(at).is_some_and(|step| *step != Step::Same);
    let near = |at: usize| (at.saturating_sub(CONTEXT)..=at + CONTEXT).any(changed);
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Same if near(at) => lines.push(DiffLine::Same { line: j + 1, text: new[j].to_owned() }),
            Step::Same if lines.last() != Some(&DiffLine::Skipped) => lines.push(DiffLine::Skipped),
            Step::Same => {}
            Step::Remove => lines.push(DiffLine::Removed { line: i + 1, text: old[i].to_owned() }),
            Step::Add => lines.push(DiffLine::Added { line: j + 1, text: new[j].to_owned() }),
        }
        i += usize::from(*step != Step::Add);
        j += usize::from(*step != Step::Remove);
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let show = |line: DiffLine| match line {
            DiffLine::Same { line, text } => format!("{line} {text}"),
            DiffLine::Removed { line, text } => format!("-{line} {text}"),
            DiffLine::Added { line, text } => format!("+{line} {text}"),
            DiffLine::Skipped => "...".to_owned(),
        };
        difference(old, new).into_iter().map(show).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_change_is_shown_with_two_lines_around_it() {
        let old = "a\nb\nc\nd\ne\nf\ng\n";
        assert_eq!(shown(old, "a\nb\nc\nD\ne\nf\ng\n"), "...|2 b|3 c|-4 d|+4 D|5 e|6 f|...");
        assert_eq!(shown(old, old), "");
        assert_eq!(shown("", "a\n"), "+1 a");
        assert_eq!(shown("a\n", ""), "-1 a");
    }

    #[test]
    fn a_huge_change_is_still_told_at_once() {
        let (old, new) = ("old\n".repeat(3_000), "new\n".repeat(3_000));
        assert_eq!(difference(&old, &new).len(), 6_000);
    }

    proptest! {
        /// Whatever is removed and added leads from the old text to the new one.
        #[test]
        fn the_steps_lead_from_old_to_new(old in "[abc\n]{0,40}", new in "[abc\n]{0,40}") {
            let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
            let (mut from_old, mut to_new) = (old.iter(), new.iter());
            for step in steps(&old, &new) {
                match step {
                    Step::Same => prop_assert_eq!(from_old.next(), to_new.next()),
                    Step::Remove => prop_assert!(from_old.next().is_some()),
                    Step::Add => prop_assert!(to_new.next().is_some()),
                }
            }
            prop_assert!(from_old.next().is_none() && to_new.next().is_none());
        }
    }
}
