//! Indicators of categories and of the site: which sums each is made of, and what it comes to.

use std::ops::Range;

use super::rated::Told;
use super::selection::Chosen;
use super::series_statistics::Cell;
use super::statistics::Statistics;
use super::totals::{self, Counted, Total};
use crate::config::site::Site;
use crate::model::category::Category;
use crate::model::factor::{ELECTRICITY, EnergyFactor, RENEWABLE};
use crate::model::point::{Parameter, Point, PointRole};
use crate::model::reading_type::ReadingType;
use crate::model::tariff::Tariff;
use crate::model::tou::Rate;
use crate::stats::calendar::Period;
use crate::stats::indicator::{Ratio, apparent, hours, known_sum, weighted_sum};
use crate::stats::{Function, SeriesKind};
use crate::store::StoreError;
use crate::time::UtcTime;

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

/// What a number of a period is made of.
enum Quantity<'c> {
    /// A sum of amounts.
    Total(Total<'c>),
    /// Sums, each times a weight; with a negative one all of them must be known.
    Weighted(Vec<(f64, Total<'c>)>),
    /// Electricity times its price.
    Cost(Vec<Total<'c>>),
    /// A sum by hours.
    MeanPower(Vec<Total<'c>>),
    /// The greatest mean of a quarter of an hour.
    PeakPower(Vec<Total<'c>>),
    /// Apparent energy of active and reactive sums.
    Apparent(Vec<Total<'c>>, Vec<Total<'c>>),
    /// The mean of a parameter.
    Mean(super::selection::ParameterView<'c>),
    /// What does not change with time; `None` where the site does not say.
    Fixed(Option<f64>),
}

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
        let energy = counted_in(chosen, category);
        let within = |point: &super::selection::PointView<'c>| is_below(site, point.category, category);
        let output = totals::products(chosen.points().filter(within), wanted.products);
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
    let output = totals::products(chosen.points(), wanted.products);
    let made = totals::products(everything.points(), wanted.products);
    let basis = Basis { site: chosen.site(), object: Object::Cems, chosen, energy, output, made };
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
    energy: Vec<Counted<'c>>,
    output: Vec<Counted<'c>>,
    /// What ratios are divided by.
    made: Vec<Counted<'c>>,
}

impl<'c> Basis<'c> {
    fn targets(&self, indicator: &Indicator) -> Vec<Target<'c>> {
        let energy = totals::totals(&self.energy);
        let taken = || energy.iter().filter(|total| !total.is_given);
        let electricity: Vec<Total<'c>> =
            taken().filter(|total| total.of == Some(ELECTRICITY)).cloned().collect();
        let weighed = |weight: fn(&EnergyFactor) -> Option<f64>| -> Vec<(f64, Total<'c>)> {
            let of = |total: &Total<'c>| weight(self.site.factors.of(total.of?)?);
            taken().filter_map(|total| Some((of(total)? * total.base_factor(), total.clone()))).collect()
        };
        let target = |numerator, unit: &str| Target {
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
        };
        let unknown = |weight: fn(&EnergyFactor) -> Option<f64>| {
            let has_none = |code: &&str| self.site.factors.of(code).and_then(weight).is_none();
            let mut codes: Vec<&str> =
                taken().map(|total| total.of.unwrap_or("none")).filter(has_none).collect();
            codes.dedup();
            let codes = codes.join(", ");
            (!codes.is_empty()).then(|| format!("without energy class {codes}, which has no [[factor]]"))
        };
        let kwh = || base(&electricity);
        let some = |target: Target<'c>, parts: usize| if parts > 0 { vec![target] } else { Vec::new() };
        match indicator {
            Indicator::Parameter(_) => Vec::new(),
            Indicator::Energy => {
                energy.iter().map(|total| sum_of(total, target(fixed(), ""), false)).collect()
            }
            Indicator::Output => {
                let outputs = totals::totals(&self.output);
                outputs.iter().map(|total| sum_of(total, target(fixed(), ""), true)).collect()
            }
            Indicator::StandardCoal => {
                let parts = weighed(|factor| factor.kgce);
                let count = parts.len();
                let remark = unknown(|factor| factor.kgce);
                some(Target { remark, ..target(Quantity::Weighted(parts), "kgce") }, count)
            }
            Indicator::CarbonDioxide => {
                let parts = weighed(|factor| factor.co2_kg);
                let count = parts.len();
                let remark = unknown(|factor| factor.co2_kg);
                some(Target { remark, ..target(Quantity::Weighted(parts), "kgCO2") }, count)
            }
            Indicator::Cost => {
                let count = electricity.len();
                some(target(Quantity::Cost(electricity.clone()), "CNY"), count)
            }
            Indicator::MeanLoad => {
                let count = electricity.len();
                let mean = target(Quantity::MeanPower(electricity.clone()), "kW");
                some(Target { function: Function::Avg, ..mean }, count)
            }
            Indicator::LoadFactor => {
                let count = electricity.len();
                let mean = Quantity::MeanPower(electricity.clone());
                let peak = Quantity::PeakPower(electricity.clone());
                some(ratio(target(mean, "1"), "kW", (peak, "kW")), count)
            }
            Indicator::PowerFactor => self.power_factor(target, &electricity),
            Indicator::EnergyPerOutput => self.per_output(|| ratio_of(target(kwh(), "kWh"), "kWh")),
            Indicator::CoalPerOutput => {
                let coal = || Quantity::Weighted(weighed(|factor| factor.kgce));
                let remark = unknown(|factor| factor.kgce);
                self.per_output(|| Target {
                    remark: remark.clone(),
                    ..ratio_of(target(coal(), "kgce"), "kgce")
                })
            }
            Indicator::EnergyPerArea => {
                let area = self.site.cems.building_area_m2;
                let remark = area.is_none().then(|| "the site file has no building_area_m2".to_owned());
                let per_area = ratio(target(kwh(), "kWh/m2"), "kWh", (Quantity::Fixed(area), "m2"));
                some(Target { remark, ..per_area }, electricity.len())
            }
            Indicator::RenewableShare => {
                let (made, fed_in) = (renewable(&energy), given(&energy));
                let own = || made.iter().map(|total| (total.base_factor(), total.clone()));
                let fed_in = || fed_in.iter().map(|total| (-total.base_factor(), total.clone()));
                let bought = electricity.iter().map(|total| (total.base_factor(), total.clone()));
                let used_of_own = Quantity::Weighted(own().chain(fed_in()).collect());
                let used = Quantity::Weighted(own().chain(fed_in()).chain(bought).collect());
                some(ratio(target(used_of_own, "1"), "kWh", (used, "kWh")), electricity.len())
            }
            Indicator::SelfUse => {
                let (made, fed_in) = (renewable(&energy), given(&energy));
                let own = || made.iter().map(|total| (total.base_factor(), total.clone()));
                let fed_in = fed_in.iter().map(|total| (-total.base_factor(), total.clone()));
                let used_of_own = Quantity::Weighted(own().chain(fed_in).collect());
                let all = Quantity::Weighted(own().collect());
                some(ratio(target(used_of_own, "1"), "kWh", (all, "kWh")), made.len())
            }
        }
    }

    /// By active and reactive energy, or else the mean of what the one meter shows.
    fn power_factor(
        &self,
        target: impl Fn(Quantity<'c>, &str) -> Target<'c>,
        electricity: &[Total<'c>],
    ) -> Vec<Target<'c>> {
        let points = || electricity.iter().flat_map(|total| &total.parts).map(|(_, view)| view.point);
        let counts = |point: &Point| points().any(|counted| counted.id == point.id);
        let of_points = || {
            self.chosen
                .parameters()
                .filter(|view| counts(view.point) && view.parameter.reading_type.is_whole())
        };
        let reactive = of_points().filter(|view| {
            let reading_type = &view.parameter.reading_type;
            reading_type.is_reactive_energy() && SeriesKind::of(reading_type) != SeriesKind::Level
        });
        let reactive: Vec<Total<'c>> = reactive
            .map(|view| Total {
                of: None,
                is_given: false,
                unit: &view.parameter.unit,
                reading_type: None,
                parts: vec![(1.0, view)],
            })
            .collect();
        if !reactive.is_empty() {
            let all = Quantity::Apparent(electricity.to_vec(), reactive);
            return vec![ratio(target(base(electricity), "1"), "kWh", (all, "kVAh"))];
        }
        let mut shown = of_points().filter(|view| view.parameter.reading_type.is_power_factor());
        match (shown.next(), shown.next()) {
            (Some(view), None) => {
                vec![Target { function: Function::Avg, ..target(Quantity::Mean(view), "1") }]
            }
            _ => Vec::new(),
        }
    }

    /// One ratio for each product. All energy counts, whatever it went into.
    fn per_output(&self, ratio: impl Fn() -> Target<'c>) -> Vec<Target<'c>> {
        let outputs = totals::totals(&self.made);
        let made = self.site.points.iter().filter(|point| point.role == PointRole::Production);
        let mut products: Vec<_> = made.map(|point| point.product.as_deref()).collect();
        products.sort_unstable();
        products.dedup();
        let others = (products.len() > 1)
            .then(|| "all energy is counted, not only what went into this product".to_owned());
        let of_product = |total: &Total<'c>| {
            let energy = ratio();
            Target {
                product: total.of,
                unit: format!("{}/{}", energy.unit, total.unit),
                denominator: Some((Quantity::Total(total.clone()), total.unit.to_owned())),
                remark: energy.remark.clone().or_else(|| others.clone()),
                ..energy
            }
        };
        outputs.iter().map(of_product).collect()
    }
}

/// A place for a sum that is filled in.
const fn fixed<'c>() -> Quantity<'c> {
    Quantity::Fixed(None)
}

fn base<'c>(totals: &[Total<'c>]) -> Quantity<'c> {
    Quantity::Weighted(totals.iter().map(|total| (total.base_factor(), total.clone())).collect())
}

/// What renewable resources give.
fn renewable<'c>(energy: &[Total<'c>]) -> Vec<Total<'c>> {
    energy.iter().filter(|total| total.is_given && total.of == Some(RENEWABLE)).cloned().collect()
}

/// What is fed into the grid.
fn given<'c>(energy: &[Total<'c>]) -> Vec<Total<'c>> {
    energy.iter().filter(|total| total.is_given && total.of == Some(ELECTRICITY)).cloned().collect()
}

fn sum_of<'c>(total: &Total<'c>, target: Target<'c>, is_product: bool) -> Target<'c> {
    let unit = total.unit.to_owned();
    Target {
        product: total.of.filter(|_| is_product),
        energy_code: total.of.filter(|_| !is_product),
        reading_type: total.reading_type,
        numerator: (Quantity::Total(total.clone()), unit.clone()),
        unit,
        ..target
    }
}

fn ratio<'c>(target: Target<'c>, unit: &str, (denominator, of): (Quantity<'c>, &str)) -> Target<'c> {
    Target {
        numerator: (target.numerator.0, unit.to_owned()),
        denominator: Some((denominator, of.to_owned())),
        ..target
    }
}

/// A ratio whose denominator is still to come.
fn ratio_of<'c>(target: Target<'c>, unit: &str) -> Target<'c> {
    ratio(target, unit, (fixed(), ""))
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

impl Quantity<'_> {
    fn totals(&self) -> Vec<&Total<'_>> {
        match self {
            Self::Total(total) => vec![total],
            Self::Weighted(parts) => parts.iter().map(|(_, total)| total).collect(),
            Self::Cost(totals) | Self::MeanPower(totals) | Self::PeakPower(totals) => totals.iter().collect(),
            Self::Apparent(active, reactive) => active.iter().chain(reactive).collect(),
            Self::Mean(_) | Self::Fixed(_) => Vec::new(),
        }
    }

    fn readings_of(
        &self,
        statistics: Statistics<'_>,
        periods: &[Range<UtcTime>],
        rates: &[Option<Rate>],
    ) -> Result<u64, StoreError> {
        if let Self::Mean(view) = self {
            return statistics.readings_of(*view, periods, &[(None, Function::Avg)]);
        }
        let mut readings = 0_u64;
        for (_, view) in self.totals().iter().flat_map(|total| &total.parts) {
            let count = match self {
                Self::PeakPower(_) => {
                    let mut count = 0_u64;
                    for period in periods {
                        let quarters = quarters(period, statistics);
                        count += statistics.readings_of(*view, &quarters, &[(None, Function::Sum)])?;
                    }
                    count
                }
                _ => statistics.readings_of(*view, periods, &self.cells(statistics, rates))?,
            };
            readings = readings.saturating_add(count);
        }
        Ok(readings)
    }

    /// What has to be known of each total.
    fn cells(&self, statistics: Statistics<'_>, rates: &[Option<Rate>]) -> Vec<Cell> {
        let has_rates = !statistics.series.site.tou.days.is_empty();
        let all = Rate::ALL.into_iter().map(|rate| (Some(rate), Function::Sum));
        match self {
            Self::Cost(_) if has_rates => std::iter::once((None, Function::Sum)).chain(all).collect(),
            Self::Cost(_) => vec![(None, Function::Sum)],
            _ => rates.iter().map(|rate| (*rate, Function::Sum)).collect(),
        }
    }

    fn told(
        &self,
        statistics: Statistics<'_>,
        periods: &[Range<UtcTime>],
        rates: &[Option<Rate>],
    ) -> Result<Vec<Vec<Told>>, StoreError> {
        let cells = self.cells(statistics, rates);
        let now = statistics.series.now;
        let each = |combine: &dyn Fn(&[Told]) -> Told, totals: &[&Total<'_>]| -> Result<_, StoreError> {
            let of_totals = totals.iter().map(|total| total.told(statistics, periods, &cells));
            let of_totals = of_totals.collect::<Result<Vec<_>, StoreError>>()?;
            let cell = |period: usize, cell: usize| {
                let found = of_totals.iter().filter_map(|told| told.get(period)?.get(cell).copied());
                combine(&found.collect::<Vec<_>>())
            };
            let row = |period| (0..cells.len()).map(|at| cell(period, at)).collect::<Vec<_>>();
            Ok((0..periods.len()).map(row).collect::<Vec<_>>())
        };
        match self {
            Self::Fixed(value) => {
                let told = Told { value: *value, ..Told::WHOLE };
                Ok(vec![vec![told; rates.len()]; periods.len()])
            }
            Self::Mean(view) => statistics.told(*view, periods, &[(None, Function::Avg)]),
            Self::Total(total) => total.told(statistics, periods, &cells),
            Self::Weighted(parts) => {
                let weights: Vec<f64> = parts.iter().map(|(weight, _)| *weight).collect();
                each(&|told| weighted(&weights, told), &self.totals())
            }
            Self::Apparent(active, _) => each(&|told| apparent_of(active, told), &self.totals()),
            Self::MeanPower(totals) => {
                let sums = each(&|told| in_base(totals, told), &self.totals())?;
                let mean = |(told, period): (&Vec<Told>, &Range<UtcTime>)| {
                    let hours = hours(now.min(period.end).ms_since(period.start));
                    let mean = |told: &Told| Told { value: mean_of(told.value, hours), ..*told };
                    told.iter().map(mean).collect()
                };
                Ok(sums.iter().zip(periods).map(mean).collect())
            }
            Self::Cost(totals) => {
                let sums = each(&|told| in_base(totals, told), &self.totals())?;
                let tariff = &statistics.series.site.tariff;
                let cost = |told: &Vec<Told>| rates.iter().map(|rate| cost(tariff, told, *rate)).collect();
                Ok(sums.iter().map(cost).collect())
            }
            Self::PeakPower(totals) => {
                let mut rows = Vec::with_capacity(periods.len());
                for period in periods {
                    rows.push(vec![peak(totals, statistics, period)?; rates.len()]);
                }
                Ok(rows)
            }
        }
    }
}

impl Total<'_> {
    /// What all parts come to: the sum of those that are known, as complete as they are on average.
    fn told(
        &self,
        statistics: Statistics<'_>,
        periods: &[Range<UtcTime>],
        cells: &[Cell],
    ) -> Result<Vec<Vec<Told>>, StoreError> {
        let mut of_parts = Vec::with_capacity(self.parts.len());
        for (factor, view) in &self.parts {
            of_parts.push((*factor, statistics.told(*view, periods, cells)?));
        }
        let cell = |period: usize, cell: usize| {
            let found = of_parts
                .iter()
                .map(|(factor, told)| (*factor, told.get(period).and_then(|row| row.get(cell)).copied()));
            sum_of_known(&found.collect::<Vec<_>>())
        };
        let row = |period| (0..cells.len()).map(|at| cell(period, at)).collect();
        Ok((0..periods.len()).map(row).collect())
    }
}

fn sum_of_known(parts: &[(f64, Option<Told>)]) -> Told {
    let value = known_sum(parts.iter().map(|(factor, told)| Some(factor * told.as_ref()?.value?)));
    let all = || parts.iter().map(|(_, told)| told.unwrap_or(Told::NOTHING));
    let worst = all().min_by(|a, b| a.completeness.total_cmp(&b.completeness)).unwrap_or(Told::NOTHING);
    #[expect(clippy::cast_precision_loss, reason = "a site has few points")]
    let completeness = all().map(|told| told.completeness).sum::<f64>() / parts.len().max(1) as f64;
    let revision = all().fold(0_u32, |sum, told| sum.saturating_add(told.revision));
    Told { value, occurred: None, completeness, cause: worst.cause, revision }
}

/// Totals times weights; with a negative weight all of them must be known, and less than nothing is nothing.
fn weighted(weights: &[f64], told: &[Told]) -> Told {
    let parts: Vec<(f64, Option<Told>)> =
        weights.iter().copied().zip(told.iter().copied().map(Some)).collect();
    let sum = sum_of_known(&parts);
    if weights.iter().all(|weight| *weight >= 0.0) {
        return sum;
    }
    let value = weighted_sum(parts.iter().map(|(weight, told)| (*weight, told.and_then(|told| told.value))));
    Told { value: value.map(|value| value.max(0.0)), ..sum }
}

fn in_base(totals: &[Total<'_>], told: &[Told]) -> Told {
    let weights: Vec<f64> = totals.iter().map(Total::base_factor).collect();
    weighted(&weights, told)
}

fn apparent_of(active: &[Total<'_>], told: &[Told]) -> Told {
    let (of_active, of_reactive) = told.split_at(active.len().min(told.len()));
    let (active, reactive) =
        (in_base(active, of_active), weighted(&vec![1.0; of_reactive.len()], of_reactive));
    let value = active.value.zip(reactive.value).map(|(active, reactive)| apparent(active, reactive));
    let worst = if active.completeness <= reactive.completeness { active } else { reactive };
    Told { value, revision: active.revision.saturating_add(reactive.revision), ..worst }
}

fn mean_of(energy: Option<f64>, hours: f64) -> Option<f64> {
    energy.map(|energy| energy / hours).filter(|mean| mean.is_finite())
}

/// What energy costs: all of it first, then at each rate, where there are rates.
fn cost(tariff: &Tariff, energy: &[Told], rate: Option<Rate>) -> Told {
    let [all, of_rates @ ..] = energy else { return Told::NOTHING };
    let at = |rate: Rate| of_rates.get(rate as usize).copied().unwrap_or(Told::NOTHING);
    let price = |amount: f64, rate| match tariff.price_at(rate) {
        Some(price) => Some(amount * price),
        None => (amount.abs() <= DUST).then_some(0.0),
    };
    if let Some(rate) = rate {
        let told = at(rate);
        return Told { value: told.value.and_then(|amount| price(amount, Some(rate))), ..told };
    }
    let Some(total) = all.value else { return *all };
    let amounts = Rate::ALL.map(|rate| (Some(rate), at(rate).value.unwrap_or(0.0)));
    let amounts = if of_rates.is_empty() { [(None, 0.0); Rate::COUNT] } else { amounts };
    let rated: f64 = amounts.iter().map(|(_, amount)| amount).sum();
    let unrated = if (total - rated).abs() <= total.abs() * 1e-9 { 0.0 } else { total - rated };
    let each = amounts.into_iter().chain([(None, unrated)]);
    Told { value: weighted_sum(each.map(|(rate, amount)| (1.0, price(amount, rate)))), ..*all }
}

/// An amount of energy that is none, but for the last bits of a sum.
const DUST: f64 = 1e-6;

fn quarters(period: &Range<UtcTime>, statistics: Statistics<'_>) -> Vec<Range<UtcTime>> {
    let pieces = Period::QuarterHour.cut(period, statistics.series.site.cems.offset, 1);
    pieces.take_while(|quarter| quarter.start < statistics.series.now).collect()
}

/// The greatest mean power of a quarter of an hour.
fn peak(
    totals: &[Total<'_>],
    statistics: Statistics<'_>,
    period: &Range<UtcTime>,
) -> Result<Told, StoreError> {
    let quarters = quarters(period, statistics);
    let cells = [(None, Function::Sum)];
    let of_totals = totals.iter().map(|total| total.told(statistics, &quarters, &cells));
    let of_totals = of_totals.collect::<Result<Vec<_>, StoreError>>()?;
    let mut peak = Told::NOTHING;
    let mut shares = 0.0;
    for (number, quarter) in quarters.iter().enumerate() {
        let found = of_totals.iter().filter_map(|told| told.get(number)?.first().copied());
        let told = in_base(totals, &found.collect::<Vec<_>>());
        let length_ms = super::rated::length_ms(quarter);
        shares += told.completeness * length_ms;
        peak.revision = peak.revision.saturating_add(told.revision);
        peak.cause = peak.cause.or(told.cause);
        // A part of a quarter hour says nothing about what it would have come to.
        let is_known = told.completeness >= 1.0;
        let mean = mean_of(told.value, hours(quarter.end.ms_since(quarter.start))).filter(|_| is_known);
        if mean.is_some_and(|mean| peak.value.is_none_or(|peak| mean > peak)) {
            peak.value = mean;
            peak.occurred = Some(quarter.start);
        }
    }
    peak.completeness = (shares / super::rated::length_ms(period)).min(1.0);
    Ok(peak)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: Option<f64>, completeness: f64) -> Told {
        Told { value, completeness, ..Told::WHOLE }
    }

    #[test]
    fn a_total_is_what_is_known_of_it_and_tells_how_much_that_is() {
        let parts = [(1.0, Some(told(Some(5.0), 1.0))), (1_000.0, Some(told(None, 0.0)))];
        assert_eq!(sum_of_known(&parts), told(Some(5.0), 0.5));
        assert_eq!(sum_of_known(&[(1.0, None)]).value, None);
        assert_eq!(sum_of_known(&[]), Told::NOTHING);
    }

    #[test]
    fn a_difference_needs_both_and_is_never_less_than_nothing() {
        let known = [told(Some(5.0), 1.0), told(Some(7.0), 1.0)];
        assert_eq!(weighted(&[1.0, -1.0], &known).value, Some(0.0));
        assert_eq!(weighted(&[-1.0, 1.0], &known).value, Some(2.0));
        assert_eq!(weighted(&[1.0, -1.0], &[told(Some(5.0), 1.0), told(None, 0.0)]).value, None);
        assert_eq!(weighted(&[1.0, 1.0], &[told(Some(5.0), 1.0), told(None, 0.0)]).value, Some(5.0));
    }

    #[test]
    fn energy_costs_what_its_rate_does_and_nothing_is_guessed_without_a_price() {
        let mut tariff = Tariff::default();
        let energy = |amounts: [f64; 6]| amounts.map(|amount| told(Some(amount), 1.0));
        let all = energy([10.0, 1.0, 2.0, 3.0, 4.0, 0.0]);
        assert_eq!(cost(&tariff, &all, None).value, None);
        tariff.rates = [Some(2.0), Some(1.0), Some(0.5), Some(0.25), None];
        assert_eq!(cost(&tariff, &all, None).value, Some(6.5));
        assert_eq!(cost(&tariff, &all, Some(Rate::Flat)).value, Some(1.5));
        let without_rate = energy([12.0, 1.0, 2.0, 3.0, 4.0, 0.0]);
        assert_eq!(cost(&tariff, &without_rate, None).value, None);
        tariff.price = Some(0.1);
        assert_eq!(cost(&tariff, &without_rate, None).value, Some(6.7));
        assert_eq!(cost(&tariff, &[told(Some(10.0), 1.0)], None).value, Some(1.0), "a flat price");
        assert_eq!(cost(&tariff, &[told(None, 0.0)], None).value, None);
    }
}
