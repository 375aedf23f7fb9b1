//! Names that stand alone on the wire: words of the path, and members that hold lists or objects.

/// The word of the path (clause 3.1.1, note 3).
pub const PATH_CEMS: &str = "cems";
/// The version in the path.
pub const PATH_VERSION: &str = "v1";
/// The open path that tells whether the gateway is well.
pub const PATH_HEALTH: &str = "healthz";
/// The open path of the interface's own description.
pub const PATH_OPENAPI: &str = "openapi.json";

/// The path where a gateway that nobody owns is claimed.
pub const PATH_CLAIM: &str = "claim";
/// The path of the audit book, as CSV.
pub const PATH_AUDIT: &str = "audit.csv";
/// The path where a new release is brought.
pub const PATH_UPDATE: &str = "update";
/// Where a piece lies in the file that it is of.
pub const OFFSET: &str = "offset";
/// Whether a release that is not newer is taken as well.
pub const FORCE: &str = "force";
/// Whether the gateway restarts into the new release at once.
pub const RESTART: &str = "restart";
/// The path of figures for monitoring systems.
pub const PATH_METRICS: &str = "metrics";

/// The return code.
pub const CODE: &str = "code";
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
/// What the site offers where load has to be moved.
pub const DR_CAPABILITY: &str = "drCapability";
/// What can be adjusted.
pub const RESOURCE: &str = "resource";
/// Events of demand response.
pub const DR_EVENT: &str = "drEvent";
/// The invitation to an event.
pub const INVITATION: &str = "invitation";
/// What the load of an event is held against.
pub const BASELINE: &str = "baseline";
/// The load while an event lasted.
pub const ACTUAL: &str = "actual";
/// What came of an event.
pub const RESULT: &str = "result";
/// What is coming of an event.
pub const EXECUTION: &str = "execution";
/// What several events came to.
pub const DR_STATISTICS: &str = "drStatistics";
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
/// The table of energy classes.
pub const ENERGY_CLASS: &str = "energyClass";
/// The table of sub-items.
pub const SUB_ITEM: &str = "subItem";
/// The table of rates.
pub const TOU_RATE: &str = "touRate";
/// The table of reading types that have a name.
pub const READING_TYPE: &str = "readingType";
/// Every name with its confidence mark.
pub const NAME_LIST: &str = "names";
/// Every return code with its meaning.
pub const CODE_LIST: &str = "codes";
