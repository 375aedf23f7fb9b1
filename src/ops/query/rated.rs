//! Periods cut by the rate that applies, and what the pieces of one rate come to.

use std::ops::Range;

use super::incompleteness::Missing;
use crate::model::gap::{Gap, GapCause};
use crate::model::tou::{Rate, Tou};
use crate::stats::summary::{Expected, Summary};
use crate::stats::{Function, SeriesKind};
use crate::time::{Interval, UtcOffset, UtcTime};

/// A piece of a period in which one rate applies, or none.
struct Piece {
    period: usize,
    rate: Option<Rate>,
    time: Range<UtcTime>,
}

/// Periods that follow each other, cut into pieces; together these are the periods.
pub(super) struct Pieces(Vec<Piece>);

impl Pieces {
    /// Each period is a piece.
    pub(super) fn whole(periods: &[Range<UtcTime>]) -> Self {
        let piece =
            |(period, time): (usize, &Range<UtcTime>)| Piece { period, rate: None, time: time.clone() };
        Self(periods.iter().enumerate().map(piece).collect())
    }

    /// Each period is cut where the rate changes.
    pub(super) fn rated(periods: &[Range<UtcTime>], tou: &Tou, offset: UtcOffset) -> Self {
        let mut pieces = Vec::new();
        for (period, whole) in periods.iter().enumerate() {
            let mut until = whole.start;
            for (time, rate) in tou.pieces(whole, offset) {
                if until < time.start {
                    pieces.push(Piece { period, rate: None, time: until..time.start });
                }
                until = time.end;
                pieces.push(Piece { period, rate: Some(rate), time });
            }
            if until < whole.end {
                pieces.push(Piece { period, rate: None, time: until..whole.end });
            }
        }
        Self(pieces)
    }

    /// The pieces in order of time.
    pub(super) fn times(&self) -> Vec<Range<UtcTime>> {
        self.0.iter().map(|piece| piece.time.clone()).collect()
    }

    /// What all pieces of a period come to, by the summaries of each.
    pub(super) fn summary(&self, period: usize, summaries: &[Summary]) -> Summary {
        let mut whole = Summary::default();
        for (_, summary) in self.of(period, summaries) {
            whole.add_later(summary);
        }
        whole
    }

    fn of<'a>(
        &'a self,
        period: usize,
        summaries: &'a [Summary],
    ) -> impl Iterator<Item = (&'a Piece, &'a Summary)> {
        self.0.iter().zip(summaries).filter(move |(piece, _)| piece.period == period)
    }

    /// What the pieces of a period in which `rate` applies come to.
    pub(super) fn at_rate(
        &self,
        (period, rate, function): (usize, Rate, Function),
        summaries: &[Summary],
        readings: &ReadingsOf<'_>,
    ) -> AtRate {
        let mut all = AtRate::default();
        for (piece, summary) in self.of(period, summaries).filter(|(piece, _)| piece.rate == Some(rate)) {
            let missing = Missing::of(readings.gaps, &piece.time, readings.interval);
            let expected =
                Expected { period: piece.time.clone(), interval: readings.interval, now: readings.now };
            let completeness = summary.completeness(function, readings.kind, &expected);
            let piece_ms = length_ms(&piece.time);
            all.add_later(&AtRate {
                summary: *summary,
                whole_ms: piece_ms,
                there_ms: piece_ms * completeness.min(missing.complete_at_most),
                cause: missing.cause,
            });
        }
        all
    }
}

/// What is known of the time of a period in which one rate applies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct AtRate {
    pub(super) summary: Summary,
    /// Milliseconds in which it applies.
    pub(super) whole_ms: f64,
    /// How many of these are known.
    pub(super) there_ms: f64,
    pub(super) cause: Option<GapCause>,
}

impl AtRate {
    /// What rows tell: `amount` flowed at the rate, which is as well known as all that flowed.
    pub(super) fn of_rows(summary: &Summary, amount: f64, whole_ms: f64, completeness: f64) -> Self {
        if whole_ms <= 0.0 && amount.abs() <= 0.0 {
            return Self::default();
        }
        // Of a register the increase is looked at, of amounts their sum.
        let summary = Summary { growth: amount, total: amount, max: None, min: None, last: None, ..*summary };
        Self { summary, whole_ms, there_ms: whole_ms * completeness, cause: None }
    }

    /// Takes in what follows in time.
    pub(super) fn add_later(&mut self, later: &Self) {
        self.summary.add_later(&later.summary);
        self.whole_ms += later.whole_ms;
        self.there_ms += later.there_ms;
        self.cause = self.cause.or(later.cause);
    }

    /// What it comes to.
    pub(super) fn told(&self, function: Function, kind: SeriesKind) -> Told {
        if self.whole_ms <= 0.0 && self.summary.readings == 0 {
            // In a time of which there is nothing, nothing flows.
            let value = (function == Function::Sum).then_some(0.0);
            return Told { value, ..Told::WHOLE };
        }
        let completeness = if self.whole_ms > 0.0 { self.there_ms / self.whole_ms } else { 1.0 };
        Told {
            value: self.summary.value(function, kind),
            occurred: self.summary.occurred(function),
            completeness,
            cause: self.cause.filter(|_| completeness < 1.0),
            revision: 0,
        }
    }
}

/// What the readings of a series are measured by.
pub(super) struct ReadingsOf<'a> {
    pub(super) kind: SeriesKind,
    pub(super) interval: Interval,
    pub(super) gaps: &'a [Gap],
    pub(super) now: UtcTime,
}

/// What one cell of a statistic tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) value: Option<f64>,
    pub(super) occurred: Option<UtcTime>,
    pub(super) completeness: f64,
    pub(super) cause: Option<GapCause>,
    /// How often what it is told from was computed anew.
    pub(super) revision: u32,
}

impl Told {
    /// Complete, without a value so far.
    pub(super) const WHOLE: Self =
        Self { value: None, occurred: None, completeness: 1.0, cause: None, revision: 0 };
    /// Nothing is known.
    pub(super) const NOTHING: Self = Self { completeness: 0.0, ..Self::WHOLE };
}

#[expect(clippy::cast_precision_loss, reason = "a period is far shorter than 2^53 milliseconds")]
pub(super) fn length_ms(time: &Range<UtcTime>) -> f64 {
    time.end.ms_since(time.start) as f64
}
