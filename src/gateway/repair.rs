//! The desk of repair: what a box does whose site file has faults. Nothing is polled, kept or served, but the serial
//! console and the socket of the consoles answer, so that a technician can mend the file.
//!
//! There is no store, and so no audit book: what is done here is logged.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use toml_edit::DocumentMut;

use super::desk::{Consoles, read_site};
use super::shared_draft::SharedDraft;
use super::watchman::Watchman;
use super::{RESTART_EXIT_CODE, runtime, shutdown_signal, view};
use crate::check;
use crate::config::LoadError;
use crate::config::difference::DiffLine;
use crate::config::draft::{Draft, DraftError, Undone};
use crate::config::edit::Edit;
use crate::config::site::Site;
use crate::console::desk::{Applied, CheckReport, Head, Progress, Repair, SiteDesk};
use crate::failure::Failure;
use crate::meters;
use crate::model::audit::{Deed, Outcome};
use crate::model::meter::{Parity, SerialSettings};
use crate::ops::update::{TrialOrder, reset_to_factory};
use crate::rights;
use crate::slots::{Board, Reason, SerialConsole};
use crate::update::{BundleError, Origin, State, UpdateError, Updates, View, Wish};

/// What has the first process of a box start this program again at once.
const MENDED_EXIT_CODE: u8 = 102;
/// How long whoever has ended the repair has to read that.
const FAREWELL: Duration = Duration::from_secs(1);
/// What stands for the ID of a gateway whose site file names none.
const NO_ID: &str = "UNKNOWN";

/// What lies on the bench.
pub(super) struct Bench<'a> {
    /// The site file.
    pub(super) config: &'a Path,
    /// The folder of the service.
    pub(super) data: &'a Path,
    /// Where the site file lies that a new box begins with.
    pub(super) factory: Option<PathBuf>,
}

/// Serves the consoles of a box until its site file is mended, or it is told to stop. A release on trial is not served:
/// it goes back, since the one before may take the file.
///
/// # Errors
/// The faults of the site file where this is no box with a serial console; what the consoles need and cannot have.
pub(super) fn run(bench: &Bench<'_>, board: Option<Board>, trouble: &LoadError) -> Result<ExitCode, Failure> {
    let Some(board) = board else { return Err(check::refusal(trouble)) };
    let updates = Updates::of(board.clone()).map_err(Failure::config)?;
    if updates.view().state == State::Trial {
        log::error!("this release is on trial and does not take the site file, so it goes back:\n{trouble}");
        return Ok(go_back(&board));
    }
    let Some(port) = board.serial_console() else { return Err(check::refusal(trouble)) };
    log::error!(
        "nothing is polled until the site file is mended at the console on {}:\n{trouble}",
        port.device
    );
    rights::private_folder(bench.data).map_err(|error| {
        Failure::new(format!("the data folder {} cannot be made: {error}", bench.data.display()))
    })?;
    let watchman = Watchman::start()?;
    runtime()?.block_on(async {
        let shutdown = shutdown_signal();
        let (data, desk) = (bench.data, Arc::new(RepairDesk::new(bench, Arc::clone(&updates), trouble)));
        let consoles = Consoles::open_for_repair(Arc::clone(&desk) as _, data, &settings(port))?;
        watchman.watch_repair();
        let exit_code = tokio::select! {
            () = shutdown => ExitCode::SUCCESS,
            () = read_after(updates.restart_wanted()) => ExitCode::from(RESTART_EXIT_CODE),
            () = read_after(desk.mended.notified()) => ExitCode::from(MENDED_EXIT_CODE),
        };
        watchman.rest();
        drop(consoles);
        Ok(exit_code)
    })
}

/// Waits for `end`, and then until what was said of it is read.
async fn read_after(end: impl Future<Output = ()>) {
    end.await;
    tokio::time::sleep(FAREWELL).await;
}

/// Gives up the trial of a release that does not take the site file. Neither a good minute nor another start would come
/// of waiting.
fn go_back(board: &Board) -> ExitCode {
    let given_up =
        board.open_state().and_then(|state| state.change(|state| state.give_trial_up(Reason::SITE_REFUSED)));
    if let Err(error) = given_up {
        log::error!("update: the trial could not be ended: {error}");
    }
    ExitCode::from(RESTART_EXIT_CODE)
}

fn settings(port: SerialConsole) -> SerialSettings {
    SerialSettings {
        port: port.device,
        baud: port.baud,
        parity: Parity::None,
        data_bits: 8,
        stop_bits: 1,
        local_echo: false,
        rs485: None,
    }
}

/// What consoles may ask and order while the site file has faults.
struct RepairDesk {
    draft: SharedDraft,
    updates: Arc<Updates>,
    data: PathBuf,
    cems_id: String,
    cems_name: String,
    repair: Repair,
    /// The file is written and has no faults.
    mended: Notify,
}

impl RepairDesk {
    fn new(bench: &Bench<'_>, updates: Arc<Updates>, trouble: &LoadError) -> Self {
        let draft = Draft::of(bench.config);
        let (cems_id, cems_name) = whose(&draft.on_file().unwrap_or_default());
        let repair = Repair {
            faults: in_lines(trouble),
            // What the release before has run may be the very file that this one does not take.
            has_good: draft.good().is_some_and(|good| check::read(&good).is_ok()),
            factory: bench.factory.clone().filter(|file| file.exists()),
        };
        Self {
            draft: SharedDraft::new(draft),
            updates,
            data: bench.data.to_owned(),
            cems_id,
            cems_name,
            repair,
            mended: Notify::new(),
        }
    }

    /// Works on the updates where the medium holds nobody up.
    async fn on_updates<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Updates>) -> Result<T, UpdateError> + Send + 'static,
    ) -> Result<T, UpdateError> {
        let updates = Arc::clone(&self.updates);
        let done = spawn_blocking(move || work(&updates)).await;
        done.unwrap_or_else(|failed| Err(UpdateError::NotTaken(failed.to_string().into())))
    }

    /// The file is good: the gateway is to be started. Lines that cannot keep up are told, as a start tells them.
    fn start_with(&self, site: &Site) -> Applied {
        log::warn!("the site file is mended; the gateway starts");
        self.mended.notify_one();
        Applied { changed: Vec::new(), overloads: check::overloads(site) }
    }
}

#[async_trait]
impl SiteDesk for RepairDesk {
    fn head(&self) -> Head {
        Head {
            cems_id: self.cems_id.clone(),
            cems_name: self.cems_name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            staged: self.draft.lock().is_staged(),
            claim_code: None,
            update: Some(self.updates.view()),
            repair: Some(self.repair.clone()),
        }
    }

    async fn stage(&self, edit: &Edit) -> Result<(), DraftError> {
        let edit = edit.clone();
        // Maps of its own are not known where the file cannot be read.
        self.draft
            .work(move |draft| draft.stage(&edit, &meters::library(None).map_err(DraftError::Faults)?))
            .await
    }

    async fn stage_file(&self, file: &Path) -> Result<(), DraftError> {
        let file = file.to_owned();
        self.draft.work(move |draft| draft.stage_file(&file)).await
    }

    async fn site_text(&self) -> Result<String, DraftError> {
        self.draft.work(|draft| draft.text()).await
    }

    async fn check(&self) -> Result<CheckReport, DraftError> {
        self.draft.work(|draft| Ok(view::report(&read_site(draft.path(), &draft.text()?)?, None))).await
    }

    async fn diff(&self) -> Vec<DiffLine> {
        self.draft.lock().diff()
    }

    async fn commit(&self) -> Result<Applied, DraftError> {
        // Whoever mended it from elsewhere has staged nothing here.
        let committed = self.draft.work(|draft| {
            if draft.is_staged() {
                draft.commit(read_site)
            } else {
                Ok(read_site(draft.path(), &draft.text()?)?)
            }
        });
        committed.await.map(|site| self.start_with(&site))
    }

    async fn rollback(&self) -> Result<Undone<Applied>, DraftError> {
        let has_good = self.repair.has_good;
        let undone = self.draft.work(move |draft| {
            if has_good { draft.return_to_good(read_site) } else { draft.rollback(read_site) }
        });
        Ok(match undone.await? {
            Undone::Dropped => Undone::Dropped,
            Undone::Restored(turn, site) => Undone::Restored(turn, self.start_with(&site)),
            Undone::Returned(site) => Undone::Returned(self.start_with(&site)),
        })
    }

    fn note(&self, what: Deed, outcome: Outcome) {
        let came_of_it = match outcome {
            Outcome::Done => "done",
            Outcome::Refused(reason) => reason.word(),
        };
        log::warn!("at the desk of repair: {}: {came_of_it}", what.word());
    }

    async fn update(&self, file: &Path, wish: Wish, progress: Progress) -> Result<View, UpdateError> {
        let file = file.to_owned();
        self.on_updates(move |updates| {
            let file = std::fs::File::open(&file).map_err(BundleError::Io)?;
            updates.take_file(&Origin::Console, file, wish, |done, of| {
                progress.send_replace((done, of));
            })
        })
        .await
    }

    async fn end_trial(&self, order: TrialOrder) -> Result<bool, UpdateError> {
        self.on_updates(move |updates| match order {
            // What does not run has not proved itself.
            TrialOrder::Confirm => Err(UpdateError::NoTrial),
            TrialOrder::Back => updates.back(),
        })
        .await
    }

    async fn reset_to_factory(&self, id: &str) -> Result<(), UpdateError> {
        let (own, named, data) = (self.cems_id.clone(), id.to_owned(), self.data.clone());
        self.on_updates(move |updates| reset_to_factory(updates, (&own, &named), &data)).await
    }
}

/// The faults, each a line.
fn in_lines(trouble: &LoadError) -> Vec<String> {
    match trouble {
        LoadError::Faults(faults) => faults.to_string().lines().map(str::to_owned).collect(),
        unread @ LoadError::Read { .. } => vec![unread.to_string()],
    }
}

/// ID and name of the gateway, as far as a faulty site file tells them.
fn whose(text: &str) -> (String, String) {
    let document = text.parse::<DocumentMut>().ok();
    let word = |key| Some(document.as_ref()?.get("cems")?.get(key)?.as_str()?.to_owned());
    (word("id").unwrap_or_else(|| NO_ID.to_owned()), word("name").unwrap_or_default())
}

#[cfg(test)]
mod tests;
