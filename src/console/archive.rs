//! What came of an export, a backup or a restore, in either language; pure.

use crate::language::Language;
use crate::ops::archive::{ArchiveError, AuditReport, BackupReport, ExportReport, RestoreReport};
use crate::store::backup::BackupError;

/// What was exported.
#[must_use]
pub fn exported(report: &ExportReport, language: Language) -> String {
    let (readings, unread) = (report.readings, unread(report.unread, language));
    match language {
        Language::English => format!("exported: {readings} readings{unread}\n"),
        Language::Chinese => format!("已导出：读数 {readings}{unread}\n"),
    }
}

/// What was exported of the audit book.
#[must_use]
pub fn audit_exported(report: &AuditReport, language: Language) -> String {
    let AuditReport { entries, gone } = report;
    match language {
        Language::English => format!("exported: {entries} entries; {gone} older ones had to go before\n"),
        Language::Chinese => format!("已导出：审计记录 {entries} 条；更早的 {gone} 条已被清除\n"),
    }
}

/// What a backup holds.
#[must_use]
pub fn backed_up(report: &BackupReport, language: Language) -> String {
    let BackupReport { scans, readings, bytes, .. } = report;
    let unread = unread(report.unread, language);
    match language {
        Language::English => {
            format!("backed up: {readings} readings of {scans} scans, {bytes} bytes{unread}\n")
        }
        Language::Chinese => format!("已备份：读数 {readings}，扫描 {scans}，文件 {bytes} 字节{unread}\n"),
    }
}

/// What a restore did.
#[must_use]
pub fn restored(report: &RestoreReport, language: Language) -> String {
    let RestoreReport { readings, readings_added: added, records, records_added, .. } = report;
    let there = readings - added;
    let beside = match (records, language) {
        (0, _) => String::new(),
        (_, Language::English) => format!("; of {records} entries of other tables {records_added} added"),
        (_, Language::Chinese) => format!("；其他表 {records} 条中新增 {records_added} 条"),
    };
    match language {
        Language::English => {
            format!("restored: {added} readings added, {there} were there already{beside}\n")
        }
        Language::Chinese => format!("已恢复：新增读数 {added}，已有 {there}{beside}\n"),
    }
}

fn unread(stretches: u64, language: Language) -> String {
    match (stretches, language) {
        (0, _) => String::new(),
        (_, Language::English) => {
            format!("; {stretches} stretches of the store do not read back or went meanwhile and are missing")
        }
        (_, Language::Chinese) => format!("；存储中有 {stretches} 段无法读取或期间已被清除，未包含在内"),
    }
}

/// Why it did not happen, or not to the end.
pub(super) fn failure(error: &ArchiveError, language: Language) -> String {
    let chinese = match (error, language) {
        (_, Language::English) => return format!("{error}\n"),
        (ArchiveError::Exists(path), _) => {
            format!("{} 已存在，不覆盖任何文件；请换一个文件名，或先将其删除", path.display())
        }
        (ArchiveError::File { path, source }, _) => {
            format!("{}：{source}；请确认目录存在、介质有空间、网关用户可访问", path.display())
        }
        (ArchiveError::Refused { path, fault }, _) => {
            format!("{} 未恢复，未作任何更改：{}", path.display(), backup_fault(fault))
        }
        (ArchiveError::Interrupted { readings_added, reason }, _) => {
            format!("新增 {readings_added} 条读数后中止：{reason}；处理后请重新恢复，已有的读数会跳过")
        }
        (ArchiveError::Busy, _) => "另有备份或恢复正在进行，请等待其结束".to_owned(),
        (other, _) => other.to_string(),
    };
    chinese + "\n"
}

fn backup_fault(fault: &BackupError) -> String {
    let remedy = "请重新复制该文件，或使用更早的备份";
    match fault {
        BackupError::NotABackup => "不是备份文件；请选择由 backup 写出的文件".to_owned(),
        BackupError::Version(version) => format!("备份版本为 {version}，本程序不能读取；请用较新的程序恢复"),
        BackupError::Truncated { at } => format!("文件在第 {at} 字节处中断，不完整；{remedy}"),
        BackupError::Damaged { at, reason } => format!("从第 {at} 字节起的部分已损坏（{reason}）；{remedy}"),
        BackupError::Io(error) => error.to_string(),
    }
}
