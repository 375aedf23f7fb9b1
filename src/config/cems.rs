//! `[cems]`: the profile of the site.

use super::form;
use crate::document::Section;
use crate::limits;
use crate::model::cems::{BasicChargeMode, Cems, DerInstalled, UserType};
use crate::time::UtcOffset;

const USER_TYPES: [(&str, UserType); 4] = [
    ("industrial", UserType::Industrial),
    ("commercial", UserType::Commercial),
    ("public", UserType::Public),
    ("residential", UserType::Residential),
];

const BASIC_CHARGE_MODES: [(&str, BasicChargeMode); 3] = [
    ("capacity", BasicChargeMode::Capacity),
    ("contract-demand", BasicChargeMode::ContractDemand),
    ("actual-demand", BasicChargeMode::ActualDemand),
];

/// More than any user's power, area or capacity.
const QUANTITY_MAX: f64 = 1e9;
/// The highest voltage in use is 1150 kV.
const VOLTAGE_KV_MAX: f64 = 1_200.0;
/// Supplies of one user.
const SUPPLIES_MAX: usize = 8;
/// Energy classes there are.
const ENERGY_TYPES_MAX: usize = 20;

/// Reads the table; `None` when there is none, which is noted.
pub(super) fn cems(root: &Section<'_>) -> Option<Cems> {
    if !root.has("cems") {
        root.missing("cems", "begin with [cems] and its id, name, user_name and utc_offset");
    }
    let section = root.section("cems")?;
    let text = |key| section.text(key, limits::NAME_CHARS_MAX);
    let required =
        |key, remedy| section.required_text(key, limits::NAME_CHARS_MAX, remedy).unwrap_or_default();
    let quantity = |key| section.number(key, 0.0..=QUANTITY_MAX);
    let cems = Cems {
        id: section
            .required_id("id", "give this CEMS an ID of its own, such as CEMS-310000-0001")
            .unwrap_or_default(),
        name: required("name", "name this system for people"),
        user_id: text("user_id"),
        user_name: required("user_name", "name the energy user"),
        industry_code: text("industry_code"),
        user_type: section.choice("user_type", &USER_TYPES),
        region_code: form::region_code(&section, "region_code"),
        address: text("address"),
        building_area_m2: quantity("building_area_m2"),
        supply_voltage_kv: section.numbers("supply_voltage_kv", 0.0..=VOLTAGE_KV_MAX, SUPPLIES_MAX),
        transformer_capacity_kva: quantity("transformer_capacity_kva"),
        contract_demand_kw: quantity("contract_demand_kw"),
        basic_charge_mode: section.choice("basic_charge_mode", &BASIC_CHARGE_MODES),
        tariff_id: section.id("tariff_id"),
        der_installed: section.section("der_installed").map(der_installed).unwrap_or_default(),
        energy_types: energy_types(&section),
        offset: utc_offset(&section),
    };
    section.finish();
    Some(cems)
}

fn der_installed(section: Section<'_>) -> DerInstalled {
    let power = |key| section.number(key, 0.0..=QUANTITY_MAX);
    let installed = DerInstalled {
        pv_kw: power("pv_kw"),
        wind_kw: power("wind_kw"),
        storage_kw: power("storage_kw"),
        chp_kw: power("chp_kw"),
        charging_kw: power("charging_kw"),
    };
    section.finish();
    installed
}

fn energy_types(section: &Section<'_>) -> Vec<String> {
    let codes = section.texts("energy_types", ENERGY_TYPES_MAX);
    for code in codes.iter().filter(|code| !form::is_energy_code(code)) {
        let reason = format!("{code:?} is no energy class");
        section.fault("energy_types", reason, "write two digits each, such as [\"01\", \"02\"]");
    }
    codes
}

/// Never guessed: a wrong offset moves every day and every month of the site.
fn utc_offset(section: &Section<'_>) -> UtcOffset {
    let written = section.parsed("utc_offset", UtcOffset::parse);
    if !section.has("utc_offset") {
        section.missing("utc_offset", "give the offset that days are reckoned in, such as +08:00");
    }
    written.unwrap_or(UtcOffset::UTC)
}
