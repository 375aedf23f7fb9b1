//! Kernel modules, in the order that a file beside them gives.

use std::fs::{self, File};
use std::path::Path;

use rustix::io::Errno;
use rustix::system::finit_module;

use super::kernel_log::complain;

/// Where the modules of this root lie.
const FOLDER: &str = "/lib/modules";
/// Names them in the order of loading, each after what it needs.
const ORDER: &str = "load";
/// Modules that a list may name.
const MODULES_MAX: usize = 64;

/// Loads all modules of this root. One that cannot be loaded is told; whatever needs it will be missed where it is looked
/// for.
pub(super) fn load_all() {
    let folder = Path::new(FOLDER);
    let order = fs::read_to_string(folder.join(ORDER)).unwrap_or_default();
    for name in order.lines().take(MODULES_MAX) {
        if let Err(why) = load(&folder.join(name)) {
            complain(&format!("the kernel module {name} cannot be loaded: {why}"));
        }
    }
}

fn load(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    match finit_module(&file, c"", 0) {
        // A module that the initramfs has loaded is there already; one for a part that this chip lacks is not needed.
        Ok(()) | Err(Errno::EXIST | Errno::NODEV) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
