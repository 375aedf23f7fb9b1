//! RTU: unit, PDU, CRC, and no length; a frame is found by what it must say.
//!
//! Modbus over Serial Line V1.02, section 2.5.1.

use std::ops::Range;

use tokio_modbus::Request;

use super::crc::crc16;
use super::pdu::{self, Answer, Expect, REFUSAL, Replied, RequestFault};
use super::serve;
use crate::model::register::UnitId;

/// Unit and CRC around the PDU.
pub const OVERHEAD_BYTES: usize = 3;

/// Writes `request` to `unit` as a whole frame into `out`, in place of what was there.
///
/// # Errors
/// When the request is one that cannot be asked.
pub fn write_request(unit: UnitId, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), RequestFault> {
    out.clear();
    out.push(unit.0);
    pdu::write_request(request, out)?;
    seal(out);
    Ok(())
}

/// Writes what `unit` says to the request of this function code as a whole frame into `out`.
pub fn write_reply(unit: UnitId, function: u8, answer: &Answer, out: &mut Vec<u8>) {
    out.clear();
    out.push(unit.0);
    serve::write_reply(function, answer, out);
    seal(out);
}

/// Appends the CRC of all that is in `frame`.
pub fn seal(frame: &mut Vec<u8>) {
    let crc = crc16(frame);
    frame.extend(crc.to_le_bytes());
}

/// Something found among the bytes that were heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// What it says.
    pub what: T,
    /// Where its frame lies.
    pub at: Range<usize>,
}

/// Bytes of the frame that answers with what was asked; the most where only the frame itself tells.
#[must_use]
pub fn reply_bytes(expect: Expect) -> usize {
    expect.pdu_bytes() + OVERHEAD_BYTES
}

/// Searches `heard` at every offset for the one reply that was expected: its unit, its function
/// code, its number of bytes and its CRC. Nobody waits for a length that is taken from the bytes themselves,
/// so noise cannot make anyone wait for more.
#[must_use]
pub fn find_reply(expect: Expect, heard: &[u8]) -> Option<Found<Replied<'_>>> {
    (0..heard.len()).find_map(|start| {
        let frame = &heard[start..];
        if frame.first() != Some(&expect.unit.0) {
            return None;
        }
        let end = 1 + expect.answer_bytes(&frame[1..])?;
        let what = sealed(frame, end).and_then(|frame| expect.reply(&frame[1..end]))?;
        Some(Found { what, at: start..start + end + 2 })
    })
}

/// Whether `heard` holds a reply that begins as the expected one and is long enough, but whose CRC is
/// wrong.
#[must_use]
pub fn holds_damaged_reply(expect: Expect, heard: &[u8]) -> bool {
    heard.iter().enumerate().any(|(start, unit)| {
        let pdu = &heard[start + 1..];
        let bytes = if *unit == expect.unit.0 { expect.answer_bytes(pdu) } else { None };
        bytes.is_some_and(|bytes| pdu.len() >= bytes + 2)
    })
}

/// Where the echo of `sent` ends among the bytes that were heard, on a port that hears itself.
#[must_use]
pub fn end_of_echo(sent: &[u8], heard: &[u8]) -> Option<usize> {
    if sent.is_empty() {
        return Some(0);
    }
    heard.windows(sent.len()).position(|window| window == sent).map(|start| start + sent.len())
}

/// Whether a whole reply of any unit to any read or write lies among the bytes that were heard.
#[must_use]
pub fn holds_any_reply(heard: &[u8]) -> bool {
    (0..heard.len()).any(|start| {
        let frame = &heard[start..];
        let end = match (frame.get(1), frame.get(2)) {
            (Some(1..=4), Some(bytes)) => 3 + usize::from(*bytes),
            (Some(5 | 6 | 15 | 16), _) => 6,
            (Some(function), _) if function & REFUSAL != 0 => 3,
            _ => return false,
        };
        sealed(frame, end).is_some()
    })
}

/// The frame whose CRC lies at `end`, if it is all there and the CRC is right.
fn sealed(frame: &[u8], end: usize) -> Option<&[u8]> {
    let crc = frame.get(end..end + 2)?;
    (crc == crc16(&frame[..end]).to_le_bytes()).then_some(&frame[..end])
}

/// A request as a server hears it; an exception code where it must be refused.
pub type HeardRequest = (UnitId, u8, Result<Request<'static>, tokio_modbus::ExceptionCode>);

/// Searches `heard` at every offset for a whole request, as a server does: its unit, its function
/// code, and the request or the exception code by which it must be refused.
#[must_use]
pub fn find_request(heard: &[u8]) -> Option<Found<HeardRequest>> {
    (0..heard.len()).find_map(|start| {
        let frame = &heard[start..];
        let end = 1 + serve::request_bytes(frame.get(1..)?)?;
        let frame = sealed(frame, end)?;
        let what = (UnitId(frame[0]), frame[1], serve::read_request(&frame[1..]));
        Some(Found { what, at: start..start + end + 2 })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_modbus::{ExceptionCode, Response};

    use super::super::Reply;
    use super::*;

    const UNIT: UnitId = UnitId(1);

    fn expect_two_words() -> Expect {
        Expect::reply_to(UNIT, &Request::ReadHoldingRegisters(0, 2)).unwrap()
    }

    fn reply(unit: u8, words: &[u16]) -> Vec<u8> {
        let mut out = Vec::new();
        write_reply(UnitId(unit), 3, &Ok(Response::ReadHoldingRegisters(words.to_vec())), &mut out);
        out
    }

    #[test]
    fn a_request_has_its_unit_before_and_its_crc_behind() {
        let mut out = Vec::new();
        write_request(UNIT, &Request::ReadHoldingRegisters(0, 10), &mut out).unwrap();
        assert_eq!(out, [1, 3, 0, 0, 0, 10, 0xC5, 0xCD]);
    }

    #[test]
    fn the_reply_is_found_behind_noise_phantom_headers_and_other_frames() {
        let answer = reply(1, &[5, 6]);
        for before in [
            vec![],
            vec![0xFF; 25],
            vec![1, 3, 0xF0],
            vec![1, 3, 4],
            reply(2, &[8, 9]),
            reply(1, &[1, 2, 3]),
            vec![1, 3, 0, 0, 0, 2, 0xC4, 0x0B],
        ] {
            let heard = [before.clone(), answer.clone()].concat();
            let found = find_reply(expect_two_words(), &heard).unwrap();
            let Ok(Reply::Values(values)) = found.what else { panic!("{found:?}") };
            let mut words = Vec::new();
            values.read_into(&mut words);
            assert_eq!(words, [5, 6]);
            assert_eq!(found.at, before.len()..heard.len());
        }
    }

    #[test]
    fn nothing_but_the_expected_reply_is_taken() {
        let mut broken = reply(1, &[5, 6]);
        broken[4] ^= 1;
        let mut short = reply(1, &[5, 6]);
        short.pop();
        for heard in [reply(2, &[5, 6]), reply(1, &[5]), reply(1, &[5, 6, 7]), broken, short] {
            assert_eq!(find_reply(expect_two_words(), &heard), None, "{heard:x?}");
        }
    }

    #[test]
    fn what_a_unit_says_of_itself_is_found_at_its_own_length() {
        let expect = Expect::reply_to(UNIT, &Request::ReportServerId).unwrap();
        let mut frame = vec![1, 17, 3, 9, 0xFF, b'A'];
        seal(&mut frame);
        let heard = [&[0xFF, 1, 17][..], &frame, &[7]].concat();
        let found = find_reply(expect, &heard).unwrap();
        assert_eq!(found.at, 3..3 + frame.len());
        frame[5] ^= 1;
        assert_eq!(find_reply(expect, &frame), None);
        assert!(holds_damaged_reply(expect, &frame));
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let mut out = Vec::new();
        write_reply(UNIT, 3, &Err(ExceptionCode::ServerDeviceBusy), &mut out);
        assert_eq!(out.len(), 5);
        let found = find_reply(expect_two_words(), &out).unwrap();
        assert_eq!(found.what, Err(ExceptionCode::ServerDeviceBusy));
    }

    #[test]
    fn a_whole_reply_to_another_question_is_known_as_one() {
        assert!(holds_any_reply(&reply(9, &[1, 2, 3])));
        assert!(holds_any_reply(&[vec![0, 0, 7], reply(9, &[1])].concat()));
        assert!(!holds_any_reply(&reply(9, &[1, 2, 3])[1..]));
        assert!(!holds_any_reply(&[1, 3, 0xF0]));
    }

    #[test]
    fn the_echo_is_found_whole_or_not_at_all() {
        assert_eq!(end_of_echo(&[1, 6, 0], &[9, 1, 6, 0, 1, 6, 0]), Some(4));
        assert_eq!(end_of_echo(&[1, 6, 0], &[1, 6]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_search_panic_or_take_what_is_not_sealed(
            unit in 0..3_u8, function in any::<u8>(), tail in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let heard = [vec![unit, function % 20], tail].concat();
            let expect = expect_two_words();
            let _ = (holds_damaged_reply(expect, &heard), holds_any_reply(&heard), find_request(&heard));
            let _ = (expect.reply(&heard), serve::read_request(&heard), super::super::tcp::first_frame(&heard));
            if let Some(found) = find_reply(expect, &heard) {
                let (body, crc) = heard[found.at].split_last_chunk::<2>().unwrap();
                prop_assert_eq!(crc16(body).to_le_bytes(), *crc);
            }
        }

        #[test]
        fn every_request_reaches_the_other_side_as_it_was(
            unit in 1..=247_u8, start in any::<u16>(), count in 1..=125_u16, words in prop::collection::vec(any::<u16>(), 1..=123),
            noise in prop::collection::vec(200..=255_u8, 0..6),
        ) {
            for request in [
                Request::ReadInputRegisters(start, count),
                Request::WriteSingleRegister(start, count),
                Request::WriteMultipleRegisters(start, words.clone().into()),
                Request::WriteMultipleCoils(start, words.iter().map(|word| word % 2 == 1).collect::<Vec<_>>().into()),
            ] {
                let mut out = Vec::new();
                if write_request(UnitId(unit), &request, &mut out).is_ok() {
                    let heard = [noise.clone(), out].concat();
                    let found = find_request(&heard).unwrap();
                    prop_assert_eq!(found.what, (UnitId(unit), request.function_code().value(), Ok(request)));
                    prop_assert_eq!(found.at, noise.len()..heard.len());
                }
            }
        }
    }
}
