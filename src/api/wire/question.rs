//! Question: from the members of a request to a typed question, and from a refusal back to members.

use std::ops::Range;

use super::code::Code;
use super::operation::Scope;
use super::request::{self, Request};
use super::word::{self, IncludePart};
use crate::api::fault::Fault;
use crate::limits;
use crate::model::reading_type::ReadingTypePattern;
use crate::model::tou::Rate;
use crate::ops::query::{
    Audience, DemandHistoryQuery, DynamicQuery, Fill, Grouping, HistoricalQuery, PageRequest, QueryError,
    Selection, StaticInclude, StaticQuery, StatisticalQuery,
};
use crate::store::StoreError;
use crate::time::{Interval, UtcOffset, UtcTime, parse_instant};

/// Seconds after which a busy gateway may be asked again.
const BUSY_RETRY_AFTER_S: u32 = 5;

impl Request {
    /// A question for static data.
    ///
    /// # Errors
    /// When a member has a wrong value; the fault names it.
    pub fn into_static(self) -> Result<StaticQuery, Fault> {
        let include = self.include.as_deref().map_or(Ok(StaticInclude::SITE), include)?;
        Ok(StaticQuery { page: self.page()?, include, selection: self.selection()? })
    }

    /// A question for the newest readings.
    ///
    /// # Errors
    /// As [`into_static`](Self::into_static).
    pub fn into_dynamic(self) -> Result<DynamicQuery, Fault> {
        Ok(DynamicQuery { page: self.page()?, selection: self.selection()? })
    }

    /// A question for the readings of a time range; `offset` is that of dates without a time.
    ///
    /// # Errors
    /// As [`into_static`](Self::into_static); also when the range is missing.
    pub fn into_historical(self, offset: UtcOffset) -> Result<HistoricalQuery, Fault> {
        let in_time = |name: &str, why| Fault::of(Code::TimeRange, format!("{name}: {why}"));
        let interval = self.interval.as_deref().map(Interval::parse).transpose();
        let fill = one_of(request::FILL, &word::FILLS, self.fill.as_deref())?.unwrap_or_default();
        if fill != Fill::None && self.interval.is_none() {
            return Err(missing(request::INTERVAL, "PT15M; what is filled has one value an interval"));
        }
        Ok(HistoricalQuery {
            range: self.range(offset)?,
            interval: interval.map_err(|why| in_time(request::INTERVAL, why))?,
            fill,
            order: one_of(request::SORT, &word::ORDERS, self.sort.as_deref())?.unwrap_or_default(),
            page: self.page()?,
            selection: self.selection()?,
        })
    }

    /// A question for statistics; `offset` is that of dates without a time. One about categories has rows
    /// about these unless it says otherwise.
    ///
    /// # Errors
    /// As [`into_historical`](Self::into_historical); also when the period is missing.
    pub fn into_statistical(self, offset: UtcOffset, scope: Scope) -> Result<StatisticalQuery, Fault> {
        let period = one_of(request::PERIOD, &word::PERIODS, self.period.as_deref())?;
        let functions =
            self.functions.as_deref().map(|list| each_of(request::FUNCTION, &word::FUNCTIONS, list));
        let indicators = self.indicators.as_ref();
        let grouping = one_of(request::GROUP_BY, &word::GROUPINGS, self.group_by.as_deref())?;
        let of_scope = match scope {
            Scope::Cems | Scope::Point => None,
            Scope::Category => Some(Grouping::Category),
        };
        Ok(StatisticalQuery {
            range: self.range(offset)?,
            period: period.ok_or_else(|| missing(request::PERIOD, &word::list(&word::PERIODS)))?,
            functions: functions.transpose()?,
            rates: self.rates()?,
            indicators: indicators.map(|list| list.iter().map(|code| word::indicator_from(code)).collect()),
            order: one_of(request::SORT, &word::ORDERS, self.sort.as_deref())?.unwrap_or_default(),
            products: self.products.clone(),
            grouping: grouping.or(of_scope),
            page: self.page()?,
            selection: self.selection()?,
        })
    }

    /// A question about demand, as far as it names the CEMS.
    #[must_use]
    pub fn into_cems_id(self) -> Option<String> {
        self.cems_id
    }

    /// A question for the demands of a time range; `offset` is that of dates without a time.
    ///
    /// # Errors
    /// As [`into_historical`](Self::into_historical).
    pub fn into_demand_history(self, offset: UtcOffset) -> Result<DemandHistoryQuery, Fault> {
        Ok(DemandHistoryQuery {
            range: self.range(offset)?,
            order: one_of(request::SORT, &word::ORDERS, self.sort.as_deref())?.unwrap_or_default(),
            page: self.page()?,
            cems_id: self.cems_id,
        })
    }

    fn rates(&self) -> Result<Vec<Option<Rate>>, Fault> {
        let of_number = |number: &u8| match (number, Rate::from_number(*number)) {
            (0, _) => Ok(None),
            (_, Some(rate)) => Ok(Some(rate)),
            (number, None) => {
                let reason = format!("{number} is no rate; 0 is the total, 1 to {} are rates", Rate::COUNT);
                Err(Fault::malformed(format!("{}: {reason}", request::TOU)))
            }
        };
        self.tou.as_ref().map_or_else(|| Ok(vec![None]), |list| list.iter().map(of_number).collect())
    }

    fn selection(self) -> Result<Selection, Fault> {
        let parse = |text: &String| text.parse::<ReadingTypePattern>();
        let reading_types = self.reading_types.as_ref().map(|list| list.iter().map(parse).collect());
        let reading_types =
            reading_types.transpose().map_err(|why: <ReadingTypePattern as std::str::FromStr>::Err| {
                Fault::of(Code::ReadingType, format!("{}: {why}", request::READING_TYPE_ID))
            })?;
        Ok(Selection {
            cems_id: self.cems_id,
            category_ids: self.category_ids,
            category_codes: self.category_codes,
            energy_codes: self.energy_codes,
            point_ids: self.point_ids,
            reading_types,
            parameter_ids: self.parameter_ids,
            audience: Audience::default(),
        })
    }

    pub(super) fn page(&self) -> Result<PageRequest, Fault> {
        let size = self.page_size.unwrap_or(limits::API_PAGE_SIZE_DEFAULT);
        PageRequest::new(self.page_number.unwrap_or(1), size).map_err(Fault::from)
    }

    pub(super) fn range(&self, offset: UtcOffset) -> Result<Range<UtcTime>, Fault> {
        let start = instant(request::START_TIME, self.start_time.as_deref(), offset)?;
        let end = instant(request::END_TIME, self.end_time.as_deref(), offset)?;
        Ok(start..end)
    }
}

pub(super) fn instant(name: &str, text: Option<&str>, offset: UtcOffset) -> Result<UtcTime, Fault> {
    let text = text.ok_or_else(|| missing(name, "2024-04-01T00:00:00+08:00"))?;
    let fault = |why| Fault::of(Code::TimeRange, format!("{name}: {why}"));
    parse_instant(text, offset).map_err(fault)
}

pub(super) fn missing(name: &str, example: &str) -> Fault {
    Fault::of(Code::MemberMissing, format!("{name} is missing; give one like {example}"))
}

pub(super) fn one_of<T: Copy>(
    name: &str,
    table: &[(&str, T)],
    word: Option<&str>,
) -> Result<Option<T>, Fault> {
    let Some(word) = word else { return Ok(None) };
    let word: String = word.chars().take(limits::ID_CHARS_MAX).collect();
    let unknown =
        || Fault::malformed(format!("{name} cannot be '{word}'; it is one of {}", word::list(table)));
    word::find(table, &word).map(Some).ok_or_else(unknown)
}

fn each_of<T: Copy>(name: &str, table: &[(&str, T)], words: &[String]) -> Result<Vec<T>, Fault> {
    let each = words.iter().map(|word| one_of(name, table, Some(word)));
    each.filter_map(Result::transpose).collect()
}

fn include(words: &[String]) -> Result<StaticInclude, Fault> {
    let parts = each_of(request::INCLUDE, &word::INCLUDES, words)?;
    let has = |part: IncludePart| parts.contains(&part);
    Ok(StaticInclude {
        profile: has(IncludePart::Profile),
        category: has(IncludePart::Category),
        point: has(IncludePart::Point),
        capability: has(IncludePart::Capability),
        codes: has(IncludePart::Codes),
    })
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        let (code, member) = match &error {
            QueryError::NoSuchCems(_) => (Code::NoSuchCems, request::CEMS_ID),
            QueryError::NoSuchCategory(_) => (Code::NoSuchCategory, request::CATEGORY_ID),
            QueryError::NoSuchCategoryCode(_) => (Code::NoSuchCategory, request::CATEGORY_CODE),
            QueryError::NoSuchEnergyCode(_) => (Code::Malformed, request::ENERGY_CODE),
            QueryError::NoSuchPoint(_) => (Code::NoSuchPoint, request::POINT_ID),
            QueryError::NoSuchParameter(_) => (Code::Malformed, request::PARAMETER_ID),
            QueryError::NoSuchReadingType(_) => (Code::ReadingType, request::READING_TYPE_ID),
            QueryError::NoSuchIndicator(_) => (Code::Malformed, request::INDICATOR_CODE),
            QueryError::RangeEmpty | QueryError::RangeTooLong { .. } | QueryError::TooManyReadings { .. } => {
                (Code::TimeRange, request::END_TIME)
            }
            QueryError::NoSuchEvent(_) => (Code::Malformed, request::EVENT_ID),
            QueryError::NoSuchProduct(_) => (Code::Malformed, request::PRODUCT_ID),
            QueryError::NotOfObject => (Code::Malformed, request::GROUP_BY),
            QueryError::NoTou => (Code::Malformed, request::TOU),
            QueryError::PageNumber => (Code::Page, request::PAGE_NUMBER),
            QueryError::PageSize => (Code::Page, request::PAGE_SIZE),
            QueryError::Store(store) => return Self::from(store),
            QueryError::NoContract | QueryError::NoDemandPoint(_) => {
                return Self::of(Code::NoSuchOperation, error.to_string());
            }
        };
        Self::of(code, format!("{member}: {error}"))
    }
}

impl From<&StoreError> for Fault {
    fn from(error: &StoreError) -> Self {
        log::error!("a question could not be answered: {error}");
        match error {
            StoreError::Closed | StoreError::Failing { .. } => {
                Self::of(Code::Busy, "the store cannot be read just now; ask again later")
                    .retry_after_s(BUSY_RETRY_AFTER_S)
            }
            _ => Self::of(Code::Internal, "the store could not be read; the gateway's log says why"),
        }
    }
}
