//! Forms that a text must keep: codes, host names, digests, intervals.

use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

use crate::document::Section;
use crate::limits;
use crate::time::Interval;

/// Characters of a host name: RFC 1035, section 2.3.4.
const HOST_CHARS_MAX: usize = 253;

/// An optional whole number in `range`, which must fit the smaller type.
pub(super) fn whole<T: TryFrom<i64>>(
    section: &Section<'_>,
    key: &str,
    range: RangeInclusive<i64>,
) -> Option<T> {
    T::try_from(section.integer(key, range)?).ok()
}

/// The two digits of an energy class, such as `01` for electricity.
pub(super) fn energy_code(section: &Section<'_>, key: &str) -> Option<String> {
    section.parsed(key, |text| {
        is_energy_code(text).then(|| text.to_owned()).ok_or("write two digits, such as 01 for electricity")
    })
}

/// Whether the text is an energy class.
pub(super) fn is_energy_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A sub-item code: an energy class and three letters or digits, such as `01B1A`.
pub(super) fn sub_item_code(section: &Section<'_>, key: &str) -> Option<String> {
    section.parsed(key, |text| {
        let form_holds = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        form_holds.then(|| text.to_owned()).ok_or("write five letters and digits, such as 01B1A")
    })
}

/// A region code of GB/T 2260.
pub(super) fn region_code(section: &Section<'_>, key: &str) -> Option<String> {
    section.parsed(key, |text| {
        let form_holds = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        form_holds.then(|| text.to_owned()).ok_or("write the six digits of GB/T 2260, such as 310000")
    })
}

/// A host name or an address, without scheme and port.
pub(super) fn host(section: &Section<'_>, key: &str) -> Option<String> {
    section.parsed(key, |text| {
        is_host(text)
            .then(|| text.to_owned())
            .ok_or("write a host name or an address alone, such as 192.0.2.10; the port has a key of its own")
    })
}

/// Whether the text is a host name or an address, without scheme and port.
pub(super) fn is_host(text: &str) -> bool {
    let is_name_char = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_name = text.len() <= HOST_CHARS_MAX && text.bytes().all(is_name_char);
    is_name || text.parse::<Ipv6Addr>().is_ok()
}

/// An interval that meters may be read at.
pub(super) fn scan_interval(section: &Section<'_>, key: &str) -> Option<Interval> {
    interval(section, key, limits::INTERVAL_MIN_MS..=limits::INTERVAL_MAX_MS, "give PT0.1S to P1D")
}

/// An interval whose milliseconds lie in `range_ms`, which `remedy` puts into words.
pub(super) fn interval(
    section: &Section<'_>,
    key: &str,
    range_ms: RangeInclusive<i64>,
    remedy: &str,
) -> Option<Interval> {
    section.parsed(key, |text| {
        let interval = Interval::parse(text).map_err(|fault| fault.to_string())?;
        range_ms.contains(&interval.as_ms()).then_some(interval).ok_or_else(|| remedy.to_owned())
    })
}

/// How one comes by a digest.
pub(super) const SHA256_REMEDY: &str =
    "give the 64 hex digits that `printf %s TOKEN | sha256sum` prints, never the token itself";

/// The 64 hex digits of a SHA-256.
pub(super) fn sha256(section: &Section<'_>, key: &str) -> Option<[u8; 32]> {
    section.parsed(key, |text| digest(text).ok_or(SHA256_REMEDY))
}

fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn accepts<T>(read: impl Fn(&Section<'_>, &str) -> Option<T>, text: &str) -> bool {
        let document = Document::parse("site.toml", &format!("key = '{text}'")).unwrap();
        read(&document.root(), "key").is_some() && document.verdict().is_ok()
    }

    #[test]
    fn codes_keep_their_form() {
        assert!(accepts(energy_code, "01") && !accepts(energy_code, "1") && !accepts(energy_code, "0A"));
        assert!(
            accepts(sub_item_code, "01B1A")
                && !accepts(sub_item_code, "01B1")
                && !accepts(sub_item_code, "01 1A")
        );
        assert!(
            accepts(region_code, "310000")
                && !accepts(region_code, "31000")
                && !accepts(region_code, "31000０")
        );
    }

    #[test]
    fn a_host_stands_alone() {
        for text in ["192.0.2.10", "meter-1.example", "2001:db8::1", "localhost"] {
            assert!(accepts(host, text), "{text}");
        }
        for text in ["http://meter", "192.0.2.10:502", "a b", "[2001:db8::1]", "电表"] {
            assert!(!accepts(host, text), "{text}");
        }
    }

    #[test]
    fn an_interval_lies_between_a_tenth_of_a_second_and_a_day() {
        for text in ["PT0.1S", "PT1S", "PT15M", "P1D"] {
            assert!(accepts(scan_interval, text), "{text}");
        }
        for text in ["PT0.099S", "P1DT1S", "PT0S", "P1M", "15", "P2D"] {
            assert!(!accepts(scan_interval, text), "{text}");
        }
    }

    #[test]
    fn a_digest_has_sixty_four_hex_digits() {
        assert_eq!(digest(&"0aF1".repeat(16)).map(|digest| digest[..2].to_vec()), Some(vec![0x0a, 0xf1]));
        for text in ["demo".to_owned(), "0".repeat(63), "g".repeat(64), "é".repeat(32)] {
            assert!(!accepts(sha256, &text), "{text}");
        }
    }
}
