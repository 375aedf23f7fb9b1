//! All that a console may ask or order, and what the answers look like.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::config::difference::DiffLine;
use crate::config::draft::{DraftError, Undone};
use crate::config::edit::Edit;
use crate::health::checkup::Condition;
use crate::modbus::exceptions::ExceptionCounts;
use crate::modbus::recorder::Excerpt;
use crate::model::alarm::Alarm;
use crate::model::audit::{Deed, Outcome};
use crate::model::demand_response::{DrEvent, EventOrder};
use crate::model::gap::Gap;
use crate::model::learned::Learned;
use crate::model::overload::{Overload, Overloads};
use crate::model::quality::Cause;
use crate::model::reading::{Reading, Sample};
use crate::model::register::{Span, Table, UnitId};
use crate::ops::archive::{ArchiveError, BackupReport, RestoreReport};
use crate::ops::control::{ControlError, ControlLineOf, ControlOf, Holding};
use crate::ops::counter_events::{Correction, CorrectionError, CounterEventOf};
use crate::ops::demand_response::OrderError;
use crate::ops::manual::{Entering, EnteringError, EntryOf};
use crate::ops::query::{DrRow, QueryError};
use crate::ops::update::TrialOrder;
use crate::stats::demand::{AlarmLevel, Demand};
use crate::store::{AuditPage, CounterEvent};
use crate::time::trust::ClockState;
use crate::time::{UtcOffset, UtcTime};
use crate::update::{UpdateError, View, Wish};

/// The site file and the machine as a console sees them, whether the site is at work or not. All consoles share one
/// draft of the site file.
#[async_trait]
pub trait SiteDesk: Send + Sync {
    /// Whose desk it is. Never waits for anything.
    fn head(&self) -> Head;

    /// Stages one edit of the site file.
    ///
    /// # Errors
    /// When it is refused.
    async fn stage(&self, edit: &Edit) -> Result<(), DraftError>;

    /// Stages the text of another file in the place of the site file.
    ///
    /// # Errors
    /// When it cannot be read or is no TOML.
    async fn stage_file(&self, file: &Path) -> Result<(), DraftError>;

    /// The site file with the staged edits.
    ///
    /// # Errors
    /// Why it cannot be read.
    async fn site_text(&self) -> Result<String, DraftError>;

    /// Reads the site file with the staged edits as a commit would.
    ///
    /// # Errors
    /// The faults it has, or why it cannot be read.
    async fn check(&self) -> Result<CheckReport, DraftError>;

    /// What the staged edits change; empty when nothing is staged.
    async fn diff(&self) -> Vec<DiffLine>;

    /// Writes the staged edits and puts them to work. Refused where a line could not do what it would be
    /// asked, unless it was so before.
    ///
    /// # Errors
    /// Why nothing was written.
    async fn commit(&self) -> Result<Applied, DraftError>;

    /// Drops the staged edits; where there are none, brings back the file before the last commit, or, where the site
    /// is not at work, the last one that was.
    ///
    /// # Errors
    /// Why nothing was undone.
    async fn rollback(&self) -> Result<Undone<Applied>, DraftError>;

    /// Notes in the audit book what somebody did at this console, or was refused.
    fn note(&self, what: Deed, outcome: Outcome);

    /// Takes the update in `file`; `progress` hears how far it has come. Gives how things stand afterwards.
    ///
    /// # Errors
    /// Why it is not taken.
    async fn update(&self, file: &Path, wish: Wish, progress: Progress) -> Result<View, UpdateError>;

    /// Ends a trial by hand, or goes back. Gives whether the machine restarts for it.
    ///
    /// # Errors
    /// Why nothing was done.
    async fn end_trial(&self, order: TrialOrder) -> Result<bool, UpdateError>;

    /// Has the box start anew as it was delivered, where `id` is the ID of this gateway.
    ///
    /// # Errors
    /// Why nothing was done.
    async fn reset_to_factory(&self, id: &str) -> Result<(), UpdateError>;
}

/// The gateway at work as a console sees it.
#[async_trait]
pub trait Desk: SiteDesk {
    /// How the gateway is doing. Never waits for a line.
    fn status(&self) -> Status;

    /// Every Point with the newest that is known of its parameters. Never waits for a line.
    fn points(&self) -> Vec<PointView>;

    /// The newest stretches without readings, at most `count`, of one Point or of all; oldest first.
    fn gaps(&self, point: Option<&str>, count: usize) -> Vec<GapView>;

    /// Demand at present.
    ///
    /// # Errors
    /// Why there is none to tell.
    async fn demand(&self) -> Result<DemandView, QueryError>;

    /// The newest of what registers did besides growing, at most `count`, of one Point or of all; in the
    /// order in which it was found.
    fn counter_events(&self, point: Option<&str>, count: usize) -> Vec<CounterEventOf>;

    /// Notes what a technician says of the event of this number; gives the event as it is then.
    ///
    /// # Errors
    /// Why nothing was noted.
    async fn correct(&self, number: u32, correction: Correction) -> Result<CounterEvent, CorrectionError>;

    /// Keeps a value that somebody enters by hand.
    ///
    /// # Errors
    /// Why nothing was entered.
    async fn enter(&self, entering: &Entering) -> Result<EntryOf, EnteringError>;

    /// The last lines of the book of values entered by hand, at most `count`, of one Point or of all;
    /// oldest first.
    fn manual_entries(&self, point: Option<&str>, count: usize) -> Vec<EntryOf>;
    /// The newest events of demand response, at most `count`, or the one of this ID, with what came of them;
    /// in the order in which they start.
    ///
    /// # Errors
    /// When what came of one cannot be read.
    async fn dr_events(&self, id: Option<&str>, count: usize) -> Result<Vec<DrRow>, QueryError>;

    /// Notes something of an event of demand response; gives the event as it is then.
    ///
    /// # Errors
    /// Why nothing was noted.
    async fn dr_order(&self, order: DrOrder) -> Result<DrEvent, OrderError>;

    /// The writable parameters, of one Point or of all, and how each goes.
    fn controls(&self, point: Option<&str>) -> Vec<ControlOf>;

    /// The last lines of the book of what was written to meters, at most `count`, of one Point or of all;
    /// oldest first.
    fn control_lines(&self, point: Option<&str>, count: usize) -> Vec<ControlLineOf>;

    /// Holds a value or lets go of it, and waits a little for what comes of it.
    ///
    /// # Errors
    /// Why nothing was ordered.
    async fn control(&self, order: &ControlOrder) -> Result<ControlOf, ControlError>;

    /// Reads registers from a meter, at once and past the scan cycle.
    ///
    /// # Errors
    /// When there is no such line, or the cause why the meter gave nothing.
    async fn read(&self, order: &ReadOrder) -> Result<Vec<u16>, ReadFailure>;

    /// The last frames of a line, from number `from` on.
    ///
    /// # Errors
    /// When there is no such line.
    fn recording(&self, line: &str, from: u64) -> Result<Excerpt, ReadFailure>;

    /// Writes the last frames of a line to the new file `file`; gives their number.
    ///
    /// # Errors
    /// When there is no such line, or the file cannot be written.
    async fn record(&self, line: &str, file: &Path) -> Result<usize, RecordFailure>;

    /// What reading a meter has taught, as lines of a register map; `None` where there is no such meter.
    fn learned(&self, meter: &str) -> Option<String>;

    /// Forgets what was learned about a meter; whether there is one.
    async fn relearn(&self, meter: &str) -> bool;

    /// The newest entries of the audit book, at most `count`, of somebody by a name or of everybody.
    fn audit(&self, who: Option<&str>, count: usize) -> AuditPage;

    /// Backs the whole store up to `file`, while everything goes on; `progress` hears how far it has
    /// come.
    ///
    /// # Errors
    /// Why there is no backup.
    async fn backup(&self, file: &Path, progress: Progress) -> Result<BackupReport, ArchiveError>;

    /// Adds from the backup `file` what the store does not have; `progress` hears how far it has come.
    ///
    /// # Errors
    /// Why it is not restored, or not to the end.
    async fn restore(&self, file: &Path, progress: Progress) -> Result<RestoreReport, ArchiveError>;
}

/// Who answers at a console.
#[derive(Clone)]
pub enum Front {
    /// The gateway, which is at work.
    AtWork(Arc<dyn Desk>),
    /// The desk of repair: the site is not at work, because its file has faults.
    InRepair(Arc<dyn SiteDesk>),
}

/// Whose desk it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The ID of the CEMS; that which the file seems to name where it has faults.
    pub cems_id: String,
    /// Its name.
    pub cems_name: String,
    /// Of this program.
    pub version: String,
    /// Whether edits are staged that have not been committed.
    pub staged: bool,
    /// What claims this gateway, where nobody has.
    pub claim_code: Option<String>,
    /// How an update stands; `None` where the machine has no slots.
    pub update: Option<View>,
    /// Why the site is not at work; `None` where it is.
    pub repair: Option<Repair>,
}

/// Why the site is not at work, and what helps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// The faults of the site file, in words, each a line.
    pub faults: Vec<String>,
    /// Whether the file that was at work last is kept, so that `rollback` brings it back.
    pub has_good: bool,
    /// The site file that a new box begins with, where it is known.
    pub factory: Option<PathBuf>,
}

/// What a technician does with an event of demand response.
#[derive(Clone, Debug, PartialEq)]
pub enum DrOrder {
    /// Enters it.
    Enter(EventOrder),
    /// Promises so many kW, or declines.
    Reply {
        /// The event.
        id: String,
        /// What is promised.
        promised_kw: Option<f64>,
    },
    /// Cancels it.
    Cancel {
        /// The event.
        id: String,
    },
}

/// What a technician orders of a writable parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlOrder {
    /// To hold a value.
    Hold(Holding),
    /// To let it go.
    Release {
        /// The point.
        point: String,
        /// Its parameter.
        parameter: String,
        /// Who orders it.
        by: String,
    },
}

impl ControlOrder {
    /// The point and the parameter that it is about.
    #[must_use]
    pub fn names(&self) -> (&str, &str) {
        match self {
            Self::Hold(holding) => (&holding.point, &holding.parameter),
            Self::Release { point, parameter, .. } => (point, parameter),
        }
    }
}

/// Hears how many parts are done of how many.
pub type Progress = watch::Sender<(u64, u64)>;

/// How the gateway is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The ID of the CEMS.
    pub cems_id: String,
    /// Its name.
    pub cems_name: String,
    /// Of this program.
    pub version: String,
    /// The time of day.
    pub now: UtcTime,
    /// What somebody should look after.
    pub alarms: Vec<Alarm>,
    /// What that is worth.
    pub clock: ClockView,
    /// The offset that times are shown in.
    pub utc_offset: UtcOffset,
    /// Since the start.
    pub uptime: Duration,
    /// Points in the site.
    pub points: usize,
    /// Parameters of all points.
    pub parameters: usize,
    /// Serial ports and connections.
    pub lines: Vec<LineView>,
    /// What is kept.
    pub store: StoreView,
    /// The machine, and how the run before ended; `None` where nobody looks.
    pub condition: Option<Condition>,
    /// What is pushed; `None` where no broker is named.
    pub uplink: Option<UplinkView>,
    /// Where platforms ask.
    pub interface: InterfaceView,
    /// How an update stands; `None` where the machine has no slots.
    pub update: Option<View>,
    /// Whether edits are staged that have not been committed.
    pub staged: bool,
}

/// Where platforms ask, and whether any may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceView {
    /// Where HTTP is served.
    pub plain: Option<SocketAddr>,
    /// Where HTTPS is served, and the fingerprint of its certificate.
    pub tls: Option<(SocketAddr, String)>,
    /// What claims this gateway, where nobody has.
    pub claim_code: Option<String>,
}

/// The clock in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockView {
    /// How far it may be trusted.
    pub state: ClockState,
    /// The number of this run; readings tell which they were taken in.
    pub run: Option<u32>,
    /// How often somebody set it.
    pub changes: u32,
    /// What it would have shown when somebody set it last, and what it showed instead.
    pub last_change: Option<(UtcTime, UtcTime)>,
}

/// One line and the meters on it.
#[derive(Clone, Debug, PartialEq)]
pub struct LineView {
    /// Its ID.
    pub id: String,
    /// Device path or host and port.
    pub place: String,
    /// Whether it can be used.
    pub state: LineState,
    /// The share of its time in which it is taken, 0 to 1.
    pub busy_share: f64,
    /// The meters.
    pub meters: Vec<MeterView>,
}

/// Whether a line can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineState {
    /// No meter hangs on it.
    Disabled,
    /// Not open; it is tried again.
    Waiting,
    /// Open.
    Open,
    /// Closed for good.
    Closed,
}

/// One meter's account of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterView {
    /// Its ID.
    pub id: String,
    /// Its address.
    pub unit: u8,
    /// Requests answered.
    pub answered: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Answers that were no valid frame or fitted another request.
    pub garbled: u64,
    /// Requests that the meter refused.
    pub exceptions: ExceptionCounts,
    /// How long the meter takes to begin a reply; nothing before the first.
    pub turnaround: Option<TurnaroundView>,
    /// Ticks at which it was past its share of the line, so that others went first.
    pub past_share: u64,
    /// Whether it is asked less often because it does not answer.
    pub backed_off: bool,
    /// What it was found to refuse.
    pub learned: Learned,
}

/// How long a meter takes from the end of a request to the start of its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnaroundView {
    /// What half of the replies do not exceed.
    pub median: Duration,
    /// What 99 of 100 replies do not exceed.
    pub p99: Duration,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreView {
    /// Every reading up to here survives a power cut.
    pub durable_through: Option<UtcTime>,
    /// On disk.
    pub bytes: u64,
    /// Before the oldest history goes.
    pub bytes_max: u64,
    /// Readings that could not be kept.
    pub dropped: u64,
    /// Events of registers that nobody has confirmed or corrected.
    pub events_open: usize,
    /// How much is written to the medium; `None` where that is not known.
    pub wear: Option<WearView>,
}

/// How much is written to a medium.
#[derive(Clone, Debug, PartialEq)]
pub struct WearView {
    /// The disk.
    pub device: String,
    /// Bytes since the day began.
    pub today_bytes: u64,
    /// Bytes in a day; `None` when it is too early to tell.
    pub day_bytes: Option<f64>,
    /// Years that the medium lasts; `None` also where its endurance is not configured.
    pub years: Option<f64>,
}

/// A stretch without readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapView {
    /// The Point.
    pub point: String,
    /// The Parameter; `None` for several of the Point.
    pub parameter: Option<String>,
    /// When and why.
    pub gap: Gap,
}

/// What is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UplinkView {
    /// Host and port.
    pub broker: String,
    /// What the uplink is doing.
    pub state: UplinkViewState,
    /// Scans that the broker has not acknowledged.
    pub backlog_scans: u64,
    /// Why the last connection failed.
    pub last_error: Option<String>,
}

/// What the uplink is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UplinkViewState {
    /// Not connected.
    Offline,
    /// Sending what has gathered.
    CatchingUp,
    /// Sending readings as they come.
    Live,
}

/// One Point.
#[derive(Clone, Debug, PartialEq)]
pub struct PointView {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is measured.
    pub parameters: Vec<ParameterView>,
}

/// One Parameter and the newest that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterView {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The unit of the value.
    pub unit: String,
    /// The newest reading with a value.
    pub latest: Option<Reading>,
    /// When and why the newest scan gave no value.
    pub failing: Option<(UtcTime, Cause)>,
}

impl ParameterView {
    /// What the newest scan gave: a value, or the cause why there is none.
    #[must_use]
    pub fn newest(&self) -> Option<Reading> {
        let missing = |(at, cause)| Reading::new(at, Sample::missing(cause));
        self.failing.map(missing).or_else(|| self.latest.clone())
    }
}

/// Demand at present.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandView {
    /// The end of the last window.
    pub end: UtcTime,
    /// Its demand.
    pub demand: Demand,
    /// How near that is to the contract.
    pub level: Option<AlarmLevel>,
    /// What was agreed, in kW.
    pub contract_kw: f64,
    /// The power now, in kW.
    pub power_kw: Option<f64>,
    /// What the running block will come to, in kW.
    pub predicted_kw: Option<f64>,
    /// What is left of it.
    pub remain: Duration,
    /// The greatest demand of the month of billing, in kW, with the end of its window.
    pub month_max: Option<(f64, UtcTime)>,
    /// How often demand was over the limit in that month.
    pub times_over: u32,
    /// For how long.
    pub over: Duration,
    /// Windows of that month that are not known.
    pub unknown: u32,
    /// What can be switched off, in kW.
    pub controllable_kw: f64,
}

/// Registers to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOrder {
    /// The line's ID.
    pub line: String,
    /// The meter's address.
    pub unit: UnitId,
    /// Which table.
    pub table: Table,
    /// From which protocol address, and how many.
    pub span: Span,
}

/// Why there is nothing to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// No line has this ID.
    NoSuchLine {
        /// Those that there are.
        known: Vec<String>,
    },
    /// The meter gave nothing.
    Failed(Cause),
}

/// Why nothing was recorded.
#[derive(Debug)]
pub enum RecordFailure {
    /// There is nothing to record.
    Line(ReadFailure),
    /// The file cannot be written.
    File(ArchiveError),
}

/// What a site without faults would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckReport {
    /// Meters in the site.
    pub meters: usize,
    /// Points in the site.
    pub points: usize,
    /// Parameters of all points.
    pub parameters: usize,
    /// What the lines would have to do.
    pub lines: Vec<LineLoad>,
    /// Those that cannot do it, and whether a commit is refused for it.
    pub overloads: Overloads,
}

/// What one line would have to do.
#[derive(Clone, Debug, PartialEq)]
pub struct LineLoad {
    /// Its ID.
    pub id: String,
    /// Requests of one round of all meters.
    pub requests: usize,
    /// How long such a round takes.
    pub round: Duration,
}

/// What a commit or a rollback put to work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// The parts that were started or stopped, such as `line rs485-1`; all others went on.
    pub changed: Vec<String>,
    /// Lines that cannot do all that they are asked all the same.
    pub overloads: Vec<Overload>,
}
