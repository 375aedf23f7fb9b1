//! What a model of a number holds: its points, and groups of points that repeat.
//!
//! The tables are CSV files beside this one, written by `deploy/sunspec_models.py` from the definitions of
//! the SunSpec Alliance.

use super::point_type::PointType;
use super::table_text::{self, TableFault};
use crate::model::register::DataType;
use crate::packed::{Packed, packed};

/// What a model holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelTable {
    /// The model's number.
    pub id: u16,
    /// What it is, for people.
    pub title: String,
    /// Its points from the number itself on, and the groups behind them.
    pub group: Group,
}

/// Points that lie together, and the groups behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name; empty for the whole model.
    pub name: String,
    /// How many of it lie one after the other.
    pub count: Count,
    /// Its points, without holes between.
    pub points: Vec<Point>,
    /// The groups that lie behind the points.
    pub groups: Vec<Group>,
}

/// How many of a group lie one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Count {
    /// Just one.
    Once,
    /// As many as this point of the model says.
    Point(String),
    /// As many as the length of the model has room for.
    Rest,
}

/// One point of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The name, such as `PhVphA`.
    pub id: String,
    /// Registers from the begin of its group.
    pub offset: u16,
    /// What it is.
    pub point_type: PointType,
    /// How its registers hold the value.
    pub data_type: DataType,
    /// The point that says by which power of ten it is multiplied.
    pub scale: Option<String>,
    /// The unit after scaling; empty where there is none.
    pub unit: String,
    /// What it is, for people.
    pub title: String,
}

impl Group {
    /// The point of this name in the group itself.
    #[must_use]
    pub fn point(&self, id: &str) -> Option<&Point> {
        self.points.iter().find(|point| point.id == id)
    }

    /// Registers that its own points take.
    #[must_use]
    pub fn points_length(&self) -> u16 {
        self.points.last().map_or(0, |last| last.offset.saturating_add(last.data_type.count()))
    }
}

macro_rules! tables {
    ($($id:literal)*) => {
        [$(($id, packed!($id, ".csv"))),*]
    };
}

const TABLES: [(u16, Packed); 33] = tables!(
    1 101 102 103 111 112 113 124 129 160 201 202 203 204 211 212 213 214
    701 702 703 704 705 706 707 708 709 710 711 712 713 714 802
);

/// The numbers of the models that have a table.
pub fn known() -> impl Iterator<Item = u16> {
    TABLES.iter().map(|(id, _)| *id)
}

/// The table of a model; `None` where the program has none.
///
/// # Errors
/// Never for a released program; its tests read every one.
pub fn of_model(id: u16) -> Result<Option<ModelTable>, TableFault> {
    let text = TABLES.iter().find(|(known, _)| *known == id).map(|(_, text)| *text);
    text.map(|text| table_text::read(&text.text())).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every group below `group`, itself included.
    fn groups(group: &Group) -> Vec<&Group> {
        std::iter::once(group).chain(group.groups.iter().flat_map(groups)).collect()
    }

    #[test]
    fn every_table_reads_without_fault_and_has_the_number_of_its_file() {
        for id in known() {
            let table = of_model(id).unwrap_or_else(|fault| panic!("{id}: {fault}")).unwrap();
            assert_eq!(table.id, id);
            let head: Vec<&str> = table.group.points.iter().take(2).map(|point| point.id.as_str()).collect();
            assert_eq!(head, ["ID", "L"], "{id}");
        }
        assert_eq!(of_model(2), Ok(None));
    }

    #[test]
    fn every_scale_factor_and_every_count_is_a_point_of_the_right_type() {
        for id in known() {
            let table = of_model(id).unwrap().unwrap();
            for group in groups(&table.group) {
                for point in &group.points {
                    let Some(scale) = &point.scale else { continue };
                    let found = group.point(scale).or_else(|| table.group.point(scale));
                    let point_type = found.map(|found| found.point_type);
                    assert_eq!(point_type, Some(PointType::ScaleFactor), "{id}: {scale} of {}", point.id);
                }
                let Count::Point(count) = &group.count else { continue };
                let point_type = table.group.point(count).map(|found| found.point_type);
                let is_number =
                    matches!(point_type, Some(PointType::Unsigned { words: 1 } | PointType::Count));
                assert!(is_number, "{id}: {count} of {}", group.name);
            }
        }
    }

    #[test]
    fn the_lengths_are_those_that_the_models_are_known_by() {
        for (id, length) in
            [(1, 66), (103, 50), (113, 60), (203, 105), (213, 124), (124, 24), (802, 62), (701, 153)]
        {
            let table = of_model(id).unwrap().unwrap();
            assert_eq!(table.group.points_length(), length + 2, "{id}");
        }
    }
}
