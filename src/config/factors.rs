//! `[[factor]]`: what energy classes are worth in standard coal, and what they emit.

use super::form;
use crate::document::Section;
use crate::limits;
use crate::model::factor::{EnergyFactor, Factors};

/// More than any fuel's factor.
const FACTOR_MAX: f64 = 1_000.0;

/// Reads every `[[factor]]` table over the defaults.
pub(super) fn factors(root: &Section<'_>) -> Factors {
    let mut factors = Factors::default();
    let mut seen: Vec<String> = Vec::new();
    for (index, mut section) in root.sections("factor", limits::FACTORS_MAX).into_iter().enumerate() {
        section.set_label(format!("factor '{}'", index + 1));
        let energy_code = form::energy_code(&section, "energy_code");
        if !section.has("energy_code") {
            section.missing("energy_code", "give the two digits of an energy class, such as \"03\" for gas");
        }
        let kgce = section.number("kgce", 0.0..=FACTOR_MAX);
        let co2_kg = section.number("co2_kg", 0.0..=FACTOR_MAX);
        if let Some(energy_code) = energy_code {
            if seen.contains(&energy_code) {
                let reason = format!("there is a factor for '{energy_code}' already");
                section.fault("energy_code", reason, "give each energy class one table");
            }
            seen.push(energy_code.clone());
            factors.put(EnergyFactor { energy_code, kgce, co2_kg });
        }
        section.finish();
    }
    factors
}
