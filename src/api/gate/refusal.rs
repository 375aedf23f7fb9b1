//! Refusal: what the gate says no to, in the words of the interface.

use super::arrival::ArrivalFault;
use super::head::HeadFault;
use super::tally::Turn;
use crate::api::fault::Fault;
use crate::api::wire::code::Code;
use crate::limits;

/// Seconds after which a client that met no free worker may try again.
const RETRY_AFTER_S: u32 = 1;

/// What a client is told whose request did not arrive; `None` where nobody is there to be told.
pub(super) fn of_arrival(fault: &ArrivalFault) -> Option<(Fault, Turn)> {
    let (code, turn) = match fault {
        ArrivalFault::Gone => return None,
        ArrivalFault::Head(HeadFault::TooLong | HeadFault::TooManyFields) => {
            (Code::HeadTooLong, Turn::Malformed)
        }
        ArrivalFault::BodyLong => (Code::BodyTooLong, Turn::Malformed),
        ArrivalFault::HeadLate | ArrivalFault::BodyLate => (Code::TooSlow, Turn::Late),
        ArrivalFault::Head(_) | ArrivalFault::BodyShort | ArrivalFault::Chunk(_) => {
            (Code::Malformed, Turn::Malformed)
        }
    };
    Some((Fault::of(code, fault.to_string()), turn))
}

/// A path that is longer than is taken, if it is.
pub(super) fn of_target(target: &str) -> Option<Fault> {
    let max = limits::API_TARGET_BYTES_MAX;
    let message = format!("path and query are longer than {max} bytes; ask with POST");
    (target.len() > max).then(|| Fault::of(Code::TargetTooLong, message))
}

/// No worker was free.
pub(super) fn busy() -> Fault {
    Fault::of(Code::Busy, "every worker is busy; ask again, or for less at a time")
        .retry_after_s(RETRY_AFTER_S)
}

/// A worker gave no answer.
pub(super) fn unanswered() -> Fault {
    Fault::of(Code::Internal, "there was no answer in time; the gateway's log says why")
}
