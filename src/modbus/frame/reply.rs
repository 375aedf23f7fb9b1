//! The one reply to a request, as it lies among the bytes that were heard.

use super::pdu::{read_bits, read_words};
use crate::model::register::Table;

/// What a reply says that was found to be the one to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// What a read asked for.
    Values(Values<'a>),
    /// What was to be written was written.
    Confirmation,
    /// What a unit says of itself, from behind the function code on.
    Identity(&'a [u8]),
}

/// Registers or bits as they lie in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a> {
    pub(super) table: Table,
    pub(super) count: u16,
    pub(super) bytes: &'a [u8],
}

impl Values<'_> {
    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.count
    }

    /// Appends them to `words`, one word an address; a bit is 0 or 1.
    pub fn read_into(self, words: &mut Vec<u16>) {
        if self.table.is_bits() {
            words.extend(read_bits(self.bytes, self.count.into()).map(u16::from));
        } else {
            words.extend(read_words(self.bytes));
        }
    }
}
