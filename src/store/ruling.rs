//! Events of registers, and what somebody who knows the meter says of them.

use std::ops::Range;

use super::Store;
use crate::counter::Rulings;
use crate::model::reading::SeriesId;
use crate::store::ledgers::counter_events::{CounterEvent, Ruled};
use crate::time::UtcTime;

impl Store {
    /// What the registers `series` did besides plain growth in the half-open `range`, in the order in
    /// which it was found. It is looked for when a quarter hour is summed up, so the last events can be
    /// a quarter of an hour late.
    #[must_use]
    pub fn counter_events(&self, series: &[SeriesId], range: &Range<UtcTime>) -> Vec<CounterEvent> {
        self.shared.state().ledgers.counters.of(series, range)
    }

    /// The event of this number; `None` when there is none, or none any more.
    #[must_use]
    pub fn counter_event(&self, number: u32) -> Option<CounterEvent> {
        self.shared.state().ledgers.counters.get(number)
    }

    /// What was said of the events of a register; statistics keep to it.
    #[must_use]
    pub fn rulings(&self, series: SeriesId) -> Rulings {
        self.shared.state().ledgers.counters.rulings(series)
    }

    /// Notes what somebody said of an event, durable within the window; `None` takes back what was said.
    /// The rows of the quarter hours around it are computed anew, with the next revision. Gives the
    /// event as it is now; `None` when there is none of this number.
    pub fn rule(&self, number: u32, ruled: Option<Ruled>) -> Option<CounterEvent> {
        let mut state = self.shared.state();
        state.ledgers.counters.rule(number, ruled);
        let event = state.ledgers.counters.get(number)?;
        state.sum_up_again(event.series, &event.event);
        if state.wait_for_durability() {
            self.shared.wake_writer();
        }
        Some(event)
    }
}
