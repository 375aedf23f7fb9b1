//! One exchange over Modbus TCP: the transaction tells a late reply from the one that is awaited.

use std::time::Duration;

use tokio::time::Instant;
use tokio_modbus::Request;

use super::super::brought::{Answered, SpareWords};
use super::super::counters::Tally;
use super::super::frame::{Expect, tcp};
use super::super::timing::Timing;
use super::{Failure, Port};
use crate::model::register::UnitId;

pub(super) struct TcpWire {
    port: Port,
    timing: Timing,
    tally: Tally,
    spare: SpareWords,
    request: Vec<u8>,
    transaction: u16,
    /// A request was begun and it is not known how much of it has left.
    half_sent: bool,
}

/// One of several requests that are under way.
struct Asked {
    transaction: u16,
    expect: Option<Expect>,
    sent_at: Instant,
    result: Option<Result<Answered, Failure>>,
}

/// Whatever has not been answered never will be.
fn give_up(asked: &mut [Asked], failure: impl Fn() -> Failure) {
    for asked in asked.iter_mut().filter(|asked| asked.result.is_none()) {
        asked.result = Some(Err(failure()));
    }
}

/// What the bytes heard so far have to say about a request.
enum Verdict {
    Answered(Answered),
    Failed(Failure),
    NotYet,
}

impl TcpWire {
    pub(super) fn new(port: Port, timing: Timing, tally: Tally, spare: SpareWords) -> Self {
        let [low, high, ..] = timing.seed.to_le_bytes();
        let transaction = u16::from_le_bytes([low, high]);
        Self { port, timing, tally, spare, request: Vec::new(), transaction, half_sent: false }
    }

    pub(super) async fn exchange(
        &mut self,
        unit: UnitId,
        request: &Request<'_>,
        patience: Option<Duration>,
    ) -> Result<Answered, Failure> {
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
                    let turnaround = self.port.last_heard().saturating_duration_since(sent_at);
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

    /// Sends all requests and takes their replies in whatever order they come; one time limit for all, from
    /// the last request on.
    pub(super) async fn exchange_all(
        &mut self,
        requests: &[(UnitId, &Request<'static>)],
    ) -> Vec<Result<Answered, Failure>> {
        let mut asked: Vec<Asked> = Vec::with_capacity(requests.len());
        for (unit, request) in requests {
            asked.push(self.ask(*unit, request).await);
        }
        let deadline = Instant::now() + self.timing.response_timeout;
        while asked.iter().any(|asked| asked.result.is_none()) {
            if let Err(broken) = self.take_frames_of(&mut asked) {
                give_up(&mut asked, || out_of_step(&broken));
                break;
            }
            if asked.iter().all(|asked| asked.result.is_some()) {
                break;
            }
            match self.port.hear(deadline).await {
                Ok(0) => give_up(&mut asked, || Failure::Timeout),
                Ok(_) => {}
                Err(error) => {
                    let told = error.to_string();
                    give_up(&mut asked, || {
                        Failure::LineDown(std::io::Error::new(error.kind(), told.clone()))
                    });
                }
            }
        }
        asked.into_iter().map(|asked| asked.result.unwrap_or(Err(Failure::Timeout))).collect()
    }

    /// Sends one of several requests.
    async fn ask(&mut self, unit: UnitId, request: &Request<'static>) -> Asked {
        self.transaction = self.transaction.wrapping_add(1);
        let mut asked =
            Asked { transaction: self.transaction, expect: None, sent_at: Instant::now(), result: None };
        let sent = async {
            tcp::write_request(self.transaction, unit, request, &mut self.request)?;
            asked.expect = Some(Expect::reply_to(unit, request)?);
            if self.half_sent {
                return Err(out_of_step("an earlier request was cut off"));
            }
            self.half_sent = true;
            asked.sent_at = self.port.send(&self.request).await?;
            self.half_sent = false;
            Ok(())
        };
        if let Err(failure) = sent.await {
            asked.result = Some(Err(failure));
        }
        asked
    }

    /// Gives each frame that is all there to the request that it answers.
    fn take_frames_of(&mut self, asked: &mut [Asked]) -> Result<(), String> {
        loop {
            let frame = match tcp::first_frame(self.port.heard.bytes()) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(broken) => return Err(broken.to_string()),
            };
            let (unit, bytes) = (frame.unit, frame.bytes());
            let is_of = |asked: &&mut Asked| asked.transaction == frame.transaction && asked.result.is_none();
            let of = asked.iter_mut().find(is_of).and_then(|asked| Some((asked.expect?, asked)));
            let Some((expect, of)) = of else {
                self.tally.note(unit, |counters| counters.late += 1);
                self.port.discard(bytes);
                continue;
            };
            match verdict(expect, &frame, &self.spare) {
                Verdict::Answered(answer) => of.result = Some(Ok(answer)),
                Verdict::Failed(failure) => of.result = Some(Err(failure)),
                Verdict::NotYet => {}
            }
            let turnaround = self.port.last_heard().saturating_duration_since(of.sent_at);
            self.tally.note(unit, |counters| counters.replied_after(turnaround));
            self.port.take(bytes);
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
                    let verdict = verdict(expect, &frame, &self.spare);
                    self.port.take(bytes);
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

fn verdict(expect: Expect, frame: &tcp::Frame<'_>, spare: &SpareWords) -> Verdict {
    if frame.unit != expect.unit {
        let fault = format!("unit {} answered for unit {}", frame.unit, expect.unit);
        return Verdict::Failed(out_of_step(&fault));
    }
    match expect.reply(frame.pdu) {
        Some(reply) => Verdict::Answered(reply.map(|reply| spare.keep(reply))),
        None => Verdict::Failed(Failure::Mismatch),
    }
}

fn out_of_step(fault: &str) -> Failure {
    Failure::LineDown(std::io::Error::new(std::io::ErrorKind::InvalidData, fault))
}
