//! Operations: what may be asked, by its name in the path.

use super::names;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The site, its categories, points and parameters (clause 7).
    Static,
    /// The newest readings (clause 8).
    Dynamic,
    /// The readings of a time range (clause 9).
    Historical,
    /// Statistics over periods (clause 10).
    Statistical,
    /// What the site offers where load has to be moved (Annex A).
    DrStatic,
    /// Events of demand response to come and under way (Annex A).
    DrDynamic,
    /// Events of demand response and what came of them (Annex A).
    DrHistorical,
    /// What several events of demand response came to (Annex A).
    DrStatistical,
    /// An event of demand response, to be entered: no question, and our own.
    PutDrEvent,
    /// What is set about demand (annex B).
    DmStatic,
    /// Demand at present (annex B).
    DmDynamic,
    /// The demands of a time range (annex B).
    DmHistorical,
    /// This gateway and its wire names; our own.
    About,
}

impl Subject {
    /// Whether it is about the site as a whole, of which no part can be told alone.
    #[must_use]
    pub const fn is_of_whole_site(self) -> bool {
        !matches!(self, Self::Static | Self::Dynamic | Self::Historical | Self::Statistical | Self::About)
    }

    /// Whether an answer may be long, and take long.
    #[must_use]
    pub const fn is_long(self) -> bool {
        matches!(
            self,
            Self::Historical
                | Self::Statistical
                | Self::DrHistorical
                | Self::DrStatistical
                | Self::DmHistorical
        )
    }
}

/// What a question is narrowed to by the name of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nothing: the whole site.
    Cems,
    /// Categories, which it must name.
    Category,
    /// Points, which it must name.
    Point,
}

/// What may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What is asked about.
    pub subject: Subject,
    /// What the question is narrowed to.
    pub scope: Scope,
}

/// Of these names only the first is public (clause 7.1).
const NAMES: [(&str, Operation); 21] = [
    ("GetCemsStaticData", Operation::of(Subject::Static, Scope::Cems)),
    ("GetCategoryStaticData", Operation::of(Subject::Static, Scope::Category)),
    ("GetPointStaticData", Operation::of(Subject::Static, Scope::Point)),
    ("GetCemsDynamicData", Operation::of(Subject::Dynamic, Scope::Cems)),
    ("GetCategoryDynamicData", Operation::of(Subject::Dynamic, Scope::Category)),
    ("GetPointDynamicData", Operation::of(Subject::Dynamic, Scope::Point)),
    ("GetCemsHistoricalData", Operation::of(Subject::Historical, Scope::Cems)),
    ("GetCategoryHistoricalData", Operation::of(Subject::Historical, Scope::Category)),
    ("GetPointHistoricalData", Operation::of(Subject::Historical, Scope::Point)),
    ("GetCemsStatisticalData", Operation::of(Subject::Statistical, Scope::Cems)),
    ("GetCategoryStatisticalData", Operation::of(Subject::Statistical, Scope::Category)),
    ("GetPointStatisticalData", Operation::of(Subject::Statistical, Scope::Point)),
    ("GetDrStaticData", Operation::of(Subject::DrStatic, Scope::Cems)),
    ("GetDrDynamicData", Operation::of(Subject::DrDynamic, Scope::Cems)),
    ("GetDrHistoricalData", Operation::of(Subject::DrHistorical, Scope::Cems)),
    ("GetDrStatisticalData", Operation::of(Subject::DrStatistical, Scope::Cems)),
    ("PutDrEvent", Operation::of(Subject::PutDrEvent, Scope::Cems)),
    ("GetDmStaticData", Operation::of(Subject::DmStatic, Scope::Cems)),
    ("GetDmDynamicData", Operation::of(Subject::DmDynamic, Scope::Cems)),
    ("GetDmHistoricalData", Operation::of(Subject::DmHistorical, Scope::Cems)),
    ("about", Operation::of(Subject::About, Scope::Cems)),
];

impl Operation {
    /// The operation about `subject`, narrowed to `scope`.
    #[must_use]
    pub const fn of(subject: Subject, scope: Scope) -> Self {
        Self { subject, scope }
    }

    /// All operations.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(_, operation)| *operation)
    }

    /// The names of all operations.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        NAMES.iter().map(|(name, _)| *name).collect()
    }

    /// Its name in the path.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, operation)| *operation == self).map_or("", |(name, _)| name)
    }

    /// The operation of a name, written in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, operation)| *operation)
    }

    /// The methods that it takes, as the `Allow` header lists them.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        match self.subject {
            Subject::About => "GET, HEAD, OPTIONS",
            Subject::PutDrEvent => "POST, OPTIONS",
            _ => "GET, HEAD, POST, OPTIONS",
        }
    }
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An operation.
    Operation(Operation),
    /// Below the word of the interface, but no operation.
    NoOperation,
    /// The open health path.
    Health,
    /// The open description of the interface.
    OpenApi,
    /// Figures for monitoring systems.
    Figures,
    /// Who did what, as CSV.
    Audit,
    /// Where a new release is brought.
    Update,
    /// Where a gateway that nobody owns is claimed.
    Claim,
    /// Nowhere.
    Unknown,
}

impl Place {
    /// Whether something is entered there, and not only asked.
    #[must_use]
    pub fn is_order(self) -> bool {
        matches!(self, Self::Operation(operation) if operation.subject == Subject::PutDrEvent)
    }

    /// Where `path` leads; the name of the operation is read in any case.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let mut words = path.strip_prefix('/').unwrap_or_default().split('/');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(names::PATH_HEALTH), None, ..) => Self::Health,
            (Some(names::PATH_OPENAPI), None, ..) => Self::OpenApi,
            (Some(names::PATH_METRICS), None, ..) => Self::Figures,
            (Some(names::PATH_AUDIT), None, ..) => Self::Audit,
            (Some(names::PATH_UPDATE), None, ..) => Self::Update,
            (Some(names::PATH_CLAIM), None, ..) => Self::Claim,
            (Some(names::PATH_CEMS), Some(names::PATH_VERSION), Some(name), None) => {
                Operation::named(name).map_or(Self::NoOperation, Self::Operation)
            }
            (Some(names::PATH_CEMS), ..) => Self::NoOperation,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_an_operation_in_any_case_or_nowhere() {
        for (path, place) in [
            ("/cems/v1/GetCemsStaticData", Place::Operation(Operation::of(Subject::Static, Scope::Cems))),
            ("/cems/v1/getcemsdynamicdata", Place::Operation(Operation::of(Subject::Dynamic, Scope::Cems))),
            ("/cems/v1/GETPOINTDYNAMICDATA", Place::Operation(Operation::of(Subject::Dynamic, Scope::Point))),
            ("/cems/v1/about", Place::Operation(Operation::of(Subject::About, Scope::Cems))),
            ("/cems/v1/GetCemsStaticData/", Place::NoOperation),
            ("/cems/v2/GetCemsStaticData", Place::NoOperation),
            ("/cems", Place::NoOperation),
            ("/healthz", Place::Health),
            ("/healthz/", Place::Unknown),
            ("/openapi.json", Place::OpenApi),
            ("/metrics", Place::Figures),
            ("/claim", Place::Claim),
            ("/audit.csv", Place::Audit),
            ("/update", Place::Update),
            ("/metrics/x", Place::Unknown),
            ("/", Place::Unknown),
            ("", Place::Unknown),
            ("*", Place::Unknown),
            ("cems/v1/about", Place::Unknown),
        ] {
            assert_eq!(Place::of(path), place, "{path}");
        }
    }
}
