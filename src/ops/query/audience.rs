//! Audience: the part of the site that there is for whoever asks.

use crate::config::site::{Platform, Site};
use crate::model::category::Category;
use crate::model::point::Point;

/// The part of the site that there is for whoever asks; all of it where nothing is said. What is not
/// part of it is not found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Categories by ID, with all that is below them.
    pub categories: Option<Vec<String>>,
    /// Points by ID.
    pub points: Option<Vec<String>>,
}

impl Audience {
    /// What there is for `platform`.
    #[must_use]
    pub fn of(platform: &Platform) -> Self {
        Self { categories: platform.categories.clone(), points: platform.points.clone() }
    }

    /// Whether that is the whole site.
    #[must_use]
    pub const fn sees_all(&self) -> bool {
        self.categories.is_none() && self.points.is_none()
    }

    /// Whether there is `point`.
    pub(super) fn sees_point(&self, site: &Site, point: &Point) -> bool {
        let is_listed = self.points.as_ref().is_none_or(|points| points.contains(&point.id));
        is_listed && self.lists_category(site, &point.category_id)
    }

    /// Whether there is `category`: it is listed, and something of it is seen.
    pub(super) fn sees_category(&self, site: &Site, category: &Category) -> bool {
        let has_point = || {
            site.points.iter().any(|point| point.category_id == category.id && self.sees_point(site, point))
        };
        self.lists_category(site, &category.id) && (self.points.is_none() || has_point())
    }

    /// Whether the category of `id` or one that it is part of is listed.
    fn lists_category(&self, site: &Site, id: &str) -> bool {
        let Some(listed) = &self.categories else { return true };
        let mut next = Some(id);
        // A site has no category that is part of itself; the bound is for whoever believes nothing.
        for _ in 0..=site.categories.len() {
            let Some(id) = next else { return false };
            if listed.iter().any(|known| known == id) {
                return true;
            }
            next = site.category(id).and_then(|category| category.parent_id.as_deref());
        }
        false
    }
}
