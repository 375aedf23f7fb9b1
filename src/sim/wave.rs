//! What the meters of any other site show: a plain waveform that can be computed by hand.
//!
//! With `s` the whole seconds since 2020-01-01T00:00:00+08:00 and `k = 1 + (7 x unit + address) mod 97`:
//!
//! - a register that only grows shows `k x s / 3600`: `k` units an hour;
//! - any other quantity with a valid range shows `min + (max - min) x (20 + (s + k) mod 60) / 100`;
//! - any other shows `k + (s mod 60) / 10`.

use super::calendar::EPOCH;
use crate::model::point::{Metered, Parameter, ValidRange};
use crate::model::register::UnitId;
use crate::time::UtcTime;

/// The waveform of one register.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wave {
    k: i64,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Growing,
    Within(ValidRange),
    Free,
}

impl Wave {
    /// The waveform that `parameter` shows on the meter of address `unit`.
    #[must_use]
    pub fn of(parameter: &Parameter, metered: &Metered, unit: UnitId) -> Self {
        let address = i64::from(metered.register.address);
        let form = match parameter.valid {
            _ if parameter.reading_type.is_cumulative() => Form::Growing,
            Some(valid) => Form::Within(valid),
            None => Form::Free,
        };
        Self { k: 1 + (7 * i64::from(unit.0) + address) % 97, form }
    }

    /// The value at `at`, in the Parameter's unit; zero before 2020.
    #[must_use]
    pub fn value(self, at: UtcTime) -> f64 {
        let seconds = at.ms_since(EPOCH).max(0) / 1_000;
        let k = self.k;
        match self.form {
            Form::Growing => number(k * seconds) / 3_600.0,
            Form::Within(ValidRange { min, max }) => {
                min + (max - min) * number(20 + (seconds + k) % 60) / 100.0
            }
            Form::Free => number(10 * k + seconds % 60) / 10.0,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "97 times the seconds up to the year 9999 stay below 2^53")]
const fn number(whole: i64) -> f64 {
    whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::point::{Conversion, Metered, Source};
    use crate::model::register::{DataType, Register, Table, WordOrder};
    use crate::time::Interval;

    const ENERGY: &str = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0";
    const POWER: &str = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0";

    /// The wave of address 10 on unit 3, so that k = 1 + 31 = 32, an hour and a half after the epoch.
    fn shown(reading_type: &str, valid: Option<ValidRange>) -> f64 {
        let register = Register {
            name: "test".to_owned(),
            table: Table::HoldingRegister,
            address: 10,
            data_type: DataType::Integer { words: 1, signed: false },
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        };
        let metered =
            Metered { meter_id: "m".to_owned(), register, conversion: Conversion::NONE, writable: None };
        let parameter = Parameter {
            id: "X".to_owned(),
            name: "X".to_owned(),
            code: None,
            reading_type: reading_type.parse().unwrap(),
            unit: "kW".to_owned(),
            decimals: None,
            interval: Interval::SECOND,
            valid,
            source: Source::Meter(metered.clone()),
        };
        Wave::of(&parameter, &metered, UnitId(3)).value(UtcTime::from_ms(EPOCH.as_ms() + 5_407_900))
    }

    #[test]
    fn every_form_can_be_computed_by_hand() {
        for (value, by_hand) in [
            (shown(ENERGY, None), 32.0 * 5_407.0 / 3_600.0),
            (shown(POWER, None), 32.7),
            (shown(POWER, Some(ValidRange { min: 100.0, max: 200.0 })), 159.0),
        ] {
            assert!((value - by_hand).abs() < 1e-9, "{value}, by hand {by_hand}");
        }
    }
}
