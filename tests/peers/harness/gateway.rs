//! The gateway under test, started as its users start it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Signal;

use super::api::Api;
use super::process::Process;
use super::{site, wait};

/// How the binary is called: itself, or an emulator with it.
pub(crate) type Program = Vec<OsString>;

/// The binary that cargo has just built.
pub(crate) fn native() -> Program {
    vec![env!("CARGO_BIN_EXE_cems-gateway").into()]
}

/// The binary as it is shipped; `tests/run` builds it. The allocator of this machine gives back what is free
/// as soon as that of a board does, so that its memory tells what it holds.
pub(crate) fn shipped() -> Program {
    let debug = Path::new(env!("CARGO_BIN_EXE_cems-gateway"));
    let shipped = debug.ancestors().nth(2).unwrap().join("release/cems-gateway");
    assert!(shipped.exists(), "{} is missing; run: cargo build --release", shipped.display());
    let allocator = ["MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=65536", "MALLOC_MMAP_THRESHOLD_=65536"];
    [OsString::from("env")].into_iter().chain(allocator.map(OsString::from)).chain([shipped.into()]).collect()
}

/// A running gateway that can be killed and started again on the same data.
pub(crate) struct Gateway {
    program: Program,
    arguments: Vec<OsString>,
    dir: PathBuf,
    api: Api,
    process: Process,
}

impl Gateway {
    /// `run`: the bare site with `rest` added, its data in `dir`.
    pub(crate) fn run(dir: &Path, durability_window: &str, rest: &str) -> Self {
        let api_port = site::free_port();
        Self::run_site(native(), dir, api_port, &(site::bare_site(api_port, durability_window) + rest))
    }

    /// `run`: the bare site, with its interface at `https_port` in TLS too, its data in `dir`.
    pub(crate) fn run_with_https(program: Program, dir: &Path, https_port: u16) -> Self {
        let api_port = site::free_port();
        let https = format!("[api]\ntls_listen = \"127.0.0.1:{https_port}\"");
        let site = site::bare_site(api_port, "PT1S").replace("[api]", &https);
        Self::run_site(program, dir, api_port, &site)
    }

    fn run_site(program: Program, dir: &Path, api_port: u16, site: &str) -> Self {
        let config = dir.join("gateway.toml");
        fs::write(&config, site).unwrap();
        // A machine that only runs tests has no hardware clock, and its time service says nothing.
        let arguments = [
            "run".into(),
            "--trust-clock".into(),
            "--config".into(),
            config.into(),
            "--data".into(),
            dir.join("data").into(),
        ];
        Self::start(program, arguments.into(), dir, Api::new(api_port, site::TOKEN))
    }

    /// `demo` with more `arguments`, its data in `dir`.
    pub(crate) fn demo(program: Program, dir: &Path, arguments: &[&str]) -> Self {
        let api_port = site::free_port();
        let listen = format!("127.0.0.1:{api_port}");
        let mut all: Vec<OsString> =
            vec!["demo".into(), "--listen".into(), listen.into(), "--data".into(), dir.join("data").into()];
        all.extend(arguments.iter().map(OsString::from));
        Self::start(program, all, dir, Api::new(api_port, "demo"))
    }

    fn start(program: Program, arguments: Vec<OsString>, dir: &Path, api: Api) -> Self {
        let process = start(&program, &arguments, dir, &api);
        Self { program, arguments, dir: dir.to_owned(), api, process }
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// kill -9 after `delay`, while the caller goes on using the interface.
    pub(crate) fn kill_after(&self, delay: Duration) -> JoinHandle<()> {
        let pid = self.process.pid();
        thread::spawn(move || {
            thread::sleep(delay);
            rustix::process::kill_process(pid, Signal::KILL).unwrap();
        })
    }

    /// Starts it anew, with the same arguments and data.
    pub(crate) fn start_again(&mut self) {
        self.process.kill();
        self.process = start(&self.program, &self.arguments, &self.dir, &self.api);
    }
}

fn start(program: &Program, arguments: &[OsString], dir: &Path, api: &Api) -> Process {
    let mut command = Command::new(&program[0]);
    let mut process = Process::start("gateway", command.args(&program[1..]).args(arguments), dir);
    wait::until("the gateway to answer /healthz", || {
        process.assert_alive();
        api.health()
    });
    process
}
