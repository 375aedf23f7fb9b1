//! One task owns one line; everyone else asks it through a handle.
//!
//! Requests wait in a bounded number of places and are exchanged one at a time. Whoever stops waiting
//! stops only the waiting: an exchange that has begun is always brought to its end, because half an
//! exchange leaves a reply behind that the next one would have to tell from its own.

mod identify;
mod inbox;
mod places;
mod task;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_modbus::Request;

use self::inbox::{AskingEnd, inbox};
use self::places::{Order, Outcome, Rank};
use self::task::LineTask;
use super::brought::{Brought, Words};
use super::counters::UnitCounters;
use super::frame::read_request;
use super::recorder::Excerpt;
use super::timing::{Protocol, Timing};
use super::transport::{Connect, connect_to};
use super::turnaround::Turnarounds;
use super::wire::Records;
use crate::model::meter::Line;
use crate::model::quality::Cause;
use crate::model::register::{Span, Table, UnitId};
use crate::time::{Clock, UtcTime};

/// How often a read is tried before it is given up: a reply that came too late or damaged is asked
/// for once more, and only then the line turns to another request.
const READ_TRIES: u8 = 2;

/// Asks the task that owns a line. Clones ask the same line; it ends with the last of them.
#[derive(Clone, Debug)]
pub struct LineHandle {
    inbox: Arc<AskingEnd>,
    rank: Rank,
    pipeline: usize,
    state: watch::Receiver<PortState>,
    records: Records,
}

/// Whether the port of a line is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Nobody has tried to open it yet.
    Disabled,
    /// It is shut and will be tried again; requests fail with [`Cause::LineDown`].
    Wait,
    /// It is open.
    Open,
    /// The line has been ended.
    Shutdown,
}

/// Registers (or bits) as one read brought them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterBlock {
    /// Where they lie.
    pub table: Table,
    /// Their addresses.
    pub span: Span,
    /// One word an address; a bit is 0 or 1.
    pub words: Words,
    /// When the reply was complete.
    pub read_at: UtcTime,
}

impl RegisterBlock {
    /// The words of `span`; `None` unless all of it was read.
    #[must_use]
    pub fn words_of(&self, span: Span) -> Option<&[u16]> {
        let start = usize::from(span.start.checked_sub(self.span.start)?);
        self.words.get(start..start + usize::from(span.count))
    }
}

/// Something to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// One coil; function code 05.
    Coil(u16, bool),
    /// One holding register; function code 06.
    Register(u16, u16),
    /// Coils that lie together; function code 15.
    Coils(u16, Vec<bool>),
    /// Holding registers that lie together; function code 16.
    Registers(u16, Vec<u16>),
}

impl From<Write> for Request<'static> {
    fn from(write: Write) -> Self {
        match write {
            Write::Coil(address, on) => Self::WriteSingleCoil(address, on),
            Write::Register(address, word) => Self::WriteSingleRegister(address, word),
            Write::Coils(start, coils) => Self::WriteMultipleCoils(start, coils.into()),
            Write::Registers(start, words) => Self::WriteMultipleRegisters(start, words.into()),
        }
    }
}

impl LineHandle {
    /// Starts the task of a configured line on the current runtime.
    pub fn spawn(line: &Line, clock: Arc<dyn Clock>) -> Self {
        Self::spawn_on(connect_to(&line.link), Protocol::of(&line.link), Timing::of(line), clock)
    }

    /// Starts the task of a line over any stream.
    pub fn spawn_on(
        connect: Box<dyn Connect>,
        protocol: Protocol,
        timing: Timing,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let pipeline = timing.pipeline;
        let (inbox, requests) = inbox();
        let (state_sender, state) = watch::channel(PortState::Disabled);
        let records = Records::new(protocol, Arc::clone(&clock));
        let task = LineTask::new(connect, protocol, timing, clock, requests, state_sender, records.clone());
        tokio::spawn(task.run());
        Self { inbox: Arc::new(inbox), rank: Rank::Usual, pipeline, state, records }
    }

    /// Requests that are under way at once where they are asked for at once.
    #[must_use]
    pub const fn pipeline(&self) -> usize {
        self.pipeline
    }

    /// The same line, asked before everything that waits: for what a person or a control waits for.
    #[must_use]
    pub fn urgent(&self) -> Self {
        Self { rank: Rank::Urgent, ..self.clone() }
    }

    /// Reads `span` of `table` from `unit`; tried once more when the reply is missing or damaged.
    ///
    /// # Errors
    /// Why there is no value. A span that no request can ask for is refused with the exception code
    /// that a meter would give, without going out on the line.
    pub async fn read(&self, unit: UnitId, table: Table, span: Span) -> Result<RegisterBlock, Cause> {
        self.read_with(unit, table, span, READ_TRIES).await
    }

    /// Like [`read`](Self::read), but tried only once: for a unit that is expected to be silent.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn probe(&self, unit: UnitId, table: Table, span: Span) -> Result<RegisterBlock, Cause> {
        self.read_with(unit, table, span, 1).await
    }

    async fn read_with(
        &self,
        unit: UnitId,
        table: Table,
        span: Span,
        tries: u8,
    ) -> Result<RegisterBlock, Cause> {
        let request = read_request(table, span);
        match self.ask(unit, request, tries, self.rank).await? {
            (Brought::Words(words), read_at) => Ok(RegisterBlock { table, span, words, read_at }),
            _ => Err(Cause::Mismatch),
        }
    }

    /// Writes to `unit`, before every read that waits, and never twice: whether a write without a
    /// confirmation was carried out is for the one who ordered it to find out.
    ///
    /// # Errors
    /// Why there is no confirmation.
    pub async fn write(&self, unit: UnitId, write: Write) -> Result<(), Cause> {
        self.ask(unit, write.into(), 1, Rank::Urgent).await.map(|_| ())
    }

    async fn ask(&self, unit: UnitId, request: Request<'static>, tries: u8, rank: Rank) -> Outcome {
        self.inbox.ask(Order { unit, request, tries }, rank).await
    }

    /// Whether the port is open.
    #[must_use]
    pub fn state(&self) -> PortState {
        // Without its task a line answers nobody, whatever it said last.
        if self.state.has_changed().is_err() { PortState::Shutdown } else { *self.state.borrow() }
    }

    /// What the line has done so far for those whose requests are not urgent: it moves on with every try,
    /// whatever comes of it. While nobody asks it stays as it is.
    #[must_use]
    pub fn moves(&self) -> u64 {
        self.inbox.moves()
    }

    /// Tells of every change of the port.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<PortState> {
        self.state.clone()
    }

    /// What each unit has answered so far, in the order of units.
    #[must_use]
    pub fn counters(&self) -> Vec<UnitCounters> {
        self.records.tally.all()
    }

    /// How long a unit has taken to begin its replies so far; `None` before the first.
    #[must_use]
    pub fn turnarounds(&self, unit: UnitId) -> Option<Turnarounds> {
        self.records.tally.turnarounds(unit)
    }

    /// The share of its time in which the line is taken by exchanges, 0 to 1, over the minute that is
    /// running and the one before it. The silences that an exchange waits for and the replies that
    /// never come take the line too: at 1 it cannot be asked for more, only for less.
    #[must_use]
    pub fn busy_share(&self) -> f64 {
        self.records.tally.busy_share()
    }

    /// What went over the line last.
    #[must_use]
    pub fn recording(&self) -> Excerpt {
        self.recording_from(0)
    }

    /// The same without what came before frame number `from`.
    #[must_use]
    pub fn recording_from(&self, from: u64) -> Excerpt {
        self.records.recorder.excerpt(from)
    }

    /// Ends the line after the exchange that is under way, for all its handles.
    pub async fn shutdown(mut self) {
        self.inbox.end();
        // An error means that the task is gone already.
        let _ = self.state.wait_for(|state| *state == PortState::Shutdown).await;
    }
}
