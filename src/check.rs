//! `check`: all faults of a site file, or what its lines will be asked and how busy that keeps them.

mod load;

use std::fmt::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::config::draft::DraftError;
use crate::config::site::Site;
use crate::config::{self, LoadError};
use crate::failure::{Failure, tell};
use crate::limits;
use crate::meters;
use crate::modbus::plan::CostModel;
use crate::model::control::Writable;
use crate::model::meter::{Line, Link, Meter, Parity};
use crate::model::overload::{Overload, Overloads};

use load::{BUSY_SHARE_MAX, Turn};

/// Reads listed for one meter at one interval; the rest are counted.
const READS_SHOWN_MAX: usize = 6;
/// Checks the site file at `path` and prints what it found.
///
/// # Errors
/// The faults of the file, or lines that cannot keep their intervals, with exit code 78.
pub fn run(path: &Path) -> Result<ExitCode, Failure> {
    let site = load(path)?;
    tell(ReadPlan(&site))?;
    let overloads = overloads(&site);
    if overloads.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let told = overloads.iter().map(ToString::to_string).collect::<Vec<_>>();
    Err(Failure::config(told.join("\n")))
}

/// The lines that cannot keep the intervals of their meters.
#[must_use]
pub fn overloads(site: &Site) -> Vec<Overload> {
    site.lines.iter().filter_map(|line| load::overload(site, line)).collect()
}

/// `site`, which is to take the place of one with the overloads `before`.
///
/// # Errors
/// The lines that it would overload, or would overload more.
pub fn not_worse(site: Site, before: &[Overload]) -> Result<Site, DraftError> {
    let Overloads { added, .. } = Overloads::between(before, overloads(&site));
    if added.is_empty() { Ok(site) } else { Err(DraftError::Overloaded(added)) }
}

/// The site of the file at `path`.
///
/// # Errors
/// The faults of the file, with exit code 78.
pub fn load(path: &Path) -> Result<Site, Failure> {
    read(path).map_err(|error| refusal(&error))
}

/// The site of the file at `path`.
///
/// # Errors
/// The faults of the file, or why it cannot be read.
pub fn read(path: &Path) -> Result<Site, LoadError> {
    config::load(path, meters::library)
}

/// How a command ends that needs a site, where there is none.
#[must_use]
pub fn refusal(error: &LoadError) -> Failure {
    match error {
        LoadError::Faults(faults) => Failure::config(faults),
        LoadError::Read { .. } => Failure::config(error),
    }
}

/// The read plan of a site, as text.
#[derive(Clone, Copy, Debug)]
pub struct ReadPlan<'a>(pub &'a Site);

impl fmt::Display for ReadPlan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = self.0;
        let parameters: usize = site.points.iter().map(|point| point.parameters.len()).sum();
        writeln!(
            f,
            "{} {}: no faults; lines {}, meters {}, points {}, parameters {parameters}",
            site.cems.id,
            site.cems.name,
            site.lines.len(),
            site.meters.len(),
            site.points.len(),
        )?;
        write_doubts(f, &config::doubts(site))?;
        site.lines.iter().try_for_each(|line| line_plan(f, site, line))?;
        write_writable(f, site)
    }
}

/// What the gateway may write, and how far.
fn write_writable(f: &mut fmt::Formatter<'_>, site: &Site) -> fmt::Result {
    let parameters = site.points.iter().flat_map(|point| point.parameters.iter().map(move |of| (point, of)));
    let mut writables = parameters.filter_map(|(point, of)| Some((point, of, of.writable()?.1))).peekable();
    if writables.peek().is_some() {
        writeln!(f, "\nmay be written:")?;
    }
    writables.try_for_each(|(point, of, writable)| {
        let Writable { min, max, release, lease, .. } = writable;
        let unit = &of.unit;
        writeln!(
            f,
            "  {}/{}: {min} to {max} {unit}, {release} {unit} at rest, held for {lease} at most",
            point.id, of.id
        )
    })
}

/// What is no fault and should be looked at all the same.
fn write_doubts(f: &mut fmt::Formatter<'_>, doubts: &[String]) -> fmt::Result {
    for doubt in doubts.iter().take(limits::FAULTS_MAX) {
        writeln!(f, "warning: {doubt}")?;
    }
    match doubts.len().saturating_sub(limits::FAULTS_MAX) {
        0 => Ok(()),
        more => writeln!(f, "and {more} more warnings"),
    }
}

fn line_plan(f: &mut fmt::Formatter<'_>, site: &Site, line: &Line) -> fmt::Result {
    writeln!(f, "\nline {}: {}", line.id, reached_by(&line.link))?;
    writeln!(
        f,
        "  {:<20} {:>4} {:>8} {:>8} {:>7} {:>9}  spans",
        "meter", "unit", "every", "requests", "bytes", "seconds"
    )?;
    let cost = CostModel::of_line(line);
    let mut busy_share = 0.0;
    for meter in site.meters.iter().filter(|meter| meter.line_id == line.id) {
        for turn in load::turns(site, meter, &cost) {
            busy_share += turn.share;
            meter_plan(f, meter, &turn, &cost)?;
        }
    }
    write!(f, "  taken {:.1} % of the time", busy_share * 100.0)?;
    if busy_share > BUSY_SHARE_MAX {
        write!(
            f,
            ": TOO MUCH, cycles will be late; lengthen intervals, raise the baud rate or split the line"
        )?;
    }
    writeln!(f)
}

/// Writes one row.
fn meter_plan(f: &mut fmt::Formatter<'_>, meter: &Meter, turn: &Turn, cost: &CostModel) -> fmt::Result {
    let Turn { interval, reads, .. } = turn;
    let totals = cost.totals(reads);
    let seconds = totals.time.as_secs_f64();
    write!(
        f,
        "  {:<20} {:>4} {:>8} {:>8} {:>7} {:>9.3}  ",
        meter.id,
        meter.unit,
        interval.to_string(),
        totals.requests,
        totals.bytes,
        seconds
    )?;
    let mut spans = String::new();
    for read in reads.iter().take(READS_SHOWN_MAX) {
        let _never_fails = write!(spans, "{} {}+{}, ", read.table.name(), read.span.start, read.span.count);
    }
    let more = reads.len().saturating_sub(READS_SHOWN_MAX);
    match more {
        0 => writeln!(f, "{}", spans.trim_end_matches(", ")),
        _ => writeln!(f, "{spans}and {more} more"),
    }
}

/// Where a line's link leads: a device path, or host and port.
#[must_use]
pub fn place_of(link: &Link) -> String {
    match link {
        Link::Serial(serial) => serial.port.clone(),
        Link::Tcp { host, port } | Link::RtuOverTcp { host, port, .. } => format!("{host}:{port}"),
        Link::DialIn { listen, registration, .. } => format!("{} on {listen}", registration.escape_ascii()),
    }
}

/// A line's link in a few words, such as `RTU on /dev/ttyS1, 9600 8N1`.
#[must_use]
pub fn reached_by(link: &Link) -> String {
    match link {
        Link::Serial(serial) => {
            let parity = match serial.parity {
                Parity::None => 'N',
                Parity::Even => 'E',
                Parity::Odd => 'O',
            };
            let (data, stop) = (serial.data_bits, serial.stop_bits);
            format!("RTU on {}, {} {data}{parity}{stop}", serial.port, serial.baud)
        }
        Link::Tcp { host, port } => format!("Modbus TCP to {host}:{port}"),
        Link::RtuOverTcp { host, port, baud } => {
            format!("RTU over TCP to {host}:{port}, {baud} baud behind it")
        }
        Link::DialIn { listen, registration, baud } => {
            let modem = registration.escape_ascii();
            format!("RTU over TCP from modem '{modem}' that calls {listen}, {baud} baud behind it")
        }
    }
}
