//! Answers as a technician reads them, in either language; pure.

use std::fmt::Write;

use super::alarms::alarms;
use super::clock::clock;
use super::condition::condition;
use super::desk::{
    Applied, CheckReport, ParameterView, PointView, ReadOrder, Status, StoreView, UplinkView, UplinkViewState,
};
use super::interface::interface;
use super::lines::lines;
use super::overload;
use super::quality::quality;
use super::repair;
use super::table::{file_line, printable, table};
use super::update::update;
use super::verb::Verb;
use super::wear::wear;
use crate::config::difference::DiffLine;
use crate::config::draft::{Turn, Undone};
use crate::language::Language;
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::time::{UtcOffset, UtcTime};

/// All commands with their meanings, or one with its words and an example.
pub(super) fn help(topic: Option<Verb>, language: Language) -> String {
    let Some(verb) = topic else {
        let row = |verb: Verb| vec![verb.name().to_owned(), verb.meaning(language).to_owned()];
        let hint = language.pick(
            "help COMMAND explains one of them. Nothing is applied before 'commit'.",
            "help 命令 显示某一命令的写法。commit 之前，任何修改都不会生效。",
        );
        return format!("{}{hint}\n", table(&Verb::ALL.map(row)));
    };
    let written = format!("{} {}", verb.name(), verb.words());
    let example = language.pick("for example:", "例如：");
    format!("{}\n  {}\n{example}\n  {}\n", verb.meaning(language), written.trim_end(), verb.example())
}

/// The gateway at a glance.
pub(super) fn status(status: &Status, language: Language) -> String {
    let mut text = format!("{}  {}  cems-gateway {}\n", status.cems_id, status.cems_name, status.version);
    let now = local(status.now, status.utc_offset);
    let up = duration(status.uptime.as_secs(), language);
    let (points, parameters) = (status.points, status.parameters);
    let _ = match language {
        Language::English => writeln!(text, "{now}  up {up}  points: {points}, parameters: {parameters}"),
        Language::Chinese => writeln!(text, "{now}  已运行 {up}  测点 {points}，参数 {parameters}"),
    };
    text += &alarms(&status.alarms, language);
    text += &clock(&status.clock, status.utc_offset, language);
    text += &lines(&status.lines, language);
    text += &store(&status.store, status.utc_offset, language);
    text += &wear(status.store.wear.as_ref(), language);
    if let Some(of) = &status.condition {
        text += &condition(of, status.utc_offset, language);
    }
    text += &uplink(status.uplink.as_ref(), language);
    text += &interface(&status.interface, language);
    if status.update.is_some() {
        text += &update(status.update.as_ref(), language);
    }
    if status.staged {
        text += language.pick(
            "edits are staged: 'diff' shows them, 'commit' applies them, 'rollback' drops them\n",
            "有暂存的修改：diff 查看，commit 生效，rollback 放弃\n",
        );
    }
    text
}

fn store(store: &StoreView, offset: UtcOffset, language: Language) -> String {
    const MIB: f64 = 1_048_576.0;
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let (used, max) = (store.bytes as f64 / MIB, store.bytes_max as f64 / MIB);
    let durable = store
        .durable_through
        .map_or_else(|| language.pick("nothing yet", "尚无").to_owned(), |through| local(through, offset));
    let dropped = store.dropped;
    let text = match language {
        Language::English => {
            format!("store  {used:.1} of {max:.0} MiB, durable through {durable}, {dropped} dropped\n")
        }
        Language::Chinese => {
            format!("存储  {used:.1} / {max:.0} MiB，已落盘至 {durable}，丢弃 {dropped}\n")
        }
    };
    text + &match (store.events_open, language) {
        (0, _) => String::new(),
        (open, Language::English) => format!("events of registers to confirm or correct: {open}\n"),
        (open, Language::Chinese) => format!("待确认或更正的底数异常：{open}\n"),
    }
}

fn uplink(uplink: Option<&UplinkView>, language: Language) -> String {
    let Some(uplink) = uplink else {
        return language.pick("uplink  none configured\n", "上行  未配置\n").to_owned();
    };
    let state = match uplink.state {
        UplinkViewState::Offline => language.pick("OFFLINE", "离线"),
        UplinkViewState::CatchingUp => language.pick("catching up", "补传中"),
        UplinkViewState::Live => language.pick("live", "实时"),
    };
    let (broker, backlog) = (&uplink.broker, uplink.backlog_scans);
    let mut text = match language {
        Language::English => format!("uplink  {broker}  {state}, {backlog} scans waiting\n"),
        Language::Chinese => format!("上行  {broker}  {state}，待发 {backlog} 批\n"),
    };
    // An error of the past is of no interest once readings flow.
    if let (Some(error), UplinkViewState::Offline) = (&uplink.last_error, uplink.state) {
        let _ = writeln!(text, "  {}", printable(error));
    }
    text
}

/// The newest reading of every parameter.
pub(super) fn points(points: &[PointView], offset: UtcOffset, language: Language) -> String {
    if points.is_empty() {
        return language.pick("there are no points\n", "没有测点\n").to_owned();
    }
    let mut rows = Vec::new();
    for point in points {
        rows.push(vec![point.id.clone(), point.name.clone()]);
        for parameter in &point.parameters {
            let mut row = vec![format!("  {}", parameter.id), parameter.name.clone()];
            row.extend(newest(parameter, offset, language));
            rows.push(row);
        }
    }
    table(&rows)
}

/// Value, time and quality. A value never stands beside a time that is not its own.
fn newest(parameter: &ParameterView, offset: UtcOffset, language: Language) -> Vec<String> {
    let mut cells = match &parameter.latest {
        Some(reading) => reading_cells(reading, &parameter.unit, offset, language),
        None => vec!["-".to_owned(), language.pick("never read", "尚无读数").to_owned(), String::new()],
    };
    if let (Some((since, cause)), Some(last)) = (parameter.failing, cells.last_mut()) {
        let now = language.pick("now failing: ", "当前失败：");
        let cause = quality(Quality::Missing(cause), language);
        let gap = if last.is_empty() { "" } else { " " };
        *last = format!("{last}{gap}[{now}{cause} {}]", time_of_day(since, offset));
    }
    cells
}

fn reading_cells(reading: &Reading, unit: &str, offset: UtcOffset, language: Language) -> Vec<String> {
    let value = match &reading.value {
        Some(Value::Number(number)) => format!("{number} {unit}"),
        Some(Value::Text(text)) => printable(text),
        None => "-".to_owned(),
    };
    vec![value, local(reading.at, offset), quality(reading.quality, language)]
}

/// One line for a reading that has just come in.
pub(super) fn fresh(
    point_id: &str,
    parameter: &ParameterView,
    reading: &Reading,
    offset: UtcOffset,
    language: Language,
) -> String {
    let cells = reading_cells(reading, &parameter.unit, offset, language);
    let [value, _, quality] = cells.as_slice() else { return String::new() };
    format!("{}  {point_id} {}  {value}  {quality}\n", time_of_day(reading.at, offset), parameter.id)
}

/// What was read, as words and as the numbers that it may stand for.
pub(super) fn registers(order: &ReadOrder, words: &[u16], language: Language) -> String {
    let address = |offset: usize| (usize::from(order.span.start) + offset).to_string();
    if order.table.is_bits() {
        let row = |(offset, bit): (usize, &u16)| vec![address(offset), bit.to_string()];
        return table(&words.iter().enumerate().map(row).collect::<Vec<_>>());
    }
    let first = language.pick("address", "地址");
    let heads = [first, "hex", "u16", "i16", "u32 ABCD", "f32 ABCD", "f32 CDAB"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (offset, word) in words.iter().enumerate() {
        let mut row =
            vec![address(offset), format!("{word:04X}"), word.to_string(), word.cast_signed().to_string()];
        if let Some(next) = words.get(offset + 1) {
            let (abcd, cdab) = (pair(*word, *next), pair(*next, *word));
            row.extend([abcd.to_string(), float(abcd), float(cdab)]);
        }
        rows.push(row);
    }
    table(&rows)
}

fn pair(high: u16, low: u16) -> u32 {
    u32::from(high) << 16 | u32::from(low)
}

/// Short, because most of what one tries is not a float at all.
fn float(bits: u32) -> String {
    let number = f32::from_bits(bits);
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        number.to_string()
    } else {
        format!("{number:e}")
    }
}

/// What a site without faults would do.
pub(super) fn checked(report: &CheckReport, language: Language) -> String {
    let CheckReport { meters, points, parameters, lines, overloads } = report;
    let mut text = match language {
        Language::English => {
            format!("no faults; meters: {meters}, points: {points}, parameters: {parameters}\n")
        }
        Language::Chinese => format!("配置无误：电表 {meters}，测点 {points}，参数 {parameters}\n"),
    };
    for line in lines {
        let (id, requests, seconds) = (&line.id, line.requests, line.round.as_secs_f64());
        let _ = match language {
            Language::English => {
                writeln!(text, "  line {id}: {requests} requests, {seconds:.2} s for one round")
            }
            Language::Chinese => writeln!(text, "  线路 {id}：每轮 {requests} 个请求，{seconds:.2} 秒"),
        };
    }
    text + &overload::checked(overloads, language)
}

/// What the staged edits change.
pub(super) fn difference(lines: &[DiffLine], language: Language) -> String {
    if lines.is_empty() {
        return language.pick("nothing is staged\n", "没有暂存的修改\n").to_owned();
    }
    let shown = |line: &DiffLine| match line {
        DiffLine::Same { line, text } => format!("{line:>5}   {}", file_line(text)),
        DiffLine::Removed { line, text } => format!("{line:>5} - {}", file_line(text)),
        DiffLine::Added { line, text } => format!("{line:>5} + {}", file_line(text)),
        DiffLine::Skipped => "      ...".to_owned(),
    };
    lines.iter().map(shown).fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// What a commit did.
pub(super) fn committed(applied: &Applied, language: Language) -> String {
    let done = language.pick("committed; ", "已提交；");
    format!("{done}{}", changed(applied, language))
}

/// What a rollback did.
pub(super) fn undone(undone: &Undone<Applied>, language: Language) -> String {
    match undone {
        Undone::Dropped => language.pick("the staged edits are dropped\n", "已放弃暂存的修改\n").to_owned(),
        Undone::Returned(applied) => {
            let done = language.pick("the file that ran last is back\n", "已恢复上次运行的文件\n");
            done.to_owned() + &repair::mended(applied, language)
        }
        Undone::Restored(turn, applied) => {
            let done = match turn {
                Turn::Undo => {
                    language.pick("the file before the last commit is back; ", "已恢复上次提交前的配置；")
                }
                Turn::Redo => language.pick("the commit is done again; ", "已重新执行上次提交；"),
                Turn::Unknown => language.pick(
                    "the file and the one kept beside it have changed places; ",
                    "已与保留的另一版配置互换；",
                ),
            };
            format!("{done}{}", changed(applied, language))
        }
    }
}

fn changed(applied: &Applied, language: Language) -> String {
    let parts = applied.changed.join(", ");
    let text = match (applied.changed.is_empty(), language) {
        (true, _) => language.pick("nothing was started or stopped\n", "没有启动或停止任何部分\n").to_owned(),
        (false, Language::English) => format!("started or stopped: {parts}\n"),
        (false, Language::Chinese) => format!("已启动或停止：{parts}\n"),
    };
    text + &overload::kept(&applied.overloads, language)
}

/// `2024-06-12 10:30:05`
pub(super) fn local(at: UtcTime, offset: UtcOffset) -> String {
    at.civil(offset).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `10:30:05`
fn time_of_day(at: UtcTime, offset: UtcOffset) -> String {
    at.civil(offset).strftime("%H:%M:%S").to_string()
}

pub(super) fn duration(seconds: u64, language: Language) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, language) {
        (0, _) => format!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
        (_, Language::English) => format!("{days} d {hours:02}:{minutes:02}"),
        (_, Language::Chinese) => format!("{days} 天 {hours:02}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quality::Cause;
    use crate::model::register::{Span, Table, UnitId};

    fn order(table: Table, start: u16, count: u16) -> ReadOrder {
        ReadOrder { line: "a".to_owned(), unit: UnitId(1), table, span: Span { start, count } }
    }

    #[test]
    fn registers_are_shown_as_the_numbers_they_may_stand_for() {
        let text =
            registers(&order(Table::HoldingRegister, 40, 3), &[0x4366, 0x8000, 0xFFFF], Language::English);
        assert_eq!(
            text,
            concat!(
                "address  hex   u16    i16     u32 ABCD    f32 ABCD     f32 CDAB\n",
                "40       4366  17254  17254   1130790912  230.5        -2.4178e-41\n",
                "41       8000  32768  -32768  2147549183  -9.1834e-41  NaN\n",
                "42       FFFF  65535  -1\n",
            )
        );
    }

    #[test]
    fn bits_are_shown_as_bits() {
        let text = registers(&order(Table::Coil, 9, 2), &[1, 0], Language::English);
        assert_eq!(text, "9   1\n10  0\n");
    }

    #[test]
    fn an_old_value_keeps_its_own_time_when_the_newest_read_failed() {
        let reading =
            Reading { at: UtcTime::from_ms(0), value: Some(Value::Number(1.5)), quality: Quality::Good };
        let parameter = ParameterView {
            id: "P".to_owned(),
            name: "power".to_owned(),
            unit: "kW".to_owned(),
            latest: Some(reading),
            failing: Some((UtcTime::from_ms(60_000), Cause::Timeout)),
        };
        assert_eq!(
            newest(&parameter, UtcOffset::UTC, Language::English),
            ["1.5 kW", "1970-01-01 00:00:00", "good [now failing: timeout 00:01:00]"]
        );
    }
}
