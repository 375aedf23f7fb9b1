//! The ring: what makes scans durable within seconds, long before their epoch is sealed.
//!
//! ```text
//! record   version (1) u8 | epoch u32 BE | 1 when the batch ends here, else 0 | part of a batch
//! batch    varint sequence number of the first scan | varint scans | bits of the scans
//! scan     1 when the group is the one that followed last time, else 0 and the group (16 bits);
//!          time (code/ramp.rs); one sample a series (code/sample.rs)
//! ```
//!
//! There are two rings, for even and for odd epochs. Records lie in slots 0, 1, 2 and on; the next
//! epoch of the ring overwrites them from slot 0. The epoch number tells stale slots apart. What the coders remember is carried through the whole epoch, so records
//! decode only in order, from the first one.

use std::collections::HashMap;

use crate::limits;
use crate::model::reading::{GroupId, Sample, Scan};
use crate::store::code::Coder;
use crate::store::code::bits::{BitReader, BitWriter, put_varint, take_varint};
use crate::store::code::ramp::RampCoder;
use crate::store::code::sample::SampleCoder;
use crate::time::UtcTime;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 6;
/// A batch is closed at this size, so that replaying needs little memory at a time.
const BATCH_BYTES: usize = 16 * 1_024;

/// What is remembered of one group.
#[derive(Debug, Default)]
struct GroupCoder {
    times: RampCoder,
    series: Vec<SampleCoder>,
}

/// Codes scans into batches and back; remembers everything since the start of the epoch.
#[derive(Debug, Default)]
pub(super) struct RingCoder {
    groups: HashMap<GroupId, GroupCoder>,
    followers: HashMap<Option<GroupId>, GroupId>,
    previous: Option<GroupId>,
}

impl RingCoder {
    /// Codes scans from the front of `scans` until the batch is large enough; gives how many.
    /// `first_sequence` is the number of the first, the others count on from it.
    pub(super) fn encode(&mut self, first_sequence: u64, scans: &[Scan]) -> (usize, Vec<u8>) {
        let mut bits = BitWriter::default();
        let mut count = 0;
        for scan in scans {
            self.encode_scan(scan, &mut bits);
            count += 1;
            if bits.len() >= BATCH_BYTES {
                break;
            }
        }
        let mut batch = Vec::with_capacity(bits.len() + 12);
        put_varint(&mut batch, first_sequence);
        put_varint(&mut batch, count as u64);
        batch.extend_from_slice(bits.bytes());
        (count, batch)
    }

    fn encode_scan(&mut self, scan: &Scan, out: &mut BitWriter) {
        if self.follower() == Some(scan.group) {
            out.put(1, 1);
        } else {
            out.put(0, 1);
            out.put(u64::from(scan.group.0), 16);
        }
        let group = self.enter(scan.group, scan.samples.len());
        group.times.encode(&scan.at.as_ms(), out);
        for (coder, sample) in group.series.iter_mut().zip(&scan.samples) {
            coder.encode(sample, out);
        }
    }

    /// Decodes the scans of a batch with their sequence numbers; `width_of` gives the number of
    /// series of a group. `None` when the batch does not read back.
    pub(super) fn decode(
        &mut self,
        mut batch: &[u8],
        width_of: impl Fn(GroupId) -> Option<usize>,
    ) -> Option<Vec<(u64, Scan)>> {
        let first_sequence = take_varint(&mut batch)?;
        let count = take_varint(&mut batch)?;
        let mut bits = BitReader::new(batch);
        let sequences = (0..count).map(|index| first_sequence.checked_add(index));
        sequences.map(|sequence| Some((sequence?, self.decode_scan(&mut bits, &width_of)?))).collect()
    }

    fn decode_scan(
        &mut self,
        bits: &mut BitReader<'_>,
        width_of: impl Fn(GroupId) -> Option<usize>,
    ) -> Option<Scan> {
        let id = if bits.flag()? { self.follower()? } else { GroupId(u16::try_from(bits.take(16)?).ok()?) };
        let group = self.enter(id, width_of(id)?);
        let at = UtcTime::from_ms(group.times.decode(bits)?);
        let samples: Option<Vec<Sample>> = group.series.iter_mut().map(|coder| coder.decode(bits)).collect();
        Some(Scan { group: id, at, samples: samples? })
    }

    fn follower(&self) -> Option<GroupId> {
        self.followers.get(&self.previous).copied()
    }

    fn enter(&mut self, id: GroupId, width: usize) -> &mut GroupCoder {
        self.followers.insert(self.previous, id);
        self.previous = Some(id);
        let group = self.groups.entry(id).or_default();
        if group.series.len() < width {
            group.series.resize_with(width, SampleCoder::default);
        }
        group
    }
}

/// The records that hold a batch.
pub(super) fn records(epoch: u32, batch: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut parts = batch.chunks(limits::RING_RECORD_BYTES_MAX - HEAD_BYTES).peekable();
    std::iter::from_fn(move || {
        let part = parts.next()?;
        let mut record = Vec::with_capacity(HEAD_BYTES + part.len());
        record.push(VERSION);
        record.extend_from_slice(&epoch.to_be_bytes());
        record.push(u8::from(parts.peek().is_none()));
        record.extend_from_slice(part);
        Some(record)
    })
}

/// The key of a record. Two rings take turns, so that one epoch can be sealed out of memory while the
/// next one fills the other.
pub(super) fn key(epoch: u32, slot: u32) -> [u8; 5] {
    let [slot_0, slot_1, slot_2, slot_3] = slot.to_be_bytes();
    [ring_of(epoch), slot_0, slot_1, slot_2, slot_3]
}

/// The slot of a key, where it is one of the ring that `epoch` is written to.
pub(super) fn slot(key: &[u8], epoch: u32) -> Option<u32> {
    let (&ring, slot) = key.split_first()?;
    (ring == ring_of(epoch)).then(|| slot.try_into().map(u32::from_be_bytes).ok())?
}

fn ring_of(epoch: u32) -> u8 {
    u8::from(epoch % 2 == 1)
}

/// One record, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The epoch it was written in.
    pub(super) epoch: u32,
    /// Whether the batch ends with it.
    pub(super) ends_batch: bool,
    /// Its part of the batch.
    pub(super) part: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record of these bytes; `None` when they are none of ours.
    pub(super) fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (&end, part) = rest.split_first()?;
        Some(Self { epoch: u32::from_be_bytes(*epoch), ends_batch: end == 1, part })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::code::sample::tests::{any_sample, same_bits};

    /// Group 0 has one series, group 1 has five and so on.
    fn width(group: GroupId) -> Option<usize> {
        (group.0 < 4).then(|| usize::from(group.0) * 4 + 1)
    }

    fn any_scan() -> impl Strategy<Value = Scan> {
        (0_u16..4, 0_i64..100_000).prop_flat_map(|(group, late_ms)| {
            let samples = prop::collection::vec(any_sample(), width(GroupId(group)).unwrap());
            samples.prop_map(move |samples| Scan {
                group: GroupId(group),
                at: UtcTime::from_ms(1_700_000_000_000 + late_ms),
                samples,
            })
        })
    }

    fn same(left: &Scan, right: &Scan) -> bool {
        (left.group, left.at) == (right.group, right.at)
            && left.samples.iter().zip(&right.samples).all(|(left, right)| same_bits(left, right))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn scans_read_back_from_the_records_of_all_their_batches(
            batches in prop::collection::vec(prop::collection::vec(any_scan(), 1..300), 1..4)
        ) {
            let (mut coder, mut back) = (RingCoder::default(), RingCoder::default());
            let mut sequence = 1;
            for scans in &batches {
                let mut left = scans.as_slice();
                while !left.is_empty() {
                    let (count, batch) = coder.encode(sequence, left);
                    let values: Vec<Vec<u8>> = records(9, &batch).collect();
                    prop_assert!(values.iter().all(|value| value.len() <= limits::RING_RECORD_BYTES_MAX));
                    let parts: Vec<Record<'_>> =
                        values.iter().map(|value| Record::from_bytes(value).unwrap()).collect();
                    prop_assert!(parts.iter().rev().skip(1).all(|part| !part.ends_batch));
                    prop_assert!(parts.last().unwrap().ends_batch);
                    let joined: Vec<u8> = parts.iter().flat_map(|part| part.part).copied().collect();
                    let read = back.decode(&joined, width).unwrap();
                    prop_assert_eq!(read.len(), count);
                    for ((number, scan), expected) in read.iter().zip(left) {
                        prop_assert_eq!(*number, sequence);
                        prop_assert!(same(scan, expected), "{expected:?} came back as {scan:?}");
                        sequence += 1;
                    }
                    left = &left[count..];
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            RingCoder::default().decode(&bytes, width);
            Record::from_bytes(&bytes);
        }
    }
}
