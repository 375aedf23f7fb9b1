//! Operations: what may be asked, by its name in the path.

use super::names;

/// What may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The site, its categories, points and parameters (clause 7).
    Static,
    /// The newest readings (clause 8).
    Dynamic,
    /// The readings of a time range (clause 9).
    Historical,
    /// Statistics over periods (clause 10).
    Statistical,
    /// This gateway and its wire names; our own.
    About,
}

/// The name of clause 7.1, the only public one.
const STATIC: &str = "GetCemsStaticData";
const DYNAMIC: &str = "GetCemsDynamicData";
const HISTORICAL: &str = "GetCemsHistoricalData";
const STATISTICAL: &str = "GetCemsStatisticalData";
const ABOUT: &str = "about";

impl Operation {
    /// All operations.
    pub const ALL: [Self; 5] =
        [Self::Static, Self::Dynamic, Self::Historical, Self::Statistical, Self::About];

    /// Its name in the path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => STATIC,
            Self::Dynamic => DYNAMIC,
            Self::Historical => HISTORICAL,
            Self::Statistical => STATISTICAL,
            Self::About => ABOUT,
        }
    }

    /// The methods that it takes, as the `Allow` header lists them.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        match self {
            Self::About => "GET, HEAD, OPTIONS",
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
    /// Nowhere.
    Unknown,
}

impl Place {
    /// Where `path` leads; the name of the operation is read in any case.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let mut words = path.strip_prefix('/').unwrap_or_default().split('/');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(names::PATH_HEALTH), None, ..) => Self::Health,
            (Some(names::PATH_CEMS), Some(names::PATH_VERSION), Some(name), None) => {
                let named = |operation: &Operation| operation.name().eq_ignore_ascii_case(name);
                Operation::ALL.into_iter().find(named).map_or(Self::NoOperation, Self::Operation)
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
            ("/cems/v1/GetCemsStaticData", Place::Operation(Operation::Static)),
            ("/cems/v1/getcemsdynamicdata", Place::Operation(Operation::Dynamic)),
            ("/cems/v1/about", Place::Operation(Operation::About)),
            ("/cems/v1/GetCemsStaticData/", Place::NoOperation),
            ("/cems/v2/GetCemsStaticData", Place::NoOperation),
            ("/cems", Place::NoOperation),
            ("/healthz", Place::Health),
            ("/healthz/", Place::Unknown),
            ("/", Place::Unknown),
            ("", Place::Unknown),
            ("*", Place::Unknown),
            ("cems/v1/about", Place::Unknown),
        ] {
            assert_eq!(Place::of(path), place, "{path}");
        }
    }
}
