//! The protocol data unit, as the asking side has it: a request to bytes, and the one reply to it.
//!
//! Modbus Application Protocol V1.1b3, section 6, function codes 01 to 06, 15, 16, 17 and 43/14.

use thiserror::Error;
use tokio_modbus::{ExceptionCode, Request, Response};

use super::identity::{self, MEI_DEVICE_IDENTIFICATION, REPORT_SERVER_ID};
use super::reply::{Reply, Values};
use crate::limits::{self, PDU_BYTES_MAX};
use crate::model::register::{Span, Table, UnitId};

/// What a meter says to a request: its response, or the exception code by which it refuses.
pub type Answer = Result<Response, ExceptionCode>;
/// The same as it came over a wire.
pub type Replied<'a> = Result<Reply<'a>, ExceptionCode>;

/// The bit that turns a function code into that of a refusal.
pub(super) const REFUSAL: u8 = 0x80;
/// A coil that is on, as function code 05 writes it.
pub(super) const COIL_ON: u16 = 0xFF00;

/// Why a request cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestFault {
    /// None or more than the function code can carry.
    #[error("{count} values in one request; function code {function:02} carries 1 to {most}")]
    Count {
        /// The function code.
        function: u8,
        /// Values asked for.
        count: usize,
        /// The most that it carries.
        most: u16,
    },
    /// Beyond the last address.
    #[error("{count} values from protocol address {start} end beyond address 65535; ask for fewer")]
    End {
        /// The first address.
        start: u16,
        /// Values asked for.
        count: usize,
    },
    /// Another function code.
    #[error("function code {function:02} is not spoken here; use 01 to 06, 15, 16, 17 or 43")]
    Function {
        /// The function code.
        function: u8,
    },
    /// A read that goes to every unit at once.
    #[error("unit 0 is a broadcast that nobody answers, so nothing can be read from it; name a unit")]
    BroadcastRead,
}

impl RequestFault {
    /// The exception code by which a meter would refuse such a request.
    #[must_use]
    pub const fn exception_code(self) -> u8 {
        match self {
            Self::Function { .. } => 1,
            Self::End { .. } => 2,
            Self::Count { .. } | Self::BroadcastRead => 3,
        }
    }
}

/// The request that reads `span` of `table`.
#[must_use]
pub const fn read_request(table: Table, span: Span) -> Request<'static> {
    match table {
        Table::Coil => Request::ReadCoils(span.start, span.count),
        Table::DiscreteInput => Request::ReadDiscreteInputs(span.start, span.count),
        Table::HoldingRegister => Request::ReadHoldingRegisters(span.start, span.count),
        Table::InputRegister => Request::ReadInputRegisters(span.start, span.count),
    }
}

/// Appends `request` to `out`: at most 253 bytes.
///
/// # Errors
/// When the request is one that cannot be asked; `out` is then as it was.
pub fn write_request(request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), RequestFault> {
    let function = request.function_code().value();
    let read_max = match function {
        1 | 2 => limits::READ_BITS_MAX,
        _ => limits::READ_REGISTERS_MAX,
    };
    match request {
        Request::ReadCoils(start, count)
        | Request::ReadDiscreteInputs(start, count)
        | Request::ReadHoldingRegisters(start, count)
        | Request::ReadInputRegisters(start, count) => {
            check_count(function, *start, usize::from(*count), read_max)?;
            write_words(function, [*start, *count], out);
        }
        Request::WriteSingleCoil(address, on) => {
            write_words(function, [*address, if *on { COIL_ON } else { 0 }], out);
        }
        Request::WriteSingleRegister(address, word) => write_words(function, [*address, *word], out),
        Request::WriteMultipleCoils(start, coils) => {
            let count = check_count(function, *start, coils.len(), limits::WRITE_BITS_MAX)?;
            write_words(function, [*start, count], out);
            out.push(byte_count(coils.len().div_ceil(8)));
            write_bits(coils, out);
        }
        Request::WriteMultipleRegisters(start, words) => {
            let count = check_count(function, *start, words.len(), limits::WRITE_REGISTERS_MAX)?;
            write_words(function, [*start, count], out);
            out.push(byte_count(words.len() * 2));
            out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        Request::ReportServerId => out.push(function),
        Request::ReadDeviceIdentification(code, object) => {
            out.extend([function, MEI_DEVICE_IDENTIFICATION, code.value(), *object]);
        }
        _ => return Err(RequestFault::Function { function }),
    }
    Ok(())
}

fn check_count(function: u8, start: u16, count: usize, most: u16) -> Result<u16, RequestFault> {
    let count_u16 = u16::try_from(count).ok().filter(|count| (1..=most).contains(count));
    let fits = count_u16.ok_or(RequestFault::Count { function, count, most })?;
    if (Span { start, count: fits }).end() > 0x1_0000 {
        return Err(RequestFault::End { start, count });
    }
    Ok(fits)
}

fn write_words(function: u8, words: [u16; 2], out: &mut Vec<u8>) {
    out.push(function);
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

/// Eight to a byte, the first in the lowest bit.
pub(super) fn write_bits(bits: &[bool], out: &mut Vec<u8>) {
    out.extend(bits.chunks(8).map(|chunk| {
        chunk.iter().enumerate().fold(0, |byte, (place, on)| byte | u8::from(*on) << place) //
    }));
}

/// The inverse of [`write_bits`] for the first `count` bits.
pub(super) fn read_bits(bytes: &[u8], count: usize) -> impl Iterator<Item = bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |place| byte >> place & 1 == 1)).take(count)
}

pub(super) fn read_words(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

/// A count of bytes that the limits keep below 256.
pub(super) fn byte_count(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// What the one reply to a request must look like: its unit, its function code, and either the
/// number of values that were asked for or an echo of what was written. Only what a unit says of itself
/// has the length that it tells.
///
/// Two replies that differ in none of these cannot be told apart by anyone on a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The unit that was asked.
    pub unit: UnitId,
    body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Values { table: Table, count: u16 },
    Echo { function: u8, words: [u16; 2] },
    Identity { function: u8 },
}

impl Expect {
    /// What `unit` must say to `request`.
    ///
    /// # Errors
    /// When the request is of a function code that is not spoken here.
    pub fn reply_to(unit: UnitId, request: &Request<'_>) -> Result<Self, RequestFault> {
        let function = request.function_code().value();
        let values = |table, count| Body::Values { table, count };
        let echo = |address, word| Body::Echo { function, words: [address, word] };
        let written = |count| u16::try_from(count).unwrap_or(u16::MAX);
        let body = match request {
            Request::ReadCoils(_, count) => values(Table::Coil, *count),
            Request::ReadDiscreteInputs(_, count) => values(Table::DiscreteInput, *count),
            Request::ReadHoldingRegisters(_, count) => values(Table::HoldingRegister, *count),
            Request::ReadInputRegisters(_, count) => values(Table::InputRegister, *count),
            Request::WriteSingleCoil(address, on) => echo(*address, if *on { COIL_ON } else { 0 }),
            Request::WriteSingleRegister(address, word) => echo(*address, *word),
            Request::WriteMultipleCoils(start, coils) => echo(*start, written(coils.len())),
            Request::WriteMultipleRegisters(start, words) => echo(*start, written(words.len())),
            Request::ReportServerId | Request::ReadDeviceIdentification(..) => Body::Identity { function },
            _ => return Err(RequestFault::Function { function }),
        };
        Ok(Self { unit, body })
    }

    /// The function code that was asked.
    #[must_use]
    pub const fn function(self) -> u8 {
        match self.body {
            Body::Values { table, .. } => table.read_function(),
            Body::Echo { function, .. } | Body::Identity { function } => function,
        }
    }

    /// Bytes of the reply that is no refusal; the most that there may be where it tells its length itself.
    #[must_use]
    pub fn pdu_bytes(self) -> usize {
        match self.body {
            Body::Values { .. } => 2 + self.data_bytes(),
            Body::Echo { .. } => 5,
            Body::Identity { .. } => PDU_BYTES_MAX,
        }
    }

    fn data_bytes(self) -> usize {
        match self.body {
            Body::Values { table, count } if table.is_bits() => usize::from(count).div_ceil(8),
            Body::Values { count, .. } => usize::from(count) * 2,
            Body::Echo { .. } => 4,
            Body::Identity { .. } => PDU_BYTES_MAX - 2,
        }
    }

    /// The answer at the start of `pdu`, with its number of bytes; `None` unless it begins as the
    /// one reply (or a refusal) does and is all there.
    #[must_use]
    pub fn answer_bytes(self, pdu: &[u8]) -> Option<usize> {
        let function = *pdu.first()?;
        if function == self.function() | REFUSAL {
            return (pdu.len() >= 2).then_some(2);
        }
        if function != self.function() {
            return None;
        }
        let bytes = match self.body {
            Body::Identity { function: REPORT_SERVER_ID } => return identity::server_id_bytes(pdu),
            Body::Identity { .. } => return identity::device_identification_bytes(pdu),
            Body::Values { .. } | Body::Echo { .. } => self.pdu_bytes(),
        };
        if pdu.len() < bytes {
            return None;
        }
        let fits = match self.body {
            Body::Values { .. } => usize::from(pdu[1]) == self.data_bytes(),
            Body::Echo { words, .. } => read_words(&pdu[1..5]).eq(words),
            Body::Identity { .. } => false,
        };
        fits.then_some(bytes)
    }

    /// What exactly `pdu` says, or the exception code of the refusal that it is; `None` when it answers another
    /// question.
    #[must_use]
    pub fn reply(self, pdu: &[u8]) -> Option<Replied<'_>> {
        if self.answer_bytes(pdu)? != pdu.len() {
            return None;
        }
        if pdu[0] != self.function() {
            return Some(Err(ExceptionCode::new(pdu[1])));
        }
        Some(Ok(match self.body {
            Body::Values { table, count } => Reply::Values(Values { table, count, bytes: &pdu[2..] }),
            Body::Echo { .. } => Reply::Confirmation,
            Body::Identity { .. } => Reply::Identity(&pdu[1..]),
        }))
    }

    /// Whether the reply confirms a write.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self.body, Body::Echo { .. })
    }
}

#[cfg(test)]
mod tests {
    use tokio_modbus::prelude::ReadCode;

    use super::*;

    const UNIT: UnitId = UnitId(17);

    fn bytes(request: &Request<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write_request(request, &mut out).unwrap();
        out
    }

    /// The words of a reply to a read.
    fn words(expect: Expect, pdu: &[u8]) -> Option<Vec<u16>> {
        let Reply::Values(values) = expect.reply(pdu)?.ok()? else { return None };
        let mut words = Vec::new();
        values.read_into(&mut words);
        Some(words)
    }

    #[test]
    fn requests_are_written_as_the_specification_prints_them() {
        // Modbus Application Protocol V1.1b3, the examples of sections 6.1 to 6.6, 6.11 to 6.13 and 6.21.
        let coils = [true, false, true, true, false, false, true, true, true, false];
        for (request, expected) in [
            (Request::ReadCoils(0x13, 0x13), vec![1, 0, 0x13, 0, 0x13]),
            (Request::ReadDiscreteInputs(0xC4, 0x16), vec![2, 0, 0xC4, 0, 0x16]),
            (Request::ReadHoldingRegisters(0x6B, 3), vec![3, 0, 0x6B, 0, 3]),
            (Request::ReadInputRegisters(8, 1), vec![4, 0, 8, 0, 1]),
            (Request::WriteSingleCoil(0xAC, true), vec![5, 0, 0xAC, 0xFF, 0]),
            (Request::WriteSingleRegister(1, 3), vec![6, 0, 1, 0, 3]),
            (
                Request::WriteMultipleCoils(0x13, coils.as_slice().into()),
                vec![15, 0, 0x13, 0, 10, 2, 0xCD, 1],
            ),
            (
                Request::WriteMultipleRegisters(1, [0x000A, 0x0102].as_slice().into()),
                vec![16, 0, 1, 0, 2, 4, 0, 0x0A, 1, 2],
            ),
            (Request::ReportServerId, vec![17]),
            (Request::ReadDeviceIdentification(ReadCode::Basic, 0), vec![43, 14, 1, 0]),
        ] {
            assert_eq!(bytes(&request), expected);
        }
    }

    #[test]
    fn a_request_that_cannot_be_asked_says_why_and_writes_nothing() {
        let count = |function, count, most| RequestFault::Count { function, count, most };
        for (request, fault) in [
            (Request::ReadHoldingRegisters(0, 0), count(3, 0, 125)),
            (Request::ReadHoldingRegisters(0, 126), count(3, 126, 125)),
            (Request::ReadCoils(0, 2_001), count(1, 2_001, 2_000)),
            (Request::WriteMultipleRegisters(0, vec![0; 124].into()), count(16, 124, 123)),
            (Request::WriteMultipleCoils(0, vec![].into()), count(15, 0, 1_968)),
            (Request::ReadInputRegisters(65_535, 2), RequestFault::End { start: 65_535, count: 2 }),
            (Request::MaskWriteRegister(0, 0, 0), RequestFault::Function { function: 22 }),
        ] {
            let mut out = vec![9];
            assert_eq!(write_request(&request, &mut out), Err(fault));
            assert_eq!(out, [9]);
        }
    }

    #[test]
    fn only_the_reply_with_what_was_asked_is_an_answer() {
        let expect = Expect::reply_to(UNIT, &Request::ReadHoldingRegisters(0x6B, 2)).unwrap();
        assert_eq!(words(expect, &[3, 4, 0x02, 0x2B, 0, 100]), Some(vec![0x022B, 100]));
        assert_eq!(expect.reply(&[0x83, 2]), Some(Err(ExceptionCode::IllegalDataAddress)));
        for other in [
            &[][..],
            &[3],
            &[3, 2, 0, 1],
            &[3, 2, 0, 1, 0, 2],
            &[3, 6, 0, 1, 0, 2, 0, 3],
            &[4, 4, 0, 1, 0, 2],
            &[0x84, 2],
            &[0x83],
            &[3, 4, 0, 1, 0],
            &[3, 4, 0, 1, 0, 2, 0],
        ] {
            assert_eq!(expect.reply(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_a_unit_says_of_itself_ends_where_it_says() {
        let expect = Expect::reply_to(UNIT, &Request::ReportServerId).unwrap();
        assert_eq!(expect.reply(&[17, 2, 7, 0xFF]), Some(Ok(Reply::Identity(&[2, 7, 0xFF]))));
        assert_eq!(expect.reply(&[0x91, 1]), Some(Err(ExceptionCode::IllegalFunction)));
        for other in [&[17][..], &[17, 2, 7], &[17, 2, 7, 0xFF, 0], &[43, 14, 1, 1, 0, 0, 0]] {
            assert_eq!(expect.reply(other), None, "{other:?}");
        }
        let request = Request::ReadDeviceIdentification(ReadCode::Basic, 0);
        let expect = Expect::reply_to(UNIT, &request).unwrap();
        let object = [14, 1, 1, 0, 0, 1, 0, 1, b'A'];
        assert_eq!(expect.reply(&[&[43][..], &object].concat()), Some(Ok(Reply::Identity(&object))));
        assert_eq!(expect.reply(&[43, 14, 1, 1, 0, 0, 1, 0, 1]), None);
    }

    #[test]
    fn a_write_is_confirmed_only_by_the_same_address_and_value() {
        let expect = Expect::reply_to(UNIT, &Request::WriteSingleRegister(1, 3)).unwrap();
        assert_eq!(expect.reply(&[6, 0, 1, 0, 3]), Some(Ok(Reply::Confirmation)));
        assert_eq!(expect.reply(&[6, 0, 1, 0, 4]), None);
        assert_eq!(expect.reply(&[6, 0, 2, 0, 3]), None);
        let request = Request::WriteMultipleRegisters(1, vec![7, 8].into());
        let expect = Expect::reply_to(UNIT, &request).unwrap();
        assert_eq!(expect.reply(&[16, 0, 1, 0, 2]), Some(Ok(Reply::Confirmation)));
        assert_eq!(expect.reply(&[16, 0, 1, 0, 1]), None);
    }

    #[test]
    fn exactly_the_bits_that_were_asked_for_come_back() {
        let expect = Expect::reply_to(UNIT, &Request::ReadCoils(0, 10)).unwrap();
        assert_eq!(words(expect, &[1, 2, 0xCD, 0xFD]), Some(vec![1, 0, 1, 1, 0, 0, 1, 1, 1, 0]));
    }
}
