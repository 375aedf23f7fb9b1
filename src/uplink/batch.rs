//! The messages in flight: what was sent, what was acknowledged, and how far the cursor may move.

use std::collections::VecDeque;

use super::payload::Message;
use crate::limits::UPLINK_IN_FLIGHT_MAX;

/// Names one message from its first publish to its acknowledgement, over any number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Waiting,
    Sent,
    Acknowledged,
}

/// Messages between the cursor and the newest scan that was read, oldest first.
#[derive(Debug)]
pub(super) struct Batch {
    cursor: u64,
    read_to: u64,
    first: u64,
    slots: VecDeque<(Message, Standing)>,
}

impl Batch {
    /// Nothing in flight; the broker has every scan up to `cursor`.
    pub(super) const fn from_cursor(cursor: u64) -> Self {
        Self { cursor, read_to: cursor, first: 0, slots: VecDeque::new() }
    }

    /// Scans up to here have been read from the store.
    pub(super) const fn read_to(&self) -> u64 {
        self.read_to
    }

    /// Whether another message may be sent: fewer than `window` are without acknowledgement, and the
    /// next one is fewer than [`UPLINK_IN_FLIGHT_MAX`] after the oldest of them, so that a broker that
    /// passes one over cannot make the messages behind it pile up.
    pub(super) fn has_room(&self, window: usize) -> bool {
        let next = self.next_waiting().unwrap_or(self.slots.len());
        let in_flight = self.slots.iter().filter(|(_, standing)| *standing == Standing::Sent).count();
        in_flight < window && next < UPLINK_IN_FLIGHT_MAX
    }

    fn next_waiting(&self) -> Option<usize> {
        self.slots.iter().position(|(_, standing)| *standing == Standing::Waiting)
    }

    /// Takes the messages made of all scans up to `read_to`; gives the new cursor when there is
    /// nothing left to wait for.
    pub(super) fn extend(&mut self, messages: Vec<Message>, read_to: u64) -> Option<u64> {
        self.slots.extend(messages.into_iter().map(|message| (message, Standing::Waiting)));
        self.read_to = read_to;
        match self.slots.back_mut() {
            // Scans without a single sendable sample end here; they go with the message before them.
            Some((last, _)) => {
                last.through = read_to;
                None
            }
            None => self.advance(read_to),
        }
    }

    /// The oldest message that waits, from now on counted as sent; `None` when none waits.
    pub(super) fn send_next(&mut self) -> Option<(Ticket, &Message)> {
        let at = self.next_waiting()?;
        let ticket = Ticket(self.first + at as u64);
        let (message, standing) = self.slots.get_mut(at)?;
        *standing = Standing::Sent;
        Some((ticket, message))
    }

    /// Notes the acknowledgement of one message; gives the readings that it carried, and the new
    /// cursor when this and all earlier ones are acknowledged.
    pub(super) fn acknowledge(&mut self, ticket: Ticket) -> (usize, Option<u64>) {
        let at = ticket.0.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let Some((message, standing)) = at.and_then(|at| self.slots.get_mut(at)) else { return (0, None) };
        if *standing != Standing::Sent {
            return (0, None);
        }
        *standing = Standing::Acknowledged;
        let readings = message.readings;
        let mut through = None;
        while let Some((message, _)) =
            self.slots.pop_front_if(|(_, standing)| *standing == Standing::Acknowledged)
        {
            self.first += 1;
            through = Some(message.through);
        }
        (readings, through.and_then(|through| self.advance(through)))
    }

    /// The connection is gone: whatever was not acknowledged has to be sent again.
    pub(super) fn send_again(&mut self) {
        for (_, standing) in &mut self.slots {
            if *standing == Standing::Sent {
                *standing = Standing::Waiting;
            }
        }
    }

    fn advance(&mut self, through: u64) -> Option<u64> {
        let moved = through > self.cursor;
        self.cursor = self.cursor.max(through);
        moved.then_some(self.cursor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn message(through: u64) -> Message {
        Message { through, readings: 1, payload: Vec::new() }
    }

    fn batch_of(count: u64) -> Batch {
        let mut batch = Batch::from_cursor(0);
        assert_eq!(batch.extend((1..=count).map(message).collect(), count), None);
        batch
    }

    fn send_all(batch: &mut Batch) -> Vec<(Ticket, u64)> {
        std::iter::from_fn(|| batch.send_next().map(|(ticket, message)| (ticket, message.through))).collect()
    }

    #[test]
    fn the_cursor_waits_for_the_oldest_acknowledgement() {
        let mut batch = batch_of(3);
        let sent = send_all(&mut batch);
        assert_eq!(batch.acknowledge(sent[2].0), (1, None));
        assert_eq!(batch.acknowledge(sent[1].0), (1, None));
        assert_eq!(batch.acknowledge(sent[0].0), (1, Some(3)));
        assert_eq!(batch.acknowledge(sent[0].0), (0, None), "an acknowledgement counts once");
    }

    #[test]
    fn a_message_that_is_passed_over_holds_up_those_behind_it_but_not_itself() {
        let mut batch = batch_of(100);
        let mut sent = Vec::new();
        while batch.has_room(UPLINK_IN_FLIGHT_MAX) {
            sent.extend(batch.send_next().map(|(ticket, _)| ticket));
            if let [_, .., newest] = sent.as_slice() {
                batch.acknowledge(*newest);
            }
        }
        assert_eq!(sent.len(), UPLINK_IN_FLIGHT_MAX);
        batch.send_again();
        assert!(batch.has_room(1));
        assert_eq!(batch.send_next().map(|(ticket, _)| ticket), sent.first().copied());
    }

    #[test]
    fn scans_that_make_no_message_still_move_the_cursor() {
        let mut batch = Batch::from_cursor(4);
        assert_eq!(batch.extend(Vec::new(), 9), Some(9));
        batch.extend(vec![message(10)], 10);
        assert_eq!(batch.extend(Vec::new(), 12), None);
        let sent = send_all(&mut batch);
        assert_eq!(batch.acknowledge(sent[0].0), (1, Some(12)));
    }

    proptest! {
        /// Against a naive model: the cursor is always the end of the acknowledged prefix, and after
        /// any loss of connection exactly the unacknowledged rest is sent again, in order.
        #[test]
        fn the_cursor_is_the_end_of_the_acknowledged_prefix(
            steps in proptest::collection::vec(0_usize..40, 0..120),
        ) {
            const MESSAGES: u64 = 30;
            let mut batch = batch_of(MESSAGES);
            let mut flying: Vec<(Ticket, u64)> = Vec::new();
            let mut acknowledged = BTreeSet::new();
            for step in steps {
                match step {
                    0 => {
                        flying.clear();
                        batch.send_again();
                        let again = send_all(&mut batch);
                        let expected: Vec<u64> =
                            (1..=MESSAGES).filter(|n| !acknowledged.contains(n)).take(again.len()).collect();
                        prop_assert_eq!(again.iter().map(|(_, n)| *n).collect::<Vec<_>>(), expected);
                        flying = again;
                    }
                    1..10 => flying.extend(batch.send_next().map(|(ticket, message)| (ticket, message.through))),
                    _ if !flying.is_empty() => {
                        let (ticket, number) = flying.remove(step % flying.len());
                        acknowledged.insert(number);
                        batch.acknowledge(ticket);
                    }
                    _ => {}
                }
                let prefix = (1..=MESSAGES).take_while(|n| acknowledged.contains(n)).count() as u64;
                prop_assert_eq!(batch.cursor, prefix);
            }
        }
    }
}
