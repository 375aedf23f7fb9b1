//! Alarms as `status` shows them, above everything else; pure.

use std::fmt::Write;

use super::table::printable;
use crate::language::Language;
use crate::model::alarm::Alarm;
use crate::model::part::Part;

/// One line an alarm.
pub(super) fn alarms(alarms: &[Alarm], language: Language) -> String {
    let head = language.pick("ALARM", "告警");
    let mut lines = String::new();
    for alarm in alarms {
        let _ = writeln!(lines, "{head}  {}", printable(&text(alarm, language)));
    }
    lines
}

fn text(alarm: &Alarm, language: Language) -> String {
    match (alarm, language) {
        (Alarm::StoreFailing { reason }, Language::English) => {
            format!("the store takes no writes, readings wait in memory: {reason}")
        }
        (Alarm::StoreFailing { reason }, Language::Chinese) => {
            format!("存储无法写入，读数暂存内存：{reason}")
        }
        (Alarm::StoreDamaged { what }, Language::English) => format!("the store was damaged: {what}"),
        (Alarm::StoreDamaged { what }, Language::Chinese) => format!("存储曾受损：{what}"),
        (Alarm::ReadingsLost { scans }, Language::English) => {
            format!("{scans} scans were lost because the store took no writes for too long")
        }
        (Alarm::ReadingsLost { scans }, Language::Chinese) => {
            format!("存储长时间无法写入，丢失 {scans} 批读数")
        }
        (Alarm::ClockUnset, Language::English) => "the clock is not set".to_owned(),
        (Alarm::ClockUnset, Language::Chinese) => "时钟未校准".to_owned(),
        (Alarm::DemandNear { demand_w, contract_w }, Language::English) => {
            format!("demand is near the contract: {} of {}", kw(*demand_w), kw(*contract_w))
        }
        (Alarm::DemandNear { demand_w, contract_w }, Language::Chinese) => {
            format!("需量接近核定值：{} / {}", kw(*demand_w), kw(*contract_w))
        }
        (Alarm::DemandOver { demand_w, contract_w }, Language::English) => {
            format!("demand is over its limit: {}, contract {}", kw(*demand_w), kw(*contract_w))
        }
        (Alarm::ControlFailing { parameter, reason }, Language::English) => {
            format!("{parameter} is not at the value that it should have: {reason}")
        }
        (Alarm::ControlFailing { parameter, reason }, Language::Chinese) => {
            format!("{parameter} 未达到设定值：{reason}")
        }
        (Alarm::StandsStill { part }, Language::English) => format!("{part} stands still"),
        (Alarm::StandsStill { part }, Language::Chinese) => format!("{}停滞", part_in_chinese(part)),
        (Alarm::UpdateRolledBack { reason }, Language::English) => {
            format!("an update did not prove itself, and the system before came back: {reason}")
        }
        (Alarm::UpdateRolledBack { reason }, Language::Chinese) => {
            format!("升级后的系统未能通过试运行，已回退到原系统：{reason}")
        }
        (Alarm::DemandOver { demand_w, contract_w }, Language::Chinese) => {
            format!("需量越限：{}，核定值 {}", kw(*demand_w), kw(*contract_w))
        }
    }
}

fn part_in_chinese(part: &Part) -> String {
    match part {
        Part::Polling => "采集".to_owned(),
        Part::Line(id) => format!("线路“{id}”的采集"),
        Part::Store => "存储".to_owned(),
        Part::Interface => "接口".to_owned(),
        Part::Console => "控制台".to_owned(),
    }
}

fn kw(watts: i64) -> String {
    let tenths = watts / 100;
    format!("{}.{} kW", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_is_a_line_in_both_languages() {
        let all = [
            Alarm::StoreFailing { reason: "no space\u{1b}[2J".to_owned() },
            Alarm::StoreDamaged { what: "epoch 7".to_owned() },
            Alarm::ReadingsLost { scans: 3 },
            Alarm::ClockUnset,
            Alarm::DemandNear { demand_w: 2_880_000, contract_w: 3_200_000 },
            Alarm::DemandOver { demand_w: 3_210_060, contract_w: 3_200_000 },
            Alarm::StandsStill { part: Part::Line("rs485-1".to_owned()) },
            Alarm::UpdateRolledBack { reason: "panic".to_owned() },
        ];
        let english = alarms(&all, Language::English);
        assert_eq!(english.lines().filter(|line| line.starts_with("ALARM  ")).count(), all.len());
        assert!(!english.contains('\u{1b}') && english.contains("epoch 7"), "{english}");
        assert!(english.contains("3210.0 kW, contract 3200.0 kW"), "{english}");
        assert!(english.contains("polling of line 'rs485-1' stands still"), "{english}");
        let chinese = alarms(&all, Language::Chinese);
        assert!(chinese.contains("线路“rs485-1”的采集停滞"), "{chinese}");
        assert_eq!(chinese.lines().filter(|line| line.starts_with("告警  ")).count(), all.len());
        assert_eq!(alarms(&[], Language::English), "");
    }
}
