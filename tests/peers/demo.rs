//! The demo as a newcomer meets it: it starts, prints three lines to try, and each of them is true.

use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::api::{Api, SeriesName, Served};
use crate::harness::factory::shown;
use crate::harness::gateway::{Gateway, Program, native};
use crate::harness::wait;

/// The instant of the worked examples.
const START: &str = "2024-06-12T10:30:00+08:00";
/// Days of history that the demo makes when it is not told otherwise.
const HISTORY_DAYS: i64 = 75;

#[test]
fn the_demo_answers_its_curl_lines_with_the_values_of_the_formula() {
    tell_the_story(native());
}

/// Starts the demo as the README has it and tries what it prints; `firmware` does the same on ARM.
pub(crate) fn tell_the_story(program: Program) {
    let dir = TempDir::new().unwrap();
    let mut demo = Gateway::demo(program, dir.path(), &["--at", START]);

    let lines = wait::until("the demo to print three lines to try", || {
        Some(curl_lines(&demo.process().printed())).filter(|lines| lines.len() == 3)
    });
    for line in &lines {
        assert_is_answered(line);
    }
    now_follows_the_formula(demo.api(), dir.path());
    let start: Timestamp = START.parse().unwrap();
    let day = |days_before: i64| start - SignedDuration::from_hours(24 * days_before);
    a_day_of_history_follows_the_formula(day(1), demo.api(), dir.path());
    a_day_of_history_follows_the_formula(day(HISTORY_DAYS), demo.api(), dir.path());
}

/// The last line printed may not be whole yet.
fn curl_lines(printed: &str) -> Vec<String> {
    let whole = printed.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::trim);
    whole.filter(|line| line.starts_with("curl ")).map(str::to_owned).collect()
}

/// Runs the line in a shell, as it stands.
fn assert_is_answered(line: &str) {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout);
    let answer: Value =
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{line}\n{error}: {answer}"));
    assert_eq!(answer["code"], 200, "{line}\n{answer}");
    let counted = &answer["data"]["dataCount"];
    let objects = counted.as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
    assert!(objects > 0, "{line}\nsays nothing: {answer}");
}

fn now_follows_the_formula(api: &Api, dir: &Path) {
    let served = wait::until_ok("every Parameter of the demo to have a value", || {
        let served = api.dynamic();
        let without =
            served.iter().find(|(_, served)| served.quality != 0).map(|without| format!("{without:?}"));
        without.map_or(Ok(served), Err)
    });
    assert!(served.len() >= 20, "a whole factory, not {} values", served.len());
    let readings: Vec<_> = served.into_iter().collect();
    assert_follow_the_formula(&readings, dir);
}

fn a_day_of_history_follows_the_formula(from: Timestamp, api: &Api, dir: &Path) {
    let to = from + SignedDuration::from_hours(24);
    let history = api.history(&from.to_string(), &to.to_string()).unwrap();
    assert!(history.len() >= 20, "only {} Parameters have a history from {from}", history.len());
    for (name, readings) in &history {
        assert!(readings.len() >= 96, "{name:?} has only {} readings from {from}", readings.len());
    }
    let readings: Vec<_> = history
        .into_iter()
        .flat_map(|(name, readings)| readings.into_iter().map(move |reading| (name.clone(), reading)))
        .collect();
    assert_follow_the_formula(&readings, dir);
}

/// Every value is what the formula gives for its time, to the digit.
fn assert_follow_the_formula(readings: &[(SeriesName, Served)], dir: &Path) {
    let questions: Vec<_> = readings
        .iter()
        .map(|((point, parameter), reading)| (point.clone(), parameter.clone(), reading.time.clone()))
        .collect();
    for ((name, reading), expected) in readings.iter().zip(shown(&questions, dir)) {
        let value = reading.value.as_f64();
        assert!(
            value.is_some_and(|value| expected.contains(&value)),
            "{name:?} at {}: {value:?}, by the formula {expected:?}",
            reading.time
        );
    }
}
