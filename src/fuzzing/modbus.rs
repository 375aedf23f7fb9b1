//! Bytes on a wire.

use crate::limits::RTU_FRAME_BYTES_MAX;
use crate::modbus::frame::pdu::write_request;
use crate::modbus::frame::serve::{read_request, request_bytes};
use crate::modbus::frame::{Expect, Heard, Replied, Reply, Said, identity, rtu, tcp};
use crate::modbus::timing::Protocol;
use crate::model::register::UnitId;

const SERIAL: Protocol = Protocol::Rtu { local_echo: false };

/// The first byte tells how long the PDU of a request is that follows, the rest is what is heard then. What
/// is found is a whole frame of the unit; it is found again alone, and behind any noise in which nothing is.
pub(super) fn rtu(bytes: &[u8]) {
    let Some((asked, heard)) = asked_and_heard(bytes) else { return };
    let heard = buffered(heard);
    let heard = heard.bytes();
    let _ = rtu::holds_any_reply(heard);
    if let Some(found) = rtu::find_request(heard) {
        assert!(rtu::find_request(&heard[found.at.clone()]).is_some_and(|again| again.what == found.what));
    }
    let Some((unit, request)) = asked.split_first() else { return };
    let Ok(request) = read_request(request) else { return };
    let unit = UnitId(*unit);
    let Ok(expect) = Expect::reply_to(unit, &request) else { return };
    let mut sent = Vec::new();
    assert_eq!(rtu::write_request(unit, &request, &mut sent), Ok(()), "what was read cannot be written");
    let _ = rtu::end_of_echo(&sent, heard);

    let Some(found) = rtu::find_reply(expect, heard) else { return };
    let frame = &heard[found.at.clone()];
    assert!(frame.len() <= RTU_FRAME_BYTES_MAX && frame.first() == Some(&unit.0), "no frame of the unit");
    assert!(rtu::holds_damaged_reply(expect, heard), "a reply that is whole is not even a damaged one");
    check_values(&found.what);
    assert!(!matches!(Said::by_server(SERIAL, frame), Said::Damaged), "what was taken is told as damaged");
    let again = rtu::find_reply(expect, frame).filter(|again| again.what == found.what);
    assert!(again.is_some(), "it is not found alone");
}

/// A reply gives as many values as it says, and all of its bytes belong to them.
fn check_values(reply: &Replied<'_>) {
    let Ok(Reply::Values(values)) = reply else { return };
    let mut words = Vec::new();
    values.read_into(&mut words);
    assert_eq!(words.len(), usize::from(values.count()), "other values than were asked for");
}

/// Bytes of a stream. However they are cut, the frames are the same, and each reads the same once it is
/// written again.
pub(super) fn tcp(bytes: &[u8]) {
    let mut heard = Heard::default();
    let mut rest = bytes;
    loop {
        let taken = heard.push(rest.get(..rest.len().min(7)).unwrap_or_default());
        rest = rest.get(taken..).unwrap_or_default();
        match tcp::first_frame(heard.bytes()) {
            Err(_) => return,
            Ok(None) if rest.is_empty() => return,
            Ok(None) => assert!(taken > 0, "the buffer is full and holds no frame"),
            Ok(Some(frame)) => {
                check_tcp_frame(&frame, heard.bytes());
                let bytes = frame.bytes();
                heard.forget(bytes);
            }
        }
    }
}

fn check_tcp_frame(frame: &tcp::Frame<'_>, heard: &[u8]) {
    let whole = heard.get(..frame.bytes());
    assert!(whole.is_some(), "the frame is longer than what was heard");
    let whole = whole.unwrap_or_default();
    for end in 0..whole.len() {
        assert_eq!(tcp::first_frame(&whole[..end]), Ok(None), "part of a frame is no frame");
    }
    assert!(!matches!(Said::by_server(Protocol::Tcp, whole), Said::Damaged), "a frame is told as damaged");
    let Ok(request) = read_request(frame.pdu) else { return };
    let mut written = Vec::new();
    assert_eq!(tcp::write_request(frame.transaction, frame.unit, &request, &mut written), Ok(()));
    check_same_request(frame.pdu, written.get(tcp::HEADER_BYTES..).unwrap_or_default());
}

/// The first byte tells how long the PDU of a request is that follows, the rest is the PDU of a reply. The
/// request reads the same once it is written again, the reply gives what it says and no more, and what a
/// unit says of itself can be shown.
pub(super) fn pdu(bytes: &[u8]) {
    let Some((asked, heard)) = asked_and_heard(bytes) else { return };
    for text in
        identity::objects(heard).into_iter().map(|(_, text)| text).chain(identity::server_id_text(heard))
    {
        assert!(super::is_fit_for_a_terminal(&text), "a meter moves the cursor: {text:?}");
    }
    let Ok(request) = read_request(asked) else { return };
    assert_eq!(request_bytes(asked), Some(asked.len()), "the length of a request is told wrongly");
    let mut written = Vec::new();
    assert_eq!(write_request(&request, &mut written), Ok(()), "what was read cannot be written");
    check_same_request(asked, &written);

    let Ok(expect) = Expect::reply_to(UnitId(1), &request) else { return };
    let Some(reply) = expect.reply(heard) else { return };
    assert!(heard.len() <= expect.pdu_bytes(), "a reply is longer than it may be");
    check_values(&reply);
    let cut = heard.split_last().map(|(_, rest)| rest).unwrap_or_default();
    let is_open = matches!(reply, Ok(Reply::Identity(_) | Reply::Confirmation));
    assert!(is_open || expect.reply(cut) != Some(reply), "a reply means the same without its last byte");
}

/// Bits that fill up the last byte of written coils are not the request's.
fn check_same_request(given: &[u8], written: &[u8]) {
    assert_eq!(given.len(), written.len(), "a request changes its length");
    assert_eq!(read_request(given), read_request(written), "a request changes once it is written again");
}

fn asked_and_heard(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// What a line has of `heard` at most: its buffer never grows.
fn buffered(heard: &[u8]) -> Heard {
    let mut buffer = Heard::default();
    buffer.push(heard);
    buffer
}
