//! What went over the loopback interface, captured by dumpcap and taken apart by tshark.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use rustix::process::Signal;

use super::process::Process;

/// What tshark is asked for of every frame.
const FIELDS: [&str; 14] = [
    "frame.time_epoch",
    "tcp.stream",
    "tcp.srcport",
    "tcp.dstport",
    "mbtcp.trans_id",
    "mbtcp.unit_id",
    "modbus.func_code",
    "modbus.reference_num",
    "modbus.word_cnt",
    "modbus.bit_cnt",
    "modbus.exception_code",
    "modbus.regnum16",
    "modbus.regval_uint16",
    "modbus.bitval",
];

/// A read that was answered, as tshark sees it.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// When the reply came.
    pub(crate) answered_at: Timestamp,
    pub(crate) port: u16,
    pub(crate) unit: u8,
    /// As the site file names it.
    pub(crate) table: &'static str,
    pub(crate) start: u16,
    /// Registers, or bits as 0 and 1.
    pub(crate) words: Vec<u16>,
}

/// A capture of some TCP ports that goes on.
pub(crate) struct Capture {
    process: Process,
    file: PathBuf,
    ports: Vec<u16>,
}

impl Capture {
    /// Needs root, as every capture does.
    pub(crate) fn start(ports: &[u16], dir: &Path) -> Self {
        let file = dir.join("traffic.pcapng");
        let ports = ports.to_vec();
        let filter: Vec<String> = ports.iter().map(|port| format!("tcp port {port}")).collect();
        let mut command = Command::new("dumpcap");
        command.args(["-i", "lo", "-f", &filter.join(" or "), "-w"]).arg(&file);
        let mut process = Process::start("dumpcap", &mut command, dir);
        process.wait_for_print("File:");
        Self { process, file, ports }
    }

    /// Ends the capture. Gives every answered read in order of time, and how many were refused.
    pub(crate) fn end(mut self) -> (Vec<Exchange>, usize) {
        self.process.end(Signal::INT);
        pair(&self.frames(), &self.ports)
    }

    /// One line a frame: the fields, with commas between the values of one field.
    fn frames(&self) -> String {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(&self.file).args(["-Y", "modbus", "-T", "fields"]);
        for port in &self.ports {
            command.args(["-d", &format!("tcp.port=={port},mbtcp")]);
        }
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        // What is a request and what a reply tshark tells by the server's port.
        command.args(["-o", &format!("mbtcp.tcp.port:{}", ports.join(","))]);
        for field in FIELDS {
            command.args(["-e", field]);
        }
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tshark: {told}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A request that waits for its reply.
struct Asked {
    unit: u8,
    function: u8,
    start: u16,
    count: usize,
}

/// Pairs each reply with the request of its connection and transaction.
fn pair(frames: &str, ports: &[u16]) -> (Vec<Exchange>, usize) {
    let mut waiting: BTreeMap<(String, String), Asked> = BTreeMap::new();
    let (mut exchanges, mut refused) = (Vec::new(), 0);
    for line in frames.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [
            time,
            stream,
            from,
            to,
            transaction,
            unit,
            function,
            start,
            words,
            bits,
            refusal,
            numbers,
            values,
            bit_values,
        ] = fields[..]
        else {
            panic!("tshark tells {line:?}");
        };
        let key = (stream.to_owned(), transaction.to_owned());
        let unit = number(unit);
        if ports.contains(&number(to)) {
            let count = number(if words.is_empty() { bits } else { words });
            let asked = Asked { unit, function: number(function), start: number(start), count };
            assert!(waiting.insert(key, asked).is_none(), "one transaction is asked twice: {line:?}");
            continue;
        }
        let asked = waiting.remove(&key).unwrap_or_else(|| panic!("nobody asked: {line:?}"));
        assert_eq!((asked.unit, asked.function), (unit, number(function)), "{line:?}");
        if !refusal.is_empty() {
            refused += 1;
            continue;
        }
        let values = if values.is_empty() { bit_values } else { values };
        // Bits fill whole bytes.
        let words: Vec<u16> = values.split(',').map(number).take(asked.count).collect();
        assert_eq!(words.len(), asked.count, "{line:?}");
        let first = numbers.split(',').next().filter(|first| !first.is_empty());
        assert!(first.is_none_or(|first| number::<u16>(first) == asked.start), "{line:?}");
        let table = ["coil", "discrete-input", "holding", "input"][usize::from(asked.function) - 1];
        let (answered_at, start) = (instant(time), asked.start);
        exchanges.push(Exchange { answered_at, port: number(from), unit, table, start, words });
    }
    (exchanges, refused)
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("tshark tells {text:?} for a number"))
}

/// tshark tells seconds since 1970 with nine decimals.
fn instant(seconds: &str) -> Timestamp {
    let (whole, nanoseconds) = seconds.split_once('.').unwrap();
    Timestamp::new(number(whole), number(nanoseconds)).unwrap()
}
