//! One exchange of a golden file, and what its reply holds.

use std::collections::BTreeMap;

use super::Expected;
use crate::document::{Document, Faults, Section};
use crate::limits;
use crate::modbus::frame::{self, Expect, rtu};
use crate::model::meter::{MapRegister, ReadLimits, RegisterMap};
use crate::model::reading::Value;
use crate::model::register::{Register, Span, Table, UnitId};

/// Exchanges of one golden file.
const EXCHANGES_MAX: usize = 100;
/// Characters of a frame in hexadecimal with blanks and line breaks between.
const FRAME_CHARS_MAX: usize = limits::RTU_FRAME_BYTES_MAX * 4;
/// The least of a read request: unit, function code, address, count and CRC.
const READ_REQUEST_BYTES: usize = 8;
/// Unit, function code and count of bytes in front of the values of a reply.
const REPLY_HEAD_BYTES: usize = 3;
/// Ratios beyond this either way are a slip of the pen.
const RATIO_MAX: f64 = 1e6;

/// A request, the meter's reply, and what its values must be.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) title: String,
    request: Vec<u8>,
    reply: Vec<u8>,
    /// Current transformer ratio of the site.
    pub(super) ct: f64,
    /// Voltage transformer ratio of the site.
    pub(super) pt: f64,
    expected: BTreeMap<String, Expected>,
}

impl Frames {
    /// Reads all exchanges of a golden file for `map`.
    pub(super) fn read(file: &str, text: &str, map: &RegisterMap) -> Result<Vec<Self>, Faults> {
        let document = Document::parse(file, text)?;
        let root = document.root();
        let model = root.required_id("model", "give the model of the map");
        if model.is_some_and(|model| model != map.model) {
            root.fault("model", format!("is not '{}'", map.model), "name the file after its model");
        }
        if !root.has("exchange") {
            root.missing("exchange", "give at least one request with its reply as [[exchange]]");
        }
        let exchanges = root.sections("exchange", EXCHANGES_MAX);
        let frames = exchanges.into_iter().filter_map(|section| exchange(section, map)).collect();
        root.finish();
        document.verdict()?;
        Ok(frames)
    }

    /// What the exchange says of a register, if anything.
    pub(super) fn expected(&self, entry: &MapRegister) -> Option<&Expected> {
        self.expected.get(&entry.register.name)
    }

    /// Builds the request, finds the reply to it, and takes out its values.
    pub(super) fn values_read(&self, limits: &ReadLimits) -> Result<Block, String> {
        let (unit, table, span) = self.question()?;
        let most = if table.is_bits() { limits.bits_max } else { limits.registers_max };
        if span.count > most {
            return Err(format!("asks for {} where the map allows {most} in one read", span.count));
        }
        if limits.even_start && !table.is_bits() && span.start % 2 == 1 {
            return Err(format!("starts at the odd address {}, which the map does not allow", span.start));
        }
        let request = frame::read_request(table, span);
        let mut sent = Vec::new();
        rtu::write_request(unit, &request, &mut sent).map_err(|fault| fault.to_string())?;
        if sent != self.request {
            return Err(format!(
                "the request is {}, the gateway would send {}",
                hex(&self.request),
                hex(&sent)
            ));
        }
        let expect = Expect::reply_to(unit, &request).map_err(|fault| fault.to_string())?;
        let found = rtu::find_reply(expect, &self.reply).ok_or_else(|| {
            "the reply does not answer the request: wrong unit, function, length or CRC".to_owned()
        })?;
        if found.at != (0..self.reply.len()) {
            return Err("the reply has bytes around it".to_owned());
        }
        if found.what.is_err() {
            return Err("the meter refuses with an exception".to_owned());
        }
        let data = self.reply.get(REPLY_HEAD_BYTES..).unwrap_or_default();
        Ok(Block { table, span, values: values(table, span.count, data) })
    }

    /// The unit, table and span that the request's bytes name.
    fn question(&self) -> Result<(UnitId, Table, Span), String> {
        let [unit, function, start_high, start_low, count_high, count_low, ..] = *self.request.as_slice()
        else {
            return Err(format!("a read request has {READ_REQUEST_BYTES} bytes"));
        };
        let table = Table::ALL.into_iter().find(|table| table.read_function() == function);
        let table = table.ok_or_else(|| format!("function code {function:02} reads nothing"))?;
        let start = u16::from_be_bytes([start_high, start_low]);
        let count = u16::from_be_bytes([count_high, count_low]);
        Ok((UnitId(unit), table, Span { start, count }))
    }
}

/// The values of a reply: words, or bits as 0 or 1.
pub(super) struct Block {
    table: Table,
    span: Span,
    values: Vec<u16>,
}

impl Block {
    /// The words of `register`, when all of them were read.
    pub(super) fn words_of(&self, register: &Register) -> Option<&[u16]> {
        let inner = register.span();
        if register.table != self.table || !self.span.contains(inner) {
            return None;
        }
        let start = usize::from(inner.start - self.span.start);
        self.values.get(start..start + usize::from(inner.count))
    }
}

/// The values in the data bytes of a verified reply; what follows them, the CRC, is left out.
fn values(table: Table, count: u16, data: &[u8]) -> Vec<u16> {
    let count = usize::from(count);
    if table.is_bits() {
        let bit = |index: usize| data.get(index / 8).map_or(0, |byte| u16::from(byte >> (index % 8) & 1));
        return (0..count).map(bit).collect();
    }
    data.as_chunks::<2>().0.iter().take(count).map(|pair| u16::from_be_bytes(*pair)).collect()
}

fn exchange(mut section: Section<'_>, map: &RegisterMap) -> Option<Frames> {
    let title = section.required_text("title", limits::NAME_CHARS_MAX, "say what is asked for");
    if let Some(title) = &title {
        section.set_label(format!("exchange '{title}'"));
    }
    let (request, reply) = (bytes(&section, "request"), bytes(&section, "reply"));
    let ratio = |key| section.number(key, 1e-6..=RATIO_MAX).unwrap_or(1.0);
    let (ct, pt) = (ratio("ct"), ratio("pt"));
    let mut expected = missing(&section, map);
    if let Some(values) = section.section("values") {
        let known = map.registers.iter().filter(|entry| values.has(&entry.register.name));
        expected.extend(known.filter_map(|entry| value(&values, &entry.register)));
        values.finish();
    }
    if expected.is_empty() {
        section.missing("values", "give at least one value as [exchange.values]");
    }
    section.finish();
    Some(Frames { title: title?, request: request?, reply: reply?, ct, pt, expected })
}

fn value(values: &Section<'_>, register: &Register) -> Option<(String, Expected)> {
    let name = &register.name;
    let value = if register.data_type.is_text() {
        Value::Text(values.text(name, limits::METER_TEXT_BYTES_MAX)?.into())
    } else {
        Value::Number(values.number(name, f64::MIN..=f64::MAX)?)
    };
    Some((name.clone(), Expected::Value(value)))
}

/// `missing = ["name"]`: registers that must have no value.
fn missing(section: &Section<'_>, map: &RegisterMap) -> BTreeMap<String, Expected> {
    let names = section.texts("missing", map.registers.len());
    for name in names.iter().filter(|name| map.register(name).is_none()) {
        let known = map.registers.iter().map(|entry| entry.register.name.as_str());
        section.unknown_name("missing", format!("the map has no '{name}'"), name, known);
    }
    names.into_iter().map(|name| (name, Expected::Missing)).collect()
}

/// A frame written as bytes in hexadecimal, with blanks between them as one likes.
fn bytes(section: &Section<'_>, key: &str) -> Option<Vec<u8>> {
    let text =
        section.required_text(key, FRAME_CHARS_MAX, "give the bytes of the RTU frame, with its CRC")?;
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| Some(nibble(pair[0])? << 4 | nibble(pair[1])?);
    let read: Option<Vec<u8>> = pairs.0.iter().map(byte).collect();
    if read.is_none() || !pairs.1.is_empty() {
        section.fault(
            key,
            "is no row of bytes",
            "write each byte with two hexadecimal digits, such as 01 04 0A",
        );
        return None;
    }
    read
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok())
}

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(" ")
}
