//! What a device says, for programs: one JSON object a line, for each model and for each point.

use heapless::String as Buffer;
use serde::Serialize;

use super::chain::Chain;
use super::layout::Place;
use super::survey::{Survey, SurveyedModel};
use super::value::Absence;
use crate::model::reading::Value;

/// Bytes of one line: the longest text of a point, every byte of it escaped, and the rest.
const LINE_BYTES_MAX: usize = 1_024;

/// A model of the chain.
#[derive(Serialize)]
struct ModelLine<'a> {
    model: u16,
    address: u16,
    length: u16,
    title: Option<&'a str>,
    doubt: Option<&'a str>,
}

/// A point of a model.
#[derive(Serialize)]
struct PointLine<'a> {
    model: u16,
    address: u16,
    point: &'a str,
    value: Option<Said<'a>>,
    unit: &'a str,
    /// `ok`, or why there is no value.
    state: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Number(f64),
    Text(&'a str),
}

/// Why the walk along the chain ended early.
#[derive(Serialize)]
struct FaultLine<'a> {
    fault: &'a str,
}

/// All models of a device, each followed by its points, one JSON object a line; last, if there is one, the
/// fault of the chain.
#[must_use]
pub fn lines(chain: &Chain, survey: &Survey<'_>) -> String {
    let mut text: String = survey.models().iter().map(model_lines).collect();
    if let Some(fault) = chain.fault {
        text += &line(&FaultLine { fault: &fault.to_string() });
    }
    text
}

fn model_lines(model: &SurveyedModel<'_>) -> String {
    let header = model.header;
    let doubt = model.layout.doubt.as_ref().map(ToString::to_string);
    let head = ModelLine {
        model: header.id,
        address: header.address,
        length: header.length,
        title: model.table.map(|table| table.title.as_str()),
        doubt: doubt.as_deref(),
    };
    let points = model.points().map(|(place, said)| point_line(model, place, &said));
    std::iter::once(line(&head)).chain(points).collect()
}

fn point_line(model: &SurveyedModel<'_>, place: &Place<'_>, said: &Result<Value, Absence>) -> String {
    let (value, state) = match said {
        Ok(Value::Number(number)) => (Some(Said::Number(*number)), "ok".to_owned()),
        Ok(Value::Text(text)) => (Some(Said::Text(text)), "ok".to_owned()),
        Err(absence) => (None, absence.code()),
    };
    line(&PointLine {
        model: model.header.id,
        address: model.header.address.saturating_add(place.offset),
        point: &place.path,
        value,
        unit: &place.point.unit,
        state: &state,
    })
}

/// One line. Every text in it is bounded, so the buffer always has room.
fn line(item: &impl Serialize) -> String {
    let written = serde_json_core::to_string::<_, LINE_BYTES_MAX>(item);
    written.map_or_else(|_| String::new(), |json: Buffer<LINE_BYTES_MAX>| format!("{json}\n"))
}
