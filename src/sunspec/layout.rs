//! Where each point of a model lies in one device: the table, laid out by the counts that the device tells.
//!
//! Whatever a device counts, nothing is laid out past the length of its model.

use thiserror::Error;

use super::point_type::PointType;
use super::table::{Count, Group, ModelTable, Point};

/// Points with their places, in the order of their registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout<'a> {
    /// The points.
    pub places: Vec<Place<'a>>,
    /// Where the table and the device part.
    pub doubt: Option<LayoutDoubt>,
}

/// One point of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The name with those of its groups, which are counted from 1 where they repeat: `Crv.1.Pt.2.V`.
    pub path: String,
    /// Registers from the one with the model's number.
    pub offset: u16,
    /// What the table says of it.
    pub point: &'a Point,
    /// Where the scale factor stands, counted likewise.
    pub scale_offset: Option<u16>,
}

/// Where a table and a device part.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutDoubt {
    /// The device keeps fewer registers than the points of the table take, as older versions of a model do.
    #[error("the device has {has} registers of it, the table {table}; points behind them are not there")]
    Shorter {
        /// What the device has, with number and length.
        has: u16,
        /// What the table's own points take.
        table: u16,
    },
    /// A count that the device does not tell.
    #[error("how many '{group}' there are is not told: {point} has no value; none is read")]
    NoCount {
        /// The group.
        group: String,
        /// The point that should say how many.
        point: String,
    },
    /// More groups than the length has room for.
    #[error("'{group}' does not fit: {counted} of it would go past the {has} registers of the model")]
    TooLong {
        /// The group.
        group: String,
        /// How many there should be.
        counted: u16,
        /// Registers of the model, with number and length.
        has: u16,
    },
    /// Registers behind the last point.
    #[error("the last {registers} registers of it are not in the table")]
    LeftOver {
        /// How many.
        registers: u16,
    },
}

impl<'a> Layout<'a> {
    /// The points of the model itself, without its groups; `has` is the length with number and length.
    #[must_use]
    pub fn of_points(table: &'a ModelTable, has: u16) -> Self {
        let mut layouter = Layouter::new(table, has);
        layouter.points(&table.group, "");
        layouter.end(has)
    }

    /// All points; `count` tells the value of a point of the model that counts groups.
    #[must_use]
    pub fn of_all(table: &'a ModelTable, has: u16, count: impl Fn(&Point) -> Option<u16>) -> Self {
        let mut layouter = Layouter::new(table, has);
        if layouter.points(&table.group, "") {
            layouter.groups(&table.group, "", &count);
        }
        layouter.end(has)
    }
}

struct Layouter<'a> {
    whole: &'a Group,
    has: u16,
    at: u16,
    places: Vec<Place<'a>>,
    doubt: Option<LayoutDoubt>,
}

impl<'a> Layouter<'a> {
    const fn new(table: &'a ModelTable, has: u16) -> Self {
        Self { whole: &table.group, has, at: 0, places: Vec::new(), doubt: None }
    }

    /// Places the own points of `group`; whether there was room for all of them.
    fn points(&mut self, group: &'a Group, path: &str) -> bool {
        let begin = self.at;
        for point in &group.points {
            let end = self.at.checked_add(point.data_type.count());
            let Some(end) = end.filter(|end| *end <= self.has) else {
                if point.point_type == PointType::Pad {
                    continue;
                }
                let table = self.whole.points_length();
                self.doubt.get_or_insert(LayoutDoubt::Shorter { has: self.has, table });
                return false;
            };
            let scale_offset =
                point.scale.as_deref().and_then(|scale| self.scale_offset(group, begin, scale));
            let path = format!("{path}{}", point.id);
            self.places.push(Place { path, offset: self.at, point, scale_offset });
            self.at = end;
        }
        true
    }

    /// A scale factor stands in the group of its point or else in the model's own points.
    fn scale_offset(&self, group: &Group, begin: u16, scale: &str) -> Option<u16> {
        let own = group.point(scale).map(|point| begin.saturating_add(point.offset));
        own.or_else(|| self.whole.point(scale).map(|point| point.offset))
    }

    /// Places the groups below `group`; whether all of them could be.
    fn groups(&mut self, group: &'a Group, path: &str, count: &impl Fn(&Point) -> Option<u16>) -> bool {
        group.groups.iter().all(|inner| self.repeated(inner, path, count))
    }

    fn repeated(&mut self, group: &'a Group, path: &str, count: &impl Fn(&Point) -> Option<u16>) -> bool {
        if group.count == Count::Once {
            return self.one(group, &format!("{path}{}.", group.name), count);
        }
        let Some(counted) = self.counted(group, count) else { return false };
        (1..=counted).all(|number| {
            let (at, placed) = (self.at, self.places.len());
            let fits = self.one(group, &format!("{path}{}.{number}.", group.name), count);
            if !fits {
                // What one takes is known only when it is laid out, and half a group helps nobody.
                self.at = at;
                self.places.truncate(placed);
                self.doubt_that_it_fits(group, counted);
            }
            fits
        })
    }

    /// How many of a group that repeats lie here; `None`, with the doubt noted, where nobody says so.
    fn counted(&mut self, group: &Group, count: &impl Fn(&Point) -> Option<u16>) -> Option<u16> {
        let Count::Point(id) = &group.count else {
            return Some(self.has.saturating_sub(self.at) / group.points_length().max(1));
        };
        let counted = self.whole.point(id).and_then(count);
        if counted.is_none() {
            let (group, point) = (group.name.clone(), id.clone());
            self.doubt.get_or_insert(LayoutDoubt::NoCount { group, point });
        }
        counted
    }

    /// The innermost group that does not fit is told, not the ones around it.
    fn doubt_that_it_fits(&mut self, group: &Group, counted: u16) {
        if !matches!(self.doubt, Some(LayoutDoubt::TooLong { .. } | LayoutDoubt::NoCount { .. })) {
            let group = group.name.clone();
            self.doubt = Some(LayoutDoubt::TooLong { group, counted, has: self.has });
        }
    }

    fn one(&mut self, group: &'a Group, path: &str, count: &impl Fn(&Point) -> Option<u16>) -> bool {
        self.points(group, path) && self.groups(group, path, count)
    }

    fn end(self, has: u16) -> Layout<'a> {
        let registers = has.saturating_sub(self.at);
        let left_over = (registers > 0).then_some(LayoutDoubt::LeftOver { registers });
        Layout { places: self.places, doubt: self.doubt.or(left_over) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::table::{known, of_model};
    use super::*;

    /// The paths and offsets of `places` behind the model's own points.
    fn behind<'a>(table: &ModelTable, layout: &'a Layout<'_>) -> Vec<(&'a str, u16)> {
        let own = table.group.points.len();
        layout.places.iter().skip(own).map(|place| (place.path.as_str(), place.offset)).collect()
    }

    fn counts(curves: u16, points: u16) -> impl Fn(&Point) -> Option<u16> {
        move |point| Some(if point.id == "NPt" { points } else { curves })
    }

    #[test]
    fn groups_in_groups_lie_one_after_the_other() {
        let table = of_model(706).unwrap().unwrap();
        let layout = Layout::of_all(&table, 12 + 3 + 2 * (5 + 2 * 2), counts(2, 2));
        let placed = behind(&table, &layout);
        let paths: Vec<&str> = placed.iter().map(|(path, _)| *path).collect();
        assert_eq!(layout.doubt, None, "{placed:?}");
        assert_eq!(paths[4..8], ["Crv.1.Pt.1.V", "Crv.1.Pt.1.W", "Crv.1.Pt.2.V", "Crv.1.Pt.2.W"]);
        assert_eq!((placed[8].0, placed[8].1), ("Crv.2.ActPt", placed[7].1 + 1));
    }

    #[test]
    fn a_scale_factor_of_the_model_serves_the_groups_too() {
        let table = of_model(705).unwrap().unwrap();
        let layout = Layout::of_all(&table, 200, counts(1, 1));
        let voltage = layout.places.iter().find(|place| place.path == "Crv.1.Pt.1.V").unwrap();
        assert_eq!(voltage.scale_offset, table.group.point("V_SF").map(|point| point.offset));
    }

    #[test]
    fn a_group_without_a_count_fills_the_length() {
        let table = of_model(160).unwrap().unwrap();
        let layout = Layout::of_all(&table, 2 + 8 + 2 * 20, |_| None);
        let modules = behind(&table, &layout).iter().filter(|(path, _)| path.contains(".DCSt")).count();
        assert_eq!((modules, layout.doubt), (2, None));
    }

    #[test]
    fn a_device_that_keeps_less_than_the_table_loses_only_what_is_not_there() {
        let table = of_model(103).unwrap().unwrap();
        let layout = Layout::of_all(&table, 50, |_| None);
        assert_eq!(layout.places.len(), table.group.points.len() - 1);
        assert_eq!(layout.doubt, Some(LayoutDoubt::Shorter { has: 50, table: 52 }));
    }

    #[test]
    fn counts_that_make_no_sense_are_doubts_and_nothing_is_laid_out_past_the_model() {
        let table = of_model(705).unwrap().unwrap();
        let has = 15 + 14;
        for (count, doubt) in [
            (None, LayoutDoubt::NoCount { group: "Crv".to_owned(), point: "NCrv".to_owned() }),
            (Some(9), LayoutDoubt::TooLong { group: "Pt".to_owned(), counted: 9, has }),
            (Some(0), LayoutDoubt::LeftOver { registers: 14 }),
        ] {
            let layout = Layout::of_all(&table, has, |_| count);
            assert_eq!(layout.doubt, Some(doubt));
            assert_eq!(behind(&table, &layout), [], "half a curve is no curve");
        }
    }

    #[test]
    fn a_model_of_every_register_there_is_has_an_end_too() {
        let table = of_model(160).unwrap().unwrap();
        let layout = Layout::of_all(&table, u16::MAX, |_| None);
        assert!(layout.places.last().is_some_and(|last| last.offset > u16::MAX - 20));
    }

    proptest! {
        #[test]
        fn places_lie_without_holes_inside_the_length_of_any_model(
            id in prop::sample::select(known().collect::<Vec<u16>>()),
            has in 2..400_u16,
            count in prop_oneof![Just(None), (0..9_u16).prop_map(Some), Just(Some(u16::MAX))],
        ) {
            let table = of_model(id).unwrap().unwrap();
            let layout = Layout::of_all(&table, has, |_| count);
            let mut at = 0;
            for place in &layout.places {
                prop_assert_eq!(place.offset, at);
                at += place.point.data_type.count();
                prop_assert_eq!(place.scale_offset.is_some(), place.point.scale.is_some());
            }
            prop_assert!(at <= has);
            prop_assert!(layout.doubt.is_some() || at == has);
        }
    }
}
