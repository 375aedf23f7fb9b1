//! A technician at the console, from the first password to the last logout, in both languages.
//!
//! What the console sends, echo included, is held against `data/console/*.txt`; set
//! `CEMS_RENEW_GOLDEN=1` to write those files anew, and read the difference before keeping it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cems_gateway::check;
use cems_gateway::config::difference::DiffLine;
use cems_gateway::config::draft::{Draft, DraftError, Undone};
use cems_gateway::config::edit::Edit;
use cems_gateway::config::site::Site;
use cems_gateway::console::desk::{
    Applied, CheckReport, ClockView, ControlOrder, DemandView, DrOrder, GapView, Head, InterfaceView,
    LineLoad, LineState, LineView, MeterView, ParameterView, PointView, Progress, ReadFailure, ReadOrder,
    RecordFailure, Repair, SiteDesk, Status, StoreView, TurnaroundView, UplinkView, UplinkViewState,
    WearView,
};
use cems_gateway::console::{self, Access, Desk, Front, Login};
use cems_gateway::counter::{Assumption, Event};
use cems_gateway::document::Faults;
use cems_gateway::health::checkup::Condition;
use cems_gateway::health::last_run::{Ending, Reset};
use cems_gateway::health::machine::{Machine, Temperature};
use cems_gateway::meters;
use cems_gateway::modbus::exceptions::ExceptionCounts;
use cems_gateway::modbus::recorder::Excerpt;
use cems_gateway::modbus::recording::Recording;
use cems_gateway::model::alarm::Alarm;
use cems_gateway::model::audit::{self, Actor, AuditEntry, Deed, Note, Place, Reason, Who};
use cems_gateway::model::control::{ControlAct, Writable};
use cems_gateway::model::demand_response::{
    Act, BaselineMethod, DrEvent, EventOrder, EventStatus, Invitation, Measured, Outcome, Reply,
    ResponseType, SamplesUntil, ValidityRule,
};
use cems_gateway::model::gap::{Gap, GapCause};
use cems_gateway::model::learned::{Learned, Lesson, Retrial};
use cems_gateway::model::map_library::MapLibrary;
use cems_gateway::model::meter::{MapRegister, Parity, RatioKind, ReadLimits, RegisterMap, SerialSettings};
use cems_gateway::model::overload::{Overload, Overloads};
use cems_gateway::model::quality::{Cause, Quality};
use cems_gateway::model::reading::{Reading, SeriesId, Value};
use cems_gateway::model::register::{DataType, Register, Span, Table, WordOrder};
use cems_gateway::ops::archive::{ArchiveError, BackupReport, RestoreReport};
use cems_gateway::ops::control::{
    ControlError, ControlFault, ControlLineOf, ControlOf, ControlState, Held, Target,
};
use cems_gateway::ops::counter_events::{Correction, CorrectionError, CounterEventOf};
use cems_gateway::ops::demand_response::OrderError;
use cems_gateway::ops::manual::{Entering, EnteringError, EntryOf};
use cems_gateway::ops::query::{DrRow, QueryError};
use cems_gateway::ops::update::TrialOrder;
use cems_gateway::stats::demand::{AlarmLevel, Basis, Demand};
use cems_gateway::stats::response::Terms;
use cems_gateway::store::backup::BackupError;
use cems_gateway::store::{AuditPage, ControlLine, CounterEvent, ManualEntry, Ruled};
use cems_gateway::time::trust::ClockState;
use cems_gateway::time::{Interval, UtcOffset, UtcTime};
use cems_gateway::update::{UpdateError, View, Wish};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

const SITE: &str = r#"# 嘉定工厂 / the works at Jiading
[cems]
id = "CEMS-1"
name = "示例工厂"
user_name = "示例制造有限公司"
utc_offset = "+08:00"

[[category]]
id = "CAT-GRID"
code = "GRID"
name = "关口"

[[line]]
id = "rs485-1"
kind = "rtu"
port = "/dev/ttyS1"
baud = 9600

# In the substation.
[[meter]]
id = "m-grid"
line = "rs485-1"
unit = 1
map = "eastron-sdm630"

[[point]]
id = "PT-GRID"
name = "关口表"
category = "CAT-GRID"
role = "main"
meter = "m-grid"
[[point.parameter]]
id = "P"
register = "power"
"#;

/// What goes over the line while a technician looks.
const FRAMES: &str = "cems-gateway recording 1
protocol rtu
line rs485-1
1000000 2024-06-12T02:30:05.000Z > 01 03 00 28 00 02 44 03
1051200 2024-06-12T02:30:05.051Z < 01 03 04 43 66 80 00 6e 68
2000000 2024-06-12T02:30:06.000Z > 01 03 00 28 00 02 44 03
2051200 2024-06-12T02:30:06.051Z ! 01 03 04 43 66 80
3000000 2024-06-12T02:30:07.000Z > 02 04 00 00 00 01 31 f9
3062500 2024-06-12T02:30:07.062Z < 02 84 02 32 c1
4000000 2024-06-12T02:30:08.000Z > 02 06 00 01 00 03 98 38
4062500 2024-06-12T02:30:08.062Z < 02 06 00 01 00 03 98 38
";

/// A desk with a true draft of a true file, and measured values that never change by themselves.
struct FakeDesk {
    draft: Mutex<Draft>,
    /// How often the points were asked for; every time there is a newer reading.
    asked: AtomicI64,
    /// What was noted in the audit book.
    noted: Mutex<Vec<(Deed, audit::Outcome)>>,
    /// What claims the gateway, until somebody has.
    claim_code: Mutex<Option<String>>,
    /// Why the site is not at work.
    repair: Option<Repair>,
}

impl FakeDesk {
    fn of(path: &Path) -> Self {
        Self {
            draft: Mutex::new(Draft::of(path)),
            asked: AtomicI64::new(0),
            noted: Mutex::default(),
            claim_code: Mutex::default(),
            repair: None,
        }
    }

    fn draft<T>(&self, work: impl FnOnce(&mut Draft) -> T) -> T {
        work(&mut self.draft.lock().unwrap())
    }

    /// Those of the file, as nothing else is at work; none of one with faults.
    fn overloads_at_work(&self) -> Vec<Overload> {
        let text = self.draft(|draft| std::fs::read_to_string(draft.path())).unwrap();
        read_site(Path::new(""), &text).map_or_else(|_| Vec::new(), |site| check::overloads(&site))
    }
}

fn library() -> MapLibrary {
    let register = |name: &str, unit: &str, reading_type: &str| MapRegister {
        register: Register {
            name: name.to_owned(),
            table: Table::InputRegister,
            address: 52,
            data_type: DataType::Float { words: 2 },
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        },
        title: name.to_owned(),
        scale: 1.0,
        offset: 0.0,
        unit: unit.to_owned(),
        reading_type: reading_type.parse().unwrap(),
        ratio: RatioKind::None,
        decimals: None,
        valid: None,
        page: "1".to_owned(),
    };
    let map = RegisterMap {
        model: "eastron-sdm630".to_owned(),
        manufacturer: "Eastron".to_owned(),
        title: "SDM630".to_owned(),
        manual: "manual".to_owned(),
        read_limits: ReadLimits::default(),
        registers: vec![
            register("power", "kW", "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"),
            register("energy_import", "kWh", "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"),
            register("demand", "kW", "0.0.0.12.1.1.8.0.0.0.0.0.0.0.0.3.38.0"),
        ],
    };
    [map].into_iter().collect()
}

fn read_site(_: &Path, text: &str) -> Result<Site, Faults> {
    cems_gateway::config::read("site.toml", text, |_| Ok(library()))
}

fn at(seconds: i64) -> UtcTime {
    UtcTime::from_ms(1_718_159_405_000 + seconds * 1_000)
}

fn reading(seconds: i64, value: Value) -> Reading {
    Reading { at: at(seconds), value: Some(value), quality: Quality::Good }
}

/// A board that was without power, and tells some of what one may know.
fn condition() -> Condition {
    let machine = Machine {
        temperatures: vec![Temperature { zone: "cpu-thermal".to_owned(), millicelsius: 48_312 }],
        resident_bytes: Some(11 * 1_048_576),
        memory_available_bytes: Some(180 * 1_048_576),
        uptime_s: Some(93_784),
        ..Machine::default()
    };
    let last_ending = Ending::Machine(Reset::Power);
    Condition { machine, last_ending, bad_ends: 1, last_panic: None, still: Vec::new() }
}

#[async_trait]
impl SiteDesk for FakeDesk {
    fn head(&self) -> Head {
        Head {
            cems_id: "CEMS-1".to_owned(),
            cems_name: "示例工厂".to_owned(),
            version: "1.2.3".to_owned(),
            staged: self.draft(|draft| draft.is_staged()),
            claim_code: self.claim_code.lock().unwrap().clone(),
            update: None,
            repair: self.repair.clone(),
        }
    }

    async fn stage(&self, edit: &Edit) -> Result<(), DraftError> {
        self.draft(|draft| draft.stage(edit, &library()))
    }

    async fn stage_file(&self, file: &Path) -> Result<(), DraftError> {
        self.draft(|draft| draft.stage_file(file))
    }

    async fn site_text(&self) -> Result<String, DraftError> {
        self.draft(|draft| draft.text())
    }

    async fn check(&self) -> Result<CheckReport, DraftError> {
        let text = self.draft(|draft| draft.text())?;
        let site = read_site(Path::new(""), &text).map_err(DraftError::Faults)?;
        let round = Duration::from_millis(412);
        Ok(CheckReport {
            meters: site.meters.len(),
            points: site.points.len(),
            parameters: site.points.iter().map(|point| point.parameters.len()).sum(),
            lines: vec![LineLoad { id: "rs485-1".to_owned(), requests: 3, round }],
            overloads: Overloads::between(&self.overloads_at_work(), check::overloads(&site)),
        })
    }

    async fn diff(&self) -> Vec<DiffLine> {
        self.draft(|draft| draft.diff())
    }

    async fn commit(&self) -> Result<Applied, DraftError> {
        let before = self.overloads_at_work();
        let read = |path: &Path, text: &str| check::not_worse(read_site(path, text)?, &before);
        let site = self.draft(|draft| draft.commit(read))?;
        Ok(Applied { changed: vec!["line rs485-1".to_owned()], overloads: check::overloads(&site) })
    }

    async fn rollback(&self) -> Result<Undone<Applied>, DraftError> {
        Ok(match self.draft(|draft| draft.rollback(read_site))? {
            Undone::Dropped => Undone::Dropped,
            Undone::Returned(_) => Undone::Returned(Applied::default()),
            Undone::Restored(turn, _) => Undone::Restored(turn, Applied::default()),
        })
    }

    fn note(&self, what: Deed, outcome: audit::Outcome) {
        self.noted.lock().unwrap().push((what, outcome));
    }

    async fn update(&self, _: &Path, _: Wish, _: Progress) -> Result<View, UpdateError> {
        Err(UpdateError::NoSlots)
    }

    async fn end_trial(&self, _: TrialOrder) -> Result<bool, UpdateError> {
        Err(UpdateError::NoSlots)
    }

    async fn reset_to_factory(&self, id: &str) -> Result<(), UpdateError> {
        if id == "CEMS-1" { Ok(()) } else { Err(UpdateError::OtherGateway { id: "CEMS-1".to_owned() }) }
    }
}

#[async_trait]
impl Desk for FakeDesk {
    fn status(&self) -> Status {
        let mut refused_once = ExceptionCounts::default();
        refused_once.add(2);
        let grid = MeterView {
            id: "m-grid".to_owned(),
            unit: 1,
            answered: 4_711,
            timeouts: 3,
            turnaround: Some(TurnaroundView {
                median: Duration::from_micros(18_432),
                p99: Duration::from_micros(24_100),
            }),
            ..MeterView::default()
        };
        let pump = MeterView {
            id: "m-pump".to_owned(),
            unit: 247,
            timeouts: 99,
            garbled: 2,
            exceptions: refused_once,
            past_share: 17,
            backed_off: true,
            learned: learned(),
            ..MeterView::default()
        };
        let line = |id: &str, place: &str, state, meters| LineView {
            id: id.to_owned(),
            place: place.to_owned(),
            state,
            busy_share: 0.434,
            meters,
        };
        Status {
            cems_id: "CEMS-1".to_owned(),
            cems_name: "示例工厂".to_owned(),
            version: "1.2.3".to_owned(),
            now: at(0),
            alarms: vec![Alarm::StoreDamaged { what: "blocks of epoch 7 are missing".to_owned() }],
            clock: ClockView {
                state: ClockState::Synchronised,
                run: Some(12),
                changes: 1,
                last_change: Some((at(-7_200), at(-60))),
            },
            utc_offset: UtcOffset::from_minutes(480).unwrap(),
            uptime: Duration::from_secs(2 * 86_400 + 3_725),
            points: 1,
            parameters: 4,
            lines: vec![
                line("rs485-1", "/dev/ttyS1", LineState::Open, vec![grid, pump]),
                line("lan", "192.0.2.10:502", LineState::Waiting, Vec::new()),
            ],
            store: StoreView {
                durable_through: Some(at(-2)),
                bytes: 13 * 1_048_576,
                bytes_max: 512 * 1_048_576,
                dropped: 0,
                events_open: 2,
                wear: Some(WearView {
                    device: "mmcblk0".to_owned(),
                    today_bytes: 13_000_000,
                    day_bytes: Some(85_000_000.0),
                    years: Some(413.4),
                }),
            },
            condition: Some(condition()),
            uplink: Some(UplinkView {
                broker: "broker.example:1883".to_owned(),
                state: UplinkViewState::Offline,
                backlog_scans: 1_200,
                last_error: Some("broker broker.example:1883: connection refused".to_owned()),
            }),
            interface: InterfaceView { plain: Some(([127, 0, 0, 1], 8_080).into()), ..<_>::default() },
            update: None,
            staged: self.draft(|draft| draft.is_staged()),
        }
    }

    fn gaps(&self, point: Option<&str>, _: usize) -> Vec<GapView> {
        let gap = Gap {
            from: UtcTime::from_ms(1_718_159_400_000),
            to: UtcTime::from_ms(1_718_159_460_000),
            cause: GapCause::Read(Cause::Timeout),
            missing: 60,
            ongoing: false,
            partial: false,
        };
        vec![GapView { point: point.unwrap_or("PT-GRID").to_owned(), parameter: None, gap }]
    }

    fn points(&self) -> Vec<PointView> {
        let seconds = self.asked.fetch_add(1, Ordering::Relaxed);
        let power = 486.0 + f64::from(i32::try_from(seconds).unwrap()) / 10.0;
        let parameter = |id: &str, name: &str, unit: &str| ParameterView {
            id: id.to_owned(),
            name: name.to_owned(),
            unit: unit.to_owned(),
            latest: None,
            failing: None,
        };
        let power = ParameterView {
            latest: Some(reading(seconds, Value::Number(power))),
            ..parameter("P", "有功功率", "kW")
        };
        let energy = ParameterView {
            latest: Some(reading(-600, Value::Number(1_234.5))),
            failing: Some((at(-1), Cause::Exception(2))),
            ..parameter("EPI", "正向有功电能", "kWh")
        };
        let serial = ParameterView {
            latest: Some(reading(-60, Value::Text("SN\u{1b}[2J42".into()))),
            ..parameter("SN", "serial number", "")
        };
        let never = parameter("F", "频率", "Hz");
        let (id, name) = ("PT-GRID".to_owned(), "关口表".to_owned());
        vec![PointView { id, name, parameters: vec![power, energy, serial, never] }]
    }

    async fn demand(&self) -> Result<DemandView, QueryError> {
        Ok(DemandView {
            end: at(-5),
            demand: Demand::Told { kw: 2_874.6, basis: Basis::MeanPower },
            level: Some(AlarmLevel::Warning),
            contract_kw: 3_000.0,
            power_kw: Some(2_932.4),
            predicted_kw: None,
            remain: Duration::from_mins(5),
            month_max: Some((3_055.2, at(-90_000))),
            times_over: 2,
            over: Duration::from_mins(17),
            unknown: 3,
            controllable_kw: 260.0,
        })
    }

    fn counter_events(&self, point: Option<&str>, _: usize) -> Vec<CounterEventOf> {
        let events = [counter_event(3, Assumption::Reset, None), counter_event(4, Assumption::Glitch, None)];
        let of = |event| CounterEventOf {
            point: "PT-GRID".to_owned(),
            parameter: "EPI".to_owned(),
            unit: "kWh".to_owned(),
            event,
        };
        events.map(of).into_iter().filter(|_| point.is_none_or(|id| id == "PT-GRID")).collect()
    }

    async fn correct(&self, number: u32, correction: Correction) -> Result<CounterEvent, CorrectionError> {
        let ruled = |verdict, counted| Some(Ruled { at: at(0), verdict, counted });
        match (number, correction) {
            (3, Correction::Confirm) => {
                Ok(counter_event(3, Assumption::Reset, ruled(Assumption::Reset, 3.5)))
            }
            (3, Correction::Amount(amount)) => {
                Ok(counter_event(3, Assumption::Reset, ruled(Assumption::Replaced, amount)))
            }
            (3, Correction::TakeBack) => Ok(counter_event(3, Assumption::Reset, None)),
            (3, Correction::To(_)) => Err(CorrectionError::NoModulus),
            _ => Err(CorrectionError::NoSuchEvent(number)),
        }
    }

    async fn enter(&self, entering: &Entering) -> Result<EntryOf, EnteringError> {
        match entering.point.as_str() {
            "PT-PROD-B" => Ok(entry_of(entering.value, Some(12.0), &entering.by)),
            _ => Err(EnteringError::NotManual(format!("{}/{}", entering.point, entering.parameter))),
        }
    }

    fn manual_entries(&self, point: Option<&str>, _: usize) -> Vec<EntryOf> {
        let entries = [entry_of(Some(12.0), None, "console"), entry_of(Some(12.5), Some(12.0), "zhang")];
        entries.into_iter().filter(|_| point.is_none_or(|id| id == "PT-PROD-B")).collect()
    }

    async fn dr_events(&self, id: Option<&str>, _: usize) -> Result<Vec<DrRow>, QueryError> {
        let row =
            |event: DrEvent, status| DrRow { status, outcome: None, response: None, execution: None, event };
        let mut declined = dr_event("DR20240820-02", "8月20日日内削峰", 14 * 86_400);
        declined.reply = Some(Reply { at: at(0), promised_kw: None });
        let mut over = row(dr_event("DR20240806-01", "8月6日日前削峰", 0), EventStatus::Ended);
        over.event.reply = Some(Reply { at: at(0), promised_kw: Some(450.0) });
        let load_kw = vec![Some(1_965.0); 8];
        let terms = Terms {
            response: ResponseType::PeakClipping,
            promised_kw: 450.0,
            rule: ValidityRule::MeanForAnHour,
            price_per_kwh: Some(2.0),
        };
        over.response = terms.judge(&[2_400.0; 8], &load_kw);
        over.outcome = Some(Outcome { load_kw, completeness: 1.0 });
        let coming = dr_event("DR-3", "DR-3", 20 * 86_400);
        over.event.note(at(-7_200), "cloud", Act::Entered);
        over.event.note(at(0), "console", Act::Promised(450.0));
        let mut rows = vec![over, row(declined, EventStatus::Pending), row(coming, EventStatus::Saved)];
        rows.retain(|row| id.is_none_or(|id| row.event.order.id == id));
        Ok(rows)
    }

    async fn dr_order(&self, order: DrOrder) -> Result<DrEvent, OrderError> {
        let mut event = dr_event("DR-3", "DR-3", 20 * 86_400);
        match order {
            DrOrder::Enter(order) => event.order = order,
            DrOrder::Reply { id, promised_kw } if id == "DR-3" => {
                event.reply = Some(Reply { at: at(0), promised_kw });
            }
            DrOrder::Cancel { id } if id == "DR-3" => event.cancelled_at = Some(at(0)),
            DrOrder::Reply { id, .. } if id == "DR20240806-01" => return Err(OrderError::DeadlinePassed),
            DrOrder::Reply { id, .. } | DrOrder::Cancel { id } => return Err(OrderError::NoSuchEvent(id)),
        }
        Ok(event)
    }

    fn controls(&self, point: Option<&str>) -> Vec<ControlOf> {
        let held = |by: &str, is_event| Some(Held { by: by.to_owned(), is_event, until: at(900) });
        let controls = [
            control_of(
                "LIMIT",
                Some(Target { value: 40.0, held: held("zhang", false) }),
                ControlState::Settled,
            ),
            control_of("FAN", None, ControlState::AtRest),
            control_of("PUMP", Some(Target { value: 40.0, held: held("DR-3", true) }), ControlState::Moving),
            control_of(
                "HEAT",
                Some(Target { value: 120.0, held: None }),
                ControlState::Failing(ControlFault::Line(Cause::Timeout)),
            ),
        ];
        controls.into_iter().filter(|_| point.is_none_or(|id| id == "PT-EV")).collect()
    }

    fn control_lines(&self, point: Option<&str>, _: usize) -> Vec<ControlLineOf> {
        let acts = [
            ControlAct::Held(40.0),
            ControlAct::Strayed(120.0),
            ControlAct::Reached(40.0),
            ControlAct::LeaseOver,
            ControlAct::Failed(120.0),
            ControlAct::Rested(120.0),
        ];
        let line = |act| ControlLineOf {
            point: "PT-EV".to_owned(),
            parameter: "LIMIT".to_owned(),
            unit: "kW".to_owned(),
            line: ControlLine { number: 0, series: SeriesId(0), at: at(0), act, by: "zhang".to_owned() },
        };
        acts.into_iter().filter(|_| point.is_none_or(|id| id == "PT-EV")).map(line).collect()
    }

    async fn control(&self, order: &ControlOrder) -> Result<ControlOf, ControlError> {
        match order {
            ControlOrder::Hold(holding) if holding.parameter != "LIMIT" => {
                Err(ControlError::NotWritable(format!("{}/{}", holding.point, holding.parameter)))
            }
            ControlOrder::Hold(holding) if holding.value > 120.0 => {
                Err(ControlError::OutOfBounds { value: holding.value, min: 10.0, max: 120.0 })
            }
            ControlOrder::Hold(holding) => {
                let held = Held { by: holding.by.clone(), is_event: false, until: at(900) };
                let target = Target { value: holding.value, held: Some(held) };
                Ok(control_of("LIMIT", Some(target), ControlState::Settled))
            }
            ControlOrder::Release { parameter, .. } if parameter == "LIMIT" => {
                Ok(control_of("LIMIT", None, ControlState::AtRest))
            }
            ControlOrder::Release { point, parameter, .. } => {
                Err(ControlError::NothingHeld(format!("{point}/{parameter}")))
            }
        }
    }

    async fn read(&self, order: &ReadOrder) -> Result<Vec<u16>, ReadFailure> {
        match (order.line.as_str(), order.unit.0) {
            ("rs485-1", 1) => {
                let count = usize::from(order.span.count);
                Ok([0x4366, 0x8000].into_iter().take(count).collect())
            }
            ("rs485-1", 2) => Err(ReadFailure::Failed(Cause::Exception(2))),
            ("rs485-1", _) => Err(ReadFailure::Failed(Cause::Timeout)),
            _ => Err(ReadFailure::NoSuchLine { known: vec!["rs485-1".to_owned(), "lan".to_owned()] }),
        }
    }

    /// Every time two frames more; the other line has always just been begun anew.
    fn recording(&self, line: &str, from: u64) -> Result<Excerpt, ReadFailure> {
        if line == "lan" {
            let Recording { protocol, frames, .. } = Recording::parse(FRAMES).unwrap();
            let next = if from == 0 { 8 } else { 2 };
            return Ok(Excerpt { protocol, frames: if from == 0 { frames } else { Vec::new() }, next });
        }
        if line != "rs485-1" {
            return Err(ReadFailure::NoSuchLine { known: vec!["rs485-1".to_owned(), "lan".to_owned()] });
        }
        let next = usize::try_from(from + 2).unwrap();
        let Recording { protocol, frames, .. } = Recording::parse(FRAMES).unwrap();
        let frames = frames.into_iter().take(next).skip(next - 2).collect();
        Ok(Excerpt { protocol, frames, next: from + 2 })
    }

    async fn record(&self, line: &str, file: &Path) -> Result<usize, RecordFailure> {
        if file.ends_with("old.frames") {
            return Err(RecordFailure::File(ArchiveError::Exists(file.to_owned())));
        }
        let excerpt = self.recording(line, 0).map_err(RecordFailure::Line)?;
        Ok(excerpt.frames.len())
    }

    fn learned(&self, meter: &str) -> Option<String> {
        let mut learned = learned();
        learned.take(Lesson::Longest(Table::InputRegister, 40), at(0));
        let offset = UtcOffset::from_minutes(480).unwrap();
        (meter == "m-grid").then(|| meters::patch::patch(&learned, &[], offset))
    }

    async fn relearn(&self, meter: &str) -> bool {
        meter == "m-grid"
    }

    fn audit(&self, who: Option<&str>, count: usize) -> AuditPage {
        let fits = |entry: &AuditEntry| who.is_none_or(|name| entry.note.actor.who.is_called(name));
        let entries = audit_entries().into_iter().rev().filter(fits).take(count).collect();
        AuditPage { entries, gone: 3 }
    }

    async fn backup(&self, file: &Path, progress: Progress) -> Result<BackupReport, ArchiveError> {
        if file.ends_with("old.backup") {
            return Err(ArchiveError::Exists(file.to_owned()));
        }
        progress.send_replace((3, 7));
        tokio::time::sleep(Duration::from_secs(7)).await;
        Ok(BackupReport { scans: 4_711, readings: 94_220, bytes: 61_000, unread: 0 })
    }

    async fn restore(&self, file: &Path, _: Progress) -> Result<RestoreReport, ArchiveError> {
        if file.ends_with("torn.backup") {
            let fault = BackupError::Truncated { at: 4_096 };
            return Err(ArchiveError::Refused { path: file.to_owned(), fault });
        }
        Ok(RestoreReport { readings: 94_220, readings_added: 20, ..RestoreReport::default() })
    }
}

fn learned() -> Learned {
    let hole = (Table::InputRegister, Span { start: 12, count: 4 });
    Learned::of(vec![(Lesson::Apart(hole.0, hole.1), Retrial { at: at(86_400), held: 0 })])
}

fn control_of(parameter: &str, target: Option<Target>, state: ControlState) -> ControlOf {
    let lease = Interval::QUARTER_HOUR;
    ControlOf {
        point: "PT-EV".to_owned(),
        parameter: parameter.to_owned(),
        unit: "kW".to_owned(),
        writable: Writable { min: 10.0, max: 120.0, release: 120.0, lease, ramp_per_min: None },
        read_back: target.as_ref().map(|_| 40.0),
        target,
        state,
    }
}

/// An event of two hours from 13:00, so many seconds after 2024-08-06.
fn dr_event(id: &str, name: &str, seconds: i64) -> DrEvent {
    let start = 1_722_920_400_000 + seconds * 1_000;
    let time = UtcTime::from_ms(start)..UtcTime::from_ms(start + 7_200_000);
    let invited = UtcTime::from_ms(start - 86_400_000);
    DrEvent {
        order: EventOrder {
            id: id.to_owned(),
            number: None,
            name: name.to_owned(),
            response: ResponseType::PeakClipping,
            timing: None,
            time,
            wanted_kw: None,
            point_id: None,
            invitation: Invitation {
                id: None,
                round: None,
                at: invited,
                deadline: UtcTime::from_ms(start - 75_600_000),
                wanted_kw: Some(500.0),
                price_per_kwh: Some(2.0),
            },
        },
        entered_at: invited,
        measured: Measured { point_id: "PT-GRID".to_owned(), parameter_id: "EPI".to_owned() },
        method: BaselineMethod::LastFive,
        samples_until: SamplesUntil::EventDay,
        rule: ValidityRule::MeanForAnHour,
        reply: None,
        cancelled_at: None,
        baseline: None,
        outcome: None,
        audit: Vec::new(),
    }
}

fn counter_event(number: u32, assumption: Assumption, ruled: Option<Ruled>) -> CounterEvent {
    let counted = if assumption == Assumption::Reset { 3.5 } else { 0.0 };
    let event = Event { since: at(-120), at: at(-60), before: 9_876.5, after: 3.5, assumption, counted };
    CounterEvent { number, series: SeriesId(0), event, ruled }
}

fn entry_of(value: Option<f64>, before: Option<f64>, by: &str) -> EntryOf {
    let (series, by) = (SeriesId(0), by.to_owned());
    let entry = ManualEntry { number: 0, series, at: at(-60), entered: at(0), value, before, by };
    EntryOf { point: "PT-PROD-B".to_owned(), parameter: "OUTPUT".to_owned(), unit: "t".to_owned(), entry }
}

/// One entry of every kind.
fn audit_entries() -> Vec<AuditEntry> {
    let entry = |number, note, clock, count| {
        let last = at(i64::from(count) - 1);
        AuditEntry { number, note, at: at(0), clock, last, count }
    };
    let by = |who, from| Actor { who, from };
    let zhang = || by(Who::Console("zhang".to_owned()), Place::Port("/dev/ttyS1".to_owned()));
    let stranger = || by(Who::Unknown, Place::Address([192, 0, 2, 7].into()));
    let cloud = || by(Who::Platform("cloud".to_owned()), Place::Address([192, 0, 2, 8].into()));
    let operator = by(Who::Operator, Place::CommandLine);
    let refused =
        |reason| Note::refused(by(Who::Console("li\u{1b}[2J".to_owned()), Place::Socket), Deed::Hold, reason);
    let notes = [
        Note::done(Actor::SYSTEM, Deed::Start).about("1.2.3"),
        Note::done(zhang(), Deed::Hold).about("PT-EV/LIMIT").value(Some(40.0)),
        Note::refused(stranger(), Deed::Ask, Reason::NoSuchToken),
        Note::done(cloud(), Deed::EnterEvent).about("DR-3").value(Some(500.0)),
        Note::done(zhang(), Deed::Commit).about("+meter[m-chiller3] point[PT-GRID].name"),
        Note::done(operator, Deed::Export).about("readings"),
    ];
    let mut entries: Vec<_> =
        (4..).zip(notes).map(|(number, note)| entry(number, note, ClockState::Holdover, 1)).collect();
    entries[0].clock = ClockState::Unset;
    entries[2].count = 17;
    entries[2].last = at(60);
    let refusals = (20..).zip(Reason::all());
    entries
        .extend(refusals.map(|(number, reason)| entry(number, refused(reason), ClockState::Synchronised, 1)));
    let deeds = (50..).zip(Deed::all());
    entries.extend(
        deeds.map(|(number, what)| entry(number, Note::done(zhang(), what), ClockState::Synchronised, 1)),
    );
    entries
}

/// A person with a terminal, and the gateway at the other end of the wire.
struct Technician {
    wire: DuplexStream,
    console: JoinHandle<std::io::Result<()>>,
    seen: String,
    folder: tempfile::TempDir,
    desk: Arc<FakeDesk>,
}

impl Technician {
    fn at_a_console(access: impl FnOnce(&Path) -> Access) -> Self {
        Self::at_the_console_of(|desk| desk, access)
    }

    fn at_the_console_of(
        change: impl FnOnce(FakeDesk) -> FakeDesk,
        access: impl FnOnce(&Path) -> Access,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        std::fs::write(&path, SITE).unwrap();
        let desk = Arc::new(change(FakeDesk::of(&path)));
        let front = match desk.repair {
            None => Front::AtWork(Arc::clone(&desk) as _),
            Some(_) => Front::InRepair(Arc::clone(&desk) as _),
        };
        let (wire, far_end) = tokio::io::duplex(4_096);
        let access = access(folder.path());
        let console = tokio::spawn(console::serve(far_end, front, access));
        Self { wire, console, seen: String::new(), folder, desk }
    }

    fn with_password() -> Self {
        Self::at_a_console(|data| Access::Password(Arc::new(Login::of(data))))
    }

    /// Types, then reads what comes back until nothing has come for `patience`.
    async fn types_and_waits(&mut self, keys: &str, patience: Duration) {
        self.wire.write_all(keys.as_bytes()).await.unwrap();
        let mut buffer = [0; 1_024];
        let mut bytes = Vec::new();
        while let Ok(Ok(count @ 1..)) = tokio::time::timeout(patience, self.wire.read(&mut buffer)).await {
            bytes.extend(&buffer[..count]);
        }
        self.seen += &String::from_utf8(bytes).unwrap();
    }

    async fn types(&mut self, keys: &str) {
        self.types_and_waits(keys, Duration::from_millis(100)).await;
    }

    async fn enters(&mut self, lines: &[&str]) {
        for line in lines {
            self.types(&format!("{line}\r")).await;
        }
    }

    /// What stood on the terminal; bells are not seen.
    fn saw(&self) -> String {
        self.seen.replace("\r\n", "\n").replace('\x07', "")
    }

    fn site_file(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("site.toml")).unwrap()
    }
}

fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/console").join(name);
    if std::env::var_os("CEMS_RENEW_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "the console said something else than {}:\n{text}", path.display());
}

/// Everything a technician can do, in the order in which one would.
async fn a_day_at_the_console(technician: &mut Technician) {
    let slowly = Duration::from_secs(40);
    technician.enters(&["status", "login", "short", "login", "维护密码1234", "维护密码4321"]).await;
    technician.enters(&["login", "维护密码1234", "维护密码1234", "logout", "login"]).await;
    technician.types_and_waits("guess\r", slowly).await;
    technician.enters(&["login", "维护密码1234"]).await;
    technician.enters(&["help", "help meter add", "status", "points", "demand", "help demand"]).await;
    technician.enters(&["points PT-GRID", "points PT-X", "watch PT-X"]).await;
    technician.types_and_waits("watch PT-GRID\r", Duration::from_millis(900)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    technician.types(" ").await;
    technician
        .enters(&["read rs485-1 1 input 52 2", "read rs485-1 2 holding 40 2", "read x 1 coil 0 1"])
        .await;
    technician.enters(&["events PT-GRID", "events PT-NONE", "confirm 3", "correct 3 12.5"]).await;
    technician.enters(&["correct 3 assumed", "correct 3 rollover", "correct 9 glitch"]).await;
    technician.enters(&["correct 3 swap", "correct 3", "confirm all"]).await;
    technician
        .enters(&["enter PT-PROD-B OUTPUT 12.5 2024-06-11 by=zhang", "enter PT-PROD-B OUTPUT none"])
        .await;
    technician
        .enters(&["entries", "entries PT-NONE", "enter PT-GRID EPI 1", "enter PT-PROD-B OUTPUT x"])
        .await;
    technician.enters(&["dr", "dr list", "dr list DR20240806-01", "dr list DR-9", "help dr add"]).await;
    technician.enters(&["dr add DR-3 2024-08-26T13:00 2024-08-26T15:00 500 name=\"8月26日\" price=2"]).await;
    technician
        .enters(&["dr add DR-3 noon 2024-08-26T15:00 500", "dr add DR-3 2024-08-26 2024-08-27 x"])
        .await;
    technician.enters(&["dr reply DR-3 yes 450", "dr reply DR-3 no", "dr reply DR20240806-01 no"]).await;
    technician.enters(&["dr cancel DR-3", "dr cancel DR-9"]).await;
    technician.enters(&["controls", "controls PT-NONE", "help hold"]).await;
    technician
        .enters(&["hold PT-EV LIMIT 40 for=PT10M by=zhang", "hold PT-EV P 40", "hold PT-EV LIMIT 500"])
        .await;
    technician
        .enters(&["hold PT-EV LIMIT much", "hold PT-EV LIMIT 40 for=10min", "hold PT-EV LIMIT 40 to=1"])
        .await;
    technician.enters(&["release PT-EV LIMIT", "release PT-EV FAN"]).await;
    technician.enters(&["read rs485-1 1 input 52", "read rs485-1 0 input 52"]).await;
    technician.types_and_waits("trace rs485-1\r", Duration::from_millis(150)).await;
    technician.types_and_waits("", Duration::from_millis(250)).await;
    technician.types(" ").await;
    technician.enters(&["trace rs485-9", "trace", "record rs485-1 /media/usb/rs485-1.frames"]).await;
    technician.enters(&["record rs485-1 /media/usb/old.frames", "record rs485-1 frames"]).await;
    technician.enters(&["audit 100", "audit who cloud", "audit 2 who zhang", "audit who nobody"]).await;
    technician.enters(&["audit 0", "audit zhang", "help audit"]).await;
    technician.enters(&["learned m-grid", "learned m-9", "relearn m-grid", "relearn m-9", "relearn"]).await;
    technician.enters(&["read rs485-1 1 register 52 2", "read rs485-1", "reboot"]).await;
    technician.enters(&["meter add m-2 rs485-1 0", "meter add m-2 rs485-1 2 role=branch role=main"]).await;
    technician.enters(&["meter add m-chiller3 rs485-1 1 eastron-sdm630 role=branch"]).await;
    technician
        .enters(&["meter add m-chiller3 rs485-1 12 eastron-sdm630 role=branch name=\"3# 冷机\" ct=40"])
        .await;
    technician.enters(&["point add PT-DEMAND m-grid demand role=check", "diff", "check", "commit"]).await;
    technician.enters(&["meter remove m-chiller3", "meter remove m-chiller3 points", "rollback"]).await;
    technician
        .enters(&[
            "point remove PT-GRID",
            "point remove PT-DEMAND",
            "commit",
            "rollback",
            "rollback",
            "rollback",
            "diff",
        ])
        .await;
    technician.enters(&["point add PT-BAD m-grid role=manager", "check", "commit", "rollback"]).await;
    for unit in 21..=24 {
        let meter = format!("meter add m-{unit} rs485-1 {unit} eastron-sdm630 role=sub interval=PT0.1S");
        technician.enters(&[&meter]).await;
    }
    technician.enters(&["check", "commit", "rollback"]).await;
    technician.types_and_waits("backup \"/media/usb 1/new.backup\"\r", Duration::from_secs(6)).await;
    technician.enters(&["backup new.backup", "backup /media/usb/old.backup"]).await;
    technician.enters(&["restore /media/usb/new.backup", "restore /media/usb/torn.backup"]).await;
    technician.types("stat\x1b[A\x15poi\x7f\x7f\x7f\x03").await;
    technician.enters(&["logout", "points"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_in_english() {
    let mut technician = Technician::with_password();
    technician.types("").await;
    a_day_at_the_console(&mut technician).await;
    assert_golden("english.txt", &technician.saw());
}

#[tokio::test(start_paused = true)]
async fn a_session_in_chinese() {
    let mut technician = Technician::with_password();
    technician.enters(&["lang zh"]).await;
    a_day_at_the_console(&mut technician).await;
    assert_golden("chinese.txt", &technician.saw());
}

#[tokio::test(start_paused = true)]
async fn a_trace_goes_on_with_the_first_frame_of_a_line_that_was_begun_anew() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    technician.enters(&["trace lan", ""]).await;
    let first = "any key ends it\n10:30:05.000 >             unit 1, function 03: read 2 from holding 40\n";
    assert!(technician.saw().contains(first), "{}", technician.saw());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_applied_before_commit() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    technician.enters(&["meter add m-2 rs485-1 2 eastron-sdm630 role=sub", "check", "diff"]).await;
    assert_eq!(technician.site_file(), SITE);
    technician.enters(&["commit"]).await;
    assert!(technician.site_file().contains("m-2"));
    technician.enters(&["rollback"]).await;
    assert_eq!(technician.site_file(), SITE);
}

/// Forty meters of 0.1 s each.
fn overloaded() -> String {
    let meter = |unit: u8| {
        format!(
            "[[meter]]\nid = \"m-{unit}\"\nline = \"rs485-1\"\nunit = {unit}\nmap = \"eastron-sdm630\"\n\
             interval = \"PT0.1S\"\n[[point]]\nid = \"PT-{unit}\"\nname = \"p\"\ncategory = \"CAT-GRID\"\n\
             role = \"sub\"\nmeter = \"m-{unit}\"\n[[point.parameter]]\nid = \"P\"\nregister = \"power\"\n"
        )
    };
    SITE.to_owned() + &(2..=41).map(meter).collect::<String>()
}

#[tokio::test(start_paused = true)]
async fn a_line_that_was_overloaded_before_stops_no_commit_that_makes_it_no_worse() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    let path = technician.folder.path().join("site.toml");
    std::fs::write(&path, overloaded()).unwrap();
    technician.enters(&["meter add m-50 rs485-1 50 eastron-sdm630 role=sub", "check", "commit"]).await;
    assert!(technician.saw().contains("nothing was written:\n  line 'rs485-1' would be taken"), "worse");
    assert_eq!(technician.site_file(), overloaded());
    technician.enters(&["rollback", "point add PT-D m-grid power role=check", "check", "commit"]).await;
    let warned = technician.saw().matches("warning: too much as before, which 'commit' lets pass:\n").count();
    assert_eq!(warned, 2, "by check and by commit: {}", technician.saw());
    technician.enters(&["meter remove m-41 points", "commit"]).await;
    assert!(technician.site_file().contains("PT-D") && !technician.site_file().contains("m-41"));
}

#[tokio::test(start_paused = true)]
async fn rollback_does_not_overwrite_a_file_edited_by_hand() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    technician.enters(&["meter add m-2 rs485-1 2 eastron-sdm630 role=sub", "commit"]).await;
    let by_hand = technician.site_file() + "# by hand\n";
    std::fs::write(technician.folder.path().join("site.toml"), &by_hand).unwrap();
    technician.enters(&["rollback"]).await;
    assert_eq!(technician.site_file(), by_hand);
    assert!(technician.seen.contains("was changed by somebody else meanwhile"), "{}", technician.seen);
    technician.enters(&["lang zh", "rollback"]).await;
    assert!(technician.seen.contains("已被他人修改"), "{}", technician.seen);
}

#[tokio::test(start_paused = true)]
async fn a_console_that_committed_nothing_does_not_guess_which_way_a_rollback_goes() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    let previous = format!("# before\n{SITE}");
    std::fs::write(technician.folder.path().join("site.toml.previous"), &previous).unwrap();
    technician.enters(&["rollback"]).await;
    assert_eq!(technician.site_file(), previous);
    assert!(technician.seen.contains("the file and the one kept beside it have changed places"));
}

#[tokio::test(start_paused = true)]
async fn a_console_that_needs_no_password_ends_at_logout() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    technician.enters(&["login", "status", "logout"]).await;
    assert!(technician.console.await.unwrap().is_ok());
    assert!(technician.seen.contains("no login is needed here") && technician.seen.ends_with("bye\r\n"));
}

#[tokio::test(start_paused = true)]
async fn whoever_types_nothing_for_fifteen_minutes_is_logged_out() {
    let mut technician = Technician::with_password();
    technician.enters(&["login", "12345678", "12345678"]).await;
    tokio::time::sleep(Duration::from_mins(14)).await;
    technician.enters(&["points"]).await;
    assert!(technician.seen.ends_with("cems > "), "{}", technician.seen);
    tokio::time::sleep(Duration::from_mins(16)).await;
    technician.enters(&["points"]).await;
    assert!(technician.saw().ends_with("points\nlog in first: login\n(login) > "), "{}", technician.saw());
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_too_long_is_refused_politely_and_the_next_one_is_obeyed() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    technician.enters(&[&"x".repeat(600), "rollback"]).await;
    let refusal = "the line has more than 512 bytes; nothing was done\ncems > rollback\n";
    assert!(technician.saw().contains(refusal), "{}", technician.saw());
}

#[tokio::test(start_paused = true)]
async fn who_comes_in_and_who_does_not_is_noted() {
    let mut technician = Technician::with_password();
    technician.enters(&["login", "right 1234", "right 1234", "logout", "login"]).await;
    technician.types_and_waits("wrong\r", Duration::from_secs(40)).await;
    technician.enters(&["login", "right 1234"]).await;
    let noted = technician.desk.noted.lock().unwrap().clone();
    let wrong = audit::Outcome::Refused(Reason::WrongPassword);
    let done = audit::Outcome::Done;
    assert_eq!(noted, [(Deed::SetPassword, done), (Deed::LogIn, wrong), (Deed::LogIn, done)]);

    let at_the_box = Technician::at_a_console(|_| Access::Open);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(*at_the_box.desk.noted.lock().unwrap(), [(Deed::LogIn, done)]);
}

#[tokio::test(start_paused = true)]
async fn the_audit_book_is_shown_to_nobody_who_is_not_logged_in() {
    let mut technician = Technician::with_password();
    technician.enters(&["audit"]).await;
    assert!(technician.saw().ends_with("audit\nlog in first: login\n(login) > "), "{}", technician.saw());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_hangs_up_ends_the_session() {
    let mut technician = Technician::with_password();
    technician.types("login\r").await;
    drop(technician.wire);
    assert!(technician.console.await.unwrap().is_ok());
}

/// A pseudo-terminal stands in for the serial port.
#[tokio::test]
async fn a_serial_port_greets_and_listens() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::io::{Read, Write};

    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let settings = SerialSettings {
        port: ptsname(&master, Vec::new()).unwrap().into_string().unwrap(),
        baud: 115_200,
        parity: Parity::None,
        data_bits: 8,
        stop_bits: 1,
        local_echo: false,
        rs485: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let desk = FakeDesk::of(&folder.path().join("none"));
    let login = Arc::new(Login::of(folder.path()));
    let console = tokio::spawn(console::serve_port(settings, Front::AtWork(Arc::new(desk)), login));

    let mut cable = std::fs::File::from(master);
    let said = tokio::task::spawn_blocking(move || {
        let mut said = Vec::new();
        let mut read_until = |cable: &mut std::fs::File, end: &[u8]| {
            let mut byte = [0];
            while !said.ends_with(end) {
                cable.read_exact(&mut byte).unwrap();
                said.push(byte[0]);
            }
        };
        read_until(&mut cable, b"(login) > ");
        cable.write_all(b"help lang\r").unwrap();
        read_until(&mut cable, b"lang zh\r\n(login) > ");
        said
    });
    let said = said.await.unwrap();
    assert!(String::from_utf8_lossy(&said).contains("speak Chinese or English"));
    console.abort();
}

#[tokio::test]
async fn the_socket_is_the_operators_own_and_goes_with_the_gateway() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site.toml");
    std::fs::write(&site, SITE).unwrap();
    let desk = || Front::AtWork(Arc::new(FakeDesk::of(&site)));
    // Left by a crash: a socket file that nobody listens on.
    drop(std::os::unix::net::UnixListener::bind(console::socket_path(folder.path())).unwrap());
    let listening = console::listen(folder.path(), desk()).unwrap();
    assert!(console::listen(folder.path(), desk()).is_err(), "one gateway a data folder");
    let path = console::socket_path(folder.path());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"points\rlogout\r").await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.contains("PT-GRID") && said.ends_with("bye\r\n"), "{said}");
    drop(listening);
    assert!(!path.exists());
}

fn with_claim_code(desk: FakeDesk) -> FakeDesk {
    *desk.claim_code.lock().unwrap() = Some("7K3M-Q2ZD-9XWB-4RTA".to_owned());
    desk
}

#[tokio::test(start_paused = true)]
async fn whoever_stands_before_a_box_that_nobody_owns_reads_its_claim_code_before_any_login() {
    let mut technician =
        Technician::at_the_console_of(with_claim_code, |data| Access::Password(Arc::new(Login::of(data))));
    technician.types("").await;
    let invitation = "NOT CLAIMED: POST /claim with the code 7K3M-Q2ZD-9XWB-4RTA, see docs/box.md\n\
                      尚未认领：以认领码 7K3M-Q2ZD-9XWB-4RTA 提交 POST /claim，见 docs/box.zh.md\n\
                      login: log in / 登录\n(login) > ";
    assert!(technician.saw().ends_with(invitation), "{}", technician.saw());
    // The cable was plugged in later, and the greeting is long gone.
    technician.enters(&[""]).await;
    assert_eq!(technician.saw().matches(invitation).count(), 2, "{}", technician.saw());

    *technician.desk.claim_code.lock().unwrap() = None;
    technician.enters(&[""]).await;
    assert_eq!(technician.saw().matches("CLAIMED").count(), 2, "somebody has claimed it");
    technician.enters(&["login", "12345678", "12345678", ""]).await;
    assert!(technician.saw().ends_with("logged in\ncems > \ncems > "), "{}", technician.saw());
}

#[tokio::test(start_paused = true)]
async fn a_claim_code_is_shown_at_no_other_console_than_a_serial_one() {
    let mut technician = Technician::at_the_console_of(with_claim_code, |_| Access::Open);
    technician.enters(&[""]).await;
    assert!(!technician.saw().contains("7K3M"), "{}", technician.saw());
}

fn in_repair(mut desk: FakeDesk) -> FakeDesk {
    let fault = "site.toml:17: [line 'rs485-1'] baud: is a string; give a whole number";
    desk.repair = Some(Repair { faults: vec![fault.to_owned()], has_good: true, factory: None });
    desk
}

#[tokio::test(start_paused = true)]
async fn a_desk_of_repair_tells_what_is_wrong_and_lets_the_file_be_mended() {
    let mut technician = Technician::at_the_console_of(in_repair, |_| Access::Open);
    let path = technician.folder.path().join("site.toml");
    let faulty = SITE.replace("baud = 9600", "baud = \"9600\"");
    std::fs::write(&path, &faulty).unwrap();
    technician.enters(&["status", "points", "check", "site show 16"]).await;
    let line = faulty.lines().position(|line| line.starts_with("baud")).unwrap() + 1;
    technician
        .enters(&[&format!("site line {line} baud = 9600"), "diff", "check", "lang zh", "commit"])
        .await;
    assert_eq!(technician.site_file(), SITE);
    assert_golden("repair.txt", &technician.saw());
}

#[tokio::test(start_paused = true)]
async fn a_site_file_that_is_no_toml_is_mended_line_by_line() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    let path = technician.folder.path().join("site.toml");
    std::fs::write(&path, SITE.replace("[[line]]", "[[line]\nx")).unwrap();
    let line = SITE.lines().position(|line| line == "[[line]]").unwrap() + 1;
    technician.enters(&["meter remove m-grid"]).await;
    assert!(technician.saw().contains("correct it line by line first"), "{}", technician.saw());
    technician.enters(&[&format!("site line {line} [[line]]"), &format!("site remove {}", line + 1)]).await;
    technician.enters(&[&format!("site insert {line} # put in"), "site remove 99", "check", "commit"]).await;
    assert_eq!(technician.site_file(), SITE.replace("[[line]]", "# put in\n[[line]]"));
    assert!(technician.saw().contains("there is no line 99"), "{}", technician.saw());
}

#[tokio::test(start_paused = true)]
async fn another_file_is_taken_in_the_place_of_the_site_file_where_it_is_one() {
    let mut technician = Technician::at_a_console(|_| Access::Open);
    let other = technician.folder.path().join("other.toml");
    std::fs::write(&other, format!("# other\n{SITE}")).unwrap();
    technician.enters(&[&format!("site take {}", other.display()), "diff"]).await;
    assert_eq!(technician.site_file(), SITE, "nothing before commit");
    technician.enters(&["commit", "site take /nowhere/site.toml"]).await;
    assert_eq!(technician.site_file(), format!("# other\n{SITE}"));
    assert!(technician.saw().contains("cannot read /nowhere/site.toml"), "{}", technician.saw());
}
