//! The life of a line: open it, exchange what is asked, open it anew when it is lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::super::backoff::Backoff;
use super::super::brought::Answered;
use super::super::timing::{Protocol, Timing};
use super::super::transport::Connect;
use super::super::wire::{Failure, Records, Wire};
use super::PortState;
use super::inbox::ServingEnd;
use super::places::Job;
use crate::model::quality::Cause;
use crate::time::Clock;

/// Requests wait this long for a line that is being opened for the first time or was good a moment
/// ago; after that they fail at once.
const OPENING_PATIENCE: Duration = Duration::from_millis(250);

pub(super) struct LineTask {
    connect: Box<dyn Connect>,
    protocol: Protocol,
    timing: Timing,
    clock: Arc<dyn Clock>,
    inbox: ServingEnd,
    state: watch::Sender<PortState>,
    records: Records,
    backoff: Backoff,
    /// Requests that may be under way at once.
    pipeline: usize,
    /// Until when the reply to a request of an earlier opening may come.
    rest_until: Instant,
}

/// Why a line is no longer served.
enum Ending {
    Shutdown,
    /// The stream is gone; whether any request had been answered on it.
    Lost {
        was_good: bool,
    },
}

impl LineTask {
    pub(super) fn new(
        connect: Box<dyn Connect>,
        protocol: Protocol,
        timing: Timing,
        clock: Arc<dyn Clock>,
        inbox: ServingEnd,
        state: watch::Sender<PortState>,
        records: Records,
    ) -> Self {
        // Whoever had the port before may have left a request on its way.
        let rest_until = Instant::now() + timing.late_window;
        Self {
            connect,
            protocol,
            timing,
            clock,
            inbox,
            state,
            records,
            backoff: Backoff::new(timing.reopen_pause_max, timing.seed),
            pipeline: timing.pipeline.max(1),
            rest_until,
        }
    }

    pub(super) async fn run(mut self) {
        let mut may_be_good = true;
        while let Some(wire) = self.open(may_be_good).await {
            match self.serve(wire).await {
                Ending::Shutdown => break,
                Ending::Lost { was_good } => may_be_good = was_good,
            }
        }
        self.state.send_replace(PortState::Shutdown);
    }

    /// Opens the port, as often as it takes; `None` when the line is to end.
    ///
    /// A line that `may_be_good` is tried at once. One that was opened and lost before it answered
    /// anything is like one that cannot be opened.
    async fn open(&mut self, may_be_good: bool) -> Option<Wire> {
        self.state.send_replace(PortState::Wait);
        let mut refuse_from = Instant::now() + OPENING_PATIENCE;
        if !may_be_good {
            refuse_from = Instant::now();
            self.inbox.refuse_during(refuse_from, sleep(self.backoff.next())).await?;
        }
        loop {
            match self.inbox.refuse_during(refuse_from, self.connect.connect()).await? {
                Ok(stream) => {
                    log::info!("{} is open", self.connect.name());
                    self.state.send_replace(PortState::Open);
                    let records = self.records.clone();
                    return Some(Wire::of_line(stream, self.protocol, self.timing, self.rest_until, records));
                }
                Err(error) if self.backoff.is_fresh() => {
                    log::warn!("{} cannot be opened: {error}; it is tried again", self.connect.name());
                }
                Err(error) => log::debug!("{} still cannot be opened: {error}", self.connect.name()),
            }
            refuse_from = Instant::now();
            self.inbox.refuse_during(refuse_from, sleep(self.backoff.next())).await?;
        }
    }

    /// Exchanges what is asked until the stream is lost or the line is to end.
    async fn serve(&mut self, mut wire: Wire) -> Ending {
        let mut was_good = false;
        let failure = loop {
            let job = tokio::select! {
                biased;
                job = self.inbox.next() => job,
                failure = wire.idle() => break failure,
            };
            let Some(job) = job else { return Ending::Shutdown };
            self.records.tally.set_taken(true);
            let lost = if self.pipeline > 1 {
                self.serve_together(&mut wire, job, &mut was_good).await
            } else {
                let result = self.exchange(&mut wire, &job).await;
                self.finish(&job, result, &mut was_good)
            };
            self.records.tally.set_taken(false);
            if let Some(failure) = lost {
                break failure;
            }
        };
        self.rest_until = Instant::now() + self.timing.late_window;
        log::warn!("{} is lost ({failure}); it is opened anew", self.connect.name());
        Ending::Lost { was_good }
    }

    /// Tells the outcome to whoever waits for it; gives the failure with which the stream is lost.
    fn finish(
        &mut self,
        job: &Job,
        result: Result<Answered, Failure>,
        was_good: &mut bool,
    ) -> Option<Failure> {
        match result {
            Ok(answer) => {
                *was_good = true;
                self.backoff.reset();
                let read_at = self.clock.now();
                let refused = |code| Cause::Exception(u8::from(code));
                self.inbox.finish(job, answer.map(|brought| (brought, read_at)).map_err(refused));
                None
            }
            Err(failure) => {
                self.inbox.finish(job, Err(failure.cause()));
                matches!(failure, Failure::LineDown(_)).then_some(failure)
            }
        }
    }

    /// Asks what waits already together with `first`, as many as may be under way at once. Where one of them
    /// goes wrong, the server may not keep them apart: it is asked one at a time from then on, and what went
    /// wrong once more.
    async fn serve_together(&mut self, wire: &mut Wire, first: Job, was_good: &mut bool) -> Option<Failure> {
        let mut jobs = vec![first];
        while jobs.len() < self.pipeline
            && let Some(job) = self.inbox.next_waiting()
        {
            jobs.push(job);
        }
        let requests: Vec<_> = jobs.iter().map(|job| (job.order.unit, &job.order.request)).collect();
        let results = wire.exchange_all(&requests).await;
        for job in &jobs {
            self.inbox.has_tried(job);
        }
        let mut lost = None;
        for (job, mut result) in jobs.iter().zip(results) {
            self.records.tally.note(job.order.unit, |counters| counters.count(&result));
            if let Err(Failure::Timeout | Failure::Garbled | Failure::Mismatch) = result {
                if self.pipeline > 1 {
                    log::warn!("{}: asked one at a time, because {result:?}", self.connect.name());
                    self.pipeline = 1;
                }
                if lost.is_none() && job.order.tries > 1 {
                    result = self.exchange(wire, job).await;
                }
            }
            lost = self.finish(job, result, was_good).or(lost);
        }
        lost
    }

    /// Tries the request as often as it may be tried. Nothing else is asked in between: should the
    /// reply to the first try come during the second, it carries the registers that were asked for.
    async fn exchange(&mut self, wire: &mut Wire, job: &Job) -> Result<Answered, Failure> {
        let mut tries = job.order.tries;
        loop {
            // Only where it is asked once more, with all the time that is configured.
            let known = self.records.tally.known_p99(job.order.unit).filter(|_| tries > 1);
            let patience = known.map(|p99| self.timing.patience(p99));
            let result = wire.exchange_within(job.order.unit, &job.order.request, patience).await;
            self.inbox.has_tried(job);
            self.records.tally.note(job.order.unit, |counters| counters.count(&result));
            tries = tries.saturating_sub(1);
            match result {
                Err(Failure::Timeout | Failure::Garbled | Failure::Mismatch) if tries > 0 => {}
                result => return result,
            }
        }
    }
}
