//! A simulated line in memory: frames travel as on a socket, only without one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::bus::Bus;
use super::serve::serve_connection;
use crate::modbus::line::LineHandle;
use crate::modbus::timing::{Protocol, Timing};
use crate::modbus::transport::{Connect, Stream};
use crate::time::Clock;

/// Bytes that may be on their way.
const IN_FLIGHT_BYTES: usize = 1_024;

/// Starts a line, as the gateway has it, to the meters of `bus`.
pub fn line(bus: Bus, response_timeout: Duration, clock: Arc<dyn Clock>) -> LineHandle {
    let connect = Box::new(InMemory(Arc::new(bus)));
    LineHandle::spawn_on(connect, Protocol::Tcp, Timing::in_memory(response_timeout), clock)
}

struct InMemory(Arc<Bus>);

#[async_trait]
impl Connect for InMemory {
    fn name(&self) -> String {
        "simulated meters in memory".to_owned()
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(IN_FLIGHT_BYTES);
        let bus = Arc::clone(&self.0);
        tokio::spawn(async move { serve_connection(theirs, &bus).await });
        Ok(Box::new(ours))
    }
}
