//! Serial ports: those of lines and that of the console.

use super::form;
use super::places::Places;
use crate::document::Section;
use crate::model::meter::{Parity, Rs485, SerialSettings};

/// What most RS-485 meters leave the factory with.
const METER_BAUD: u32 = 9_600;
/// What boot loaders and terminal programs use.
const CONSOLE_BAUD: u32 = 115_200;

/// The longest that Linux lets a driver wait.
const RS485_DELAY_MS_MAX: i64 = 100;

const PARITIES: [(&str, Parity); 3] = [("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)];

/// The port of a line; RTU frames carry eight bits in a character.
pub(super) fn meter_port(section: &Section<'_>, places: &mut Places) -> SerialSettings {
    let data_bits = section.integer("data_bits", 7..=8);
    if data_bits == Some(7) {
        section.fault("data_bits", "7 bits cannot carry RTU frames", "give 8 or leave the key out");
    }
    SerialSettings {
        port: device(section, places),
        baud: meter_baud(section),
        parity: parity(section),
        data_bits: 8,
        stop_bits: stop_bits(section),
        local_echo: section.flag("local_echo").unwrap_or(false),
        rs485: rs485(section),
    }
}

/// The baud rate of a line, also of one behind a device server.
pub(super) fn meter_baud(section: &Section<'_>) -> u32 {
    baud(section, METER_BAUD)
}

/// The port of the console.
pub(super) fn console_port(section: &Section<'_>, places: &mut Places) -> SerialSettings {
    SerialSettings {
        port: device(section, places),
        baud: baud(section, CONSOLE_BAUD),
        parity: parity(section),
        data_bits: form::whole(section, "data_bits", 7..=8).unwrap_or(8),
        stop_bits: stop_bits(section),
        local_echo: false,
        rs485: None,
    }
}

/// How the kernel switches the transceiver.
fn rs485(of: &Section<'_>) -> Option<Rs485> {
    let section = of.section("rs485")?;
    let delay = |key| form::whole(&section, key, 0..=RS485_DELAY_MS_MAX).unwrap_or(0);
    let rs485 = Rs485 {
        rts_on_send: section.flag("rts_on_send").unwrap_or(true),
        delay_before_send_ms: delay("delay_before_send_ms"),
        delay_after_send_ms: delay("delay_after_send_ms"),
    };
    section.finish();
    Some(rs485)
}

fn device(section: &Section<'_>, places: &mut Places) -> String {
    let path = section.parsed("port", |text| {
        let is_path = text.starts_with('/') && !text.ends_with('/');
        is_path.then(|| text.to_owned()).ok_or("give the path of the device, such as /dev/ttyS1")
    });
    if !section.has("port") {
        section.missing("port", "give the path of the serial device, such as /dev/ttyS1");
    }
    let Some(path) = path else { return String::new() };
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    places.take(section, "port", format!("/{}", parts.join("/")));
    path
}

fn baud(section: &Section<'_>, default: u32) -> u32 {
    form::whole(section, "baud", 300..=1_000_000).unwrap_or(default)
}

fn parity(section: &Section<'_>) -> Parity {
    section.choice("parity", &PARITIES).unwrap_or(Parity::None)
}

fn stop_bits(section: &Section<'_>) -> u8 {
    form::whole(section, "stop_bits", 1..=2).unwrap_or(1)
}
