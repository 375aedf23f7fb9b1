//! What a scan found, as a table for a person or as JSON for a program.

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::fit::Fit;
use super::found::{Found, Verdict, verdict};
use super::state::State;
use super::sweep::Sweep;
use crate::failure::Failure;
use crate::language::Language;
use crate::limits::API_ITEM_BYTES_MAX;

/// So many units that all answer are hardly as many meters.
const EVERY_MIN: usize = 10;

/// Columns of a unit ID and of a turnaround.
const UNIT_COLUMNS: usize = 4;
const TURNAROUND_COLUMNS: usize = 10;

/// One unit in words.
struct Row {
    unit: String,
    setting: String,
    turnaround: String,
    is: String,
}

/// The units that were heard, each once.
///
/// A unit that answers at more than one setting is on a port that has none, such as a pseudo terminal, or
/// there are two with its ID.
pub(super) fn table(sweep: &Sweep, state: &State, language: Language) -> String {
    let rows: Vec<Row> = firsts(state).map(|found| row(sweep, state, found, language)).collect();
    if rows.is_empty() {
        let nothing = language.pick(
            "nothing answers; check wiring, power and termination, or let it wait longer with --timeout-ms\n",
            "无应答；请检查接线、供电和终端电阻，或用 --timeout-ms 延长等待时间\n",
        );
        return nothing.to_owned();
    }
    let head = [("unit", "地址"), ("settings", "参数"), ("turnaround", "响应时间"), ("what it is", "是什么")];
    let [unit, setting, turnaround, is] =
        head.map(|(english, chinese)| language.pick(english, chinese).to_owned());
    let setting_columns = rows.iter().map(|row| row.setting.width()).max().unwrap_or(0).max(setting.width());
    let head = Row { unit, setting, turnaround, is };
    let line = |Row { unit, setting, turnaround, is }: &Row| {
        let (unit, turnaround) = (right(unit, UNIT_COLUMNS), right(turnaround, TURNAROUND_COLUMNS));
        let behind = " ".repeat(setting_columns.saturating_sub(setting.width()));
        format!("{unit}  {setting}{behind}  {turnaround}  {is}\n")
    };
    let mut text: String = std::iter::once(&head).chain(&rows).map(line).collect();
    if rows.len() >= EVERY_MIN && rows.len() == sweep.units().len() {
        text.push_str(language.pick(
            "every ID answers: perhaps one meter that does not look at the ID\n",
            "每个地址都有应答：可能只有一块不看地址的电表\n",
        ));
    }
    text
}

/// `text` at the right of so many columns.
fn right(text: &str, columns: usize) -> String {
    " ".repeat(columns.saturating_sub(text.width())) + text
}

/// Each unit as it was first heard well; where it never was, as it was first heard.
fn firsts(state: &State) -> impl Iterator<Item = &Found> {
    state.found.iter().filter(|found| {
        let same = || state.found.iter().filter(|other| other.unit == found.unit);
        let well = same().find(|other| other.answers.clean() > 0);
        well.or_else(|| same().next()).is_some_and(|first| std::ptr::eq(first, *found))
    })
}

fn row(sweep: &Sweep, state: &State, found: &Found, language: Language) -> Row {
    let also = state
        .found
        .iter()
        .filter(|other| other.unit == found.unit && other.round != found.round && other.answers.clean() > 0);
    let mut is = what_it_is(found, &state.found, language);
    if is.is_empty() {
        is.push(language.pick("answers; unknown to the library", "有应答；型号库中没有").to_owned());
    }
    let also: Vec<String> = also.filter_map(|other| setting(sweep, other)).collect();
    is.extend(also.split_first().map(|(one, more)| also_text(one, more.len(), language)));
    Row {
        unit: found.unit.to_string(),
        setting: setting(sweep, found).unwrap_or_else(|| "-".to_owned()),
        turnaround: found.turnaround_ms.map_or_else(|| "-".to_owned(), turnaround_text),
        is: is.join(language.pick("; ", "；")),
    }
}

fn also_text(one: &str, more: usize, language: Language) -> String {
    match (more, language) {
        (0, Language::English) => format!("also at {one}"),
        (0, Language::Chinese) => format!("{one} 下也有应答"),
        (more, Language::English) => format!("also at {one} and {more} more settings"),
        (more, Language::Chinese) => format!("{one} 及另外 {more} 组参数下也有应答"),
    }
}

fn turnaround_text(turnaround_ms: u32) -> String {
    if turnaround_ms == 0 { "< 1 ms".to_owned() } else { format!("{turnaround_ms} ms") }
}

fn setting(sweep: &Sweep, found: &Found) -> Option<String> {
    sweep.settings().get(found.round).map(ToString::to_string)
}

fn what_it_is(found: &Found, all: &[Found], language: Language) -> Vec<String> {
    let mut is = Vec::new();
    if !found.fits.is_empty() {
        let fits: Vec<String> = found.fits.iter().map(|fit| fit_text(fit, language)).collect();
        let (likely, or) = (language.pick("likely ", "很可能是 "), language.pick(" or ", "或 "));
        is.push(format!("{likely}{}", fits.join(or)));
    }
    if !found.says.is_empty() {
        let says = found.says.join(", ");
        is.push(match language {
            Language::English => format!("says '{says}'"),
            Language::Chinese => format!("自称“{says}”"),
        });
    }
    is.extend(found.sunspec_at.map(|address| match language {
        Language::English => format!("SunSpec at {address}"),
        Language::Chinese => format!("SunSpec 起于 {address}"),
    }));
    is.extend(remark(verdict(found, all), found, language));
    is
}

fn fit_text(Fit { model, plausible, asked }: &Fit, language: Language) -> String {
    match language {
        Language::English => format!("{model} ({plausible} of {asked} plausible)"),
        Language::Chinese => format!("{model}（{asked} 项中 {plausible} 项合理）"),
    }
}

fn remark(verdict: Verdict, found: &Found, language: Language) -> Option<String> {
    let (english, chinese) = match verdict {
        Verdict::One => return None,
        Verdict::PerhapsTwo => {
            return Some(match language {
                Language::English => format!("perhaps two units with ID {}", found.unit),
                Language::Chinese => format!("可能有两块表使用地址 {}", found.unit),
            });
        }
        Verdict::Noise => (
            "its answers are damaged: noise, termination or nearly the right settings",
            "应答残缺：可能是干扰、终端电阻，或串口参数略有不符",
        ),
        Verdict::TooLate => (
            "answers too late; scan it again with a longer --timeout-ms",
            "应答过迟；请用更长的 --timeout-ms 再扫描一次",
        ),
    };
    Some(language.pick(english, chinese).to_owned())
}

/// A unit as JSON has it.
#[derive(Serialize)]
struct Item<'a> {
    unit: u8,
    settings: Option<&'a str>,
    turnaround_ms: Option<u32>,
    values: u8,
    refusals: u8,
    damaged: u8,
    late: u8,
    perhaps_two: bool,
    says: &'a [String],
    sunspec_at: Option<u16>,
    likely: Vec<Likely<'a>>,
}

#[derive(Serialize)]
struct Likely<'a> {
    model: &'a str,
    plausible: u16,
    asked: u16,
}

impl<'a> From<&'a Fit> for Likely<'a> {
    fn from(fit: &'a Fit) -> Self {
        Self { model: &fit.model, plausible: fit.plausible, asked: fit.asked }
    }
}

/// The units that were heard, one JSON object a line; one that was heard at several settings has as many.
pub(super) fn json(sweep: &Sweep, state: &State) -> Result<String, Failure> {
    let mut text = String::new();
    let mut buffer = [0; API_ITEM_BYTES_MAX];
    for found in &state.found {
        let setting = setting(sweep, found);
        let item = Item {
            unit: found.unit.0,
            settings: setting.as_deref(),
            turnaround_ms: found.turnaround_ms,
            values: found.answers.values,
            refusals: found.answers.refusals,
            damaged: found.answers.damaged,
            late: found.answers.late,
            perhaps_two: verdict(found, &state.found) == Verdict::PerhapsTwo,
            says: &found.says,
            sunspec_at: found.sunspec_at,
            likely: found.fits.iter().map(Likely::from).collect(),
        };
        let length = serde_json_core::to_slice(&item, &mut buffer)
            .map_err(|error| Failure::new(format!("unit {}: {error}", found.unit)))?;
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::super::golden_text::assert_golden;
    use super::super::found::Answers;
    use super::super::sweep::units_of;
    use super::*;
    use crate::model::meter::{Link, Parity, SerialSettings};
    use crate::model::register::UnitId;

    fn sweep() -> Sweep {
        let link = Link::Serial(SerialSettings {
            port: "/dev/ttyUSB0".to_owned(),
            baud: 9_600,
            parity: Parity::None,
            data_bits: 8,
            stop_bits: 1,
            local_echo: false,
            rs485: None,
        });
        Sweep::new(link, false, &[], &[], units_of("1-247").unwrap()).unwrap()
    }

    fn found(unit: u8, round: usize) -> Found {
        Found {
            turnaround_ms: Some(12),
            ..Found::new(round, UnitId(unit), Answers { values: 6, ..Answers::default() })
        }
    }

    fn state() -> State {
        let fits = vec![Fit { model: "eastron-sdm630".to_owned(), plausible: 12, asked: 12 }];
        let mut torn = found(5, 1);
        torn.answers.damaged = 3;
        State {
            asked: 0,
            found: vec![
                Found { fits, says: vec!["Eastron".to_owned(), "V2.1".to_owned()], ..found(1, 0) },
                torn,
                Found { sunspec_at: Some(40_000), ..found(9, 1) },
                found(1, 2),
            ],
        }
    }

    #[test]
    fn each_unit_has_one_row_that_says_what_it_is() {
        assert_eq!(
            table(&sweep(), &state(), Language::English),
            "unit  settings  turnaround  what it is\n\
             \u{20}  1  9600 8N1       12 ms  likely eastron-sdm630 (12 of 12 plausible); says 'Eastron, V2.1'; \
             also at 19200 8N1\n\
             \u{20}  5  9600 8E1       12 ms  perhaps two units with ID 5\n\
             \u{20}  9  9600 8E1       12 ms  SunSpec at 40000\n"
        );
        assert!(table(&sweep(), &State::default(), Language::English).starts_with("nothing answers; "));
    }

    #[test]
    fn a_meter_that_answers_for_every_id_is_suspected() {
        let link = Link::Tcp { host: "meter".to_owned(), port: 502 };
        let sweep = |units| Sweep::new(link.clone(), false, &[], &[], units_of(units).unwrap()).unwrap();
        let state = State { asked: 0, found: (1..=12).map(|unit| found(unit, 0)).collect() };
        assert!(table(&sweep("1-12"), &state, Language::English).contains("\nevery ID answers: "));
        assert!(!table(&sweep("1-20"), &state, Language::English).contains("every ID answers"));
    }

    #[test]
    fn a_program_reads_one_object_a_line() {
        let text = json(&sweep(), &state()).unwrap();
        let items: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(items.len(), 4);
        assert_eq!((&items[0]["unit"], &items[0]["settings"]), (&1.into(), &"9600 8N1".into()));
        assert_eq!(items[0]["likely"][0]["model"], "eastron-sdm630");
        assert_eq!((&items[1]["perhaps_two"], &items[2]["sunspec_at"]), (&true.into(), &40_000.into()));
    }

    #[test]
    fn a_scan_is_told_in_english_and_in_chinese() {
        let mut found = state();
        let late = Answers { late: 1, ..Answers::default() };
        let damaged = Answers { damaged: 3, ..Answers::default() };
        found.found.extend([
            Found::new(0, UnitId(12), late),
            Found::new(3, UnitId(20), damaged),
            Found::new(3, UnitId(21), damaged),
            self::found(30, 0),
            self::found(30, 1),
            self::found(30, 2),
        ]);
        let all = State { asked: 0, found: (1..=247).map(|unit| self::found(unit, 0)).collect() };
        for (name, language) in [("english", Language::English), ("chinese", Language::Chinese)] {
            let every = table(&sweep(), &all, language);
            let last = every.lines().next_back().unwrap();
            let nobody = table(&sweep(), &State::default(), language);
            assert_golden(
                &format!("scan-{name}.txt"),
                &(table(&sweep(), &found, language) + last + "\n" + &nobody),
            );
        }
    }
}
