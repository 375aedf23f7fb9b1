//! Claim: how a gateway that nobody owns yet gets its first platform.
//!
//! Whoever stands before the box reads a code off its console and tells it over the interface, once. The
//! code is random for each box and kept where only this user can read it; with the first platform it is gone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::Ops;

/// Characters of a code: 80 bits of randomness.
const CODE_CHARS: usize = 16;
/// Characters that stand together.
const GROUP_CHARS: usize = 4;
/// Digits and letters without those that look like others.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The file of the code in the folder of the gate.
const FILE: &str = "claim-code";

/// Who can write the first platform into the site file.
pub trait Ownership: Send + Sync {
    /// Lets `platform` read and administer with the token of this SHA-256, from now on. Blocks until
    /// that is so.
    ///
    /// # Errors
    /// Why not.
    fn found(&self, platform: &str, token_sha256: &str) -> Result<(), String>;
}

/// Why a gateway is not claimed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// It has an owner.
    #[error("this gateway is claimed already; its site file names its platforms")]
    Claimed,
    /// The code is another.
    #[error("this is not the claim code; the console shows it under `status`")]
    WrongCode,
    /// The site file cannot be changed.
    #[error("the gateway could not be claimed: {0}")]
    Refused(String),
}

/// What is known of the claim.
#[derive(Default)]
pub(super) struct Claims {
    code: Mutex<Option<Code>>,
    owner: OnceLock<Arc<dyn Ownership>>,
}

struct Code {
    text: String,
    file: PathBuf,
}

impl Ops {
    /// Whether anybody may ask over HTTP at all.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        !self.site().platforms.is_empty()
    }

    /// Makes a claim code in `folder` where nobody owns the gateway, or finds the one that is there.
    ///
    /// # Errors
    /// When the file cannot be written or there is no randomness.
    pub fn open_claim(&self, folder: &Path) -> io::Result<()> {
        if self.is_claimed() {
            return Ok(());
        }
        let file = folder.join(FILE);
        let kept = fs::read_to_string(&file).ok().filter(|text| is_code(text));
        let text = match kept {
            Some(text) => text,
            None => make(&file)?,
        };
        *self.claim_code_held() = Some(Code { text, file });
        Ok(())
    }

    /// The code that claims this gateway, for those who stand before it; `None` once it is claimed.
    #[must_use]
    pub fn claim_code(&self) -> Option<String> {
        // While somebody claims it, it is as good as claimed; nobody waits for them.
        let held = self.claims.code.try_lock().ok()?;
        let code = held.as_ref().filter(|_| !self.is_claimed())?;
        let groups = code.text.as_bytes().chunks(GROUP_CHARS).map(String::from_utf8_lossy);
        Some(groups.collect::<Vec<_>>().join("-"))
    }

    /// Says who can write the first platform into the site file.
    pub fn found_by(&self, owner: Arc<dyn Ownership>) {
        let _is_first = self.claims.owner.set(owner);
    }

    /// Makes `platform` the first, if `code` is the claim code.
    ///
    /// # Errors
    /// When it is not, or the gateway is claimed.
    pub fn claim(&self, code: &str, platform: &str, token_sha256: &str) -> Result<(), ClaimError> {
        // Held to the end, so that of two who have the code one comes first.
        let mut held = self.claim_code_held();
        if self.is_claimed() {
            return Err(ClaimError::Claimed);
        }
        let expected = held.as_ref().ok_or(ClaimError::WrongCode)?;
        if !bool::from(plain(code).as_bytes().ct_eq(expected.text.as_bytes())) {
            return Err(ClaimError::WrongCode);
        }
        let owner = self.claims.owner.get();
        let owner = owner.ok_or_else(|| ClaimError::Refused("there is no site file to write".to_owned()))?;
        owner.found(platform, token_sha256).map_err(ClaimError::Refused)?;
        if let Some(code) = held.take() {
            // It opens nothing any more.
            let _ = fs::remove_file(code.file);
        }
        Ok(())
    }

    fn claim_code_held(&self) -> std::sync::MutexGuard<'_, Option<Code>> {
        self.claims.code.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody typed, without hyphens and blanks and in capitals.
fn plain(code: &str) -> String {
    let typed = code.chars().filter(|typed| !matches!(typed, '-' | ' ')).take(CODE_CHARS + 1);
    typed.map(|typed| typed.to_ascii_uppercase()).collect()
}

fn is_code(text: &str) -> bool {
    text.len() == CODE_CHARS && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

fn make(file: &Path) -> io::Result<String> {
    let mut random = [0; CODE_CHARS];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let text: String = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let mut written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        assert_eq!(plain("ab12-cd34 EF56-gh78"), "AB12CD34EF56GH78");
        assert_ne!(plain("AB12CD34EF56GH789"), "AB12CD34EF56GH78");
    }

    #[test]
    fn each_box_has_a_code_of_its_own_and_keeps_it_for_itself() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        let codes = (make(&one).unwrap(), make(&two).unwrap());
        assert!(is_code(&codes.0) && is_code(&codes.1) && codes.0 != codes.1);
        assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
