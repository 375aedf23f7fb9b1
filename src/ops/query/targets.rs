//! Targets: the rows about categories and the site, and which sums each indicator is made of.

use std::ops::Range;

use super::indicators::{Amount, Indicator, Object};
use super::quantity::Quantity;
use super::rated::Told;
use super::selection::{Chosen, ParameterView, PointView};
use super::statistics::Statistics;
use super::totals::{self, Counted, Total};
use crate::config::site::Site;
use crate::model::category::Category;
use crate::model::factor::{ELECTRICITY, EnergyFactor, RENEWABLE};
use crate::model::point::{Point, PointRole};
use crate::model::reading_type::ReadingType;
use crate::model::tou::Rate;
use crate::stats::calendar::Period;
use crate::stats::indicator::Ratio;
use crate::stats::{Function, SeriesKind};
use crate::store::StoreError;
use crate::time::UtcTime;

/// Rows of one indicator of one object.
pub(super) struct Target<'c> {
    pub(super) indicator: Indicator,
    pub(super) object: Object<'c>,
    /// The product that it is about.
    pub(super) product: Option<&'c str>,
    /// The energy class that it is about.
    pub(super) energy_code: Option<&'c str>,
    pub(super) unit: String,
    pub(super) function: Function,
    /// What the amounts in it are, before the period is put in.
    reading_type: Option<ReadingType>,
    numerator: (Quantity<'c>, String),
    denominator: Option<(Quantity<'c>, String)>,
    /// What people should know.
    remark: Option<String>,
}

/// What a target comes to in one period, at one rate.
pub(super) struct Outcome {
    pub(super) told: Told,
    pub(super) numerator: Option<Amount>,
    pub(super) denominator: Option<Amount>,
    pub(super) remark: Option<String>,
}

/// Which totals are asked for.
pub(super) struct Wanted<'q> {
    pub(super) indicators: &'q [Indicator],
    pub(super) products: Option<&'q [String]>,
    /// The categories that rows are about or that the site is narrowed to; all without it.
    pub(super) categories: Option<Vec<&'q Category>>,
}

/// The targets about each category.
pub(super) fn of_categories<'c>(chosen: &'c Chosen, wanted: &Wanted<'c>) -> Vec<Target<'c>> {
    let site = chosen.site();
    let mut categories: Vec<&'c Category> =
        wanted.categories.clone().unwrap_or_else(|| site.categories.iter().collect());
    categories.sort_by_key(|category| &category.id);
    let of_category = |category: &'c Category| {
        let energy = totals::totals(&counted_in(chosen, category));
        let within = |point: &PointView<'c>| is_below(site, point.category, category);
        let output = totals::totals(&totals::products(chosen.points().filter(within), wanted.products));
        let basis =
            Basis { site, object: Object::Category(category), chosen, energy, output, made: Vec::new() };
        let indicators = wanted.indicators.iter().filter(|indicator| !indicator.is_of_site_alone());
        indicators.flat_map(|indicator| basis.targets(indicator)).collect::<Vec<_>>()
    };
    categories.into_iter().flat_map(of_category).collect()
}

/// The targets about the site, or about what it is narrowed to.
/// Products are counted in `everything`, wherever they are made.
pub(super) fn of_cems<'c>(
    chosen: &'c Chosen,
    everything: &'c Chosen,
    wanted: &Wanted<'c>,
) -> Vec<Target<'c>> {
    let energy = wanted.categories.as_ref().map_or_else(
        || totals::counted(chosen.points()),
        |categories| totals::merged(categories.iter().map(|category| counted_in(chosen, category))),
    );
    let output = totals::totals(&totals::products(chosen.points(), wanted.products));
    let made = totals::totals(&totals::products(everything.points(), wanted.products));
    let basis = Basis {
        site: chosen.site(),
        object: Object::Cems,
        chosen,
        energy: totals::totals(&energy),
        output,
        made,
    };
    wanted.indicators.iter().flat_map(|indicator| basis.targets(indicator)).collect()
}

fn counted_in<'c>(chosen: &'c Chosen, category: &Category) -> Vec<Counted<'c>> {
    totals::counted(chosen.points().filter(|point| is_below(chosen.site(), point.category, category)))
}

/// Whether a category is another one or a part of it.
fn is_below<'c>(site: &'c Site, mut category: &'c Category, above: &Category) -> bool {
    // Categories are not parts of themselves: the site file has been checked.
    for _ in 0..=site.categories.len() {
        if category.id == above.id {
            return true;
        }
        let parent = category.parent_id.as_deref().and_then(|id| site.category(id));
        let Some(parent) = parent else { return false };
        category = parent;
    }
    false
}

/// What the indicators of an object are made of.
struct Basis<'c> {
    site: &'c Site,
    object: Object<'c>,
    chosen: &'c Chosen,
    energy: Vec<Total<'c>>,
    output: Vec<Total<'c>>,
    /// What ratios are divided by.
    made: Vec<Total<'c>>,
}

/// What one of a class of energy is worth.
type Worth = fn(&EnergyFactor) -> Option<f64>;

impl<'c> Basis<'c> {
    fn targets(&self, indicator: &Indicator) -> Vec<Target<'c>> {
        let electricity = self.of_class(ELECTRICITY, false);
        let any = !electricity.is_empty();
        let target = |numerator, unit: &str| self.target(indicator, numerator, unit);
        let one = |is_there: bool, target: Target<'c>| if is_there { vec![target] } else { Vec::new() };
        match indicator {
            Indicator::Parameter(_) => Vec::new(),
            Indicator::Energy => self.energy.iter().map(|total| self.of_energy(indicator, total)).collect(),
            Indicator::Output => self.output.iter().map(|total| self.of_output(indicator, total)).collect(),
            Indicator::StandardCoal => self.weighed(indicator, "kgce", |factor| factor.kgce),
            Indicator::CarbonDioxide => self.weighed(indicator, "kgCO2", |factor| factor.co2_kg),
            Indicator::Cost => one(any, target(Quantity::Cost(electricity), "CNY")),
            Indicator::MeanLoad => {
                one(any, target(Quantity::MeanPower(electricity), "kW").told_as(Function::Avg))
            }
            Indicator::LoadFactor => {
                let mean = target(Quantity::MeanPower(electricity.clone()), "kW");
                one(any, mean.by(Quantity::PeakPower(electricity), "kW", "1"))
            }
            Indicator::PowerFactor => self.power_factor(indicator, &electricity),
            Indicator::EnergyPerOutput => self
                .made
                .iter()
                .map(|made| self.per_output(target(base(&electricity), "kWh"), made))
                .collect(),
            Indicator::CoalPerOutput => {
                let coal = || self.weighed(indicator, "kgce", |factor| factor.kgce);
                let per_output = |made| coal().into_iter().map(move |coal| self.per_output(coal, made));
                self.made.iter().flat_map(per_output).collect()
            }
            Indicator::EnergyPerArea => {
                let area = self.site.cems.building_area_m2;
                let remark = area.is_none().then(|| "the site file has no building_area_m2".to_owned());
                let energy = target(base(&electricity), "kWh");
                one(any, Target { remark, ..energy.by(Quantity::Fixed(area), "m2", "kWh/m2") })
            }
            Indicator::RenewableShare => {
                let bought = weights(&electricity, 1.0);
                let used = Quantity::Weighted(self.own_use().chain(bought).collect());
                let own = target(Quantity::Weighted(self.own_use().collect()), "kWh");
                one(any, own.by(used, "kWh", "1"))
            }
            Indicator::SelfUse => {
                let made = self.of_class(RENEWABLE, true);
                let own = target(Quantity::Weighted(self.own_use().collect()), "kWh");
                one(!made.is_empty(), own.by(base(&made), "kWh", "1"))
            }
        }
    }

    /// A target that has no more to it than a sum.
    fn target(&self, indicator: &Indicator, numerator: Quantity<'c>, unit: &str) -> Target<'c> {
        Target {
            indicator: indicator.clone(),
            object: self.object,
            product: None,
            energy_code: None,
            unit: unit.to_owned(),
            function: Function::Sum,
            reading_type: None,
            numerator: (numerator, unit.to_owned()),
            denominator: None,
            remark: None,
        }
    }

    fn of_energy(&self, indicator: &Indicator, total: &Total<'c>) -> Target<'c> {
        let sum = self.target(indicator, Quantity::Total(total.clone()), total.unit);
        Target { energy_code: total.of, reading_type: total.reading_type, ..sum }
    }

    fn of_output(&self, indicator: &Indicator, total: &Total<'c>) -> Target<'c> {
        let sum = self.target(indicator, Quantity::Total(total.clone()), total.unit);
        Target { product: total.of, reading_type: total.reading_type, ..sum }
    }

    /// The totals of an energy class that are taken, or given.
    fn of_class(&self, energy_code: &str, is_given: bool) -> Vec<Total<'c>> {
        let is_it = |total: &&Total<'c>| total.is_given == is_given && total.of == Some(energy_code);
        self.energy.iter().filter(is_it).cloned().collect()
    }

    /// What is made of renewable resources, without what is fed into the grid.
    fn own_use(&self) -> impl Iterator<Item = (f64, Total<'c>)> {
        let made = weights(&self.of_class(RENEWABLE, true), 1.0);
        made.chain(weights(&self.of_class(ELECTRICITY, true), -1.0))
    }

    /// All energy that is taken times what it is worth.
    fn weighed(&self, indicator: &Indicator, unit: &str, worth: Worth) -> Vec<Target<'c>> {
        let of = |total: &Total<'c>| self.site.factors.of(total.of?).and_then(worth);
        let taken = || self.energy.iter().filter(|total| !total.is_given);
        let parts: Vec<_> =
            taken().filter_map(|total| Some((of(total)? * total.base_factor(), total.clone()))).collect();
        let mut without: Vec<&str> =
            taken().filter(|total| of(total).is_none()).map(|total| total.of.unwrap_or("none")).collect();
        without.dedup();
        let remark = (!without.is_empty())
            .then(|| format!("without energy class {}, which has no factor", without.join(", ")));
        if parts.is_empty() {
            return Vec::new();
        }
        vec![Target { remark, ..self.target(indicator, Quantity::Weighted(parts), unit) }]
    }

    /// By active and reactive energy, or else the mean of what the one meter shows.
    fn power_factor(&self, indicator: &Indicator, electricity: &[Total<'c>]) -> Vec<Target<'c>> {
        let points = || electricity.iter().flat_map(|total| &total.parts).map(|(_, view)| view.point);
        let counts = |point: &Point| points().any(|counted| counted.id == point.id);
        let is_of_them = |view: &ParameterView<'c>| {
            counts(view.point) && view.parameter.reading_type.is_whole() && !view.parameter.is_text()
        };
        let of_points = || self.chosen.parameters().filter(is_of_them);
        let is_reactive = |view: &ParameterView<'c>| {
            let reading_type = &view.parameter.reading_type;
            reading_type.is_reactive_energy() && SeriesKind::of(reading_type) != SeriesKind::Level
        };
        let reactive: Vec<Total<'c>> = of_points().filter(is_reactive).map(Total::of_one).collect();
        if !reactive.is_empty() {
            let active = self.target(indicator, base(electricity), "kWh");
            return vec![active.by(Quantity::Apparent(electricity.to_vec(), reactive), "kVAh", "1")];
        }
        let mut shown = of_points().filter(|view| view.parameter.reading_type.is_power_factor());
        match (shown.next(), shown.next()) {
            (Some(view), None) => {
                vec![self.target(indicator, Quantity::Mean(view), "1").told_as(Function::Avg)]
            }
            _ => Vec::new(),
        }
    }

    /// A ratio for one product. All energy counts, whatever it went into.
    fn per_output(&self, energy: Target<'c>, made: &Total<'c>) -> Target<'c> {
        let producers = self.site.points.iter().filter(|point| point.role == PointRole::Production);
        let is_other = |point: &Point| point.product.as_deref() != made.of;
        let others = producers.into_iter().any(is_other);
        let others = others.then(|| "all energy is counted, not only what went into this product".to_owned());
        let unit = format!("{}/{}", energy.unit, made.unit);
        let remark = energy.remark.clone().or(others);
        Target { product: made.of, remark, ..energy.by(Quantity::Total(made.clone()), made.unit, &unit) }
    }
}

/// Totals in the base unit of their kind.
fn base<'c>(totals: &[Total<'c>]) -> Quantity<'c> {
    Quantity::Weighted(weights(totals, 1.0).collect())
}

fn weights<'c>(totals: &[Total<'c>], sign: f64) -> impl Iterator<Item = (f64, Total<'c>)> + use<'c> {
    let of = move |total: &Total<'c>| (sign * total.base_factor(), total.clone());
    totals.iter().map(of).collect::<Vec<_>>().into_iter()
}

impl<'c> Target<'c> {
    fn told_as(self, function: Function) -> Self {
        Self { function, ..self }
    }

    /// The ratio of this and a denominator.
    fn by(self, denominator: Quantity<'c>, of: &str, unit: &str) -> Self {
        Self { denominator: Some((denominator, of.to_owned())), unit: unit.to_owned(), ..self }
    }
}

impl Target<'_> {
    /// Whether it has a value at a single rate of the tariff.
    pub(super) const fn is_rated(&self) -> bool {
        matches!(self.numerator.0, Quantity::Total(_) | Quantity::Weighted(_) | Quantity::Cost(_))
            && self.denominator.is_none()
    }

    /// The reading type of its amount over a period, where there is one.
    pub(super) fn reading_type(&self, period: Period, rate: Option<Rate>) -> Option<ReadingType> {
        let (macro_period, measuring_period) = match period {
            Period::QuarterHour => (0, 2),
            Period::Hour => (0, 7),
            Period::Day => (11, 0),
            Period::Week => (24, 0),
            Period::Month => (13, 0),
            Period::BillingMonth => (8, 0),
            Period::Quarter | Period::Year | Period::Total => (32, 0),
        };
        Some(self.reading_type?.over(macro_period, measuring_period, rate.map_or(0, Rate::number)))
    }

    /// Readings that have to be gone through.
    pub(super) fn readings_of(
        &self,
        statistics: Statistics<'_>,
        periods: &[Range<UtcTime>],
        rates: &[Option<Rate>],
    ) -> Result<u64, StoreError> {
        let mut readings = self.numerator.0.readings_of(statistics, periods, rates)?;
        if let Some((denominator, _)) = &self.denominator {
            readings = readings.saturating_add(denominator.readings_of(statistics, periods, rates)?);
        }
        Ok(readings)
    }

    /// What it comes to in each of `periods`, at each of `rates`.
    pub(super) fn outcomes(
        &self,
        statistics: Statistics<'_>,
        periods: &[Range<UtcTime>],
        rates: &[Option<Rate>],
    ) -> Result<Vec<Vec<Outcome>>, StoreError> {
        let above = self.numerator.0.told(statistics, periods, rates)?;
        let Some((denominator, of)) = &self.denominator else {
            let row = |row: Vec<Told>| row.into_iter().map(|told| self.plain(told)).collect();
            return Ok(above.into_iter().map(row).collect());
        };
        let below = denominator.told(statistics, periods, rates)?;
        let rows = above.into_iter().zip(below);
        let row = |(above, below): (Vec<Told>, Vec<Told>)| {
            above.into_iter().zip(below).map(|(above, below)| self.divided(above, below, of)).collect()
        };
        Ok(rows.map(row).collect())
    }

    fn plain(&self, told: Told) -> Outcome {
        let no_price = matches!(self.numerator.0, Quantity::Cost(_)) && told.value.is_none();
        let price = (no_price && told.completeness > 0.0)
            .then(|| "[tariff] has no price for all of the energy".to_owned());
        Outcome { told, numerator: None, denominator: None, remark: price.or_else(|| self.remark.clone()) }
    }

    fn divided(&self, above: Told, below: Told, of: &str) -> Outcome {
        let both = above.value.zip(below.value);
        let ratio = both.map(|(numerator, denominator)| Ratio { numerator, denominator });
        let value = ratio.and_then(Ratio::divide);
        let remark = match (ratio, value) {
            (Some(_), None) => Some("denominator is zero".to_owned()),
            _ => self.remark.clone(),
        };
        let worst = if above.completeness <= below.completeness { above } else { below };
        let told =
            Told { value, occurred: None, revision: above.revision.saturating_add(below.revision), ..worst };
        Outcome {
            told,
            numerator: Some(Amount { value: above.value, unit: self.numerator.1.clone() }),
            denominator: Some(Amount { value: below.value, unit: of.to_owned() }),
            remark,
        }
    }
}
