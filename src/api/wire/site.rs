//! Full objects: Cems (clause 6.3), Category (6.2), Point (6.9), Parameter (6.8).

use serde::Serialize;

use super::{Shown, word};
use crate::model::category;
use crate::model::cems;
use crate::model::point;
use crate::model::reading_type::ReadingType;
use crate::ops::query::PointStatus;
use crate::time::{Interval, UtcOffset};

/// The site by its name only.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SimpleCems<'a> {
    /// Its stable name.
    #[serde(rename = "cemsID")]
    pub id: &'a str,
    /// Shown to people.
    #[serde(rename = "cemsName")]
    pub name: &'a str,
}

impl<'a> From<&'a cems::Cems> for SimpleCems<'a> {
    fn from(cems: &'a cems::Cems) -> Self {
        Self { id: &cems.id, name: &cems.name }
    }
}

/// The profile of the site.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cems<'a> {
    /// Its stable name.
    #[serde(rename = "cemsID")]
    pub id: &'a str,
    /// Shown to people.
    #[serde(rename = "cemsName")]
    pub name: &'a str,
    /// The consumer's account number.
    #[serde(rename = "userID", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
    /// The consumer's name.
    #[serde(rename = "userName")]
    pub user_name: &'a str,
    /// GB/T 4754.
    #[serde(rename = "industryCode", skip_serializing_if = "Option::is_none")]
    pub industry_code: Option<&'a str>,
    /// What kind of user.
    #[serde(rename = "userType", skip_serializing_if = "Option::is_none")]
    pub user_type: Option<&'static str>,
    /// GB/T 2260.
    #[serde(rename = "regionCode", skip_serializing_if = "Option::is_none")]
    pub region_code: Option<&'a str>,
    /// Postal address.
    #[serde(rename = "address", skip_serializing_if = "Option::is_none")]
    pub address: Option<&'a str>,
    /// Square metres.
    #[serde(rename = "buildingArea", skip_serializing_if = "Option::is_none")]
    pub building_area_m2: Option<f64>,
    /// Kilovolts of each supply.
    #[serde(rename = "supplyVoltage", skip_serializing_if = "<[f64]>::is_empty")]
    pub supply_voltage_kv: &'a [f64],
    /// Kilovolt-amperes.
    #[serde(rename = "transformerCapacity", skip_serializing_if = "Option::is_none")]
    pub transformer_capacity_kva: Option<f64>,
    /// Kilowatts.
    #[serde(rename = "contractDemand", skip_serializing_if = "Option::is_none")]
    pub contract_demand_kw: Option<f64>,
    /// How the basic charge is reckoned.
    #[serde(rename = "basicChargeMode", skip_serializing_if = "Option::is_none")]
    pub basic_charge_mode: Option<&'static str>,
    /// The tariff in force.
    #[serde(rename = "tariffID", skip_serializing_if = "Option::is_none")]
    pub tariff_id: Option<&'a str>,
    /// Installed distributed energy.
    #[serde(rename = "derInstalled", skip_serializing_if = "Option::is_none")]
    pub der_installed: Option<DerInstalled>,
    /// Kinds of energy used.
    #[serde(rename = "energyType", skip_serializing_if = "<[String]>::is_empty")]
    pub energy_types: &'a [String],
    /// The offset of local time.
    #[serde(rename = "timeZone")]
    pub offset: Shown<UtcOffset>,
}

/// Installed power of distributed energy resources, in kW.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DerInstalled {
    /// Photovoltaics.
    #[serde(rename = "pv", skip_serializing_if = "Option::is_none")]
    pub pv_kw: Option<f64>,
    /// Wind.
    #[serde(rename = "wind", skip_serializing_if = "Option::is_none")]
    pub wind_kw: Option<f64>,
    /// Storage.
    #[serde(rename = "storage", skip_serializing_if = "Option::is_none")]
    pub storage_kw: Option<f64>,
    /// Combined heat and power.
    #[serde(rename = "chp", skip_serializing_if = "Option::is_none")]
    pub chp_kw: Option<f64>,
    /// Charging stations.
    #[serde(rename = "charging", skip_serializing_if = "Option::is_none")]
    pub charging_kw: Option<f64>,
}

impl<'a> From<&'a cems::Cems> for Cems<'a> {
    fn from(cems: &'a cems::Cems) -> Self {
        let der = cems.der_installed;
        let installed = (der != cems::DerInstalled::default()).then_some(DerInstalled {
            pv_kw: der.pv_kw,
            wind_kw: der.wind_kw,
            storage_kw: der.storage_kw,
            chp_kw: der.chp_kw,
            charging_kw: der.charging_kw,
        });
        Self {
            id: &cems.id,
            name: &cems.name,
            user_id: cems.user_id.as_deref(),
            user_name: &cems.user_name,
            industry_code: cems.industry_code.as_deref(),
            user_type: cems.user_type.map(word::user_type),
            region_code: cems.region_code.as_deref(),
            address: cems.address.as_deref(),
            building_area_m2: cems.building_area_m2,
            supply_voltage_kv: &cems.supply_voltage_kv,
            transformer_capacity_kva: cems.transformer_capacity_kva,
            contract_demand_kw: cems.contract_demand_kw,
            basic_charge_mode: cems.basic_charge_mode.map(word::basic_charge_mode),
            tariff_id: cems.tariff_id.as_deref(),
            der_installed: installed,
            energy_types: &cems.energy_types,
            offset: Shown(cems.offset),
        }
    }
}

/// A kind of equipment.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Category<'a> {
    /// Unique in the site.
    #[serde(rename = "categoryID")]
    pub id: &'a str,
    /// Its code.
    #[serde(rename = "categoryCode")]
    pub code: &'a str,
    /// The table that the code is from.
    #[serde(rename = "codeSystem")]
    pub code_system: &'static str,
    /// Shown to people.
    #[serde(rename = "categoryName")]
    pub name: &'a str,
    /// Energy class.
    #[serde(rename = "energyCode", skip_serializing_if = "Option::is_none")]
    pub energy_code: Option<&'a str>,
    /// The category that it is part of.
    #[serde(rename = "parentCategoryID", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<&'a str>,
}

impl<'a> From<&'a category::Category> for Category<'a> {
    fn from(category: &'a category::Category) -> Self {
        Self {
            id: &category.id,
            code: &category.code,
            code_system: word::code_system(category.code_system),
            name: &category.name,
            energy_code: category.energy_code.as_deref(),
            parent_id: category.parent_id.as_deref(),
        }
    }
}

/// A place where something is measured.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Point<'a> {
    /// Unique in the site.
    #[serde(rename = "pointID")]
    pub id: &'a str,
    /// Shown to people.
    #[serde(rename = "pointName")]
    pub name: &'a str,
    /// The category that it belongs to.
    #[serde(rename = "categoryID")]
    pub category_id: &'a str,
    /// Its part in the totals.
    #[serde(rename = "pointRole")]
    pub role: &'static str,
    /// Energy class.
    #[serde(rename = "energyCode", skip_serializing_if = "Option::is_none")]
    pub energy_code: Option<&'a str>,
    /// Sub-item code.
    #[serde(rename = "subItemCode", skip_serializing_if = "Option::is_none")]
    pub sub_item_code: Option<&'a str>,
    /// Where it is.
    #[serde(rename = "location", skip_serializing_if = "Option::is_none")]
    pub location: Option<&'a str>,
    /// The product that is counted here.
    #[serde(rename = "productID", skip_serializing_if = "Option::is_none")]
    pub product: Option<&'a str>,
    /// Kilowatts.
    #[serde(rename = "ratedPower", skip_serializing_if = "Option::is_none")]
    pub rated_power_kw: Option<f64>,
    /// Kilowatt-hours.
    #[serde(rename = "ratedCapacity", skip_serializing_if = "Option::is_none")]
    pub rated_capacity_kwh: Option<f64>,
    /// Whether it is heard.
    #[serde(rename = "status", skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
}

impl<'a> Point<'a> {
    /// `point`, heard or not.
    #[must_use]
    pub fn new(point: &'a point::Point, status: Option<PointStatus>) -> Self {
        Self {
            id: &point.id,
            name: &point.name,
            category_id: &point.category_id,
            role: word::point_role(point.role),
            energy_code: point.energy_code.as_deref(),
            sub_item_code: point.sub_item_code.as_deref(),
            location: point.location.as_deref(),
            product: point.product.as_deref(),
            rated_power_kw: point.rated_power_kw,
            rated_capacity_kwh: point.rated_capacity_kwh,
            status: status.map(word::point_status),
        }
    }
}

/// One measured quantity of a point.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Parameter<'a> {
    /// Unique in its point.
    #[serde(rename = "parameterID")]
    pub id: &'a str,
    /// Shown to people.
    #[serde(rename = "parameterName")]
    pub name: &'a str,
    /// Local mnemonic.
    #[serde(rename = "parameterCode", skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// What is measured.
    #[serde(rename = "readingTypeID")]
    pub reading_type: Shown<ReadingType>,
    /// The unit of the readings.
    #[serde(rename = "unit")]
    pub unit: &'a str,
    /// What a value is; left out for numbers.
    #[serde(rename = "valueType", skip_serializing_if = "Option::is_none")]
    pub value_type: Option<&'static str>,
    /// Decimals of the readings.
    #[serde(rename = "decimals", skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// How often it is read and kept.
    #[serde(rename = "interval")]
    pub interval: Shown<Interval>,
    /// Readings above are questionable.
    #[serde(rename = "upperLimit", skip_serializing_if = "Option::is_none")]
    pub upper_limit: Option<f64>,
    /// Readings below are questionable.
    #[serde(rename = "lowerLimit", skip_serializing_if = "Option::is_none")]
    pub lower_limit: Option<f64>,
    /// Always read only.
    #[serde(rename = "access")]
    pub access: &'static str,
}

impl<'a> From<&'a point::Parameter> for Parameter<'a> {
    fn from(parameter: &'a point::Parameter) -> Self {
        Self {
            id: &parameter.id,
            name: &parameter.name,
            code: parameter.code.as_deref(),
            reading_type: Shown(parameter.reading_type),
            unit: &parameter.unit,
            value_type: parameter.is_text().then_some("string"),
            decimals: parameter.decimals,
            interval: Shown(parameter.interval),
            upper_limit: parameter.valid.map(|valid| valid.max),
            lower_limit: parameter.valid.map(|valid| valid.min),
            access: "R",
        }
    }
}
