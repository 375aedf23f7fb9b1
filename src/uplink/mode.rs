//! Offline, catching up, live: what the uplink is doing, and how one becomes the other.
//!
//! ```text
//!            connected             caught up
//!  Offline ------------> CatchUp ------------> Live
//!     ^                   |   ^                 |  |
//!     |       lost        |   |  newly durable  |  |
//!     +-------------------+   +-----------------+  |
//!     +--------------------------------------------+
//! ```
//!
//! Readings go out strictly in the order in which they became durable, so that one cursor says all;
//! after a long absence the oldest come first. The messages in flight live in the mode, so that no
//! change of mode can lose them.

use super::batch::{Batch, Ticket};
use crate::limits::UPLINK_IN_FLIGHT_MAX;

/// What the uplink is doing; `L` is the connection.
#[derive(Debug)]
pub(super) enum Mode<L> {
    /// Not connected; the next thing to do is to connect.
    Offline(Offline),
    /// Connected, and there are durable readings that have not been sent.
    CatchUp(Online<L>),
    /// Connected, and all that is durable has been sent.
    Live(Online<L>),
    /// Ended by request.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Offline {
    batch: Batch,
    /// Connections that failed or broke since the broker last acknowledged a reading.
    failures: u32,
}

#[derive(Debug)]
pub(super) struct Online<L> {
    pub(super) link: L,
    pub(super) batch: Batch,
    failures: u32,
}

/// The mode's name, for people and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ModeName {
    /// Not connected to the broker.
    #[default]
    Offline,
    /// Sending what has gathered.
    CatchUp,
    /// Sending readings as they become durable.
    Live,
}

impl<L> Mode<L> {
    /// The first mode: nothing in flight, everything after `cursor` still to be sent.
    pub(super) const fn starting_at(cursor: u64) -> Self {
        Self::Offline(Offline { batch: Batch::from_cursor(cursor), failures: 0 })
    }

    pub(super) const fn name(&self) -> ModeName {
        match self {
            Self::Offline(_) | Self::Stopped => ModeName::Offline,
            Self::CatchUp(_) => ModeName::CatchUp,
            Self::Live(_) => ModeName::Live,
        }
    }
}

impl Offline {
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The broker took the connection: send again all that it has not acknowledged.
    pub(super) fn connected<L>(mut self, link: L) -> Mode<L> {
        self.batch.send_again();
        Mode::CatchUp(Online { link, batch: self.batch, failures: self.failures })
    }

    /// The connection could not be made.
    pub(super) fn failed<L>(self) -> Mode<L> {
        Mode::Offline(Self { failures: self.failures.saturating_add(1), ..self })
    }
}

impl<L> Online<L> {
    /// All that is durable has been sent.
    pub(super) fn caught_up(self) -> Mode<L> {
        Mode::Live(self)
    }

    /// More has become durable.
    pub(super) fn behind(self) -> Mode<L> {
        Mode::CatchUp(self)
    }

    /// The connection broke.
    pub(super) fn lost(self) -> Mode<L> {
        Mode::Offline(Offline { batch: self.batch, failures: self.failures.saturating_add(1) })
    }

    /// Whether another message may be sent now. After a failure one message must get through before
    /// the window opens: a broker that breaks down under a full window would otherwise do so each time.
    pub(super) fn has_room(&self) -> bool {
        let window = if self.failures == 0 { UPLINK_IN_FLIGHT_MAX } else { 1 };
        self.batch.has_room(window)
    }

    /// The broker acknowledged a message: see [`Batch::acknowledge`]. Only this ends the growth of the
    /// back-off; a broker that takes connections and drops them again is not yet well.
    pub(super) fn acknowledged(&mut self, ticket: Ticket) -> (usize, Option<u64>) {
        self.failures = 0;
        self.batch.acknowledge(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::super::payload::Message;
    use super::*;

    fn message(through: u64) -> Message {
        Message { through, readings: 1, payload: Vec::new() }
    }

    fn live_with(messages: u64) -> Online<()> {
        let Mode::Offline(offline) = Mode::<()>::starting_at(0) else { panic!("starts offline") };
        let Mode::CatchUp(mut online) = offline.connected(()) else { panic!("catches up first") };
        online.batch.extend((1..=messages).map(message).collect(), messages);
        while online.batch.send_next().is_some() {}
        let Mode::Live(online) = online.caught_up() else { panic!("live once caught up") };
        online
    }

    fn send_all(online: &mut Online<()>) -> Vec<u64> {
        let mut sent = Vec::new();
        while online.has_room()
            && let Some((_, message)) = online.batch.send_next()
        {
            sent.push(message.through);
        }
        sent
    }

    fn offline_of(mode: Mode<()>) -> Offline {
        match mode {
            Mode::Offline(offline) => offline,
            other => panic!("{:?}", other.name()),
        }
    }

    #[test]
    fn live_to_offline_keeps_batch() {
        let offline = offline_of(live_with(3).lost());
        let Mode::CatchUp(mut online) = offline.connected(()) else { panic!("catches up first") };
        let again: Vec<u64> =
            std::iter::from_fn(|| online.batch.send_next().map(|(_, message)| message.through)).collect();
        assert_eq!(again, [1, 2, 3]);
    }

    #[test]
    fn what_was_acknowledged_before_the_loss_is_not_sent_again() {
        let mut online = live_with(0);
        online.batch.extend(vec![message(1), message(2)], 2);
        let Some((first, _)) = online.batch.send_next() else { panic!("one waits") };
        online.batch.send_next();
        assert_eq!(online.acknowledged(first), (1, Some(1)));
        let Mode::CatchUp(mut online) = offline_of(online.lost()).connected(()) else { panic!("catches up") };
        assert_eq!(online.batch.send_next().map(|(_, message)| message.through), Some(2));
        assert!(online.batch.send_next().is_none());
    }

    #[test]
    fn live_to_catch_up_and_back_keeps_batch() {
        let Mode::CatchUp(online) = live_with(2).behind() else { panic!("behind is catching up") };
        let Mode::Live(online) = online.caught_up() else { panic!("live once caught up") };
        assert_eq!(online.batch.read_to(), 2);
    }

    #[test]
    fn no_more_than_the_window_is_in_flight_and_after_a_failure_the_window_is_one() {
        let mut online = live_with(0);
        online.batch.extend((1..=100).map(message).collect(), 100);
        assert_eq!(send_all(&mut online).len(), UPLINK_IN_FLIGHT_MAX);
        let Mode::CatchUp(mut online) = offline_of(online.lost()).connected(()) else { panic!("catches up") };
        let Some((first, _)) = online.batch.send_next() else { panic!("one waits") };
        assert_eq!(send_all(&mut online), Vec::<u64>::new());
        online.acknowledged(first);
        assert_eq!(send_all(&mut online).len(), UPLINK_IN_FLIGHT_MAX);
    }

    #[test]
    fn failures_count_until_a_reading_is_acknowledged() {
        let offline = offline_of(offline_of(live_with(1).lost()).failed());
        assert_eq!(offline.failures(), 2);
        let Mode::CatchUp(mut online) = offline.connected(()) else { panic!("catches up") };
        let Some((ticket, _)) = online.batch.send_next() else { panic!("one waits") };
        online.acknowledged(ticket);
        assert_eq!(offline_of(online.lost()).failures(), 1);
    }
}
