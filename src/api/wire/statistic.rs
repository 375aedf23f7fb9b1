//! Rows of a statistic (clause 6.15).

use serde::Serialize;

use super::answer::without_binary_dust;
use super::{Shown, word};
use crate::model::gap::GapCause;
use crate::model::reading_type::ReadingType;
use crate::model::tou::Rate;
use crate::ops::query::{self, Object, StatisticalRow};
use crate::time::{IsoTime, UtcOffset, UtcTime};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One row of a statistic.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatItem<'a> {
    /// What the row tells.
    #[serde(rename = "indicatorCode")]
    pub indicator: &'a str,
    /// What kind of object it is about.
    #[serde(rename = "objectType")]
    pub object_type: &'static str,
    /// The object.
    #[serde(rename = "objectID")]
    pub object_id: &'a str,
    /// The parameter that was summed up; left out for a total.
    #[serde(rename = "parameterID", skip_serializing_if = "Option::is_none")]
    pub parameter_id: Option<&'a str>,
    /// The product that it is about.
    #[serde(rename = "productID", skip_serializing_if = "Option::is_none")]
    pub product: Option<&'a str>,
    /// The energy class of a total.
    #[serde(rename = "energyCode", skip_serializing_if = "Option::is_none")]
    pub energy_code: Option<&'a str>,
    /// What was measured, or what the amount of a total is; left out where no reading type says it.
    #[serde(rename = "readingTypeID", skip_serializing_if = "Option::is_none")]
    pub reading_type: Option<Shown<ReadingType>>,
    /// The start of the period, which belongs to it.
    #[serde(rename = "periodStart")]
    pub start: Shown<IsoTime>,
    /// The end of the period, which does not.
    #[serde(rename = "periodEnd")]
    pub end: Shown<IsoTime>,
    /// The rate at which it flowed; left out for all together.
    #[serde(rename = "tou", skip_serializing_if = "Option::is_none")]
    pub rate: Option<u8>,
    /// What was computed.
    #[serde(rename = "function")]
    pub function: &'static str,
    /// The result; null where nothing usable was read.
    #[serde(rename = "value")]
    pub value: Option<f64>,
    /// The unit of the result.
    #[serde(rename = "unit")]
    pub unit: &'a str,
    /// Of a ratio, what is divided.
    #[serde(rename = "numerator", skip_serializing_if = "Option::is_none")]
    pub numerator: Option<Amount<'a>>,
    /// Of a ratio, by what.
    #[serde(rename = "denominator", skip_serializing_if = "Option::is_none")]
    pub denominator: Option<Amount<'a>>,
    /// When the greatest or the least occurred.
    #[serde(rename = "occurTime", skip_serializing_if = "Option::is_none")]
    pub occurred: Option<Shown<IsoTime>>,
    /// How much of what the whole period should have is there, 0 to 1.
    #[serde(rename = "completeness")]
    pub completeness: f64,
    /// What it is worth by that.
    #[serde(rename = "quality")]
    pub quality: u8,
    /// How often it was computed anew; left out while it is what it was first.
    #[serde(rename = "revision", skip_serializing_if = "is_zero")]
    pub revision: u32,
    /// Why most of the rest is missing; left out where that is not known.
    #[serde(rename = "cause", skip_serializing_if = "Option::is_none")]
    pub cause: Option<Shown<GapCause>>,
    /// What people should know; left out where there is nothing.
    #[serde(rename = "remark", skip_serializing_if = "Option::is_none")]
    pub remark: Option<&'a str>,
}

/// A part of a ratio.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Amount<'a> {
    /// How much; null where that is not known.
    #[serde(rename = "value")]
    pub value: Option<f64>,
    /// The unit.
    #[serde(rename = "unit")]
    pub unit: &'a str,
}

impl<'a> From<&'a query::Amount> for Amount<'a> {
    fn from(amount: &'a query::Amount) -> Self {
        Self { value: amount.value.map(without_binary_dust), unit: &amount.unit }
    }
}

impl<'a> StatItem<'a> {
    /// `row` of the site `cems_id` as it is written.
    #[must_use]
    pub fn new(row: &'a StatisticalRow<'_>, cems_id: &'a str, offset: UtcOffset) -> Self {
        let time = |at: UtcTime| Shown(at.iso(offset));
        let (object_id, parameter) = match row.object {
            Object::Point(_, point, parameter) => (point.id.as_str(), Some(parameter.id.as_str())),
            Object::Category(category) => (category.id.as_str(), None),
            Object::Cems => (cems_id, None),
        };
        let completeness = (row.completeness * 10_000.0).floor() / 10_000.0;
        Self {
            indicator: word::indicator(&row.indicator),
            object_type: word::object_type(&row.object),
            object_id,
            parameter_id: parameter,
            product: row.product,
            energy_code: row.energy_code,
            reading_type: row.reading_type.map(Shown),
            start: time(row.period.start),
            end: time(row.period.end),
            rate: row.rate.map(Rate::number),
            function: word::of(&word::FUNCTIONS, row.function),
            value: row.value.map(without_binary_dust),
            unit: &row.unit,
            numerator: row.numerator.as_ref().map(Amount::from),
            denominator: row.denominator.as_ref().map(Amount::from),
            occurred: row.occurred.map(time),
            completeness,
            quality: word::statistic_quality(row.value, completeness),
            revision: row.revision,
            cause: row.cause.map(Shown),
            remark: row.remark.as_deref(),
        }
    }
}
