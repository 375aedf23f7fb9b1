//! The way of a request to the task that owns a line and of its outcome back, and what becomes of requests
//! while the line is shut.
//!
//! ```text
//! who asks    room -> place .......................... outcome
//! the task                    next -> [exchange] -> finish
//! ```

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use super::places::{Job, Order, Outcome, Places, Rank};
use crate::health::Beat;
use crate::limits::LINE_QUEUE_MAX;
use crate::model::quality::Cause;

/// Both ends of a line's inbox: one for all who ask, one for the task that serves them.
pub(super) fn inbox() -> (AskingEnd, ServingEnd) {
    let inbox = Arc::new(Inbox {
        urgent_room: Semaphore::new(LINE_QUEUE_MAX),
        usual_room: Semaphore::new(LINE_QUEUE_MAX),
        state: Mutex::default(),
        moves: Beat::default(),
    });
    (AskingEnd(Arc::clone(&inbox)), ServingEnd(inbox))
}

struct Inbox {
    /// What there is of places.
    urgent_room: Semaphore,
    usual_room: Semaphore,
    state: Mutex<State>,
    /// What was done for those who are asked in turn.
    moves: Beat,
}

#[derive(Default)]
struct State {
    places: Places,
    /// Nothing more is begun.
    is_ending: bool,
    /// Nobody serves any more.
    is_over: bool,
    task: Option<Waker>,
}

impl Inbox {
    /// Held for a few steps only, and never while anyone is woken.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let task = {
            let mut state = self.lock();
            state.is_ending = true;
            state.task.take()
        };
        wake(task);
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

/// Where requests are put in. The line ends with it.
pub(super) struct AskingEnd(Arc<Inbox>);

impl AskingEnd {
    /// Waits for room, then for the outcome. An order whose turn has not come when this is dropped is never begun.
    pub(super) async fn ask(&self, order: Order, rank: Rank) -> Outcome {
        let room = match rank {
            Rank::Urgent => &self.0.urgent_room,
            Rank::Usual => &self.0.usual_room,
        };
        let Ok(_room) = room.acquire().await else { return Err(Cause::LineDown) };
        let Some(mut waiting) = self.enter(order, rank).await else { return Err(Cause::LineDown) };
        poll_fn(|context| waiting.poll_outcome(context)).await
    }

    /// `None` when nobody serves any more.
    async fn enter(&self, order: Order, rank: Rank) -> Option<Waiting<'_>> {
        let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        let (place, task) = {
            let mut state = self.0.lock();
            if state.is_over {
                return None;
            }
            (state.places.enter(order, rank, waker), state.task.take())
        };
        wake(task);
        Some(Waiting { inbox: &self.0, place: Some(place) })
    }

    /// What was done so far for those who are asked in turn.
    pub(super) fn moves(&self) -> u64 {
        self.0.moves.count()
    }

    /// Ends the line after what is under way.
    pub(super) fn end(&self) {
        self.0.end();
    }
}

impl fmt::Debug for AskingEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AskingEnd").finish_non_exhaustive()
    }
}

impl Drop for AskingEnd {
    fn drop(&mut self) {
        self.end();
    }
}

/// Someone who waits for an outcome.
struct Waiting<'a> {
    inbox: &'a Inbox,
    /// `None` once the outcome was taken: the place may be another's by then.
    place: Option<usize>,
}

impl Waiting<'_> {
    fn poll_outcome(&mut self, context: &Context<'_>) -> Poll<Outcome> {
        let Some(place) = self.place else { return Poll::Pending };
        let Some(outcome) = self.inbox.lock().places.collect(place, context.waker()) else {
            return Poll::Pending;
        };
        self.place = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.inbox.lock().places.leave(place);
        }
    }
}

/// Where the task takes requests out, until the line is to end.
pub(super) struct ServingEnd(Arc<Inbox>);

impl ServingEnd {
    /// The next request that someone still waits for; `None` when the line is to end.
    pub(super) async fn next(&self) -> Option<Job> {
        poll_fn(|context| {
            let mut state = self.0.lock();
            if state.is_ending {
                return Poll::Ready(None);
            }
            let job = state.places.begin();
            if job.is_none() {
                state.listen(context);
            }
            job.map_or(Poll::Pending, |job| Poll::Ready(Some(job)))
        })
        .await
    }

    /// A request that waits already and that someone still waits for.
    pub(super) fn next_waiting(&self) -> Option<Job> {
        self.0.lock().places.begin()
    }

    /// A try has ended, whatever came of it.
    pub(super) fn has_tried(&self, job: &Job) {
        if self.0.lock().places.brings_the_usual_forward(job) {
            self.0.moves.give();
        }
    }

    /// Tells the outcome to whoever still waits for it.
    pub(super) fn finish(&self, job: &Job, outcome: Outcome) {
        let waker = self.0.lock().places.finish(job, outcome);
        wake(waker);
    }

    /// Waits for `work`; from `refuse_from` on, requests fail meanwhile instead of waiting with it.
    /// `None` when the line is to end.
    pub(super) async fn refuse_during<T>(
        &self,
        refuse_from: Instant,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            let refused = async {
                sleep_until(refuse_from).await;
                self.next().await
            };
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = self.ending() => return None,
                job = refused => self.finish(&job?, Err(Cause::LineDown)),
            }
        }
    }

    async fn ending(&self) {
        poll_fn(|context| {
            let mut state = self.0.lock();
            if state.is_ending {
                return Poll::Ready(());
            }
            state.listen(context);
            Poll::Pending
        })
        .await;
    }
}

/// However the task ends, nobody waits for it any longer.
impl Drop for ServingEnd {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.lock();
            state.is_over = true;
            state.places.finish_all(Cause::LineDown)
        };
        self.0.urgent_room.close();
        self.0.usual_room.close();
        wake(waiting);
    }
}

impl State {
    /// The task is told of the next request, and of the end.
    fn listen(&mut self, context: &Context<'_>) {
        match &mut self.task {
            Some(task) => task.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }
}
