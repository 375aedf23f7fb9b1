//! The technician's console: on a serial port, on the terminal, without any network.
//!
//! [`serve`] works on any stream. What is typed becomes a [`command`], what is asked goes through a
//! [`Desk`], and what comes back is put into words in English or Chinese. Edits are staged on the
//! text of the site file; nothing is written or put to work before `commit`. On a box whose site file has
//! faults the same session speaks for a [`SiteDesk`] alone, so that the file can be mended.

mod alarms;
pub mod archive;
mod attach;
mod audit;
mod clock;
pub mod command;
mod condition;
mod controls;
mod counter_events;
mod demand;
pub mod desk;
mod editor;
mod entries;
mod explain;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gaps;
mod interface;
mod lines;
mod login;
pub mod orders;
mod overload;
mod port;
mod quality;
mod render;
mod repair;
mod responses;
mod session;
mod site_lines;
mod socket;
mod table;
mod terminal;
pub mod trace;
pub mod update;
mod verb;
mod wear;
mod words;

pub use crate::language::Language;
pub use attach::{AttachError, attach};
pub use desk::{Desk, Front, SiteDesk};
pub use login::{Login, LoginError};
pub use port::serve_port;
pub use session::{Access, serve};
pub use socket::{SocketConsole, SocketError, listen, socket_path};
pub use verb::Verb;
