//! Puts a simulated line on a stream of bytes: a pty, a socket or a pipe in memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::bus::{Framing, Meters, Reaction, Step};
use crate::limits;
use crate::model::register::UnitId;

/// So long must an RTU line be silent before bytes that are no request are judged and forgotten. Far
/// above 3.5 characters, because a pty may hand over one frame in pieces.
const SILENCE: Duration = Duration::from_millis(50);
/// A client that takes no bytes for so long has gone; what it was told is lost.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// After a connection could not be taken, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers RTU requests on `stream` until it ends or the line hangs up.
///
/// # Errors
/// When the stream fails.
pub async fn serve_rtu(stream: impl AsyncRead + AsyncWrite + Unpin, bus: &impl Meters) -> io::Result<()> {
    serve(stream, bus, Framing::Rtu).await
}

/// Answers Modbus TCP requests on one connection until it ends or the line hangs up.
///
/// # Errors
/// When the stream fails.
pub async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    bus: &impl Meters,
) -> io::Result<()> {
    serve(stream, bus, Framing::Tcp).await
}

/// Takes connections for ever and answers on each of them; those above
/// [`limits::SIM_CONNECTIONS_MAX`] wait. Dropping this closes them all.
pub async fn serve_tcp(listener: TcpListener, bus: Arc<impl Meters + 'static>, framing: Framing) {
    let places = Arc::new(Semaphore::new(limits::SIM_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let bus = Arc::clone(&bus);
        connections.spawn(async move {
            // Small answers must not wait for the client's acknowledgement of the last one.
            let _slower_without = stream.set_nodelay(true);
            let _gone_either_way = serve(stream, &bus, framing).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bus: &impl Meters,
    framing: Framing,
) -> io::Result<()> {
    let mut heard = Vec::with_capacity(limits::TCP_FRAME_BYTES_MAX);
    let mut outbox = Outbox::default();
    let mut chunk = [0; limits::TCP_FRAME_BYTES_MAX];
    loop {
        while let Some(reaction) = bus.react(framing, &heard) {
            heard.drain(..reaction.heard);
            outbox.plan(reaction);
        }
        while let Some(step) = outbox.take_due() {
            match step {
                Step::Send(bytes) => say(&mut stream, &bytes).await?,
                Step::HangUp => return Ok(()),
                Step::Wait(_) => {}
            }
        }
        let next = outbox.next();
        tokio::select! {
            read = stream.read(&mut chunk) => {
                let bytes = chunk.get(..read?).filter(|bytes| !bytes.is_empty());
                let Some(bytes) = bytes else { return Ok(()) };
                hear(&mut heard, bytes);
            }
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            () = sleep(SILENCE), if framing == Framing::Rtu && !heard.is_empty() => {
                outbox.plan(bus.react_to_silence(&heard));
                heard.clear();
            }
        }
    }
}

/// Keeps what was heard, the newest bytes only where there are more than two frames of them.
fn hear(heard: &mut Vec<u8>, bytes: &[u8]) {
    heard.extend(bytes);
    let most = 2 * limits::TCP_FRAME_BYTES_MAX;
    heard.drain(..heard.len().saturating_sub(most));
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    match timeout(WRITE_TIMEOUT, stream.write_all(bytes)).await {
        Ok(written) => written,
        Err(_nobody_reads) => Ok(()),
    }
}

/// What is still to be said, each at its time. A meter answers one request after the other; another
/// meter does not wait for it.
#[derive(Default)]
struct Outbox {
    steps: Vec<(Instant, Step)>,
    busy_until: BTreeMap<UnitId, Instant>,
}

impl Outbox {
    fn plan(&mut self, reaction: Reaction) {
        let now = Instant::now();
        let busy_until = reaction.unit.and_then(|unit| self.busy_until.get(&unit));
        let mut at = busy_until.map_or(now, |busy_until| now.max(*busy_until));
        for step in reaction.steps {
            match step {
                Step::Wait(pause) => at += pause,
                step => self.steps.push((at, step)),
            }
        }
        if let Some(unit) = reaction.unit {
            self.busy_until.insert(unit, at);
        }
        // Stable: what was planned first goes first at the same instant.
        self.steps.sort_by_key(|(at, _)| *at);
    }

    fn take_due(&mut self) -> Option<Step> {
        (self.next()? <= Instant::now()).then(|| self.steps.remove(0).1)
    }

    fn next(&self) -> Option<Instant> {
        self.steps.first().map(|(at, _)| *at)
    }
}
