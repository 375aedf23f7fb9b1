//! What the machine says of itself and how runs ended, as figures. What is not known has none.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use super::{Labels, gauge};
use crate::health::checkup::Condition;
use crate::health::machine::{Disk, Machine, Spare};

/// Writes the figures of `condition`.
pub(super) fn encode(condition: &Condition, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    temperatures(&condition.machine, encoder)?;
    amounts(&condition.machine, encoder)?;
    flash(&condition.machine, encoder)?;
    standstills(condition, encoder)?;
    runs(condition, encoder)
}

fn temperatures(machine: &Machine, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if machine.temperatures.is_empty() {
        return Ok(());
    }
    let mut family = gauge(encoder, "cems_temperature_celsius", "The temperature of a part of the machine")?;
    machine.temperatures.iter().enumerate().try_for_each(|(number, of)| {
        // Two zones may have one name.
        let number = number.to_string();
        let labels: Labels<'_, 2> = [("number", &number), ("zone", &of.zone)];
        ConstGauge::new(f64::from(of.millicelsius) / 1_000.0).encode(family.encode_family(&labels)?)
    })
}

fn amounts(machine: &Machine, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let disk = |of: fn(&Disk) -> u64| machine.disk.as_ref().map(of);
    for (name, help, amount) in [
        ("cems_resident_memory_bytes", "Memory that the gateway holds", machine.resident_bytes),
        ("cems_memory_available_bytes", "Memory that could be had", machine.memory_available_bytes),
        (
            "cems_filesystem_used_bytes",
            "Files of the data folder's file system",
            disk(|disk| disk.used_bytes),
        ),
        ("cems_filesystem_free_bytes", "What the gateway may still use of it", disk(|disk| disk.free_bytes)),
        ("cems_machine_uptime_seconds", "Since the machine was started", machine.uptime_s),
    ] {
        if let Some(amount) = amount {
            let of = gauge(encoder, name, help)?;
            ConstGauge::new(i64::try_from(amount).unwrap_or(i64::MAX)).encode(of)?;
        }
    }
    Ok(())
}

fn flash(machine: &Machine, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let Some(flash) = &machine.flash else { return Ok(()) };
    let labels: Labels<'_, 1> = [("device", &flash.device)];
    let help = "The share of the life of a flash that is used at most; above 1 it has outlived it";
    let mut used = gauge(encoder, "cems_flash_life_used_ratio", help)?;
    ConstGauge::new(f64::from(flash.used_percent_max) / 100.0).encode(used.encode_family(&labels)?)?;
    let spare_used = match flash.spare {
        Spare::Unknown => return Ok(()),
        Spare::Normal => 0.0,
        Spare::Warning => 0.8,
        Spare::Urgent => 0.9,
    };
    let help = "The share of its spare blocks that is used at least: 0, 0.8 or 0.9";
    let mut spare = gauge(encoder, "cems_flash_spare_used_ratio", help)?;
    ConstGauge::new(spare_used).encode(spare.encode_family(&labels)?)
}

fn standstills(condition: &Condition, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "For how long a part of the gateway has not moved; told while it stands still";
    let mut family = gauge(encoder, "cems_standstill_seconds", help)?;
    for still in &condition.still {
        let part = still.part.to_string();
        let labels: Labels<'_, 1> = [("part", &part)];
        let seconds = i64::try_from(still.since.as_secs()).unwrap_or(i64::MAX);
        ConstGauge::new(seconds).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn runs(condition: &Condition, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut family = gauge(encoder, "cems_last_ending", "1 for how the run before ended")?;
    let labels: Labels<'_, 1> = [("ending", condition.last_ending.word())];
    ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
    let help = "Runs that ended within the last hour and that nobody had told to";
    let count = gauge(encoder, "cems_bad_endings", help)?;
    ConstGauge::new(i64::try_from(condition.bad_ends).unwrap_or(i64::MAX)).encode(count)?;
    let Some(panic) = &condition.last_panic else { return Ok(()) };
    let at =
        gauge(encoder, "cems_last_panic_timestamp_seconds", "When the program panicked last, since 1970")?;
    ConstGauge::new(panic.at.as_ms().div_euclid(1_000)).encode(at)
}
