//! Plays the meters' side of a recorded line: the recorded answer to each recorded request.
//!
//! What was heard after a request and before the next one is what the meters said to it, noise and damaged
//! frames included, and comes again after the same time; over TCP the transaction tells whose it is. A
//! request that was recorded several times gets its answers in their order, and after the last one the
//! first again; a silence is an answer too.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::bus::{Framing, Meters, Reaction, Step};
use super::run::{LOOPBACK, Running, SimError, Socket, listen, open_pty};
use crate::limits::{LINE_QUEUE_MAX, SIM_UNKNOWN_TOLD_MAX};
use crate::modbus::frame::{crc16, rtu, tcp};
use crate::modbus::recorder::{Direction, Frame};
use crate::modbus::recording::Recording;
use crate::modbus::timing::Protocol;

/// Bytes of the CRC of an RTU frame.
const CRC_BYTES: usize = 2;
/// Bytes before the unit in a TCP frame.
const TCP_BEFORE_UNIT_BYTES: usize = tcp::HEADER_BYTES - 1;

/// The meters of a recording.
pub struct Replay {
    tracks: Mutex<BTreeMap<Request, Track>>,
    /// Requests that nobody recorded and that were told.
    unknown: Mutex<BTreeSet<Request>>,
}

/// Unit and PDU: what is the same whenever the same is asked.
type Request = Vec<u8>;

/// All that was answered to one request.
#[derive(Default)]
struct Track {
    turns: Vec<Turn>,
    next: usize,
}

/// A request of the recording, with what was heard of it.
struct Asked<'a> {
    request: Request,
    frame: &'a Frame,
    turn: Turn,
}

/// What was heard after a request: how long after it, and the bytes.
type Turn = Vec<(Duration, Vec<u8>)>;

impl Replay {
    /// The meters as they are recorded.
    #[must_use]
    pub fn of(recording: &Recording) -> Self {
        let framing = framing(recording.protocol);
        let mut asked: Vec<Asked<'_>> = Vec::new();
        // Requests behind the last answer may have been under way when the recording was taken.
        let mut settled = 0;
        for frame in &recording.frames {
            if let Some(request) = request_of(framing, frame) {
                asked.push(Asked { request, frame, turn: Turn::new() });
            } else if let Some(of) = asked_of(framing, &mut asked, frame) {
                let after = frame.at.saturating_sub(of.frame.at);
                of.turn.push((after, since(framing, &of.frame.bytes, frame)));
                settled = asked.len();
            }
        }
        let mut tracks: BTreeMap<Request, Track> = BTreeMap::new();
        for Asked { request, turn, .. } in asked.into_iter().take(settled) {
            tracks.entry(request).or_default().turns.push(turn);
        }
        Self { tracks: Mutex::new(tracks), unknown: Mutex::default() }
    }

    /// How many different requests it can answer.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The next turn of `request`; none where it was never recorded, which is told.
    fn turn(&self, request: &[u8]) -> Turn {
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(track) = tracks.get_mut(request) else {
            self.tell_unknown(request);
            return Turn::new();
        };
        let turn = track.turns.get(track.next).cloned().unwrap_or_default();
        track.next = (track.next + 1) % track.turns.len().max(1);
        turn
    }

    /// Each once, and no more of them than somebody would read.
    fn tell_unknown(&self, request: &[u8]) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() < SIM_UNKNOWN_TOLD_MAX && unknown.insert(request.to_vec()) {
            log::warn!("never recorded and left without an answer: unit and request {request:02x?}");
        }
    }

    fn steps(&self, framing: Framing, frame: &[u8], request: &[u8]) -> Vec<Step> {
        let mut now = Duration::ZERO;
        let mut steps = Vec::new();
        for (after, mut bytes) in self.turn(request) {
            move_transaction(framing, &mut bytes, |since| transaction(frame).wrapping_add(since));
            steps.extend([Step::Wait(after.saturating_sub(now)), Step::Send(bytes)]);
            now = after;
        }
        steps
    }
}

impl Meters for Replay {
    fn react(&self, framing: Framing, heard: &[u8]) -> Option<Reaction> {
        let at = match (framing, tcp::first_frame(heard)) {
            (Framing::Rtu, _) => rtu::find_request(heard)?.at,
            (Framing::Tcp, Ok(frame)) => 0..frame?.bytes(),
            (Framing::Tcp, Err(_)) => {
                let steps = vec![Step::HangUp];
                return Some(Reaction { heard: heard.len(), unit: None, steps });
            }
        };
        let end = at.end;
        let frame = heard.get(at)?;
        let request = unit_and_pdu(framing, frame)?;
        Some(Reaction { heard: end, unit: None, steps: self.steps(framing, frame, request) })
    }

    /// A whole frame of a function code whose requests have no known length; anything else was noise.
    fn react_to_silence(&self, heard: &[u8]) -> Reaction {
        let request = heard.split_last_chunk::<CRC_BYTES>();
        let is_sealed = |request: &[u8], crc: [u8; CRC_BYTES]| crc16(request).to_le_bytes() == crc;
        let request = request.filter(|(request, crc)| !request.is_empty() && is_sealed(request, **crc));
        let steps = request.map(|(request, _)| self.steps(Framing::Rtu, heard, request));
        Reaction { heard: heard.len(), unit: None, steps: steps.unwrap_or_default() }
    }
}

/// How the frames of a recording are told apart.
const fn framing(protocol: Protocol) -> Framing {
    match protocol {
        Protocol::Rtu { .. } => Framing::Rtu,
        Protocol::Tcp => Framing::Tcp,
    }
}

fn request_of(framing: Framing, frame: &Frame) -> Option<Request> {
    let is_request = frame.direction == Direction::Sent;
    is_request.then(|| unit_and_pdu(framing, &frame.bytes).map(<[u8]>::to_vec)).flatten()
}

/// The request that `heard` belongs to: over TCP the one of its transaction, where several may be under way
/// at once, otherwise the last one. What comes before the first request answers one that is not recorded.
fn asked_of<'a, 'b>(
    framing: Framing,
    asked: &'b mut [Asked<'a>],
    heard: &Frame,
) -> Option<&'b mut Asked<'a>> {
    let last = asked.len().checked_sub(1)?;
    let is_whole = framing == Framing::Tcp && matches!(tcp::first_frame(&heard.bytes), Ok(Some(_)));
    let is_of = |asked: &Asked<'_>| is_whole && transaction(&asked.frame.bytes) == transaction(&heard.bytes);
    let recent = last.saturating_sub(LINE_QUEUE_MAX)..asked.len();
    let of = recent.rev().find(|place| asked.get(*place).is_some_and(is_of)).unwrap_or(last);
    asked.get_mut(of)
}

fn unit_and_pdu(framing: Framing, frame: &[u8]) -> Option<&[u8]> {
    let bytes = match framing {
        Framing::Rtu => frame.get(..frame.len().checked_sub(CRC_BYTES)?),
        Framing::Tcp => frame.get(TCP_BEFORE_UNIT_BYTES..),
    };
    bytes.filter(|bytes| !bytes.is_empty())
}

/// What was heard, its transaction counted from that of `request`: the late reply to an earlier request
/// stays that when it is played back.
fn since(framing: Framing, request: &[u8], heard: &Frame) -> Vec<u8> {
    let mut bytes = heard.bytes.clone();
    move_transaction(framing, &mut bytes, |recorded| recorded.wrapping_sub(transaction(request)));
    bytes
}

/// Gives a TCP frame another transaction; bytes that are no frame stay what they are.
fn move_transaction(framing: Framing, bytes: &mut [u8], to: impl Fn(u16) -> u16) {
    if framing == Framing::Tcp && matches!(tcp::first_frame(bytes), Ok(Some(_))) {
        let moved = to(transaction(bytes));
        if let Some(first) = bytes.first_chunk_mut::<2>() {
            *first = moved.to_be_bytes();
        }
    }
}

/// What the client of a TCP frame calls the exchange; 0 where there is no frame.
fn transaction(frame: &[u8]) -> u16 {
    frame.first_chunk::<2>().map_or(0, |first| u16::from_be_bytes(*first))
}

/// Where a recording is played back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Where it fits: RTU on a pty, Modbus TCP on a free port of this machine.
    Any,
    /// On a pty.
    Pty,
    /// On a socket; RTU frames go through it as they are.
    Socket(SocketAddr),
}

/// Starts the line of `recording`.
///
/// # Errors
/// When there is nothing to play, not there, or the system gives no pty or port.
pub async fn replay(recording: &Recording, stage: Stage) -> Result<Running, SimError> {
    let meters = Replay::of(recording);
    if meters.requests() == 0 {
        return Err(SimError::NothingRecorded);
    }
    let framing = framing(recording.protocol);
    let socket = match (stage, framing) {
        (Stage::Pty, Framing::Tcp) => return Err(SimError::NoPtyForTcp),
        (Stage::Any | Stage::Pty, Framing::Rtu) => Socket::Pty(open_pty(&recording.line)?),
        (Stage::Any, Framing::Tcp) => on_port(recording, SocketAddr::new(LOOPBACK, 0)).await?,
        (Stage::Socket(address), _) => on_port(recording, address).await?,
    };
    let mut running = Running::default();
    running.start(&recording.line, socket, framing, meters);
    Ok(running)
}

async fn on_port(recording: &Recording, address: SocketAddr) -> Result<Socket, SimError> {
    let (listener, address) = listen(&recording.line, address).await?;
    Ok(Socket::Tcp(listener, address))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    const HEAD_TCP: &str = "cems-gateway recording 1\nprotocol tcp\nline lan\n";

    fn replay_of(protocol: &str, frames: &[(u64, char, &str)]) -> Replay {
        let mut text = format!("cems-gateway recording 1\nprotocol {protocol}\nline a\n");
        for (ms, mark, bytes) in frames {
            writeln!(text, "{} 2024-06-12T02:30:05Z {mark} {bytes}", ms * 1_000).unwrap();
        }
        Replay::of(&Recording::parse(&text).unwrap())
    }

    fn bytes(hex: &str) -> Vec<u8> {
        hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    /// What it says to a request, and after how many milliseconds.
    fn said(replay: &Replay, framing: Framing, request: &str) -> Vec<(u128, Vec<u8>)> {
        let mut now = Duration::ZERO;
        let mut said = Vec::new();
        for step in replay.react(framing, &bytes(request)).unwrap().steps {
            match step {
                Step::Wait(pause) => now += pause,
                Step::Send(bytes) => said.push((now.as_millis(), bytes)),
                Step::HangUp => panic!("it hung up"),
            }
        }
        said
    }

    const ASKED: &str = "01 03 00 00 00 0a c5 cd";
    const OTHER: &str = "01 03 00 00 00 01 84 0a";

    #[test]
    fn a_request_gets_its_recorded_answers_in_order_and_then_the_first_again() {
        let replay = replay_of(
            "rtu",
            &[
                (90, '<', "ff"),
                (100, '>', ASKED),
                (130, '<', "01 83 02 c0 f1"),
                (200, '>', OTHER),
                (500, '>', ASKED),
                (505, '!', "00"),
                (510, '!', "00 00"),
                (600, '>', ASKED),
            ],
        );
        assert_eq!(replay.requests(), 2);
        for _ in 0..2 {
            assert_eq!(said(&replay, Framing::Rtu, ASKED), [(30, bytes("01 83 02 c0 f1"))]);
            assert_eq!(said(&replay, Framing::Rtu, ASKED), [(5, bytes("00")), (10, bytes("00 00"))]);
            assert_eq!(said(&replay, Framing::Rtu, OTHER), [], "a silence is an answer");
        }
    }

    #[test]
    fn a_request_that_was_never_recorded_stays_unanswered_and_is_told_once() {
        let replay = replay_of("rtu", &[(100, '>', ASKED), (130, '<', "01 83 02 c0 f1")]);
        for _ in 0..3 {
            assert_eq!(said(&replay, Framing::Rtu, OTHER), []);
        }
        assert_eq!(replay.unknown.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_request_without_a_known_length_is_answered_when_the_line_falls_silent() {
        let replay = replay_of("rtu", &[(100, '>', "01 11 c0 2c"), (130, '<', "01 91 01 8d 90")]);
        let steps = [Step::Wait(Duration::from_millis(30)), Step::Send(bytes("01 91 01 8d 90"))];
        assert_eq!(replay.react_to_silence(&bytes("01 11 c0 2c")).steps, steps);
        assert_eq!(replay.react_to_silence(&bytes("01 11 c0 2d")).steps, []);
        assert!(replay.unknown.lock().unwrap().is_empty(), "noise is not told");
    }

    #[test]
    fn over_tcp_the_transaction_is_that_of_the_one_who_asks_and_a_late_reply_stays_late() {
        let replay = replay_of(
            "tcp",
            &[
                (100, '>', "00 08 00 00 00 06 01 03 00 00 00 01"),
                (120, '!', "00 07 00 00 00 05 01 03 02 00 05"),
                (140, '<', "00 08 00 00 00 05 01 03 02 00 06"),
            ],
        );
        let said = said(&replay, Framing::Tcp, "01 00 00 00 00 06 01 03 00 00 00 01");
        let late = bytes("00 ff 00 00 00 05 01 03 02 00 05");
        assert_eq!(said, [(20, late), (40, bytes("01 00 00 00 00 05 01 03 02 00 06"))]);
    }

    #[test]
    fn of_several_requests_under_way_over_tcp_each_gets_its_own_answer() {
        let replay = replay_of(
            "tcp",
            &[
                (100, '>', "00 08 00 00 00 06 01 03 00 00 00 01"),
                (101, '>', "00 09 00 00 00 06 01 03 00 05 00 01"),
                (120, '<', "00 09 00 00 00 05 01 03 02 00 05"),
                (140, '<', "00 08 00 00 00 05 01 03 02 00 06"),
                (150, '>', "00 0a 00 00 00 06 01 03 00 07 00 01"),
                (151, '>', "00 0b 00 00 00 06 01 03 00 08 00 01"),
            ],
        );
        assert_eq!(replay.requests(), 2, "the others may have been under way");
        let first = said(&replay, Framing::Tcp, "00 01 00 00 00 06 01 03 00 00 00 01");
        assert_eq!(first, [(40, bytes("00 01 00 00 00 05 01 03 02 00 06"))]);
        let second = said(&replay, Framing::Tcp, "00 02 00 00 00 06 01 03 00 05 00 01");
        assert_eq!(second, [(19, bytes("00 02 00 00 00 05 01 03 02 00 05"))]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_take_more_than_was_heard(
            heard in prop::collection::vec(any::<u8>(), 0..300),
            recorded in prop::collection::vec((prop::sample::select(vec!['>', '<', '!']), 1..12_usize), 0..20),
        ) {
            for (framing, protocol) in [(Framing::Rtu, "rtu"), (Framing::Tcp, "tcp")] {
                let frames: Vec<_> = recorded.iter().map(|(mark, bytes)| (*mark, "00 ".repeat(*bytes))).collect();
                let frames: Vec<_> = frames.iter().map(|(mark, bytes)| (1, *mark, bytes.trim_end())).collect();
                let replay = replay_of(protocol, &frames);
                if let Some(reaction) = replay.react(framing, &heard) {
                    prop_assert!((1..=heard.len()).contains(&reaction.heard));
                }
            }
        }
    }

    #[tokio::test]
    async fn a_recording_that_cannot_be_played_says_why() {
        let refused = async |text: &str, stage| {
            let recording = Recording::parse(text).unwrap();
            replay(&recording, stage).await.unwrap_err().to_string()
        };
        assert!(refused(HEAD_TCP, Stage::Any).await.contains("holds no request with an answer"));
        let one = format!(
            "{HEAD_TCP}1 2024-06-12T02:30:05Z > 00 08 00 00 00 06 01 03 00 00 00 01\n\
             2 2024-06-12T02:30:05Z < 00 08 00 00 00 05 01 03 02 00 06\n"
        );
        assert!(refused(&one, Stage::Pty).await.contains("--listen"));
    }
}
