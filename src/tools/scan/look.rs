//! Asking a unit: whether it is there, and what it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::fit::{self, Fit};
use super::found::{Answers, Found, Heard};
use super::state::SAYS_MAX;
use crate::limits::SCAN_READS_MAX;
use crate::modbus::frame::identity;
use crate::modbus::line::{LineHandle, PortState, RegisterBlock};
use crate::modbus::plan::{CostModel, PlannedRead, plan, split};
use crate::model::map_library::MapLibrary;
use crate::model::meter::RegisterMap;
use crate::model::quality::Cause;
use crate::model::register::{Span, Table, UnitId};

/// What every unit is asked for: two registers from an even address, because some meters say nothing to a
/// read of half a value. Whoever does not have them refuses, and is there all the same.
const QUESTION: (Table, Span) = (Table::HoldingRegister, Span { start: 0, count: 2 });
/// Times that a unit that was heard is asked once more.
const REPEATS: u8 = 5;
/// Reserved (Modbus over Serial Line V1.02, section 2.2), so no unit of a serial line has it.
const NOBODY: UnitId = UnitId(248);
/// How long a port may take to open, or to open anew after it was lost.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
/// Refusals of a unit that has given nothing yet, after which it does not have the map.
const REFUSALS_MAX: u8 = 4;
/// The texts that tell what a device is: vendor, product code, revision, model (Modbus Application
/// Protocol V1.1b3, section 6.21).
const TELLING_OBJECTS: [u8; 4] = [0, 1, 2, 5];
/// `SunS`, with which the map of a device of the `SunSpec` Alliance begins.
const SUNSPEC_MARKER: [u16; 2] = [0x5375, 0x6E53];
/// The protocol addresses at which it may begin; nearly all devices take the first.
const SUNSPEC_STARTS: [u16; 3] = [40_000, 50_000, 0];

/// The port or connection cannot be opened, or not again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotOpen;

/// Waits until the port is open.
pub(super) async fn opened(line: &LineHandle) -> Result<(), NotOpen> {
    let mut state = line.watch_state();
    let open = state.wait_for(|state| *state == PortState::Open);
    match tokio::time::timeout(OPEN_PATIENCE, open).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(NotOpen),
    }
}

/// Asks `unit` once.
pub(super) async fn ask(line: &LineHandle, unit: UnitId) -> Result<Heard, NotOpen> {
    let (table, span) = QUESTION;
    let mut outcome = line.probe(unit, table, span).await;
    if outcome == Err(Cause::LineDown) {
        // A server may hang up on a unit that it does not have; the port may have been pulled out.
        opened(line).await?;
        outcome = line.probe(unit, table, span).await;
    }
    Ok(match outcome {
        Ok(_) => Heard::Values,
        // 10 and 11 come from a gateway that has no path to the unit, or heard nothing of it (Modbus
        // Application Protocol V1.1b3, section 7).
        Err(Cause::Exception(10 | 11)) => Heard::Silence,
        Err(Cause::Exception(_)) => Heard::Refusal,
        Err(Cause::Garbled) => Heard::Damage,
        Err(Cause::Mismatch) => Heard::Stray,
        Err(_) => Heard::Silence,
    })
}

/// Asks a unit that was heard a few times more, so that two units with one ID are noticed.
pub(super) async fn ask_again(line: &LineHandle, unit: UnitId, first: Heard) -> Result<Answers, NotOpen> {
    let mut answers = Answers::default();
    answers.add(first);
    for _ in 0..REPEATS {
        answers.add(ask(line, unit).await?);
    }
    Ok(answers)
}

/// Listens after the answer of `unit`, which has just come, for that of a second one with its ID, which is
/// slower: whatever comes while a unit is asked that nobody is.
pub(super) async fn hears_second(line: &LineHandle, unit: UnitId) -> Result<bool, NotOpen> {
    if !is_stray(ask(line, NOBODY).await?) {
        return Ok(false);
    }
    // Once may be noise.
    ask(line, unit).await?;
    Ok(is_stray(ask(line, NOBODY).await?))
}

const fn is_stray(heard: Heard) -> bool {
    matches!(heard, Heard::Damage | Heard::Stray)
}

/// Finds out what a unit is that answers.
pub(super) async fn look(line: &LineHandle, library: &MapLibrary, found: &mut Found) {
    let unit = found.unit;
    found.says = says(line, unit).await;
    found.sunspec_at = sunspec_at(line, unit).await;
    let mut reader = Reader { line, unit, known: BTreeMap::new() };
    let mut fits: Vec<Fit> = Vec::new();
    for map in library.maps() {
        fits.push(fit::fit(map, &reader.blocks(map).await));
    }
    found.fits = fit::best(fits);
}

/// How fast the unit usually begins its answer.
pub(super) fn turnaround_ms(line: &LineHandle, unit: UnitId) -> Option<u32> {
    let counters = line.counters().into_iter().find(|counters| counters.unit == unit)?;
    let turnaround = counters.turnarounds.p50()?;
    Some(u32::try_from(turnaround.as_millis()).unwrap_or(u32::MAX))
}

async fn says(line: &LineHandle, unit: UnitId) -> Vec<String> {
    let mut says = Vec::new();
    if let Ok(data) = line.device_identification(unit).await {
        let objects = identity::objects(&data);
        let telling =
            objects.into_iter().filter(|(id, text)| TELLING_OBJECTS.contains(id) && !text.is_empty());
        says.extend(telling.map(|(_, text)| text));
    }
    if let Ok(data) = line.server_id(unit).await {
        says.extend(identity::server_id_text(&data));
    }
    says.truncate(SAYS_MAX);
    says
}

async fn sunspec_at(line: &LineHandle, unit: UnitId) -> Option<u16> {
    for start in SUNSPEC_STARTS {
        let marker = line.probe(unit, Table::HoldingRegister, Span { start, count: 2 }).await;
        if marker.is_ok_and(|block| *block.words == SUNSPEC_MARKER) {
            return Some(start);
        }
    }
    None
}

/// Reads registers of one unit, those that maps share only once.
struct Reader<'a> {
    line: &'a LineHandle,
    unit: UnitId,
    known: BTreeMap<PlannedRead, Result<RegisterBlock, Cause>>,
}

impl Reader<'_> {
    /// What the unit gives of the registers by which `map` is known: in as few reads as its manual allows,
    /// and one by one where it refuses that because of what lies between them.
    async fn blocks(&mut self, map: &RegisterMap) -> Vec<RegisterBlock> {
        let spans = fit::spans(map);
        let mut blocks = Vec::new();
        let mut refusals = 0;
        let mut reads: VecDeque<PlannedRead> = plan(&spans, &map.read_limits, &CostModel::tcp()).into();
        while let Some(read) = reads.pop_front() {
            match self.read(read).await {
                Ok(block) => blocks.push(block),
                Err(Cause::Exception(1..=3)) => {
                    let alone = split(&read, &spans);
                    if alone != [read] {
                        reads.extend(alone);
                    }
                    refusals += 1;
                    if blocks.is_empty() && refusals >= REFUSALS_MAX {
                        break;
                    }
                }
                // A unit that is silent to one read is not asked for more of a map that may not be its own.
                Err(_) => break,
            }
        }
        blocks
    }

    async fn read(&mut self, read: PlannedRead) -> Result<RegisterBlock, Cause> {
        if let Some(known) = self.known.get(&read) {
            return known.clone();
        }
        if self.known.len() >= SCAN_READS_MAX {
            return Err(Cause::Timeout);
        }
        let outcome = self.line.probe(self.unit, read.table, read.span).await;
        self.known.insert(read, outcome.clone());
        outcome
    }
}
