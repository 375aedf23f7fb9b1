//! Selection: which points and parameters a question is about.

use std::sync::Arc;

use super::audience::Audience;
use super::error::QueryError;
use super::freshness::{Freshness, PointStatus};
use crate::config::site::Site;
use crate::model::category::Category;
use crate::model::formula;
use crate::model::point::{Parameter, Point};
use crate::model::reading::SeriesId;
use crate::model::reading_type::ReadingTypePattern;
use crate::ops::ServedSite;
use crate::store::Store;
use crate::time::UtcTime;

/// Which points and parameters a question is about. What is `None` does not narrow it down; of a
/// list any entry may fit; all that is given must.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The CEMS, which must be the one that is hosted.
    pub cems_id: Option<String>,
    /// Categories by ID.
    pub category_ids: Option<Vec<String>>,
    /// Categories by code.
    pub category_codes: Option<Vec<String>>,
    /// Energy classes, of the point or else of its category.
    pub energy_codes: Option<Vec<String>>,
    /// Points by ID.
    pub point_ids: Option<Vec<String>>,
    /// Parameters by what they measure.
    pub reading_types: Option<Vec<ReadingTypePattern>>,
    /// Parameters by ID.
    pub parameter_ids: Option<Vec<String>>,
    /// Who asks.
    pub audience: Audience,
}

impl Selection {
    /// Points and parameters that fit, in the order of answers: by category, by point, by reading
    /// type, by parameter. Points of which no parameter fits are left out where parameters were
    /// asked for.
    pub(super) fn choose(&self, served: &Arc<ServedSite>) -> Result<Chosen, QueryError> {
        let site = served.site();
        self.check(site)?;
        let mut points = Vec::new();
        for (index, point) in site.points.iter().enumerate() {
            let place = site.categories.iter().position(|category| category.id == point.category_id);
            let Some(category) = place else { continue };
            if !self.audience.sees_point(site, point) || !self.takes_point(point, &site.categories[category])
            {
                continue;
            }
            let parameters = self.parameters(point);
            if !parameters.is_empty() || !self.narrows_parameters() {
                points.push(ChosenPoint { category, point: index, parameters });
            }
        }
        points.sort_by_key(|chosen| (&site.categories[chosen.category].id, &site.points[chosen.point].id));
        Ok(Chosen { served: Arc::clone(served), points })
    }

    /// Whether every point of the site is meant.
    pub(super) fn takes_every_point(&self) -> bool {
        let narrowed = self.category_ids.is_some()
            || self.category_codes.is_some()
            || self.energy_codes.is_some()
            || self.point_ids.is_some();
        !narrowed && !self.narrows_parameters() && self.audience.sees_all()
    }

    fn narrows_parameters(&self) -> bool {
        self.reading_types.is_some() || self.parameter_ids.is_some()
    }

    fn takes_point(&self, point: &Point, category: &Category) -> bool {
        let energy_code = point.energy_code.as_ref().or(category.energy_code.as_ref());
        allows(self.point_ids.as_ref(), &point.id)
            && allows(self.category_ids.as_ref(), &category.id)
            && allows(self.category_codes.as_ref(), &category.code)
            && (self.energy_codes.is_none()
                || energy_code.is_some_and(|code| allows(self.energy_codes.as_ref(), code)))
    }

    fn takes_parameter(&self, parameter: &Parameter) -> bool {
        let fits = |patterns: &Vec<ReadingTypePattern>| {
            patterns.iter().any(|pattern| pattern.matches(&parameter.reading_type))
        };
        allows(self.parameter_ids.as_ref(), &parameter.id) && self.reading_types.as_ref().is_none_or(fits)
    }

    fn parameters(&self, point: &Point) -> Vec<usize> {
        let fitting = point.parameters.iter().enumerate().filter(|(_, p)| self.takes_parameter(p));
        let mut fitting: Vec<(usize, &Parameter)> = fitting.collect();
        fitting.sort_by_key(|(_, parameter)| (parameter.reading_type, &parameter.id));
        fitting.into_iter().map(|(index, _)| index).collect()
    }

    /// Refuses names that the site does not have, so that a misspelt one is not an empty answer.
    fn check(&self, site: &Site) -> Result<(), QueryError> {
        let is_other = |id: &&String| **id != site.cems.id;
        if let Some(other) = self.cems_id.as_ref().filter(is_other) {
            return Err(QueryError::NoSuchCems(other.clone()));
        }
        let categories =
            || site.categories.iter().filter(|category| self.audience.sees_category(site, category));
        let points = || site.points.iter().filter(|point| self.audience.sees_point(site, point));
        let category_known = |id: &str| categories().any(|category| category.id == id);
        let code_known = |code: &str| categories().any(|category| category.code == code);
        let point_known = |id: &str| points().any(|point| point.id == id);
        let parameters = || points().flat_map(|point| &point.parameters);
        let parameter_known = |id: &str| parameters().any(|parameter| parameter.id == id);
        known(self.category_ids.as_ref(), category_known, QueryError::NoSuchCategory)?;
        known(self.category_codes.as_ref(), code_known, QueryError::NoSuchCategoryCode)?;
        known(self.energy_codes.as_ref(), |code| has_energy(site, code), QueryError::NoSuchEnergyCode)?;
        known(self.point_ids.as_ref(), point_known, QueryError::NoSuchPoint)?;
        known(self.parameter_ids.as_ref(), parameter_known, QueryError::NoSuchParameter)?;
        let unmatched = |pattern: &&ReadingTypePattern| {
            !parameters().any(|parameter| pattern.matches(&parameter.reading_type))
        };
        match self.reading_types.iter().flatten().find(unmatched) {
            Some(pattern) => Err(QueryError::NoSuchReadingType(pattern.to_string())),
            None => Ok(()),
        }
    }
}

/// Whether the site, one of its categories or one of its points names the energy class.
fn has_energy(site: &Site, code: &str) -> bool {
    let of_categories = site.categories.iter().filter_map(|category| category.energy_code.as_deref());
    let of_points = site.points.iter().filter_map(|point| point.energy_code.as_deref());
    let of_site = site.cems.energy_types.iter().map(String::as_str);
    of_categories.chain(of_points).chain(of_site).any(|known| known == code)
}

fn allows(list: Option<&Vec<String>>, id: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|entry| entry == id))
}

fn known(
    list: Option<&Vec<String>>,
    is_known: impl Fn(&str) -> bool,
    refusal: fn(String) -> QueryError,
) -> Result<(), QueryError> {
    match list.into_iter().flatten().find(|id| !is_known(id)) {
        Some(unknown) => Err(refusal(unknown.clone())),
        None => Ok(()),
    }
}

/// One chosen point: places in the lists of the site.
#[derive(Clone, Debug)]
struct ChosenPoint {
    category: usize,
    point: usize,
    parameters: Vec<usize>,
}

/// The points and parameters that a question is about, in the order of answers.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    served: Arc<ServedSite>,
    points: Vec<ChosenPoint>,
}

/// One chosen point as the site has it.
#[derive(Clone, Copy)]
pub(super) struct PointView<'c> {
    pub(super) category: &'c Category,
    pub(super) point: &'c Point,
    chosen: &'c ChosenPoint,
    series: &'c [SeriesId],
    served: &'c ServedSite,
}

/// One chosen parameter as the site has it.
#[derive(Clone, Copy)]
pub(super) struct ParameterView<'c> {
    pub(super) category: &'c Category,
    pub(super) point: &'c Point,
    pub(super) parameter: &'c Parameter,
    pub(super) series: SeriesId,
}

impl Chosen {
    pub(super) fn served(&self) -> &Arc<ServedSite> {
        &self.served
    }

    pub(super) fn site(&self) -> &Site {
        self.served.site()
    }

    pub(super) fn point_count(&self) -> u64 {
        self.points.len() as u64
    }

    /// Keeps the points of one page.
    pub(super) fn keep(&mut self, window: &std::ops::Range<u64>) {
        let place = |item: u64| usize::try_from(item).unwrap_or(usize::MAX).min(self.points.len());
        let (start, end) = (place(window.start), place(window.end));
        self.points.truncate(end);
        self.points.drain(..start);
    }

    pub(super) fn points(&self) -> impl Iterator<Item = PointView<'_>> {
        self.points.iter().map(|chosen| PointView {
            category: &self.site().categories[chosen.category],
            point: &self.site().points[chosen.point],
            chosen,
            series: &self.served.series[chosen.point],
            served: &self.served,
        })
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = ParameterView<'_>> {
        self.points().flat_map(PointView::parameters)
    }

    /// What a computed parameter is the weighted sum of; `None` for one that is read or entered.
    pub(super) fn terms(&self, parameter: &Parameter) -> Option<Vec<Term<'_>>> {
        terms(&self.served, parameter)
    }
}

/// A summand of a computed parameter: its factor, and what it is multiplied by.
pub(super) type Term<'c> = (f64, ParameterView<'c>);

/// The summands of a computed parameter, wherever in the site they stand.
fn terms<'c>(served: &'c ServedSite, parameter: &Parameter) -> Option<Vec<Term<'c>>> {
    let site = served.site();
    let find = |term: &formula::Term| {
        let at = site.points.iter().position(|point| point.id == term.point_id)?;
        let point = site.points.get(at)?;
        let place = point.parameters.iter().position(|known| known.id == term.parameter_id)?;
        let view = ParameterView {
            category: site.category(&point.category_id)?,
            point,
            parameter: point.parameters.get(place)?,
            series: *served.series.get(at)?.get(place)?,
        };
        Some((term.factor, view))
    };
    parameter.formula().map(|formula| formula.terms.iter().filter_map(find).collect())
}

impl<'c> PointView<'c> {
    pub(super) fn parameters(self) -> impl Iterator<Item = ParameterView<'c>> {
        self.chosen.parameters.iter().map(move |index| ParameterView {
            category: self.category,
            point: self.point,
            parameter: &self.point.parameters[*index],
            series: self.series[*index],
        })
    }

    /// Online as long as the meter answers for any parameter of the point, asked for or not; for a computed
    /// one those of all its summands have to.
    /// `None` for a point that measures nothing.
    pub(super) fn status(&self, store: &Store, now: UtcTime) -> Option<PointStatus> {
        let mut all = self.point.parameters.iter().zip(self.series).peekable();
        all.peek()?;
        let is_heard = |parameter: &Parameter, series: SeriesId| {
            Freshness::of(store.latest(series).as_ref(), parameter, now).is_heard()
        };
        let heard = all.any(|(parameter, series)| match terms(self.served, parameter) {
            Some(terms) => terms.iter().all(|(_, term)| is_heard(term.parameter, term.series)),
            None => is_heard(parameter, *series),
        });
        Some(if heard { PointStatus::Online } else { PointStatus::Offline })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::point::{Conversion, Metered, Source};
    use crate::model::register::{DataType, Register, Table, WordOrder};
    use crate::time::Interval;

    /// A parameter read every quarter of an hour.
    pub(in crate::ops::query) fn parameter(id: &str, reading_type: &str) -> Parameter {
        let register = Register {
            name: id.to_owned(),
            table: Table::HoldingRegister,
            address: 0,
            data_type: DataType::Float { words: 2 },
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        };
        Parameter {
            id: id.to_owned(),
            name: id.to_owned(),
            code: None,
            reading_type: reading_type.parse().unwrap(),
            unit: "kW".to_owned(),
            decimals: None,
            interval: Interval::QUARTER_HOUR,
            valid: None,
            source: Source::Meter(Metered {
                meter_id: "m".to_owned(),
                register,
                conversion: Conversion::NONE,
                writable: None,
            }),
        }
    }
}
