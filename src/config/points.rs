//! `[[point]]`: places where something is measured.

use super::entries::{Entry, Ids, entries};
use super::form;
use super::parameters::{Known, PointMeter, parameter};
use crate::document::Section;
use crate::limits;
use crate::model::point::{Parameter, Point, PointRole};

const ROLES: [(&str, PointRole); 9] = [
    ("gateway", PointRole::Gateway),
    ("main", PointRole::Main),
    ("branch", PointRole::Branch),
    ("sub", PointRole::Sub),
    ("check", PointRole::Check),
    ("virtual", PointRole::Virtual),
    ("production", PointRole::Production),
    ("der", PointRole::Der),
    ("environment", PointRole::Environment),
];

/// More than any equipment's power in kW or capacity in kWh.
const RATING_MAX: f64 = 1e9;

/// Reads the tables.
pub(super) fn points(root: &Section<'_>, categories: &Ids, known: Known<'_>) -> Vec<Point> {
    let mut parameters_before = 0;
    let read = |entry| point(entry, categories, known, &mut parameters_before);
    entries(root, "point", limits::POINTS_MAX).into_iter().map(read).collect()
}

fn point(entry: Entry<'_>, categories: &Ids, known: Known<'_>, parameters_before: &mut usize) -> Point {
    let section = entry.section;
    let text = |key| section.text(key, limits::NAME_CHARS_MAX);
    let rating = |key| section.number(key, 0.0..=RATING_MAX);
    let point = Point {
        id: entry.id.unwrap_or_default(),
        name: section
            .required_text("name", limits::NAME_CHARS_MAX, "name the point for people")
            .unwrap_or_default(),
        category_id: categories.required_reference(&section, "category").unwrap_or_default(),
        role: role(&section),
        energy_code: form::energy_code(&section, "energy_code"),
        sub_item_code: form::sub_item_code(&section, "sub_item_code"),
        location: text("location"),
        rated_power_kw: rating("rated_power_kw"),
        rated_capacity_kwh: rating("rated_capacity_kwh"),
        parameters: parameters(&section, known, parameters_before),
    };
    section.finish();
    point
}

/// Never guessed: a wrong role counts energy twice or not at all.
fn role(section: &Section<'_>) -> PointRole {
    let role = section.choice("role", &ROLES);
    if !section.has("role") {
        let roles = ROLES.map(|(name, _)| name).join(", ");
        section.missing("role", format!("give its part in the totals: {roles}"));
    }
    role.unwrap_or(PointRole::Check)
}

fn parameters(section: &Section<'_>, known: Known<'_>, before: &mut usize) -> Vec<Parameter> {
    let of_point =
        PointMeter { is_written: section.has("meter"), id: known.meters.ids.reference(section, "meter") };
    let entries = entries(section, "parameter", limits::PARAMETERS_MAX);
    if !section.has("parameter") {
        section.missing("parameter", "say what is measured here in a [[point.parameter]]");
    }
    let fitted_before = *before <= limits::PARAMETERS_MAX;
    *before += entries.len();
    if fitted_before && *before > limits::PARAMETERS_MAX {
        let reason = format!("is parameter {} of the site", limits::PARAMETERS_MAX + 1);
        let remedy = format!("at most {} are allowed; take some away", limits::PARAMETERS_MAX);
        section.fault("parameter", reason, remedy);
    }
    entries.into_iter().filter_map(|entry| parameter(entry, &of_point, known)).collect()
}
