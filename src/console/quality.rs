//! Quality and causes as a technician reads them, with what may be done about them.

use crate::language::Language;
use crate::model::quality::{Cause, Doubt, Quality};

/// May one trust a value, and if not, why.
pub(super) fn quality(quality: Quality, language: Language) -> String {
    if language == Language::English {
        return quality.to_string();
    }
    match quality {
        Quality::Good => "良好",
        Quality::Suspect(Doubt::OutOfRange) => "存疑：超出合理范围",
        Quality::Suspect(Doubt::Rounded) => "存疑：末位已舍入",
        Quality::Suspect(Doubt::Redated) => "时间已补正",
        Quality::Suspect(Doubt::Entered) => "人工录入",
        Quality::Suspect(Doubt::ClockUnset) => "存疑：时钟未校准",
        Quality::Suspect(Doubt::Interpolated) => "存疑：插值",
        Quality::Missing(Cause::Timeout) => "无应答",
        Quality::Missing(Cause::Garbled) => "应答乱码",
        Quality::Missing(Cause::Mismatch) => "应答与请求不符",
        Quality::Missing(Cause::Exception(code)) => return format!("电表拒绝，异常码 {code:02}"),
        Quality::Missing(Cause::LineDown) => "线路不通",
        Quality::Missing(Cause::BackedOff) => "长时间无应答，已降频",
        Quality::Missing(Cause::NotAvailable) => "电表无此值",
        Quality::Missing(Cause::NotANumber) => "非有效数值",
        Quality::Missing(Cause::Overrun) => "周期超时，已跳过",
        Quality::Missing(Cause::Withdrawn) => "人工录入，已撤回",
    }
    .to_owned()
}

/// What the cause of a failed read may mean, and where to look first. The exception codes are those of
/// the Modbus Application Protocol V1.1b3, section 7.
pub(super) const fn hint(cause: Cause, language: Language) -> &'static str {
    let (english, chinese) = match cause {
        Cause::Timeout | Cause::BackedOff => (
            "check the unit ID, A and B, the supply, the baud rate and parity",
            "请检查电表地址、A/B 接线、供电、波特率和校验位",
        ),
        Cause::Garbled => (
            "check the baud rate, parity, termination, and that no two meters share an address",
            "请检查波特率、校验位、终端电阻，以及是否有两块表地址相同",
        ),
        Cause::Mismatch => {
            ("another meter or a late answer; try again", "可能是其他电表或迟到的应答，请重试")
        }
        Cause::LineDown => ("check the adapter or the network", "请检查串口适配器或网络"),
        Cause::Exception(1) => {
            ("the meter does not serve this table; try another", "电表不支持此表，请换一个表")
        }
        Cause::Exception(2) => (
            "the meter has no such address; check address, base and count",
            "电表无此地址，请检查地址、起始基数和数量",
        ),
        Cause::Exception(3) => ("the meter refuses this count; read fewer", "电表不接受此数量，请少读一些"),
        Cause::Exception(4) => ("the meter reports a failure of its own", "电表报告自身故障"),
        Cause::Exception(5 | 6) => ("the meter is busy; try again", "电表忙，请重试"),
        Cause::Exception(10 | 11) => (
            "the device server cannot reach the meter; check the unit ID and its wiring",
            "串口服务器联系不上电表，请检查地址和接线",
        ),
        Cause::Exception(_) => {
            ("the meter refuses; its manual lists its codes", "电表拒绝，请查其说明书中的异常码")
        }
        Cause::NotAvailable | Cause::NotANumber | Cause::Overrun | Cause::Withdrawn => {
            ("try again", "请重试")
        }
    };
    language.pick(english, chinese)
}
