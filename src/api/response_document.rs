//! Documents about demand response, written event by event.

use super::document::{DocumentError, Json};
use super::wire::answer::{DynamicHead, Page};
use super::wire::response::{
    DrActual, DrBaseline, DrCapability, DrCount, DrEntered, DrEventHead, DrExecution, DrInvitation, DrPart,
    DrRangeHead, DrResource, DrResult, DrStatistics,
};
use super::wire::site::SimpleCems;
use super::wire::{Empty, Shown, names};
use crate::config::site::Site;
use crate::ops::query::{DrAnswer, DrRow, DrSummary};
use crate::time::UtcOffset;

type Written = Result<(), DocumentError>;

/// What the site offers.
pub(super) fn write_static(json: &mut Json<'_>, site: &Site) -> Written {
    let settings = site.demand_response.as_ref();
    json.object(names::DATA, &Empty {})?;
    json.member(names::CEMS, &SimpleCems::from(&site.cems))?;
    json.object(names::DR_CAPABILITY, &DrCapability::new(settings))?;
    json.list(names::RESOURCE)?;
    for resource in settings.into_iter().flat_map(|settings| &settings.resources) {
        json.item(&DrResource::from(resource))?;
    }
    Ok(())
}

/// Events that are to come or under way.
pub(super) fn write_dynamic(json: &mut Json<'_>, answer: &DrAnswer) -> Written {
    let offset = answer.site().cems.offset;
    json.object(names::DATA, &DynamicHead { at: Shown(answer.at().iso(offset)) })?;
    write_events(json, answer, |json, row| {
        // Who has not decided yet may want to see it.
        if row.event.reply.is_none() || row.event.promised_kw().is_some() {
            json.member(names::BASELINE, &DrBaseline::from(&row.event))?;
        }
        if let Some(execution) = &row.execution {
            json.member(names::EXECUTION, &DrExecution::new(execution, &row.event, offset))?;
        }
        Ok(())
    })
}

/// Events of a range with what came of them.
pub(super) fn write_historical(json: &mut Json<'_>, answer: &DrAnswer, parts: &[DrPart]) -> Written {
    let offset = answer.site().cems.offset;
    let head = DrRangeHead {
        start: answer.range().map(|range| Shown(range.start.iso(offset))),
        end: answer.range().map(|range| Shown(range.end.iso(offset))),
    };
    json.object(names::DATA, &head)?;
    write_events(json, answer, |json, row| {
        // Of an event that the site stays out of there is nothing to be held against anything.
        if row.event.promised_kw().is_none() {
            return Ok(());
        }
        if parts.contains(&DrPart::Baseline) {
            json.member(names::BASELINE, &DrBaseline::from(&row.event))?;
            if let Some(outcome) = &row.outcome {
                json.member(names::ACTUAL, &DrActual::from(outcome))?;
            }
        }
        if let Some(result) = DrResult::of(row).filter(|_| parts.contains(&DrPart::Result)) {
            json.member(names::RESULT, &result)?;
        }
        Ok(())
    })
}

/// What the events of a range came to.
pub(super) fn write_statistical(json: &mut Json<'_>, summary: &DrSummary) -> Written {
    let cems = &summary.site.cems;
    let (start, end) = (summary.range.start, summary.range.end);
    let at = |time: crate::time::UtcTime| Some(Shown(time.iso(cems.offset)));
    json.object(names::DATA, &DrRangeHead { start: at(start), end: at(end) })?;
    json.member(names::CEMS, &SimpleCems::from(cems))?;
    Ok(json.member(names::DR_STATISTICS, &DrStatistics::from(summary))?)
}

/// An event that was entered.
pub(super) fn write_entered(json: &mut Json<'_>, site: &Site, row: &DrRow, is_new: bool) -> Written {
    json.object(names::DATA, &Empty {})?;
    json.member(names::CEMS, &SimpleCems::from(&site.cems))?;
    json.list(names::DR_EVENT)?;
    begin_event(json, row, site.cems.offset)?;
    json.end()?;
    json.end()?;
    Ok(json.member(names::EXTENSION, &DrEntered { is_new })?)
}

fn begin_event(json: &mut Json<'_>, row: &DrRow, offset: UtcOffset) -> Written {
    json.begin(&DrEventHead::new(&row.event, row.status, offset))?;
    Ok(json.member(names::INVITATION, &DrInvitation::new(&row.event, offset))?)
}

fn write_events(
    json: &mut Json<'_>,
    answer: &DrAnswer,
    mut write_rest: impl FnMut(&mut Json<'_>, &DrRow) -> Written,
) -> Written {
    let cems = &answer.site().cems;
    let mut count = DrCount { events: 0 };
    json.member(names::CEMS, &SimpleCems::from(cems))?;
    json.member(names::PAGE, &Page::new(answer.page(), &answer.site().api.compat))?;
    json.list(names::DR_EVENT)?;
    for row in answer.rows() {
        let row = row?;
        count.events += 1;
        begin_event(json, &row, cems.offset)?;
        write_rest(json, &row)?;
        json.end()?;
    }
    json.end()?;
    Ok(json.member(names::DATA_COUNT, &count)?)
}
