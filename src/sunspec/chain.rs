//! Finding the mark "SunS" and walking from model to model behind it.
//!
//! SunSpec Device Information Model Specification, V1.1: the mark stands at holding register
//! 40000, 0 or 50000; behind it each model has its number, its length without these two, and its
//! registers; the number 0xFFFF ends the chain.
//!
//! A chain only ever goes on to higher addresses, so it cannot run in a circle; one that would leave the
//! address space, or that is longer than a device has a reason for, is a fault that says so.

use std::collections::VecDeque;

use thiserror::Error;

use crate::limits::{SUNSPEC_MODELS_MAX, SUNSPEC_REGISTERS_MAX};
use crate::model::quality::Cause;
use crate::model::register::Span;

/// Where the mark may stand, the most usual place first.
pub const BASES: [u16; 3] = [40_000, 0, 50_000];
/// "SunS".
pub const MARK: [u16; 2] = [0x5375, 0x6E53];
/// The number that ends a chain.
pub const END_ID: u16 = 0xFFFF;
/// Registers of a model's number and length.
pub const HEADER_LENGTH: u16 = 2;

/// The models of a device, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The address of the mark.
    pub base: u16,
    /// The models.
    pub models: Vec<Header>,
    /// Why the walk ended before the end of the chain; what stands in `models` is none the worse for it.
    pub fault: Option<ChainFault>,
}

/// Where a model stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The model's number.
    pub id: u16,
    /// The address of the register with its number.
    pub address: u16,
    /// Its registers, without those of its number and its length.
    pub length: u16,
}

/// Why a walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChainFault {
    /// The next number or length could not be read.
    #[error("the chain of models goes on at {address}, where nothing can be read: {cause}")]
    Unread {
        /// Where.
        address: u16,
        /// Why.
        cause: Cause,
    },
    /// There is no model 0.
    #[error("the chain of models is broken: at {address} stands 0, which is no model and no end")]
    NoModel {
        /// Where.
        address: u16,
    },
    /// A length that no address space has room for.
    #[error("model {} at {} says that it has {} registers; that is past the last address", .0.id, .0.address, .0.length)]
    PastTheEnd(Header),
    /// More models than a device has a reason for.
    #[error(
        "there are more than {SUNSPEC_MODELS_MAX} models; those behind the one at {address} are not looked at"
    )]
    TooManyModels {
        /// The first that is left out.
        address: u16,
    },
    /// More registers than a device has a reason for.
    #[error("the models up to the one at {} have more than {SUNSPEC_REGISTERS_MAX} registers; it is not read", .0.address)]
    TooManyRegisters(Header),
}

/// The mark is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no mark 'SunS', by which a SunSpec device is known: {}", tried_text(.tried))]
pub struct NoMark {
    /// The addresses that were looked at, and what was there.
    pub tried: Vec<(u16, Result<[u16; 2], Cause>)>,
}

fn tried_text(tried: &[(u16, Result<[u16; 2], Cause>)]) -> String {
    let text = |(base, found): &(u16, Result<[u16; 2], Cause>)| match found {
        Ok([first, second]) => format!("at {base} stands 0x{first:04X} 0x{second:04X}"),
        Err(cause) => format!("at {base}: {cause}"),
    };
    tried.iter().map(text).collect::<Vec<_>>().join("; ")
}

/// A walk along the chain of one device.
#[derive(Clone, Debug)]
pub struct Walk {
    bases: VecDeque<u16>,
    tried: Vec<(u16, Result<[u16; 2], Cause>)>,
    chain: Option<Chain>,
    next: Option<Step>,
}

/// What is read next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Mark(u16),
    Header(u16),
    /// The number alone, because it cannot be read together with the length: some devices keep nothing
    /// behind the number that ends the chain.
    Id(u16, Cause),
}

impl Walk {
    /// A walk that looks for the mark at `bases`, in their order.
    #[must_use]
    pub fn from(bases: &[u16]) -> Self {
        let mut bases: VecDeque<u16> = bases.iter().copied().collect();
        let next = bases.pop_front().map(Step::Mark);
        Self { bases, tried: Vec::new(), chain: None, next }
    }

    /// The holding registers to be read next; `None` when the walk has ended.
    #[must_use]
    pub fn wants(&self) -> Option<Span> {
        self.next.map(|step| match step {
            Step::Mark(start) | Step::Header(start) => Span { start, count: HEADER_LENGTH },
            Step::Id(start, _) => Span { start, count: 1 },
        })
    }

    /// What came of reading what it [`wants`](Self::wants).
    pub fn take(&mut self, answer: Result<&[u16], Cause>) {
        match (self.next.take(), answer) {
            (Some(Step::Mark(base)), answer) => self.take_mark(base, answer),
            (Some(Step::Header(address)), Ok([id, length])) => {
                self.enter(Header { id: *id, address, length: *length });
            }
            (Some(Step::Header(address)), Err(cause @ Cause::Exception(_))) => {
                self.next = Some(Step::Id(address, cause));
            }
            (Some(Step::Id(_, _)), Ok([END_ID])) | (None, _) => {}
            (Some(Step::Id(address, cause)), _) => self.stop(ChainFault::Unread { address, cause }),
            (Some(Step::Header(address)), answer) => {
                self.stop(ChainFault::Unread { address, cause: answer.err().unwrap_or(Cause::Mismatch) });
            }
        }
    }

    fn take_mark(&mut self, base: u16, answer: Result<&[u16], Cause>) {
        let found = answer.and_then(|words| <[u16; 2]>::try_from(words).map_err(|_| Cause::Mismatch));
        if found == Ok(MARK) {
            self.chain = Some(Chain { base, models: Vec::new(), fault: None });
            self.go_on(u32::from(base) + u32::from(HEADER_LENGTH));
            return;
        }
        self.tried.push((base, found));
        // A port that does not open does not open for the next address either.
        if found != Err(Cause::LineDown) {
            self.next = self.bases.pop_front().map(Step::Mark);
        }
    }

    fn enter(&mut self, header: Header) {
        let Header { id, address, length } = header;
        if id == END_ID {
            return;
        }
        if id == 0 {
            return self.stop(ChainFault::NoModel { address });
        }
        let end = u32::from(address) + u32::from(HEADER_LENGTH) + u32::from(length);
        let Some(chain) = &mut self.chain else { return };
        let registers: u32 = chain.models.iter().map(|model| u32::from(model.length)).sum();
        if end > u32::from(u16::MAX) {
            self.stop(ChainFault::PastTheEnd(header));
        } else if chain.models.len() >= SUNSPEC_MODELS_MAX {
            self.stop(ChainFault::TooManyModels { address });
        } else if registers + u32::from(length) > SUNSPEC_REGISTERS_MAX {
            self.stop(ChainFault::TooManyRegisters(header));
        } else {
            chain.models.push(header);
            self.go_on(end);
        }
    }

    /// The next model stands at `address`. At the last address there is room for its number only.
    fn go_on(&mut self, address: u32) {
        let illegal_address = Cause::Exception(2);
        self.next = u16::try_from(address).ok().map(|address| match address {
            u16::MAX => Step::Id(address, illegal_address),
            _ => Step::Header(address),
        });
    }

    fn stop(&mut self, fault: ChainFault) {
        if let Some(chain) = &mut self.chain {
            chain.fault = Some(fault);
        }
    }

    /// What the walk has found, once it has ended.
    ///
    /// # Errors
    /// When the mark stands at none of the addresses.
    pub fn chain(self) -> Result<Chain, NoMark> {
        self.chain.ok_or(NoMark { tried: self.tried })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REFUSED: Cause = Cause::Exception(2);

    /// Walks a device that holds `words` from `start` on and refuses to read anything else.
    fn walk(start: u16, words: &[u16]) -> Result<Chain, NoMark> {
        let mut walk = Walk::from(&BASES);
        while let Some(span) = walk.wants() {
            walk.take(words_at(start, words, span).ok_or(REFUSED));
        }
        walk.chain()
    }

    fn words_at(start: u16, words: &[u16], span: Span) -> Option<&[u16]> {
        let from = usize::from(span.start.checked_sub(start)?);
        words.get(from..from + usize::from(span.count))
    }

    /// A mark, then models of these numbers and lengths, then `end`.
    fn device(models: &[(u16, u16)], end: &[u16]) -> Vec<u16> {
        let mut words = MARK.to_vec();
        for (id, length) in models {
            words.extend([*id, *length]);
            words.resize(words.len() + usize::from(*length), 7);
        }
        words.extend(end);
        words
    }

    #[test]
    fn the_mark_is_found_at_each_of_its_three_places() {
        for base in [40_000, 0, 50_000] {
            let chain = walk(base, &device(&[(1, 66), (103, 50)], &[END_ID, 0])).unwrap();
            let models: Vec<(u16, u16, u16)> =
                chain.models.iter().map(|model| (model.id, model.address, model.length)).collect();
            assert_eq!((chain.base, chain.fault), (base, None));
            assert_eq!(models, [(1, base + 2, 66), (103, base + 70, 50)]);
        }
    }

    #[test]
    fn a_device_without_a_mark_is_told_with_what_stands_there() {
        let fault = walk(0, &[1, 2, 3]).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "no mark 'SunS', by which a SunSpec device is known: at 40000: exception-02; at 0 stands 0x0001 0x0002; \
             at 50000: exception-02"
        );
    }

    #[test]
    fn a_line_that_is_down_is_asked_once() {
        let mut walk = Walk::from(&BASES);
        walk.take(Err(Cause::LineDown));
        assert_eq!(walk.wants(), None);
        assert_eq!(walk.chain().unwrap_err().tried, [(40_000, Err(Cause::LineDown))]);
    }

    #[test]
    fn an_end_without_a_length_behind_it_is_an_end() {
        assert_eq!(walk(0, &device(&[(1, 66)], &[END_ID])).unwrap().fault, None);
    }

    #[test]
    fn every_way_to_lose_the_chain_is_a_fault_of_its_own_and_keeps_what_was_found() {
        let header = |id, address, length| Header { id, address, length };
        let many = [(1, 0); SUNSPEC_MODELS_MAX + 1];
        let first_too_many = u16::try_from(2 + 2 * SUNSPEC_MODELS_MAX).unwrap();
        for (words, found, fault) in [
            (device(&[(1, 4)], &[]), 1, ChainFault::Unread { address: 8, cause: REFUSED }),
            (device(&[(1, 4)], &[103]), 1, ChainFault::Unread { address: 8, cause: REFUSED }),
            (device(&[(1, 4)], &[0, 0]), 1, ChainFault::NoModel { address: 8 }),
            (device(&[(1, 4)], &[9, 65_530]), 1, ChainFault::PastTheEnd(header(9, 8, 65_530))),
            (device(&[(1, 4)], &[9, 65_526]), 1, ChainFault::PastTheEnd(header(9, 8, 65_526))),
            (device(&[(1, 4)], &[9, 40_000]), 1, ChainFault::TooManyRegisters(header(9, 8, 40_000))),
            (
                device(&many, &[END_ID, 0]),
                SUNSPEC_MODELS_MAX,
                ChainFault::TooManyModels { address: first_too_many },
            ),
        ] {
            let chain = walk(0, &words).unwrap();
            assert_eq!((chain.models.len(), chain.fault), (found, Some(fault)));
        }
    }

    #[test]
    fn a_chain_may_end_at_the_last_address() {
        let base = u16::MAX - 8;
        let mut walk = Walk::from(&[base]);
        let words = device(&[(1, 4)], &[END_ID]);
        while let Some(span) = walk.wants() {
            assert!(span.end() <= 65_536);
            walk.take(words_at(base, &words, span).ok_or(REFUSED));
        }
        let chain = walk.chain().unwrap();
        assert_eq!((chain.models.len(), chain.fault), (1, None));
    }

    /// What a device answers, right or wrong.
    fn answers() -> impl Strategy<Value = Vec<Result<Vec<u16>, Cause>>> {
        let word = prop_oneof![Just(1), Just(0), Just(END_ID), 0..200_u16, any::<u16>()];
        let answer = prop_oneof![
            8 => prop::collection::vec(word, 2).prop_map(Ok),
            1 => prop::collection::vec(any::<u16>(), 0..4).prop_map(Ok),
            1 => prop_oneof![Just(REFUSED), Just(Cause::Timeout)].prop_map(Err),
        ];
        prop::collection::vec(answer, 0..400)
    }

    proptest! {
        #[test]
        fn whatever_a_device_answers_the_walk_ends_inside_its_limits(answers in answers()) {
            let mut walk = Walk::from(&[0]);
            walk.take(Ok(&MARK));
            let mut reads = 0;
            let mut answers = answers.into_iter();
            while let Some(span) = walk.wants() {
                prop_assert!(span.end() <= 65_536);
                let answer = answers.next().unwrap_or(Ok(vec![1, 0]));
                walk.take(answer.as_deref().map_err(|cause| *cause));
                reads += 1;
                prop_assert!(reads <= 2 * SUNSPEC_MODELS_MAX + 2);
            }
            let chain = walk.chain().unwrap();
            prop_assert!(chain.models.len() <= SUNSPEC_MODELS_MAX);
            let mut next = 2;
            for model in &chain.models {
                prop_assert_eq!(u32::from(model.address), next);
                next += 2 + u32::from(model.length);
            }
            prop_assert!(next <= 2 + SUNSPEC_REGISTERS_MAX + 2 * u32::try_from(SUNSPEC_MODELS_MAX).unwrap());
        }
    }
}
