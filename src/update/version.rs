//! Which release is newer.

use std::fmt;

/// A release: three numbers, of which the first that differs decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// The release that this program is; zeros could only come from a build that nobody releases.
    #[must_use]
    pub fn of_this() -> Self {
        let none = Self { major: 0, minor: 0, patch: 0 };
        Self::parse(env!("CARGO_PKG_VERSION")).unwrap_or(none)
    }

    /// Reads `1.2.3`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |part: &str| {
            let is_plain = part.bytes().all(|byte| byte.is_ascii_digit());
            let leads_with_zero = part.len() > 1 && part.starts_with('0');
            (is_plain && !leads_with_zero).then(|| part.parse().ok()).flatten()
        };
        let mut parts = text.splitn(3, '.').map(number);
        let mut next = || parts.next().flatten();
        Some(Self { major: next()?, minor: next()?, patch: next()? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number_and_not_by_text() {
        let ordered = ["0.1.0", "0.1.9", "0.1.10", "0.2.0", "1.0.0", "10.0.0"];
        let parsed = ordered.map(|text| Version::parse(text).unwrap());
        assert!(parsed.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(parsed.map(|version| version.to_string()), ordered);
    }

    #[test]
    fn what_is_no_release_is_not_read() {
        for text in ["", "1", "1.2", "1.2.3.4", "1.2.3-rc1", "01.2.3", "1..3", "+1.2.3", "1.2.4294967296"] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
        assert!(Version::of_this() > Version::parse("0.0.0").unwrap());
    }
}
