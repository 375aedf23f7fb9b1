//! The only file that knows everyone: builds the parts, connects them, changes them, stops them in
//! the data's order.

mod asker;
mod controller;
mod desk;
mod fitness;
mod plant;
mod repair;
mod settler;
mod shared_draft;
mod timekeeper;
mod update_door;
mod updater;
mod view;
mod watchman;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::api::{self, ApiServer};
use crate::check;
use crate::config::doubts;
use crate::config::site::{ApiSettings, Site, UplinkSettings};
use crate::failure::Failure;
use crate::health::checkup::Checkup;
use crate::health::{last_panic, machine};
use crate::limits;
use crate::model::audit::{Actor, Deed, Note};
use crate::ops::Ops;
use crate::rights;
use crate::slots::Board;
use crate::store::Store;
use crate::time::trust::Evidence;
use crate::time::{Clock, MachineClock, Places, UtcTime};
use crate::update::Updates;
use crate::uplink::{self, Identity, StoreBacklog, UpdateFeed, UplinkHandle};

use controller::Controller;
use desk::GatewayDesk;
use plant::{Plant, SiteJobs, jobs_of_site};
use settler::Settler;
use timekeeper::Timekeeper;
use update_door::BrokerDoor;
use updater::Updater;
use watchman::Watchman;

/// How long the last flush may take before the process ends without it.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// What asks the first process of the system to restart the machine.
const RESTART_EXIT_CODE: u8 = 100;
/// The site file that a new box begins with, beside the file that describes the box.
const FACTORY_SITE: &str = "gateway.toml";
/// How long whoever waits for an update has to see the end of it.
const RESTART_PAUSE: Duration = Duration::from_secs(2);

/// A runtime for everything that waits: one thread, as `ARCHITECTURE.md` has it.
///
/// # Errors
/// When the system gives no event queue.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))
}

/// Runs the gateway of the site file `config` on the folder `data` until it is told to stop. Where
/// `trusts_clock`, the time that the machine shows at the start is believed although nothing speaks for it.
///
/// On a box with a serial console a site file with faults is no end: a desk of repair is opened there.
///
/// # Errors
/// The faults of the site file or of the one of the board, or what the gateway needs and cannot have.
pub fn run(
    config: &Path,
    data: &Path,
    trusts_clock: bool,
    board: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let factory = board.map(|file| file.with_file_name(FACTORY_SITE));
    let board = Board::load(board).map_err(Failure::config)?;
    let site = match check::read(config) {
        Ok(site) => site,
        Err(trouble) => return repair::run(&repair::Bench { config, data, factory }, board, &trouble),
    };
    for doubt in doubts(&site).iter().take(limits::FAULTS_MAX) {
        log::warn!("{}: {doubt}", config.display());
    }
    for overload in check::overloads(&site) {
        log::warn!("{}: {overload}", config.display());
    }
    if let Some(doubt) = rights::doubt_of_root() {
        log::warn!("{doubt}");
    }
    rights::private_folder(data).map_err(|error| {
        Failure::new(format!("the data folder {} cannot be made: {error}", data.display()))
    })?;
    last_panic::keep_in(data, env!("CARGO_PKG_VERSION"));
    let watchman = Watchman::start()?;
    let store = Store::open(data, &site.store)
        .map_err(|error| Failure::new(format!("{error}; after that, start the gateway again")))?;
    let clock = Arc::new(machine_clock(&store, trusts_clock));
    runtime()?.block_on(async {
        let gateway = Gateway::start(site, store, clock, data).await?;
        // Heard from here on: whoever sees the console may send one already.
        let shutdown = shutdown_signal();
        let is_box = board.is_some();
        let updates = match board {
            Some(board) => Some(gateway.serve_updates(board).await?),
            None => None,
        };
        let consoles = gateway.open_consoles(config, is_box)?;
        watchman.watch(&gateway);
        let exit_code = tokio::select! {
            () = shutdown => ExitCode::SUCCESS,
            () = restart_wanted(updates.as_ref()) => ExitCode::from(RESTART_EXIT_CODE),
        };
        watchman.rest();
        drop(consoles);
        drop(updates);
        gateway.stop().await;
        Ok(exit_code)
    })
}

/// Ends when an update asks for a restart of the machine.
async fn restart_wanted(updater: Option<&Updater>) {
    let Some(updater) = updater else { return std::future::pending().await };
    updater.restart_wanted().await;
    log::info!("the machine is to be restarted");
    tokio::time::sleep(RESTART_PAUSE).await;
}

/// The clock of this machine, with what it and the store know of it.
pub(crate) fn machine_clock(store: &Store, trusts_clock: bool) -> MachineClock {
    let places = Places::of_system();
    let known = store.clock_evidence(&places.read_boot_id());
    let evidence = Evidence {
        was_set: known.was_set || trusts_clock,
        kept_by_hardware: places.has_hardware_clock(),
        ..known
    };
    MachineClock::new(places, evidence)
}

/// Ends with SIGINT or SIGTERM. A SIGTERM is heard from the call on, not only once it is waited for.
pub fn shutdown_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = signal(SignalKind::terminate());
    async {
        match terminated {
            Ok(mut terminated) => {
                tokio::select! {
                    _ = terminated.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            }
            Err(error) => {
                log::warn!("SIGTERM cannot be heard ({error}); only Ctrl-C ends the gateway in order");
                let _heard = tokio::signal::ctrl_c().await;
            }
        }
    }
}

/// Marks that a run begins, and says how the one before ended where that is worth a word.
fn begin_run(data: &Path, now: UtcTime) -> Arc<Checkup> {
    let places = machine::Places::of_system();
    let checkup = Checkup::begin(data, places, now, env!("CARGO_PKG_VERSION"));
    let ending = checkup.run().ending();
    if ending.is_bad() {
        let count = checkup.run().bad_ends_within_an_hour(now);
        log::warn!("the run before was not stopped: {ending}; such ends within an hour: {count}");
    }
    Arc::new(checkup)
}

/// What the audit book has of a start: the version, and how the run before ended where nobody had told it to.
fn what_starts(checkup: &Checkup) -> String {
    let (version, ending) = (env!("CARGO_PKG_VERSION"), checkup.run().ending());
    if ending.is_bad() { format!("{version}, the run before: {ending}") } else { version.to_owned() }
}

/// A running gateway.
pub struct Gateway {
    ops: Arc<Ops>,
    plant: Arc<Plant>,
    controller: Controller,
    api: Mutex<Option<ApiServer>>,
    uplink: Mutex<Option<UplinkHandle>>,
    update_feed: Mutex<Option<UpdateFeed>>,
    data: PathBuf,
    checkup: Arc<Checkup>,
    started: Instant,
    _timekeeper: Timekeeper,
    _settler: Settler,
}

impl Gateway {
    /// Starts polling, serving and pushing `site`.
    ///
    /// # Errors
    /// When a series cannot be registered or the API cannot listen.
    pub async fn start(
        site: Site,
        store: Store,
        clock: Arc<dyn Clock>,
        data: &Path,
    ) -> Result<Arc<Self>, Failure> {
        let site = Arc::new(site);
        let jobs = jobs_of_site(&site, &store).map_err(Failure::new)?;
        let ops = Ops::new(Arc::clone(&site), store.clone(), Arc::clone(&clock)).map_err(Failure::new)?;
        let checkup = begin_run(data, clock.now());
        ops.examine_with(Arc::clone(&checkup));
        ops.note(Note::done(Actor::SYSTEM, Deed::Start).about(what_starts(&checkup)));
        if let Some(loss) = machine::Places::of_system().data_partition_loss() {
            log::error!("the data partition was not as it was left: {loss}");
            ops.note(Note::done(Actor::SYSTEM, Deed::Start).about(format!("data partition {loss}")));
        }
        let api = api::serve(Arc::clone(&ops), &site.api, data).map_err(Failure::new)?;
        let timekeeper = Timekeeper::start(store.clone(), Arc::clone(&clock));
        let plant = Arc::new(Plant::new(store, clock));
        ops.watch_lines(Arc::clone(&plant) as _);
        plant.become_site(jobs).await;
        log::info!(
            "{}: {} lines, {} meters, API on {}",
            site.cems.id,
            site.lines.len(),
            site.meters.len(),
            api.local_addr()
        );
        if let Some((address, fingerprint)) = api.tls() {
            log::info!("API over TLS on {address}, certificate SHA-256 {fingerprint}");
        }
        let gateway = Arc::new(Self {
            api: Mutex::new(Some(api)),
            uplink: Mutex::new(None),
            update_feed: Mutex::new(None),
            data: data.to_owned(),
            checkup,
            started: Instant::now(),
            _timekeeper: timekeeper,
            _settler: Settler::start(Arc::clone(&ops)),
            controller: Controller::start(Arc::clone(&ops), Arc::clone(&plant)),
            ops,
            plant,
        });
        gateway.push_to(site.uplink.as_ref()).await;
        Ok(gateway)
    }

    /// Where the API listens; `None` once the gateway has stopped.
    pub async fn api_address(&self) -> Option<SocketAddr> {
        self.api.lock().await.as_ref().map(ApiServer::local_addr)
    }

    /// Opens the consoles: the sockets beside the data, and the serial port where the site names one.
    /// They close when what is returned is dropped.
    fn open_consoles(self: &Arc<Self>, config: &Path, is_box: bool) -> Result<desk::Consoles, Failure> {
        let desk = Arc::new(GatewayDesk::new(Arc::clone(self), config, is_box));
        self.ops.found_by(Arc::clone(&desk) as _);
        desk::Consoles::open(desk, &self.data, self.ops.site().console.as_ref())
    }

    /// Takes updates for the slots of `board`, and proves the running system where it is on trial. That ends
    /// when what is returned is dropped.
    async fn serve_updates(self: &Arc<Self>, board: Board) -> Result<Updater, Failure> {
        let updates = Updates::of(board).map_err(Failure::config)?;
        self.ops.serve_updates(Arc::clone(&updates));
        self.listen_for_updates(self.ops.site().uplink.as_ref()).await;
        Ok(Updater::start(Arc::clone(self), updates))
    }

    /// Becomes `site` while running: only what changed is started or stopped. Gives the names of
    /// those parts.
    ///
    /// # Errors
    /// When the store cannot register a series or the API cannot listen where it should; then the
    /// gateway stays what it was.
    async fn become_site(&self, site: Site) -> Result<Vec<String>, Failure> {
        let before = self.ops.site();
        let site = Arc::new(site);
        let mut changed = Vec::new();
        // What can be refused comes first: where to listen, and the names of new series.
        let moves = before.api != ApiSettings { compat: before.api.compat.clone(), ..site.api.clone() };
        if moves {
            self.answer_as(&site.api, &before.api).await?;
        }
        self.ops.freeze_controls(Some(&site));
        self.controller.wait_for_rest().await;
        let jobs = self.register(Arc::clone(&site)).await;
        self.ops.thaw_controls();
        if jobs.is_err() && moves {
            self.answer_as(&before.api, &site.api).await?;
        }
        changed.extend(self.plant.become_site(jobs?).await);
        if moves {
            changed.push("api".to_owned());
        }
        if site.uplink != before.uplink || site.cems.id != before.cems.id {
            self.push_to(site.uplink.as_ref()).await;
            changed.push("uplink".to_owned());
        }
        if site.console != before.console || site.store != before.store {
            changed.push("console and store settings (at the next start of the gateway)".to_owned());
        }
        log::info!("the site has changed; started or stopped: {}", changed.join(", "));
        Ok(changed)
    }

    /// Names the series of `site` durably, which blocks, and serves it from now on.
    async fn register(&self, site: Arc<Site>) -> Result<SiteJobs, Failure> {
        let ops = Arc::clone(&self.ops);
        let registered = tokio::task::spawn_blocking(move || {
            let jobs = jobs_of_site(&site, ops.store())?;
            ops.replace_site(site).map(|()| jobs)
        });
        registered.await.map_err(Failure::new)?.map_err(Failure::new)
    }

    /// Serves the interface as `settings` say; where that cannot be, as `before` said. Answers under way
    /// still end first, since one port may be wanted again.
    async fn answer_as(&self, settings: &ApiSettings, before: &ApiSettings) -> Result<(), Failure> {
        let mut api = self.api.lock().await;
        let (running, ops, data) = (api.take(), Arc::clone(&self.ops), self.data.clone());
        let (settings, before) = (settings.clone(), before.clone());
        let (served, result) = tokio::task::spawn_blocking(move || {
            if let Some(running) = running {
                running.shutdown();
            }
            match api::serve(Arc::clone(&ops), &settings, &data) {
                Ok(served) => (Some(served), Ok(())),
                Err(error) => (api::serve(ops, &before, &data).ok(), Err(Failure::new(error))),
            }
        })
        .await
        .map_err(Failure::new)?;
        *api = served;
        result
    }

    /// Takes updates from the broker, where the site says so and there are slots for them.
    async fn listen_for_updates(&self, settings: Option<&UplinkSettings>) {
        let mut feed = self.update_feed.lock().await;
        *feed = None;
        let settings = settings.filter(|settings| settings.takes_updates);
        let Some((settings, updates)) = settings.zip(self.ops.updates().ok()) else { return };
        let (ops, updates, host) = (Arc::clone(&self.ops), Arc::clone(updates), settings.host.clone());
        match UpdateFeed::start(settings, Arc::new(BrokerDoor { ops, updates, host })) {
            Ok(started) => *feed = Some(started),
            Err(error) => log::error!("{error}"),
        }
    }

    async fn push_to(&self, settings: Option<&UplinkSettings>) {
        self.listen_for_updates(settings).await;
        let mut uplink = self.uplink.lock().await;
        if let Some(running) = uplink.take() {
            running.shutdown().await;
        }
        let Some(settings) = settings else { return };
        let ops = Arc::clone(&self.ops);
        let cems = &ops.site().cems;
        let identity = Identity { cems_id: cems.id.clone(), utc_offset: cems.offset };
        let backlog = Arc::new(StoreBacklog::new(ops.store().clone(), move || ops.site()));
        match uplink::spawn(settings, identity, backlog) {
            Ok(handle) => *uplink = Some(handle),
            Err(error) => log::error!("{error}"),
        }
    }

    /// Stops in the data's order: what is written to meters, lines, uplink, API, and last the store with
    /// its flush.
    pub async fn stop(&self) {
        self.controller.rest().await;
        self.plant.stop().await;
        drop(self.update_feed.lock().await.take());
        if let Some(uplink) = self.uplink.lock().await.take() {
            uplink.shutdown().await;
        }
        let (api, store) = (self.api.lock().await.take(), self.ops.store().clone());
        self.ops.note(Note::done(Actor::SYSTEM, Deed::Stop).about(env!("CARGO_PKG_VERSION")));
        store.end_run();
        let closed = tokio::task::spawn_blocking(move || {
            if let Some(api) = api {
                api.shutdown();
            }
            store.close()
        });
        match tokio::time::timeout(STOP_TIMEOUT, closed).await {
            Ok(Ok(Ok(()))) => {
                self.checkup.run().stopped();
                log::info!("stopped; every reading is on the medium");
            }
            Ok(Ok(Err(error))) => log::error!("the store did not close: {error}"),
            Ok(Err(error)) => log::error!("the store did not close: {error}"),
            Err(_) => log::error!("the store did not close in {} s", STOP_TIMEOUT.as_secs()),
        }
    }
}
