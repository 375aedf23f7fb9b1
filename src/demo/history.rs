//! The demo's past: the same reads, decoding, mapping and storing as live, in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::site::Site;
use crate::modbus::line::LineHandle;
use crate::model::meter::Line;
use crate::poll::Cycle;
use crate::poll::job::{Job, jobs_of_line};
use crate::sim::bus::Bus;
use crate::sim::fault::FaultPlan;
use crate::sim::fleet::Fleet;
use crate::sim::memory;
use crate::sim::meter::Holes;
use crate::store::{Store, StoreError};
use crate::time::{Interval, ManualClock, UtcTime};

/// A line in memory answers at once; longer is a fault of the program.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the whole site from `from` to `to`, both included, and tells `progress` the instant that was
/// reached once a simulated day. What is read less often than once a minute keeps its interval, all else
/// is read every quarter of an hour.
///
/// # Errors
/// When the store cannot register a series.
pub(super) async fn make(
    site: &Site,
    store: &Store,
    from: UtcTime,
    to: UtcTime,
    mut progress: impl FnMut(UtcTime),
) -> Result<(), StoreError> {
    let site = at_most_once_a_minute(site.clone());
    let clock = Arc::new(ManualClock::showing(from));
    let mut cycles = Vec::new();
    for line in &site.lines {
        let handle = line_in_memory(&site, line, &clock);
        let mut by_interval: BTreeMap<Interval, Vec<Job>> = BTreeMap::new();
        for job in jobs_of_line(&site, line, store)? {
            by_interval.entry(job.interval).or_default().push(job);
        }
        for (interval, jobs) in by_interval {
            let cycle = Cycle::unscheduled(jobs, handle.clone(), store.clone(), Arc::clone(&clock) as _);
            cycles.push((interval, cycle));
        }
    }
    let mut at = from;
    while at <= to {
        clock.set(at);
        for (_, cycle) in cycles.iter_mut().filter(|(interval, _)| at == at.floor(*interval)) {
            cycle.scan_all().await;
        }
        if at == at.floor(Interval::DAY) {
            progress(at);
        }
        at = at.plus(Interval::MINUTE);
    }
    Ok(())
}

/// The site with every Parameter that is read more often than once a minute read each quarter of an hour:
/// a month of seconds would take too long to make.
fn at_most_once_a_minute(mut site: Site) -> Site {
    let parameters = site.points.iter_mut().flat_map(|point| &mut point.parameters);
    for parameter in parameters.filter(|parameter| parameter.interval < Interval::MINUTE) {
        parameter.interval = Interval::QUARTER_HOUR;
    }
    site
}

fn line_in_memory(site: &Site, line: &Line, clock: &Arc<ManualClock>) -> LineHandle {
    let fleet = Fleet::of_line(site, line, Holes::Zero);
    let bus = Bus::new(fleet, Arc::clone(clock) as _, Duration::ZERO, FaultPlan::none());
    memory::line(bus, RESPONSE_TIMEOUT, Arc::clone(clock) as _)
}
