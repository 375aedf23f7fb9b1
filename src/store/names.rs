//! The names of series and groups, given once and never reused, and the scans that fit them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::limits;
use crate::model::reading::{GroupId, Scan, SeriesId, Value};
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;
use crate::store::job::NewNames;

/// How many series and groups there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameCounts {
    /// Series.
    pub(super) series: usize,
    /// Groups.
    pub(super) groups: usize,
}

/// Names as they are stored, by ID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StoredNames {
    series: BTreeMap<u32, Vec<u8>>,
    groups: BTreeMap<u16, Vec<u8>>,
}

impl StoredNames {
    /// Takes in a record, where it is a name.
    pub(super) fn add(&mut self, tree: Tree, key: &[u8], value: &[u8]) {
        match tree {
            Tree::Series => {
                if let Ok(id) = key.try_into().map(u32::from_be_bytes) {
                    self.series.insert(id, value.to_vec());
                }
            }
            Tree::Groups => {
                if let Ok(id) = key.try_into().map(u16::from_be_bytes) {
                    self.groups.insert(id, value.to_vec());
                }
            }
            _ => {}
        }
    }

    /// Takes from `other` what is not known here.
    pub(super) fn fill_from(&mut self, other: Self) {
        for (id, name) in other.series {
            self.series.entry(id).or_insert(name);
        }
        for (id, list) in other.groups {
            self.groups.entry(id).or_insert(list);
        }
    }

    /// Whether `other` has a name that this has not.
    pub(super) fn lacks(&self, other: &Self) -> bool {
        !other.series.keys().all(|id| self.series.contains_key(id))
            || !other.groups.keys().all(|id| self.groups.contains_key(id))
    }

    /// Whether `other` has a name that this must have had: one before the last it has, or one of the
    /// first `at_least`.
    pub(super) fn has_lost(&self, other: &Self, at_least: NameCounts) -> bool {
        let known_series = self.series.keys().next_back().map_or(0, |last| last.saturating_add(1));
        let known_groups = self.groups.keys().next_back().map_or(0, |last| last.saturating_add(1));
        let series_end = usize::try_from(known_series).unwrap_or(usize::MAX).max(at_least.series);
        let groups_end = usize::from(known_groups).max(at_least.groups);
        let is_before = |id: u32, end: usize| usize::try_from(id).is_ok_and(|id| id < end);
        let mut series = other.series.keys().filter(|id| !self.series.contains_key(id));
        let mut groups = other.groups.keys().filter(|id| !self.groups.contains_key(id));
        series.any(|id| is_before(*id, series_end)) || groups.any(|id| is_before(u32::from(*id), groups_end))
    }
}

/// Every series and group that this store has named, by ID and by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    series: Vec<(Arc<str>, Arc<str>)>,
    series_by_name: HashMap<(Arc<str>, Arc<str>), SeriesId>,
    groups: Vec<Arc<[SeriesId]>>,
    group_by_series: HashMap<Arc<[SeriesId]>, GroupId>,
    /// For every series, the groups that hold it and its place in each.
    places: Vec<Vec<(GroupId, u16)>>,
}

impl Names {
    /// The series of this name, named now if it is new.
    pub(super) fn series(&mut self, point_id: &str, parameter_id: &str) -> Result<SeriesId, StoreError> {
        let name: (Arc<str>, Arc<str>) = (point_id.into(), parameter_id.into());
        if let Some(known) = self.series_by_name.get(&name) {
            return Ok(*known);
        }
        for part in [point_id, parameter_id] {
            if part.is_empty() || part.contains('\0') || part.chars().count() > limits::ID_CHARS_MAX {
                return Err(StoreError::Name { name: part.to_owned() });
            }
        }
        let count = self.series.len();
        let id = u32::try_from(count).ok().filter(|_| count < limits::STORE_SERIES_MAX);
        let id = SeriesId(id.ok_or(StoreError::NamesUsedUp { what: "series", count })?);
        self.series.push(name.clone());
        self.series_by_name.insert(name, id);
        self.places.push(Vec::new());
        Ok(id)
    }

    /// The group of this list of series, named now if it is new.
    pub(super) fn group(&mut self, series: &[SeriesId]) -> Result<GroupId, StoreError> {
        if let Some(known) = self.group_by_series.get(series) {
            return Ok(*known);
        }
        self.check_group(series)?;
        let count = self.groups.len();
        let id =
            GroupId(u16::try_from(count).map_err(|_| StoreError::NamesUsedUp { what: "groups", count })?);
        for (place, member) in (0_u16..).zip(series) {
            self.places[member.0 as usize].push((id, place));
        }
        let series: Arc<[SeriesId]> = series.into();
        self.groups.push(Arc::clone(&series));
        self.group_by_series.insert(series, id);
        Ok(id)
    }

    fn check_group(&self, series: &[SeriesId]) -> Result<(), StoreError> {
        let refused = |reason| Err(StoreError::Group { count: series.len(), reason });
        if series.is_empty() || series.len() > limits::GROUP_SERIES_MAX {
            return refused("a group has at least one series and at most GROUP_SERIES_MAX");
        }
        if let Some(unknown) = series.iter().find(|member| member.0 as usize >= self.series.len()) {
            return Err(StoreError::UnknownSeries(*unknown));
        }
        let mut sorted = series.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() < series.len() { refused("a series is listed twice") } else { Ok(()) }
    }

    /// The names that are stored, with a place kept for each of `at_least` that is not; gives how many
    /// those are. A reading must never be served under a name that was given to it later.
    pub(super) fn restored(stored: &StoredNames, at_least: NameCounts) -> (Self, usize) {
        let mut names = Self::default();
        let mut lost = 0;
        let past = |last: Option<usize>| last.map_or(0, |last| last + 1);
        let series = past(stored.series.last_key_value().map(|(id, _)| *id as usize)).max(at_least.series);
        for id in 0..u32::try_from(series).unwrap_or(u32::MAX) {
            let name = stored.series.get(&id);
            if name.and_then(|name| names.restore_series(name)).is_none() {
                names.series.push(("".into(), "".into()));
                names.places.push(Vec::new());
                lost += 1;
            }
        }
        let groups =
            past(stored.groups.last_key_value().map(|(id, _)| usize::from(*id))).max(at_least.groups);
        for id in 0..u16::try_from(groups).unwrap_or(u16::MAX) {
            let members = stored.groups.get(&id);
            if members.and_then(|members| names.restore_group(members)).is_none() {
                names.groups.push(Arc::default());
                lost += 1;
            }
        }
        (names, lost)
    }

    /// Names the next series as a stored name says; `None` when no version wrote that.
    fn restore_series(&mut self, stored: &[u8]) -> Option<SeriesId> {
        let (point, parameter) = std::str::from_utf8(stored).ok()?.split_once('\0')?;
        let is_new = SeriesId(u32::try_from(self.series.len()).ok()?);
        self.series(point, parameter).ok().filter(|id| *id == is_new)
    }

    /// Names the next group as a stored list says; `None` when no version wrote that.
    fn restore_group(&mut self, stored: &[u8]) -> Option<GroupId> {
        let (members, []) = stored.as_chunks::<4>() else { return None };
        let series: Vec<SeriesId> = members.iter().map(|id| SeriesId(u32::from_be_bytes(*id))).collect();
        let is_new = GroupId(u16::try_from(self.groups.len()).ok()?);
        self.group(&series).ok().filter(|id| *id == is_new)
    }

    /// Whether these are the names of `other`, and perhaps more.
    pub(super) fn begin_with(&self, other: &Self) -> bool {
        self.series.starts_with(&other.series) && self.groups.starts_with(&other.groups)
    }

    /// How many series and groups there are.
    pub(super) fn counts(&self) -> NameCounts {
        NameCounts { series: self.series.len(), groups: self.groups.len() }
    }

    /// All names that are known, as they are stored.
    pub(super) fn stored(&self) -> NewNames {
        NewNames { series: self.series_since(0), groups: self.groups_since(0), counts: self.counts() }
    }

    /// Series named after the first `known`, as they are stored.
    pub(super) fn series_since(&self, known: usize) -> Vec<(SeriesId, Vec<u8>)> {
        let stored = |(id, name): (u32, &(Arc<str>, Arc<str>))| {
            (SeriesId(id), [name.0.as_bytes(), &[0], name.1.as_bytes()].concat())
        };
        let named = (0_u32..).zip(&self.series).skip(known).filter(|(_, name)| !name.0.is_empty());
        named.map(stored).collect()
    }

    /// Groups named after the first `known`, as they are stored.
    pub(super) fn groups_since(&self, known: usize) -> Vec<(GroupId, Vec<u8>)> {
        let stored = |(id, series): (u16, &Arc<[SeriesId]>)| {
            (GroupId(id), series.iter().flat_map(|series| series.0.to_be_bytes()).collect())
        };
        let named = (0_u16..).zip(&self.groups).skip(known).filter(|(_, series)| !series.is_empty());
        named.map(stored).collect()
    }

    /// The number of series of a group.
    pub(super) fn width(&self, group: GroupId) -> Option<u16> {
        self.group_series(group).and_then(|series| u16::try_from(series.len()).ok())
    }

    /// Point and parameter of a series.
    pub(super) fn series_name(&self, series: SeriesId) -> Option<(&str, &str)> {
        let (point, parameter) = self.series.get(series.0 as usize)?;
        (!point.is_empty()).then_some((&**point, &**parameter))
    }

    /// The series of a group, in its order.
    pub(super) fn group_series(&self, group: GroupId) -> Option<&Arc<[SeriesId]>> {
        self.groups.get(usize::from(group.0)).filter(|series| !series.is_empty())
    }

    /// The series of the group that a scan fits.
    pub(super) fn check(&self, scan: &Scan) -> Result<&Arc<[SeriesId]>, StoreError> {
        let group = scan.group;
        let refused = |reason| Err(StoreError::Scan { group, reason });
        let series = self.group_series(group).ok_or(StoreError::UnknownGroup(group))?;
        if series.len() != scan.samples.len() {
            return refused(format!("{} samples for {} series", scan.samples.len(), series.len()));
        }
        for sample in &scan.samples {
            if sample.value.is_some() != sample.quality.has_value() {
                return refused(format!("a value and the quality '{}' exclude each other", sample.quality));
            }
            if let Some(Value::Text(text)) = &sample.value
                && text.len() > limits::METER_TEXT_BYTES_MAX
            {
                let limit = limits::METER_TEXT_BYTES_MAX;
                return refused(format!("a text of {} bytes; at most {limit} are kept", text.len()));
            }
        }
        Ok(series)
    }

    /// Every series.
    pub(super) fn ids(&self) -> impl Iterator<Item = SeriesId> + use<> {
        (0..u32::try_from(self.series.len()).unwrap_or(u32::MAX)).map(SeriesId)
    }

    /// Every group with its series.
    pub(super) fn groups(&self) -> impl Iterator<Item = (GroupId, &Arc<[SeriesId]>)> {
        (0..=u16::MAX).map(GroupId).zip(&self.groups)
    }

    /// The other groups that hold a series of this one.
    pub(super) fn relatives(&self, group: GroupId) -> Vec<GroupId> {
        let series = self.group_series(group).into_iter().flat_map(|series| series.iter());
        let places = series.filter_map(|series| self.places(*series)).flatten();
        let groups: BTreeSet<GroupId> = places.map(|(of, _)| *of).filter(|of| *of != group).collect();
        groups.into_iter().collect()
    }

    /// The groups that hold a series and its place in each.
    pub(super) fn places(&self, series: SeriesId) -> Option<&[(GroupId, u16)]> {
        self.places.get(series.0 as usize).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_and_the_same_list_keep_their_ids() {
        let mut names = Names::default();
        let energy = names.series("PT-1", "EPI").unwrap();
        let power = names.series("PT-1", "P").unwrap();
        assert_ne!(energy, power);
        assert_eq!(names.series("PT-1", "EPI"), Ok(energy));
        let group = names.group(&[energy, power]).unwrap();
        assert_eq!(names.group(&[energy, power]), Ok(group));
        assert_ne!(names.group(&[power, energy]), Ok(group));
        assert_eq!(names.places(power), Some([(group, 1), (GroupId(1), 0)].as_slice()));
        assert_eq!(names.series_name(power), Some(("PT-1", "P")));
    }

    #[test]
    fn names_read_back_from_what_is_stored_in_the_same_order_only() {
        let mut names = Names::default();
        let series = [names.series("PT-1", "EPI").unwrap(), names.series("PT-2", "EPI").unwrap()];
        names.group(&series).unwrap();
        names.group(&series[1..]).unwrap();
        let mut back = Names::default();
        assert_eq!(back.restore_group(&names.groups_since(0)[0].1), None);
        for (id, stored) in names.series_since(0) {
            assert_eq!(back.restore_series(&stored), Some(id));
            assert_eq!(back.restore_series(&stored), None);
        }
        for (id, stored) in names.groups_since(0) {
            assert_eq!(back.restore_group(&stored), Some(id));
        }
        assert_eq!(back.counts(), names.counts());
        assert_eq!(back.group_series(GroupId(1)), names.group_series(GroupId(1)));
        assert_eq!(names.series_since(1).len(), 1);
        assert_eq!(back.restore_group(&[0, 0, 0]), None);
    }

    #[test]
    fn a_name_that_is_lost_keeps_its_place_and_is_given_to_nobody() {
        let mut names = Names::default();
        let series = ["EPI", "P", "U"].map(|parameter| names.series("PT-1", parameter).unwrap());
        names.group(&series[..2]).unwrap();
        names.group(&series).unwrap();
        let mut stored = StoredNames::default();
        for (tree, key, value) in names.stored().records().filter(|(_, key, _)| *key != 1_u32.to_be_bytes()) {
            stored.add(tree, &key, &value);
        }
        let (mut back, lost) = Names::restored(&stored, NameCounts { series: 5, groups: 3 });
        // Series 1, 3 and 4, and group 2, of which only the number is known.
        assert_eq!(lost, 4);
        assert_eq!(back.series_name(series[1]), None);
        assert_eq!(back.series_name(series[2]), Some(("PT-1", "U")));
        assert_eq!(back.group_series(GroupId(2)), None);
        assert_eq!(back.series("PT-1", "P"), Ok(SeriesId(5)));
        assert_eq!(back.group(&[SeriesId(5)]), Ok(GroupId(3)));
        assert!(back.stored().series.iter().all(|(id, _)| [0, 2, 5].contains(&id.0)));
    }

    #[test]
    fn what_cannot_be_a_name_or_a_group_is_refused() {
        let mut names = Names::default();
        let series = names.series("PT-1", "EPI").unwrap();
        for bad in ["", "a\0b", &"x".repeat(limits::ID_CHARS_MAX + 1)] {
            assert!(names.series(bad, "EPI").is_err() && names.series("PT-1", bad).is_err());
        }
        assert!(matches!(names.group(&[]), Err(StoreError::Group { .. })));
        assert!(matches!(names.group(&[series, series]), Err(StoreError::Group { .. })));
        assert_eq!(names.group(&[SeriesId(7)]), Err(StoreError::UnknownSeries(SeriesId(7))));
    }
}
