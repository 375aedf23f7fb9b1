//! `export`, `backup` and `restore`: by the gateway that runs on the data folder, or without one.

use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use crate::config::site::StoreSettings;
use crate::console::Language;
use crate::console::archive::{audit_exported, backed_up, exported, restored};
use crate::console::orders::{AskError, Order, ask};
use crate::failure::Failure;
use crate::gateway::machine_clock;
use crate::model::audit::{Note, Outcome, Reason};
use crate::ops::archive::{self, ArchiveError, ExportOrder, Labels, NewFile};
use crate::rights;
use crate::store::Store;
use crate::time::{Clock, SystemClock, UtcOffset};

/// How often a terminal is told how far something has come.
const PROGRESS_PERIOD: Duration = Duration::from_millis(200);

/// What `export` is asked for.
#[derive(Args)]
pub struct ExportOptions {
    /// The data folder, of a running gateway too
    #[arg(long, default_value = DATA)]
    data: PathBuf,
    /// The audit book instead of readings
    #[arg(long, conflicts_with_all = ["point", "parameter", "from", "to"])]
    audit: bool,
    /// Only this point
    #[arg(long)]
    point: Option<String>,
    /// Only this parameter
    #[arg(long)]
    parameter: Option<String>,
    /// From this instant on, such as 2024-06-12 or 2024-06-12T10:30:00+08:00
    #[arg(long)]
    from: Option<String>,
    /// Before this instant
    #[arg(long)]
    to: Option<String>,
    /// Into this file instead of standard output
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What `backup` and `restore` are asked for.
#[derive(Args)]
pub struct FileOptions {
    /// The data folder, of a running gateway too
    #[arg(long, default_value = DATA)]
    data: PathBuf,
    /// The file
    file: PathBuf,
}

/// Where the service keeps its data.
const DATA: &str = "/var/lib/cems-gateway";

/// `export`: readings, or the audit book, as CSV.
///
/// # Errors
/// When there is no store, the order names what there is not, or the output takes no more.
pub fn export(options: ExportOptions) -> Result<ExitCode, Failure> {
    let ExportOptions { data, audit, point, parameter, from, to, out } = options;
    let readings = ExportOrder { point, parameter, from, to };
    let order = if audit { Order::ExportAudit } else { Order::Export(readings) };
    let text = match out {
        None => carry_out(&data, &order, io::stdout().lock())?,
        Some(path) => {
            let remedy = "see that its folder exists and is writable";
            let refused = |error| Failure::new(format!("{}: {error}; {remedy}", path.display()));
            carry_out(&data, &order, rights::private_file(&path).map_err(refused)?)?
        }
    };
    // Standard output may be the CSV itself.
    whisper(&text);
    Ok(ExitCode::SUCCESS)
}

/// `backup`: everything that is stored, in one file.
///
/// # Errors
/// When there is no store, the file is there or cannot be written.
pub fn backup(options: &FileOptions) -> Result<ExitCode, Failure> {
    let new = NewFile::begin(&options.file).map_err(Failure::new)?;
    let file = new.file().try_clone().map_err(Failure::new)?;
    let text = carry_out(&options.data, &Order::Backup(file), io::sink())?;
    new.keep().map_err(Failure::new)?;
    whisper(&text);
    Ok(ExitCode::SUCCESS)
}

/// `restore`: adds from a backup what the store does not have.
///
/// # Errors
/// When the file is no whole backup, or the store takes no writes.
pub fn restore(options: &FileOptions) -> Result<ExitCode, Failure> {
    let file = archive::open_backup(&options.file).map_err(Failure::new)?;
    let order = Order::Restore(file, options.file.clone());
    whisper(&carry_out(&options.data, &order, io::sink())?);
    Ok(ExitCode::SUCCESS)
}

/// Lets the gateway do it that runs on `data`, or does it here when none runs. Gives what was done; nothing
/// when the reader of the output has left, as `head` does: that is no failure, and nobody is told.
fn carry_out(data: &Path, order: &Order, mut out: impl Write) -> Result<String, Failure> {
    let mut line = ProgressLine::default();
    let asked = ask(data, order, &mut out, |done, of| line.show(done, of));
    let done = match asked {
        Err(AskError::NoGateway { .. }) => {
            let folder = Folder::open(data, matches!(order, Order::Restore(..)))?;
            let done = alone(&folder.store, order, out, &mut |done, of| line.show(done, of));
            note(&folder.store, order.note(), &done);
            folder.leave()?;
            done.map_err(|error| (Failure::new(&error), kind_of_output(&error)))
        }
        asked => asked.map_err(|error| (Failure::new(&error), kind_of_asked(&error))),
    };
    line.clear();
    match done {
        Err((_, Some(ErrorKind::BrokenPipe))) => Ok(String::new()),
        done => done.map_err(|(failure, _)| failure),
    }
}

fn kind_of_output(error: &ArchiveError) -> Option<ErrorKind> {
    match error {
        ArchiveError::Output(error) => Some(error.kind()),
        _ => None,
    }
}

fn kind_of_asked(error: &AskError) -> Option<ErrorKind> {
    match error {
        AskError::Output(error) => Some(error.kind()),
        _ => None,
    }
}

/// A data folder on which no gateway runs.
struct Folder {
    store: Store,
    data: PathBuf,
    /// User and group that own it, where this process is another user.
    owner: Option<(u32, u32)>,
}

impl Folder {
    fn open(data: &Path, may_be_new: bool) -> Result<Self, Failure> {
        if !may_be_new && !data.join("db").exists() {
            let what = "there is no store in it; give the folder of 'run --data'";
            return Err(Failure::new(format!("{}: {what}", data.display())));
        }
        let own = rustix::process::geteuid();
        let owner = data.metadata().ok().map(|folder| (folder.uid(), folder.gid()));
        let owner = owner.filter(|(user, _)| *user != own.as_raw());
        if let Some((user, _)) = owner.filter(|_| !own.is_root()) {
            let what = "run this as that user or as root, or while the gateway runs";
            return Err(Failure::new(format!("{} belongs to user {user}; {what}", data.display())));
        }
        // How much is kept for how long is the gateway's business, when it runs again.
        let keep_all =
            StoreSettings { raw_days: u32::MAX, size_max_mib: u32::MAX, ..StoreSettings::default() };
        let store = Store::open(data, &keep_all).map_err(Failure::new)?;
        Ok(Self { store, data: data.to_owned(), owner })
    }

    /// Closes the store; what root has written there goes to the folder's owner, who could not open it
    /// otherwise.
    fn leave(self) -> Result<(), Failure> {
        self.store.close().map_err(Failure::new)?;
        let Some((user, group)) = self.owner else { return Ok(()) };
        hand_over(&self.data, user, group).map_err(|error| {
            let what = format!("give it and all in it back to user {user} with 'chown -R'");
            Failure::new(format!("{}: {error}; {what}", self.data.display()))
        })
    }
}

fn hand_over(folder: &Path, user: u32, group: u32) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        lchown(entry.path(), Some(user), Some(group))?;
        if entry.file_type()?.is_dir() {
            hand_over(&entry.path(), user, group)?;
        }
    }
    Ok(())
}

/// Does it here.
fn alone(
    store: &Store,
    order: &Order,
    out: impl Write,
    progress: archive::Progress<'_>,
) -> Result<String, ArchiveError> {
    let language = Language::English;
    match order {
        Order::Export(order) => archive::export(store, &Labels::default(), order, out, progress)
            .map(|report| exported(&report, language)),
        Order::ExportAudit => {
            archive::export_audit(store, UtcOffset::UTC, out).map(|report| audit_exported(&report, language))
        }
        Order::Backup(file) => archive::backup(store, SystemClock.now(), file, progress)
            .map(|report| backed_up(&report, language)),
        Order::Restore(file, name) => {
            archive::restore(store, file, name, progress).map(|report| restored(&report, language))
        }
    }
}

/// Notes what came of it in the audit book of the folder.
fn note(store: &Store, note: Note, done: &Result<String, ArchiveError>) {
    let outcome = match done {
        Ok(_) => Outcome::Done,
        Err(error) => Outcome::Refused(Reason::from(error)),
    };
    store.note_audit(Note { outcome, ..note }, &machine_clock(store, false).sight());
}

/// Tells a person at standard error, where there is one.
fn whisper(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// How far something has come, on one line of a terminal.
#[derive(Default)]
struct ProgressLine {
    shown_at: Option<Instant>,
}

impl ProgressLine {
    fn show(&mut self, done: u64, of: u64) {
        if !io::stderr().is_terminal() || self.shown_at.is_some_and(|at| at.elapsed() < PROGRESS_PERIOD) {
            return;
        }
        self.shown_at = Some(Instant::now());
        whisper(&format!("\r{:3} %", (done * 100).checked_div(of).unwrap_or(0)));
    }

    fn clear(&self) {
        if self.shown_at.is_some() {
            whisper("\r      \r");
        }
    }
}
