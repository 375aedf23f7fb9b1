//! What a frame says, without knowing the one before it: for people who look at recorded bytes.

use tokio_modbus::{Request, Response};

use super::super::timing::Protocol;
use super::crc16;
use super::pdu::{COIL_ON, REFUSAL, read_bits, read_words};
use super::{serve, tcp};
use crate::model::register::UnitId;

/// What bytes on a line are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A client asks.
    Request(UnitId, Request<'static>),
    /// A server answers. Bits are filled up to whole bytes, because only the request tells their number.
    Response(UnitId, Response),
    /// A server refuses a request of this function code with this exception code.
    Refusal {
        /// The unit.
        unit: UnitId,
        /// The function code that was asked.
        function: u8,
        /// The exception code.
        code: u8,
    },
    /// A whole frame of a function code, or with a content, that is not known here.
    Other {
        /// The unit.
        unit: UnitId,
        /// The function code.
        function: u8,
    },
    /// Not a whole frame: too short, with a wrong CRC, or over TCP with a header that is none.
    Damaged,
}

impl Said {
    /// What a client sent as `frame`.
    #[must_use]
    pub fn by_client(protocol: Protocol, frame: &[u8]) -> Self {
        let Some((unit, pdu)) = opened(protocol, frame) else { return Self::Damaged };
        match (serve::read_request(pdu), pdu.first()) {
            (Ok(request), _) => Self::Request(unit, request),
            (Err(_), Some(function)) => Self::Other { unit, function: *function },
            (Err(_), None) => Self::Damaged,
        }
    }

    /// What was heard as `frame`.
    #[must_use]
    pub fn by_server(protocol: Protocol, frame: &[u8]) -> Self {
        let Some((unit, pdu)) = opened(protocol, frame) else { return Self::Damaged };
        match *pdu {
            [] => Self::Damaged,
            [function, code] if function & REFUSAL != 0 => {
                Self::Refusal { unit, function: function & !REFUSAL, code }
            }
            [function, ref data @ ..] => match response(function, data) {
                Some(response) => Self::Response(unit, response),
                None => Self::Other { unit, function },
            },
        }
    }
}

/// The unit and the PDU of exactly one whole frame.
fn opened(protocol: Protocol, frame: &[u8]) -> Option<(UnitId, &[u8])> {
    match protocol {
        Protocol::Rtu { .. } => {
            let (sealed, crc) = frame.split_last_chunk::<2>()?;
            let (unit, pdu) = sealed.split_first()?;
            (crc16(sealed).to_le_bytes() == *crc).then_some((UnitId(*unit), pdu))
        }
        Protocol::Tcp => {
            let found = tcp::first_frame(frame).ok()??;
            (found.bytes() == frame.len()).then_some((found.unit, found.pdu))
        }
    }
}

fn response(function: u8, data: &[u8]) -> Option<Response> {
    match (function, data) {
        (1..=4, [count, values @ ..]) if usize::from(*count) == values.len() && *count > 0 => {
            let bits = || read_bits(values, values.len() * 8).collect();
            let words = || read_words(values).collect();
            match function {
                1 => Some(Response::ReadCoils(bits())),
                2 => Some(Response::ReadDiscreteInputs(bits())),
                _ if count % 2 == 1 => None,
                3 => Some(Response::ReadHoldingRegisters(words())),
                _ => Some(Response::ReadInputRegisters(words())),
            }
        }
        (5 | 6 | 15 | 16, [a1, a0, w1, w0]) => {
            let (address, word) = (u16::from_be_bytes([*a1, *a0]), u16::from_be_bytes([*w1, *w0]));
            match function {
                5 if word == 0 || word == COIL_ON => {
                    Some(Response::WriteSingleCoil(address, word == COIL_ON))
                }
                6 => Some(Response::WriteSingleRegister(address, word)),
                15 => Some(Response::WriteMultipleCoils(address, word)),
                16 => Some(Response::WriteMultipleRegisters(address, word)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rtu;
    use super::*;

    const RTU: Protocol = Protocol::Rtu { local_echo: false };
    const UNIT: UnitId = UnitId(17);

    fn sealed(bytes: &[u8]) -> Vec<u8> {
        let mut frame = bytes.to_vec();
        rtu::seal(&mut frame);
        frame
    }

    #[test]
    fn every_kind_of_frame_says_what_it_is() {
        // Modbus Application Protocol V1.1b3, the examples of sections 6.1, 6.3, 6.5, 6.12 and 7.
        let heard = |bytes: &[u8]| Said::by_server(RTU, &sealed(bytes));
        let sent = Said::by_client(RTU, &sealed(&[17, 3, 0, 0x6B, 0, 3]));
        assert_eq!(sent, Said::Request(UNIT, Request::ReadHoldingRegisters(0x6B, 3)));
        let words = Response::ReadHoldingRegisters(vec![0x022B, 0, 100]);
        assert_eq!(heard(&[17, 3, 6, 2, 0x2B, 0, 0, 0, 100]), Said::Response(UNIT, words));
        let bits = vec![true, false, true, true, false, false, true, true];
        assert_eq!(heard(&[17, 1, 1, 0xCD]), Said::Response(UNIT, Response::ReadCoils(bits)));
        let coil = Response::WriteSingleCoil(0xAC, true);
        assert_eq!(heard(&[17, 5, 0, 0xAC, 0xFF, 0]), Said::Response(UNIT, coil));
        let written = Response::WriteMultipleRegisters(1, 2);
        assert_eq!(heard(&[17, 16, 0, 1, 0, 2]), Said::Response(UNIT, written));
        assert_eq!(heard(&[17, 0x83, 2]), Said::Refusal { unit: UNIT, function: 3, code: 2 });
        assert_eq!(heard(&[17, 43, 14, 1]), Said::Other { unit: UNIT, function: 43 });
        assert_eq!(heard(&[17, 3, 3, 1, 2, 3]), Said::Other { unit: UNIT, function: 3 });
        assert_eq!(
            Said::by_client(RTU, &sealed(&[17, 3, 0, 0, 0, 126])),
            Said::Other { unit: UNIT, function: 3 }
        );
    }

    #[test]
    fn a_frame_that_is_not_whole_is_damaged() {
        let mut frame = sealed(&[17, 3, 2, 0, 1]);
        frame[4] ^= 1;
        for bytes in [&frame[..], &frame[..4], &[], &[17]] {
            assert_eq!(Said::by_server(RTU, bytes), Said::Damaged, "{bytes:?}");
        }
        let over_tcp = [0, 1, 0, 0, 0, 5, 17, 3, 2, 0, 1];
        let one = Said::Response(UNIT, Response::ReadHoldingRegisters(vec![1]));
        assert_eq!(Said::by_server(Protocol::Tcp, &over_tcp), one);
        assert_eq!(Said::by_server(Protocol::Tcp, &over_tcp[..10]), Said::Damaged);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for protocol in [RTU, Protocol::Tcp] {
                let _ = (Said::by_client(protocol, &bytes), Said::by_server(protocol, &bytes));
                let _ = Said::by_server(protocol, &sealed(&bytes));
            }
        }
    }
}
