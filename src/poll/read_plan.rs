//! What one meter is asked for when some of its jobs are due together.
//!
//! The values of all these jobs are planned as one: a slow value that is due lies in a hole of a fast read
//! and comes along for nothing.

use super::job::Job;
use crate::modbus::plan::{CostModel, PlannedRead, plan};
use crate::model::meter::ReadLimits;
use crate::model::register::{Span, Table};

/// The reads that fetch all values of some jobs of one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPlan {
    reads: Vec<PlannedRead>,
    /// Where the values lie, by table and address, none inside another of its table.
    places: Vec<(Table, Span)>,
}

impl ReadPlan {
    /// The cheapest reads for `jobs`, which are of one meter.
    #[must_use]
    pub fn of(jobs: &[&Job], limits: &ReadLimits, cost: &CostModel) -> Self {
        let values = jobs.iter().flat_map(|job| &job.values);
        let mut places: Vec<(Table, Span)> = values.map(super::job::JobValue::place).collect();
        let reads = plan(&places, limits, cost);
        places.sort_unstable_by_key(|(table, span)| (*table, span.start, std::cmp::Reverse(span.count)));
        let mut reached = (Table::Coil, 0);
        places.retain(|(table, span)| {
            let is_outermost = *table != reached.0 || span.end() > reached.1;
            if is_outermost {
                reached = (*table, span.end());
            }
            is_outermost
        });
        Self { reads, places }
    }

    /// The reads, in the order of tables and addresses.
    #[must_use]
    pub fn reads(&self) -> &[PlannedRead] {
        &self.reads
    }

    /// The values that lie in `read`, by address.
    #[must_use]
    pub fn values_in(&self, read: PlannedRead) -> Vec<Span> {
        let inside =
            self.places.iter().filter(|(table, span)| *table == read.table && read.span.contains(*span));
        inside.map(|(_, span)| *span).collect()
    }
}
