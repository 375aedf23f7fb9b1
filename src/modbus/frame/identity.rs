//! What a unit says of itself: report server ID and read device identification.
//!
//! Modbus Application Protocol V1.1b3, sections 6.13 (function code 17) and 6.21 (function code 43 with
//! MEI type 14). These are the only replies whose length they tell themselves.

use crate::limits::{METER_TEXT_BYTES_MAX, PDU_BYTES_MAX};

/// Report server ID.
pub(super) const REPORT_SERVER_ID: u8 = 17;
/// The MEI type of read device identification.
pub(super) const MEI_DEVICE_IDENTIFICATION: u8 = 14;
/// Function code, MEI type, read code, conformity, more follows, next object, number of objects.
const OBJECTS_HEAD_BYTES: usize = 7;
/// Characters in a row that are no accident.
const RUN_CHARS_MIN: usize = 3;

/// Bytes of the reply to function code 17 at the start of `pdu`; `None` unless it is all there.
pub(super) fn server_id_bytes(pdu: &[u8]) -> Option<usize> {
    whole(pdu, 2 + usize::from(*pdu.get(1)?))
}

/// Bytes of the reply to function code 43/14 at the start of `pdu`; `None` unless it is all there.
pub(super) fn device_identification_bytes(pdu: &[u8]) -> Option<usize> {
    if *pdu.get(1)? != MEI_DEVICE_IDENTIFICATION {
        return None;
    }
    let mut end = OBJECTS_HEAD_BYTES;
    for _ in 0..*pdu.get(OBJECTS_HEAD_BYTES - 1)? {
        end += 2 + usize::from(*pdu.get(end + 1)?);
    }
    whole(pdu, end)
}

fn whole(pdu: &[u8], bytes: usize) -> Option<usize> {
    (bytes <= pdu.len().min(PDU_BYTES_MAX)).then_some(bytes)
}

/// The readable part of what a unit reports as its server ID, from the bytes behind the function code;
/// `None` where there is none. The rest means what its maker wants.
#[must_use]
pub fn server_id_text(data: &[u8]) -> Option<String> {
    let bytes = data.get(1..)?;
    let longest = bytes.split(|byte| !is_printable(*byte)).max_by_key(|run| run.len())?;
    Some(text(longest)).filter(|text| text.len() >= RUN_CHARS_MIN)
}

/// The objects of a device identification, each with its ID, from the bytes behind the function code.
/// 0 is the vendor, 1 the product code, 2 the revision, 5 the model (section 6.21).
#[must_use]
pub fn objects(data: &[u8]) -> Vec<(u8, String)> {
    let mut rest = data.get(OBJECTS_HEAD_BYTES - 1..).unwrap_or_default();
    let mut objects = Vec::new();
    while let [id, bytes, behind @ ..] = rest
        && let Some((value, next)) = behind.split_at_checked(usize::from(*bytes))
    {
        objects.push((*id, text(value)));
        rest = next;
    }
    objects
}

/// What of `bytes` can be shown on a terminal, at most [`METER_TEXT_BYTES_MAX`] characters.
fn text(bytes: &[u8]) -> String {
    let printable = bytes.iter().filter(|byte| is_printable(**byte)).take(METER_TEXT_BYTES_MAX);
    printable.map(|byte| char::from(*byte)).collect::<String>().trim().to_owned()
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// In the form of section 6.21: three objects, of which no more follow.
    const IDENTIFICATION: &[u8] = &[
        43, 14, 1, 1, 0, 0, 3, 0, 4, b'A', b'c', b'm', b'e', 1, 2, b'X', b'7', 2, 4, b'V', b'2', b'.', b'1',
    ];

    #[test]
    fn an_identification_is_read_object_by_object() {
        assert_eq!(device_identification_bytes(IDENTIFICATION), Some(IDENTIFICATION.len()));
        let told = objects(&IDENTIFICATION[1..]);
        let told: Vec<(u8, &str)> = told.iter().map(|(id, text)| (*id, text.as_str())).collect();
        assert_eq!(told, [(0, "Acme"), (1, "X7"), (2, "V2.1")]);
    }

    #[test]
    fn a_reply_that_is_not_all_there_has_no_length() {
        for end in 0..IDENTIFICATION.len() {
            assert_eq!(device_identification_bytes(&IDENTIFICATION[..end]), None, "{end}");
        }
        assert_eq!(server_id_bytes(&[17, 3, 0, 0xFF]), None);
        assert_eq!(server_id_bytes(&[17, 2, 0, 0xFF]), Some(4));
        assert_eq!(server_id_bytes(&[&[17, 252][..], &[0; 252]].concat()), None);
        assert_eq!(device_identification_bytes(&[43, 13, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn the_text_in_a_server_id_is_found_between_its_codes() {
        for (data, told) in [
            (&[9, 0x02, 0xFF, b'S', b'D', b'M', b'6', b'3', b'0', 0][..], Some("SDM630")),
            (&[2, 0x41, 0xFF][..], None),
            (&[0][..], None),
            (&[][..], None),
        ] {
            assert_eq!(server_id_text(data).as_deref(), told, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_tell_what_a_terminal_obeys(data in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (server_id_bytes(&data), device_identification_bytes(&data));
            let told = objects(&data).into_iter().map(|(_, text)| text).chain(server_id_text(&data));
            for text in told {
                prop_assert!(text.len() <= METER_TEXT_BYTES_MAX && text.bytes().all(is_printable));
            }
        }
    }
}
