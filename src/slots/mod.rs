//! The two slots of the box: which one holds what, which one is on trial, and which one runs.
//!
//! The system lies twice on the medium, in slot `a` and slot `b`, and neither is ever written while it
//! runs. An update goes into the other one, which is then tried: the boot loader counts the tries down,
//! the gateway confirms the slot once it has proved itself, and without that the confirmed one comes
//! back by itself.
//!
//! Three programs read and write the [`BootState`]: the script of the boot loader, the first process of
//! the system, and the gateway. This module is the whole agreement between them, and uses nothing else of
//! the house but its limits.

mod abandon;
mod board;
mod command_line;
mod decision;
mod encoding;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod medium;
mod state;
mod state_file;

pub use board::{BOARD_FILE, Board, BoardFault};
pub use command_line::{SerialConsole, running_slot};
pub use decision::{AfterBoot, after_boot};
pub use state::{BootState, Contents, Reason, Slot, TRIAL_BOOTS};
pub use state_file::StateFile;
