//! Lines that call us: a cellular modem without an address of its own connects, says who it is, and is then
//! a serial line like any other.
//!
//! ```text
//! modem -> connects -> registration -> its line takes the connection
//! ```
//!
//! One port serves all lines that name it; the registration tells them apart. A modem that calls again
//! replaces its connection before, which may look alive for hours after the network has lost it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::transport::{Connect, Stream, notice_when_gone};
use crate::limits;

/// A modem says who it is at once.
const REGISTRATION_TIMEOUT: Duration = Duration::from_secs(10);
/// A port that gives no connections is not asked for more at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Waits for the modem of one line.
pub(super) struct DialIn {
    listen: SocketAddr,
    registration: Vec<u8>,
    hub: Option<Arc<Hub>>,
    calls: Option<watch::Receiver<Call>>,
}

impl DialIn {
    pub(super) const fn new(listen: SocketAddr, registration: Vec<u8>) -> Self {
        Self { listen, registration, hub: None, calls: None }
    }
}

#[async_trait]
impl Connect for DialIn {
    fn name(&self) -> String {
        format!("modem '{}' on {}", self.registration.escape_ascii(), self.listen)
    }

    /// The connection that the modem makes next, or has made since the last one was taken.
    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let hub = match &self.hub {
            Some(hub) => Arc::clone(hub),
            None => Arc::clone(self.hub.insert(Hub::at(self.listen).await?)),
        };
        let calls = self.calls.get_or_insert_with(|| hub.expect(&self.registration));
        loop {
            if let Some((number, stream)) = take(calls) {
                return Ok(Box::new(Called { stream, number, calls: calls.clone(), is_replaced: None }));
            }
            if calls.changed().await.is_err() {
                // Another line with this registration has taken its place.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The newest connection of a modem, until its line takes it; numbered, so that an older one can tell.
#[derive(Clone, Default)]
struct Call {
    number: u64,
    stream: Arc<Mutex<Option<TcpStream>>>,
}

fn take(calls: &mut watch::Receiver<Call>) -> Option<(u64, TcpStream)> {
    let call = calls.borrow_and_update().clone();
    let stream = call.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
    stream.map(|stream| (call.number, stream))
}

/// One port that modems call, shared by the lines that name it.
struct Hub {
    lines: Mutex<BTreeMap<Vec<u8>, watch::Sender<Call>>>,
    listening: OnceLock<JoinHandle<()>>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(task) = self.listening.get() {
            task.abort();
        }
    }
}

/// Ports that are listened on, for as long as some line names them.
static HUBS: Mutex<BTreeMap<SocketAddr, Weak<Hub>>> = Mutex::new(BTreeMap::new());

impl Hub {
    /// The hub of a port, which is opened where no line has it yet.
    async fn at(listen: SocketAddr) -> io::Result<Arc<Self>> {
        let known = || {
            let hubs = HUBS.lock().unwrap_or_else(PoisonError::into_inner);
            hubs.get(&listen).and_then(Weak::upgrade)
        };
        if let Some(hub) = known() {
            return Ok(hub);
        }
        let listener = match TcpListener::bind(listen).await {
            Ok(listener) => listener,
            // Another line was faster.
            Err(error) => return known().ok_or(error),
        };
        let hub = Arc::new(Self { lines: Mutex::default(), listening: OnceLock::new() });
        let task = tokio::spawn(listen_for(listener, Arc::downgrade(&hub)));
        let _is_first = hub.listening.set(task);
        HUBS.lock().unwrap_or_else(PoisonError::into_inner).insert(listen, Arc::downgrade(&hub));
        Ok(hub)
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, watch::Sender<Call>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls of the modem that registers so.
    fn expect(&self, registration: &[u8]) -> watch::Receiver<Call> {
        let (sender, calls) = watch::channel(Call::default());
        self.lines().insert(registration.to_vec(), sender);
        calls
    }

    /// Hands a connection to the line whose modem it is; whether there is one.
    fn hand_over(&self, heard: &[u8], stream: TcpStream) -> bool {
        let lines = self.lines();
        let is_of = |(registration, calls): &(&Vec<u8>, &watch::Sender<Call>)| {
            // A line that has gone takes no calls any more.
            heard.starts_with(registration) && calls.receiver_count() > 0
        };
        let Some((_, calls)) = lines.iter().find(is_of) else { return false };
        calls.send_modify(|call| {
            *call = Call { number: call.number + 1, stream: Arc::new(Mutex::new(Some(stream))) };
        });
        true
    }

    /// Whether what was heard may still become a registration.
    fn may_become_known(&self, heard: &[u8]) -> bool {
        self.lines().keys().any(|registration| registration.starts_with(heard))
    }
}

/// Takes connections until no line wants any.
async fn listen_for(listener: TcpListener, hub: Weak<Hub>) {
    let unknown = Arc::new(Semaphore::new(limits::DIAL_IN_UNREGISTERED_MAX));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                log::warn!("a modem's connection was not taken: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Of too many that do not say who they are, the newest is refused.
        let Ok(permit) = Arc::clone(&unknown).try_acquire_owned() else { continue };
        let hub = Weak::clone(&hub);
        tokio::spawn(async move {
            let registered = timeout(REGISTRATION_TIMEOUT, register(stream, &hub)).await;
            match registered {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => log::warn!("{peer} called and is the modem of no line"),
                Ok(Err(error)) => log::debug!("{peer} called and went: {error}"),
                Err(_) => log::debug!("{peer} called and did not say who it is"),
            }
            drop(permit);
        });
    }
}

/// Reads who calls; whether a line has it now.
async fn register(mut stream: TcpStream, hub: &Weak<Hub>) -> io::Result<bool> {
    let mut heard = Vec::new();
    let mut buffer = [0; limits::REGISTRATION_BYTES_MAX];
    loop {
        let count = stream.read(&mut buffer).await?;
        let Some(hub) = hub.upgrade().filter(|_| count > 0) else { return Ok(false) };
        heard.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let is_known = hub.lines().keys().any(|registration| heard.starts_with(registration));
        if is_known {
            stream.set_nodelay(true)?;
            notice_when_gone(&stream)?;
            return Ok(hub.hand_over(&heard, stream));
        }
        if heard.len() >= limits::REGISTRATION_BYTES_MAX || !hub.may_become_known(&heard) {
            return Ok(false);
        }
    }
}

/// A modem's connection, which ends when the modem has made another one.
struct Called {
    stream: TcpStream,
    number: u64,
    calls: watch::Receiver<Call>,
    /// Waits for the modem's next call.
    is_replaced: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Called {
    fn poll_replaced(&mut self, context: &mut Context<'_>) -> bool {
        let (mut calls, number) = (self.calls.clone(), self.number);
        let replaced = self.is_replaced.get_or_insert_with(|| {
            Box::pin(async move {
                let has_ended = calls.wait_for(|call| call.number > number).await.is_err();
                if has_ended {
                    // The line itself has ended; its stream goes with it.
                    std::future::pending::<()>().await;
                }
            })
        });
        replaced.as_mut().poll(context).is_ready()
    }
}

impl AsyncRead for Called {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_replaced(context) {
            // The end of this connection, as if the modem had closed it.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Called {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Stream for Called {}
