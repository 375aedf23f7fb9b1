//! The trees of the databases by the byte that each stored record carries.

/// A tree. The bytes are fixed for ever, see `docs/storage-format.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) enum Tree {
    /// Series by ID.
    Series,
    /// Groups by ID.
    Groups,
    /// Cursors by name.
    Cursors,
    /// Records of the open epochs by ring and slot.
    Ring,
    /// Markers of sealed epochs by number.
    Epochs,
    /// Blocks of sealed epochs by epoch, group, column and scan.
    Blocks,
    /// Stretches without readings by start and scope.
    Gaps,
    /// Bytes written to the medium by day.
    Flash,
    /// Starts of the store by number.
    Boots,
    /// What registers did besides plain growth by series and time.
    Counters,
    /// Values entered by hand by number.
    Entries,
    /// Events of demand response by ID.
    Responses,
    /// Writable parameters that are not at rest by series.
    Controls,
    /// What was written to meters by number.
    ControlLines,
    /// What reading each meter has taught by its ID.
    Learned,
    /// Who did what to the gateway by number.
    Audit,
    /// Rows of quarter hours by start and group.
    Quarters,
    /// Rows of local days.
    Days,
    /// Rows of local months.
    Months,
}

impl Tree {
    /// The small tables that are held in memory.
    pub(in crate::store) const LEDGERS: [Self; 11] = [
        Self::Cursors,
        Self::Gaps,
        Self::Flash,
        Self::Boots,
        Self::Counters,
        Self::Entries,
        Self::Responses,
        Self::Controls,
        Self::ControlLines,
        Self::Learned,
        Self::Audit,
    ];

    /// Every tree with its byte and its name in sled.
    const ALL: [(Self, u8, &'static str); 19] = [
        (Self::Series, 1, "series"),
        (Self::Groups, 2, "groups"),
        (Self::Cursors, 3, "cursors"),
        (Self::Ring, 4, "ring"),
        (Self::Epochs, 5, "epochs"),
        (Self::Blocks, 6, "blocks"),
        (Self::Gaps, 7, "gaps"),
        (Self::Flash, 8, "flash"),
        (Self::Boots, 9, "boots"),
        (Self::Quarters, 10, "quarters"),
        (Self::Days, 11, "days"),
        (Self::Months, 12, "months"),
        (Self::Counters, 13, "counters"),
        (Self::Entries, 14, "entries"),
        (Self::Responses, 15, "responses"),
        (Self::Controls, 16, "controls"),
        (Self::ControlLines, 17, "control-lines"),
        (Self::Learned, 18, "learned"),
        (Self::Audit, 19, "audit"),
    ];

    /// Its byte in stored records.
    pub(in crate::store) fn code(self) -> u8 {
        self.entry().1
    }

    /// Its name in sled.
    pub(in crate::store) fn name(self) -> &'static str {
        self.entry().2
    }

    /// The tree of a stored byte; `None` for a byte that no version has written.
    pub(in crate::store) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == code).map(|(tree, ..)| tree)
    }

    fn entry(self) -> (Self, u8, &'static str) {
        // Every variant is listed, which the test below holds; the first is never meant.
        Self::ALL.into_iter().find(|(tree, ..)| *tree == self).unwrap_or(Self::ALL[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tree_has_a_byte_and_a_name_of_its_own() {
        for (tree, code, name) in Tree::ALL {
            assert_eq!((tree.code(), tree.name()), (code, name));
            assert_eq!(Tree::from_code(code), Some(tree));
        }
        let mut codes = Tree::ALL.map(|(_, code, _)| code);
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Tree::from_code(0), None);
    }
}
