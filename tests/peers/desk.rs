//! A technician at the serial console, with a laptop and no network.

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::api::{Api, Served};
use crate::harness::gateway::Gateway;
use crate::harness::held::Held;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::serial::Wire;
use crate::harness::technician::{Technician, log_in};
use crate::harness::wait;

/// All meters are read once a second; two readings that lie further apart have a cycle missing between them.
const INTERVAL: &str = "PT1S";
const CYCLE_MISSED_MS: i128 = 1_900;
/// Readings of each meter before the technician comes, and after the meter is there.
const CYCLES: usize = 3;

const NEW_UNIT: u8 = 9;
/// Parameters of the new Point with the registers of an Eastron SDM120 and what they hold, and the values
/// that then must be told, in kWh, kW, V.
const NEW_METER: [(&str, u16, &str, f64); 3] =
    [("EPI", 0x48, "1234.5", 1234.5), ("P", 0x0C, "2850.0", 2.85), ("UA", 0x00, "229.5", 229.5)];
/// The other registers that the library's map reads for a Point.
const REST_OF_NEW_METER: [(u16, &str); 5] =
    [(0x06, "12.5"), (0x18, "310.0"), (0x1E, "0.95"), (0x46, "50.0"), (0x4A, "0.5")];

#[test]
fn a_meter_added_at_the_serial_console_appears_and_no_other_misses_a_cycle() {
    let dir = TempDir::new().unwrap();
    let mut fleet = Fleet::counting(4, 5, dir.path());
    fleet.hang_unknown_meter(NEW_UNIT, new_meter());
    let _meters = MeterServer::start(&fleet, dir.path());
    let wire = Wire::lay("console", dir.path());
    let console = format!("[console]\nport = \"{}\"\nbaud = 115200\n", wire.ours.display());
    let began = Timestamp::now().to_string();
    let mut gateway = Gateway::run(dir.path(), "PT0.5S", &(fleet.site(INTERVAL) + &console));
    wait_for_cycles(gateway.api(), &began);

    let mut technician = Technician::at(&wire.theirs);
    log_in(&mut technician);
    let line = fleet.first_line();
    technician.type_line(
        &format!("meter add m-new {line} {NEW_UNIT} eastron-sdm120 role=branch category=CAT point=PT-NEW interval=PT1S"),
        "staged",
    );
    assert!(!gateway.api().dynamic().keys().any(|(point, _)| point == "PT-NEW"), "applied before commit");
    technician.type_line("diff", "eastron-sdm120");
    technician.type_line("commit", "committed");

    wait_for_new_point(gateway.api());
    wait_for_cycles(gateway.api(), &Timestamp::now().to_string());
    gateway.process().assert_alive();
    assert_no_cycle_missed(gateway.api(), &began);
}

fn new_meter() -> Vec<Held> {
    let shown = NEW_METER.map(|(_, address, value, _)| Held::float(address, value));
    shown.into_iter().chain(REST_OF_NEW_METER.map(|(address, value)| Held::float(address, value))).collect()
}

fn wait_for_new_point(api: &Api) {
    wait::until_ok("the new Point to be served", || {
        let served = api.dynamic();
        let is_right = |(parameter, _, _, value): &(&str, u16, &str, f64)| {
            let served = served.get(&("PT-NEW".to_owned(), (*parameter).to_owned()));
            served.is_some_and(|served| served.value == json!(value) && served.quality == 0)
        };
        if NEW_METER.iter().all(is_right) {
            return Ok(());
        }
        let told: Vec<_> = served.iter().filter(|((point, _), _)| point == "PT-NEW").collect();
        Err(format!("{told:?}"))
    });
}

/// Waits until every meter of the fleet has been read some times since `from`.
fn wait_for_cycles(api: &Api, from: &str) {
    wait::until("every meter to be read some times", || {
        let history = api.history_since(from).ok()?;
        let of_fleet = || history.iter().filter(|((point, _), _)| point != "PT-NEW");
        let enough = of_fleet().count() == 20 && of_fleet().all(|(_, readings)| readings.len() >= CYCLES);
        enough.then_some(())
    });
}

fn assert_no_cycle_missed(api: &Api, began: &str) {
    let history = api.history_since(began).unwrap();
    for (name, readings) in history.iter().filter(|((point, _), _)| point != "PT-NEW") {
        for pair in readings.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            let apart_ms = milliseconds(after) - milliseconds(before);
            assert!(
                apart_ms < CYCLE_MISSED_MS,
                "{name:?}: a cycle is missing between {before:?} and {after:?}"
            );
            // The meter counts its reads: one that the gateway made and did not keep would show.
            let reads = number(after) - number(before);
            assert!((0.5..1.5).contains(&reads), "{name:?}: {before:?}, {after:?}");
        }
    }
}

fn milliseconds(reading: &Served) -> i128 {
    reading.time.parse::<Timestamp>().unwrap().as_nanosecond() / 1_000_000
}

fn number(reading: &Served) -> f64 {
    Value::as_f64(&reading.value).unwrap_or_else(|| panic!("a reading has no value: {reading:?}"))
}
