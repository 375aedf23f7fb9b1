//! What the databases hold, read when they are opened: names, small tables, the sealed epochs, the
//! scans of the rings, and the newest reading of every series.
//!
//! Nothing that was promised goes missing in silence: the names of the period directories tell which
//! epochs there should be, and the file of the main database is searched before sled opens it for what
//! sled may not give any more.

mod epochs;
mod latest;
mod rings;
mod witness;

use crate::store::disk::database::Database;
use crate::store::disk::directory::Directory;
use crate::store::disk::engine;
use crate::store::disk::salvage;
use crate::store::disk::tree::Tree;
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::index::EpochIndex;
use crate::store::latest::LatestTable;
use crate::store::ledgers::Ledgers;
use crate::store::names::{NameCounts, Names, StoredNames};
use crate::store::names_file::NamesFile;
use crate::store::periods::{Periods, Rebuilt};
use crate::store::ring::RingCoder;
use crate::store::status::Durable;

pub(super) use epochs::reconcile;
use witness::Witness;

/// The pen that goes on writing where the ring ends.
#[derive(Debug, Default)]
pub(super) struct RingPen {
    /// The epoch it writes for.
    pub(super) epoch: u32,
    /// The next slot.
    pub(super) slot: u32,
    /// What was coded before.
    pub(super) coder: RingCoder,
}

/// What the databases hold.
#[derive(Default)]
pub(super) struct Recovered {
    pub(super) names: Names,
    pub(super) ledgers: Ledgers,
    pub(super) index: EpochIndex,
    /// The epochs of the rings, oldest first; the last one is still open.
    pub(super) unsealed: Vec<Epoch>,
    /// Where the ring goes on; `None` when it cannot, and the open epoch must be sealed first.
    pub(super) pen: Option<RingPen>,
    pub(super) latest: LatestTable,
    pub(super) durable: Durable,
    /// What was found damaged, for a person.
    pub(super) damage: Vec<String>,
    /// The periods that were rebuilt meanwhile.
    pub(super) rebuilt: Vec<Rebuilt>,
}

/// Opens the main database and reads everything that it and the periods hold. One that is damaged is
/// moved aside, and a new one gets what can be salvaged.
///
/// # Errors
/// When the system does not let it be opened, or it fails again after that.
pub(super) fn open(directory: &Directory, periods: &Periods) -> Result<(Database, Recovered), StoreError> {
    let path = directory.database();
    let witness = Witness::of(&path);
    let opened = Database::open(&path);
    let reason = match opened.and_then(|database| read(directory, periods, database, &witness)) {
        Err(StoreError::Damaged { reason, .. }) => reason,
        other => return other,
    };
    let (database, note) = salvage::main(directory.path(), &path, &reason)?;
    let (database, mut recovered) = read(directory, periods, database, &witness)?;
    recovered.damage.insert(0, note);
    Ok((database, recovered))
}

fn read(
    directory: &Directory,
    periods: &Periods,
    database: Database,
    witness: &Witness,
) -> Result<(Database, Recovered), StoreError> {
    match Recovered::read(directory, periods, &database, witness) {
        Ok(recovered) => Ok((database, recovered)),
        Err(error) => {
            engine::close(database);
            Err(error)
        }
    }
}

impl Recovered {
    fn read(
        directory: &Directory,
        periods: &Periods,
        database: &Database,
        witness: &Witness,
    ) -> Result<Self, StoreError> {
        let mut found = Self::default();
        witness.put_ledgers_back(database)?;
        found.read_ledgers(database)?;
        let named = found.read_epochs(database, periods)?;
        found.read_names(database, &NamesFile::of(directory.path()), named)?;
        found.read_rings(database, witness)?;
        found.find_latest(periods);
        found.rebuilt = periods.take_rebuilt();
        Ok(found)
    }

    fn read_ledgers(&mut self, database: &Database) -> Result<(), StoreError> {
        for tree in Tree::LEDGERS {
            let (Some(table), Some(ledger)) = (database.table(tree), self.ledgers.of(tree)) else { continue };
            for entry in table.all() {
                let (key, value) = entry?;
                if ledger.restore(&key, &value).is_none() {
                    self.damage.push(format!("an entry of {} makes no sense", tree.name()));
                }
            }
        }
        Ok(())
    }

    /// The names of the database, with those of the file beside it where it lacks some.
    fn read_names(
        &mut self,
        database: &Database,
        file: &NamesFile,
        at_least: NameCounts,
    ) -> Result<(), StoreError> {
        let mut stored = StoredNames::default();
        for (tree, table) in [(Tree::Series, &database.series), (Tree::Groups, &database.groups)] {
            for entry in table.all() {
                let (key, value) = entry?;
                stored.add(tree, &key, &value);
            }
        }
        let beside = file.read();
        let in_database = stored.clone();
        stored.fill_from(beside.clone());
        let (names, lost) = Names::restored(&stored, at_least);
        if lost > 0 {
            self.damage.push(format!("the names of {lost} series and groups are lost"));
        }
        if in_database.lacks(&stored) {
            if in_database.has_lost(&stored, at_least) {
                self.damage.push("names were missing in the database and are taken from the file".to_owned());
            } else {
                // The file has them first, and the power went before the database had them too.
                log::info!("store: the last names are taken from the file");
            }
            for (tree, key, value) in names.stored().records() {
                if let Some(table) = database.table(tree) {
                    table.put(&key, &value)?;
                }
            }
        }
        if beside.lacks(&stored) {
            file.replace(&names.stored())?;
        }
        self.names = names;
        Ok(())
    }
}
