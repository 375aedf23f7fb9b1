//! Byte streams under a line, and how they are opened: a serial port, a TCP connection.

use std::io;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio_serial::{ClearBuffer, SerialPort, SerialPortBuilderExt, SerialStream};

use super::dial_in::DialIn;
use super::serial_driver;
use crate::model::meter::{Link, Parity, SerialSettings};

/// Bytes both ways. The line writes and reads, and never flushes: on a serial port that would block
/// the whole runtime until the last bit is out.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Throws away what has arrived and has not been read.
    ///
    /// # Errors
    /// When the port is gone.
    fn discard_input(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for DuplexStream {}
impl Stream for TcpStream {}
impl Stream for SerialStream {
    fn discard_input(&mut self) -> io::Result<()> {
        Ok(self.clear(ClearBuffer::Input)?)
    }
}

/// Opens the stream of a line, as often as it is lost.
#[async_trait]
pub trait Connect: Send {
    /// What it opens, for the log.
    fn name(&self) -> String;

    /// Opens it with all its settings.
    ///
    /// # Errors
    /// When it cannot be opened now; the line will try again.
    async fn connect(&mut self) -> io::Result<Box<dyn Stream>>;
}

/// What opens the stream of `link`.
#[must_use]
pub fn connect_to(link: &Link) -> Box<dyn Connect> {
    match link {
        Link::Serial(settings) => Box::new(SerialConnect(settings.clone())),
        Link::Tcp { host, port } | Link::RtuOverTcp { host, port, .. } => {
            Box::new(TcpConnect { host: host.clone(), port: *port })
        }
        Link::DialIn { listen, registration, .. } => Box::new(DialIn::new(*listen, registration.clone())),
    }
}

struct SerialConnect(SerialSettings);

#[async_trait]
impl Connect for SerialConnect {
    fn name(&self) -> String {
        self.0.port.clone()
    }

    /// Opens by path each time: an adapter that was unplugged comes back as another device behind
    /// the same stable path.
    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let settings = &self.0;
        let builder = tokio_serial::new(&settings.port, settings.baud)
            .data_bits(match settings.data_bits {
                7 => tokio_serial::DataBits::Seven,
                _ => tokio_serial::DataBits::Eight,
            })
            .parity(match settings.parity {
                Parity::None => tokio_serial::Parity::None,
                Parity::Even => tokio_serial::Parity::Even,
                Parity::Odd => tokio_serial::Parity::Odd,
            })
            .stop_bits(match settings.stop_bits {
                2 => tokio_serial::StopBits::Two,
                _ => tokio_serial::StopBits::One,
            })
            .flow_control(tokio_serial::FlowControl::None);
        // Open until the line has it too: a driver may forget its settings when nobody has the port.
        let switched = settings.rs485.map(|rs485| serial_driver::switch_direction(&settings.port, rs485));
        let _switched = switched.transpose()?;
        let port = builder.open_native_async()?;
        serial_driver::hand_on_at_once(Path::new(&settings.port), Path::new("/sys/class/tty"));
        port.clear(ClearBuffer::All)?;
        Ok(Box::new(port))
    }
}

struct TcpConnect {
    host: String,
    port: u16,
}

/// A host that does not answer is no different from one that refuses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Unacknowledged bytes or keepalives for this long mean that the other end is gone.
const GONE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);

#[async_trait]
impl Connect for TcpConnect {
    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let attempt = TcpStream::connect((self.host.as_str(), self.port));
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, attempt).await??;
        stream.set_nodelay(true)?;
        notice_when_gone(&stream)?;
        Ok(Box::new(stream))
    }
}

/// Without these a peer that lost its power would look like a slow meter for hours.
pub(super) fn notice_when_gone(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_AFTER)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_EVERY)?;
    let gone_after_ms = u32::try_from(GONE_AFTER.as_millis()).unwrap_or(u32::MAX);
    Ok(sockopt::set_tcp_user_timeout(stream, gone_after_ms)?)
}
