//! How many bytes a reading takes, on the mix of quantities that a plant has.

use crate::limits;
use crate::model::reading::{GroupId, Sample, Scan, Value};
use crate::store::epoch::Epoch;
use crate::store::periods::block;
use crate::store::ring::{self, RingCoder};
use crate::time::UtcTime;

#[path = "../../benches/store/workload.rs"]
#[expect(dead_code, clippy::cast_precision_loss, reason = "one meter is enough, and its numbers are small")]
mod workload;

fn scan(meter: &mut workload::Meter, second: i64) -> Scan {
    let samples = meter.values().map(|value| Sample::good(Value::Number(value)));
    Scan {
        group: GroupId(0),
        at: UtcTime::from_ms(workload::START_MS + second * 1_000),
        samples: samples.to_vec(),
    }
}

fn bytes_per_reading(bytes: usize, readings: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap()) / f64::from(u32::try_from(readings).unwrap())
}

#[test]
fn a_quantised_reading_takes_well_under_a_byte() {
    let mut meter = workload::site().swap_remove(0);
    let scans: Vec<Scan> =
        (0_i64..).take(limits::EPOCH_SCANS_MAX).map(|second| scan(&mut meter, second)).collect();
    let readings = scans.len() * scans[0].samples.len();

    let mut epoch = Epoch::default();
    (1_u64..).zip(&scans).for_each(|(sequence, scan)| epoch.push(sequence, scan));
    let blocks = epoch.groups().iter().flat_map(|(group, columns)| block::blocks(0, *group, columns));
    let sealed: usize = blocks.map(|block| block.value.len()).sum();
    let sealed = bytes_per_reading(sealed, readings);

    let mut coder = RingCoder::default();
    let five_seconds = scans.chunks(5);
    let records =
        five_seconds.flat_map(|scans| ring::records(0, &coder.encode(1, scans).1).collect::<Vec<_>>());
    let ringed = bytes_per_reading(records.map(|record| record.len()).sum(), readings);

    assert!(sealed < 0.65, "{sealed:.3} bytes a sealed reading");
    assert!(ringed < 0.8, "{ringed:.3} bytes a reading in the ring");
}
