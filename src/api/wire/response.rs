//! Demand response (Annex A): what a site offers, events with invitation, baseline, load and result, and
//! what several came to.

use std::borrow::Cow;

use serde::Serialize;

use super::answer::without_binary_dust;
use super::{Shown, word};
use crate::model::demand_response::{
    BaselineMethod, ControlMode, DemandResponse, DrEvent, EventStatus, Measured, NoBaseline, Outcome,
    Resource, ResponseType, TimeType, ValidityRule,
};
use crate::ops::query::{DrRow, DrSummary, Execution};
use crate::stats::response::{LoadRange, Response};
use crate::time::{Interval, IsoTime, UtcOffset};

/// What is asked for, by its number.
pub const RESPONSE_TYPES: [(u32, ResponseType); 3] =
    [(1, ResponseType::PeakClipping), (2, ResponseType::ValleyFilling), (3, ResponseType::Absorption)];

/// Words for how long before it an event is announced.
pub const TIME_TYPES: [(&str, TimeType); 3] =
    [("dayAhead", TimeType::DayAhead), ("intraday", TimeType::Intraday), ("realTime", TimeType::RealTime)];

/// Parts of an event that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrPart {
    /// What the load is held against, with the load itself.
    Baseline,
    /// What came of it.
    Result,
}

/// Words for parts of an event.
pub const DR_PARTS: [(&str, DrPart); 2] = [("baseline", DrPart::Baseline), ("result", DrPart::Result)];

const METHODS: [(&str, BaselineMethod); 4] = [
    ("AVG_LAST_5_WORKDAYS", BaselineMethod::LastFive),
    ("TOP_5_OF_10", BaselineMethod::TopFiveOfTen),
    ("TRIM_10", BaselineMethod::TrimmedTen),
    ("PRE_15MIN", BaselineMethod::QuarterBefore),
];

const MODES: [(&str, ControlMode); 3] =
    [("manual", ControlMode::Manual), ("auto", ControlMode::Auto), ("direct", ControlMode::Direct)];

const fn status_number(status: EventStatus) -> u8 {
    match status {
        EventStatus::Saved => 1,
        EventStatus::Pending => 2,
        EventStatus::Running => 3,
        EventStatus::Ended => 4,
        EventStatus::Void => 5,
    }
}

const fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "Y" } else { "N" }
}

fn response_number(response: ResponseType) -> u32 {
    RESPONSE_TYPES.iter().find(|(_, known)| *known == response).map_or(0, |(number, _)| *number)
}

/// Four decimals of a share.
fn share(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

/// A part is never told as the whole.
fn completeness(share: f64) -> f64 {
    (share * 10_000.0).floor() / 10_000.0
}

/// What the site offers.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrCapability<'a> {
    /// Whether it takes part in anything.
    #[serde(rename = "participate")]
    pub participates: bool,
    /// Who bundles its offers with those of others.
    #[serde(rename = "aggregatorID", skip_serializing_if = "Option::is_none")]
    pub aggregator_id: Option<&'a str>,
    /// How much it can take off a peak, in kW.
    #[serde(rename = "maxPeakClipping", skip_serializing_if = "Option::is_none")]
    pub max_peak_clipping_kw: Option<f64>,
    /// How much it can put into a valley, in kW.
    #[serde(rename = "maxValleyFilling", skip_serializing_if = "Option::is_none")]
    pub max_valley_filling_kw: Option<f64>,
    /// The shortest answer.
    #[serde(rename = "minDuration", skip_serializing_if = "Option::is_none")]
    pub min_duration: Option<Shown<Interval>>,
    /// The longest answer.
    #[serde(rename = "maxDuration", skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Shown<Interval>>,
    /// How long before its start it must know of an event.
    #[serde(rename = "noticeTime", skip_serializing_if = "Option::is_none")]
    pub notice: Option<Shown<Interval>>,
    /// How fast its load changes, in kW a minute.
    #[serde(rename = "rampRate", skip_serializing_if = "Option::is_none")]
    pub ramp_rate_kw_per_min: Option<f64>,
    /// By which rules it is measured.
    #[serde(rename = "extension", skip_serializing_if = "Option::is_none")]
    pub rules: Option<DrRules<'a>>,
}

/// By which rules the site is measured.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrRules<'a> {
    /// The point whose load is measured.
    #[serde(rename = "pointID", skip_serializing_if = "Option::is_none")]
    pub point_id: Option<&'a str>,
    /// Its parameter.
    #[serde(rename = "parameterID", skip_serializing_if = "Option::is_none")]
    pub parameter_id: Option<&'a str>,
    /// How the baseline is made.
    #[serde(rename = "method")]
    pub method: &'static str,
    /// When an answer counts.
    #[serde(rename = "validityRule")]
    pub rule: u8,
}

impl<'a> DrCapability<'a> {
    /// What a site offers that may say nothing of it.
    #[must_use]
    pub fn new(settings: Option<&'a DemandResponse>) -> Self {
        Self {
            participates: settings.is_some_and(|settings| settings.participates),
            aggregator_id: settings.and_then(|settings| settings.aggregator_id.as_deref()),
            max_peak_clipping_kw: settings.and_then(|settings| settings.max_peak_clipping_kw),
            max_valley_filling_kw: settings.and_then(|settings| settings.max_valley_filling_kw),
            min_duration: settings.and_then(|settings| settings.min_duration).map(Shown),
            max_duration: settings.and_then(|settings| settings.max_duration).map(Shown),
            notice: settings.and_then(|settings| settings.notice).map(Shown),
            ramp_rate_kw_per_min: settings.and_then(|settings| settings.ramp_rate_kw_per_min),
            rules: settings.map(|settings| DrRules {
                point_id: settings.measured.as_ref().map(|of: &Measured| of.point_id.as_str()),
                parameter_id: settings.measured.as_ref().map(|of| of.parameter_id.as_str()),
                method: word::of(&METHODS, settings.method),
                rule: match settings.rule {
                    ValidityRule::ExtremeAndMean => 1,
                    ValidityRule::MeanForAnHour => 2,
                },
            }),
        }
    }
}

/// Something that can be adjusted.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrResource<'a> {
    /// The point that it is measured at.
    #[serde(rename = "pointID")]
    pub point_id: &'a str,
    /// How much more it can take, in kW.
    #[serde(rename = "adjustableUp", skip_serializing_if = "Option::is_none")]
    pub adjustable_up_kw: Option<f64>,
    /// How much less it can take, in kW.
    #[serde(rename = "adjustableDown", skip_serializing_if = "Option::is_none")]
    pub adjustable_down_kw: Option<f64>,
    /// Who adjusts it; never the gateway.
    #[serde(rename = "controlMode")]
    pub mode: &'static str,
}

impl<'a> From<&'a Resource> for DrResource<'a> {
    fn from(resource: &'a Resource) -> Self {
        Self {
            point_id: &resource.point_id,
            adjustable_up_kw: resource.adjustable_up_kw,
            adjustable_down_kw: resource.adjustable_down_kw,
            mode: word::of(&MODES, resource.mode),
        }
    }
}

/// Head of events of a range.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrRangeHead {
    /// The start of the range, which belongs to it.
    #[serde(rename = "startTime", skip_serializing_if = "Option::is_none")]
    pub start: Option<Shown<IsoTime>>,
    /// The end of the range, which does not.
    #[serde(rename = "endTime", skip_serializing_if = "Option::is_none")]
    pub end: Option<Shown<IsoTime>>,
}

/// How many events stand in an answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrCount {
    /// Events.
    #[serde(rename = "eventCount")]
    pub events: u64,
}

/// An event.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrEventHead<'a> {
    /// Its ID.
    #[serde(rename = "eventID")]
    pub id: &'a str,
    /// Another number of it.
    #[serde(rename = "eventNo", skip_serializing_if = "Option::is_none")]
    pub number: Option<&'a str>,
    /// Shown to people.
    #[serde(rename = "eventName")]
    pub name: &'a str,
    /// What is asked for.
    #[serde(rename = "responseType")]
    pub response: u32,
    /// How long before it is announced.
    #[serde(rename = "timeType", skip_serializing_if = "Option::is_none")]
    pub timing: Option<&'static str>,
    /// Its start.
    #[serde(rename = "startTime")]
    pub start: Shown<IsoTime>,
    /// Its end.
    #[serde(rename = "endTime")]
    pub end: Shown<IsoTime>,
    /// What is wanted of all sites together, in kW.
    #[serde(rename = "regulateCap", skip_serializing_if = "Option::is_none")]
    pub wanted_kw: Option<f64>,
    /// Where it stands.
    #[serde(rename = "eventStatus")]
    pub status: u8,
    /// The point whose load is measured.
    #[serde(rename = "pointID")]
    pub point_id: &'a str,
}

impl<'a> DrEventHead<'a> {
    /// `event` where it stands, its times at `offset`.
    #[must_use]
    pub fn new(event: &'a DrEvent, status: EventStatus, offset: UtcOffset) -> Self {
        let order = &event.order;
        Self {
            id: &order.id,
            number: order.number.as_deref(),
            name: &order.name,
            response: response_number(order.response),
            timing: order.timing.map(|timing| word::of(&TIME_TYPES, timing)),
            start: Shown(order.time.start.iso(offset)),
            end: Shown(order.time.end.iso(offset)),
            wanted_kw: order.wanted_kw,
            status: status_number(status),
            point_id: &event.measured.point_id,
        }
    }
}

/// The invitation and the reply.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrInvitation<'a> {
    /// Its own ID.
    #[serde(rename = "invitationID", skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// Which one of several.
    #[serde(rename = "invitationRound", skip_serializing_if = "Option::is_none")]
    pub round: Option<u8>,
    /// When it was made.
    #[serde(rename = "invitationTime")]
    pub at: Shown<IsoTime>,
    /// Until when one may reply.
    #[serde(rename = "deadlineTime")]
    pub deadline: Shown<IsoTime>,
    /// How much is wanted of this site, in kW.
    #[serde(rename = "invitationCap", skip_serializing_if = "Option::is_none")]
    pub wanted_kw: Option<f64>,
    /// 1 for yes, 0 for no; left out before the reply.
    #[serde(rename = "isParticipate", skip_serializing_if = "Option::is_none")]
    pub participates: Option<u8>,
    /// How much is promised, in kW.
    #[serde(rename = "replyCap", skip_serializing_if = "Option::is_none")]
    pub promised_kw: Option<f64>,
    /// When it was replied to.
    #[serde(rename = "replyTime", skip_serializing_if = "Option::is_none")]
    pub replied_at: Option<Shown<IsoTime>>,
    /// What a kilowatt-hour is worth.
    #[serde(rename = "subsidyPrice", skip_serializing_if = "Option::is_none")]
    pub price_per_kwh: Option<f64>,
}

impl<'a> DrInvitation<'a> {
    /// The invitation to `event` with its reply, its times at `offset`.
    #[must_use]
    pub fn new(event: &'a DrEvent, offset: UtcOffset) -> Self {
        let invitation = &event.order.invitation;
        Self {
            id: invitation.id.as_deref(),
            round: invitation.round,
            at: Shown(invitation.at.iso(offset)),
            deadline: Shown(invitation.deadline.iso(offset)),
            wanted_kw: invitation.wanted_kw,
            participates: event.reply.map(|reply| u8::from(reply.promised_kw.is_some())),
            promised_kw: event.reply.and_then(|reply| reply.promised_kw),
            replied_at: event.reply.map(|reply| Shown(reply.at.iso(offset))),
            price_per_kwh: invitation.price_per_kwh,
        }
    }
}

/// What the load is held against.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrBaseline<'a> {
    /// How it is made.
    #[serde(rename = "method")]
    pub method: &'static str,
    /// The days whose mean it is.
    #[serde(rename = "sampleDate", skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<Shown<jiff::civil::Date>>,
    /// The time of one value.
    #[serde(rename = "interval")]
    pub interval: Shown<Interval>,
    /// The load of every quarter of an hour, in kW; null where there is no baseline.
    #[serde(rename = "value")]
    pub load_kw: Option<&'a [f64]>,
    /// Why there is none.
    #[serde(rename = "remark", skip_serializing_if = "Option::is_none")]
    pub remark: Option<Cow<'static, str>>,
}

impl<'a> From<&'a DrEvent> for DrBaseline<'a> {
    fn from(event: &'a DrEvent) -> Self {
        let found = event.baseline.as_ref().and_then(|baseline| baseline.as_ref().ok());
        Self {
            method: word::of(&METHODS, event.method),
            dates: found.map(|found| found.dates.iter().copied().map(Shown).collect()).unwrap_or_default(),
            interval: Shown(Interval::QUARTER_HOUR),
            load_kw: found.map(|found| found.load_kw.as_slice()),
            remark: no_baseline(event),
        }
    }
}

/// Why there is no baseline.
fn no_baseline(event: &DrEvent) -> Option<Cow<'static, str>> {
    match event.baseline {
        Some(Ok(_)) => None,
        None => Some("not frozen yet: the days that it is made of are not over".into()),
        Some(Err(NoBaseline::NothingBefore)) => {
            Some("no baseline: the load before the event is not known".into())
        }
        Some(Err(NoBaseline::TooFewDays { found, wanted })) => {
            Some(format!("no baseline: only {found} of {wanted} days could be used").into())
        }
    }
}

/// The load while an event lasted.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrActual<'a> {
    /// The time of one value.
    #[serde(rename = "interval")]
    pub interval: Shown<Interval>,
    /// The load of every quarter of an hour, in kW; null where it was not measured.
    #[serde(rename = "value")]
    pub load_kw: &'a [Option<f64>],
    /// How much of the readings is there, 0 to 1.
    #[serde(rename = "completeness")]
    pub completeness: f64,
}

impl<'a> From<&'a Outcome> for DrActual<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        Self {
            interval: Shown(Interval::QUARTER_HOUR),
            load_kw: &outcome.load_kw,
            completeness: completeness(outcome.completeness),
        }
    }
}

/// What came of an event.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrResult {
    /// What was promised, in kW.
    #[serde(rename = "replyCap")]
    pub promised_kw: Option<f64>,
    /// The greatest of the baseline, in kW.
    #[serde(rename = "maxLoadBaseline")]
    pub max_baseline_kw: Option<f64>,
    /// The mean of the baseline, in kW.
    #[serde(rename = "avgLoadBaseline")]
    pub mean_baseline_kw: Option<f64>,
    /// The least of the baseline, in kW.
    #[serde(rename = "minLoadBaseline")]
    pub min_baseline_kw: Option<f64>,
    /// The greatest load, in kW.
    #[serde(rename = "maxLoadActual")]
    pub max_actual_kw: Option<f64>,
    /// The mean load, in kW.
    #[serde(rename = "avgLoadActual")]
    pub mean_actual_kw: Option<f64>,
    /// The least load, in kW.
    #[serde(rename = "minLoadActual")]
    pub min_actual_kw: Option<f64>,
    /// By how much the mean moved as it should, in kW.
    #[serde(rename = "actualCap")]
    pub moved_kw: Option<f64>,
    /// The energy of that, in kWh.
    #[serde(rename = "actualEnergy")]
    pub energy_kwh: Option<f64>,
    /// The part of what was promised.
    #[serde(rename = "responseRate")]
    pub rate: Option<f64>,
    /// Minutes in which the promise was kept by 80 %.
    #[serde(rename = "effectiveTime")]
    pub kept_minutes: Option<u32>,
    /// Y or N; null where that is not known.
    #[serde(rename = "isEffective")]
    pub counts: Option<&'static str>,
    /// What it is worth; null where it does not count or no price is known.
    #[serde(rename = "incentiveAmount")]
    pub worth: Option<f64>,
    /// How much of the readings is there, 0 to 1.
    #[serde(rename = "completeness")]
    pub completeness: f64,
    /// Y where it is frozen, N where late readings may still change it.
    #[serde(rename = "isFinal")]
    pub is_final: &'static str,
    /// Why something is not known.
    #[serde(rename = "remark", skip_serializing_if = "Option::is_none")]
    pub remark: Option<Cow<'static, str>>,
}

impl DrResult {
    /// What came of the event of `row`; `None` where the site took no part, or it is not over.
    #[must_use]
    pub fn of(row: &DrRow) -> Option<Self> {
        let outcome = row.outcome.as_ref()?;
        let response = row.response.as_ref();
        let baseline = response.map(|response| response.baseline);
        let actual = response.and_then(|response| response.actual);
        let part = |range: Option<LoadRange>, part: fn(LoadRange) -> f64| range.map(part);
        Some(Self {
            promised_kw: row.event.promised_kw(),
            max_baseline_kw: part(baseline, |range| range.max_kw),
            mean_baseline_kw: part(baseline, |range| range.mean_kw),
            min_baseline_kw: part(baseline, |range| range.min_kw),
            max_actual_kw: part(actual, |range| range.max_kw),
            mean_actual_kw: part(actual, |range| range.mean_kw),
            min_actual_kw: part(actual, |range| range.min_kw),
            moved_kw: response.and_then(|response| response.moved_kw),
            energy_kwh: response.and_then(|response| response.energy_kwh),
            rate: response.and_then(|response| response.rate).map(share),
            kept_minutes: response.filter(|response| response.actual.is_some()).map(|of| of.kept_minutes),
            counts: response.and_then(|response| response.counts).map(yes_or_no),
            worth: response.and_then(|response| response.worth).map(without_binary_dust),
            completeness: completeness(outcome.completeness),
            is_final: yes_or_no(row.event.outcome.is_some() && row.event.baseline.is_some()),
            remark: remark(row, response),
        })
    }
}

/// Why something of a result is not known.
fn remark(row: &DrRow, response: Option<&Response>) -> Option<Cow<'static, str>> {
    let Some(response) = response else { return no_baseline(&row.event) };
    if response.missing_quarters > 0 {
        let (missing, of) = (response.missing_quarters, row.event.quarters());
        return Some(
            format!("{missing} of {of} quarters of an hour were not measured; the others are told").into(),
        );
    }
    match (response.counts, row.event.order.invitation.price_per_kwh) {
        (Some(false), _) => Some("not effective, so no amount is reckoned".into()),
        (_, None) => Some("no subsidy price is known".into()),
        _ => None,
    }
}

/// What is coming of an event that is under way.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrExecution {
    /// When the load was measured.
    #[serde(rename = "executeTime")]
    pub at: Shown<IsoTime>,
    /// The baseline at that time, in kW.
    #[serde(rename = "baselineCap")]
    pub baseline_kw: Option<f64>,
    /// The load, in kW.
    #[serde(rename = "realTimeCap")]
    pub load_kw: Option<f64>,
    /// How far it has moved as it should, in kW.
    #[serde(rename = "executeCap")]
    pub moved_kw: Option<f64>,
    /// The part of what was promised.
    #[serde(rename = "executeRate")]
    pub rate: Option<f64>,
    /// Y where the load is on the wrong side of the baseline.
    #[serde(rename = "isOut")]
    pub is_out: Option<&'static str>,
    /// Y where the promise is kept by 80 %.
    #[serde(rename = "isQualified")]
    pub is_qualified: Option<&'static str>,
    /// Why something is not known.
    #[serde(rename = "remark", skip_serializing_if = "Option::is_none")]
    pub remark: Option<Cow<'static, str>>,
}

impl DrExecution {
    /// `execution` of `event`, its time at `offset`.
    #[must_use]
    pub fn new(execution: &Execution, event: &DrEvent, offset: UtcOffset) -> Self {
        let unmeasured = execution.load_kw.is_none().then(|| "the load is not known at present".into());
        Self {
            at: Shown(execution.at.iso(offset)),
            baseline_kw: execution.baseline_kw,
            load_kw: execution.load_kw,
            moved_kw: execution.moved_kw,
            rate: execution.rate.map(share),
            is_out: execution.is_out.map(yes_or_no),
            is_qualified: execution.is_qualified.map(yes_or_no),
            remark: no_baseline(event).or(unmeasured),
        }
    }
}

/// What the events of a range came to.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrStatistics {
    /// Events that the site took part in.
    #[serde(rename = "responseTimes")]
    pub events: u32,
    /// Of these, those that clipped a peak.
    #[serde(rename = "peakClippingTimes")]
    pub peak_clippings: u32,
    /// Of these, those that filled a valley or took clean energy up.
    #[serde(rename = "valleyFillingTimes")]
    pub valley_fillings: u32,
    /// By how much the means moved, in kW, all together.
    #[serde(rename = "totalResponseLoad")]
    pub moved_kw: f64,
    /// The energy of that, in kWh.
    #[serde(rename = "totalResponseEnergy")]
    pub energy_kwh: f64,
    /// The part of the events judged that was effective; null where none was judged.
    #[serde(rename = "responseAccuracy")]
    pub accuracy: Option<f64>,
    /// What they are worth.
    #[serde(rename = "incentiveAmount")]
    pub worth: f64,
    /// The part of the events of which it is known whether they were effective, 0 to 1.
    #[serde(rename = "completeness")]
    pub completeness: f64,
}

impl From<&DrSummary> for DrStatistics {
    fn from(summary: &DrSummary) -> Self {
        let all = summary.responses;
        Self {
            events: all.events,
            peak_clippings: all.peak_clippings,
            valley_fillings: all.valley_fillings,
            moved_kw: without_binary_dust(all.moved_kw),
            energy_kwh: without_binary_dust(all.energy_kwh),
            accuracy: all.accuracy().map(share),
            worth: without_binary_dust(all.worth),
            completeness: completeness(all.completeness()),
        }
    }
}

/// Whether an order was new.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DrEntered {
    /// Whether the event was not known before.
    #[serde(rename = "created")]
    pub is_new: bool,
}
