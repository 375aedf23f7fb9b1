//! Gate: the front of the interface, which hostile networks can neither bring down nor get past.
//!
//! ```text
//! client -> door (seats) -> stream (TLS) -> arrival (head, framing, chunks; deadlines) -> access (who asks)
//!        -> lanes (a worker's time) -> relay (one canonical request, one Unix connection) -> tiny_http
//!        <- spool (waits for a slow client) <- answer (head written anew, body followed to its end) <-
//! ```
//!
//! `tiny_http` has no limits and no timeouts; a single request of 70 bytes can end its process. So nothing
//! reaches it but whole requests that were read strictly and written anew, one connection each, and no
//! client ever holds one of its threads. The gate has a thread and a runtime of its own: what a network
//! does to it never moves a poll.

pub(in crate::api) mod access;
mod answer;
mod arrival;
pub(in crate::api) mod chunks;
mod door;
pub(in crate::api) mod framing;
pub(in crate::api) mod head;
mod key;
mod lanes;
mod refusal;
pub(in crate::api) mod relay;
mod seats;
mod spool;
mod stream;
mod tally;
mod tls;
mod visit;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use self::access::Access;
use self::door::Guests;
use self::lanes::Lanes;
use crate::ops::Ops;

pub(in crate::api) use self::key::GateKey;
pub(in crate::api) use self::tally::Tally;
pub(in crate::api) use self::tls::Identity;
pub use self::tls::{OwnCertificate, TlsError};

/// Bytes of the stack of the gate's thread.
const STACK_BYTES: usize = 1_024 * 1_024;
/// Connections that the system holds until the door takes them. With the 128 that are usual, somebody who
/// connects a thousand times has the next client's connection dropped, which tries again after a second.
const WAITING_CONNECTIONS_MAX: i32 = 1_024;
/// How long answers that have begun may take once the gate closes.
const CLOSE_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether they have ended.
const CLOSE_LOOK: Duration = Duration::from_millis(10);

/// What all connections share.
struct Gate {
    ops: Arc<Ops>,
    /// Where the workers listen.
    socket: PathBuf,
    key: GateKey,
    guests: Mutex<Guests>,
    access: Access,
    lanes: Lanes,
    tally: Arc<Tally>,
    closing: watch::Sender<bool>,
}

/// Where the gate listens.
pub(in crate::api) struct Doors {
    /// In plain HTTP.
    pub(in crate::api) plain: TcpListener,
    /// In TLS, as whom.
    pub(in crate::api) tls: Option<(TcpListener, Arc<Identity>)>,
}

/// The gate as it stands; close it to end it in order.
pub(in crate::api) struct GateServer {
    closing: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// Opens the gate before the workers who listen at `socket` and know `key`.
///
/// # Errors
/// When a thread, a runtime or a listener cannot be had.
pub(in crate::api) fn open(
    ops: Arc<Ops>,
    doors: Doors,
    (socket, key, tally): (&Path, GateKey, Arc<Tally>),
) -> io::Result<GateServer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let closing = watch::Sender::new(false);
    let gate = Arc::new(Gate {
        ops,
        socket: socket.to_owned(),
        key,
        guests: Mutex::default(),
        access: Access::new(),
        lanes: Lanes::new(),
        tally,
        closing: closing.clone(),
    });
    let entered = runtime.enter();
    let plain = door::Door::open(doors.plain, None)?;
    let tls = doors.tls.map(|(listener, identity)| door::Door::open(listener, Some(identity.acceptor())));
    let tls = tls.transpose()?;
    drop(entered);
    let thread = thread::Builder::new().name("gate".to_owned()).stack_size(STACK_BYTES);
    let thread = thread.spawn(move || runtime.block_on(gate.stand(plain, tls)))?;
    Ok(GateServer { closing, thread })
}

impl Gate {
    /// Lets clients in until the gate closes, and then lets what has begun end.
    async fn stand(self: Arc<Self>, plain: door::Door, tls: Option<door::Door>) {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            () = Arc::clone(&self).receive(plain) => {}
            () = Arc::clone(&self).receive_tls(tls) => {}
            () = closes(&mut closing) => {}
        }
        let deadline = Instant::now() + CLOSE_MAX;
        let empty = async {
            while self.connections() > 0 {
                sleep(CLOSE_LOOK).await;
            }
        };
        if timeout_at(deadline, empty).await.is_err() {
            log::warn!("{} connections were cut off when the interface closed", self.connections());
        }
    }

    async fn receive_tls(self: Arc<Self>, door: Option<door::Door>) {
        match door {
            Some(door) => self.receive(door).await,
            None => std::future::pending().await,
        }
    }
}

/// Ends when the gate closes.
async fn closes(closing: &mut watch::Receiver<bool>) {
    // Without anybody who could close it, it is closed.
    let _ = closing.wait_for(|closes| *closes).await;
}

impl GateServer {
    /// Lets the answers that have begun end, and closes.
    pub(in crate::api) fn close(self) {
        self.closing.send_replace(true);
        if self.thread.join().is_err() {
            log::error!("the gate ended in a panic");
        }
    }
}

/// Listens at `address`.
///
/// # Errors
/// What the system says.
pub(in crate::api) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    rustix::net::listen(&listener, WAITING_CONNECTIONS_MAX)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
