//! Why a question has no answer.

use thiserror::Error;

use crate::limits;
use crate::model::demand::NoDemandPoint;
use crate::store::StoreError;

/// Why a question has no answer. Each text says what is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// The gateway hosts another CEMS.
    #[error("there is no CEMS '{0}' here; leave it out, the gateway hosts exactly one")]
    NoSuchCems(String),
    /// No category has this ID.
    #[error("there is no category '{0}'; the static data list the categories")]
    NoSuchCategory(String),
    /// No category has this code.
    #[error("there is no category of code '{0}'; the static data list the categories")]
    NoSuchCategoryCode(String),
    /// Nothing in the site is of this energy class.
    #[error("nothing here is of the energy class '{0}'; the static data list the classes")]
    NoSuchEnergyCode(String),
    /// No point has this ID.
    #[error("there is no point '{0}'; the static data list the points")]
    NoSuchPoint(String),
    /// No point has a parameter of this ID.
    #[error("no point has a parameter '{0}'; the static data list the parameters")]
    NoSuchParameter(String),
    /// No parameter has this reading type.
    #[error("no parameter has the reading type {0}; the static data list the reading types")]
    NoSuchReadingType(String),
    /// Nothing computes this indicator.
    #[error(
        "the indicator '{0}' is not computed here; ask for one of the documented codes or a parameter's ID"
    )]
    NoSuchIndicator(String),
    /// No event has this ID.
    #[error("there is no event '{0}'; ask for the events of a range")]
    NoSuchEvent(String),
    /// No point counts this product.
    #[error("no point counts the product '{0}'; give points that do a product in the site file")]
    NoSuchProduct(String),
    /// An indicator is not told of what rows are to be about.
    #[error(
        "an indicator that is asked for is not told of such objects; ask for it by itself, of the whole site or of points"
    )]
    NotOfObject,
    /// The site has no time-of-use calendar.
    #[error("the site has no time-of-use calendar; leave it out, or add [[tou]] tables to the site file")]
    NoTou,
    /// There is no demand to measure anything by.
    #[error(
        "the site has no demand contract; give contract_demand_kw, more than 0, in [cems] of the site file"
    )]
    NoContract,
    /// There is nowhere to measure demand.
    #[error("demand is not measured at this site: {0}; name a point in [demand] of the site file")]
    NoDemandPoint(NoDemandPoint),
    /// The range ends before it begins, or where it begins.
    #[error("the range must end after it starts; the end itself does not belong to it")]
    RangeEmpty,
    /// The range is longer than an answer may be.
    #[error("the range is longer than {days_max} days; ask for less at a time{}", finer(*.fine))]
    RangeTooLong {
        /// The most days that are allowed.
        days_max: i64,
        /// Whether a coarser interval would allow more.
        fine: bool,
    },
    /// There are no such pages.
    #[error("pages are counted from 1")]
    PageNumber,
    /// Too many items for one page, or none.
    #[error("a page has 1 to {} items", limits::API_PAGE_SIZE_MAX)]
    PageSize,
    /// Answering would mean going through too much history.
    #[error(
        "{readings} readings would have to be gone through, more than {}; ask for a shorter range, fewer points or a smaller page",
        limits::QUERY_READINGS_MAX
    )]
    TooManyReadings {
        /// How many.
        readings: u64,
    },
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const fn finer(fine: bool) -> &'static str {
    if fine { ", or for an interval of 15 minutes or more" } else { "" }
}
