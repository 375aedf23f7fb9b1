//! Records in their frames, and what they say.

use super::{take_long, take_short};
use crate::store::disk::frame::{Carver, Framed};
use crate::store::disk::key::BlockKey;
use crate::store::disk::tree::Tree;
use crate::store::ledgers::Ledgers;
use crate::store::ledgers::ledger::Change;
use crate::store::periods::marker::Marker;
use crate::store::rows;
use crate::store::rows::RowRecord;
use crate::time::UtcTime;

/// How a record begins.
const MAGIC: [u8; 2] = [0xCE, 0x35];

/// A file in turns of noise behind its length and a record: tree, key and value, the last two behind theirs.
/// Every record that is found lies there as it was written, none in another; where the noise holds no
/// beginning of one, all are found.
pub fn frame(bytes: &[u8]) {
    let (mut rest, mut file, mut written, mut is_plain) = (bytes, Vec::new(), Vec::new(), true);
    while let Some(noise) = take_short(&mut rest) {
        is_plain &= !noise.contains(&MAGIC[0]) && !noise.contains(&MAGIC[1]);
        file.extend_from_slice(noise);
        let Some(record) = take_record(&mut rest) else { break };
        written.push(file.len());
        file.extend(record);
    }
    let (mut end, mut found) = (0, Vec::new());
    let mut carver = Carver::new(file.as_slice());
    let mut check = |place: u64, framed: Framed<'_>| {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let stored = file.get(place..).and_then(|file| file.get(..framed.stored_bytes()));
        assert_eq!(framed.to_bytes().as_deref(), stored, "a record is not what lies in its place");
        assert!(place >= end, "a record lies in another");
        end = place + framed.stored_bytes();
        found.push(place);
    };
    while matches!(carver.step(&mut check), Ok(true)) {}
    assert!(!is_plain || found == written, "not every record is found: {found:?} of {written:?}");
}

fn take_record(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (code, left) = rest.split_first()?;
    *rest = left;
    let (stamp, left) = rest.split_first_chunk::<4>()?;
    *rest = left;
    let (key, value) = (take_short(rest)?, take_long(rest)?);
    Framed { tree: Tree::from_code(*code)?, stamp: u32::from_be_bytes(*stamp), key, value }.to_bytes()
}

/// Entries of trees: tree, key and value, the last two behind their lengths. What a table takes is the same
/// once it is stored again, and so is what an entry of any other tree says.
pub fn record(bytes: &[u8]) {
    let mut rest = bytes;
    let mut ledgers = Ledgers::default();
    while let Some((tree, key, value)) = take_entry(&mut rest) {
        match tree {
            Tree::Epochs => {
                // Times beyond the years that there are become the nearest that there is.
                let marker = Marker::from_bytes(value);
                let again = marker.and_then(|marker| Marker::from_bytes(&marker.to_bytes()));
                assert_eq!(again, marker, "a marker changes");
            }
            Tree::Blocks => {
                let written = BlockKey::from_bytes(key).map(BlockKey::to_bytes);
                assert!(written.is_none_or(|written| written == key), "a key changes");
            }
            Tree::Quarters | Tree::Days | Tree::Months => check_rows(key, value),
            other => {
                let _ = ledgers.of(other).and_then(|ledger| ledger.restore(key, value));
            }
        }
    }
    let stored = stored(&mut ledgers);
    let mut again = Ledgers::default();
    for (tree, changes) in &stored {
        for Change { key, value } in changes {
            let taken = again.of(*tree).and_then(|ledger| ledger.restore(key, value.as_deref()?));
            assert!(taken.is_some(), "{tree:?} does not take what it has written: {key:?} {value:?}");
        }
    }
    assert_eq!(self::stored(&mut again), stored, "what is stored again is not the same");
}

fn take_entry<'a>(rest: &mut &'a [u8]) -> Option<(Tree, &'a [u8], &'a [u8])> {
    let (code, left) = rest.split_first()?;
    *rest = left;
    Some((Tree::from_code(*code)?, take_short(rest)?, take_long(rest)?))
}

/// Everything in the tables as it is stored, in the order of the keys, as it would lie in the database.
fn stored(ledgers: &mut Ledgers) -> Vec<(Tree, Vec<Change>)> {
    ledgers.forget_stored();
    let mut changes = ledgers.take_changes();
    for (_, changes) in &mut changes {
        changes.sort_by(|change, next| change.key.cmp(&next.key));
    }
    changes
}

fn check_rows(key: &[u8], value: &[u8]) {
    let Some((start, _)) = rows::of_key(key) else { return };
    let start = UtcTime::from_ms(i64::from(start) * 60_000);
    let Some(RowRecord { rows, revision, .. }) = rows::decode(value, start) else { return };
    if rows.is_empty() {
        return;
    }
    let parts = rows::encode(&rows, start, revision);
    let again = rows::join(parts.iter().map(|part| rows::decode(part, start)));
    let again = again.map(|again| again.rows).unwrap_or_default();
    // As text, which tells every double from every other and one that is no number from none.
    assert_eq!(format!("{again:?}"), format!("{rows:?}"), "rows change once they are stored again");
}
