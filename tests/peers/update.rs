//! Updates as their makers make them: `deploy/bundle` with Debian's minisign, and a real mosquitto.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::broker::Broker;
use crate::harness::site;

const PIECE_BYTES: usize = 65_536;

/// A key without password, two images, and a board with files for its devices.
struct Workshop(TempDir);

impl Workshop {
    fn new() -> Self {
        let workshop = Self(TempDir::new().unwrap());
        succeed(
            Command::new("minisign")
                .args(["-G", "-W"])
                .arg("-p")
                .arg(workshop.path("key.pub"))
                .arg("-s")
                .arg(workshop.path("key.sec")),
        );
        fs::write(workshop.path("root.img"), noise(300_000)).unwrap();
        fs::write(workshop.path("boot.img"), noise(100_000)).unwrap();
        fs::write(workshop.path("state"), vec![0; 1_048_576]).unwrap();
        for slot in ["a", "b"] {
            fs::write(workshop.path(slot), vec![0; 1_048_576]).unwrap();
        }
        fs::write(workshop.path("cmdline"), "cems.slot=a").unwrap();
        let key = fs::read_to_string(workshop.path("key.pub")).unwrap().lines().nth(1).unwrap().to_owned();
        let path = |name: &str| workshop.path(name).display().to_string();
        let board = format!(
            "board = \"bench\"\nstate = \"{}\"\nslot_a = \"{}\"\nslot_b = \"{}\"\ncommand_line = \"{}\"\n\
             boot_area_at = 524288\nslot_bytes = 1048576\nupdate_key = \"{key}\"\n",
            path("state"),
            path("a"),
            path("b"),
            path("cmdline"),
        );
        fs::write(workshop.path("board.toml"), board).unwrap();
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Has `deploy/bundle` make a bundle of this release.
    fn bundle(&self, release: &str) -> Vec<u8> {
        let out = self.path("update.cems");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/bundle");
        let mut bundle = Command::new(script);
        bundle.arg("bench").args(["root.img", "boot.img"].map(|name| self.path(name))).arg(&out);
        succeed(bundle.arg("--key").arg(self.path("key.sec")).args(["--release", release]));
        fs::read(out).unwrap()
    }

    /// Whether the gateway's program finds this bundle good.
    fn is_good(&self, bundle: &[u8]) -> Output {
        let file = self.path("checked.cems");
        fs::write(&file, bundle).unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
        check.args(["update", "--check", "--board"]).arg(self.path("board.toml")).arg(file).output().unwrap()
    }
}

fn noise(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 11).to_le_bytes()[0]).collect()
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_bundle_of_the_script_is_taken_and_with_one_byte_changed_anywhere_it_is_not() {
    let workshop = Workshop::new();
    let bundle = workshop.bundle("9.9.9");
    let good = workshop.is_good(&bundle);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let head = bundle.len() - 400_000;
    for at in (0..head).step_by(7).chain((head..bundle.len()).step_by(33_333)).chain([bundle.len() - 1]) {
        let mut changed = bundle.clone();
        changed[at] ^= 0x10;
        assert!(!workshop.is_good(&changed).status.success(), "byte {at}");
    }
    assert!(!workshop.is_good(&bundle[..bundle.len() - 1]).status.success());
    assert!(!workshop.is_good(&workshop.bundle("0.0.1")).status.success(), "an older release");
}

#[test]
fn an_update_comes_over_a_real_broker_though_all_pieces_are_sent_at_once() {
    let workshop = Workshop::new();
    let broker = Broker::start(workshop.0.path());
    let states = broker.subscribe("cems/CEMS-TEST/update/state");
    let site = site::bare_site(site::free_port(), "PT1S")
        + &format!(
            "[uplink]\nhost = \"127.0.0.1\"\nport = {}\ntopic_prefix = \"cems/CEMS-TEST\"\ntakes_updates = true\n",
            broker.port()
        );
    fs::write(workshop.path("site.toml"), site).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
    run.args(["run", "--trust-clock", "--config"]).arg(workshop.path("site.toml"));
    run.arg("--data").arg(workshop.path("data")).arg("--board").arg(workshop.path("board.toml"));
    let mut gateway = run.spawn().unwrap();
    while states.payloads().is_empty() {
        sleep(Duration::from_millis(50));
    }
    let bundle = workshop.bundle("9.9.9");
    for (number, piece) in bundle.chunks(PIECE_BYTES).enumerate() {
        let offset = u64::try_from(number * PIECE_BYTES).unwrap();
        let file = workshop.path("piece");
        fs::write(&file, [&offset.to_be_bytes()[..], piece].concat()).unwrap();
        let mut publish = Command::new("mosquitto_pub");
        publish.args([
            "-p",
            &broker.port().to_string(),
            "-q",
            "1",
            "-t",
            "cems/CEMS-TEST/update/piece",
            "-f",
        ]);
        succeed(publish.arg(file));
    }
    // It asks for a restart of the box.
    assert_eq!(gateway.wait().unwrap().code(), Some(100));
    let written = fs::read(workshop.path("b")).unwrap();
    assert!(written.starts_with(&noise(300_000)) && written[524_288..].starts_with(&noise(100_000)));
    let last = states.payloads().pop().unwrap();
    assert!(last.contains(r#""state":"ready""#) && last.contains(r#""offeredRelease":"9.9.9""#), "{last}");
}
