//! Nonces: a signed request is taken once.

use std::collections::{HashMap, VecDeque};

use crate::limits;

/// Why a nonce is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNew {
    /// It was used before.
    Seen,
    /// Too many are remembered already; to forget one would let its request be sent again.
    Full,
}

/// The nonces of the requests whose time would still be taken.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    seen: HashMap<String, VecDeque<(i64, String)>>,
}

impl Nonces {
    /// Remembers `nonce` of `platform`, used at `now_s`.
    ///
    /// # Errors
    /// When it was used before, or there is no room for another.
    pub(super) fn is_new(&mut self, platform: &str, nonce: &str, now_s: i64) -> Result<(), NotNew> {
        // A signature may be as far ahead of our clock as behind it.
        let kept_s = limits::SIGNATURE_AGE_MAX_S * 2;
        for seen in self.seen.values_mut() {
            seen.retain(|(at_s, _)| now_s.abs_diff(*at_s) <= kept_s);
        }
        self.seen.retain(|_, seen| !seen.is_empty());
        let seen = self.seen.entry(platform.to_owned()).or_default();
        if seen.iter().any(|(_, known)| known == nonce) {
            return Err(NotNew::Seen);
        }
        if seen.len() >= limits::NONCES_MAX {
            return Err(NotNew::Full);
        }
        seen.push_back((now_s, nonce.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_taken_once_by_each_platform_while_its_time_would_be() {
        let mut nonces = Nonces::default();
        assert_eq!(nonces.is_new("cloud", "a", 1_000), Ok(()));
        assert_eq!(nonces.is_new("cloud", "a", 1_600), Err(NotNew::Seen));
        assert_eq!(nonces.is_new("other", "a", 1_600), Ok(()));
        assert_eq!(nonces.is_new("cloud", "a", 1_601), Ok(()));
    }

    #[test]
    fn rather_than_forget_one_no_more_are_taken() {
        let mut nonces = Nonces::default();
        for number in 0..limits::NONCES_MAX {
            assert_eq!(nonces.is_new("cloud", &number.to_string(), 0), Ok(()));
        }
        assert_eq!(nonces.is_new("cloud", "one more", 0), Err(NotNew::Full));
        assert_eq!(nonces.is_new("cloud", "one more", 601), Ok(()));
    }
}
