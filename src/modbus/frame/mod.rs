//! Frames: what a request and its one reply look like as bytes.
//!
//! All of it is pure, for both ends of a wire: the gateway asks with it, and the simulated meters
//! parse and answer with it. The requests and responses themselves are those of tokio-modbus.

mod crc;
mod heard;
pub mod identity;
pub mod pdu;
mod reply;
pub mod rtu;
mod said;
pub mod serve;
pub mod tcp;

pub use tokio_modbus::{ExceptionCode, Request, Response};

pub use crc::crc16;
pub use heard::Heard;
pub use pdu::{Answer, Expect, Replied, RequestFault, read_request};
pub use reply::{Reply, Values};
pub use said::Said;
