//! `[demand_response]`: what the site offers where load has to be moved, and how that is measured.

use super::form;
use super::tou::{dates, weekdays};
use crate::document::Section;
use crate::limits;
use crate::model::control::Writable;
use crate::model::demand_response::{
    BaselineMethod, ControlMode, DemandResponse, Measured, Resource, ResourceControl, SamplesUntil,
    ValidityRule, WorkCalendar, load_scale,
};
use crate::model::point::Point;
use crate::time::Interval;

const METHODS: [(&str, BaselineMethod); 4] = [
    ("avg-last-5-workdays", BaselineMethod::LastFive),
    ("top-5-of-10", BaselineMethod::TopFiveOfTen),
    ("trim-10", BaselineMethod::TrimmedTen),
    ("pre-15min", BaselineMethod::QuarterBefore),
];

const UNTILS: [(&str, SamplesUntil); 2] =
    [("event-day", SamplesUntil::EventDay), ("invitation-day", SamplesUntil::InvitationDay)];

const MODES: [(&str, ControlMode); 3] =
    [("manual", ControlMode::Manual), ("auto", ControlMode::Auto), ("direct", ControlMode::Direct)];

/// Larger than any set point.
const CONTROL_VALUE_MAX: f64 = 1e15;

/// A year, longer than any notice or answer.
const DURATION_MAX_MS: i64 = 366 * 86_400_000;

/// Reads the table; `None` where there is none.
pub(super) fn demand_response(root: &Section<'_>, points: &[Point]) -> Option<DemandResponse> {
    let section = root.section("demand_response")?;
    let power = |key| section.number(key, 0.0..=limits::DR_AMOUNT_MAX);
    let settings = DemandResponse {
        participates: section.flag("participate").unwrap_or(true),
        aggregator_id: section.id("aggregator_id"),
        max_peak_clipping_kw: power("max_peak_clipping_kw"),
        max_valley_filling_kw: power("max_valley_filling_kw"),
        min_duration: duration(&section, "min_duration"),
        max_duration: duration(&section, "max_duration"),
        notice: duration(&section, "notice_time"),
        ramp_rate_kw_per_min: power("ramp_rate_kw_per_min"),
        resources: resources(&section, points),
        measured: measured(&section, points),
        method: section.choice("baseline", &METHODS).unwrap_or(BaselineMethod::LastFive),
        samples_until: section.choice("samples_until", &UNTILS).unwrap_or(SamplesUntil::EventDay),
        rule: rule(&section),
        calendar: calendar(&section),
        accepts_events: section.flag("accept_events").unwrap_or(false),
    };
    if let (Some(min), Some(max)) = (settings.min_duration, settings.max_duration)
        && max < min
    {
        section.fault("max_duration", "is shorter than 'min_duration'", "give the longer one");
    }
    section.finish();
    Some(settings)
}

fn duration(section: &Section<'_>, key: &str) -> Option<Interval> {
    form::interval(section, key, 1_000..=DURATION_MAX_MS, "give PT1S to P366D, such as PT4H")
}

fn rule(section: &Section<'_>) -> ValidityRule {
    match section.integer("validity_rule", 1..=2) {
        Some(1) => ValidityRule::ExtremeAndMean,
        _ => ValidityRule::MeanForAnHour,
    }
}

fn calendar(section: &Section<'_>) -> WorkCalendar {
    let named = weekdays(section, "workdays");
    let workdays = if section.has("workdays") { named } else { WorkCalendar::default().workdays };
    let [holidays, make_up] =
        ["holidays", "make_up_workdays"].map(|key| dates(section, key, limits::DR_DATES_MAX));
    if let Some(both) = holidays.iter().find(|day| make_up.contains(day)) {
        let reason = format!("{both} is among 'holidays' as well");
        section.fault("make_up_workdays", reason, "a day is one or the other; take it out of one list");
    }
    WorkCalendar { workdays, holidays, make_up_workdays: make_up }
}

/// The named place, or that of the whole site.
fn measured(section: &Section<'_>, points: &[Point]) -> Option<Measured> {
    let (point_id, parameter_id) = (section.id("point"), section.id("parameter"));
    let Some(point_id) = point_id else {
        if section.has("parameter") && !section.has("point") {
            section.missing("point", "give the point that the parameter belongs to");
        }
        return Measured::of_site(points);
    };
    let point = known(section, "point", &point_id, points)?;
    let Some(parameter_id) = parameter_id else {
        let found = Measured::of_point(point);
        if found.is_none() {
            let reason = format!("'{point_id}' tells no load");
            section.fault("point", reason, "choose a point with a register of energy taken, or a power");
        }
        return found;
    };
    let Some(parameter) = point.parameters.iter().find(|parameter| parameter.id == parameter_id) else {
        let reason = format!("'{point_id}' has no parameter '{parameter_id}'");
        let ids = point.parameters.iter().map(|parameter| parameter.id.as_str());
        section.unknown_name("parameter", reason, &parameter_id, ids);
        return None;
    };
    if load_scale(parameter).is_none() {
        let reason = format!("'{parameter_id}' tells no load");
        section.fault("parameter", reason, "choose energy taken in Wh, kWh or MWh, or power in W, kW or MW");
    }
    Some(Measured { point_id, parameter_id })
}

fn known<'p>(section: &Section<'_>, key: &str, id: &str, points: &'p [Point]) -> Option<&'p Point> {
    let found = points.iter().find(|point| point.id == id);
    if found.is_none() {
        let ids = points.iter().map(|point| point.id.as_str());
        section.unknown_name(key, format!("there is no point '{id}'"), id, ids);
    }
    found
}

fn resources(section: &Section<'_>, points: &[Point]) -> Vec<Resource> {
    let sections = section.sections("resource", limits::DR_RESOURCES_MAX).into_iter();
    let resource = |section: Section<'_>| {
        let power = |key| section.number(key, 0.0..=limits::DR_AMOUNT_MAX);
        let point_id = section.required_id("point", "give the point that the resource is measured at");
        if let Some(id) = &point_id {
            known(&section, "point", id, points);
        }
        let mode = section.choice("mode", &MODES);
        let control = control(&section, point_id.as_deref(), points);
        if control.is_some() && mode == Some(ControlMode::Manual) {
            section.fault("mode", "people adjust it, and 'control' says otherwise", "choose auto or direct");
        }
        let usual_mode = if control.is_some() { ControlMode::Auto } else { ControlMode::Manual };
        let resource = Resource {
            point_id: point_id.unwrap_or_default(),
            adjustable_up_kw: power("adjustable_up_kw"),
            adjustable_down_kw: power("adjustable_down_kw"),
            mode: mode.unwrap_or(usual_mode),
            control,
        };
        section.finish();
        resource
    };
    sections.map(resource).collect()
}

/// What the gateway writes while an event goes on; its point is that of the resource where none is named.
fn control(of: &Section<'_>, of_resource: Option<&str>, points: &[Point]) -> Option<ResourceControl> {
    let section = of.section("control")?;
    let named = section.id("point");
    let parameter_id = section.required_id("parameter", "give the writable parameter that moves it");
    let point_id = if section.has("point") { named.as_deref() } else { of_resource };
    let parameter = point_id.zip(parameter_id.as_deref());
    let writable = parameter.and_then(|(point_id, id)| writable(&section, (point_id, id), points));
    let value = |key| {
        let value = section.number(key, -CONTROL_VALUE_MAX..=CONTROL_VALUE_MAX)?;
        if let Some(writable) = writable.filter(|writable| !writable.allows(value)) {
            let reason = format!("{value} lies outside of {} to {}", writable.min, writable.max);
            section.fault(key, reason, "choose a value inside the bounds of the parameter");
        }
        Some(value)
    };
    let control = ResourceControl {
        point_id: point_id.unwrap_or_default().to_owned(),
        parameter_id: parameter_id.clone().unwrap_or_default(),
        peak_clipping: value("peak_clipping"),
        valley_filling: value("valley_filling"),
        absorption: value("absorption"),
    };
    let keys = ["peak_clipping", "valley_filling", "absorption"];
    if !keys.iter().any(|key| section.has(key)) {
        section.missing("peak_clipping", "give the value for at least one kind of event");
    }
    section.finish();
    Some(control)
}

fn writable<'p>(
    section: &Section<'_>,
    (point_id, id): (&str, &str),
    points: &'p [Point],
) -> Option<&'p Writable> {
    // That of the resource was looked for already.
    let point = if section.has("point") {
        known(section, "point", point_id, points)?
    } else {
        points.iter().find(|point| point.id == point_id)?
    };
    let Some(parameter) = point.parameters.iter().find(|parameter| parameter.id == id) else {
        let ids = point.parameters.iter().map(|parameter| parameter.id.as_str());
        section.unknown_name("parameter", format!("'{point_id}' has no parameter '{id}'"), id, ids);
        return None;
    };
    let writable = parameter.writable().map(|(_, writable)| writable);
    if writable.is_none() {
        let reason = format!("'{point_id}/{id}' may not be written");
        section.fault("parameter", reason, "give it 'writable' with its bounds, or choose another one");
    }
    writable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn read(text: &str) -> Result<Option<DemandResponse>, String> {
        let document = Document::parse("site.toml", text).unwrap();
        let root = document.root();
        let settings = demand_response(&root, &[]);
        document.verdict().map(|()| settings).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_site_that_says_nothing_offers_nothing_and_an_empty_table_has_the_usual_rules() {
        assert_eq!(read(""), Ok(None));
        let settings = read("[demand_response]\n").unwrap().unwrap();
        assert!(settings.participates && !settings.accepts_events && settings.measured.is_none());
        assert_eq!(
            (settings.method, settings.samples_until, settings.rule),
            (BaselineMethod::LastFive, SamplesUntil::EventDay, ValidityRule::MeanForAnHour)
        );
        assert_eq!(settings.calendar, WorkCalendar::default());
    }

    const POINTS: &str = r#"
        [[point]]
        id = "EV"
        name = "charger"
        category = "G"
        role = "sub"
        meter = "m"
        [[point.parameter]]
        id = "LIMIT"
        register = { table = "holding", address = 0, type = "u16" }
        unit = "kW"
        reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
        writable = { min = 10, max = 120, release = 120 }
        [[point.parameter]]
        id = "P"
        register = { table = "holding", address = 1, type = "u16" }
        unit = "kW"
        reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
        [[demand_response.resource]]
        point = "EV"
    "#;

    fn resource(keys: &str) -> Result<Resource, String> {
        let site = crate::config::site_with(&format!("{POINTS}{keys}"));
        let site = site.map_err(|faults| faults.to_string())?;
        Ok(site.demand_response.unwrap().resources.remove(0))
    }

    #[test]
    fn a_resource_is_bound_to_a_writable_parameter_inside_its_bounds() {
        let bound = resource("control = { parameter = 'LIMIT', peak_clipping = 40 }").unwrap();
        let control = bound.control.unwrap();
        assert_eq!((control.point_id.as_str(), control.parameter_id.as_str()), ("EV", "LIMIT"));
        assert_eq!((control.peak_clipping, control.valley_filling), (Some(40.0), None));
        assert_eq!(bound.mode, ControlMode::Auto);
        assert_eq!(resource("").unwrap().mode, ControlMode::Manual);
        for (keys, told) in [
            ("control = { peak_clipping = 40 }", "parameter: is missing"),
            ("control = { parameter = 'LIMIT' }", "peak_clipping: is missing"),
            ("control = { parameter = 'P', peak_clipping = 40 }", "parameter: 'EV/P' may not be written"),
            ("control = { parameter = 'X', peak_clipping = 40 }", "parameter: 'EV' has no parameter 'X'"),
            ("control = { point = 'X', parameter = 'P', absorption = 40 }", "point: there is no point 'X'"),
            ("control = { parameter = 'LIMIT', absorption = 9 }", "absorption: 9 lies outside of 10 to 120"),
            ("mode = 'manual'\ncontrol = { parameter = 'LIMIT', absorption = 40 }", "mode: people adjust it"),
        ] {
            let faults = resource(keys).unwrap_err();
            assert!(faults.contains(told), "{keys}\n{faults}");
        }
    }

    #[test]
    fn no_two_parameters_write_to_the_same_register() {
        let second =
            POINTS.replacen("id = \"P\"", "id = \"P\"\nwritable = { min = 1, max = 2, release = 1 }", 1);
        assert!(crate::config::site_with(&second).is_ok());
        let second = second.replacen("address = 1", "address = 0", 1);
        let faults = crate::config::site_with(&second).unwrap_err();
        assert!(faults.to_string().contains("'EV/P' writes to the registers of 'EV/LIMIT'"), "{faults}");
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_key() {
        for (keys, told) in [
            ("baseline = 'mean'", "baseline: 'mean' is unknown"),
            ("validity_rule = 3", "validity_rule: 3 is out of range"),
            ("notice_time = '4h'", "notice_time: '4h' is refused"),
            ("min_duration = 'PT2H'\nmax_duration = 'PT1H'", "max_duration: is shorter than 'min_duration'"),
            ("point = 'PT-X'", "point: there is no point 'PT-X'"),
            ("parameter = 'P'", "point: is missing"),
            ("workdays = ['mo']", "workdays: 'mo' is no day of the week"),
            ("holidays = ['2024-02-30']", "holidays: '2024-02-30' is no day"),
            (
                "holidays = ['2024-10-01']\nmake_up_workdays = ['2024-10-01']",
                "make_up_workdays: 2024-10-01 is among 'holidays' as well",
            ),
            ("max_peak_clipping_kw = -1", "max_peak_clipping_kw: -1 is out of range"),
            ("nonsense = 1", "nonsense: is an unknown key"),
            ("[[demand_response.resource]]\nmode = 'x'", "point: is missing"),
            ("[[demand_response.resource]]\npoint = 'PT-X'", "point: there is no point 'PT-X'"),
        ] {
            let faults = read(&format!("[demand_response]\n{keys}\n")).unwrap_err();
            assert!(faults.contains(told), "{keys}\n{faults}");
        }
    }
}
