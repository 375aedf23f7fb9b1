//! What is written to meters, as the store keeps it.

use super::Store;
use crate::model::control::{Control, ControlAct};
use crate::model::reading::SeriesId;
use crate::store::ledgers::control_lines::ControlLine;
use crate::time::UtcTime;

impl Store {
    /// Every writable parameter that is not at rest.
    #[must_use]
    pub fn controls(&self) -> Vec<(SeriesId, Control)> {
        self.shared.state().ledgers.controls.all()
    }

    /// Lets `change` change what is kept of a writable parameter, durable with the next flush; gives it as
    /// it is then.
    pub fn change_control(&self, series: SeriesId, change: impl FnOnce(&mut Control)) -> Control {
        let mut state = self.shared.state();
        let changed = state.ledgers.controls.change(series, change);
        self.write_soon(state);
        changed
    }

    /// Notes what happened to a writable parameter and on whose account, durable with the next flush.
    pub fn note_control(&self, series: SeriesId, at: UtcTime, act: ControlAct, by: &str) {
        let mut state = self.shared.state();
        state.ledgers.control_lines.note_act(series, at, act, by);
        self.write_soon(state);
    }

    /// The last `count` lines of the book of what was written, of some series, oldest first.
    #[must_use]
    pub fn control_lines(&self, series: &[SeriesId], count: usize) -> Vec<ControlLine> {
        self.shared.state().ledgers.control_lines.last(count, |line| series.contains(&line.series))
    }
}
