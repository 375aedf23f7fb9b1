//! The scan cycle: one task a line reads whatever is due and hands every scan to the store.
//!
//! ```text
//! schedule (when)  ->  job (what)  ->  scan (on the line)  ->  store
//! ```
//!
//! A failed read travels the same road as a good one, as samples that name their cause.

pub mod job;
pub mod scan;
pub mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::limits;
use crate::modbus::health::Health;
use crate::modbus::line::LineHandle;
use crate::model::reading::Scan;
use crate::store::Store;
use crate::time::trust::ClockState;
use crate::time::{Clock, Interval, UtcTime};

use job::Job;
use scan::Heard;
use schedule::Schedule;

/// Longest wait for the task to end once it is asked to.
const SHUTDOWN_MS: u64 = 5_000;

/// How the scans of one meter at one interval go.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStatus {
    /// The meter.
    pub meter_id: String,
    /// The interval.
    pub interval: Interval,
    /// Scans made.
    pub scans: u64,
    /// Scans in which the meter did not answer at all.
    pub silent_scans: u64,
    /// Ticks missed because the line was busy.
    pub overruns: u64,
    /// When the meter last answered.
    pub answered_at: Option<UtcTime>,
    /// The meter is asked less often, because it does not answer.
    pub backed_off: bool,
    /// Its values are read one by one, because it refuses merged reads.
    pub one_by_one: bool,
}

type StatusTable = Arc<Mutex<Vec<JobStatus>>>;

/// The running poll of one line.
#[derive(Debug)]
pub struct Poll {
    orders: mpsc::Sender<Order>,
    status: StatusTable,
    task: Mutex<Option<JoinHandle<()>>>,
}

enum Order {
    Replace(Vec<Job>, oneshot::Sender<BTreeSet<String>>),
    Stop,
}

impl Poll {
    /// Starts polling `jobs` on `line`; scans go to `store`, times come from `clock`.
    #[must_use]
    pub fn spawn(jobs: Vec<Job>, line: LineHandle, store: Store, clock: Arc<dyn Clock>) -> Self {
        let status = StatusTable::default();
        let (orders, inbox) = mpsc::channel(limits::LINE_QUEUE_MAX);
        let cycle = Cycle::new(jobs, line, store, clock, Arc::clone(&status));
        Self { orders, status, task: Mutex::new(Some(tokio::spawn(cycle.run(inbox)))) }
    }

    /// Polls `jobs` from now on. A job that stays as it was keeps its ticks and its counters, so
    /// that no meter misses a cycle because another one came or went. Gives the meters that were
    /// started, anew or for the first time, and those that are polled no longer.
    pub async fn replace(&self, jobs: Vec<Job>) -> BTreeSet<String> {
        let (done, changed) = oneshot::channel();
        if self.orders.send(Order::Replace(jobs, done)).await.is_err() {
            return BTreeSet::new();
        }
        // The other end is only ever dropped by the end of the task, which changes nothing more.
        changed.await.unwrap_or_default()
    }

    /// How every job goes.
    #[must_use]
    pub fn status(&self) -> Vec<JobStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the scan under way end, then stops.
    pub async fn shutdown(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        // A task that has ended already takes no orders and needs none.
        let _ended = self.orders.send(Order::Stop).await;
        if tokio::time::timeout(Duration::from_millis(SHUTDOWN_MS), &mut task).await.is_err() {
            log::warn!("poll: a scan did not end in {SHUTDOWN_MS} ms and is given up");
            task.abort();
        }
    }
}

/// A job on its schedule.
#[derive(Debug)]
struct Turn {
    job: Job,
    schedule: Schedule,
    one_by_one: bool,
    scans: u64,
    silent_scans: u64,
    answered_at: Option<UtcTime>,
}

/// All jobs of one line.
pub struct Cycle {
    turns: Vec<Turn>,
    /// By meter: several jobs of one meter share what is known of it.
    health: BTreeMap<String, Health>,
    line: LineHandle,
    store: Store,
    clock: Arc<dyn Clock>,
    status: StatusTable,
    /// Whether the store is waited for: only where no tick is missed by it.
    waits: bool,
}

impl Cycle {
    fn new(
        jobs: Vec<Job>,
        line: LineHandle,
        store: Store,
        clock: Arc<dyn Clock>,
        status: StatusTable,
    ) -> Self {
        let mut cycle =
            Self { turns: Vec::new(), health: BTreeMap::new(), line, store, clock, status, waits: false };
        cycle.replace(jobs);
        cycle
    }

    /// A cycle without a schedule of its own, for [`scan_all`](Self::scan_all).
    #[must_use]
    pub fn unscheduled(jobs: Vec<Job>, line: LineHandle, store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { waits: true, ..Self::new(jobs, line, store, clock, StatusTable::default()) }
    }

    /// Scans every job once, now: how a month of history is made in seconds.
    pub async fn scan_all(&mut self) {
        for index in 0..self.turns.len() {
            self.scan(index).await;
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        loop {
            let next = self.next_due();
            let due = next.map(|(_, due)| due);
            tokio::select! {
                biased;
                order = inbox.recv() => match order {
                    Some(Order::Replace(jobs, done)) => {
                        // Nobody may wait any longer: the order is carried out all the same.
                        let _unheard = done.send(self.replace(jobs));
                    }
                    Some(Order::Stop) | None => return,
                },
                () = sleep_until(due) => if let Some((index, _)) = next {
                    self.turns[index].schedule.take(self.clock.now(), Instant::now());
                    self.scan(index).await;
                },
            }
        }
    }

    fn next_due(&self) -> Option<(usize, Instant)> {
        let due = self.turns.iter().map(|turn| turn.schedule.due()).enumerate();
        due.min_by_key(|(_, due)| *due)
    }

    fn replace(&mut self, jobs: Vec<Job>) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        let now = Instant::now();
        let mut before: Vec<Turn> = std::mem::take(&mut self.turns);
        for job in jobs {
            let kept = before.iter().position(|turn| turn.job == job).map(|index| before.swap_remove(index));
            self.turns.push(kept.unwrap_or_else(|| {
                changed.insert(job.meter_id.clone());
                Turn::new(job, now)
            }));
        }
        let turns = &self.turns;
        self.health.retain(|meter_id, _| turns.iter().any(|turn| turn.job.meter_id == *meter_id));
        changed.extend(before.into_iter().map(|turn| turn.job.meter_id));
        self.publish();
        changed
    }

    async fn scan(&mut self, index: usize) {
        let turn = &mut self.turns[index];
        let health = self.health.entry(turn.job.meter_id.clone()).or_default();
        let scan = if asks(health, &turn.job, &self.line).await {
            let scanned = scan::scan(&turn.job, &self.line, self.clock.as_ref(), turn.one_by_one).await;
            turn.take(&scanned, health);
            scanned.scan
        } else {
            scan::backed_off(&turn.job, self.clock.now())
        };
        self.keep(scan).await;
        self.publish();
    }

    async fn keep(&self, scan: Scan) {
        // By the time that the scan has: the clock may have been set while the meter answered.
        let is_unset = self.clock.state_showing(scan.at) == ClockState::Unset;
        let scan = if is_unset { scan::at_unset_clock(scan) } else { scan };
        let kept = if self.waits { self.store.append(scan).await } else { self.store.append_now(scan) };
        if let Err(error) = kept {
            log::error!("poll: a scan could not be handed to the store: {error}");
        }
    }

    fn publish(&self) {
        let status = self.turns.iter().map(|turn| turn.status(self.health.get(&turn.job.meter_id))).collect();
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

impl Turn {
    fn new(job: Job, now: Instant) -> Self {
        let schedule = Schedule::starting(job.interval, job.offset, now);
        Self { job, schedule, one_by_one: false, scans: 0, silent_scans: 0, answered_at: None }
    }

    fn take(&mut self, scanned: &scan::Scanned, health: &mut Health) {
        self.scans += 1;
        if scanned.merge_refused && !self.one_by_one {
            log::warn!("meter '{}' refuses merged reads: its values are read one by one", self.job.meter_id);
            self.one_by_one = true;
        }
        match scanned.heard {
            Heard::Answer => {
                self.answered_at = Some(scanned.scan.at);
                health.answered();
            }
            Heard::Nothing => {
                self.silent_scans += 1;
                health.silent(Instant::now());
            }
            Heard::LineDown => {}
        }
    }

    fn status(&self, health: Option<&Health>) -> JobStatus {
        JobStatus {
            meter_id: self.job.meter_id.clone(),
            interval: self.schedule.interval(),
            scans: self.scans,
            silent_scans: self.silent_scans,
            overruns: self.schedule.overruns(),
            answered_at: self.answered_at,
            backed_off: health.is_some_and(Health::is_backed_off),
            one_by_one: self.one_by_one,
        }
    }
}

/// Whether the meter is worth a scan now. One that has been silent is first probed with one read,
/// tried once, so that its absence costs the line one time limit.
async fn asks(health: &mut Health, job: &Job, line: &LineHandle) -> bool {
    if !health.is_backed_off() {
        return true;
    }
    let Some(first) = job.reads.first().filter(|_| health.may_ask(Instant::now())) else { return false };
    match Heard::of(&line.probe(job.unit, first.table, first.span).await) {
        Heard::Answer => health.answered(),
        Heard::Nothing => health.silent(Instant::now()),
        Heard::LineDown => {}
    }
    !health.is_backed_off()
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
