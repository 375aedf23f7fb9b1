//! A fleet of meters served by pymodbus, and the site that reads them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::api::SeriesName;
use super::held::{Held, Kind};
use super::process::{Process, python};
use super::random::Random;
use super::serial::Wire;
use super::site::free_port;

/// Bits a second of the serial line; a pseudo terminal is faster, but the silences follow from it.
const BAUD: u32 = 115_200;

struct PeerMeter {
    id: String,
    unit: u8,
    held: Vec<Held>,
}

enum PeerLink {
    Tcp(u16),
    Rtu(Wire),
}

struct PeerLine {
    id: String,
    link: PeerLink,
    meters: Vec<PeerMeter>,
    /// Meters on the line that the site does not know yet.
    unknown: Vec<PeerMeter>,
}

/// A value at its place: where its meter is, and where it lies in it.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) series: SeriesName,
    pub(crate) port: u16,
    pub(crate) unit: u8,
    /// What the meter's server is told: table, address, type and letters.
    pub(crate) spec: Value,
}

/// Meters on their lines.
pub(crate) struct Fleet {
    lines: Vec<PeerLine>,
    spec: PathBuf,
}

impl Fleet {
    /// Five meters over TCP and five on one serial line; together they hold every type in every order.
    pub(crate) fn of_every_type(random: &mut Random, dir: &Path) -> Self {
        let mut meters = every_type(random);
        let on_wire = meters.split_off(5);
        let mut lines: Vec<PeerLine> = meters.into_iter().map(|meter| tcp_line(vec![meter])).collect();
        let link = PeerLink::Rtu(Wire::lay("rs485", dir));
        lines.push(PeerLine { id: "rs485".to_owned(), link, meters: on_wire, unknown: Vec::new() });
        Self { lines, spec: dir.join("meters.json") }
    }

    /// Ten meters on one serial line; together they hold every type in every order.
    pub(crate) fn on_one_wire(random: &mut Random, wire: Wire, dir: &Path) -> Self {
        let (id, link, meters) = ("rs485".to_owned(), PeerLink::Rtu(wire), every_type(random));
        Self {
            lines: vec![PeerLine { id, link, meters, unknown: Vec::new() }],
            spec: dir.join("meters.json"),
        }
    }

    /// Meters over TCP, a line each, whose numbers count how often they were read.
    pub(crate) fn counting(meters: u8, values: u16, dir: &Path) -> Self {
        let held = || (0..values).map(|index| Held::counting(index * 2)).collect();
        let meter = |unit| PeerMeter { id: format!("m{unit}"), unit, held: held() };
        let lines = (1..=meters).map(|unit| tcp_line(vec![meter(unit)])).collect();
        Self { lines, spec: dir.join("meters.json") }
    }

    /// Hangs a meter on the line of the first one, of which the site does not know.
    pub(crate) fn hang_unknown_meter(&mut self, unit: u8, held: Vec<Held>) {
        self.lines[0].unknown.push(PeerMeter { id: format!("unknown-{unit}"), unit, held });
    }

    /// The ID of the line of the first meter.
    pub(crate) fn first_line(&self) -> &str {
        &self.lines[0].id
    }

    /// Lines, meters and points for the site file: a point for a meter, a parameter for a value.
    pub(crate) fn site(&self, interval: &str) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let link = match &line.link {
                PeerLink::Tcp(port) => format!("kind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}"),
                PeerLink::Rtu(wire) => {
                    format!("kind = \"rtu\"\nport = \"{}\"\nbaud = {BAUD}", wire.ours.display())
                }
            };
            writeln!(text, "[[line]]\nid = \"{}\"\n{link}\nresponse_timeout_ms = 2000", line.id).unwrap();
            for meter in &line.meters {
                text += &meter_site(meter, &line.id, interval);
            }
        }
        text
    }

    /// What the interface must tell of each value.
    pub(crate) fn expected(&self) -> BTreeMap<SeriesName, Value> {
        let named = |meter: &PeerMeter| {
            let id = meter.id.clone();
            let series = meter.held.iter().enumerate();
            series
                .map(move |(index, held)| ((id.clone(), format!("V{index}")), held.expected()))
                .collect::<Vec<_>>()
        };
        self.meters().flat_map(named).collect()
    }

    /// Every value that is read over TCP.
    pub(crate) fn over_tcp(&self) -> Vec<Placed> {
        let mut placed = Vec::new();
        for line in &self.lines {
            let PeerLink::Tcp(port) = line.link else { continue };
            for meter in &line.meters {
                let series = (0..).map(|index| (meter.id.clone(), format!("V{index}")));
                let place = |(series, held): (SeriesName, &Held)| Placed {
                    series,
                    port,
                    unit: meter.unit,
                    spec: held.spec(),
                };
                placed.extend(series.zip(&meter.held).map(place));
            }
        }
        placed
    }

    /// Gives every value a new random one.
    pub(crate) fn change(&mut self, random: &mut Random) {
        for line in &mut self.lines {
            for held in line.meters.iter_mut().flat_map(|meter| &mut meter.held) {
                held.change(random);
            }
        }
    }

    fn meters(&self) -> impl Iterator<Item = &PeerMeter> {
        self.lines.iter().flat_map(|line| &line.meters)
    }

    fn write_spec(&self) {
        let meter = |meter: &PeerMeter| {
            let values: Vec<Value> = meter.held.iter().map(Held::spec).collect();
            json!({"unit": meter.unit, "values": values})
        };
        let line = |line: &PeerLine| {
            let meters: Vec<Value> = line.meters.iter().chain(&line.unknown).map(meter).collect();
            match &line.link {
                PeerLink::Tcp(port) => json!({"kind": "tcp", "port": port, "meters": meters}),
                PeerLink::Rtu(wire) => {
                    json!({"kind": "rtu", "port": wire.theirs, "baud": BAUD, "meters": meters})
                }
            }
        };
        let lines: Vec<Value> = self.lines.iter().map(line).collect();
        fs::write(&self.spec, json!({"lines": lines}).to_string()).unwrap();
    }
}

fn tcp_line(meters: Vec<PeerMeter>) -> PeerLine {
    let id = format!("lan-{}", meters.first().unwrap().id);
    PeerLine { id, link: PeerLink::Tcp(free_port()), meters, unknown: Vec::new() }
}

/// Values one after the other, words in one of two tables, bits in one of two others, with holes between
/// that the meter refuses to read.
fn place(kinds: &[Kind], random: &mut Random) -> Vec<Held> {
    let mut next: BTreeMap<&str, u16> = BTreeMap::new();
    let mut held = Vec::new();
    for kind in kinds {
        let tables = if kind.is_bit { ["coil", "discrete-input"] } else { ["holding", "input"] };
        let table = tables[usize::from(random.below(2) == 1)];
        let free = next.entry(table).or_insert(0);
        let address = *free + u16::try_from(random.between(0, 4)).unwrap();
        *free = address + kind.size;
        held.push(Held::random(*kind, table, address, random));
    }
    held
}

/// Ten meters that together hold every type in every order.
fn every_type(random: &mut Random) -> Vec<PeerMeter> {
    let mut kinds = Kind::all();
    random.shuffle(&mut kinds);
    let mut meters: Vec<PeerMeter> = Vec::new();
    for (unit, kinds) in (1..).zip(kinds.chunks(kinds.len().div_ceil(10))) {
        meters.push(PeerMeter { id: format!("m{unit}"), unit, held: place(kinds, random) });
    }
    assert_eq!(meters.len(), 10);
    meters
}

fn meter_site(meter: &PeerMeter, line_id: &str, interval: &str) -> String {
    let id = &meter.id;
    let mut text = format!(
        "[[meter]]\nid = \"{id}\"\nline = \"{line_id}\"\nunit = {}\ninterval = \"{interval}\"\n\
         [[point]]\nid = \"{id}\"\nname = \"{id}\"\ncategory = \"CAT\"\nrole = \"branch\"\nmeter = \"{id}\"\n",
        meter.unit
    );
    for (index, held) in meter.held.iter().enumerate() {
        writeln!(
            text,
            "  [[point.parameter]]\n  id = \"V{index}\"\n  name = \"V{index}\"\n  register = {}\n  unit = \"kW\"\n  \
             reading_type = \"0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0\"",
            held.register()
        )
        .unwrap();
    }
    text
}

/// The pymodbus process that serves a fleet.
pub(crate) struct MeterServer {
    process: Process,
    changes: u32,
}

impl MeterServer {
    pub(crate) fn start(fleet: &Fleet, dir: &Path) -> Self {
        fleet.write_spec();
        let mut process = Process::start("meters", python("meters_server.py").arg(&fleet.spec), dir);
        process.wait_for_print("listening on");
        Self { process, changes: 0 }
    }

    /// Lets the meters hold what the fleet now says.
    pub(crate) fn hold(&mut self, fleet: &Fleet) {
        fleet.write_spec();
        self.changes += 1;
        self.process.tell(&format!("change {}", self.changes));
        self.process.wait_for_print(&format!("holding change {}\n", self.changes));
    }
}
