//! A register map of a device, made of what it tells of itself: so a SunSpec device becomes Points.
//!
//! A map has fixed scales, and the models have scale factors that a device may change. The map therefore
//! holds the scale factors too, each with the one value that its scales are right for.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use toml_edit::Value as Toml;

use super::chain::Chain;
use super::layout::Place;
use super::naming::{Meaning, Naming};
use super::point_type::PointType;
use super::survey::{Survey, SurveyedModel};
use super::value::{self, Absence};
use crate::limits::{ID_CHARS_MAX, MAP_REGISTERS_MAX, NAME_CHARS_MAX};
use crate::model::reading::Value;
use crate::model::reading_type::ReadingType;
use crate::model::register::{DataType, Register};

/// Greatest scale that a register map may have: 10 to this power.
const POWER_MAX: i16 = 9;
/// Most decimals that a register map may have.
const DECIMALS_MAX: i16 = 9;

const HEAD: &str = "\
# Written by `cems-gateway sunspec --map` from what the device tells of itself.
#
# Scales are fixed here, and a device may change its scale factors as it runs; some makers' do. Each scale
# factor is a register of its own below (its name ends in _SF), whose valid range holds the one value that
# the scales were written for: put a Parameter on those that matter, and it turns out-of-range when the
# device has changed it. Then write this map anew.
#
# Which sign of a power means import is the maker's choice, whatever the model says. Compare the first
# readings with the display, and turn the sign of `scale` where it is the other way round.
";

/// The register map of a device as TOML; `None` when no point of it has a value.
#[must_use]
pub fn text(chain: &Chain, survey: &Survey<'_>, registers_max: u16) -> Option<String> {
    let mut writer = Writer { naming: Naming::new(), names: BTreeSet::new(), text: String::new() };
    for (index, model) in survey.models().iter().enumerate() {
        let earlier = survey.models().iter().take(index).filter(|other| other.header.id == model.header.id);
        writer.model(model, earlier.count());
    }
    let head = head(chain, survey, registers_max);
    (!writer.names.is_empty()).then(|| format!("{HEAD}\n{head}{}", writer.text))
}

fn head(chain: &Chain, survey: &Survey<'_>, registers_max: u16) -> String {
    let text = |point: &str| {
        let said = survey.models().iter().find(|model| model.header.id == 1)?.value(point)?;
        let Value::Text(text) = said else { return None };
        Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
    };
    let maker = text("Mn").unwrap_or_else(|| "unknown".to_owned());
    let device = text("Md").unwrap_or_else(|| "SunSpec device".to_owned());
    let version = text("Vr").map_or_else(String::new, |version| format!(", its version {version}"));
    let models: Vec<String> = chain.models.iter().map(|model| model.id.to_string()).collect();
    let manual = format!("SunSpec models {} at {}{version}", models.join(" "), chain.base);
    format!(
        "model = {}\nmanufacturer = {}\ntitle = {}\nmanual = {}\ntable = \"holding\"\nword_order = \"ABCD\"\n\
         registers_max = {registers_max}\n",
        Toml::from(model_name(&maker, &device)),
        quoted(&maker),
        quoted(&device),
        quoted(&manual)
    )
}

/// `text` in quotes, as long as a register map takes it.
fn quoted(text: &str) -> Toml {
    Toml::from(text.chars().take(NAME_CHARS_MAX).collect::<String>())
}

/// `maker-device` in small ASCII letters and digits.
fn model_name(maker: &str, device: &str) -> String {
    let parts = format!("{maker} {device}").to_ascii_lowercase();
    let words = parts.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: String = words.collect::<Vec<_>>().join("-").chars().take(ID_CHARS_MAX).collect();
    if name.is_empty() { "sunspec-device".to_owned() } else { name }
}

struct Writer {
    naming: Naming,
    /// The names that are taken.
    names: BTreeSet<String>,
    text: String,
}

impl Writer {
    /// `earlier` models of the same number stand before it in the chain.
    fn model(&mut self, model: &SurveyedModel<'_>, earlier: usize) {
        let Some(table) = model.table else { return };
        let id = model.header.id;
        let prefix = if earlier == 0 { format!("m{id}") } else { format!("m{id}-{}", earlier + 1) };
        let _never_fails = write!(self.text, "\n# model {id} at {}: {}\n", model.header.address, table.title);
        let (mut left_out, mut scale_offsets) = (Vec::new(), BTreeSet::new());
        for (place, said) in model.points() {
            match said.and_then(|_| self.point(model, place, &prefix)) {
                Ok(()) => scale_offsets.extend(place.scale_offset),
                Err(reason) => left_out.push(format!("{}: {reason}", place.path)),
            }
        }
        for (place, power) in model.scale_factors() {
            if !scale_offsets.contains(&place.offset) {
                continue;
            }
            self.scale_factor(model, place, &prefix, power);
        }
        for reason in left_out {
            let _never_fails = writeln!(self.text, "# left out, {reason}");
        }
    }

    fn point(&mut self, model: &SurveyedModel<'_>, place: &Place<'_>, prefix: &str) -> Result<(), Absence> {
        let point = place.point;
        let grows = is_wide_enough_to_grow(point.point_type);
        let meaning = self.naming.meaning(model.header.id, &place.path, &point.unit, grows);
        let power = model.power(place)? + meaning.power;
        if power > POWER_MAX {
            return Err(Absence::ScaleFactor(point.scale.clone().unwrap_or_default(), power));
        }
        let is_whole = matches!(point.data_type, DataType::Integer { .. });
        self.enter(&Entry {
            name: self.name_for(&meaning, &format!("{prefix}.{}", place.path)),
            title: meaning.title.clone().unwrap_or_else(|| point.title.clone()),
            scale: (power != 0).then(|| value::scale(power)),
            decimals: decimals(power).filter(|_| is_whole),
            ..Entry::of(model, place, &meaning)
        });
        Ok(())
    }

    fn scale_factor(&mut self, model: &SurveyedModel<'_>, place: &Place<'_>, prefix: &str, power: i16) {
        let meaning = self.naming.meaning(model.header.id, &place.path, "", false);
        self.enter(&Entry {
            name: format!("{prefix}.{}", place.path),
            valid: Some([f64::from(power) - 0.5, f64::from(power) + 0.5]),
            ..Entry::of(model, place, &meaning)
        });
    }

    /// The shared name, unless it is taken.
    fn name_for(&self, meaning: &Meaning, otherwise: &str) -> String {
        let shared = meaning.name.as_ref().filter(|name| !self.names.contains(*name));
        shared.map_or_else(|| otherwise.to_owned(), Clone::clone)
    }

    /// Writes an entry, as far as the map has room and its name is free.
    fn enter(&mut self, entry: &Entry) {
        let name = &entry.name;
        let is_possible = self.names.len() < MAP_REGISTERS_MAX && name.len() <= ID_CHARS_MAX;
        let _never_fails = if is_possible && self.names.insert(name.clone()) {
            write!(self.text, "\n{entry}")
        } else {
            writeln!(self.text, "# left out, {name}: the map has no room or name for it")
        };
    }
}

/// One register of the map.
struct Entry {
    name: String,
    title: String,
    register: Register,
    scale: Option<f64>,
    decimals: Option<i16>,
    valid: Option<[f64; 2]>,
    unit: String,
    reading_type: ReadingType,
    page: String,
}

impl Entry {
    /// What place and meaning say; without a name, and unscaled.
    fn of(model: &SurveyedModel<'_>, place: &Place<'_>, meaning: &Meaning) -> Self {
        Self {
            name: String::new(),
            title: place.point.title.clone(),
            register: value::register(place, model.header.address),
            scale: None,
            decimals: None,
            valid: None,
            unit: meaning.unit.clone(),
            reading_type: meaning.reading_type,
            page: format!("model {}, {}", model.header.id, place.path),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Register { address, data_type, not_available, .. } = &self.register;
        writeln!(f, "[[register]]\nname = \"{}\"\ntitle = {}", self.name, quoted(&self.title))?;
        writeln!(f, "address = {address}\ntype = \"{data_type}\"")?;
        for pattern in not_available {
            writeln!(f, "not_available = [{}]", pattern_text(*pattern))?;
        }
        if let Some(scale) = self.scale {
            writeln!(f, "scale = {scale}")?;
        }
        if let Some(decimals) = self.decimals {
            writeln!(f, "decimals = {decimals}")?;
        }
        if let Some([least, greatest]) = self.valid {
            writeln!(f, "valid = [{least}, {greatest}]")?;
        }
        writeln!(f, "unit = {}\nreading_type = \"{}\"", Toml::from(&self.unit), self.reading_type)?;
        writeln!(f, "page = {}", quoted(&self.page))
    }
}

/// Decimals of a whole number times ten to the `power`; `None` for more than a map may have.
fn decimals(power: i16) -> Option<i16> {
    let decimals = power.saturating_neg().max(0);
    (decimals <= DECIMALS_MAX).then_some(decimals)
}

/// Energies of these types are registers; those of shorter ones are ratings.
const fn is_wide_enough_to_grow(point_type: PointType) -> bool {
    matches!(
        point_type,
        PointType::Accumulator { .. } | PointType::Unsigned { words: 4 } | PointType::Float { .. }
    )
}

/// A pattern as TOML holds it, whose numbers end at 63 bits.
fn pattern_text(pattern: u64) -> String {
    match i64::try_from(pattern) {
        Ok(_) => format!("0x{pattern:X}"),
        Err(_) => pattern.cast_signed().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{Device, SOLAREDGE, number};
    use super::*;
    use crate::mapping;
    use crate::meters::read_map;
    use crate::model::meter::{MapRegister, RegisterMap};
    use crate::model::point::Conversion;
    use crate::model::quality::Quality;

    fn map_of(device: &Device) -> RegisterMap {
        let text = device.survey(|chain, survey| text(chain, survey, 125)).unwrap();
        read_map("m.toml", &text).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    /// What the gateway reads of the device by a register of its map.
    fn sample(device: &Device, entry: &MapRegister) -> (Option<Value>, Quality) {
        let register = &entry.register;
        let words = device.words(register.span()).unwrap();
        let conversion = Conversion { scale: entry.scale, ..Conversion::NONE };
        let sample = mapping::sample(register, words, &conversion, entry.decimals, entry.valid);
        (sample.value, sample.quality)
    }

    #[test]
    fn an_inverter_becomes_a_map_with_the_shared_names() {
        let device = Device::solaredge();
        let map = map_of(&device);
        assert_eq!(
            (map.model.as_str(), map.manufacturer.as_str()),
            ("solaredge-se5000h-rws00bno4", "SolarEdge")
        );
        assert_eq!(map.manual, "SunSpec models 1 101 at 40000, its version 0004.0020.0036");
        for (name, value, unit) in [
            ("power_export", 1.395, "kW"),
            ("apparent_power", 1.3982, "kVA"),
            ("power_factor", -0.9977, "1"),
            ("energy_export", 14_676.442, "kWh"),
            ("voltage_ab", 235.7, "V"),
            ("frequency", 49.987, "Hz"),
            ("m101.DCW", 1416.3, "W"),
            ("m101.TmpSnk", 41.69, "degC"),
            ("m101.St", 4.0, "1"),
        ] {
            let entry = map.register(name).unwrap_or_else(|| panic!("no {name}"));
            assert_eq!(sample(&device, entry), (Some(number(value)), Quality::Good), "{name}");
            assert_eq!(entry.unit, unit, "{name}");
        }
        for name in ["voltage_b", "current_b", "m101.TmpCab", "m101.Evt1"] {
            assert!(map.register(name).is_none(), "{name} is not implemented");
        }
    }

    #[test]
    fn a_scale_factor_that_the_device_changes_turns_out_of_range() {
        let mut device = Device::solaredge();
        let map = map_of(&device);
        let entry = map.register("m101.W_SF").unwrap();
        assert_eq!(sample(&device, entry), (Some(number(-1.0)), Quality::Good));
        device.write(entry.register.address, 0);
        assert_eq!(sample(&device, entry).1.to_string(), "out-of-range");
    }

    #[test]
    fn what_is_left_out_is_said_with_its_reason() {
        let text = Device::solaredge().survey(|chain, survey| text(chain, survey, 125)).unwrap();
        assert!(text.contains("# left out, TmpCab: not implemented\n"), "{text}");
    }

    #[test]
    fn a_second_meter_of_the_same_model_has_names_of_its_own() {
        let [common, inverter] = SOLAREDGE.map(|(id, words)| (id, words.to_vec()));
        let device = Device::of(40_000, &[common, inverter.clone(), inverter]);
        let map = map_of(&device);
        let address = |name| map.register(name).map(|entry| entry.register.address);
        assert_eq!(address("power_export").unwrap() + 52, address("m101-2.W").unwrap());
        assert_eq!(address("m101.DCW").unwrap() + 52, address("m101-2.DCW").unwrap());
    }

    #[test]
    fn a_device_without_a_value_has_no_map() {
        let device = Device::of(0, &[(64_900, vec![1; 50])]);
        assert_eq!(device.survey(|chain, survey| text(chain, survey, 125)), None);
    }

    #[test]
    fn names_that_a_device_tells_cannot_break_the_map() {
        for (maker, device, name) in
            [("A\"B\n", "x = 1", "a-b-x-1"), ("\u{1b}[2J", "", "2j"), ("逆变器", "", "sunspec-device")]
        {
            assert_eq!(model_name(maker, device), name);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn whatever_a_device_holds_its_map_can_be_read_and_says_the_same(device in Device::any()) {
            let Some(text) = device.survey(|chain, survey| text(chain, survey, 125)) else { return Ok(()) };
            let map = read_map("m.toml", &text);
            prop_assert!(map.is_ok(), "{}", text);
            for entry in map.unwrap().registers.iter().filter(|entry| entry.valid.is_none()) {
                let (said, unit) = device.said(entry.register.address).unwrap();
                let (read, _) = sample(&device, entry);
                match (said, read) {
                    (Value::Number(said), Some(Value::Number(read))) => {
                        let expected = said / per_map_unit(&unit, &entry.unit);
                        prop_assert!((read - expected).abs() <= expected.abs() * 1e-14, "{:?}", entry);
                    }
                    (said, read) => prop_assert_eq!(Some(said), read),
                }
            }
        }
    }

    /// How many units of the model make one of the map.
    fn per_map_unit(unit: &str, of_map: &str) -> f64 {
        match of_map {
            "kW" | "kVA" | "kvar" | "kWh" | "kvarh" => 1_000.0,
            "1" if unit == "Pct" => 100.0,
            _ => 1.0,
        }
    }
}
