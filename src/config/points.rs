//! `[[point]]`: places where something is measured.

use super::entries::{Entry, Ids, entries};
use super::form;
use super::formulas::{self, Computed};
use super::parameters::{Known, PointMeter, Read, parameter};
use crate::document::Section;
use crate::limits;
use crate::model::point::{Parameter, Point, PointRole};
use crate::model::register::{Span, Table};

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
    let mut found = Found::default();
    let read = |entry| point(entry, categories, known, &mut found);
    let mut points: Vec<Point> = entries(root, "point", limits::POINTS_MAX).into_iter().map(read).collect();
    formulas::check(&mut points, found.computed);
    points
}

/// What was found in the Points so far.
#[derive(Default)]
struct Found<'a> {
    parameters: usize,
    computed: Vec<Computed<'a>>,
    written: Vec<Written>,
}

/// Where a Parameter writes.
struct Written {
    /// `POINT/PARAMETER`
    name: String,
    meter_id: String,
    table: Table,
    span: Span,
}

fn point<'a>(entry: Entry<'a>, categories: &Ids, known: Known<'_>, found: &mut Found<'a>) -> Point {
    let section = entry.section;
    let text = |key| section.text(key, limits::NAME_CHARS_MAX);
    let rating = |key| section.number(key, 0.0..=RATING_MAX);
    let id = entry.id.unwrap_or_default();
    let role = role(&section);
    let point = Point {
        parameters: parameters(&section, &id, known, found),
        id,
        name: section
            .required_text("name", limits::NAME_CHARS_MAX, "name the point for people")
            .unwrap_or_default(),
        category_id: categories.required_reference(&section, "category").unwrap_or_default(),
        role,
        energy_code: form::energy_code(&section, "energy_code"),
        sub_item_code: form::sub_item_code(&section, "sub_item_code"),
        location: text("location"),
        product: product(&section, role),
        rated_power_kw: rating("rated_power_kw"),
        rated_capacity_kwh: rating("rated_capacity_kwh"),
    };
    section.finish();
    point
}

/// Only a Point that counts products has one.
fn product(section: &Section<'_>, role: PointRole) -> Option<String> {
    let product = section.id("product");
    if section.has("product") && role != PointRole::Production {
        section.fault("product", "is only told of points that count products", "give role = \"production\"");
    }
    product
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

fn parameters<'a>(
    section: &Section<'a>,
    point_id: &str,
    known: Known<'_>,
    found: &mut Found<'a>,
) -> Vec<Parameter> {
    let of_point =
        PointMeter { is_written: section.has("meter"), id: known.meters.ids.reference(section, "meter") };
    let entries = entries(section, "parameter", limits::PARAMETERS_MAX);
    if !section.has("parameter") {
        section.missing("parameter", "say what is measured here in a [[point.parameter]]");
    }
    let fitted_before = found.parameters <= limits::PARAMETERS_MAX;
    found.parameters += entries.len();
    if fitted_before && found.parameters > limits::PARAMETERS_MAX {
        let reason = format!("is parameter {} of the site", limits::PARAMETERS_MAX + 1);
        let remedy = format!("at most {} are allowed; take some away", limits::PARAMETERS_MAX);
        section.fault("parameter", reason, remedy);
    }
    let mut parameters = Vec::new();
    for entry in entries {
        match parameter(entry, &of_point, known) {
            Read::Nothing => {}
            Read::Whole(parameter) => {
                note_written(section, point_id, &parameter, &mut found.written);
                parameters.push(*parameter);
            }
            Read::Computed(parameter, section) => {
                found.computed.push(Computed {
                    has_interval: section.has("interval"),
                    section,
                    point_id: point_id.to_owned(),
                    parameter_id: parameter.id.clone(),
                });
                parameters.push(*parameter);
            }
        }
    }
    parameters
}

/// Two that write to the same registers would undo each other's work.
fn note_written(section: &Section<'_>, point_id: &str, parameter: &Parameter, written: &mut Vec<Written>) {
    let Some((metered, _)) = parameter.writable() else { return };
    let name = format!("{point_id}/{}", parameter.id);
    let (table, span) = (metered.register.table, metered.register.span());
    let overlaps = |other: &&Written| {
        let is_apart = u32::from(span.start) >= other.span.end() || u32::from(other.span.start) >= span.end();
        other.meter_id == metered.meter_id && other.table == table && !is_apart
    };
    if let Some(other) = written.iter().find(overlaps) {
        let reason = format!("'{name}' writes to the registers of '{}'", other.name);
        section.fault("parameter", reason, "let one of them only be read: take its 'writable' away");
    } else if written.len() == limits::CONTROLS_MAX {
        let reason = format!("'{name}' is writable parameter {} of the site", limits::CONTROLS_MAX + 1);
        section.fault("parameter", reason, format!("at most {} are allowed", limits::CONTROLS_MAX));
    }
    written.push(Written { name, meter_id: metered.meter_id.clone(), table, span });
}
