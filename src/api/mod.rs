//! The application-side interface over HTTP, on the loopback address only.
//!
//! ```text
//! server (tiny_http, workers) -> exchange (one request) -> route (what is asked, by whom)
//!   -> guard, outline, wire::request (the question)  -> ops (the answer)
//!   -> document (the answer in wire words) -> json_stream (item by item) -> reply (bytes of HTTP)
//! ```
//!
//! `tiny_http` has no limits and no timeouts of its own, so that nothing but this machine may reach
//! it: another address than loopback is refused.

mod auth;
mod body;
mod document;
mod exchange;
mod fault;
mod guard;
mod outline;
mod query_string;
mod reply;
mod response_document;
mod route;
mod server;
mod tag;
pub mod wire;

pub use auth::{TokenPair, new_token, token_sha256};
pub use server::{ApiError, ApiServer, serve};
