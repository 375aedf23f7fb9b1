//! Update: a signed bundle into the slot that does not run, a restart into it, and its trial.
//!
//! ```text
//! pieces -> bundle (signature first) -> admission -> transfer: slot marked empty, written, read back, on trial
//! restart -> trial: fit for a minute -> confirmed; not fit in ten -> restart, and the old slot comes back
//! ```
//!
//! A bundle comes in pieces from one of several doors and is never held whole. Until the last write of
//! the transfer, which puts the slot on trial, nothing has changed for the boot loader but that the other
//! slot holds nothing; so a power cut at any moment leaves a slot that is whole.

mod admission;
mod bundle;
mod error;
mod from_file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod manifest;
#[cfg(test)]
mod power_cuts;
mod run;
mod signature;
mod transfer;
mod trial;
mod version;
mod words;

pub use admission::Admission;
pub use bundle::{BundleError, check_bundle};
pub use error::UpdateError;
pub use manifest::{Manifest, ManifestFault};
pub use run::{Origin, Piece, State, Updates, View, Wish};
pub use signature::{SignatureFault, UpdateKey};
pub use trial::{Proving, Verdict};
pub use version::Version;
pub use words::Fault;
