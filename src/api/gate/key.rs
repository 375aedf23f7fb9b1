//! Key: what tells the workers that a request has come through the gate.
//!
//! Their socket lies in a folder that only this user may enter; the key, made anew at each start, keeps
//! out what else runs as this user.

use subtle::ConstantTimeEq;

use crate::api::hex::hex;

/// Random bytes of a key.
const KEY_BYTES: usize = 16;

/// A secret between the gate and the workers.
#[derive(Clone)]
pub(in crate::api) struct GateKey(String);

impl GateKey {
    /// The header that carries it.
    pub(in crate::api) const HEADER: &'static str = "x-gate-key";
    /// The header that carries the ID of the platform that asks, where it has shown who it is.
    pub(in crate::api) const PLATFORM_HEADER: &'static str = "x-gate-platform";

    /// The header that carries the address of the client.
    pub(in crate::api) const PEER_HEADER: &'static str = "x-gate-peer";

    /// A new one, of the system's randomness.
    ///
    /// # Errors
    /// When the system has none.
    pub(in crate::api) fn random() -> Result<Self, getrandom::Error> {
        let mut random = [0; KEY_BYTES];
        getrandom::fill(&mut random)?;
        Ok(Self(hex(&random)))
    }

    /// Whether `shown` is this key. How long this takes tells nothing.
    pub(in crate::api) fn opens(&self, shown: Option<&str>) -> bool {
        shown.is_some_and(|shown| shown.as_bytes().ct_eq(self.0.as_bytes()).into())
    }

    /// What the header says.
    pub(in crate::api) fn value(&self) -> &str {
        &self.0
    }
}
