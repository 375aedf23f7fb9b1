//! Modbus TCP: a header with transaction, length and unit before the PDU.
//!
//! Modbus Messaging on TCP/IP V1.0b, section 3.1.3.

use thiserror::Error;
use tokio_modbus::Request;

use super::pdu::{self, Answer, RequestFault};
use super::serve;
use crate::model::register::UnitId;

/// Transaction, protocol, length and unit.
pub const HEADER_BYTES: usize = 7;
/// The length field counts the unit and a PDU of 1 to 253 bytes.
const LENGTHS: std::ops::RangeInclusive<u16> = 2..=254;

/// Writes `request` to `unit` as a whole frame into `out`, in place of what was there.
///
/// # Errors
/// When the request is one that cannot be asked.
pub fn write_request(
    transaction: u16,
    unit: UnitId,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    begin(transaction, unit, out);
    pdu::write_request(request, out)?;
    finish(out);
    Ok(())
}

/// Writes what `unit` says to the request of this function code as a whole frame into `out`.
pub fn write_reply(transaction: u16, unit: UnitId, function: u8, answer: &Answer, out: &mut Vec<u8>) {
    begin(transaction, unit, out);
    serve::write_reply(function, answer, out);
    finish(out);
}

fn begin(transaction: u16, unit: UnitId, out: &mut Vec<u8>) {
    out.clear();
    out.extend(transaction.to_be_bytes());
    out.extend([0, 0, 0, 0, unit.0]);
}

fn finish(out: &mut [u8]) {
    let length = u16::try_from(out.len() - (HEADER_BYTES - 1)).unwrap_or(u16::MAX);
    out[4..6].copy_from_slice(&length.to_be_bytes());
}

/// A whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Chosen by the client; the server repeats it.
    pub transaction: u16,
    /// The unit asked or answering.
    pub unit: UnitId,
    /// Function code and data: 1 to 253 bytes.
    pub pdu: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the frame with its header.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        HEADER_BYTES + self.pdu.len()
    }
}

/// A header that no Modbus server sends: the stream is out of step and cannot be trusted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a Modbus TCP header (protocol {protocol}, length {length}); the connection must be opened anew")]
pub struct BrokenHeader {
    /// Must be 0.
    pub protocol: u16,
    /// Must be 2 to 254.
    pub length: u16,
}

/// The frame at the start of `heard`; `None` while it is not all there.
///
/// # Errors
/// When the bytes cannot be the header of a frame.
pub fn first_frame(heard: &[u8]) -> Result<Option<Frame<'_>>, BrokenHeader> {
    let Some((header, rest)) = heard.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let [t1, t0, p1, p0, l1, l0, unit] = *header;
    let (protocol, length) = (u16::from_be_bytes([p1, p0]), u16::from_be_bytes([l1, l0]));
    if protocol != 0 || !LENGTHS.contains(&length) {
        return Err(BrokenHeader { protocol, length });
    }
    let pdu = rest.get(..usize::from(length) - 1);
    Ok(pdu.map(|pdu| Frame { transaction: u16::from_be_bytes([t1, t0]), unit: UnitId(unit), pdu }))
}

#[cfg(test)]
mod tests {
    use tokio_modbus::Response;

    use super::*;
    use crate::limits::TCP_FRAME_BYTES_MAX;

    #[test]
    fn a_request_has_its_header_before() {
        let mut out = Vec::new();
        let request = Request::ReadHoldingRegisters(4, 1);
        write_request(0x1501, UnitId(0xFF), &request, &mut out).unwrap();
        assert_eq!(out, [0x15, 0x01, 0, 0, 0, 6, 0xFF, 3, 0, 4, 0, 1]);
    }

    #[test]
    fn a_frame_is_there_only_when_it_is_all_there() {
        let mut out = Vec::new();
        let words = Response::ReadHoldingRegisters(vec![7; 125]);
        write_reply(9, UnitId(3), 3, &Ok(words), &mut out);
        assert!(out.len() <= TCP_FRAME_BYTES_MAX);
        for cut in 0..out.len() {
            assert_eq!(first_frame(&out[..cut]), Ok(None));
        }
        let whole = out.len();
        out.extend([1, 2, 3]);
        let frame = first_frame(&out).unwrap().unwrap();
        assert_eq!((frame.transaction, frame.unit, frame.bytes()), (9, UnitId(3), whole));
        assert_eq!(frame.pdu[..2], [3, 250]);
    }

    #[test]
    fn a_header_that_cannot_be_one_is_told_at_once() {
        for (header, fault) in [
            ([0, 1, 0, 1, 0, 6, 1], BrokenHeader { protocol: 1, length: 6 }),
            ([0, 1, 0, 0, 0, 0, 1], BrokenHeader { protocol: 0, length: 0 }),
            ([0, 1, 0, 0, 0, 1, 1], BrokenHeader { protocol: 0, length: 1 }),
            ([0, 1, 0, 0, 0, 255, 1], BrokenHeader { protocol: 0, length: 255 }),
            (*b"HTTP/1.", BrokenHeader { protocol: 0x5450, length: 0x2F31 }),
        ] {
            assert_eq!(first_frame(&header), Err(fault));
        }
    }
}
