//! A small system of Debian's kernel and busybox that does one thing: it shows that machines and lossy disks
//! can tell a system which syncs from one which does not.
//!
//! Its parts are those that `deploy/image` fetches.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::lossy_disk::{Flushes, Loss, LossyDisk};
use super::machine::{Board, Disk, Machine, Start};
use super::tool::run;
use crate::harness::random::Random;

/// A start takes 4 s on an idle machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// Bytes of the disk.
const DISK_BYTES: u64 = 32 << 20;
/// What the kernel needs for the disk and its file system.
const MODULES: [&str; 4] = ["virtio_mmio", "virtio_blk", "crc32c_generic", "ext4"];

/// Counts into a file, a line a number, and tells of each number on the console when it is written. `@SYNC@` is
/// how: it is synced before it is told, or it is not.
const COUNTING: &str = r#"#!/bin/sh
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod "/modules/$module" 2>/dev/null; done
mount -t ext4 /dev/vda /data || exec echo "NO DATA"
last=$(tail -n 1 /data/numbers 2>/dev/null)
[ "$(seq 1 "${last:-0}" | md5sum)" = "$(cat /data/numbers 2>/dev/null | md5sum)" ] || echo "NOT WHOLE"
echo "FOUND ${last:-0}."
number=${last:-0}
while number=$((number + 1)); do
  echo "$number" | dd of=/data/numbers oflag=append conv=notrunc@SYNC@ 2>/dev/null
  echo "WROTE $number."
done
"#;

/// What `deploy/image` has unpacked.
fn parts() -> PathBuf {
    let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/box/root");
    assert!(parts.join(".complete").exists(), "{} is missing; run deploy/image virt", parts.display());
    parts
}

/// The name of the only entry of a folder.
fn only_entry(folder: &Path) -> String {
    let entry = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    entry.file_name().into_string().unwrap()
}

/// Kernel and initramfs of a system that runs `script`.
fn system(script: &str, dir: &Path) -> Start {
    let (parts, root) = (parts(), dir.join("initramfs"));
    for folder in ["bin", "dev", "data", "modules"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::copy(parts.join("bin/busybox"), root.join("bin/busybox")).unwrap();
    for name in ["sh", "mount", "cat", "insmod", "tail", "seq", "md5sum", "dd"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    let version = only_entry(&parts.join("lib/modules"));
    let order = copy_modules(&parts, &version, &root.join("modules"));
    fs::write(root.join("modules/order"), order).unwrap();
    fs::write(root.join("init"), script).unwrap();
    run(Command::new("chmod").arg("755").arg(root.join("init")));
    let pack = "find . | cpio --quiet --create --format newc --owner +0:+0 --file ../initramfs.cpio";
    run(Command::new("sh").args(["-c", pack]).current_dir(&root));
    Start::Kernel {
        kernel: parts.join("boot").join(format!("vmlinuz-{version}")),
        initramfs: dir.join("initramfs.cpio"),
        device_tree: None,
        command_line: "console=ttyAMA0,115200 quiet panic=1".to_owned(),
    }
}

/// Copies [`MODULES`] and what they need; gives their names in the order of loading.
fn copy_modules(parts: &Path, version: &str, to: &Path) -> String {
    let mut order = String::new();
    for module in MODULES {
        let mut modprobe = Command::new("/sbin/modprobe");
        modprobe.arg("--dirname").arg(parts).args(["--set-version", version, "--show-depends", module]);
        for file in run(&mut modprobe).lines().filter_map(|line| line.trim().strip_prefix("insmod ")) {
            let name = Path::new(file).file_name().unwrap().to_str().unwrap();
            if !order.lines().any(|known| known == name) {
                fs::copy(file, to.join(name)).unwrap();
                order += name;
                order.push('\n');
            }
        }
    }
    order
}

/// A machine that counts into a file on a lossy disk, with `sync` among the conversions of `dd`.
fn counting_machine(sync: &str, flushes: Flushes, dir: &Path) -> Machine {
    let start = system(&COUNTING.replace("@SYNC@", sync), dir);
    let file = dir.join("disk.img");
    fs::File::create(&file).unwrap().set_len(DISK_BYTES).unwrap();
    run(Command::new("/sbin/mke2fs").args(["-q", "-F", "-t", "ext4"]).arg(&file));
    Machine::start(Board::Virt, &start, Disk::Lossy(LossyDisk::serve(&file, flushes)), &[], dir)
}

/// Which number the machine finds when it starts.
fn found(machine: &mut Machine) -> u64 {
    let printed = machine.expect("FOUND ", PATIENCE) + &machine.expect(".", PATIENCE);
    number_after("FOUND ", &printed).unwrap()
}

/// The last number that was called written.
fn told(machine: &mut Machine) -> u64 {
    number_after("WROTE ", &machine.console(0).printed()).unwrap_or(0)
}

/// The number behind the last `word`, as far as it came out whole.
fn number_after(word: &str, printed: &str) -> Option<u64> {
    printed.rsplit(word).find_map(|rest| rest.split_once('.')?.0.parse().ok())
}

/// Waits until it has written some more numbers.
fn let_count(machine: &mut Machine) {
    let so_far = told(machine);
    machine.wait("more numbers", PATIENCE, |machine| (told(machine) > so_far + 20).then_some(()));
}

#[test]
fn a_system_that_syncs_finds_every_number_that_it_has_told_of() {
    let dir = TempDir::new().unwrap();
    let mut random = Random::new(21);
    let mut machine = counting_machine(",fsync", Flushes::Kept, dir.path());
    assert_eq!(found(&mut machine), 0);
    for cut in 0..3 {
        let_count(&mut machine);
        let loss = if cut == 0 { Loss::All } else { Loss::Some(cut) };
        machine.cut_after(1 + random.below(40), PATIENCE, loss);
        let told = told(&mut machine);
        machine.switch_on();
        let found = found(&mut machine);
        assert!(found >= told, "cut {cut}: {told} was told, {found} is there");
        assert!(!machine.console(0).printed().contains("NOT WHOLE"), "numbers are missing in the middle");
    }
    assert!(machine.lossy_disk().unwrap().counts().bytes_lost > 0, "nothing was there to lose");
}

/// Cuts once; the machine then has to lack numbers that it has told of.
fn cut_and_miss(sync: &str, flushes: Flushes) {
    let dir = TempDir::new().unwrap();
    let mut machine = counting_machine(sync, flushes, dir.path());
    assert_eq!(found(&mut machine), 0);
    let_count(&mut machine);
    machine.cut(Loss::All);
    let told = told(&mut machine);
    machine.switch_on();
    let found = found(&mut machine);
    assert!(found < told, "{told} was told and {found} is there: these cuts show nothing");
}

#[test]
fn a_system_that_does_not_sync_loses_numbers_that_it_has_told_of() {
    cut_and_miss("", Flushes::Kept);
}

#[test]
fn a_disk_that_ignores_flushes_loses_numbers_that_were_synced() {
    cut_and_miss(",fsync", Flushes::Ignored);
}
