//! Cems (clause 6.3): what is said about the user and the site as a whole.

use crate::time::UtcOffset;

/// What kind of user the site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserType {
    /// A factory.
    Industrial,
    /// A shop, an office, a hotel.
    Commercial,
    /// A school, a hospital, an authority.
    Public,
    /// A home.
    Residential,
}

/// How the basic charge of a two-part tariff is reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasicChargeMode {
    /// By transformer capacity.
    Capacity,
    /// By the demand agreed on.
    ContractDemand,
    /// By the demand measured.
    ActualDemand,
}

/// Installed power of distributed energy resources, in kW.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DerInstalled {
    /// Photovoltaics.
    pub pv_kw: Option<f64>,
    /// Wind.
    pub wind_kw: Option<f64>,
    /// Storage.
    pub storage_kw: Option<f64>,
    /// Combined heat and power.
    pub chp_kw: Option<f64>,
    /// Charging stations.
    pub charging_kw: Option<f64>,
}

/// The profile of the site.
#[derive(Clone, Debug, PartialEq)]
pub struct Cems {
    /// Stable name of this CEMS instance.
    pub id: String,
    /// Shown to people.
    pub name: String,
    /// The consumer's account number.
    pub user_id: Option<String>,
    /// The consumer's name.
    pub user_name: String,
    /// GB/T 4754.
    pub industry_code: Option<String>,
    /// What kind of user.
    pub user_type: Option<UserType>,
    /// GB/T 2260, six digits.
    pub region_code: Option<String>,
    /// Postal address.
    pub address: Option<String>,
    /// Square metres.
    pub building_area_m2: Option<f64>,
    /// Kilovolts of each supply.
    pub supply_voltage_kv: Vec<f64>,
    /// Kilovolt-amperes.
    pub transformer_capacity_kva: Option<f64>,
    /// Kilowatts.
    pub contract_demand_kw: Option<f64>,
    /// How the basic charge is reckoned.
    pub basic_charge_mode: Option<BasicChargeMode>,
    /// The TOU calendar in force.
    pub tariff_id: Option<String>,
    /// Installed distributed energy.
    pub der_installed: DerInstalled,
    /// Two-digit codes of the kinds of energy used.
    pub energy_types: Vec<String>,
    /// The offset that days and months are reckoned in.
    pub offset: UtcOffset,
}
