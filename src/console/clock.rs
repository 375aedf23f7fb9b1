//! Whether the clock is right and who set it, as `status` shows it; pure.

use super::desk::ClockView;
use super::render::local;
use crate::language::Language;
use crate::time::UtcOffset;
use crate::time::trust::ClockState;

/// One line about the clock and the run, and one about the last time that somebody set it.
pub(super) fn clock(view: &ClockView, offset: UtcOffset, language: Language) -> String {
    let (english, chinese) = match view.state {
        ClockState::Unset => ("NOT SET: readings are marked until it is", "未校准：校准前的读数带标记"),
        ClockState::Holdover => ("not compared with a time service lately", "近期未与时间服务比对"),
        ClockState::Synchronised => ("synchronised", "已同步"),
    };
    let run = view.run.map_or_else(|| "-".to_owned(), |run| run.to_string());
    let state = match language {
        Language::English => format!("clock  {english}, run {run}\n"),
        Language::Chinese => format!("时钟  {chinese}，第 {run} 次运行\n"),
    };
    state + &last_change(view, offset, language)
}

fn last_change(view: &ClockView, offset: UtcOffset, language: Language) -> String {
    let Some((before, after)) = view.last_change else { return String::new() };
    let (before, after) = (local(before, offset), local(after, offset));
    match (view.changes, language) {
        (1, Language::English) => format!("  set once in this run, from {before} to {after}\n"),
        (changes, Language::English) => {
            format!("  set {changes} times in this run, last from {before} to {after}\n")
        }
        (changes, Language::Chinese) => {
            format!("  本次运行中被调整 {changes} 次，最近一次由 {before} 调至 {after}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UtcTime;

    fn shown(state: ClockState, changes: u32, language: Language) -> String {
        let last_change = (changes > 0).then_some((UtcTime::from_ms(0), UtcTime::from_ms(1_718_159_405_000)));
        clock(&ClockView { state, run: Some(3), changes, last_change }, UtcOffset::UTC, language)
    }

    #[test]
    fn a_clock_in_doubt_says_what_that_means() {
        assert_eq!(
            shown(ClockState::Unset, 0, Language::English),
            "clock  NOT SET: readings are marked until it is, run 3\n"
        );
        assert_eq!(
            shown(ClockState::Holdover, 0, Language::Chinese),
            "时钟  近期未与时间服务比对，第 3 次运行\n"
        );
    }

    #[test]
    fn the_last_time_that_it_was_set_is_told_from_where_to_where() {
        assert_eq!(
            shown(ClockState::Synchronised, 1, Language::English),
            concat!(
                "clock  synchronised, run 3\n",
                "  set once in this run, from 1970-01-01 00:00:00 to 2024-06-12 02:30:05\n",
            )
        );
        assert_eq!(
            shown(ClockState::Synchronised, 2, Language::Chinese),
            concat!(
                "时钟  已同步，第 3 次运行\n",
                "  本次运行中被调整 2 次，最近一次由 1970-01-01 00:00:00 调至 2024-06-12 02:30:05\n",
            )
        );
    }
}
