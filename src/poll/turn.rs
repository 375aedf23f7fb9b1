//! A job on its schedule, and what became of it so far.

use std::time::Duration;

use tokio::time::Instant;

use super::JobStatus;
use super::job::Job;
use super::meter::KnownMeter;
use super::scan::Heard;
use super::schedule::Schedule;
use super::turn_order::{Manner, Waiting};
use crate::model::reading::Scan;
use crate::time::UtcTime;

/// What is kept of the time that a scan was expected to take when it took less: a long one is remembered for a
/// while.
const EXPECTED_KEPT: (u32, u32) = (7, 8);

/// A job on its schedule.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) job: Job,
    pub(super) schedule: Schedule,
    /// When it was taken last.
    pub(super) taken_at: Instant,
    /// How long its scans take the line, by the longest of late.
    pub(super) expected: Duration,
    pub(super) scans: u64,
    pub(super) silent_scans: u64,
    pub(super) past_share: u64,
    pub(super) answered_at: Option<UtcTime>,
}

impl Turn {
    pub(super) fn new(job: Job, now: Instant) -> Self {
        let schedule = Schedule::starting(job.interval, job.offset, now);
        let expected = job.planned_time();
        Self {
            job,
            schedule,
            taken_at: now,
            expected,
            scans: 0,
            silent_scans: 0,
            past_share: 0,
            answered_at: None,
        }
    }

    pub(super) fn waiting(&self, manner: Manner) -> Waiting {
        let interval = self.schedule.interval().as_duration();
        let (due, expected) = (self.schedule.due(), self.expected);
        Waiting { due, interval, read_at: self.taken_at, expected, manner }
    }

    /// The share of the line that it takes if every tick is kept.
    pub(super) fn wanted_share(&self) -> f64 {
        self.expected.div_duration_f64(self.job.interval.as_duration())
    }

    pub(super) fn take(&mut self, heard: Heard, scan: &Scan, took: Duration) {
        self.scans += 1;
        match heard {
            Heard::Answer => {
                if self.answered_at.is_none() {
                    log::info!(
                        "meter '{}' answers, asked each {}",
                        self.job.meter_id,
                        self.schedule.interval()
                    );
                }
                self.answered_at = Some(scan.at);
                self.expected = took.max(self.expected * EXPECTED_KEPT.0 / EXPECTED_KEPT.1);
            }
            Heard::Nothing => self.silent_scans += 1,
            Heard::LineDown => {}
        }
    }

    pub(super) fn status(&self, meter: Option<&KnownMeter>) -> JobStatus {
        JobStatus {
            meter_id: self.job.meter_id.clone(),
            unit: self.job.unit,
            interval: self.schedule.interval(),
            scans: self.scans,
            silent_scans: self.silent_scans,
            overruns: self.schedule.overruns(),
            past_share: self.past_share,
            answered_at: self.answered_at,
            backed_off: meter.is_some_and(|meter| meter.health.is_backed_off()),
            learned: meter.map(|meter| meter.learned().clone()).unwrap_or_default(),
        }
    }
}
