//! What reading each meter has taught, as the store keeps it.

use super::Store;
use crate::model::learned::Learned;
use crate::model::register::UnitId;

impl Store {
    /// What was learned of a meter at this unit; nothing of one that is new or was changed.
    #[must_use]
    pub fn learned(&self, meter_id: &str, unit: UnitId) -> Learned {
        self.shared.state().ledgers.lessons.of(meter_id, unit).unwrap_or_default()
    }

    /// Keeps what was learned of a meter, in place of what was known, durable with the next flush.
    pub fn keep_learned(&self, meter_id: &str, unit: UnitId, learned: Learned) {
        let mut state = self.shared.state();
        state.ledgers.lessons.keep(meter_id, unit, learned);
        self.write_soon(state);
    }
}
