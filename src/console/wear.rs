//! How much is written to the medium and how long it lasts, as `status` shows it; pure.

use super::desk::WearView;
use crate::language::Language;

const MIB: f64 = 1_048_576.0;
/// Longer than anybody will ask.
const YEARS_SHOWN_MAX: f64 = 100.0;

/// One line about the medium.
pub(super) fn wear(wear: Option<&WearView>, language: Language) -> String {
    let Some(wear) = wear else {
        return language
            .pick("flash  unknown, no disk under the data folder\n", "闪存  未知，数据目录不在磁盘上\n")
            .to_owned();
    };
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let today = wear.today_bytes as f64 / MIB;
    let device = &wear.device;
    let Some(day_bytes) = wear.day_bytes else {
        return match language {
            Language::English => format!("flash  {device}: {today:.1} MiB written today\n"),
            Language::Chinese => format!("闪存  {device}：今日写入 {today:.1} MiB\n"),
        };
    };
    let (day, lasts) = (day_bytes / MIB, lasts(wear.years, language));
    match language {
        Language::English => {
            format!("flash  {device}: {today:.1} MiB written today, {day:.1} MiB a day, {lasts}\n")
        }
        Language::Chinese => {
            format!("闪存  {device}：今日写入 {today:.1} MiB，平均每天 {day:.1} MiB，{lasts}\n")
        }
    }
}

fn lasts(years: Option<f64>, language: Language) -> String {
    match (years, language) {
        (None, _) => language
            .pick("endurance not configured ([store] flash_cycles)", "未配置擦写寿命（[store] flash_cycles）")
            .to_owned(),
        (Some(years), Language::English) if years > YEARS_SHOWN_MAX => "lasts over 100 years".to_owned(),
        (Some(years), Language::Chinese) if years > YEARS_SHOWN_MAX => "预计可用 100 年以上".to_owned(),
        (Some(years), Language::English) => format!("lasts about {years:.1} years"),
        (Some(years), Language::Chinese) => format!("预计可用约 {years:.1} 年"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_told() {
        let of = |day_bytes, years| {
            let view = WearView { device: "sda".to_owned(), today_bytes: 1_048_576, day_bytes, years };
            [Language::English, Language::Chinese].map(|language| wear(Some(&view), language))
        };
        assert_eq!(of(None, None)[0], "flash  sda: 1.0 MiB written today\n");
        assert!(
            of(Some(2.0 * MIB), None)[0]
                .ends_with("2.0 MiB a day, endurance not configured ([store] flash_cycles)\n")
        );
        assert!(of(Some(2.0 * MIB), Some(8.25))[0].ends_with("lasts about 8.2 years\n"));
        assert!(of(Some(2.0 * MIB), Some(8.25))[1].ends_with("预计可用约 8.2 年\n"));
        assert!(of(Some(2.0 * MIB), Some(1e6))[1].ends_with("预计可用 100 年以上\n"));
        assert!(wear(None, Language::English).contains("unknown"));
    }
}
