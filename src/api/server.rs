//! Server: the listening socket and the workers that answer.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::net::sockopt;
use thiserror::Error;
use tiny_http::{Request, Server};

use super::body::BodyLane;
use super::exchange;
use crate::config::site::ApiSettings;
use crate::limits;
use crate::ops::Ops;

/// A client that takes nothing for so long is cut off; otherwise it would hold a worker for ever.
const WRITE_STALL_MAX_MS: u32 = 30_000;
/// Bytes of a worker's stack; a document keeps its fixed buffer there.
const WORKER_STACK_BYTES: usize = 512 * 1_024;

/// Why the interface is not served.
#[derive(Debug, Error)]
pub enum ApiError {
    /// Another machine could reach it.
    #[error("the API may listen on a loopback address only, not on {0}; use 127.0.0.1")]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("the API cannot listen on {address}: {cause}; see that no other program uses the port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The HTTP server or a worker cannot be started.
    #[error("the API cannot be started: {0}")]
    Start(String),
}

/// The interface as it is served; shut it down to end it in order.
pub struct ApiServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What all workers use.
struct Shared {
    server: Server,
    ops: Arc<Ops>,
    lane: BodyLane,
    stopping: AtomicBool,
}

/// Serves the interface on [`limits::API_WORKERS`] threads.
///
/// # Errors
/// When the address is not a loopback address or cannot be had.
pub fn serve(ops: Arc<Ops>, settings: &ApiSettings) -> Result<ApiServer, ApiError> {
    let listener = listen(settings.listen)?;
    let cause = |cause| ApiError::Listen { address: settings.listen, cause };
    let address = listener.local_addr().map_err(cause)?;
    let server = Server::from_listener(listener, None).map_err(|error| ApiError::Start(error.to_string()))?;
    let (lane, stopping) = (BodyLane::default(), AtomicBool::new(false));
    let shared = Arc::new(Shared { server, ops, lane, stopping });
    let mut workers = Vec::with_capacity(limits::API_WORKERS);
    for number in 1..=limits::API_WORKERS {
        let shared = Arc::clone(&shared);
        let thread = thread::Builder::new().name(format!("api-{number}")).stack_size(WORKER_STACK_BYTES);
        let worker = thread.spawn(move || shared.work());
        workers.push(worker.map_err(|error| ApiError::Start(error.to_string()))?);
    }
    Ok(ApiServer { address, shared, workers })
}

fn listen(address: SocketAddr) -> Result<TcpListener, ApiError> {
    if !address.ip().is_loopback() {
        return Err(ApiError::NotLoopback(address));
    }
    let cause = |cause| ApiError::Listen { address, cause };
    let listener = TcpListener::bind(address).map_err(cause)?;
    // Connections inherit both: without the first, an answer in several writes waits 40 ms for an
    // acknowledgement; the second frees a worker from a client that reads nothing.
    let nodelay = sockopt::set_tcp_nodelay(&listener, true);
    let stall = sockopt::set_tcp_user_timeout(&listener, WRITE_STALL_MAX_MS);
    nodelay.and(stall).map_err(|error| cause(error.into()))?;
    Ok(listener)
}

impl Shared {
    fn work(&self) {
        while !self.stopping.load(Ordering::Acquire) {
            match self.server.recv() {
                Ok(request) => self.answer(request),
                Err(_) if self.stopping.load(Ordering::Acquire) => {}
                Err(error) => {
                    log::error!("the API takes no more connections: {error}; restart the gateway");
                }
            }
        }
    }

    /// A fault in one answer must not cost a worker; `tiny_http` answers 500 for it.
    fn answer(&self, request: Request) {
        let answered =
            panic::catch_unwind(AssertUnwindSafe(|| exchange::answer(request, &self.ops, &self.lane)));
        if answered.is_err() {
            log::error!("an answer panicked; the worker goes on");
        }
    }
}

impl ApiServer {
    /// The address it listens on, with the port that the system chose where it was 0.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Lets the answers that have begun end, and ends the workers.
    pub fn shutdown(self) {
        self.shared.stopping.store(true, Ordering::Release);
        for _ in &self.workers {
            self.shared.server.unblock();
        }
        for worker in self.workers {
            if worker.join().is_err() {
                log::error!("an API worker ended in a panic");
            }
        }
    }
}
