//! Tally: how often the gate turned somebody away, and why, and what it holds at present.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::spool::SpoolStore;
use crate::api::wire::figures::GateFigures;

/// What the gate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Turn {
    /// A connection was accepted.
    Seated,
    /// One address had all the connections it may have.
    AddressFull,
    /// Every connection was taken by somebody known.
    Full,
    /// A stranger's connection was ended to make room.
    Unseated,
    /// The system gave no connection, or file handles were running out.
    AcceptFailed,
    /// TLS was not agreed on in time.
    HandshakeFailed,
    /// A head or a body did not come in time.
    Late,
    /// A request was none.
    Malformed,
    /// A credential was not valid.
    Unauthorized,
    /// More was asked for than is granted.
    TooMany,
    /// No worker was free in time.
    Busy,
    /// A client did not take its answer.
    Stalled,
    /// A worker did not end its answer.
    BrokenOff,
}

const TURNS: [(Turn, &str); 13] = [
    (Turn::Seated, "seated"),
    (Turn::AddressFull, "address-full"),
    (Turn::Full, "full"),
    (Turn::Unseated, "unseated"),
    (Turn::AcceptFailed, "accept-failed"),
    (Turn::HandshakeFailed, "handshake-failed"),
    (Turn::Late, "late"),
    (Turn::Malformed, "malformed"),
    (Turn::Unauthorized, "unauthorized"),
    (Turn::TooMany, "too-many"),
    (Turn::Busy, "busy"),
    (Turn::Stalled, "stalled"),
    (Turn::BrokenOff, "broken-off"),
];

/// How often each happened since the start, and what there is now.
#[derive(Debug, Default)]
pub(in crate::api) struct Tally {
    turns: [AtomicU64; TURNS.len()],
    connections: AtomicUsize,
    /// What answers hold that their clients have not taken.
    pub(super) spools: SpoolStore,
}

impl Tally {
    /// It happened once more.
    pub(in crate::api) fn count(&self, turn: Turn) {
        if let Some(at) = TURNS.iter().position(|(known, _)| *known == turn) {
            self.turns[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// There are so many connections now.
    pub(super) fn tell_connections(&self, count: usize) {
        self.connections.store(count, Ordering::Relaxed);
    }

    /// What is told of the gate.
    pub(in crate::api) fn figures(&self) -> GateFigures {
        let turns = TURNS.iter().zip(&self.turns);
        GateFigures {
            turns: turns.map(|((_, name), count)| (*name, count.load(Ordering::Relaxed))).collect(),
            connections: self.connections.load(Ordering::Relaxed),
            spooled_bytes: self.spools.held(),
        }
    }
}
