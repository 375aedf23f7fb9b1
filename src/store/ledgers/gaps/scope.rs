//! Whose readings are missing.

use crate::model::reading::{GroupId, SeriesId};

/// Whose readings are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) enum Scope {
    /// Everybody's.
    All,
    /// Those of all series of a group.
    Group(GroupId),
    /// Those of one series.
    Series(SeriesId),
}

impl Scope {
    /// Its kind and number as they are stored.
    pub(super) const fn code(self) -> (u8, u32) {
        match self {
            Self::All => (0, 0),
            Self::Group(group) => (1, group.0 as u32),
            Self::Series(series) => (2, series.0),
        }
    }

    /// The scope of a stored kind and number; `None` when no version wrote that.
    pub(super) fn from_code(code: u8, number: u32) -> Option<Self> {
        Some(match code {
            0 => Self::All,
            1 => Self::Group(GroupId(u16::try_from(number).ok()?)),
            2 => Self::Series(SeriesId(number)),
            _ => return None,
        })
    }
}
