//! The gateway's own line asks the meter on a serial port, one read after the other.

use std::sync::Arc;
use std::time::Duration;

use cems_gateway::modbus::line::LineHandle;
use cems_gateway::model::meter::{Line, Link, Parity, SerialSettings};
use cems_gateway::model::register::{Span, Table, UnitId};
use cems_gateway::time::SystemClock;
use tokio::time::Instant;

/// Asks for so long; anything but the right words ends it.
#[tokio::main(flavor = "current_thread")]
pub async fn ask(port: &str, baud: u32, registers: u16, seconds: u64) {
    let settings = SerialSettings {
        port: port.to_owned(),
        baud,
        parity: Parity::Even,
        data_bits: 8,
        stop_bits: 1,
        local_echo: false,
        rs485: None,
    };
    let link = Link::Serial(settings);
    let line = Line { id: "line".to_owned(), link, response_timeout_ms: 500, pipeline: 1 };
    let handle = LineHandle::spawn(&line, Arc::new(SystemClock));
    let expected: Vec<u16> = (0..registers).collect();
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        let span = Span { start: 0, count: registers };
        let block = handle.read(UnitId(1), Table::HoldingRegister, span).await.unwrap();
        assert_eq!(*block.words, *expected);
    }
    handle.shutdown().await;
}
