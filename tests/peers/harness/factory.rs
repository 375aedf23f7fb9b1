//! What the simulated factory shows at any second, by the formula in Python.

use std::path::Path;

use super::process::python;

/// A Point, a Parameter and a time.
pub(crate) type Question = (String, String, String);

/// What flows, whatever meter measures it.
pub(crate) fn formula(questions: &[Question], dir: &Path) -> Vec<[f64; 2]> {
    ask("formula", questions, dir)
}

/// What the factory's own meters show, in the resolution of their registers.
pub(crate) fn shown(questions: &[Question], dir: &Path) -> Vec<[f64; 2]> {
    ask("value", questions, dir)
}

/// The number at the second of each question, and one second before: a meter may have taken its value just
/// before the second in which its answer was complete.
fn ask(what: &str, questions: &[Question], dir: &Path) -> Vec<[f64; 2]> {
    let lines: Vec<String> =
        questions.iter().map(|(point, parameter, time)| format!("{point} {parameter} {time}")).collect();
    let file = dir.join("questions");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let input = std::fs::File::open(file).unwrap();
    let output = python("factory_values.py").arg(what).stdin(input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).unwrap();
    let number = |text: &str| text.parse::<f64>().unwrap();
    let pair = |line: &str| line.split_once(' ').map(|(at, before)| [number(at), number(before)]).unwrap();
    answers.lines().map(pair).collect()
}
