//! Two serial ports joined by a wire: what is written into one comes out of the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Process;
use super::wait;

pub(crate) struct Wire {
    pub(crate) ours: PathBuf,
    pub(crate) theirs: PathBuf,
    _socat: Process,
}

impl Wire {
    /// Both ends appear as files in `dir`, named after the wire.
    pub(crate) fn lay(name: &str, dir: &Path) -> Self {
        let end = |side: &str| dir.join(format!("{name}-{side}"));
        let (ours, theirs) = (end("ours"), end("theirs"));
        let pty = |path: &Path| format!("pty,raw,echo=0,link={}", path.display());
        let socat = Process::start("socat", Command::new("socat").args([pty(&ours), pty(&theirs)]), dir);
        wait::until("socat to lay the wire", || (ours.exists() && theirs.exists()).then_some(()));
        Self { ours, theirs, _socat: socat }
    }
}
