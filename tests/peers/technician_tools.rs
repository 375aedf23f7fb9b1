//! A technician with the command line at a line of unknown meters: `scan` and `probe`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::gateway::native;
use crate::harness::process::{Process, python};
use crate::harness::serial::Wire;
use crate::harness::site::{bare_site, free_port};
use crate::harness::wait;

/// What an Eastron SDM630 shows, as its map has it: volts, power factors and hertz, floats in input registers.
const SDM630: [(u16, f64); 11] = [
    (0x00, 230.1),
    (0x02, 231.4),
    (0x04, 229.8),
    (0x1E, 0.97),
    (0x20, 0.96),
    (0x22, 0.98),
    (0x3E, 0.97),
    (0x46, 49.98),
    (0xC8, 398.2),
    (0xCA, 398.5),
    (0xCC, 399.0),
];

fn held(table: &str, address: u16, kind: &str, value: &str, letters: &str) -> Value {
    json!({ "table": table, "address": address, "type": kind, "value": value, "letters": letters })
}

/// An SDM630 at unit 3, a meter with a float whose low word comes first at 7, a `SunSpec` device at 9.
fn meters() -> Value {
    let sdm630 = SDM630.map(|(address, value)| held("input", address, "f32", &value.to_string(), "ABCD"));
    json!([
        { "unit": 3, "values": sdm630 },
        { "unit": 7, "values": [held("holding", 52, "f32", "230.1", "CDAB")] },
        { "unit": 9, "values": [held("holding", 40_000, "u32", "1400204883", "ABCD")] },
    ])
}

/// The meters behind one line, served by pymodbus.
fn serve(mut line: Value, dir: &Path) -> Process {
    line["meters"] = meters();
    let spec = dir.join("meters.json");
    fs::write(&spec, json!({ "lines": [line] }).to_string()).unwrap();
    let mut server = Process::start("pymodbus", python("meters_server.py").arg(&spec), dir);
    server.wait_for_print("listening");
    server
}

fn tool(arguments: &[&str]) -> Output {
    // Whatever is spoken where the tests run.
    Command::new(&native()[0]).args(arguments).env("LC_ALL", "C").output().unwrap()
}

/// The units that a scan tells as JSON.
fn scanned(arguments: &[&str]) -> Vec<Value> {
    let output = tool(&[&["scan", "--json"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a scan found out about one unit.
fn unit(found: &[Value], unit: u8) -> &Value {
    found.iter().find(|found| found["unit"] == unit).unwrap_or_else(|| panic!("no unit {unit}: {found:?}"))
}

#[test]
fn scan_knows_pymodbus_meters_over_tcp_by_their_registers() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let _server = serve(json!({ "kind": "tcp", "port": port }), dir.path());
    let found = scanned(&[&format!("127.0.0.1:{port}"), "--units", "3,7,9"]);
    // A relative that shares these registers may be named behind it.
    let likely = json!({ "model": "eastron-sdm630", "plausible": 11, "asked": 11 });
    assert_eq!(unit(&found, 3)["likely"][0], likely);
    assert_eq!(unit(&found, 3)["says"], json!(["Pymodbus"]));
    assert_eq!((&unit(&found, 7)["likely"], &unit(&found, 7)["sunspec_at"]), (&json!([]), &Value::Null));
    assert_eq!(unit(&found, 9)["sunspec_at"], 40_000);
}

#[test]
fn scan_knows_pymodbus_meters_on_a_serial_line_by_their_registers() {
    let dir = TempDir::new().unwrap();
    let wire = Wire::lay("rs485", dir.path());
    let theirs = wire.theirs.to_str().unwrap();
    let _server = serve(json!({ "kind": "rtu", "port": theirs, "baud": 19_200 }), dir.path());
    let found =
        scanned(&[wire.ours.to_str().unwrap(), "--baud", "19200", "--parity", "N", "--units", "1-10"]);
    assert_eq!(unit(&found, 3)["likely"][0]["model"], "eastron-sdm630");
    assert_eq!(unit(&found, 3)["settings"], "19200 8N1");
    assert_eq!(unit(&found, 9)["sunspec_at"], 40_000);
    assert!(found.iter().all(|found| found["perhaps_two"] == false), "{found:?}");
}

#[test]
fn probe_finds_the_volts_of_a_pymodbus_meter_whose_low_word_comes_first() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let _server = serve(json!({ "kind": "tcp", "port": port }), dir.path());
    let output = tool(&["probe", &format!("127.0.0.1:{port}"), "7", "holding", "52", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text.lines().nth(1),
        Some(
            r#"register = { table = "holding", address = 52, type = "f32", word_order = "CDAB" }  # voltage 230.1 V"#
        ),
        "{text}"
    );
}

/// Two meters of a bare map on a serial line of the simulator.
fn simulator(dir: &Path, fault: &str) -> (Process, String) {
    let mut site = bare_site(free_port(), "PT1S");
    site.push_str("[[line]]\nid = \"rs485\"\nkind = \"rtu\"\nport = \"/dev/null\"\nbaud = 9600\n");
    for unit in [2, 9] {
        write!(
            site,
            "[[meter]]\nid = \"m{unit}\"\nline = \"rs485\"\nunit = {unit}\nmap = \"eastron-sdm630\"\n\
             [[point]]\nid = \"P{unit}\"\nname = \"P\"\ncategory = \"CAT\"\nrole = \"branch\"\nmeter = \"m{unit}\"\n\
             [[point.parameter]]\nid = \"V\"\nname = \"V\"\nregister = \"voltage_a\"\n"
        )
        .unwrap();
    }
    let config = dir.join("sim.toml");
    fs::write(&config, site).unwrap();
    let mut command = Command::new(&native()[0]);
    let simulator = Process::start(
        "simulator",
        command.arg("sim").arg("--config").arg(&config).args(["--fault", fault]),
        dir,
    );
    let port = wait::until("the simulator to tell its serial port", || {
        let printed = simulator.printed();
        printed.split_whitespace().find(|word| word.starts_with("/dev/pts/")).map(str::to_owned)
    });
    (simulator, port)
}

#[test]
fn a_unit_whose_answers_alone_are_damaged_is_told_as_perhaps_two() {
    let dir = TempDir::new().unwrap();
    let (_simulator, port) = simulator(dir.path(), "bad-crc@unit=9@every=2");
    let line = format!("{port}:9600:8N1");
    let output = tool(&["scan", &line, "--units", "1-10"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("perhaps two units with ID 9"), "{text}");
    assert!(!text.contains("perhaps two units with ID 2"), "{text}");

    let nobody = tool(&["scan", &line, "--units", "20-22"]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert!(String::from_utf8_lossy(&nobody.stdout).starts_with("nothing answers"), "{nobody:?}");
}

#[test]
fn a_scan_that_is_interrupted_tells_what_it_found_and_goes_on_later() {
    let dir = TempDir::new().unwrap();
    let (_simulator, port) = simulator(dir.path(), "echo@chance=0");
    let (line, state) = (format!("{port}:9600:8N1"), dir.path().join("scan.toml"));
    let arguments = ["scan", &line, "--units", "1-20", "--state", state.to_str().unwrap()];
    let mut command = Command::new(&native()[0]);
    let scan = Process::start("scan", command.args(arguments).env("LC_ALL", "C"), dir.path());
    // Unit 2 is found, unit 9 is seconds away.
    wait::until("the scan to have kept unit 2", || {
        fs::read_to_string(&state).is_ok_and(|kept| kept.contains("unit = 2\n")).then_some(())
    });
    kill_process(scan.pid(), Signal::INT).unwrap();
    wait::until("the scan to tell what it found", || {
        scan.printed().contains("unknown to the library").then_some(())
    });
    assert!(scan.printed().contains("the same command goes on there"), "{}", scan.printed());

    let text = String::from_utf8(tool(&arguments).stdout).unwrap();
    assert!(text.contains("\n   2 ") && text.contains("\n   9 "), "{text}");

    let other = tool(&["scan", &line, "--units", "1-21", "--state", state.to_str().unwrap()]);
    assert_eq!(other.status.code(), Some(78), "{other:?}");
    assert!(String::from_utf8_lossy(&other.stderr).contains("is of another scan"), "{other:?}");
}
