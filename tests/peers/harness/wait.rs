//! Waiting for something to happen: asked again and again, never slept through, always with an end.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a debug binary on a busy two-core machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Between two questions; short beside everything that is waited for.
pub(crate) const BETWEEN: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`], with `what` was waited for.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    until_ok(what, || ask().ok_or("nothing"))
}

/// Like [`until`]; what is still wrong is told when the patience ends.
pub(crate) fn until_ok<T, E: Display>(what: &str, mut ask: impl FnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(wrong) if Instant::now() > end => {
                panic!("waited {} s in vain for {what}; there is: {wrong}", PATIENCE.as_secs())
            }
            Err(_) => thread::sleep(BETWEEN),
        }
    }
}
