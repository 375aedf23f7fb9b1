//! Fills a store until it is killed, its disk is full, or it has given enough:
//! `store_trial DIR SEED COUNT [FIRST]`.
//!
//! It goes on after what was there before, or with the scan FIRST, and prints `acknowledged N` for scans
//! that are durable, and `checked` once all that was there before has been looked at. A program of its own,
//! so that it is built for ARM too.

#[path = "trials/plant.rs"]
#[allow(dead_code, reason = "the tests use what this program does not")]
mod plant;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cems_gateway::store::StoreError;
use plant::Plant;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let [_, dir, numbers @ ..] = words.as_slice() else { return ExitCode::from(2) };
    let numbers: Result<Vec<u64>, _> = numbers.iter().map(|number| number.parse()).collect();
    let Ok([seed, count, first @ ..]) = numbers.as_deref() else { return ExitCode::from(2) };
    match fill(Path::new(dir), *seed, *count, first.first().copied()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The tests hold the directory themselves in between, and a copy of their lock lives on for a moment in
/// every process that they start.
fn open(dir: &Path, seed: u64) -> Result<Plant, StoreError> {
    for _ in 0..200 {
        match Plant::open(dir, seed) {
            Err(StoreError::InUse { .. }) => std::thread::sleep(Duration::from_millis(10)),
            other => return other,
        }
    }
    Plant::open(dir, seed)
}

fn fill(dir: &Path, seed: u64, count: u64, first: Option<u64>) -> Result<(), Box<dyn std::error::Error>> {
    let plant = open(dir, seed)?;
    let first = match first {
        Some(first) => first,
        None => plant.durable_scans()?.last_key_value().map_or(0, |(number, _)| *number) + 1,
    };
    let mut told = 0;
    let mut out = std::io::stdout();
    for number in first..first + count {
        plant.store.append_blocking(plant.scan(number))?;
        if number.is_multiple_of(97) {
            // A full disk ends this with an error, and what was not acknowledged may be lost.
            let _ = plant.store.flush();
        }
        let durable = plant.store.durable().through.map_or(0, plant::number_of);
        if durable > told {
            told = durable;
            writeln!(out, "acknowledged {told}")?;
        }
        if number.is_multiple_of(500) && plant.store.status().failing.is_some() {
            writeln!(out, "failing")?;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    while plant.store.status().unchecked_epochs > 0 && plant.store.status().failing.is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let is_durable = plant.store.flush().is_ok();
    if is_durable {
        writeln!(out, "checked")?;
    }
    writeln!(out, "enough")?;
    // The end comes from outside.
    std::thread::sleep(Duration::from_mins(1));
    Ok(())
}
