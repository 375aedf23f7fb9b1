//! The requests that wait for a line, and what becomes of them while it is shut.

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_modbus::{Request, Response};

use crate::model::quality::Cause;
use crate::model::register::UnitId;
use crate::time::UtcTime;

/// A response with the time at which it was complete, or why there is none.
pub(super) type Outcome = Result<(Response, UtcTime), Cause>;

/// One request and who waits for its outcome.
pub(super) struct Job {
    pub(super) unit: UnitId,
    pub(super) request: Request<'static>,
    pub(super) tries: u8,
    pub(super) answer: oneshot::Sender<Outcome>,
}

impl Job {
    /// Tells the outcome to whoever still waits for it.
    pub(super) fn finish(self, outcome: Outcome) {
        let _ = self.answer.send(outcome);
    }
}

/// Where requests come in, until the line is to end.
pub(super) struct Inbox {
    /// These go first: whoever writes or waits in person does not wait behind a scan.
    urgent: mpsc::Receiver<Job>,
    requests: mpsc::Receiver<Job>,
    stopped: watch::Receiver<bool>,
}

impl Inbox {
    pub(super) const fn new(
        urgent: mpsc::Receiver<Job>,
        requests: mpsc::Receiver<Job>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self { urgent, requests, stopped }
    }

    /// The next request that someone still waits for; `None` when the line is to end.
    pub(super) async fn next(&mut self) -> Option<Job> {
        loop {
            let job = tokio::select! {
                biased;
                _ = self.stopped.wait_for(|stop| *stop) => return None,
                // The last handle takes both ends with it.
                job = self.urgent.recv() => job?,
                job = self.requests.recv() => job?,
            };
            if !job.answer.is_closed() {
                return Some(job);
            }
        }
    }

    /// A request that waits already and that someone still waits for.
    pub(super) fn next_waiting(&mut self) -> Option<Job> {
        loop {
            let job = self.urgent.try_recv().or_else(|_| self.requests.try_recv()).ok()?;
            if !job.answer.is_closed() {
                return Some(job);
            }
        }
    }

    /// Waits for `work`; from `refuse_from` on, requests fail meanwhile instead of waiting with it.
    /// `None` when the line is to end.
    pub(super) async fn refuse_during<T>(
        &mut self,
        refuse_from: Instant,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut stopped = self.stopped.clone();
        let mut work = std::pin::pin!(work);
        loop {
            let refused = async {
                sleep_until(refuse_from).await;
                self.next().await
            };
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                _ = stopped.wait_for(|stop| *stop) => return None,
                job = refused => job?.finish(Err(Cause::LineDown)),
            }
        }
    }
}
