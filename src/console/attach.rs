//! `cems-gateway console`: this terminal as the console of the gateway that runs on the box.

use std::io::{self, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use thiserror::Error;

use super::socket::socket_path;

/// Ctrl-] leaves even when the gateway no longer answers.
const LEAVE: u8 = 0x1D;

/// Why this terminal is no console.
#[derive(Debug, Error)]
pub enum AttachError {
    /// Nobody listens.
    #[error("no gateway answers at {}: {source}; is it running, with this data folder, as this user?", path.display())]
    NoGateway {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The terminal or the socket failed.
    #[error("the console broke off: {0}")]
    Broken(#[from] io::Error),
}

/// Relays between standard input and output and the gateway's console, until logout, Ctrl-] or the
/// end of the input. Blocks.
///
/// # Errors
/// When no gateway answers, or the terminal or the socket fails.
pub fn attach(data: &Path) -> Result<(), AttachError> {
    let path = socket_path(data);
    let socket = UnixStream::connect(&path).map_err(|source| AttachError::NoGateway { path, source })?;
    let _raw = RawTerminal::enter()?;
    Ok(relay(io::stdin(), io::stdout().lock(), &socket)?)
}

/// Moves bytes both ways until the gateway closes the socket.
fn relay(
    mut input: impl Read + Send + 'static,
    mut output: impl Write,
    mut socket: &UnixStream,
) -> io::Result<()> {
    let mut to_gateway = socket.try_clone()?;
    // Ends with the process: a read from a terminal cannot be called off.
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = input.read(&mut buffer) {
            let typed = &buffer[..count];
            if typed.contains(&LEAVE) {
                let _ = to_gateway.shutdown(Shutdown::Both);
                return;
            }
            if to_gateway.write_all(typed).is_err() {
                return;
            }
        }
        let _ = to_gateway.shutdown(Shutdown::Write);
    });
    let mut buffer = [0; 4_096];
    loop {
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        output.write_all(&buffer[..count])?;
        output.flush()?;
    }
}

/// Hands every key through as it is typed; the terminal is as before once this is dropped.
struct RawTerminal(Option<Termios>);

impl RawTerminal {
    /// Does nothing where the input is no terminal but a file or a pipe.
    fn enter() -> io::Result<Self> {
        let terminal = io::stdin();
        if !terminal.is_terminal() {
            return Ok(Self(None));
        }
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&terminal, OptionalActions::Flush, &raw)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway_that(answer: impl FnOnce(UnixStream) + Send + 'static) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || answer(theirs));
        ours
    }

    #[test]
    fn a_piped_input_is_answered_to_its_end() {
        let socket = gateway_that(|mut stream| {
            let mut heard = String::new();
            stream.read_to_string(&mut heard).unwrap();
            write!(stream, "heard {heard}").unwrap();
        });
        let mut output = Vec::new();
        relay(&b"status\n"[..], &mut output, &socket).unwrap();
        assert_eq!(output, b"heard status\n");
    }

    #[test]
    fn the_leave_key_ends_a_session_with_a_gateway_that_says_nothing() {
        let socket = gateway_that(std::mem::forget);
        relay(&b"st\x1d"[..], io::sink(), &socket).unwrap();
    }
}
