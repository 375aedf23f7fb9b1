//! The questions about demand response: what the site offers, what is under way, what came of it.

use std::ops::Range;
use std::sync::Arc;

use super::dynamic_data::{DynamicItem, DynamicQuery, Newest};
use super::error::QueryError;
use super::paging::{Page, PageRequest};
use super::selection::Selection;
use super::span;
use crate::config::site::Site;
use crate::model::demand_response::{DrEvent, EventStatus, Outcome, load_scale};
use crate::ops::Ops;
use crate::stats::baseline::to_milliwatts;
use crate::stats::response::{Response, Responses, Terms};
use crate::time::{Interval, UtcTime};

/// A question for events of demand response.
#[derive(Clone, Debug, PartialEq)]
pub struct DrQuery {
    /// The CEMS, which must be the one that is hosted.
    pub cems_id: Option<String>,
    /// Only these events.
    pub event_ids: Option<Vec<String>>,
    /// Only events that start in this half-open range.
    pub range: Option<Range<UtcTime>>,
    /// Which page; events are counted.
    pub page: PageRequest,
}

/// Events, one at a time.
pub struct DrAnswer {
    ops: Arc<Ops>,
    site: Arc<Site>,
    range: Option<Range<UtcTime>>,
    now: UtcTime,
    page: Page,
    /// Those of the page.
    event_ids: Vec<String>,
}

/// One event and what is known of it now.
#[derive(Clone, Debug)]
pub struct DrRow {
    /// As it is kept.
    pub event: DrEvent,
    /// Where it stands.
    pub status: EventStatus,
    /// The load while it lasted; only of an event that is over and that the site took part in.
    pub outcome: Option<Outcome>,
    /// What came of it; only where there is a baseline too.
    pub response: Option<Response>,
    /// What is coming of it; only while it is under way and the site takes part.
    pub execution: Option<Execution>,
}

/// What is coming of an event that is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Execution {
    /// When the load was measured.
    pub at: UtcTime,
    /// The baseline at that time, in kW.
    pub baseline_kw: Option<f64>,
    /// The load, in kW.
    pub load_kw: Option<f64>,
    /// How far it has moved as it should, in kW.
    pub moved_kw: Option<f64>,
    /// What was promised and is kept, 1 being all.
    pub rate: Option<f64>,
    /// Whether the load is on the wrong side of the baseline.
    pub is_out: Option<bool>,
    /// Whether the promise is kept by 80 %.
    pub is_qualified: Option<bool>,
}

/// What the events of a range came to.
pub struct DrSummary {
    /// The site that was asked.
    pub site: Arc<Site>,
    /// The half-open range in which they start.
    pub range: Range<UtcTime>,
    /// All of them together.
    pub responses: Responses,
}

impl Ops {
    /// The site, if it is the one that is meant: what it offers is in its settings.
    ///
    /// # Errors
    /// When another CEMS is meant.
    pub fn dr_site(&self, cems_id: Option<String>) -> Result<Arc<Site>, QueryError> {
        let site = self.site();
        match cems_id {
            Some(other) if other != site.cems.id => Err(QueryError::NoSuchCems(other)),
            _ => Ok(site),
        }
    }

    /// Events that are to come or under way, in the order in which they start.
    ///
    /// # Errors
    /// When the question names what there is not.
    pub fn dr_dynamic(self: &Arc<Self>, query: DrQuery) -> Result<DrAnswer, QueryError> {
        let now = self.clock().now();
        self.dr_answer(query, |event| event.status(now) < EventStatus::Ended)
    }

    /// Events of a range with what came of them, in the order in which they start.
    ///
    /// # Errors
    /// When the question names what there is not, or the range is empty or too long.
    pub fn dr_historical(self: &Arc<Self>, query: DrQuery) -> Result<DrAnswer, QueryError> {
        if let Some(range) = &query.range {
            span::check(range, Interval::QUARTER_HOUR)?;
        }
        self.dr_answer(query, |_| true)
    }

    /// What the events of a range that the site took part in came to.
    ///
    /// # Errors
    /// When another CEMS is meant, the range is empty or too long, or the store cannot be read.
    pub fn dr_statistical(
        &self,
        cems_id: Option<String>,
        range: Range<UtcTime>,
    ) -> Result<DrSummary, QueryError> {
        let site = self.dr_site(cems_id)?;
        span::check(&range, Interval::QUARTER_HOUR)?;
        let now = self.clock().now();
        let mut responses = Responses::default();
        for event in self.dr_events().into_iter().filter(|event| range.contains(&event.order.time.start)) {
            let kind = event.order.response;
            if event.status(now) == EventStatus::Ended && event.promised_kw().is_some() {
                responses.add(kind, self.dr_row(event, now)?.response.as_ref());
            }
        }
        Ok(DrSummary { site, range, responses })
    }

    fn dr_answer(
        self: &Arc<Self>,
        query: DrQuery,
        is_meant: impl Fn(&DrEvent) -> bool,
    ) -> Result<DrAnswer, QueryError> {
        let site = self.dr_site(query.cems_id)?;
        let events = self.dr_events();
        let is_known = |id: &&String| !events.iter().any(|event| event.order.id == **id);
        if let Some(unknown) = query.event_ids.iter().flatten().find(is_known) {
            return Err(QueryError::NoSuchEvent(unknown.clone()));
        }
        let is_asked = |event: &&DrEvent| {
            query.event_ids.as_ref().is_none_or(|ids| ids.contains(&event.order.id))
                && query.range.as_ref().is_none_or(|range| range.contains(&event.order.time.start))
        };
        let all: Vec<&DrEvent> = events.iter().filter(is_asked).filter(|event| is_meant(event)).collect();
        let page = query.page.of(all.len() as u64);
        let place = |item: u64| usize::try_from(item).unwrap_or(usize::MAX);
        let window = query.page.window();
        let on_page = all.iter().skip(place(window.start)).take(place(window.end - window.start));
        Ok(DrAnswer {
            event_ids: on_page.map(|event| event.order.id.clone()).collect(),
            ops: Arc::clone(self),
            site,
            range: query.range,
            now: self.clock().now(),
            page,
        })
    }

    /// An event with what is known of it now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn dr_row_now(&self, event: DrEvent) -> Result<DrRow, QueryError> {
        self.dr_row(event, self.clock().now())
    }

    /// An event with what is known of it at `now`.
    pub(in crate::ops) fn dr_row(&self, event: DrEvent, now: UtcTime) -> Result<DrRow, QueryError> {
        let status = event.status(now);
        let terms = terms_of(&event);
        let outcome = match status {
            EventStatus::Ended if terms.is_some() => Some(self.outcome_of(&event)?),
            _ => None,
        };
        let baseline = event.baseline.as_ref().and_then(|baseline| baseline.as_ref().ok());
        let known = terms.zip(baseline).zip(outcome.as_ref());
        let response =
            known.and_then(|((terms, baseline), outcome)| terms.judge(&baseline.load_kw, &outcome.load_kw));
        let execution = match status {
            EventStatus::Running => terms.map(|terms| self.execution(&event, &terms, now)).transpose()?,
            _ => None,
        };
        Ok(DrRow { event, status, outcome, response, execution })
    }

    fn execution(&self, event: &DrEvent, terms: &Terms, now: UtcTime) -> Result<Execution, QueryError> {
        let newest = match self.newest_load(event)? {
            Some(newest) => Some(newest),
            None => self.last_quarter(event, now)?,
        };
        let (at, load_kw) = newest.map_or((now, None), |(at, load_kw)| (at, Some(load_kw)));
        let quarter = at.min(now).ms_since(event.order.time.start) / Interval::QUARTER_HOUR.as_ms();
        let quarter = usize::try_from(quarter).unwrap_or(0);
        let baseline = event.baseline.as_ref().and_then(|baseline| baseline.as_ref().ok());
        let baseline_kw = baseline.and_then(|baseline| baseline.load_kw.get(quarter)).copied();
        let moved_kw = baseline_kw.zip(load_kw).map(|(baseline, load)| terms.moved_kw(baseline, load));
        Ok(Execution {
            at,
            baseline_kw,
            load_kw,
            moved_kw,
            rate: moved_kw.and_then(|moved| terms.rate(moved)),
            is_out: moved_kw.map(|moved| moved < 0.0),
            is_qualified: moved_kw.map(|moved| terms.is_kept_by(moved)),
        })
    }

    /// The newest power of the point while it is fresh, and when it was read.
    fn newest_load(&self, event: &DrEvent) -> Result<Option<(UtcTime, f64)>, QueryError> {
        let site = self.site();
        let point = site.points.iter().find(|point| point.id == event.measured.point_id);
        let power = point.into_iter().flat_map(|point| &point.parameters);
        let mut power = power.filter(|parameter| parameter.reading_type.is_power());
        let found = power.find_map(|parameter| Some((parameter, load_scale(parameter)?)));
        let Some((parameter, scale)) = found else { return Ok(None) };
        let selection = Selection {
            point_ids: Some(vec![event.measured.point_id.clone()]),
            parameter_ids: Some(vec![parameter.id.clone()]),
            ..Selection::default()
        };
        let answer = self.dynamic_data(&DynamicQuery { selection, page: PageRequest::first() })?;
        let fresh = answer.items().find_map(|item| match item {
            DynamicItem::Reading(_, Newest::Fresh(reading)) => Some((reading.at, reading.number()?)),
            _ => None,
        });
        let of_event = fresh.filter(|(at, _)| *at >= event.order.time.start);
        Ok(of_event.map(|(at, value)| (at, to_milliwatts(value * scale))))
    }

    /// The load in the last quarter of an hour of the event that is over, and when that began.
    fn last_quarter(&self, event: &DrEvent, now: UtcTime) -> Result<Option<(UtcTime, f64)>, QueryError> {
        let end = now.floor_local(Interval::QUARTER_HOUR, self.site().cems.offset);
        let start = UtcTime::from_ms(end.as_ms() - Interval::QUARTER_HOUR.as_ms());
        if start < event.order.time.start {
            return Ok(None);
        }
        let loads = self.loads(&event.measured, &(start..end))?;
        Ok(loads.first().and_then(|quarter| quarter.load_kw).map(|load_kw| (start, load_kw)))
    }
}

/// What was promised, and how it is judged; `None` where the site takes no part.
fn terms_of(event: &DrEvent) -> Option<Terms> {
    Some(Terms {
        response: event.order.response,
        promised_kw: event.promised_kw()?,
        rule: event.rule,
        price_per_kwh: event.order.invitation.price_per_kwh,
    })
}

impl DrAnswer {
    /// The site that was asked.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The half-open range in which the events start, where one was asked for.
    #[must_use]
    pub const fn range(&self) -> Option<&Range<UtcTime>> {
        self.range.as_ref()
    }

    /// When all this was so.
    #[must_use]
    pub const fn at(&self) -> UtcTime {
        self.now
    }

    /// The page; events are counted.
    #[must_use]
    pub const fn page(&self) -> Page {
        self.page
    }

    /// The events of the page, in the order in which they start.
    pub fn rows(&self) -> impl Iterator<Item = Result<DrRow, QueryError>> {
        let events = self.event_ids.iter().filter_map(|id| self.ops.store().dr_event(id));
        events.map(|event| self.ops.dr_row(event, self.now))
    }
}
