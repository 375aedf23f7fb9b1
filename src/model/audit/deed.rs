//! What may be done to the gateway, each with a byte and a word that are fixed for ever.

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The gateway starts.
    Start,
    /// The gateway stops in order.
    Stop,
    /// Logs in.
    LogIn,
    /// Asks the interface something, with a token.
    Ask,
    /// Has a value written to a meter and held.
    Hold,
    /// Lets a value go.
    Release,
    /// Enters an event of demand response.
    EnterEvent,
    /// Promises something for an event, or declines.
    ReplyToEvent,
    /// Cancels an event.
    CancelEvent,
    /// Enters a value by hand.
    EnterValue,
    /// Says what an event of a register was.
    RuleEvent,
    /// Puts a changed site file to work.
    Commit,
    /// Brings the site file before back.
    RollBack,
    /// Has forgotten what was learned about a meter.
    Relearn,
    /// Sets a password.
    SetPassword,
    /// Issues a token.
    IssueToken,
    /// Takes a token away.
    RevokeToken,
    /// Claims a gateway that nobody has yet.
    Claim,
    /// Exports what is stored.
    Export,
    /// Backs the store up.
    BackUp,
    /// Restores a backup.
    Restore,
    /// Takes a step of an update.
    Update,
    /// Refusals that are only counted, because there were too many to tell each.
    Further,
}

/// The parts of the book: none of them can push entries of another one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ring {
    /// Whatever was refused.
    Refusals,
    /// Starts and stops.
    Runs,
    /// Logins, and what is only taken away: exports and backups may come every hour.
    Visits,
    /// Orders, and what is said of readings.
    Orders,
    /// What changes the gateway itself.
    Changes,
}

impl Deed {
    /// Every deed with its byte on the medium and its word.
    const ALL: [(Self, u8, &'static str); 23] = [
        (Self::Start, 1, "start"),
        (Self::Stop, 2, "stop"),
        (Self::LogIn, 3, "login"),
        (Self::Ask, 4, "ask"),
        (Self::Hold, 5, "hold"),
        (Self::Release, 6, "release"),
        (Self::EnterEvent, 7, "dr-add"),
        (Self::ReplyToEvent, 8, "dr-reply"),
        (Self::CancelEvent, 9, "dr-cancel"),
        (Self::EnterValue, 10, "enter"),
        (Self::RuleEvent, 11, "correct"),
        (Self::Commit, 12, "commit"),
        (Self::RollBack, 13, "rollback"),
        (Self::Relearn, 14, "relearn"),
        (Self::SetPassword, 15, "password"),
        (Self::IssueToken, 16, "token-issued"),
        (Self::RevokeToken, 17, "token-revoked"),
        (Self::Claim, 18, "claim"),
        (Self::Export, 19, "export"),
        (Self::BackUp, 20, "backup"),
        (Self::Restore, 21, "restore"),
        (Self::Update, 22, "update"),
        (Self::Further, 23, "further-refusals"),
    ];

    /// Every deed.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().map(|(deed, ..)| deed)
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

    /// The deed of a stored byte; `None` for one that no version has written.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == code).map(|(deed, ..)| deed)
    }

    /// The ring that it lies in when it was done.
    #[must_use]
    pub const fn ring(self) -> Ring {
        match self {
            Self::Start | Self::Stop => Ring::Runs,
            Self::LogIn | Self::Ask | Self::Export | Self::BackUp => Ring::Visits,
            Self::Hold
            | Self::Release
            | Self::EnterEvent
            | Self::ReplyToEvent
            | Self::CancelEvent
            | Self::EnterValue
            | Self::RuleEvent => Ring::Orders,
            Self::Further => Ring::Refusals,
            Self::Commit
            | Self::RollBack
            | Self::Relearn
            | Self::SetPassword
            | Self::IssueToken
            | Self::RevokeToken
            | Self::Claim
            | Self::Restore
            | Self::Update => Ring::Changes,
        }
    }

    fn entry(self) -> (Self, u8, &'static str) {
        // Every variant is listed, which the test below holds; the first is never meant.
        Self::ALL.into_iter().find(|(deed, ..)| *deed == self).unwrap_or(Self::ALL[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_has_a_byte_and_a_word_of_its_own() {
        for (number, (deed, code, word)) in (1_u8..).zip(Deed::ALL) {
            assert_eq!((deed.code(), deed.word(), code), (number, word, number));
            assert_eq!(Deed::from_code(code), Some(deed));
        }
        let mut words = Deed::ALL.map(|(.., word)| word);
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!((Deed::from_code(0), Deed::from_code(24)), (None, None));
    }
}
