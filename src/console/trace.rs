//! Frames of a line as a technician reads them: when, which way, what they say, and the bytes.

use std::fmt::Write;
use std::time::Duration;

use super::quality::hint;
use crate::language::Language;
use crate::modbus::frame::{Request, Response, Said};
use crate::modbus::recorder::{Direction, Frame};
use crate::modbus::timing::Protocol;
use crate::model::quality::Cause;
use crate::model::register::Table;
use crate::time::UtcOffset;

/// Values that are put into words; the bytes below hold them all.
const VALUES_MAX: usize = 6;
/// Bits that are put into words.
const BITS_MAX: usize = 32;
/// Bytes of a row below the words.
const ROW_BYTES: usize = 24;

/// The frames in words, each with the time since the one before it, and below its bytes.
#[must_use]
pub fn frames(
    protocol: Protocol,
    frames: &[Frame],
    mut before: Option<Duration>,
    offset: UtcOffset,
    language: Language,
) -> String {
    let mut text = String::new();
    for frame in frames {
        let gap = before.map(|before| frame.at.saturating_sub(before));
        text += &in_words(protocol, frame, gap, offset, language);
        before = Some(frame.at);
    }
    text
}

fn in_words(
    protocol: Protocol,
    frame: &Frame,
    gap: Option<Duration>,
    offset: UtcOffset,
    language: Language,
) -> String {
    let (mark, said) = match frame.direction {
        Direction::Sent => ('>', Said::by_client(protocol, &frame.bytes)),
        Direction::Heard => ('<', Said::by_server(protocol, &frame.bytes)),
        Direction::Discarded => ('!', Said::by_server(protocol, &frame.bytes)),
    };
    let time = frame.time.civil(offset).strftime("%H:%M:%S%.3f");
    let gap = gap.map_or_else(String::new, |gap| format!("+{:.1} ms", gap.as_secs_f64() * 1_000.0));
    let is_thrown_away = frame.direction == Direction::Discarded;
    let discarded = if is_thrown_away { language.pick("thrown away: ", "已丢弃：") } else { "" };
    let mut text = format!("{time} {mark} {gap:>10}  {discarded}{}\n", words(&said, language));
    let end = check(protocol, &frame.bytes, &said, language);
    let mut rows = frame.bytes.chunks(ROW_BYTES).peekable();
    while let Some(row) = rows.next() {
        text.push_str("   ");
        for byte in row {
            // Writing to a string cannot fail.
            let _ = write!(text, " {byte:02x}");
        }
        let end = if rows.peek().is_none() { end.as_str() } else { "" };
        text.push_str(end);
        text.push('\n');
    }
    text
}

/// What tells that the bytes are right: the CRC, over TCP the transaction.
fn check(protocol: Protocol, bytes: &[u8], said: &Said, language: Language) -> String {
    let is_whole = *said != Said::Damaged;
    match (protocol, bytes.first_chunk::<2>()) {
        (Protocol::Rtu { .. }, _) if is_whole => language.pick("  CRC good", "  CRC 正确").to_owned(),
        (Protocol::Rtu { .. }, _) => language.pick("  CRC wrong", "  CRC 错误").to_owned(),
        (Protocol::Tcp, Some(transaction)) if is_whole => {
            format!("  {} {}", language.pick("transaction", "事务"), u16::from_be_bytes(*transaction))
        }
        (Protocol::Tcp, _) => language.pick("  header wrong", "  报文头错误").to_owned(),
    }
}

fn words(said: &Said, language: Language) -> String {
    let head = |unit, function| match language {
        Language::English => format!("unit {unit}, function {function:02}: "),
        Language::Chinese => format!("地址 {unit}，功能码 {function:02}："),
    };
    match said {
        Said::Request(unit, request) => {
            head(unit, request.function_code().value()) + &asked(request, language)
        }
        Said::Response(unit, response) => {
            head(unit, response.function_code().value()) + &answered(response, language)
        }
        Said::Refusal { unit, function, code } => {
            let hint = hint(Cause::Exception(*code), language);
            let refused = match language {
                Language::English => format!("refused, exception {code:02}; {hint}"),
                Language::Chinese => format!("拒绝，异常码 {code:02}；{hint}"),
            };
            head(unit, *function) + &refused
        }
        Said::Other { unit, function } => head(unit, *function) + other(*function, language),
        Said::Damaged => language.pick("no whole frame", "不是完整的帧").to_owned(),
    }
}

/// Function codes whose content is not put into words.
const fn other(function: u8, language: Language) -> &'static str {
    match function {
        17 => language.pick("server ID", "服务器标识"),
        43 => language.pick("device identification", "设备标识"),
        _ => language.pick("not known here", "未能解析"),
    }
}

fn asked(request: &Request<'_>, language: Language) -> String {
    match request {
        Request::ReadCoils(start, count) => read(Table::Coil, *start, *count, language),
        Request::ReadDiscreteInputs(start, count) => read(Table::DiscreteInput, *start, *count, language),
        Request::ReadHoldingRegisters(start, count) => read(Table::HoldingRegister, *start, *count, language),
        Request::ReadInputRegisters(start, count) => read(Table::InputRegister, *start, *count, language),
        Request::WriteSingleCoil(address, on) => write(Table::Coil, *address, &bits(&[*on]), language),
        Request::WriteSingleRegister(address, word) => {
            write(Table::HoldingRegister, *address, &word.to_string(), language)
        }
        Request::WriteMultipleCoils(start, coils) => write(Table::Coil, *start, &bits(coils), language),
        Request::WriteMultipleRegisters(start, words) => {
            write(Table::HoldingRegister, *start, &values(words, language), language)
        }
        _ => language.pick("not known here", "未能解析").to_owned(),
    }
}

fn answered(response: &Response, language: Language) -> String {
    match response {
        Response::ReadCoils(read) | Response::ReadDiscreteInputs(read) => bits(read),
        Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => {
            values(words, language)
        }
        Response::WriteSingleCoil(address, on) => written(Table::Coil, *address, &bits(&[*on]), language),
        Response::WriteSingleRegister(address, word) => {
            written(Table::HoldingRegister, *address, &word.to_string(), language)
        }
        Response::WriteMultipleCoils(start, count) => {
            written(Table::Coil, *start, &many(*count, language), language)
        }
        Response::WriteMultipleRegisters(start, count) => {
            written(Table::HoldingRegister, *start, &many(*count, language), language)
        }
        _ => language.pick("not known here", "未能解析").to_owned(),
    }
}

fn read(table: Table, start: u16, count: u16, language: Language) -> String {
    match language {
        Language::English => format!("read {count} from {} {start}", table.name()),
        Language::Chinese => format!("读 {} {start} 起 {count} 个", table.name()),
    }
}

fn write(table: Table, start: u16, values: &str, language: Language) -> String {
    match language {
        Language::English => format!("write from {} {start}: {values}", table.name()),
        Language::Chinese => format!("写 {} {start} 起：{values}", table.name()),
    }
}

fn written(table: Table, start: u16, what: &str, language: Language) -> String {
    match language {
        Language::English => format!("written from {} {start}: {what}", table.name()),
        Language::Chinese => format!("已写 {} {start} 起：{what}", table.name()),
    }
}

fn many(count: u16, language: Language) -> String {
    match language {
        Language::English => format!("{count} values"),
        Language::Chinese => format!("{count} 个"),
    }
}

fn values(words: &[u16], language: Language) -> String {
    let mut text = words.iter().take(VALUES_MAX).map(u16::to_string).collect::<Vec<_>>().join(" ");
    more(&mut text, words.len().saturating_sub(VALUES_MAX), language);
    text
}

/// Eight to a group, the first on the left.
fn bits(bits: &[bool]) -> String {
    let group = |group: &[bool]| group.iter().map(|on| if *on { '1' } else { '0' }).collect::<String>();
    let shown = bits.get(..BITS_MAX).unwrap_or(bits);
    let mut text = shown.chunks(8).map(group).collect::<Vec<_>>().join(" ");
    if shown.len() < bits.len() {
        text.push_str(" ...");
    }
    text
}

fn more(text: &mut String, left: usize, language: Language) {
    if left > 0 {
        let _ = match language {
            Language::English => write!(text, " and {left} more"),
            Language::Chinese => write!(text, " 另有 {left} 个"),
        };
    }
}

/// What a recording holds, where it was written.
pub(super) fn recorded(frames: usize, language: Language) -> String {
    match language {
        Language::English => format!("recorded: {frames} frames\n"),
        Language::Chinese => format!("已记录：{frames} 帧\n"),
    }
}

/// Frames that came faster than they can be shown.
pub(super) fn left_out(frames: usize, language: Language) -> String {
    match language {
        Language::English => format!("... {frames} frames more; 'record LINE FILE' keeps them\n"),
        Language::Chinese => format!("……另有 {frames} 帧；record 线路 文件 可全部保存\n"),
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::modbus::recording::Recording;

    fn told(protocol: &str, mark: char, bytes: &str, language: Language) -> String {
        let text = format!(
            "cems-gateway recording 1\nprotocol {protocol}\nline a\n1 2024-06-12T02:30:05.120Z {mark} {bytes}\n"
        );
        let recording = Recording::parse(&text).unwrap();
        frames(recording.protocol, &recording.frames, Some(Duration::ZERO), UtcOffset::UTC, language)
    }

    #[test]
    fn every_kind_of_frame_is_put_into_words() {
        for (protocol, mark, bytes, words, check) in [
            (
                "rtu",
                '>',
                "01 03 00 00 00 0a c5 cd",
                "unit 1, function 03: read 10 from holding 0",
                "CRC good",
            ),
            (
                "rtu",
                '<',
                "01 83 02 c0 f1",
                "unit 1, function 03: refused, exception 02; the meter",
                "CRC good",
            ),
            ("rtu", '!', "01 83 02 c0 f2", "thrown away: no whole frame", "CRC wrong"),
            ("tcp", '<', "00 08 00 00 00 05 01 03 02 01 06", "unit 1, function 03: 262", "transaction 8"),
            ("tcp", '<', "00 08 00 00 00 04 01 01 01 cd", "unit 1, function 01: 10110011", "transaction 8"),
            ("tcp", '>', "00 08 00 00 00 06 01 06 00 01 00 03", "write from holding 1: 3", "transaction 8"),
            (
                "tcp",
                '<',
                "00 08 00 00 00 06 01 10 00 01 00 02",
                "written from holding 1: 2 val",
                "transaction 8",
            ),
            (
                "tcp",
                '<',
                "00 08 00 00 00 04 01 2b 0e 01",
                "function 43: device identification",
                "transaction 8",
            ),
            ("tcp", '<', "48 54 54 50", "no whole frame", "header wrong"),
        ] {
            let text = told(protocol, mark, bytes, Language::English);
            assert!(text.starts_with(&format!("02:30:05.120 {mark}    +0.0 ms  ")), "{text}");
            assert!(text.contains(words) && text.ends_with(&format!("{bytes}  {check}\n")), "{text}");
        }
        let text = told("rtu", '>', "01 03 00 00 00 0a c5 cd", Language::Chinese);
        assert!(text.contains("地址 1，功能码 03：读 holding 0 起 10 个"), "{text}");
    }

    #[test]
    fn the_longest_frame_fits_a_terminal_of_100_columns() {
        let words = format!("ff 08 00 00 00 fd ff 03 fa{}", " ff".repeat(250));
        let bits = format!("ff 08 00 00 00 fd ff 01 fa{}", " ff".repeat(250));
        for bytes in [words, bits, vec!["ff"; 260].join(" ")] {
            for language in [Language::English, Language::Chinese] {
                let text = told("tcp", '<', &bytes, language);
                assert!(text.lines().all(|line| line.width() <= 100), "{text}");
            }
        }
    }
}
