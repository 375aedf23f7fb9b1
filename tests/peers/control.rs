//! A limit that is written to a pymodbus meter from the serial console, looked at with mbpoll.

use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::gateway::Gateway;
use crate::harness::process::{Process, python};
use crate::harness::serial::Wire;
use crate::harness::site::free_port;
use crate::harness::technician::{Technician, log_in};
use crate::harness::wait;

const ADDRESS: u16 = 10;

#[test]
fn a_limit_is_held_across_a_kill_and_let_go_by_its_lease_and_before_a_stop() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let mut meter = Process::start("meter", python("set_point_server.py").args(arguments(port)), dir.path());
    meter.wait_for_print("listening");
    assert_eq!(shown(port), Ok(1_200));
    let wire = Wire::lay("console", dir.path());
    let mut gateway = Gateway::run(dir.path(), "PT0.5S", &site(port, &wire));
    let mut technician = Technician::at(&wire.theirs);
    log_in(&mut technician);

    technician.type_line("hold PT-EV LIMIT 121", "121 is outside 10 to 120");
    technician.type_line("hold PT-EV LIMIT 40 for=PT1M by=zhang", "40 kW, read back 40 kW; held by zhang");
    assert_eq!(shown(port), Ok(400));
    gateway.start_again();
    technician.type_line("", "(login) > ");
    technician.type_line("login", "password: ");
    technician.type_line("correct horse", "logged in");
    wait_for_console(&mut technician, "controls", "40 kW, read back 40 kW; held by zhang");
    assert_eq!(shown(port), Ok(400), "within its lease it is held across a kill");

    technician.type_line("hold PT-EV LIMIT 50.04 for=PT2S", "read back 50 kW; held by console");
    wait::until("the lease to end", || (shown(port) == Ok(1_200)).then_some(()));
    technician.type_line("controls", "not renewed, let go");

    technician.type_line("hold PT-EV LIMIT 60", "read back 60 kW");
    rustix::process::kill_process(gateway.process().pid(), Signal::TERM).unwrap();
    let has_stopped = "stopped; every reading is on the medium";
    wait::until("the gateway to stop", || gateway.process().printed().contains(has_stopped).then_some(()));
    assert_eq!(shown(port), Ok(1_200), "before a stop it goes to rest");
}

/// Types a line until the console says what is expected: what was read back is known a moment later.
fn wait_for_console(technician: &mut Technician, line: &str, text: &str) {
    wait::until_ok(&format!("the console to say {text:?}"), || technician.says(line, text));
}

fn arguments(port: u16) -> [String; 3] {
    [port.to_string(), ADDRESS.to_string(), "1200".to_owned()]
}

/// What mbpoll reads.
fn shown(port: u16) -> Result<u16, String> {
    let (port, address) = (port.to_string(), ADDRESS.to_string());
    let mut command = Command::new("mbpoll");
    command.args(["-1", "-0", "-c", "1", "-t", "4", "-a", "1", "-r", &address, "-p", &port, "127.0.0.1"]);
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = printed.lines().find_map(|line| line.strip_prefix(&format!("[{ADDRESS}]:")));
    value.and_then(|value| value.trim().parse().ok()).ok_or(printed)
}

fn site(port: u16, console: &Wire) -> String {
    format!(
        r#"
[console]
port = "{}"
baud = 115200
[[line]]
id = "lan"
kind = "tcp"
host = "127.0.0.1"
port = {port}
[[meter]]
id = "m-charger"
line = "lan"
unit = 1
interval = "PT1S"
[[point]]
id = "PT-EV"
name = "charger"
category = "CAT"
role = "branch"
meter = "m-charger"
[[point.parameter]]
id = "LIMIT"
name = "充电功率限值"
register = {{ table = "holding", address = {ADDRESS}, type = "u16" }}
scale = 0.1
unit = "kW"
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
writable = {{ min = 10, max = 120, release = 120, lease = "PT15M" }}
"#,
        console.ours.display()
    )
}
