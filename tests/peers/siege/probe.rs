//! The probe: a client that behaves, from an address of its own, while others do not.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::hostile::{Target, status_of};
use crate::harness::footprint;

/// Where it comes from.
const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// Between two rounds: the open path grants 240 requests a minute.
const BETWEEN: Duration = Duration::from_millis(250);
/// Questions of a platform in a round.
const QUESTIONS: usize = 3;
/// Whoever has no answer after this has lost it.
const LOST: Duration = Duration::from_secs(30);

/// What a probe has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How long each answer took.
    pub(crate) latencies: Vec<Duration>,
    /// What was not as it must be.
    pub(crate) wrong: Vec<String>,
    /// The most threads that the gateway had.
    pub(crate) threads_max: u64,
}

/// A probe at work.
pub(crate) struct Probe {
    has_ended: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Probe {
    /// Asks the gate of the process `pid` for its health and, with `token`, a question again and again.
    pub(crate) fn start(target: &Target, token: &str, pid: Pid) -> Self {
        let has_ended = Arc::new(AtomicBool::new(false));
        let (target, token, ends) = (target.clone(), token.to_owned(), Arc::clone(&has_ended));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(probe(&target, &token, pid, &ends))
        });
        Self { has_ended, thread }
    }

    /// Ends it and tells what it has seen.
    pub(crate) fn end(self) -> Seen {
        self.has_ended.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

async fn probe(target: &Target, token: &str, pid: Pid, has_ended: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let question = format!("/cems/v1/GetCemsDynamicData HTTP/1.1\r\nAuthorization: Bearer {token}");
    while !has_ended.load(Ordering::Acquire) {
        seen.note("health", ask(target, "/healthz HTTP/1.1").await);
        for _ in 0..QUESTIONS {
            sleep(BETWEEN / 4).await;
            seen.note("question", ask(target, &question).await);
        }
        seen.threads_max = seen.threads_max.max(footprint::of(pid).threads);
        sleep(BETWEEN / 4).await;
    }
    seen
}

impl Seen {
    fn note(&mut self, what: &str, answered: io::Result<(u16, Duration)>) {
        match answered {
            Ok((200, latency)) => self.latencies.push(latency),
            Ok((status, _)) => self.wrong.push(format!("{what}: {status}")),
            Err(error) => self.wrong.push(format!("{what}: {error}")),
        }
    }

    /// Connections that it made.
    pub(crate) fn asked(&self) -> usize {
        self.latencies.len() + self.wrong.len()
    }
}

/// Asks on a connection of its own: status, and how long it took from before the connection to the last byte.
async fn ask(target: &Target, rest: &str) -> io::Result<(u16, Duration)> {
    let begun = Instant::now();
    let answered = async {
        let mut wire = target.connect(FROM).await?;
        let request = format!("GET {rest}\r\nHost: gateway\r\nConnection: close\r\n\r\n");
        wire.write_all(request.as_bytes()).await?;
        wire.flush().await?;
        let mut answer = Vec::new();
        wire.read_to_end(&mut answer).await?;
        status_of(&answer).ok_or_else(|| io::Error::other("no answer"))
    };
    let status = timeout(LOST, answered).await.map_err(|_| io::Error::other("no answer in time"))??;
    Ok((status, begun.elapsed()))
}

/// The latency below which so many in a hundred are.
pub(crate) fn percentile(latencies: &[Duration], percent: usize) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort();
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}
