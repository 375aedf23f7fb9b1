//! The site file: one TOML text in, a checked [`Site`](site::Site) or every fault of it out.

pub mod difference;
pub mod draft;
pub mod edit;
pub mod replace;
pub mod site;

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
mod parameters;
mod places;
mod points;
mod quantity;
mod read;
mod serial;
mod services;
mod tariff;
pub(crate) mod text;
mod tou;
mod writable;

pub use doubts::doubts;
pub use read::{LoadError, load, read};
