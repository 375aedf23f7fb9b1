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
    rank: Rank,
}

/// As many places as ever were taken at once; the callers keep that small.
#[derive(Default)]
pub(super) struct Places {
    all: Vec<Place>,
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
        let free = self.all.iter().position(|place| matches!(place, Place::Free));
        let index = free.unwrap_or_else(|| {
            self.all.push(Place::Free);
            self.all.len() - 1
        });
        self.all[index] = Place::Waiting(order, waker);
        match rank {
            Rank::Urgent => self.urgent.push_back(index),
            Rank::Usual => self.usual.push_back(index),
        }
        index
    }

    /// Begins the order whose turn it is; `None` when none waits.
    pub(super) fn begin(&mut self) -> Option<Job> {
        let urgent = self.urgent.pop_front().map(|place| (place, Rank::Urgent));
        let (place, rank) = urgent.or_else(|| Some((self.usual.pop_front()?, Rank::Usual)))?;
        match std::mem::replace(&mut self.all[place], Place::UnderWay(None)) {
            Place::Waiting(order, waker) => {
                self.all[place] = Place::UnderWay(Some(waker));
                Some(Job { order, place, rank })
            }
            // Whoever leaves takes the turn along, so it never comes for another.
            _ => None,
        }
    }

    /// Whether what is done for `job` brings anybody forward who is asked in turn: the one who asked for it, or
    /// one who waits behind it.
    pub(super) fn brings_the_usual_forward(&self, job: &Job) -> bool {
        job.rank == Rank::Usual || !self.usual.is_empty()
    }

    /// Puts down the outcome of `job`, and says who waits for it.
    pub(super) fn finish(&mut self, job: &Job, outcome: Outcome) -> Option<Waker> {
        let place = self.all.get_mut(job.place)?;
        let Place::UnderWay(waker) = place else { return None };
        let waker = waker.take();
        *place = if waker.is_some() { Place::Done(outcome) } else { Place::Free };
        waker
    }

    /// Takes the outcome and leaves the place; until there is one, `waker` is the one to be told.
    pub(super) fn collect(&mut self, place: usize, waker: &Waker) -> Option<Outcome> {
        let place = self.all.get_mut(place)?;
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
        match self.all.get_mut(place) {
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
        for place in &mut self.all {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(number: u8) -> Order {
        Order { unit: UnitId(number), request: Request::ReadHoldingRegisters(0, 1), tries: 1 }
    }

    fn enter(places: &mut Places, number: u8, rank: Rank) -> usize {
        places.enter(order(number), rank, Waker::noop().clone())
    }

    fn begun(places: &mut Places) -> Option<u8> {
        places.begin().map(|job| job.order.unit.0)
    }

    #[test]
    fn the_urgent_go_first_and_the_others_in_their_order() {
        let mut places = Places::default();
        for (number, rank) in [(1, Rank::Usual), (2, Rank::Usual), (3, Rank::Urgent), (4, Rank::Urgent)] {
            enter(&mut places, number, rank);
        }
        let turns: Vec<_> = (0..5).map(|_| begun(&mut places)).collect();
        assert_eq!(turns, [Some(3), Some(4), Some(1), Some(2), None]);
    }

    #[test]
    fn what_is_done_for_the_urgent_counts_for_the_others_only_while_these_wait_for_it() {
        let mut places = Places::default();
        enter(&mut places, 1, Rank::Urgent);
        let urgent = places.begin().unwrap();
        assert!(!places.brings_the_usual_forward(&urgent));
        enter(&mut places, 2, Rank::Usual);
        assert!(places.brings_the_usual_forward(&urgent));
        let usual = places.begin().unwrap();
        assert!(places.brings_the_usual_forward(&usual));
    }

    #[test]
    fn when_all_is_finished_at_once_everyone_who_waits_is_told_so() {
        let mut places = Places::default();
        let under_way = enter(&mut places, 1, Rank::Usual);
        places.begin().unwrap();
        let waiting = enter(&mut places, 2, Rank::Usual);
        assert_eq!(places.finish_all(Cause::LineDown).len(), 2);
        for place in [under_way, waiting] {
            assert_eq!(places.collect(place, Waker::noop()), Some(Err(Cause::LineDown)));
        }
        assert_eq!(begun(&mut places), None);
    }

    /// One that asked, as the simplest list of them has it.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Asked {
        Waits,
        UnderWay,
        Done,
        Gone,
    }

    proptest! {
        #[test]
        fn every_order_is_begun_once_in_its_turn_and_its_outcome_goes_to_the_one_that_asked(
            steps in prop::collection::vec((0..5_u8, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut places = Places::default();
            let (mut asked, mut at, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
            let mut most = 0;
            for (step, which) in steps {
                let chosen = (!asked.is_empty()).then(|| which.index(asked.len()));
                match (step, chosen) {
                    (0, _) if asked.len() < 200 => {
                        at.push(enter(&mut places, u8::try_from(asked.len()).unwrap(), Rank::Usual));
                        asked.push(Asked::Waits);
                    }
                    (1, _) => {
                        let first = asked.iter().position(|asked| *asked == Asked::Waits);
                        let job = places.begin();
                        prop_assert_eq!(job.as_ref().map(|job| usize::from(job.order.unit.0)), first);
                        if let (Some(job), Some(first)) = (job, first) {
                            asked[first] = Asked::UnderWay;
                            jobs.push(job);
                        }
                    }
                    (2, _) if !jobs.is_empty() => {
                        let job = jobs.swap_remove(which.index(jobs.len()));
                        let of = usize::from(job.order.unit.0);
                        let is_awaited = asked[of] == Asked::UnderWay;
                        prop_assert_eq!(places.finish(&job, Err(Cause::Timeout)).is_some(), is_awaited);
                        if is_awaited {
                            asked[of] = Asked::Done;
                        }
                    }
                    (3, Some(of)) if asked[of] != Asked::Gone => {
                        let outcome = places.collect(at[of], Waker::noop());
                        prop_assert_eq!(outcome.is_some(), asked[of] == Asked::Done);
                        if outcome.is_some() {
                            asked[of] = Asked::Gone;
                        }
                    }
                    (4, Some(of)) if asked[of] != Asked::Gone => {
                        places.leave(at[of]);
                        asked[of] = Asked::Gone;
                    }
                    _ => {}
                }
                let taken = asked.iter().filter(|asked| **asked != Asked::Gone).count() + jobs.len();
                most = most.max(taken);
            }
            prop_assert!(places.all.len() <= most + 1, "{} places for {most}", places.all.len());
        }
    }
}
