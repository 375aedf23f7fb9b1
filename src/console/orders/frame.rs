//! Orders and answers as bytes; pure.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::language::Language;
use crate::limits;
use crate::ops::archive::ExportOrder;
use crate::update::Wish;

const NOT_GIVEN: u16 = u16::MAX;

/// An order without the file that goes beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Export(ExportOrder),
    ExportAudit,
    Backup,
    Restore(PathBuf),
    Update(Wish, Language),
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Progress(u64, u64),
    Data(Vec<u8>),
    Done(String),
    Failed(String),
}

impl Head {
    /// Writes the order.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Export(ExportOrder { point, parameter, from, to }) => {
                let fields = [point, parameter, from, to].map(|field| field.as_ref().map(String::as_bytes));
                write_frame(out, 1, &fields_of(&fields)?)
            }
            Self::Backup => write_frame(out, 2, &[]),
            Self::ExportAudit => write_frame(out, 4, &[]),
            Self::Restore(path) => write_frame(out, 3, &path_field(path)?),
            Self::Update(wish, language) => write_frame(out, 5, &[flags_of(*wish, *language)]),
        }
    }

    /// Reads an order.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Self> {
        let (kind, payload) = read_frame(input)?;
        Self::of(kind, &payload).ok_or_else(|| not_understood("order"))
    }

    fn of(kind: u8, mut payload: &[u8]) -> Option<Self> {
        let fields = &mut payload;
        let mut text = || take_field(fields)?.map(String::from_utf8).transpose().ok();
        let order = match kind {
            1 => Self::Export(ExportOrder { point: text()?, parameter: text()?, from: text()?, to: text()? }),
            2 => Self::Backup,
            3 => Self::Restore(take_path(fields)?),
            4 => Self::ExportAudit,
            5 => {
                let (flags, rest) = fields.split_first()?;
                *fields = rest;
                let (wish, language) = wish_of(*flags)?;
                Self::Update(wish, language)
            }
            _ => return None,
        };
        payload.is_empty().then_some(order)
    }
}

impl Answer {
    /// Writes a part of an answer.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Progress(done, of) => {
                write_frame(out, 16, &[done.to_be_bytes(), of.to_be_bytes()].concat())
            }
            Self::Data(bytes) => write_frame(out, 17, bytes),
            Self::Done(text) => write_frame(out, 18, text.as_bytes()),
            Self::Failed(text) => write_frame(out, 19, text.as_bytes()),
        }
    }

    /// Reads a part of an answer.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Self> {
        let (kind, payload) = read_frame(input)?;
        Self::of(kind, payload).ok_or_else(|| not_understood("answer"))
    }

    fn of(kind: u8, payload: Vec<u8>) -> Option<Self> {
        Some(match kind {
            16 => {
                let (done, of) = payload.split_first_chunk::<8>()?;
                Self::Progress(u64::from_be_bytes(*done), of.try_into().map(u64::from_be_bytes).ok()?)
            }
            17 => Self::Data(payload),
            18 => Self::Done(String::from_utf8(payload).ok()?),
            19 => Self::Failed(String::from_utf8(payload).ok()?),
            _ => return None,
        })
    }
}

fn not_understood(what: &str) -> io::Error {
    let text = format!("the {what} is not understood; use the same version of cems-gateway that runs");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn write_frame(out: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let bytes = u32::try_from(payload.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let [b0, b1, b2, b3] = bytes.to_be_bytes();
    out.write_all(&[kind, b0, b1, b2, b3])?;
    out.write_all(payload)
}

fn read_frame(input: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    input.read_exact(&mut head)?;
    let [kind, bytes @ ..] = head;
    let bytes = usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
    if bytes > limits::ORDER_FRAME_BYTES_MAX {
        return Err(not_understood("frame"));
    }
    let mut payload = vec![0; bytes];
    input.read_exact(&mut payload)?;
    Ok((kind, payload))
}

const FORCED: u8 = 1;
const RESTARTS: u8 = 2;
const CHINESE: u8 = 4;

fn flags_of(wish: Wish, language: Language) -> u8 {
    let flags = [(FORCED, wish.forced), (RESTARTS, wish.restarts), (CHINESE, language == Language::Chinese)];
    flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).sum()
}

fn wish_of(flags: u8) -> Option<(Wish, Language)> {
    let is_set = |flag| flags & flag != 0;
    let language = if is_set(CHINESE) { Language::Chinese } else { Language::English };
    let is_known = flags & !(FORCED | RESTARTS | CHINESE) == 0;
    is_known.then(|| (Wish { forced: is_set(FORCED), restarts: is_set(RESTARTS) }, language))
}

fn fields_of(fields: &[Option<&[u8]>]) -> io::Result<Vec<u8>> {
    let mut payload = Vec::new();
    for field in fields {
        let bytes = field.map_or(Some(NOT_GIVEN), |field| {
            u16::try_from(field.len()).ok().filter(|bytes| *bytes < NOT_GIVEN)
        });
        payload.extend_from_slice(&bytes.ok_or(io::ErrorKind::InvalidInput)?.to_be_bytes());
        payload.extend_from_slice(field.unwrap_or_default());
    }
    Ok(payload)
}

fn path_field(path: &Path) -> io::Result<Vec<u8>> {
    fields_of(&[Some(path.as_os_str().as_bytes())])
}

/// The next field; the inner `None` is one that was not given.
#[expect(clippy::option_option, reason = "not there and not given are two things")]
fn take_field(payload: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    let (bytes, rest) = payload.split_first_chunk::<2>()?;
    *payload = rest;
    match u16::from_be_bytes(*bytes) {
        NOT_GIVEN => Some(None),
        bytes => {
            let (field, rest) = payload.split_at_checked(usize::from(bytes))?;
            *payload = rest;
            Some(Some(field.to_vec()))
        }
    }
}

fn take_path(payload: &mut &[u8]) -> Option<PathBuf> {
    let field = take_field(payload)??;
    Some(PathBuf::from(OsString::from_vec(field)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_field() -> impl Strategy<Value = Option<String>> {
        prop::option::of(".{0,40}")
    }

    proptest! {
        #[test]
        fn any_order_reads_back(
            point in any_field(), parameter in any_field(), from in any_field(), to in any_field(),
            path in "[^\0]{1,80}", (forced, restarts, is_chinese) in any::<(bool, bool, bool)>(),
        ) {
            let export = ExportOrder { point, parameter, from, to };
            let language = if is_chinese { Language::Chinese } else { Language::English };
            let orders = [
                Head::Export(export),
                Head::ExportAudit,
                Head::Backup,
                Head::Restore((&path).into()),
                Head::Update(Wish { forced, restarts }, language),
            ];
            for order in orders {
                let mut bytes = Vec::new();
                order.write(&mut bytes).unwrap();
                prop_assert_eq!(Head::read(&mut bytes.as_slice()).unwrap(), order);
                prop_assert!(Head::read(&mut &bytes[..bytes.len() - 1]).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(kind in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Head::of(kind, &bytes);
            let _ = Answer::of(kind, bytes.clone());
            let _ = Answer::read(&mut bytes.as_slice());
        }
    }

    #[test]
    fn any_answer_reads_back() {
        let answers = [
            Answer::Progress(3, 7),
            Answer::Data(vec![1, 2]),
            Answer::Done("a".into()),
            Answer::Failed("b".into()),
        ];
        let mut bytes = Vec::new();
        for answer in &answers {
            answer.write(&mut bytes).unwrap();
        }
        let mut input = bytes.as_slice();
        for answer in answers {
            assert_eq!(Answer::read(&mut input).unwrap(), answer);
        }
    }
}
