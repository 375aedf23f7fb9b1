//! What a device says, as text for the person in front of it.

use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthStr;

use super::chain::{Chain, Header};
use super::in_chinese;
use super::layout::Place;
use super::point_type::PointType;
use super::survey::{Survey, SurveyedModel};
use super::value::Absence;
use crate::language::Language;
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
    /// What it is told in; titles are those of the tables.
    pub language: Language,
}

impl fmt::Display for DeviceText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, models) = (self.chain.base, self.chain.models.len());
        match self.language {
            Language::English => writeln!(f, "SunS at {base}, models {models}")?,
            Language::Chinese => writeln!(f, "SunS 位于 {base}，模型 {models} 个")?,
        }
        self.survey.models().iter().try_for_each(|model| write_model(f, model, self.language))
    }
}

fn write_model(f: &mut fmt::Formatter<'_>, model: &SurveyedModel<'_>, language: Language) -> fmt::Result {
    let Header { id, address, length } = model.header;
    let no_table = language
        .pick("no table of it here; 'read' shows its registers", "此处没有它的表；可用 read 查看寄存器");
    let title = model.table.map_or(no_table, |table| &table.title);
    match language {
        Language::English => writeln!(f, "\nmodel {id} at {address}, {length} registers: {title}")?,
        Language::Chinese => writeln!(f, "\n模型 {id}，位于 {address}，寄存器 {length} 个：{title}")?,
    }
    model.points().try_for_each(|(place, said)| write_point(f, place, &said, language))?;
    match (&model.layout.doubt, language) {
        (Some(doubt), Language::English) => writeln!(f, "  {doubt}"),
        (Some(doubt), Language::Chinese) => writeln!(f, "  {}", in_chinese::doubt(doubt)),
        (None, _) => Ok(()),
    }
}

fn write_point(
    f: &mut fmt::Formatter<'_>,
    place: &Place<'_>,
    said: &Result<Value, Absence>,
    language: Language,
) -> fmt::Result {
    let text = value_text(place, said, language);
    let behind = " ".repeat(VALUE_WIDTH.saturating_sub(text.width()));
    let mut line = format!("  {:PATH_WIDTH$}  {text}{behind}  ", place.path);
    if place.point.title != place.point.id {
        let _never_fails = write!(line, "{}", place.point.title);
    }
    writeln!(f, "{}", line.trim_end())
}

/// The value with its unit; flags in hexadecimal, texts in quotes and without what moves a cursor.
fn value_text(place: &Place<'_>, said: &Result<Value, Absence>, language: Language) -> String {
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
        Err(absence) => match language {
            Language::English => absence.to_string(),
            Language::Chinese => in_chinese::absence(absence),
        },
    }
}
