//! The four afternoons of August 2024 on which the production line takes less than its table says, from
//! 13:00 to 15:00.
//!
//! On 2024-08-06 the factory answers a call to clip the peak. On three working days before, part of the line
//! stands for maintenance in the same hours. The amounts are chosen so that the worked example of
//! demand response comes out: the mean of the last five working days is 2 380, 2 395, 2 410, 2 465, 2 440,
//! 2 400, 2 370 and 2 340 kW at the grid, and the load in the event 2 010, 1 990, 1 975, 1 960, 1 950, 1 945,
//! 1 950 and 1 940 kW.

/// A calendar date: year, month (0 is January), day of the month (0 is the first).
pub(super) type Date = (i16, usize, usize);

/// The first slot of a curtailment, at 13:00.
const FIRST_SLOT: usize = 52;
/// Slots of one, to 15:00.
const SLOTS: usize = 8;

/// Dates with what the line takes less in each slot, in Wh.
const CURTAILMENTS: [(Date, [i64; SLOTS]); 4] = [
    ((2024, 7, 0), [245_116, 237_416, 238_950, 233_133, 235_766, 194_516, 277_600, 296_433]),
    ((2024, 7, 1), [245_116, 237_416, 238_950, 233_133, 235_766, 194_516, 277_600, 296_433]),
    ((2024, 7, 4), [245_118, 237_418, 238_950, 233_134, 235_768, 194_518, 277_600, 296_434]),
    ((2024, 7, 5), [214_070, 218_200, 227_520, 242_470, 240_300, 207_700, 249_700, 256_900]),
];

/// What the line takes less in a slot of `date`.
pub(super) fn of_slot(date: Date, slot: usize) -> i64 {
    let of_date = CURTAILMENTS.iter().find(|(known, _)| *known == date);
    let place = slot.checked_sub(FIRST_SLOT);
    of_date.zip(place).and_then(|((_, amounts), place)| amounts.get(place)).copied().unwrap_or(0)
}

/// What the line has taken less on all days before `date`.
pub(super) fn before(date: Date) -> i64 {
    CURTAILMENTS.iter().filter(|(known, _)| *known < date).flat_map(|(_, amounts)| amounts).sum()
}
