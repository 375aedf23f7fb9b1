//! The tables of the factory: what each of its loads and sources takes or gives in a slot of fifteen
//! minutes. Whole numbers throughout, so that sums are exact.
//!
//! The figures of April and May are chosen so that whole months come out round: in April 2024 the
//! factory imports 486 300 kWh, burns 12 000 m³ of gas and makes 1 215.75 t, and in the peak hours
//! (8-11, 13-15 and 18-21) air conditioning takes 18 432.6 kWh in April 2024 and 31 877.2 kWh in
//! May, ventilation 6 210.4 kWh and 6 655.8 kWh.

use super::calendar::{Day, SLOTS};

/// One digit a slot, in base 36: `0` to `9`, then `a` (10) to `z` (35).
#[derive(Debug)]
pub(super) struct Shape(&'static [u8; SLOTS]);

impl Shape {
    fn digit(&self, slot: usize) -> i64 {
        self.0.get(slot).and_then(|byte| char::from(*byte).to_digit(36)).map_or(0, i64::from)
    }
}

/// Amount of a slot = `base[month] + swing[month] x shape[slot]`, the shape that of a working day or
/// of a day of rest.
#[derive(Debug)]
pub(super) struct Load {
    base: [i64; 12],
    swing: [i64; 12],
    work: Shape,
    rest: Shape,
}

impl Load {
    /// What flows in one slot of such a day.
    pub(super) fn amount(&self, day: Day, slot: usize) -> i64 {
        let shape = if day.is_rest() { &self.rest } else { &self.work };
        self.base[day.month] + self.swing[day.month] * shape.digit(slot)
    }
}

/// What the photovoltaics give: `SUN_PEAK[month] x SKY[weekday] x SUN[slot]` Wh a slot.
pub(super) fn photovoltaics(day: Day, slot: usize) -> i64 {
    SUN_PEAK[day.month] * SKY[day.weekday] * SUN.digit(slot)
}

/// What the storage takes, Wh a slot; negative while it gives. The same on every day, and nothing
/// over a whole day.
pub(super) fn storage(slot: usize) -> i64 {
    match slot / 4 {
        0..=5 => 25_625,
        9..=10 => -30_000,
        11..=12 => 20_000,
        13..=14 => -25_000,
        18..=20 => -32_500,
        22..=23 => 6_875,
        _ => 0,
    }
}

/// How high the sun stands in each month.
const SUN_PEAK: [i64; 12] = [450, 560, 700, 820, 900, 935, 960, 940, 800, 680, 520, 430];
/// How clear the sky is on each day of the week; Thursday and Sunday are cloudy here.
const SKY: [i64; 7] = [4, 5, 5, 2, 4, 5, 3];
const SUN: Shape = Shape(
    b"000000000000000000000001368acefhiklmopqrrsqttuuuuuutttsrrqpomlkihfeca863100000000000000000000000",
);

/// The production line, Wh a slot.
pub(super) static LINE: Load = Load {
    base: [
        82_000, 70_000, 80_000, 76_848, 150_000, 260_000, 451_530, 451_530, 300_000, 140_000, 90_000, 86_000,
    ],
    swing: [27_000, 24_000, 28_000, 29_232, 31_000, 34_000, 38_550, 38_550, 34_000, 30_000, 28_000, 27_000],
    work: Shape(
        b"222222222222222222222222333355557777888888888888666688888788777766665555444433333333222222222222",
    ),
    rest: Shape(
        b"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    ),
};

/// Chiller 1, Wh a slot.
pub(super) static CHILLER_1: Load = Load {
    base: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    swing: [1_500, 1_500, 1_700, 2_084, 3_432, 4_600, 6_100, 6_200, 4_700, 2_800, 1_700, 1_500],
    work: Shape(
        b"111111111111111111111111222244456665777788878888888888889999999999998888666655554444333322221111",
    ),
    rest: Shape(
        b"111111111111111111111111111122222322333333333333333344444444444444443333333322222222111111111111",
    ),
};

/// Chiller 2, Wh a slot.
pub(super) static CHILLER_2: Load = Load {
    base: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    swing: [1_300, 1_300, 1_500, 2_217, 3_736, 4_900, 6_400, 6_500, 5_000, 3_000, 1_500, 1_300],
    work: Shape(
        b"000000000000000000000000000011113633555566666666666677787777777777776666443423220000000000000000",
    ),
    rest: Shape(
        b"000000000000000000000000000000000000000011111111111122222222222222221111111100000000000000000000",
    ),
};

/// Workshop ventilation, Wh a slot.
pub(super) static VENTILATION: Load = Load {
    base: [1_900, 1_900, 1_900, 1_947, 2_160, 1_900, 1_900, 1_900, 1_900, 1_900, 1_900, 1_900],
    swing: [870, 870, 870, 860, 858, 870, 870, 870, 870, 870, 870, 870],
    work: Shape(
        b"111111111111111111111111333355556777989899999999777798999999999999997777555533333333111111111111",
    ),
    rest: Shape(
        b"111111111111111111111111111111111111222222222222222222222222222222222222111111111111111111111111",
    ),
};

/// The charging station, Wh a slot.
pub(super) static CHARGERS: Load = Load {
    base: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    swing: [4_370, 4_370, 4_370, 4_370, 4_370, 4_370, 4_370, 4_370, 4_370, 4_370, 4_370, 4_370],
    work: Shape(
        b"222211111111000000000000000011113333444456555555444433332222222222223333555566667777555544443333",
    ),
    rest: Shape(
        b"222211111111000000000000000000001111222233333333444444443333333333333333444455555555444433332222",
    ),
};

/// Natural gas, litres a slot.
pub(super) static GAS: Load = Load {
    base: [1_900, 1_800, 1_000, 618, 600, 600, 600, 600, 600, 650, 1_000, 1_700],
    swing: [1_300, 1_250, 1_100, 960, 900, 850, 800, 800, 850, 950, 1_100, 1_250],
    work: Shape(
        b"222222222222222222222222444455558888888888887888777788888888888877765555443433333333333322222222",
    ),
    rest: Shape(
        b"111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
    ),
};

/// Product A, kilograms a slot.
pub(super) static OUTPUT: Load = Load {
    base: [310, 250, 305, 315, 430, 640, 900, 900, 700, 420, 320, 310],
    swing: [32, 26, 33, 33, 38, 44, 52, 52, 45, 38, 33, 32],
    work: Shape(
        b"222222222222222222222222333354557777888888888888666688888888777766664555444432333333222222222222",
    ),
    rest: Shape(
        b"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    ),
};
