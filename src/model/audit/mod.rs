//! Audit: who did what to the gateway, from where, and whether it was let.
//!
//! Nothing here has room for a secret. Deeds and reasons are words of a list, and what a deed is about is a
//! name that the site knows: a password or a token that was typed in the wrong place is not quoted.

mod deed;
mod reason;

use std::fmt;
use std::net::IpAddr;

use crate::limits;
use crate::time::UtcTime;
use crate::time::trust::ClockState;

pub use deed::{Deed, Ring};
pub use reason::Reason;

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The gateway itself.
    System,
    /// Somebody at a console, by the name that was given; empty where none was.
    Console(String),
    /// The command line on the box: the gateway's own user, or root.
    Operator,
    /// A platform, by its ID.
    Platform(String),
    /// Nobody knows.
    Unknown,
}

impl Who {
    /// What kind of somebody it is, in one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Console(_) => "console",
            Self::Operator => "operator",
            Self::Platform(_) => "platform",
            Self::Unknown => "unknown",
        }
    }

    /// The name; empty where there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Console(name) | Self::Platform(name) => name,
            Self::System | Self::Operator | Self::Unknown => "",
        }
    }

    /// Whether `name` means this one: its name, or the kind of all of them.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.word() == name || (!name.is_empty() && self.name() == name)
    }
}

/// From where something is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Inside the gateway.
    Inside,
    /// The serial console, by its port.
    Port(String),
    /// The console's socket on the box.
    Socket,
    /// The socket of the command line on the box.
    CommandLine,
    /// An address of the network.
    Address(IpAddr),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inside => out.write_str("inside"),
            Self::Port(port) => out.write_str(port),
            Self::Socket => out.write_str("socket"),
            Self::CommandLine => out.write_str("command-line"),
            Self::Address(address) => address.fmt(out),
        }
    }
}

/// Who does something, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// From where.
    pub from: Place,
}

impl Actor {
    /// The gateway itself.
    pub const SYSTEM: Self = Self { who: Who::System, from: Place::Inside };
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, or failed.
    Refused(Reason),
}

/// Something that was done or refused, as whoever saw it notes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Who did it, and from where.
    pub actor: Actor,
    /// What.
    pub what: Deed,
    /// About what: a name that the site knows, such as `POINT/PARAMETER`; may be empty.
    pub about: String,
    /// The value that was ordered or entered, in the unit of its parameter.
    pub value: Option<f64>,
    /// What came of it.
    pub outcome: Outcome,
}

impl Note {
    /// Notes that `what` was done.
    #[must_use]
    pub const fn done(actor: Actor, what: Deed) -> Self {
        Self { actor, what, about: String::new(), value: None, outcome: Outcome::Done }
    }

    /// Notes that `what` was refused.
    #[must_use]
    pub const fn refused(actor: Actor, what: Deed, reason: Reason) -> Self {
        Self { actor, what, about: String::new(), value: None, outcome: Outcome::Refused(reason) }
    }

    /// Says about what it was done.
    #[must_use]
    pub fn about(self, name: impl Into<String>) -> Self {
        Self { about: name.into(), ..self }
    }

    /// Says which value was ordered or entered.
    #[must_use]
    pub fn value(self, value: Option<f64>) -> Self {
        Self { value, ..self }
    }

    /// The ring of the book that it lies in.
    #[must_use]
    pub const fn ring(&self) -> Ring {
        match self.outcome {
            Outcome::Done => self.what.ring(),
            Outcome::Refused(_) => Ring::Refusals,
        }
    }

    /// The note with its texts cut to their length and without control characters, and without a value that
    /// is no number.
    #[must_use]
    pub fn bounded(self) -> Self {
        let Self { actor: Actor { who, from }, what, about, value, outcome } = self;
        let who = match who {
            Who::Console(name) => Who::Console(plain(&name, limits::NAME_CHARS_MAX)),
            Who::Platform(id) => Who::Platform(plain(&id, limits::NAME_CHARS_MAX)),
            other => other,
        };
        let from = match from {
            Place::Port(port) => Place::Port(plain(&port, limits::NAME_CHARS_MAX)),
            other => other,
        };
        let about = plain(&about, limits::AUDIT_ABOUT_CHARS_MAX);
        let value = value.filter(|value| value.is_finite());
        Self { actor: Actor { who, from }, what, about, value, outcome }
    }
}

fn plain(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(chars_max).collect()
}

/// An entry of the book: a note, when it was made, and how often it was made again.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Its number, never given again.
    pub number: u32,
    /// What was noted.
    pub note: Note,
    /// When, the first time.
    pub at: UtcTime,
    /// How far the clock could be trusted then.
    pub clock: ClockState,
    /// When it was noted last.
    pub last: UtcTime,
    /// How often.
    pub count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_called_by_the_name_or_by_the_kind_and_never_by_nothing() {
        let zhang = Who::Console("zhang".to_owned());
        assert!(zhang.is_called("zhang") && zhang.is_called("console") && !zhang.is_called("li"));
        assert!(!Who::System.is_called("") && Who::System.is_called("system"));
    }

    #[test]
    fn a_refusal_lies_in_the_ring_of_refusals_whatever_was_refused() {
        let done = Note::done(Actor::SYSTEM, Deed::Hold);
        assert_eq!(done.ring(), Ring::Orders);
        let refused = Note::refused(Actor::SYSTEM, Deed::Hold, Reason::NoRight);
        assert_eq!(refused.ring(), Ring::Refusals);
    }

    #[test]
    fn texts_are_cut_and_have_no_control_characters() {
        let actor = Actor { who: Who::Console("li\u{1b}[2J\n".repeat(100)), from: Place::Socket };
        let note = Note::done(actor, Deed::Hold).about("李".repeat(1_000)).value(Some(f64::NAN)).bounded();
        assert_eq!(note.actor.who.name().chars().count(), limits::NAME_CHARS_MAX);
        assert!(!note.actor.who.name().chars().any(char::is_control));
        assert_eq!(note.about.chars().count(), limits::AUDIT_ABOUT_CHARS_MAX);
        assert_eq!(note.value, None);
    }
}
