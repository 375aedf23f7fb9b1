//! Words: the values that a member may have out of a fixed list, and quality numbers.

use crate::counter::Assumption;
use crate::model::category::CodeSystem;
use crate::model::cems::{BasicChargeMode, UserType};
use crate::model::point::PointRole;
use crate::model::quality::{Doubt, Quality};
use crate::ops::query::{Fill, Grouping, Indicator, Object, PointStatus, TimeOrder};
use crate::stats::Function;
use crate::stats::calendar::Period;
use crate::store::CounterEvent;

/// Good (ESPI `QualityOfReading`).
pub const QUALITY_VALID: u8 = 0;
/// Interpolated on a straight line.
pub const QUALITY_INTERPOLATED: u8 = 9;
/// Entered by hand.
pub const QUALITY_EDITED: u8 = 7;
/// Failed a check, or too old to be true still.
pub const QUALITY_QUESTIONABLE: u8 = 10;
/// Derived from other values.
pub const QUALITY_DERIVED: u8 = 11;
/// Anything else; here: there is no value.
pub const QUALITY_OTHER: u8 = 16;

/// The number of a quality.
#[must_use]
pub const fn quality(quality: Quality) -> u8 {
    match quality {
        Quality::Good => QUALITY_VALID,
        Quality::Suspect(Doubt::Interpolated) => QUALITY_INTERPOLATED,
        Quality::Suspect(Doubt::Entered) => QUALITY_EDITED,
        Quality::Suspect(_) => QUALITY_QUESTIONABLE,
        Quality::Missing(_) => QUALITY_OTHER,
    }
}

/// The number of what a statistic is worth: good where nothing is missing.
#[must_use]
pub const fn statistic_quality(value: Option<f64>, completeness: f64) -> u8 {
    match value {
        None => QUALITY_OTHER,
        Some(_) if completeness < 1.0 => QUALITY_QUESTIONABLE,
        Some(_) => QUALITY_VALID,
    }
}

/// Words for periods.
pub const PERIODS: [(&str, Period); 9] = [
    ("PT15M", Period::QuarterHour),
    ("PT1H", Period::Hour),
    ("P1D", Period::Day),
    ("P1W", Period::Week),
    ("P1M", Period::Month),
    ("BILLING", Period::BillingMonth),
    ("P3M", Period::Quarter),
    ("P1Y", Period::Year),
    ("TOTAL", Period::Total),
];

/// Words for functions.
pub const FUNCTIONS: [(&str, Function); 5] = [
    ("sum", Function::Sum),
    ("avg", Function::Avg),
    ("max", Function::Max),
    ("min", Function::Min),
    ("last", Function::Last),
];

/// How the gateway is: well, or working while something needs to be looked after.
#[must_use]
pub const fn health(is_well: bool) -> &'static str {
    if is_well { "ok" } else { "alarm" }
}

/// Words for what a register did.
pub const VERDICTS: [(&str, Assumption); 4] = [
    ("rollover", Assumption::RolledOver),
    ("reset", Assumption::Reset),
    ("replaced", Assumption::Replaced),
    ("glitch", Assumption::Glitch),
];

/// What the judgement of an event rests on.
#[must_use]
pub fn basis(event: &CounterEvent) -> &'static str {
    match (event.ruled.is_some(), event.is_confirmed()) {
        (false, _) => "assumed",
        (true, true) => "confirmed",
        (true, false) => "corrected",
    }
}

/// Words for the direction of time.
pub const ORDERS: [(&str, TimeOrder); 2] = [("asc", TimeOrder::Ascending), ("desc", TimeOrder::Descending)];

/// Words for what stands for an interval without a value.
pub const FILLS: [(&str, Fill); 4] =
    [("none", Fill::None), ("null", Fill::Null), ("previous", Fill::Previous), ("linear", Fill::Linear)];

/// Parts of the static data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncludePart {
    /// What is said about the user and the site as a whole.
    Profile,
    /// Categories.
    Category,
    /// Points with their parameters.
    Point,
    /// What can be asked.
    Capability,
    /// Tables of codes.
    Codes,
}

/// Words for parts of the static data.
pub const INCLUDES: [(&str, IncludePart); 5] = [
    ("profile", IncludePart::Profile),
    ("category", IncludePart::Category),
    ("point", IncludePart::Point),
    ("capability", IncludePart::Capability),
    ("codes", IncludePart::Codes),
];

/// Words for what rows of a statistic are about.
pub const GROUPINGS: [(&str, Grouping); 3] =
    [("point", Grouping::Point), ("category", Grouping::Category), ("cems", Grouping::Cems)];

/// The kind of object that a row is about.
#[must_use]
pub fn object_type(object: &Object<'_>) -> &'static str {
    let grouping = match object {
        Object::Point(..) => Grouping::Point,
        Object::Category(_) => Grouping::Category,
        Object::Cems => Grouping::Cems,
    };
    of(&GROUPINGS, grouping)
}

/// Codes of indicators.
const INDICATORS: [(&str, Indicator); 13] = [
    ("ENERGY", Indicator::Energy),
    ("ENERGY_TCE", Indicator::StandardCoal),
    ("COST", Indicator::Cost),
    ("LOAD_AVG", Indicator::MeanLoad),
    ("LOAD_FACTOR", Indicator::LoadFactor),
    ("POWER_FACTOR", Indicator::PowerFactor),
    ("OUTPUT", Indicator::Output),
    ("ENERGY_PER_OUTPUT", Indicator::EnergyPerOutput),
    ("TCE_PER_OUTPUT", Indicator::CoalPerOutput),
    ("ENERGY_PER_AREA", Indicator::EnergyPerArea),
    ("RENEWABLE_SHARE", Indicator::RenewableShare),
    ("SELF_USE_RATE", Indicator::SelfUse),
    ("CO2", Indicator::CarbonDioxide),
];

/// The code of an indicator.
#[must_use]
pub fn indicator(indicator: &Indicator) -> &str {
    match indicator {
        Indicator::Parameter(id) => id,
        other => INDICATORS.iter().find(|(_, known)| known == other).map_or("", |(code, _)| code),
    }
}

/// The indicator of a code; any code that is none of ours is taken for a parameter's ID.
#[must_use]
pub fn indicator_from(code: &str) -> Indicator {
    let known = INDICATORS.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| Indicator::Parameter(code.to_owned()), |(_, indicator)| indicator.clone())
}

/// The word of `value` in one of the tables above.
pub fn of<T: PartialEq + Copy>(table: &'static [(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|(_, entry)| *entry == value).map_or("", |(word, _)| word)
}

/// The value of `word` in one of the tables above.
pub fn find<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(entry, _)| *entry == word).map(|(_, value)| *value)
}

/// All words of a table, for the one who used another.
#[must_use]
pub fn list<T>(table: &[(&str, T)]) -> String {
    table.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

/// The table that a category code is from.
#[must_use]
pub const fn code_system(system: CodeSystem) -> &'static str {
    match system {
        CodeSystem::GbZ32500 => "GBZ32500",
        CodeSystem::Mohurd2008 => "MOHURD2008",
        CodeSystem::Local => "LOCAL",
    }
}

/// What kind of user the site is.
#[must_use]
pub const fn user_type(user_type: UserType) -> &'static str {
    match user_type {
        UserType::Industrial => "industrial",
        UserType::Commercial => "commercial",
        UserType::Public => "public",
        UserType::Residential => "residential",
    }
}

/// How the basic charge is reckoned.
#[must_use]
pub const fn basic_charge_mode(mode: BasicChargeMode) -> &'static str {
    match mode {
        BasicChargeMode::Capacity => "capacity",
        BasicChargeMode::ContractDemand => "contractDemand",
        BasicChargeMode::ActualDemand => "actualDemand",
    }
}

/// What part a point plays.
#[must_use]
pub const fn point_role(role: PointRole) -> &'static str {
    match role {
        PointRole::Gateway => "gateway",
        PointRole::Main => "main",
        PointRole::Branch => "branch",
        PointRole::Sub => "sub",
        PointRole::Check => "check",
        PointRole::Virtual => "virtual",
        PointRole::Production => "production",
        PointRole::Der => "der",
        PointRole::Environment => "environment",
    }
}

/// Whether a point is heard.
#[must_use]
pub const fn point_status(status: PointStatus) -> &'static str {
    match status {
        PointStatus::Online => "online",
        PointStatus::Offline => "offline",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quality::Cause;

    #[test]
    fn every_word_reads_back_as_what_it_stands_for() {
        for (word, period) in PERIODS {
            assert_eq!(find(&PERIODS, word), Some(period));
            assert_eq!(of(&PERIODS, period), word);
        }
        for code in INDICATORS.map(|(code, _)| code).into_iter().chain(["EPI"]) {
            assert_eq!(indicator(&indicator_from(code)), code);
        }
        assert_eq!(list(&ORDERS), "asc, desc");
        assert_eq!(find(&FUNCTIONS, "SUM"), None);
    }

    #[test]
    fn a_statistic_is_good_where_nothing_is_missing() {
        assert_eq!(statistic_quality(Some(1.0), 1.0), 0);
        assert_eq!(statistic_quality(Some(1.0), 0.9999), 10);
        assert_eq!(statistic_quality(None, 0.0), 16);
    }

    #[test]
    fn qualities_are_numbered_as_espi_numbers_them() {
        for (of, number) in [
            (Quality::Good, 0),
            (Quality::Suspect(Doubt::Entered), 7),
            (Quality::Suspect(Doubt::Interpolated), 9),
            (Quality::Suspect(Doubt::OutOfRange), 10),
            (Quality::Missing(Cause::Timeout), 16),
        ] {
            assert_eq!(quality(of), number);
        }
    }
}
