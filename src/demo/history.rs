//! The demo's past: the same reads, decoding, mapping and storing as live, in virtual time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::site::Site;
use crate::modbus::line::LineHandle;
use crate::modbus::timing::{Protocol, Timing};
use crate::modbus::transport::{Connect, Stream};
use crate::model::meter::Line;
use crate::poll::Cycle;
use crate::poll::job::jobs_of_line;
use crate::sim::bus::Bus;
use crate::sim::fault::FaultPlan;
use crate::sim::fleet::Fleet;
use crate::sim::meter::Holes;
use crate::sim::serve::serve_connection;
use crate::store::{Store, StoreError};
use crate::time::{Interval, ManualClock, UtcTime};

/// Bytes that may be on their way through a line in memory.
const IN_FLIGHT_BYTES: usize = 1_024;
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
    let connect = InMemory { line_id: line.id.clone(), bus: Arc::new(bus) };
    LineHandle::spawn_on(Box::new(connect), Protocol::Tcp, Timing::in_memory(RESPONSE_TIMEOUT), Arc::clone(clock) as _)
}

struct InMemory {
    line_id: String,
    bus: Arc<Bus>,
}

#[async_trait]
impl Connect for InMemory {
    fn name(&self) -> String {
        format!("{} in memory", self.line_id)
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(IN_FLIGHT_BYTES);
        let bus = Arc::clone(&self.bus);
        tokio::spawn(async move { serve_connection(theirs, &bus).await });
        Ok(Box::new(ours))
    }
}
