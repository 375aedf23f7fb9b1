//! Static data: the site, its categories, points and parameters.

use super::error::QueryError;
use super::freshness::PointStatus;
use super::paging::{Page, PageRequest};
use super::selection::{Chosen, PointView, Selection};
use crate::config::site::Site;
use crate::model::category::Category;
use crate::model::point::{Parameter, Point};
use crate::ops::Ops;
use crate::time::UtcTime;

/// Which parts of the static data are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each part is wanted or not, by itself")]
pub struct StaticInclude {
    /// What is said about the user and the site as a whole.
    pub profile: bool,
    /// Categories.
    pub category: bool,
    /// Points with their parameters, below their categories.
    pub point: bool,
    /// What can be asked of this gateway.
    pub capability: bool,
    /// The tables of codes.
    pub codes: bool,
}

impl StaticInclude {
    /// Everything that describes the site.
    pub const SITE: Self =
        Self { profile: true, category: true, point: true, capability: false, codes: false };
}

/// A question for static data.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticQuery {
    /// Which points.
    pub selection: Selection,
    /// Which parts.
    pub include: StaticInclude,
    /// Which page; points are counted.
    pub page: PageRequest,
}

/// Static data, item by item.
pub struct StaticAnswer {
    chosen: Chosen,
    /// One a chosen point, all of one instant: however often it is written, the answer is the same.
    statuses: Vec<Option<PointStatus>>,
    include: StaticInclude,
    page: Page,
    lists_empty_categories: bool,
}

/// One item of static data. A point belongs to the category before it, a parameter to the point
/// before it.
#[derive(Clone, Copy, Debug)]
pub enum StaticItem<'a> {
    /// A category.
    Category(&'a Category),
    /// A point, and whether it is online where that can be known.
    Point(&'a Point, Option<PointStatus>),
    /// A parameter.
    Parameter(&'a Parameter),
}

impl Ops {
    /// What the site consists of.
    ///
    /// # Errors
    /// When the selection names what the site does not have.
    pub fn static_data(&self, query: &StaticQuery) -> Result<StaticAnswer, QueryError> {
        let mut chosen = query.selection.choose(&self.served())?;
        let page = query.page.of(chosen.point_count());
        chosen.keep(&query.page.window());
        let lists_empty_categories = query.selection.takes_every_point() && query.page.is_first();
        let (store, now) = (self.store(), self.clock().now());
        let statuses = chosen.points().map(|view| view.status(store, now)).collect();
        Ok(StaticAnswer { chosen, statuses, include: query.include, page, lists_empty_categories })
    }
}

impl StaticAnswer {
    /// The site that is described.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.chosen.site()
    }

    /// Since when the site has been as it is described.
    #[must_use]
    pub fn updated(&self) -> UtcTime {
        self.chosen.served().since()
    }

    /// The parts that were asked for.
    #[must_use]
    pub const fn include(&self) -> StaticInclude {
        self.include
    }

    /// The page; points are counted.
    #[must_use]
    pub const fn page(&self) -> Page {
        self.page
    }

    /// Categories by ID, each followed by its points of this page, each of these by its parameters.
    /// Categories without points stand on the first page, where none was left out by the question.
    pub fn items(&self) -> impl Iterator<Item = StaticItem<'_>> {
        let mut categories: Vec<&Category> = self.site().categories.iter().collect();
        categories.sort_by_key(|category| &category.id);
        categories.into_iter().flat_map(|category| self.items_of(category))
    }

    fn items_of<'a>(&'a self, category: &'a Category) -> impl Iterator<Item = StaticItem<'a>> {
        let points: Vec<(PointView<'a>, Option<PointStatus>)> = self
            .chosen
            .points()
            .zip(self.statuses.iter().copied())
            .filter(|(view, _)| view.category.id == category.id)
            .collect();
        let listed = self.lists_empty_categories || !points.is_empty();
        let wanted = listed && (self.include.category || self.include.point);
        let head = wanted.then_some(StaticItem::Category(category));
        let points = if self.include.point { points } else { Vec::new() };
        head.into_iter().chain(points.into_iter().flat_map(|(view, status)| items_of_point(view, status)))
    }
}

fn items_of_point(view: PointView<'_>, status: Option<PointStatus>) -> impl Iterator<Item = StaticItem<'_>> {
    let parameters = view.parameters().map(|view| StaticItem::Parameter(view.parameter));
    std::iter::once(StaticItem::Point(view.point, status)).chain(parameters)
}
