//! The site file: one TOML text in, a checked [`Site`](site::Site) or every fault of it out.

pub mod changed_keys;
pub mod difference;
pub mod draft;
pub mod edit;
pub mod replace;
pub mod site;

mod api;
mod categories;
mod cems;
mod compat;
mod demand;
mod demand_response;
mod doubts;
mod entries;
mod factors;
mod form;
mod formulas;
mod lines;
mod main_registers;
mod meters;
mod network;
mod parameters;
mod places;
mod platforms;
mod points;
mod quantity;
mod read;
mod serial;
mod services;
mod tariff;
pub(crate) mod text;
mod tou;
mod writable;

/// A site of one meter `m` that is read once a second, for tests that add their points of category `G`.
#[cfg(test)]
pub(crate) fn site_with(rest: &str) -> Result<site::Site, crate::document::Faults> {
    const HEAD: &str = r#"
        [cems]
        id = "C"
        name = "n"
        user_name = "u"
        utc_offset = "+08:00"
        contract_demand_kw = 1000
        [[category]]
        id = "G"
        code = "G"
        name = "G"
        [[line]]
        id = "lan"
        kind = "tcp"
        host = "192.0.2.1"
        [[meter]]
        id = "m"
        line = "lan"
        unit = 1
        interval = "PT1S"
    "#;
    read("site.toml", &format!("{HEAD}{rest}"), crate::meters::library)
}

pub use doubts::doubts;
pub use read::{LoadError, load, read};
