//! Watches that polling, store and interface move, on a thread of its own, and tells the supervisor of the
//! service: while one of them stands still there is no sign of life, and the supervisor starts the service anew.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Gateway;
use super::asker::Asker;
use crate::failure::Failure;
use crate::health::Rounds;
use crate::health::notify::{Message, Notifier};
use crate::health::reports::Reports;
use crate::health::watch::{PATIENCE, Sign, Standstill, Watch, names};
use crate::model::part::Part;

/// How often the parts are looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// How often until all of them are there.
const PERIOD_AT_START: Duration = Duration::from_millis(100);

/// What the supervisor is told of a desk of repair.
const IN_REPAIR: &str = "in repair: the site file has faults, and nothing is polled";

/// The thread that watches; it ends when this goes.
pub(super) struct Watchman(Sender<Order>);

enum Order {
    Watch(Parts),
    Stop,
}

impl Watchman {
    /// Tells the supervisor, where there is one, that the service starts.
    ///
    /// # Errors
    /// When the supervisor's socket cannot be one, or there is no thread.
    pub(super) fn start() -> Result<Self, Failure> {
        let notifier = Notifier::from_env()
            .map_err(|error| Failure::new(format!("the service manager cannot be told anything: {error}")))?;
        let (orders, inbox) = channel();
        let thread = thread::Builder::new().name("watchman".to_owned());
        let watching = Watching {
            reports: Reports::new(notifier.watchdog(), Instant::now()),
            notifier,
            watch: Watch::default(),
            still: Vec::new(),
            noted: String::new(),
        };
        let thread = thread.spawn(move || watching.keep_watch(&inbox));
        thread.map_err(|error| Failure::new(format!("no thread for the watchman: {error}")))?;
        Ok(Self(orders))
    }

    /// Watches `gateway` from now on; called on the runtime that it is polled on.
    pub(super) fn watch(&self, gateway: &Arc<Gateway>) {
        let polling = Rounds::default();
        tokio::spawn(polling.clone().keep_coming());
        let parts = AtWork { gateway: Arc::clone(gateway), polling, asker: Asker::default(), answers: 0 };
        self.order(Order::Watch(Parts::AtWork(parts)));
    }

    /// Watches a desk of repair from now on; called on the runtime that it is served on.
    pub(super) fn watch_repair(&self) {
        let console = Rounds::default();
        tokio::spawn(console.clone().keep_coming());
        self.order(Order::Watch(Parts::Repair(console)));
    }

    /// The service stops: nothing has to move any more.
    pub(super) fn rest(&self) {
        self.order(Order::Stop);
    }

    fn order(&self, order: Order) {
        if self.0.send(order).is_err() {
            log::error!("nobody watches the gateway any more; its supervisor will end it");
        }
    }
}

/// What is watched.
enum Parts {
    AtWork(AtWork),
    /// A desk of repair has nothing but the thread of its consoles.
    Repair(Rounds),
}

impl Parts {
    /// The signs of all parts, each of which is asked for the next one.
    fn signs(&mut self, now: Instant) -> Vec<Sign> {
        match self {
            Self::AtWork(parts) => parts.signs(now),
            Self::Repair(console) => vec![usual(Part::Console, console.ask_for_one())],
        }
    }

    /// How it goes while all parts move.
    fn in_words(&self) -> String {
        match self {
            Self::AtWork(parts) => parts.in_words(),
            Self::Repair(_) => IN_REPAIR.to_owned(),
        }
    }

    /// Shows what stands still to whoever asks, as an alarm and in figures.
    fn show(&self, still: &[Standstill]) {
        if let Self::AtWork(parts) = self {
            parts.gateway.checkup.stand_still(still.to_vec());
        }
    }

    /// Keeps the names of what stands still for the next run.
    fn note_standstill(&self, names: &str) {
        if let Self::AtWork(parts) = self {
            parts.gateway.checkup.run().stands_still((!names.is_empty()).then_some(names));
        }
    }
}

/// The parts of a gateway at work.
struct AtWork {
    gateway: Arc<Gateway>,
    /// The thread of all lines.
    polling: Rounds,
    asker: Asker,
    /// What the interface had answered when it was seen last.
    answers: u64,
}

impl AtWork {
    fn signs(&mut self, now: Instant) -> Vec<Sign> {
        let mut signs = self.gateway.plant.signs();
        signs.push(usual(Part::Polling, self.polling.ask_for_one()));
        signs.push(usual(Part::Store, self.gateway.ops.store().ask_for_a_step()));
        // While it moves to another address there is none to ask, and it has its usual time for that.
        let served = self.gateway.api.try_lock().ok();
        if let Some(api) = served.as_ref().and_then(|served| served.as_ref()) {
            self.asker.ask_if_due(api.local_addr(), now);
            // The gate of a gateway that nobody has claimed lets nothing through to a worker.
            let is_claimed = self.gateway.ops.is_claimed();
            self.answers = if is_claimed { api.answers() } else { self.asker.answered() };
        }
        signs.push(usual(Part::Interface, self.answers));
        signs
    }

    fn in_words(&self) -> String {
        let site = self.gateway.ops.site();
        format!("{} lines, {} meters", site.lines.len(), site.meters.len())
    }
}

fn usual(part: Part, count: u64) -> Sign {
    Sign { part, count, patience: PATIENCE }
}

/// The thread's own.
struct Watching {
    notifier: Notifier,
    reports: Reports,
    watch: Watch,
    still: Vec<Standstill>,
    /// What is noted of that for the next run.
    noted: String,
}

impl Watching {
    fn keep_watch(mut self, inbox: &Receiver<Order>) {
        let (mut parts, mut is_stopping) = (None, false);
        loop {
            let now = Instant::now();
            let told = match &mut parts {
                _ if is_stopping => self.reports.stopping(now),
                Some(parts) => self.look(parts, now),
                None => self.reports.starting(now),
            };
            if !told.is_empty() {
                self.notifier.tell(&told);
            }
            if let Some(parts) = &parts {
                self.note_standstill(parts);
            }
            let period = if self.reports.is_ready() { PERIOD } else { PERIOD_AT_START };
            match inbox.recv_timeout(period) {
                Ok(Order::Watch(given)) => parts = Some(given),
                Ok(Order::Stop) => (parts, is_stopping) = (None, true),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Notes in the data folder what stands still. The medium may be what hangs, and then this does too: all
    /// others have been told by now, and a sign of life would be out of place.
    fn note_standstill(&mut self, parts: &Parts) {
        let names = names(&self.still);
        if names != self.noted {
            parts.note_standstill(&names);
            self.noted = names;
        }
    }

    fn look(&mut self, parts: &mut Parts, now: Instant) -> Vec<Message> {
        let still = self.watch.look(now, &parts.signs(now));
        tell_changes(&self.still, &still);
        parts.show(&still);
        self.still = still;
        if self.reports.is_ready() || self.watch.all_have_moved() {
            self.reports.running(now, &self.still, &parts.in_words())
        } else {
            self.reports.starting(now)
        }
    }
}

/// Logs each standstill once, and its end.
fn tell_changes(before: &[Standstill], now: &[Standstill]) {
    let is_in = |list: &[Standstill], part: &Part| list.iter().any(|still| still.part == *part);
    for still in now.iter().filter(|still| !is_in(before, &still.part)) {
        log::error!("{still}; there is no sign of life for the service manager until it does");
    }
    for still in before.iter().filter(|still| !is_in(now, &still.part)) {
        log::warn!("{} moves again", still.part);
    }
}
