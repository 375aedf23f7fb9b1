//! Demand response: what a site may offer, what it is asked for, and what is kept of an event.
//!
//! The site alone decides: the gateway tells what was agreed on and what came of it, and moves a load only
//! where the site file binds it to a writable parameter.

mod calendar;
mod event;
mod settings;

pub use calendar::WorkCalendar;
pub use event::{
    Act, AuditEntry, Baseline, DrEvent, EventOrder, EventStatus, Invitation, NoBaseline, Outcome, Reply,
    ResponseType, TimeType,
};
pub use settings::{
    BaselineMethod, ControlMode, DemandResponse, Measured, Resource, ResourceControl, SamplesUntil,
    ValidityRule, load_parameter, load_scale,
};
