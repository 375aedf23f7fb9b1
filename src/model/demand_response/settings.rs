//! What a site may offer, and by which rules its answers are measured.

use super::{ResponseType, WorkCalendar};
use crate::model::point::{Parameter, Point, PointRole};
use crate::time::Interval;

/// What a site offers, and by which rules it is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandResponse {
    /// Whether it takes part at all.
    pub participates: bool,
    /// Who bundles its offers with those of others.
    pub aggregator_id: Option<String>,
    /// How much it can take off a peak, in kW.
    pub max_peak_clipping_kw: Option<f64>,
    /// How much it can put into a valley, in kW.
    pub max_valley_filling_kw: Option<f64>,
    /// The shortest answer.
    pub min_duration: Option<Interval>,
    /// The longest answer.
    pub max_duration: Option<Interval>,
    /// How long before its start it must know of an event.
    pub notice: Option<Interval>,
    /// How fast its load changes, in kW a minute.
    pub ramp_rate_kw_per_min: Option<f64>,
    /// What can be adjusted.
    pub resources: Vec<Resource>,
    /// Where the answer is measured; `None` where the site has no such place.
    pub measured: Option<Measured>,
    /// What it is measured against.
    pub method: BaselineMethod,
    /// Up to which day samples are taken.
    pub samples_until: SamplesUntil,
    /// When an answer counts.
    pub rule: ValidityRule,
    /// Which days are working days.
    pub calendar: WorkCalendar,
    /// Whether platforms with the right may enter events.
    pub accepts_events: bool,
}

/// Something that can be adjusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// The point that it is measured at.
    pub point_id: String,
    /// How much more it can take, in kW.
    pub adjustable_up_kw: Option<f64>,
    /// How much less it can take, in kW.
    pub adjustable_down_kw: Option<f64>,
    /// Who adjusts it.
    pub mode: ControlMode,
    /// What the gateway writes while an event goes on; nothing without that.
    pub control: Option<ResourceControl>,
}

/// The writable parameter that adjusts a resource, and what it is set to.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceControl {
    /// The point.
    pub point_id: String,
    /// Its parameter.
    pub parameter_id: String,
    /// The value in an event of peak clipping.
    pub peak_clipping: Option<f64>,
    /// In one of valley filling.
    pub valley_filling: Option<f64>,
    /// In one of absorption.
    pub absorption: Option<f64>,
}

impl ResourceControl {
    /// The value in an event; `None` where such an event moves nothing.
    #[must_use]
    pub const fn value(&self, response: ResponseType) -> Option<f64> {
        match response {
            ResponseType::PeakClipping => self.peak_clipping,
            ResponseType::ValleyFilling => self.valley_filling,
            ResponseType::Absorption => self.absorption,
        }
    }
}

/// Who adjusts a resource. It is what the site says of itself: the gateway adjusts only what a
/// [`ResourceControl`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlMode {
    /// People.
    Manual,
    /// The site's own controls.
    Auto,
    /// Whoever calls for the response.
    Direct,
}

/// Where a load is measured: a register of energy or a power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The point.
    pub point_id: String,
    /// Its parameter.
    pub parameter_id: String,
}

impl Measured {
    /// Where the load of the whole site is measured: at the utility's meter, else at the main one.
    #[must_use]
    pub fn of_site(points: &[Point]) -> Option<Self> {
        let with_role = |role| points.iter().filter(move |point| point.role == role);
        with_role(PointRole::Gateway).chain(with_role(PointRole::Main)).find_map(Self::of_point)
    }

    /// Where the load of one point is measured.
    #[must_use]
    pub fn of_point(point: &Point) -> Option<Self> {
        let parameter = load_parameter(point)?;
        Some(Self { point_id: point.id.clone(), parameter_id: parameter.id.clone() })
    }
}

/// The parameter of a point that tells its load best: the register of the energy taken, because what
/// flowed is counted between two readings too; else the power.
#[must_use]
pub fn load_parameter(point: &Point) -> Option<&Parameter> {
    let usable = || point.parameters.iter().filter(|parameter| load_scale(parameter).is_some());
    let energy = usable().find(|parameter| parameter.reading_type.is_energy());
    energy.or_else(|| usable().find(|parameter| parameter.reading_type.is_power()))
}

/// What turns the parameter's amount in a quarter of an hour, or its mean there, into kW; `None` where it
/// tells no load that is taken.
#[must_use]
pub fn load_scale(parameter: &Parameter) -> Option<f64> {
    const QUARTERS_AN_HOUR: f64 = 4.0;
    let kind = &parameter.reading_type;
    let flow = kind.fields().get(FLOW_DIRECTION).copied().unwrap_or_default();
    let is_amount = kind.is_energy() && flow == FORWARD && (kind.is_cumulative() || kind.is_delta());
    let is_power = kind.is_power() && flow != REVERSE;
    match parameter.unit.as_str() {
        "Wh" if is_amount => Some(QUARTERS_AN_HOUR / 1e3),
        "kWh" if is_amount => Some(QUARTERS_AN_HOUR),
        "MWh" if is_amount => Some(QUARTERS_AN_HOUR * 1e3),
        "W" if is_power => Some(1e-3),
        "kW" if is_power => Some(1.0),
        "MW" if is_power => Some(1e3),
        _ => None,
    }
}

/// The field of a reading type that tells which way something flows.
const FLOW_DIRECTION: usize = 4;
/// Taken by the site.
const FORWARD: i16 = 1;
/// Given by the site.
const REVERSE: i16 = 19;

/// What an answer is measured against. The rules are those of provinces, so there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaselineMethod {
    /// The mean of the last five days of the same kind.
    LastFive,
    /// Of ten days from two days before, the mean of the five with the most energy.
    TopFiveOfTen,
    /// The mean of ten days without the one with the most and the one with the least energy.
    TrimmedTen,
    /// The load of the quarter of an hour before the start.
    QuarterBefore,
}

/// Up to which day samples are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplesUntil {
    /// Up to the day before the event.
    EventDay,
    /// Up to the day before the invitation.
    InvitationDay,
}

/// When an answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidityRule {
    /// The extreme has moved by what was promised, and the mean by 80 % of it.
    ExtremeAndMean,
    /// The extreme and the mean are better than the baseline's, the mean by 80 % of what was promised,
    /// for an hour.
    MeanForAnHour,
}
