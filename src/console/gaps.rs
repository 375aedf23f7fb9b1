//! Gaps as a technician reads them; pure.

use super::desk::GapView;
use super::quality::quality;
use super::render::local;
use super::table::table;
use crate::language::Language;
use crate::model::gap::GapCause;
use crate::model::quality::Quality;
use crate::time::UtcOffset;

/// The gaps in a table, as they were given.
pub(super) fn gaps(gaps: &[GapView], offset: UtcOffset, language: Language) -> String {
    if gaps.is_empty() {
        return language.pick("no readings are missing\n", "没有缺失的读数\n").to_owned();
    }
    let row = |view: &GapView| {
        let gap = &view.gap;
        let parameter = view.parameter.as_deref();
        let end = if gap.ongoing {
            language.pick("goes on", "持续中").to_owned()
        } else {
            local(gap.to, offset)
        };
        let missing = match (gap.missing, gap.partial, language) {
            (0, ..) => String::new(),
            (count, false, Language::English) => format!("{count} missing"),
            (count, false, Language::Chinese) => format!("缺 {count} 条"),
            (count, true, Language::English) => format!("{count} missing, on and off"),
            (count, true, Language::Chinese) => format!("时断时续，缺 {count} 条"),
        };
        vec![
            view.point.clone(),
            parameter.unwrap_or_else(|| language.pick("all", "全部")).to_owned(),
            local(gap.from, offset),
            end,
            missing,
            cause(gap.cause, language),
        ]
    };
    table(&gaps.iter().map(row).collect::<Vec<_>>())
}

fn cause(cause: GapCause, language: Language) -> String {
    let (english, chinese) = match cause {
        GapCause::Read(cause) => return quality(Quality::Missing(cause), language),
        GapCause::Mixed => ("several causes in turn", "多种原因交替"),
        GapCause::Power => ("the power was off", "断电"),
        GapCause::Stopped => ("the gateway was not running", "网关未运行"),
        GapCause::Clock => ("the clock was set", "时钟调整"),
        GapCause::Quota => ("removed for want of space", "空间不足被删除"),
        GapCause::Configuration => ("not in the site file", "未配置"),
        GapCause::Storage => ("lost by the medium", "存储介质损坏"),
    };
    language.pick(english, chinese).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gap::Gap;
    use crate::model::quality::Cause;
    use crate::time::UtcTime;

    #[test]
    fn a_gap_is_told_with_its_cause_in_both_languages() {
        let gap = |cause, ongoing: bool, partial: bool| GapView {
            point: "PT-1".to_owned(),
            parameter: (!ongoing).then(|| "P".to_owned()),
            gap: Gap {
                from: UtcTime::from_ms(0),
                to: UtcTime::from_ms(5_000),
                cause,
                missing: if ongoing { 0 } else { 5 },
                ongoing,
                partial,
            },
        };
        let views = [
            gap(GapCause::Read(Cause::Timeout), false, false),
            gap(GapCause::Power, true, false),
            gap(GapCause::Mixed, false, true),
        ];
        let english = gaps(&views, UtcOffset::UTC, Language::English);
        assert!(english.contains("5 missing") && english.contains("the power was off"), "{english}");
        assert!(english.contains("goes on") && english.contains("all"), "{english}");
        assert!(english.contains("5 missing, on and off") && english.contains("several causes"), "{english}");
        let chinese = gaps(&views, UtcOffset::UTC, Language::Chinese);
        assert!(chinese.contains("缺 5 条") && chinese.contains("断电"), "{chinese}");
        assert_eq!(gaps(&[], UtcOffset::UTC, Language::English), "no readings are missing\n");
    }
}
