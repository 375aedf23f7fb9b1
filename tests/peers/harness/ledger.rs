//! What the gateway has acknowledged as durable, to be held against what it serves after a power cut.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::api::{Api, SeriesName, Served};
use super::gateway::Gateway;
use super::random::Random;
use super::wait::BETWEEN;

/// Readings from `from` up to `through`, as they were served when `/healthz` called them durable.
pub(crate) struct Acknowledged {
    from: String,
    through: String,
    sequence: u64,
    readings: BTreeMap<SeriesName, Vec<Served>>,
}

impl Acknowledged {
    pub(crate) fn nothing_since(from: &str) -> Self {
        let from = from.to_owned();
        Self { through: from.clone(), from, sequence: 0, readings: BTreeMap::new() }
    }

    /// Writes down what is newly acknowledged, until the gateway is gone.
    pub(crate) fn write_down(&mut self, api: &Api) {
        while let Some(health) = api.health() {
            let through = health.durable_through.map(|through| well_before(&through));
            let Some(through) = through.filter(|through| is_later(through, &self.through)) else {
                thread::sleep(BETWEEN);
                continue;
            };
            let Ok(newly) = api.history(&self.through, &through) else { return };
            for (name, readings) in newly {
                self.readings.entry(name).or_default().extend(readings);
            }
            self.through = through;
            self.sequence = health.durable_sequence;
        }
    }

    /// How many readings it has.
    pub(crate) fn count(&self) -> usize {
        self.readings.values().map(Vec::len).sum()
    }

    /// Up to when it has them.
    pub(crate) fn through(&self) -> &str {
        &self.through
    }

    /// Holds it against what is served now.
    ///
    /// # Errors
    /// When a reading is gone, changed or has appeared, or the acknowledgement was taken back.
    pub(crate) fn check(&self, api: &Api) -> Result<(), String> {
        let sequence = api.health().unwrap().durable_sequence;
        if sequence < self.sequence {
            return Err(format!("sequence {} was durable, now it is {sequence}", self.sequence));
        }
        if self.count() == 0 {
            return Ok(());
        }
        let served = api.history(&self.from, &self.through).unwrap();
        for (name, before) in &self.readings {
            let after = served.get(name).map_or(&[][..], Vec::as_slice);
            let stretch = format!("{name:?} from {} to {}", self.from, self.through);
            if let Some((before, after)) = before.iter().zip(after).find(|(before, after)| before != after) {
                return Err(format!("{stretch} has changed from {before:?} to {after:?}"));
            }
            if before.len() != after.len() {
                return Err(format!("{stretch} had {} readings, now {}", before.len(), after.len()));
            }
        }
        Ok(())
    }
}

/// Meters answer side by side, so a scan of an earlier time may be handed over after the last one that is
/// durable; by this much later every scan of a time is.
fn well_before(durable_through: &str) -> String {
    let through: jiff::Timestamp = durable_through.parse().unwrap();
    (through - jiff::SignedDuration::from_secs(2)).to_string()
}

fn is_later(one: &str, other: &str) -> bool {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    at(one) > at(other)
}

/// Kills and restarts the gateway `cuts` times, each at a random moment of the next `run_max`.
///
/// Returns how many acknowledged readings were found again.
pub(crate) fn survive_power_cuts(
    gateway: &mut Gateway,
    cuts: usize,
    run_max: Duration,
    random: &mut Random,
) -> usize {
    let mut found_again = 0;
    let mut from = jiff::Timestamp::now().to_string();
    let mut all = Vec::new();
    for _ in 0..cuts {
        let run = Duration::from_millis(random.below(u64::try_from(run_max.as_millis()).unwrap()));
        let killer = gateway.kill_after(run);
        let mut acknowledged = Acknowledged::nothing_since(&from);
        acknowledged.write_down(gateway.api());
        killer.join().unwrap();

        gateway.start_again();
        acknowledged.check(gateway.api()).unwrap();
        found_again += acknowledged.count();
        from.clone_from(&acknowledged.through);
        all.push(acknowledged);
    }
    // What survived the first cut must also have survived the last.
    for acknowledged in &all {
        acknowledged.check(gateway.api()).unwrap();
    }
    found_again
}
