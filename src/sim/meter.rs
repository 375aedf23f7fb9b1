//! One simulated meter: registers whose words follow a formula of time, and the rules by which a
//! real meter answers or refuses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::mishap::Life;
use crate::limits;
use crate::modbus::decode::encode;
use crate::modbus::frame::{Answer, ExceptionCode, Request, Response};
use crate::model::point::Conversion;
use crate::model::register::{DataType, RawValue, Register, Span, Table};
use crate::time::UtcTime;

/// A value in engineering units at an instant.
pub type Formula = Arc<dyn Fn(UtcTime) -> f64 + Send + Sync>;

/// A register and what it shows.
#[derive(Clone)]
pub struct Dial {
    /// Where it lies and how its words hold the value.
    pub register: Register,
    /// How a reader gets from the raw value to engineering units; here it is applied backwards.
    pub conversion: Conversion,
    /// The value in engineering units.
    pub formula: Formula,
    /// Whether it only grows, as a register of energy: what befalls counters befalls it.
    pub is_counter: bool,
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dial({:?})", self.register)
    }
}

/// What a meter does with addresses that its manual leaves empty, between the first and the last
/// register of a table. Beyond those every meter refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holes {
    /// They read as zero.
    #[default]
    Zero,
    /// A read that touches one is refused with exception code 02.
    Refused,
}

/// A simulated meter.
#[derive(Debug, Default)]
pub struct Meter {
    dials: Vec<Dial>,
    holes: Holes,
    /// Words (bits as 0 or 1) that a client has written beside the dials.
    written: BTreeMap<(Table, u16), u16>,
    /// What stands there before anyone has written.
    at_rest: BTreeMap<(Table, u16), u16>,
    life: Life,
    times_forgotten: i64,
}

impl Meter {
    /// A meter without registers.
    #[must_use]
    pub fn new(holes: Holes) -> Self {
        Self { holes, ..Self::default() }
    }

    /// Adds a register. Registers may share words, as bit fields and bytes do: their bits join.
    pub fn add(&mut self, dial: Dial) {
        self.dials.push(dial);
    }

    /// Adds a register that shows what is written to it, and until then what `dial` shows.
    pub fn add_set_point(&mut self, dial: &Dial) {
        let words = dial.words(UtcTime::from_ms(0)).unwrap_or_default();
        let places = (dial.register.address..=u16::MAX).map(|address| (dial.register.table, address));
        self.at_rest.extend(places.zip(words));
        self.written.clone_from(&self.at_rest);
    }

    /// Lets it live this life, in place of one in which nothing happens.
    pub fn live(&mut self, life: Life) {
        self.life = life;
    }

    /// Whether it has no power at `at`, so that it neither hears nor answers.
    #[must_use]
    pub fn is_off(&self, at: UtcTime) -> bool {
        self.life.is_off(at)
    }

    fn forget_what_is_lost(&mut self, at: UtcTime) {
        let times = self.life.times_forgotten(at);
        if times != self.times_forgotten {
            self.times_forgotten = times;
            self.written.clone_from(&self.at_rest);
        }
    }

    /// What the meter says at `at`. Reads show the dials; writes go beside the dials and are read
    /// back from there, for a meter's measurements cannot be written.
    ///
    /// # Errors
    /// The exception code of a refusal: 01 for a table that the meter does not have, 02 for an
    /// address without a register, 03 for a count that the specification forbids, 04 when it can
    /// keep no more writes.
    pub fn answer(&mut self, request: &Request<'_>, at: UtcTime) -> Answer {
        self.forget_what_is_lost(at);
        match request {
            Request::ReadCoils(start, count) => {
                self.read_bits(Table::Coil, *start, *count, at).map(Response::ReadCoils)
            }
            Request::ReadDiscreteInputs(start, count) => {
                self.read_bits(Table::DiscreteInput, *start, *count, at).map(Response::ReadDiscreteInputs)
            }
            Request::ReadHoldingRegisters(start, count) => {
                self.read(Table::HoldingRegister, *start, *count, at).map(Response::ReadHoldingRegisters)
            }
            Request::ReadInputRegisters(start, count) => {
                self.read(Table::InputRegister, *start, *count, at).map(Response::ReadInputRegisters)
            }
            Request::WriteSingleCoil(address, on) => {
                self.write(Table::Coil, *address, &[u16::from(*on)])?;
                Ok(Response::WriteSingleCoil(*address, *on))
            }
            Request::WriteSingleRegister(address, word) => {
                self.write(Table::HoldingRegister, *address, &[*word])?;
                Ok(Response::WriteSingleRegister(*address, *word))
            }
            Request::WriteMultipleCoils(start, bits) => {
                let words: Vec<u16> = bits.iter().map(|bit| u16::from(*bit)).collect();
                let count = self.write(Table::Coil, *start, &words)?;
                Ok(Response::WriteMultipleCoils(*start, count))
            }
            Request::WriteMultipleRegisters(start, words) => {
                let count = self.write(Table::HoldingRegister, *start, words)?;
                Ok(Response::WriteMultipleRegisters(*start, count))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }

    fn read_bits(
        &self,
        table: Table,
        start: u16,
        count: u16,
        at: UtcTime,
    ) -> Result<Vec<bool>, ExceptionCode> {
        let words = self.read(table, start, count, at)?;
        Ok(words.into_iter().map(|word| word != 0).collect())
    }

    fn read(&self, table: Table, start: u16, count: u16, at: UtcTime) -> Result<Vec<u16>, ExceptionCode> {
        let asked = Span { start, count };
        if count == 0 || count > table.read_max() {
            return Err(ExceptionCode::IllegalDataValue);
        }
        let block = self.block(table).ok_or(ExceptionCode::IllegalFunction)?;
        if !block.contains(&u32::from(start)) || !block.contains(&(asked.end() - 1)) {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        let mut words: Vec<Option<u16>> = (asked.start..=u16::MAX)
            .take(usize::from(count))
            .map(|address| self.written.get(&(table, address)).copied())
            .collect();
        for dial in self.dials.iter().filter(|dial| dial.register.table == table) {
            if overlap(dial.register.span(), asked) {
                dial.show((at, &self.life), asked, &mut words)?;
            }
        }
        let hole = match self.holes {
            Holes::Zero => Ok(0),
            Holes::Refused => Err(ExceptionCode::IllegalDataAddress),
        };
        words.into_iter().map(|word| word.map_or(hole, Ok)).collect()
    }

    /// Keeps `words` beside the dials and gives their number.
    fn write(&mut self, table: Table, start: u16, words: &[u16]) -> Result<u16, ExceptionCode> {
        let count = u16::try_from(words.len()).map_err(|_| ExceptionCode::IllegalDataValue)?;
        let span = Span { start, count };
        if count == 0 {
            return Err(ExceptionCode::IllegalDataValue);
        }
        let on_a_dial =
            self.dials.iter().any(|dial| dial.register.table == table && overlap(dial.register.span(), span));
        if on_a_dial || span.end() > 0x1_0000 {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        let addresses = (start..=u16::MAX).take(words.len());
        let new = addresses.clone().filter(|address| !self.written.contains_key(&(table, *address))).count();
        if self.written.len() + new > limits::SIM_WRITTEN_MAX {
            return Err(ExceptionCode::ServerDeviceFailure);
        }
        self.written.extend(addresses.map(|address| (table, address)).zip(words.iter().copied()));
        Ok(count)
    }

    /// From the first to the last address of a table that holds something.
    fn block(&self, table: Table) -> Option<std::ops::Range<u32>> {
        let dials = self.dials.iter().map(|dial| &dial.register).filter(|register| register.table == table);
        let dials = dials.map(|register| (u32::from(register.address), register.span().end()));
        let written = self.written.keys().filter(|(of, _)| *of == table);
        let written = written.map(|(_, address)| (u32::from(*address), u32::from(*address) + 1));
        dials
            .chain(written)
            .reduce(|(start, end), (other_start, other_end)| (start.min(other_start), end.max(other_end)))
            .map(|(start, end)| start..end)
    }
}

const fn overlap(one: Span, other: Span) -> bool {
    (one.start as u32) < other.end() && (other.start as u32) < one.end()
}

impl Dial {
    /// Puts the words of this dial where they fall among those asked for.
    fn show(
        &self,
        (at, life): (UtcTime, &Life),
        asked: Span,
        words: &mut [Option<u16>],
    ) -> Result<(), ExceptionCode> {
        let own = self.words_in(life, at).ok_or(ExceptionCode::ServerDeviceFailure)?;
        for (address, word) in (u32::from(self.register.address)..).zip(own) {
            let place = address.checked_sub(u32::from(asked.start)).and_then(|n| usize::try_from(n).ok());
            if let Some(shown) = place.and_then(|place| words.get_mut(place)) {
                *shown = Some(shown.unwrap_or(0) | word);
            }
        }
        Ok(())
    }

    /// The words of this dial at `at`; `None` for a value that no register of its type can show.
    #[must_use]
    pub fn words(&self, at: UtcTime) -> Option<Vec<u16>> {
        self.words_in(&Life::default(), at)
    }

    /// The same, in a meter of this life.
    fn words_in(&self, life: &Life, at: UtcTime) -> Option<Vec<u16>> {
        let data_type = self.register.data_type;
        let count = if self.is_counter {
            life.count(at, data_type.modulus(), |at| self.raw(at))
        } else {
            self.raw(at)
        };
        let raw = match data_type {
            DataType::Text { .. } => RawValue::Text("SIM".to_owned()),
            DataType::Float { .. } => RawValue::Float(count),
            data_type => RawValue::Integer(wrap(nearest(count)?, data_type)),
        };
        encode(&self.register, &raw).ok()
    }

    /// The inverse of value = (raw x scale + offset) x ratio.
    fn raw(&self, at: UtcTime) -> f64 {
        let Conversion { scale, offset, ratio } = self.conversion;
        ((self.formula)(at) / ratio - offset) / scale
    }
}

/// The whole number nearest to `raw`, up to what a double tells apart.
#[expect(clippy::cast_possible_truncation, reason = "checked against 2^63 just before")]
fn nearest(raw: f64) -> Option<i128> {
    let rounded = raw.round();
    (rounded.abs() < 9.2e18).then_some(rounded as i128)
}

/// `raw` as a counter of this type shows it: it starts again at zero when it is full.
fn wrap(raw: i128, data_type: DataType) -> i128 {
    let (steps, signed) = match data_type {
        DataType::Bit => (2, false),
        DataType::HighByte { signed } | DataType::LowByte { signed } => (1 << 8, signed),
        DataType::Integer { words, signed } => (1_i128 << (u32::from(words) * 16), signed),
        DataType::Bits { width, .. } => (1_i128 << width, false),
        DataType::Bcd { words } => (10_i128.pow(u32::from(words) * 4), false),
        DataType::Float { .. } | DataType::Text { .. } => return raw,
    };
    let wrapped = raw.rem_euclid(steps);
    if signed && wrapped >= steps / 2 { wrapped - steps } else { wrapped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::register::WordOrder;
    use crate::sim::mishap::Mishap;

    const NOW: UtcTime = UtcTime::from_ms(1_718_159_400_000);

    fn dial(table: Table, address: u16, data_type: &str, value: f64) -> Dial {
        let register = Register {
            name: "test".to_owned(),
            table,
            address,
            data_type: DataType::from_name(data_type).unwrap(),
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        };
        Dial { register, conversion: Conversion::NONE, formula: Arc::new(move |_| value), is_counter: false }
    }

    /// Holding registers 10 (u16 = 7) and 13-14 (f32 = 1.5), coil 3 (on).
    fn meter(holes: Holes) -> Meter {
        let mut meter = Meter::new(holes);
        meter.add(dial(Table::HoldingRegister, 10, "u16", 7.0));
        meter.add(dial(Table::HoldingRegister, 13, "f32", 1.5));
        meter.add(dial(Table::Coil, 3, "bit", 1.0));
        meter
    }

    fn holding(meter: &mut Meter, start: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        match meter.answer(&Request::ReadHoldingRegisters(start, count), NOW)? {
            Response::ReadHoldingRegisters(words) => Ok(words),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn any_span_of_the_block_shows_the_words_that_lie_in_it() {
        let mut meter = meter(Holes::Zero);
        assert_eq!(holding(&mut meter, 10, 5), Ok(vec![7, 0, 0, 0x3FC0, 0]));
        assert_eq!(holding(&mut meter, 14, 1), Ok(vec![0]));
        assert_eq!(holding(&mut meter, 12, 2), Ok(vec![0, 0x3FC0]));
        let coils = meter.answer(&Request::ReadCoils(3, 1), NOW);
        assert_eq!(coils, Ok(Response::ReadCoils(vec![true])));
    }

    #[test]
    fn what_the_meter_does_not_have_is_refused_with_the_code_of_the_specification() {
        for (request, code) in [
            (Request::ReadHoldingRegisters(9, 2), ExceptionCode::IllegalDataAddress),
            (Request::ReadHoldingRegisters(14, 2), ExceptionCode::IllegalDataAddress),
            (Request::ReadHoldingRegisters(10, 0), ExceptionCode::IllegalDataValue),
            (Request::ReadHoldingRegisters(10, 126), ExceptionCode::IllegalDataValue),
            (Request::ReadCoils(3, 2_001), ExceptionCode::IllegalDataValue),
            (Request::ReadInputRegisters(10, 1), ExceptionCode::IllegalFunction),
            (Request::ReportServerId, ExceptionCode::IllegalFunction),
            (Request::WriteSingleRegister(10, 1), ExceptionCode::IllegalDataAddress),
            (Request::WriteMultipleRegisters(65_535, vec![1, 2].into()), ExceptionCode::IllegalDataAddress),
        ] {
            assert_eq!(meter(Holes::Zero).answer(&request, NOW), Err(code), "{request:?}");
        }
    }

    #[test]
    fn a_strict_meter_refuses_a_read_that_touches_a_hole() {
        let mut meter = meter(Holes::Refused);
        assert_eq!(holding(&mut meter, 10, 5), Err(ExceptionCode::IllegalDataAddress));
        assert_eq!(holding(&mut meter, 10, 1), Ok(vec![7]));
        assert_eq!(holding(&mut meter, 13, 2), Ok(vec![0x3FC0, 0]));
    }

    #[test]
    fn what_is_written_beside_the_dials_is_read_back() {
        let mut meter = meter(Holes::Zero);
        let write = Request::WriteMultipleRegisters(11, vec![21, 22].into());
        assert_eq!(meter.answer(&write, NOW), Ok(Response::WriteMultipleRegisters(11, 2)));
        assert_eq!(holding(&mut meter, 10, 3), Ok(vec![7, 21, 22]));
        meter.answer(&Request::WriteSingleCoil(9, true), NOW).unwrap();
        let coils = meter.answer(&Request::ReadCoils(8, 2), NOW);
        assert_eq!(coils, Ok(Response::ReadCoils(vec![false, true])));
    }

    #[test]
    fn a_meter_keeps_only_so_many_writes() {
        let mut meter = meter(Holes::Zero);
        let most = u16::try_from(limits::SIM_WRITTEN_MAX).unwrap();
        for address in 100..100 + most {
            meter.answer(&Request::WriteSingleRegister(address, 1), NOW).unwrap();
        }
        let one_more = Request::WriteSingleRegister(100 + most, 1);
        assert_eq!(meter.answer(&one_more, NOW), Err(ExceptionCode::ServerDeviceFailure));
        assert!(meter.answer(&Request::WriteSingleRegister(100, 2), NOW).is_ok());
    }

    #[test]
    fn scale_offset_and_ratio_are_applied_backwards() {
        let mut dial = dial(Table::HoldingRegister, 0, "i16", -120.0);
        dial.conversion = Conversion { scale: 0.1, offset: 5.0, ratio: 40.0 };
        // (-120 / 40 - 5) / 0.1 = -80
        assert_eq!(dial.words(NOW), Some(vec![0xFFB0]));
    }

    #[test]
    fn a_full_counter_starts_again_at_zero() {
        for (data_type, value, expected) in [
            ("u16", 65_537.0, vec![1]),
            ("i16", 32_768.0, vec![0x8000]),
            ("bcd16", 12_345.0, vec![0x2345]),
            ("u32", 4_294_967_298.0, vec![0, 2]),
            ("bits16:4:2", 5.0, vec![0x10]),
        ] {
            assert_eq!(dial(Table::HoldingRegister, 0, data_type, value).words(NOW), Some(expected));
        }
    }

    #[test]
    fn two_registers_in_one_word_join_their_bits() {
        let mut meter = Meter::new(Holes::Zero);
        meter.add(dial(Table::HoldingRegister, 0, "u8-high", 0x12.into()));
        meter.add(dial(Table::HoldingRegister, 0, "u8-low", 0x34.into()));
        assert_eq!(holding(&mut meter, 0, 1), Ok(vec![0x1234]));
    }

    #[test]
    fn what_befalls_counters_befalls_the_dials_that_only_grow() {
        let mut meter = Meter::new(Holes::Zero);
        meter.add(Dial { is_counter: true, ..dial(Table::HoldingRegister, 10, "u16", 7.0) });
        meter.add(dial(Table::HoldingRegister, 11, "u16", 7.0));
        meter.live(Life::new(NOW, [Mishap::Rollover { after_s: 9 }], 0));
        assert_eq!(holding(&mut meter, 10, 2), Ok(vec![0xFFFF, 7]));
        meter.live(Life::new(NOW, [Mishap::Reset { after_s: 0 }], 0));
        assert_eq!(holding(&mut meter, 10, 2), Ok(vec![0, 7]));
    }

    #[test]
    fn a_meter_whose_power_has_failed_forgets_what_was_written_and_keeps_what_it_began_with() {
        let mut meter = meter(Holes::Zero);
        meter.add_set_point(&dial(Table::HoldingRegister, 15, "u16", 40.0));
        meter.live(Life::new(NOW, [Mishap::PowerCycle { every_s: 60 }], 0));
        meter.answer(&Request::WriteMultipleRegisters(15, vec![21, 22].into()), NOW).unwrap();
        let later = |ms| UtcTime::from_ms(NOW.as_ms() + ms);
        let mut read = |at| meter.answer(&Request::ReadHoldingRegisters(15, 1), at);
        assert_eq!(read(later(59_999)), Ok(Response::ReadHoldingRegisters(vec![21])));
        assert_eq!(read(later(65_000)), Ok(Response::ReadHoldingRegisters(vec![40])));
        assert!(meter.is_off(later(60_000)) && !meter.is_off(later(65_000)));
        let beyond = meter.answer(&Request::ReadHoldingRegisters(16, 1), later(65_000));
        assert_eq!(beyond, Err(ExceptionCode::IllegalDataAddress));
    }
}
