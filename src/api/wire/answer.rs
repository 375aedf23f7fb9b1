//! Simple objects (clauses 6.11 to 6.13), readings (6.10), counts (6.4), pages (6.7), statistics
//! (6.15) and the envelope around every answer.

use std::fmt;

use serde::{Serialize, Serializer};

use super::compat::ReturnCode;
use super::{Shown, code, registry, word};
use crate::config::site::ApiCompat;
use crate::model::category;
use crate::model::gap::GapCause;
use crate::model::point;
use crate::model::quality::{Cause, Doubt, Quality};
use crate::model::reading::{self, Value};
use crate::model::reading_type::ReadingType;
use crate::ops::query::{self, CounterEventRow, GapRow, Newest, PointStatus, Told};
use crate::time::{Interval, IsoTime, UtcOffset, UtcTime};

/// What every answer begins with.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Envelope<'a> {
    /// The return code.
    #[serde(rename = "code")]
    pub code: ReturnCode<'a>,
    /// What the code means here.
    #[serde(rename = "message")]
    pub message: &'a str,
    /// The question that this answers.
    #[serde(rename = "requestID")]
    pub request_id: &'a str,
    /// When it was answered.
    #[serde(rename = "timeStamp")]
    pub at: Shown<IsoTime>,
}

/// Head of static data.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StaticHead {
    /// Since when it has been so.
    #[serde(rename = "updateTime")]
    pub updated: Shown<IsoTime>,
}

/// Head of dynamic data.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DynamicHead {
    /// When the readings were the newest.
    #[serde(rename = "timeStamp")]
    pub at: Shown<IsoTime>,
}

/// Head of historical data.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HistoricalHead {
    /// The start of the range, which belongs to it.
    #[serde(rename = "startTime")]
    pub start: Shown<IsoTime>,
    /// The end of the range, which does not.
    #[serde(rename = "endTime")]
    pub end: Shown<IsoTime>,
    /// The interval asked for.
    #[serde(rename = "interval", skip_serializing_if = "Option::is_none")]
    pub interval: Option<Shown<Interval>>,
}

/// Head of statistical data.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatisticalHead {
    /// The start of the range, which belongs to it.
    #[serde(rename = "startTime")]
    pub start: Shown<IsoTime>,
    /// The end of the range, which does not.
    #[serde(rename = "endTime")]
    pub end: Shown<IsoTime>,
    /// The length of one row.
    #[serde(rename = "period")]
    pub period: &'static str,
}

/// What stands in an answer; counted while it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DataCount {
    /// Categories.
    #[serde(rename = "categoryCount")]
    pub categories: u64,
    /// Points.
    #[serde(rename = "pointCount")]
    pub points: u64,
    /// Parameters.
    #[serde(rename = "parameterCount")]
    pub parameters: u64,
    /// Readings, or rows of a statistic.
    #[serde(rename = "readingCount")]
    pub readings: u64,
}

/// Which page.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Page {
    /// Counted from 1, or from 0 where the site says so.
    #[serde(rename = "pageNumber")]
    pub number: u32,
    /// Items of a full page.
    #[serde(rename = "pageSize")]
    pub size: u32,
    /// How many pages there are.
    #[serde(rename = "totalPages")]
    pub pages: u64,
    /// Items on all pages.
    #[serde(rename = "total")]
    pub total: u64,
}

impl Page {
    /// `page`, counted from the number that the site gives the first one.
    #[must_use]
    pub fn new(page: query::Page, compat: &ApiCompat) -> Self {
        let number = page.number.saturating_sub(1).saturating_add(compat.first_page);
        Self { number, size: page.size, pages: page.count(), total: page.total }
    }
}

/// A category that points hang on.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SimpleCategory<'a> {
    /// Unique in the site.
    #[serde(rename = "categoryID")]
    pub id: &'a str,
    /// Shown to people.
    #[serde(rename = "categoryName")]
    pub name: &'a str,
}

impl<'a> From<&'a category::Category> for SimpleCategory<'a> {
    fn from(category: &'a category::Category) -> Self {
        Self { id: &category.id, name: &category.name }
    }
}

/// A point that readings hang on.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SimplePoint<'a> {
    /// Unique in the site.
    #[serde(rename = "pointID")]
    pub id: &'a str,
    /// Shown to people.
    #[serde(rename = "pointName")]
    pub name: &'a str,
    /// Whether it is heard.
    #[serde(rename = "status", skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
}

impl<'a> SimplePoint<'a> {
    /// `point`, heard or not.
    #[must_use]
    pub fn new(point: &'a point::Point, status: Option<PointStatus>) -> Self {
        Self { id: &point.id, name: &point.name, status: status.map(word::point_status) }
    }
}

/// A series that readings hang on.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SimpleReading<'a> {
    /// The parameter.
    #[serde(rename = "parameterID")]
    pub parameter_id: &'a str,
    /// What is measured.
    #[serde(rename = "readingTypeID")]
    pub reading_type: Shown<ReadingType>,
    /// The unit of the readings.
    #[serde(rename = "unit")]
    pub unit: &'a str,
}

impl<'a> From<&'a point::Parameter> for SimpleReading<'a> {
    fn from(parameter: &'a point::Parameter) -> Self {
        Self {
            parameter_id: &parameter.id,
            reading_type: Shown(parameter.reading_type),
            unit: &parameter.unit,
        }
    }
}

/// A value at a time.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reading<'a> {
    /// When it was read.
    #[serde(rename = "timeStamp")]
    pub at: Shown<IsoTime>,
    /// The value; null where there is none.
    #[serde(rename = "value")]
    pub value: ReadingValue<'a>,
    /// What it is worth.
    #[serde(rename = "quality")]
    pub quality: u8,
    /// Why it is not good.
    #[serde(rename = "extension", skip_serializing_if = "Option::is_none")]
    pub extension: Option<ReadingExtension>,
}

/// Why a reading is not good.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReadingExtension {
    /// The reason in one word.
    #[serde(rename = "cause")]
    pub cause: Shown<ReadingCause>,
}

/// Why a reading is not good.
#[derive(Clone, Copy, Debug)]
pub enum ReadingCause {
    /// Something is known about the reading itself.
    Quality(Quality),
    /// No scan has come for some time.
    Stale,
    /// There never was one.
    NeverRead,
    /// Nothing was read in the interval.
    NoReading,
    /// Nothing was read in the interval; this is the value before it.
    Previous,
}

impl fmt::Display for ReadingCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quality(quality) => quality.fmt(f),
            Self::Stale => f.write_str("stale"),
            Self::NeverRead => f.write_str("never-read"),
            Self::NoReading => f.write_str("no-reading"),
            Self::Previous => f.write_str("previous"),
        }
    }
}

/// A stretch without readings.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gap<'a> {
    /// The point.
    #[serde(rename = "pointID")]
    pub point_id: &'a str,
    /// The parameter.
    #[serde(rename = "parameterID")]
    pub parameter_id: &'a str,
    /// When the first reading should have been there.
    #[serde(rename = "startTime")]
    pub start: Shown<IsoTime>,
    /// When there was one again; left out while there is none.
    #[serde(rename = "endTime", skip_serializing_if = "Option::is_none")]
    pub end: Option<Shown<IsoTime>>,
    /// Why.
    #[serde(rename = "cause")]
    pub cause: Shown<GapCause>,
    /// How many readings are missing; left out where that is not known.
    #[serde(rename = "missing", skip_serializing_if = "Option::is_none")]
    pub missing: Option<u32>,
    /// There are some readings in between; left out where there are none.
    #[serde(rename = "partial", skip_serializing_if = "Option::is_none")]
    pub partial: Option<bool>,
}

impl<'a> Gap<'a> {
    /// The gap of `row`, its times at `offset`.
    #[must_use]
    pub fn new(row: &GapRow<'a>, offset: UtcOffset) -> Self {
        let gap = row.gap;
        Self {
            point_id: &row.point.id,
            parameter_id: &row.parameter.id,
            start: Shown(gap.from.iso(offset)),
            end: (!gap.ongoing).then(|| Shown(gap.to.iso(offset))),
            cause: Shown(gap.cause),
            missing: (gap.missing > 0).then_some(gap.missing),
            partial: gap.partial.then_some(true),
        }
    }
}

/// What a register did besides plain growth.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CounterEvent<'a> {
    /// Its number.
    #[serde(rename = "eventID")]
    pub number: u32,
    /// The point.
    #[serde(rename = "pointID")]
    pub point_id: &'a str,
    /// The parameter.
    #[serde(rename = "parameterID")]
    pub parameter_id: &'a str,
    /// When the last value before it was read.
    #[serde(rename = "since")]
    pub since: Shown<IsoTime>,
    /// When the value was read that did not follow from that.
    #[serde(rename = "timeStamp")]
    pub at: Shown<IsoTime>,
    /// The last value before it.
    #[serde(rename = "before")]
    pub before: f64,
    /// The value that did not follow from that.
    #[serde(rename = "after")]
    pub after: f64,
    /// What happened.
    #[serde(rename = "verdict")]
    pub verdict: &'static str,
    /// What was counted for it, in the parameter's unit.
    #[serde(rename = "counted")]
    pub counted: f64,
    /// Whether that was assumed, confirmed or corrected.
    #[serde(rename = "basis")]
    pub basis: &'static str,
}

impl<'a> CounterEvent<'a> {
    /// The event of `row`, its times at `offset`.
    #[must_use]
    pub fn new(row: &CounterEventRow<'a>, offset: UtcOffset) -> Self {
        let event = row.event.event;
        let (verdict, counted) = row.event.verdict();
        Self {
            number: row.event.number,
            point_id: &row.point.id,
            parameter_id: &row.parameter.id,
            since: Shown(event.since.iso(offset)),
            at: Shown(event.at.iso(offset)),
            before: event.before,
            after: event.after,
            verdict: word::of(&word::VERDICTS, verdict),
            counted: without_binary_dust(counted),
            basis: word::basis(&row.event),
        }
    }
}

/// A number, a text or null.
pub enum ReadingValue<'a> {
    /// What was read.
    Read(&'a Value),
    /// What was computed.
    Computed(f64),
    /// There is none.
    Missing,
}

impl Serialize for ReadingValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read(Value::Number(number)) | Self::Computed(number) => serializer.serialize_f64(*number),
            Self::Read(Value::Text(text)) => serializer.serialize_str(text),
            Self::Missing => serializer.serialize_none(),
        }
    }
}

impl<'a> Reading<'a> {
    /// `reading` as it was read.
    #[must_use]
    pub fn new(reading: &'a reading::Reading, offset: UtcOffset) -> Self {
        let cause = (reading.quality != Quality::Good).then_some(ReadingCause::Quality(reading.quality));
        Self::of(reading.value.as_ref(), reading.at.iso(offset), word::quality(reading.quality), cause)
    }

    /// What is told of an interval.
    #[must_use]
    pub fn told(told: &'a Told, offset: UtcOffset) -> Self {
        let at = |at: &UtcTime| at.iso(offset);
        match told {
            Told::Read(reading) => Self::new(reading, offset),
            Told::Absent(start) => {
                Self::of(None, at(start), word::QUALITY_OTHER, Some(ReadingCause::NoReading))
            }
            Told::Carried(start, value) => {
                let cause = Some(ReadingCause::Previous);
                Self::of(Some(value), at(start), word::QUALITY_QUESTIONABLE, cause)
            }
            Told::Interpolated(start, number) => {
                let quality = Quality::Suspect(Doubt::Interpolated);
                let cause = Some(ReadingCause::Quality(quality));
                let made = Self::of(None, at(start), word::quality(quality), cause);
                Self { value: ReadingValue::Computed(without_binary_dust(*number)), ..made }
            }
        }
    }

    /// The newest of a parameter, asked for at `now`.
    #[must_use]
    pub fn newest(newest: &'a Newest, now: UtcTime, offset: UtcOffset) -> Self {
        let missing = |cause: Cause| ReadingCause::Quality(Quality::Missing(cause));
        match newest {
            Newest::Fresh(reading) => Self::new(reading, offset),
            Newest::Old(reading, cause) => {
                let cause = cause.map_or(ReadingCause::Stale, missing);
                let at = reading.at.iso(offset);
                Self::of(reading.value.as_ref(), at, word::QUALITY_QUESTIONABLE, Some(cause))
            }
            Newest::Never(attempt) => {
                let at = attempt.map_or(now, |(at, _)| at).iso(offset);
                let cause = attempt.map_or(ReadingCause::NeverRead, |(_, cause)| missing(cause));
                Self::of(None, at, word::QUALITY_OTHER, Some(cause))
            }
        }
    }

    fn of(value: Option<&'a Value>, at: IsoTime, quality: u8, cause: Option<ReadingCause>) -> Self {
        let extension = cause.map(|cause| ReadingExtension { cause: Shown(cause) });
        let value = value.map_or(ReadingValue::Missing, ReadingValue::Read);
        Self { at: Shown(at), value, quality, extension }
    }
}

/// Six decimals: the last bits of sums and differences are no measurement.
pub(super) fn without_binary_dust(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6;
    // Above this a double has no six decimals to round to.
    if value.abs() < 1e9 { rounded } else { value }
}

/// Head of what the gateway says about itself.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AboutHead {
    /// The standard that the interface is prepared for.
    #[serde(rename = "profile")]
    pub profile: &'static str,
    /// The revision of the wire names.
    #[serde(rename = "revision")]
    pub revision: &'static str,
    /// What part the gateway plays.
    #[serde(rename = "role")]
    pub role: &'static str,
    /// What must not be concluded from all this.
    #[serde(rename = "remark")]
    pub remark: &'static str,
    /// The software's version.
    #[serde(rename = "softwareVersion")]
    pub version: &'static str,
}

impl AboutHead {
    /// This gateway.
    pub const THIS: Self = Self {
        profile: "GB/T 35031.5-2025",
        revision: registry::REVISION,
        role: "CEMS master station (embedded)",
        remark: "prepared for the standard; its full text is not public, wire names are provisional",
        version: env!("CARGO_PKG_VERSION"),
    };
}

/// One name of the wire.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NameRow {
    /// The name.
    #[serde(rename = "name")]
    pub name: &'static str,
    /// How sure it is.
    #[serde(rename = "mark")]
    pub mark: &'static str,
    /// What it stands for.
    #[serde(rename = "meaning")]
    pub meaning: &'static str,
}

impl From<&registry::Entry> for NameRow {
    fn from(entry: &registry::Entry) -> Self {
        Self { name: entry.name, mark: entry.mark.letter(), meaning: entry.meaning }
    }
}

/// One return code.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CodeRow {
    /// The number in the answer.
    #[serde(rename = "code")]
    pub code: u32,
    /// The HTTP status.
    #[serde(rename = "httpStatus")]
    pub status: u16,
    /// What it means.
    #[serde(rename = "meaning")]
    pub meaning: &'static str,
}

impl From<code::Code> for CodeRow {
    fn from(code: code::Code) -> Self {
        Self { code: code.number(), status: code.status(), meaning: code.meaning() }
    }
}

/// How the gateway is.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    /// `ok`, or `alarm` when something needs to be looked after.
    #[serde(rename = "status")]
    pub status: &'static str,
    /// The kinds of what needs to be looked after; left out when there is nothing.
    #[serde(rename = "alarm", skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<&'static str>,
    /// The run in which the newest scan on the medium was taken.
    #[serde(rename = "run", skip_serializing_if = "Option::is_none")]
    pub run: Option<u32>,
    /// Scans that are on the medium.
    #[serde(rename = "durableSequence")]
    pub sequence: u64,
    /// The time of the newest of them.
    #[serde(rename = "durableThrough", skip_serializing_if = "Option::is_none")]
    pub through: Option<Shown<IsoTime>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bits_of_a_difference_are_not_shown() {
        for (value, shown) in [(31_877.199_999_999_997, 31_877.2), (0.1 + 0.2, 0.3), (-0.000_000_1, -0.0)] {
            assert!((without_binary_dust(value) - shown).abs() < f64::EPSILON, "{value}");
        }
        assert_eq!(without_binary_dust(1.234_567_89e15).to_bits(), 1.234_567_89e15_f64.to_bits());
    }

    #[test]
    fn a_text_and_a_missing_value_are_written_as_such() {
        let text = Value::Text("SN\"1\u{1}电".into());
        for (value, expected) in [
            (Some(&Value::Number(1.5)), "1.5"),
            (Some(&Value::Number(-120.0)), "-120.0"),
            (Some(&Value::Number(f64::NAN)), "null"),
            (Some(&text), r#""SN\"1\u0001电""#),
            (None, "null"),
        ] {
            let value = value.map_or(ReadingValue::Missing, ReadingValue::Read);
            let written: heapless::String<64> = serde_json_core::to_string(&value).unwrap();
            let read: serde_json::Value = serde_json::from_str(&written).unwrap();
            assert_eq!(read, serde_json::from_str::<serde_json::Value>(expected).unwrap());
        }
    }

    #[test]
    fn every_cause_is_explained_in_the_documentation() {
        let documentation = include_str!("../../../docs/api.md");
        let qualities = (0..=u8::MAX).filter_map(Quality::from_code).map(ReadingCause::Quality);
        // Of the exception codes the first stands for all.
        let one_exception = |cause: &String| !cause.starts_with("exception-") || cause == "exception-01";
        let causes = qualities.chain([
            ReadingCause::Stale,
            ReadingCause::NeverRead,
            ReadingCause::NoReading,
            ReadingCause::Previous,
        ]);
        let causes = causes.map(|cause| cause.to_string()).filter(|cause| cause != "good");
        for cause in causes.filter(one_exception) {
            assert!(documentation.contains(&format!("\n| `{cause}`")), "{cause}");
        }
    }
}
