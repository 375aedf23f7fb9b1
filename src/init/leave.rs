//! Leave: how the box starts anew.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::sync;
use rustix::system::{RebootCommand, reboot};

use super::Trouble;
use super::kernel_log::complain;

/// How long a person may read what went wrong where the next start will go the same way.
const READING_TIME: Duration = Duration::from_secs(30);

/// How long the media may take to keep what they were given; one that does not answer holds nobody up.
const SYNC_MAX: Duration = Duration::from_secs(10);

/// Starts the machine anew. Comes back only where the kernel cannot.
pub(super) fn restart() -> Trouble {
    sync_within(SYNC_MAX);
    match reboot(RebootCommand::Restart) {
        Ok(()) => "the machine should have started anew".to_owned(),
        Err(error) => format!("the machine cannot start anew: {error}"),
    }
}

fn sync_within(patience: Duration) {
    let (done, is_done) = mpsc::channel();
    let begun = thread::Builder::new().spawn(move || {
        sync();
        // Whoever waited may have gone.
        _ = done.send(());
    });
    if begun.is_ok() && is_done.recv_timeout(patience).is_err() {
        complain("the media do not answer");
    }
}

/// Tells why this start went wrong, and starts the machine anew after somebody could have read it.
pub(super) fn give_up(trouble: &str) -> Trouble {
    complain(trouble);
    thread::sleep(READING_TIME);
    restart()
}
