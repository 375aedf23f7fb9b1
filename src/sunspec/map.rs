//! A register map of a device, made of what it tells of itself: so a SunSpec device becomes Points.
//!
//! A map has fixed scales, and the models have scale factors that a device may change. The map therefore
//! holds the scale factors too, each with the one value that its scales are right for.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use toml_edit::Value as Toml;

use super::chain::Chain;
use super::layout::Place;
use super::naming::{Meaning, Naming};
use super::point_type::PointType;
use super::survey::{Survey, SurveyedModel};
use super::value::{self, Absence};
use crate::limits::{ID_CHARS_MAX, MAP_REGISTERS_MAX, NAME_CHARS_MAX};
use crate::model::reading::Value;
use crate::model::register::DataType;

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
        let mut left_out = Vec::new();
        for (place, said) in model.points() {
            if let Err(reason) = said.and_then(|_| self.point(model, place, &prefix)) {
                left_out.push(format!("{}: {reason}", place.path));
            }
        }
        for (place, power) in model.scale_factors() {
            self.scale_factor(model, place, &prefix, power);
        }
        for reason in left_out {
            let _never_fails = writeln!(self.text, "# left out, {reason}");
        }
    }

    fn point(&mut self, model: &SurveyedModel<'_>, place: &Place<'_>, prefix: &str) -> Result<(), Absence> {
        let point = place.point;
        let grows = matches!(point.point_type, PointType::Accumulator { .. })
            || matches!(point.point_type, PointType::Unsigned { words: 4 });
        let meaning = self.naming.meaning(model.header.id, &place.path, &point.unit, grows);
        let power = model.power(place)? + meaning.power;
        if power > POWER_MAX {
            let name = point.scale.clone().unwrap_or_default();
            return Err(Absence::ScaleFactor(name, power));
        }
        let name = self.name_for(&meaning, &format!("{prefix}.{}", place.path));
        let title = meaning.title.clone().unwrap_or_else(|| point.title.clone());
        let Some(mut text) = self.begin(model, place, &name, &title) else { return Ok(()) };
        if power != 0 {
            let _never_fails = writeln!(text, "scale = {}", value::scale(power));
        }
        if matches!(point.data_type, DataType::Integer { .. }) {
            let decimals = power.saturating_neg().clamp(0, DECIMALS_MAX);
            let _never_fails = writeln!(text, "decimals = {decimals}");
        }
        self.finish(&text, &meaning.unit, &meaning);
        Ok(())
    }

    fn scale_factor(&mut self, model: &SurveyedModel<'_>, place: &Place<'_>, prefix: &str, power: i16) {
        let name = format!("{prefix}.{}", place.path);
        let meaning = self.naming.meaning(model.header.id, "", "", false);
        let Some(mut text) = self.begin(model, place, &name, &place.point.title) else { return };
        let (below, above) = (f64::from(power) - 0.5, f64::from(power) + 0.5);
        let _never_fails = writeln!(text, "valid = [{below}, {above}]");
        self.finish(&text, &meaning.unit, &meaning);
    }

    /// The shared name, unless it is taken.
    fn name_for(&self, meaning: &Meaning, otherwise: &str) -> String {
        let shared = meaning.name.as_ref().filter(|name| !self.names.contains(*name));
        shared.map_or_else(|| otherwise.to_owned(), Clone::clone)
    }

    /// The first lines of a register; `None` when the map is full or the name is taken or too long.
    fn begin(
        &mut self,
        model: &SurveyedModel<'_>,
        place: &Place<'_>,
        name: &str,
        title: &str,
    ) -> Option<String> {
        let is_possible = self.names.len() < MAP_REGISTERS_MAX && name.len() <= ID_CHARS_MAX;
        if !is_possible || !self.names.insert(name.to_owned()) {
            let _never_fails = writeln!(self.text, "# left out, {name}: the map has no room or name for it");
            return None;
        }
        let register = value::register(place, model.header.address);
        let mut text = format!(
            "\n[[register]]\nname = \"{name}\"\ntitle = {}\naddress = {}\ntype = \"{}\"\n",
            quoted(title),
            register.address,
            register.data_type
        );
        for pattern in &register.not_available {
            let _never_fails = writeln!(text, "not_available = [{}]", pattern_text(*pattern));
        }
        let _never_fails = writeln!(text, "page = \"model {}, {}\"", model.header.id, place.path);
        Some(text)
    }

    fn finish(&mut self, text: &str, unit: &str, meaning: &Meaning) {
        let _never_fails = write!(
            self.text,
            "{text}unit = {}\nreading_type = \"{}\"\n",
            Toml::from(unit),
            meaning.reading_type
        );
    }
}

/// A pattern as TOML holds it, whose numbers end at 63 bits.
fn pattern_text(pattern: u64) -> String {
    match i64::try_from(pattern) {
        Ok(_) => format!("0x{pattern:X}"),
        Err(_) => pattern.cast_signed().to_string(),
    }
}
