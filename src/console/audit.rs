//! The audit book as a technician reads it; pure.

use super::render::local;
use super::table::{printable, table};
use crate::language::Language;
use crate::model::audit::{AuditEntry, Deed, Outcome, Place, Reason, Who};
use crate::store::AuditPage;
use crate::time::UtcOffset;
use crate::time::trust::ClockState;

/// The entries in a table, the newest last, and how many had to go.
pub(super) fn audit(page: &AuditPage, offset: UtcOffset, language: Language) -> String {
    let row = |entry: &AuditEntry| {
        let actor = &entry.note.actor;
        vec![
            entry.number.to_string(),
            time(entry, offset),
            who(&actor.who, language),
            place(&actor.from, language),
            deed(entry, language),
            outcome(entry, offset, language),
        ]
    };
    let nothing = || language.pick("nothing of that is in the book\n", "没有相应的审计记录\n").to_owned();
    let rows: Vec<_> = page.entries.iter().rev().map(row).collect();
    let text = if rows.is_empty() { nothing() } else { table(&rows) };
    match (page.gone, language) {
        (0, _) => text,
        (gone, Language::English) => format!("{text}{gone} older entries had to go\n"),
        (gone, Language::Chinese) => format!("{text}更早的 {gone} 条已被清除\n"),
    }
}

/// A time that nothing spoke for is marked.
fn time(entry: &AuditEntry, offset: UtcOffset) -> String {
    let mark = if entry.clock == ClockState::Unset { " ?" } else { "" };
    local(entry.at, offset) + mark
}

fn who(who: &Who, language: Language) -> String {
    let (english, chinese) = match who {
        Who::System => ("system", "系统"),
        Who::Console(_) => ("console", "控制台"),
        Who::Operator => ("operator", "命令行"),
        Who::Platform(_) => ("platform", "平台"),
        Who::Unknown => ("unknown", "未知"),
    };
    format!("{} {}", language.pick(english, chinese), printable(who.name())).trim_end().to_owned()
}

fn place(place: &Place, language: Language) -> String {
    let (english, chinese) = match place {
        Place::Port(_) | Place::Address(_) => return printable(&place.to_string()),
        Place::Inside => ("inside", "内部"),
        Place::Socket => ("this box", "本机"),
        Place::CommandLine => ("command line", "本机命令行"),
    };
    language.pick(english, chinese).to_owned()
}

/// What was done, about what, and with which value.
fn deed(entry: &AuditEntry, language: Language) -> String {
    let note = &entry.note;
    let value = note.value.map(|value| value.to_string()).unwrap_or_default();
    let parts = [name(note.what, language).to_owned(), printable(&note.about), value];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn name(deed: Deed, language: Language) -> &'static str {
    let (english, chinese) = match deed {
        Deed::Start => ("start", "启动"),
        Deed::Stop => ("stop", "停止"),
        Deed::LogIn => ("log in", "登录"),
        Deed::Ask => ("ask the interface", "访问接口"),
        Deed::Hold => ("hold", "保持"),
        Deed::Release => ("let go", "释放"),
        Deed::EnterEvent => ("enter event", "录入事件"),
        Deed::ReplyToEvent => ("reply to event", "答复事件"),
        Deed::CancelEvent => ("cancel event", "作废事件"),
        Deed::EnterValue => ("enter value", "人工录入"),
        Deed::RuleEvent => ("correct event", "更正底数事件"),
        Deed::Commit => ("commit", "提交配置"),
        Deed::RollBack => ("roll back", "撤销配置"),
        Deed::Relearn => ("relearn", "重新学习"),
        Deed::SetPassword => ("set password", "设置密码"),
        Deed::IssueToken => ("issue token", "签发令牌"),
        Deed::RevokeToken => ("revoke token", "吊销令牌"),
        Deed::Claim => ("claim", "认领"),
        Deed::Export => ("export", "导出"),
        Deed::BackUp => ("back up", "备份"),
        Deed::Restore => ("restore", "恢复"),
        Deed::Update => ("update", "升级"),
        Deed::Further => ("further refusals", "其余拒绝"),
    };
    language.pick(english, chinese)
}

fn outcome(entry: &AuditEntry, offset: UtcOffset, language: Language) -> String {
    let outcome = match (entry.note.outcome, language) {
        (Outcome::Done, _) => language.pick("done", "完成").to_owned(),
        (Outcome::Refused(reason), Language::English) => format!("REFUSED: {}", why(reason, language)),
        (Outcome::Refused(reason), Language::Chinese) => format!("拒绝：{}", why(reason, language)),
    };
    let last = local(entry.last, offset);
    match (entry.count, language) {
        (1, _) => outcome,
        (count, Language::English) => format!("{outcome}; {count} times, last {last}"),
        (count, Language::Chinese) => format!("{outcome}；共 {count} 次，最近 {last}"),
    }
}

fn why(reason: Reason, language: Language) -> &'static str {
    let (english, chinese) = match reason {
        Reason::WrongPassword => ("wrong password", "密码错误"),
        Reason::NoSuchToken => ("no such token", "令牌无效"),
        Reason::TokenExpired => ("token expired", "令牌过期"),
        Reason::NoRight => ("no right to it", "无权限"),
        Reason::TooOften => ("too often", "过于频繁"),
        Reason::LockedOut => ("locked out", "已锁定"),
        Reason::NoSuchName => ("nothing of that name", "名称不存在"),
        Reason::NotAllowed => ("the site file does not let it be", "配置不允许"),
        Reason::OutOfRange => ("out of range", "超出范围"),
        Reason::Malformed => ("not as it should be written", "格式错误"),
        Reason::TooLate => ("too late", "已过时限"),
        Reason::ClockUnset => ("the clock is not set", "时钟未校准"),
        Reason::NothingThere => ("nothing there", "没有可操作的内容"),
        Reason::Conflict => ("something else stands there", "与现状冲突"),
        Reason::Full => ("too many", "数量已满"),
        Reason::Medium => ("the medium took or gave nothing", "介质故障"),
        Reason::Faulty => ("the site file would have faults", "配置有误"),
        Reason::NotApplied => ("written, but not at work", "已写入但未生效"),
        Reason::Other => ("another reason", "其他原因"),
    };
    language.pick(english, chinese)
}
