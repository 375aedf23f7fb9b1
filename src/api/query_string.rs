//! Query string: the names and values behind the `?` of a path, whose length is bounded.

use super::fault::Fault;

/// The decoded pairs of `query`, in order; `+` stands for a blank.
///
/// # Errors
/// When a percent sign is not followed by two hexadecimal digits that make
/// UTF-8.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut pairs = Vec::new();
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

fn decode(text: &str) -> Result<String, Fault> {
    let fault = || Fault::malformed("the query string is not percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                high.zip(low).map(|(high, low)| high * 16 + low).ok_or_else(fault)?
            }
            plain => *plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| fault())
}

fn digit(byte: Option<&u8>) -> Option<u8> {
    let value = char::from(*byte?).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded_in_order() {
        let found = pairs("pointID=PT-1&x=%E7%94%B5+%2B&&y&readingTypeID=0.0.*").unwrap();
        let expected = [("pointID", "PT-1"), ("x", "电 +"), ("y", ""), ("readingTypeID", "0.0.*")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_not_percent_encoded_utf8_is_refused() {
        for query in ["a=%", "a=%4", "a=%zz", "a=%ff", "%+4=1"] {
            assert!(pairs(query).is_err(), "{query}");
        }
    }
}
