//! Starts the simulated lines of a site: a pty for each serial one, a listener for each TCP one.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::bus::{Bus, Framing, Meters};
use super::fault::{FaultPlan, Rule};
use super::fleet::Fleet;
use super::meter::Holes;
use super::pace::{Pace, Silence, carry};
use super::pty::Pty;
use super::serve::{serve_rtu, serve_tcp};
use crate::config::site::Site;
use crate::document::Faults;
use crate::limits;
use crate::model::meter::{Line, Link};
use crate::time::Clock;

pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long a simulated modem waits before it calls again.
const CALL_PAUSE: Duration = Duration::from_secs(1);

/// How the meters behave.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// What they do with addresses that their manual leaves empty.
    pub holes: Holes,
    /// What goes wrong, on every line alike.
    pub rules: Vec<Rule>,
    /// The same seed gives the same faults.
    pub seed: u64,
    /// Whether a pty carries bytes no faster than its line would.
    pub paced: bool,
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
    #[error("line '{line_id}': cannot listen on {address}; give the line a free port above 1023")]
    Listen {
        /// The line.
        line_id: String,
        /// Where it should listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A recording in which nobody answers anything.
    #[error("the recording holds no request with an answer; record the line again while it is polled")]
    NothingRecorded,
    /// Modbus TCP has no meaning on a serial port.
    #[error("a recording of Modbus TCP plays on a socket; give --listen HOST:PORT instead of --pty")]
    NoPtyForTcp,
    /// The factory's own site file has faults.
    #[error("the site file of the simulated factory is broken in this build:\n{0}")]
    Factory(#[from] Faults),
    /// No thread, or no event queue for it.
    #[error("the simulated meters get no thread of their own; free some memory or processes")]
    Thread {
        /// What the system says.
        source: io::Error,
    },
}

/// Simulated lines that are being served; dropping it ends them.
#[derive(Debug, Default)]
pub struct Running {
    places: Vec<(String, Place)>,
    silences: Vec<Arc<Silence>>,
    tasks: JoinSet<()>,
}

impl Running {
    /// The lines by ID, and where each of them is.
    #[must_use]
    pub fn places(&self) -> &[(String, Place)] {
        &self.places
    }

    /// What was heard of the silences on each paced line.
    #[must_use]
    pub fn silences(&self) -> &[Arc<Silence>] {
        &self.silences
    }

    pub(super) fn start(
        &mut self,
        line_id: &str,
        socket: Socket,
        framing: Framing,
        meters: impl Meters + 'static,
    ) {
        self.places.push((line_id.to_owned(), socket.place()));
        match socket {
            Socket::PacedPty(pty, pace) => {
                let silence = Arc::new(Silence::on(line_id));
                self.silences.push(Arc::clone(&silence));
                self.tasks.spawn(serve_paced(pty, meters, pace, silence));
            }
            Socket::Pty(pty) => {
                // A pty that fails is an adapter pulled out: the line stays dead, the others go on.
                self.tasks.spawn(async move { drop(serve_rtu(pty, &meters).await) });
            }
            Socket::Tcp(listener, _) => {
                self.tasks.spawn(serve_tcp(listener, Arc::new(meters), framing));
            }
            Socket::Modem(address, registration) => {
                self.tasks.spawn(call(address, registration, meters));
            }
        }
    }
}

/// Serves a line behind a pty as fast as its wire would be, until one of both ends.
async fn serve_paced(pty: Pty, meters: impl Meters, pace: Pace, silence: Arc<Silence>) {
    let (near, far) = tokio::io::duplex(limits::TCP_FRAME_BYTES_MAX);
    tokio::select! {
        ended = carry(pty, near, pace, &silence) => drop(ended),
        ended = serve_rtu(far, &meters) => drop(ended),
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
            Link::Serial(settings) if manner.paced => {
                Socket::PacedPty(open_pty(&line.id)?, Pace::of(settings))
            }
            Link::Serial(_) => Socket::Pty(open_pty(&line.id)?),
            Link::Tcp { host, port } | Link::RtuOverTcp { host, port, .. } => {
                let own = host.parse::<IpAddr>().ok().filter(IpAddr::is_loopback);
                let address = SocketAddr::new(own.unwrap_or(LOOPBACK), *port);
                let (listener, address) = listen(&line.id, address).await?;
                Socket::Tcp(listener, address)
            }
            Link::DialIn { listen, registration, .. } => {
                let here = if listen.ip().is_unspecified() { LOOPBACK } else { listen.ip() };
                Socket::Modem(SocketAddr::new(here, listen.port()), registration.clone())
            }
        };
        running.start(&line.id, socket, framing(&line.link), bus(site, line, clock, manner));
    }
    Ok(running)
}

/// One end of a line, before anyone serves it.
pub(super) enum Socket {
    Pty(Pty),
    /// One that carries bytes no faster than its wire.
    PacedPty(Pty, Pace),
    Tcp(TcpListener, SocketAddr),
    /// A modem that calls this address and says this first.
    Modem(SocketAddr, Vec<u8>),
}

impl Socket {
    /// Where programs find it.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Pty(pty) | Self::PacedPty(pty, _) => Place::Pty(pty.path().to_path_buf()),
            Self::Tcp(_, address) | Self::Modem(address, _) => Place::Tcp(*address),
        }
    }
}

/// A modem that calls again whenever nobody hears it any longer.
async fn call(address: SocketAddr, registration: Vec<u8>, meters: impl Meters) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(address).await
            && stream.write_all(&registration).await.is_ok()
        {
            let _ended = serve_rtu(stream, &meters).await;
        }
        tokio::time::sleep(CALL_PAUSE).await;
    }
}

pub(super) fn open_pty(line_id: &str) -> Result<Pty, SimError> {
    Pty::open().map_err(|source| SimError::Pty { line_id: line_id.to_owned(), source })
}

pub(super) async fn listen(
    line_id: &str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), SimError> {
    let listen = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listen.await.map_err(|source| SimError::Listen { line_id: line_id.to_owned(), address, source })
}

/// How frames are told apart over `link`.
pub(super) const fn framing(link: &Link) -> Framing {
    match link {
        Link::Tcp { .. } => Framing::Tcp,
        Link::Serial(_) | Link::RtuOverTcp { .. } | Link::DialIn { .. } => Framing::Rtu,
    }
}

pub(super) fn bus(site: &Site, line: &Line, clock: &Arc<dyn Clock>, manner: &Manner) -> Bus {
    let fleet = Fleet::of_line(site, line, manner.holes);
    let turnaround = match &line.link {
        // No meter answers before the silence that ends a frame.
        Link::Serial(settings) => Pace::of(settings).gap,
        Link::Tcp { .. } | Link::RtuOverTcp { .. } | Link::DialIn { .. } => Duration::ZERO,
    };
    let faults = FaultPlan::new(manner.rules.iter().copied(), manner.seed);
    Bus::new(fleet, Arc::clone(clock), turnaround, faults)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::modbus::frame::{Request, rtu};
    use crate::model::meter::{Parity, SerialSettings};
    use crate::model::register::UnitId;
    use crate::time::{ManualClock, UtcTime};

    #[test]
    fn a_meter_waits_for_three_and_a_half_characters() {
        let settings = |baud, parity, stop_bits| SerialSettings {
            port: String::new(),
            baud,
            parity,
            data_bits: 8,
            stop_bits,
            local_echo: false,
            rs485: None,
        };
        let gap_us = |settings| Pace::of(&settings).gap.as_micros();
        assert_eq!(gap_us(settings(9_600, Parity::Even, 1)), 4_010);
        assert_eq!(gap_us(settings(9_600, Parity::None, 1)), 3_645);
        assert_eq!(gap_us(settings(115_200, Parity::None, 2)), 1_750);
    }
    const SITE: &str = r#"
[cems]
id = "TEST"
name = "test"
user_name = "test"
utc_offset = "+08:00"
[[category]]
id = "CAT"
code = "01"
name = "test"
[[line]]
id = "bus"
kind = "rtu"
port = "/dev/ttyS9"
baud = 9600
[[line]]
id = "lan"
kind = "rtu-over-tcp"
host = "127.0.0.1"
port = 0
baud = 9600
[[meter]]
id = "m"
line = "lan"
unit = 3
[[point]]
id = "PT"
name = "test"
category = "CAT"
role = "branch"
meter = "m"
[[point.parameter]]
id = "P"
name = "test"
register = { table = "holding", address = 10, type = "u16" }
unit = "kW"
scale = 0.1
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
"#;

    /// The site; its port, which a site file may not leave open, is any free one.
    fn site() -> Site {
        let mut site =
            crate::config::read("site.toml", &SITE.replace("port = 0", "port = 1"), crate::meters::library)
                .unwrap();
        for line in &mut site.lines {
            if let Link::RtuOverTcp { port, .. } = &mut line.link {
                *port = 0;
            }
        }
        site
    }

    #[tokio::test]
    async fn any_site_is_simulated_line_by_line() {
        let at = UtcTime::from_ms(super::super::calendar::EPOCH.as_ms() + 7_000);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::showing(at));
        let running = run(&site(), &clock, &Manner::default()).await.unwrap();
        let [(bus, Place::Pty(path)), (lan, Place::Tcp(address))] = running.places() else {
            panic!("{running:?}");
        };
        assert_eq!((bus.as_str(), lan.as_str()), ("bus", "lan"));
        assert!(path.starts_with("/dev"));

        let mut client = TcpStream::connect(address).await.unwrap();
        let mut frame = Vec::new();
        rtu::write_request(UnitId(3), &Request::ReadHoldingRegisters(10, 1), &mut frame).unwrap();
        client.write_all(&frame).await.unwrap();
        let mut heard = [0; 7];
        client.read_exact(&mut heard).await.unwrap();
        // k = 1 + 7 x 3 + 10 = 32, and 7 s: 32.7 kW in steps of 0.1.
        assert_eq!(heard[3..5], 327_u16.to_be_bytes());
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind(SocketAddr::new(LOOPBACK, 0)).await.unwrap();
        let mut site = site();
        for line in &mut site.lines {
            if let Link::RtuOverTcp { port, .. } = &mut line.link {
                *port = taken.local_addr().unwrap().port();
            }
        }
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let error = run(&site, &clock, &Manner::default()).await.unwrap_err().to_string();
        assert!(error.contains("'lan'") && error.contains("127.0.0.1:"), "{error}");
    }
}
