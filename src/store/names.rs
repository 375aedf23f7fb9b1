//! The names of series and groups: given once, never reused.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::StoreError;
use crate::limits;
use crate::model::reading::{GroupId, SeriesId};

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

    /// Point and parameter of a series.
    pub(super) fn series_name(&self, series: SeriesId) -> Option<(&str, &str)> {
        self.series.get(series.0 as usize).map(|(point, parameter)| (&**point, &**parameter))
    }

    /// The series of a group, in its order.
    pub(super) fn group_series(&self, group: GroupId) -> Option<&Arc<[SeriesId]>> {
        self.groups.get(usize::from(group.0))
    }

    /// The groups that hold a series and its place in each; empty for an unknown one.
    pub(super) fn places(&self, series: SeriesId) -> &[(GroupId, u16)] {
        self.places.get(series.0 as usize).map_or(&[], Vec::as_slice)
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
        assert_eq!(names.places(power), [(group, 1), (GroupId(1), 0)]);
        assert_eq!(names.series_name(power), Some(("PT-1", "P")));
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
