//! The application-side interface, asked over real sockets.

mod client;
mod golden;
mod hostile;
mod paging;
mod site;
mod statistics;
