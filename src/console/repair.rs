//! What the desk of repair says of itself, in either language; pure.

use std::fmt::Write as _;

use super::desk::{Applied, Head, Repair};
use super::overload;
use super::table::printable;
use super::update::update;
use crate::language::Language;

/// Faults that the greeting shows; `check` shows the others.
const FAULTS_SHOWN: usize = 3;

/// What is said to whoever comes, in both languages: the first faults, and what helps.
pub(super) fn greeting(repair: &Repair) -> String {
    let mut ways = vec![
        ("check".to_owned(), "all faults", "全部错误"),
        ("site show, site line".to_owned(), "read the file, write a line anew", "查看文件、改写某行"),
    ];
    if repair.has_good {
        ways.push(("rollback".to_owned(), "back to the file that ran last", "恢复上次运行的文件"));
    }
    if let Some(factory) = &repair.factory {
        ways.push((format!("site take {}", factory.display()), "the factory's file", "出厂文件"));
    }
    ways.push(("commit".to_owned(), "write it and start", "写入并启动"));
    let mut text = "NOTHING IS POLLED: the site file has faults / 未采集：站点文件有误\n".to_owned();
    text += &faults(repair, FAULTS_SHOWN);
    for (what, english, chinese) in ways {
        let _ = writeln!(text, "{what}: {english} / {chinese}");
    }
    text
}

/// The desk of repair at a glance.
pub(super) fn status(head: &Head, language: Language) -> String {
    let [id, name] = [&head.cems_id, &head.cems_name].map(|text| printable(text));
    let mut text = format!("{id}  {name}  cems-gateway {}\n", head.version);
    text += language.pick(
        "IN REPAIR: nothing is polled, kept or served, because the site file has faults\n",
        "维修状态：站点文件有误，未采集、未存储、未提供接口\n",
    );
    if let Some(repair) = &head.repair {
        text += &faults(repair, repair.faults.len());
    }
    if head.update.is_some() {
        text += &update(head.update.as_ref(), language);
    }
    if head.staged {
        text += language.pick(
            "edits are staged: 'check' tries them, 'commit' writes them and starts the gateway\n",
            "有暂存的修改：check 检查，commit 写入并启动网关\n",
        );
    }
    text
}

/// A command that needs a gateway at work.
pub(super) fn not_at_work(language: Language) -> String {
    let english = "that needs the gateway at work; the site file has faults: 'check' shows them\n";
    language.pick(english, "网关未运行，无法执行；站点文件有误，输入 check 查看\n").to_owned()
}

/// The file is good now.
pub(super) fn mended(applied: &Applied, language: Language) -> String {
    let done =
        language.pick("the site file has no faults; the gateway starts\n", "站点文件无误，网关正在启动\n");
    done.to_owned() + &overload::kept(&applied.overloads, language)
}

/// The first faults, as `check` tells them, and how many more there are.
fn faults(repair: &Repair, shown_max: usize) -> String {
    let shown = repair.faults.iter().take(shown_max).map(|fault| format!("  {}\n", printable(fault)));
    let mut text: String = shown.collect();
    let more = repair.faults.len().saturating_sub(shown_max);
    if more > 0 {
        let _ = writeln!(text, "  ... {more} more / 另有 {more} 处");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repair(faults: usize) -> Repair {
        let faults = (1..=faults).map(|line| format!("site.toml:{line}: [line] x: is \u{1b}wrong; mend it"));
        Repair { faults: faults.collect(), has_good: false, factory: None }
    }

    #[test]
    fn the_greeting_shows_the_first_faults_and_only_ways_that_there_are() {
        let told = greeting(&repair(5));
        assert!(told.contains("site.toml:3:") && !told.contains("site.toml:4:"), "{told}");
        assert!(told.contains("... 2 more / 另有 2 处") && !told.contains('\u{1b}'), "{told}");
        assert!(!told.contains("rollback") && !told.contains("site take"), "{told}");
        let factory = Some("/usr/lib/site.toml".into());
        let told = greeting(&Repair { has_good: true, factory, ..repair(1) });
        assert!(told.contains("rollback: ") && told.contains("site take /usr/lib/site.toml: "), "{told}");
        assert!(!told.contains("more /"), "{told}");
    }

    #[test]
    fn the_status_says_in_both_languages_that_nothing_is_polled() {
        let head = Head {
            cems_id: "CEMS-1".to_owned(),
            cems_name: "\u{1b}[2J".to_owned(),
            version: "1.2.3".to_owned(),
            staged: true,
            claim_code: None,
            update: None,
            repair: Some(repair(5)),
        };
        let english = status(&head, Language::English);
        assert!(english.contains("nothing is polled") && english.contains("site.toml:5:"), "{english}");
        assert!(english.contains("edits are staged") && !english.contains('\u{1b}'), "{english}");
        assert!(status(&head, Language::Chinese).contains("未采集"));
    }
}
