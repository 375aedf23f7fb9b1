//! Our simulated meters, read by mbpoll.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::factory::formula;
use crate::harness::gateway::native;
use crate::harness::process::Process;
use crate::harness::site::{bare_site, free_port};
use crate::harness::wait;

/// A power of the simulated factory, in kW, and the register that shows it.
struct Dial {
    point: &'static str,
    line: &'static str,
    unit: u8,
    address: u16,
    table: &'static str,
    data_type: &'static str,
    word_order: &'static str,
    /// Raw counts in a kW.
    per_kw: f64,
}

const DIALS: [Dial; 4] = [
    Dial {
        point: "PT-PV1",
        line: "lan",
        unit: 1,
        address: 100,
        table: "holding",
        data_type: "f32",
        word_order: "ABCD",
        per_kw: 1.0,
    },
    Dial {
        point: "PT-GRID",
        line: "lan",
        unit: 2,
        address: 65_534,
        table: "input",
        data_type: "i32",
        word_order: "CDAB",
        per_kw: 1_000.0,
    },
    Dial {
        point: "PT-CH1",
        line: "rs485",
        unit: 1,
        address: 0,
        table: "input",
        data_type: "f32",
        word_order: "CDAB",
        per_kw: 1.0,
    },
    Dial {
        point: "PT-ESS1",
        line: "rs485",
        unit: 247,
        address: 12,
        table: "holding",
        data_type: "i32",
        word_order: "ABCD",
        per_kw: 1_000.0,
    },
];

#[test]
fn mbpoll_reads_the_values_of_the_formula_over_tcp_and_over_rtu() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let config = dir.path().join("sim.toml");
    fs::write(&config, site(port)).unwrap();
    let mut command = Command::new(&native()[0]);
    let mut simulator =
        Process::start("simulator", command.arg("sim").arg("--config").arg(&config), dir.path());
    let serial_port = wait::until("the simulator to tell its serial port", || pty(&simulator.printed()));

    for dial in &DIALS {
        let line: Vec<String> = match dial.line {
            "lan" => ["-m", "tcp", "-p", &port.to_string(), "127.0.0.1"].map(str::to_owned).into(),
            _ => ["-m", "rtu", "-b", "115200", "-P", "none"]
                .map(str::to_owned)
                .into_iter()
                .chain([serial_port.clone()])
                .collect(),
        };
        let before = now();
        let read = wait::until_ok("mbpoll to get an answer", || {
            simulator.assert_alive();
            mbpoll(dial, &line)
        });
        let question = |time| (dial.point.to_owned(), "P".to_owned(), time);
        let expected = formula(&[question(before), question(now())], dir.path());
        // mbpoll prints six digits of a float.
        let close = |kw: f64| (kw * dial.per_kw - read).abs() <= read.abs() * 5e-6;
        assert!(
            expected.iter().flatten().any(|kw| close(*kw)),
            "{}: read {read}, {expected:?} kW",
            dial.point
        );
    }
}

/// The pseudo terminal that stands for the site's serial line.
fn pty(printed: &str) -> Option<String> {
    printed.split_whitespace().find(|word| word.starts_with("/dev/pts/")).map(str::to_owned)
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// One value of the dial, or what mbpoll says instead.
fn mbpoll(dial: &Dial, line: &[String]) -> Result<f64, String> {
    let table = if dial.table == "holding" { 4 } else { 3 };
    let kind = if dial.data_type == "f32" { "float" } else { "int" };
    let mut command = Command::new("mbpoll");
    command.args(["-1", "-0", "-c", "1", "-t", &format!("{table}:{kind}")]);
    command.args(["-a", &dial.unit.to_string(), "-r", &dial.address.to_string()]);
    if dial.word_order == "ABCD" {
        command.arg("-B");
    }
    let output = command.args(line).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = printed.lines().find_map(|line| line.strip_prefix(&format!("[{}]:", dial.address)));
    let value = value.and_then(|value| value.trim().parse().ok());
    value.ok_or_else(|| format!("{printed}{}", String::from_utf8_lossy(&output.stderr)))
}

/// The factory's site, with the four meters; the simulator listens on its port and makes a pty for its serial line.
fn site(port: u16) -> String {
    let mut text = bare_site(free_port(), "PT1S").replace("CEMS-TEST", "CEMS-310000-0001");
    write!(
        text,
        "[[line]]\nid = \"lan\"\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         [[line]]\nid = \"rs485\"\nkind = \"rtu\"\nport = \"/dev/null\"\nbaud = 115200\n"
    )
    .unwrap();
    for Dial { point, line, unit, address, table, data_type, word_order, per_kw } in &DIALS {
        write!(
            text,
            r#"
[[meter]]
id = "m-{point}"
line = "{line}"
unit = {unit}
[[point]]
id = "{point}"
name = "{point}"
category = "CAT"
role = "branch"
meter = "m-{point}"
  [[point.parameter]]
  id = "P"
  name = "P"
  register = {{ table = "{table}", address = {address}, type = "{data_type}", word_order = "{word_order}" }}
  scale = {}
  unit = "kW"
  reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
"#,
            1.0 / per_kw
        )
        .unwrap();
    }
    text
}
