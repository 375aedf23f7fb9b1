//! `demo`: a simulated factory through the real line, store and API.
//!
//! The meters live on a thread of their own, behind a pseudo terminal and TCP sockets; the gateway
//! meets them as it would meet real ones. Its past is made first, by the same road in virtual time.

mod history;
mod invitation;
mod responses;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::api;
use crate::config;
use crate::config::site::Site;
use crate::failure::{Failure, tell};
use crate::gateway::{Gateway, runtime, shutdown_signal};
use crate::meters;
use crate::rights;
use crate::sim::plant::SimulatedPlant;
use crate::sim::site::site_toml;
use crate::store::Store;
use crate::time::{
    Clock, Interval, RunningClock, SystemClock, UtcOffset, UtcTime, local_midnight, parse_instant,
};

/// The bearer token of the demo's one platform. It is no secret: the demo serves loopback only.
const TOKEN: &str = "demo";

/// What the demo may be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The instant at which the demo starts; now where it is not given.
    pub at: Option<String>,
    /// Where readings are kept; a folder that goes with the demo where it is not given.
    pub data: Option<PathBuf>,
    /// Days of history before the start.
    pub history_days: u16,
}

/// Runs the demo until it is interrupted.
///
/// # Errors
/// When an option is refused or something the gateway needs cannot be had.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let start = start_of(options.at.as_deref())?;
    let data = DataFolder::of(options.data.as_deref())?;
    runtime()?.block_on(live(options, start, &data.path))?;
    Ok(ExitCode::SUCCESS)
}

fn start_of(at: Option<&str>) -> Result<UtcTime, Failure> {
    match at {
        None => Ok(SystemClock.now()),
        Some(text) => {
            parse_instant(text, UtcOffset::UTC).map_err(|fault| Failure::new(format!("--at {text}: {fault}")))
        }
    }
}

async fn live(options: &Options, start: UtcTime, data: &Path) -> Result<(), Failure> {
    let running = Arc::new(RunningClock::waiting_at(start));
    if options.at.is_none() {
        // Now goes on while the past is made; any other time waits for it.
        running.start();
    }
    let clock: Arc<dyn Clock> = Arc::clone(&running) as _;
    let plant = SimulatedPlant::start(Arc::clone(&clock)).map_err(Failure::new)?;
    let text = site_toml(plant.ports(), options.listen, &api::token_sha256(TOKEN));
    let mut site = config::read("factory.toml", &text, meters::library).map_err(Failure::config)?;
    // The history that was asked for is shown whole.
    site.store.raw_days = site.store.raw_days.max(u32::from(options.history_days) + 1);
    let store = Store::open(data, &site.store).map_err(Failure::new)?;
    make_history(options, start, &site, &store).await?;
    responses::enter(&site, &store, &clock).await?;
    running.start();

    let gateway = Gateway::start(site, store, clock, data).await?;
    tell(invitation::text(
        gateway.api_address().await.unwrap_or(options.listen),
        TOKEN,
        start,
        options.history_days,
    ))?;
    shutdown_signal().await;
    gateway.stop().await;
    drop(plant);
    Ok(())
}

async fn make_history(options: &Options, start: UtcTime, site: &Site, store: &Store) -> Result<(), Failure> {
    let to = start.floor(Interval::MINUTE);
    let days_ms = i64::from(options.history_days) * Interval::DAY.as_ms();
    // Whole days: a month or a day cut off by the start of history would look incomplete.
    let earliest = local_midnight(UtcTime::from_ms(to.as_ms() - days_ms), site.cems.offset);
    let kept = store.durable().through;
    if let Some(kept) = kept.filter(|kept| *kept > start) {
        let kept = kept.iso(site.cems.offset);
        return Err(Failure::new(format!(
            "the data folder holds readings up to {kept}; start --at a later time or give another --data"
        )));
    }
    let from =
        kept.map_or(earliest, |kept| earliest.max(kept.floor(Interval::MINUTE).plus(Interval::MINUTE)));
    if from > to || options.history_days == 0 {
        return Ok(());
    }
    let shown = std::io::stderr().is_terminal();
    let whole_ms = to.ms_since(from).max(1);
    let progress = |at: UtcTime| {
        if shown {
            eprint!("\rmaking history / 生成历史数据 {:3} %", at.ms_since(from) * 100 / whole_ms);
        }
    };
    history::make(site, store, from, to, progress).await.map_err(Failure::new)?;
    if shown {
        eprintln!("\rmaking history / 生成历史数据 100 %");
    }
    let flushing = store.clone();
    let flushed = tokio::task::spawn_blocking(move || flushing.flush()).await;
    flushed.map_err(Failure::new)?.map_err(Failure::new)?;
    Ok(())
}

/// Where the demo keeps its readings.
struct DataFolder {
    path: PathBuf,
    goes_with_demo: bool,
}

impl DataFolder {
    fn of(given: Option<&Path>) -> Result<Self, Failure> {
        let goes_with_demo = given.is_none();
        let path = given.map_or_else(
            || std::env::temp_dir().join(format!("cems-gateway-demo-{}", std::process::id())),
            Path::to_path_buf,
        );
        rights::private_folder(&path).map_err(|error| {
            Failure::new(format!("the data folder {} cannot be made: {error}", path.display()))
        })?;
        Ok(Self { path, goes_with_demo })
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.goes_with_demo
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            log::warn!("the folder {} stays behind: {error}", self.path.display());
        }
    }
}
