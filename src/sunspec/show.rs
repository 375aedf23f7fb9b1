//! What a device says, as text for the person in front of it.

use std::fmt::{self, Write as _};

use super::chain::Chain;
use super::layout::Place;
use super::point_type::PointType;
use super::survey::{Survey, SurveyedModel};
use super::value::Absence;
use crate::model::reading::Value;

/// Characters of a point's name before its line is pushed to the right.
const PATH_WIDTH: usize = 18;
/// Likewise of its value.
const VALUE_WIDTH: usize = 20;

/// All models of a device with all their points, as text.
#[derive(Clone, Copy, Debug)]
pub struct DeviceText<'a> {
    /// The models that were found.
    pub chain: &'a Chain,
    /// What was read of them.
    pub survey: &'a Survey<'a>,
}

impl fmt::Display for DeviceText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "SunS at {}, models {}", self.chain.base, self.chain.models.len())?;
        self.survey.models().iter().try_for_each(|model| write_model(f, model))
    }
}

fn write_model(f: &mut fmt::Formatter<'_>, model: &SurveyedModel<'_>) -> fmt::Result {
    let header = model.header;
    let title = model.table.map_or("no table of it here; 'read' shows its registers", |table| &table.title);
    writeln!(f, "\nmodel {} at {}, {} registers: {title}", header.id, header.address, header.length)?;
    model.points().try_for_each(|(place, said)| write_point(f, place, &said))?;
    match &model.layout.doubt {
        Some(doubt) => writeln!(f, "  {doubt}"),
        None => Ok(()),
    }
}

fn write_point(f: &mut fmt::Formatter<'_>, place: &Place<'_>, said: &Result<Value, Absence>) -> fmt::Result {
    let text = value_text(place, said);
    let mut line = format!("  {:PATH_WIDTH$}  {text:VALUE_WIDTH$}  ", place.path);
    if place.point.title != place.point.id {
        let _never_fails = write!(line, "{}", place.point.title);
    }
    writeln!(f, "{}", line.trim_end())
}

/// The value with its unit; flags in hexadecimal, texts in quotes and without what moves a cursor.
fn value_text(place: &Place<'_>, said: &Result<Value, Absence>) -> String {
    let point = place.point;
    match said {
        Ok(Value::Number(flags)) if matches!(point.point_type, PointType::Bitfield { .. }) => {
            let digits = usize::from(point.data_type.count()) * 4;
            format!("{flags:.0}")
                .parse::<u64>()
                .map_or_else(|_| flags.to_string(), |n| format!("0x{n:0digits$X}"))
        }
        Ok(Value::Number(number)) => format!("{number} {}", point.unit).trim_end().to_owned(),
        Ok(Value::Text(text)) => format!("{text:?}"),
        Err(absence) => absence.to_string(),
    }
}
