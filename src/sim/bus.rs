//! A simulated line: what it says to the bytes that it hears, and when. Pure; `serve` moves the bytes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::fault::{Fault, FaultPlan};
use super::fleet::Fleet;
use crate::modbus::frame::{Answer, ExceptionCode, Request, Response, crc16, rtu, serve, tcp};
use crate::model::register::{Span, UnitId};
use crate::time::Clock;

/// How frames are told apart on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By silence and CRC.
    Rtu,
    /// By a header with the length: Modbus TCP.
    Tcp,
}

/// Whatever answers on a line, shared by all connections to it.
pub trait Meters: Send + Sync {
    /// The reaction to the first request among the bytes heard so far; `None` while there is none.
    fn react(&self, framing: Framing, heard: &[u8]) -> Option<Reaction>;

    /// The reaction of an RTU line when it falls silent after bytes that are no request of a function
    /// code known here.
    fn react_to_silence(&self, heard: &[u8]) -> Reaction;
}

impl<M: Meters + ?Sized> Meters for Arc<M> {
    fn react(&self, framing: Framing, heard: &[u8]) -> Option<Reaction> {
        self.as_ref().react(framing, heard)
    }

    fn react_to_silence(&self, heard: &[u8]) -> Reaction {
        self.as_ref().react_to_silence(heard)
    }
}

/// The meters of one line, their clock and their faults.
pub struct Bus {
    fleet: Fleet,
    clock: Arc<dyn Clock>,
    turnaround: Duration,
    faults: Mutex<FaultPlan>,
}

/// Something that the line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing for so long.
    Wait(Duration),
    /// It says these bytes.
    Send(Vec<u8>),
    /// It closes the connection.
    HangUp,
}

/// What was heard, and what the line does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Bytes that are dealt with.
    pub heard: usize,
    /// Who answers one request after the other; `None` where every answer has a time of its own.
    pub unit: Option<UnitId>,
    /// What it does, in order.
    pub steps: Vec<Step>,
}

/// A request as it was heard.
struct Asked {
    bytes: Vec<u8>,
    /// Over TCP, what the client calls this exchange.
    transaction: Option<u16>,
    unit: UnitId,
    function: u8,
    request: Result<Request<'static>, ExceptionCode>,
}

impl Bus {
    /// A line with these meters. Each answers `turnaround` after the end of a request: at least 3.5
    /// characters on a real line, nothing in memory. What befalls the meters is counted from now on.
    #[must_use]
    pub fn new(fleet: Fleet, clock: Arc<dyn Clock>, turnaround: Duration, faults: FaultPlan) -> Self {
        let began = clock.now();
        let fleet = fleet.living(|unit| faults.life_of(unit, began));
        Self { fleet, clock, turnaround, faults: Mutex::new(faults) }
    }

    fn steps(&self, asked: &Asked) -> Vec<Step> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = faults.strike(asked.unit, asked.span());
        match (self.answer(asked), fault) {
            (_, Some(Fault::HangUp)) => vec![Step::HangUp],
            (None, Some(Fault::Echo)) => vec![Step::Send(asked.bytes.clone())],
            (None, _) | (_, Some(Fault::Silent)) => Vec::new(),
            (Some(answer), None) => vec![Step::Wait(self.turnaround), Step::Send(asked.reply(&answer))],
            (Some(answer), Some(fault)) => self.spoil(asked, &answer, fault, &mut faults),
        }
    }

    /// What the meter says; `None` where nobody answers.
    fn answer(&self, asked: &Asked) -> Option<Answer> {
        let now = self.clock.now();
        let over_tcp = asked.transaction.is_some();
        if asked.unit.0 == 0 && !over_tcp {
            if let Ok(request) = &asked.request {
                self.fleet.broadcast(request, now);
            }
            return None;
        }
        let Some(unit) = self.fleet.resolve(asked.unit, over_tcp) else {
            // A gateway to a serial line tells that nobody is there (section 7 of V1.1b3, code 0B).
            return over_tcp.then_some(Err(ExceptionCode::GatewayTargetDevice));
        };
        match &asked.request {
            Ok(request) => self.fleet.answer(unit, request, now),
            Err(code) => Some(Err(*code)),
        }
    }

    /// The reply with something wrong about it.
    fn spoil(&self, asked: &Asked, answer: &Answer, fault: Fault, faults: &mut FaultPlan) -> Vec<Step> {
        let mut reply = asked.reply(answer);
        let mut steps = vec![Step::Wait(self.turnaround)];
        match fault {
            Fault::Late(ms) => steps.push(wait(ms)),
            Fault::BadCrc => asked.break_seal(&mut reply),
            Fault::Noise(bytes) => steps.push(Step::Send(faults.noise(bytes))),
            Fault::Phantom => steps.push(Step::Send(asked.phantom(answer))),
            Fault::Lost(bytes) => drop(reply.drain(..usize::from(bytes).min(reply.len()))),
            Fault::Split(ms) => {
                let rest = reply.split_off(reply.len() / 2);
                steps.extend([Step::Send(std::mem::replace(&mut reply, rest)), wait(ms)]);
            }
            Fault::Echo => steps.insert(0, Step::Send(asked.bytes.clone())),
            Fault::OtherUnit => reply = asked.reply_of(UnitId(asked.unit.0 % 247 + 1), answer),
            Fault::WrongLength => reply = asked.reply(&of_another_length(answer)),
            Fault::TwoOnOneId => {
                let other = asked.reply(&of_another_meter(answer));
                if asked.transaction.is_some() {
                    steps.push(Step::Send(std::mem::replace(&mut reply, other)));
                } else {
                    fall_into_each_other(&mut reply, &other, faults);
                }
            }
            Fault::Exception(code) => reply = asked.reply(&Err(ExceptionCode::new(code))),
            Fault::Hole { .. } => reply = asked.reply(&Err(ExceptionCode::IllegalDataAddress)),
            Fault::Silent | Fault::HangUp => return Vec::new(),
        }
        steps.push(Step::Send(reply));
        steps
    }
}

impl Meters for Bus {
    fn react(&self, framing: Framing, heard: &[u8]) -> Option<Reaction> {
        let (asked, end) = match (framing, tcp::first_frame(heard)) {
            (Framing::Rtu, _) => rtu_request(heard)?,
            (Framing::Tcp, Ok(frame)) => tcp_request(&frame?)?,
            (Framing::Tcp, Err(_)) => {
                let steps = vec![Step::HangUp];
                return Some(Reaction { heard: heard.len(), unit: None, steps });
            }
        };
        Some(Reaction { heard: end, unit: Some(asked.unit), steps: self.steps(&asked) })
    }

    /// A whole frame with another function code is refused, anything else was noise.
    fn react_to_silence(&self, heard: &[u8]) -> Reaction {
        let quiet = Reaction { heard: heard.len(), unit: None, steps: Vec::new() };
        let Some((frame, crc)) = heard.split_last_chunk::<2>() else { return quiet };
        let (Some(unit), Some(function)) = (frame.first(), frame.get(1)) else { return quiet };
        if crc16(frame).to_le_bytes() != *crc || *function >= 0x80 {
            return quiet;
        }
        let asked = Asked {
            bytes: heard.to_vec(),
            transaction: None,
            unit: UnitId(*unit),
            function: *function,
            request: Err(ExceptionCode::IllegalFunction),
        };
        Reaction { unit: Some(asked.unit), steps: self.steps(&asked), ..quiet }
    }
}

fn wait(ms: u16) -> Step {
    Step::Wait(Duration::from_millis(u64::from(ms)))
}

/// The same answer with a register too few, or too many where only one was asked for; of bits, with eight
/// of them, a byte. What has no number of registers stays as it is.
fn of_another_length(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    match &mut answer {
        Ok(Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words)) => {
            let other = if words.len() > 1 { words.len() - 1 } else { 2 };
            words.resize(other, 0);
        }
        Ok(Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)) => {
            let other = if bits.len() > 8 { bits.len() - 8 } else { bits.len() + 8 };
            bits.resize(other, false);
        }
        Ok(Response::WriteMultipleCoils(_, count) | Response::WriteMultipleRegisters(_, count)) => {
            *count = count.saturating_sub(1);
        }
        _ => {}
    }
    answer
}

/// What a second meter of the same address says: of all that it measures, the opposite.
fn of_another_meter(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    match &mut answer {
        Ok(Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words)) => {
            for word in words {
                *word = !*word;
            }
        }
        Ok(Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)) => {
            for bit in bits {
                *bit = !*bit;
            }
        }
        _ => {}
    }
    answer
}

/// Two replies at once on one pair of wires: where they differ, every bit is by chance that of one of them.
fn fall_into_each_other(reply: &mut [u8], other: &[u8], faults: &mut FaultPlan) {
    let chance = faults.noise(u16::try_from(reply.len()).unwrap_or(u16::MAX));
    for ((byte, other), chance) in reply.iter_mut().zip(other).zip(chance) {
        *byte ^= (*byte ^ other) & chance;
    }
}

fn rtu_request(heard: &[u8]) -> Option<(Asked, usize)> {
    let found = rtu::find_request(heard)?;
    let (unit, function, request) = found.what;
    let bytes = heard.get(found.at.clone())?.to_vec();
    Some((Asked { bytes, transaction: None, unit, function, request }, found.at.end))
}

fn tcp_request(frame: &tcp::Frame<'_>) -> Option<(Asked, usize)> {
    let asked = Asked {
        bytes: Vec::new(),
        transaction: Some(frame.transaction),
        unit: frame.unit,
        function: *frame.pdu.first()?,
        request: serve::read_request(frame.pdu),
    };
    Some((asked, frame.bytes()))
}

impl Asked {
    /// The addresses that were asked about; `None` where the request has none.
    fn span(&self) -> Option<Span> {
        let (start, count) = match self.request.as_ref().ok()? {
            Request::ReadCoils(start, count)
            | Request::ReadDiscreteInputs(start, count)
            | Request::ReadHoldingRegisters(start, count)
            | Request::ReadInputRegisters(start, count) => (*start, *count),
            Request::WriteSingleCoil(start, _) | Request::WriteSingleRegister(start, _) => (*start, 1),
            Request::WriteMultipleCoils(start, bits) => (*start, u16::try_from(bits.len()).ok()?),
            Request::WriteMultipleRegisters(start, words) => (*start, u16::try_from(words.len()).ok()?),
            _ => return None,
        };
        Some(Span { start, count })
    }

    fn reply(&self, answer: &Answer) -> Vec<u8> {
        self.reply_of(self.unit, answer)
    }

    fn reply_of(&self, unit: UnitId, answer: &Answer) -> Vec<u8> {
        self.reply_in(self.transaction, unit, answer)
    }

    fn reply_in(&self, transaction: Option<u16>, unit: UnitId, answer: &Answer) -> Vec<u8> {
        let mut frame = Vec::new();
        match transaction {
            Some(transaction) => tcp::write_reply(transaction, unit, self.function, answer, &mut frame),
            None => rtu::write_reply(unit, self.function, answer, &mut frame),
        }
        frame
    }

    /// Makes the CRC wrong, or over TCP the transaction.
    fn break_seal(&self, reply: &mut [u8]) {
        let byte = if self.transaction.is_some() { reply.first_mut() } else { reply.last_mut() };
        if let Some(byte) = byte {
            *byte ^= 0xFF;
        }
    }

    /// Something that looks like the start of this reply, or over TCP like the one before.
    fn phantom(&self, answer: &Answer) -> Vec<u8> {
        match self.transaction {
            Some(transaction) => self.reply_in(Some(transaction.wrapping_sub(1)), self.unit, answer),
            None => vec![self.unit.0, self.function, 0xF0],
        }
    }
}
