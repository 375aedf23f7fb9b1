//! Door: lets connections in, as many as there are seats, and never stops doing so.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::Gate;
use super::seats::{Neighbourhood, Seating, Seats};
use super::stream::{self, Stream};
use super::tally::Turn;
use super::visit::{Guest, visit};
use crate::api::auth;
use crate::limits;

/// How long a client may take to agree on TLS.
const HANDSHAKE_MAX: Duration = Duration::from_secs(8);
/// How long to wait when the system gives no connection, as when no file handle is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where clients come in.
pub(super) struct Door {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Door {
    /// Opens one at `listener`, which does not block.
    ///
    /// # Errors
    /// When the runtime cannot watch it.
    pub(super) fn open(listener: std::net::TcpListener, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::from_std(listener)?, tls })
    }
}

/// Who is here.
#[derive(Debug, Default)]
pub(super) struct Guests {
    seats: Seats,
    visits: HashMap<u64, AbortHandle>,
}

/// A seat; free again when this is dropped, however the visit ends.
struct Seated {
    gate: Arc<Gate>,
    number: u64,
}

impl Drop for Seated {
    fn drop(&mut self) {
        let mut guests = self.gate.guests();
        guests.seats.leave(self.number);
        guests.visits.remove(&self.number);
        self.gate.tally.tell_connections(guests.seats.count());
    }
}

/// Whether too few file handles are left beside that of `tcp`. The system gives the lowest number that is
/// free, so that all below it are taken.
fn takes_kept_handle(tcp: &TcpStream) -> bool {
    let max = getrlimit(Resource::Nofile).current.and_then(|max| usize::try_from(max).ok());
    let number = usize::try_from(tcp.as_raw_fd()).unwrap_or_default();
    max.is_some_and(|max| number + limits::GATE_HANDLES_KEPT >= max)
}

impl Gate {
    /// Lets clients in by `door` for ever.
    pub(super) async fn receive(self: Arc<Self>, door: Door) {
        loop {
            match door.listener.accept().await {
                Ok((tcp, _)) if takes_kept_handle(&tcp) => self.tally.count(Turn::AcceptFailed),
                Ok((tcp, from)) => Arc::clone(&self).seat(tcp, from, door.tls.clone()),
                Err(error) => {
                    self.tally.count(Turn::AcceptFailed);
                    log::debug!("a connection could not be accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Gives a connection a seat, or ends it.
    fn seat(self: Arc<Self>, tcp: TcpStream, from: SocketAddr, tls: Option<TlsAcceptor>) {
        let seating = self.guests().seats.take(Neighbourhood::of(from.ip()));
        let number = match seating {
            Seating::Taken(number) => number,
            Seating::InPlaceOf(number, gone) => {
                self.tally.count(Turn::Unseated);
                let visit = self.guests().visits.remove(&gone);
                if let Some(visit) = visit {
                    visit.abort();
                }
                number
            }
            Seating::NeighbourhoodFull => return self.tally.count(Turn::AddressFull),
            Seating::Full => return self.tally.count(Turn::Full),
        };
        self.tally.count(Turn::Seated);
        let seated = Seated { gate: Arc::clone(&self), number };
        let visit = tokio::spawn(async move { seated.gate.welcome(tcp, (from, seated.number), tls).await });
        // The visit has not begun: everything here runs on one thread.
        let mut guests = self.guests();
        guests.visits.insert(number, visit.abort_handle());
        self.tally.tell_connections(guests.seats.count());
    }

    async fn welcome(&self, tcp: TcpStream, (from, seat): (SocketAddr, u64), tls: Option<TlsAcceptor>) {
        if stream::prepare(&tcp).is_err() {
            return;
        }
        let is_private = tls.is_some() || from.ip().to_canonical().is_loopback();
        let stream = match tls {
            None => Stream::Plain(tcp),
            Some(tls) => match timeout(HANDSHAKE_MAX, tls.accept(tcp)).await {
                Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                Ok(Err(_)) | Err(_) => return self.tally.count(Turn::HandshakeFailed),
            },
        };
        let certificate_sha256 = stream.client_certificate().map(auth::sha256);
        visit(self, stream, Guest { seat, from, is_private, certificate_sha256 }).await;
    }

    /// Whoever has seat `number` has shown a valid credential.
    pub(super) fn know(&self, number: u64) {
        self.guests().seats.know(number);
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        self.guests().seats.count()
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
