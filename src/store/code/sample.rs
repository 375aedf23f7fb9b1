//! Codes the samples of one series.
//!
//! A sample is written as what changed since the one before:
//!
//! ```text
//! as before, scaled number   Rice code of the zigzag difference in units of 10^-scale
//! as before, raw number      0, then 0 (same bits) or 1, six bits of leading zeros, six bits of
//!                            length - 1 and the bits of the exclusive or
//! as before, text or none    0 (the same text, the same cause)
//! otherwise                  Rice `leave` after a scaled number, 1 after anything else; quality
//!                            code (8 bits), form (2 bits), then by form:
//!   0 scaled                 scale (3 bits), zigzag number, sized; against the last one if the
//!                            scale is the same
//!   1 raw                    64 bits
//!   2 text                   1 (the last text again), or 0, bytes (8 bits), UTF-8
//!   3 none
//! ```
//!
//! The scale is the number of decimals that hold the value exactly; it only grows, so that 230.0
//! between 229.9 and 230.1 stays a small difference.

use std::sync::Arc;

use super::bits::{BitReader, BitWriter};
use super::decimal;
use super::rice::{Rice, Symbol};
use super::{Coder, unzigzag, zigzag};
use crate::model::quality::Quality;
use crate::model::reading::{Sample, Value};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Scaled,
    Raw,
    Text,
    None,
}

impl Form {
    const fn code(self) -> u64 {
        match self {
            Self::Scaled => 0,
            Self::Raw => 1,
            Self::Text => 2,
            Self::None => 3,
        }
    }

    const fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            0 => Self::Scaled,
            1 => Self::Raw,
            2 => Self::Text,
            3 => Self::None,
            _ => return None,
        })
    }
}

/// What is remembered of the samples before.
#[derive(Clone, Debug)]
pub(crate) struct SampleCoder {
    quality: Quality,
    form: Form,
    scale: u8,
    /// The last scaled number, in units of 10^-scale.
    units: i64,
    /// The last raw number.
    raw: u64,
    /// The last text.
    text: Option<Arc<str>>,
    rice: Rice,
}

impl Default for SampleCoder {
    fn default() -> Self {
        Self {
            quality: Quality::Good,
            form: Form::Scaled,
            scale: 0,
            units: 0,
            raw: 0,
            text: None,
            rice: Rice::default(),
        }
    }
}

/// A value in the form that it is written in.
enum Written<'a> {
    Scaled { scale: u8, units: i64 },
    Raw(u64),
    Text(&'a Arc<str>),
    None,
}

impl Written<'_> {
    const fn form(&self) -> Form {
        match self {
            Self::Scaled { .. } => Form::Scaled,
            Self::Raw(_) => Form::Raw,
            Self::Text(_) => Form::Text,
            Self::None => Form::None,
        }
    }
}

impl Coder for SampleCoder {
    type Item = Sample;

    fn encode(&mut self, sample: &Sample, out: &mut BitWriter) {
        let written = self.written(sample);
        if sample.quality == self.quality && self.continues(&written) {
            self.put_as_before(&written, out);
        } else {
            if self.form == Form::Scaled {
                Rice::put_leave(out);
            } else {
                out.put(1, 1);
            }
            self.quality = sample.quality;
            self.put_change(&written, out);
        }
    }

    #[inline]
    fn decode(&mut self, bits: &mut BitReader<'_>) -> Option<Sample> {
        if self.form != Form::Scaled {
            return self.take_unscaled(bits);
        }
        match self.rice.take(bits)? {
            Symbol::Number(off) => {
                self.units = self.units.wrapping_add(unzigzag(off));
                Some(Sample { value: Some(self.scaled_value()), quality: self.quality })
            }
            Symbol::Leave => self.take_change(bits),
        }
    }
}

impl SampleCoder {
    fn written<'a>(&self, sample: &'a Sample) -> Written<'a> {
        match &sample.value {
            None => Written::None,
            Some(Value::Text(text)) => Written::Text(text),
            Some(Value::Number(number)) => match decimal::scale_from(*number, self.scale) {
                Some((scale, units)) => Written::Scaled { scale, units },
                None => Written::Raw(number.to_bits()),
            },
        }
    }

    fn continues(&self, written: &Written<'_>) -> bool {
        self.form == written.form()
            && match written {
                Written::Scaled { scale, .. } => *scale == self.scale,
                Written::Text(text) => self.text.as_ref() == Some(text),
                Written::Raw(_) | Written::None => true,
            }
    }

    fn put_as_before(&mut self, written: &Written<'_>, out: &mut BitWriter) {
        match written {
            Written::Scaled { units, .. } => {
                self.rice.put(zigzag(units.wrapping_sub(self.units)), out);
                self.units = *units;
            }
            Written::Raw(raw) => {
                out.put(0, 1);
                put_difference(self.raw ^ raw, out);
                self.raw = *raw;
            }
            Written::Text(_) | Written::None => out.put(0, 1),
        }
    }

    fn put_change(&mut self, written: &Written<'_>, out: &mut BitWriter) {
        self.form = written.form();
        out.put(u64::from(self.quality.code()), 8);
        out.put(self.form.code(), 2);
        match written {
            Written::Scaled { scale, units } => {
                let base = if *scale == self.scale { self.units } else { 0 };
                out.put(u64::from(*scale), 3);
                out.put_sized(zigzag(units.wrapping_sub(base)));
                (self.scale, self.units) = (*scale, *units);
            }
            Written::Raw(raw) => {
                out.put(*raw, 64);
                self.raw = *raw;
            }
            Written::Text(text) => {
                if self.text.as_ref() == Some(text) {
                    out.put(1, 1);
                } else {
                    put_text(text, out);
                    self.text = Some(Arc::clone(text));
                }
            }
            Written::None => {}
        }
    }

    /// Reads a sample after one that was no scaled number.
    #[inline(never)]
    fn take_unscaled(&mut self, bits: &mut BitReader<'_>) -> Option<Sample> {
        if bits.flag()? {
            return self.take_change(bits);
        }
        if self.form == Form::Raw {
            self.raw ^= take_difference(bits)?;
        }
        self.sample()
    }

    /// Reads a sample that is of another quality or form than the one before.
    #[cold]
    fn take_change(&mut self, bits: &mut BitReader<'_>) -> Option<Sample> {
        self.quality = Quality::from_code(u8::try_from(bits.take(8)?).ok()?)?;
        self.form = Form::from_code(bits.take(2)?)?;
        match self.form {
            Form::Scaled => {
                let scale = u8::try_from(bits.take(3)?).ok().filter(|scale| *scale <= decimal::SCALE_MAX)?;
                let base = if scale == self.scale { self.units } else { 0 };
                self.units = base.wrapping_add(unzigzag(bits.take_sized()?));
                self.scale = scale;
            }
            Form::Raw => self.raw = bits.take(64)?,
            Form::Text => {
                if !bits.flag()? {
                    self.text = Some(take_text(bits)?);
                }
            }
            Form::None => {}
        }
        self.sample()
    }

    fn scaled_value(&self) -> Value {
        Value::Number(decimal::unscaled(self.units, self.scale))
    }

    /// The sample that the state stands for; `None` when it is a text and there was never one.
    fn sample(&self) -> Option<Sample> {
        let value = match self.form {
            Form::Scaled => Some(self.scaled_value()),
            Form::Raw => Some(Value::Number(f64::from_bits(self.raw))),
            Form::Text => Some(Value::Text(self.text.clone()?)),
            Form::None => None,
        };
        Some(Sample { value, quality: self.quality })
    }
}

fn put_difference(difference: u64, out: &mut BitWriter) {
    if difference == 0 {
        out.put(0, 1);
        return;
    }
    let leading = difference.leading_zeros();
    let trailing = difference.trailing_zeros();
    let length = u64::BITS - leading - trailing;
    out.put(1, 1);
    out.put(u64::from(leading), 6);
    out.put(u64::from(length - 1), 6);
    out.put(difference >> trailing, length);
}

fn take_difference(bits: &mut BitReader<'_>) -> Option<u64> {
    if !bits.flag()? {
        return Some(0);
    }
    let leading = u32::try_from(bits.take(6)?).ok()?;
    let length = u32::try_from(bits.take(6)?).ok()? + 1;
    let trailing = u64::BITS.checked_sub(leading + length)?;
    Some(bits.take(length)? << trailing)
}

/// The store refuses longer texts (`METER_TEXT_BYTES_MAX`) before they come here.
fn put_text(text: &str, out: &mut BitWriter) {
    let bytes = text.as_bytes();
    let bytes = bytes.get(..usize::from(u8::MAX)).unwrap_or(bytes);
    out.put(0, 1);
    out.put(bytes.len() as u64, 8);
    for byte in bytes {
        out.put(u64::from(*byte), 8);
    }
}

fn take_text(bits: &mut BitReader<'_>) -> Option<Arc<str>> {
    let length = bits.take(8)?;
    let bytes: Option<Vec<u8>> =
        (0..length).map(|_| bits.take(8).and_then(|byte| u8::try_from(byte).ok())).collect();
    String::from_utf8(bytes?).ok().map(Arc::from)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every kind of sample: decimals that wander, raw doubles, texts, and all causes.
    pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
        let number = prop_oneof![
            4 => (0_i64..50, 0_u8..4).prop_map(|(units, scale)| decimal::unscaled(2_300 + units, scale)),
            2 => any::<f64>(),
            1 => any::<f32>().prop_map(f64::from),
            1 => prop_oneof![Just(-0.0), Just(0.0), Just(f64::MAX), Just(f64::MIN_POSITIVE), Just(9.1e15)],
        ];
        let text = prop_oneof![Just("SN-1"), Just(""), Just("电表"), Just("v2.04")];
        let present = (0_u8..=4).prop_filter_map("a quality", Quality::from_code);
        let missing = (64_u8..=255).prop_filter_map("a quality", Quality::from_code);
        prop_oneof![
            6 => number.clone().prop_map(|number| Sample::good(Value::Number(number))),
            1 => text.prop_map(|text| Sample::good(Value::Text(text.into()))),
            1 => (number, present).prop_map(|(number, quality)| Sample {
                value: Some(Value::Number(number)),
                quality
            }),
            1 => missing.prop_map(|quality| Sample { value: None, quality }),
        ]
    }

    /// Whether two samples are the same to the last bit; `==` would take -0.0 for 0.0 and no NaN.
    pub(crate) fn same_bits(left: &Sample, right: &Sample) -> bool {
        let values = match (&left.value, &right.value) {
            (Some(Value::Number(left)), Some(Value::Number(right))) => left.to_bits() == right.to_bits(),
            (left, right) => left == right,
        };
        values && left.quality == right.quality
    }

    fn encode(samples: &[Sample]) -> BitWriter {
        let (mut coder, mut out) = (SampleCoder::default(), BitWriter::default());
        for sample in samples {
            coder.encode(sample, &mut out);
        }
        out
    }

    proptest! {
        #[test]
        fn any_samples_come_back_bit_for_bit(samples in prop::collection::vec(any_sample(), 0..200)) {
            let out = encode(&samples);
            let (mut coder, mut bits) = (SampleCoder::default(), BitReader::new(out.bytes()));
            for sample in &samples {
                let back = coder.decode(&mut bits).expect("a sample");
                prop_assert!(same_bits(&back, sample), "{sample:?} came back as {back:?}");
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (mut coder, mut bits) = (SampleCoder::default(), BitReader::new(&bytes));
            while coder.decode(&mut bits).is_some() {}
        }
    }

    #[test]
    fn what_stays_the_same_takes_at_most_two_bits() {
        for sample in [
            Sample::good(Value::Number(230.4)),
            Sample::good(Value::Number(0.1 + 0.2)),
            Sample::good(Value::Text("SN-0042".into())),
            Sample::missing(crate::model::quality::Cause::Timeout),
        ] {
            let bytes = encode(&vec![sample.clone(); 1_000]).len();
            assert!(bytes <= 1_000 / 4 + 24, "{sample:?} takes {bytes} bytes");
        }
    }

    #[test]
    fn a_float_register_takes_about_the_bytes_that_the_meter_sent() {
        let waves = (0_u8..200).map(|step| 230.0 + (f32::from(step) * 0.37).sin());
        let samples: Vec<_> = waves.map(|v| Sample::good(Value::Number(f64::from(v)))).collect();
        let bytes = encode(&samples).len();
        assert!(bytes <= samples.len() * 5, "{bytes} bytes");
    }
}
