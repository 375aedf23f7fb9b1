//! What the poll of a line knows of one meter: whether it answers, what it refuses, how fast it is.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::doubt::{Trial, Verdict};
use super::job::Job;
use super::read_plan::ReadPlan;
use crate::modbus::health::Health;
use crate::modbus::plan::CostModel;
use crate::modbus::turnaround::Turnarounds;
use crate::model::learned::{Learned, Lesson};
use crate::model::reading::GroupId;
use crate::time::UtcTime;

/// Plans that are kept of one meter; those of rarer companies of jobs are made anew.
const PLANS_MAX: usize = 16;
/// Replies after which a meter's turnaround is believed.
const REPLIES_MIN: u64 = 10;
/// How far the hole that it is worth reading over must move before reads are planned anew, as a share.
const REPLAN_SHARE: f64 = 0.2;
/// A meter that refused everything is not taken apart again for this long.
const BISECTION_PAUSE: Duration = Duration::from_mins(10);

/// How far a meter may go beyond its share before it counts as past it: for what has to be asked twice.
const SHARE_MARGIN: f64 = 1.25;

/// How much of its line a meter takes, against what it may.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    /// Its part of all that is planned for the line, 0 to 1.
    share: f64,
    /// What it takes if every tick is kept; more than 1 where it cannot be.
    wanted: f64,
}

impl Load {
    /// So much of the line's time is planned for the meter, of what is planned for `all`.
    pub(super) fn plan(&mut self, planned: f64, all: f64) {
        self.share = if all > 0.0 { planned / all } else { 1.0 };
    }

    /// So much it takes, as its scans have shown.
    pub(super) const fn wants(&mut self, wanted: f64) {
        self.wanted = wanted;
    }

    /// Whether it takes more than its part.
    pub(super) fn is_past_its_share(&self) -> bool {
        self.wanted > self.share * SHARE_MARGIN
    }
}

/// One meter on its line, shared by its jobs.
#[derive(Debug)]
pub(super) struct KnownMeter {
    /// Whether it answers.
    pub(super) health: Health,
    /// How much it takes of the line.
    pub(super) load: Load,
    learned: Learned,
    /// The costs that its reads are planned with, with its own turnaround once that is known.
    cost: CostModel,
    plans: BTreeMap<Vec<GroupId>, ReadPlan>,
    bisect_from: Option<Instant>,
    /// Companies of jobs that so many doubted lessons keep from no read.
    untouched: BTreeMap<Vec<GroupId>, usize>,
}

impl KnownMeter {
    /// A meter of which is known what it taught before.
    pub(super) fn new(cost: CostModel, learned: Learned) -> Self {
        Self {
            health: Health::default(),
            load: Load::default(),
            learned,
            cost,
            plans: BTreeMap::new(),
            bisect_from: None,
            untouched: BTreeMap::new(),
        }
    }

    /// What was learned about it.
    pub(super) const fn learned(&self) -> &Learned {
        &self.learned
    }

    /// The reads for `jobs` of it, which are due together.
    pub(super) fn plan(&mut self, jobs: &[&Job]) -> ReadPlan {
        let company: Vec<GroupId> = jobs.iter().map(|job| job.group).collect();
        if let Some(plan) = self.plans.get(&company) {
            return plan.clone();
        }
        let limits = jobs.first().map(|job| self.learned.narrowing(&job.limits)).unwrap_or_default();
        let plan = ReadPlan::of(jobs, &limits, &self.cost);
        if self.plans.len() >= PLANS_MAX {
            self.plans.clear();
        }
        self.plans.insert(company, plan.clone());
        plan
    }

    /// Takes in what a scan taught; gives what of it was new.
    pub(super) fn learn(&mut self, lessons: Vec<Lesson>, now: UtcTime) -> Learned {
        let mut news = Learned::default();
        for lesson in lessons {
            if self.learned.take(lesson, now) {
                news.take(lesson, now);
            }
        }
        if !news.is_empty() {
            self.forget_plans();
        }
        news
    }

    /// What is to be tried before a scan of `jobs` at `now`, because it is doubted.
    pub(super) fn trial(&mut self, jobs: &[&Job], now: UtcTime) -> Option<Trial> {
        let doubted = self.learned.doubted(now).count();
        if doubted == 0 {
            return None;
        }
        let company: Vec<GroupId> = jobs.iter().map(|job| job.group).collect();
        if self.untouched.get(&company) == Some(&doubted) {
            return None;
        }
        let trial = Trial::of(&self.learned, jobs, &self.cost, now);
        if trial.is_none() {
            if self.untouched.len() >= PLANS_MAX {
                self.untouched.clear();
            }
            self.untouched.insert(company, doubted);
        }
        trial
    }

    /// Takes in what came of a trial; whether anything is known now that was not.
    pub(super) fn tried(&mut self, lesson: Lesson, verdict: Verdict, now: UtcTime) -> bool {
        match verdict {
            Verdict::Gone => self.learned.drop(lesson),
            Verdict::Holds => self.learned.hold(lesson, now),
            Verdict::Unknown => return false,
        }
        self.forget_plans();
        true
    }

    fn forget_plans(&mut self) {
        self.plans.clear();
        self.untouched.clear();
    }

    /// Forgets what was learned.
    pub(super) fn forget(&mut self) {
        self.learned = Learned::default();
        self.bisect_from = None;
        self.forget_plans();
    }

    /// Whether a refused read of it is worth being taken apart at `now`.
    pub(super) fn may_bisect(&self, now: Instant) -> bool {
        self.bisect_from.is_none_or(|from| now >= from)
    }

    /// It refused everything, taken apart or not.
    pub(super) fn refused_everything(&mut self, now: Instant) {
        self.bisect_from = Some(now + BISECTION_PAUSE);
    }

    /// Plans anew where its turnaround has moved the hole that is worth reading over.
    pub(super) fn take_turnaround(&mut self, turnarounds: &Turnarounds) {
        let Some(median) = turnarounds.p50().filter(|_| turnarounds.total() >= REPLIES_MIN) else { return };
        let cost = self.cost.with_turnaround(median);
        let (before, now) = (self.cost.widest_hole(), cost.widest_hole());
        if (now - before).abs() > before * REPLAN_SHARE {
            self.cost = cost;
            self.forget_plans();
        }
    }
}
