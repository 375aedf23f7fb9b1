//! Starts the simulated lines of a site: a pty for each serial one, a listener for each TCP one.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::bus::{Bus, Framing};
use super::fault::{FaultPlan, Rule};
use super::fleet::Fleet;
use super::meter::Holes;
use super::pty::Pty;
use super::serve::{serve_rtu, serve_tcp};
use super::site::{self, Ports, Rhythm};
use crate::config::site::Site;
use crate::document::Faults;
use crate::meters;
use crate::model::meter::{Line, Link, SerialSettings};
use crate::time::Clock;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How the meters behave.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// What they do with addresses that their manual leaves empty.
    pub holes: Holes,
    /// What goes wrong, on every line alike.
    pub rules: Vec<Rule>,
    /// The same seed gives the same faults.
    pub seed: u64,
}

/// Where a simulated line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The path that programs open as their serial port.
    Pty(PathBuf),
    /// The address that programs connect to.
    Tcp(SocketAddr),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pty(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// Why a simulated line cannot be started.
#[derive(Debug, Error)]
pub enum SimError {
    /// No pty.
    #[error("line '{line_id}': the system gives no pseudo terminal; free some, or mount /dev/pts")]
    Pty {
        /// The line.
        line_id: String,
        /// What the system says.
        source: io::Error,
    },
    /// The address is taken, or a port below 1024 is not for this user.
    #[error(
        "line '{line_id}': cannot listen on {address}; give the line a free port above 1023 in the site file"
    )]
    Listen {
        /// The line.
        line_id: String,
        /// Where it should listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The factory's own site file has faults, such as a token that is no SHA-256.
    #[error("the factory's site file has faults:\n{0}")]
    Site(#[from] Faults),
}

/// Simulated lines that are being served; dropping it ends them.
#[derive(Debug, Default)]
pub struct Running {
    places: Vec<(String, Place)>,
    tasks: JoinSet<()>,
}

impl Running {
    /// The lines by ID, and where each of them is.
    #[must_use]
    pub fn places(&self) -> &[(String, Place)] {
        &self.places
    }

    fn start(&mut self, line: &Line, socket: Socket, bus: Bus) {
        let place = match socket {
            Socket::Pty(pty) => {
                let place = Place::Pty(pty.path().to_path_buf());
                // A pty that fails is an adapter pulled out: the line stays dead, the others go on.
                self.tasks.spawn(async move { drop(serve_rtu(pty, &bus).await) });
                place
            }
            Socket::Tcp(listener, address) => {
                let framing = match line.link {
                    Link::Tcp { .. } => Framing::Tcp,
                    Link::Serial(_) | Link::RtuOverTcp { .. } => Framing::Rtu,
                };
                self.tasks.spawn(serve_tcp(listener, Arc::new(bus), framing));
                Place::Tcp(address)
            }
        };
        self.places.push((line.id.clone(), place));
    }
}

/// Simulates every line of `site`. TCP lines listen on their own port, on their own address where
/// that is a loopback address and on 127.0.0.1 where it is not.
///
/// # Errors
/// When a pty cannot be made or a port not be listened on.
pub async fn run(site: &Site, clock: &Arc<dyn Clock>, manner: &Manner) -> Result<Running, SimError> {
    let mut running = Running::default();
    for line in &site.lines {
        let socket = match &line.link {
            Link::Serial(_) => Socket::pty(&line.id)?,
            Link::Tcp { host, port } | Link::RtuOverTcp { host, port, .. } => {
                let own = host.parse::<IpAddr>().ok().filter(IpAddr::is_loopback);
                Socket::listen(&line.id, SocketAddr::new(own.unwrap_or(LOOPBACK), *port)).await?
            }
        };
        running.start(line, socket, bus(site, line, clock, manner));
    }
    Ok(running)
}

/// The simulated factory, started.
#[derive(Debug)]
pub struct Factory {
    /// Its site file, for a gateway that is to read it.
    pub site_text: String,
    /// Its lines.
    pub running: Running,
}

/// Starts the factory on a new pty and on two free ports of 127.0.0.1. Its site file has the API at
/// `listen` and a platform whose token has the hexadecimal SHA-256 `token_sha256`.
///
/// # Errors
/// When a pty or a port cannot be had, or the token is no SHA-256.
pub async fn factory(
    listen: SocketAddr,
    token_sha256: &str,
    clock: &Arc<dyn Clock>,
    manner: &Manner,
) -> Result<Factory, SimError> {
    let any_port = SocketAddr::new(LOOPBACK, 0);
    let pty =
        Pty::open().map_err(|source| SimError::Pty { line_id: site::SERIAL_LINE.to_owned(), source })?;
    let (grid, grid_address) = listener(site::GRID_LINE, any_port).await?;
    let (der, der_address) = listener(site::DER_LINE, any_port).await?;
    let ports = Ports {
        serial: pty.path().to_path_buf(),
        grid: grid_address,
        der: der_address,
        listen,
        token_sha256: token_sha256.to_owned(),
    };
    let site_text = site::site_toml(&ports, Rhythm::Live);
    let site = crate::config::read("factory.toml", &site_text, meters::library)?;
    let mut running = Running::default();
    let sockets = [Socket::Pty(pty), Socket::Tcp(grid, grid_address), Socket::Tcp(der, der_address)];
    for (line, socket) in site.lines.iter().zip(sockets) {
        running.start(line, socket, bus(&site, line, clock, manner));
    }
    Ok(Factory { site_text, running })
}

/// One end of a line, before anyone serves it.
enum Socket {
    Pty(Pty),
    Tcp(TcpListener, SocketAddr),
}

impl Socket {
    fn pty(line_id: &str) -> Result<Self, SimError> {
        let pty = Pty::open().map_err(|source| SimError::Pty { line_id: line_id.to_owned(), source })?;
        Ok(Self::Pty(pty))
    }

    async fn listen(line_id: &str, address: SocketAddr) -> Result<Self, SimError> {
        let (listener, address) = listener(line_id, address).await?;
        Ok(Self::Tcp(listener, address))
    }
}

async fn listener(line_id: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), SimError> {
    let listen = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listen.await.map_err(|source| SimError::Listen { line_id: line_id.to_owned(), address, source })
}

fn bus(site: &Site, line: &Line, clock: &Arc<dyn Clock>, manner: &Manner) -> Bus {
    let fleet = Fleet::of_line(site, line, manner.holes);
    let turnaround = match &line.link {
        Link::Serial(settings) => frame_gap(settings),
        Link::Tcp { .. } | Link::RtuOverTcp { .. } => Duration::ZERO,
    };
    let faults = FaultPlan::new(manner.rules.iter().copied(), manner.seed);
    Bus::new(fleet, Arc::clone(clock), turnaround, faults)
}

/// The silence that ends a frame: 3.5 characters, and 1.75 ms above 19200 baud (Modbus over Serial
/// Line V1.02, section 2.5.1.1). No meter answers earlier.
fn frame_gap(settings: &SerialSettings) -> Duration {
    if settings.baud > 19_200 {
        return Duration::from_micros(1_750);
    }
    let half_bits = settings.bits_per_char() * 7;
    Duration::from_micros(u64::from(half_bits) * 500_000 / u64::from(settings.baud.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::meter::Parity;

    #[test]
    fn a_meter_waits_for_three_and_a_half_characters() {
        let settings = |baud, parity, stop_bits| SerialSettings {
            port: String::new(),
            baud,
            parity,
            data_bits: 8,
            stop_bits,
            local_echo: false,
        };
        assert_eq!(frame_gap(&settings(9_600, Parity::Even, 1)), Duration::from_micros(4_010));
        assert_eq!(frame_gap(&settings(9_600, Parity::None, 1)), Duration::from_micros(3_645));
        assert_eq!(frame_gap(&settings(115_200, Parity::None, 2)), Duration::from_micros(1_750));
    }
}
