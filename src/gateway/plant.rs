//! The running lines: one wire task and one poll each, changed without disturbing the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::site::Site;
use crate::health::watch::{PATIENCE, Sign};
use crate::modbus::counters::UnitCounters;
use crate::modbus::line::{LineHandle, PortState};
use crate::model::meter::Line;
use crate::model::part::Part;
use crate::ops::lines::{LineFigures, LineWatch, MeterFigures};
use crate::poll::job::{Job, jobs_of_line};
use crate::poll::{JobStatus, Poll};
use crate::store::{Store, StoreError};
use crate::time::Clock;

/// Every line of a site with its jobs.
pub(super) type SiteJobs = Vec<(Line, Vec<Job>)>;

/// The jobs of all lines of `site`, their groups registered with `store`. Blocks until new series are
/// on the medium.
///
/// # Errors
/// When the store cannot register a series or a group.
pub(super) fn jobs_of_site(site: &Site, store: &Store) -> Result<SiteJobs, StoreError> {
    site.lines.iter().map(|line| Ok((line.clone(), jobs_of_line(site, line, store)?))).collect()
}

/// What a try may take beside waiting: opening a connection, and the bytes themselves.
const TRY_MARGIN: Duration = Duration::from_secs(15);

/// One wire and its poll.
struct Running {
    line: Line,
    handle: LineHandle,
    poll: Poll,
}

impl Running {
    /// A poll comes round between two scans, and during one its line moves with every try. A line whose task
    /// has ended answers every scan at once, with nothing: it stands still, however often its poll comes round.
    fn sign(&self) -> Sign {
        let (tries, rounds) = (self.handle.moves(), self.poll.ask_for_a_round());
        let has_ended = self.handle.state() == PortState::Shutdown;
        Sign {
            part: Part::Line(self.line.id.clone()),
            count: if has_ended { 0 } else { tries.wrapping_add(rounds) },
            patience: patience(self.line.response_timeout_ms),
        }
    }
}

/// How long a line may take for a try: the reply is waited for, and on a line that was lost as long again
/// before anything else is asked.
fn patience(response_timeout_ms: u32) -> Duration {
    PATIENCE.max(Duration::from_millis(response_timeout_ms.into()) * 2 + TRY_MARGIN)
}

/// How one line goes.
#[derive(Clone, Debug)]
pub(super) struct LineStatus {
    /// The line.
    pub(super) line: Line,
    /// Whether its port is open.
    pub(super) state: PortState,
    /// The share of its time in which the wire is taken, 0 to 1.
    pub(super) busy_share: f64,
    /// What each unit answered.
    pub(super) units: Vec<UnitCounters>,
    /// How each job on it goes.
    pub(super) jobs: Vec<JobStatus>,
}

/// All running lines of the site.
pub(super) struct Plant {
    store: Store,
    clock: Arc<dyn Clock>,
    /// By line ID. The lock is held for moments only, never across a wait.
    running: Mutex<BTreeMap<String, Arc<Running>>>,
}

impl Plant {
    /// A plant without lines.
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, running: Mutex::default() }
    }

    /// Makes the lines and polls those of `jobs`: a line whose own settings stay keeps its port open,
    /// and a meter whose jobs stay keeps its ticks. Gives the names of the parts that were started or
    /// stopped.
    pub(super) async fn become_site(&self, jobs: SiteJobs) -> Vec<String> {
        let mut changed = Vec::new();
        for gone in self.take_unless(|line| jobs.iter().any(|(kept, _)| kept == line)) {
            changed.push(format!("line {}", gone.line.id));
            stop(gone).await;
        }
        for (line, jobs) in jobs {
            if let Some(running) = self.find(&line.id) {
                let meters = running.poll.replace(jobs).await;
                changed.extend(meters.into_iter().map(|meter| format!("meter {meter}")));
            } else {
                changed.push(format!("line {}", line.id));
                self.start(line, jobs);
            }
        }
        changed.dedup();
        changed
    }

    fn start(&self, line: Line, jobs: Vec<Job>) {
        let handle = LineHandle::spawn(&line, Arc::clone(&self.clock));
        let poll = Poll::spawn(jobs, handle.clone(), self.store.clone(), Arc::clone(&self.clock));
        let id = line.id.clone();
        self.lock().insert(id, Arc::new(Running { line, handle, poll }));
    }

    /// The wire of a line, to read or write one thing by hand.
    pub(super) fn line(&self, line_id: &str) -> Option<LineHandle> {
        self.find(line_id).map(|running| running.handle.clone())
    }

    /// Forgets what was learned about a meter; whether there is one that is read.
    pub(super) async fn forget(&self, meter_id: &str) -> bool {
        let reads =
            |running: &&Arc<Running>| running.poll.status().iter().any(|job| job.meter_id == meter_id);
        let found = self.lock().values().find(reads).cloned();
        if let Some(running) = &found {
            running.poll.forget(meter_id).await;
        }
        found.is_some()
    }

    /// How every line goes.
    pub(super) fn status(&self) -> Vec<LineStatus> {
        let status = |running: &Arc<Running>| LineStatus {
            line: running.line.clone(),
            state: running.handle.state(),
            busy_share: running.handle.busy_share(),
            units: running.handle.counters(),
            jobs: running.poll.status(),
        };
        self.lock().values().map(status).collect()
    }

    /// Whether every line moves, each asked for its next sign.
    pub(super) fn signs(&self) -> Vec<Sign> {
        self.lock().values().map(|running| running.sign()).collect()
    }

    /// Stops every line, each after the exchange under way.
    pub(super) async fn stop(&self) {
        for gone in self.take_unless(|_| false) {
            stop(gone).await;
        }
    }

    fn find(&self, line_id: &str) -> Option<Arc<Running>> {
        self.lock().get(line_id).cloned()
    }

    fn take_unless(&self, keep: impl Fn(&Line) -> bool) -> Vec<Arc<Running>> {
        let mut running = self.lock();
        let gone: Vec<String> =
            running.iter().filter(|(_, r)| !keep(&r.line)).map(|(id, _)| id.clone()).collect();
        gone.iter().filter_map(|id| running.remove(id)).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// First the poll, so that nothing new is asked, then the wire.
async fn stop(running: Arc<Running>) {
    running.poll.shutdown().await;
    running.handle.clone().shutdown().await;
}

impl LineWatch for Plant {
    fn lines(&self) -> Vec<LineFigures> {
        self.status().iter().map(figures).collect()
    }
}

fn figures(status: &LineStatus) -> LineFigures {
    let mut meters: BTreeMap<&str, MeterFigures> = BTreeMap::new();
    for job in &status.jobs {
        let counters = || status.units.iter().find(|counters| counters.unit == job.unit).copied();
        let meter = meters.entry(&job.meter_id).or_insert_with(|| MeterFigures {
            id: job.meter_id.clone(),
            counters: counters(),
            scans: 0,
            silent_scans: 0,
            overruns: 0,
            past_share: 0,
            is_backed_off: job.backed_off,
        });
        meter.scans += job.scans;
        meter.silent_scans += job.silent_scans;
        meter.overruns += job.overruns;
        meter.past_share += job.past_share;
    }
    LineFigures {
        id: status.line.id.clone(),
        is_open: status.state == PortState::Open,
        busy_share: status.busy_share,
        meters: meters.into_values().collect(),
    }
}
