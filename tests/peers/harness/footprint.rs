//! What a process takes of the machine, as the kernel tells it.

use std::fs;

use rustix::process::Pid;

/// What a process holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    pub(crate) threads: u64,
    /// Memory that is resident, the program itself included.
    pub(crate) resident_kib: u64,
    /// Open file handles.
    pub(crate) handles: usize,
}

/// What `pid` holds now.
pub(crate) fn of(pid: Pid) -> Footprint {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    };
    Footprint {
        threads: number("Threads:"),
        resident_kib: number("VmRSS:"),
        handles: fs::read_dir(format!("{folder}/fd")).map_or(0, Iterator::count),
    }
}
