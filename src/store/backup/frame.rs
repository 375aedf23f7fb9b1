//! Frames: a kind, a payload and a checksum of everything up to there.

use std::io::{self, ErrorKind, Read, Write};

use super::{BackupError, MAGIC, VERSION};
use crate::limits;

const HEAD_BYTES: usize = 5;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Begun = 1,
    Series = 2,
    Group = 3,
    Cursor = 4,
    Record = 5,
    Scans = 6,
    End = 7,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Begun, Self::Series, Self::Group, Self::Cursor, Self::Record, Self::Scans, Self::End];

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// Writes frames.
pub(super) struct FrameWriter<W> {
    out: W,
    crc: crc32fast::Hasher,
}

impl<W: Write> FrameWriter<W> {
    /// Begins the file.
    pub(super) fn begin(out: W) -> io::Result<Self> {
        let mut writer = Self { out, crc: crc32fast::Hasher::new() };
        writer.put(MAGIC)?;
        writer.put(&VERSION.to_be_bytes())?;
        Ok(writer)
    }

    /// Writes one frame.
    pub(super) fn write(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let too_long = || io::Error::new(ErrorKind::InvalidInput, "a frame is longer than any may be");
        let fits = payload.len() <= limits::BACKUP_FRAME_BYTES_MAX;
        let bytes = u32::try_from(payload.len()).ok().filter(|_| fits).ok_or_else(too_long)?;
        self.put(&[kind as u8])?;
        self.put(&bytes.to_be_bytes())?;
        self.put(payload)?;
        self.out.write_all(&self.crc.clone().finalize().to_be_bytes())
    }

    /// The stream that was written to.
    pub(super) fn into_inner(self) -> W {
        self.out
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Reads frames; none is given out before its checksum holds.
pub(super) struct FrameReader<R> {
    input: R,
    crc: crc32fast::Hasher,
    /// Bytes read.
    read: u64,
    /// Where the frame begins that was read last.
    frame: u64,
}

impl<R: Read> FrameReader<R> {
    /// Reads how the file begins.
    pub(super) fn begin(input: R) -> Result<Self, BackupError> {
        let mut reader = Self { input, crc: crc32fast::Hasher::new(), read: 0, frame: 0 };
        let mut magic = [0; MAGIC.len()];
        match reader.take(&mut magic) {
            Err(BackupError::Truncated { .. }) => return Err(BackupError::NotABackup),
            other => other?,
        }
        if magic != *MAGIC {
            return Err(BackupError::NotABackup);
        }
        let mut version = [0; 2];
        reader.take(&mut version)?;
        match u16::from_be_bytes(version) {
            VERSION => Ok(reader),
            other => Err(BackupError::Version(other)),
        }
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> Result<(Kind, Vec<u8>), BackupError> {
        self.frame = self.read;
        let mut head = [0; HEAD_BYTES];
        self.take(&mut head)?;
        let [kind, bytes @ ..] = head;
        let bytes = usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        if bytes > limits::BACKUP_FRAME_BYTES_MAX {
            return Err(self.damaged("a part is longer than any may be"));
        }
        let mut payload = vec![0; bytes];
        self.take(&mut payload)?;
        let expected = self.crc.clone().finalize();
        let mut crc = [0; 4];
        self.fill(&mut crc)?;
        if u32::from_be_bytes(crc) != expected {
            return Err(self.damaged("its checksum does not hold"));
        }
        let kind = Kind::from_code(kind).ok_or_else(|| self.damaged("no version wrote such a part"))?;
        Ok((kind, payload))
    }

    /// Refuses what follows the last frame.
    pub(super) fn end(&mut self) -> Result<(), BackupError> {
        self.frame = self.read;
        let mut more = [0; 1];
        match self.fill(&mut more) {
            Err(BackupError::Truncated { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(self.damaged("something follows its end")),
        }
    }

    /// Bytes read so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.read
    }

    /// Damage of the frame that was read last.
    pub(super) const fn damaged(&self, reason: &'static str) -> BackupError {
        BackupError::Damaged { at: self.frame, reason }
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.fill(bytes)?;
        self.crc.update(bytes);
        Ok(())
    }

    fn fill(&mut self, mut bytes: &mut [u8]) -> Result<(), BackupError> {
        while !bytes.is_empty() {
            match self.input.read(bytes) {
                Ok(0) => return Err(BackupError::Truncated { at: self.read }),
                Ok(count) => {
                    self.read += count as u64;
                    bytes = bytes.get_mut(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
