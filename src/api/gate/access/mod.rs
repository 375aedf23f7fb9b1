//! Access: who asks, and whether they may ask just now. Looked at before a body is read.
//!
//! A valid credential always opens: however often somebody else fails, from whatever address, nobody is
//! locked out. Failures are slowed down, counted and answered alike.

mod failures;
mod nonces;
mod rate;
pub(in crate::api) mod signature;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use self::failures::Failures;
use self::nonces::{Nonces, NotNew};
use self::rate::{Rates, Strangers};
use self::signature::Signature;
use super::head::{Field, RequestHead};
use super::seats::Neighbourhood;
use super::tally::Turn;
use super::visit::Guest;
use crate::api::auth;
use crate::api::fault::Fault;
use crate::api::wire::code::Code;
use crate::api::wire::operation::Place;
use crate::config::site::Platform;
use crate::limits;
use crate::model::audit::{self, Actor, Deed, Note, Reason, Who};
use crate::ops::Ops;
use crate::time::trust::ClockState;

/// Somebody who may ask.
pub(super) struct Admitted {
    platform: Option<Platform>,
    /// What the body must be, where the request is signed.
    body_sha256: Option<[u8; 32]>,
}

impl Admitted {
    /// Somebody who has shown nothing.
    const STRANGER: Self = Self { platform: None, body_sha256: None };

    /// Whether a credential was shown.
    pub(super) fn is_known(&self) -> bool {
        self.platform.is_some()
    }

    /// The ID of the platform that asks.
    pub(super) fn platform_id(&self) -> Option<&str> {
        self.platform.as_ref().map(|platform| platform.id.as_str())
    }

    /// Whether the body of a signed request is the one that was signed.
    ///
    /// # Errors
    /// When it is another.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), Refused> {
        if self.body_sha256.is_some_and(|signed| signed != auth::sha256(body)) {
            let fault = Fault::of(Code::BadSignature, "the body is not the one that was signed");
            return Err((fault, Turn::Unauthorized));
        }
        Ok(())
    }
}

/// What somebody is told who may not ask, and what is counted.
pub(super) type Refused = (Fault, Turn);

/// Requests of one address in a minute at paths that are open to anybody.
const OPEN_PER_MIN: u32 = 240;
/// Claims of one address in a minute; a code of 80 bits is not found by trying.
const CLAIMS_PER_MIN: u32 = 10;

/// What is remembered of those who ask.
#[derive(Debug)]
pub(super) struct Access {
    rates: Mutex<Rates>,
    strangers: Mutex<Strangers>,
    failures: Mutex<Failures>,
    nonces: Mutex<Nonces>,
    claims: Mutex<Strangers>,
}

impl Access {
    /// Nobody has asked yet.
    pub(super) fn new() -> Self {
        Self {
            rates: Mutex::default(),
            strangers: Mutex::new(Strangers::of(OPEN_PER_MIN)),
            failures: Mutex::default(),
            nonces: Mutex::default(),
            claims: Mutex::new(Strangers::of(CLAIMS_PER_MIN)),
        }
    }

    /// Whether the request of `head` may be answered, by its path and whoever asks.
    ///
    /// # Errors
    /// When no valid credential is shown where one is needed, or more is asked for than is granted.
    pub(super) fn admit(
        &self,
        head: &RequestHead,
        place: Place,
        guest: &Guest,
        ops: &Arc<Ops>,
    ) -> Result<Admitted, Refused> {
        let from = Neighbourhood::of(guest.from.ip());
        if !ops.is_claimed() {
            return self.admit_to_claim(place, guest);
        }
        let is_open = matches!(place, Place::Health | Place::OpenApi | Place::Claim | Place::Unknown);
        let admitted = match self.identify(head, place, guest, ops) {
            Ok(admitted) => admitted,
            // What is open to anybody is open to whoever shows something wrong as well.
            Err(_) if is_open => {
                let granted = lock(&self.strangers).ask(from, Instant::now());
                return granted.map(|()| Admitted::STRANGER).map_err(too_many);
            }
            Err(fault) => return Err(self.fail(guest, fault, ops)),
        };
        if let Some(platform) = &admitted.platform {
            let granted = lock(&self.rates).ask(&platform.id, platform.requests_per_min, Instant::now());
            granted.map_err(|wait_s| {
                let who = Who::Platform(platform.id.clone());
                note(ops, guest, who, Reason::TooOften);
                too_many(wait_s)
            })?;
        }
        Ok(admitted)
    }

    /// Before a gateway is claimed it answers nothing but that; and the code goes over no open network.
    fn admit_to_claim(&self, place: Place, guest: &Guest) -> Result<Admitted, Refused> {
        let refused = |why| Err((Fault::of(Code::Forbidden, why), Turn::Unauthorized));
        if place != Place::Claim {
            return refused("this gateway is not claimed; POST /claim with the code that its console shows");
        }
        if !guest.is_private {
            return refused("the claim code must not be sent over an open network; use HTTPS");
        }
        let from = Neighbourhood::of(guest.from.ip());
        match lock(&self.claims).ask(from, Instant::now()) {
            Ok(()) => Ok(Admitted::STRANGER),
            Err(wait_s) => Err(too_many(wait_s)),
        }
    }

    fn identify(
        &self,
        head: &RequestHead,
        place: Place,
        guest: &Guest,
        ops: &Arc<Ops>,
    ) -> Result<Admitted, Fault> {
        let site = ops.site();
        let shown = head.value(Field::Authorization);
        let (platform, body_sha256) = match shown.and_then(Signature::parse) {
            None => (auth::platform(shown, &site.platforms).filter(|platform| !platform.is_signed), None),
            Some(signature) => {
                let known = site.platforms.iter().find(|platform| platform.id == signature.platform);
                // One that is not there and one that did not sign this are told the same.
                let platform = known.filter(|platform| platform.is_signed && signature.fits(platform, head));
                let platform = platform.ok_or_else(bad_signature)?;
                self.check_time(&signature, place, platform, ops)?;
                (Some(platform), Some(signature.body_sha256))
            }
        };
        let fits = |platform: &&Platform| {
            platform.certificate_sha256.is_none_or(|wanted| guest.certificate_sha256 == Some(wanted))
        };
        let platform = platform.filter(fits).ok_or_else(unauthorized)?;
        Ok(Admitted { platform: Some(platform.clone()), body_sha256 })
    }

    /// Whether a request that somebody signed was made for now, and for once.
    fn check_time(
        &self,
        signature: &Signature,
        place: Place,
        platform: &Platform,
        ops: &Arc<Ops>,
    ) -> Result<(), Fault> {
        let clock = ops.clock();
        if clock.state() == ClockState::Unset {
            // Nobody can say whether such a request is of today; what is only read does no harm twice.
            let refused =
                Fault::of(Code::Busy, "the gateway's clock is not set yet, so that no signed order is taken");
            return if place.is_order() { Err(refused) } else { Ok(()) };
        }
        let now_s = clock.now().as_ms().div_euclid(1_000);
        if now_s.abs_diff(signature.time_s) > limits::SIGNATURE_AGE_MAX_S {
            let message =
                format!("the signature is of {} and it is {now_s} here; set the clock", signature.time_s);
            return Err(Fault::of(Code::SignedAtOtherTime, message));
        }
        match lock(&self.nonces).is_new(&platform.id, &signature.nonce, now_s) {
            Ok(()) => Ok(()),
            Err(NotNew::Seen) => Err(Fault::of(
                Code::BadSignature,
                "this nonce was used before; make a new one for each request",
            )),
            Err(NotNew::Full) => {
                Err(Fault::of(Code::TooMany, "too many signed requests at once").retry_after_s(60))
            }
        }
    }

    fn fail(&self, guest: &Guest, fault: Fault, ops: &Arc<Ops>) -> Refused {
        // Both have shown a right credential.
        let granted_later = match fault.code {
            Code::Busy => Some((Reason::ClockUnset, Turn::Busy)),
            Code::TooMany => Some((Reason::TooOften, Turn::TooMany)),
            _ => None,
        };
        if let Some((reason, turn)) = granted_later {
            note(ops, guest, Who::Unknown, reason);
            return (fault, turn);
        }
        let wait_s = lock(&self.failures).note(Neighbourhood::of(guest.from.ip()), Instant::now());
        let reason = match (wait_s, fault.code) {
            (Some(_), _) => Reason::LockedOut,
            (None, Code::SignedAtOtherTime) => Reason::TokenExpired,
            (None, _) => Reason::NoSuchToken,
        };
        note(ops, guest, Who::Unknown, reason);
        wait_s.map_or((fault, Turn::Unauthorized), too_many)
    }
}

/// Notes in the audit book that somebody was refused.
fn note(ops: &Ops, guest: &Guest, who: Who, reason: Reason) {
    let from = audit::Place::Address(guest.from.ip().to_canonical());
    ops.note(Note::refused(Actor { who, from }, Deed::Ask, reason));
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever shows nothing and whoever shows something wrong is told the same.
fn unauthorized() -> Fault {
    Fault::of(Code::Unauthorized, "a valid token is needed: Authorization: Bearer TOKEN")
}

fn bad_signature() -> Fault {
    Fault::of(Code::BadSignature, "the signature does not fit this request and the key of this platform")
}

fn too_many(wait_s: u32) -> Refused {
    let message = format!("too many requests; ask again in {wait_s} s");
    (Fault::of(Code::TooMany, message).retry_after_s(wait_s), Turn::TooMany)
}
