//! One scan: the reads of some jobs of one meter on the line, and what they gave.

use super::job::{Job, JobValue};
use super::read_plan::ReadPlan;
use crate::limits;
use crate::modbus::bisection::Bisection;
use crate::modbus::line::{LineHandle, RegisterBlock};
use crate::modbus::plan::PlannedRead;
use crate::model::learned::Lesson;
use crate::model::quality::{Cause, Doubt, Quality};
use crate::model::reading::{Sample, Scan};
use crate::model::register::{Span, UnitId};
use crate::time::{Clock, UtcTime};

/// Answers that a meter owes in a row before the rest of the scan is given up: a unit that is gone
/// must not cost the others on the line one time limit for each of its reads.
const SILENT_READS_MAX: u32 = 2;

/// What one scan gave.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// The samples of each job at their time, in the order of the jobs.
    pub scans: Vec<Scan>,
    /// Whether the meter said anything.
    pub heard: Heard,
    /// What refused reads taught.
    pub lessons: Vec<Lesson>,
    /// A merged read was taken apart, and nothing of the meter was answered.
    pub refused_everything: bool,
}

/// What was heard of a meter while it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The line was down, which says nothing about the meter.
    LineDown,
    /// Nothing, or a gateway in between said for it that it is gone.
    Nothing,
    /// An answer, be it an exception.
    Answer,
}

impl Heard {
    /// What one read says.
    #[must_use]
    pub const fn of(block: &Result<RegisterBlock, Cause>) -> Self {
        match block {
            Ok(_) | Err(Cause::Exception(0..=9 | 12..)) => Self::Answer,
            Err(Cause::LineDown) => Self::LineDown,
            // Exceptions 10 and 11 are a gateway's: path unavailable, target failed to respond (Modbus
            // Application Protocol V1.1b3, section 7).
            Err(_) => Self::Nothing,
        }
    }
}

/// Reads all values of `jobs`, which are of one meter, as planned. Where `may_bisect`, a merged read that the
/// meter refuses is taken apart, so that it costs no value but those that the meter does not have.
///
/// The scan's time is that of its first answer, so that no value is shown as newer than it is;
/// without an answer it is the time of asking.
pub async fn scan(
    jobs: &[&Job],
    plan: &ReadPlan,
    line: &LineHandle,
    clock: &dyn Clock,
    may_bisect: bool,
) -> Scanned {
    let asked_at = clock.now();
    let Some(unit) = jobs.first().map(|job| job.unit) else { return Scanned::nothing() };
    let mut exchange = Exchange {
        line,
        unit,
        even_start: jobs.iter().any(|job| job.limits.even_start),
        bisections_left: if may_bisect { limits::BISECTION_READS_MAX } else { 0 },
        silent: 0,
        heard: Heard::LineDown,
        first_answer: None,
        given: Vec::new(),
        lessons: Vec::new(),
    };
    let mut at_once = exchange.read_at_once(plan.reads()).await.into_iter();
    for read in plan.reads() {
        exchange.fetch(*read, plan.values_in(*read), at_once.next()).await;
    }
    let at = exchange.first_answer.unwrap_or(asked_at);
    let scan = |job: &&Job| {
        let samples = job.values.iter().map(|value| exchange.sample(value)).collect();
        Scan { group: job.group, at, samples }
    };
    Scanned {
        scans: jobs.iter().map(scan).collect(),
        heard: exchange.heard,
        refused_everything: exchange.bisections_left < limits::BISECTION_READS_MAX
            && may_bisect
            && exchange.first_answer.is_none(),
        lessons: exchange.lessons,
    }
}

/// The samples of a scan that is not made, because the meter is asked less often.
#[must_use]
pub fn backed_off(job: &Job, at: UtcTime) -> Scan {
    Scan { group: job.group, at, samples: vec![Sample::missing(Cause::BackedOff); job.values.len()] }
}

/// The scan with its time in doubt: every value that would count, of a clock that was never set.
#[must_use]
pub fn at_unset_clock(mut scan: Scan) -> Scan {
    for sample in &mut scan.samples {
        if let Quality::Good | Quality::Suspect(Doubt::Rounded) = sample.quality {
            sample.quality = Quality::Suspect(Doubt::ClockUnset);
        }
    }
    scan
}

impl Scanned {
    const fn nothing() -> Self {
        Self { scans: Vec::new(), heard: Heard::LineDown, lessons: Vec::new(), refused_everything: false }
    }
}

struct Exchange<'a> {
    line: &'a LineHandle,
    unit: UnitId,
    even_start: bool,
    /// Reads that may still be spent on taking others apart.
    bisections_left: usize,
    silent: u32,
    /// The most telling of what its reads said.
    heard: Heard,
    first_answer: Option<UtcTime>,
    /// What each read gave that was not taken apart.
    given: Vec<(PlannedRead, Result<RegisterBlock, Cause>)>,
    lessons: Vec<Lesson>,
}

impl Exchange<'_> {
    /// Reads what is planned, in parts where the meter refuses the whole.
    async fn fetch(
        &mut self,
        read: PlannedRead,
        values: Vec<Span>,
        mut whole: Option<Result<RegisterBlock, Cause>>,
    ) {
        let mut bisection = Bisection::of(read, values, self.even_start);
        let (mut is_part, mut refusal) = (false, Cause::Timeout);
        while let Some(part) = bisection.next_read() {
            if is_part && self.bisections_left == 0 {
                // What is left of it is asked for in the next scan; so far it was refused with the whole.
                self.given.push((part, Err(refusal)));
                continue;
            }
            self.bisections_left -= usize::from(is_part);
            is_part = true;
            let block = match whole.take() {
                Some(block) => self.heard(block),
                None => self.read(part).await,
            };
            let is_cut = match block {
                Ok(_) => {
                    bisection.answered();
                    false
                }
                Err(cause @ Cause::Exception(code @ 1..=3)) => {
                    refusal = cause;
                    self.bisections_left > 0 && bisection.refused(code)
                }
                Err(_) => false,
            };
            if !is_cut {
                self.given.push((part, block));
            }
        }
        self.lessons.extend(bisection.lessons());
    }

    async fn read(&mut self, read: PlannedRead) -> Result<RegisterBlock, Cause> {
        if self.silent >= SILENT_READS_MAX {
            return Err(Cause::Timeout);
        }
        let block = self.line.read(self.unit, read.table, read.span).await;
        self.heard(block)
    }

    /// All reads under way at once; nothing where the line takes one at a time.
    async fn read_at_once(&self, reads: &[PlannedRead]) -> Vec<Result<RegisterBlock, Cause>> {
        if self.line.pipeline() < 2 || reads.len() < 2 {
            return Vec::new();
        }
        let ask = |read: &PlannedRead| {
            let (line, unit, read) = (self.line.clone(), self.unit, *read);
            tokio::spawn(async move { line.read(unit, read.table, read.span).await })
        };
        let under_way: Vec<_> = reads.iter().map(ask).collect();
        let mut blocks = Vec::with_capacity(under_way.len());
        for read in under_way {
            blocks.push(read.await.unwrap_or(Err(Cause::LineDown)));
        }
        blocks
    }

    /// Notes what a read says about the meter.
    fn heard(&mut self, block: Result<RegisterBlock, Cause>) -> Result<RegisterBlock, Cause> {
        match Heard::of(&block) {
            Heard::LineDown => {}
            Heard::Nothing => {
                self.silent += 1;
                if self.heard == Heard::LineDown {
                    self.heard = Heard::Nothing;
                }
            }
            Heard::Answer => {
                self.silent = 0;
                self.heard = Heard::Answer;
            }
        }
        if let Ok(block) = &block {
            self.first_answer.get_or_insert(block.read_at);
        }
        block
    }

    /// The value out of the read that it lies in.
    fn sample(&self, value: &JobValue) -> Sample {
        let (table, span) = value.place();
        let holds = |(read, _): &&(PlannedRead, _)| read.table == table && read.span.contains(span);
        self.given
            .iter()
            .find(holds)
            .map_or(Sample::missing(Cause::Timeout), |(_, block)| value.sample(block))
    }
}
