//! The gateway as its consoles see it: one draft of the site file, shared by all of them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::shared_draft::SharedDraft;
use super::{Gateway, view};
use crate::api::ApiServer;
use crate::check;
use crate::config;
use crate::config::changed_keys::{changed_keys, listed};
use crate::config::difference::DiffLine;
use crate::config::draft::{Draft, DraftError, Undone};
use crate::config::edit::Edit;
use crate::config::site::Site;
use crate::console::desk::{
    Applied, CheckReport, ControlOrder, DemandView, Desk, DrOrder, Front, GapView, Head, InterfaceView,
    PointView, Progress, ReadFailure, ReadOrder, RecordFailure, SiteDesk, Status,
};
use crate::console::orders::{OrderSocket, listen_for_orders};
use crate::console::{self, Login, SocketConsole, SocketError};
use crate::document::Faults;
use crate::failure::Failure;
use crate::limits;
use crate::meters;
use crate::modbus::line::LineHandle;
use crate::modbus::recorder::Excerpt;
use crate::modbus::recording::Recording;
use crate::model::audit::{Actor, Deed, Note, Outcome, Place, Reason, Who};
use crate::model::demand_response::DrEvent;
use crate::model::map_library::MapLibrary;
use crate::model::meter::SerialSettings;
use crate::model::point::Parameter;
use crate::ops::Ops;
use crate::ops::archive::{ArchiveError, BackupReport, RestoreReport, keep_recording};
use crate::ops::claim::Ownership;
use crate::ops::control::{ControlError, ControlLineOf, ControlOf};
use crate::ops::counter_events::{Correction, CorrectionError, CounterEventOf};
use crate::ops::demand_response::OrderError;
use crate::ops::manual::{Entering, EnteringError, EntryOf};
use crate::ops::query::{DrRow, QueryError};
use crate::ops::update::TrialOrder;
use crate::store::{AuditPage, CounterEvent, StoreError};
use crate::update::{BundleError, Origin, UpdateError, View, Wish};
use crate::uplink::UplinkHandle;

/// Who speaks to the ledger of demand response from a console.
const CONSOLE: &str = "console";

/// How long a technician waits for what comes of a value that is written.
const CONTROL_PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked.
const CONTROL_LOOK: Duration = Duration::from_millis(20);

/// What consoles may ask and order of a [`Gateway`].
pub(super) struct GatewayDesk {
    gateway: Arc<Gateway>,
    draft: SharedDraft,
    /// Whether the file at work is kept for a desk of repair: on a box that may come to need one.
    keeps_good: bool,
    /// One commit or rollback at a time, up to its last effect.
    applying: Arc<tokio::sync::Mutex<()>>,
    /// Where the console is.
    place: Place,
    /// Where a change of the site is carried out for those who wait on a thread of their own.
    runtime: tokio::runtime::Handle,
}

impl GatewayDesk {
    pub(super) fn new(gateway: Arc<Gateway>, config: &Path, keeps_good: bool) -> Self {
        let desk = Self {
            gateway,
            draft: SharedDraft::new(Draft::of(config)),
            keeps_good,
            applying: Arc::default(),
            place: Place::Socket,
            runtime: tokio::runtime::Handle::current(),
        };
        desk.keep_as_good();
        desk
    }

    /// Keeps the site file that is at work.
    fn keep_as_good(&self) {
        let kept = if self.keeps_good { self.draft.lock().keep_as_good() } else { Ok(()) };
        if let Err(error) = kept {
            log::warn!("the site file at work cannot be kept for a repair: {error}");
        }
    }

    /// The same desk for a console at another place.
    fn at(&self, place: Place) -> Self {
        let (gateway, draft) = (Arc::clone(&self.gateway), self.draft.clone());
        let (applying, runtime) = (Arc::clone(&self.applying), self.runtime.clone());
        Self { gateway, draft, keeps_good: self.keeps_good, applying, place, runtime }
    }

    /// Somebody at this console, by the name that was given.
    fn actor(&self, name: &str) -> Actor {
        let name = if name == CONSOLE { "" } else { name };
        Actor { who: Who::Console(name.to_owned()), from: self.place.clone() }
    }

    /// Does what blocks where it holds nobody up, and notes it in the audit book as `note` tells it then.
    async fn noted<T, E>(
        &self,
        work: impl FnOnce(&Ops) -> Result<T, E> + Send + 'static,
        note: impl FnOnce(&Ops) -> Note + Send + 'static,
    ) -> Option<Result<T, E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        for<'e> Reason: From<&'e E>,
    {
        let ops = Arc::clone(&self.gateway.ops);
        spawn_blocking(move || ops.noted(work(&ops), note(&ops))).await.ok()
    }

    /// Lets `change` change the site file, and notes which keys of it are others now. Where it leaves the file
    /// alone there is nothing to note.
    async fn change_file<T: Send + 'static>(
        &self,
        what: Deed,
        change: impl FnOnce(&mut Draft) -> Result<T, DraftError> + Send + 'static,
    ) -> Result<T, DraftError> {
        let changed = self.draft.work(move |draft| {
            let before = draft.on_file().unwrap_or_default();
            let done = change(draft);
            let after = draft.on_file().unwrap_or_default();
            Ok((done, (before != after).then(|| changed_keys(&before, &after))))
        });
        let (done, keys) = changed.await?;
        if done.is_ok() && keys.is_none() {
            return done;
        }
        let about = listed(&keys.unwrap_or_default(), limits::AUDIT_ABOUT_CHARS_MAX);
        let note = Note::done(self.actor(CONSOLE), what).about(about);
        let noted = self.noted(move |_| done, move |_| note).await;
        noted.unwrap_or_else(|| Err(DraftError::NotApplied("it could not be noted".to_owned())))
    }

    /// Where platforms ask. While the interface moves to another address, it is nowhere.
    fn interface(&self) -> InterfaceView {
        let api = self.gateway.api.try_lock().ok();
        let api = api.as_ref().and_then(|api| api.as_ref());
        InterfaceView {
            plain: api.map(ApiServer::local_addr),
            tls: api.and_then(ApiServer::tls).map(|(address, fingerprint)| (address, fingerprint.to_owned())),
            claim_code: self.gateway.ops.claim_code(),
        }
    }

    fn line(&self, line: &str) -> Result<LineHandle, ReadFailure> {
        let known = || self.gateway.ops.site().lines.iter().map(|line| line.id.clone()).collect();
        self.gateway.plant.line(line).ok_or_else(|| ReadFailure::NoSuchLine { known: known() })
    }

    /// Puts a site file to work that was written; what cannot be is noted.
    async fn apply(&self, what: Deed, site: Site) -> Result<Applied, DraftError> {
        let overloads = check::overloads(&site);
        let changed = self.gateway.become_site(site).await.inspect(|_| self.keep_as_good());
        changed.map(|changed| Applied { changed, overloads }).map_err(|failure| {
            self.note(what, Outcome::Refused(Reason::NotApplied));
            DraftError::NotApplied(failure.message().to_owned())
        })
    }
}

pub(super) fn read_site(path: &Path, text: &str) -> Result<Site, Faults> {
    config::read(&path.to_string_lossy(), text, meters::library)
}

/// Called by the threads that answer over HTTP, which may wait.
impl Ownership for GatewayDesk {
    fn found(&self, platform: &str, token_sha256: &str) -> Result<(), String> {
        let edit = Edit::AddPlatform { id: platform.to_owned(), token_sha256: token_sha256.to_owned() };
        let path = self.draft.lock().path().to_owned();
        self.runtime.block_on(async {
            let _one_at_a_time = self.applying.lock().await;
            // A draft of its own: what a technician has staged is not committed by somebody else.
            let mut draft = Draft::of(&path);
            let site = draft.stage(&edit, &MapLibrary::new()).and_then(|()| draft.commit(read_site));
            let applied = self.apply(Deed::Claim, site.map_err(|error| error.to_string())?).await;
            applied.map(drop).map_err(|error| error.to_string())
        })
    }
}

#[async_trait]
impl SiteDesk for GatewayDesk {
    fn head(&self) -> Head {
        let site = self.gateway.ops.site();
        Head {
            cems_id: site.cems.id.clone(),
            cems_name: site.cems.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            staged: self.draft.lock().is_staged(),
            claim_code: self.gateway.ops.claim_code(),
            update: self.gateway.ops.update_view(),
            repair: None,
        }
    }

    async fn stage(&self, edit: &Edit) -> Result<(), DraftError> {
        let (edit, maps_dir) = (edit.clone(), self.gateway.ops.site().maps_dir.clone());
        self.draft
            .work(move |draft| {
                let library = meters::library(maps_dir.as_deref()).map_err(DraftError::Faults)?;
                draft.stage(&edit, &library)
            })
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
        let at_work = self.gateway.ops.site();
        self.draft
            .work(move |draft| {
                let site = read_site(draft.path(), &draft.text()?)?;
                Ok(view::report(&site, Some(&at_work)))
            })
            .await
    }

    async fn diff(&self) -> Vec<DiffLine> {
        self.draft.lock().diff()
    }

    async fn commit(&self) -> Result<Applied, DraftError> {
        let _one_at_a_time = self.applying.lock().await;
        let before = check::overloads(&self.gateway.ops.site());
        let read = move |path: &Path, text: &str| check::not_worse(read_site(path, text)?, &before);
        let site = self.change_file(Deed::Commit, |draft| draft.commit(read)).await?;
        self.apply(Deed::Commit, site).await
    }

    async fn rollback(&self) -> Result<Undone<Applied>, DraftError> {
        let _one_at_a_time = self.applying.lock().await;
        Ok(match self.change_file(Deed::RollBack, |draft| draft.rollback(read_site)).await? {
            Undone::Dropped => Undone::Dropped,
            Undone::Returned(site) => Undone::Returned(self.apply(Deed::RollBack, site).await?),
            Undone::Restored(turn, site) => Undone::Restored(turn, self.apply(Deed::RollBack, site).await?),
        })
    }

    fn note(&self, what: Deed, outcome: Outcome) {
        self.gateway.ops.note(Note { outcome, ..Note::done(self.actor(CONSOLE), what) });
    }

    async fn update(&self, file: &Path, wish: Wish, progress: Progress) -> Result<View, UpdateError> {
        let (ops, file, actor) = (Arc::clone(&self.gateway.ops), file.to_owned(), self.actor(CONSOLE));
        let work = move || {
            let file = File::open(&file).map_err(BundleError::Io)?;
            ops.take_update_file(actor, &Origin::Console, file, wish, |done, of| {
                progress.send_replace((done, of));
            })
        };
        spawn_blocking(work)
            .await
            .unwrap_or_else(|failed| Err(UpdateError::NotTaken(failed.to_string().into())))
    }

    async fn end_trial(&self, order: TrialOrder) -> Result<bool, UpdateError> {
        let (ops, actor) = (Arc::clone(&self.gateway.ops), self.actor(CONSOLE));
        let ended = spawn_blocking(move || ops.end_trial(actor, order)).await;
        ended.unwrap_or_else(|failed| Err(UpdateError::NotTaken(failed.to_string().into())))
    }

    async fn reset_to_factory(&self, id: &str) -> Result<(), UpdateError> {
        let (ops, actor) = (Arc::clone(&self.gateway.ops), self.actor(CONSOLE));
        let (id, data) = (id.to_owned(), self.gateway.data.clone());
        let wished = spawn_blocking(move || ops.reset_to_factory(actor, &id, &data)).await;
        wished.unwrap_or_else(|failed| Err(UpdateError::NotTaken(failed.to_string().into())))
    }
}

#[async_trait]
impl Desk for GatewayDesk {
    fn status(&self) -> Status {
        let gateway = &self.gateway;
        let site = gateway.ops.site();
        let uplink =
            gateway.uplink.try_lock().ok().and_then(|uplink| uplink.as_ref().map(UplinkHandle::state));
        Status {
            cems_id: site.cems.id.clone(),
            cems_name: site.cems.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: gateway.ops.clock().now(),
            alarms: gateway.ops.alarms(),
            clock: view::clock(gateway.ops.clock().state(), gateway.ops.store().run_of(u64::MAX)),
            utc_offset: site.cems.offset,
            uptime: gateway.started.elapsed(),
            points: site.points.len(),
            parameters: site.points.iter().map(|point| point.parameters.len()).sum(),
            lines: gateway.plant.status().iter().map(|status| view::line(status, &site)).collect(),
            store: view::store(&gateway.ops.store().status(), &site.store),
            condition: gateway.ops.condition(),
            uplink: site.uplink.as_ref().zip(uplink).map(|(settings, state)| view::uplink(settings, &state)),
            interface: self.interface(),
            update: gateway.ops.update_view(),
            staged: self.draft.lock().is_staged(),
        }
    }

    fn points(&self) -> Vec<PointView> {
        view::points(&self.gateway.ops)
    }

    fn gaps(&self, point: Option<&str>, count: usize) -> Vec<GapView> {
        view::gaps(&self.gateway.ops, point, count)
    }

    async fn demand(&self) -> Result<DemandView, QueryError> {
        let ops = Arc::clone(&self.gateway.ops);
        // A month of readings may have to be gone through.
        let now = spawn_blocking(move || ops.demand_now(None)).await;
        Ok(view::demand(&now.unwrap_or(Err(StoreError::Closed.into()))?))
    }

    fn counter_events(&self, point: Option<&str>, count: usize) -> Vec<CounterEventOf> {
        self.gateway.ops.counter_events(point, count)
    }

    async fn correct(&self, number: u32, correction: Correction) -> Result<CounterEvent, CorrectionError> {
        let note = Note::done(self.actor(CONSOLE), Deed::RuleEvent);
        let is_known = move |ops: &Ops| ops.store().counter_event(number).is_some();
        let ruled = self.noted(
            move |ops| ops.correct(number, correction),
            move |ops| if is_known(ops) { note.about(number.to_string()) } else { note },
        );
        ruled.await.unwrap_or(Err(CorrectionError::NoSuchEvent(number)))
    }

    async fn enter(&self, entering: &Entering) -> Result<EntryOf, EnteringError> {
        let (entering, named) = (entering.clone(), entering.clone());
        let note = Note::done(self.actor(&entering.by), Deed::EnterValue).value(entering.value);
        let entered = self.noted(
            move |ops| ops.enter(&entering),
            move |ops| note.about(ops.known_parameter(&named.point, &named.parameter)),
        );
        entered.await.unwrap_or(Err(EnteringError::Store(StoreError::Closed)))
    }

    fn manual_entries(&self, point: Option<&str>, count: usize) -> Vec<EntryOf> {
        self.gateway.ops.manual_entries(point, count)
    }

    async fn dr_events(&self, id: Option<&str>, count: usize) -> Result<Vec<DrRow>, QueryError> {
        let (ops, id) = (Arc::clone(&self.gateway.ops), id.map(str::to_owned));
        let rows = spawn_blocking(move || {
            let mut events = ops.dr_events();
            events.retain(|event| id.as_ref().is_none_or(|id| event.order.id == *id));
            let surplus = events.len().saturating_sub(count);
            events.drain(surplus..).map(|event| ops.dr_row_now(event)).collect()
        });
        rows.await.unwrap_or(Err(QueryError::Store(StoreError::Closed)))
    }

    async fn dr_order(&self, order: DrOrder) -> Result<DrEvent, OrderError> {
        let (what, id, value) = match &order {
            DrOrder::Enter(order) => (Deed::EnterEvent, order.id.clone(), order.invitation.wanted_kw),
            DrOrder::Reply { id, promised_kw } => (Deed::ReplyToEvent, id.clone(), *promised_kw),
            DrOrder::Cancel { id } => (Deed::CancelEvent, id.clone(), None),
        };
        let note = Note::done(self.actor(CONSOLE), what).value(value);
        let ordered = move |ops: &Ops| match order {
            DrOrder::Enter(order) => ops.enter_event(order, CONSOLE).map(|entered| entered.event),
            DrOrder::Reply { id, promised_kw } => ops.reply_to_event(&id, promised_kw, CONSOLE),
            DrOrder::Cancel { id } => ops.cancel_event(&id, CONSOLE),
        };
        let noted = self.noted(ordered, move |ops| note.about(ops.known_event(&id))).await;
        noted.unwrap_or(Err(OrderError::Store(StoreError::Closed)))
    }

    fn controls(&self, point: Option<&str>) -> Vec<ControlOf> {
        self.gateway.ops.controls(point)
    }

    fn control_lines(&self, point: Option<&str>, count: usize) -> Vec<ControlLineOf> {
        self.gateway.ops.control_lines(point, count)
    }

    async fn control(&self, order: &ControlOrder) -> Result<ControlOf, ControlError> {
        let (ordered, named) = (order.clone(), order.clone());
        let note = match order {
            ControlOrder::Hold(holding) => {
                Note::done(self.actor(&holding.by), Deed::Hold).value(Some(holding.value))
            }
            ControlOrder::Release { by, .. } => Note::done(self.actor(by), Deed::Release),
        };
        let noted = self.noted(
            move |ops| match ordered {
                ControlOrder::Hold(holding) => ops.hold(&holding),
                ControlOrder::Release { point, parameter, by } => ops.release(&point, &parameter, &by),
            },
            move |ops| {
                let (point, parameter) = named.names();
                note.about(ops.known_parameter(point, parameter))
            },
        );
        noted.await.unwrap_or(Err(ControlError::Store(StoreError::Closed)))?;
        let (point, parameter) = order.names();
        let until = Instant::now() + CONTROL_PATIENCE;
        loop {
            let of = self.gateway.ops.controls(Some(point));
            let of = of.into_iter().find(|of| of.parameter == parameter);
            let of = of.ok_or_else(|| ControlError::NoSuchParameter(format!("{point}/{parameter}")))?;
            if Instant::now() >= until || of.has_come_to_something() {
                return Ok(of);
            }
            sleep(CONTROL_LOOK).await;
        }
    }

    async fn read(&self, order: &ReadOrder) -> Result<Vec<u16>, ReadFailure> {
        let line = self.line(&order.line)?;
        let block = line.urgent().read(order.unit, order.table, order.span).await;
        block.map(|block| block.words.to_vec()).map_err(ReadFailure::Failed)
    }

    fn recording(&self, line: &str, from: u64) -> Result<Excerpt, ReadFailure> {
        Ok(self.line(line)?.recording_from(from))
    }

    async fn record(&self, line: &str, file: &Path) -> Result<usize, RecordFailure> {
        let Excerpt { protocol, frames, .. } = self.line(line).map_err(RecordFailure::Line)?.recording();
        let recording = Recording { line: line.to_owned(), protocol, frames };
        let (count, file) = (recording.frames.len(), file.to_owned());
        let kept = archive(move || keep_recording(&recording, &file)).await;
        kept.map(|()| count).map_err(RecordFailure::File)
    }

    fn learned(&self, meter: &str) -> Option<String> {
        let site = self.gateway.ops.site();
        let found = site.meters.iter().find(|known| known.id == meter)?;
        let learned = self.gateway.ops.store().learned(&found.id, found.unit);
        let parameters = site.points.iter().flat_map(|point| &point.parameters);
        let metered = parameters.filter_map(Parameter::metered).filter(|of| of.meter_id == found.id);
        let values: Vec<_> = metered.map(|of| (of.register.table, of.register.span())).collect();
        Some(meters::patch::patch(&learned, &values, site.cems.offset))
    }

    async fn relearn(&self, meter: &str) -> bool {
        let is_known = self.gateway.plant.forget(meter).await;
        let outcome = if is_known { Outcome::Done } else { Outcome::Refused(Reason::NoSuchName) };
        let note = Note { outcome, ..Note::done(self.actor(CONSOLE), Deed::Relearn) };
        self.gateway.ops.note(if is_known { note.about(meter) } else { note });
        is_known
    }

    fn audit(&self, who: Option<&str>, count: usize) -> AuditPage {
        self.gateway.ops.audit(None, count, who)
    }

    async fn backup(&self, file: &Path, progress: Progress) -> Result<BackupReport, ArchiveError> {
        let (ops, file) = (Arc::clone(&self.gateway.ops), file.to_owned());
        let note = Note::done(self.actor(CONSOLE), Deed::BackUp);
        let mut tell = move |done, of| {
            progress.send_replace((done, of));
        };
        archive(move || ops.noted(ops.backup_to(&file, &mut tell), note.about(known_file(&file)))).await
    }

    async fn restore(&self, file: &Path, progress: Progress) -> Result<RestoreReport, ArchiveError> {
        let (ops, file) = (Arc::clone(&self.gateway.ops), file.to_owned());
        let note = Note::done(self.actor(CONSOLE), Deed::Restore);
        let mut tell = move |done, of| {
            progress.send_replace((done, of));
        };
        archive(move || ops.noted(ops.restore_from(&file, &mut tell), note.about(known_file(&file)))).await
    }
}

/// The path of a file that is there, and nothing where there is none: it may be anything then.
fn known_file(path: &Path) -> String {
    if path.exists() { path.display().to_string() } else { String::new() }
}

/// Does what blocks and takes long on a thread of its own: it ends with the store, or with the process.
async fn archive<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    let (done, answer) = oneshot::channel();
    let begun = std::thread::Builder::new().name("archive".to_owned()).spawn(move || {
        // Whoever has left the console does not keep a backup from its end.
        let _ = done.send(work());
    });
    begun.map_err(ArchiveError::NoThread)?;
    answer.await.unwrap_or(Err(ArchiveError::Store(StoreError::Closed)))
}

/// The open consoles; they close when this is dropped.
pub(super) struct Consoles {
    _socket: Option<SocketConsole>,
    _orders: Option<OrderSocket>,
    _port: Option<AbortOnDrop>,
}

impl Consoles {
    /// Opens the sockets in the folder `data`, and the serial port where there is one.
    pub(super) fn open(
        desk: Arc<GatewayDesk>,
        data: &Path,
        port: Option<&SerialSettings>,
    ) -> Result<Self, Failure> {
        let orders = if_the_medium_lets_us(listen_for_orders(data, Arc::clone(&desk.gateway.ops)))?;
        let at_port =
            |settings: &SerialSettings| Front::AtWork(Arc::new(desk.at(Place::Port(settings.port.clone()))));
        let port = port.map(|settings| serve_port(settings, at_port(settings), data));
        let socket = if_the_medium_lets_us(console::listen(data, Front::AtWork(desk)))?;
        Ok(Self { _socket: socket, _orders: orders, _port: port })
    }

    /// Opens the socket in the folder `data` and the serial port for a desk of repair.
    pub(super) fn open_for_repair(
        desk: Arc<dyn SiteDesk>,
        data: &Path,
        port: &SerialSettings,
    ) -> Result<Self, Failure> {
        let port = serve_port(port, Front::InRepair(Arc::clone(&desk)), data);
        let socket = if_the_medium_lets_us(console::listen(data, Front::InRepair(desk)))?;
        Ok(Self { _socket: socket, _orders: None, _port: Some(port) })
    }
}

fn serve_port(settings: &SerialSettings, front: Front, data: &Path) -> AbortOnDrop {
    let login = Arc::new(Login::of(data));
    AbortOnDrop(tokio::spawn(console::serve_port(settings.clone(), front, login)))
}

/// A socket, or none where the medium takes no files: polling and the serial console work without.
fn if_the_medium_lets_us<T>(made: Result<T, SocketError>) -> Result<Option<T>, Failure> {
    match made {
        Err(error) if error.is_of_the_medium() => {
            log::error!("{error}; the gateway works without it until it is started anew");
            Ok(None)
        }
        made => made.map(Some).map_err(Failure::new),
    }
}

/// A task that ends with its owner.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
