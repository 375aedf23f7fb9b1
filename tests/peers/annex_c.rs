//! The six questions of Annex C as the README asks them: its lines are run as they stand, and every
//! number of the answers is compared with what the simulated factory really did.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::gateway::{Gateway, native};
use crate::harness::process::python;
use crate::harness::wait;

const HEADING: &str = "## The six questions of Annex C";

/// One question of the README.
#[derive(Debug)]
struct Question {
    /// Such as `C.4`.
    clause: String,
    /// The instant at which the demo is to be started.
    start: String,
    /// The lines to type.
    command: String,
}

fn questions() -> Vec<Question> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split(HEADING).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("\n### ").skip(1);
    blocks.map(question).collect()
}

fn question(block: &str) -> Question {
    let clause = block.split_whitespace().next().unwrap().to_owned();
    let code = block.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let code = code.unwrap_or_else(|| panic!("{clause} has no lines to type"));
    let (demo, command) = code.split_once('\n').unwrap();
    let start = demo.split_once("--at ").unwrap().1;
    Question { clause, start: start.trim().to_owned(), command: command.to_owned() }
}

#[test]
fn every_question_of_annex_c_is_answered_by_what_the_factory_did() {
    let questions = questions();
    let clauses: Vec<&str> = questions.iter().map(|question| question.clause.as_str()).collect();
    assert_eq!(clauses, ["C.2", "C.3", "C.4", "C.5", "C.6", "C.7"]);
    let mut by_start: BTreeMap<&str, Vec<&Question>> = BTreeMap::new();
    for question in &questions {
        by_start.entry(&question.start).or_default().push(question);
    }
    for (start, questions) in by_start {
        let dir = TempDir::new().unwrap();
        let demo = Gateway::demo(native(), dir.path(), &["--at", start]);
        let address = demo.api().address();
        wait::until("every Parameter of the demo to be read", || {
            demo.api().dynamic().values().all(|served| served.quality == 0).then_some(())
        });
        for question in questions {
            let command = question.command.replace("127.0.0.1:8080", &address);
            let asked = Command::new("sh").args(["-c", &command]).output().unwrap();
            let judged = judge(&question.clause, &asked.stdout);
            assert!(
                judged.status.success(),
                "{} at {start}\n{}\n{}",
                question.clause,
                String::from_utf8_lossy(&judged.stderr),
                String::from_utf8_lossy(&asked.stdout)
            );
        }
    }
}

fn judge(clause: &str, answer: &[u8]) -> std::process::Output {
    let mut judge = python("annex_c.py")
        .arg(clause)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(answer).unwrap();
    judge.wait_with_output().unwrap()
}
