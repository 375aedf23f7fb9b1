//! What one meter is asked for at one interval: the values, and where each lies.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::site::Site;
use crate::limits;
use crate::mapping;
use crate::modbus::line::RegisterBlock;
use crate::modbus::plan::{CostModel, PlannedRead, plan};
use crate::model::meter::{Line, Meter, ReadLimits};
use crate::model::point::{Conversion, Metered, Parameter, ValidRange};
use crate::model::quality::Cause;
use crate::model::reading::{GroupId, Sample, SeriesId};
use crate::model::register::{Register, Span, Table, UnitId};
use crate::store::{Store, StoreError};
use crate::time::{Interval, UtcOffset};

/// The values of one meter that are due together and share one time stamp.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The meter, as the site names it.
    pub meter_id: String,
    /// Its address on the line.
    pub unit: UnitId,
    /// How often the values are due.
    pub interval: Interval,
    /// Where days begin for the ticks of the interval.
    pub offset: UtcOffset,
    /// The group that the scans are stored under.
    pub group: GroupId,
    /// How the meter wants to be read.
    pub limits: ReadLimits,
    /// What its reads cost the line, before its turnaround is known.
    pub cost: CostModel,
    /// The values, in the order of the group's series.
    pub values: Vec<JobValue>,
}

impl Job {
    /// How long a scan of it is planned to take the line.
    #[must_use]
    pub fn planned_time(&self) -> Duration {
        let places: Vec<_> = self.values.iter().map(JobValue::place).collect();
        self.cost.totals(&plan(&places, &self.limits, &self.cost)).time
    }

    /// The share of the line's time that its scans are planned to take.
    #[must_use]
    pub fn planned_share(&self) -> f64 {
        self.planned_time().div_duration_f64(self.interval.as_duration())
    }
}

/// One value of a [`Job`].
#[derive(Clone, Debug, PartialEq)]
pub struct JobValue {
    register: Register,
    conversion: Conversion,
    decimals: Option<u8>,
    valid: Option<ValidRange>,
}

impl JobValue {
    fn new((parameter, metered): (&Parameter, &Metered)) -> Self {
        Self {
            register: metered.register.clone(),
            conversion: metered.conversion,
            decimals: parameter.decimals,
            valid: parameter.valid,
        }
    }

    /// The table and span of the value alone.
    #[must_use]
    pub const fn place(&self) -> (Table, Span) {
        (self.register.table, self.register.span())
    }

    /// The value out of the block that a read with it gave.
    #[must_use]
    pub fn sample(&self, block: &Result<RegisterBlock, Cause>) -> Sample {
        let block = match block {
            Ok(block) => block,
            Err(cause) => return Sample::missing(*cause),
        };
        let words = block.words_of(self.register.span());
        match words {
            Some(words) => {
                mapping::sample(&self.register, words, &self.conversion, self.decimals, self.valid)
            }
            None => Sample::missing(Cause::Mismatch),
        }
    }
}

/// The jobs of all meters on `line`, in the order of the site file, groups registered with `store`.
///
/// # Errors
/// When the store cannot register a series or a group.
pub fn jobs_of_line(site: &Site, line: &Line, store: &Store) -> Result<Vec<Job>, StoreError> {
    let (cost, offset) = (CostModel::of_line(line), site.cems.offset);
    let mut jobs = Vec::new();
    for meter in site.meters.iter().filter(|meter| meter.line_id == line.id) {
        for (interval, parameters) in parameters_by_interval(site, meter) {
            for part in parameters.chunks(limits::GROUP_SERIES_MAX) {
                jobs.push(job(meter, (interval, offset), part, &cost, store)?);
            }
        }
    }
    Ok(jobs)
}

/// What one meter is read for at each interval, the shortest first: the reads for these values alone, and
/// those for them and all that is due more often.
#[must_use]
pub fn reads_together(
    site: &Site,
    meter: &Meter,
    cost: &CostModel,
) -> Vec<(Interval, Vec<PlannedRead>, Vec<PlannedRead>)> {
    let mut due = Vec::new();
    let planned = |(interval, list): (Interval, Vec<Read<'_>>)| {
        let alone: Vec<_> = list.iter().map(|(.., metered)| place(metered)).collect();
        due.extend(&alone);
        let plan = |places: &[(Table, Span)]| plan(places, &meter.read_limits, cost);
        (interval, plan(&alone), plan(&due))
    };
    parameters_by_interval(site, meter).into_iter().map(planned).collect()
}

fn place(metered: &Metered) -> (Table, Span) {
    (metered.register.table, metered.register.span())
}

/// A Parameter that is read from a register, with the ID of its Point.
type Read<'a> = (&'a str, &'a Parameter, &'a Metered);

fn parameters_by_interval<'a>(site: &'a Site, meter: &Meter) -> BTreeMap<Interval, Vec<Read<'a>>> {
    let mut by_interval: BTreeMap<Interval, Vec<_>> = BTreeMap::new();
    for point in &site.points {
        for parameter in &point.parameters {
            if let Some(metered) = parameter.metered().filter(|metered| metered.meter_id == meter.id) {
                by_interval.entry(parameter.interval).or_default().push((
                    point.id.as_str(),
                    parameter,
                    metered,
                ));
            }
        }
    }
    by_interval
}

fn job(
    meter: &Meter,
    (interval, offset): (Interval, UtcOffset),
    parameters: &[Read<'_>],
    cost: &CostModel,
    store: &Store,
) -> Result<Job, StoreError> {
    let values =
        parameters.iter().map(|(_, parameter, metered)| JobValue::new((parameter, metered))).collect();
    let series: Result<Vec<SeriesId>, StoreError> =
        parameters.iter().map(|(point_id, parameter, _)| store.series(point_id, &parameter.id)).collect();
    let group = store.group(&series?)?;
    Ok(Job {
        meter_id: meter.id.clone(),
        unit: meter.unit,
        interval,
        offset,
        group,
        limits: meter.read_limits.clone(),
        cost: *cost,
        values,
    })
}
