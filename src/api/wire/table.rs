//! Code tables as the static data show them.

use serde::Serialize;

use super::Shown;
use crate::model::codes;
use crate::model::reading_type::ReadingType;

/// Head of what the static data have beside the standard.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StaticExtension<'a> {
    /// Names of operations; left out where nobody asked.
    #[serde(rename = "capability", skip_serializing_if = "Option::is_none")]
    pub operations: Option<&'a [&'static str]>,
}

/// An energy class.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EnergyClass {
    /// Two digits.
    #[serde(rename = "energyCode")]
    pub code: &'static str,
    /// Its name in Chinese.
    #[serde(rename = "energyName")]
    pub chinese: &'static str,
    /// Its name in English.
    #[serde(rename = "englishName")]
    pub english: &'static str,
    /// How sure it is.
    #[serde(rename = "mark")]
    pub mark: &'static str,
}

impl From<&codes::Code> for EnergyClass {
    fn from(row: &codes::Code) -> Self {
        let codes::Code { code, chinese, english, mark } = *row;
        Self { code, chinese, english, mark }
    }
}

/// A sub-item of electricity.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SubItem {
    /// Five letters and digits.
    #[serde(rename = "subItemCode")]
    pub code: &'static str,
    /// Its name in Chinese.
    #[serde(rename = "subItemName")]
    pub chinese: &'static str,
    /// Its name in English.
    #[serde(rename = "englishName")]
    pub english: &'static str,
    /// How sure it is.
    #[serde(rename = "mark")]
    pub mark: &'static str,
}

impl From<&codes::Code> for SubItem {
    fn from(row: &codes::Code) -> Self {
        let codes::Code { code, chinese, english, mark } = *row;
        Self { code, chinese, english, mark }
    }
}

/// A rate of a time-of-use tariff.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TouRate {
    /// Its number.
    #[serde(rename = "tou")]
    pub number: u8,
    /// Its name in Chinese.
    #[serde(rename = "touName")]
    pub chinese: &'static str,
    /// Its name in English.
    #[serde(rename = "englishName")]
    pub english: &'static str,
    /// How sure it is.
    #[serde(rename = "mark")]
    pub mark: &'static str,
}

impl From<&codes::Code> for TouRate {
    fn from(row: &codes::Code) -> Self {
        let codes::Code { code, chinese, english, mark } = *row;
        Self { number: code.parse().unwrap_or_default(), chinese, english, mark }
    }
}

/// A reading type that has a name.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NamedReadingType {
    /// Its numbers.
    #[serde(rename = "readingTypeID")]
    pub id: Shown<ReadingType>,
    /// Its name in Chinese.
    #[serde(rename = "readingTypeName")]
    pub chinese: &'static str,
    /// Its name in English.
    #[serde(rename = "englishName")]
    pub english: &'static str,
    /// The unit of its readings.
    #[serde(rename = "unit")]
    pub unit: &'static str,
    /// How sure it is.
    #[serde(rename = "mark")]
    pub mark: &'static str,
}

impl From<&codes::NamedReadingType> for NamedReadingType {
    fn from(row: &codes::NamedReadingType) -> Self {
        let codes::NamedReadingType { reading_type, chinese, english, unit, mark } = *row;
        Self { id: Shown(reading_type), chinese, english, unit, mark }
    }
}
