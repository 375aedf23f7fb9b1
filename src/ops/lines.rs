//! How the lines go, for those who watch the gateway from outside.

use std::sync::Arc;

use super::Ops;
use crate::modbus::counters::UnitCounters;

/// Whoever knows how the lines go.
pub trait LineWatch: Send + Sync {
    /// Every line at present.
    fn lines(&self) -> Vec<LineFigures>;
}

/// One line at present.
#[derive(Clone, Debug, PartialEq)]
pub struct LineFigures {
    /// Its ID.
    pub id: String,
    /// Whether its port is open.
    pub is_open: bool,
    /// The share of its time in which it is taken, 0 to 1.
    pub busy_share: f64,
    /// The meters on it.
    pub meters: Vec<MeterFigures>,
}

/// One meter at present.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterFigures {
    /// Its ID.
    pub id: String,
    /// What its unit answered; `None` before it was asked anything.
    pub counters: Option<UnitCounters>,
    /// Scans made.
    pub scans: u64,
    /// Scans in which it did not answer at all.
    pub silent_scans: u64,
    /// Ticks missed because its line was busy.
    pub overruns: u64,
    /// Ticks at which it was past its share of the line, so that others went first.
    pub past_share: u64,
    /// Whether it is asked less often, because it does not answer.
    pub is_backed_off: bool,
}

impl Ops {
    /// Lets `watch` tell how the lines go; the first one stays.
    pub fn watch_lines(&self, watch: Arc<dyn LineWatch>) {
        let _is_first = self.lines.set(watch);
    }

    /// How the lines go; none where nobody knows.
    #[must_use]
    pub fn lines(&self) -> Vec<LineFigures> {
        self.lines.get().map(|watch| watch.lines()).unwrap_or_default()
    }
}
