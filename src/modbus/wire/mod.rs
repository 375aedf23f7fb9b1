//! Our transport below tokio-modbus: one request out, the one reply to it back, or a reason why not.
//!
//! The stock transports of tokio-modbus take the next frame on the wire for the reply. After one late
//! reply every further read would return the registers of the read before it. This one takes a reply
//! only if it fits the request, and after any fault lets the line come to rest before it asks again.

mod port;
mod rtu;
mod tcp;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;
use tokio::time::Instant;
use tokio_modbus::client::Client;
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{Request, Response};

use self::port::Port;
use self::rtu::RtuWire;
use self::tcp::TcpWire;
use super::brought::{Answered, SpareWords};
use super::counters::Tally;
use super::frame::RequestFault;
use super::recorder::Recorder;
use super::timing::{Protocol, Timing};
use super::transport::Stream;
use crate::model::quality::Cause;
use crate::model::register::UnitId;
use crate::time::{Clock, SystemClock};

/// Why an exchange gave no answer.
#[derive(Debug, Error)]
pub enum Failure {
    /// The request itself is at fault; nothing was sent.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// Nothing was heard in time.
    #[error("no reply in time")]
    Timeout,
    /// Bytes were heard, but no whole frame with a right checksum.
    #[error("only damaged bytes came back")]
    Garbled,
    /// A whole frame was heard that answers another question.
    #[error("a reply to another question came back")]
    Mismatch,
    /// The stream is gone or out of step and must be opened anew.
    #[error("the line is down: {0}")]
    LineDown(#[from] io::Error),
}

impl Failure {
    /// What the readings that were asked for will say.
    ///
    /// A request that cannot be asked is refused as a meter would refuse it.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Request(fault) => Cause::Exception(fault.exception_code()),
            Self::Timeout => Cause::Timeout,
            Self::Garbled => Cause::Garbled,
            Self::Mismatch => Cause::Mismatch,
            Self::LineDown(_) => Cause::LineDown,
        }
    }
}

impl From<Failure> for tokio_modbus::Error {
    fn from(failure: Failure) -> Self {
        Self::Transport(io::Error::other(failure))
    }
}

/// What is kept of a line from one opening to the next.
#[derive(Clone, Debug)]
pub(super) struct Records {
    /// What its units answered.
    pub(super) tally: Tally,
    /// What went over it last.
    pub(super) recorder: Recorder,
    /// Where the words of its replies go when they are no longer needed.
    pub(super) spare: SpareWords,
}

impl Records {
    /// Those of a line that begins now.
    pub(super) fn new(protocol: Protocol, clock: Arc<dyn Clock>) -> Self {
        Self { tally: Tally::new(), recorder: Recorder::new(protocol, clock), spare: SpareWords::default() }
    }
}

/// One open line.
pub struct Wire {
    /// Whom the readers and writers of tokio-modbus ask.
    unit: UnitId,
    framing: Framing,
}

enum Framing {
    Rtu(RtuWire),
    Tcp(TcpWire),
}

impl Wire {
    /// A line over `stream`, which was just opened.
    #[must_use]
    pub fn new(stream: Box<dyn Stream>, protocol: Protocol, timing: Timing) -> Self {
        let records = Records::new(protocol, Arc::new(SystemClock));
        Self::of_line(stream, protocol, timing, Instant::now() + timing.late_window, records)
    }

    /// A line on which a reply to an earlier opening's request may still come until `rest_until`.
    pub(super) fn of_line(
        stream: Box<dyn Stream>,
        protocol: Protocol,
        timing: Timing,
        rest_until: Instant,
        records: Records,
    ) -> Self {
        let Records { tally, recorder, spare } = records;
        let port = Port::new(stream, timing, recorder);
        let framing = match protocol {
            Protocol::Rtu { local_echo } => {
                Framing::Rtu(RtuWire::new(port, timing, local_echo, rest_until, tally, spare))
            }
            Protocol::Tcp => Framing::Tcp(TcpWire::new(port, timing, tally, spare)),
        };
        Self { unit: UnitId(Slave::tcp_device().0), framing }
    }

    /// Sends `request` to `unit` and waits for its reply; the time that this takes is bounded by the
    /// timing of the line. If the future is dropped half-way, the next exchange first lets the line come
    /// to rest.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn exchange(&mut self, unit: UnitId, request: &Request<'_>) -> Result<Answered, Failure> {
        self.exchange_within(unit, request, None).await
    }

    /// As [`exchange`](Self::exchange), waiting for the start of the reply no longer than `patience`.
    pub(super) async fn exchange_within(
        &mut self,
        unit: UnitId,
        request: &Request<'_>,
        patience: Option<Duration>,
    ) -> Result<Answered, Failure> {
        match &mut self.framing {
            Framing::Rtu(wire) => wire.exchange(unit, request, patience).await,
            Framing::Tcp(wire) => wire.exchange(unit, request, patience).await,
        }
    }

    /// As [`exchange`](Self::exchange) of each request, all of them under way at once where the protocol tells
    /// replies apart; in their order.
    pub(super) async fn exchange_all(
        &mut self,
        requests: &[(UnitId, &Request<'static>)],
    ) -> Vec<Result<Answered, Failure>> {
        match &mut self.framing {
            Framing::Tcp(wire) if requests.len() > 1 => wire.exchange_all(requests).await,
            _ => {
                let mut results = Vec::with_capacity(requests.len());
                for (unit, request) in requests {
                    results.push(self.exchange(*unit, request).await);
                }
                results
            }
        }
    }

    /// Throws away what arrives while nobody has asked anything, and returns when the stream is gone.
    /// May be dropped at any time.
    pub(super) async fn idle(&mut self) -> Failure {
        match &mut self.framing {
            Framing::Rtu(wire) => wire.idle().await,
            Framing::Tcp(wire) => wire.idle().await,
        }
    }
}

impl SlaveContext for Wire {
    fn set_slave(&mut self, slave: Slave) {
        self.unit = UnitId(slave.0);
    }
}

#[async_trait]
impl Client for Wire {
    async fn call(&mut self, request: Request<'_>) -> tokio_modbus::Result<Response> {
        Ok(self.exchange(self.unit, &request).await?.map(|brought| brought.response(&request)))
    }

    /// There is nothing to say goodbye with: the stream closes when this is dropped.
    async fn disconnect(&mut self) -> io::Result<()> {
        Ok(())
    }
}
