//! One exchange over Modbus TCP: the transaction tells a late reply from the one that is awaited.

use std::time::Duration;

use tokio::time::Instant;
use tokio_modbus::Request;

use super::super::counters::Tally;
use super::super::frame::{Answer, Expect, tcp};
use super::super::timing::Timing;
use super::{Failure, Port};
use crate::model::register::UnitId;

pub(super) struct TcpWire {
    port: Port,
    timing: Timing,
    tally: Tally,
    request: Vec<u8>,
    transaction: u16,
    /// A request was begun and it is not known how much of it has left.
    half_sent: bool,
}

/// What the bytes heard so far have to say about a request.
enum Verdict {
    Answered(Answer),
    Failed(Failure),
    NotYet,
}

impl TcpWire {
    pub(super) fn new(port: Port, timing: Timing, tally: Tally) -> Self {
        let [low, high, ..] = timing.seed.to_le_bytes();
        let transaction = u16::from_le_bytes([low, high]);
        Self { port, timing, tally, request: Vec::new(), transaction, half_sent: false }
    }

    pub(super) async fn exchange(
        &mut self,
        unit: UnitId,
        request: &Request<'_>,
        patience: Option<Duration>,
    ) -> Result<Answer, Failure> {
        self.transaction = self.transaction.wrapping_add(1);
        tcp::write_request(self.transaction, unit, request, &mut self.request)?;
        let expect = Expect::reply_to(unit, request)?;
        if self.half_sent {
            return Err(out_of_step("an earlier request was cut off"));
        }
        self.half_sent = true;
        let sent_at = self.port.send(&self.request).await?;
        self.half_sent = false;
        let deadline = sent_at + patience.unwrap_or(self.timing.response_timeout);
        loop {
            match self.take_frames(Some(expect)) {
                Verdict::Answered(answer) => {
                    let turnaround = Instant::now().saturating_duration_since(sent_at);
                    self.tally.note(unit, |counters| counters.replied_after(turnaround));
                    return Ok(answer);
                }
                Verdict::Failed(failure) => return Err(failure),
                Verdict::NotYet => {}
            }
            if self.port.hear(deadline).await? == 0 {
                return Err(Failure::Timeout);
            }
        }
    }

    /// Takes the frames that are all there. Those of earlier transactions are late and thrown away.
    fn take_frames(&mut self, expect: Option<Expect>) -> Verdict {
        loop {
            let frame = match tcp::first_frame(self.port.heard.bytes()) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Verdict::NotYet,
                Err(broken) => return Verdict::Failed(out_of_step(&broken.to_string())),
            };
            let (unit, bytes) = (frame.unit, frame.bytes());
            match expect {
                Some(expect) if frame.transaction == self.transaction => {
                    let verdict = verdict(expect, &frame);
                    self.port.heard.forget(bytes);
                    return verdict;
                }
                _ => {
                    self.tally.note(unit, |counters| counters.late += 1);
                    self.port.discard(bytes);
                }
            }
        }
    }

    pub(super) async fn idle(&mut self) -> Failure {
        loop {
            if let Err(error) = self.port.hear_any().await {
                return Failure::LineDown(error);
            }
            if let Verdict::Failed(failure) = self.take_frames(None) {
                return failure;
            }
        }
    }
}

fn verdict(expect: Expect, frame: &tcp::Frame<'_>) -> Verdict {
    if frame.unit != expect.unit {
        let fault = format!("unit {} answered for unit {}", frame.unit, expect.unit);
        return Verdict::Failed(out_of_step(&fault));
    }
    expect.answer(frame.pdu).map_or(Verdict::Failed(Failure::Mismatch), Verdict::Answered)
}

fn out_of_step(fault: &str) -> Failure {
    Failure::LineDown(std::io::Error::new(std::io::ErrorKind::InvalidData, fault))
}
