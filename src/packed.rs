//! Packed: a text that the program carries compressed, as `build.rs` has packed it.

use std::io::{self, Read as _, Write};

use flate2::read::GzDecoder;

/// A text that the program carries compressed.
#[derive(Clone, Copy, Debug)]
pub struct Packed(#[doc(hidden)] pub &'static [u8]);

/// The packed form of a file that `build.rs` lists, by its name.
macro_rules! packed {
    ($($name:tt)*) => {
        $crate::packed::Packed(include_bytes!(concat!(env!("OUT_DIR"), "/", $($name)*, ".gz")))
    };
}
pub(crate) use packed;

impl Packed {
    /// The text, unpacked whole.
    #[must_use]
    pub fn text(self) -> String {
        let mut text = String::new();
        // What was packed in the build unpacks; a flash that has changed since is beyond this program.
        let _ = GzDecoder::new(self.0).read_to_string(&mut text);
        text
    }

    /// Several texts that were packed as one, each with its name, in the order of the names.
    #[must_use]
    pub fn texts(self) -> Vec<(String, String)> {
        // What `build.rs` puts before each.
        let parts = self.text();
        let named = parts.split('\u{1e}').filter_map(|part| part.split_once('\n'));
        named.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    /// Writes the text piece by piece, so that nothing holds it whole.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn write(self, out: &mut dyn Write) -> io::Result<()> {
        io::copy(&mut GzDecoder::new(self.0), out).map(drop)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_packed_comes_out_as_it_went_in() {
        let (packed, text) = (packed!("openapi.json"), include_str!("api/wire/openapi/openapi.json"));
        assert_eq!(packed.text(), text);
        let mut written = Vec::new();
        packed.write(&mut written).unwrap();
        assert_eq!(written, text.as_bytes());
        assert!(packed.0.len() * 5 < text.len(), "{}", packed.0.len());
    }
}
