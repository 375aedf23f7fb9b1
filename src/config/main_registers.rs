//! The registers that a Point is made of where nobody names them, and what its Parameters are called.

use crate::model::meter::RegisterMap;

/// Register names that all maps share, with the Parameter ID usual in energy management systems.
const MAIN: [(&str, &str); 12] = [
    ("energy_import", "EPI"),
    ("energy_export", "EPE"),
    ("power", "P"),
    ("reactive_power", "Q"),
    ("power_factor", "PF"),
    ("voltage_a", "UA"),
    ("voltage_b", "UB"),
    ("voltage_c", "UC"),
    ("current_a", "IA"),
    ("current_b", "IB"),
    ("current_c", "IC"),
    ("frequency", "F"),
];

/// What stands in for a main register in a map that has none: a meter that does not tell directions
/// apart counts a total, one without a sign tells import and export.
const STAND_IN: [(&str, &[&str]); 2] =
    [("energy_import", &["energy_total"]), ("power", &["power_import", "power_export"])];

/// Those of the main registers that `map` has, or what stands in for them.
pub(super) fn main_registers(map: &RegisterMap) -> Vec<String> {
    let has = |name: &&str| map.register(name).is_some();
    let main_or_stand_in = |(main, _): &(&'static str, &str)| {
        let stand_in = STAND_IN.iter().filter(|(name, _)| name == main && !has(name));
        let names = stand_in.flat_map(|(_, names)| names.iter().copied());
        std::iter::once(*main).chain(names).filter(has).map(str::to_owned).collect::<Vec<_>>()
    };
    MAIN.iter().flat_map(main_or_stand_in).collect()
}

/// What a Parameter that reads this register is called.
pub(super) fn parameter_id(register: &str) -> String {
    let main = MAIN.iter().find(|(name, _)| *name == register).map(|(_, id)| (*id).to_owned());
    main.unwrap_or_else(|| register.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters;

    #[test]
    fn every_built_in_meter_comes_with_an_energy_and_a_power() {
        for map in meters::library(None).unwrap().maps() {
            let model = &map.model;
            let main = main_registers(map);
            assert!(main.iter().any(|name| name.starts_with("energy_")), "{model}: {main:?}");
            assert!(main.iter().any(|name| name.starts_with("power")), "{model}: {main:?}");
        }
    }

    #[test]
    fn a_total_or_two_directions_stand_in_only_where_the_main_register_is_missing() {
        let library = meters::library(None).unwrap();
        let has =
            |model: &str, name: &str| main_registers(library.get(model).unwrap()).contains(&name.to_owned());
        assert!(has("orno-we-504", "energy_total") && has("kostal-ksem", "power_export"));
        assert!(!has("eastron-sdm630", "energy_total") && !has("eastron-sdm72d-m", "power_import"));
    }
}
