//! Lines of a running gateway, recorded at its console and played back to mbpoll.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::gateway::{Gateway, native};
use crate::harness::process::Process;
use crate::harness::site::{bare_site, free_port};
use crate::harness::wait;

/// A read of registers as the gateway asked for it, and every answer that it got to it.
struct Recorded {
    unit: u8,
    function: u8,
    address: u16,
    count: u16,
    answers: Vec<Vec<u16>>,
}

#[test]
fn mbpoll_reads_from_a_recording_what_the_gateway_had_read() {
    let dir = TempDir::new().unwrap();
    let files = LINES.map(|line| dir.path().join(line).with_extension("frames"));
    record_both_lines(dir.path(), &files);
    for (line, file) in LINES.into_iter().zip(&files) {
        let recorded = first_read(&fs::read_to_string(file).unwrap()).unwrap();
        let mut command = Command::new(&native()[0]);
        let mut simulator = Process::start(line, command.arg("sim").arg("--replay").arg(file), dir.path());
        let place = wait::until("the replay to tell where it plays", || place(&simulator.printed()));
        let read = wait::until_ok("mbpoll to get an answer", || {
            simulator.assert_alive();
            mbpoll(&recorded, &place)
        });
        assert!(recorded.answers.contains(&read), "{place}: read {read:?}, recorded {:?}", recorded.answers);
    }
}

/// A gateway reads simulated meters, and a technician records what goes over both lines.
fn record_both_lines(dir: &Path, files: &[PathBuf]) {
    let port = free_port();
    let config = dir.join("sim.toml");
    fs::write(&config, bare_site(free_port(), "PT1S") + &meters("/dev/null", port)).unwrap();
    let mut command = Command::new(&native()[0]);
    let meters_here = Process::start("meters", command.arg("sim").arg("--config").arg(&config), dir);
    let serial = wait::until("the simulator to tell its serial port", || place(&meters_here.printed()));
    let _gateway = Gateway::run(dir, "PT1S", &meters(&serial, port));
    for (line, file) in LINES.into_iter().zip(files) {
        wait::until_ok("the line to be read and recorded", || record(dir, line, file));
    }
}

const LINES: [&str; 2] = ["rs485", "lan"];

/// A meter on a serial line, and one over TCP.
fn meters(serial: &str, port: u16) -> String {
    let mut text = format!(
        "[[line]]\nid = \"rs485\"\nkind = \"rtu\"\nport = \"{serial}\"\nbaud = 115200\n\
         [[line]]\nid = \"lan\"\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}\n"
    );
    for line in LINES {
        write!(
            text,
            r#"
[[meter]]
id = "m-{line}"
line = "{line}"
unit = 7
[[point]]
id = "PT-{line}"
name = "{line}"
category = "CAT"
role = "branch"
meter = "m-{line}"
  [[point.parameter]]
  id = "P"
  name = "P"
  register = {{ table = "holding", address = 40, type = "u32" }}
  unit = "kW"
  reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
"#
        )
        .unwrap();
    }
    text
}

/// Types `record` at the console; what came of it where there is no answer in the file.
fn record(dir: &Path, line: &str, file: &Path) -> Result<(), String> {
    let _older = fs::remove_file(file);
    let mut command = Command::new(&native()[0]);
    command.arg("console").arg("--data").arg(dir.join("data")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut console = command.spawn().unwrap();
    let order = format!("record {line} {}\nlogout\n", file.display());
    // A gateway that has just started has no console yet.
    let typed = console.stdin.take().unwrap().write_all(order.as_bytes());
    let said = String::from_utf8_lossy(&console.wait_with_output().unwrap().stdout).into_owned();
    typed.map_err(|error| format!("{error}: {said}"))?;
    let text = fs::read_to_string(file).map_err(|error| format!("{error}: {said}"))?;
    first_read(&text).map(|_| ()).ok_or(said)
}

/// The first read of registers in the recording that was answered.
fn first_read(text: &str) -> Option<Recorded> {
    let before_unit = if text.contains("protocol tcp") { 6 } else { 0 };
    let frames: Vec<(&str, Vec<u8>)> = text.lines().skip(3).filter_map(frame).collect();
    let pdu = |bytes: &[u8]| bytes.get(before_unit..before_unit + 6).map(<[u8]>::to_vec);
    let pairs = || frames.windows(2).filter(|pair| pair[0].0 == ">" && pair[1].0 == "<");
    let is_read = |asked: &Vec<u8>| matches!(asked[1], 3 | 4);
    let asked = pairs().find_map(|pair| pdu(&pair[0].1).filter(is_read))?;
    let [unit, function, a1, a0, c1, c0] = asked[..] else { return None };
    let same = pairs().filter(|pair| pdu(&pair[0].1).as_ref() == Some(&asked));
    let count = u16::from_be_bytes([c1, c0]);
    let words = |answer: &[u8]| -> Vec<u16> {
        let data = answer.get(before_unit + 3..).unwrap_or_default();
        let pairs = data.as_chunks::<2>().0.iter().take(usize::from(count));
        pairs.map(|pair| u16::from_be_bytes(*pair)).collect()
    };
    let answers = same.map(|pair| words(&pair[1].1)).collect();
    Some(Recorded { unit, function, address: u16::from_be_bytes([a1, a0]), count, answers })
}

/// Which way and which bytes.
fn frame(line: &str) -> Option<(&str, Vec<u8>)> {
    let mut words = line.split(' ').skip(2);
    let way = words.next()?;
    let bytes: Result<_, _> = words.map(|byte| u8::from_str_radix(byte, 16)).collect();
    Some((way, bytes.ok()?))
}

/// The pseudo terminal or the port of the replay.
fn place(printed: &str) -> Option<String> {
    let is_place = |word: &&str| word.starts_with("/dev/pts/") || word.starts_with("127.0.0.1:");
    printed.split_whitespace().find(is_place).map(str::to_owned)
}

/// The registers, or what mbpoll says instead.
fn mbpoll(recorded: &Recorded, place: &str) -> Result<Vec<u16>, String> {
    let Recorded { unit, function, address, count, .. } = recorded;
    let table = if *function == 3 { "4" } else { "3" };
    let mut command = Command::new("mbpoll");
    command.args(["-1", "-0", "-t", table, "-a", &unit.to_string()]);
    command.args(["-r", &address.to_string(), "-c", &count.to_string()]);
    match place.split_once(':') {
        Some((host, port)) => command.args(["-m", "tcp", "-p", port, host]),
        None => command.args(["-m", "rtu", "-b", "115200", "-P", "none", place]),
    };
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let value =
        |line: &str| line.strip_prefix('[')?.split_once(':')?.1.split_whitespace().next()?.parse().ok();
    let words: Vec<u16> = printed.lines().filter_map(value).collect();
    if words.len() == usize::from(*count) {
        return Ok(words);
    }
    Err(format!("{printed}{}", String::from_utf8_lossy(&output.stderr)))
}
