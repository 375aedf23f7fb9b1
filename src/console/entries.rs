//! Values entered by hand as a technician reads them; pure.

use super::render::local;
use super::table::table;
use crate::language::Language;
use crate::ops::manual::{EnteringError, EntryOf};
use crate::time::UtcOffset;

/// The lines of the book in a table, as they were given.
pub(super) fn entries(entries: &[EntryOf], offset: UtcOffset, language: Language) -> String {
    if entries.is_empty() {
        return language.pick("nothing was entered by hand\n", "没有人工录入的数据\n").to_owned();
    }
    let row = |of: &EntryOf| {
        let EntryOf { point, parameter, entry, .. } = of;
        let [at, entered] = [entry.at, entry.entered].map(|at| local(at, offset));
        vec![point.clone(), parameter.clone(), at, change(of, language), entered, entry.by.clone()]
    };
    table(&entries.iter().map(row).collect::<Vec<_>>())
}

/// What was noted just now.
pub(super) fn entered(of: &EntryOf, offset: UtcOffset, language: Language) -> String {
    let EntryOf { point, parameter, entry, .. } = of;
    let at = local(entry.at, offset);
    let change = change(of, language);
    match language {
        Language::English => format!("{point}/{parameter} for {at}: {change}, on the medium\n"),
        Language::Chinese => format!("{point}/{parameter}，{at}：{change}，已存盘\n"),
    }
}

fn change(EntryOf { unit, entry, .. }: &EntryOf, language: Language) -> String {
    let value = |value: Option<f64>| {
        let nothing = || language.pick("nothing", "无").to_owned();
        value.map_or_else(nothing, |value| format!("{value} {unit}").trim_end().to_owned())
    };
    match entry.before {
        None => value(entry.value),
        before => format!("{} -> {}", value(before), value(entry.value)),
    }
}

/// Why nothing was noted.
pub(super) fn refused(error: &EnteringError, language: Language) -> String {
    let text = match (error, language) {
        (error, Language::English) => error.to_string(),
        (EnteringError::NoSuchParameter { point, parameter }, Language::Chinese) => {
            format!("没有参数 {point}/{parameter}；输入 points 查看")
        }
        (EnteringError::NotManual(name), Language::Chinese) => {
            format!("{name} 不是人工录入的参数；须在配置文件中写明 manual = true")
        }
        (EnteringError::OutOfRange { value, min, max }, Language::Chinese) => {
            format!("{value} 超出配置允许的范围 {min} 至 {max}")
        }
        (EnteringError::Time(_), Language::Chinese) => {
            "时间格式不对；应写成 2024-06-12 或 2024-06-12T10:30:00+08:00".to_owned()
        }
        (EnteringError::Ahead, Language::Chinese) => "时间尚未到来；请到时再录入".to_owned(),
        (EnteringError::TooOld(days), Language::Chinese) => {
            format!("该时段的读数已不再保存；只能更改最近 {days} 天")
        }
        (EnteringError::ClockUnset, Language::Chinese) => "网关时钟未校准；请写明时间".to_owned(),
        (EnteringError::NothingThere, Language::Chinese) => "该时间没有录入过数据".to_owned(),
        (EnteringError::Store(error), Language::Chinese) => format!("数据暂存在内存，尚未存盘：{error}"),
    };
    text + "\n"
}
