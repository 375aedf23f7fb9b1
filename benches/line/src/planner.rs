//! The read planner against the best of all plans, and against the two usual ways to plan.
//!
//! Every plan is judged by the time for which it takes the line: `(13 + 2n) * character + turnaround + silence`
//! for a read of n registers.

use std::time::{Duration, Instant};

use cems_gateway::modbus::plan::{CostModel, PlannedRead, plan};
use cems_gateway::model::meter::ReadLimits;
use cems_gateway::model::register::{Span, Table};

const MAPS: u32 = 3_000;
/// All plans of so many values are tried: 2^15.
const VALUES_MAX: u64 = 16;
/// What an SDM630 gives in one read (40 floats).
const SDM630_REGISTERS_MAX: u16 = 80;
const SDM630_METERS: u32 = 32;

/// The floats of an Eastron SDM630 by its protocol manual, run by run: first register, number of floats.
const SDM630: [(u16, u16); 15] = [
    (0x00, 22),
    (0x2E, 2),
    (0x34, 1),
    (0x38, 1),
    (0x3C, 2),
    (0x42, 1),
    (0x46, 9),
    (0x64, 4),
    (0xC8, 4),
    (0xE0, 1),
    (0xEA, 6),
    (0xF8, 2),
    (0xFE, 1),
    (0x102, 6),
    (0x14E, 24),
];

/// Compares and prints.
pub fn compare() {
    let worst = (0..MAPS).map(times_the_best).fold(1.0, f64::max);
    println!("maps {MAPS}");
    println!("times_best {worst:.4}");
    for (baud, turnaround_ms) in
        [(9_600, 0), (9_600, 20), (19_200, 0), (19_200, 20), (115_200, 0), (115_200, 20)]
    {
        sdm630(baud, Duration::from_millis(turnaround_ms));
    }
}

/// How much longer our plan of a random map takes than the best of all plans.
fn times_the_best(seed: u32) -> f64 {
    let mut random = Random(u64::from(seed) + 1);
    let values = random_map(&mut random);
    let limits = ReadLimits { registers_max: 4 + random.below(122), ..ReadLimits::default() };
    let baud = [2_400, 9_600, 19_200, 115_200][usize::from(random.below(4))];
    let cost = CostModel::rtu(baud, 11, Duration::from_millis(random.below(60).into()));
    time_of(&ours(&values, &limits, &cost), &cost).div_duration_f64(best_of_all(&values, &limits, &cost))
}

/// Values of one to four registers with holes between them, most of them narrow.
fn random_map(random: &mut Random) -> Vec<Span> {
    let mut start = 0;
    let values = 2 + random.below(VALUES_MAX - 1);
    let value = |_| {
        let count = 1 + random.below(4);
        let span = Span { start, count };
        let hole_max = [1, 4, 20, 80][usize::from(random.below(4))];
        start += count + random.below(hole_max);
        span
    };
    (0..values).map(value).collect()
}

/// The shortest time of all ways to cut the values into reads.
fn best_of_all(values: &[Span], limits: &ReadLimits, cost: &CostModel) -> Duration {
    let time_of_cuts = |cuts: u32| {
        let is_cut = |place: usize| cuts >> place & 1 == 1;
        let reads = cut(values, |place, _| is_cut(place), limits);
        reads.map(|reads| time_of(&reads, cost))
    };
    (0..1_u32 << (values.len() - 1)).filter_map(time_of_cuts).min().unwrap()
}

/// The reads between the places at which `cuts`; `None` when one is too large for the meter.
fn cut(values: &[Span], cuts: impl Fn(usize, u32) -> bool, limits: &ReadLimits) -> Option<Vec<Span>> {
    let mut reads: Vec<Span> = vec![values[0]];
    for (place, pair) in values.windows(2).enumerate() {
        let hole = u32::from(pair[1].start) - pair[0].end();
        match reads.last_mut() {
            Some(read) if !cuts(place, hole) => {
                read.count = u16::try_from(pair[1].end() - u32::from(read.start)).unwrap();
            }
            _ => reads.push(pair[1]),
        }
    }
    reads.iter().all(|read| read.count <= limits.registers_max).then_some(reads)
}

/// One cycle of 32 meters on one line, planned in three ways.
fn sdm630(baud: u32, turnaround: Duration) {
    let floats = |(start, floats): (u16, u16)| {
        (0..floats).map(move |index| Span { start: start + 2 * index, count: 2 })
    };
    let values: Vec<Span> = SDM630.into_iter().flat_map(floats).collect();
    let limits = ReadLimits { registers_max: SDM630_REGISTERS_MAX, ..ReadLimits::default() };
    let cost = CostModel::rtu(baud, 11, turnaround);
    let contiguous = cut(&values, |_, hole| hole > 0, &limits).unwrap();
    let began = Instant::now();
    let planned = ours(&values, &limits, &cost);
    let planning_us = began.elapsed().as_micros();
    let cycle_s = |reads: &[Span]| (time_of(reads, &cost) * SDM630_METERS).as_secs_f64();
    let case = format!("{baud}-{}", turnaround.as_millis());
    println!("alone_s-{case} {:.2}", cycle_s(&values));
    println!("contiguous_s-{case} {:.2}", cycle_s(&contiguous));
    println!("planned_s-{case} {:.2}", cycle_s(&planned));
    println!("reads-{case} {}", planned.len());
    println!("planning_us-{case} {planning_us}");
    println!("times_faster-{case} {:.3}", cycle_s(&contiguous) / cycle_s(&planned));
}

fn ours(values: &[Span], limits: &ReadLimits, cost: &CostModel) -> Vec<Span> {
    let items: Vec<_> = values.iter().map(|span| (Table::InputRegister, *span)).collect();
    plan(&items, limits, cost).into_iter().map(|PlannedRead { span, .. }| span).collect()
}

fn time_of(reads: &[Span], cost: &CostModel) -> Duration {
    let (turnaround, silence) = (cost.turnaround, cost.gap);
    reads.iter().map(|read| cost.char_time * (13 + 2 * u32::from(read.count)) + turnaround + silence).sum()
}

/// The same numbers in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u16 {
        self.0 = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u16::try_from(self.0 % end).unwrap()
    }
}
