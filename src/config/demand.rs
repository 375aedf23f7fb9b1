//! `[demand]`: how demand is measured, and what is agreed about it.

use super::form;
use crate::document::Section;
use crate::limits;
use crate::model::demand::{Controllable, DemandMethod, DemandSettings, NoDemandPoint};
use crate::model::point::Point;
use crate::model::tariff::Tariff;

const METHODS: [(&str, DemandMethod); 2] =
    [("sliding", DemandMethod::Sliding), ("block", DemandMethod::Block)];

/// The longest and the shortest window and step that a reading type can name, in milliseconds.
const WINDOW_MS: std::ops::RangeInclusive<i64> = 60_000..=3_600_000;
const WINDOWS_REMEDY: &str = "a sliding window and its step may be PT15M by PT1M, PT3M or PT5M, PT30M by PT2M to PT15M, \
     PT1H by PT4M to PT30M, PT10M by PT1M, PT2M or PT5M, or PT5M by PT1M; a block PT1M, PT5M, PT10M, PT15M, PT20M, \
     PT30M or PT1H, the step a part of it";
/// More than any equipment's power, in kW.
const POWER_KW_MAX: f64 = 1e9;

/// Reads the table; what is not said in it is as it usually is, and months are those of the tariff.
pub(super) fn demand(root: &Section<'_>, points: &[Point], tariff: &Tariff) -> DemandSettings {
    let usual = DemandSettings { billing_day: tariff.billing_day, ..DemandSettings::default() };
    let Some(section) = root.section("demand") else { return usual };
    let interval = |key| form::interval(&section, key, WINDOW_MS, "give PT1M to PT1H");
    let settings = DemandSettings {
        point_id: section.id("point"),
        window: interval("window").unwrap_or(usual.window),
        step: interval("step").unwrap_or(usual.step),
        method: section.choice("method", &METHODS).unwrap_or(usual.method),
        billing_day: form::whole(&section, "billing_day", 1..=28).unwrap_or(usual.billing_day),
        alarm_ratio: section.number("alarm_ratio", 0.01..=1.0).unwrap_or(usual.alarm_ratio),
        limit_ratio: section.number("limit_ratio", 0.01..=10.0).unwrap_or(usual.limit_ratio),
        over_threshold: section.number("over_threshold", 1.0..=10.0).unwrap_or(usual.over_threshold),
        over_factor: section.number("over_factor", 1.0..=10.0).unwrap_or(usual.over_factor),
        controllable: controllable(&section, points),
    };
    check(&section, &settings, points);
    section.finish();
    settings
}

fn controllable(section: &Section<'_>, points: &[Point]) -> Vec<Controllable> {
    let entries = section.sections("controllable", limits::DEMAND_CONTROLLABLE_MAX);
    let mut list: Vec<Controllable> = Vec::new();
    for (index, mut entry) in entries.into_iter().enumerate() {
        entry.set_label(format!("demand controllable '{}'", index + 1));
        let point = entry.id("point");
        if !entry.has("point") {
            entry.missing("point", "give the ID of the point that can be switched off");
        }
        if !entry.has("power_kw") {
            entry.missing("power_kw", "give the kW that switching it off saves");
        }
        let power_kw = entry.number("power_kw", 0.0..=POWER_KW_MAX);
        if let Some(point_id) = point {
            refer(&entry, &point_id, points);
            if list.iter().any(|load| load.point_id == point_id) {
                entry.fault("point", format!("'{point_id}' is listed twice"), "list each point once");
            }
            list.push(Controllable { point_id, power_kw: power_kw.unwrap_or(0.0) });
        }
        entry.finish();
    }
    list
}

fn refer(section: &Section<'_>, id: &str, points: &[Point]) {
    if !points.iter().any(|point| point.id == id) {
        let known = points.iter().map(|point| point.id.as_str());
        section.unknown_name("point", format!("there is no point '{id}'"), id, known);
    }
}

/// What the keys must keep together.
fn check(section: &Section<'_>, settings: &DemandSettings, points: &[Point]) {
    if settings.measuring_period().is_none() {
        let key = if section.has("step") { "step" } else { "window" };
        section.fault(key, "no reading type names such windows", WINDOWS_REMEDY);
    }
    if settings.alarm_ratio > settings.limit_ratio {
        section.fault("alarm_ratio", "is greater than limit_ratio", "warn before the limit, not after it");
    }
    match (settings.place(points), &settings.point_id) {
        (Ok((point, register)), _) if register.interval > settings.window => {
            let (point, parameter, interval) = (&point.id, &register.id, register.interval);
            let reason =
                format!("{parameter} of {point} is read every {interval}, less often than once a window");
            section.fault("window", reason, "read it at least once a window, better once a step");
        }
        (Ok(_), _) => {}
        (Err(NoDemandPoint::Unknown), Some(id)) => refer(section, id, points),
        (Err(why), _) => {
            let reason = why.to_string();
            section.fault(
                "point",
                reason,
                "name a point with a parameter like 0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::model::point::{Parameter, PointRole, Source};
    use crate::time::Interval;

    fn point(id: &str, role: PointRole, reading_type: &str, interval: &str) -> Point {
        let parameter = Parameter {
            id: "EPI".to_owned(),
            name: "EPI".to_owned(),
            code: None,
            reading_type: reading_type.parse().unwrap(),
            unit: "kWh".to_owned(),
            decimals: None,
            interval: Interval::parse(interval).unwrap(),
            valid: None,
            source: Source::Manual,
        };
        Point {
            id: id.to_owned(),
            name: id.to_owned(),
            category_id: "CAT".to_owned(),
            role,
            energy_code: None,
            sub_item_code: None,
            location: None,
            product: None,
            rated_power_kw: None,
            rated_capacity_kwh: None,
            parameters: vec![parameter],
        }
    }

    const ENERGY: &str = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0";
    const GIVEN: &str = "0.0.0.1.19.1.12.0.0.0.0.0.0.0.0.3.72.0";

    fn points() -> Vec<Point> {
        vec![
            point("PT-GRID", PointRole::Gateway, ENERGY, "PT1M"),
            point("PT-HOURLY", PointRole::Main, ENERGY, "PT1H"),
            point("PT-PV", PointRole::Der, GIVEN, "PT1M"),
        ]
    }

    fn read(text: &str, points: &[Point]) -> (DemandSettings, String) {
        let document = Document::parse("site.toml", text).unwrap();
        let root = document.root();
        let settings = demand(&root, points, &Tariff::default());
        root.finish();
        (settings, document.verdict().err().map(|faults| faults.to_string()).unwrap_or_default())
    }

    #[test]
    fn what_is_not_said_is_as_it_usually_is() {
        for text in ["", "[demand]"] {
            assert_eq!(read(text, &points()), (DemandSettings::default(), String::new()));
        }
        let (settings, faults) = read(
            "[demand]\npoint = 'PT-GRID'\nwindow = 'PT30M'\nmethod = 'block'\nbilling_day = 15\n\
             [[demand.controllable]]\npoint = 'PT-PV'\npower_kw = 80\n\
             [[demand.controllable]]\npoint = 'PT-GRID'\npower_kw = 20.5",
            &points(),
        );
        assert_eq!(faults, "");
        assert_eq!((settings.measuring_period(), settings.billing_day), (Some(51), 15));
        assert!((settings.controllable_kw() - 100.5).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_is_told_with_its_key() {
        for (text, expected) in [
            ("step = 'PT2M'", "[demand] step: no reading type names such windows"),
            ("window = 'PT45M'", "[demand] window: no reading type names such windows"),
            ("alarm_ratio = 0.95\nlimit_ratio = 0.9", "[demand] alarm_ratio: is greater than limit_ratio"),
            ("billing_day = 29", "[demand] billing_day:"),
            ("point = 'PT-GRIT'", "[demand] point: there is no point 'PT-GRIT'; did you mean 'PT-GRID'?"),
            ("point = 'PT-PV'", "[demand] point: the point has no register"),
            ("point = 'PT-HOURLY'", "[demand] window: EPI of PT-HOURLY is read every PT1H"),
            ("[[demand.controllable]]\npoint = 'X'\npower_kw = 1", "there is no point 'X'"),
            ("[[demand.controllable]]\npoint = 'PT-PV'", "power_kw: is missing"),
            ("[[demand.controllable]]\npower_kw = 1", "point: is missing"),
        ] {
            let (_, faults) = read(&format!("[demand]\n{text}"), &points());
            assert!(faults.contains(expected), "{text}: {faults}");
            assert_eq!(faults.lines().count(), 1, "{text}: {faults}");
        }
        let (_, none) = read("[demand]", &points()[1..]);
        assert!(none.contains("[demand] point: no point of role gateway has a register"), "{none}");
        let twice = [&points()[..], &[point("PT-GRID2", PointRole::Gateway, ENERGY, "PT1M")]].concat();
        let (_, several) = read("[demand]", &twice);
        assert!(several.contains("[demand] point: several points of role gateway"), "{several}");
    }
}
