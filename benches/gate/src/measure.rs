//! The measurements: each server a process, what the kernel charged to it.
//!
//! What a document itself costs, its question to the store and its JSON, is the same for all: it is what the
//! gateway's workers used, less what `tiny_http` uses for the same bytes on such a socket. A server without a
//! gate costs this and what it uses for the bytes on TCP.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::client::{self, Wire, ask, joined};
use crate::cpu::{Used, forget_highest, kib};

/// Pages of the newest readings of 1,000 points.
const PAGES: [u32; 2] = [1, 2];
/// Documents of one round.
const DOCUMENTS: u32 = 100;
/// Rounds, of which the middle one counts; all servers take turns in each.
const ROUNDS: usize = 7;
/// Quarter hours of 200 parameters that are a million readings.
const STEPS_OF_A_MILLION: u32 = 5_000;
const PAGES_OF_A_MILLION: u32 = 2_000;

fn newest(page: u32) -> String {
    format!("/cems/v1/GetCemsDynamicData?pageSize=500&pageNumber={page}")
}

/// A server that this process has started; it ends with its input.
struct Started {
    child: Child,
    _input: ChildStdin,
    told: String,
}

impl Started {
    fn new(words: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.env("MALLOC_ARENA_MAX", "1").spawn().unwrap();
        let mut told = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut told).unwrap();
        let input = child.stdin.take().unwrap();
        Self { child, _input: input, told: told.trim().to_owned() }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What `round` made it use.
    fn used(&self, round: impl FnOnce()) -> Used {
        let before = Used::by(self.pid());
        round();
        Used::by(self.pid()).since(before)
    }
}

/// A gateway with its two addresses.
fn gateway(dir: &Path, steps: u32) -> (Started, String, String) {
    let started = Started::new(&["serve", dir.to_str().unwrap(), &steps.to_string()]);
    let (plain, tls) = started.told.split_once(' ').unwrap();
    let (plain, tls) = (plain.to_owned(), tls.to_owned());
    (started, plain, tls)
}

pub fn documents() {
    let (store, answers) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (gate, plain, tls) = gateway(store.path(), 4);
    let mut bytes = 0;
    for page in PAGES {
        let document = joined(&ask(&mut *client::plain(&plain), &newest(page), "keep-alive"));
        bytes += document.len();
        std::fs::write(answers.path().join(page.to_string()).with_extension("json"), document).unwrap();
    }
    let folder = answers.path().to_str().unwrap();
    let (bare, axum) = (Started::new(&["bare", folder]), Started::new(&["axum", folder]));
    let socket = answers.path().join("bare.sock");
    let mut rounds: Vec<Round> = Vec::new();
    for round in 0..=ROUNDS {
        let certificate = store.path().join("gate/certificate.pem");
        let by_gate = gate.used(|| ask_often(client::plain(&plain)));
        let by_gate_in_tls = gate.used(|| ask_often(client::tls(&tls, &certificate)));
        let by_bare = bare.used(|| ask_often(client::plain(&bare.told)));
        let by_unix = bare.used(|| ask_each_on_its_own(&socket));
        let by_axum = axum.used(|| ask_often(client::plain(&axum.told)));
        // The first warms everybody up.
        if round > 0 {
            rounds.push(Round::of(by_gate, by_gate_in_tls, [by_bare, by_unix, by_axum]));
        }
    }
    println!("document_bytes {bytes}");
    println!("gate_us {:.0}", middle(&rounds, |round| round.gate));
    println!("gate_tls_us {:.0}", middle(&rounds, |round| round.gate_in_tls));
    println!("bare_us {:.0}", middle(&rounds, |round| round.bare));
    println!("axum_us {:.0}", middle(&rounds, |round| round.axum));
    println!("content_us {:.0}", middle(&rounds, |round| round.content));
    println!("gate_thread_us {:.0}", middle(&rounds, |round| round.gate_thread));
    println!("gate_bare {:.2}", middle(&rounds, |round| round.gate / round.bare));
    println!("gate_tls_bare {:.2}", middle(&rounds, |round| round.gate_in_tls / round.bare));
    println!("gate_axum {:.2}", middle(&rounds, |round| round.gate / round.axum));
}

/// Microseconds of one document in one round.
struct Round {
    gate: f64,
    gate_in_tls: f64,
    gate_thread: f64,
    /// The document itself, whoever sends it.
    content: f64,
    bare: f64,
    axum: f64,
}

impl Round {
    fn of(gate: Used, gate_in_tls: Used, [bare, unix, axum]: [Used; 3]) -> Self {
        let us = |ns: u64| ns as f64 / 1_000.0 / f64::from(DOCUMENTS);
        let content = us(gate.all_ns - gate.gate_ns) - us(unix.all_ns);
        Self {
            gate: us(gate.all_ns),
            gate_in_tls: us(gate_in_tls.all_ns),
            gate_thread: us(gate.gate_ns),
            content,
            bare: content + us(bare.all_ns),
            axum: content + us(axum.all_ns),
        }
    }
}

fn middle(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn ask_often(mut wire: Box<dyn Wire>) {
    for _ in 0..DOCUMENTS {
        for page in PAGES {
            ask(&mut *wire, &newest(page), "keep-alive");
        }
    }
}

/// As the gate asks its workers.
fn ask_each_on_its_own(socket: &Path) {
    for _ in 0..DOCUMENTS {
        for page in PAGES {
            ask(&mut UnixStream::connect(socket).unwrap(), &newest(page), "close");
        }
    }
}

pub fn stream() {
    let store = tempfile::tempdir().unwrap();
    let (gate, plain, _) = gateway(store.path(), STEPS_OF_A_MILLION);
    let mut wire = client::plain(&plain);
    let page = |number: u32| {
        format!(
            "/cems/v1/GetCemsHistoricalData?startTime=2024-10-01&endTime=2025-01-02&pageSize=500&pageNumber={number}"
        )
    };
    for number in 1..=20 {
        ask(&mut *wire, &page(number), "keep-alive");
    }
    let pid = gate.pid();
    forget_highest(pid);
    let before = kib(pid, "VmRSS");
    let mut bytes = 0;
    for number in 1..=PAGES_OF_A_MILLION {
        bytes += ask(&mut *wire, &page(number), "keep-alive").len();
    }
    println!("stream_bytes {bytes}");
    println!("stream_kib {}", kib(pid, "VmHWM").saturating_sub(before));
}
