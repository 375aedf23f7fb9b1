//! Golden frames: exchanges with a meter, taken or worked out apart from this program, that a map must
//! explain.
//!
//! Each exchange goes the way of a real one: the request is built and compared, the reply searched
//! for, its registers decoded and mapped.

mod frames;

use std::fmt;

use frames::Frames;

use super::Golden;
use crate::document::Faults;
use crate::mapping;
use crate::model::map_library::MapLibrary;
use crate::model::meter::{MapRegister, RegisterMap};
use crate::model::point::{Conversion, ValidRange};
use crate::model::quality::Quality;
use crate::model::reading::{Sample, Value};

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// This value, to be trusted.
    Value(Value),
    /// None: the meter says that it has none, or what it says is no number.
    Missing,
}

impl Expected {
    fn is(&self, sample: &Sample) -> bool {
        match self {
            Self::Value(value) => sample.quality == Quality::Good && sample.value.as_ref() == Some(value),
            Self::Missing => !sample.quality.has_value(),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(Value::Number(number)) => number.fmt(f),
            Self::Value(Value::Text(text)) => write!(f, "'{text}'"),
            Self::Missing => f.write_str("no value"),
        }
    }
}

/// What the golden frames of one model showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The model.
    pub model: String,
    /// Its exchanges in the order of the file.
    pub exchanges: Vec<ExchangeReport>,
    /// Registers of the map that no exchange proves.
    pub unproven: Vec<String>,
}

impl Report {
    /// Whether there are golden frames and all of them hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.exchanges.is_empty() && self.exchanges.iter().all(ExchangeReport::holds)
    }
}

/// What one exchange showed.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeReport {
    /// What it is, for people.
    pub title: String,
    /// Why its values could not even be looked at.
    pub fault: Option<String>,
    /// Its values in the order of the map.
    pub checks: Vec<Check>,
}

impl ExchangeReport {
    /// Whether the frames fit and every value is as expected.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.fault.is_none() && self.checks.iter().all(Check::holds)
    }
}

/// One value, expected and read.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The register's name.
    pub register: String,
    /// What it must say.
    pub expected: Expected,
    /// What it says; `None` when it does not lie in what was read.
    pub read: Option<Sample>,
}

impl Check {
    /// Whether it says what it must.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.read.as_ref().is_some_and(|sample| self.expected.is(sample))
    }
}

/// Runs the golden frames of every model of `library`, or of `model` alone. A model without golden
/// frames has a report that does not hold.
///
/// # Errors
/// All faults of the golden files.
pub fn run_all(library: &MapLibrary, goldens: &[Golden], model: Option<&str>) -> Result<Vec<Report>, Faults> {
    let mut reports = Vec::new();
    let mut faults = Faults::default();
    for map in library.maps().filter(|map| model.is_none_or(|model| map.model == model)) {
        let golden = goldens.iter().find(|golden| golden.model == map.model);
        match golden.map_or_else(|| Ok(report(map, &[])), |golden| run(map, golden)) {
            Ok(report) => reports.push(report),
            Err(found) => faults = faults.and(found),
        }
    }
    if faults == Faults::default() { Ok(reports) } else { Err(faults) }
}

/// Runs the golden frames of one map.
///
/// # Errors
/// All faults of the golden file.
pub fn run(map: &RegisterMap, golden: &Golden) -> Result<Report, Faults> {
    Ok(report(map, &Frames::read(&golden.file, &golden.text, map)?))
}

fn report(map: &RegisterMap, exchanges: &[Frames]) -> Report {
    let exchanges: Vec<_> = exchanges.iter().map(|frames| exchange(map, frames)).collect();
    let is_proven = |name: &String| {
        exchanges.iter().flat_map(|exchange| &exchange.checks).any(|check| check.register == *name)
    };
    let names = map.registers.iter().map(|entry| entry.register.name.clone());
    let unproven = names.filter(|name| !is_proven(name)).collect();
    Report { model: map.model.clone(), exchanges, unproven }
}

fn exchange(map: &RegisterMap, frames: &Frames) -> ExchangeReport {
    let title = frames.title.clone();
    match frames.values_read(&map.read_limits) {
        Err(fault) => ExchangeReport { title, fault: Some(fault), checks: Vec::new() },
        Ok(block) => {
            let check = |(entry, expected): (&MapRegister, &Expected)| Check {
                register: entry.register.name.clone(),
                expected: expected.clone(),
                read: block.words_of(&entry.register).map(|words| sample(entry, words, frames)),
            };
            let expected = map.registers.iter().filter_map(|entry| Some((entry, frames.expected(entry)?)));
            ExchangeReport { title, fault: None, checks: expected.map(check).collect() }
        }
    }
}

fn sample(entry: &MapRegister, words: &[u16], frames: &Frames) -> Sample {
    let ratio = entry.ratio.factor(frames.ct, frames.pt);
    let conversion = Conversion { scale: entry.scale, offset: entry.offset, ratio };
    // The map's range is that of the meter's own terminals, before the ratios.
    let valid = entry.valid.map(|valid| ValidRange { min: valid.min * ratio, max: valid.max * ratio });
    mapping::sample(&entry.register, words, &conversion, entry.decimals, valid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::{BuiltIn, built_in, builtin, golden_frames, goldens, library};

    fn sdm630() -> BuiltIn {
        built_in("eastron-sdm630")
    }

    fn run_changed(built_in: BuiltIn, map: (&str, &str), golden: (&str, &str)) -> Report {
        let change = |text: &str, (from, to): (&str, &str)| {
            assert!(from.is_empty() || text.contains(from), "{from} is not there to change");
            text.replacen(from, to, usize::from(!from.is_empty()))
        };
        let map = crate::meters::read_map("map", &change(&built_in.map.text(), map)).unwrap();
        let text = change(&golden_frames(built_in.model), golden);
        run(&map, &Golden { model: map.model.clone(), file: "golden".to_owned(), text }).unwrap()
    }

    #[test]
    fn every_built_in_map_is_proven_by_its_golden_frames_to_the_last_register() {
        let reports = run_all(&library(None).unwrap(), &goldens(None).unwrap(), None).unwrap();
        assert_eq!(reports.len(), builtin().len());
        for report in reports {
            let broken: Vec<_> = report.exchanges.iter().filter(|exchange| !exchange.holds()).collect();
            assert!(report.holds(), "{}: {broken:#?}", report.model);
            assert_eq!(report.unproven, [""; 0], "{}", report.model);
        }
    }

    #[test]
    fn a_map_that_differs_from_the_meter_does_not_hold() {
        for wrong in [
            ("address = 0x0000", "address = 0x00D0"),
            ("scale = 0.001", "scale = 0.01"),
            ("word_order = \"ABCD\"", "word_order = \"CDAB\""),
            ("table = \"input\"", "table = \"holding\""),
            ("registers_max = 80", "registers_max = 78"),
            ("ratio = \"voltage\"", "ratio = \"none\""),
            ("type = \"f32\"", "type = \"i32\""),
            ("decimals = 2", "decimals = 0"),
            ("valid = [0, 1000]", "valid = [0, 230]"),
        ] {
            assert!(!run_changed(sdm630(), wrong, ("", "")).holds(), "{wrong:?}");
        }
    }

    #[test]
    fn broken_golden_frames_do_not_hold() {
        for broken in [
            ("voltage_a = 230.2", "voltage_a = 230.3"),
            ("01 04 00 00 00 02 71 CB", "01 04 00 00 00 02 71 CC"),
            ("01 04 00 00 00 02 71 CB", "01 04 00 00 00 03 B0 0B"),
            ("01 04 00 00 00 02 71 CB", "01 16 00 00 00 02 71 CB"),
            ("01 04 00 00 00 02 71 CB", "01 04"),
            ("01 04 04 43 66 33 34 1B 38", "01 04 04 43 66 33 35 1B 38"),
            ("01 04 04 43 66 33 34 1B 38", "00 01 04 04 43 66 33 34 1B 38"),
            ("01 04 04 43 66 33 34 1B 38", "01 04 04 43 66 33 34 1B 38 00"),
            ("01 04 04 43 66 33 34 1B 38", "01 84 02 C2 C1"),
        ] {
            assert!(!run_changed(sdm630(), ("", ""), broken).holds(), "{broken:?}");
        }
    }

    #[test]
    fn a_value_may_be_expected_to_be_missing() {
        // 4366H 3334H is 230.2; as a pattern for 'not available' it is no value.
        let pattern = ("type = \"f32\"", "type = \"f32\"\nnot_available = [0x43663334]");
        let missing = ("[exchange.values]\nvoltage_a = 230.2", "missing = [\"voltage_a\"]");
        assert!(run_changed(sdm630(), pattern, missing).exchanges[0].holds());
        assert!(!run_changed(sdm630(), ("", ""), missing).exchanges[0].holds());
    }

    #[test]
    fn a_map_without_golden_frames_does_not_hold_and_all_of_it_is_unproven() {
        let library = library(None).unwrap();
        let reports = run_all(&library, &[], Some("eastron-sdm120")).unwrap();
        assert_eq!(reports.len(), 1);
        assert!(!reports[0].holds());
        assert_eq!(reports[0].unproven.len(), library.get("eastron-sdm120").unwrap().registers.len());
    }

    #[test]
    fn the_example_of_the_documentation_is_a_map_that_its_golden_frames_prove() {
        let page = include_str!("../../docs/meters.md");
        let blocks: Vec<&str> =
            page.split("```toml\n").skip(1).filter_map(|block| Some(block.split_once("```")?.0)).collect();
        let map = crate::meters::read_map("example", blocks[1]).unwrap_or_else(|faults| panic!("{faults}"));
        let golden =
            Golden { model: map.model.clone(), file: "example".to_owned(), text: blocks[2].to_owned() };
        assert!(run(&map, &golden).unwrap().holds());
    }

    #[test]
    fn the_faults_of_a_golden_file_are_told_all_at_once() {
        let text = "model = 'other'\n[[exchange]]\ntitle = 't'\nrequest = '0'\nreply = 'XY'\n\
                    missing = ['voltage_x']\n[exchange.values]\nvoltage_q = 1\nvoltage_b = 'a'\n";
        let golden = Golden { model: String::new(), file: "golden".to_owned(), text: text.to_owned() };
        let faults = run(&sdm630().read().unwrap(), &golden).unwrap_err();
        let told: Vec<_> = faults.list.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(told, ["model", "request", "reply", "missing", "voltage_q", "voltage_b"], "{faults}");
    }
}
