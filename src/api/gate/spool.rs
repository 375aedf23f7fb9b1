//! Spool: what a worker has said and the client has not yet taken.
//!
//! A worker is free once its answer lies here, however slow the client is. Each spool may hold a little
//! in any case and more as long as all of them together do not hold too much.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits;

/// What all spools hold beyond what each may in any case.
#[derive(Debug, Default)]
pub(super) struct SpoolStore(AtomicUsize);

impl SpoolStore {
    /// Bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |held: usize| Some(held + bytes).filter(|held| *held <= limits::GATE_SPOOLS_BYTES_MAX);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Space for what a client takes as fast as it comes: two pieces.
const SPACE_BYTES: usize = 2 * limits::GATE_SPOOL_BYTES_MIN;

/// What waits for one client.
pub(super) struct Spool<'s> {
    store: &'s SpoolStore,
    bytes: Vec<u8>,
    taken: usize,
    room: usize,
}

impl<'s> Spool<'s> {
    /// An empty one.
    pub(super) fn new(store: &'s SpoolStore) -> Self {
        Self { store, bytes: Vec::with_capacity(SPACE_BYTES), taken: 0, room: limits::GATE_SPOOL_BYTES_MIN }
    }

    /// What the client takes next.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Whether `bytes` more may be held.
    pub(super) fn has_room(&mut self, bytes: usize) -> bool {
        let wanted = self.waiting().len() + bytes;
        while wanted > self.room {
            let step = limits::GATE_SPOOL_BYTES_MIN;
            if self.room + step > limits::GATE_SPOOL_BYTES_MAX || !self.store.take(step) {
                return false;
            }
            self.room += step;
        }
        true
    }

    /// Holds `bytes` too.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        // Space of what was taken is used again before there is more of it.
        if self.taken > 0 && self.bytes.len() + bytes.len() > self.bytes.capacity() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        // What a client is slow to take grows long, so it has all of its space at once, of which the system counts
        // what is written to. Space that doubles would leave holes in the memory behind it.
        if self.bytes.len() + bytes.len() > self.bytes.capacity() {
            self.bytes.reserve_exact(limits::GATE_SPOOL_BYTES_MAX.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The client has taken so much.
    pub(super) fn was_taken(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
    }
}

impl Drop for Spool<'_> {
    fn drop(&mut self) {
        self.store.give_back(self.room - limits::GATE_SPOOL_BYTES_MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_in_order_however_it_is_taken() {
        let store = SpoolStore::default();
        let mut spool = Spool::new(&store);
        let (mut put, mut got) = (Vec::new(), Vec::new());
        for round in 0..200_u8 {
            let piece: Vec<u8> = (0..round).collect();
            spool.put(&piece);
            put.extend(piece);
            let length = spool.waiting().len().min(usize::from(round) * 3 / 4);
            got.extend_from_slice(&spool.waiting()[..length]);
            spool.was_taken(length);
        }
        got.extend_from_slice(spool.waiting());
        assert_eq!(put, got);
    }

    #[test]
    fn one_spool_and_all_of_them_are_bounded() {
        let store = SpoolStore::default();
        let mut spools = Vec::new();
        for _ in 0..limits::GATE_CONNECTIONS_MAX {
            let mut spool = Spool::new(&store);
            assert!(spool.has_room(limits::GATE_SPOOL_BYTES_MIN));
            assert!(!spool.has_room(limits::GATE_SPOOL_BYTES_MAX + 1));
            spools.push(spool);
        }
        assert!(store.held() <= limits::GATE_SPOOLS_BYTES_MAX && store.held() > 0);
        drop(spools);
        assert_eq!(store.held(), 0);
    }
}
