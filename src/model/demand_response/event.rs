//! An event: what was asked for, what was answered, and what came of it.

use std::ops::Range;

use jiff::civil::Date;

use super::{BaselineMethod, Measured, SamplesUntil, ValidityRule};
use crate::limits;
use crate::time::{Interval, UtcTime};

/// What the site is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseType {
    /// 削峰: take less.
    PeakClipping,
    /// 填谷: take more.
    ValleyFilling,
    /// 消纳: take more while there is much clean energy.
    Absorption,
}

impl ResponseType {
    /// Whether the site is asked to take more.
    #[must_use]
    pub const fn is_more(self) -> bool {
        !matches!(self, Self::PeakClipping)
    }
}

/// How long before it an event is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeType {
    /// 日前
    DayAhead,
    /// 日内
    Intraday,
    /// 实时
    RealTime,
}

/// Where an event stands; it moves with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventStatus {
    /// Noted, and not replied to.
    Saved,
    /// Replied to, and not begun.
    Pending,
    /// Under way.
    Running,
    /// Over.
    Ended,
    /// Cancelled.
    Void,
}

/// An event as it is entered.
#[derive(Clone, Debug, PartialEq)]
pub struct EventOrder {
    /// Unique; whoever calls for the response gives it.
    pub id: String,
    /// Another number of it.
    pub number: Option<String>,
    /// Shown to people.
    pub name: String,
    /// What is asked for.
    pub response: ResponseType,
    /// How long before it is announced.
    pub timing: Option<TimeType>,
    /// From when to when.
    pub time: Range<UtcTime>,
    /// How much is wanted of all sites together, in kW.
    pub wanted_kw: Option<f64>,
    /// The point whose load is measured; that of the site file without it.
    pub point_id: Option<String>,
    /// The invitation.
    pub invitation: Invitation,
}

/// An invitation to take part.
#[derive(Clone, Debug, PartialEq)]
pub struct Invitation {
    /// Its own ID.
    pub id: Option<String>,
    /// Which one of several.
    pub round: Option<u8>,
    /// When it was made.
    pub at: UtcTime,
    /// Until when one may reply.
    pub deadline: UtcTime,
    /// How much is wanted of this site, in kW.
    pub wanted_kw: Option<f64>,
    /// What a kilowatt-hour is worth, in CNY.
    pub price_per_kwh: Option<f64>,
}

/// What the site replied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reply {
    /// When.
    pub at: UtcTime,
    /// How much it promises, in kW; `None` where it does not take part.
    pub promised_kw: Option<f64>,
}

/// What an answer is measured against: frozen once, and never computed again.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// The days whose mean it is, in order; none where it is no mean of days.
    pub dates: Vec<Date>,
    /// The load of every quarter of an hour of the event, in kW.
    pub load_kw: Vec<f64>,
}

/// Why there is nothing to measure against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBaseline {
    /// Not enough days could be used, as far back as one may look.
    TooFewDays {
        /// Days that could be used.
        found: u8,
        /// Days that the method wants.
        wanted: u8,
    },
    /// The load before the start is not known.
    NothingBefore,
}

/// The load while an event lasted.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The load of every quarter of an hour, in kW; `None` where nobody measured it.
    pub load_kw: Vec<Option<f64>>,
    /// How much of the readings is there, 0 to 1.
    pub completeness: f64,
}

/// Somebody did something with an event.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// When.
    pub at: UtcTime,
    /// Who: a platform's ID, or the console.
    pub who: String,
    /// What.
    pub act: Act,
}

/// What somebody did with an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// Entered it.
    Entered,
    /// Promised so many kW.
    Promised(f64),
    /// Declined.
    Declined,
    /// Cancelled it.
    Cancelled,
}

/// All that is kept of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct DrEvent {
    /// What was asked for.
    pub order: EventOrder,
    /// When it was entered.
    pub entered_at: UtcTime,
    /// Where the load is measured.
    pub measured: Measured,
    /// What it is measured against.
    pub method: BaselineMethod,
    /// Up to which day samples are taken.
    pub samples_until: SamplesUntil,
    /// When the answer counts.
    pub rule: ValidityRule,
    /// What the site replied.
    pub reply: Option<Reply>,
    /// When it was cancelled.
    pub cancelled_at: Option<UtcTime>,
    /// What it is measured against, once that is frozen.
    pub baseline: Option<Result<Baseline, NoBaseline>>,
    /// What came of it, once that is frozen.
    pub outcome: Option<Outcome>,
    /// What was done with it: how it was entered, and the last of what followed.
    pub audit: Vec<AuditEntry>,
}

impl DrEvent {
    /// Where it stands at `now`.
    #[must_use]
    pub fn status(&self, now: UtcTime) -> EventStatus {
        if self.cancelled_at.is_some() {
            EventStatus::Void
        } else if now >= self.order.time.end {
            EventStatus::Ended
        } else if now >= self.order.time.start {
            EventStatus::Running
        } else if self.reply.is_some() {
            EventStatus::Pending
        } else {
            EventStatus::Saved
        }
    }

    /// How much the site promised, in kW; `None` where it takes no part.
    #[must_use]
    pub fn promised_kw(&self) -> Option<f64> {
        self.reply.and_then(|reply| reply.promised_kw).filter(|_| self.cancelled_at.is_none())
    }

    /// Quarters of an hour that it lasts.
    #[must_use]
    pub fn quarters(&self) -> usize {
        let ms = self.order.time.end.ms_since(self.order.time.start);
        usize::try_from(ms / Interval::QUARTER_HOUR.as_ms()).unwrap_or(0)
    }

    /// Notes who did what; of what followed the first entry only the last is kept.
    pub fn note(&mut self, at: UtcTime, who: &str, act: Act) {
        if self.audit.len() >= limits::DR_AUDIT_MAX {
            self.audit.remove(1);
        }
        let who = who.chars().take(limits::ID_CHARS_MAX).collect();
        self.audit.push(AuditEntry { at, who, act });
    }
}
