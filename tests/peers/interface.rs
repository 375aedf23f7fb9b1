//! The HTTP interface before judges that others wrote, who know nothing of it but its own description.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::gateway::{Gateway, native};
use crate::harness::process::{python, python_program};

/// The instant of the worked examples.
const START: &str = "2024-06-12T10:30:00+08:00";
/// Days that the questions of both judges lie in.
const HISTORY_DAYS: &str = "3";
/// Questions that schemathesis makes up for each operation beside those of its own tables.
const EXAMPLES: &str = "20";

fn demo(dir: &Path) -> Gateway {
    Gateway::demo(native(), dir, &["--at", START, "--history-days", HISTORY_DAYS])
}

#[test]
fn schemathesis_finds_no_answer_that_is_not_as_the_description_says() {
    let dir = TempDir::new().unwrap();
    let mut gateway = demo(dir.path());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/schemathesis");
    let mut schemathesis = python_program("schemathesis");
    schemathesis.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", &folder).current_dir(dir.path());
    schemathesis.arg("--config-file").arg(folder.join("schemathesis.toml"));
    schemathesis.args(["run", &format!("{}/openapi.json", gateway.api().url())]);
    schemathesis.args(["--checks", "all", "--no-color", "--continue-on-failure", "--seed", "20240612"]);
    schemathesis.args(["--max-examples", EXAMPLES]);
    let told = passes(&mut schemathesis);
    gateway.process().assert_alive();
    let answered = told.split("answers by status: {200: ").nth(1).and_then(|rest| rest.split(',').next());
    let answered: Option<u32> = answered.and_then(|count| count.parse().ok());
    assert!(answered.is_some_and(|count| count > 300), "too few answers with something in them: {told}");
}

#[test]
fn a_client_generated_from_the_description_reads_the_whole_demo() {
    let dir = TempDir::new().unwrap();
    let gateway = demo(dir.path());
    let url = gateway.api().url();
    let mut generator = python_program("openapi-python-client");
    generator.current_dir(dir.path()).args(["generate", "--url", &format!("{url}/openapi.json")]);
    passes(generator.args(["--meta", "none", "--output-path", "generated", "--fail-on-warning"]));
    passes(python("generated_client.py").arg(&url).env("PYTHONPATH", dir.path()));
}

/// Runs `command` to its end, which must be a good one, and gives what it printed.
fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot start {command:?}: {error}; tests/run installs what it needs");
    });
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}\n{told}");
    told
}
