//! The demo's past: the same reads, decoding, mapping and storing as live, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use crate::config::site::Site;
use crate::modbus::line::LineHandle;
use crate::model::meter::Line;
use crate::poll::Cycle;
use crate::poll::job::jobs_of_line;
use crate::sim::bus::Bus;
use crate::sim::fault::FaultPlan;
use crate::sim::fleet::Fleet;
use crate::sim::memory;
use crate::sim::meter::Holes;
use crate::store::{Store, StoreError};
use crate::time::{Interval, ManualClock, UtcTime};

/// A line in memory answers at once; longer is a fault of the program.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the whole site every quarter of an hour from `from` to `to`, both included, and tells
/// `progress` the instant that was reached once a simulated day.
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
    let site = quarter_hourly(site.clone());
    let clock = Arc::new(ManualClock::showing(from));
    let mut cycles = Vec::new();
    for line in &site.lines {
        let handle = line_in_memory(&site, line, &clock);
        let jobs = jobs_of_line(&site, line, store)?;
        cycles.push(Cycle::unscheduled(jobs, handle, store.clone(), Arc::clone(&clock) as _));
    }
    let mut at = from;
    while at <= to {
        clock.set(at);
        for cycle in &mut cycles {
            cycle.scan_all().await;
        }
        if at == at.floor(Interval::DAY) {
            progress(at);
        }
        at = at.plus(Interval::QUARTER_HOUR);
    }
    Ok(())
}

/// The site with every Parameter read each quarter of an hour.
fn quarter_hourly(mut site: Site) -> Site {
    for parameter in site.points.iter_mut().flat_map(|point| &mut point.parameters) {
        parameter.interval = Interval::QUARTER_HOUR;
    }
    site
}

fn line_in_memory(site: &Site, line: &Line, clock: &Arc<ManualClock>) -> LineHandle {
    let fleet = Fleet::of_line(site, line, Holes::Zero);
    let bus = Bus::new(fleet, Arc::clone(clock) as _, Duration::ZERO, FaultPlan::none());
    memory::line(bus, RESPONSE_TIMEOUT, Arc::clone(clock) as _)
}
