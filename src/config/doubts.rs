//! Doubts: what a site file may say and most likely should not.
//!
//! The tables behind this are provisional, so that nothing here keeps a site from being served.

use super::site::Site;
use crate::model::category::{Category, CodeSystem};
use crate::model::codes::{self, Code};
use crate::model::point::{Parameter, Point};

/// Everything in the site that is most likely a slip, each with what was probably meant.
#[must_use]
pub fn doubts(site: &Site) -> Vec<String> {
    let mut doubts = Doubts::default();
    for class in &site.cems.energy_types {
        doubts.code("cems: energy_types", "energy class", codes::energy_classes(), class);
    }
    for category in &site.categories {
        of_category(category, &mut doubts);
    }
    for point in &site.points {
        of_point(point, &mut doubts);
    }
    doubts.0
}

#[derive(Default)]
struct Doubts(Vec<String>);

impl Doubts {
    fn code(&mut self, place: &str, kind: &str, table: &[Code], written: &str) {
        if table.iter().any(|known| known.code == written) {
            return;
        }
        let nearest = codes::nearest(table, written);
        let meant = nearest.map(|near| format!("; {} is {} {}", near.code, near.chinese, near.english));
        self.0.push(format!("{place}: '{written}' is no known {kind}{}", meant.unwrap_or_default()));
    }
}

fn of_category(category: &Category, doubts: &mut Doubts) {
    let place = format!("category '{}'", category.id);
    if let Some(class) = &category.energy_code {
        doubts.code(&format!("{place}: energy_code"), "energy class", codes::energy_classes(), class);
    }
    if category.code_system == CodeSystem::Mohurd2008 {
        doubts.code(&format!("{place}: code"), "sub-item", codes::sub_items(), &category.code);
    }
}

fn of_point(point: &Point, doubts: &mut Doubts) {
    let place = format!("point '{}'", point.id);
    if let Some(class) = &point.energy_code {
        doubts.code(&format!("{place}: energy_code"), "energy class", codes::energy_classes(), class);
    }
    if let Some(item) = &point.sub_item_code {
        doubts.code(&format!("{place}: sub_item_code"), "sub-item", codes::sub_items(), item);
        if let Some(class) = point.energy_code.as_ref().filter(|class| !item.starts_with(class.as_str())) {
            doubts
                .0
                .push(format!("{place}: sub_item_code '{item}' is no part of the energy class '{class}'"));
        }
    }
    for parameter in &point.parameters {
        of_parameter(&format!("{place} parameter '{}'", parameter.id), parameter, doubts);
    }
}

fn of_parameter(place: &str, parameter: &Parameter, doubts: &mut Doubts) {
    let reading_type = &parameter.reading_type;
    for (field, value) in codes::unlisted_fields(reading_type) {
        doubts.0.push(format!("{place}: reading_type {reading_type}: {field} {value} is in no public list"));
    }
    let units = codes::units_of(reading_type);
    if let Some(ours) = units.first().filter(|_| !units.contains(&parameter.unit)) {
        let unit = &parameter.unit;
        let reason = format!("unit '{unit}' and reading_type {reading_type} contradict each other");
        doubts.0.push(format!("{place}: {reason}; the reading type says {ours}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, meters};

    /// A site with one category and one point, with these keys added to them.
    fn site(category: &str, point: &str, parameter: &str) -> Site {
        let text = format!(
            "[cems]\nid = 'c'\nname = 'c'\nuser_name = 'u'\nutc_offset = '+08:00'\n\
             [[category]]\nid = 'all'\nname = 'all'\n{category}\n\
             [[point]]\nid = 'p'\nname = 'p'\ncategory = 'all'\nrole = 'main'\n{point}\n\
             [[point.parameter]]\nid = 'x'\nmanual = true\n{parameter}\n"
        );
        config::read("site.toml", &text, meters::library).unwrap_or_else(|faults| panic!("{faults}"))
    }

    const ENERGY: &str = "unit = 'kWh'\nreading_type = '0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0'";

    #[test]
    fn every_code_and_unit_that_is_most_likely_a_slip_is_told() {
        for (category, point, parameter, expected) in [
            (
                "code = '01B99'\ncode_system = 'MOHURD2008'",
                "",
                ENERGY,
                "category 'all': code: '01B99' is no known sub-item; 01B00 is 空调用电 air conditioning",
            ),
            (
                "code = '1'\nenergy_code = '31'",
                "",
                ENERGY,
                "category 'all': energy_code: '31' is no known energy class",
            ),
            (
                "code = '1'",
                "sub_item_code = '01B1Z'",
                ENERGY,
                "'01B1Z' is no known sub-item; 01B10 is 冷热站",
            ),
            (
                "code = '1'",
                "energy_code = '02'\nsub_item_code = '01B10'",
                ENERGY,
                "point 'p': sub_item_code '01B10' is no part of the energy class '02'",
            ),
            (
                "code = '1'",
                "",
                "unit = 'Wh'\nreading_type = '0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0'",
                "point 'p' parameter 'x': unit 'Wh' and reading_type 0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0 \
                 contradict each other; the reading type says kWh",
            ),
            (
                "code = '1'",
                "",
                "unit = 'V'\nreading_type = '0.0.79.12.0.1.54.0.0.0.0.0.0.0.128.0.29.0'",
                "measuringPeriod 79 is in no public list",
            ),
        ] {
            let found = doubts(&site(category, point, parameter));
            assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
        }
    }

    #[test]
    fn no_built_in_map_is_doubted() {
        for map in meters::library(None).unwrap().maps() {
            for register in map.registers.iter().filter(|register| !register.register.data_type.is_text()) {
                let (place, units) = (&register.register.name, codes::units_of(&register.reading_type));
                assert!(units.is_empty() || units.contains(&register.unit), "{} {place}", map.model);
                assert_eq!(codes::unlisted_fields(&register.reading_type), [], "{} {place}", map.model);
            }
        }
    }

    #[test]
    fn what_is_right_or_of_the_sites_own_is_not_doubted() {
        for (category, parameter) in [
            ("code = 'whatever'", ENERGY),
            ("code = '01B00'\ncode_system = 'MOHURD2008'\nenergy_code = '01'", ENERGY),
            ("code = '1'", "unit = 'm³'\nreading_type = '0.0.0.1.1.9.58.0.0.0.0.0.0.0.0.0.42.0'"),
            ("code = '1'", "unit = 'pieces'\nreading_type = '0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0'"),
        ] {
            assert_eq!(
                doubts(&site(category, "", parameter)),
                Vec::<String>::new(),
                "{category} {parameter}"
            );
        }
    }
}
