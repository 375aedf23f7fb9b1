//! Demand management: what was agreed, the demand at present, and the demands of the past.
//!
//! `source` says where demand is measured, `curve` reads what flowed there, `days` remembers the peaks of
//! days, of which `month` puts months together.

mod alarm;
mod curve;
mod days;
mod history;
mod month;
mod now;
mod source;

pub(in crate::ops) use alarm::DemandAlarm;
pub(in crate::ops) use days::DemandDays;
pub use history::{DemandHistory, DemandHistoryQuery};
pub use month::MonthDemand;
pub use now::{DemandNow, DemandStatic};
