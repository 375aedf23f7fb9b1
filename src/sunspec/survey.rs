//! Reading the models of one device by their tables.
//!
//! The own points of a model are read first, because some of them count the groups behind them. No value is
//! read in two parts, which might be of two times.

use std::collections::VecDeque;

use super::chain::{Chain, HEADER_LENGTH, Header};
use super::layout::{Layout, Place};
use super::point_type::PointType;
use super::registers::Registers;
use super::table::{ModelTable, Point};
use super::value::{self, Absence};
use crate::model::quality::Cause;
use crate::model::reading::Value;
use crate::model::register::Span;

/// What is being read of a device.
#[derive(Clone, Debug)]
pub struct Survey<'a> {
    models: Vec<SurveyedModel<'a>>,
    registers_max: u16,
}

/// One model of a device as far as it was read.
#[derive(Clone, Debug)]
pub struct SurveyedModel<'a> {
    /// Where it stands.
    pub header: Header,
    /// What the table of its number says; `None` where the program has none.
    pub table: Option<&'a ModelTable>,
    /// Where its points lie.
    pub layout: Layout<'a>,
    registers: Registers,
    /// What is to be read yet, counted from the register with the model's number.
    spans: VecDeque<Span>,
    has_groups_laid_out: bool,
}

impl<'a> Survey<'a> {
    /// Begins to read the models of `chain`, `registers_max` registers at a time; `tables` has one entry
    /// for each of them.
    #[must_use]
    pub fn of(chain: &Chain, tables: &'a [Option<ModelTable>], registers_max: u16) -> Self {
        let models = chain.models.iter().zip(tables);
        let models =
            models.map(|(header, table)| SurveyedModel::begin(*header, table.as_ref(), registers_max));
        Self { models: models.collect(), registers_max }
    }

    /// The holding registers to be read next; `None` when all is read.
    #[must_use]
    pub fn wants(&self) -> Option<Span> {
        self.models.iter().find_map(SurveyedModel::wants)
    }

    /// What came of reading what it [`wants`](Self::wants).
    pub fn take(&mut self, answer: Result<&[u16], Cause>) {
        let registers_max = self.registers_max;
        let wanting = self.models.iter_mut().skip_while(|model| model.spans.is_empty());
        for (index, model) in wanting.enumerate() {
            match answer {
                _ if index == 0 => model.take(answer, registers_max),
                // A device that refuses some registers has others; one that has fallen silent has none.
                Err(cause) if !matches!(cause, Cause::Exception(_)) => model.give_up(cause),
                _ => return,
            }
        }
    }

    /// Why some point could not be read, if there is one.
    #[must_use]
    pub fn unread(&self) -> Option<Cause> {
        let points = self.models.iter().flat_map(SurveyedModel::points);
        points.filter_map(|(_, said)| said.err()).find_map(|absence| match absence {
            Absence::Unread(cause) => Some(cause),
            _ => None,
        })
    }

    /// The models, in the order of the chain.
    #[must_use]
    pub fn models(&self) -> &[SurveyedModel<'a>] {
        &self.models
    }
}

impl<'a> SurveyedModel<'a> {
    fn begin(header: Header, table: Option<&'a ModelTable>, registers_max: u16) -> Self {
        let layout = match table {
            Some(table) => Layout::of_points(table, length_of(header)),
            None => Layout { places: Vec::new(), doubt: None },
        };
        let spans = spans(&layout.places, 0, registers_max);
        let registers = Registers::default();
        Self { header, table, layout, registers, spans, has_groups_laid_out: false }
    }

    fn wants(&self) -> Option<Span> {
        let span = self.spans.front()?;
        Some(Span { start: self.header.address.saturating_add(span.start), count: span.count })
    }

    fn take(&mut self, answer: Result<&[u16], Cause>, registers_max: u16) {
        let Some(span) = self.spans.pop_front() else { return };
        self.registers.add(span.count, answer);
        match answer {
            Err(cause) if !matches!(cause, Cause::Exception(_)) => self.give_up(cause),
            _ if self.spans.is_empty() => self.lay_out_groups(registers_max),
            _ => {}
        }
    }

    fn give_up(&mut self, cause: Cause) {
        for span in self.spans.drain(..) {
            self.registers.add(span.count, Err(cause));
        }
    }

    fn lay_out_groups(&mut self, registers_max: u16) {
        let Some(table) = self.table.filter(|_| !self.has_groups_laid_out) else { return };
        let count = |point: &Point| {
            let place = self.layout.places.iter().find(|place| place.path == point.id)?;
            value::count(place, &self.registers)
        };
        self.layout = Layout::of_all(table, length_of(self.header), count);
        self.spans = spans(&self.layout.places, self.registers.length(), registers_max);
        self.has_groups_laid_out = true;
    }

    /// Every point that says something of the device, with what it says.
    pub fn points(&self) -> impl Iterator<Item = (&Place<'a>, Result<Value, Absence>)> {
        let places = self.layout.places.iter().filter(|place| place.offset >= HEADER_LENGTH);
        let told = places.filter(|place| place.point.point_type.is_told());
        told.map(|place| (place, value::value(place, &self.registers)))
    }

    /// What the point of this path says, where it is there and has a value.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<Value> {
        let place = self.layout.places.iter().find(|place| place.path == path)?;
        value::value(place, &self.registers).ok()
    }

    /// Every scale factor that has a value, with its power of ten.
    pub(super) fn scale_factors(&self) -> impl Iterator<Item = (&Place<'a>, i16)> {
        let is_scale_factor = |place: &&Place<'_>| place.point.point_type == PointType::ScaleFactor;
        let places = self.layout.places.iter().filter(is_scale_factor);
        places.filter_map(|place| Some((place, value::scale_factor(place.offset, &self.registers)?)))
    }

    /// The power of ten that a point is multiplied by.
    pub(super) fn power(&self, place: &Place<'_>) -> Result<i16, Absence> {
        value::power(place, &self.registers)
    }
}

/// The registers of a model, with its number and its length.
const fn length_of(header: Header) -> u16 {
    header.length.saturating_add(HEADER_LENGTH)
}

/// Reads of at most `registers_max` registers that bring all `places` from the offset `from` on.
fn spans(places: &[Place<'_>], from: usize, registers_max: u16) -> VecDeque<Span> {
    let mut spans: VecDeque<Span> = VecDeque::new();
    for place in places.iter().filter(|place| usize::from(place.offset) >= from) {
        let count = place.point.data_type.count();
        match spans.back_mut() {
            Some(span) if span.count.saturating_add(count) <= registers_max => span.count += count,
            _ => spans.push_back(Span { start: place.offset, count }),
        }
    }
    spans
}
