//! The newest reading of every series, looked for from the newest epoch back.

use super::Recovered;
use crate::store::columns::{self, Columns};
use crate::store::error::StoreError;
use crate::store::latest::LatestTable;
use crate::store::names::Names;
use crate::store::periods::Periods;
use crate::store::periods::sealed::SealedEpoch;

/// Sealed epochs that are searched for the newest reading of a series that seldom has one.
const LATEST_EPOCHS_MAX: usize = 8;

impl Recovered {
    /// Finds the newest reading of every series, in the epochs of the rings and then back through the
    /// sealed ones.
    pub(super) fn find_latest(&mut self, periods: &Periods) {
        let names = &self.names;
        let mut look = |columns: &dyn Columns| fill_latest(&mut self.latest, names, columns);
        let mut outcome = Ok(());
        for epoch in self.unsealed.iter().rev() {
            outcome = outcome.and(look(epoch));
        }
        for epoch in self.index.iter().rev().take(LATEST_EPOCHS_MAX) {
            let period = periods.holding(epoch.number);
            let of_epoch = period.and_then(|period| look(&SealedEpoch { period, number: epoch.number }));
            outcome = outcome.and(of_epoch);
        }
        if let Err(error) = outcome {
            self.damage.push(error.to_string());
        }
    }
}

fn fill_latest(latest: &mut LatestTable, names: &Names, columns: &dyn Columns) -> Result<(), StoreError> {
    let mut groups = Vec::new();
    for group in columns.groups()? {
        let series = names.group_series(group).ok_or_else(|| columns::unreadable(group))?;
        if !latest.knows_all(series) {
            groups.push((columns::last_sequence(columns, group)?, group, series));
        }
    }
    // A series can lie in several groups; the one that was scanned last comes first.
    groups.sort_unstable_by_key(|(sequence, ..)| std::cmp::Reverse(*sequence));
    for (_, group, series) in groups {
        let times = columns::times(columns, group)?;
        for (place, series) in (0_u16..).zip(series.iter()) {
            let samples = columns::samples(columns, group, place, times.len())?;
            latest.fill(*series, times.iter().copied().zip(samples));
        }
    }
    Ok(())
}
