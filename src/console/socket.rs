//! The console as a Unix socket in the data folder, for the operator's own shell on the box; and the
//! guard at the door of such sockets.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::desk::Front;
use super::session::{Access, serve};

/// People at a time.
const SESSIONS_MAX: usize = 4;
/// How long to wait when the system has no file handle left for one more of them.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Where the socket of the gateway lies that keeps its data in `data`.
#[must_use]
pub fn socket_path(data: &Path) -> PathBuf {
    data.join("console.sock")
}

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Another gateway answers there.
    #[error("{} is in use; another gateway runs on this data folder", .0.display())]
    InUse(PathBuf),
    /// The socket cannot be made.
    #[error("cannot make the console socket {}: {source}; check the folder's owner and that its path is short", path.display())]
    Bind {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl SocketError {
    /// Whether the medium takes no files at present, so that nobody is to blame.
    #[must_use]
    pub fn is_of_the_medium(&self) -> bool {
        use io::ErrorKind::{ReadOnlyFilesystem, StorageFull};
        matches!(self, Self::Bind { source, .. } if matches!(source.kind(), ReadOnlyFilesystem | StorageFull))
    }
}

/// A listening console socket; closed and removed when this is dropped.
#[derive(Debug)]
pub struct SocketConsole {
    _socket: Guarded,
}

/// Listens on `<data>/console.sock`. Whoever may open it is the operator (or root), so that no password
/// is asked.
///
/// # Errors
/// When the socket is in use or cannot be made.
pub fn listen(data: &Path, front: Front) -> Result<SocketConsole, SocketError> {
    let socket = open(&socket_path(data), move |stream, seat| {
        let front = front.clone();
        tokio::spawn(async move {
            match seat {
                Some(_seat) => drop(serve(stream, front, Access::Open).await),
                None => drop(turn_away(stream).await),
            }
        });
    })?;
    Ok(SocketConsole { _socket: socket })
}

/// A listening socket that only the operator may open; closed and removed when this is dropped.
#[derive(Debug)]
pub(super) struct Guarded {
    path: PathBuf,
    task: JoinHandle<()>,
}

/// A seat, free again when it is dropped; `None` when all are taken.
pub(super) type Seat = Option<OwnedSemaphorePermit>;

/// Listens on `path`, mode 0600, and hands everybody to `receive` who is the gateway's own user or root.
pub(super) fn open(
    path: &Path,
    receive: impl Fn(UnixStream, Seat) + Send + 'static,
) -> Result<Guarded, SocketError> {
    let fault = |source| SocketError::Bind { path: path.to_owned(), source };
    // A socket that nobody answers on was left by a crash.
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(SocketError::InUse(path.to_owned()));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(fault)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(fault)?;
    Ok(Guarded { path: path.to_owned(), task: tokio::spawn(accept(listener, receive)) })
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, receive: impl Fn(UnixStream, Seat) + Send) {
    let seats = Arc::new(Semaphore::new(SESSIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log::warn!("console: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if is_operator(&stream) {
            receive(stream, Arc::clone(&seats).try_acquire_owned().ok());
        } else {
            log::warn!("console: refused somebody who is neither root nor the gateway's own user");
        }
    }
}

/// Between the making of the socket and the setting of its mode others might have slipped in.
fn is_operator(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own)
}

async fn turn_away(mut stream: UnixStream) -> io::Result<()> {
    let text =
        format!("{SESSIONS_MAX} people are at the console already / 已有 {SESSIONS_MAX} 人在使用控制台\r\n");
    stream.write_all(text.as_bytes()).await
}
