//! JSON stream: a document written item by item, so that its memory does not depend on its length.
//!
//! Every item is first written whole into a fixed buffer and only then sent on. One that does not
//! fit, or a caller that stops half way, leaves a document that is visibly not closed.

use std::io::{self, Write};

use heapless::Vec;
use serde::Serialize;
use thiserror::Error;

use crate::limits;

/// Lists and objects that can be open at a time: data, site, category, point, series and their lists.
const OPEN_MAX: usize = 16;

/// Why a document was not written to its end.
#[derive(Debug, Error)]
pub(in crate::api) enum WriteError {
    /// One item is longer than the buffer.
    #[error("an item is longer than {} bytes", limits::API_ITEM_BYTES_MAX)]
    ItemTooLong,
    /// The calls do not make a document: this is a fault of the gateway.
    #[error("the document is not well formed: {0}")]
    Structure(&'static str),
    /// The client does not take it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    List,
}

/// Writes one JSON document.
pub(in crate::api) struct JsonStream<W> {
    out: W,
    item: Vec<u8, { limits::API_ITEM_BYTES_MAX }>,
    open: Vec<Open, OPEN_MAX>,
    /// Whether the innermost list or object has an entry already.
    has_entry: bool,
}

impl<W: Write> JsonStream<W> {
    /// A document that goes to `out`.
    pub(in crate::api) fn new(out: W) -> Self {
        Self { out, item: Vec::new(), open: Vec::new(), has_entry: false }
    }

    /// Begins an object with the members of `head` and leaves it open: the document itself, or an
    /// entry of the open list.
    pub(in crate::api) fn begin(&mut self, head: &impl Serialize) -> Result<(), WriteError> {
        if self.open.last() == Some(&Open::Object) {
            return Err(WriteError::Structure("an object inside an object needs a name"));
        }
        self.comma()?;
        self.open_object(head)
    }

    /// Begins a member of the open object that is an object itself, with the members of `head`.
    pub(in crate::api) fn object(
        &mut self,
        name: &'static str,
        head: &impl Serialize,
    ) -> Result<(), WriteError> {
        self.name(name)?;
        self.open_object(head)
    }

    /// Begins a member of the open object that is a list.
    pub(in crate::api) fn list(&mut self, name: &'static str) -> Result<(), WriteError> {
        self.name(name)?;
        self.out.write_all(b"[")?;
        self.push(Open::List)?;
        self.has_entry = false;
        Ok(())
    }

    /// Writes a whole member of the open object.
    pub(in crate::api) fn member(
        &mut self,
        name: &'static str,
        value: &impl Serialize,
    ) -> Result<(), WriteError> {
        self.name(name)?;
        let length = self.fill(value)?;
        self.send(length)
    }

    /// Writes a whole entry of the open list.
    pub(in crate::api) fn item(&mut self, value: &impl Serialize) -> Result<(), WriteError> {
        if self.open.last() != Some(&Open::List) {
            return Err(WriteError::Structure("an item outside a list"));
        }
        // The item comes before its comma, so that one that does not fit leaves no trace.
        let length = self.fill(value)?;
        self.comma()?;
        self.send(length)
    }

    /// Closes the innermost list or object.
    pub(in crate::api) fn end(&mut self) -> Result<(), WriteError> {
        let bracket: &[u8] = match self.open.pop() {
            Some(Open::Object) => b"}",
            Some(Open::List) => b"]",
            None => return Err(WriteError::Structure("nothing is open")),
        };
        self.out.write_all(bracket)?;
        self.has_entry = true;
        Ok(())
    }

    /// Closes everything that is open.
    pub(in crate::api) fn finish(&mut self) -> Result<(), WriteError> {
        while !self.open.is_empty() {
            self.end()?;
        }
        Ok(())
    }

    /// Closes what is open until `depth` lists and objects are.
    pub(in crate::api) fn end_to(&mut self, depth: usize) -> Result<(), WriteError> {
        while self.open.len() > depth {
            self.end()?;
        }
        Ok(())
    }

    /// Lists and objects that are open.
    pub(in crate::api) fn depth(&self) -> usize {
        self.open.len()
    }

    fn open_object(&mut self, head: &impl Serialize) -> Result<(), WriteError> {
        let length = self.fill(head)?;
        if self.item.first() != Some(&b'{') || length < 2 {
            return Err(WriteError::Structure("the head of an object is no object"));
        }
        self.send(length - 1)?;
        self.push(Open::Object)?;
        self.has_entry = length > 2;
        Ok(())
    }

    fn name(&mut self, name: &'static str) -> Result<(), WriteError> {
        if self.open.last() != Some(&Open::Object) {
            return Err(WriteError::Structure("a member outside an object"));
        }
        self.comma()?;
        self.out.write_all(b"\"")?;
        self.out.write_all(name.as_bytes())?;
        self.out.write_all(b"\":")?;
        Ok(())
    }

    fn comma(&mut self) -> Result<(), WriteError> {
        if self.has_entry {
            self.out.write_all(b",")?;
        }
        self.has_entry = true;
        Ok(())
    }

    fn push(&mut self, open: Open) -> Result<(), WriteError> {
        self.open.push(open).map_err(|_| WriteError::Structure("too much is open"))
    }

    /// Writes `value` into the buffer; a partial one is never sent.
    fn fill(&mut self, value: &impl Serialize) -> Result<usize, WriteError> {
        let full = self.item.resize(limits::API_ITEM_BYTES_MAX, 0);
        full.map_err(|_| WriteError::ItemTooLong)?;
        serde_json_core::to_slice(value, &mut self.item).map_err(|_| WriteError::ItemTooLong)
    }

    fn send(&mut self, length: usize) -> Result<(), WriteError> {
        let item = self.item.get(..length).ok_or(WriteError::ItemTooLong)?;
        self.out.write_all(item)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Head {
        a: u8,
    }
    #[derive(Serialize)]
    struct Nothing {}

    fn written(
        write: impl FnOnce(&mut JsonStream<&mut std::vec::Vec<u8>>) -> Result<(), WriteError>,
    ) -> String {
        let mut bytes = std::vec::Vec::new();
        let mut stream = JsonStream::new(&mut bytes);
        write(&mut stream).unwrap();
        stream.finish().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn heads_items_and_tails_make_one_document() {
        let document = written(|json| {
            json.begin(&Head { a: 1 })?;
            json.object("b", &Nothing {})?;
            json.list("c")?;
            json.item(&1)?;
            json.begin(&Head { a: 2 })?;
            json.end()?;
            json.begin(&Nothing {})?;
            json.end_to(2)?;
            json.member("d", &"x\"y")?;
            json.list("e")?;
            json.end_to(1)?;
            json.member("f", &true)
        });
        assert_eq!(document, r#"{"a":1,"b":{"c":[1,{"a":2},{}],"d":"x\"y","e":[]},"f":true}"#);
    }

    #[test]
    fn an_item_that_is_too_long_leaves_no_trace() {
        let mut bytes = std::vec::Vec::new();
        let mut stream = JsonStream::new(&mut bytes);
        stream.begin(&Nothing {}).unwrap();
        stream.list("c").unwrap();
        let long = "x".repeat(limits::API_ITEM_BYTES_MAX);
        assert!(matches!(stream.item(&long), Err(WriteError::ItemTooLong)));
        assert_eq!(bytes, b"{\"c\":[");
    }

    #[test]
    fn calls_that_make_no_document_are_refused() {
        let mut stream = JsonStream::new(std::vec::Vec::new());
        assert!(matches!(stream.item(&1), Err(WriteError::Structure(_))));
        assert!(matches!(stream.member("a", &1), Err(WriteError::Structure(_))));
        assert!(matches!(stream.end(), Err(WriteError::Structure(_))));
        stream.begin(&Nothing {}).unwrap();
        assert!(matches!(stream.begin(&Nothing {}), Err(WriteError::Structure(_))));
        assert!(matches!(stream.object("a", &1), Err(WriteError::Structure(_))));
    }
}
