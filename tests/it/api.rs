//! The application-side interface, asked over real sockets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is unexpected in a test ends it")]

mod client;
mod demand;
mod desync;
mod examples;
mod gate;
mod golden;
mod health;
mod hostile;
mod paging;
mod registers;
mod responses;
mod site;
mod statistics;
mod surface;
mod tls;
