//! Registry: every name of the wire with how sure we are of it.

use Mark::{Deduced, Inferred, Known, OtherSource};

/// How sure a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// K: stated in the public part of the standard.
    Known,
    /// T: follows from the order and the page numbers of its contents list.
    Deduced,
    /// S: stated by another public source.
    OtherSource,
    /// I: inferred by us from practice and from sister standards.
    Inferred,
}

impl Mark {
    /// The letter that documents print.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Known => "K",
            Self::Deduced => "T",
            Self::OtherSource => "S",
            Self::Inferred => "I",
        }
    }
}

/// One name of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// How sure it is.
    pub mark: Mark,
    /// What it stands for.
    pub meaning: &'static str,
}

/// The revision of the names; changes whenever one of them does.
pub const REVISION: &str = "0.1-inferred";

const fn entry(name: &'static str, mark: Mark, meaning: &'static str) -> Entry {
    Entry { name, mark, meaning }
}

/// Every name that is written or read.
pub const REGISTRY: &[Entry] = &[
    entry("cems", Known, "the word of the path and the site in an answer (clause 3.1.1, notes 2 and 3)"),
    entry("v1", Inferred, "the version in the path"),
    entry("GetCemsStaticData", Known, "operation: static data (clause 7.1)"),
    entry("GetCategoryStaticData", Inferred, "operation: static data, of categories (clause 7)"),
    entry("GetPointStaticData", Inferred, "operation: static data, of points (clause 7)"),
    entry("GetCemsDynamicData", Inferred, "operation: newest readings (clause 8)"),
    entry("GetCategoryDynamicData", Inferred, "operation: newest readings, of categories (clause 8)"),
    entry("GetPointDynamicData", Inferred, "operation: newest readings, of points (clause 8)"),
    entry("GetCemsHistoricalData", Inferred, "operation: readings of a time range (clause 9)"),
    entry(
        "GetCategoryHistoricalData",
        Inferred,
        "operation: readings of a time range, of categories (clause 9)",
    ),
    entry("GetPointHistoricalData", Inferred, "operation: readings of a time range, of points (clause 9)"),
    entry("GetCemsStatisticalData", Inferred, "operation: statistics over periods (clause 10)"),
    entry(
        "GetCategoryStatisticalData",
        Inferred,
        "operation: statistics over periods, of categories (clause 10)",
    ),
    entry("GetPointStatisticalData", Inferred, "operation: statistics over periods, of points (clause 10)"),
    entry("about", Inferred, "operation: this gateway and its wire names; our own"),
    entry("healthz", OtherSource, "open path: how the gateway is; a custom of web services"),
    entry("code", OtherSource, "return code (clause 5.4); the member as many Chinese interfaces name it"),
    entry("message", OtherSource, "the return code in words"),
    entry("requestID", Inferred, "repeats the X-Request-ID of the question, else made up"),
    entry("timeStamp", Inferred, "time of an answer or of a reading"),
    entry("data", OtherSource, "what an answer is about"),
    entry("category", Deduced, "class Category and SimpleCategory (clauses 6.2, 6.11) as a list"),
    entry("point", Deduced, "class Point and SimplePoint (clauses 6.9, 6.12) as a list"),
    entry("parameter", Deduced, "class Parameter (clause 6.8) as a list"),
    entry("reading", Deduced, "class SimpleReading and Reading (clauses 6.13, 6.10) as a list"),
    entry("statistic", Inferred, "rows of statistical data (clause 6.15)"),
    entry("dataCount", Deduced, "class DataCount (clause 6.4): what stands in this answer"),
    entry("page", Deduced, "class Page (clause 6.7)"),
    entry("extension", Inferred, "what the standard does not have (clause 5.6)"),
    entry("names", Inferred, "every name with its confidence mark; our own"),
    entry("codes", Inferred, "every return code with its meaning; our own"),
    entry("cemsID", Inferred, "stable name of the CEMS"),
    entry("cemsName", Inferred, "name of the CEMS for people"),
    entry("userID", Inferred, "the consumer's account number"),
    entry("userName", Inferred, "the consumer's name"),
    entry("industryCode", Inferred, "industry, GB/T 4754"),
    entry("userType", Inferred, "industrial, commercial, public or residential"),
    entry("regionCode", Inferred, "region, GB/T 2260"),
    entry("address", Inferred, "postal address"),
    entry("buildingArea", Inferred, "square metres"),
    entry("supplyVoltage", Inferred, "kilovolts of each supply"),
    entry("transformerCapacity", Inferred, "kilovolt-amperes"),
    entry("contractDemand", Inferred, "kilowatts agreed on"),
    entry("basicChargeMode", Inferred, "capacity, contractDemand or actualDemand"),
    entry("tariffID", Inferred, "the tariff in force"),
    entry("derInstalled", Inferred, "installed distributed energy"),
    entry("pv", Inferred, "photovoltaics, kW"),
    entry("wind", Inferred, "wind, kW"),
    entry("storage", Inferred, "storage, kW"),
    entry("chp", Inferred, "combined heat and power, kW"),
    entry("charging", Inferred, "charging stations, kW"),
    entry("energyType", Inferred, "energy classes used"),
    entry("timeZone", Inferred, "offset of local time from UTC"),
    entry("updateTime", Inferred, "since when the static data have been so"),
    entry("categoryID", Inferred, "category, unique in the CEMS"),
    entry("categoryCode", Inferred, "code of the category in its code system"),
    entry("codeSystem", Inferred, "GBZ32500, MOHURD2008 or LOCAL"),
    entry("categoryName", Inferred, "name of the category for people"),
    entry("energyCode", Inferred, "two-digit energy class"),
    entry("parentCategoryID", Inferred, "the category that this one is part of"),
    entry("pointID", Inferred, "point, unique in the CEMS"),
    entry("pointName", Inferred, "name of the point for people"),
    entry("pointRole", Inferred, "part of the point in the site's totals"),
    entry("subItemCode", OtherSource, "sub-item code of the building guide of 2008"),
    entry("location", Inferred, "where the point is"),
    entry("ratedPower", Inferred, "kilowatts"),
    entry("ratedCapacity", Inferred, "kilowatt-hours"),
    entry("status", Inferred, "online or offline; of the gateway itself: ok or alarm"),
    entry("parameterID", Inferred, "parameter, unique in its point"),
    entry("parameterName", Inferred, "name of the parameter for people"),
    entry("parameterCode", Inferred, "local mnemonic where no reading type names the quantity"),
    entry(
        "readingTypeID",
        OtherSource,
        "what is measured, 18 fields (GB/T 35031.302 Annex A by its contents list)",
    ),
    entry("unit", Inferred, "unit of the values"),
    entry("valueType", Inferred, "string for texts; left out for numbers"),
    entry("decimals", Inferred, "decimals of the values"),
    entry(
        "interval",
        Inferred,
        "how often a parameter is read; in a question: the last reading of each interval only",
    ),
    entry("upperLimit", Inferred, "values above are questionable"),
    entry("lowerLimit", Inferred, "values below are questionable"),
    entry("access", Inferred, "always R: read only"),
    entry("value", Inferred, "the value, null where there is none"),
    entry(
        "quality",
        OtherSource,
        "ESPI QualityOfReading: 0 valid, 9 interpolated, 10 questionable, 16 other",
    ),
    entry("cause", Inferred, "why a reading is not good, or why readings are missing; our own"),
    entry("gap", Inferred, "stretches of the range in which readings are missing; our own"),
    entry("missing", Inferred, "how many readings are missing, where that is known; our own"),
    entry("partial", Inferred, "of a gap: there are some readings in it; our own"),
    entry("gapLeftOut", Inferred, "how many gaps the answer has no room for; our own"),
    entry("alarm", Inferred, "of the gateway itself: kinds of what needs to be looked after; our own"),
    entry("counterEvent", Inferred, "what registers did in the range besides growing; our own"),
    entry("eventID", Inferred, "the number of an event of a register; our own"),
    entry("since", Inferred, "of an event: when the last value before it was read; our own"),
    entry("before", Inferred, "of an event: the last value before it; our own"),
    entry("after", Inferred, "of an event: the value that did not follow from that; our own"),
    entry("verdict", Inferred, "of an event: rollover, reset, replaced or glitch; our own"),
    entry("counted", Inferred, "of an event: what was counted for it; our own"),
    entry("basis", Inferred, "of an event: assumed, confirmed or corrected by a technician; our own"),
    entry("counterEventLeftOut", Inferred, "how many events the answer has no room for; our own"),
    entry("categoryCount", Inferred, "categories in this answer"),
    entry("pointCount", Inferred, "points in this answer"),
    entry("parameterCount", Inferred, "parameters in this answer"),
    entry("readingCount", Inferred, "readings or statistic rows in this answer"),
    entry("pageNumber", OtherSource, "page, counted from 1"),
    entry("pageSize", OtherSource, "items of a full page"),
    entry("totalPages", OtherSource, "number of pages"),
    entry("total", OtherSource, "items on all pages"),
    entry("startTime", Inferred, "start of the range, which belongs to it"),
    entry("endTime", Inferred, "end of the range, which does not belong to it"),
    entry("period", Inferred, "length of one row: PT15M PT1H P1D P1W P1M BILLING P3M P1Y TOTAL"),
    entry("indicatorCode", Inferred, "what a row tells: ENERGY, COST, ... or a parameter's ID"),
    entry("objectType", Inferred, "what a row is about: point, category or cems"),
    entry("objectID", Inferred, "the object that a row is about"),
    entry("periodStart", Inferred, "start of the period, which belongs to it"),
    entry("periodEnd", Inferred, "end of the period, which does not belong to it"),
    entry("function", Inferred, "sum, avg, max, min or last"),
    entry("occurTime", Inferred, "when a maximum or minimum occurred"),
    entry("completeness", Inferred, "how much of what the whole period should have is there, 0 to 1"),
    entry("include", Inferred, "parts of the static data: profile, category, point, capability"),
    entry("sort", Inferred, "asc or desc, by time within a parameter"),
    entry("groupBy", Inferred, "what statistic rows are about: point, category or cems"),
    entry("productID", Inferred, "the product that a row or a point is about"),
    entry("numerator", Inferred, "of a ratio: what is divided, with its unit"),
    entry("denominator", Inferred, "of a ratio: by what, with its unit"),
    entry(
        "tou",
        OtherSource,
        "rate of the time-of-use tariff: 0 total, 1 sharp, 2 peak, 3 flat, 4 valley, 5 deep valley",
    ),
    entry("capability", Inferred, "operations that are present"),
    entry("profile", Inferred, "the standard that the interface is prepared for"),
    entry(
        "revision",
        Inferred,
        "of these names; of a statistic row: how often late readings made it new, left out for 0",
    ),
    entry("role", Inferred, "part that the gateway plays (clause 4.1)"),
    entry("remark", Inferred, "a remark for people"),
    entry("softwareVersion", Inferred, "version of the gateway's software"),
    entry("name", Inferred, "a name of the wire"),
    entry("mark", Inferred, "how sure a name is: K known, T deduced, S other source, I inferred"),
    entry("meaning", Inferred, "what a name or a code stands for"),
    entry("httpStatus", Inferred, "HTTP status of a return code"),
    entry("run", Inferred, "start of the gateway, counting from 1, that the newest scan is of; our own"),
    entry("durableSequence", Inferred, "scans that are on the medium; our own"),
    entry("durableThrough", Inferred, "time of the newest scan on the medium; our own"),
];

/// The entry of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_listed_twice_and_each_has_a_meaning() {
        for (index, entry) in REGISTRY.iter().enumerate() {
            assert_eq!(find(entry.name), Some(&REGISTRY[index]));
            assert!(entry.meaning.len() > 2, "{}", entry.name);
        }
    }

    #[test]
    fn only_what_the_standard_shows_in_public_is_marked_known() {
        let known: Vec<_> = REGISTRY.iter().filter(|e| e.mark == Known).map(|e| e.name).collect();
        assert_eq!(known, ["cems", "GetCemsStaticData"]);
    }
}
