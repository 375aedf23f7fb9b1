//! Who may use the serial console: one password, hashed with Argon2id in `<data>/console.password`.
//!
//! There is no default password: the first person at the box sets one. Wrong passwords are answered
//! more and more slowly, and never lock the console for good, because a technician on site has no
//! other way in.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::config::replace::replace_file;
use crate::rights::FILE_MODE;

/// Characters of a new password.
pub(super) const PASSWORD_CHARS_MIN: usize = 8;

/// Memory for one hash: the second choice of the OWASP cheat sheet, which a board of 128 MB can spare.
const MEMORY_KIB: u32 = 7 * 1_024;
/// Passes over that memory; with this memory a hash takes about a tenth of a second on such a board.
const PASSES: u32 = 3;
/// A file that asks for more than this has been tampered with.
const MEMORY_KIB_MAX: u32 = 64 * 1_024;
const PASSES_MAX: u32 = 16;
/// Bytes of the file; a PHC string has about a hundred.
const FILE_BYTES_MAX: u64 = 1_024;

/// The longest wait after a wrong password.
const DELAY_MAX: Duration = Duration::from_secs(30);

/// The password of one gateway's console, shared by all who ask for it.
#[derive(Debug)]
pub struct Login {
    path: PathBuf,
    /// Wrong passwords in a row. Held during a check, so that guesses wait for each other.
    failures: Mutex<u32>,
}

/// Why nobody can log in or no password can be set.
#[derive(Debug, Error)]
pub enum LoginError {
    /// The file is there and is not what was written.
    #[error("{} is damaged; remove it to set a new password", .0.display())]
    Damaged(PathBuf),
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody has set a password in the meantime.
    #[error("a password has been set already")]
    AlreadySet,
    /// No randomness or no memory.
    #[error("cannot hash the password: {0}")]
    Hash(String),
}

impl Login {
    /// The login of the gateway that keeps its data in `data`.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { path: data.join("console.password"), failures: Mutex::new(0) }
    }

    /// Whether a password has been set.
    ///
    /// # Errors
    /// When that cannot be told; a file that is there but cannot be read is never taken for none.
    pub fn is_set(&self) -> Result<bool, LoginError> {
        Ok(self.stored()?.is_some())
    }

    /// Sets the first password.
    ///
    /// # Errors
    /// When there is one already, or it cannot be kept.
    pub async fn set(&self, password: String) -> Result<(), LoginError> {
        let _guard = self.failures.lock().await;
        if self.is_set()? {
            return Err(LoginError::AlreadySet);
        }
        let hash = off_the_runtime(move || hash(&password)).await?;
        replace_file(&self.path, format!("{hash}\n").as_bytes(), FILE_MODE)
            .map_err(|source| self.file_error(source))
    }

    /// Whether `password` is the one. A wrong one is answered after a delay that doubles each time.
    ///
    /// # Errors
    /// When none is set or the file cannot be used.
    pub async fn check(&self, password: String) -> Result<bool, LoginError> {
        let mut failures = self.failures.lock().await;
        let stored = self.stored()?.ok_or_else(|| LoginError::Damaged(self.path.clone()))?;
        let path = self.path.clone();
        let right = off_the_runtime(move || verify(&password, &stored, path)).await?;
        if right {
            *failures = 0;
        } else {
            *failures = failures.saturating_add(1);
            log::warn!("console: wrong password, {} in a row", *failures);
            tokio::time::sleep(delay_after(*failures)).await;
        }
        Ok(right)
    }

    fn stored(&self) -> Result<Option<String>, LoginError> {
        let mut text = String::new();
        match std::fs::File::open(&self.path) {
            Ok(file) => {
                file.take(FILE_BYTES_MAX)
                    .read_to_string(&mut text)
                    .map_err(|source| self.file_error(source))?;
                Ok(Some(text.trim_end().to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.file_error(source)),
        }
    }

    fn file_error(&self, source: io::Error) -> LoginError {
        LoginError::File { path: self.path.clone(), source }
    }
}

fn delay_after(failures: u32) -> Duration {
    Duration::from_secs(1_u64 << failures.saturating_sub(1).min(10)).min(DELAY_MAX)
}

/// Hashing takes long enough to be felt by every line that is polled.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoginError> + Send + 'static,
) -> Result<T, LoginError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(LoginError::Hash(error.to_string())))
}

fn hash(password: &str) -> Result<String, LoginError> {
    let fault = |error: &dyn std::fmt::Display| LoginError::Hash(error.to_string());
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| fault(&error))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| fault(&error))?;
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| fault(&error))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(|error| fault(&error))?;
    Ok(hash.to_string())
}

fn verify(password: &str, stored: &str, path: PathBuf) -> Result<bool, LoginError> {
    let parsed = PasswordHash::new(stored).ok().and_then(|hash| {
        let params = Params::try_from(&hash).ok()?;
        let sane = params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX && params.p_cost() <= 4;
        sane.then_some(hash)
    });
    let hash = parsed.ok_or(LoginError::Damaged(path))?;
    Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_password_is_set_once_and_kept_as_a_hash_that_only_the_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let login = Login::of(dir.path());
        assert!(!login.is_set().unwrap());
        login.set("维护密码1234".to_owned()).await.unwrap();
        assert!(matches!(login.set("another one".to_owned()).await, Err(LoginError::AlreadySet)));
        assert!(login.check("维护密码1234".to_owned()).await.unwrap());
        assert!(!login.check("维护密码1235".to_owned()).await.unwrap());

        let path = dir.path().join("console.password");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=7168,t=3,p=1$"), "{text}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Login::of(dir.path()).check("维护密码1234".to_owned()).await.unwrap(), "after a restart");
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_passwords_are_answered_ever_more_slowly_and_never_locked_out() {
        let dir = tempfile::tempdir().unwrap();
        let login = Login::of(dir.path());
        login.set("the right one".to_owned()).await.unwrap();
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let before = tokio::time::Instant::now();
            assert!(!login.check("wrong".to_owned()).await.unwrap());
            assert_eq!(before.elapsed().as_secs(), seconds);
        }
        assert!(login.check("the right one".to_owned()).await.unwrap());
        let before = tokio::time::Instant::now();
        assert!(!login.check("wrong".to_owned()).await.unwrap());
        assert_eq!(before.elapsed().as_secs(), 1, "a right password ends the row");
    }

    #[tokio::test]
    async fn a_damaged_or_greedy_file_lets_nobody_in_and_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let login = Login::of(dir.path());
        let greedy = "$argon2id$v=19$m=4194304,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
        for text in
            ["", "password", greedy, "$argon2id$v=19$m=7168,t=999,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"]
        {
            std::fs::write(dir.path().join("console.password"), text).unwrap();
            assert!(login.is_set().unwrap());
            assert!(matches!(login.check(String::new()).await, Err(LoginError::Damaged(_))), "{text}");
            assert!(login.set("a new password".to_owned()).await.is_err());
        }
    }
}
