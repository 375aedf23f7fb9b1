//! `scan`: finds what answers on a line, and what it is.
//!
//! Every unit is asked once at every setting of the line. One that is heard is asked a few times more, for
//! what it says of itself, and for the registers by which the maps of the library are known.

mod fit;
mod found;
mod look;
mod progress;
mod report;
mod scanner;
mod state;
mod sweep;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::scanner::{Keeper, Scanner};
use self::state::{Name, State};
use self::sweep::Sweep;
use super::spoken::Spoken;
use super::wire_text::line_of;
use crate::failure::{Failure, tell};
use crate::gateway::{runtime, shutdown_signal};
use crate::meters;
use crate::model::meter::{Line, Link, Parity};

/// Where and what to ask.
#[derive(Args)]
pub struct ScanOptions {
    /// The line: a path like /dev/ttyUSB0, or HOST:PORT for Modbus TCP; settings written with the path, as
    /// in /dev/ttyUSB0:9600:8N1, are the only ones that are tried
    line: String,
    /// Bits a second to try, the likeliest first
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(300..=4_000_000))]
    baud: Vec<u32>,
    /// Parities to try: N, E, O
    #[arg(long, value_delimiter = ',', value_parser = sweep::parity_of)]
    parity: Vec<Parity>,
    /// Unit IDs to ask, such as 1-247 or 1,5,10-20
    #[arg(long, default_value = "1-247")]
    units: String,
    /// How long to wait for an answer to start; 200 on a serial line, 500 on a network
    #[arg(long, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    timeout_ms: Option<u32>,
    /// Speak RTU frames through the TCP socket, as serial device servers want
    #[arg(long)]
    rtu_over_tcp: bool,
    /// A folder of register maps that come before the built-in ones
    #[arg(long)]
    maps: Option<PathBuf>,
    /// Keep in this file how far it has come; a second call goes on there
    #[arg(long)]
    state: Option<PathBuf>,
    /// One JSON object a unit instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    spoken: Spoken,
}

/// Meters that take longer than this are rare, and every silent ID of a sweep costs as much.
const TIMEOUT_SERIAL_MS: u32 = 200;
/// A gateway asks the serial line behind it first.
const TIMEOUT_NETWORK_MS: u32 = 500;

/// `scan`: exit code 0 when something answers, 1 when nothing does.
///
/// # Errors
/// When the options contradict each other, the state is of another scan, or the line is lost.
pub fn scan(options: &ScanOptions) -> Result<ExitCode, Failure> {
    let line = line_of(&options.line, options.rtu_over_tcp, 0).map_err(Failure::new)?;
    let line =
        Line { response_timeout_ms: options.timeout_ms.unwrap_or_else(|| timeout_ms(&line.link)), ..line };
    let settings_written = matches!(&line.link, Link::Serial(serial) if serial.port != options.line);
    let units = sweep::units_of(&options.units).map_err(Failure::new)?;
    let sweep = Sweep::new(line.link.clone(), settings_written, &options.baud, &options.parity, units)
        .map_err(Failure::new)?;
    let library = meters::library(options.maps.as_deref()).map_err(Failure::config)?;
    let name = Name::of(&options.line, &sweep);
    let state = match &options.state {
        Some(path) => state::read(path, &name, &sweep)?,
        None => State::default(),
    };
    let keeper = options.state.clone().map(|path| Keeper::new(path, name));
    let language = options.spoken.language();
    let mut scanner = Scanner::new(line, sweep, library, state, keeper, language);
    let ended = runtime()?.block_on(async {
        tokio::select! {
            biased;
            () = shutdown_signal() => Ok(()),
            ended = scanner.run() => ended,
        }
    });
    let kept = scanner.stop();
    let (sweep, state) = scanner.results();
    // What was found is told even where the line was lost half-way.
    if ended.is_ok() || !state.found.is_empty() {
        tell(if options.json { report::json(sweep, state)? } else { report::table(sweep, state, language) })?;
    }
    ended.and(kept)?;
    let anyone = state.found.iter().any(|found| found.answers.is_of_a_unit());
    Ok(if anyone { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const fn timeout_ms(link: &Link) -> u32 {
    match link {
        Link::Serial(_) => TIMEOUT_SERIAL_MS,
        Link::Tcp { .. } | Link::RtuOverTcp { .. } | Link::DialIn { .. } => TIMEOUT_NETWORK_MS,
    }
}
