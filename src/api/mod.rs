//! The application-side interface over HTTP and HTTPS.
//!
//! ```text
//! gate (from the network to one whole, plain request) -> server (tiny_http, workers)
//!   -> exchange (one request) -> route (what is asked, by whom)
//!   -> guard, outline, wire::request (the question)  -> ops (the answer)
//!   -> document (the answer in wire words) -> json_stream (item by item) -> reply (bytes of HTTP)
//! ```

mod asked;
mod auth;
mod body;
mod document;
mod exchange;
mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gate;
mod guard;
mod hex;
mod outline;
mod query_string;
mod reply;
mod response_document;
mod route;
mod server;
mod tag;
pub mod wire;

pub use auth::{TokenPair, new_token, token_sha256};
pub use gate::{OwnCertificate, TlsError};
pub use server::{ApiError, ApiServer, serve};
