//! Brings a writable parameter to its target over its line: read, write, read back.
//!
//! A write is never repeated blindly. What a write without confirmation came to is read first, and only
//! then written again.

use std::sync::Arc;

use super::{ControlFault, ControlState, Progress, Target};
use crate::mapping;
use crate::modbus::line::{LineHandle, Write};
use crate::model::control::{ControlAct, Writable};
use crate::model::point::Conversion;
use crate::model::quality::Cause;
use crate::model::reading::{SeriesId, Value};
use crate::model::register::{Register, Table, UnitId};
use crate::ops::Ops;
use crate::store::StoreError;

/// How often what is held is read back, in milliseconds: a meter that was switched off has forgotten it.
const CHECK_MS: i64 = 60_000;
/// How far the steps of a ramp lie apart, in milliseconds.
const STEP_MS: i64 = 5_000;
/// How long after a failure it is tried again, in milliseconds; twice as long each time.
const RETRY_MIN_MS: i64 = 1_000;
/// The longest of these pauses.
const RETRY_MAX_MS: i64 = 60_000;

/// A parameter that is to be looked at now.
#[derive(Clone, Debug)]
pub struct Due {
    series: SeriesId,
    name: String,
    line_id: String,
    unit: UnitId,
    register: Register,
    conversion: Conversion,
    writable: Writable,
    target: Target,
}

impl Due {
    /// The line that its meter is on.
    #[must_use]
    pub fn line_id(&self) -> &str {
        &self.line_id
    }

    fn words(&self, value: f64) -> Result<Vec<u16>, ControlFault> {
        let bounds = self.writable.min..=self.writable.max;
        Ok(mapping::words(&self.register, value, &self.conversion, bounds)?)
    }

    fn number(&self, words: &[u16]) -> Option<f64> {
        let read = mapping::sample(&self.register, words, &self.conversion, None, None);
        read.value.as_ref().and_then(Value::number)
    }

    async fn read(&self, line: &LineHandle) -> Result<Vec<u16>, ControlFault> {
        let block = line.read(self.unit, self.register.table, self.register.span()).await;
        block.map(|block| block.words.to_vec()).map_err(ControlFault::Line)
    }

    async fn write(&self, line: &LineHandle, words: &[u16]) -> Result<(), ControlFault> {
        let address = self.register.address;
        let write = match (self.register.table, words) {
            (Table::Coil, bits) => Write::Coil(address, bits.first().is_some_and(|bit| *bit != 0)),
            (_, [word]) => Write::Register(address, *word),
            (_, words) => Write::Registers(address, words.to_vec()),
        };
        let is_single = matches!(write, Write::Register(..));
        let written = match line.write(self.unit, write).await {
            // Some meters know only how several registers are written. Exception 1 says that nothing was
            // done (Modbus Application Protocol V1.1b3, section 7).
            Err(Cause::Exception(1)) if is_single => {
                line.write(self.unit, Write::Registers(address, words.to_vec())).await
            }
            written => written,
        };
        written.map_err(ControlFault::Line)
    }
}

/// What looking at a parameter came to.
struct Looked {
    is_settled: bool,
    has_moved: bool,
    read_back: Option<f64>,
    /// What it showed, where it had left the value that it was held at.
    strayed: Option<f64>,
}

impl Ops {
    /// Everything that is to be looked at now; each counts as under way until it was
    /// [brought](Self::bring) to its target.
    #[must_use]
    pub fn due_controls(&self) -> Vec<Due> {
        let served = self.served();
        self.end_leases(&served);
        let targets = self.targets(&served);
        let steady_ms = self.clock().steady_ms();
        let mut due = Vec::new();
        for bound in served.writables() {
            let target = targets.get(&bound.series);
            self.note_event(bound.series, target);
            let mut progress = self.controls.progress();
            let known = progress.entry(bound.series).or_default();
            let Some(target) = target else {
                if !known.is_under_way {
                    progress.remove(&bound.series);
                }
                continue;
            };
            let is_new = known.target.is_none_or(|before| before.to_bits() != target.value.to_bits());
            let meter = served.site().meters.iter().find(|meter| meter.id == bound.metered.meter_id);
            let Some(meter) = meter.filter(|_| !known.is_under_way && (is_new || steady_ms >= known.due_ms))
            else {
                continue;
            };
            if is_new {
                (known.failures, known.state) = (0, ControlState::Moving);
                known.target = Some(target.value);
            }
            known.is_under_way = true;
            due.push(Due {
                series: bound.series,
                name: format!("{}/{}", bound.point.id, bound.parameter.id),
                line_id: meter.line_id.clone(),
                unit: meter.unit,
                register: bound.metered.register.clone(),
                conversion: bound.metered.conversion,
                writable: bound.writable.clone(),
                target: target.clone(),
            });
        }
        due
    }

    /// Notes when an event begins or ceases to move a parameter.
    fn note_event(&self, series: SeriesId, target: Option<&Target>) {
        let held = target.and_then(|target| Some((target.value, target.held.as_ref()?)));
        let event = held.filter(|(_, held)| held.is_event).map(|(value, held)| (value, held.by.clone()));
        let before = {
            let mut progress = self.controls.progress();
            let known = progress.entry(series).or_default();
            let now = event.as_ref().map(|(_, id)| id.clone());
            if known.event == now {
                return;
            }
            std::mem::replace(&mut known.event, now)
        };
        let now = self.clock().now();
        if let Some(id) = before {
            let ended = self
                .store()
                .dr_event(&id)
                .is_none_or(|event| event.cancelled_at.is_some() || now >= event.order.time.end);
            let is_taken_over = held.is_some_and(|(_, held)| !held.is_event);
            let act = if ended || is_taken_over { ControlAct::Released } else { ControlAct::LeaseOver };
            self.store().note_control(series, now, act, &id);
        }
        if let Some((value, id)) = event {
            self.store().note_control(series, now, ControlAct::Held(value), &id);
        }
    }

    /// Brings a parameter to its target over `line`, or a step nearer; `None` where there is no such line.
    pub async fn bring(self: Arc<Self>, due: Due, line: Option<LineHandle>) {
        let looked = match line {
            Some(line) => self.look(&due, &line.urgent()).await,
            None => Err(ControlFault::Line(Cause::LineDown)),
        };
        self.note_looked(&due, looked);
    }

    async fn look(&self, due: &Due, line: &LineHandle) -> Result<Looked, ControlFault> {
        let wanted = due.words(due.target.value)?;
        let there = due.read(line).await?;
        let from = due.number(&there);
        if there == wanted {
            return Ok(Looked { is_settled: true, has_moved: false, read_back: from, strayed: None });
        }
        let (elapsed_ms, was_settled) = self.on_the_way(due);
        self.note_displaced(due).await?;
        let value = due.target.value;
        // When the gateway stops, nobody would go the rest of the way.
        let may_ramp = !self.controls.frozen().contains(&due.series);
        let step = from.filter(|_| may_ramp);
        let step = step.map_or(value, |from| due.writable.on_the_way(from, value, elapsed_ms));
        let words = due.words(step)?;
        let has_moved = words != there;
        if has_moved {
            due.write(line, &words).await?;
        }
        let shown = if has_moved { due.read(line).await? } else { there };
        let read_back = due.number(&shown);
        if shown != words {
            return Err(ControlFault::NotTaken(read_back));
        }
        let strayed = from.filter(|_| was_settled);
        Ok(Looked { is_settled: words == wanted, has_moved, read_back, strayed })
    }

    /// How long ago the register changed on its way, and whether it had arrived.
    fn on_the_way(&self, due: &Due) -> (i64, bool) {
        let progress = self.controls.progress();
        let known = progress.get(&due.series);
        let stepped_ms = known.and_then(|known| known.stepped_ms);
        let elapsed_ms = stepped_ms.map_or(STEP_MS, |ms| self.clock().steady_ms().saturating_sub(ms));
        (elapsed_ms, known.is_some_and(|known| known.state == ControlState::Settled))
    }

    /// Notes on the medium that the register is about to leave the value of rest. A way back to rest needs
    /// no note: it is on the medium that it is still to be gone.
    async fn note_displaced(&self, due: &Due) -> Result<(), ControlFault> {
        let known = self.store().controls().into_iter().find(|(series, _)| *series == due.series);
        if due.target.held.is_none() || known.is_some_and(|(_, control)| control.is_displaced) {
            return Ok(());
        }
        self.store().change_control(due.series, |control| control.is_displaced = true);
        let store = self.store().clone();
        let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
        if let Err(error) = flushed.unwrap_or(Err(StoreError::Closed)) {
            self.store().change_control(due.series, |control| control.is_displaced = false);
            return Err(ControlFault::Store(error));
        }
        Ok(())
    }

    fn note_looked(&self, due: &Due, looked: Result<Looked, ControlFault>) {
        let steady_ms = self.clock().steady_ms();
        let now = self.clock().now();
        let by = due.target.held.as_ref().map(|held| held.by.as_str()).unwrap_or_default();
        let mut acts = Vec::new();
        let mut progress = self.controls.progress();
        let known = progress.entry(due.series).or_default();
        known.is_under_way = false;
        match looked {
            Ok(looked) => {
                acts.extend(looked.strayed.map(ControlAct::Strayed));
                acts.extend(arrived(due, known, &looked));
                known.took(&looked, steady_ms);
            }
            Err(fault) => {
                if !matches!(known.state, ControlState::Failing(_)) {
                    log::warn!("control: {} is not at {}: {fault}", due.name, due.target.value);
                    acts.push(ControlAct::Failed(due.target.value));
                }
                known.failed(fault, steady_ms);
            }
        }
        drop(progress);
        for act in acts {
            self.store().note_control(due.series, now, act, by);
            if let ControlAct::Rested(_) = act {
                self.store().change_control(due.series, |control| control.is_displaced = false);
            }
        }
    }
}

/// What is noted of a parameter that has arrived; nothing of one that was there already.
fn arrived(due: &Due, known: &Progress, looked: &Looked) -> Option<ControlAct> {
    let value = looked.read_back.unwrap_or(due.target.value);
    match (looked.is_settled, &due.target.held) {
        (true, None) => Some(ControlAct::Rested(value)),
        (true, Some(_)) if known.state != ControlState::Settled || looked.has_moved => {
            log::info!("control: {} is at {value}, written and read back", due.name);
            Some(ControlAct::Reached(value))
        }
        _ => None,
    }
}

impl Progress {
    fn took(&mut self, looked: &Looked, steady_ms: i64) {
        self.failures = 0;
        self.read_back = looked.read_back;
        if looked.has_moved || self.stepped_ms.is_none() {
            self.stepped_ms = Some(steady_ms);
        }
        let (state, pause_ms) = if looked.is_settled {
            self.stepped_ms = None;
            (ControlState::Settled, CHECK_MS)
        } else {
            (ControlState::Moving, STEP_MS)
        };
        self.state = state;
        self.due_ms = steady_ms.saturating_add(pause_ms);
    }

    fn failed(&mut self, fault: ControlFault, steady_ms: i64) {
        let pause_ms = RETRY_MIN_MS << self.failures.min(6);
        self.failures = self.failures.saturating_add(1);
        if let ControlFault::NotTaken(shown) = &fault {
            self.read_back = *shown;
        }
        self.state = ControlState::Failing(fault);
        self.due_ms = steady_ms.saturating_add(pause_ms.min(RETRY_MAX_MS));
    }
}
