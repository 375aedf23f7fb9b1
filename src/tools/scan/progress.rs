//! How far a scan has come, for a person who waits: one line that is rewritten, or one now and then.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr;

use crate::language::Language;

/// A line of a terminal is rewritten at most this often.
const REWRITE_PERIOD: Duration = Duration::from_millis(200);
/// A log or a pipe gets a line this often.
const LINE_PERIOD: Duration = Duration::from_secs(5);
/// Columns of the line that is rewritten.
const LINE_COLUMNS: usize = 70;
/// Questions after which the time that they took tells that of the others.
const TELLING_ASKS: usize = 20;

/// Tells on standard error how far a scan has come.
pub(super) struct Progress {
    began: Instant,
    is_terminal: bool,
    shown_at: Option<Instant>,
}

/// How far it is.
pub(super) struct Step<'a> {
    /// What is being asked, such as `9600 8N1 unit 5`.
    pub(super) what: &'a str,
    /// Questions asked since the program was started.
    pub(super) asked: usize,
    /// Questions still to ask.
    pub(super) left: usize,
    /// Units found.
    pub(super) found: usize,
    /// The time of a question that nobody answers.
    pub(super) silent_ask: Duration,
    /// What it is told in.
    pub(super) language: Language,
}

impl Progress {
    /// Nothing has been asked yet.
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), is_terminal: io::stderr().is_terminal(), shown_at: None }
    }

    /// Shows it, unless that was done a moment ago.
    pub(super) fn show(&mut self, step: &Step<'_>) {
        let period = if self.is_terminal { REWRITE_PERIOD } else { LINE_PERIOD };
        if self.shown_at.is_some_and(|at| at.elapsed() < period) {
            return;
        }
        self.shown_at = Some(Instant::now());
        let left = time_left(step, self.began.elapsed());
        let line = line(step, left);
        if self.is_terminal {
            whisper(&format!("\r{line}{:1$}", "", LINE_COLUMNS.saturating_sub(line.width())));
        } else {
            whisper(&format!("{line}\n"));
        }
    }

    /// Takes the rewritten line away again.
    pub(super) fn clear(&self) {
        if self.is_terminal && self.shown_at.is_some() {
            whisper(&format!("\r{:LINE_COLUMNS$}\r", ""));
        }
    }
}

fn whisper(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// As long as few have been asked: that nobody answers, which takes longest. Then: as it went so far.
fn time_left(step: &Step<'_>, elapsed: Duration) -> Duration {
    let count = |asks: usize| u32::try_from(asks).unwrap_or(u32::MAX);
    let ask = if step.asked < TELLING_ASKS { step.silent_ask } else { elapsed / count(step.asked) };
    ask.saturating_mul(count(step.left))
}

fn line(step: &Step<'_>, left: Duration) -> String {
    let (what, found, left) = (step.what, step.found, duration_text(left, step.language));
    match step.language {
        Language::English => format!("{what}, {found} found, {left} left"),
        Language::Chinese => format!("{what}，已找到 {found} 个，约剩 {left}"),
    }
}

fn duration_text(duration: Duration, language: Language) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..90 => format!("{seconds} {}", language.pick("s", "秒")),
        90..5_400 => format!("{} {}", (seconds + 30) / 60, language.pick("min", "分钟")),
        _ => format!("{} {}", (seconds + 1_800) / 3_600, language.pick("h", "小时")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(asked: usize, left: usize) -> Step<'static> {
        Step {
            what: "",
            asked,
            left,
            found: 0,
            silent_ask: Duration::from_millis(300),
            language: Language::English,
        }
    }

    #[test]
    fn the_time_left_is_first_reckoned_and_then_measured() {
        let elapsed = Duration::from_secs(10);
        assert_eq!(time_left(&step(5, 100), elapsed), Duration::from_secs(30));
        assert_eq!(time_left(&step(100, 100), elapsed), Duration::from_secs(10));
        assert_eq!(time_left(&step(100, 0), elapsed), Duration::ZERO);
    }

    #[test]
    fn a_time_is_told_in_the_unit_that_a_person_would_take() {
        for (seconds, text) in [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5_399, "90 min"), (7_200, "2 h")] {
            assert_eq!(duration_text(Duration::from_secs(seconds), Language::English), text);
        }
        assert_eq!(duration_text(Duration::from_secs(90), Language::Chinese), "2 分钟");
    }
}
