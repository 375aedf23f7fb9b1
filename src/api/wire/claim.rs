//! Claim: how a gateway that nobody owns is claimed; our own, no operation of the standard.

use serde::{Deserialize, Serialize};

use crate::api::fault::Fault;
use crate::limits;

/// What whoever stands before the box asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest<'r> {
    /// The code that the console shows.
    #[serde(rename = "claimCode")]
    pub code: &'r str,
    /// The ID of the first platform.
    #[serde(rename = "platformID")]
    pub platform: &'r str,
}

impl<'r> ClaimRequest<'r> {
    /// Reads a body that the guard has let through.
    ///
    /// # Errors
    /// When it is anything but these two members.
    pub fn read(json: &'r str) -> Result<Self, Fault> {
        let fault = |why| Err(Fault::malformed(why));
        let Ok((request, _)) = serde_json_core::from_str::<Self>(json) else {
            return fault("a claim has the members claimCode and platformID, both texts, and no other");
        };
        let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_id = (1..=limits::ID_CHARS_MAX).contains(&request.platform.len());
        if !is_id || !request.platform.bytes().all(is_of_id) {
            return fault("platformID is no ID; use ASCII letters, digits, '-', '_' and '.'");
        }
        Ok(request)
    }
}

/// What the first platform has from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimAnswer<'a> {
    /// Its ID.
    #[serde(rename = "platformID")]
    pub platform: &'a str,
    /// Its token, told this once.
    #[serde(rename = "token")]
    pub token: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_two_members_and_no_other() {
        let read = |json| ClaimRequest::read(json).map_err(|fault| fault.message);
        assert_eq!(
            read(r#"{"claimCode":"AB","platformID":"cloud-1"}"#),
            Ok(ClaimRequest { code: "AB", platform: "cloud-1" })
        );
        for (json, told) in [
            (r#"{"claimCode":"AB"}"#, "claimCode and platformID"),
            (r#"{"claimCode":"AB","platformID":"a","x":1}"#, "no other"),
            (r#"{"claimCode":1,"platformID":"a"}"#, "both texts"),
            (r#"{"claimCode":"AB","platformID":"a b"}"#, "platformID is no ID"),
            (r#"{"claimCode":"AB","platformID":""}"#, "platformID is no ID"),
        ] {
            assert!(read(json).unwrap_err().contains(told), "{json}");
        }
    }
}
