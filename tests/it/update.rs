//! An update of a gateway that runs, through its doors, with files for the devices: what lies in the slots and
//! in the state afterwards, after a kill in the middle, and after the restart into the other slot.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cems_gateway::slots::{BootState, Contents, Reason, Slot, StateFile};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const BOOT_AREA_AT: usize = 262_144;
const SLOT_BYTES: usize = BOOT_AREA_AT + 131_072;
const MANIFEST: &str = include_str!("data/update/manifest.toml");
const SIGNATURE: &str = include_str!("data/update/manifest.minisig");
const KEY: &str = include_str!("data/update/key.txt");
const PIECE_BYTES: usize = 50_000;

/// The images that the manifest speaks of: release 9.8.7 for the board `test-board`.
fn images() -> (Vec<u8>, Vec<u8>) {
    let noise = |seed: u32, bytes: u32| {
        (0..bytes).map(move |at| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13).to_le_bytes()[0])
    };
    (noise(7, 150_001).collect(), noise(11, 70_000).collect())
}

fn bundle() -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
    let (root, boot) = images();
    let head = [&b"CEMSUPD1"[..], &length(MANIFEST), &length(SIGNATURE)].concat();
    [&head, MANIFEST.as_bytes(), SIGNATURE.as_bytes(), &root, &boot].concat()
}

/// A box: its devices, its site and the gateway that runs on it, killed with the test.
struct TheBox {
    folder: TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

impl TheBox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let of = |name: &str| folder.path().join(name);
        let digest = |token: &str| format!("{:x}", Sha256::digest(token));
        let platform = |id: &str, scope: &str| {
            format!(
                "[[platform]]\nid = \"{id}\"\ntoken_sha256 = \"{}\"\nscopes = [\"{scope}\"]\n",
                digest(id)
            )
        };
        let site = format!(
            "[cems]\nid = \"C\"\nname = \"works\"\nuser_name = \"user\"\nutc_offset = \"+08:00\"\n\
             [api]\nlisten = \"{address}\"\n{}{}",
            platform("operator", "admin"),
            platform("reader", "read")
        );
        fs::write(of("site.toml"), site).unwrap();
        fs::write(of("state"), vec![0; 1_048_576]).unwrap();
        for slot in ["a", "b"] {
            fs::write(of(slot), vec![0xaa; SLOT_BYTES]).unwrap();
        }
        let path = |name: &str| of(name).display().to_string();
        let board = format!(
            "board = \"test-board\"\nstate = \"{}\"\nslot_a = \"{}\"\nslot_b = \"{}\"\nboot_area_at = {BOOT_AREA_AT}\n\
             slot_bytes = {SLOT_BYTES}\nupdate_key = \"{}\"\ncommand_line = \"{}\"\n",
            path("state"),
            path("a"),
            path("b"),
            KEY.trim(),
            path("cmdline"),
        );
        fs::write(of("board.toml"), board).unwrap();
        fs::write(of("update.cems"), bundle()).unwrap();
        Self { folder, address, process: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self) -> BootState {
        StateFile::open(&self.path("state")).unwrap().read().unwrap()
    }

    fn write_state(&self, state: &BootState) {
        StateFile::open(&self.path("state")).unwrap().write(state).unwrap();
    }

    /// Starts what lies in `slot`, as the boot loader would.
    fn start(&mut self, slot: Slot) {
        fs::write(self.path("cmdline"), format!("quiet cems.slot={slot}\n")).unwrap();
        let mut run = cems_gateway(&["run", "--trust-clock"]);
        run.arg("--config").arg(self.path("site.toml")).arg("--data").arg(self.path("data"));
        run.arg("--board").arg(self.path("board.toml")).stderr(Stdio::null());
        self.process = Some(run.spawn().unwrap());
        self.wait(|the_box| {
            the_box.path("data/orders.sock").exists() && TcpStream::connect(the_box.address).is_ok()
        });
    }

    fn wait(&self, until: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !until(self) {
            assert!(begun.elapsed() < PATIENCE, "it does not come to pass");
            sleep(Duration::from_millis(20));
        }
    }

    fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        let _socket = fs::remove_file(self.path("data/orders.sock"));
    }

    /// The exit code of a gateway that ends by itself.
    fn exit_code(&mut self) -> Option<i32> {
        let mut process = self.process.take().unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            sleep(Duration::from_millis(20));
        }
    }

    fn update(&self, arguments: &[&str]) -> Output {
        let mut update = cems_gateway(&["update", "--lang", "en", "--data"]);
        update.arg(self.path("data")).args(arguments).arg(self.path("update.cems")).output().unwrap()
    }

    /// Types lines at the console on the box, and gives what was said.
    fn types(&self, lines: &[&str]) -> String {
        let mut console = cems_gateway(&["console", "--data"]);
        let console = console.arg(self.path("data")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut console = console.spawn().unwrap();
        console.stdin.take().unwrap().write_all((lines.join("\r") + "\rlogout\r").as_bytes()).unwrap();
        String::from_utf8(console.wait_with_output().unwrap().stdout).unwrap()
    }

    /// Asks as the platform `who`, and gives status and document.
    fn asks(&self, who: &str, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/octet-stream\r\n" };
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: box\r\nAuthorization: Bearer {who}\r\n{kind}{length}Connection: close\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), json_of(head, body))
    }

    fn stands(&self) -> Value {
        self.asks("operator", "GET", "/update", b"").1["data"].clone()
    }

    fn holds_the_update(&self, slot: Slot) -> bool {
        let (root, boot) = images();
        let bytes = fs::read(self.path(slot.name())).unwrap();
        bytes.starts_with(&root) && bytes[BOOT_AREA_AT..].starts_with(&boot)
    }

    fn book(&self) -> String {
        let mut export = cems_gateway(&["export", "--audit", "--data"]);
        String::from_utf8(export.arg(self.path("data")).output().unwrap().stdout).unwrap()
    }
}

impl Drop for TheBox {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The document of an answer, which may come in chunks.
fn json_of(head: &str, body: &str) -> Value {
    let begins = body.find('{').unwrap_or_else(|| panic!("{head}\n{body}"));
    let ends = body.rfind('}').unwrap();
    serde_json::from_str(&body[begins..=ends]).unwrap()
}

fn cems_gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
    command.args(arguments);
    command
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

#[test]
fn an_update_from_the_command_line_is_tried_and_confirmed() {
    let mut the_box = TheBox::new();
    the_box.start(Slot::A);
    let output = the_box.update(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "release 9.8.7 is written; the box restarts and tries it\n");
    assert_eq!(the_box.exit_code(), Some(100), "the restart is asked for");
    assert!(the_box.holds_the_update(Slot::B));
    let written = the_box.state();
    assert_eq!((written.slot, written.trial, written.tries), (Slot::A, Some(Slot::B), 3));

    the_box.write_state(&BootState { tries: 2, ..written });
    the_box.start(Slot::B);
    assert_eq!(the_box.stands()["state"], "trial");
    let refused = said(&the_box.update(&[]));
    assert!(refused.contains("on trial itself"), "{refused}");
    let shown = the_box.types(&["update", "update confirm", "lang zh", "update"]);
    assert!(shown.contains("ON TRIAL") && shown.contains("已确认") && shown.contains("分区 b"), "{shown}");
    assert_eq!(the_box.state(), BootState { slot: Slot::B, b: Contents::Good, ..BootState::default() });
    let book = the_box.book();
    for entry in ["operator,,command-line,update,receive,,done", "system,,inside,update,ready 9.8.7,,done"] {
        assert!(book.contains(entry), "{entry}\n{book}");
    }
    assert!(book.contains("console,,socket,update,confirm,,done"), "{book}");
}

#[test]
fn an_update_over_http_comes_in_pieces_that_may_come_twice() {
    let mut the_box = TheBox::new();
    the_box.start(Slot::A);
    assert_eq!(the_box.asks("reader", "GET", "/update", b"").0, 403);
    assert_eq!(the_box.stands()["state"], "idle");
    let bundle = bundle();
    let mut offset = 0;
    for piece in bundle.chunks(PIECE_BYTES) {
        let path = format!("/update?offset={offset}&restart=false");
        for _ in 0..if offset == 100_000 { 2 } else { 1 } {
            let (status, told) = the_box.asks("operator", "POST", &path, piece);
            assert_eq!(status, 200, "{told}");
        }
        offset += piece.len();
        if offset == 100_000 {
            let (status, told) = the_box.asks("operator", "POST", "/update?offset=150000", b"ahead");
            assert!(
                status == 409 && told["message"].as_str().unwrap().contains("from byte 100000 on"),
                "{told}"
            );
            assert_eq!(the_box.stands()["receivedBytes"], 100_000);
            assert_eq!(the_box.stands()["totalBytes"], bundle.len());
            let busy = said(&the_box.update(&[]));
            assert!(busy.contains("an update from the platform 'operator' is under way"), "{busy}");
        }
    }
    the_box.wait(|the_box| the_box.stands()["state"] == "ready");
    assert!(the_box.holds_the_update(Slot::B));
    assert_eq!(the_box.state().trial, Some(Slot::B));
    let shown = the_box.types(&["update back", "update"]);
    assert!(shown.contains("taken back") && shown.contains("nothing under way"), "{shown}");
    assert_eq!(the_box.state().trial, None);
}

#[test]
fn a_kill_in_the_middle_leaves_the_running_slot_and_the_next_update_gets_through() {
    let mut the_box = TheBox::new();
    the_box.start(Slot::A);
    let bundle = bundle();
    let (status, _) = the_box.asks("operator", "POST", "/update?offset=0", &bundle[..60_000]);
    assert_eq!(status, 200);
    the_box.kill();
    let state = the_box.state();
    assert_eq!((state.slot, state.trial, state.b), (Slot::A, None, Contents::Empty));
    the_box.start(Slot::A);
    let (status, _) = the_box.asks("operator", "POST", "/update?offset=60000", &bundle[60_000..120_000]);
    assert_eq!(status, 409, "half an update is not gone on with");
    let output = the_box.update(&["--no-restart"]);
    assert!(output.status.success() && the_box.holds_the_update(Slot::B), "{}", said(&output));
}

#[test]
fn a_system_that_did_not_prove_itself_is_told_for_as_long_as_it_lies_there() {
    let mut the_box = TheBox::new();
    let tried = BootState {
        trial: Some(Slot::B),
        tries: 0,
        b: Contents::Good,
        reason: Reason::CRASH_LOOP,
        ..BootState::default()
    };
    the_box.write_state(&tried);
    for _ in 0..2 {
        the_box.start(Slot::A);
        let state = the_box.state();
        assert_eq!((state.slot, state.trial, state.b), (Slot::A, None, Contents::Bad));
        let stands = the_box.stands();
        assert_eq!((&stands["state"], &stands["reason"]), (&"rolled-back".into(), &"crash-loop".into()));
        let shown = the_box.types(&["status"]);
        assert!(
            shown.contains("ALARM  an update did not prove itself")
                && shown.contains("ROLLED BACK (crash-loop)")
        );
        the_box.kill();
    }
    the_box.start(Slot::A);
    assert_eq!(the_box.book().matches("update,rolled-back crash-loop,,done,1,").count(), 1);
    assert!(said(&the_box.update(&["--no-restart"])).contains("is written"));
    assert_eq!(the_box.stands()["state"], "ready");
}

#[test]
fn a_bundle_that_is_no_good_changes_nothing() {
    let mut the_box = TheBox::new();
    the_box.start(Slot::A);
    let before = (the_box.state(), fs::read(the_box.path("b")).unwrap());
    let head_ends = bundle().len() - images().0.len() - images().1.len();
    for at in [0, 9, 40, 400, head_ends - 1] {
        let mut changed = bundle();
        changed[at] ^= 0x01;
        fs::write(the_box.path("update.cems"), changed).unwrap();
        let output = the_box.update(&[]);
        assert!(!output.status.success(), "byte {at}");
        let after = (the_box.state(), fs::read(the_box.path("b")).unwrap());
        assert!(after == before, "byte {at}");
    }
    // Where only an image is wrong, it is the state that keeps anybody from starting it.
    let mut changed = bundle();
    *changed.last_mut().unwrap() ^= 0x01;
    fs::write(the_box.path("update.cems"), changed).unwrap();
    let told = said(&the_box.update(&[]));
    assert!(told.contains("the boot image is not what the manifest says"), "{told}");
    let state = the_box.state();
    assert_eq!((state.slot, state.trial, state.b), (Slot::A, None, Contents::Empty));
    assert!(the_box.stands()["fault"].as_str().unwrap().contains("boot image"));
}

#[test]
fn a_check_writes_nothing_and_needs_no_gateway() {
    let the_box = TheBox::new();
    let check = |board: &Path| {
        let mut check = cems_gateway(&["update", "--check", "--lang", "en", "--board"]);
        said(&check.arg(board).arg(the_box.path("update.cems")).output().unwrap())
    };
    let board = the_box.path("board.toml");
    assert_eq!(check(&board), "release 9.8.7 for test-board; signature and contents are good\n");
    let other = fs::read_to_string(&board).unwrap().replace("\"test-board\"", "\"other\"");
    fs::write(the_box.path("other.toml"), other).unwrap();
    assert!(
        check(&the_box.path("other.toml")).contains("made for the board 'test-board', and this is 'other'")
    );
    assert!(fs::read(the_box.path("state")).unwrap().iter().all(|byte| *byte == 0));
}

#[test]
fn a_machine_without_slots_says_so() {
    let mut the_box = TheBox::new();
    let board = the_box.path("board.toml");
    fs::remove_file(&board).unwrap();
    let output = {
        let mut run = cems_gateway(&["run", "--trust-clock", "--config"]);
        run.arg(the_box.path("site.toml")).arg("--data").arg(the_box.path("data")).arg("--board").arg(&board);
        run.output().unwrap()
    };
    assert!(
        output.status.code() == Some(78) && said(&output).contains("the file cannot be read"),
        "a named file"
    );
    let mut run = cems_gateway(&["run", "--trust-clock", "--config"]);
    run.arg(the_box.path("site.toml")).arg("--data").arg(the_box.path("data")).stderr(Stdio::null());
    the_box.process = Some(run.spawn().unwrap());
    the_box.wait(|the_box| the_box.path("data/orders.sock").exists());
    assert!(said(&the_box.update(&[])).contains("no slots to update"));
    assert_eq!(the_box.asks("operator", "GET", "/update", b"").0, 404);
}
