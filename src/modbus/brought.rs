//! What a reply brought to whoever asked. Words lie in memory that is used again once nobody looks at them any
//! more, so that a line that is polled for years asks for no memory after its first reads.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_modbus::{ExceptionCode, Request, Response};

use super::frame::{Reply, Values};
use crate::limits::SPARE_WORDS_MAX;

/// What a meter says to a request: what it brought, or the exception code by which it refuses.
pub type Answered = Result<Brought, ExceptionCode>;

/// What came with the reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brought {
    /// What a read asked for: one word an address; a bit is 0 or 1.
    Words(Words),
    /// What was to be written was written.
    Confirmation,
    /// What a unit says of itself, from behind the function code on.
    Identity(Vec<u8>),
}

impl Brought {
    /// The same in the words of tokio-modbus, in which `request` was asked.
    #[must_use]
    pub fn response(self, request: &Request<'_>) -> Response {
        let bits = |words: &Words| words.iter().map(|word| *word != 0).collect();
        let written = |count| u16::try_from(count).unwrap_or(u16::MAX);
        match (request, self) {
            (Request::ReadCoils(..), Self::Words(words)) => Response::ReadCoils(bits(&words)),
            (Request::ReadDiscreteInputs(..), Self::Words(words)) => {
                Response::ReadDiscreteInputs(bits(&words))
            }
            (Request::ReadInputRegisters(..), Self::Words(words)) => {
                Response::ReadInputRegisters(words.to_vec())
            }
            (_, Self::Words(words)) => Response::ReadHoldingRegisters(words.to_vec()),
            (Request::WriteSingleCoil(address, on), _) => Response::WriteSingleCoil(*address, *on),
            (Request::WriteSingleRegister(address, word), _) => {
                Response::WriteSingleRegister(*address, *word)
            }
            (Request::WriteMultipleCoils(start, coils), _) => {
                Response::WriteMultipleCoils(*start, written(coils.len()))
            }
            (Request::WriteMultipleRegisters(start, words), _) => {
                Response::WriteMultipleRegisters(*start, written(words.len()))
            }
            (request, brought) => {
                Response::Custom(request.function_code().value(), brought.identity().into())
            }
        }
    }

    /// What a unit says of itself; nothing of another request.
    pub(super) fn identity(self) -> Vec<u8> {
        match self {
            Self::Identity(bytes) => bytes,
            Self::Words(_) | Self::Confirmation => Vec::new(),
        }
    }
}

/// One word an address. The memory goes back to the line that read them.
pub struct Words {
    words: Vec<u16>,
    spare: Option<SpareWords>,
}

impl Deref for Words {
    type Target = [u16];

    fn deref(&self) -> &[u16] {
        &self.words
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if let Some(spare) = &self.spare {
            spare.put_back(std::mem::take(&mut self.words));
        }
    }
}

impl FromIterator<u16> for Words {
    fn from_iter<I: IntoIterator<Item = u16>>(words: I) -> Self {
        Self { words: words.into_iter().collect(), spare: None }
    }
}

impl Clone for Words {
    fn clone(&self) -> Self {
        self.iter().copied().collect()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words.fmt(f)
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for Words {}

/// Memory for words that nobody looks at any more, at most [`SPARE_WORDS_MAX`] pieces of it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SpareWords(Arc<Mutex<Vec<Vec<u16>>>>);

impl SpareWords {
    /// What `reply` brings, to keep.
    #[must_use]
    pub fn keep(&self, reply: Reply<'_>) -> Brought {
        match reply {
            Reply::Values(values) => Brought::Words(self.words(values)),
            Reply::Confirmation => Brought::Confirmation,
            Reply::Identity(bytes) => Brought::Identity(bytes.to_vec()),
        }
    }

    fn words(&self, values: Values<'_>) -> Words {
        let mut words = self.lock().pop().unwrap_or_default();
        values.read_into(&mut words);
        Words { words, spare: Some(self.clone()) }
    }

    fn put_back(&self, mut words: Vec<u16>) {
        words.clear();
        let mut spare = self.lock();
        if spare.len() < SPARE_WORDS_MAX {
            spare.push(words);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u16>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Expect;
    use super::*;
    use crate::model::register::UnitId;

    fn read(spare: &SpareWords, pdu: &[u8]) -> Words {
        let count = u16::from(pdu[1] / 2);
        let expect = Expect::reply_to(UnitId(1), &Request::ReadHoldingRegisters(0, count)).unwrap();
        let Brought::Words(words) = spare.keep(expect.reply(pdu).unwrap().unwrap()) else {
            panic!("{pdu:?}")
        };
        words
    }

    #[test]
    fn words_that_nobody_looks_at_any_more_lend_their_memory_to_the_next() {
        let spare = SpareWords::default();
        let first = read(&spare, &[3, 4, 0, 1, 0, 2]);
        let memory = first.as_ptr();
        let second = read(&spare, &[3, 4, 0, 3, 0, 4]);
        assert_eq!((&*first, &*second), (&[1, 2][..], &[3, 4][..]));
        drop(first);
        let third = read(&spare, &[3, 2, 0, 5]);
        assert_eq!((third.as_ptr(), &*third), (memory, &[5][..]));
    }

    #[test]
    fn no_more_memory_is_kept_than_one_scan_needs() {
        let spare = SpareWords::default();
        let read: Vec<Words> = (0..2 * SPARE_WORDS_MAX).map(|_| read(&spare, &[3, 2, 0, 5])).collect();
        drop(read);
        assert_eq!(spare.lock().len(), SPARE_WORDS_MAX);
    }

    #[test]
    fn a_copy_outlives_the_line_that_read_it() {
        let copy = {
            let spare = SpareWords::default();
            read(&spare, &[3, 2, 0, 5]).clone()
        };
        assert_eq!(*copy, [5]);
    }
}
