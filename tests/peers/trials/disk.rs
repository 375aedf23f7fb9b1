//! A disk of one's own: an ext4 in a file, mounted through a loop device.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted disk; it is unmounted when it goes.
pub(crate) struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// A new one of `mib` in the folder `work`.
    pub(crate) fn new(work: &Path, name: &str, mib: u64) -> Self {
        let image = work.join(name).with_extension("img");
        fs::File::create(&image).unwrap().set_len(mib * 1_024 * 1_024).unwrap();
        run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
        Self::mount(image)
    }

    /// Mounts what is in `image`, as after a power cut.
    pub(crate) fn mount(image: PathBuf) -> Self {
        let mount = image.with_extension("mount");
        fs::create_dir_all(&mount).unwrap();
        run("mount", &["-o", "loop", image.to_str().unwrap(), mount.to_str().unwrap()]);
        Self { image, mount }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Mounts it anew as `ro` or `rw`, under whoever uses it.
    pub(crate) fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,{how}"), self.mount.to_str().unwrap()]);
    }

    /// What the medium holds at this moment, nothing synced: a copy of the image, mounted.
    pub(crate) fn cut(&self, name: &str) -> Self {
        let copy = self.image.with_file_name(name).with_extension("img");
        run("cp", &["--sparse=always", self.image.to_str().unwrap(), copy.to_str().unwrap()]);
        Self::mount(copy)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.mount).status();
        let _ = fs::remove_file(&self.image);
    }
}

fn run(program: &str, words: &[&str]) {
    let done = Command::new(program).args(words).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}; this needs root and loop devices"));
    assert!(
        done.status.success(),
        "{program} {words:?}: {}; this needs root and loop devices",
        said(&done.stderr)
    );
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
