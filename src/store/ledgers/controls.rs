//! Writable parameters that are not at rest: who holds them at what, and what is still to be put back.
//!
//! ```text
//! key     series u32
//! value   version (1) u8 | displaced u8 | declined event: length u8, ASCII
//!         | 0, or 1 and value f64 | since i64 | until i64 | by, UTF-8
//! ```
//!
//! Big-endian, times in milliseconds since 1970 UTC. What is at rest has no entry.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits;
use crate::model::control::{Control, Hold};
use crate::model::reading::SeriesId;
use crate::store::ledgers::fields::{take, take_number};
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::UtcTime;

const VERSION: u8 = 1;

/// What is not at rest, by series.
#[derive(Debug, Default)]
pub(in crate::store) struct Controls {
    controls: BTreeMap<SeriesId, Control>,
    changed: BTreeSet<SeriesId>,
}

impl Controls {
    /// All of them.
    pub(in crate::store) fn all(&self) -> Vec<(SeriesId, Control)> {
        self.controls.iter().map(|(series, control)| (*series, control.clone())).collect()
    }

    /// Lets `change` change what is kept of a series, and gives it as it is then.
    pub(in crate::store) fn change(
        &mut self,
        series: SeriesId,
        change: impl FnOnce(&mut Control),
    ) -> Control {
        let before = self.controls.get(&series).cloned().unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        if after != before {
            self.changed.insert(series);
        }
        if after.is_at_rest() {
            self.controls.remove(&series);
        } else {
            self.controls.insert(series, after.clone());
        }
        after
    }
}

impl Ledger for Controls {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let series = SeriesId(u32::from_be_bytes(key.try_into().ok()?));
        self.controls.insert(series, read(value)?);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let change = |series: SeriesId| Change {
            key: series.0.to_be_bytes().to_vec(),
            value: self.controls.get(&series).map(write),
        };
        changed.map(change).collect()
    }

    fn forget_stored(&mut self) {
        self.changed.extend(self.controls.keys());
    }
}

fn write(control: &Control) -> Vec<u8> {
    let declined: String =
        control.declined_event.iter().flat_map(|id| id.chars()).take(limits::ID_CHARS_MAX).collect();
    let length = u8::try_from(declined.len()).unwrap_or(0);
    let mut value = vec![VERSION, u8::from(control.is_displaced), length];
    value.extend(declined.bytes().take(usize::from(length)));
    value.push(u8::from(control.hold.is_some()));
    if let Some(hold) = &control.hold {
        value.extend(hold.value.to_be_bytes());
        value.extend([hold.since, hold.until].map(|at| at.as_ms().to_be_bytes()).concat());
        value.extend(hold.by.bytes());
    }
    value
}

fn read(value: &[u8]) -> Option<Control> {
    let mut rest = value.strip_prefix(&[VERSION])?;
    let is_displaced = flag(&mut rest)?;
    let [length] = take(&mut rest)?;
    let (declined, left) = rest.split_at_checked(usize::from(length))?;
    rest = left;
    let declined = std::str::from_utf8(declined).ok().filter(|id| id.is_ascii())?;
    let declined_event = (!declined.is_empty()).then(|| declined.to_owned());
    let hold = if flag(&mut rest)? { Some(read_hold(rest)?) } else { None };
    Some(Control { hold, declined_event, is_displaced })
}

fn read_hold(mut rest: &[u8]) -> Option<Hold> {
    let value = take_number(&mut rest)?;
    let since = UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?));
    let until = UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?));
    Some(Hold { value, by: String::from_utf8(rest.to_vec()).ok()?, since, until })
}

fn flag(rest: &mut &[u8]) -> Option<bool> {
    match take::<1>(rest)? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERIES: SeriesId = SeriesId(7);

    fn held() -> Control {
        let (since, until) = (UtcTime::from_ms(1_000), UtcTime::from_ms(901_000));
        let hold = Hold { value: 120.5, by: "控制台".to_owned(), since, until };
        Control { hold: Some(hold), declined_event: Some("DR-1".to_owned()), is_displaced: true }
    }

    #[test]
    fn what_is_not_at_rest_comes_back_as_it_was() {
        for control in [
            held(),
            Control { is_displaced: true, ..Control::default() },
            Control { hold: None, is_displaced: false, ..held() },
        ] {
            let mut controls = Controls::default();
            controls.change(SERIES, |known| *known = control.clone());
            let change = controls.take_changes().remove(0);
            let mut restored = Controls::default();
            assert_eq!(restored.restore(&change.key, &change.value.unwrap()), Some(()));
            assert_eq!(restored.all(), [(SERIES, control)]);
        }
    }

    #[test]
    fn what_comes_to_rest_is_forgotten() {
        let mut controls = Controls::default();
        controls.change(SERIES, |control| control.is_displaced = true);
        controls.change(SERIES, |control| control.is_displaced = true);
        assert_eq!(controls.take_changes().len(), 1);
        controls.change(SERIES, |control| control.is_displaced = false);
        assert_eq!(controls.all(), []);
        let gone = Change { key: vec![0, 0, 0, 7], value: None };
        assert_eq!(controls.take_changes(), [gone]);
    }

    #[test]
    fn what_no_version_wrote_is_refused() {
        let whole = write(&held());
        for cut in 0..24 {
            assert_eq!(read(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(read(&[&[2], &whole[1..]].concat()), None);
        assert_eq!(Controls::default().restore(b"abc", &whole), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(control) = read(&value) {
                prop_assert_eq!(read(&write(&control)).unwrap().is_displaced, control.is_displaced);
            }
        }
    }
}
