//! Document: an answer in the words of the wire.

mod demand;

use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::response_document;
use super::wire::answer::{
    AboutHead, CodeRow, CounterEvent, DataCount, DynamicHead, Envelope, Gap, Health, HistoricalHead, NameRow,
    Page, Reading, SimpleCategory, SimplePoint, SimpleReading, StaticHead, StatisticalHead,
};
use super::wire::claim::ClaimAnswer;
use super::wire::code::CODES;
use super::wire::figures::{self, Figures};
use super::wire::json_stream::{JsonStream, WriteError};
use super::wire::operation::Operation;
use super::wire::registry::REGISTRY;
use super::wire::response::DrPart;
use super::wire::site::{Category, Cems, Parameter, Point, SimpleCems};
use super::wire::statistic::StatItem;
use super::wire::table::{EnergyClass, NamedReadingType, StaticExtension, SubItem, TouRate};
use super::wire::update::Update;
use super::wire::{Shown, names, openapi, word};
use crate::config::site::Site;
use crate::limits;
use crate::model::alarm::Alarm;
use crate::model::codes;
use crate::ops::Ops;
use crate::ops::query::{
    DemandHistory, DemandNow, DemandStatic, DrAnswer, DrRow, DrSummary, DynamicAnswer, DynamicItem,
    HistoricalAnswer, HistoricalRow, Object, QueryError, StaticAnswer, StaticInclude, StaticItem,
    StatisticalAnswer,
};
use crate::store::Durable;
use crate::time::UtcOffset;
use crate::update::View;

/// What is answered.
pub(super) enum Document {
    /// Static data.
    Static(StaticAnswer),
    /// The newest readings.
    Dynamic(DynamicAnswer),
    /// The readings of a time range.
    Historical(HistoricalAnswer),
    /// Statistics.
    Statistical(StatisticalAnswer),
    /// What the site offers where load has to be moved.
    DrStatic(Arc<Site>),
    /// Events of demand response to come and under way.
    DrDynamic(DrAnswer),
    /// Events of demand response, with these parts.
    DrHistorical(DrAnswer, Vec<DrPart>),
    /// What events of demand response came to.
    DrStatistical(DrSummary),
    /// An event of demand response that was entered, and whether it was not known before.
    DrEntered(Arc<Site>, Box<DrRow>, bool),
    /// What is set about demand.
    DemandStatic(Box<DemandStatic>),
    /// Demand at present.
    DemandNow(Box<DemandNow>),
    /// The demands of a time range.
    DemandHistory(Box<DemandHistory>),
    /// The gateway has its first platform.
    Claimed {
        /// Its ID.
        platform: String,
        /// Its token, told this once.
        token: String,
    },
    /// How an update stands.
    Update(Box<View>),
    /// Who did what; no JSON.
    Audit(Arc<Ops>),
    /// This gateway.
    About,
    /// The interface itself; without an envelope.
    OpenApi,
    /// Figures for monitoring systems; no JSON.
    Figures(Arc<Figures>),
    /// How the gateway is; without an envelope.
    Health {
        /// What is on the medium.
        durable: Durable,
        /// The run in which the newest scan of that was taken.
        run: Option<u32>,
        /// What somebody should look after.
        alarms: Vec<Alarm>,
        /// The offset that times are shown in.
        offset: UtcOffset,
    },
}

/// What nearly every answer is.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// What lists are called that spreadsheets read.
const CSV: &str = "text/csv; charset=utf-8; header=present";

/// Why a document was not written to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What it says could not be had.
    #[error(transparent)]
    Query(#[from] QueryError),
}

pub(super) type Json<'w> = JsonStream<&'w mut dyn Write>;
type Written = Result<(), DocumentError>;

impl Document {
    /// What its media type is called.
    pub(super) const fn content_type(&self) -> &'static str {
        match self {
            Self::Figures(_) => figures::content_type(),
            Self::Audit(_) => CSV,
            _ => JSON,
        }
    }

    /// Writes the whole document.
    pub(super) fn write(&self, out: &mut dyn Write, envelope: &Envelope<'_>) -> Written {
        if let Self::Figures(figures) = self {
            return Ok(figures.write(out).map_err(WriteError::from)?);
        }
        if let Self::Audit(ops) = self {
            return write_audit(out, ops);
        }
        if matches!(self, Self::OpenApi) {
            return Ok(write_open_api(out).map_err(WriteError::from)?);
        }
        let mut json = JsonStream::new(out);
        if let Self::Health { durable, run, alarms, offset } = self {
            json.begin(&health(durable, *run, alarms, *offset))?;
            return Ok(json.finish()?);
        }
        json.begin(envelope)?;
        match self {
            Self::Static(answer) => write_static(&mut json, answer)?,
            Self::Dynamic(answer) => write_dynamic(&mut json, answer)?,
            Self::Historical(answer) => write_historical(&mut json, answer)?,
            Self::Statistical(answer) => write_statistical(&mut json, answer)?,
            Self::DrStatic(site) => response_document::write_static(&mut json, site)?,
            Self::DrDynamic(answer) => response_document::write_dynamic(&mut json, answer)?,
            Self::DrHistorical(answer, parts) => {
                response_document::write_historical(&mut json, answer, parts)?;
            }
            Self::DrStatistical(summary) => response_document::write_statistical(&mut json, summary)?,
            Self::DrEntered(site, row, is_new) => {
                response_document::write_entered(&mut json, site, row, *is_new)?;
            }
            Self::Claimed { platform, token } => {
                json.member(names::DATA, &ClaimAnswer { platform, token })?;
            }
            Self::Update(view) => json.member(names::DATA, &Update::from(view.as_ref()))?,
            Self::DemandStatic(answer) => demand::write_static(&mut json, answer)?,
            Self::DemandNow(now) => demand::write_dynamic(&mut json, now)?,
            Self::DemandHistory(answer) => demand::write_historical(&mut json, answer)?,
            Self::About | Self::Health { .. } | Self::OpenApi | Self::Figures(_) | Self::Audit(_) => {
                write_about(&mut json)?;
            }
        }
        Ok(json.finish()?)
    }
}

fn write_audit(out: &mut dyn Write, ops: &Ops) -> Written {
    match ops.export_audit(out) {
        Ok(_) => Ok(()),
        Err(error) => Err(WriteError::Io(io::Error::other(error)).into()),
    }
}

/// The text lies in the program; it goes out piece by piece, so that nothing holds it whole.
fn write_open_api(out: &mut dyn Write) -> io::Result<()> {
    openapi::DOCUMENT.write(out)
}

/// Writes the document of a refusal: an envelope without data.
pub(super) fn write_refusal(out: &mut dyn Write, envelope: &Envelope<'_>) -> Result<(), WriteError> {
    let mut json = JsonStream::new(out);
    json.begin(envelope)?;
    json.finish()
}

fn health(durable: &Durable, run: Option<u32>, alarms: &[Alarm], offset: UtcOffset) -> Health {
    let through = durable.through.map(|at| Shown(at.iso(offset)));
    let mut words: Vec<&'static str> = alarms.iter().map(Alarm::word).collect();
    words.dedup();
    Health { status: word::health(words.is_empty()), alarms: words, run, sequence: durable.sequence, through }
}

/// Places of the nested lists: document, data, and for static data the site.
const IN_DATA: usize = 2;
const IN_SITE: usize = 3;

fn write_static(json: &mut Json<'_>, answer: &StaticAnswer) -> Written {
    let cems = &answer.site().cems;
    let mut count = DataCount::default();
    json.object(names::DATA, &StaticHead { updated: Shown(answer.updated().iso(cems.offset)) })?;
    json.member(names::PAGE, &Page::new(answer.page(), &answer.site().api.compat))?;
    if answer.include().profile {
        json.object(names::CEMS, &Cems::from(cems))?;
    } else {
        json.object(names::CEMS, &SimpleCems::from(cems))?;
    }
    if answer.include().category || answer.include().point {
        json.list(names::CATEGORY)?;
        // Inside an entry of the list; a point lies two levels deeper, in a list of its own.
        let in_category = json.depth() + 1;
        for item in answer.items() {
            match item {
                StaticItem::Category(category) => {
                    count.categories += 1;
                    json.end_to(in_category - 1)?;
                    json.begin(&Category::from(category))?;
                }
                StaticItem::Point(point, status) => {
                    count.points += 1;
                    json.end_to(in_category + 1)?;
                    if json.depth() == in_category {
                        json.list(names::POINT)?;
                    }
                    json.begin(&Point::new(point, status))?;
                    json.list(names::PARAMETER)?;
                }
                StaticItem::Parameter(parameter) => {
                    count.parameters += 1;
                    json.item(&Parameter::from(parameter))?;
                }
            }
        }
    }
    json.end_to(IN_SITE - 1)?;
    json.member(names::DATA_COUNT, &count)?;
    write_static_extension(json, answer.include())
}

fn write_static_extension(json: &mut Json<'_>, include: StaticInclude) -> Written {
    if !include.capability && !include.codes {
        return Ok(());
    }
    let operations = Operation::names();
    let operations = include.capability.then_some(operations.as_slice());
    json.object(names::EXTENSION, &StaticExtension { operations })?;
    if include.codes {
        write_table::<EnergyClass, _>(json, names::ENERGY_CLASS, codes::energy_classes())?;
        write_table::<SubItem, _>(json, names::SUB_ITEM, codes::sub_items())?;
        write_table::<TouRate, _>(json, names::TOU_RATE, codes::tou_rates())?;
        write_table::<NamedReadingType, _>(json, names::READING_TYPE, codes::reading_types())?;
    }
    Ok(json.end_to(IN_DATA)?)
}

fn write_table<'t, T, R>(json: &mut Json<'_>, name: &'static str, rows: &'t [R]) -> Written
where
    T: From<&'t R> + Serialize,
{
    let depth = json.depth();
    json.list(name)?;
    for row in rows {
        json.item(&T::from(row))?;
    }
    Ok(json.end_to(depth)?)
}

fn write_dynamic(json: &mut Json<'_>, answer: &DynamicAnswer) -> Written {
    let cems = &answer.site().cems;
    let mut count = DataCount::default();
    json.object(names::DATA, &DynamicHead { at: Shown(answer.at().iso(cems.offset)) })?;
    json.member(names::CEMS, &SimpleCems::from(cems))?;
    json.member(names::PAGE, &Page::new(answer.page(), &answer.site().api.compat))?;
    json.list(names::CATEGORY)?;
    let mut shown_category = None;
    for item in answer.items() {
        match item {
            DynamicItem::Point(category, point, status) => {
                if shown_category != Some(&category.id) {
                    shown_category = Some(&category.id);
                    count.categories += 1;
                    json.end_to(IN_DATA + 1)?;
                    json.begin(&SimpleCategory::from(category))?;
                    json.list(names::POINT)?;
                }
                count.points += 1;
                json.end_to(IN_DATA + 3)?;
                json.begin(&SimplePoint::new(point, status))?;
                json.list(names::READING)?;
            }
            DynamicItem::Reading(parameter, newest) => {
                count.parameters += 1;
                count.readings += 1;
                json.begin(&SimpleReading::from(parameter))?;
                json.list(names::READING)?;
                json.item(&Reading::newest(&newest, answer.at(), cems.offset))?;
                json.end_to(IN_DATA + 5)?;
            }
        }
    }
    json.end_to(IN_DATA)?;
    Ok(json.member(names::DATA_COUNT, &count)?)
}

fn write_historical(json: &mut Json<'_>, answer: &HistoricalAnswer) -> Written {
    let cems = &answer.site().cems;
    let query = answer.query();
    let mut count = DataCount::default();
    json.object(
        names::DATA,
        &HistoricalHead {
            start: Shown(query.range.start.iso(cems.offset)),
            end: Shown(query.range.end.iso(cems.offset)),
            interval: query.interval.map(Shown),
        },
    )?;
    json.member(names::CEMS, &SimpleCems::from(cems))?;
    json.member(names::PAGE, &Page::new(answer.page(), &answer.site().api.compat))?;
    json.list(names::CATEGORY)?;
    let mut nest = Nest::default();
    for row in answer.rows() {
        let row = row?;
        nest.enter(json, &row, &mut count)?;
        count.readings += 1;
        json.item(&Reading::told(&row.told, cems.offset))?;
    }
    json.end_to(IN_DATA)?;
    write_gaps(json, answer, cems.offset)?;
    write_counter_events(json, answer, cems.offset)?;
    Ok(json.member(names::DATA_COUNT, &count)?)
}

/// What is missing in the range, and how much of that was left out for want of room.
fn write_gaps(json: &mut Json<'_>, answer: &HistoricalAnswer, offset: UtcOffset) -> Written {
    json.list(names::GAP)?;
    let mut left_out = 0_usize;
    for (place, row) in answer.gaps().enumerate() {
        let row = row?;
        if place < limits::API_GAPS_MAX {
            json.item(&Gap::new(&row, offset))?;
        } else {
            left_out += 1;
        }
    }
    json.end_to(IN_DATA)?;
    if left_out > 0 {
        json.member(names::GAP_LEFT_OUT, &left_out)?;
    }
    Ok(())
}

/// What registers did in the range besides plain growth; nothing where they did not.
fn write_counter_events(json: &mut Json<'_>, answer: &HistoricalAnswer, offset: UtcOffset) -> Written {
    let mut events = answer.counter_events().peekable();
    if events.peek().is_none() {
        return Ok(());
    }
    json.list(names::COUNTER_EVENT)?;
    for row in events.by_ref().take(limits::API_COUNTER_EVENTS_MAX) {
        json.item(&CounterEvent::new(&row, offset))?;
    }
    json.end_to(IN_DATA)?;
    let left_out = events.count();
    if left_out > 0 {
        json.member(names::COUNTER_EVENT_LEFT_OUT, &left_out)?;
    }
    Ok(())
}

/// The category, point and parameter whose readings are being written.
#[derive(Default)]
struct Nest<'a> {
    category: Option<&'a str>,
    point: Option<&'a str>,
    parameter: Option<&'a str>,
}

impl<'a> Nest<'a> {
    /// Closes what `row` does not belong to and opens what it does.
    fn enter(
        &mut self,
        json: &mut Json<'_>,
        row: &HistoricalRow<'a>,
        count: &mut DataCount,
    ) -> Result<(), WriteError> {
        let HistoricalRow { category, point, parameter, .. } = row;
        if self.category != Some(&category.id) {
            *self = Self { category: Some(&category.id), ..Self::default() };
            count.categories += 1;
            json.end_to(IN_DATA + 1)?;
            json.begin(&SimpleCategory::from(*category))?;
            json.list(names::POINT)?;
        }
        if self.point != Some(&point.id) {
            self.point = Some(&point.id);
            self.parameter = None;
            count.points += 1;
            json.end_to(IN_DATA + 3)?;
            json.begin(&SimplePoint::new(point, None))?;
            json.list(names::READING)?;
        }
        if self.parameter != Some(&parameter.id) {
            self.parameter = Some(&parameter.id);
            count.parameters += 1;
            json.end_to(IN_DATA + 5)?;
            json.begin(&SimpleReading::from(*parameter))?;
            json.list(names::READING)?;
        }
        Ok(())
    }
}

fn write_statistical(json: &mut Json<'_>, answer: &StatisticalAnswer) -> Written {
    let cems = &answer.site().cems;
    let query = answer.query();
    let mut count = DataCount::default();
    let (mut category, mut point, mut parameter) = (None, None, None);
    json.object(
        names::DATA,
        &StatisticalHead {
            start: Shown(query.range.start.iso(cems.offset)),
            end: Shown(query.range.end.iso(cems.offset)),
            period: word::of(&word::PERIODS, query.period),
        },
    )?;
    json.member(names::CEMS, &SimpleCems::from(cems))?;
    json.member(names::PAGE, &Page::new(answer.page(), &answer.site().api.compat))?;
    json.list(names::STATISTIC)?;
    for row in answer.rows() {
        let row = row?;
        match row.object {
            Object::Point(of, of_point, of_parameter) => {
                let is_new_point = point.replace(&of_point.id) != Some(&of_point.id);
                let is_new_parameter = parameter.replace(&of_parameter.id) != Some(&of_parameter.id);
                count.categories += u64::from(category.replace(&of.id) != Some(&of.id));
                count.points += u64::from(is_new_point);
                count.parameters += u64::from(is_new_point || is_new_parameter);
            }
            Object::Category(of) => count.categories += u64::from(category.replace(&of.id) != Some(&of.id)),
            Object::Cems => {}
        }
        count.readings += 1;
        json.item(&StatItem::new(&row, &cems.id, cems.offset))?;
    }
    json.end_to(IN_DATA)?;
    Ok(json.member(names::DATA_COUNT, &count)?)
}

fn write_about(json: &mut Json<'_>) -> Written {
    json.object(names::DATA, &AboutHead::THIS)?;
    json.list(names::CODE_LIST)?;
    for (code, ..) in CODES {
        json.item(&CodeRow::from(code))?;
    }
    json.end_to(IN_DATA)?;
    json.list(names::NAME_LIST)?;
    for entry in REGISTRY {
        json.item(&NameRow::from(entry))?;
    }
    Ok(json.end_to(IN_DATA)?)
}
