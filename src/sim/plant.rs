//! The simulated factory on a thread of its own: like real meters, it does not wait for a gateway.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::run::{LOOPBACK, Manner, Running, SimError, Socket, bus, framing, listen, open_pty};
use super::site::{DER_LINE, GRID_LINE, Ports, SERIAL_LINE, site_toml};
use crate::config::site::Site;
use crate::time::Clock;
use crate::{config, meters};

/// The factory's meters, answering on a pty and on free ports of 127.0.0.1 until this is dropped.
#[derive(Debug)]
pub struct SimulatedPlant {
    ports: Ports,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SimulatedPlant {
    /// Starts the factory; its meters show what the formula gives for the time of `clock`.
    ///
    /// # Errors
    /// When a thread or a port cannot be had.
    pub fn start(clock: Arc<dyn Clock>) -> Result<Self, SimError> {
        let (tell, told) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let life = move || live(&clock, &tell, stopped);
        let thread = thread::Builder::new().name("simulated-meters".to_owned()).spawn(life);
        let thread = thread.map_err(|source| SimError::Thread { source })?;
        let ended = |_| SimError::Thread { source: io::Error::other("it ended before it began") };
        let ports = told.recv().map_err(ended)??;
        Ok(Self { ports, stop: Some(stop), thread: Some(thread) })
    }

    /// Where its lines are.
    #[must_use]
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }
}

impl Drop for SimulatedPlant {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has been told already; there is nobody else to tell here.
            let _told = thread.join();
        }
    }
}

/// The life of the thread: it tells once where the lines are, and serves them until it is stopped.
fn live(
    clock: &Arc<dyn Clock>,
    tell: &mpsc::SyncSender<Result<Ports, SimError>>,
    stopped: oneshot::Receiver<()>,
) {
    let life = async {
        let (ports, _running) = match open(clock).await {
            Ok(opened) => opened,
            Err(error) => return drop(tell.send(Err(error))),
        };
        if tell.send(Ok(ports)).is_ok() {
            // Nothing is ever sent: the other end is dropped.
            let _dropped = stopped.await;
        }
    };
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(life),
        Err(source) => drop(tell.send(Err(SimError::Thread { source }))),
    }
}

async fn open(clock: &Arc<dyn Clock>) -> Result<(Ports, Running), SimError> {
    let any_port = SocketAddr::new(LOOPBACK, 0);
    let serial = open_bus().await?;
    let (grid, grid_address) = listen(GRID_LINE, any_port).await?;
    let (der, der_address) = listen(DER_LINE, any_port).await?;
    let ports = Ports { serial: serial.place(), grid: grid_address, der: der_address };
    let site = site_at(&ports)?;
    let mut running = Running::default();
    let sockets = [serial, Socket::Tcp(grid, grid_address), Socket::Tcp(der, der_address)];
    let manner = Manner::default();
    for (line, socket) in site.lines.iter().zip(sockets) {
        running.start(&line.id, socket, framing(&line.link), bus(&site, line, clock, &manner));
    }
    Ok((ports, running))
}

/// The RS-485 bus: a pty, or a socket where the system has none that works, as in a container without
/// `/dev/pts` or under an emulator that does not know every serial request.
async fn open_bus() -> Result<Socket, SimError> {
    match open_pty(SERIAL_LINE) {
        Ok(pty) => Ok(Socket::Pty(pty)),
        Err(error) => {
            log::warn!("{error}; the line is reached through a socket instead");
            let (listener, address) = listen(SERIAL_LINE, SocketAddr::new(LOOPBACK, 0)).await?;
            Ok(Socket::Tcp(listener, address))
        }
    }
}

/// The factory as its meters know it. API and platform are of no concern to them.
fn site_at(ports: &Ports) -> Result<Site, SimError> {
    let (no_api, no_token) = (SocketAddr::new(LOOPBACK, 0), "0".repeat(64));
    Ok(config::read("factory.toml", &site_toml(ports, no_api, &no_token), meters::library)?)
}
