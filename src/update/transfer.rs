//! Transfer: one bundle on its way into one slot.
//!
//! The order of the writes is the whole point. The state says `empty` of the slot, on the medium, before the
//! first byte goes there; the slot is on trial, by the very last write, only once every byte has been read
//! back from the medium. In between the boot loader has no reason to look at the slot.

use sha2::{Digest, Sha256};

use super::admission::Admission;
use super::bundle::{Brought, BundleReader, Part};
use super::error::UpdateError;
use super::manifest::{Image, Manifest};
use super::signature::UpdateKey;
use crate::limits;
use crate::slots::medium::Medium;
use crate::slots::{Slot, StateFile};

/// Where a bundle goes.
pub(super) struct Target<M> {
    pub(super) state: StateFile<M>,
    pub(super) medium: M,
    pub(super) slot: Slot,
    pub(super) boot_area_at: u64,
}

/// One bundle on its way.
pub(super) struct Transfer<M> {
    reader: BundleReader,
    admission: Admission,
    target: Target<M>,
    manifest: Option<Manifest>,
    received: u64,
    unsynced: usize,
    is_whole: bool,
}

impl<M: Medium> Transfer<M> {
    pub(super) fn new(key: UpdateKey, admission: Admission, target: Target<M>) -> Self {
        Self {
            reader: BundleReader::new(key),
            admission,
            target,
            manifest: None,
            received: 0,
            unsynced: 0,
            is_whole: false,
        }
    }

    /// Bytes of the bundle that have come.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of the whole bundle; 0 while its head has not come.
    pub(super) fn bytes_in_all(&self) -> u64 {
        let images = self.manifest.as_ref().map_or(0, |manifest| manifest.root.bytes + manifest.boot.bytes);
        self.reader.head_bytes().map_or(0, |head| head + images)
    }

    /// What the bundle says of itself, once that has come.
    pub(super) fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Whether the slot is not any more what it was.
    pub(super) fn has_begun_to_write(&self) -> bool {
        self.manifest.is_some()
    }

    /// Whether the last byte has come, and what came was what the manifest says.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Takes the next bytes of the bundle and writes what belongs into the slot.
    ///
    /// # Errors
    /// Why the update is not taken; the transfer is over then.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), UpdateError> {
        self.received += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        while let Some(brought) = self.reader.next(&mut bytes)? {
            match brought {
                Brought::Manifest(manifest) => {
                    self.admission.admit(&manifest)?;
                    self.manifest = Some(manifest);
                    self.target.state.change(|state| state.begin_write(self.target.slot))?;
                }
                Brought::Image { part, at, bytes } => {
                    self.target.medium.write_at(self.target.place(part) + at, bytes)?;
                    self.unsynced += bytes.len();
                    self.sync_now_and_then()?;
                }
                Brought::Whole => self.is_whole = true,
            }
        }
        Ok(())
    }

    /// What is written does not pile up in memory, nor wait for one long sync at the end.
    fn sync_now_and_then(&mut self) -> Result<(), UpdateError> {
        if self.unsynced >= limits::UPDATE_UNSYNCED_BYTES_MAX {
            self.target.medium.sync()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Reads the slot back and puts it on trial.
    ///
    /// # Errors
    /// When the medium fails or holds something else than was written; then the slot stays empty.
    pub(super) fn finish(self) -> Result<Manifest, UpdateError> {
        let Self { target, manifest, .. } = self;
        let manifest = manifest.ok_or(UpdateError::Offset { expected: 0 })?;
        target.medium.sync()?;
        target.medium.forget_cached()?;
        for (part, image) in [(Part::Root, manifest.root), (Part::Boot, manifest.boot)] {
            if !target.holds(part, image)? {
                return Err(UpdateError::ReadBack { slot: target.slot.name() });
            }
        }
        target.state.change(|state| state.begin_trial(target.slot))?;
        Ok(manifest)
    }
}

impl<M: Medium> Target<M> {
    fn place(&self, part: Part) -> u64 {
        match part {
            Part::Root => 0,
            Part::Boot => self.boot_area_at,
        }
    }

    /// Whether the medium gives back what was written.
    fn holds(&self, part: Part, image: Image) -> Result<bool, UpdateError> {
        let mut piece = vec![0; limits::UPDATE_PIECE_BYTES_MAX];
        let (mut at, mut hash) = (0, Sha256::new());
        while at < image.bytes {
            let left = usize::try_from(image.bytes - at).unwrap_or(usize::MAX);
            let bytes = left.min(piece.len());
            let read = piece.get_mut(..bytes).unwrap_or_default();
            self.medium.read_at(self.place(part) + at, read)?;
            hash.update(read);
            at += u64::try_from(bytes).unwrap_or(u64::MAX);
        }
        Ok(hash.finalize()[..] == image.sha256[..])
    }
}
