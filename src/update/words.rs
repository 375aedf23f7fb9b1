//! Why an update is not taken, in the language of whoever asks; pure.

use super::bundle::BundleError;
use super::error::UpdateError;
use super::manifest::ManifestFault;
use super::signature::SignatureFault;
use crate::language::Language;

/// Why the last update was not taken, kept in both languages: nobody knows yet who will ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    english: String,
    chinese: String,
}

impl Fault {
    /// As `language` has it.
    #[must_use]
    pub fn in_words(&self, language: Language) -> &str {
        language.pick(&self.english, &self.chinese)
    }
}

impl From<&UpdateError> for Fault {
    fn from(error: &UpdateError) -> Self {
        let [english, chinese] =
            [Language::English, Language::Chinese].map(|language| error.in_words(language));
        Self { english, chinese }
    }
}

/// What a part of the system says, which knows one language.
impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self { english: text.clone(), chinese: text }
    }
}

impl UpdateError {
    /// Why it is not taken and what to do, as `language` has it.
    #[must_use]
    pub fn in_words(&self, language: Language) -> String {
        match language {
            Language::English => self.to_string(),
            Language::Chinese => self.in_chinese(),
        }
    }

    fn in_chinese(&self) -> String {
        match self {
            Self::OtherGateway { id } => format!("本网关为 {id}；请按 status 所示输入，以免误操作"),
            Self::NoSlots => "本机没有双系统分区（无 board.toml）；请用安装包升级程序".to_owned(),
            Self::UnknownSlot => {
                "内核命令行未指明分区（cems.slot=），无法确定可写的分区；请用本设备的映像启动".to_owned()
            }
            Self::OnTrial => {
                "当前系统仍在试运行，另一分区是退路；请等试运行结束，或用 update confirm / update back 结束"
                    .to_owned()
            }
            Self::Busy(_) => "另有升级正在进行；请等其结束，或十分钟无数据后自动放弃".to_owned(),
            Self::Idle => "已十分钟未收到数据，本次升级已放弃；请从头重新发送".to_owned(),
            Self::Checking => "正在校验上一个升级包，请稍候".to_owned(),
            Self::Offset { expected } => format!("数据未与已收内容衔接；请从第 {expected} 字节起继续发送"),
            Self::Piece(bytes_max) => format!("一次发送的数据超过 {bytes_max} 字节；请分成更小的块"),
            Self::OtherBoard { made_for, board } => {
                format!("升级包适用 {made_for}，本机为 {board}；请使用对应的升级包")
            }
            Self::NotNewer { offered, running } => {
                format!("升级包版本 {offered}，当前已是 {running}；如确需写入请加 force（--force）")
            }
            Self::TooLarge { image, bytes, bytes_max } => {
                format!("{image} 映像 {bytes} 字节，分区只能容纳 {bytes_max}；请缩小映像")
            }
            Self::ReadBack { slot } => format!("分区 {slot} 回读与写入不符；存储介质已损坏，请更换"),
            Self::Medium(error) => format!("存储介质：{error}；请检查介质及设备权限"),
            Self::NoTrial => "没有试运行中的系统；用 update 查看状态".to_owned(),
            Self::NothingToGoBackTo => "另一分区没有可启动的系统；请用升级包写入所需版本".to_owned(),
            Self::Bundle(fault) => bundle_in_chinese(fault),
            Self::NotTaken(fault) => fault.chinese.clone(),
        }
    }
}

fn bundle_in_chinese(fault: &BundleError) -> String {
    match fault {
        BundleError::NotABundle => "不是本网关的升级包；请选择 .cems 文件".to_owned(),
        BundleError::Signature(fault) => signature_in_chinese(*fault).to_owned(),
        BundleError::Manifest(fault) => manifest_in_chinese(fault),
        BundleError::Image(image) => format!("{image} 映像与清单不符，文件已损坏；请重新获取"),
        BundleError::Trailing => "文件末尾有多余内容；请重新获取".to_owned(),
        BundleError::Truncated(bytes) => format!("文件只有 {bytes} 字节，不完整；请重新获取"),
        BundleError::Io(error) => format!("文件无法读取：{error}；请确认文件存在且可读"),
    }
}

fn signature_in_chinese(fault: SignatureFault) -> &'static str {
    match fault {
        SignatureFault::Key => "update_key 不是公钥；请填写 minisign 的 .pub 文件中以 RW 开头的一行",
        SignatureFault::Form => "签名的写法与 deploy/bundle 不同；请用它制作升级包",
        SignatureFault::OtherKey => "签名所用的密钥不是本设备的 update_key；请使用为本设备制作的升级包",
        SignatureFault::Wrong => "签名不符，文件已损坏或被改动；请重新获取",
    }
}

fn manifest_in_chinese(fault: &ManifestFault) -> String {
    match fault {
        ManifestFault::Toml => "升级包清单不是 TOML；请用 deploy/bundle 制作升级包".to_owned(),
        ManifestFault::Format(format) => {
            format!("升级包清单格式为 {format}，当前版本无法识别；请先升级到两者之间的版本")
        }
        ManifestFault::Key(key) => format!("升级包清单的 {key} 无效；请用 deploy/bundle 制作升级包"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::update::Version;

    /// One of each kind, as the compiler knows them by [`UpdateError::in_chinese`].
    fn all() -> Vec<UpdateError> {
        let version = || Version::parse("1.2.3").unwrap();
        let signatures =
            [SignatureFault::Key, SignatureFault::Form, SignatureFault::OtherKey, SignatureFault::Wrong];
        let manifests = [ManifestFault::Toml, ManifestFault::Format(2), ManifestFault::Key("board")];
        let bundles = [
            BundleError::NotABundle,
            BundleError::Image("root"),
            BundleError::Trailing,
            BundleError::Truncated(5),
            BundleError::Io(io::Error::from_raw_os_error(2)),
        ];
        let bundles = bundles.into_iter().chain(signatures.map(BundleError::Signature));
        let bundles = bundles.chain(manifests.map(BundleError::Manifest)).map(UpdateError::Bundle);
        let others = [
            UpdateError::NoSlots,
            UpdateError::UnknownSlot,
            UpdateError::OnTrial,
            UpdateError::Busy("a console".to_owned()),
            UpdateError::Idle,
            UpdateError::Checking,
            UpdateError::Offset { expected: 4_711 },
            UpdateError::Piece(65_536),
            UpdateError::OtherBoard { made_for: "x".to_owned(), board: "y".to_owned() },
            UpdateError::NotNewer { offered: version(), running: version() },
            UpdateError::TooLarge { image: "root", bytes: 9, bytes_max: 5 },
            UpdateError::ReadBack { slot: "b" },
            UpdateError::Medium(io::Error::from_raw_os_error(5)),
            UpdateError::OtherGateway { id: "CEMS-1".to_owned() },
            UpdateError::NotTaken(Fault::from(&UpdateError::NoTrial)),
            UpdateError::NoTrial,
            UpdateError::NothingToGoBackTo,
        ];
        bundles.chain(others).collect()
    }

    #[test]
    fn every_fault_is_told_in_the_language_of_whoever_asks() {
        // Words that are names and those of the operating system stay as they are.
        let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        for error in all() {
            let [english, chinese] = [Language::English, Language::Chinese].map(|of| error.in_words(of));
            assert!(!english.chars().any(is_chinese), "{english}");
            let count = chinese.chars().filter(|c| is_chinese(*c)).count();
            assert!(count >= 6 && !chinese.contains(" the "), "{chinese}");
            let fault = Fault::from(&error);
            assert_eq!(
                [Language::English, Language::Chinese].map(|of| fault.in_words(of)),
                [english, chinese]
            );
        }
    }
}
