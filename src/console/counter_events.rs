//! What registers did besides plain growth, as a technician reads and settles it; pure.

use super::render::local;
use super::table::table;
use crate::counter::Assumption;
use crate::language::Language;
use crate::ops::counter_events::{CorrectionError, CounterEventOf};
use crate::store::CounterEvent;
use crate::time::UtcOffset;

/// The events in a table, as they were given.
pub(super) fn events(events: &[CounterEventOf], offset: UtcOffset, language: Language) -> String {
    if events.is_empty() {
        return language.pick("no register did anything but grow\n", "没有电表底数异常\n").to_owned();
    }
    let row = |of: &CounterEventOf| {
        let CounterEventOf { point, parameter, unit, event } = of;
        let values = format!("{} -> {} {unit}", event.event.before, event.event.after);
        let number = format!("{}", event.number);
        let (point, parameter, at) = (point.clone(), parameter.clone(), local(event.event.at, offset));
        let values = values.trim_end().to_owned();
        vec![number, point, parameter, at, values, settled(event, unit, language)]
    };
    table(&events.iter().map(row).collect::<Vec<_>>())
}

/// What is made of an event now.
pub(super) fn settled(event: &CounterEvent, unit: &str, language: Language) -> String {
    let (verdict, counted) = event.verdict();
    let by = match (event.ruled.is_some(), event.is_confirmed()) {
        (false, _) => language.pick("assumed", "推定"),
        (true, true) => language.pick("confirmed", "已确认"),
        (true, false) => language.pick("corrected", "已更正"),
    };
    let counted = format!("{counted} {unit}");
    match language {
        Language::English => format!("{by}: {}, {} counted", happened(verdict, language), counted.trim_end()),
        Language::Chinese => format!("{by}：{}，计入 {}", happened(verdict, language), counted.trim_end()),
    }
}

fn happened(assumption: Assumption, language: Language) -> &'static str {
    match assumption {
        Assumption::RolledOver => language.pick("rollover", "满码翻转"),
        Assumption::Reset => language.pick("reset to zero", "清零"),
        Assumption::Replaced => language.pick("another meter", "换表"),
        Assumption::Glitch => language.pick("one wrong reading", "单次误读"),
    }
}

/// Why nothing was noted.
pub(super) fn refused(error: &CorrectionError, language: Language) -> String {
    let text = match (error, language) {
        (error, Language::English) => error.to_string(),
        (CorrectionError::NoSuchEvent(number), Language::Chinese) => {
            format!("没有编号 {number} 的事件；输入 events 查看")
        }
        (CorrectionError::NoModulus, Language::Chinese) => "此底数的满码值未知；请直接给出电量".to_owned(),
        (CorrectionError::Amount, Language::Chinese) => "电量应为不小于 0 的数".to_owned(),
        (CorrectionError::ReadingsGone, Language::Chinese) => {
            "该时段的原始读数已不再保存，无法重算".to_owned()
        }
    };
    text + "\n"
}
