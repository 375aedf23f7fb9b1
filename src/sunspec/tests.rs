//! Devices in memory, and what is told of them.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::chain::{BASES, Chain, END_ID, MARK, Walk};
use super::layout::LayoutDoubt;
use super::show::DeviceText;
use super::survey::Survey;
use super::table::{self, ModelTable};
use super::value::Absence;
use super::{json, map};
use crate::language::Language;
use crate::model::quality::Cause;
use crate::model::reading::Value;
use crate::model::register::Span;

/// Models by number, with their registers.
pub(super) const SOLAREDGE: [(u16, &[u16]); 2] = [(1, &SOLAREDGE_COMMON), (101, &SOLAREDGE_INVERTER)];

/// An inverter SE5000H as it answered on 2024-08-17, from the log in issue 15445 of evcc-io/evcc. Its serial
/// number is left out.
const SOLAREDGE_COMMON: [u16; 65] = [
    0x536F, 0x6C61, 0x7245, 0x6467, 0x6520, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x5345, 0x3530, 0x3030, 0x482D,
    0x5257, 0x5330, 0x3042, 0x4E4F, 0x3400, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3030, 0x3034,
    0x2E30, 0x3032, 0x302E, 0x3030, 0x3336, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
];
const SOLAREDGE_INVERTER: [u16; 50] = [
    0x0250, 0x0250, 0xFFFF, 0xFFFF, 0xFFFE, 0x0935, 0xFFFF, 0xFFFF, 0x0935, 0xFFFF, 0xFFFF, 0xFFFF, 0x367E,
    0xFFFF, 0xC343, 0xFFFD, 0x369E, 0xFFFF, 0xDB1E, 0xFFFE, 0xD907, 0xFFFE, 0x00DF, 0xF1DA, 0x0000, 0x0D7A,
    0xFFFD, 0x1009, 0xFFFF, 0x3753, 0xFFFF, 0x8000, 0x1049, 0x8000, 0x8000, 0xFFFE, 0x0004, 0x0000, 0xFFFF,
    0xFFFF, 0xFFFF, 0xFFFF, 0x0000, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0x0000, 0x0000,
];

/// A device that holds registers and refuses all others.
#[derive(Clone, Debug)]
pub(super) struct Device {
    base: u16,
    registers: Vec<u16>,
    /// It answers so many reads and then no more.
    answers: usize,
}

impl Device {
    pub(super) fn of(base: u16, models: &[(u16, Vec<u16>)]) -> Self {
        let mut registers = MARK.to_vec();
        for (id, words) in models {
            registers.extend([*id, u16::try_from(words.len()).unwrap()]);
            registers.extend(words);
        }
        registers.extend([END_ID, 0]);
        Self { base, registers, answers: usize::MAX }
    }

    pub(super) fn solaredge() -> Self {
        Self::of(40_000, &SOLAREDGE.map(|(id, words)| (id, words.to_vec())))
    }

    /// Any registers whatever behind a mark, mostly with models that have a table.
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let known: Vec<u16> = table::known().collect();
        let id = prop_oneof![9 => prop::sample::select(known), 1 => any::<u16>()];
        let word = prop_oneof![Just(0xFFFF), Just(0x8000), Just(0), 0..12_u16, any::<u16>()];
        let model = (id, prop::collection::vec(word, 0..200));
        prop::collection::vec(model, 0..6).prop_map(|models| Self::of(40_000, &models))
    }

    pub(super) fn words(&self, span: Span) -> Option<&[u16]> {
        let from = usize::from(span.start.checked_sub(self.base)?);
        self.registers.get(from..from + usize::from(span.count))
    }

    pub(super) fn write(&mut self, address: u16, word: u16) {
        self.registers[usize::from(address - self.base)] = word;
    }

    fn chain(&self) -> Chain {
        let mut walk = Walk::from(&BASES);
        while let Some(span) = walk.wants() {
            walk.take(self.words(span).ok_or(Cause::Exception(2)));
        }
        walk.chain().unwrap()
    }

    /// What `look` makes of a survey of the device.
    pub(super) fn survey<T>(&self, look: impl FnOnce(&Chain, &Survey<'_>) -> T) -> T {
        let chain = self.chain();
        let tables: Vec<Option<ModelTable>> =
            chain.models.iter().map(|model| table::of_model(model.id).unwrap()).collect();
        let mut survey = Survey::of(&chain, &tables, 125);
        let mut reads = 0;
        while let Some(span) = survey.wants() {
            assert!(span.count <= 125 && reads < 1_000);
            let answer = self.words(span).ok_or(Cause::Exception(2));
            survey.take(if reads < self.answers { answer } else { Err(Cause::Timeout) });
            reads += 1;
        }
        look(&chain, &survey)
    }

    /// What the point at `address` says, and its unit.
    pub(super) fn said(&self, address: u16) -> Option<(Value, String)> {
        self.survey(|_, survey| {
            let points =
                survey.models().iter().flat_map(|model| model.points().map(move |point| (model, point)));
            let mut here =
                points.filter(|(model, (place, _))| model.header.address + place.offset == address);
            here.find_map(|(_, (place, said))| Some((said.ok()?, place.point.unit.clone())))
        })
    }

    fn text(&self) -> String {
        self.text_in(Language::English)
    }

    fn text_in(&self, language: Language) -> String {
        self.survey(|chain, survey| DeviceText { chain, survey, language }.to_string())
    }
}

pub(super) const fn number(number: f64) -> Value {
    Value::Number(number)
}

#[test]
fn an_inverter_tells_what_it_measures_and_what_it_does_not() {
    let text = Device::solaredge().text();
    for line in [
        "SunS at 40000, models 2",
        "model 1 at 40002, 65 registers: Common",
        "  Mn                  \"SolarEdge\"           Manufacturer",
        "  Opt                 not implemented       Options",
        "model 101 at 40069, 50 registers: Inverter (Single Phase)",
        "  A                   5.92 A                Amps",
        "  AphB                not implemented       Amps PhaseB",
        "  Hz                  49.987 Hz",
        "  VAr                 -94.42 var",
        "  Evt1                not implemented       Event1",
        "  EvtVnd1             0x00000000            Vendor Event Bitfield 1",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
}

/// An inverter, a model that has no table, and one that is shorter than its table.
#[test]
fn a_device_is_told_in_english_and_in_chinese() {
    let devices = [Device::solaredge(), Device::of(0, &[(64_900, vec![1, 2, 3]), (1, vec![0x4141; 50])])];
    let told = |language| devices.iter().map(|device| device.text_in(language)).collect::<String>();
    assert_eq!(told(Language::English), include_str!("../../tests/it/data/tools/sunspec-english.txt"));
    assert_eq!(told(Language::Chinese), include_str!("../../tests/it/data/tools/sunspec-chinese.txt"));
}

#[test]
fn a_program_gets_one_json_object_a_line() {
    let lines = Device::solaredge().survey(json::lines);
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |point: &str| lines.iter().find(|line| line["model"] == 101 && line["point"] == point).unwrap();
    assert_eq!(lines[0]["title"], "Common");
    assert_eq!((&of("A")["value"], &of("A")["unit"]), (&Json::from(5.92), &Json::from("A")));
    assert_eq!((&of("AphB")["value"], &of("AphB")["state"]), (&Json::Null, &Json::from("not-implemented")));
    assert_eq!(of("W")["address"], 40_083);
}

#[test]
fn a_model_without_a_table_is_told_with_its_place() {
    let text = Device::of(0, &[(64_900, vec![1, 2, 3])]).text();
    assert!(text.contains("model 64900 at 2, 3 registers: no table of it here"), "{text}");
}

#[test]
fn a_device_that_falls_silent_is_not_asked_for_the_rest() {
    let device = Device { answers: 1, ..Device::solaredge() };
    device.survey(|_, survey| {
        let [common, inverter] = survey.models() else { panic!("two models") };
        assert_eq!(common.value("Mn"), Some(Value::Text("SolarEdge".into())));
        assert!(inverter.points().all(|(_, said)| said == Err(Absence::Unread(Cause::Timeout))));
        assert_eq!(survey.unread(), Some(Cause::Timeout));
    });
}

#[test]
fn an_older_model_lacks_the_points_behind_its_end_and_nothing_else() {
    let doubt = |length| {
        let device = Device::of(0, &[(1, vec![0x4141; length])]);
        device.survey(|_, survey| {
            (survey.models()[0].layout.doubt.clone(), survey.models()[0].points().count())
        })
    };
    assert_eq!(doubt(66), (None, 6));
    assert_eq!(doubt(65), (None, 6), "only the pad is missing, which says nothing");
    assert_eq!(doubt(64), (Some(LayoutDoubt::Shorter { has: 66, table: 68 }), 5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_a_device_holds_it_is_told_without_a_panic(device in Device::any(), answers in 0..20_usize) {
        let device = Device { answers, ..device };
        let (text, lines) = device.survey(|chain, survey| {
            let _map = map::text(chain, survey, 125);
            (DeviceText { chain, survey, language: Language::English }.to_string(), json::lines(chain, survey))
        });
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{:?}", text);
        for line in lines.lines() {
            prop_assert!(serde_json::from_str::<Json>(line).is_ok(), "{}", line);
        }
    }
}
