//! Who may ask: bearer tokens, of which only the SHA-256 is kept.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::hex::hex;
use crate::config::site::Platform;

/// Random bytes of a token; far beyond guessing.
const TOKEN_BYTES: usize = 24;
/// Bytes of a token that is looked at; a longer one is none of ours.
const TOKEN_BYTES_MAX: usize = 256;

/// A token for a platform, and what the site file keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPair {
    /// Given to the platform, kept nowhere: 48 hexadecimal digits.
    pub token: String,
    /// Written into the site file: 64 hexadecimal digits.
    pub sha256: String,
}

/// Makes a token from the randomness of the system.
///
/// # Errors
/// When the system has none.
pub fn new_token() -> Result<TokenPair, getrandom::Error> {
    let mut random = [0; TOKEN_BYTES];
    getrandom::fill(&mut random)?;
    let token = hex(&random);
    let sha256 = token_sha256(&token);
    Ok(TokenPair { token, sha256 })
}

/// What a site file keeps of `token`: 64 hexadecimal digits.
#[must_use]
pub fn token_sha256(token: &str) -> String {
    hex(&sha256(token.as_bytes()))
}

/// SHA-256 of `bytes`.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The platform whose token stands in an `Authorization` header. How long this takes does not tell
/// how much of a token was right, nor which platforms there are.
pub(super) fn platform<'p>(header: Option<&str>, platforms: &'p [Platform]) -> Option<&'p Platform> {
    let token = bearer(header?)?;
    let digest = Sha256::digest(token);
    let mut found = None;
    for platform in platforms {
        let is_it: Choice = platform.token_sha256.ct_eq(digest.as_slice());
        if bool::from(is_it) {
            found = Some(platform);
        }
    }
    found
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(tokens: &[&str]) -> Vec<Platform> {
        let platform =
            |token: &&str| Platform::reading(format!("owner of {token}"), sha256(token.as_bytes()));
        tokens.iter().map(platform).collect()
    }

    #[test]
    fn only_a_whole_token_of_a_platform_opens() {
        let platforms = platforms(&["one", "two"]);
        for (header, owner) in [
            (Some("Bearer two"), Some("owner of two")),
            (Some("bearer  one "), Some("owner of one")),
            (Some("Bearer tw"), None),
            (Some("Bearer twoo"), None),
            (Some("Bearer "), None),
            (Some("Bearer"), None),
            (Some("Basic two"), None),
            (Some("two"), None),
            (Some(""), None),
            (None, None),
        ] {
            let found = platform(header, &platforms).map(|platform| platform.id.as_str());
            assert_eq!(found, owner, "{header:?}");
        }
        assert_eq!(platform(Some("Bearer one"), &[]), None);
    }

    #[test]
    fn a_new_token_opens_with_the_hash_that_is_kept_of_it() {
        let pair = new_token().unwrap();
        assert_ne!(pair, new_token().unwrap());
        let mut kept = [0; 32];
        for (index, byte) in kept.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&pair.sha256[index * 2..index * 2 + 2], 16).unwrap();
        }
        let platforms = [Platform::reading("cloud".to_owned(), kept)];
        assert!(platform(Some(&format!("Bearer {}", pair.token)), &platforms).is_some());
    }
}
