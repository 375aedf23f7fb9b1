//! What is written to meters, as a technician orders and reads it; the texts are pure.

use super::command::{Options, Refusal};
use super::desk::ControlOrder;
use super::quality;
use super::render::local;
use super::table::{printable, table};
use super::verb::Verb;
use super::words::Words;
use crate::language::Language;
use crate::model::control::ControlAct;
use crate::model::quality::Quality;
use crate::ops::control::{
    ControlError, ControlFault, ControlLineOf, ControlOf, ControlState, Holding, Target,
};
use crate::time::{Interval, UtcOffset};

/// Who orders something, where nothing is said.
const BY: &str = "console";

/// Reads the words after `hold`.
pub(super) fn holding(words: &mut Words<'_>) -> Result<Holding, Refusal> {
    let mut word = || words.needed(Verb::Hold);
    let (point, parameter, value) = (word()?.to_owned(), word()?.to_owned(), word()?);
    let value = value.parse::<f64>().ok().filter(|value| value.is_finite());
    let value = value.ok_or(Refusal::Usage(Verb::Hold))?;
    let mut holding = Holding { point, parameter, value, lease: None, by: BY.to_owned() };
    let mut options = Options::default();
    for word in words.by_ref() {
        let (key, text) = options.next(word)?.ok_or(Refusal::Usage(Verb::Hold))?;
        match key {
            "for" => {
                let lease =
                    Interval::parse(text).map_err(|fault| Refusal::Interval(text.to_owned(), fault))?;
                holding.lease = Some(lease);
            }
            "by" => text.clone_into(&mut holding.by),
            _ => return Err(Refusal::Key { given: key.to_owned(), known: "for, by" }),
        }
    }
    Ok(holding)
}

/// Reads the words after `release`.
pub(super) fn release(words: &mut Words<'_>) -> Result<ControlOrder, Refusal> {
    let mut word = || words.needed(Verb::Release).map(str::to_owned);
    let (point, parameter) = (word()?, word()?);
    let mut by = BY.to_owned();
    let mut options = Options::default();
    for word in words.by_ref() {
        match options.next(word)?.ok_or(Refusal::Usage(Verb::Release))? {
            ("by", name) => name.clone_into(&mut by),
            (key, _) => return Err(Refusal::Key { given: key.to_owned(), known: "by" }),
        }
    }
    Ok(ControlOrder::Release { point, parameter, by })
}

/// The writable parameters, and the last of what was written, oldest first.
pub(super) fn controls(
    controls: &[ControlOf],
    lines: &[ControlLineOf],
    offset: UtcOffset,
    language: Language,
) -> String {
    if controls.is_empty() && lines.is_empty() {
        let nothing = "nothing may be written; 'writable' in the site file allows it\n";
        return language.pick(nothing, "没有可写参数；须在配置文件中写明 writable\n").to_owned();
    }
    let row = |of: &ControlOf| {
        let name = format!("{}/{}", of.point, of.parameter);
        let bounds = format!("{} - {} {}", of.writable.min, of.writable.max, of.unit);
        vec![name, bounds.trim_end().to_owned(), state(of, offset, language)]
    };
    let line = |of: &ControlLineOf| {
        let name = format!("{}/{}", of.point, of.parameter);
        let at = local(of.line.at, offset);
        vec![at, name, act(of.line.act, &of.unit, language), printable(&of.line.by)]
    };
    let mut text = table(&controls.iter().map(row).collect::<Vec<_>>());
    if !lines.is_empty() {
        text.push('\n');
        text.push_str(&table(&lines.iter().map(line).collect::<Vec<_>>()));
    }
    text
}

/// What an order came to.
pub(super) fn ordered(of: &ControlOf, offset: UtcOffset, language: Language) -> String {
    format!("{}/{}: {}\n", of.point, of.parameter, state(of, offset, language))
}

fn state(of: &ControlOf, offset: UtcOffset, language: Language) -> String {
    let amount = |value: f64| format!("{value} {}", of.unit).trim_end().to_owned();
    let read_back = of.read_back.map_or_else(|| "?".to_owned(), amount);
    let Some(target) = &of.target else {
        let rest = amount(of.writable.release);
        return match language {
            Language::English => format!("at rest ({rest})"),
            Language::Chinese => format!("未控制（释放值 {rest}）"),
        };
    };
    let account = account(target, offset, language);
    let value = amount(target.value);
    match (&of.state, language) {
        (ControlState::Settled, Language::English) => format!("{value}, read back {read_back}; {account}"),
        (ControlState::Settled, Language::Chinese) => format!("{value}，回读 {read_back}；{account}"),
        (ControlState::Failing(fault), Language::English) => {
            format!("NOT at {value}: {fault}; it is tried again; {account}")
        }
        (ControlState::Failing(fault), Language::Chinese) => {
            format!("未达到 {value}：{}；将重试；{account}", fault_in_chinese(fault))
        }
        (ControlState::Moving | ControlState::AtRest, Language::English) => {
            format!("on its way to {value}, read back {read_back}; {account}")
        }
        (ControlState::Moving | ControlState::AtRest, Language::Chinese) => {
            format!("正在调至 {value}，回读 {read_back}；{account}")
        }
    }
}

/// On whose account, and until when.
fn account(target: &Target, offset: UtcOffset, language: Language) -> String {
    let Some(held) = &target.held else {
        return language.pick("nobody holds it", "已释放").to_owned();
    };
    let (by, until) = (printable(&held.by), local(held.until, offset));
    match (held.is_event, language) {
        (true, Language::English) => format!("event {by} until {until}"),
        (true, Language::Chinese) => format!("事件 {by}，至 {until}"),
        (false, Language::English) => format!("held by {by} until {until}"),
        (false, Language::Chinese) => format!("由 {by} 保持至 {until}"),
    }
}

fn act(act: ControlAct, unit: &str, language: Language) -> String {
    let (english, chinese, value) = match act {
        ControlAct::Held(value) => ("held at", "要求保持", Some(value)),
        ControlAct::Released => ("let go", "释放", None),
        ControlAct::LeaseOver => ("not renewed, let go", "到期未续，释放", None),
        ControlAct::Reached(value) => ("written, read back", "已写入，回读", Some(value)),
        ControlAct::Rested(value) => ("back to rest, read back", "已恢复释放值，回读", Some(value)),
        ControlAct::Strayed(value) => ("had strayed to", "曾偏离至", Some(value)),
        ControlAct::Failed(value) => ("could not be brought to", "未能调至", Some(value)),
        ControlAct::Abandoned => ("no longer writable, left as it was", "已不可写，保持原值", None),
    };
    let word = language.pick(english, chinese);
    value.map_or_else(|| word.to_owned(), |value| format!("{word} {value} {unit}").trim_end().to_owned())
}

fn fault_in_chinese(fault: &ControlFault) -> String {
    match fault {
        ControlFault::Line(cause) => {
            format!("电表未接受（{}）", quality::quality(Quality::Missing(*cause), Language::Chinese))
        }
        ControlFault::NotTaken(Some(shown)) => format!("电表已确认，但回读为 {shown}"),
        ControlFault::NotTaken(None) => "电表已确认，但回读不是数值".to_owned(),
        ControlFault::Value(_) => "寄存器放不下该值".to_owned(),
        ControlFault::Store(error) => format!("未能先行记录，故不写入：{error}"),
    }
}

/// Why nothing was ordered.
pub(super) fn refused(error: &ControlError, language: Language) -> String {
    let text = match (error, language) {
        (error, Language::English) => error.to_string(),
        (ControlError::NoSuchParameter(name), Language::Chinese) => {
            format!("没有参数 {name}；输入 controls 查看可写参数")
        }
        (ControlError::NotWritable(name), Language::Chinese) => {
            format!("{name} 不可写；须在配置文件中写明 writable 及其上下限")
        }
        (ControlError::OutOfBounds { value, min, max }, Language::Chinese) => {
            format!("{value} 超出配置允许的范围 {min} 至 {max}")
        }
        (ControlError::LeaseTooLong(lease), Language::Chinese) => {
            format!("每次最长保持 {lease}，到期前须再次下达")
        }
        (ControlError::ClockUnset, Language::Chinese) => {
            "网关时钟未校准，无法确定何时到期；请先校准".to_owned()
        }
        (ControlError::NothingHeld(name), Language::Chinese) => format!("{name} 未受控制，无可释放"),
        (ControlError::Store(error), Language::Chinese) => format!("未能记录，故不写入：{error}"),
        (ControlError::Unnoted(error), Language::Chinese) => format!("正在释放，但未能记录：{error}"),
    };
    text + "\n"
}
