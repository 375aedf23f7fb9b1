//! Visit: one connection from its first byte to its last.

use std::net::SocketAddr;

use super::answer::Addressee;
use super::arrival::Arrivals;
use super::head::{Field, RequestHead};
use super::lanes::Lane;
use super::relay::{self, Introduction, Relayed};
use super::stream::Stream;
use super::tally::Turn;
use super::{Gate, closes};
use super::{framing::Framing, refusal};
use crate::api::asked::Asked;
use crate::api::fault::Fault;
use crate::api::wire::operation::Place;
use crate::limits;

/// Who is on a connection.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    /// Its number among the seats.
    pub(super) seat: u64,
    /// Where it comes from.
    pub(super) from: SocketAddr,
    /// It cannot be listened to on its way: TLS, or this machine.
    pub(super) is_private: bool,
    /// SHA-256 of the certificate that it has shown.
    pub(super) certificate_sha256: Option<[u8; 32]>,
}

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The client may ask again.
    Ask,
    /// It is ended in order.
    Close,
    /// It is ended although more is coming.
    CloseUnread,
    /// It is ended so that nothing is taken for whole.
    Reset,
}

/// Answers what comes on `stream` until the connection ends or the gate closes.
pub(super) async fn visit(gate: &Gate, stream: Stream, guest: Guest) {
    let mut arrivals = Arrivals::on(stream);
    let mut closing = gate.closing.subscribe();
    for _ in 0..limits::GATE_REQUESTS_PER_CONNECTION_MAX {
        let head = tokio::select! {
            head = arrivals.head() => head,
            () = closes(&mut closing) => return arrivals.close().await,
        };
        let next = match head {
            Ok(head) => gate.answer(&mut arrivals, &head, &guest).await,
            Err(fault) => match refusal::of_arrival(&fault) {
                None => Next::Close,
                Some((fault, turn)) => {
                    gate.tally.count(turn);
                    let asked = Asked::unread(&gate.ops);
                    gate.refuse(arrivals.stream(), &asked, &fault, CLOSING).await;
                    Next::CloseUnread
                }
            },
        };
        match next {
            Next::Ask => {}
            Next::Close => return arrivals.close().await,
            Next::CloseUnread => return arrivals.close_unread().await,
            Next::Reset => return arrivals.stream().will_reset(),
        }
    }
    arrivals.close().await;
}

/// How somebody is answered whose request was not read.
const CLOSING: Addressee = Addressee { head_only: false, is_http_1_0: false, keeps_alive: false };

impl Gate {
    /// Answers the request whose head is `head`.
    async fn answer(&self, arrivals: &mut Arrivals<Stream>, head: &RequestHead, guest: &Guest) -> Next {
        let asked = Asked::of(&head.method, |name| field(head, name), &self.ops);
        let has_body = head.framing != Framing::None;
        let to = Addressee {
            head_only: head.method == "HEAD",
            is_http_1_0: head.is_http_1_0,
            keeps_alive: head.keeps_alive && !*self.closing.borrow(),
        };
        let place = Place::of(head.path());
        let too_long = refusal::of_target(&head.target).map(|fault| (fault, Turn::Malformed));
        let admitted = too_long.map_or_else(|| self.access.admit(head, place, guest, &self.ops), Err);
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err((fault, turn)) => {
                self.tally.count(turn);
                let to = Addressee { keeps_alive: to.keeps_alive && !has_body, ..to };
                let next = self.refuse(arrivals.stream(), &asked, &fault, to).await;
                return if has_body { Next::CloseUnread } else { next };
            }
        };
        if admitted.is_known() {
            self.know(guest.seat);
        }
        let body = match arrivals.body(head).await {
            Ok(body) => body,
            Err(fault) => {
                let Some((fault, turn)) = refusal::of_arrival(&fault) else { return Next::Close };
                self.tally.count(turn);
                let to = Addressee { keeps_alive: false, ..to };
                self.refuse(arrivals.stream(), &asked, &fault, to).await;
                return Next::CloseUnread;
            }
        };
        if let Err((fault, turn)) = admitted.check_body(&body) {
            self.tally.count(turn);
            return self.refuse(arrivals.stream(), &asked, &fault, to).await;
        }
        let from = guest.from.ip().to_canonical();
        let introduction = Introduction { key: &self.key, from, platform: admitted.platform_id() };
        let request = relay::canonical(head, &body, &introduction);
        self.have_answered(arrivals.stream(), (&request, lane_of(place)), (&asked, to)).await
    }

    async fn have_answered(
        &self,
        stream: &mut Stream,
        (request, lane): (&[u8], Lane),
        (asked, to): (&Asked, Addressee),
    ) -> Next {
        let Some(worker) = self.lanes.enter(lane).await else {
            self.tally.count(Turn::Busy);
            return self.refuse(stream, asked, &refusal::busy(), to).await;
        };
        match relay::relay(stream, (&self.socket, request, worker), to, &self.tally.spools).await {
            Relayed::Whole { keeps_alive: true } => Next::Ask,
            Relayed::Whole { keeps_alive: false } => Next::Close,
            Relayed::Unanswered => {
                self.tally.count(Turn::BrokenOff);
                self.refuse(stream, asked, &refusal::unanswered(), to).await
            }
            Relayed::BrokenOff => {
                self.tally.count(Turn::BrokenOff);
                Next::Reset
            }
            Relayed::Stalled => {
                self.tally.count(Turn::Stalled);
                Next::Reset
            }
        }
    }

    /// Says no.
    async fn refuse(&self, stream: &mut Stream, asked: &Asked, fault: &Fault, to: Addressee) -> Next {
        let mut answer = Vec::new();
        if let Err(error) = asked.write_refusal(&mut answer, fault, &self.ops) {
            log::error!("a refusal could not be written: {error}");
            return Next::Reset;
        }
        match relay::send(stream, &answer, to).await {
            Relayed::Whole { keeps_alive: true } => Next::Ask,
            Relayed::Whole { keeps_alive: false } => Next::Close,
            Relayed::Unanswered | Relayed::BrokenOff | Relayed::Stalled => Next::Reset,
        }
    }
}

fn field(head: &RequestHead, name: &'static str) -> Option<String> {
    let (_, value) = head.fields().iter().find(|(field, _): &&(Field, _)| field.name() == name)?;
    Some(value.clone())
}

fn lane_of(place: Place) -> Lane {
    match place {
        Place::OpenApi => Lane::Open,
        Place::Audit | Place::Update => Lane::Bulk,
        Place::Operation(operation) if operation.subject.is_long() => Lane::Bulk,
        _ => Lane::Quick,
    }
}
