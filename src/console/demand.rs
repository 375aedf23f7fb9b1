//! Demand at present, as a technician reads it; pure.

use super::desk::DemandView;
use super::render::local;
use super::table::table;
use crate::language::Language;
use crate::model::demand::NoDemandPoint;
use crate::ops::query::QueryError;
use crate::stats::demand::{AlarmLevel, Basis, Demand, Untold};
use crate::time::UtcOffset;

/// The demand of the last window, of the running block and of the month, in a table.
pub(super) fn demand(view: &DemandView, offset: UtcOffset, language: Language) -> String {
    let word = |english: &'static str, chinese: &'static str| language.pick(english, chinese).to_owned();
    let at = |time| local(time, offset);
    let mut rows = vec![vec![
        word("demand", "当前需量"),
        kw(view.demand.kw()),
        at(view.end),
        format!("{}{}", level(view.level, language), doubt(&view.demand, language)),
    ]];
    if let Some(demand_kw) = view.demand.kw() {
        let share = demand_kw / view.contract_kw * 100.0;
        let left = kw(Some(view.contract_kw - demand_kw));
        let (contract, share) = (kw(Some(view.contract_kw)), format!("{share:.1} %"));
        let used = match language {
            Language::English => format!("{share} used, {left} left"),
            Language::Chinese => format!("已用 {share}，余 {left}"),
        };
        rows.push(vec![word("contract", "核定需量"), contract, String::new(), used]);
    }
    rows.push(vec![word("power", "当前功率"), kw(view.power_kw)]);
    let seconds = view.remain.as_secs();
    let left = match language {
        Language::English => format!("{seconds} s left of the window that runs"),
        Language::Chinese => format!("本周期剩余 {seconds} 秒"),
    };
    rows.push(vec![word("foreseen", "预测需量"), kw(view.predicted_kw), String::new(), left]);
    let maximum = vec![word("maximum", "本月最大"), kw(view.month_max.map(|(kw, _)| kw))];
    let maximum_at = view.month_max.map(|(_, end)| at(end)).unwrap_or_default();
    rows.push([maximum, vec![maximum_at, month(view, language)]].concat());
    rows.push(vec![word("controllable", "可控负荷"), kw(Some(view.controllable_kw))]);
    table(&rows)
}

fn month(view: &DemandView, language: Language) -> String {
    let (times, minutes, missing) = (view.times_over, view.over.as_secs() / 60, view.unknown);
    if view.month_max.is_none() {
        return language.pick("no window is known", "尚无完整窗口").to_owned();
    }
    let over = match (times, language) {
        (0, _) => language.pick("never over the limit", "未越限").to_owned(),
        (_, Language::English) => format!("over the limit {times} times, {minutes} min"),
        (_, Language::Chinese) => format!("越限 {times} 次，共 {minutes} 分钟"),
    };
    match (missing, language) {
        (0, _) => over,
        (_, Language::English) => format!("{over}; {missing} windows unknown"),
        (_, Language::Chinese) => format!("{over}；{missing} 个窗口数据不全"),
    }
}

fn kw(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} kW"))
}

const fn level(level: Option<AlarmLevel>, language: Language) -> &'static str {
    match level {
        None => "",
        Some(AlarmLevel::Normal) => language.pick("normal", "正常"),
        Some(AlarmLevel::Warning) => language.pick("NEAR THE LIMIT", "预警"),
        Some(AlarmLevel::Over) => language.pick("OVER THE LIMIT", "越限"),
    }
}

fn doubt(demand: &Demand, language: Language) -> String {
    let text = match demand {
        Demand::Told { basis: Basis::Register, .. } => return String::new(),
        Demand::Told { basis: Basis::Interpolated, .. } => language.pick("interpolated", "插值"),
        Demand::Told { basis: Basis::MeanPower, .. } => {
            language.pick("from the mean power", "由平均功率得出")
        }
        Demand::Told { basis: Basis::Rows, .. } => language.pick("from quarter hours", "由刻钟电量得出"),
        Demand::Told { basis: Basis::Coarse, .. } => {
            language.pick("the register counts too coarsely", "电能表分辨率不足")
        }
        Demand::Told { basis: Basis::Reset, .. } => language.pick("the register was reset", "底数曾清零"),
        Demand::Untold(Untold::Incomplete) => {
            return language.pick("unknown: readings are missing", "未知：读数不全").to_owned();
        }
        Demand::Untold(Untold::Replaced) => {
            return language.pick("unknown: the meter was replaced", "未知：电表已更换").to_owned();
        }
    };
    match language {
        Language::English => format!(", {text}"),
        Language::Chinese => format!("，{text}"),
    }
}

/// Why there is nothing to show.
pub(super) fn refused(error: &QueryError, language: Language) -> String {
    let text = match (error, language) {
        (QueryError::NoContract, Language::Chinese) => {
            "未给出核定需量：请在配置文件 [cems] 中填写 contract_demand_kw".to_owned()
        }
        (QueryError::NoDemandPoint(why), Language::Chinese) => {
            let why = match why {
                NoDemandPoint::Unknown => "没有该测点",
                NoDemandPoint::NoRegister => "该测点没有正向有功总电能",
                NoDemandPoint::None => "没有带正向有功总电能的关口测点",
                NoDemandPoint::Several => "有多个带正向有功总电能的关口测点",
            };
            format!("无法计算需量：{why}；请在配置文件 [demand] 中用 point 指定测点")
        }
        (error, _) => error.to_string(),
    };
    text + "\n"
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::UtcTime;

    fn view() -> DemandView {
        DemandView {
            end: UtcTime::from_ms(0),
            demand: Demand::Told { kw: 2_874.6, basis: Basis::Register },
            level: Some(AlarmLevel::Normal),
            contract_kw: 3_200.0,
            power_kw: Some(2_932.4),
            predicted_kw: Some(2_932.399),
            remain: Duration::from_mins(5),
            month_max: Some((3_372.12, UtcTime::from_ms(60_000))),
            times_over: 12,
            over: Duration::from_mins(429),
            unknown: 0,
            controllable_kw: 260.0,
        }
    }

    #[test]
    fn what_is_known_stands_in_columns() {
        assert_eq!(
            demand(&view(), UtcOffset::UTC, Language::English),
            concat!(
                "demand        2874.6 kW  1970-01-01 00:00:00  normal\n",
                "contract      3200.0 kW                       89.8 % used, 325.4 kW left\n",
                "power         2932.4 kW\n",
                "foreseen      2932.4 kW                       300 s left of the window that runs\n",
                "maximum       3372.1 kW  1970-01-01 00:01:00  over the limit 12 times, 429 min\n",
                "controllable  260.0 kW\n",
            )
        );
    }

    #[test]
    fn what_is_not_known_says_why_in_both_languages() {
        let unknown = DemandView {
            demand: Demand::Untold(Untold::Incomplete),
            level: None,
            power_kw: None,
            predicted_kw: None,
            month_max: None,
            ..view()
        };
        let english = demand(&unknown, UtcOffset::UTC, Language::English);
        assert!(english.contains("1970-01-01 00:00:00  unknown: readings are missing"), "{english}");
        assert!(english.contains("no window is known") && !english.contains("contract"));
        let patchy = DemandView { times_over: 0, unknown: 7, ..view() };
        let english = demand(&patchy, UtcOffset::UTC, Language::English);
        assert!(english.contains("never over the limit; 7 windows unknown"), "{english}");
        let coarse = DemandView { demand: Demand::Told { kw: 3_300.0, basis: Basis::Coarse }, ..view() };
        let chinese = demand(
            &DemandView { level: Some(AlarmLevel::Over), ..coarse },
            UtcOffset::UTC,
            Language::Chinese,
        );
        assert!(chinese.contains("越限，电能表分辨率不足") && chinese.contains("余 -100.0 kW"), "{chinese}");
        for error in [QueryError::NoContract, QueryError::NoDemandPoint(NoDemandPoint::Several)] {
            assert!(refused(&error, Language::English).contains("site file"));
            assert!(refused(&error, Language::Chinese).contains("配置文件"));
        }
    }
}
