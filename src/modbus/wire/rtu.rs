//! One exchange on a serial line: silence, request, the one reply; rest after any fault.

use std::time::Duration;

use tokio::time::Instant;
use tokio_modbus::Request;

use super::super::brought::{Answered, Brought, SpareWords};
use super::super::counters::Tally;
use super::super::frame::{Expect, RequestFault, rtu};
use super::super::timing::Timing;
use super::{Failure, Port};
use crate::model::register::UnitId;

/// Every unit obeys it and none answers.
const BROADCAST: UnitId = UnitId(0);
/// Time in which the units carry out a broadcast (Modbus over Serial Line V1.02, section 2.4.1:
/// 100 to 200 ms).
const BROADCAST_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct RtuWire {
    port: Port,
    timing: Timing,
    local_echo: bool,
    tally: Tally,
    spare: SpareWords,
    request: Vec<u8>,
    /// The port hears itself and has not yet heard all of the request.
    echo_pending: bool,
    suspicion: Option<Suspicion>,
    /// A reply that was given up and never came, before the line was asked anything else.
    unheard: Option<Expect>,
    /// The longest that any meter has taken to begin a reply.
    slowest_turnaround: Duration,
}

/// Something may still come that belongs to no request to come. It is there from before a request is
/// sent until its reply is known to be the last thing on the line.
#[derive(Clone, Copy)]
struct Suspicion {
    /// The reply that has not come; `None` when it is not known what may come.
    missing: Option<Expect>,
    /// Until when it may come.
    until: Instant,
}

impl RtuWire {
    pub(super) fn new(
        port: Port,
        timing: Timing,
        local_echo: bool,
        rest_until: Instant,
        tally: Tally,
        spare: SpareWords,
    ) -> Self {
        let suspicion = Some(Suspicion { missing: None, until: rest_until });
        Self {
            port,
            timing,
            local_echo,
            tally,
            spare,
            request: Vec::new(),
            echo_pending: false,
            suspicion,
            unheard: None,
            slowest_turnaround: Duration::ZERO,
        }
    }

    pub(super) async fn exchange(
        &mut self,
        unit: UnitId,
        request: &Request<'_>,
        patience: Option<Duration>,
    ) -> Result<Answered, Failure> {
        rtu::write_request(unit, request, &mut self.request)?;
        let expect = Expect::reply_to(unit, request)?;
        if unit == BROADCAST {
            return self.broadcast(expect).await;
        }
        self.come_to_rest().await?;
        self.port.fall_silent().await?;
        let until_start = patience.unwrap_or(self.timing.response_timeout);
        let patience = until_start + self.timing.wire_time(rtu::reply_bytes(expect));
        let earliest_deadline = Instant::now() + self.timing.wire_time(self.request.len()) + patience;
        self.suspect(Some(expect), earliest_deadline + self.late_window(unit));
        self.echo_pending = self.local_echo;
        let sent_at = self.port.send(&self.request).await?;
        let (answer, bytes) = self.listen(expect, sent_at + patience).await?;
        self.note_turnaround(unit, bytes, sent_at);
        self.await_twin(expect);
        Ok(answer)
    }

    /// The reply to the request that was just sent, with the bytes of its frame. On return without a reply the line is suspect for
    /// another late window.
    async fn listen(&mut self, expect: Expect, deadline: Instant) -> Result<(Answered, usize), Failure> {
        loop {
            let until = if self.holds_damaged_reply(expect) {
                // A reply that is all there and damaged will not get better by waiting.
                deadline.min(self.port.last_activity() + self.timing.quiet)
            } else {
                deadline
            };
            if self.port.hear(until).await? == 0 {
                self.suspect(Some(expect), Instant::now() + self.late_window(expect.unit));
                self.unheard = Some(expect);
                return Err(self.verdict_on_silence());
            }
            self.strip_echo();
            if let Some(reply) = self.take_reply(expect) {
                return Ok(reply);
            }
            let awaited = if self.echo_pending { self.request.len() } else { rtu::reply_bytes(expect) };
            self.port.make_room(awaited);
        }
    }

    /// Takes away the echo of the request. Without this the echo of a write would pass for its
    /// confirmation.
    fn strip_echo(&mut self) {
        if self.echo_pending
            && let Some(end) = rtu::end_of_echo(&self.request, self.port.heard.bytes())
        {
            self.port.heard.forget(end);
            self.echo_pending = false;
        }
    }

    fn holds_damaged_reply(&self, expect: Expect) -> bool {
        !self.echo_pending && rtu::holds_damaged_reply(expect, self.port.heard.bytes())
    }

    fn take_reply(&mut self, expect: Expect) -> Option<(Answered, usize)> {
        if self.echo_pending {
            return None;
        }
        let found = rtu::find_reply(expect, self.port.heard.bytes())?;
        let answer = found.what.map(|reply| self.spare.keep(reply));
        let (start, bytes) = (found.at.start, found.at.len());
        self.port.discard(start);
        self.port.take(bytes);
        // Bytes behind the reply are not waited for, but they must have ended before the next request.
        let left_over = !self.port.heard.bytes().is_empty();
        self.suspicion = left_over.then(|| Suspicion { missing: None, until: Instant::now() });
        Some((answer, bytes))
    }

    fn verdict_on_silence(&self) -> Failure {
        match self.port.heard.bytes() {
            [] => Failure::Timeout,
            heard if !self.echo_pending && rtu::holds_any_reply(heard) => Failure::Mismatch,
            _ => Failure::Garbled,
        }
    }

    fn note_turnaround(&mut self, unit: UnitId, reply_bytes: usize, sent_at: Instant) {
        let reply_time = self.timing.wire_time(reply_bytes);
        let turnaround =
            self.port.last_activity().saturating_duration_since(sent_at).saturating_sub(reply_time);
        self.slowest_turnaround = self.slowest_turnaround.max(turnaround);
        self.tally.note(unit, |counters| counters.replied_after(turnaround));
    }

    /// How long after it was given up a reply may still come: a meter that is slow when it is in time
    /// is later when it is late.
    fn late_window(&self, unit: UnitId) -> Duration {
        match self.tally.known_p99(unit) {
            Some(_) => self.timing.late_window_of(self.slowest_turnaround),
            None => self.timing.late_window.max(self.slowest_turnaround * 2),
        }
    }

    /// After the reply to a request that was asked once more: it may have been the late one to the first,
    /// and then its twin is still to come.
    fn await_twin(&mut self, expect: Expect) {
        if self.unheard.take() == Some(expect) && self.suspicion.is_none() {
            self.suspect(Some(expect), Instant::now() + self.late_window(expect.unit));
        }
    }

    const fn suspect(&mut self, missing: Option<Expect>, until: Instant) {
        self.suspicion = Some(Suspicion { missing, until });
    }

    /// After a fault: throws away everything until the line has been silent for a while, and either
    /// the missing reply has come or it is too late for it to come.
    async fn come_to_rest(&mut self) -> Result<(), Failure> {
        let Some(mut suspicion) = self.suspicion else { return Ok(()) };
        // A line that is never silent is not waited for longer than this.
        let longest = self.timing.late_window.max(self.slowest_turnaround * 2);
        let patience_ends = suspicion.until.max(Instant::now()) + longest;
        loop {
            if let Some(missing) = suspicion.missing
                && rtu::find_reply(missing, self.port.heard.bytes()).is_some()
            {
                self.tally.note(missing.unit, |counters| counters.late += 1);
                self.unheard = None;
                suspicion = Suspicion { missing: None, until: Instant::now() };
            }
            let silent_at = self.port.last_activity() + self.timing.quiet;
            let until = suspicion.until.max(silent_at).min(patience_ends);
            if Instant::now() >= until {
                break;
            }
            self.port.make_room(suspicion.missing.map_or(0, rtu::reply_bytes));
            self.port.hear(until).await?;
        }
        self.port.discard_all();
        self.suspicion = None;
        Ok(())
    }

    async fn broadcast(&mut self, expect: Expect) -> Result<Answered, Failure> {
        if !expect.is_write() {
            return Err(RequestFault::BroadcastRead.into());
        }
        self.come_to_rest().await?;
        self.port.fall_silent().await?;
        self.suspect(None, Instant::now());
        let sent_at = self.port.send(&self.request).await?;
        tokio::time::sleep_until(sent_at + BROADCAST_PAUSE).await;
        Ok(Ok(Brought::Confirmation))
    }

    pub(super) async fn idle(&mut self) -> Failure {
        loop {
            if let Err(error) = self.port.hear_any().await {
                return Failure::LineDown(error);
            }
            // What comes while the line is suspect may be the missing reply, or the half of it.
            if self.suspicion.is_none() {
                self.port.discard_all();
            }
        }
    }
}
