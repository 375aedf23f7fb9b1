//! How the gateway and its machine are, for those who watch it from outside.

use std::sync::Arc;

use super::Ops;
use crate::health::checkup::{Checkup, Condition};
use crate::model::alarm::Alarm;

impl Ops {
    /// Lets `checkup` tell how everything is; the first one stays.
    pub fn examine_with(&self, checkup: Arc<Checkup>) {
        let _is_first = self.checkup.set(checkup);
    }

    /// How everything is; `None` where nobody looks.
    #[must_use]
    pub fn condition(&self) -> Option<Condition> {
        self.checkup.get().map(|checkup| checkup.look(self.clock.now()))
    }

    /// The parts that stand still.
    pub(super) fn standstill_alarms(&self) -> Vec<Alarm> {
        let still = self.checkup.get().map(|checkup| checkup.still()).unwrap_or_default();
        still.into_iter().map(|still| Alarm::StandsStill { part: still.part }).collect()
    }
}
