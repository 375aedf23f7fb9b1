//! A year of quarter hours of some points, and the newest reading of all.

use std::path::Path;
use std::time::Duration;

use cems_gateway::model::reading::{GroupId, Sample, Scan, SeriesId, Value};
use cems_gateway::time::{Interval, UtcTime};

use crate::site::{END, POINTS, POINTS_OF_A_YEAR, START, at, ops};

/// Points that are read together.
const TOGETHER: usize = 100;

pub fn fill(dir: &Path) {
    let (_, ops) = ops(dir);
    let store = ops.store();
    let group = |first: usize| -> GroupId {
        let series: Vec<SeriesId> = (first..first + TOGETHER)
            .flat_map(|point| ["EPI", "P"].map(|id| store.series(&format!("PT-{point:04}"), id).unwrap()))
            .collect();
        store.group(&series).unwrap()
    };
    let groups: Vec<GroupId> = (0..POINTS).step_by(TOGETHER).map(group).collect();
    let (mut time, end, mut step) = (at(START), at(END), 0_u32);
    while time <= end {
        let of_a_year = POINTS_OF_A_YEAR / TOGETHER;
        let count = if time == end { groups.len() } else { of_a_year };
        for (number, group) in groups.iter().take(count).enumerate() {
            store.append_blocking(scan(*group, number, step, time)).unwrap();
        }
        if step % 96 == 0 {
            store.flush().unwrap();
            // The writer sums up when it has nothing else to do; so much at once never comes from meters.
            while store.status().waiting_quarters > 200 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        (time, step) = (time.plus(Interval::QUARTER_HOUR), step + 1);
    }
    // Two more scans, so that the last quarter hour is over and summed up.
    for _ in 0..3 {
        for (number, group) in groups.iter().enumerate() {
            store.append_blocking(scan(*group, number, step, time)).unwrap();
        }
        (time, step) = (time.plus(Interval::QUARTER_HOUR), step + 1);
    }
    while store.status().waiting_quarters > 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    store.close().unwrap();
}

fn scan(group: GroupId, number: usize, step: u32, at: UtcTime) -> Scan {
    let samples = (0..TOGETHER).flat_map(|place| {
        let point = u32::try_from(number * TOGETHER + place).unwrap();
        let noise = (step * 31 + point).wrapping_mul(2_654_435_761) >> 22;
        let energy = f64::from(step) * 12.5 + f64::from(point) * 100.0;
        let power = 50.0 + f64::from(noise) / 10.0;
        [energy, power].map(|value| Sample::good(Value::Number(value)))
    });
    Scan { group, at, samples: samples.collect() }
}
