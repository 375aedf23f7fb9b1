//! The places in which requests wait for their line and outcomes wait for whoever asked. A place is used again
//! and again, so that a request takes no memory that was not there.

use std::collections::VecDeque;
use std::task::Waker;

use tokio_modbus::Request;

use super::super::brought::Brought;
use crate::model::quality::Cause;
use crate::model::register::UnitId;
use crate::time::UtcTime;

/// What a reply brought with the time at which it was complete, or why there is none.
pub(super) type Outcome = Result<(Brought, UtcTime), Cause>;

/// What is asked.
pub(super) struct Order {
    pub(super) unit: UnitId,
    pub(super) request: Request<'static>,
    pub(super) tries: u8,
}

/// Whose turn comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// Whoever writes or waits in person does not wait behind a scan.
    Urgent,
    /// All others, in the order in which they came.
    Usual,
}

/// An order that was begun, with the place in which its outcome is waited for.
pub(super) struct Job {
    pub(super) order: Order,
    place: usize,
}

/// As many places as ever were taken at once; the callers keep that small.
#[derive(Default)]
pub(super) struct Places {
    places: Vec<Place>,
    /// The places whose orders wait, in their turn.
    urgent: VecDeque<usize>,
    usual: VecDeque<usize>,
}

enum Place {
    Free,
    Waiting(Order, Waker),
    /// Begun; without a waker where nobody waits for it any more.
    UnderWay(Option<Waker>),
    Done(Outcome),
}

impl Places {
    /// Takes a place for `order`, of which `waker` is told when it is done.
    pub(super) fn enter(&mut self, order: Order, rank: Rank, waker: Waker) -> usize {
        let free = self.places.iter().position(|place| matches!(place, Place::Free));
        let index = free.unwrap_or_else(|| {
            self.places.push(Place::Free);
            self.places.len() - 1
        });
        self.places[index] = Place::Waiting(order, waker);
        match rank {
            Rank::Urgent => self.urgent.push_back(index),
            Rank::Usual => self.usual.push_back(index),
        }
        index
    }

    /// Begins the order whose turn it is; `None` when none waits.
    pub(super) fn begin(&mut self) -> Option<Job> {
        let place = self.urgent.pop_front().or_else(|| self.usual.pop_front())?;
        match std::mem::replace(&mut self.places[place], Place::UnderWay(None)) {
            Place::Waiting(order, waker) => {
                self.places[place] = Place::UnderWay(Some(waker));
                Some(Job { order, place })
            }
            // Whoever leaves takes the turn along, so it never comes for another.
            _ => None,
        }
    }

    /// Puts down the outcome of `job`, and says who waits for it.
    pub(super) fn finish(&mut self, job: &Job, outcome: Outcome) -> Option<Waker> {
        let place = self.places.get_mut(job.place)?;
        let Place::UnderWay(waker) = place else { return None };
        let waker = waker.take();
        *place = if waker.is_some() { Place::Done(outcome) } else { Place::Free };
        waker
    }

    /// Takes the outcome and leaves the place; until there is one, `waker` is the one to be told.
    pub(super) fn collect(&mut self, place: usize, waker: &Waker) -> Option<Outcome> {
        let place = self.places.get_mut(place)?;
        match place {
            Place::Waiting(_, told) | Place::UnderWay(Some(told)) => {
                told.clone_from(waker);
                None
            }
            Place::Done(_) => match std::mem::replace(place, Place::Free) {
                Place::Done(outcome) => Some(outcome),
                _ => None,
            },
            Place::Free | Place::UnderWay(None) => None,
        }
    }

    /// Gives up waiting: an order that waits for its turn is never begun, and nobody is told of one that was.
    pub(super) fn leave(&mut self, place: usize) {
        match self.places.get_mut(place) {
            Some(Place::UnderWay(waker)) => *waker = None,
            Some(left) => {
                *left = Place::Free;
                self.urgent.retain(|waiting| *waiting != place);
                self.usual.retain(|waiting| *waiting != place);
            }
            None => {}
        }
    }

    /// Puts down the same outcome for all, begun or not, and says who waits for it.
    pub(super) fn finish_all(&mut self, cause: Cause) -> Vec<Waker> {
        self.urgent.clear();
        self.usual.clear();
        let mut told = Vec::new();
        for place in &mut self.places {
            match std::mem::replace(place, Place::Free) {
                Place::Waiting(_, waker) | Place::UnderWay(Some(waker)) => {
                    *place = Place::Done(Err(cause));
                    told.push(waker);
                }
                Place::Done(outcome) => *place = Place::Done(outcome),
                Place::Free | Place::UnderWay(None) => {}
            }
        }
        told
    }
}
