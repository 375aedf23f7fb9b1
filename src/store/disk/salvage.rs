//! What is done with a database that cannot be opened any more: every record that still holds is
//! carved out of its file and put into a new one, which then takes its place; the old one is moved
//! aside for a person to look at.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::disk::database::Database;
use crate::store::disk::directory;
use crate::store::disk::engine::{self, Table, Use};
use crate::store::disk::frame::{Framed, carve};
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;
use crate::store::periods::period::{Period, Tier};

/// Rebuilds the period database in `path`; gives it with a note of what happened.
pub(in crate::store) fn period(
    data: &Path,
    path: &Path,
    tier: Tier,
    reason: &str,
) -> Result<(Period, String), StoreError> {
    let new = fresh(path)?;
    let period = Period::open(&new, tier, Use::Write)?;
    let records = refill(path, |tree| match tree {
        tree if tree == tier.records() => Some(&period.records),
        Tree::Epochs => Some(&period.epochs),
        _ => None,
    })?;
    period.sync()?;
    engine::close(period);
    let note = take_place(data, path, reason, records)?;
    Ok((Period::open(path, tier, Use::Write)?, note))
}

/// Rebuilds the main database in `path`; gives it with a note of what happened.
pub(in crate::store) fn main(
    data: &Path,
    path: &Path,
    reason: &str,
) -> Result<(Database, String), StoreError> {
    let new = fresh(path)?;
    let database = Database::open(&new)?;
    let records = refill(path, |tree| database.table(tree))?;
    database.sync()?;
    engine::close(database);
    let note = take_place(data, path, reason, records)?;
    Ok((Database::open(path)?, note))
}

/// An empty place to build a new database in. The damaged one stays where it is until that is whole.
fn fresh(path: &Path) -> Result<PathBuf, StoreError> {
    let new = directory::successor(path);
    directory::remove_whole(&new)?;
    Ok(new)
}

fn take_place(data: &Path, path: &Path, reason: &str, records: usize) -> Result<String, StoreError> {
    let aside = directory::succeed(data, path)?;
    let name = path.file_name().unwrap_or_default().display();
    let aside = aside.display();
    Ok(format!("database {name} was damaged ({reason}); it lies in {aside}, {records} records were salvaged"))
}

/// Puts every record of the damaged database in `damaged` into its table, of two of one key the later
/// one; gives how many.
fn refill<'a>(damaged: &Path, table_of: impl Fn(Tree) -> Option<&'a Table>) -> Result<usize, StoreError> {
    let mut stamps: HashMap<(Tree, Vec<u8>), u32> = HashMap::new();
    let mut outcome = Ok(());
    let read = records_of(damaged, |framed| {
        let Some(table) = table_of(framed.tree).filter(|_| outcome.is_ok()) else { return };
        let stamp = stamps.entry((framed.tree, framed.key.to_vec())).or_insert(framed.stamp);
        if framed.stamp >= *stamp {
            *stamp = framed.stamp;
            outcome = table.put(framed.key, framed.value);
        }
    });
    outcome?;
    if let Err(error) = read {
        log::error!("store: {} reads only in part: {error}", damaged.display());
    }
    Ok(stamps.len())
}

/// Carves the records out of the file of the database in `directory`.
///
/// # Errors
/// When the file cannot be read any further; what was found before was found.
pub(in crate::store) fn records_of(directory: &Path, found: impl FnMut(Framed<'_>)) -> io::Result<()> {
    carve(File::open(directory.join("db"))?, found)
}
