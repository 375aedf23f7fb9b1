//! The simulated factory `CEMS-310000-0001`: every value a closed formula of time.
//!
//! Time is cut into slots of fifteen minutes, local time (+08:00). Within a slot every power is
//! constant. With `month`, `weekday` and `slot` of an instant in local time:
//!
//! | what | amount of one slot |
//! |---|---|
//! | line, chillers, ventilation, chargers (Wh), gas (l), output (kg) | `base[month] + swing[month] x shape[slot]` |
//! | photovoltaics (Wh) | `SUN_PEAK[month] x SKY[weekday] x SUN[slot]` |
//! | storage (Wh, positive while it charges) | by hour of the day, the same every day |
//! | grid (Wh) | line + chillers + ventilation + chargers - photovoltaics + storage |
//!
//! On four afternoons of August 2024 the line, and with it the grid, takes less (`curtailment.rs`).
//!
//! The tables are in `load.rs`. From an amount follow
//!
//! - the power in watts, 4 x amount;
//! - the register, the sum of the amounts of all slots since 2020-01-01T00:00:00+08:00 and, of the
//!   slot that is running, `amount x seconds / 900` rounded down. An import register counts amounts
//!   above zero, an export register those below. Everything is in whole Wh, litres and kilograms;
//! - the state of charge in tenths of a percent, `200 + (charged - discharged since midnight) / 1000`,
//!   of 1 000 kWh.
//!
//! Milliseconds do not matter: a value holds for a whole second. The same formulas stand in
//! `tests/it/data/sim/factory.py`.

use std::sync::LazyLock;

pub use super::site::{Ports, site_toml};

use super::calendar::{Day, Moment, SLOT_SECONDS, SLOTS};
use super::curtailment::{self, Date};
use super::load;
use crate::time::UtcTime;

/// The factory's own ID.
pub const CEMS_ID: &str = "CEMS-310000-0001";

/// Something that flows, in whole units a slot: Wh, litres or kilograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// What the factory takes from the grid; negative while it feeds in.
    Grid,
    GridImport,
    GridExport,
    Line,
    Chiller1,
    Chiller2,
    Ventilation,
    Chargers,
    Photovoltaics,
    /// What the storage takes; negative while it gives.
    Storage,
    StorageCharge,
    StorageDischarge,
    Gas,
    Output,
}

const FLOWS: usize = Flow::Output as usize + 1;
const ALL_FLOWS: [Flow; FLOWS] = [
    Flow::Grid,
    Flow::GridImport,
    Flow::GridExport,
    Flow::Line,
    Flow::Chiller1,
    Flow::Chiller2,
    Flow::Ventilation,
    Flow::Chargers,
    Flow::Photovoltaics,
    Flow::Storage,
    Flow::StorageCharge,
    Flow::StorageDischarge,
    Flow::Gas,
    Flow::Output,
];

/// What one kind of day adds to each flow.
type DayTotals = [[i64; 7]; 12];

static DAY_TOTALS: LazyLock<[DayTotals; FLOWS]> =
    LazyLock::new(|| ALL_FLOWS.map(|flow| day_totals(|day, slot| flow.amount(day, slot))));

fn day_totals(amount: impl Fn(Day, usize) -> i64) -> DayTotals {
    let total = |month, weekday| (0..SLOTS).map(|slot| amount(Day { month, weekday }, slot)).sum();
    std::array::from_fn(|month| std::array::from_fn(|weekday| total(month, weekday)))
}

impl Flow {
    /// What flows in one slot.
    fn amount(self, day: Day, slot: usize) -> i64 {
        match self {
            Self::Grid => {
                let loads = [Self::Line, Self::Chiller1, Self::Chiller2, Self::Ventilation, Self::Chargers];
                let taken: i64 = loads.into_iter().map(|flow| flow.amount(day, slot)).sum();
                taken - load::photovoltaics(day, slot) + load::storage(slot)
            }
            Self::GridImport => Self::Grid.amount(day, slot).max(0),
            Self::GridExport => (-Self::Grid.amount(day, slot)).max(0),
            Self::Line => load::LINE.amount(day, slot),
            Self::Chiller1 => load::CHILLER_1.amount(day, slot),
            Self::Chiller2 => load::CHILLER_2.amount(day, slot),
            Self::Ventilation => load::VENTILATION.amount(day, slot),
            Self::Chargers => load::CHARGERS.amount(day, slot),
            Self::Photovoltaics => load::photovoltaics(day, slot),
            Self::Storage => load::storage(slot),
            Self::StorageCharge => load::storage(slot).max(0),
            Self::StorageDischarge => (-load::storage(slot)).max(0),
            Self::Gas => load::GAS.amount(day, slot),
            Self::Output => load::OUTPUT.amount(day, slot),
        }
    }

    /// What is to be taken off what the tables say, given what the line takes less.
    const fn less(self, curtailed: i64) -> i64 {
        match self {
            Self::Grid | Self::GridImport | Self::Line => curtailed,
            _ => 0,
        }
    }

    /// What flows in one slot of a calendar date.
    fn on(self, date: Date, day: Day, slot: usize) -> i64 {
        self.amount(day, slot) - self.less(curtailment::of_slot(date, slot))
    }

    /// What flows in the slot of `moment`.
    fn now(self, moment: Moment) -> i64 {
        self.on(moment.date(), moment.day, moment.slot)
    }

    /// What has flowed since midnight, rounded down.
    fn today(self, moment: Moment) -> i64 {
        let whole: i64 = (0..moment.slot).map(|slot| self.on(moment.date(), moment.day, slot)).sum();
        whole + (self.now(moment) * moment.second).div_euclid(SLOT_SECONDS)
    }

    /// What has flowed since the epoch, rounded down.
    fn since_epoch(self, moment: Moment) -> i64 {
        let counts = moment.days_since_epoch();
        let days = counts.iter().flatten().zip(DAY_TOTALS[self as usize].iter().flatten());
        let by_tables: i64 = days.map(|(count, total)| count * total).sum();
        by_tables - self.less(curtailment::before(moment.date())) + self.today(moment)
    }
}

/// A quantity that some meter of the factory measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity(Formula);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Formula {
    /// kW.
    Power(Flow),
    /// kWh, m³ or t.
    Register(Flow),
    /// %.
    StateOfCharge,
    /// 1 charging, 2 discharging, 3 standby.
    StorageState,
    /// V between a phase (0 is A) and neutral.
    Voltage(usize),
    /// Hz.
    Frequency,
    PowerFactor,
}

impl Quantity {
    /// What the Parameter of this Point measures; `None` where the factory has no such Parameter.
    #[must_use]
    pub fn of(point_id: &str, parameter_id: &str) -> Option<Self> {
        let (net, import, export) = flows(point_id)?;
        let formula = match (point_id, parameter_id) {
            ("PT-GRID", "UA") => Formula::Voltage(0),
            ("PT-GRID", "UB") => Formula::Voltage(1),
            ("PT-GRID", "UC") => Formula::Voltage(2),
            ("PT-GRID", "F") => Formula::Frequency,
            ("PT-GRID", "PF") => Formula::PowerFactor,
            ("PT-ESS1", "SOC") => Formula::StateOfCharge,
            ("PT-ESS1", "STATE") => Formula::StorageState,
            ("PT-GAS", "VOL") | ("PT-PROD-A", "OUTPUT") => Formula::Register(net),
            ("PT-GAS" | "PT-PROD-A", _) => return None,
            (_, "P") => Formula::Power(net),
            (_, "EPI") => Formula::Register(import?),
            (_, "EPE") => Formula::Register(export?),
            _ => return None,
        };
        Some(Self(formula))
    }

    /// The value at `at`, in the unit that the factory's site file gives: kW, kWh, m³, t, %, V, Hz.
    #[must_use]
    pub fn value(self, at: UtcTime) -> f64 {
        let moment = Moment::at(at);
        let (number, per_unit) = self.0.whole_number(moment);
        // Exact: both are whole numbers below 2^53, and one division rounds once.
        #[expect(clippy::cast_precision_loss, reason = "2^53 Wh are nine thousand years of this factory")]
        let value = number as f64 / per_unit;
        value
    }
}

impl Formula {
    /// The value as a whole number, and how many of these make one of its unit.
    fn whole_number(self, moment: Moment) -> (i64, f64) {
        let slot = i64::try_from(moment.slot).unwrap_or(0);
        match self {
            Self::Power(flow) => (4 * flow.now(moment), 1_000.0),
            Self::Register(flow) => (flow.since_epoch(moment), 1_000.0),
            Self::StateOfCharge => (200 + Flow::Storage.today(moment).div_euclid(1_000), 10.0),
            Self::StorageState => (storage_state(load::storage(moment.slot)), 1.0),
            Self::Voltage(phase) => {
                let step = (slot + 4 * i64::try_from(phase).unwrap_or(0)) % 11;
                (2_300 + 2 * (step - 5), 10.0)
            }
            Self::Frequency => (5_000 + slot % 7 - 3, 100.0),
            Self::PowerFactor => (930 + 10 * (slot % 5), 1_000.0),
        }
    }
}

const fn storage_state(taken: i64) -> i64 {
    match taken {
        1.. => 1,
        ..=-1 => 2,
        0 => 3,
    }
}

/// The net, import and export flow of a Point.
const fn flows(point_id: &str) -> Option<(Flow, Option<Flow>, Option<Flow>)> {
    let (net, import, export) = match point_id.as_bytes() {
        b"PT-GRID" => (Flow::Grid, Some(Flow::GridImport), Some(Flow::GridExport)),
        b"PT-LINE1" => (Flow::Line, Some(Flow::Line), None),
        b"PT-CH1" => (Flow::Chiller1, Some(Flow::Chiller1), None),
        b"PT-CH2" => (Flow::Chiller2, Some(Flow::Chiller2), None),
        b"PT-VENT1" => (Flow::Ventilation, Some(Flow::Ventilation), None),
        b"PT-EV1" => (Flow::Chargers, Some(Flow::Chargers), None),
        b"PT-PV1" => (Flow::Photovoltaics, None, Some(Flow::Photovoltaics)),
        b"PT-ESS1" => (Flow::Storage, Some(Flow::StorageCharge), Some(Flow::StorageDischarge)),
        b"PT-GAS" => (Flow::Gas, None, None),
        b"PT-PROD-A" => (Flow::Output, None, None),
        _ => return None,
    };
    Some((net, import, export))
}

/// The value of a Parameter of the factory at `at`, as [`Quantity::value`] gives it.
#[must_use]
pub fn value(point_id: &str, parameter_id: &str, at: UtcTime) -> Option<f64> {
    Some(Quantity::of(point_id, parameter_id)?.value(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Interval, UtcOffset, parse_instant};

    fn at(text: &str) -> UtcTime {
        parse_instant(text, UtcOffset::UTC).unwrap()
    }

    fn read(point: &str, parameter: &str, time: &str) -> f64 {
        value(point, parameter, at(time)).unwrap()
    }

    fn increase(point: &str, parameter: &str, from: &str, to: &str) -> f64 {
        read(point, parameter, to) - read(point, parameter, from)
    }

    #[track_caller]
    fn assert_close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-6, "{value} instead of {expected}");
    }

    #[test]
    fn the_resources_stand_as_the_worked_example_has_them() {
        let now = "2024-06-12T10:30:00+08:00";
        for (point, parameter, expected) in [
            ("PT-PV1", "P", 486.2),
            ("PT-ESS1", "P", -120.0),
            ("PT-ESS1", "SOC", 63.5),
            ("PT-ESS1", "STATE", 2.0),
            ("PT-EV1", "P", 87.4),
        ] {
            assert_close(read(point, parameter, now), expected);
        }
    }

    #[test]
    fn april_comes_out_at_400_kilowatt_hours_a_tonne() {
        let (from, to) = ("2024-04-01T00:00:00+08:00", "2024-05-01T00:00:00+08:00");
        assert_close(increase("PT-GRID", "EPI", from, to), 486_300.0);
        assert_close(increase("PT-PROD-A", "OUTPUT", from, to), 1_215.75);
        assert_close(increase("PT-GAS", "VOL", from, to), 12_000.0);
    }

    #[test]
    fn the_grid_stands_as_the_demand_example_has_it() {
        let now = "2024-07-24T14:40:00+08:00";
        assert_close(read("PT-GRID", "P", now), 2_932.4);
        let quarter_hour = increase("PT-GRID", "EPI", "2024-07-24T14:25:00+08:00", now);
        assert_close(quarter_hour * 4.0, 2_874.6);
    }

    #[test]
    fn the_demand_response_stands_as_the_worked_example_has_it() {
        let quarters = |day: &str| {
            let start = at(&format!("{day}T13:00:00+08:00")).as_ms();
            let energy = |ms: i64| value("PT-GRID", "EPI", UtcTime::from_ms(start + ms)).unwrap();
            (0..8)
                .map(|quarter| {
                    let growth = energy((quarter + 1) * 900_000) - energy(quarter * 900_000);
                    // As often in between as at the ends.
                    let power = value("PT-GRID", "P", UtcTime::from_ms(start + quarter * 900_000 + 450_000));
                    assert_close(power.unwrap(), growth * 4.0);
                    growth * 4.0
                })
                .collect::<Vec<f64>>()
        };
        let samples = ["2024-07-30", "2024-07-31", "2024-08-01", "2024-08-02", "2024-08-05"].map(quarters);
        let baseline = [2_380.0, 2_395.0, 2_410.0, 2_465.0, 2_440.0, 2_400.0, 2_370.0, 2_340.0];
        for (quarter, expected) in baseline.into_iter().enumerate() {
            assert_close(samples.iter().map(|day| day[quarter]).sum::<f64>() / 5.0, expected);
        }
        let actual = [2_010.0, 1_990.0, 1_975.0, 1_960.0, 1_950.0, 1_945.0, 1_950.0, 1_940.0];
        for (found, expected) in quarters("2024-08-06").into_iter().zip(actual) {
            assert_close(found, expected);
        }
    }

    #[test]
    fn a_register_is_the_sum_of_all_slots_through_the_curtailed_afternoons_too() {
        for flow in ALL_FLOWS {
            let mut slot_start = at("2024-07-30T00:00:00+08:00");
            let mut sum = flow.since_epoch(Moment::at(slot_start));
            for _ in 0..SLOTS * 12 {
                let moment = Moment::at(slot_start);
                assert_eq!(flow.since_epoch(moment), sum, "{flow:?} {slot_start:?}");
                sum += flow.now(moment);
                slot_start = slot_start.plus(Interval::QUARTER_HOUR);
            }
        }
    }

    #[test]
    fn peak_hours_of_cooling_and_ventilation_come_out_as_the_worked_example_has_them() {
        let peak_hours = [8, 9, 10, 13, 14, 18, 19, 20];
        let peak_energy = |points: &[&str], first: &str, days: i64| {
            let hour = |day: i64, hour: i64| {
                UtcTime::from_ms(at(first).as_ms() + day * 86_400_000 + hour * 3_600_000)
            };
            let energy = |point: &&str, day, h| {
                value(point, "EPI", hour(day, h + 1)).unwrap() - value(point, "EPI", hour(day, h)).unwrap()
            };
            let hours = (0..days).flat_map(|day| peak_hours.map(|h| (day, h)));
            hours.flat_map(|(day, h)| points.iter().map(move |p| energy(p, day, h))).sum::<f64>()
        };
        let (april, may) = ("2024-04-01T00:00:00+08:00", "2024-05-01T00:00:00+08:00");
        assert_close(peak_energy(&["PT-CH1", "PT-CH2"], april, 30), 18_432.6);
        assert_close(peak_energy(&["PT-CH1", "PT-CH2"], may, 31), 31_877.2);
        assert_close(peak_energy(&["PT-VENT1"], april, 30), 6_210.4);
        assert_close(peak_energy(&["PT-VENT1"], may, 31), 6_655.8);
    }

    #[test]
    fn a_register_is_the_sum_of_all_slots_before_it() {
        for flow in ALL_FLOWS {
            let mut sum = 0;
            let mut slot_start = super::super::calendar::EPOCH;
            for _ in 0..SLOTS * 100 {
                let moment = Moment::at(slot_start);
                assert_eq!(flow.since_epoch(moment), sum, "{flow:?} {slot_start:?}");
                sum += flow.now(moment);
                slot_start = slot_start.plus(Interval::QUARTER_HOUR);
            }
        }
    }

    #[test]
    fn within_a_slot_a_register_grows_second_by_second_and_milliseconds_do_not_matter() {
        let start = at("2024-07-24T14:30:00+08:00");
        let energy = |ms: i64| value("PT-GRID", "EPI", UtcTime::from_ms(start.as_ms() + ms)).unwrap();
        // 2932.4 kW for 450 s are 366.55 kWh.
        assert_close(energy(450_000) - energy(0), 366.55);
        assert_eq!(energy(1_000).to_bits(), energy(1_999).to_bits());
    }

    #[test]
    fn what_the_factory_does_not_have_has_no_value() {
        let now = at("2024-06-12T10:30:00+08:00");
        for (point, parameter) in
            [("PT-NONE", "P"), ("PT-CH1", "EPE"), ("PT-PV1", "EPI"), ("PT-GAS", "P"), ("PT-CH1", "SOC")]
        {
            assert_eq!(value(point, parameter, now), None, "{point} {parameter}");
        }
    }

    #[test]
    fn the_charge_stays_inside_the_storage_and_returns_by_midnight() {
        let midnight = at("2024-06-12T00:00:00+08:00").as_ms();
        for minute in 0..=1_440 {
            let charge = value("PT-ESS1", "SOC", UtcTime::from_ms(midnight + minute * 60_000)).unwrap();
            assert!((10.0..=90.0).contains(&charge), "{charge} % after {minute} minutes");
        }
        assert_close(read("PT-ESS1", "SOC", "2024-06-13T00:00:00+08:00"), 20.0);
    }
}
