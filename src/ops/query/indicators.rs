//! Indicators: what a row of a statistic tells, and of what.

use crate::model::category::Category;
use crate::model::point::{Parameter, Point, PointRole};
use crate::stats::SeriesKind;

/// What a row tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indicator {
    /// Energy used or given.
    Energy,
    /// Products made.
    Output,
    /// Energy used, in standard coal.
    StandardCoal,
    /// What electricity costs.
    Cost,
    /// Carbon dioxide of the energy used.
    CarbonDioxide,
    /// The mean power.
    MeanLoad,
    /// The mean power as a share of the greatest mean of a quarter of an hour.
    LoadFactor,
    /// Active energy as a share of apparent energy.
    PowerFactor,
    /// Electricity for a unit of a product.
    EnergyPerOutput,
    /// Standard coal for a unit of a product.
    CoalPerOutput,
    /// Electricity for a square metre.
    EnergyPerArea,
    /// The share of renewable energy of one's own in the electricity used.
    RenewableShare,
    /// The share of renewable energy of one's own that was used here.
    SelfUse,
    /// A parameter that is neither energy nor output, by its ID.
    Parameter(String),
}

impl Indicator {
    /// What a row about a parameter tells.
    pub(super) fn of(point: &Point, parameter: &Parameter) -> Self {
        let counts = SeriesKind::of(&parameter.reading_type) != SeriesKind::Level;
        if point.role == PointRole::Production && counts {
            Self::Output
        } else if parameter.reading_type.is_energy() && counts {
            Self::Energy
        } else {
            Self::Parameter(parameter.id.clone())
        }
    }

    /// Whether a point has it, and not only a category or the site.
    pub(super) const fn is_of_points(&self) -> bool {
        matches!(self, Self::Energy | Self::Output | Self::Parameter(_))
    }

    /// Whether only the site as a whole has it.
    pub(super) const fn is_of_site_alone(&self) -> bool {
        matches!(
            self,
            Self::EnergyPerOutput
                | Self::CoalPerOutput
                | Self::EnergyPerArea
                | Self::RenewableShare
                | Self::SelfUse
        )
    }
}

/// What a row of a statistic is about.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// A parameter of a point.
    Point(&'a Category, &'a Point, &'a Parameter),
    /// A category with all below it.
    Category(&'a Category),
    /// The site.
    Cems,
}

/// A sum with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    /// How much; `None` where that is not known.
    pub value: Option<f64>,
    /// The unit.
    pub unit: String,
}
