//! Lines and their meters, as `status` shows them; pure.

use std::time::Duration;

use super::desk::{LineState, LineView, MeterView, TurnaroundView};
use super::table::{printable, table};
use crate::language::Language;
use crate::modbus::exceptions::ExceptionCounts;
use crate::model::learned::Learned;

/// Every line, below it its meters, and below a meter what went wrong with it.
pub(super) fn lines(lines: &[LineView], language: Language) -> String {
    let mut rows = Vec::new();
    for line in lines {
        let head = format!("{} {}", language.pick("line", "线路"), line.id);
        rows.push(vec![head, line.place.clone(), state(line, language)]);
        for meter in &line.meters {
            let unit = format!("  {} {}", language.pick("unit", "地址"), meter.unit);
            rows.push(vec![unit, meter.id.clone(), answers(meter, language)]);
            let below = |fault| vec![String::new(), String::new(), fault];
            rows.extend(faults(meter, language).into_iter().map(below));
        }
    }
    table(&rows)
}

fn state(line: &LineView, language: Language) -> String {
    let percent = line.busy_share * 100.0;
    match (line.state, language) {
        (LineState::Disabled, _) => language.pick("no meters", "无电表").to_owned(),
        (LineState::Waiting, _) => language.pick("NOT OPEN", "未打开").to_owned(),
        (LineState::Open, Language::English) => format!("open, {percent:.0} % busy"),
        (LineState::Open, Language::Chinese) => format!("正常，占用 {percent:.0} %"),
        (LineState::Closed, _) => language.pick("closed", "已关闭").to_owned(),
    }
}

fn answers(meter: &MeterView, language: Language) -> String {
    let answered = meter.answered;
    let answered = match language {
        Language::English => format!("{answered} answered"),
        Language::Chinese => format!("应答 {answered}"),
    };
    // How fast a silent meter used to be is of no interest.
    let manner = if meter.backed_off {
        language.pick("; NOT ANSWERING, asked less often", "；无应答，已降低查询频率").to_owned()
    } else {
        meter.turnaround.map_or_else(String::new, |turnaround| speed(turnaround, language))
    };
    answered + &manner
}

fn speed(turnaround: TurnaroundView, language: Language) -> String {
    let (median, p99) = (milliseconds(turnaround.median), milliseconds(turnaround.p99));
    match language {
        Language::English => format!(", turnaround {median} ms, 99 % within {p99} ms"),
        Language::Chinese => format!("，响应时间 {median} ms，99 % 在 {p99} ms 以内"),
    }
}

/// Tenths only where they are a part worth telling.
fn milliseconds(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1_000.0;
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

/// What went wrong, each kind with its number; no row for what never happened.
fn faults(meter: &MeterView, language: Language) -> Vec<String> {
    let unheard = [
        (meter.timeouts, language.pick("timeouts", "超时")),
        (meter.garbled, language.pick("garbled", "乱码")),
    ];
    let unheard = unheard.into_iter().filter(|(count, _)| *count > 0);
    let unheard: Vec<_> = unheard.map(|(count, kind)| counted(count, kind, language)).collect();
    let rows = [
        unheard.join(language.pick(", ", "，")),
        refusals(&meter.exceptions, language),
        past_share(meter.past_share, language),
        learned(&meter.learned, language),
    ];
    rows.into_iter().filter(|row| !row.is_empty()).collect()
}

/// How often others went first, because the meter takes more of the line than is its part.
fn past_share(ticks: u64, language: Language) -> String {
    match (ticks, language) {
        (0, _) => String::new(),
        (ticks, Language::English) => {
            format!("{ticks} times past its share of the line, read after the others")
        }
        (ticks, Language::Chinese) => format!("{ticks} 次超出线路份额，让其他电表先读"),
    }
}

/// What the meter was found to refuse; its reads keep clear of that.
fn learned(learned: &Learned, language: Language) -> String {
    if learned.is_empty() {
        return String::new();
    }
    format!("{}{learned}", language.pick("learned: ", "已学习："))
}

/// The answer to a command about a meter that there is not.
pub(super) fn no_such_meter(id: &str, language: Language) -> String {
    let id: String = printable(id).chars().take(64).collect();
    match language {
        Language::English => format!("there is no meter '{id}'; 'status' lists them\n"),
        Language::Chinese => format!("没有电表“{id}”；输入 status 查看\n"),
    }
}

fn counted(count: u64, kind: &str, language: Language) -> String {
    match language {
        Language::English => format!("{count} {kind}"),
        Language::Chinese => format!("{kind} {count}"),
    }
}

/// The refusals and the exception codes behind them, as `12 refused (02: 11, 06: 1)`.
fn refusals(exceptions: &ExceptionCounts, language: Language) -> String {
    let total = exceptions.total();
    if total == 0 {
        return String::new();
    }
    let mut codes: Vec<_> = exceptions.by_code().map(|(code, count)| format!("{code:02}: {count}")).collect();
    if exceptions.other() > 0 {
        codes.push(format!("{}: {}", language.pick("other", "其他"), exceptions.other()));
    }
    let refused = counted(total, language.pick("refused", "拒绝"), language);
    format!("{refused} ({})", codes.join(", "))
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn refused(codes: &[u8]) -> ExceptionCounts {
        let mut exceptions = ExceptionCounts::default();
        for code in codes {
            exceptions.add(*code);
        }
        exceptions
    }

    #[test]
    fn refusals_are_told_by_their_code_and_what_never_happened_is_not_told() {
        let meter = MeterView { exceptions: refused(&[2, 6, 2, 99]), ..MeterView::default() };
        assert_eq!(faults(&meter, Language::English), ["4 refused (02: 2, 06: 1, other: 1)"]);
        assert_eq!(faults(&meter, Language::Chinese), ["拒绝 4 (02: 2, 06: 1, 其他: 1)"]);
        assert!(faults(&MeterView::default(), Language::English).is_empty());
    }

    #[test]
    fn a_turnaround_has_tenths_of_milliseconds_below_ten() {
        for (us, text) in [(320, "0.3"), (9_730, "9.7"), (18_432, "18"), (1_179_648, "1180")] {
            assert_eq!(milliseconds(Duration::from_micros(us)), text);
        }
    }

    #[test]
    fn a_line_with_every_fault_fits_a_terminal_of_100_columns() {
        let turnaround = Duration::from_millis(59_999);
        let mut meter = MeterView {
            id: "m-substation-2".to_owned(),
            unit: 247,
            answered: 123_456_789,
            timeouts: 1_234_567,
            garbled: 123_456,
            exceptions: refused(&[1, 2, 4, 6].repeat(999)),
            turnaround: Some(TurnaroundView { median: turnaround, p99: turnaround }),
            past_share: 123_456_789,
            backed_off: false,
            learned: Learned::default(),
        };
        for backed_off in [false, true] {
            meter.backed_off = backed_off;
            for language in [Language::English, Language::Chinese] {
                let line = LineView {
                    id: "rs485-1".to_owned(),
                    place: "/dev/ttyS1".to_owned(),
                    state: LineState::Open,
                    busy_share: 1.0,
                    meters: vec![meter.clone()],
                };
                let text = lines(&[line], language);
                assert!(text.lines().all(|line| line.width() <= 100), "{text}");
            }
        }
    }
}
