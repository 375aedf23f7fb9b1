//! A technician's commands: each one builds what it needs, does one thing and ends.

mod by_hand;
mod wire_text;

pub use by_hand::{ReadOptions, WriteOptions, read, write};

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use crate::api::auth;
use crate::config;
use crate::console::socket;
use crate::failure::Failure;
use crate::{meters, sim};

/// What may be asked of the meter library.
#[derive(Subcommand)]
pub enum MetersOrder {
    /// The models
    List,
    /// The registers of one model
    Show {
        /// The model, such as eastron-sdm630
        model: String,
    },
    /// Runs the golden frames of one model, or of all
    Test {
        /// The model
        model: Option<String>,
    },
}

/// A runtime for everything that waits: one thread, as `ARCHITECTURE.md` has it.
///
/// # Errors
/// When the system gives no event queue or thread.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))
}
