//! The front of the interface before scanners that others wrote: slow clients, and what is wrong with its TLS.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::gateway::{Gateway, shipped};
use crate::harness::process::python_program;
use crate::harness::site::free_port;
use crate::siege::hostile::Target;
use crate::siege::probe::Probe;

/// What testssl finds and we have decided, each with its reason.
const DECIDED: [&str; 5] = [
    // It lacks an engine for ciphers that nobody here offers.
    "engine_problem",
    // All suites are equally strong, so each client may choose the one that its processor is good at.
    "cipher_order",
    // A gateway vouches for itself: platforms keep the fingerprint of its certificate, which nobody can
    // revoke, and which must outlive a clock that was never set.
    "cert_chain_of_trust",
    "cert_validityPeriod",
    "cert_revocation",
];

#[test]
fn slow_heads_bodies_and_readers_cost_nobody_else_an_answer() {
    let dir = TempDir::new().unwrap();
    let mut gateway = Gateway::demo(shipped(), dir.path(), &["--history-days", "1"]);
    let target = Target { address: gateway.api().address().parse().unwrap(), tls: None };
    let url = gateway.api().url();
    for (kind, path) in [("-H", "/healthz"), ("-B", "/cems/v1/GetCemsDynamicData"), ("-X", "/openapi.json")] {
        let pid = gateway.process().pid();
        let probe = Probe::start(&target, gateway.api().token(), pid);
        let mut slowhttptest = Command::new("slowhttptest");
        slowhttptest.current_dir(dir.path()).args([kind, "-c", "400", "-r", "400", "-i", "1", "-l", "10"]);
        // What reads slowly reads a few bytes a second through a window of as many.
        slowhttptest.args(["-p", "3", "-w", "64", "-y", "128", "-n", "1", "-z", "16"]);
        let told = run(slowhttptest.args(["-u", &format!("{url}{path}")]));
        let seen = probe.end();
        gateway.process().assert_alive();
        assert!(told.contains("Exit status:"), "slowhttptest {kind} did nothing: {told}");
        assert!(seen.wrong.is_empty(), "slowhttptest {kind}: the probe, {:?}", seen.wrong);
    }
}

#[test]
fn sslyze_finds_only_what_is_strong() {
    let (dir, port) = (TempDir::new().unwrap(), free_port());
    let _gateway = Gateway::run_with_https(shipped(), dir.path(), port);
    let found = dir.path().join("sslyze.json");
    let mut sslyze = python_program("sslyze");
    let told = run(sslyze.arg(format!("--json_out={}", found.display())).arg(format!("localhost:{port}")));
    let found = read_json(&found, &told);
    let server = &found["server_scan_results"][0];
    assert_eq!(server["scan_status"], "COMPLETED", "{told}");
    let result = |scan: &str| &server["scan_result"][scan]["result"];
    for (scan, member, wanted) in [
        ("ssl_2_0_cipher_suites", "is_tls_version_supported", false),
        ("ssl_3_0_cipher_suites", "is_tls_version_supported", false),
        ("tls_1_0_cipher_suites", "is_tls_version_supported", false),
        ("tls_1_1_cipher_suites", "is_tls_version_supported", false),
        ("tls_1_2_cipher_suites", "is_tls_version_supported", true),
        ("tls_1_3_cipher_suites", "is_tls_version_supported", true),
        ("tls_compression", "supports_compression", false),
        ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", false),
        ("tls_fallback_scsv", "supports_fallback_scsv", true),
        ("heartbleed", "is_vulnerable_to_heartbleed", false),
        ("session_renegotiation", "supports_secure_renegotiation", true),
        ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", false),
        ("tls_extended_master_secret", "supports_ems_extension", true),
    ] {
        assert_eq!(result(scan)[member], wanted, "{scan}: {member}");
    }
    assert_eq!(result("robot")["robot_result"], "NOT_VULNERABLE_RSA_NOT_SUPPORTED");
    for version in ["tls_1_2_cipher_suites", "tls_1_3_cipher_suites"] {
        let suites = result(version)["accepted_cipher_suites"].as_array().unwrap();
        let name = |suite: &Value| suite["cipher_suite"]["name"].as_str().unwrap().to_owned();
        let names: Vec<String> = suites.iter().map(name).collect();
        let is_strong = |name: &String| {
            let is_sealed = name.contains("_GCM_") || name.contains("_POLY1305_");
            is_sealed && (version == "tls_1_3_cipher_suites" || name.starts_with("TLS_ECDHE_"))
        };
        assert!(names.len() == 3 && names.iter().all(is_strong), "{names:?}");
    }
}

#[test]
fn testssl_finds_nothing_that_is_worse_than_low() {
    let (dir, port) = (TempDir::new().unwrap(), free_port());
    let _gateway = Gateway::run_with_https(shipped(), dir.path(), port);
    let found = dir.path().join("testssl.json");
    let look = || {
        // It goes on with a report that is there.
        let _ = std::fs::remove_file(&found);
        let mut testssl = Command::new("testssl");
        testssl.current_dir(dir.path()).args(["--quiet", "--color", "0", "--warnings", "off", "--jsonfile"]);
        // Protocols, kinds of ciphers, forward secrecy, the server's choices and certificate, its headers, and
        // every vulnerability that it knows.
        testssl.arg(&found).args(["-p", "-s", "-f", "-P", "-S", "-h", "-U"]);
        let told = run(testssl.arg(format!("localhost:{port}")));
        (read_json(&found, &told), told)
    };
    let (mut seen, mut told) = look();
    // A check that did not come about, as its own connection failed, has found nothing either way.
    if seen.as_array().unwrap().iter().any(|finding| finding["severity"] == "WARN" && !is_decided(finding)) {
        (seen, told) = look();
    }
    let found = seen.as_array().unwrap();
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap_or_default().to_owned();
    let is_bad = |finding: &&Value| {
        let is_harmless = ["OK", "INFO", "LOW"].contains(&text(finding, "severity").as_str());
        !is_harmless && !is_decided(finding)
    };
    let bad: Vec<&Value> = found.iter().filter(is_bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let good = found.iter().filter(|finding| finding["severity"] == "OK").count();
    assert!(good > 20, "it looked at almost nothing: {told}");
}

fn is_decided(finding: &Value) -> bool {
    DECIDED.iter().any(|id| finding["id"] == *id)
}

/// Runs `command`, however it ends, and gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot start {command:?}: {error}; tests/run installs what it needs");
    });
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn read_json(path: &Path, told: &str) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{error}: {told}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
