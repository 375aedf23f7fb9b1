//! The Debian package of the armv7 binary, looked at by Debian's own tools. Installing it into a folder needs root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

/// What a command says, on both of its outputs.
fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat()
}

/// Runs `command` to its good end; gives what it says.
fn run(command: &mut Command) -> String {
    let output = command.output();
    let output = output.unwrap_or_else(|why| panic!("{command:?}: {why}; tests/run installs it"));
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    said(&output)
}

fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Makes the package of the binary that is there.
fn make() -> PathBuf {
    run(Command::new(in_checkout("deploy/deb")).args(["armv7", "--no-build"]).current_dir(in_checkout("")));
    in_checkout(&format!("dist/cems-gateway_{}-1_armhf.deb", env!("CARGO_PKG_VERSION")))
}

/// The package, made once for all tests, and its bytes when it was made before that.
fn package() -> &'static (PathBuf, Vec<u8>) {
    static MADE: OnceLock<(PathBuf, Vec<u8>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let before = fs::read(make()).unwrap();
        (make(), before)
    })
}

fn path() -> &'static Path {
    &package().0
}

/// What is in the package, unpacked.
fn unpacked() -> TempDir {
    let dir = TempDir::new().unwrap();
    run(Command::new("dpkg-deb").arg("--extract").arg(path()).arg(dir.path()));
    dir
}

#[test]
fn the_same_binary_gives_the_same_package() {
    let (path, before) = package();
    assert!(fs::read(path).unwrap() == *before, "two runs of deploy/deb differ");
}

#[test]
fn a_package_says_what_it_is_and_has_what_debian_expects_where_it_expects_it() {
    let info = run(Command::new("dpkg-deb").arg("--info").arg(path()));
    for field in
        ["Package: cems-gateway", "Architecture: armhf", "Section: net", "Depends: init-system-helpers"]
    {
        assert!(info.contains(field), "{field}\n{info}");
    }
    assert!(info.contains(&format!("Version: {}-1", env!("CARGO_PKG_VERSION"))), "{info}");
    let changelog = fs::read_to_string(in_checkout("deploy/debian/changelog")).unwrap();
    assert!(
        changelog.starts_with(&format!("cems-gateway ({}-1) ", env!("CARGO_PKG_VERSION"))),
        "{changelog}"
    );
    let contents = run(Command::new("dpkg-deb").arg("--contents").arg(path()));
    for (rights, file) in [
        ("-rwxr-xr-x 0/0", "./usr/bin/cems-gateway"),
        ("-rw-r--r-- 0/0", "./etc/cems-gateway/gateway.toml"),
        ("-rw-r--r-- 0/0", "./usr/lib/systemd/system/cems-gateway.service"),
        ("-rw-r--r-- 0/0", "./usr/lib/udev/rules.d/70-cems-gateway.rules"),
        ("-rw-r--r-- 0/0", "./usr/share/doc/cems-gateway/README.md"),
        ("-rw-r--r-- 0/0", "./usr/share/doc/cems-gateway/changelog.Debian.gz"),
        ("-rw-r--r-- 0/0", "./usr/share/doc/cems-gateway/changelog.gz"),
        ("-rw-r--r-- 0/0", "./usr/share/doc/cems-gateway/copyright"),
        ("-rw-r--r-- 0/0", "./usr/share/doc/cems-gateway/docs/health.md"),
    ] {
        let is_there = |line: &str| line.starts_with(rights) && line.ends_with(&format!(" {file}"));
        assert!(contents.lines().any(is_there), "{file}\n{contents}");
    }
    run(Command::new("lintian").args(["--allow-root", "--fail-on", "error,warning"]).arg(path()));
}

#[test]
fn the_packed_binary_is_the_one_that_was_built_and_its_documents_are_those_of_the_source() {
    let dir = unpacked();
    for (packed, source) in [
        ("usr/bin/cems-gateway", "dist/cems-gateway-armv7"),
        ("etc/cems-gateway/gateway.toml", "deploy/gateway.toml"),
        ("usr/lib/systemd/system/cems-gateway.service", "deploy/cems-gateway.service"),
    ] {
        assert!(
            fs::read(dir.path().join(packed)).unwrap() == fs::read(in_checkout(source)).unwrap(),
            "{packed}"
        );
    }
}

#[test]
fn systemd_takes_the_packed_unit() {
    let dir = unpacked();
    let unit = fs::read_to_string(dir.path().join("usr/lib/systemd/system/cems-gateway.service")).unwrap();
    let here = dir.path().join("cems-gateway.service");
    fs::write(&here, unit.replace("/usr/bin/", &format!("{}/usr/bin/", dir.path().display()))).unwrap();
    let told = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(here));
    assert_eq!(told, "");
}

/// A file of rules where udev finds it; it goes with this.
struct Rules(PathBuf);

impl Drop for Rules {
    fn drop(&mut self) {
        // There is nothing to do about one that stays.
        let _ = fs::remove_file(&self.0);
    }
}

/// `udevadm verify` came with systemd 254, after Debian 12. A trial of any device reads all rules as well, and
/// complains of each that it does not understand.
#[test]
fn udev_understands_the_packed_rules() {
    let dir = unpacked();
    let text = fs::read_to_string(dir.path().join("usr/lib/udev/rules.d/70-cems-gateway.rules")).unwrap();
    let told_of = |name: &str, text: &str| {
        let folder = Path::new("/run/udev/rules.d");
        fs::create_dir_all(folder).unwrap();
        let rules = Rules(folder.join(name));
        fs::write(&rules.0, text).unwrap();
        let output = Command::new("udevadm").args(["test", "--action=add", "/sys/class/tty/tty0"]).output();
        let told = said(&output.unwrap());
        assert!(told.contains(&format!("Reading rules file: {}", rules.0.display())), "{told}");
        let complaint = format!("{}:", rules.0.display());
        told.lines().filter(|line| line.starts_with(&complaint)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told_of("70-cems-gateway-trial.rules", &text), [""; 0]);
    let broken = text.replace("KERNELS==", "KERNEL_NAMES==");
    assert_eq!(told_of("70-cems-gateway-broken.rules", &broken).len(), 7, "each of them is complained of");
}

/// A folder that dpkg takes for the root of a machine.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        // Whoever installs may look into it, as into any root.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(dir.path().join("var/lib/dpkg").join(folder)).unwrap();
        }
        for file in ["status", "available"] {
            fs::write(dir.path().join("var/lib/dpkg").join(file), "").unwrap();
        }
        Self(dir)
    }

    /// The scripts of the package run with `DPKG_ROOT`, and leave this machine alone.
    fn dpkg(&self, order: &str, what: &Path) -> String {
        run(Command::new("dpkg")
            .arg(format!("--root={}", self.0.path().display()))
            .args(["--force-architecture", "--force-depends", "--force-script-chrootless", "--log=/dev/null"])
            .arg(order)
            .arg(what))
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }
}

#[test]
fn a_package_is_installed_enabled_and_removed_and_its_purge_leaves_the_readings() {
    let (root, name) = (Root::new(), Path::new("cems-gateway"));
    let enabled = "etc/systemd/system/multi-user.target.wants/cems-gateway.service";

    let told = root.dpkg("--install", path());
    assert!(told.contains("systemctl start cems-gateway"), "{told}");
    assert!(fs::symlink_metadata(root.path(enabled)).is_ok(), "the unit is not enabled");

    let readings = root.path("var/lib/private/cems-gateway/db");
    fs::create_dir_all(readings.parent().unwrap()).unwrap();
    fs::write(&readings, "readings").unwrap();
    let site = root.path("etc/cems-gateway/gateway.toml");
    fs::write(&site, "# changed by a technician\n").unwrap();
    root.dpkg("--install", path());
    assert_eq!(
        fs::read_to_string(&site).unwrap(),
        "# changed by a technician\n",
        "an upgrade keeps the site file"
    );

    root.dpkg("--remove", name);
    assert!(site.exists() && !root.path("usr/bin/cems-gateway").exists());
    let told = root.dpkg("--purge", name);
    assert!(told.contains("the readings of this site stay in"), "{told}");
    assert!(!site.exists() && fs::symlink_metadata(root.path(enabled)).is_err());
    assert_eq!(fs::read_to_string(&readings).unwrap(), "readings");
}
