//! What the machine says of itself and how the last run ended, as `status` shows it; pure.

use std::fmt::Write as _;

use super::render::{duration, local};
use super::table::printable;
use crate::health::checkup::Condition;
use crate::health::last_panic::LastPanic;
use crate::health::last_run::{Ending, Reset};
use crate::health::machine::{FlashLife, Machine, Spare};
use crate::language::Language;
use crate::time::UtcOffset;

const MIB: f64 = 1_048_576.0;
/// Characters of the boot ID that are enough to tell two starts of a machine apart.
const BOOT_CHARS_SHOWN: usize = 8;

/// One line about the machine, one about the runs, and one each about flash and a panic where there is any.
pub(super) fn condition(condition: &Condition, offset: UtcOffset, language: Language) -> String {
    let mut text = machine(&condition.machine, language);
    text += &condition.machine.flash.as_ref().map_or_else(String::new, |flash| flash_life(flash, language));
    let (name, ending) = (language.pick("run before", "上次运行"), ending(&condition.last_ending, language));
    let _ = match (condition.bad_ends, language) {
        (0, _) => writeln!(text, "{name}  {ending}"),
        (count, Language::English) => {
            writeln!(text, "{name}  {ending}; ended unasked within an hour: {count}")
        }
        (count, Language::Chinese) => writeln!(text, "{name}  {ending}；一小时内异常结束 {count} 次"),
    };
    text + &condition
        .last_panic
        .as_ref()
        .map_or_else(String::new, |panic| last_panic(panic, offset, language))
}

fn machine(machine: &Machine, language: Language) -> String {
    let mut told: Vec<String> = machine.addresses.iter().map(ToString::to_string).collect();
    if let Some(seconds) = machine.uptime_s {
        told.push(format!("{} {}", language.pick("up", "已开机"), duration(seconds, language)));
    }
    if !machine.boot_id.is_empty() {
        let boot: String = machine.boot_id.chars().take(BOOT_CHARS_SHOWN).collect();
        told.push(format!("{} {}", language.pick("boot", "启动"), printable(&boot)));
    }
    for of in &machine.temperatures {
        told.push(format!("{} {:.1} °C", of.zone, f64::from(of.millicelsius) / 1_000.0));
    }
    let mut amount = |bytes: Option<u64>, (english, chinese)| {
        let Some(bytes) = bytes else { return };
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let mib = bytes as f64 / MIB;
        told.push(format!("{} {mib:.1} MiB", language.pick(english, chinese)));
    };
    amount(machine.resident_bytes, ("memory held", "占用内存"));
    amount(machine.memory_available_bytes, ("memory available", "可用内存"));
    amount(machine.disk.map(|disk| disk.used_bytes), ("disk used", "磁盘已用"));
    amount(machine.disk.map(|disk| disk.free_bytes), ("disk free", "磁盘可用"));
    let separator = language.pick(", ", "，");
    if told.is_empty() {
        told.push(language.pick("tells nothing of itself", "未提供信息").to_owned());
    }
    format!("{}  {}\n", language.pick("machine", "主机"), told.join(separator))
}

fn flash_life(flash: &FlashLife, language: Language) -> String {
    let (device, percent) = (&flash.device, flash.used_percent_max);
    let spare = match flash.spare {
        Spare::Unknown => "",
        Spare::Normal => language.pick(", spare blocks enough", "，备用块充足"),
        Spare::Warning => language.pick(", 80 % of the spare blocks used", "，备用块已用 80 %"),
        Spare::Urgent => {
            language.pick(", 90 % of the spare blocks used: replace it", "，备用块已用 90 %：请更换")
        }
    };
    match (percent > 100, language) {
        (true, Language::English) => format!("       {device}: past its life: replace it{spare}\n"),
        (true, Language::Chinese) => format!("      {device}：已超过寿命，请更换{spare}\n"),
        (false, Language::English) => {
            format!("       {device}: at most {percent} % of its life used{spare}\n")
        }
        (false, Language::Chinese) => format!("      {device}：寿命最多已用 {percent} %{spare}\n"),
    }
}

fn ending(ending: &Ending, language: Language) -> String {
    let (english, chinese) = match ending {
        Ending::FirstRun => ("none, this is the first", "无，本次为首次运行"),
        Ending::Stopped => ("stopped in order", "正常停止"),
        Ending::Killed => ("killed, or it ended by itself", "进程被终止或自行退出"),
        Ending::StoodStill(_) => ("ended because it stood still", "因停滞被服务管理器结束"),
        Ending::Machine(Reset::Power) => ("the machine lost its power", "断电"),
        Ending::Machine(Reset::Watchdog) => ("the watchdog reset the machine", "看门狗复位"),
        Ending::Machine(Reset::Panic) => ("the kernel panicked", "内核崩溃"),
        Ending::Machine(Reset::Reboot) => ("the machine was restarted", "主机重启"),
        Ending::Machine(Reset::Unknown) => ("the machine lost its power or was reset", "断电或复位"),
    };
    let told = language.pick(english, chinese);
    match (ending, language) {
        (Ending::StoodStill(parts), Language::English) => format!("{told}: {}", printable(parts)),
        (Ending::StoodStill(parts), Language::Chinese) => format!("{told}：{}", printable(parts)),
        _ => told.to_owned(),
    }
}

fn last_panic(panic: &LastPanic, offset: UtcOffset, language: Language) -> String {
    let name = language.pick("last panic", "上次崩溃");
    let at = local(panic.at, offset);
    let [version, thread, place, message] =
        [&panic.version, &panic.thread, &panic.place, &panic.message].map(|text| printable(text));
    format!("{name}  {at}  {version}  {thread}  {place}\n  {message}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::machine::{Disk, Temperature};
    use crate::time::UtcTime;

    fn told() -> Condition {
        Condition {
            machine: Machine {
                temperatures: vec![Temperature { zone: "cpu-thermal".to_owned(), millicelsius: 48_312 }],
                resident_bytes: Some(11 * 1_048_576),
                memory_available_bytes: Some(180 * 1_048_576),
                disk: Some(Disk { used_bytes: 1_048_576, free_bytes: 900 * 1_048_576 }),
                flash: Some(FlashLife {
                    device: "mmcblk2".to_owned(),
                    used_percent_max: 30,
                    spare: Spare::Warning,
                }),
                uptime_s: Some(93_784),
                boot_id: "0f0e0d0c-0000-4000-8000-000000000001".to_owned(),
                addresses: vec![[192, 0, 2, 7].into()],
            },
            last_ending: Ending::StoodStill("store".to_owned()),
            bad_ends: 2,
            last_panic: Some(LastPanic {
                at: UtcTime::from_ms(0),
                version: "1.2.3".to_owned(),
                thread: "api-1".to_owned(),
                place: "src/api/reply.rs:12:5".to_owned(),
                message: "attempt to add\u{1b}[2J with overflow".to_owned(),
            }),
            still: Vec::new(),
        }
    }

    #[test]
    fn all_that_is_known_is_told_in_both_languages() {
        let of = |language| condition(&told(), UtcOffset::UTC, language);
        assert_eq!(
            of(Language::English),
            "machine  192.0.2.7, up 1 d 02:03, boot 0f0e0d0c, cpu-thermal 48.3 °C, memory held 11.0 MiB, memory available \
             180.0 MiB, disk used 1.0 MiB, disk free 900.0 MiB\n       \
             mmcblk2: at most 30 % of its life used, 80 % of the spare blocks used\n\
             run before  ended because it stood still: store; ended unasked within an hour: 2\n\
             last panic  1970-01-01 00:00:00  1.2.3  api-1  src/api/reply.rs:12:5\n  \
             attempt to add·[2J with overflow\n"
        );
        let chinese = of(Language::Chinese);
        for part in [
            "主机  192.0.2.7，已开机 1 天 02:03",
            "备用块已用 80 %",
            "因停滞被服务管理器结束：store；一小时内异常结束 2 次",
        ] {
            assert!(chinese.contains(part), "{part}\n{chinese}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let unknown = Condition {
            machine: Machine::default(),
            last_ending: Ending::FirstRun,
            bad_ends: 0,
            last_panic: None,
            still: Vec::new(),
        };
        let text = condition(&unknown, UtcOffset::UTC, Language::English);
        assert_eq!(text, "machine  tells nothing of itself\nrun before  none, this is the first\n");
    }
}
