//! What went wrong, as a technician reads it: the thing, the reason and what to do.

use super::command::Refusal;
use super::desk::{PointView, ReadFailure};
use super::login::LoginError;
use super::overload;
use super::quality::{hint, quality};
use super::table::printable;
use crate::config::draft::DraftError;
use crate::config::edit::{EditError, Kind};
use crate::config::replace::beside;
use crate::config::text::remedy;
use crate::language::Language;
use crate::limits::{AUDIT_PAGE_MAX, CONFIG_BYTES_MAX, CONSOLE_LINE_BYTES_MAX};
use crate::model::quality::Quality;
use crate::time::TimeFault;

/// Why a line is no command.
pub(super) fn refusal(refusal: &Refusal, language: Language) -> String {
    let text = match (refusal, language) {
        (Refusal::Unknown(word), Language::English) => {
            format!("'{word}' is no command; 'help' lists them")
        }
        (Refusal::Unknown(word), Language::Chinese) => format!("没有命令“{word}”；输入 help 查看全部命令"),
        (Refusal::Usage(verb), _) => {
            let (write, example) = (language.pick("write it as", "写法"), language.pick("such as", "例如"));
            let written = format!("{} {}", verb.name(), verb.words());
            format!("{write}: {}\n{example}: {}", written.trim_end(), verb.example())
        }
        (Refusal::Quote, Language::English) => "a quotation mark is not closed".to_owned(),
        (Refusal::Quote, Language::Chinese) => "引号没有成对".to_owned(),
        (Refusal::Unit(given), Language::English) => {
            format!("'{given}' is no unit ID; give 1 to 247, over TCP 0 to 255")
        }
        (Refusal::Unit(given), Language::Chinese) => {
            format!("“{given}”不是电表地址；应为 1 至 247，TCP 线路为 0 至 255")
        }
        (Refusal::Table(given), Language::English) => {
            format!("'{given}' is no table; give holding, input, coil or discrete-input")
        }
        (Refusal::Table(given), Language::Chinese) => {
            format!("“{given}”不是寄存器表；应为 holding、input、coil 或 discrete-input")
        }
        (Refusal::Address(given), Language::English) => {
            format!("'{given}' is no protocol address; addresses count from 0 and end at 65535")
        }
        (Refusal::Address(given), Language::Chinese) => {
            format!("“{given}”不是协议地址；地址从 0 起，至 65535 止")
        }
        (Refusal::Count { given, max }, Language::English) => {
            format!("'{given}' is no count; one request reads 1 to {max} of this table")
        }
        (Refusal::Count { given, max }, Language::Chinese) => {
            format!("“{given}”不是有效数量；此表一次可读 1 至 {max} 个")
        }
        (Refusal::Key { given, known }, Language::English) => {
            format!("'{given}' is unknown here; known are {known}")
        }
        (Refusal::Key { given, known }, Language::Chinese) => format!("没有选项“{given}”；可用：{known}"),
        (Refusal::Twice(key), Language::English) => format!("'{key}' is given twice; give it once"),
        (Refusal::Twice(key), Language::Chinese) => format!("选项“{key}”重复；只能给出一次"),
        (Refusal::Ratio(given), Language::English) => {
            format!("'{given}' is no transformer ratio; give a number above 0, like 40")
        }
        (Refusal::Ratio(given), Language::Chinese) => format!("“{given}”不是变比；应为大于 0 的数，如 40"),
        (Refusal::Amount(given), Language::English) => {
            format!("'{given}' is no amount; give a number, like 450")
        }
        (Refusal::Amount(given), Language::Chinese) => format!("“{given}”不是数值；应为数字，如 450"),
        (Refusal::Time(given, _), Language::English) => {
            format!("'{given}' is no time; write it like 2024-08-06T13:00")
        }
        (Refusal::Time(given, _), Language::Chinese) => {
            format!("“{given}”不是时间；应写成 2024-08-06T13:00")
        }
        (Refusal::Interval(given, fault), _) => format!("{given}: {}", interval_fault(*fault, language)),
        (Refusal::Path(given), Language::English) => {
            format!("'{given}' is no path from the root of the box; write it as /media/usb/{given}")
        }
        (Refusal::Path(given), Language::Chinese) => {
            format!("“{given}”不是从根目录开始的路径；应写成 /media/usb/{given}")
        }
        (Refusal::Entries(given), Language::English) => {
            format!("'{given}' is no count; give 1 to {AUDIT_PAGE_MAX}")
        }
        (Refusal::Entries(given), Language::Chinese) => {
            format!("“{given}”不是有效条数；应为 1 至 {AUDIT_PAGE_MAX}")
        }
        (Refusal::Value(given), Language::English) => {
            format!("'{given}' is no value; give a number, or none to take back what was entered")
        }
        (Refusal::Value(given), Language::Chinese) => {
            format!("“{given}”不是数值；应为数字，或 none 表示撤回")
        }
        (Refusal::Event(given), Language::English) => {
            format!("'{given}' is no number of an event; 'events' lists them")
        }
        (Refusal::Event(given), Language::Chinese) => format!("“{given}”不是事件编号；输入 events 查看"),
        (Refusal::Correction(given), Language::English) => {
            format!(
                "'{given}' is nothing that an event can be; give rollover, reset, replaced, glitch, the amount that flowed, or assumed to take back what was said"
            )
        }
        (Refusal::Correction(given), Language::Chinese) => {
            format!(
                "“{given}”不是有效的更正；应为 rollover（翻转）、reset（清零）、replaced（换表）、glitch（误读）、电量数值，或 assumed（恢复推定）"
            )
        }
        (Refusal::Line(given), Language::English) => {
            format!("'{given}' is no number of a line; they count from 1, and 'site show' shows them")
        }
        (Refusal::Line(given), Language::Chinese) => {
            format!("“{given}”不是行号；行号从 1 起，输入 site show 查看")
        }
        (Refusal::Language(given), _) => format!("'{given}'? lang en = English, lang zh = 中文"),
    };
    text + "\n"
}

fn interval_fault(fault: TimeFault, language: Language) -> String {
    match language {
        Language::English => fault.to_string(),
        Language::Chinese => "不是时间间隔；应写成 PT1S、PT15M、PT1H 或 P1D".to_owned(),
    }
}

/// A line longer than fits.
pub(super) fn too_long(language: Language) -> String {
    match language {
        Language::English => {
            format!("the line has more than {CONSOLE_LINE_BYTES_MAX} bytes; nothing was done\n")
        }
        Language::Chinese => format!("此行超过 {CONSOLE_LINE_BYTES_MAX} 字节，未执行\n"),
    }
}

/// Why nobody can log in.
pub(super) fn login_error(error: &LoginError, language: Language) -> String {
    let text = match (error, language) {
        (error, Language::English) => error.to_string(),
        (LoginError::Damaged(path), Language::Chinese) => {
            format!("密码文件 {} 已损坏；删除后可重新设置密码", path.display())
        }
        (LoginError::File { path, source }, Language::Chinese) => {
            format!("无法读写密码文件 {}：{source}", path.display())
        }
        (LoginError::AlreadySet, Language::Chinese) => "密码已设置过".to_owned(),
        (LoginError::Hash(reason), Language::Chinese) => format!("无法处理密码：{reason}"),
    };
    printable(&text) + "\n"
}

/// A Point that is not there.
pub(super) fn no_such_point(id: &str, known: &[PointView], language: Language) -> String {
    let known = known.iter().map(|point| point.id.clone()).collect();
    edit_error(&EditError::Unknown { kind: Kind::Point, id: id.to_owned(), known }, language)
}

/// A unit that nobody has on a serial line.
pub(super) fn broadcast(line: &str, language: Language) -> String {
    edit_error(&EditError::Broadcast { line: line.to_owned() }, language)
}

/// Why registers could not be read.
pub(super) fn read_failure(failure: &ReadFailure, line: &str, language: Language) -> String {
    match failure {
        ReadFailure::NoSuchLine { known } => edit_error(
            &EditError::Unknown { kind: Kind::Line, id: line.to_owned(), known: known.clone() },
            language,
        ),
        ReadFailure::Failed(cause) => {
            let nothing = language.pick("nothing read: ", "读取失败：");
            let stop = language.pick("; ", "；");
            let cause_told = quality(Quality::Missing(*cause), language);
            format!("{nothing}{cause_told}{stop}{}\n", hint(*cause, language))
        }
    }
}

/// Why the draft or the file stays as it is. Faults of the file itself are told in English, as
/// `cems-gateway check` tells them.
pub(super) fn draft_error(error: &DraftError, language: Language) -> String {
    let text = match (error, language) {
        (DraftError::Edit(error), _) => return edit_error(error, language),
        (DraftError::Faults(faults), _) => {
            let head =
                language.pick("the site would have faults; nothing was written:", "配置有误，未写入：");
            return format!("{head}\n{faults}");
        }
        (DraftError::Overloaded(overloads), _) => return overload::refused(overloads, language),
        (DraftError::NothingStaged, _) => language.pick("nothing is staged", "没有暂存的修改").to_owned(),
        (error, Language::English) => printable(&error.to_string()),
        (DraftError::NothingToUndo, Language::Chinese) => {
            "没有暂存的修改，也没有可恢复的上一版配置".to_owned()
        }
        (DraftError::ChangedMeanwhile(path), Language::Chinese) => {
            let (file, previous) = (path.display(), beside(path, ".previous"));
            let previous = previous.display();
            format!(
                "{file} 已被他人修改，未作改动；有暂存的修改时，请先 rollback 放弃，再重新修改；没有时，请与 {previous} 比较后手工处理"
            )
        }
        (DraftError::NotApplied(reason), Language::Chinese) => {
            format!("配置已写入但未能生效：{}；可用 rollback 恢复上一版", printable(reason))
        }
        (DraftError::Disk { doing, path, source }, Language::Chinese) => {
            let doing = if *doing == "read" { "读取" } else { "写入" };
            let remedy = remedy(source, "请检查磁盘和文件权限");
            format!("无法{doing} {}：{source}；{remedy}", path.display())
        }
    };
    text + "\n"
}

fn edit_error(error: &EditError, language: Language) -> String {
    let text = match language {
        Language::English => error.to_string(),
        Language::Chinese => edit_error_in_chinese(error),
    };
    printable(&text) + "\n"
}

fn edit_error_in_chinese(error: &EditError) -> String {
    match error {
        EditError::NotToml(reason) => {
            format!("不是有效的站点文件（TOML）：{reason}；请先用 site show、site line 逐行改正")
        }
        EditError::NoLine { line, last } => format!("没有第 {line} 行；行号最大为 {last}"),
        EditError::TooLarge => format!("站点文件将超过 {CONFIG_BYTES_MAX} 字节；请先删减"),
        EditError::NotTables(kind) => {
            format!("配置文件中的 {0} 未写成 [[{0}]]；请用编辑器修改", kind.word())
        }
        EditError::Taken { kind, id } => format!("{}“{id}”已存在；请换一个 ID", kind_in_chinese(*kind)),
        EditError::Unknown { kind, id, known } => {
            format!("没有{}“{id}”；现有：{}", kind_in_chinese(*kind), listed(known))
        }
        EditError::UnitTaken { unit, line, meter } => {
            format!("线路“{line}”上的地址 {unit} 已被电表“{meter}”占用；两块表不能用同一地址")
        }
        EditError::Broadcast { line } => {
            format!("地址 0 是线路“{line}”的广播地址，没有电表会应答；应为 1 至 247")
        }
        EditError::RoleMissing => {
            "请给出测点在总量中的角色：role=main、branch、sub、check、production、der 等".to_owned()
        }
        EditError::CategoryMissing(known) => {
            format!("请给出测点所属分类：category=...，可选：{}", listed(known))
        }
        EditError::MeterInUse { meter, points } => {
            format!("电表“{meter}”正被测点 {} 使用；如需一并删除，请在末尾加 points", listed(points))
        }
        EditError::PointShared { point, other } => {
            format!("测点“{point}”还使用电表“{other}”；请先删除该测点或其参数")
        }
        EditError::NoMap(meter) => {
            format!("电表“{meter}”没有寄存器表型号；请用编辑器在配置文件中逐个描述寄存器")
        }
        EditError::NoMainRegister { map, registers } => {
            format!("型号“{map}”没有常用寄存器；请从中指定：{}", listed(registers))
        }
        EditError::BadId(id) => format!("“{id}”不能用作 ID；请用不超过 64 个的英文字母、数字、- _ ."),
    }
}

fn kind_in_chinese(kind: Kind) -> &'static str {
    match kind {
        Kind::Meter => "电表",
        Kind::Point => "测点",
        Kind::Line => "线路",
        Kind::Category => "分类",
        Kind::Platform => "平台",
        Kind::Map => "型号",
        Kind::Register => "寄存器",
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "无".to_owned() } else { names.join("、") }
}
