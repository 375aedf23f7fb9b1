//! How an update stands and what came of it, in either language; pure.

use std::fmt::Write;

use super::table::printable;
use crate::language::Language;
use crate::ops::update::TrialOrder;
use crate::slots::Reason;
use crate::update::{Manifest, State, UpdateError, View};

/// How an update stands, in a line or two.
#[must_use]
pub fn update(view: Option<&View>, language: Language) -> String {
    let Some(view) = view else {
        return language.pick("update  this machine has no slots\n", "升级  本机没有双系统分区\n").to_owned();
    };
    let slot = view.slot.map_or("?", |slot| slot.name());
    let (running, state) = (view.running, state(view, language));
    let mut text = match language {
        Language::English => format!("update  {state}; release {running} in slot {slot}\n"),
        Language::Chinese => format!("升级  {state}；当前版本 {running}，分区 {slot}\n"),
    };
    if let Some(fault) = &view.fault {
        let _ = writeln!(text, "  {}", printable(fault.in_words(language)));
    }
    text
}

fn state(view: &View, language: Language) -> String {
    let offered = view.offered.map_or_else(String::new, |version| format!(" {version}"));
    let (english, chinese) = match &view.state {
        State::Idle => ("nothing under way".to_owned(), "无进行中的升级".to_owned()),
        State::Receiving { bytes, of } => {
            let percent = percent(*bytes, *of);
            (format!("receiving{offered}, {percent} %"), format!("正在接收{offered}，{percent} %"))
        }
        State::Checking => (format!("checking{offered}"), format!("正在校验{offered}")),
        State::Ready => (
            format!("{}ready; a restart tries it", lead(&offered)),
            format!("{}已就绪，重启后试运行", lead(&offered)),
        ),
        State::Trial => (
            "ON TRIAL; it is confirmed when all has gone well for a minute".to_owned(),
            "试运行中；连续正常一分钟后自动确认".to_owned(),
        ),
        State::Confirmed => ("confirmed".to_owned(), "已确认".to_owned()),
        State::RolledBack { reason } => {
            let word = reason.word();
            (format!("ROLLED BACK ({word})"), format!("已回退（{word}{}）", in_chinese(reason)))
        }
    };
    language.pick(&english, &chinese).to_owned()
}

/// What stands behind the word of a reason.
fn in_chinese(reason: &Reason) -> &'static str {
    let known = [
        (Reason::NONE, "：原因未能记录"),
        (Reason::PANIC, "：内核崩溃"),
        (Reason::SITE_REFUSED, "：新版本不接受站点文件"),
        (Reason::UNHEALTHY, "：未能正常工作"),
        (Reason::CRASH_LOOP, "：程序反复退出"),
        (Reason::DAMAGED, "：分区内容损坏"),
        (Reason::UNBOOTABLE, "：无法启动"),
        (Reason::BY_HAND, "：人工回退"),
    ];
    known.iter().find(|(of, _)| of == reason).map_or("", |(_, told)| told)
}

fn lead(offered: &str) -> String {
    offered.strip_prefix(' ').map_or_else(String::new, |offered| format!("{offered} "))
}

fn percent(bytes: u64, of: u64) -> u64 {
    bytes.saturating_mul(100).checked_div(of).unwrap_or(0)
}

/// A bundle that was looked at and is good.
#[must_use]
pub fn checked(manifest: &Manifest, language: Language) -> String {
    let (version, board) = (manifest.version, &manifest.board);
    match language {
        Language::English => format!("release {version} for {board}; signature and contents are good\n"),
        Language::Chinese => format!("版本 {version}，适用 {board}；签名与内容均正确\n"),
    }
}

/// A bundle that was taken.
#[must_use]
pub fn taken(view: &View, restarts: bool, language: Language) -> String {
    let version = view.offered.map_or_else(String::new, |version| version.to_string());
    match (restarts, language) {
        (true, Language::English) => format!("release {version} is written; the box restarts and tries it\n"),
        (true, Language::Chinese) => format!("版本 {version} 已写入；设备即将重启并试运行\n"),
        (false, Language::English) => format!("release {version} is written; the next restart tries it\n"),
        (false, Language::Chinese) => format!("版本 {version} 已写入；下次重启后试运行\n"),
    }
}

/// What came of ending a trial by hand.
pub(super) fn decided(order: TrialOrder, restarts: bool, language: Language) -> String {
    match (order, restarts) {
        (TrialOrder::Confirm, _) => {
            language.pick("confirmed; this release stays\n", "已确认，保留当前版本\n")
        }
        (TrialOrder::Back, true) => {
            language.pick("the box restarts into the other slot\n", "设备即将重启到另一分区\n")
        }
        (TrialOrder::Back, false) => {
            language.pick("taken back; a restart changes nothing\n", "已撤销，重启后仍为当前版本\n")
        }
    }
    .to_owned()
}

/// What is said before the box starts anew as it was delivered.
#[must_use]
pub fn reset(language: Language) -> String {
    language
        .pick(
            "it starts anew as it was delivered; everything that it has kept is removed\n",
            "设备将重新启动并恢复出厂状态；保存的全部内容将被清除\n",
        )
        .to_owned()
}

/// Why an update was not taken.
#[must_use]
pub fn failure(error: &UpdateError, language: Language) -> String {
    format!("{}\n", printable(&error.in_words(language)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::{Reason, Slot};
    use crate::update::Version;

    fn view(state: State) -> View {
        let version = |text| Version::parse(text).unwrap();
        View {
            state,
            slot: Some(Slot::A),
            running: version("0.1.0"),
            offered: Some(version("0.2.0")),
            fault: None,
        }
    }

    #[test]
    fn every_state_is_a_line_in_both_languages() {
        for (state, english, chinese) in [
            (State::Idle, "nothing under way", "无进行中"),
            (State::Receiving { bytes: 50, of: 200 }, "receiving 0.2.0, 25 %", "正在接收 0.2.0，25 %"),
            (State::Receiving { bytes: 5, of: 0 }, "0 %", "0 %"),
            (State::Checking, "checking 0.2.0", "正在校验"),
            (State::Ready, "0.2.0 ready; a restart tries it", "已就绪"),
            (State::Trial, "ON TRIAL", "试运行中"),
            (State::Confirmed, "confirmed", "已确认"),
            (
                State::RolledBack { reason: Reason::UNHEALTHY },
                "ROLLED BACK (unhealthy)",
                "已回退（unhealthy：未能正常工作）",
            ),
        ] {
            let view = view(state);
            let (in_english, in_chinese) =
                (update(Some(&view), Language::English), update(Some(&view), Language::Chinese));
            assert!(
                in_english.contains(english) && in_english.ends_with("release 0.1.0 in slot a\n"),
                "{in_english}"
            );
            assert!(in_chinese.contains(chinese) && in_chinese.contains("分区 a"), "{in_chinese}");
        }
    }

    #[test]
    fn why_the_last_one_was_not_taken_stands_below() {
        let fault = |error: UpdateError| Some((&error).into());
        let no_good = UpdateError::NotTaken("no\u{1b}[2J good".to_owned().into());
        let failed = View { fault: fault(no_good), ..view(State::Idle) };
        let text = update(Some(&failed), Language::English);
        assert!(text.lines().count() == 2 && !text.contains('\u{1b}'), "{text}");

        let idle = View { fault: fault(UpdateError::Idle), ..view(State::Idle) };
        let told = |language| update(Some(&idle), language);
        assert!(told(Language::English).ends_with("send it again from the start\n"));
        assert!(told(Language::Chinese).ends_with("请从头重新发送\n"), "{}", told(Language::Chinese));
    }
}
