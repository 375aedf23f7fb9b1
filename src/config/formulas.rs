//! Formulas of virtual Parameters: looked at when all Points are known, because they may stand anywhere.

use crate::document::Section;
use crate::model::formula::Term;
use crate::model::point::{Parameter, Point};

/// A Parameter with a formula, and the table that it stands in.
pub(super) struct Computed<'a> {
    pub section: Section<'a>,
    pub point_id: String,
    pub parameter_id: String,
    /// Whether the table says how often there is a value.
    pub has_interval: bool,
}

/// Looks at every formula; one that does not say how often it has a value has one as often as the slowest
/// of what it is computed from.
pub(super) fn check(points: &mut [Point], computed: Vec<Computed<'_>>) {
    for Computed { section, point_id, parameter_id, has_interval } in computed {
        let Some(parameter) = find(points, &point_id, &parameter_id).cloned() else { continue };
        let terms = parameter.formula().map(|formula| formula.terms.as_slice()).unwrap_or_default();
        let sources: Vec<&Parameter> =
            terms.iter().filter_map(|term| source(&section, points, &parameter, term)).collect();
        let slowest = sources.iter().map(|source| source.interval).max();
        if let (false, Some(slowest)) = (has_interval, slowest)
            && let Some(parameter) = find_mut(points, &point_id, &parameter_id)
        {
            parameter.interval = slowest;
        }
        section.finish();
    }
}

/// What a summand stands for; one that cannot be summed up is noted.
fn source<'p>(
    section: &Section<'_>,
    points: &'p [Point],
    computed: &Parameter,
    term: &Term,
) -> Option<&'p Parameter> {
    let name = format!("{}/{}", term.point_id, term.parameter_id);
    let Some(source) = find(points, &term.point_id, &term.parameter_id) else {
        let names: Vec<String> = points
            .iter()
            .flat_map(|point| point.parameters.iter().map(move |p| format!("{}/{}", point.id, p.id)))
            .collect();
        let known = names.iter().map(String::as_str);
        section.unknown_name("formula", format!("there is no parameter '{name}'"), &name, known);
        return None;
    };
    let refused = |reason: String, remedy: &str| section.fault("formula", reason, remedy);
    if source.is_text() {
        refused(format!("'{name}' is a text"), "take parameters that are numbers");
    } else if source.formula().is_some() {
        refused(format!("'{name}' is computed itself"), "write out what it is computed from");
    } else if !source.reading_type.accumulates_like(&computed.reading_type) {
        let reason = format!("'{name}' has another accumulation in its reading type");
        refused(reason, "sum up registers with registers and levels with levels");
    } else {
        return Some(source);
    }
    None
}

fn find<'p>(points: &'p [Point], point_id: &str, parameter_id: &str) -> Option<&'p Parameter> {
    let point = points.iter().find(|point| point.id == point_id)?;
    point.parameters.iter().find(|parameter| parameter.id == parameter_id)
}

fn find_mut<'p>(points: &'p mut [Point], point_id: &str, parameter_id: &str) -> Option<&'p mut Parameter> {
    let point = points.iter_mut().find(|point| point.id == point_id)?;
    point.parameters.iter_mut().find(|parameter| parameter.id == parameter_id)
}
