//! The tables of what the gateway itself does: store, uplink, console.

use std::path::{Path, PathBuf};

use super::form;
use super::places::Places;
use super::serial;
use super::site::{FlashEndurance, StoreSettings, UplinkSettings};
use crate::document::Section;
use crate::limits;
use crate::model::meter::SerialSettings;
use crate::time::Interval;

/// The port of MQTT without TLS.
const MQTT_PORT: u16 = 1_883;
/// Characters of a path.
const PATH_CHARS_MAX: usize = 255;

/// `[gateway]`: the folder of register maps, reckoned from the folder of the site file.
pub(super) fn maps_dir(root: &Section<'_>, folder: &Path) -> Option<PathBuf> {
    let section = root.section("gateway")?;
    let maps_dir = section.text("maps_dir", PATH_CHARS_MAX);
    section.finish();
    Some(folder.join(maps_dir?))
}

/// `[store]`
pub(super) fn store(root: &Section<'_>) -> StoreSettings {
    let mut settings = StoreSettings::default();
    let Some(section) = root.section("store") else { return settings };
    if let Some(window) = durability_window(&section) {
        settings.durability_window_ms = window.as_ms();
    }
    let whole = |key, range, setting: &mut u32| {
        *setting = form::whole(&section, key, range).unwrap_or(*setting);
    };
    whole("raw_days", 1..=3_650, &mut settings.raw_days);
    whole("quarter_days", 1..=3_650, &mut settings.quarter_days);
    whole("day_years", 1..=30, &mut settings.day_years);
    whole("size_max_mib", 16..=65_536, &mut settings.size_max_mib);
    settings.flash = flash(&section);
    section.finish();
    settings
}

/// Capacity and cycles say something only together.
fn flash(section: &Section<'_>) -> Option<FlashEndurance> {
    let size_mib = form::whole(section, "flash_size_mib", 1..=16_777_216);
    let cycles = form::whole(section, "flash_cycles", 1..=1_000_000);
    for (given, missing, remedy) in [
        ("flash_cycles", "flash_size_mib", "give the capacity of the medium in MiB"),
        ("flash_size_mib", "flash_cycles", "give how often each cell may be written, from the data sheet"),
    ] {
        if section.has(given) && !section.has(missing) {
            section.missing(missing, remedy);
        }
    }
    Some(FlashEndurance { size_mib: size_mib?, cycles: cycles? })
}

fn durability_window(section: &Section<'_>) -> Option<Interval> {
    form::interval(section, "durability_window", 100..=60_000, "give PT0.1S to PT60S")
}

/// `[uplink]`
pub(super) fn uplink(root: &Section<'_>, cems_id: &str, folder: &Path) -> Option<UplinkSettings> {
    let section = root.section("uplink")?;
    let host = form::host(&section, "host");
    if !section.has("host") {
        section.missing("host", "give the host name or address of the MQTT broker");
    }
    let username = section.text("username", limits::NAME_CHARS_MAX);
    let password_file = section.text("password_file", PATH_CHARS_MAX);
    if password_file.is_some() && !section.has("username") {
        section.fault("password_file", "MQTT 3.1.1 has no password without a user name", "give username too");
    }
    let settings = UplinkSettings {
        host: host.unwrap_or_default(),
        port: form::whole(&section, "port", 1..=65_535).unwrap_or(MQTT_PORT),
        client_id: section.id("client_id").unwrap_or_else(|| cems_id.to_owned()),
        topic_prefix: topic_prefix(&section).unwrap_or_else(|| format!("cems/{cems_id}")),
        username,
        password_file: password_file.map(|file| folder.join(file)),
        takes_updates: section.flag("takes_updates").unwrap_or(false),
    };
    section.finish();
    Some(settings)
}

fn topic_prefix(section: &Section<'_>) -> Option<String> {
    section.parsed("topic_prefix", |text| {
        let levels_hold = text.split('/').all(|level| !level.is_empty() && !level.contains(['+', '#', '$']));
        levels_hold.then(|| text.to_owned()).ok_or("write levels joined by '/', without '+', '#' and '$'")
    })
}

/// `[console]`
pub(super) fn console(root: &Section<'_>, places: &mut Places) -> Option<SerialSettings> {
    let section = root.section("console")?;
    let settings = serial::console_port(&section, places);
    section.finish();
    Some(settings)
}
