//! Site files as a technician writes them: right ones, wrong ones, and ones that no hand wrote.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use cems_gateway::config::site::Site;
use cems_gateway::config::{self, LoadError};
use cems_gateway::document::Faults;
use cems_gateway::limits;
use cems_gateway::meters;
use cems_gateway::model::map_library::MapLibrary;
use cems_gateway::model::meter::{MapRegister, RatioKind, ReadLimits, RegisterMap};
use cems_gateway::model::point::{Conversion, Parameter, Source, ValidRange};
use cems_gateway::model::register::{DataType, Register, Span, Table, WordOrder};
use cems_gateway::model::tou::Rate;
use cems_gateway::time::Interval;
use proptest::prelude::*;

const FAULTY: &str = include_str!("data/config/faulty.toml");
const MIXED: &str = include_str!("../../examples/mixed.toml");

fn map_register(name: &str, address: u16, data_type: &str, unit: &str, reading_type: &str) -> MapRegister {
    MapRegister {
        register: Register {
            name: name.to_owned(),
            table: Table::HoldingRegister,
            address,
            data_type: DataType::from_name(data_type).unwrap(),
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        },
        title: format!("title of {name}"),
        scale: 0.1,
        offset: 0.0,
        unit: unit.to_owned(),
        reading_type: reading_type.parse().unwrap(),
        ratio: RatioKind::Power,
        decimals: Some(1),
        valid: Some(ValidRange { min: -100.0, max: 100.0 }),
        page: "page 1".to_owned(),
    }
}

const POWER: &str = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0";

/// One meter whose holding registers 10 to 19 may not be read.
fn library() -> MapLibrary {
    let hole = (Table::HoldingRegister, Span { start: 10, count: 10 });
    let map = RegisterMap {
        model: "test-meter".to_owned(),
        manufacturer: "Test".to_owned(),
        title: "test meter".to_owned(),
        manual: "none".to_owned(),
        read_limits: ReadLimits { registers_max: 60, forbidden: vec![hole], ..ReadLimits::default() },
        registers: vec![
            map_register("power", 0, "i16", "kW", POWER),
            map_register("serial_number", 2, "text4", "", POWER),
            map_register("beyond_the_hole", 9, "u32", "kW", POWER),
        ],
    };
    [map].into_iter().collect()
}

fn read(text: &str) -> Result<Site, Faults> {
    config::read("site.toml", text, |_| Ok(library()))
}

/// A right site with one parameter, whose keys are `parameter`, at a meter with `meter` keys.
fn site_with(meter: &str, parameter: &str) -> String {
    format!(
        "[cems]\nid = 'c'\nname = 'c'\nuser_name = 'u'\nutc_offset = '+08:00'\n\
         [[category]]\nid = 'all'\ncode = '1'\nname = 'all'\n\
         [[line]]\nid = 'lan'\nkind = 'tcp'\nhost = 'meter'\n\
         [[meter]]\nid = 'm'\nline = 'lan'\nunit = 1\n{meter}\n\
         [[point]]\nid = 'p'\nname = 'p'\ncategory = 'all'\nrole = 'main'\nmeter = 'm'\n\
         [[point.parameter]]\nid = 'x'\n{parameter}\n"
    )
}

fn parameter_of(meter: &str, parameter: &str) -> Parameter {
    let site = read(&site_with(meter, parameter)).unwrap_or_else(|faults| panic!("{faults}"));
    site.points[0].parameters[0].clone()
}

#[test]
fn every_fault_of_a_faulty_file_is_told_at_once() {
    let faults = read(FAULTY).unwrap_err().to_string();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/config/faulty.txt");
    assert_eq!(faults, fs::read_to_string(golden).unwrap(), "told:\n{faults}");
}

#[test]
fn a_parameter_of_a_map_takes_what_the_map_says() {
    let parameter =
        parameter_of("map = 'test-meter'\nct = 40\npt = 2\ninterval = 'PT5S'", "register = 'power'");
    assert_eq!((parameter.name.as_str(), parameter.unit.as_str()), ("title of power", "kW"));
    assert_eq!(parameter.reading_type.to_string(), POWER);
    assert_eq!((parameter.decimals, parameter.interval), (Some(1), Interval::parse("PT5S").unwrap()));
    assert_eq!(parameter.metered().unwrap().conversion, Conversion { scale: 0.1, offset: 0.0, ratio: 80.0 });
    assert_eq!(parameter.metered().unwrap().register.name, "power");
    // The map's limits are those of the meter; behind transformers they grow with the readings.
    assert_eq!(parameter.valid, Some(ValidRange { min: -8_000.0, max: 8_000.0 }));
}

#[test]
fn what_the_site_says_of_a_parameter_comes_before_the_map() {
    let own = "register = 'power'\nname = 'Wirkleistung'\nunit = 'W'\nscale = 100\ninterval = 'PT1S'\n\
               ratio = 'current'\nreading_type = '0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.0.38.0'";
    let parameter = parameter_of("map = 'test-meter'\nct = 40\npt = 2", own);
    assert_eq!((parameter.name.as_str(), parameter.unit.as_str()), ("Wirkleistung", "W"));
    assert_eq!(
        parameter.metered().unwrap().conversion,
        Conversion { scale: 100.0, offset: 0.0, ratio: 40.0 }
    );
    assert_eq!(parameter.interval, Interval::SECOND);
    // Decimals and limits that were meant for kilowatts say nothing of watts.
    assert_eq!((parameter.decimals, parameter.valid), (None, None));
}

#[test]
fn a_described_register_stands_for_itself() {
    let described = format!(
        "register = {{ table = 'holding', address = 101, address_base = 1, type = 'i32', \
         word_order = 'CDAB', not_available = [-1] }}\nunit = 'kW'\nreading_type = '{POWER}'\nscale = 0.001"
    );
    let parameter = parameter_of("", &described);
    let register = &parameter.metered().unwrap().register;
    assert_eq!((register.table, register.span()), (Table::HoldingRegister, Span { start: 100, count: 2 }));
    assert_eq!(register.not_available, [0xFFFF_FFFF]);
    assert_eq!(register.word_order, WordOrder::from_name("CDAB").unwrap());
    assert_eq!(parameter.metered().unwrap().conversion, Conversion { scale: 0.001, offset: 0.0, ratio: 1.0 });
    assert_eq!((parameter.name.as_str(), parameter.interval), ("有功功率 / active power", Interval::MINUTE));
}

#[test]
fn what_a_site_leaves_out_has_a_safe_default() {
    let site = read("[cems]\nid = 'gw'\nname = 'n'\nuser_name = 'u'\nutc_offset = 'Z'\n[uplink]\nhost = 'b'")
        .unwrap();
    assert_eq!(site.api.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        (site.store.durability_window_ms, site.store.raw_days, site.store.quarter_days),
        (5_000, 45, 400)
    );
    assert_eq!((site.store.day_years, site.store.size_max_mib, site.store.flash), (10, 512, None));
    let uplink = site.uplink.unwrap();
    assert_eq!(
        (uplink.port, uplink.client_id.as_str(), uplink.topic_prefix.as_str()),
        (1_883, "gw", "cems/gw")
    );
    assert_eq!((site.console, site.maps_dir, uplink.password_file), (None, None, None));
}

#[test]
fn prices_factors_and_products_are_taken_and_what_cannot_be_is_told() {
    let head = "[cems]\nid = 'gw'\nname = 'n'\nuser_name = 'u'\nutc_offset = 'Z'\n";
    let site = read(&format!(
        "{head}[tariff]\nbilling_day = 26\nprice = 0.6\nprice_deep = 0.2\n\
         [[factor]]\nenergy_code = '01'\nco2_kg = 0.42\n[[factor]]\nenergy_code = '06'\nkgce = 0.5\n"
    ))
    .unwrap();
    assert_eq!(site.tariff.billing_day, 26);
    assert_eq!([Rate::Deep, Rate::Peak].map(|rate| site.tariff.price_at(Some(rate))), [Some(0.2), Some(0.6)]);
    let factors = ["01", "06"].map(|code| site.factors.of(code).map(|factor| (factor.kgce, factor.co2_kg)));
    assert_eq!(factors, [Some((Some(0.1229), Some(0.42))), Some((Some(0.5), None))]);
    for (tables, expected) in [
        ("[tariff]\nbilling_day = 29\n", "billing_day: 29 is out of range"),
        ("[tariff]\nprice_peak = -1\n", "price_peak: -1 is out of range"),
        ("[[factor]]\nkgce = 1\n", "energy_code: is missing"),
        (
            "[[factor]]\nenergy_code = '01'\n[[factor]]\nenergy_code = '01'\n",
            "there is a factor for '01' already",
        ),
        (
            "[[category]]\nid = 'c'\ncode = '1'\nname = 'n'\n[[point]]\nid = 'p'\nname = 'n'\n\
             category = 'c'\nrole = 'main'\nproduct = 'A'\n",
            "product: is only told of points that count products; give role = \"production\"",
        ),
    ] {
        let faults = read(&format!("{head}{tables}")).unwrap_err().to_string();
        assert!(faults.contains(expected), "{faults}");
    }
}

#[test]
fn paths_are_reckoned_from_the_folder_of_the_site_file() {
    let text = site_with(
        "",
        "register = { table = 'coil', address = 0 }\nunit = '1'\nreading_type = '0.0.0.12.0.0.0.0.0.0.0.0.0.0.0.0.0.0'",
    ) + "[gateway]\nmaps_dir = 'maps'\n[uplink]\nhost = 'b'\nusername = 'gw'\npassword_file = '/run/secret'\n";
    let mut asked = None;
    let site = config::read("/etc/cems-gateway/gateway.toml", &text, |dir| {
        asked = dir.map(Path::to_owned);
        Ok(library())
    });
    let site = site.unwrap();
    assert_eq!(asked, Some(PathBuf::from("/etc/cems-gateway/maps")));
    assert_eq!(site.maps_dir, asked);
    assert_eq!(site.uplink.unwrap().password_file, Some(PathBuf::from("/run/secret")));
}

#[test]
fn the_faults_of_register_maps_are_told_after_those_of_the_site() {
    let maps_fault = || config::read("map.toml", "x = 1", |_| Ok(library())).unwrap_err();
    let of_maps = maps_fault();
    let told = config::read("site.toml", "colour = 1", |_| Err(maps_fault())).unwrap_err();
    assert!(told.list.first().is_some_and(|fault| fault.file == "site.toml"));
    assert!(told.list.ends_with(&of_maps.list));
    // A right site with wrong maps is refused as well, and says nothing of maps it could not look up.
    let text = site_with("map = 'unheard-of'", "register = 'power'");
    assert_eq!(config::read("site.toml", &text, |_| Err(maps_fault())).unwrap_err(), of_maps);
}

#[test]
fn a_site_has_no_more_parameters_than_the_gateway_can_keep() {
    let parameters = |count: usize| {
        let parameter = |n| format!("[[point.parameter]]\nid = 'p{n}'\nregister = 'power'\n");
        (0..count).map(parameter).collect::<Vec<_>>().concat()
    };
    let text = |count| {
        let second = "[[point]]\nid = 'q'\nname = 'q'\ncategory = 'all'\nrole = 'main'\nmeter = 'm'\n";
        site_with("map = 'test-meter'", "register = 'power'") + second + &parameters(count)
    };
    assert!(read(&text(limits::PARAMETERS_MAX - 1)).is_ok());
    let faults = read(&text(limits::PARAMETERS_MAX)).unwrap_err().to_string();
    assert!(
        faults.starts_with("site.toml:34: [point 'q'] parameter: is parameter 5001 of the site"),
        "{faults}"
    );
}

#[test]
fn a_file_that_cannot_be_read_names_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    let refusal = |path: &Path| config::load(path, |_| Ok(library())).unwrap_err();
    assert!(matches!(refusal(&path), LoadError::Read { .. }));
    assert!(refusal(&path).to_string().contains("gateway.toml"));
    fs::write(&path, b"\xff\xfe").unwrap();
    assert!(matches!(refusal(&path), LoadError::Read { .. }));
    fs::write(&path, "# long\n".repeat(200_000)).unwrap();
    assert!(refusal(&path).to_string().ends_with("the file has more than 1048576 bytes; make it smaller"));
    fs::write(&path, site_with("map = 'test-meter'", "register = 'power'")).unwrap();
    assert!(config::load(&path, |_| Ok(library())).is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_reason_and_the_remedy() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("gbk"), b"[cems]\nname = '\xb5\xe7\xb1\xed'\n").unwrap();
    std::os::unix::fs::symlink("loop", path("loop")).unwrap();
    mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for (name, told) in [
        ("gone", "No such file or directory (os error 2); check that it exists and may be read"),
        ("gbk", "line 2 is not UTF-8; save it as UTF-8 / 请另存为 UTF-8"),
        ("", "it is a directory; give the path of a regular file"),
        ("loop", "Too many levels of symbolic links (os error 40); check that it exists and may be read"),
        ("pipe", "it is no regular file; give the path of a regular file"),
    ] {
        let refusal = config::load(&path(name), |_| Ok(library())).unwrap_err().to_string();
        assert_eq!(refusal, format!("cannot read the site file {}: {told}", path(name).display()));
    }
}

#[test]
fn the_example_sites_are_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut accepted = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let site = config::load(&path, meters::library).unwrap_or_else(|error| panic!("{error}"));
            assert!(!site.points.is_empty(), "{}", path.display());
            accepted += 1;
        }
    }
    assert!(accepted >= 2);
}

/// What may be put into a site file instead of one of its tokens.
const TOKENS: [&str; 24] = [
    "",
    "=",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "'",
    "\n",
    "#",
    ".",
    ",",
    "nan",
    "-inf",
    "0",
    "-1",
    "99999999999999999999",
    "1e999",
    "true",
    "'电'",
    "[[point]]\n",
    "0x7FFFFFFFFFFFFFFF",
];

fn mutated(text: &str, edits: &[(prop::sample::Index, usize, usize)]) -> String {
    let mut tokens: Vec<String> =
        text.split_inclusive([' ', '\n', '=', '"', ',']).map(str::to_owned).collect();
    for (place, kind, token) in edits {
        let at = place.index(tokens.len());
        match kind {
            0 => tokens[at].clear(),
            1 => TOKENS[*token].clone_into(&mut tokens[at]),
            2 => tokens.insert(at, TOKENS[*token].to_owned()),
            3 => tokens.swap(at, *token),
            _ => drop(tokens[at].pop()),
        }
    }
    tokens.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_site_file_is_read_or_refused_and_never_more(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..5, 0..TOKENS.len()), 1..6)
    ) {
        let text = mutated(MIXED, &edits);
        if let Err(faults) = config::read("site.toml", &text, meters::library) {
            prop_assert!(!faults.list.is_empty());
            prop_assert!(faults.list.iter().all(|fault| fault.line >= 1 && !fault.reason.is_empty()));
            prop_assert!(faults.list.is_sorted_by_key(|fault| fault.line));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)
    ) {
        let mut bytes = MIXED.as_bytes().to_vec();
        for (place, byte) in &places {
            let at = place.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Err(faults) = config::read("site.toml", &String::from_utf8_lossy(&bytes), meters::library) {
            prop_assert!(!faults.list.is_empty());
        }
    }
}

/// A site with a computed parameter beside `x`.
fn site_with_formula(formula: &str, more: &str) -> String {
    let register = format!(
        "register = {{ table = 'holding', address = 1, type = 'i32' }}\nunit = 'kW'\nreading_type = '{POWER}'\n\
         interval = 'PT10S'"
    );
    let computed = format!(
        "[[point.parameter]]\nid = 'y'\nformula = '{formula}'\nunit = 'kW'\nreading_type = '{POWER}'\n{more}"
    );
    site_with("", &format!("{register}\n{computed}"))
}

#[test]
fn a_computed_parameter_has_a_value_as_often_as_what_it_is_computed_from() {
    let site = read(&site_with_formula("0.5 * p/x", "")).unwrap_or_else(|faults| panic!("{faults}"));
    let computed = &site.points[0].parameters[1];
    assert_eq!(computed.formula().unwrap().to_string(), "0.5 * p/x");
    assert_eq!(computed.interval, Interval::parse("PT10S").unwrap());
    let site = read(&site_with_formula("p/x", "interval = 'PT1M'")).unwrap();
    assert_eq!(site.points[0].parameters[1].interval, Interval::MINUTE);
}

#[test]
fn a_formula_that_cannot_be_reckoned_is_refused_with_its_reason() {
    for (formula, more, fault) in [
        ("p/z", "", "there is no parameter 'p/z'"),
        ("p/y", "", "'p/y' is computed itself"),
        ("p/x +", "", "is refused"),
        ("p/x", "scale = 2", "there is no register to convert"),
        ("p/x", "manual = true", "stands beside 'formula'"),
        ("p/x", "register = 'power'", "stands beside 'formula'"),
    ] {
        let faults = read(&site_with_formula(formula, more)).unwrap_err().to_string();
        assert!(faults.contains(fault), "{formula} {more}: {faults}");
    }
}

#[test]
fn a_parameter_may_be_entered_by_hand() {
    let manual = format!("manual = true\nunit = 't'\nreading_type = '{POWER}'");
    let parameter = parameter_of("", &manual);
    assert_eq!((parameter.source, parameter.interval), (Source::Manual, Interval::DAY));
}
