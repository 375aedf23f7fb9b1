//! A file of recorded frames.

use crate::modbus::frame::Said;
use crate::modbus::recorder::Direction;
use crate::modbus::recording::Recording;
use crate::sim::replay::Replay;

/// A file is a recording or is refused; a recording reads the same once it is written again, can be told in
/// words, and can be played back.
pub(super) fn recording(bytes: &[u8]) {
    let Ok(recording) = Recording::parse(&String::from_utf8_lossy(bytes)) else { return };
    let again = Recording::parse(&recording.text());
    assert!(again.is_ok_and(|again| again == recording), "it reads otherwise once it is written again");
    let mut by_clients = 0;
    for frame in &recording.frames {
        if frame.direction == Direction::Sent {
            by_clients += 1;
        }
        let _ = Said::by_client(recording.protocol, &frame.bytes);
        let _ = Said::by_server(recording.protocol, &frame.bytes);
    }
    assert!(Replay::of(&recording).requests() <= by_clients, "more requests than were sent");
}
