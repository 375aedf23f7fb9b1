//! What a process has used, as the kernel counts it.

use std::fs;

/// Nanoseconds of CPU that all threads of a process have had, and of these the thread of the gate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub all_ns: u64,
    pub gate_ns: u64,
}

impl Used {
    /// Up to now. Threads that have ended are not in it.
    pub fn by(pid: u32) -> Self {
        let mut used = Self::default();
        for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
            let folder = thread.unwrap().path();
            let Ok(told) = fs::read_to_string(folder.join("schedstat")) else { continue };
            let ns: u64 = told.split(' ').next().unwrap().parse().unwrap();
            used.all_ns += ns;
            if fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.trim() == "gate") {
                used.gate_ns += ns;
            }
        }
        used
    }

    pub fn since(self, before: Self) -> Self {
        Self { all_ns: self.all_ns - before.all_ns, gate_ns: self.gate_ns - before.gate_ns }
    }
}

/// Kibibytes that `/proc/PID/status` tells under `name`.
pub fn kib(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Lets the highest memory be what is held now.
pub fn forget_highest(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}
