//! `update`: a bundle to the gateway that runs here, or only a look at it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::spoken::Spoken;
use crate::console::orders::{AskError, UpdateOrder, ask};
use crate::console::update::{checked, failure};
use crate::failure::{Failure, tell};
use crate::language::Language;
use crate::slots::{BOARD_FILE, Board};
use crate::update::{Admission, UpdateError, UpdateKey, Version, Wish, check_bundle};

/// What `update` is asked for.
#[derive(Args)]
pub struct UpdateOptions {
    /// The bundle, a .cems file
    file: PathBuf,
    /// The data folder of the running gateway
    #[arg(long, default_value = "/var/lib/cems-gateway")]
    data: PathBuf,
    /// Look whether it would be taken, without writing anything
    #[arg(long, conflicts_with = "no_restart")]
    check: bool,
    /// The file that describes the box, for --check
    #[arg(long, requires = "check")]
    board: Option<PathBuf>,
    /// Take the same release or an older one too
    #[arg(long)]
    force: bool,
    /// Leave it to the next restart to try it
    #[arg(long)]
    no_restart: bool,
    #[command(flatten)]
    spoken: Spoken,
}

/// `update`: has the running gateway take the bundle, or looks at it.
///
/// # Errors
/// Why it is not taken, or would not be.
pub fn update(options: &UpdateOptions) -> Result<ExitCode, Failure> {
    let language = options.spoken.language();
    let file = File::open(&options.file).map_err(|error| {
        let remedy = language.pick("see that it exists and is readable", "请确认文件存在且可读");
        Failure::new(format!("{}: {error}; {remedy}", options.file.display()))
    })?;
    let told = if options.check {
        check(file, options.board.as_deref(), options.force, language)?
    } else {
        let wish = Wish { forced: options.force, restarts: !options.no_restart };
        order(&options.data, &UpdateOrder { file, wish, language }, language)?
    };
    tell(told)?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: File, board: Option<&Path>, forced: bool, language: Language) -> Result<String, Failure> {
    let board = Board::load(board).map_err(Failure::config)?.ok_or_else(|| {
        let english = "is not there, so name the file that describes the box with --board";
        Failure::new(format!(
            "{BOARD_FILE} {}",
            language.pick(english, "不存在；请用 --board 指定板卡描述文件")
        ))
    })?;
    let key = UpdateKey::parse(&board.update_key)
        .map_err(|fault| Failure::config(format!("{BOARD_FILE}: {fault}")))?;
    let admission = Admission::of(&board, Version::of_this(), forced);
    let looked =
        check_bundle::<UpdateError>(io::BufReader::new(file), &key, |manifest| admission.admit(manifest));
    looked
        .map(|manifest| checked(&manifest, language))
        .map_err(|error| Failure::new(failure(&error, language)))
}

fn order(data: &Path, order: &UpdateOrder, language: Language) -> Result<String, Failure> {
    let mut shown = None;
    let asked = ask(data, order, io::sink(), |done, of| {
        let percent = done.saturating_mul(100).checked_div(of).unwrap_or(0);
        if io::stderr().is_terminal() && shown.replace(percent) != Some(percent) {
            // Nobody is worse off where it cannot be shown.
            let _unseen = write!(io::stderr(), "\r{percent:3} %");
        }
    });
    if shown.is_some() {
        let _unseen = write!(io::stderr(), "\r     \r");
    }
    asked.map_err(|error| match error {
        AskError::NoGateway { path, source } => Failure::new(match language {
            Language::English => format!(
                "no gateway answers at {}: {source}; start it, or name its folder with --data; an update goes through the gateway that runs",
                path.display()
            ),
            Language::Chinese => {
                format!("{} 无网关应答：{source}；请先启动网关，或用 --data 指定其数据目录", path.display())
            }
        }),
        other => Failure::new(other),
    })
}
