//! Lines that are asked for more than they can do, as a technician reads it.

use crate::language::Language;
use crate::model::overload::{Overload, Overloads};

/// What `check` says of them.
pub(super) fn checked(overloads: &Overloads, language: Language) -> String {
    let head = language.pick("too much; 'commit' would refuse it:\n", "负载过重，commit 将被拒绝：\n");
    let refused =
        if overloads.added.is_empty() { String::new() } else { listed(head, &overloads.added, language) };
    refused + &kept(&overloads.kept, language)
}

/// What `commit` says where it refuses.
pub(super) fn refused(overloads: &[Overload], language: Language) -> String {
    let head = language.pick(
        "a line would be asked for more than it can do; nothing was written:\n",
        "有线路将超出其能力，未写入：\n",
    );
    listed(head, overloads, language)
}

/// A warning of those that were there before; nothing where there are none.
pub(super) fn kept(overloads: &[Overload], language: Language) -> String {
    if overloads.is_empty() {
        return String::new();
    }
    let head = language.pick(
        "warning: too much as before, which 'commit' lets pass:\n",
        "警告：以下线路此前即已过载，commit 不因此拒绝：\n",
    );
    listed(head, overloads, language)
}

fn listed(head: &str, overloads: &[Overload], language: Language) -> String {
    let line = |overload: &Overload| match language {
        Language::English => format!("  {overload}\n"),
        Language::Chinese => format!("  {}\n", in_chinese(overload)),
    };
    head.to_owned() + &overloads.iter().map(line).collect::<String>()
}

fn in_chinese(overload: &Overload) -> String {
    let Overload { line_id, share, shortest, meters, possible } = overload;
    let remedy = match possible {
        Some(possible) => format!("{} 可由 {shortest} 改为 {possible}", meters.join("、")),
        None => format!("仅加长 {shortest} 的间隔还不够"),
    };
    let percent = share * 100.0;
    format!("线路“{line_id}”将占用其时间的 {percent:.0} %；{remedy}；或提高波特率、少读寄存器、拆分线路")
}
