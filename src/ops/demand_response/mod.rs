//! Demand response: how events enter, what is frozen of them, and what came of them.
//!
//! ```text
//! enter (platform, console) -> reply -> baseline frozen -> the event -> outcome frozen
//! ```
//!
//! The baseline is frozen when the event is entered, or, where the rule takes samples up to a day that is
//! not over yet, as soon as it is. The outcome is frozen when the event is over and every quarter of an
//! hour of it was measured, or [`limits::DR_SETTLE_DAYS_MAX`](crate::limits::DR_SETTLE_DAYS_MAX) days later
//! with what there is; until then it is computed whenever it is asked for.

mod loads;
mod order;
mod settle;

pub use order::{Entered, Named, OrderError};
