//! Signature: a request that is signed instead of carrying its token.
//!
//! ```text
//! Authorization: CEMS-HMAC-SHA256 platform=ID, time=SECONDS, nonce=WORD, body=SHA256, signature=HMAC
//! HMAC = HMAC-SHA256(key, METHOD \n PATH?QUERY \n SECONDS \n WORD \n SHA256)   key = SHA-256 of the token
//! ```
//!
//! All in lower-case hexadecimal digits; SECONDS are those of Unix; SHA256 is that of the body. Whoever listens on the
//! way learns nothing that would open anything a second time.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::api::gate::head::RequestHead;
use crate::config::site::Platform;

/// What the header begins with.
const SCHEME: &str = "CEMS-HMAC-SHA256";
/// Characters of a nonce.
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 8..=64;

/// What a request is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Signature {
    /// The platform's ID.
    pub(in crate::api) platform: String,
    /// Seconds since 1970.
    pub(in crate::api) time_s: i64,
    /// A word that is used once.
    pub(in crate::api) nonce: String,
    /// SHA-256 of the body.
    pub(in crate::api) body_sha256: [u8; 32],
    hmac: [u8; 32],
    time: String,
    body: String,
}

impl Signature {
    /// Reads the value of an `Authorization` header; `None` where it is something else.
    pub(in crate::api) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let mut values = [None; 5];
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            let at =
                ["platform", "time", "nonce", "body", "signature"].iter().position(|known| *known == name)?;
            if values[at].replace(value).is_some() {
                return None;
            }
        }
        let [platform, time, nonce, body, signature] = values;
        let (time, nonce, body) = (time?, nonce?, body?);
        let is_plain = nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_decimal = time.bytes().all(|byte| byte.is_ascii_digit());
        if !is_plain || !NONCE_CHARS.contains(&nonce.len()) || !is_decimal {
            return None;
        }
        Some(Self {
            platform: platform?.to_owned(),
            time_s: time.parse().ok()?,
            nonce: nonce.to_owned(),
            body_sha256: unhex(body)?,
            hmac: unhex(signature?)?,
            time: time.to_owned(),
            body: body.to_owned(),
        })
    }

    /// Whether `platform` made it for the request of `head`. How long this takes tells nothing.
    pub(in crate::api) fn fits(&self, platform: &Platform, head: &RequestHead) -> bool {
        self.is_made_with(&platform.token_sha256, &head.method, &head.target)
    }

    /// Whether it was made with `key` for this method and target.
    pub(in crate::api) fn is_made_with(&self, key: &[u8], method: &str, target: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
        for part in [method, "\n", target, "\n", &self.time, "\n", &self.nonce, "\n", &self.body] {
            mac.update(part.as_bytes());
        }
        mac.verify_slice(&self.hmac).is_ok()
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 64 || !is_hex {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// Reckoned with Python's hmac, key `b"k" * 32`.
    const HMAC: &str = "1b71299d62a5c83d9b609b05bcc30b293fb7ef8d1c4769513603388ce10e4122";

    fn header(change: impl FnOnce(&mut Vec<String>)) -> String {
        let mut parts = vec![
            "platform=cloud".to_owned(),
            "time=1718159400".to_owned(),
            "nonce=n0nce-0001".to_owned(),
            format!("body={BODY}"),
            format!("signature={HMAC}"),
        ];
        change(&mut parts);
        format!("{SCHEME} {}", parts.join(", "))
    }

    #[test]
    fn a_signature_of_somebody_elses_making_fits_what_it_signs_and_nothing_else() {
        let signature = Signature::parse(&header(|_| {})).unwrap();
        let (key, target) = ([b'k'; 32], "/cems/v1/GetCemsDynamicData?pageSize=1");
        assert!(signature.is_made_with(&key, "GET", target));
        assert!(!signature.is_made_with(&[b'x'; 32], "GET", target));
        assert!(!signature.is_made_with(&key, "POST", target));
        assert!(!signature.is_made_with(&key, "GET", "/cems/v1/GetCemsDynamicData"));
        for (index, other) in [
            "platform=cloud",
            "time=1718159401",
            "nonce=n0nce-0002",
            &format!("body={}", BODY.replace('e', "f")),
        ]
        .into_iter()
        .enumerate()
        .skip(1)
        {
            let changed = Signature::parse(&header(|parts| parts[index] = other.to_owned())).unwrap();
            assert!(!changed.is_made_with(&key, "GET", target), "{other}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_signature_is_none() {
        for (index, part) in [
            (0, "platform"),
            (1, "time=+1"),
            (1, "time=99999999999999999999"),
            (2, "nonce=short"),
            (2, "nonce=with blank"),
            (3, "body=ABCD"),
            (4, "signature=00"),
            (4, "nonce=n0nce-0001"),
            (4, "other=1"),
        ] {
            assert_eq!(Signature::parse(&header(|parts| parts[index] = part.to_owned())), None, "{part}");
        }
        assert_eq!(Signature::parse(&header(|parts| drop(parts.pop()))), None);
        assert_eq!(Signature::parse("Bearer x"), None);
    }
}
