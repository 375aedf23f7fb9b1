//! A plain adaptive binary range coder, as LZMA has it, for the numbers that the store gives its Rice
//! code.
//!
//! A number is cut into yes-or-no questions. First its length in bits, counted up from none: "is it
//! longer?"; then its bits below the highest. Each question has a probability of its own that follows the
//! answers; of the bits, the two highest have, the others are taken as even.

/// Bits of a probability.
const PROBABILITY_BITS: u32 = 11;
/// How fast a probability follows the answers: by this power of two. 4 gives the fewest bytes here.
const FOLLOW: u32 = 4;
/// The range is widened when it falls below this.
const RANGE_MIN: u32 = 1 << 24;
/// Longest number, in bits.
const LENGTH_MAX: usize = 64;
/// Bits below the highest one that have probabilities of their own.
const MODELLED_BITS: u32 = 2;

/// The probabilities of "no", in parts of 2^11.
struct Model {
    longer: [u16; LENGTH_MAX],
    /// For each length, the questions of its first bits as a tree that begins at 1.
    bits: [[u16; 1 << MODELLED_BITS]; LENGTH_MAX + 1],
}

impl Default for Model {
    fn default() -> Self {
        let even = 1 << (PROBABILITY_BITS - 1);
        Self { longer: [even; LENGTH_MAX], bits: [[even; 1 << MODELLED_BITS]; LENGTH_MAX + 1] }
    }
}

fn learn(probability: &mut u16, yes: bool) {
    if yes {
        *probability -= *probability >> FOLLOW;
    } else {
        *probability += ((1 << PROBABILITY_BITS) - *probability) >> FOLLOW;
    }
}

fn split(range: u32, probability: u16) -> u32 {
    (range >> PROBABILITY_BITS) * u32::from(probability)
}

/// Writes numbers.
pub(crate) struct Encoder {
    model: Model,
    low: u64,
    range: u32,
    /// The last byte, which a carry may still change, and how many 255s come after it.
    held: Option<u8>,
    full: usize,
    out: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { model: Model::default(), low: 0, range: u32::MAX, held: None, full: 0, out: Vec::new() }
    }
}

impl Encoder {
    /// Writes a number.
    pub(crate) fn put(&mut self, number: u64) {
        let length = (u64::BITS - number.leading_zeros()) as usize;
        for place in 0..LENGTH_MAX.min(length + 1) {
            let mut probability = self.model.longer[place];
            self.answer(&mut probability, place < length);
            self.model.longer[place] = probability;
        }
        let mut left = (length as u32).saturating_sub(1);
        let mut node = 1;
        while left > 0 && node < 1 << MODELLED_BITS {
            left -= 1;
            let bit = number >> left & 1;
            let mut probability = self.model.bits[length][node];
            self.answer(&mut probability, bit == 1);
            self.model.bits[length][node] = probability;
            node = 2 * node + bit as usize;
        }
        while left > 0 {
            left -= 1;
            self.range >>= 1;
            self.low += u64::from(self.range) * (number >> left & 1);
            self.widen();
        }
    }

    /// What was written.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        for _ in 0..5 {
            self.shift();
        }
        self.out
    }

    fn answer(&mut self, probability: &mut u16, yes: bool) {
        let bound = split(self.range, *probability);
        if yes {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        learn(probability, yes);
        self.widen();
    }

    fn widen(&mut self) {
        while self.range < RANGE_MIN {
            self.range <<= 8;
            self.shift();
        }
    }

    fn shift(&mut self) {
        let carry = self.low >> 32 != 0;
        let byte = (self.low >> 24) as u8;
        if byte == u8::MAX && !carry {
            self.full += 1;
        } else {
            if let Some(held) = self.held {
                self.out.push(held.wrapping_add(u8::from(carry)));
            }
            let filler = if carry { 0 } else { u8::MAX };
            self.out.extend(std::iter::repeat_n(filler, self.full));
            (self.held, self.full) = (Some(byte), 0);
        }
        self.low = self.low << 8 & u64::from(u32::MAX);
    }
}

/// Reads what an [`Encoder`] wrote.
pub(crate) struct Decoder<'a> {
    model: Model,
    range: u32,
    code: u32,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Reads from the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { model: Model::default(), range: u32::MAX, code: 0, rest: bytes };
        for _ in 0..4 {
            decoder.code = decoder.code << 8 | decoder.byte();
        }
        decoder
    }

    /// Reads a number.
    pub(crate) fn take(&mut self) -> u64 {
        let mut length = 0;
        while length < LENGTH_MAX {
            let mut probability = self.model.longer[length];
            let longer = self.answer(&mut probability);
            self.model.longer[length] = probability;
            if !longer {
                break;
            }
            length += 1;
        }
        if length == 0 {
            return 0;
        }
        let mut left = length as u32 - 1;
        let mut number = 1;
        let mut node = 1;
        while left > 0 && node < 1 << MODELLED_BITS {
            left -= 1;
            let mut probability = self.model.bits[length][node];
            let bit = self.answer(&mut probability);
            self.model.bits[length][node] = probability;
            node = 2 * node + usize::from(bit);
            number = 2 * number + u64::from(bit);
        }
        while left > 0 {
            left -= 1;
            self.range >>= 1;
            let bit = self.code >= self.range;
            self.code -= if bit { self.range } else { 0 };
            number = 2 * number + u64::from(bit);
            self.widen();
        }
        number
    }

    fn answer(&mut self, probability: &mut u16) -> bool {
        let bound = split(self.range, *probability);
        let yes = self.code >= bound;
        if yes {
            self.code -= bound;
            self.range -= bound;
        } else {
            self.range = bound;
        }
        learn(probability, yes);
        self.widen();
        yes
    }

    fn widen(&mut self) {
        if self.range < RANGE_MIN {
            self.range <<= 8;
            self.code = self.code << 8 | self.byte();
        }
    }

    fn byte(&mut self) -> u32 {
        let Some((byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        u32::from(*byte)
    }
}
