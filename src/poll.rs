//! The scan cycle: one task a line reads whatever is due and hands every scan to the store.
//!
//! ```text
//! schedule (when)  ->  job (what)  ->  read plan (how)  ->  scan (on the line)  ->  store
//! ```
//!
//! A failed read travels the same road as a good one, as samples that name their cause.

mod doubt;
pub mod job;
mod meter;
pub mod read_plan;
pub mod scan;
pub mod schedule;
mod tolerance;
mod turn;
mod turn_order;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::health::Rounds;
use crate::limits;
use crate::modbus::line::LineHandle;
use crate::modbus::plan::PlannedRead;
use crate::model::learned::Learned;
use crate::model::reading::Scan;
use crate::model::register::UnitId;
use crate::store::Store;
use crate::time::trust::ClockState;
use crate::time::{Clock, Interval, UtcTime};

use doubt::{Trial, Verdict};
use job::Job;
use meter::KnownMeter;
use read_plan::ReadPlan;
use scan::Heard;
use tolerance::Tolerance;
use turn::Turn;
use turn_order::{Manner, Next};

/// Longest wait for the task to end once it is asked to.
const SHUTDOWN_MS: u64 = 5_000;

/// How the scans of one meter at one interval go.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStatus {
    /// The meter.
    pub meter_id: String,
    /// Its address on the line.
    pub unit: UnitId,
    /// The interval.
    pub interval: Interval,
    /// Scans made.
    pub scans: u64,
    /// Scans in which the meter did not answer at all.
    pub silent_scans: u64,
    /// Ticks missed because the line was busy.
    pub overruns: u64,
    /// Ticks at which the meter was past its share of the line, so that others went first.
    pub past_share: u64,
    /// When the meter last answered.
    pub answered_at: Option<UtcTime>,
    /// The meter is asked less often, because it does not answer.
    pub backed_off: bool,
    /// What the meter was found to refuse.
    pub learned: Learned,
}

type StatusTable = Arc<Mutex<Vec<JobStatus>>>;

/// The running poll of one line.
#[derive(Debug)]
pub struct Poll {
    orders: mpsc::Sender<Order>,
    status: StatusTable,
    rounds: Rounds,
    task: Mutex<Option<JoinHandle<()>>>,
}

enum Order {
    Replace(Vec<Job>, oneshot::Sender<BTreeSet<String>>),
    Forget(String),
    Stop,
}

impl Poll {
    /// Starts polling `jobs` on `line`; scans go to `store`, times come from `clock`.
    #[must_use]
    pub fn spawn(jobs: Vec<Job>, line: LineHandle, store: Store, clock: Arc<dyn Clock>) -> Self {
        let status = StatusTable::default();
        let (orders, inbox) = mpsc::channel(limits::LINE_QUEUE_MAX);
        let cycle = Cycle::new(jobs, line, store, clock, Arc::clone(&status));
        let rounds = cycle.rounds.clone();
        Self { orders, status, rounds, task: Mutex::new(Some(tokio::spawn(cycle.run(inbox)))) }
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

    /// Forgets what was learned about a meter, which is then learned anew.
    pub async fn forget(&self, meter_id: &str) {
        // A task that has ended has nothing to forget.
        let _ended = self.orders.send(Order::Forget(meter_id.to_owned())).await;
    }

    /// How every job goes.
    #[must_use]
    pub fn status(&self) -> Vec<JobStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the task to come round once more, even where nothing is due. Gives how often it has so far.
    #[must_use]
    pub fn ask_for_a_round(&self) -> u64 {
        self.rounds.ask_for_one()
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

/// All jobs of one line.
pub struct Cycle {
    turns: Vec<Turn>,
    /// By ID: several jobs of one meter share what is known of it.
    meters: BTreeMap<String, KnownMeter>,
    /// For meters that do not answer.
    silence: Tolerance,
    /// For meters that are past their share.
    excess: Tolerance,
    line: LineHandle,
    store: Store,
    clock: Arc<dyn Clock>,
    status: StatusTable,
    rounds: Rounds,
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
        let [silence, excess] = [Tolerance::starting(Instant::now()); 2];
        let (turns, meters, rounds) = (Vec::new(), BTreeMap::new(), Rounds::default());
        let mut cycle =
            Self { turns, meters, silence, excess, line, store, clock, status, rounds, waits: false };
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
        let ids: BTreeSet<String> = self.turns.iter().map(|turn| turn.job.meter_id.clone()).collect();
        for id in ids {
            let of_meter = |turn: &Turn| turn.job.meter_id == id;
            let places = (0..self.turns.len()).filter(|place| of_meter(&self.turns[*place])).collect();
            self.scan(places).await;
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        let rounds = self.rounds.clone();
        loop {
            rounds.note();
            let next = self.next();
            tokio::select! {
                biased;
                order = inbox.recv() => match order {
                    Some(Order::Replace(jobs, done)) => {
                        // Nobody may wait any longer: the order is carried out all the same.
                        let _unheard = done.send(self.replace(jobs));
                    }
                    Some(Order::Forget(meter_id)) => self.forget(&meter_id),
                    Some(Order::Stop) | None => return,
                },
                () = sleep_until(next) => match next {
                    Next::InTurn(place) => self.scan_due(place, Duration::ZERO).await,
                    Next::InSpareTime(place) => {
                        let spare = self.turns.get(place).map_or(Duration::ZERO, |turn| turn.expected);
                        self.scan_due(place, spare).await;
                    }
                    Next::Later(_) | Next::Never => {}
                },
                // Last, so that whoever asks takes no turn from a meter.
                () = rounds.asked() => {}
            }
        }
    }

    fn next(&self) -> Next {
        let now = Instant::now();
        let waiting = |turn: &Turn| turn.waiting(self.manner_of(&turn.job.meter_id));
        turn_order::next(&self.turns.iter().map(waiting).collect::<Vec<_>>(), now)
    }

    fn manner_of(&self, meter_id: &str) -> Manner {
        match self.meters.get(meter_id) {
            Some(meter) if meter.health.was_silent() => Manner::Silent,
            Some(meter) if meter.load.is_past_its_share() => Manner::Past(self.excess.free_from()),
            Some(_) | None => Manner::Within,
        }
    }

    /// Scans what is due of the meter whose turn it is; the time that is `spare` costs nobody anything.
    async fn scan_due(&mut self, place: usize, spare: Duration) {
        let Some(meter_id) = self.turns.get(place).map(|turn| turn.job.meter_id.clone()) else { return };
        let is_past = matches!(self.manner_of(&meter_id), Manner::Past(_));
        let together = self.take_due(&meter_id, is_past);
        let took = self.scan(together).await;
        if is_past {
            self.excess.spend(took.saturating_sub(spare));
        }
    }

    /// Takes the ticks of a meter that are due by now: they are read together.
    fn take_due(&mut self, meter_id: &str, is_past: bool) -> Vec<usize> {
        let (wall, now) = (self.clock.now(), Instant::now());
        let mut together = Vec::new();
        for (place, turn) in self.turns.iter_mut().enumerate() {
            if turn.job.meter_id == meter_id && turn.schedule.due() <= now {
                turn.past_share += u64::from(is_past);
                turn.schedule.take(wall, now);
                turn.taken_at = now;
                together.push(place);
            }
        }
        together
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
        changed.extend(before.into_iter().map(|turn| turn.job.meter_id));
        let turns = &self.turns;
        // What changed is learned anew; of a new one it is known what it taught before.
        self.meters
            .retain(|id, _| !changed.contains(id) && turns.iter().any(|turn| turn.job.meter_id == *id));
        for Turn { job, .. } in turns {
            let learned = || self.store.learned(&job.meter_id, job.unit);
            let known = self.meters.entry(job.meter_id.clone());
            known.or_insert_with(|| KnownMeter::new(job.cost, learned()));
        }
        self.share_out();
        self.publish();
        changed
    }

    /// Gives every meter its part of the line.
    fn share_out(&mut self) {
        let planned = |id: &str| {
            let of_meter = self.turns.iter().filter(|turn| turn.job.meter_id == id);
            of_meter.map(|turn| turn.job.planned_share()).sum::<f64>()
        };
        let planned: Vec<f64> = self.meters.keys().map(|id| planned(id)).collect();
        let all = planned.iter().sum();
        for (meter, planned) in self.meters.values_mut().zip(planned) {
            meter.load.plan(planned, all);
        }
    }

    /// Scans jobs of one meter together; gives the time for which it kept the line with its answers.
    async fn scan(&mut self, places: Vec<usize>) -> Duration {
        let jobs: Vec<&Job> =
            places.iter().filter_map(|place| self.turns.get(*place)).map(|turn| &turn.job).collect();
        let Some(first) = jobs.first() else { return Duration::ZERO };
        let Some(meter) = self.meters.get_mut(&first.meter_id) else { return Duration::ZERO };
        let mut plan = meter.plan(&jobs);
        let began = Instant::now();
        if !asks(meter, first.unit, &plan, &self.line, &mut self.silence).await {
            let now = self.clock.now();
            let scans = jobs.iter().map(|job| scan::backed_off(job, now)).collect();
            self.keep(scans).await;
            return Duration::ZERO;
        }
        if self.clock.state() != ClockState::Unset
            && doubts(meter, &jobs, &self.line, self.clock.as_ref()).await
        {
            plan = meter.plan(&jobs);
            self.store.keep_learned(&first.meter_id, first.unit, meter.learned().clone());
        }
        let may_bisect = meter.may_bisect(began);
        let scanned = scan::scan(&jobs, &plan, &self.line, self.clock.as_ref(), may_bisect).await;
        if let Some(turnarounds) = self.line.turnarounds(first.unit) {
            meter.take_turnaround(&turnarounds);
        }
        if scanned.refused_everything {
            meter.refused_everything(Instant::now());
        }
        let (meter_id, unit) = (first.meter_id.clone(), first.unit);
        let news = meter.learn(scanned.lessons, self.clock.now());
        if !news.is_empty() {
            log::warn!("meter '{meter_id}' refused a merged read: {news}");
            self.store.keep_learned(&meter_id, unit, meter.learned().clone());
        }
        let took = began.elapsed();
        match scanned.heard {
            Heard::Answer => meter.health.answered(),
            Heard::Nothing => {
                self.silence.spend(took);
                meter.health.silent(Instant::now());
            }
            Heard::LineDown => {}
        }
        for (place, scan) in places.iter().zip(&scanned.scans) {
            if let Some(turn) = self.turns.get_mut(*place) {
                turn.take(scanned.heard, scan, took);
            }
        }
        let of_meter = self.turns.iter().filter(|turn| turn.job.meter_id == meter_id);
        let wanted = of_meter.map(Turn::wanted_share).sum();
        if let Some(meter) = self.meters.get_mut(&meter_id) {
            meter.load.wants(wanted);
        }
        self.keep(scanned.scans).await;
        if scanned.heard == Heard::Answer { took } else { Duration::ZERO }
    }

    async fn keep(&self, scans: Vec<Scan>) {
        for scan in scans {
            // By the time that the scan has: the clock may have been set while the meter answered.
            let is_unset = self.clock.state_showing(scan.at) == ClockState::Unset;
            let scan = if is_unset { scan::at_unset_clock(scan) } else { scan };
            let kept = if self.waits { self.store.append(scan).await } else { self.store.append_now(scan) };
            if let Err(error) = kept {
                log::error!("poll: a scan could not be handed to the store: {error}");
            }
        }
        self.publish();
    }

    fn forget(&mut self, meter_id: &str) {
        let unit = self.turns.iter().find(|turn| turn.job.meter_id == meter_id).map(|turn| turn.job.unit);
        if let (Some(meter), Some(unit)) = (self.meters.get_mut(meter_id), unit) {
            meter.forget();
            self.store.keep_learned(meter_id, unit, Learned::default());
            self.publish();
        }
    }

    fn publish(&self) {
        let status = self.turns.iter().map(|turn| turn.status(self.meters.get(&turn.job.meter_id))).collect();
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// Whether the meter is worth a scan now. One that was silent is asked again only where dead meters have not
/// taken their share of the line already; after several silent scans it is first probed with one read, tried
/// once, so that its absence costs the line one time limit.
async fn asks(
    meter: &mut KnownMeter,
    unit: UnitId,
    plan: &ReadPlan,
    line: &LineHandle,
    silence: &mut Tolerance,
) -> bool {
    let began = Instant::now();
    if !meter.health.is_backed_off() {
        return !meter.health.was_silent() || silence.allows(began);
    }
    let may_ask = meter.health.may_ask(began) && silence.allows(began);
    let Some(first) = plan.reads().first().filter(|_| may_ask) else { return false };
    match Heard::of(&line.probe(unit, first.table, first.span).await) {
        Heard::Answer => meter.health.answered(),
        Heard::Nothing => {
            silence.spend(began.elapsed());
            meter.health.silent(Instant::now());
        }
        Heard::LineDown => {}
    }
    !meter.health.is_backed_off()
}

/// Tries once more what a meter refused, where it is time for that; whether anything came of it. One that was
/// silent has other troubles.
async fn doubts(meter: &mut KnownMeter, jobs: &[&Job], line: &LineHandle, clock: &dyn Clock) -> bool {
    let Some(job) = jobs.first().filter(|_| !meter.health.was_silent()) else { return false };
    let Some(Trial { lesson, read }) = meter.trial(jobs, clock.now()) else { return false };
    let verdict = Verdict::of(&line.probe(job.unit, read.table, read.span).await);
    if verdict == Verdict::Gone {
        log::info!("meter '{}' answers {} now, which it refused before", job.meter_id, read_text(read));
    }
    meter.tried(lesson, verdict, clock.now())
}

fn read_text(PlannedRead { table, span }: PlannedRead) -> String {
    format!("a read of {} {} from {}", span.count, table.name(), span.start)
}

async fn sleep_until(next: Next) {
    match next {
        Next::InTurn(_) | Next::InSpareTime(_) => {}
        Next::Later(at) => tokio::time::sleep_until(at).await,
        Next::Never => std::future::pending().await,
    }
}
