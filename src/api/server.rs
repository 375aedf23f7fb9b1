//! Server: the workers that answer, behind the gate.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _};
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use thiserror::Error;
use tiny_http::{Request, Server};

use super::exchange;
use super::gate::{self, Doors, GateKey, GateServer, Identity, OwnCertificate, Tally, TlsError};
use super::hex::hex;
use crate::config::site::ApiSettings;
use crate::health::Beat;
use crate::limits;
use crate::ops::Ops;

/// Bytes of a worker's stack; a document keeps its fixed buffer there.
const WORKER_STACK_BYTES: usize = 512 * 1_024;
/// The folder inside the data folder that only this user may enter: the socket between gate and workers,
/// the certificate, its key.
const FOLDER: &str = "gate";
/// What names of sockets in it begin with.
const SOCKET_PREFIX: &str = "http-";

/// Why the interface is not served.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The address cannot be had.
    #[error("the API cannot listen on {address}: {cause}; see that no other program uses the port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The folder of the gate cannot be made.
    #[error("the folder {} cannot be made: {cause}; check the owner of the data folder", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// There is no certificate to show.
    #[error("HTTPS cannot be served: {0}")]
    Tls(#[from] TlsError),
    /// The HTTP server or a worker cannot be started.
    #[error("the API cannot be started: {0}")]
    Start(String),
}

/// The interface as it is served; shut it down to end it in order.
pub struct ApiServer {
    plain: SocketAddr,
    tls: Option<(SocketAddr, String)>,
    gate: GateServer,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What all workers use.
struct Shared {
    server: Server,
    ops: Arc<Ops>,
    key: GateKey,
    tally: Arc<Tally>,
    answers: Beat,
    stopping: AtomicBool,
}

/// Serves the interface: a gate before [`limits::API_WORKERS`] threads that answer. What belongs to it
/// lies in the folder `data`.
///
/// # Errors
/// When an address or the folder cannot be had, or a certificate is of no use.
pub fn serve(ops: Arc<Ops>, settings: &ApiSettings, data: &Path) -> Result<ApiServer, ApiError> {
    let start = |error: String| ApiError::Start(error);
    let folder = data.join(FOLDER);
    let prepared = prepare(&folder).and_then(|()| ops.open_claim(&folder));
    prepared.map_err(|cause| ApiError::Folder { path: folder.clone(), cause })?;
    let (plain, plain_address) = listen(settings.listen)?;
    let (tls, tls_told) = match settings.tls_listen {
        None => (None, None),
        Some(address) => {
            let files = settings.certificate.as_ref();
            let files = files.map(|files| (files.certificate.as_path(), files.private_key.as_path()));
            let identity = Identity::open(files, &folder, &ops.site().cems.id)?;
            let (listener, address) = listen(address)?;
            let told = (address, identity.fingerprint());
            (Some((listener, Arc::new(identity))), Some(told))
        }
    };
    let socket =
        folder.join(format!("{SOCKET_PREFIX}{}", random_word().map_err(|error| start(error.to_string()))?));
    let server = Server::http_unix(&socket).map_err(|error| start(error.to_string()))?;
    let key = GateKey::random().map_err(|error| start(error.to_string()))?;
    let (tally, stopping) = (Arc::new(Tally::default()), AtomicBool::new(false));
    let shared = Arc::new(Shared {
        server,
        ops: Arc::clone(&ops),
        key: key.clone(),
        tally: Arc::clone(&tally),
        answers: Beat::default(),
        stopping,
    });
    let workers = start_workers(&shared)?;
    let gate = gate::open(ops, Doors { plain, tls }, (&socket, key, tally));
    let gate = gate.map_err(|error| start(error.to_string()))?;
    Ok(ApiServer { plain: plain_address, tls: tls_told, gate, shared, workers })
}

impl OwnCertificate {
    /// The one of the gateway that keeps its data in `data`.
    ///
    /// # Errors
    /// When it has none yet: one is made at the first start with `tls_listen`.
    pub fn in_data(data: &Path) -> Result<Self, TlsError> {
        Self::in_folder(&data.join(FOLDER))
    }
}

fn start_workers(shared: &Arc<Shared>) -> Result<Vec<JoinHandle<()>>, ApiError> {
    let mut workers = Vec::with_capacity(limits::API_WORKERS);
    for number in 1..=limits::API_WORKERS {
        let shared = Arc::clone(shared);
        let thread = thread::Builder::new().name(format!("api-{number}")).stack_size(WORKER_STACK_BYTES);
        let worker = thread.spawn(move || shared.work());
        workers.push(worker.map_err(|error| ApiError::Start(error.to_string()))?);
    }
    Ok(workers)
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ApiError> {
    let listener = gate::listen(address).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    listener.map_err(|cause| ApiError::Listen { address, cause })
}

/// Makes the folder, and clears away the sockets of a gateway that was killed.
fn prepare(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        fs::DirBuilder::new().mode(0o700).create(folder)?;
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(SOCKET_PREFIX);
        if is_ours && entry.file_type()?.is_socket() && UnixStream::connect(entry.path()).is_err() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn random_word() -> Result<String, getrandom::Error> {
    let mut random = [0; 4];
    getrandom::fill(&mut random)?;
    Ok(hex(&random))
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
        let answered = panic::catch_unwind(AssertUnwindSafe(|| {
            exchange::answer(request, &self.ops, (&self.key, &self.tally));
        }));
        self.answers.give();
        if answered.is_err() {
            log::error!("an answer panicked; the worker goes on");
        }
    }
}

impl ApiServer {
    /// The address of plain HTTP, with the port that the system chose where it was 0.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.plain
    }

    /// The address of HTTPS, and the fingerprint of the certificate that is shown there.
    #[must_use]
    pub fn tls(&self) -> Option<(SocketAddr, &str)> {
        self.tls.as_ref().map(|(address, fingerprint)| (*address, fingerprint.as_str()))
    }

    /// Requests that the workers have answered so far. Each has come through the gate.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.shared.answers.count()
    }

    /// Lets the answers that have begun end, and ends the workers.
    pub fn shutdown(self) {
        self.gate.close();
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
