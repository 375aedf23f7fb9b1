//! Events of demand response, as the store keeps them.

use super::Store;
use crate::model::demand_response::DrEvent;
use crate::store::ledgers::responses::Added;
use crate::time::UtcTime;

impl Store {
    /// Every event of demand response, by ID.
    #[must_use]
    pub fn dr_events(&self) -> Vec<DrEvent> {
        self.shared.state().ledgers.responses.all().cloned().collect()
    }

    /// The event of this ID; `None` when there is none, or none any more.
    #[must_use]
    pub fn dr_event(&self, id: &str) -> Option<DrEvent> {
        self.shared.state().ledgers.responses.get(id).cloned()
    }

    /// Adds an event at `now`, durable with the next flush. Where too many are kept, the oldest that is
    /// over goes.
    #[must_use]
    pub fn add_dr_event(&self, event: DrEvent, now: UtcTime) -> Added {
        let mut state = self.shared.state();
        let added = state.ledgers.responses.add(event, now);
        self.write_soon(state);
        added
    }

    /// Lets `change` change an event, durable with the next flush; gives it as it is then, and `None`
    /// where there is none.
    pub fn change_dr_event(&self, id: &str, change: impl FnOnce(&mut DrEvent)) -> Option<DrEvent> {
        let mut state = self.shared.state();
        let changed = state.ledgers.responses.change(id, change);
        self.write_soon(state);
        changed
    }
}
