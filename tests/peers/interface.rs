//! The HTTP interface before judges that others wrote, who know nothing of it but its own description.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::gateway::{Gateway, native};
use crate::harness::process::{python, python_program};
use crate::harness::site::free_port;

/// The instant of the worked examples.
const START: &str = "2024-06-12T10:30:00+08:00";
/// Days that the questions of both judges lie in.
const HISTORY_DAYS: &str = "3";
/// Questions that schemathesis makes up for each operation beside those of its own tables.
const EXAMPLES: &str = "20";
/// The same through TLS, where the way is looked at and not the answers once more.
const EXAMPLES_IN_TLS: &str = "5";

fn demo(dir: &Path) -> Gateway {
    Gateway::demo(native(), dir, &["--at", START, "--history-days", HISTORY_DAYS])
}

#[test]
fn schemathesis_finds_no_answer_that_is_not_as_the_description_says() {
    let dir = TempDir::new().unwrap();
    let mut gateway = demo(dir.path());
    let url = gateway.api().url();
    let told = passes(schemathesis(dir.path(), &url).args(["--max-examples", EXAMPLES]));
    gateway.process().assert_alive();
    assert!(answered_well(&told) > 300, "too few answers with something in them: {told}");
}

#[test]
fn schemathesis_finds_none_in_tls_either() {
    let (dir, port) = (TempDir::new().unwrap(), free_port());
    let mut gateway = Gateway::run_with_https(native(), dir.path(), port);
    let certificate = dir.path().join("data/gate/certificate.pem");
    let url = format!("https://localhost:{port}");
    let mut schemathesis = schemathesis(dir.path(), &url);
    schemathesis.arg("--tls-verify").arg(&certificate).args(["--max-examples", EXAMPLES_IN_TLS]);
    // The token of the configuration is the demo's.
    let told = passes(schemathesis.args(["-H", &format!("Authorization: Bearer {}", gateway.api().token())]));
    gateway.process().assert_alive();
    assert!(answered_well(&told) > 50, "too few answers with something in them: {told}");
}

/// schemathesis before the interface at `url`, with our checks of its own.
fn schemathesis(dir: &Path, url: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/schemathesis");
    let mut schemathesis = python_program("schemathesis");
    schemathesis.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", &folder).current_dir(dir);
    schemathesis.arg("--config-file").arg(folder.join("schemathesis.toml"));
    schemathesis.args(["run", &format!("{url}/openapi.json")]);
    schemathesis.args(["--checks", "all", "--no-color", "--continue-on-failure", "--seed", "20240612"]);
    schemathesis
}

/// How many answers had the status 200.
fn answered_well(told: &str) -> u32 {
    let answered =
        told.split("answers by status: {200: ").nth(1).and_then(|rest| rest.split([',', '}']).next());
    answered.and_then(|count| count.parse().ok()).unwrap_or_default()
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
