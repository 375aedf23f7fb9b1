//! The gateway as it is: the interface in plain HTTP and in TLS over a store with a site's readings.

use std::path::Path;
use std::time::Duration;

use cems_gateway::api;
use cems_gateway::config::site::ApiSettings;
use cems_gateway::model::reading::{GroupId, Sample, Scan, SeriesId, Value};
use cems_gateway::ops::Ops;
use cems_gateway::time::{Interval, UtcTime};

use crate::site::{END, POINTS, at, ops};

/// Points that are read together.
const TOGETHER: usize = 100;

/// Serves what the last `steps` quarter hours of the first points, and the newest of all, make.
pub fn serve(dir: &Path, steps: u32) {
    let (site, ops) = ops(dir);
    fill(&ops, steps);
    let local = ([127, 0, 0, 1], 0).into();
    let settings = ApiSettings { tls_listen: Some(local), ..site.api.clone() };
    let server = api::serve(ops, &settings, dir).unwrap();
    let (tls, _) = server.tls().unwrap();
    crate::wait(format!("{} {tls}", server.local_addr()));
    server.shutdown();
}

fn fill(ops: &Ops, steps: u32) {
    let store = ops.store();
    let group = |first: usize| -> GroupId {
        let series: Vec<SeriesId> = (first..first + TOGETHER)
            .flat_map(|point| ["EPI", "P"].map(|id| store.series(&format!("PT-{point:04}"), id).unwrap()))
            .collect();
        store.group(&series).unwrap()
    };
    let groups: Vec<GroupId> = (0..POINTS).step_by(TOGETHER).map(group).collect();
    let mut time = UtcTime::from_ms(at(END).as_ms() - i64::from(steps) * Interval::QUARTER_HOUR.as_ms());
    for step in 0..=steps {
        let count = if step == steps { groups.len() } else { 1 };
        for (number, group) in groups.iter().take(count).enumerate() {
            let first = u32::try_from(number * TOGETHER).unwrap();
            let points = first..first + u32::try_from(TOGETHER).unwrap();
            let samples = points.flat_map(|point| {
                let noise = (step * 31 + point).wrapping_mul(2_654_435_761) >> 22;
                let energy = f64::from(step) * 12.5 + f64::from(point) * 100.0;
                [energy, 50.0 + f64::from(noise) / 10.0].map(|value| Sample::good(Value::Number(value)))
            });
            store.append_blocking(Scan { group: *group, at: time, samples: samples.collect() }).unwrap();
        }
        if step % 96 == 0 {
            store.flush().unwrap();
            // So much at once never comes from meters.
            while store.status().waiting_quarters > 200 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        time = time.plus(Interval::QUARTER_HOUR);
    }
    store.flush().unwrap();
    while store.status().waiting_quarters > 200 || store.status().unchecked_epochs > 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
}
