//! Parts of a gateway that move all the time, or stand still.

use std::fmt;

/// A part that is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The thread on which all lines are polled.
    Polling,
    /// The polling of one line, by its ID.
    Line(String),
    /// The thread that writes what is stored.
    Store,
    /// The interface of the platforms.
    Interface,
    /// The consoles of a desk of repair.
    Console,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Polling => f.write_str("polling"),
            Self::Line(id) => write!(f, "polling of line '{id}'"),
            Self::Store => f.write_str("store"),
            Self::Interface => f.write_str("interface"),
            Self::Console => f.write_str("console"),
        }
    }
}
