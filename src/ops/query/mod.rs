//! The questions of the application-side interface: static, dynamic, historical, statistical, and those
//! of demand management.
//!
//! A typed request goes in; out comes a typed error or an answer that gives its items one at a
//! time, so that the memory of an answer does not depend on its length.

mod aligned;
mod audience;
pub(in crate::ops) mod counts;
mod demand;
mod demand_response;
mod dynamic_data;
mod error;
mod filling;
mod freshness;
mod historical_data;
mod incompleteness;
mod indicators;
mod paging;
mod quantity;
mod rated;
mod register_edges;
mod rollup;
mod selection;
mod series_statistics;
mod span;
mod static_data;
mod statistical_data;
mod statistics;
mod targets;
mod thinning;
mod totals;

pub use audience::Audience;
pub(super) use demand::{DemandAlarm, DemandDays};
pub use demand::{DemandHistory, DemandHistoryQuery, DemandNow, DemandStatic, MonthDemand};
pub use demand_response::{DrAnswer, DrQuery, DrRow, DrSummary, Execution};
pub use dynamic_data::{DynamicAnswer, DynamicItem, DynamicQuery, Newest};
pub use error::QueryError;
pub use filling::{Fill, Told};
pub use freshness::PointStatus;
pub use historical_data::{
    CounterEventRow, GapRow, HistoricalAnswer, HistoricalQuery, HistoricalRow, TimeOrder,
};
pub use indicators::{Amount, Indicator, Object};
pub use paging::{Page, PageRequest};
pub use selection::Selection;
pub use static_data::{StaticAnswer, StaticInclude, StaticItem, StaticQuery};
pub use statistical_data::{Grouping, StatisticalAnswer, StatisticalQuery, StatisticalRow};
