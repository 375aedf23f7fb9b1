//! One scan: the reads of a job on the line, and what they gave.

use super::job::Job;
use crate::modbus::line::{LineHandle, RegisterBlock};
use crate::model::quality::{Cause, Doubt, Quality};
use crate::model::reading::{Sample, Scan};
use crate::model::register::{Span, Table, UnitId};
use crate::time::{Clock, UtcTime};

/// Answers that a meter owes in a row before the rest of the scan is given up: a unit that is gone
/// must not cost the others on the line one time limit for each of its reads.
const SILENT_READS_MAX: u32 = 2;

/// What one scan gave.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// The samples at their time.
    pub scan: Scan,
    /// Whether the meter said anything.
    pub heard: Heard,
    /// A merged read was refused although its values can be read one by one.
    pub merge_refused: bool,
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

/// Reads all values of `job`, merged as planned or, where the meter has refused that before, each
/// value alone.
///
/// The scan's time is that of its first answer, so that no value is shown as newer than it is;
/// without an answer it is the time of asking.
pub async fn scan(job: &Job, line: &LineHandle, clock: &dyn Clock, one_by_one: bool) -> Scanned {
    let asked_at = clock.now();
    let mut exchange =
        Exchange { line, unit: job.unit, silent: 0, heard: Heard::LineDown, first_answer: None };
    let mut merge_refused = false;
    let mut samples = vec![Sample::missing(Cause::Timeout); job.values.len()];
    for (read_index, read) in job.reads.iter().enumerate() {
        let held =
            || job.values.iter().enumerate().filter(move |(_, value)| value.read_index() == read_index);
        let merged = held().nth(1).is_some();
        let block =
            if merged && one_by_one { None } else { Some(exchange.read(read.table, read.span).await) };
        match block {
            Some(block) if !(merged && is_refusal(&block)) => {
                held().for_each(|(index, value)| samples[index] = value.sample(&block));
            }
            _ => {
                for (index, value) in held() {
                    let (table, span) = value.place();
                    let alone = exchange.read(table, span).await;
                    merge_refused |= alone.is_ok();
                    samples[index] = value.sample(&alone);
                }
            }
        }
    }
    let at = exchange.first_answer.unwrap_or(asked_at);
    Scanned { scan: Scan { group: job.group, at, samples }, heard: exchange.heard, merge_refused }
}

/// Exceptions 1 to 3 on a merged read may mean only that a hole in it cannot be read.
const fn is_refusal(block: &Result<RegisterBlock, Cause>) -> bool {
    matches!(block, Err(Cause::Exception(1..=3)))
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

struct Exchange<'a> {
    line: &'a LineHandle,
    unit: UnitId,
    silent: u32,
    /// The most telling of what its reads said.
    heard: Heard,
    first_answer: Option<UtcTime>,
}

impl Exchange<'_> {
    async fn read(&mut self, table: Table, span: Span) -> Result<RegisterBlock, Cause> {
        if self.silent >= SILENT_READS_MAX {
            return Err(Cause::Timeout);
        }
        let block = self.line.read(self.unit, table, span).await;
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
}
