//! Whether a meter still refuses what it once refused: one merged read, made before a scan, which then reads
//! every value as it would have without.

use super::job::Job;
use super::read_plan::ReadPlan;
use crate::modbus::line::RegisterBlock;
use crate::modbus::plan::{CostModel, PlannedRead};
use crate::model::learned::{Learned, Lesson};
use crate::model::quality::Cause;
use crate::time::UtcTime;

/// A lesson put to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    /// What is doubted.
    pub(super) lesson: Lesson,
    /// A merged read that it forbids, and that would be made without it.
    pub(super) read: PlannedRead,
}

impl Trial {
    /// That of the first lesson that is doubted at `now` and keeps `jobs`, which are of one meter, from a merged
    /// read.
    pub(super) fn of(learned: &Learned, jobs: &[&Job], cost: &CostModel, now: UtcTime) -> Option<Self> {
        let configured = &jobs.first()?.limits;
        learned.doubted(now).find_map(|lesson| {
            let mut others = learned.clone();
            others.drop(lesson);
            let plan = ReadPlan::of(jobs, &others.narrowing(configured), cost);
            let is_forbidden = |read: &PlannedRead| lesson.forbids(read.table, read.span);
            let is_merged = |read: &PlannedRead| plan.values_in(*read).len() > 1;
            let read = plan.reads().iter().copied().find(|read| is_forbidden(read) && is_merged(read))?;
            Some(Self { lesson, read })
        })
    }
}

/// What became of a lesson that was put to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The meter answers: it is forgotten.
    Gone,
    /// The meter refuses, or gives no answer to this: it is doubted again later.
    Holds,
    /// The line was down.
    Unknown,
}

impl Verdict {
    /// What the read of a trial says.
    pub(super) const fn of(block: &Result<RegisterBlock, Cause>) -> Self {
        match block {
            Ok(_) => Self::Gone,
            Err(Cause::LineDown) => Self::Unknown,
            Err(_) => Self::Holds,
        }
    }
}
