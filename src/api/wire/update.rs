//! Update: how a new release is brought over the interface; our own, no operation of the standard.

use serde::Serialize;

use super::names;
use crate::api::fault::Fault;
use crate::language::Language;
use crate::slots::Slot;
use crate::update::{State, View, Wish};

/// How an update stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Update {
    /// How it stands, in one word.
    #[serde(rename = "state")]
    pub state: &'static str,
    /// The slot that runs.
    #[serde(rename = "slot", skip_serializing_if = "Option::is_none")]
    pub slot: Option<&'static str>,
    /// The release that runs.
    #[serde(rename = "release")]
    pub release: String,
    /// The release that comes, or has come.
    #[serde(rename = "offeredRelease", skip_serializing_if = "Option::is_none")]
    pub offered: Option<String>,
    /// Bytes of the bundle that have come: where it goes on.
    #[serde(rename = "receivedBytes", skip_serializing_if = "Option::is_none")]
    pub received_bytes: Option<u64>,
    /// Bytes of the whole bundle; 0 while its head has not come.
    #[serde(rename = "totalBytes", skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    /// Why the system before came back.
    #[serde(rename = "reason", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why the last update was not taken.
    #[serde(rename = "fault", skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl From<&View> for Update {
    fn from(view: &View) -> Self {
        let (received_bytes, total_bytes) = match view.state {
            State::Receiving { bytes, of } => (Some(bytes), Some(of)),
            _ => (None, None),
        };
        let reason = match &view.state {
            State::RolledBack { reason } => Some(reason.word().to_owned()),
            _ => None,
        };
        Self {
            state: view.state.word(),
            slot: view.slot.map(Slot::name),
            release: view.running.to_string(),
            offered: view.offered.map(|version| version.to_string()),
            received_bytes,
            total_bytes,
            reason,
            fault: view.fault.as_ref().map(|fault| fault.in_words(Language::English).to_owned()),
        }
    }
}

/// Where a piece lies in its bundle, and what is wished beside it.
///
/// # Errors
/// When the query says anything else.
pub fn read_question(pairs: &[(String, String)]) -> Result<(u64, Wish), Fault> {
    let (mut offset, mut wish) = (None, Wish::default());
    for (name, value) in pairs {
        match name.as_str() {
            names::OFFSET => {
                let fault = |_| {
                    Fault::malformed("offset is no number; write where the piece lies in the file, from 0")
                };
                offset = Some(value.parse().map_err(fault)?);
            }
            names::FORCE => wish.forced = flag(value)?,
            names::RESTART => wish.restarts = flag(value)?,
            _ => return Err(Fault::malformed("a piece has offset, force and restart, and nothing else")),
        }
    }
    let offset =
        offset.ok_or_else(|| Fault::malformed("offset is missing; say where the piece lies in the file"))?;
    Ok((offset, wish))
}

fn flag(value: &str) -> Result<bool, Fault> {
    value.parse().map_err(|_| Fault::malformed("force and restart are true or false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<(u64, Wish), String> {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read_question(&pairs).map_err(|fault| fault.message)
    }

    #[test]
    fn a_piece_says_where_it_lies_and_what_is_wished() {
        assert_eq!(read(&[("offset", "65536")]), Ok((65_536, Wish::default())));
        let wish = Wish { forced: true, restarts: false };
        assert_eq!(read(&[("offset", "0"), ("force", "true"), ("restart", "false")]), Ok((0, wish)));
        for (pairs, told) in [
            (&[][..], "offset is missing"),
            (&[("offset", "-1")], "no number"),
            (&[("offset", "0"), ("force", "yes")], "true or false"),
            (&[("offset", "0"), ("x", "1")], "nothing else"),
        ] {
            assert!(read(pairs).unwrap_err().contains(told), "{pairs:?}");
        }
    }
}
