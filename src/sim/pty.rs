//! A pseudo terminal: a serial port without a wire, one end served here, the other for any program.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// While no program has the other end open the kernel reports an error at once instead of waiting,
/// so this end looks again after so long.
const NOBODY_THERE_PAUSE: Duration = Duration::from_millis(20);

/// The serving end of a pseudo terminal. It outlives the programs that open and close the other end.
#[derive(Debug)]
pub struct Pty {
    master: AsyncFd<OwnedFd>,
    path: PathBuf,
    nobody_there: Option<Pin<Box<Sleep>>>,
}

impl Pty {
    /// A new pseudo terminal in raw mode.
    ///
    /// # Errors
    /// When the system has none left, or there is no tokio runtime with I/O.
    pub fn open() -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = ptsname(&master, Vec::new())?.into_string().map_err(io::Error::other)?;
        let mut modes = tcgetattr(&master)?;
        modes.make_raw();
        tcsetattr(&master, OptionalActions::Now, &modes)?;
        fcntl_setfl(&master, OFlags::NONBLOCK)?;
        Ok(Self { master: registered(master)?, path: path.into(), nobody_there: None })
    }

    /// What other programs open as their serial port.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the pause after finding nobody at the other end goes on.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.nobody_there {
            ready!(pause.as_mut().poll(context));
            self.nobody_there = None;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Pty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_pause(context));
            let mut ready = ready!(self.master.poll_read_ready(context))?;
            let read = ready.try_io(|master| Ok(rustix::io::read(master, buffer.initialize_unfilled())?));
            match read {
                Ok(Ok(bytes)) if bytes > 0 => {
                    buffer.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) if !is_nobody_there(&error) => return Poll::Ready(Err(error)),
                Ok(_) => self.nobody_there = Some(Box::pin(sleep(NOBODY_THERE_PAUSE))),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Pty {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.master.poll_write_ready(context))?;
            match ready.try_io(|master| Ok(rustix::io::write(master, bytes)?)) {
                // As on a wire: what nobody hears is gone.
                Ok(Err(error)) if is_nobody_there(&error) => return Poll::Ready(Ok(bytes.len())),
                Ok(written) => return Poll::Ready(written),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for types that change their descriptor; OwnedFd does not"
)]
fn registered(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}

fn is_nobody_there(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}
