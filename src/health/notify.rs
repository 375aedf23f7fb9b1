//! Notify: tells whoever supervises this service how it goes, by datagrams as `sd_notify(3)` has them.
//!
//! systemd and `cems-init` name their socket in `NOTIFY_SOCKET`, and in `WATCHDOG_USEC` how long they wait for a
//! sign of life before they end the service.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

/// Characters of a status line that are told.
const STATUS_CHARS_MAX: usize = 200;

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The service has started.
    Ready,
    /// It makes progress.
    Watchdog,
    /// How it goes, in one line.
    Status(String),
    /// It stops.
    Stopping,
    /// It takes longer, and may take that long from now on.
    ExtendTimeout(Duration),
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("READY=1"),
            Self::Watchdog => f.write_str("WATCHDOG=1"),
            Self::Status(text) => {
                // A line end would begin another message.
                let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
                write!(f, "STATUS={}", line.take(STATUS_CHARS_MAX).collect::<String>())
            }
            Self::Stopping => f.write_str("STOPPING=1"),
            Self::ExtendTimeout(time) => write!(f, "EXTEND_TIMEOUT_USEC={}", time.as_micros()),
        }
    }
}

/// The way to whoever supervises this service, where somebody does.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment of this process says.
    ///
    /// # Errors
    /// When it names a socket that cannot be one.
    pub fn from_env() -> io::Result<Self> {
        Self::named(|name| env::var_os(name), std::process::id())
    }

    /// As `variable` says to the process with the ID `process`.
    fn named(variable: impl Fn(&str) -> Option<OsString>, process: u32) -> io::Result<Self> {
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(process));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| is_ours && *usec > 0);
        let socket = variable("NOTIFY_SOCKET").map(|name| {
            let socket = UnixDatagram::unbound()?;
            // A supervisor that does not read must not hold anybody up.
            socket.set_nonblocking(true)?;
            Ok::<_, io::Error>((socket, address_of(&name)?))
        });
        Ok(Self { socket: socket.transpose()?, watchdog: watchdog.map(Duration::from_micros) })
    }

    /// How long the supervisor waits for a sign of life; `None` where it does not.
    #[must_use]
    pub const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells all `messages` in one datagram. What cannot be sent is only logged: the supervisor draws its own
    /// conclusions.
    pub fn tell(&self, messages: &[Message]) {
        let Some((socket, address)) = &self.socket else { return };
        let text = messages.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        if let Err(error) = socket.send_to_addr(text.as_bytes(), address) {
            log::debug!("the supervisor cannot be told: {error}");
        }
    }
}

/// An absolute path, or an abstract name behind an `@`.
fn address_of(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(name)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "NOTIFY_SOCKET is neither an absolute path nor a name behind an @",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notifier(variables: &[(&str, &str)]) -> io::Result<Notifier> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Notifier::named(|name| find(name).map(|(_, value)| OsString::from(value)), 42)
    }

    #[test]
    fn messages_are_written_as_the_manual_has_them() {
        for (message, text) in [
            (Message::Ready, "READY=1"),
            (Message::Watchdog, "WATCHDOG=1"),
            (Message::Stopping, "STOPPING=1"),
            (Message::Status("2 lines\nREADY=1".to_owned()), "STATUS=2 lines READY=1"),
            (Message::ExtendTimeout(Duration::from_secs(30)), "EXTEND_TIMEOUT_USEC=30000000"),
        ] {
            assert_eq!(message.to_string(), text);
        }
        assert_eq!(Message::Status("x".repeat(5_000)).to_string().len(), "STATUS=".len() + 200);
    }

    #[test]
    fn the_watchdog_is_that_of_this_process_or_of_whoever_it_is_given_to() {
        let usec = ("WATCHDOG_USEC", "60000000");
        for (variables, seconds) in [
            (&[][..], None),
            (&[usec], Some(60)),
            (&[usec, ("WATCHDOG_PID", "42")], Some(60)),
            (&[usec, ("WATCHDOG_PID", "43")], None),
            (&[("WATCHDOG_USEC", "0")], None),
            (&[("WATCHDOG_USEC", "-1")], None),
            (&[("WATCHDOG_USEC", "a minute")], None),
        ] {
            let watchdog = notifier(variables).unwrap().watchdog();
            assert_eq!(watchdog.map(|watchdog| watchdog.as_secs()), seconds, "{variables:?}");
        }
    }

    #[test]
    fn datagrams_reach_sockets_of_files_and_abstract_ones() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("notify");
        let name = format!("@{}", file.display());
        let abstract_address = SocketAddr::from_abstract_name(file.as_os_str().as_bytes()).unwrap();
        for (socket, name) in [
            (UnixDatagram::bind(&file).unwrap(), file.to_str().unwrap()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), name.as_str()),
        ] {
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let notifier = notifier(&[("NOTIFY_SOCKET", name)]).unwrap();
            notifier.tell(&[Message::Ready, Message::Status("2 lines".to_owned())]);
            let mut bytes = [0; 100];
            let length = socket.recv(&mut bytes).unwrap();
            assert_eq!(std::str::from_utf8(&bytes[..length]), Ok("READY=1\nSTATUS=2 lines"));
        }
    }

    #[test]
    fn without_a_supervisor_or_with_one_that_is_gone_nothing_is_told_and_nothing_breaks() {
        notifier(&[]).unwrap().tell(&[Message::Ready]);
        notifier(&[("NOTIFY_SOCKET", "/nobody/listens")]).unwrap().tell(&[Message::Ready]);
        for name in ["", "relative", "vsock:2:1234"] {
            assert_eq!(notifier(&[("NOTIFY_SOCKET", name)]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        let long = format!("/{}", "x".repeat(500));
        assert!(notifier(&[("NOTIFY_SOCKET", &long)]).is_err());
    }
}
