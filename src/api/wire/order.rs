//! Orders: from the members of a request to an event, and from a refusal back to members. The one thing
//! that a platform may enter; our own, no operation of the standard.

use std::ops::Range;

use super::code::Code;
use super::question::{instant, missing, one_of};
use super::request::{self, Request};
use super::response::{DR_PARTS, DrPart, RESPONSE_TYPES, TIME_TYPES};
use crate::api::fault::Fault;
use crate::model::demand_response::{EventOrder, Invitation, ResponseType};
use crate::ops::demand_response::{Named, OrderError};
use crate::ops::query::DrQuery;
use crate::time::{UtcOffset, UtcTime};

impl Request {
    /// A question for events of a range, or for some by their IDs; `offset` is that of dates without a
    /// time.
    ///
    /// # Errors
    /// When a member has a wrong value; the fault names it.
    pub fn into_dr(self, offset: UtcOffset) -> Result<DrQuery, Fault> {
        let has_range = self.start_time.is_some() || self.end_time.is_some() || self.event_ids.is_none();
        let range = has_range.then(|| self.range(offset)).transpose()?;
        Ok(DrQuery { range, ..self.into_dr_now()? })
    }

    /// The CEMS that is asked about, and the range in which its events start.
    ///
    /// # Errors
    /// As [`into_dr`](Self::into_dr).
    pub fn into_dr_range(self, offset: UtcOffset) -> Result<(Option<String>, Range<UtcTime>), Fault> {
        let range = self.range(offset)?;
        Ok((self.cems_id, range))
    }

    /// A question for events whenever they are.
    ///
    /// # Errors
    /// As [`into_dr`](Self::into_dr).
    pub fn into_dr_now(self) -> Result<DrQuery, Fault> {
        Ok(DrQuery { page: self.page()?, cems_id: self.cems_id, event_ids: self.event_ids, range: None })
    }

    /// The parts of events that are asked for; all without the member.
    ///
    /// # Errors
    /// When a word is none.
    pub fn dr_parts(&self) -> Result<Vec<DrPart>, Fault> {
        let all = || DR_PARTS.iter().map(|(_, part)| *part).collect();
        let named = self.include.as_ref().map(|words| {
            let parts = words.iter().map(|word| one_of(request::INCLUDE, &DR_PARTS, Some(word)));
            parts.filter_map(Result::transpose).collect()
        });
        named.unwrap_or_else(|| Ok(all()))
    }

    /// An event to enter; `offset` is that of dates without a time.
    ///
    /// # Errors
    /// When a member is missing or has a wrong value; the fault names it.
    pub fn into_event_order(self, offset: UtcOffset) -> Result<EventOrder, Fault> {
        let time = |name, text: &Option<String>| instant(name, text.as_deref(), offset);
        let start = time(request::START_TIME, &self.start_time)?;
        let end = time(request::END_TIME, &self.end_time)?;
        let round = self.invitation_round.map(|round| {
            let fault = || Fault::malformed(format!("{} is at most 255", request::INVITATION_ROUND));
            u8::try_from(round).map_err(|_| fault())
        });
        Ok(EventOrder {
            response: response_type(self.response_type)?,
            timing: one_of(request::TIME_TYPE, &TIME_TYPES, self.time_type.as_deref())?,
            time: start..end,
            wanted_kw: self.regulate_kw,
            invitation: Invitation {
                id: self.invitation_id,
                round: round.transpose()?,
                at: time(request::INVITATION_TIME, &self.invitation_time)?,
                deadline: time(request::DEADLINE_TIME, &self.deadline_time)?,
                wanted_kw: self.invitation_kw,
                price_per_kwh: self.subsidy_price,
            },
            id: only(request::EVENT_ID, self.event_ids)?
                .ok_or_else(|| missing(request::EVENT_ID, "DR20240806-01"))?,
            number: self.event_number,
            name: self.event_name.ok_or_else(|| missing(request::EVENT_NAME, "8月6日日前削峰"))?,
            point_id: only(request::POINT_ID, self.point_ids)?,
        })
    }
}

fn response_type(number: Option<u32>) -> Result<ResponseType, Fault> {
    let name = request::RESPONSE_TYPE;
    let number = number.ok_or_else(|| missing(name, "1"))?;
    let found = RESPONSE_TYPES.iter().find(|(known, _)| *known == number).map(|(_, response)| *response);
    found.ok_or_else(|| {
        Fault::malformed(format!(
            "{name} cannot be {number}; 1 is peak clipping, 2 valley filling, 3 absorption of clean energy"
        ))
    })
}

/// The only entry of a list that must not have more.
fn only(name: &str, list: Option<Vec<String>>) -> Result<Option<String>, Fault> {
    let mut list = list.unwrap_or_default();
    if list.len() > 1 {
        return Err(Fault::malformed(format!("{name} names one here, not {}", list.len())));
    }
    Ok(list.pop())
}

const fn member(named: Named) -> &'static str {
    match named {
        Named::Event => request::EVENT_ID,
        Named::Number => request::EVENT_NO,
        Named::Invitation => request::INVITATION_ID,
        Named::Start => request::START_TIME,
        Named::End => request::END_TIME,
        Named::Wanted => request::REGULATE_CAP,
        Named::WantedHere => request::INVITATION_CAP,
        Named::Price => request::SUBSIDY_PRICE,
        // A promise is made at the console only.
        Named::Promise => "",
    }
}

impl From<OrderError> for Fault {
    fn from(error: OrderError) -> Self {
        let (code, member) = match &error {
            OrderError::NoDemandResponse => return Self::of(Code::Forbidden, error.to_string()),
            OrderError::ClockUnset => return Self::of(Code::Busy, error.to_string()),
            OrderError::Store(store) => return Self::from(store),
            OrderError::Id(named) | OrderError::Amount(named) => (Code::Malformed, member(*named)),
            OrderError::Name => (Code::Malformed, request::EVENT_NAME),
            OrderError::NotOnQuarter(named) => (Code::TimeRange, member(*named)),
            OrderError::EndBeforeStart | OrderError::OverMidnight | OrderError::Over => {
                (Code::TimeRange, request::END_TIME)
            }
            OrderError::Begun | OrderError::TooFarAhead => (Code::TimeRange, request::START_TIME),
            OrderError::DeadlineBeforeInvitation
            | OrderError::DeadlineAfterStart
            | OrderError::DeadlinePassed => (Code::TimeRange, request::DEADLINE_TIME),
            OrderError::NoSuchPoint(_) => (Code::NoSuchPoint, request::POINT_ID),
            OrderError::NoLoad(_) | OrderError::NoSiteLoad => (Code::Malformed, request::POINT_ID),
            OrderError::Differs(_) | OrderError::TooMany | OrderError::Cancelled => {
                (Code::Conflict, request::EVENT_ID)
            }
            OrderError::NoSuchEvent(_) => (Code::Malformed, request::EVENT_ID),
        };
        Self::of(code, format!("{member}: {error}"))
    }
}
