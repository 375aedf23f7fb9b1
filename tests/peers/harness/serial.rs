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

    /// A wire to a machine that knows its end as `ours`; it is found at `socket` once the machine is on.
    pub(crate) fn lay_to_socket(name: &str, ours: &str, socket: &Path, dir: &Path) -> Self {
        let theirs = dir.join(format!("{name}-theirs"));
        let ends = [
            format!("pty,raw,echo=0,link={}", theirs.display()),
            format!("unix-connect:{},interval=0.2,forever", socket.display()),
        ];
        let socat = Process::start("socat", Command::new("socat").args(ends), dir);
        wait::until("socat to lay the wire", || theirs.exists().then_some(()));
        Self { ours: ours.into(), theirs, _socat: socat }
    }
}
