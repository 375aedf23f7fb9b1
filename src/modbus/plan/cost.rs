//! What a read costs the line, in time and in bytes.

use std::time::Duration;

use super::super::frame::{rtu, tcp};
use super::super::timing::{self, BITS_PER_CHAR};
use super::PlannedRead;
use crate::model::meter::{Line, Link};
use crate::model::register::Table;

/// A request PDU: function code, address and quantity.
const REQUEST_PDU_BYTES: usize = 5;
/// Function code and byte count, before the values of a reply.
const REPLY_PDU_HEAD_BYTES: usize = 2;

/// A meter of which nothing is known yet begins its reply after this.
const SERIAL_TURNAROUND: Duration = Duration::from_millis(10);
/// One round trip over a network with the meter's own time.
const TCP_TURNAROUND: Duration = Duration::from_millis(5);
/// A byte at 10 Mbit/s, the slowest Ethernet.
const TCP_BYTE_TIME: Duration = Duration::from_nanos(800);

/// What a read costs: `(overhead + bytes) * char_time + turnaround + gap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostModel {
    /// Time of one byte on the wire.
    pub char_time: Duration,
    /// From the end of a request to the start of its reply.
    pub turnaround: Duration,
    /// Silence before the next request.
    pub gap: Duration,
    /// Bytes of a request and its reply without the values.
    pub overhead_bytes: usize,
}

impl CostModel {
    /// RTU at `baud`. A meter cannot begin its reply before the silence that ends the request.
    #[must_use]
    pub fn rtu(baud: u32, bits_per_char: u32, turnaround: Duration) -> Self {
        let char_time = timing::char_time(baud, bits_per_char);
        let gap = timing::gap(baud, char_time);
        let overhead_bytes = REQUEST_PDU_BYTES + REPLY_PDU_HEAD_BYTES + 2 * rtu::OVERHEAD_BYTES;
        Self { char_time, turnaround: turnaround.max(gap), gap, overhead_bytes }
    }

    /// Modbus TCP, where a request costs a round trip and bytes cost next to nothing.
    #[must_use]
    pub const fn tcp() -> Self {
        Self {
            char_time: TCP_BYTE_TIME,
            turnaround: TCP_TURNAROUND,
            gap: Duration::ZERO,
            overhead_bytes: REQUEST_PDU_BYTES + REPLY_PDU_HEAD_BYTES + 2 * tcp::HEADER_BYTES,
        }
    }

    /// The costs of a configured line.
    #[must_use]
    pub fn of_line(line: &Line) -> Self {
        match &line.link {
            Link::Serial(settings) => Self::rtu(settings.baud, settings.bits_per_char(), SERIAL_TURNAROUND),
            Link::RtuOverTcp { baud, .. } | Link::DialIn { baud, .. } => {
                Self::rtu(*baud, BITS_PER_CHAR, SERIAL_TURNAROUND)
            }
            Link::Tcp { .. } => Self::tcp(),
        }
    }

    /// The same costs with a meter that begins its replies after `turnaround`, no sooner than it can.
    #[must_use]
    pub fn with_turnaround(self, turnaround: Duration) -> Self {
        Self { turnaround: turnaround.max(self.gap), ..self }
    }

    /// Registers that a hole may have until a read over it costs as much as two reads.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a request and its reply have tens of bytes")]
    pub fn widest_hole(&self) -> f64 {
        let of_bytes = self.overhead_bytes as f64 / 2.0;
        of_bytes + (self.turnaround + self.gap).div_duration_f64(self.char_time * 2)
    }

    /// Bytes of a read of `count` values and its reply.
    #[must_use]
    pub const fn read_bytes(&self, table: Table, count: u16) -> u64 {
        let values = if table.is_bits() { count.div_ceil(8) as usize } else { count as usize * 2 };
        (self.overhead_bytes + values) as u64
    }

    /// Time of a read of `count` values.
    #[must_use]
    pub fn read_time(&self, table: Table, count: u16) -> Duration {
        Duration::from_nanos(self.read_ns(table, count))
    }

    pub(super) fn read_ns(&self, table: Table, count: u16) -> u64 {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let wire_ns = self.read_bytes(table, count).saturating_mul(ns(self.char_time));
        // A sum over a whole plan must not overflow either, whatever times were configured.
        wire_ns.saturating_add(ns(self.turnaround)).saturating_add(ns(self.gap)).min(u64::MAX >> 20)
    }

    /// What all `reads` cost together.
    #[must_use]
    pub fn totals(&self, reads: &[PlannedRead]) -> Totals {
        let bytes = reads.iter().map(|read| self.read_bytes(read.table, read.span.count)).sum();
        let time = reads.iter().map(|read| self.read_time(read.table, read.span.count)).sum();
        Totals { requests: reads.len(), bytes, time }
    }
}

/// What a plan costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests.
    pub requests: usize,
    /// Bytes on the wire, both ways.
    pub bytes: u64,
    /// Time for which the line is taken, when every meter answers as expected.
    pub time: Duration,
}
