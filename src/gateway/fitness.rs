//! Whether this system does its work, so that it may stay: it reads meters, keeps what it reads, and answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Gateway;
use super::asker::near;
use crate::model::alarm::Alarm;

/// How long the interface may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Asks for nothing that there is: a refusal is an answer as well, and needs no right.
const QUESTION: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// A refusal of what was asked, and no fault of the gateway, which would begin with a five.
const ANSWER: &[u8] = b"HTTP/1.1 4";

/// Whether all of it works at this moment.
pub(super) async fn is_fit(gateway: &Gateway) -> bool {
    reads_meters(gateway) && keeps_readings(gateway) && answers(gateway).await
}

/// Some meter has answered, or there is none to be asked.
fn reads_meters(gateway: &Gateway) -> bool {
    let lines = gateway.plant.status();
    let mut jobs = lines.iter().flat_map(|line| &line.jobs).peekable();
    jobs.peek().is_none() || jobs.any(|job| job.answered_at.is_some())
}

fn keeps_readings(gateway: &Gateway) -> bool {
    !gateway.ops.store().alarms().iter().any(|alarm| matches!(alarm, Alarm::StoreFailing { .. }))
}

async fn answers(gateway: &Gateway) -> bool {
    let Some(address) = gateway.api_address().await else { return false };
    timeout(ANSWER_TIMEOUT, ask(near(address))).await.is_ok_and(|asked| asked.is_ok_and(|well| well))
}

async fn ask(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(QUESTION).await?;
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer == *ANSWER)
}
