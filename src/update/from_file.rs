//! A bundle that lies in a file, taken from the first byte to the end of its check.

use std::io::Read;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use super::bundle::BundleError;
use super::error::UpdateError;
use super::run::{Origin, Piece, State, Updates, View, Wish};
use crate::limits;

/// How often it is looked whether the check has ended.
const CHECK_LOOK: Duration = Duration::from_millis(50);

impl Updates {
    /// Takes the bundle in `file`; `progress` hears how many of how many bytes have come. Gives how things
    /// stand afterwards. Blocks.
    ///
    /// # Errors
    /// Why the update is not taken.
    pub fn take_file(
        self: &Arc<Self>,
        origin: &Origin,
        mut file: impl Read,
        wish: Wish,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<View, UpdateError> {
        let (mut piece, mut offset) = (vec![0; limits::UPDATE_PIECE_BYTES_MAX], 0);
        loop {
            let read = file.read(&mut piece).map_err(BundleError::Io);
            let bytes = read.inspect_err(|_| self.leave(origin))?;
            if bytes == 0 {
                self.leave(origin);
                return Err(BundleError::Truncated(offset).into());
            }
            let bytes = piece.get(..bytes).unwrap_or_default();
            offset = self.take(origin, Piece { offset, bytes, wish })?;
            match self.view().state {
                State::Receiving { bytes, of } => progress(bytes, of),
                _ => return self.wait_for_check(),
            }
        }
    }

    fn wait_for_check(&self) -> Result<View, UpdateError> {
        loop {
            match self.view() {
                View { state: State::Checking, .. } => sleep(CHECK_LOOK),
                View { fault: Some(fault), .. } => return Err(UpdateError::NotTaken(fault)),
                view => return Ok(view),
            }
        }
    }
}
