//! What is wrong in a file: where, why, and what to do about it.

use std::fmt;

use crate::limits;

/// One thing wrong in a file, with its place and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as the user named it.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// The table, such as `meter 'grid'`.
    pub section: String,
    /// The key; empty when the fault lies with the section as a whole.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.section.is_empty() {
            write!(f, "[{}] ", self.section)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.reason, self.remedy)
    }
}
/// All faults of one file, in the order of their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first [`limits::FAULTS_MAX`] of them.
    pub list: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            writeln!(f, "{fault}")?;
        }
        if self.more > 0 {
            writeln!(f, "... and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Faults {
    /// These faults and then those of another file.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.list.extend(other.list);
        let beyond = self.list.len().saturating_sub(limits::FAULTS_MAX);
        self.list.truncate(limits::FAULTS_MAX);
        Self { more: self.more + other.more + beyond, ..self }
    }
}
