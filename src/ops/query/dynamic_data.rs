//! Dynamic data: the newest reading of every parameter.

use super::aligned::combine;
use super::error::QueryError;
use super::freshness::{Freshness, PointStatus};
use super::paging::{Page, PageRequest};
use super::selection::{Chosen, ParameterView, Selection};
use crate::config::site::Site;
use crate::model::category::Category;
use crate::model::point::{Parameter, Point};
use crate::model::quality::Cause;
use crate::model::reading::Reading;
use crate::ops::Ops;
use crate::store::Store;
use crate::time::UtcTime;

/// A question for the newest readings.
#[derive(Clone, Debug, PartialEq)]
pub struct DynamicQuery {
    /// Which points and parameters.
    pub selection: Selection,
    /// Which page; points are counted.
    pub page: PageRequest,
}

/// The newest readings, item by item.
pub struct DynamicAnswer {
    chosen: Chosen,
    store: Store,
    now: UtcTime,
    page: Page,
}

/// One item of dynamic data. A reading belongs to the point before it.
#[derive(Clone, Debug)]
pub enum DynamicItem<'a> {
    /// A point with its category, and whether it is online where that can be known.
    Point(&'a Category, &'a Point, Option<PointStatus>),
    /// The newest of a parameter.
    Reading(&'a Parameter, Newest),
}

/// The newest that is known of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Newest {
    /// The newest scan gave this reading.
    Fresh(Reading),
    /// The last reading with a value; it keeps its own time. Since then scans failed for this cause,
    /// or none has come at all.
    Old(Reading, Option<Cause>),
    /// There never was a value. When the last attempt failed and why, if there was one.
    Never(Option<(UtcTime, Cause)>),
}

impl Ops {
    /// The newest reading of every chosen parameter.
    ///
    /// # Errors
    /// When the selection names what the site does not have.
    pub fn dynamic_data(&self, query: &DynamicQuery) -> Result<DynamicAnswer, QueryError> {
        let mut chosen = query.selection.choose(&self.served())?;
        let page = query.page.of(chosen.point_count());
        chosen.keep(&query.page.window());
        Ok(DynamicAnswer { chosen, store: self.store().clone(), now: self.clock().now(), page })
    }
}

impl DynamicAnswer {
    /// The site that was asked.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.chosen.site()
    }

    /// When the readings were the newest.
    #[must_use]
    pub const fn at(&self) -> UtcTime {
        self.now
    }

    /// The page; points are counted.
    #[must_use]
    pub const fn page(&self) -> Page {
        self.page
    }

    /// Points in order, each followed by the newest reading of each chosen parameter.
    pub fn items(&self) -> impl Iterator<Item = DynamicItem<'_>> {
        self.chosen.points().flat_map(|view| {
            let status = view.status(&self.store, self.now);
            let point = DynamicItem::Point(view.category, view.point, status);
            std::iter::once(point).chain(view.parameters().map(|view| self.newest(view)))
        })
    }

    fn newest<'a>(&self, view: ParameterView<'a>) -> DynamicItem<'a> {
        let newest = match self.chosen.terms(view.parameter) {
            None => self.read(view),
            Some(terms) => {
                let each: Vec<_> = terms.iter().map(|(factor, term)| (*factor, self.read(*term))).collect();
                computed(&each, view.parameter.decimals)
            }
        };
        DynamicItem::Reading(view.parameter, newest)
    }

    fn read(&self, view: ParameterView<'_>) -> Newest {
        let latest = self.store.latest(view.series);
        let freshness = Freshness::of(latest.as_ref(), view.parameter, self.now);
        let latest = latest.unwrap_or_default();
        match (latest.reading, freshness) {
            (Some(reading), Freshness::Fresh) => Newest::Fresh(reading),
            (Some(reading), _) => Newest::Old(reading, latest.failing.map(|(_, cause)| cause)),
            (None, _) => Newest::Never(latest.failing),
        }
    }
}

/// The newest of a weighted sum: fresh where all summands are, else what is the matter with the worst of
/// them. Its time is that of the oldest.
fn computed(terms: &[(f64, Newest)], decimals: Option<u8>) -> Newest {
    let mut readings = Vec::with_capacity(terms.len());
    let mut old: Option<Option<Cause>> = None;
    for (factor, newest) in terms {
        match newest {
            Newest::Never(attempt) => return Newest::Never(*attempt),
            Newest::Fresh(reading) => readings.push((*factor, reading.clone())),
            Newest::Old(reading, cause) => {
                // A cause that is known says more than that nothing came.
                old = Some(old.flatten().or(*cause));
                readings.push((*factor, reading.clone()));
            }
        }
    }
    match (combine(&readings, decimals), old) {
        (Some(reading), None) => Newest::Fresh(reading),
        (Some(reading), Some(cause)) => Newest::Old(reading, cause),
        (None, _) => Newest::Never(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::{Sample, Value};

    fn reading(ms: i64, value: f64) -> Reading {
        Reading::new(UtcTime::from_ms(ms), Sample::good(Value::Number(value)))
    }

    #[test]
    fn a_computed_value_is_as_fresh_as_its_worst_summand() {
        let fresh = |ms, value| Newest::Fresh(reading(ms, value));
        let old = |ms, value, cause| Newest::Old(reading(ms, value), cause);
        let never = Newest::Never(Some((UtcTime::from_ms(7), Cause::Timeout)));
        for (a, b, expected) in [
            (fresh(5, 1.0), fresh(4, 2.0), fresh(4, 5.0)),
            (fresh(5, 1.0), old(4, 2.0, None), old(4, 5.0, None)),
            (old(5, 1.0, None), old(6, 2.0, Some(Cause::LineDown)), old(5, 5.0, Some(Cause::LineDown))),
            (old(5, 1.0, Some(Cause::LineDown)), never.clone(), never),
        ] {
            assert_eq!(computed(&[(1.0, a), (2.0, b)], None), expected);
        }
    }
}
