//! Names that stand alone on the wire: words of the path, and members that hold lists or objects.

/// The word of the path (clause 3.1.1, note 3).
pub const PATH_CEMS: &str = "cems";
/// The version in the path.
pub const PATH_VERSION: &str = "v1";
/// The open path that tells whether the gateway is well.
pub const PATH_HEALTH: &str = "healthz";

/// What an answer is about.
pub const DATA: &str = "data";
/// The site.
pub const CEMS: &str = "cems";
/// Categories.
pub const CATEGORY: &str = "category";
/// Points of a category.
pub const POINT: &str = "point";
/// Parameters of a point.
pub const PARAMETER: &str = "parameter";
/// Series of a point, and readings of a series.
pub const READING: &str = "reading";
/// Stretches without readings.
pub const GAP: &str = "gap";
/// Stretches without readings that an answer has no room for.
pub const GAP_LEFT_OUT: &str = "gapLeftOut";
/// What registers did besides plain growth.
pub const COUNTER_EVENT: &str = "counterEvent";
/// What registers did that an answer has no room for.
pub const COUNTER_EVENT_LEFT_OUT: &str = "counterEventLeftOut";
/// Rows of a statistic.
pub const STATISTIC: &str = "statistic";
/// What is set about demand.
pub const DM_STATIC: &str = "dmStatic";
/// Demand at present.
pub const DM_DYNAMIC: &str = "dmDynamic";
/// Demands of the past.
pub const DM_HISTORICAL: &str = "dmHistorical";
/// Months of billing.
pub const MONTH: &str = "month";
/// What was counted.
pub const DATA_COUNT: &str = "dataCount";
/// Which page.
pub const PAGE: &str = "page";
/// What the standard does not have.
pub const EXTENSION: &str = "extension";
/// Every name with its confidence mark.
pub const NAME_LIST: &str = "names";
/// Every return code with its meaning.
pub const CODE_LIST: &str = "codes";
