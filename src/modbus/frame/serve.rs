//! The protocol data unit, as the answering side has it: a request out of bytes, and the reply to it.

use tokio_modbus::{ExceptionCode, Request, Response};

use super::pdu::{Answer, COIL_ON, REFUSAL, byte_count, read_bits, read_words, write_bits};
use crate::limits;

/// Bytes of the request at the start of `pdu`; `None` when it is not all there, or of a function
/// code whose requests have no known length.
#[must_use]
pub fn request_bytes(pdu: &[u8]) -> Option<usize> {
    let bytes = match pdu.first()? {
        1..=6 => 5,
        15 | 16 => 6 + usize::from(*pdu.get(5)?),
        _ => return None,
    };
    (pdu.len() >= bytes).then_some(bytes)
}

/// The request that `pdu` is.
///
/// # Errors
/// The exception code by which a server refuses it: 01 for a function code that is not served here,
/// 03 for a length or a quantity that does not fit, 02 for an end beyond the last address
/// (Modbus Application Protocol V1.1b3, section 7).
pub fn read_request(pdu: &[u8]) -> Result<Request<'static>, ExceptionCode> {
    let function = *pdu.first().ok_or(ExceptionCode::IllegalFunction)?;
    if !matches!(function, 1..=6 | 15 | 16) {
        return Err(ExceptionCode::IllegalFunction);
    }
    if request_bytes(pdu) != Some(pdu.len()) {
        return Err(ExceptionCode::IllegalDataValue);
    }
    let [address, word] = [u16::from_be_bytes([pdu[1], pdu[2]]), u16::from_be_bytes([pdu[3], pdu[4]])];
    let check = |most: u16| match word {
        0 => Err(ExceptionCode::IllegalDataValue),
        count if count > most => Err(ExceptionCode::IllegalDataValue),
        count if u32::from(address) + u32::from(count) > 0x1_0000 => Err(ExceptionCode::IllegalDataAddress),
        count => Ok(count),
    };
    match function {
        1 => Ok(Request::ReadCoils(address, check(limits::READ_BITS_MAX)?)),
        2 => Ok(Request::ReadDiscreteInputs(address, check(limits::READ_BITS_MAX)?)),
        3 => Ok(Request::ReadHoldingRegisters(address, check(limits::READ_REGISTERS_MAX)?)),
        4 => Ok(Request::ReadInputRegisters(address, check(limits::READ_REGISTERS_MAX)?)),
        5 if word == 0 || word == COIL_ON => Ok(Request::WriteSingleCoil(address, word == COIL_ON)),
        6 => Ok(Request::WriteSingleRegister(address, word)),
        15 => {
            let count = usize::from(check(limits::WRITE_BITS_MAX)?);
            let data = data_of(pdu, count.div_ceil(8))?;
            Ok(Request::WriteMultipleCoils(address, read_bits(data, count).collect::<Vec<_>>().into()))
        }
        16 => {
            let count = usize::from(check(limits::WRITE_REGISTERS_MAX)?);
            let data = data_of(pdu, count * 2)?;
            Ok(Request::WriteMultipleRegisters(address, read_words(data).collect::<Vec<_>>().into()))
        }
        _ => Err(ExceptionCode::IllegalDataValue),
    }
}

fn data_of(pdu: &[u8], bytes: usize) -> Result<&[u8], ExceptionCode> {
    pdu.get(6..).filter(|data| data.len() == bytes).ok_or(ExceptionCode::IllegalDataValue)
}

/// Appends the reply to a request of this function code to `out`. A response of more than 255 bytes
/// or of another kind than a server of these function codes gives becomes exception code 04.
pub fn write_reply(function: u8, answer: &Answer, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(function);
    let written = match answer {
        Ok(Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)) => {
            out.push(byte_count(bits.len().div_ceil(8)));
            write_bits(bits, out);
            bits.len() <= usize::from(limits::READ_BITS_MAX)
        }
        Ok(Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words)) => {
            out.push(byte_count(words.len() * 2));
            out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            words.len() <= usize::from(limits::READ_REGISTERS_MAX)
        }
        Ok(Response::WriteSingleCoil(address, on)) => {
            write_echo([*address, if *on { COIL_ON } else { 0 }], out)
        }
        Ok(
            Response::WriteSingleRegister(address, word)
            | Response::WriteMultipleCoils(address, word)
            | Response::WriteMultipleRegisters(address, word),
        ) => write_echo([*address, *word], out),
        Ok(_) | Err(_) => false,
    };
    if !written {
        let code = answer.as_ref().err().copied().unwrap_or(ExceptionCode::ServerDeviceFailure);
        out.truncate(start);
        out.extend([function | REFUSAL, u8::from(code)]);
    }
}

fn write_echo(words: [u16; 2], out: &mut Vec<u8>) -> bool {
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_breaks_the_rules_is_refused_with_the_code_of_the_specification() {
        for (pdu, code) in [
            (&[][..], ExceptionCode::IllegalFunction),
            (&[43, 14, 1, 0], ExceptionCode::IllegalFunction),
            (&[3, 0, 0, 0, 0], ExceptionCode::IllegalDataValue),
            (&[3, 0, 0, 0, 126], ExceptionCode::IllegalDataValue),
            (&[3, 0, 0, 0], ExceptionCode::IllegalDataValue),
            (&[3, 0, 0, 0, 1, 0], ExceptionCode::IllegalDataValue),
            (&[3, 0xFF, 0xFF, 0, 2], ExceptionCode::IllegalDataAddress),
            (&[5, 0, 0, 0x12, 0x34], ExceptionCode::IllegalDataValue),
            (&[16, 0, 0, 0, 2, 2, 0, 1], ExceptionCode::IllegalDataValue),
            (&[15, 0, 0, 0, 9, 1, 0], ExceptionCode::IllegalDataValue),
        ] {
            assert_eq!(read_request(pdu), Err(code), "{pdu:?}");
        }
    }

    #[test]
    fn replies_are_written_as_the_specification_prints_them() {
        let bits = vec![true, false, true, true, false, false, true, true, true];
        for (function, answer, expected) in [
            (1, Ok(Response::ReadCoils(bits)), vec![1, 2, 0xCD, 1]),
            (3, Ok(Response::ReadHoldingRegisters(vec![0x022B, 0, 100])), vec![3, 6, 2, 0x2B, 0, 0, 0, 100]),
            (5, Ok(Response::WriteSingleCoil(0xAC, true)), vec![5, 0, 0xAC, 0xFF, 0]),
            (16, Ok(Response::WriteMultipleRegisters(1, 2)), vec![16, 0, 1, 0, 2]),
            (4, Err(ExceptionCode::IllegalDataAddress), vec![0x84, 2]),
            (3, Ok(Response::ReadHoldingRegisters(vec![0; 126])), vec![0x83, 4]),
        ] {
            let mut out = Vec::new();
            write_reply(function, &answer, &mut out);
            assert_eq!(out, expected);
        }
    }
}
