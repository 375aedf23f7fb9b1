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
    entry("GetDrStaticData", Inferred, "operation: what the site offers in demand response (clause A.3)"),
    entry("GetDrDynamicData", Inferred, "operation: events to come and under way (clause A.3)"),
    entry("GetDrHistoricalData", Inferred, "operation: events and what came of them (clause A.3)"),
    entry("GetDrStatisticalData", Inferred, "operation: what several events came to (clause A.3)"),
    entry("PutDrEvent", Inferred, "operation: enters an event; no read, our own, off unless switched on"),
    entry("GetDmStaticData", Inferred, "operation: what is set about demand (clause B.3)"),
    entry("GetDmDynamicData", Inferred, "operation: demand at present (clause B.3)"),
    entry("GetDmHistoricalData", Inferred, "operation: demands of a time range (clause B.3)"),
    entry("about", Inferred, "operation: this gateway and its wire names; our own"),
    entry("healthz", OtherSource, "open path: how the gateway is; a custom of web services"),
    entry(
        "openapi.json",
        OtherSource,
        "open path: this interface as an OpenAPI document; a custom of web services",
    ),
    entry("metrics", OtherSource, "path: figures for monitoring systems; a custom of web services"),
    entry("claim", Inferred, "open path where a gateway that nobody owns is claimed; our own"),
    entry("audit.csv", Inferred, "path of who did what to the gateway; our own"),
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
        "ESPI QualityOfReading: 0 valid, 7 entered by hand, 9 interpolated, 10 questionable, 11 derived, 16 other",
    ),
    entry("cause", Inferred, "why a reading is not good, or why readings are missing; our own"),
    entry("gap", Inferred, "stretches of the range in which readings are missing; our own"),
    entry(
        "missing",
        Inferred,
        "how many readings, or windows of demand, are missing, where that is known; our own",
    ),
    entry("partial", Inferred, "of a gap: there are some readings in it; our own"),
    entry("gapLeftOut", Inferred, "how many gaps the answer has no room for; our own"),
    entry("alarm", Inferred, "of the gateway itself: kinds of what needs to be looked after; our own"),
    entry("counterEvent", Inferred, "what registers did in the range besides growing; our own"),
    entry("eventID", Inferred, "an event of demand response; of a register: its number, our own"),
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
    entry("dmStatic", Inferred, "class DmStatic: what is set about demand (annex B.2)"),
    entry("dmDynamic", Inferred, "class DmDynamic: demand at present (annex B.2)"),
    entry("dmHistorical", Inferred, "class DmHistorical: demands of a time range (annex B.2)"),
    entry("demandWindow", Inferred, "the time over which power is averaged"),
    entry("slidingStep", Inferred, "how far a sliding window moves at a time; left out for blocks"),
    entry("demandMethod", Inferred, "sliding or block"),
    entry("billingDay", Inferred, "the day on which a month of billing begins, 1 to 28"),
    entry("alarmRatio", Inferred, "share of the contract at which one is warned"),
    entry("limitRatio", Inferred, "share of the contract that is the limit"),
    entry("demandPoint", Inferred, "the point at which demand is measured"),
    entry("overThreshold", Inferred, "share of the contract above which more is charged; our own"),
    entry("overFactor", Inferred, "how much more is charged; our own"),
    entry("currentPower", Inferred, "kilowatts now"),
    entry("currentDemand", Inferred, "kilowatts over the last window"),
    entry("predictedDemand", Inferred, "kilowatts that the running block will come to"),
    entry("windowRemain", Inferred, "seconds that are left of the running block"),
    entry("monthMaxDemand", Inferred, "greatest demand of the month of billing so far, kilowatts"),
    entry("monthMaxTime", Inferred, "end of the window of that"),
    entry("demandUsageRate", Inferred, "demand as a share of the contract"),
    entry("margin", Inferred, "contract less demand, kilowatts"),
    entry("alarmLevel", Inferred, "0 normal, 1 warning, 2 over"),
    entry("controllableLoad", Inferred, "kilowatts that can be switched off"),
    entry("powerCause", Inferred, "why there is no power: stale or not-measured; our own"),
    entry("monthCause", Inferred, "why there is no maximum of the month: reckoning or incomplete; our own"),
    entry("month", Inferred, "months of billing as a list"),
    entry("maxDemand", Inferred, "greatest demand of a month, kilowatts"),
    entry("maxTime", Inferred, "end of the window of that"),
    entry("overCount", Inferred, "how often demand was over the limit"),
    entry("overDuration", Inferred, "for how long demand was over the limit"),
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
    entry(
        "fill",
        Inferred,
        "what stands for an interval without a value: none, null, previous or linear; with interval only",
    ),
    entry(
        "include",
        Inferred,
        "parts of the static data: profile, category, point, capability, codes; of events: baseline, result",
    ),
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
    entry("energyClass", Inferred, "the table of energy classes; our own"),
    entry("energyName", Inferred, "name of an energy class"),
    entry("subItem", Inferred, "the table of sub-items; our own"),
    entry("subItemName", Inferred, "name of a sub-item"),
    entry("touRate", Inferred, "the table of rates; our own"),
    entry("touName", Inferred, "name of a rate"),
    entry("readingType", Inferred, "the table of reading types that have a name; our own"),
    entry("readingTypeName", Inferred, "name of a reading type"),
    entry("englishName", Inferred, "the same name in English; our own"),
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
    entry(
        "mark",
        Inferred,
        "how sure it is: K known, T deduced, S other source, I inferred; of reading types: V seen, B built",
    ),
    entry("meaning", Inferred, "what a name or a code stands for"),
    entry("httpStatus", Inferred, "HTTP status of a return code"),
    entry("run", Inferred, "start of the gateway, counting from 1, that the newest scan is of; our own"),
    entry("durableSequence", Inferred, "scans that are on the medium; our own"),
    entry("durableThrough", Inferred, "time of the newest scan on the medium; our own"),
    entry("drCapability", Inferred, "what the site offers in demand response (clause A.3)"),
    entry("participate", Inferred, "whether the site takes part in anything"),
    entry("aggregatorID", Inferred, "who bundles the site's offers with those of others"),
    entry("maxPeakClipping", Inferred, "kW that can be taken off a peak"),
    entry("maxValleyFilling", Inferred, "kW that can be put into a valley"),
    entry("minDuration", Inferred, "the shortest answer"),
    entry("maxDuration", Inferred, "the longest answer"),
    entry("noticeTime", Inferred, "how long before its start the site must know of an event"),
    entry("rampRate", Inferred, "kW a minute"),
    entry("resource", Inferred, "what can be adjusted"),
    entry("adjustableUp", Inferred, "kW that a resource can take more"),
    entry("adjustableDown", Inferred, "kW that a resource can take less"),
    entry("controlMode", Inferred, "manual, auto or direct: who adjusts it, never the gateway"),
    entry("validityRule", Inferred, "1 or 2: when an answer counts; our own"),
    entry("drEvent", Inferred, "events of demand response"),
    entry("eventNo", OtherSource, "another number of an event"),
    entry("eventName", OtherSource, "name of an event for people"),
    entry("responseType", OtherSource, "1 peak clipping, 2 valley filling, 3 absorption of clean energy"),
    entry("timeType", OtherSource, "dayAhead, intraday or realTime"),
    entry("regulateCap", OtherSource, "kW wanted of all sites together"),
    entry("eventStatus", OtherSource, "1 saved, 2 pending, 3 running, 4 ended, 5 void"),
    entry("invitation", OtherSource, "the invitation to an event, with the reply"),
    entry("invitationID", OtherSource, "ID of an invitation"),
    entry("invitationRound", OtherSource, "which invitation of several"),
    entry("invitationTime", OtherSource, "when the site was invited"),
    entry("deadlineTime", OtherSource, "until when one may reply"),
    entry("invitationCap", OtherSource, "kW wanted of this site"),
    entry("isParticipate", OtherSource, "1 the site takes part, 0 it does not; left out before the reply"),
    entry("replyCap", OtherSource, "kW that the site promised"),
    entry("replyTime", OtherSource, "when the site replied"),
    entry("subsidyPrice", OtherSource, "CNY for a kilowatt-hour"),
    entry("baseline", OtherSource, "what the load of an event is held against"),
    entry("method", Inferred, "AVG_LAST_5_WORKDAYS, TOP_5_OF_10, TRIM_10 or PRE_15MIN"),
    entry("sampleDate", Inferred, "the days whose mean a baseline is"),
    entry("actual", Inferred, "the load while an event lasted"),
    entry("result", Inferred, "what came of an event"),
    entry("maxLoadBaseline", OtherSource, "kW, the greatest of the baseline"),
    entry("avgLoadBaseline", OtherSource, "kW, the mean of the baseline"),
    entry("minLoadBaseline", OtherSource, "kW, the least of the baseline"),
    entry("maxLoadActual", OtherSource, "kW, the greatest load"),
    entry("avgLoadActual", OtherSource, "kW, the mean load"),
    entry("minLoadActual", OtherSource, "kW, the least load"),
    entry("actualCap", OtherSource, "kW by which the mean moved as it should"),
    entry("actualEnergy", OtherSource, "kWh of that"),
    entry("responseRate", OtherSource, "the part of what was promised"),
    entry("effectiveTime", OtherSource, "minutes in which the promise was kept by 80 %"),
    entry("isEffective", OtherSource, "Y or N: whether the answer counts; null where that is not known"),
    entry("incentiveAmount", OtherSource, "CNY; null where the answer does not count or no price is known"),
    entry("isFinal", Inferred, "Y where a result is frozen; our own"),
    entry("execution", Inferred, "what is coming of an event under way"),
    entry("executeTime", OtherSource, "when the load was measured"),
    entry("baselineCap", OtherSource, "kW of the baseline at that time"),
    entry("realTimeCap", OtherSource, "kW of the load"),
    entry("executeCap", OtherSource, "kW by which the load has moved as it should"),
    entry("executeRate", OtherSource, "the part of what was promised"),
    entry("isOut", OtherSource, "Y where the load is on the wrong side of the baseline; meaning inferred"),
    entry("isQualified", OtherSource, "Y where the promise is kept by 80 %; meaning inferred"),
    entry("drStatistics", Inferred, "what several events came to"),
    entry("responseTimes", OtherSource, "events that the site took part in"),
    entry("peakClippingTimes", OtherSource, "of these, those that clipped a peak"),
    entry("valleyFillingTimes", OtherSource, "of these, the others"),
    entry("totalResponseLoad", OtherSource, "kW, the sum of actualCap"),
    entry("totalResponseEnergy", OtherSource, "kWh, the sum of actualEnergy"),
    entry("responseAccuracy", OtherSource, "the part of the events judged that was effective"),
    entry("eventCount", Inferred, "events in this answer"),
    entry("created", Inferred, "whether an event was not known before; our own"),
    entry("claimCode", Inferred, "what the console of a gateway shows that nobody owns; our own"),
    entry("platformID", Inferred, "ID of a platform; our own"),
    entry("token", Inferred, "what a platform shows from now on; our own"),
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
