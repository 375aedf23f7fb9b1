//! How an update stands and what came of it, in either language; pure.

use std::fmt::Write;

use super::table::printable;
use crate::language::Language;
use crate::ops::update::TrialOrder;
use crate::update::{BundleError, Manifest, State, UpdateError, View};

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
        let _ = writeln!(text, "  {}", printable(fault));
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
            let reason = reason.word();
            (format!("ROLLED BACK ({reason})"), format!("已回退（{reason}）"))
        }
    };
    language.pick(&english, &chinese).to_owned()
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
    let chinese = match (error, language) {
        (_, Language::English) => return format!("{}\n", printable(&error.to_string())),
        (UpdateError::OtherGateway { id }, _) => format!("本网关为 {id}；请按 status 所示输入，以免误操作"),
        (UpdateError::NoSlots, _) => "本机没有双系统分区（无 board.toml）；请用安装包升级程序".to_owned(),
        (UpdateError::UnknownSlot, _) => "内核命令行未指明分区（cems.slot=），无法确定可写的分区".to_owned(),
        (UpdateError::OnTrial, _) => {
            "当前系统仍在试运行，另一分区是退路；请等试运行结束，或用 update confirm / update back 结束"
                .to_owned()
        }
        (UpdateError::Busy(_), _) => "另有升级正在进行；请等其结束，或十分钟无数据后自动放弃".to_owned(),
        (UpdateError::Checking, _) => "正在校验上一个升级包，请稍候".to_owned(),
        (UpdateError::OtherBoard { made_for, board }, _) => {
            format!("升级包适用 {made_for}，本机为 {board}；请使用对应的升级包")
        }
        (UpdateError::NotNewer { offered, running }, _) => {
            format!("升级包版本 {offered}，当前已是 {running}；如确需写入请加 force（--force）")
        }
        (UpdateError::TooLarge { image, bytes, bytes_max }, _) => {
            format!("{image} 映像 {bytes} 字节，分区只能容纳 {bytes_max}")
        }
        (UpdateError::ReadBack { slot }, _) => format!("分区 {slot} 回读与写入不符；存储介质已损坏，请更换"),
        (UpdateError::Medium(error), _) => format!("存储介质：{error}；请检查介质及设备权限"),
        (UpdateError::NoTrial, _) => "没有试运行中的系统；用 update 查看状态".to_owned(),
        (UpdateError::NothingToGoBackTo, _) => "另一分区没有可启动的系统；请用升级包写入所需版本".to_owned(),
        (UpdateError::Bundle(fault), _) => bundle_fault(fault),
        (UpdateError::Offset { .. } | UpdateError::Piece(_) | UpdateError::NotTaken(_), _) => {
            error.to_string()
        }
    };
    format!("{}\n", printable(&chinese))
}

fn bundle_fault(fault: &BundleError) -> String {
    match fault {
        BundleError::NotABundle => "不是本网关的升级包；请选择 .cems 文件".to_owned(),
        BundleError::Signature(_) => format!("签名不符，未写入任何内容（{fault}）"),
        BundleError::Manifest(_) => format!("升级包清单无法识别（{fault}）"),
        BundleError::Image(image) => format!("{image} 映像与清单不符，文件已损坏；请重新获取"),
        BundleError::Trailing | BundleError::Truncated(_) => "文件不完整或有多余内容；请重新获取".to_owned(),
        BundleError::Io(error) => format!("文件无法读取：{error}"),
    }
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
                "已回退（unhealthy）",
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
        let failed = View { fault: Some("no\u{1b}[2J good".to_owned()), ..view(State::Idle) };
        let text = update(Some(&failed), Language::English);
        assert!(text.lines().count() == 2 && !text.contains('\u{1b}'), "{text}");
    }
}
