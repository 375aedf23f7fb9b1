//! The edits a technician makes, on a file with comments in every place.

use super::*;
use crate::model::meter::{MapRegister, RatioKind, ReadLimits};
use crate::model::register::{DataType, Register, Table as RegisterTable, WordOrder};

const SITE: &str = r#"# The works at Jiading.

[cems]
id = "CEMS-1"   # as agreed with the platform

[[category]]
id = "CAT-GRID"
name = "关口"

[[line]]
id = "rs485-1"

# ---- Meters ----

# In the substation.
[[meter]]
id = "m-grid"
line = "rs485-1"
unit = 1
map = "eastron-sdm630"

[[meter]]
id = "m-pump"
line = "rs485-1"
unit = 2

# ---- Points ----

[[point]]
id = "PT-GRID"
category = "CAT-GRID"
meter = "m-grid"
  [[point.parameter]]
  id = "EPI"     # billed
  register = "energy_import"

[[point]]
id = "PT-MIX"
  [[point.parameter]]
  id = "A"
  meter = "m-pump"
  [[point.parameter]]
  id = "B"
  meter = "m-grid"
# The end.
"#;

pub(crate) fn library() -> MapLibrary {
    let register = |name: &str| MapRegister {
        register: Register {
            name: name.to_owned(),
            table: RegisterTable::HoldingRegister,
            address: 0,
            data_type: DataType::Float { words: 2 },
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        },
        title: name.to_owned(),
        scale: 1.0,
        offset: 0.0,
        unit: "kW".to_owned(),
        reading_type: "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0".parse().unwrap(),
        ratio: RatioKind::None,
        decimals: None,
        valid: None,
        page: "1".to_owned(),
    };
    let map = |model: &str, registers: &[&str]| RegisterMap {
        model: model.to_owned(),
        manufacturer: String::new(),
        title: model.to_owned(),
        manual: String::new(),
        read_limits: ReadLimits::default(),
        registers: registers.iter().map(|name| register(name)).collect(),
    };
    [map("eastron-sdm630", &["power", "demand", "energy_import"]), map("odd", &["level"])]
        .into_iter()
        .collect()
}

pub(crate) fn chiller() -> NewMeter {
    NewMeter {
        id: "m-chiller3".to_owned(),
        line: "rs485-1".to_owned(),
        unit: 12,
        map: Some("eastron-sdm630".to_owned()),
        ct: Some(40.0),
        interval: Some(Interval::QUARTER_HOUR),
        point: PointPlace {
            role: Some("branch".to_owned()),
            name: Some("3#冷机".to_owned()),
            ..PointPlace::default()
        },
        ..NewMeter::default()
    }
}

fn refused(edit: &Edit) -> String {
    apply(SITE, edit, &library()).unwrap_err().to_string()
}

#[test]
fn a_meter_of_the_library_comes_with_a_point_of_its_main_registers() {
    let after = apply(SITE, &Edit::AddMeter(chiller()), &library()).unwrap();
    let meter = r#"
[[meter]]
id = "m-chiller3"
line = "rs485-1"
unit = 12
map = "eastron-sdm630"
ct = 40
interval = "PT15M"
"#;
    let point = r#"
[[point]]
id = "PT-CHILLER3"
name = "3#冷机"
category = "CAT-GRID"
role = "branch"
meter = "m-chiller3"

[[point.parameter]]
id = "EPI"
register = "energy_import"

[[point.parameter]]
id = "P"
register = "power"
"#;
    let expected = SITE
        .replace("unit = 2\n", &format!("unit = 2\n{meter}"))
        .replace("# The end.", &format!("{point}# The end."));
    assert_eq!(after, expected);
}

#[test]
fn adding_and_removing_again_leaves_the_file_as_it_was() {
    let with = apply(SITE, &Edit::AddMeter(chiller()), &library()).unwrap();
    let without = Edit::RemoveMeter { id: "m-chiller3".to_owned(), with_points: true };
    assert_eq!(apply(&with, &without, &library()).unwrap(), SITE);
}

#[test]
fn a_meter_without_a_map_comes_without_a_point() {
    let edit = Edit::AddMeter(NewMeter { map: None, ..chiller() });
    let after = apply(SITE, &edit, &library()).unwrap();
    assert_eq!(after.matches("[[point]]").count(), 2);
    assert!(after.contains("m-chiller3"));
}

#[test]
fn a_point_takes_the_registers_it_is_told() {
    let edit = Edit::AddPoint(NewPoint {
        meter: "m-grid".to_owned(),
        registers: vec!["demand".to_owned()],
        place: PointPlace {
            id: Some("PT-D".to_owned()),
            role: Some("check".to_owned()),
            ..PointPlace::default()
        },
    });
    let after = apply(SITE, &edit, &library()).unwrap();
    assert!(after.contains("id = \"DEMAND\"\nregister = \"demand\"\n"), "{after}");
}

#[test]
fn a_removed_point_takes_its_own_comments_and_leaves_the_headings() {
    let edit = Edit::RemovePoint { id: "PT-GRID".to_owned() };
    let after = apply(SITE, &edit, &library()).unwrap();
    assert!(!after.contains("billed"));
    assert!(after.contains("unit = 2\n\n# ---- Points ----\n\n[[point]]\nid = \"PT-MIX\"\n"), "{after}");

    let edit = Edit::RemovePoint { id: "PT-MIX".to_owned() };
    let after = apply(&after, &edit, &library()).unwrap();
    assert!(after.ends_with("unit = 2\n\n# ---- Points ----\n\n# The end.\n"), "{after}");
}

#[test]
fn a_removed_meter_goes_with_its_comment_and_not_with_the_heading_above() {
    let text = SITE.replace("meter = \"m-grid\"", "meter = \"m-pump\"");
    let edit = Edit::RemoveMeter { id: "m-grid".to_owned(), with_points: false };
    let after = apply(&text, &edit, &library()).unwrap();
    assert!(!after.contains("In the substation."));
    assert!(after.contains("# ---- Meters ----\n\n[[meter]]\nid = \"m-pump\"\n"), "{after}");
}

#[test]
fn a_meter_that_points_read_is_not_removed_behind_their_backs() {
    let edit = |with_points| Edit::RemoveMeter { id: "m-grid".to_owned(), with_points };
    assert_eq!(
        refused(&edit(false)),
        "meter 'm-grid' is read by PT-GRID, PT-MIX; add the word 'points' to remove them as well"
    );
    assert_eq!(
        refused(&edit(true)),
        "point 'PT-MIX' also reads meter 'm-pump'; remove the point or its parameters first"
    );
}

#[test]
fn a_refusal_names_what_there_is() {
    let meter = |change: fn(&mut NewMeter)| {
        let mut meter = chiller();
        change(&mut meter);
        refused(&Edit::AddMeter(meter))
    };
    assert_eq!(meter(|m| m.id = "m-grid".to_owned()), "there is a meter 'm-grid' already; choose another ID");
    assert_eq!(meter(|m| m.line = "x".to_owned()), "there is no line 'x'; there is rs485-1");
    assert_eq!(meter(|m| m.map = Some("x".to_owned())), "there is no map 'x'; there is eastron-sdm630, odd");
    assert_eq!(
        meter(|m| m.unit = 2),
        "meter 'm-pump' has unit 2 on line 'rs485-1'; two meters with one address both answer"
    );
    assert_eq!(
        meter(|m| m.map = Some("odd".to_owned())),
        "map 'odd' has no main register; name some of level"
    );
    assert!(meter(|m| m.point.role = None).contains("role=main"));
    assert!(meter(|m| m.point.category = Some("CAT-X".to_owned())).contains("there is CAT-GRID"));
    assert!(meter(|m| m.id = "冷机".to_owned()).contains("is no ID"));
    assert!(refused(&Edit::RemovePoint { id: "PT-X".to_owned() }).contains("there is PT-GRID, PT-MIX"));
    let no_map = NewPoint { meter: "m-pump".to_owned(), ..NewPoint::default() };
    assert!(refused(&Edit::AddPoint(no_map)).contains("has no register map"));
}

#[test]
fn a_file_that_is_no_toml_or_has_no_tables_is_left_alone() {
    let edit = Edit::RemovePoint { id: "PT-GRID".to_owned() };
    assert!(matches!(apply("[[", &edit, &library()), Err(EditError::NotToml(_))));
    let inline = "point = [{ id = \"PT-GRID\" }]";
    assert_eq!(apply(inline, &edit, &library()), Err(EditError::NotTables(Kind::Point)));
}

#[test]
fn line_ends_of_another_system_are_kept() {
    let text = SITE.replace('\n', "\r\n");
    let edit = Edit::RemovePoint { id: "PT-GRID".to_owned() };
    let after = apply(&text, &edit, &library()).unwrap();
    let expected = apply(SITE, &edit, &library()).unwrap();
    assert_eq!(after, expected.replace('\n', "\r\n"));
}

#[test]
fn unit_0_is_refused_on_a_serial_line_and_taken_over_tcp() {
    let at = |line: &str| {
        Edit::AddMeter(NewMeter { id: "m-0".to_owned(), line: line.to_owned(), ..NewMeter::default() })
    };
    let site = |kind: &str| format!("[[line]]\nid = \"a\"\nkind = \"{kind}\"\n");
    for kind in ["rtu", "rtu-over-tcp"] {
        let refusal = apply(&site(kind), &at("a"), &library()).unwrap_err();
        assert_eq!(refusal, EditError::Broadcast { line: "a".to_owned() }, "{kind}");
    }
    assert!(apply(&site("tcp"), &at("a"), &library()).unwrap().contains("unit = 0"));
}

#[test]
fn a_file_with_a_key_twice_is_refused_with_the_key() {
    let edit = Edit::RemovePoint { id: "PT".to_owned() };
    let refusal = apply("[cems]\nid = 1\nid = 2\n", &edit, &library()).unwrap_err();
    assert_eq!(refusal, EditError::NotToml("duplicate key 'id'".to_owned()));
}
