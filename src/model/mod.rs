//! The words of metering: what a register is, what a Point measures, what a Reading says.
//!
//! No I/O here, and nothing that knows a file, a wire or a database.

pub mod alarm;
pub mod audit;
pub mod category;
pub mod cems;
pub mod codes;
pub mod control;
pub mod demand;
pub mod demand_response;
pub mod factor;
pub mod formula;
pub mod gap;
pub mod learned;
pub mod map_library;
pub mod meter;
pub mod overload;
pub mod part;
pub mod point;
pub mod quality;
pub mod reading;
pub mod reading_type;
pub mod reading_type_forms;
pub mod register;
pub mod tariff;
pub mod tou;
