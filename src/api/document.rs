//! Document: an answer in the words of the wire.

use std::io::Write;

use super::wire::answer::{
    AboutHead, Capability, CodeRow, CounterEvent, DataCount, DynamicHead, Envelope, Gap, Health,
    HistoricalHead, NameRow, Page, Reading, SimpleCategory, SimplePoint, SimpleReading, StaticHead,
    StatisticalHead,
};
use super::wire::code::CODES;
use super::wire::json_stream::{JsonStream, WriteError};
use super::wire::operation::Operation;
use super::wire::registry::REGISTRY;
use super::wire::site::{Category, Cems, Parameter, Point, SimpleCems};
use super::wire::statistic::StatItem;
use super::wire::{Shown, names, word};
use crate::limits;
use crate::model::alarm::Alarm;
use crate::ops::query::{
    DynamicAnswer, DynamicItem, HistoricalAnswer, HistoricalRow, Object, QueryError, StaticAnswer,
    StaticItem, StatisticalAnswer,
};
use crate::store::Durable;
use crate::time::UtcOffset;

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
    /// This gateway.
    About,
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

type Json<'w> = JsonStream<&'w mut dyn Write>;
type Written = Result<(), DocumentError>;

impl Document {
    /// Writes the whole document.
    pub(super) fn write(&self, out: &mut dyn Write, envelope: &Envelope<'_>) -> Written {
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
            Self::About | Self::Health { .. } => write_about(&mut json)?,
        }
        Ok(json.finish()?)
    }
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
    json.member(names::PAGE, &Page::from(answer.page()))?;
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
    if answer.include().capability {
        let operations = Operation::names();
        json.member(names::EXTENSION, &Capability { operations: &operations })?;
    }
    Ok(())
}

fn write_dynamic(json: &mut Json<'_>, answer: &DynamicAnswer) -> Written {
    let cems = &answer.site().cems;
    let mut count = DataCount::default();
    json.object(names::DATA, &DynamicHead { at: Shown(answer.at().iso(cems.offset)) })?;
    json.member(names::CEMS, &SimpleCems::from(cems))?;
    json.member(names::PAGE, &Page::from(answer.page()))?;
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
    json.member(names::PAGE, &Page::from(answer.page()))?;
    json.list(names::CATEGORY)?;
    let mut nest = Nest::default();
    for row in answer.rows() {
        let row = row?;
        nest.enter(json, &row, &mut count)?;
        count.readings += 1;
        json.item(&Reading::new(&row.reading, cems.offset))?;
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
    json.member(names::PAGE, &Page::from(answer.page()))?;
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
