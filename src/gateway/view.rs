//! What a console shows of the running parts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::plant::LineStatus;
use crate::check::{self, place_of};
use crate::config::site::{Site, StoreSettings, UplinkSettings};
use crate::console::desk::{
    CheckReport, ClockView, DemandView, GapView, LineLoad, LineState, LineView, MeterView, ParameterView,
    PointView, StoreView, TurnaroundView, UplinkView, UplinkViewState, WearView,
};
use crate::modbus::line::PortState;
use crate::modbus::plan::CostModel;
use crate::modbus::turnaround::Turnarounds;
use crate::model::overload::Overloads;
use crate::ops::Ops;
use crate::ops::query::{DemandNow, MonthDemand};
use crate::poll::job::reads_together;
use crate::store::{Boot, StoreStatus};
use crate::time::UtcTime;
use crate::time::trust::ClockState;
use crate::uplink::{ModeName, UplinkState};

pub(super) fn line(status: &LineStatus, site: &Site) -> LineView {
    let meters = site.meters.iter().filter(|meter| meter.line_id == status.line.id);
    let state = match status.state {
        _ if status.jobs.is_empty() => LineState::Disabled,
        PortState::Open => LineState::Open,
        PortState::Disabled | PortState::Wait => LineState::Waiting,
        PortState::Shutdown => LineState::Closed,
    };
    let meter = |id: &str, unit: u8| {
        let counters = status.units.iter().find(|counters| counters.unit.0 == unit);
        let jobs = || status.jobs.iter().filter(|job| job.meter_id == id);
        MeterView {
            id: id.to_owned(),
            unit,
            answered: counters.map_or(0, |of| of.ok),
            timeouts: counters.map_or(0, |of| of.timeouts),
            garbled: counters.map_or(0, |of| of.garbled + of.mismatches),
            exceptions: counters.map(|of| of.exceptions).unwrap_or_default(),
            turnaround: counters.and_then(|of| turnaround(&of.turnarounds)),
            past_share: jobs().map(|job| job.past_share).sum(),
            backed_off: jobs().any(|job| job.backed_off),
            learned: jobs().next().map(|job| job.learned.clone()).unwrap_or_default(),
        }
    };
    LineView {
        id: status.line.id.clone(),
        place: place_of(&status.line.link),
        state,
        busy_share: status.busy_share,
        meters: meters.map(|of| meter(&of.id, of.unit.0)).collect(),
    }
}

fn turnaround(of: &Turnarounds) -> Option<TurnaroundView> {
    Some(TurnaroundView { median: of.p50()?, p99: of.p99()? })
}

/// The clock in the present run, with its number.
pub(super) fn clock(state: ClockState, run: Option<(u32, Boot)>) -> ClockView {
    let (run, boot) = run.unzip();
    let boot = boot.unwrap_or_default();
    let last_change = boot.last_change.map(|change| (change.before, change.after));
    ClockView { state, run, changes: boot.clock_changes, last_change }
}

pub(super) fn store(status: &StoreStatus, settings: &StoreSettings) -> StoreView {
    let wear = status.wear.as_ref().map(|wear| WearView {
        device: wear.device.clone(),
        today_bytes: wear.today_bytes,
        day_bytes: wear.day_bytes,
        years: settings.flash.and_then(|endurance| wear.years(endurance)),
    });
    StoreView {
        durable_through: status.durable.through,
        bytes: status.disk_bytes,
        bytes_max: u64::from(settings.size_max_mib) * 1_024 * 1_024,
        dropped: status.dropped_scans,
        events_open: status.counter_events_open,
        wear,
    }
}

pub(super) fn uplink(settings: &UplinkSettings, state: &UplinkState) -> UplinkView {
    UplinkView {
        broker: format!("{}:{}", settings.host, settings.port),
        state: match state.mode {
            ModeName::Offline => UplinkViewState::Offline,
            ModeName::CatchUp => UplinkViewState::CatchingUp,
            ModeName::Live => UplinkViewState::Live,
        },
        backlog_scans: state.backlog_scans,
        last_error: state.last_error.clone(),
    }
}

pub(super) fn points(ops: &Ops) -> Vec<PointView> {
    let site = ops.site();
    let points = site.points.iter().map(|point| PointView {
        id: point.id.clone(),
        name: point.name.clone(),
        parameters: point
            .parameters
            .iter()
            .map(|parameter| {
                let series = ops.store().series(&point.id, &parameter.id).ok();
                let latest = series.and_then(|series| ops.store().latest(series));
                ParameterView {
                    id: parameter.id.clone(),
                    name: parameter.name.clone(),
                    unit: parameter.unit.clone(),
                    failing: latest.as_ref().and_then(|latest| latest.failing),
                    latest: latest.and_then(|latest| latest.reading),
                }
            })
            .collect(),
    });
    points.collect()
}

/// Demand at present.
pub(super) fn demand(now: &DemandNow) -> DemandView {
    let length = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let peaks = now.month.as_ref().map(|month| month.peaks).unwrap_or_default();
    DemandView {
        end: now.end,
        demand: now.demand,
        level: now.level(),
        contract_kw: now.contract_kw(),
        power_kw: now.power_kw,
        predicted_kw: now.predicted_kw,
        remain: length(now.remain_ms),
        month_max: peaks.peak.map(|peak| (peak.kw, peak.end)),
        times_over: peaks.times_over,
        over: length(now.month.as_ref().map_or(0, MonthDemand::over_ms)),
        unknown: peaks.unknown,
        controllable_kw: now.settings().controllable_kw(),
    }
}

/// The newest gaps of one Point or of all, at most `count`, oldest first. One that several Parameters
/// of a Point share is told once.
pub(super) fn gaps(ops: &Ops, point_id: Option<&str>, count: usize) -> Vec<GapView> {
    let site = ops.site();
    let mut found: Vec<GapView> = Vec::new();
    for point in site.points.iter().filter(|point| point_id.is_none_or(|id| id == point.id)) {
        let mut of_point: BTreeMap<(UtcTime, UtcTime, u8), GapView> = BTreeMap::new();
        for parameter in &point.parameters {
            let series = ops.store().series(&point.id, &parameter.id);
            let gaps =
                series.and_then(|series| ops.store().gaps(series, &UtcTime::ALWAYS)).unwrap_or_default();
            let newest = gaps.len().saturating_sub(count);
            for gap in gaps.into_iter().skip(newest) {
                let told = of_point.entry((gap.from, gap.to, gap.cause.code()));
                told.and_modify(|view| view.parameter = None).or_insert_with(|| GapView {
                    point: point.id.clone(),
                    parameter: Some(parameter.id.clone()),
                    gap,
                });
            }
        }
        found.extend(of_point.into_values());
    }
    found.sort_by_key(|view| view.gap.from);
    let surplus = found.len().saturating_sub(count);
    found.split_off(surplus)
}

/// What the lines of a checked site would have to do, beside the site at work, where one is.
pub(super) fn report(site: &Site, at_work: Option<&Site>) -> CheckReport {
    let overloads = check::overloads(site);
    // Where nothing is at work, nothing is refused that a start would take.
    let before = at_work.map_or_else(|| overloads.clone(), check::overloads);
    let lines = site.lines.iter().map(|line| {
        let cost = CostModel::of_line(line);
        let mut load = LineLoad { id: line.id.clone(), requests: 0, round: Duration::ZERO };
        for meter in site.meters.iter().filter(|meter| meter.line_id == line.id) {
            for (_, reads, _) in reads_together(site, meter, &cost) {
                let totals = cost.totals(&reads);
                load.requests += totals.requests;
                load.round += totals.time;
            }
        }
        load
    });
    CheckReport {
        meters: site.meters.len(),
        points: site.points.len(),
        parameters: site.points.iter().map(|point| point.parameters.len()).sum(),
        lines: lines.collect(),
        overloads: Overloads::between(&before, overloads),
    }
}
