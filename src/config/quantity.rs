//! What a raw value becomes: scale, unit, reading type and the rest, own or taken from the map.

use crate::document::Section;
use crate::model::meter::{MapRegister, Meter, RatioKind};
use crate::model::point::{Conversion, ValidRange};
use crate::model::reading_type::ReadingType;

/// Characters of a unit such as `kWh`.
const UNIT_CHARS_MAX: usize = 16;
/// Digits after the point; a double has 15 or 16 in all.
const DECIMALS_MAX: i64 = 9;
const UNIT_REMEDY: &str = "give the unit of the readings, such as kWh";
/// Larger than any factor, offset or limit of a measured value.
const MAGNITUDE_MAX: f64 = 1e15;

const RATIOS: [(&str, RatioKind); 4] = [
    ("none", RatioKind::None),
    ("current", RatioKind::Current),
    ("voltage", RatioKind::Voltage),
    ("power", RatioKind::Power),
];

/// What the site file itself says of a quantity.
pub(super) struct Written {
    unit: Option<String>,
    reading_type: Option<ReadingType>,
    decimals: Option<u8>,
    valid: Option<ValidRange>,
    scale: Option<f64>,
    offset: Option<f64>,
    ratio: Option<RatioKind>,
}

/// What holds for a Parameter.
pub(super) struct Quantity {
    pub unit: String,
    pub reading_type: ReadingType,
    pub decimals: Option<u8>,
    pub valid: Option<ValidRange>,
    pub conversion: Conversion,
}

/// Reads the keys; what is missing may come from the map.
pub(super) fn written(section: &Section<'_>) -> Written {
    Written {
        unit: section.text("unit", UNIT_CHARS_MAX),
        reading_type: section.parsed("reading_type", str::parse::<ReadingType>),
        decimals: super::form::whole(section, "decimals", 0..=DECIMALS_MAX),
        valid: valid(section),
        scale: scale(section),
        offset: section.number("offset", -MAGNITUDE_MAX..=MAGNITUDE_MAX),
        ratio: section.choice("ratio", &RATIOS),
    }
}

fn scale(section: &Section<'_>) -> Option<f64> {
    let scale = section.number("scale", -MAGNITUDE_MAX..=MAGNITUDE_MAX)?;
    if scale == 0.0 {
        section.fault(
            "scale",
            "0 makes every reading the same",
            "give the units of one raw count, such as 0.1",
        );
        return None;
    }
    Some(scale)
}

fn valid(section: &Section<'_>) -> Option<ValidRange> {
    let ends = section.numbers("valid", -MAGNITUDE_MAX..=MAGNITUDE_MAX, 2);
    match ends[..] {
        [min, max] if min <= max => Some(ValidRange { min, max }),
        [min, max] => {
            section.fault("valid", format!("{min} is greater than {max}"), "write [LEAST, GREATEST]");
            None
        }
        _ => {
            if section.has("valid") {
                section.fault("valid", "is not two numbers", "write [LEAST, GREATEST]");
            }
            None
        }
    }
}

impl Written {
    /// The quantity of a register that the map describes. What the site says comes first.
    pub(super) fn over_map(self, section: &Section<'_>, of_map: &MapRegister, meter: &Meter) -> Quantity {
        if of_map.register.data_type.is_text() {
            refuse_arithmetic(section);
        }
        let converted = section.has("scale") || section.has("offset");
        if self.unit.as_ref().is_some_and(|unit| *unit != of_map.unit) && !converted {
            let reason = format!("the map gives '{}', and another unit needs another scale", of_map.unit);
            section.fault("unit", reason, "give scale and reading_type as well, or leave the unit out");
        }
        let ratio = self.ratio.unwrap_or(of_map.ratio).factor(meter.ct, meter.pt);
        // Decimals and limits of the map are those of the map's own scale, before the ratios.
        let of_map_valid =
            of_map.valid.map(|range| ValidRange { min: range.min * ratio, max: range.max * ratio });
        Quantity {
            unit: self.unit.unwrap_or_else(|| of_map.unit.clone()),
            reading_type: self.reading_type.unwrap_or(of_map.reading_type),
            decimals: self.decimals.or(of_map.decimals.filter(|_| !converted)),
            valid: self.valid.or(of_map_valid.filter(|_| !converted)),
            conversion: Conversion {
                scale: self.scale.unwrap_or(of_map.scale),
                offset: self.offset.unwrap_or(of_map.offset),
                ratio,
            },
        }
    }

    /// The quantity of what is computed or entered by hand: nothing is converted.
    pub(super) fn unmeasured(self, section: &Section<'_>) -> Option<Quantity> {
        if !section.has("unit") {
            section.missing("unit", UNIT_REMEDY);
        }
        for key in ["scale", "offset", "ratio"].into_iter().filter(|key| section.has(key)) {
            section.fault(key, "there is no register to convert", "leave the key out");
        }
        Some(Quantity {
            unit: self.unit?,
            reading_type: self.reading_type?,
            decimals: self.decimals,
            valid: self.valid,
            conversion: Conversion::NONE,
        })
    }

    /// The quantity of a register that the site describes, which nobody else can name.
    pub(super) fn alone(self, section: &Section<'_>, is_text: bool, meter: &Meter) -> Option<Quantity> {
        if is_text {
            refuse_arithmetic(section);
        } else if !section.has("unit") {
            section.missing("unit", UNIT_REMEDY);
        }
        let has_ratios = (meter.ct, meter.pt) != (1.0, 1.0);
        if has_ratios && !is_text && !section.has("ratio") {
            let reason =
                format!("is missing, and meter '{}' has ct = {}, pt = {}", meter.id, meter.ct, meter.pt);
            section.fault("ratio", reason, "say which apply here: none, current, voltage or power");
        }
        Some(Quantity {
            unit: self.unit.unwrap_or_default(),
            reading_type: self.reading_type?,
            decimals: self.decimals,
            valid: self.valid,
            conversion: Conversion {
                scale: self.scale.unwrap_or(1.0),
                offset: self.offset.unwrap_or(0.0),
                ratio: self.ratio.unwrap_or(RatioKind::None).factor(meter.ct, meter.pt),
            },
        })
    }
}

/// A register that the site describes has no map to take its reading type from.
pub(super) fn require_reading_type(section: &Section<'_>) {
    if !section.has("reading_type") {
        let remedy = "give its 18 numbers, such as 0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0";
        section.missing("reading_type", remedy);
    }
}

fn refuse_arithmetic(section: &Section<'_>) {
    for key in ["scale", "offset", "ratio", "decimals", "valid"] {
        if section.has(key) {
            section.fault(key, "the register holds a text, which has none", "leave the key out");
        }
    }
}
