//! Reads the table of a model from its CSV.
//!
//! A row's path tells where it stands: `Crv.Pt.V` is the point `V` of the group `Pt` of the group `Crv`. The
//! first row is the model itself; a group stands before its points.

use csv::{ReaderBuilder, StringRecord};
use thiserror::Error;

use super::point_type::PointType;
use super::table::{Count, Group, ModelTable, Point};

/// A row that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("row '{row}' of the table: {reason}")]
pub struct TableFault {
    row: String,
    reason: &'static str,
}

/// The columns of a row: path, offset, type, size, scale, unit, title.
struct Row<'a>([&'a str; 7]);

/// Reads the table in `text`.
pub(super) fn read(text: &str) -> Result<ModelTable, TableFault> {
    let mut records = ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let mut model = None;
    for record in records.records() {
        let record = record.map_err(|_| fault("", "is no CSV of seven columns"))?;
        let row = Row::of(&record)?;
        match &mut model {
            None => model = Some(row.model()?),
            Some(model) => enter(&mut model.group, &row)?,
        }
    }
    model.ok_or_else(|| fault("", "there is no row"))
}

fn fault(row: &str, reason: &'static str) -> TableFault {
    TableFault { row: row.to_owned(), reason }
}

/// Puts the group or the point of `row` into its place below `whole`.
fn enter(whole: &mut Group, row: &Row<'_>) -> Result<(), TableFault> {
    let (path, name) = row.path().rsplit_once('.').unwrap_or(("", row.path()));
    let mut parent = whole;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let found = parent.groups.iter_mut().find(|group| group.name == step);
        parent = found.ok_or_else(|| row.fault("its group stands nowhere before it"))?;
    }
    if row.kind() == "group" {
        parent.groups.push(row.group(name));
        return Ok(());
    }
    let point = row.point(name)?;
    if point.offset != parent.points_length() {
        return Err(row.fault("its offset is not the end of the point before it"));
    }
    parent.points.push(point);
    Ok(())
}

impl<'a> Row<'a> {
    fn of(record: &'a StringRecord) -> Result<Self, TableFault> {
        let columns: Vec<&str> = record.iter().collect();
        columns.try_into().map(Self).map_err(|_| fault("", "has not seven columns"))
    }

    const fn path(&self) -> &'a str {
        self.0[0]
    }

    const fn kind(&self) -> &'a str {
        self.0[2]
    }

    const fn size(&self) -> &'a str {
        self.0[3]
    }

    fn fault(&self, reason: &'static str) -> TableFault {
        fault(self.path(), reason)
    }

    fn model(&self) -> Result<ModelTable, TableFault> {
        if self.kind() != "model" {
            return Err(self.fault("the first row is not the model"));
        }
        let id = self.size().parse().map_err(|_| self.fault("its size is not the model's number"))?;
        let group = Group { name: String::new(), count: Count::Once, points: Vec::new(), groups: Vec::new() };
        Ok(ModelTable { id, title: self.0[6].to_owned(), group })
    }

    fn group(&self, name: &str) -> Group {
        let count = match self.size() {
            "1" => Count::Once,
            "rest" => Count::Rest,
            point => Count::Point(point.to_owned()),
        };
        Group { name: name.to_owned(), count, points: Vec::new(), groups: Vec::new() }
    }

    fn point(&self, name: &str) -> Result<Point, TableFault> {
        let point_type =
            PointType::from_name(self.kind()).ok_or_else(|| self.fault("its type is unknown"))?;
        let data_type = self.size().parse().ok().and_then(|size| point_type.data_type(size));
        let [_, offset, _, _, scale, unit, title] = self.0;
        Ok(Point {
            id: name.to_owned(),
            offset: offset.parse().map_err(|_| self.fault("its offset is no number"))?,
            point_type,
            data_type: data_type.ok_or_else(|| self.fault("its type does not have that size"))?,
            scale: (!scale.is_empty()).then(|| scale.to_owned()),
            unit: unit.to_owned(),
            title: if title.is_empty() { name.to_owned() } else { title.to_owned() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# a comment\npath,offset,type,size,scale,unit,title\n\
        some,,model,9,,,Some\nID,0,uint16,1,,,Model ID\nL,1,uint16,1,,,Model Length\n\
        N,2,uint16,1,,,\nA_SF,3,sunssf,1,,,\n\
        Crv,,group,N,,,\nCrv.A,0,int32,2,A_SF,A,\"Current, of a phase\"\n";

    #[test]
    fn points_and_groups_find_their_places() {
        let table = read(TABLE).unwrap();
        assert_eq!((table.id, table.title.as_str()), (9, "Some"));
        let curve = &table.group.groups[0];
        assert_eq!((curve.name.as_str(), &curve.count), ("Crv", &Count::Point("N".to_owned())));
        let point = curve.point("A").unwrap();
        assert_eq!((point.offset, point.scale.as_deref(), point.unit.as_str()), (0, Some("A_SF"), "A"));
        assert_eq!(point.title, "Current, of a phase");
        assert_eq!(table.group.point("N").map(|point| point.title.as_str()), Some("N"));
        assert_eq!(table.group.points_length(), 4);
    }

    #[test]
    fn a_row_that_makes_no_sense_is_named() {
        for (sense, nonsense, reason) in [
            ("some,,model", "some,,group", "the first row is not the model"),
            ("model,9", "model,nine", "its size is not the model's number"),
            ("N,2,", "N,3,", "its offset is not the end of the point before it"),
            ("N,2,uint16", "N,2,uint17", "its type is unknown"),
            ("N,2,uint16,1", "N,2,uint16,2", "its type does not have that size"),
            ("Crv.A,", "Crw.A,", "its group stands nowhere before it"),
            ("N,2,uint16,1,,,", "N,2", "is no CSV of seven columns"),
        ] {
            let fault = read(&TABLE.replace(sense, nonsense)).unwrap_err();
            assert_eq!(fault.reason, reason, "{nonsense}");
        }
        assert_eq!(read("").unwrap_err().reason, "there is no row");
    }
}
