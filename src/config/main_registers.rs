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

/// Those of the main registers that `map` has.
pub(super) fn main_registers(map: &RegisterMap) -> Vec<String> {
    let has = |(name, _): &(&str, &str)| map.register(name).is_some();
    MAIN.into_iter().filter(has).map(|(name, _)| name.to_owned()).collect()
}

/// What a Parameter that reads this register is called.
pub(super) fn parameter_id(register: &str) -> String {
    let main = MAIN.iter().find(|(name, _)| *name == register).map(|(_, id)| (*id).to_owned());
    main.unwrap_or_else(|| register.to_ascii_uppercase())
}
