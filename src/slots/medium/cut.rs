//! Media that share one power supply, which a test takes away at any write.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use super::Medium;

/// Sectors that a cut may fill with garbage.
const SECTOR_BYTES: usize = 512;

/// How much longer the power is there: writes and syncs until it goes.
#[derive(Debug, Default)]
pub(crate) struct Power {
    steps_left: Cell<Option<usize>>,
    steps_taken: Cell<usize>,
}

impl Power {
    /// Goes when so many writes and syncs have been begun.
    pub(crate) fn for_steps(steps: usize) -> Rc<Self> {
        Rc::new(Self { steps_left: Cell::new(Some(steps)), steps_taken: Cell::default() })
    }

    pub(crate) fn endless() -> Rc<Self> {
        Rc::default()
    }

    pub(crate) fn steps_taken(&self) -> usize {
        self.steps_taken.get()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.steps_left.get() == Some(0)
    }

    /// `Err` when the power has gone, or goes right now.
    fn take_step(&self) -> io::Result<()> {
        let gone = || io::Error::other("the power is gone");
        self.steps_taken.set(self.steps_taken.get() + 1);
        let Some(left) = self.steps_left.get() else { return Ok(()) };
        self.steps_left.set(Some(left.saturating_sub(1)));
        if left <= 1 { Err(gone()) } else { Ok(()) }
    }

    fn read(&self) -> io::Result<()> {
        if self.is_gone() { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }
}

/// What a cut does to what was not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// Nothing of it arrives.
    All,
    /// Each write arrives or not, whatever came before it, and one of them in part: up to a byte, or with
    /// garbage in the sector where it ends. The number decides which.
    Some(u64),
}

/// A medium in memory.
#[derive(Debug)]
pub(crate) struct CutMedium {
    power: Rc<Power>,
    kept: RefCell<Vec<u8>>,
    unsynced: RefCell<Vec<(usize, Vec<u8>)>>,
}

impl CutMedium {
    pub(crate) fn new(power: &Rc<Power>, bytes: Vec<u8>) -> Self {
        Self { power: Rc::clone(power), kept: RefCell::new(bytes), unsynced: RefCell::default() }
    }

    /// What is on the medium after the power has come back.
    pub(crate) fn after_cut(&self, loss: Loss) -> Vec<u8> {
        let mut kept = self.kept.borrow().clone();
        if let Loss::Some(seed) = loss {
            let mut chance = Chance(seed | 1);
            for (at, bytes) in self.unsynced.borrow().iter() {
                match chance.next() % 4 {
                    0 => {}
                    1 => put(&mut kept, *at, bytes),
                    2 => {
                        let cut = usize::try_from(chance.next()).unwrap() % (bytes.len() + 1);
                        put(&mut kept, *at, &bytes[..cut]);
                    }
                    _ => {
                        let cut = usize::try_from(chance.next()).unwrap() % (bytes.len() + 1);
                        put(&mut kept, *at, &bytes[..cut]);
                        let end = (cut + SECTOR_BYTES).min(bytes.len());
                        let garbage: Vec<u8> = (cut..end).map(|_| chance.next().to_le_bytes()[3]).collect();
                        put(&mut kept, at + cut, &garbage);
                    }
                }
            }
        }
        kept
    }

    fn seen(&self) -> Vec<u8> {
        let mut seen = self.kept.borrow().clone();
        for (at, bytes) in self.unsynced.borrow().iter() {
            put(&mut seen, *at, bytes);
        }
        seen
    }
}

impl Medium for CutMedium {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.power.read()?;
        let at = usize::try_from(at).unwrap();
        let seen = self.seen();
        let found = seen.get(at..at + into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap();
        self.power.read()?;
        assert!(at + bytes.len() <= self.kept.borrow().len(), "a write past the end of the medium");
        // A write that the power goes in may have arrived in part.
        self.unsynced.borrow_mut().push((at, bytes.to_vec()));
        self.power.take_step()
    }

    fn sync(&self) -> io::Result<()> {
        self.power.read()?;
        self.power.take_step()?;
        let seen = self.seen();
        *self.kept.borrow_mut() = seen;
        self.unsynced.borrow_mut().clear();
        Ok(())
    }

    fn forget_cached(&self) -> io::Result<()> {
        self.power.read()
    }

    fn lock(&self) -> io::Result<impl Sized> {
        self.power.read()
    }
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// A small generator of numbers: enough to choose by, and the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }
}
