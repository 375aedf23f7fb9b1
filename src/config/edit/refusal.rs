//! Why an edit is refused: the thing, the reason and what to do.

use thiserror::Error;

use crate::limits;

/// What an edit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[[meter]]`
    Meter,
    /// `[[point]]`
    Point,
    /// `[[line]]`
    Line,
    /// `[[category]]`
    Category,
    /// `[[platform]]`
    Platform,
    /// A register map.
    Map,
    /// A register of a map.
    Register,
}

impl Kind {
    /// The word of the site file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Meter => "meter",
            Self::Platform => "platform",
            Self::Point => "point",
            Self::Line => "line",
            Self::Category => "category",
            Self::Map => "map",
            Self::Register => "register",
        }
    }
}

/// Why an edit is refused; the text is left as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EditError {
    /// The text is no TOML.
    #[error(
        "that is no site file, for it is not TOML: {0}; correct it line by line first, with 'site show' and 'site line'"
    )]
    NotToml(String),
    /// There is no such line.
    #[error("there is no line {line}; the last one that can be named is {last}")]
    NoLine {
        /// As named.
        line: usize,
        /// The last one.
        last: usize,
    },
    /// The text would be larger than a site file may be.
    #[error("the site file would have more than {max} bytes; take something out first", max = limits::CONFIG_BYTES_MAX)]
    TooLarge,
    /// The file lists these as something else than tables.
    #[error("'{}' in the site file is not written as [[{}]]; edit it with an editor", .0.word(), .0.word())]
    NotTables(Kind),
    /// Something of that ID is there already.
    #[error("there is a {} '{id}' already; choose another ID", kind.word())]
    Taken {
        /// What.
        kind: Kind,
        /// The ID.
        id: String,
    },
    /// Nothing of that ID is there.
    #[error("there is no {} '{id}'; there is {}", kind.word(), listed(known))]
    Unknown {
        /// What.
        kind: Kind,
        /// The ID.
        id: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// Another meter on the line has the address.
    #[error("meter '{meter}' has unit {unit} on line '{line}'; two meters with one address both answer")]
    UnitTaken {
        /// The address.
        unit: u8,
        /// The line.
        line: String,
        /// Who has it.
        meter: String,
    },
    /// Every unit of a serial line listens to address 0, and none answers.
    #[error("unit 0 is the broadcast address of line '{line}', and no meter answers it; give 1 to 247")]
    Broadcast {
        /// The line.
        line: String,
    },
    /// A new Point needs a role.
    #[error(
        "say which part the point plays in the totals: role=main, branch, sub, check, production, der ..."
    )]
    RoleMissing,
    /// A new Point needs a category, and the site has not exactly one.
    #[error("say where the point belongs: category=..., one of {}", listed(.0))]
    CategoryMissing(Vec<String>),
    /// Points read the meter.
    #[error("meter '{meter}' is read by {}; add the word 'points' to remove them as well", listed(points))]
    MeterInUse {
        /// The meter.
        meter: String,
        /// Who reads it.
        points: Vec<String>,
    },
    /// A Point that would have to go reads another meter too.
    #[error("point '{point}' also reads meter '{other}'; remove the point or its parameters first")]
    PointShared {
        /// The Point.
        point: String,
        /// What else it reads.
        other: String,
    },
    /// Without a map there is nothing to make parameters of.
    #[error("meter '{0}' has no register map; describe its registers in the site file with an editor")]
    NoMap(String),
    /// The map has none of the registers that a Point is usually made of.
    #[error("map '{map}' has no main register; name some of {}", listed(registers))]
    NoMainRegister {
        /// The map.
        map: String,
        /// What it has.
        registers: Vec<String>,
    },
    /// An ID that the site file may not hold.
    #[error("'{0}' is no ID; use up to {max} ASCII letters, digits, '-', '_' and '.'", max = limits::ID_CHARS_MAX)]
    BadId(String),
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.get(..names.len().min(SHOWN)).unwrap_or_default().join(", ");
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{shown} and {} more", count - SHOWN),
        _ => shown,
    }
}
