//! The bytes heard on a wire and not yet understood, in a buffer that never grows.

use crate::limits::{RTU_FRAME_BYTES_MAX, TCP_FRAME_BYTES_MAX};

/// A whole RTU frame can be kept while more bytes are heard.
const _: () = assert!(RTU_FRAME_BYTES_MAX < TCP_FRAME_BYTES_MAX);

/// Bytes in the order in which they came.
#[derive(Clone, Debug)]
pub struct Heard {
    bytes: [u8; TCP_FRAME_BYTES_MAX],
    count: usize,
}

impl Default for Heard {
    fn default() -> Self {
        Self { bytes: [0; TCP_FRAME_BYTES_MAX], count: 0 }
    }
}

impl Heard {
    /// What was heard.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.count]
    }

    /// Where the next bytes go; empty when the buffer is full.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.count..]
    }

    /// Takes over the first `count` bytes of the [`space`](Self::space).
    pub fn grow(&mut self, count: usize) {
        self.count = (self.count + count).min(self.bytes.len());
    }

    /// Takes in `bytes` as far as there is room, and says how many it took.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        self.grow(count);
        count
    }

    /// Forgets the first `count` bytes.
    pub fn forget(&mut self, count: usize) {
        let count = count.min(self.count);
        self.bytes.copy_within(count..self.count, 0);
        self.count -= count;
    }

    /// Forgets all but the last `count` bytes.
    pub fn keep_last(&mut self, count: usize) {
        self.forget(self.count.saturating_sub(count));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_no_more_than_it_holds_and_forgets_from_the_front() {
        let mut heard = Heard::default();
        assert_eq!(heard.push(&[7; 250]), 250);
        assert_eq!(heard.push(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), 10);
        assert!(heard.space().is_empty());
        heard.keep_last(3);
        assert_eq!(heard.bytes(), [8, 9, 10]);
        heard.forget(1);
        assert_eq!(heard.bytes(), [9, 10]);
        heard.forget(99);
        assert!(heard.bytes().is_empty());
    }
}
