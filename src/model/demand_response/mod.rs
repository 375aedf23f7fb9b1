//! Demand response: what a site may offer, what it is asked for, and what is kept of an event.
//!
//! Nothing here orders a load about: the site alone decides, and the gateway only tells what was agreed
//! on and what came of it.

mod calendar;
mod event;
mod settings;

pub use calendar::WorkCalendar;
pub use event::{
    Act, AuditEntry, Baseline, DrEvent, EventOrder, EventStatus, Invitation, NoBaseline, Outcome, Reply,
    ResponseType, TimeType,
};
pub use settings::{
    BaselineMethod, ControlMode, DemandResponse, Measured, Resource, SamplesUntil, ValidityRule,
    load_parameter, load_scale,
};
