//! A technician's commands: each one builds what it needs, does one thing and ends.

mod archive;
mod by_hand;
mod certificate;
mod frames;
#[cfg(test)]
mod golden_text;
mod network;
mod plausible;
mod probe;
mod scan;
mod spoken;
mod sunspec;
mod update;
mod wire_text;

pub use archive::{ExportOptions, FileOptions, backup, export, restore};
pub use by_hand::{ReadOptions, WriteOptions, read, write};
pub use certificate::{CertificateOptions, certificate};
pub use frames::frames;
pub use network::{NetworkOptions, network};
pub use probe::{ProbeOptions, probe};
pub use scan::{ScanOptions, scan};
pub use sunspec::{SunspecOptions, sunspec};
pub use update::{UpdateOptions, update};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgGroup, Args, Subcommand};

use crate::api;
use crate::check;
use crate::console;
use crate::document::Document;
use crate::failure::{Failure, tell};
use crate::gateway::{runtime, shutdown_signal};
use crate::meters::{self, golden, show};
use crate::sim::fault::Rule;
use crate::sim::replay::{Stage, replay};
use crate::sim::run::{Manner, Running, run};
use crate::time::{Clock, SystemClock};

/// What may be asked of the meter library.
#[derive(Subcommand)]
pub enum MetersOrder {
    /// The models
    List,
    /// The registers of one model
    Show {
        /// The model, such as eastron-sdm630
        model: String,
    },
    /// Runs the golden frames of one model, or of all
    Test {
        /// The model
        model: Option<String>,
    },
}

/// `meters`: lists, shows or tests register maps; those of the folder `maps` come first.
///
/// # Errors
/// The faults of a register map, an unknown model, or a golden frame that does not hold.
pub fn meters(maps: Option<&Path>, order: &MetersOrder) -> Result<ExitCode, Failure> {
    let library = meters::library(maps).map_err(Failure::config)?;
    let known = |model: &str| {
        library.get(model).ok_or_else(|| {
            let models: Vec<&str> = library.models().collect();
            Failure::new(format!("no meter '{model}'; there are {}", models.join(", ")))
        })
    };
    match order {
        MetersOrder::List => tell(show::list(&library))?,
        MetersOrder::Show { model } => tell(show::map(known(model)?))?,
        MetersOrder::Test { model } => {
            if let Some(model) = model {
                known(model)?;
            }
            let goldens = meters::goldens(maps).map_err(Failure::config)?;
            let reports = golden::run_all(&library, &goldens, model.as_deref()).map_err(Failure::config)?;
            tell(show::reports(&reports))?;
            if !reports.iter().all(golden::Report::holds) {
                return Err(Failure::new("a golden frame does not hold"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is simulated and where.
#[derive(Args)]
#[command(group(ArgGroup::new("meters").required(true)))]
pub struct SimOptions {
    /// The site file
    #[arg(long, group = "meters")]
    config: Option<PathBuf>,
    /// Something that goes wrong; may be given more than once
    ///
    /// With a reply: late:MS, bad-crc, noise:BYTES, phantom, lost:BYTES, split:MS, echo, other-unit, wrong-length,
    /// two-on-one-id, exception:CODE, hole:FIRST-LAST, silent, hang-up; then @unit=N and one of @every=N, @once=N,
    /// @chance=PERCENT, such as late:200@once=3, silent@unit=5 or bad-crc@chance=1.
    ///
    /// With a meter: rollover, reset, swap, then @unit=N and @after=SECONDS (30); power-cycle, then @unit=N and
    /// @every=SECONDS (60).
    #[arg(long = "fault", verbatim_doc_comment)]
    faults: Vec<String>,
    /// The same seed gives the same faults
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Serial lines carry bytes at their baud rate; requests before 3.5 characters of silence are counted
    #[arg(long, conflicts_with = "replay")]
    paced: bool,
    /// Play back a recorded line instead: the meters say what they said to the same requests
    #[arg(long, value_name = "FILE", group = "meters", conflicts_with_all = ["faults", "seed"])]
    replay: Option<PathBuf>,
    /// Where the recording plays; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "config")]
    listen: Option<SocketAddr>,
    /// Play the recording on a pseudo terminal, which stands for a serial port
    #[arg(long, conflicts_with_all = ["config", "listen"])]
    pty: bool,
}

/// `sim`: serves the simulated meters of a site file, or those of a recording, until it is interrupted, and
/// then tells what was heard of the silences on paced lines.
///
/// # Errors
/// The faults of the site file, of a fault rule or of the recording, or a line that cannot be opened.
pub fn sim(options: &SimOptions) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        let running = match (&options.replay, &options.config) {
            (Some(file), _) => play_back(file, options).await?,
            (None, Some(config)) => simulate(config, options).await?,
            (None, None) => return Err(Failure::new("nothing to simulate; give --config or --replay")),
        };
        for (line_id, place) in running.places() {
            tell(format_args!("line {line_id}: {place}\n"))?;
        }
        tell("Ctrl-C ends it.\n")?;
        shutdown_signal().await;
        for silence in running.silences() {
            let (line_id, early_requests) = (silence.line_id(), silence.early_requests());
            tell(format_args!("line {line_id}: requests before the silence: {early_requests}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn simulate(config: &Path, options: &SimOptions) -> Result<Running, Failure> {
    let site = check::load(config)?;
    let rules = options.faults.iter().map(|rule| rule.parse::<Rule>().map_err(Failure::new));
    let (seed, paced) = (options.seed, options.paced);
    let manner = Manner { rules: rules.collect::<Result<_, _>>()?, seed, paced, ..Manner::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    run(&site, &clock, &manner).await.map_err(Failure::new)
}

async fn play_back(file: &Path, options: &SimOptions) -> Result<Running, Failure> {
    let stage = match options.listen {
        Some(address) => Stage::Socket(address),
        None if options.pty => Stage::Pty,
        None => Stage::Any,
    };
    replay(&frames::open(file)?, stage).await.map_err(Failure::new)
}

/// `console`: this terminal becomes a console of the gateway that keeps its data in `data`.
///
/// # Errors
/// When no gateway answers there.
pub fn console(data: &Path) -> Result<ExitCode, Failure> {
    console::attach(data).map_err(Failure::new)?;
    Ok(ExitCode::SUCCESS)
}

/// `token`: prints a new token and the lines of the site file that let `platform` use it.
///
/// # Errors
/// When the site file would refuse the ID, or the system has no randomness to give.
pub fn token(platform: &str) -> Result<ExitCode, Failure> {
    let id_line = format!("id = {}", toml_edit::Value::from(platform));
    let document = Document::parse("platform", &id_line).map_err(Failure::config)?;
    document.root().id("id");
    document.verdict().map_err(Failure::config)?;

    let pair = api::new_token().map_err(Failure::new)?;
    tell(format_args!(
        "Give this token to the platform; it is shown only now / 令牌只显示这一次:\n\n  {}\n\n\
         Put these lines into the site file / 写入站点文件:\n\n\
         [[platform]]\n{id_line}\ntoken_sha256 = \"{}\"\n",
        pair.token, pair.sha256
    ))?;
    Ok(ExitCode::SUCCESS)
}
