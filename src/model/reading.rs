//! A value at a time, with its quality.

use std::sync::Arc;

use super::quality::Quality;
use crate::time::UtcTime;

/// What a meter reported, after scaling, in the unit of its Parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A finite number; a flag is 0 or 1.
    Number(f64),
    /// A text, such as a serial number or a firmware version.
    Text(Arc<str>),
}

impl Value {
    /// The number, where it is one.
    #[must_use]
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

/// One measured value before it has its time: what a scan cycle gives for one Parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The value; `None` exactly when the quality is `Missing`.
    pub value: Option<Value>,
    /// May one trust it.
    pub quality: Quality,
}

impl Sample {
    /// A value that may be trusted.
    #[must_use]
    pub const fn good(value: Value) -> Self {
        Self { value: Some(value), quality: Quality::Good }
    }

    /// No value, for this cause.
    #[must_use]
    pub const fn missing(cause: super::quality::Cause) -> Self {
        Self { value: None, quality: Quality::Missing(cause) }
    }
}

/// A [`Sample`] at its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// When the meter's answer was complete.
    pub at: UtcTime,
    /// The value; `None` exactly when the quality is `Missing`.
    pub value: Option<Value>,
    /// May one trust it.
    pub quality: Quality,
}

impl Reading {
    /// `sample` taken at `at`.
    #[must_use]
    pub fn new(at: UtcTime, sample: Sample) -> Self {
        Self { at, value: sample.value, quality: sample.quality }
    }

    /// The number, where there is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        self.value.as_ref().and_then(Value::number)
    }
}

/// The durable name of one (Point, Parameter) pair; given once by the store and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub u32);

/// The durable name of a list of series that are always read together and share one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u16);

/// What one scan cycle read for one group: a time and one sample for each of its series, in the
/// group's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The group that was read.
    pub group: GroupId,
    /// The time that all its samples share.
    pub at: UtcTime,
    /// One sample a series.
    pub samples: Vec<Sample>,
}
