//! What the boot loader and the system tell each other through the state partition.

use std::borrow::Cow;
use std::fmt;

use crate::limits;

/// Boots that a slot on trial has to prove itself in.
pub const TRIAL_BOOTS: u8 = 3;

/// One of the two places that a system lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The first one, which a new medium starts from.
    A,
    /// The second one.
    B,
}

impl Slot {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// `a` or `b`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The slot with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.name() == name)
    }

    /// The one that this is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of the system in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A whole system, checked after it was written.
    Good,
    /// Nothing, or half of something: a write has begun and not ended.
    Empty,
    /// A whole system that did not prove itself.
    Bad,
}

impl Contents {
    const ALL: [Self; 3] = [Self::Good, Self::Empty, Self::Bad];

    /// `good`, `empty` or `bad`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Empty => "empty",
            Self::Bad => "bad",
        }
    }

    /// The contents with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contents| contents.name() == name)
    }
}

/// Why a slot was left, in one word. A word that this release does not know is kept as it is: another
/// release may have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// Nobody said anything: nothing happened, or what happened left no time to say it.
    pub const NONE: Self = Self(Cow::Borrowed("none"));
    /// The kernel gave up.
    pub const PANIC: Self = Self(Cow::Borrowed("panic"));
    /// The site file has faults for this release.
    pub const SITE_REFUSED: Self = Self(Cow::Borrowed("site-refused"));
    /// The gateway did not get to do its work in time.
    pub const UNHEALTHY: Self = Self(Cow::Borrowed("unhealthy"));
    /// The gateway ended again and again.
    pub const CRASH_LOOP: Self = Self(Cow::Borrowed("crash-loop"));
    /// What lies in the slot is not what was put there.
    pub const DAMAGED: Self = Self(Cow::Borrowed("damaged"));
    /// The boot loader could not load the slot.
    pub const UNBOOTABLE: Self = Self(Cow::Borrowed("unbootable"));
    /// A person went back.
    pub const BY_HAND: Self = Self(Cow::Borrowed("by-hand"));

    /// A word of lower-case letters, digits and hyphens; `None` for anything else.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let fits = (1..=limits::BOOT_REASON_CHARS_MAX).contains(&word.len());
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (fits && word.chars().all(is_plain)).then(|| Self(Cow::Owned(word.to_owned())))
    }

    /// The word.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.0
    }
}

/// Which slot is confirmed, which one is on trial, and what lies in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootState {
    /// The confirmed slot: what is booted where nothing is on trial.
    pub slot: Slot,
    /// The slot on trial.
    pub trial: Option<Slot>,
    /// Boots that the trial has left. The boot loader takes one off before each of them.
    pub tries: u8,
    /// What lies in slot `a`.
    pub a: Contents,
    /// What lies in slot `b`.
    pub b: Contents,
    /// Why a slot was left the last time.
    pub reason: Reason,
}

impl Default for BootState {
    /// What counts where no state can be read, as the boot loader sees it too: slot `a`.
    fn default() -> Self {
        Self {
            slot: Slot::A,
            trial: None,
            tries: 0,
            a: Contents::Good,
            b: Contents::Empty,
            reason: Reason::NONE,
        }
    }
}

impl BootState {
    /// What lies in `slot`.
    #[must_use]
    pub fn contents(&self, slot: Slot) -> Contents {
        match slot {
            Slot::A => self.a,
            Slot::B => self.b,
        }
    }

    pub(super) fn holds(&mut self, slot: Slot, contents: Contents) {
        match slot {
            Slot::A => self.a = contents,
            Slot::B => self.b = contents,
        }
    }

    fn end_trial(&mut self) {
        self.trial = None;
        self.tries = 0;
    }

    /// Before the first byte goes into `slot`: from here on nobody boots it.
    pub fn begin_write(&mut self, slot: Slot) {
        self.end_trial();
        self.holds(slot, Contents::Empty);
    }

    /// `slot` holds a whole and checked system, which the next boots try.
    pub fn begin_trial(&mut self, slot: Slot) {
        self.holds(slot, Contents::Good);
        self.trial = Some(slot);
        self.tries = TRIAL_BOOTS;
        self.reason = Reason::NONE;
    }

    /// `slot` has proved itself.
    pub fn confirm(&mut self, slot: Slot) {
        self.holds(slot, Contents::Good);
        self.slot = slot;
        self.end_trial();
    }

    /// The slot on trial has used up its tries, or the confirmed one cannot be loaded: `running` stays, and
    /// the other one is not booted again.
    pub fn fall_back(&mut self, running: Slot) {
        self.holds(running.other(), Contents::Bad);
        self.slot = running;
        self.end_trial();
    }

    /// The trial gets no further boot: the next one is of the confirmed slot, which then sees a fall-back.
    pub fn give_trial_up(&mut self, reason: Reason) {
        self.tries = 0;
        self.reason = reason;
    }

    /// A trial that has not begun is taken back, as if it had never been asked for.
    pub fn call_trial_off(&mut self) {
        self.end_trial();
    }
}
