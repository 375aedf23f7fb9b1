//! Why something is refused, each reason with a byte and a word that are fixed for ever.
//!
//! A reason quotes nothing that was typed: whoever types a password where a name belongs does not find it
//! in the book.

/// Why something is refused, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The password is another one.
    WrongPassword,
    /// Nobody has such a token.
    NoSuchToken,
    /// The token was good once.
    TokenExpired,
    /// Whoever asks has no right to it.
    NoRight,
    /// It is asked for too often.
    TooOften,
    /// Too much was refused before, so nothing is let for a while.
    LockedOut,
    /// There is nothing of that name or number.
    NoSuchName,
    /// The site file does not let it be.
    NotAllowed,
    /// The value lies outside of what the site file lets be.
    OutOfRange,
    /// It is not written as it should be.
    Malformed,
    /// The time for it is over.
    TooLate,
    /// Nobody knows what time it is.
    ClockUnset,
    /// There is nothing to take back, to let go of or to put to work.
    NothingThere,
    /// Something else stands there, or is under way.
    Conflict,
    /// There are too many already.
    Full,
    /// The medium takes or gives nothing.
    Medium,
    /// The site file would have faults.
    Faulty,
    /// It is written, and could not be put to work.
    NotApplied,
    /// Anything else.
    Other,
}

impl Reason {
    const ALL: [(Self, u8, &'static str); 19] = [
        (Self::WrongPassword, 1, "wrong-password"),
        (Self::NoSuchToken, 2, "no-such-token"),
        (Self::TokenExpired, 3, "token-expired"),
        (Self::NoRight, 4, "no-right"),
        (Self::TooOften, 5, "too-often"),
        (Self::LockedOut, 6, "locked-out"),
        (Self::NoSuchName, 7, "no-such-name"),
        (Self::NotAllowed, 8, "not-allowed"),
        (Self::OutOfRange, 9, "out-of-range"),
        (Self::Malformed, 10, "malformed"),
        (Self::TooLate, 11, "too-late"),
        (Self::ClockUnset, 12, "clock-unset"),
        (Self::NothingThere, 13, "nothing-there"),
        (Self::Conflict, 14, "conflict"),
        (Self::Full, 15, "full"),
        (Self::Medium, 16, "medium"),
        (Self::Faulty, 17, "faulty"),
        (Self::NotApplied, 18, "not-applied"),
        (Self::Other, 19, "other"),
    ];

    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().map(|(reason, ..)| reason)
    }

    /// Its byte on the medium.
    #[must_use]
    pub fn code(self) -> u8 {
        self.entry().1
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.entry().2
    }

    /// The reason of a stored byte; `None` for one that no version has written.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == code).map(|(reason, ..)| reason)
    }

    fn entry(self) -> (Self, u8, &'static str) {
        // Every variant is listed, which the test below holds; the last is never meant.
        Self::ALL.into_iter().find(|(reason, ..)| *reason == self).unwrap_or(Self::ALL[18])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_byte_and_a_word_of_its_own() {
        for (number, (reason, code, word)) in (1_u8..).zip(Reason::ALL) {
            assert_eq!((reason.code(), reason.word(), code), (number, word, number));
            assert_eq!(Reason::from_code(code), Some(reason));
        }
        let mut words = Reason::ALL.map(|(.., word)| word);
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!((Reason::from_code(0), Reason::from_code(20)), (None, None));
    }
}
