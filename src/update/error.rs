//! Why an update is not taken, or not to the end; each with what to do.

use std::io;

use thiserror::Error;

use super::bundle::BundleError;
use super::version::Version;
use super::words::Fault;
use crate::language::Language;

/// Why an update is not taken.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// The machine has no slots.
    #[error("this machine has no slots to update (no board.toml); install the new program by its package")]
    NoSlots,
    /// The kernel was not told which slot it comes from.
    #[error(
        "the kernel command line names no slot (cems.slot=), so none is safe to write; start from an image of this box"
    )]
    UnknownSlot,
    /// The running slot is not confirmed yet, and the other one is the way back.
    #[error(
        "this system is on trial itself and the other slot is the way back; wait for the end of the trial, or end it with 'update confirm' or 'update back'"
    )]
    OnTrial,
    /// Somebody else's update is under way.
    #[error("an update from {0} is under way; wait for its end, or for ten minutes in which nothing comes")]
    Busy(String),
    /// Nothing more of it came.
    #[error("nothing more of the update came for ten minutes; send it again from the start")]
    Idle,
    /// What came before is being checked.
    #[error("the update is being checked; wait for the end of it")]
    Checking,
    /// A piece that does not go on where the one before ended.
    #[error("the piece does not go on where the last one ended; send the bundle from byte {expected} on")]
    Offset {
        /// Where it goes on.
        expected: u64,
    },
    /// A piece that is too long.
    #[error("the piece has more than {0} bytes; send smaller ones")]
    Piece(usize),
    /// The file is no good.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It is made for another board.
    #[error(
        "it is made for the board '{made_for}', and this is '{board}'; take the bundle that is made for it"
    )]
    OtherBoard {
        /// What it is made for.
        made_for: String,
        /// What this is.
        board: String,
    },
    /// It is not newer than what runs.
    #[error("it is release {offered} and {running} runs; to take it anyway, force it (--force)")]
    NotNewer {
        /// What it is.
        offered: Version,
        /// What runs.
        running: Version,
    },
    /// An image does not fit its place.
    #[error(
        "its {image} image has {bytes} bytes and its place in the slot {bytes_max}; make the image smaller"
    )]
    TooLarge {
        /// `root` or `boot`.
        image: &'static str,
        /// Its bytes.
        bytes: u64,
        /// The bytes that it may have.
        bytes_max: u64,
    },
    /// The medium gave back something else than was written.
    #[error(
        "slot {slot} does not read back as it was written; the medium is worn out or damaged, so replace it"
    )]
    ReadBack {
        /// Which slot.
        slot: &'static str,
    },
    /// The medium takes or gives nothing.
    #[error(
        "the medium: {0}; check that the gateway may write the devices of board.toml, and the medium itself"
    )]
    Medium(#[from] io::Error),
    /// A factory reset names another gateway.
    #[error("this gateway is '{id}'; name it as `status` shows it, so that nothing is lost by mistake")]
    OtherGateway {
        /// The ID of this one.
        id: String,
    },
    /// What was said when it was not taken, elsewhere.
    #[error("{}", .0.in_words(Language::English))]
    NotTaken(Fault),
    /// There is no trial to end.
    #[error("nothing is on trial or waits for one; 'update' tells how things stand")]
    NoTrial,
    /// There is nothing to go back to.
    #[error(
        "the other slot holds nothing that could be started; bring the release that is wanted as an update"
    )]
    NothingToGoBackTo,
}
