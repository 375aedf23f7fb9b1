//! What `deploy/image` has made, as a machine of these tests begins with it.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::machine::Start;
use super::tool::run;

/// Bytes of a sector.
const SECTOR_BYTES: u64 = 512;
/// The partitions of the slots a and b.
const SLOTS: [u8; 2] = [2, 3];
/// Where in a slot its boot area begins.
const BOOT_AREA_AT: u64 = 16 << 20;
/// The partition of the boot state.
pub(super) const STATE: u8 = 5;
/// The partition of the data.
pub(super) const DATA: u8 = 6;
/// Bytes of a block of a root, which its hashes are made of.
const BLOCK_BYTES: u64 = 4_096;

/// The two parts of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Root,
    Boot,
}

/// The files of one board.
pub(crate) struct Image {
    board: &'static str,
    folder: PathBuf,
}

impl Image {
    /// Those of the board of this name.
    pub(crate) fn of(board: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/image").join(board);
        assert!(folder.join("boot").exists(), "{} is missing; run deploy/image {board}", folder.display());
        Self { board, folder }
    }

    /// One of its files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A card of its own for one machine: a copy that takes no more room than what is on it.
    pub(crate) fn card(&self, dir: &Path) -> PathBuf {
        let card = dir.join("card.img");
        let whole = self.file(&format!("cems-gateway-{}.img", self.board));
        run(Command::new("cp").args(["--sparse=always", "--reflink=auto"]).args([&whole, &card]));
        card
    }

    /// The boot loader of the board starts what the boot state says.
    pub(crate) fn boot_loader(&self) -> Start {
        Start::Flash(self.file("flash0"))
    }

    /// An update that brings what the image holds already, signed with the key that `deploy/image` has made for trials.
    pub(crate) fn update(&self, dir: &Path) -> Vec<u8> {
        self.bundle(&self.file("boot"), dir)
    }

    /// The same with a system that panics as soon as it runs: its kernel finds no first process.
    pub(crate) fn update_that_panics(&self, dir: &Path) -> Vec<u8> {
        let (initramfs, boot) = (dir.join("initramfs"), dir.join("boot"));
        fs::write(&initramfs, [0; 4_096]).unwrap();
        self.make_boot_area(&initramfs, &boot);
        self.bundle(&boot, dir)
    }

    /// The same image with this script instead of the service, sealed as any other, in `dir`.
    pub(crate) fn with_service(&self, script: &str, dir: &Path) -> Self {
        let other = Self { board: self.board, folder: dir.join("other-image") };
        let (unpacked, initramfs) = (dir.join("other-root"), other.file("initramfs"));
        fs::create_dir_all(&other.folder).unwrap();
        run(Command::new("unsquashfs").args(["-no-progress", "-dest"]).args([&unpacked, &self.file("root")]));
        fs::write(unpacked.join("usr/bin/cems-gateway"), script).unwrap();
        let pack = ["-quiet", "-no-progress", "-all-root", "-noappend", "-comp", "xz"];
        run(Command::new("mksquashfs").args([&unpacked, &other.file("root")]).args(pack));
        fs::write(dir.join("root.toml"), seal(&other.file("root"))).unwrap();
        // Of two archives the kernel unpacks one after the other, so that the later seal counts.
        let archive = "echo root.toml | cpio --quiet --create --format newc --owner +0:+0 --file seal.cpio";
        run(Command::new("sh").args(["-c", archive]).current_dir(dir));
        let archives = [self.file("initramfs"), dir.join("seal.cpio")].map(|file| fs::read(file).unwrap());
        fs::write(&initramfs, archives.concat()).unwrap();
        self.make_boot_area(&initramfs, &other.file("boot"));
        other
    }

    /// Kernel and initramfs as the boot loader takes them.
    fn make_boot_area(&self, initramfs: &Path, boot: &Path) {
        let source = boot.with_extension("its");
        let part = |name: &str, file: &Path, rest: &str| {
            format!(
                "{name} {{ data = /incbin/(\"{}\"); type = \"{name}\"; arch = \"arm\"; os = \"linux\"; \
                 compression = \"none\"; {rest} hash {{ algo = \"sha256\"; }}; }};",
                file.display()
            )
        };
        let parts = part("kernel", &self.file("kernel"), "load = <0x42000000>; entry = <0x42000000>;")
            + &part("ramdisk", initramfs, "");
        let text = format!(
            "/dts-v1/; / {{ description = \"other\"; #address-cells = <1>; images {{ {parts} }}; \
             configurations {{ default = \"box\"; box {{ kernel = \"kernel\"; ramdisk = \"ramdisk\"; }}; }}; }};"
        );
        fs::write(&source, text).unwrap();
        run(Command::new("mkimage").arg("-f").args([&source, boot]));
    }

    /// The image as an update for the board `board`, signed with this key.
    pub(crate) fn update_for(&self, board: &str, key: &Path, dir: &Path) -> Vec<u8> {
        let bundle = dir.join("foreign.cems");
        make_bundle(board, [&self.file("root"), &self.file("boot"), &bundle], key);
        fs::read(bundle).unwrap()
    }

    fn bundle(&self, boot: &Path, dir: &Path) -> Vec<u8> {
        let bundle = dir.join("update.cems");
        make_bundle(self.board, [&self.file("root"), boot, &bundle], &trial_key());
        fs::read(bundle).unwrap()
    }

    /// Puts the root and the boot area of this image into a slot of a machine that is off.
    pub(crate) fn put_into(&self, card: &Path, slot: &str) {
        let begin = partition_at(card, SLOTS[usize::from(slot != "a")]);
        let card = fs::File::options().write(true).open(card).unwrap();
        for (name, at) in [("root", begin), ("boot", begin + BOOT_AREA_AT)] {
            card.write_all_at(&fs::read(self.file(name)).unwrap(), at).unwrap();
        }
    }

    /// Fills the slot of a machine that is off with what is no image, so that nothing of an earlier one can pass for a new one.
    pub(crate) fn spoil(&self, card: &Path, slot: &str) {
        let begin = partition_at(card, SLOTS[usize::from(slot != "a")]);
        let card = fs::File::options().write(true).open(card).unwrap();
        for (name, at) in [("root", begin), ("boot", begin + BOOT_AREA_AT)] {
            let length = fs::read(self.file(name)).unwrap().len();
            card.write_all_at(&vec![0xa5; length], at).unwrap();
        }
    }

    /// Changes one bit in the middle of a slot's root, or of its boot area.
    pub(crate) fn flip_a_bit(&self, card: &Path, slot: &str, area: Area) {
        let begin = partition_at(card, SLOTS[usize::from(slot != "a")]);
        let (name, at) = match area {
            Area::Root => ("root", begin),
            Area::Boot => ("boot", begin + BOOT_AREA_AT),
        };
        let at = at + fs::metadata(self.file(name)).unwrap().len() / 2;
        let card = fs::File::options().read(true).write(true).open(card).unwrap();
        let mut byte = [0];
        card.read_exact_at(&mut byte, at).unwrap();
        card.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }

    /// Whether a slot of `card` holds the root and the boot area of this image, to the last byte.
    pub(crate) fn is_whole_in(&self, card: &Path, slot: &str) -> bool {
        let begin = partition_at(card, SLOTS[usize::from(slot != "a")]);
        let card = fs::File::open(card).unwrap();
        [("root", begin), ("boot", begin + BOOT_AREA_AT)].into_iter().all(|(name, at)| {
            let image = fs::read(self.file(name)).unwrap();
            let mut held = vec![0; image.len()];
            card.read_exact_at(&mut held, at).unwrap();
            held == image
        })
    }

    /// The emulator starts slot a, and everything that the kernel hears is printed.
    pub(crate) fn kernel(&self) -> Start {
        self.kernel_on("ttyAMA0")
    }

    /// The same with this serial port for what is printed.
    pub(crate) fn kernel_on(&self, console: &str) -> Start {
        Start::Kernel {
            kernel: self.file("kernel"),
            initramfs: self.file("initramfs"),
            device_tree: Some(self.file("dtb")).filter(|tree| tree.exists()),
            command_line: format!("console={console},115200 printk.devkmsg=on panic=5 cems.slot=a"),
        }
    }
}

/// The key that `deploy/image` has made for trials.
pub(crate) fn trial_key() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/update-key/secret")
}

fn make_bundle(board: &str, [root, boot, bundle]: [&Path; 3], key: &Path) {
    let mut make = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/bundle"));
    run(make.arg(board).args([root, boot, bundle]).arg("--key").arg(key));
}

/// Puts the tree of hashes behind a root; gives its seal, as `deploy/image` does both.
fn seal(root: &Path) -> String {
    let blocks = fs::metadata(root).unwrap().len() / BLOCK_BYTES;
    let mut format = Command::new("/sbin/veritysetup");
    format.arg("format").args([root, root]).args(["--no-superblock", "--hash=sha256", "--salt=00"]);
    format.arg(format!("--hash-offset={}", blocks * BLOCK_BYTES)).arg(format!("--data-blocks={blocks}"));
    let told = run(&mut format);
    let hash = told.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim();
    format!("blocks = {blocks}\nhash = \"{hash}\"\nsalt = \"00\"\n")
}

/// Makes the data partition of `card` anew, with `site` as the site file of a box that somebody has set up.
pub(crate) fn set_up(card: &Path, site: &str, dir: &Path) {
    let data = dir.join("data");
    fs::create_dir_all(data.join("config")).unwrap();
    fs::write(data.join("config/gateway.toml"), site).unwrap();
    let (_, sectors) = partition(card, DATA);
    let mut make = Command::new("/sbin/mke2fs");
    make.env("MKE2FS_CONFIG", Path::new(env!("CARGO_MANIFEST_DIR")).join("board/mke2fs.conf"));
    make.args(["-q", "-F", "-t", "ext4", "-d"]).arg(&data);
    make.args(["-E", &format!("offset={}", partition_at(card, DATA))]).arg(card);
    run(make.arg(format!("{}k", sectors * SECTOR_BYTES / 1_024)));
}

/// Lets a card have so many MiB, of which the table knows nothing yet.
pub(crate) fn enlarge(card: &Path, mib: u64) {
    fs::File::options().write(true).open(card).unwrap().set_len(mib << 20).unwrap();
}

/// Where a partition begins, in bytes.
pub(super) fn partition_at(card: &Path, number: u8) -> u64 {
    partition(card, number).0 * SECTOR_BYTES
}

/// How many bytes a partition has.
pub(super) fn partition_bytes(card: &Path, number: u8) -> u64 {
    partition(card, number).1 * SECTOR_BYTES
}

/// First sector and number of sectors of a partition.
fn partition(card: &Path, number: u8) -> (u64, u64) {
    let mut partx = Command::new("partx");
    partx.args(["--raw", "--noheadings", "--output", "START,SECTORS", "--nr", &number.to_string()]);
    let told = run(partx.arg(card));
    let (start, sectors) = told.trim().split_once(' ').unwrap();
    (start.parse().unwrap(), sectors.parse().unwrap())
}
