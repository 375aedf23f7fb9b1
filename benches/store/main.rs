//! What the store costs, a measurement a process: `benches/run` calls it and reads what it prints.
//!
//! ```text
//! write DIR SECONDS WINDOW MIB     writes that many seconds of the site, a flush every WINDOW of them
//! keyed DIR SECONDS WINDOW         the same into sled with one key a reading
//! values FILE SECONDS              the same values for a store of another language, as doubles
//! nothing SECONDS                  makes the values and keeps none: the memory of everything but the store
//! query DIR DAYS                   opens a store of so many days and asks it
//! ```
//!
//! Every line of output is a name and a number.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::print_stdout)]

mod workload;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::reading::{GroupId, Sample, Scan, SeriesId, Value};
use cems_gateway::store::Store;
use cems_gateway::time::UtcTime;
use workload::{METERS, READINGS, SERIES, START_MS};

const DAY_MS: i64 = 86_400_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write", dir, seconds, window, mib] => {
            write(Path::new(dir), number(seconds), number(window), number(mib));
        }
        ["keyed", dir, seconds, window] => keyed(Path::new(dir), number(seconds), number(window)),
        ["values", file, seconds] => values(Path::new(file), number(seconds)),
        ["nothing", seconds] => nothing(number(seconds)),
        ["query", dir, days] => query(Path::new(dir), number(days)),
        _ => println!("this is called by benches/run"),
    }
}

fn number(word: &str) -> i64 {
    word.parse().unwrap()
}

fn say(name: &str, value: impl std::fmt::Display) {
    println!("{name} {value}");
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn open(dir: &Path, mib: i64) -> Store {
    // The longest window: what is measured flushes by the clock of the site.
    let settings = StoreSettings {
        durability_window_ms: 60_000,
        raw_days: 3_650,
        size_max_mib: u32::try_from(mib).unwrap(),
        ..StoreSettings::default()
    };
    Store::open(dir, &settings).unwrap()
}

fn groups(store: &Store) -> Vec<GroupId> {
    let group = |meter: usize| {
        let name = |place| store.series(&format!("PT-{meter}"), &format!("P{place}")).unwrap();
        let series: Vec<SeriesId> = (0..SERIES).map(name).collect();
        store.group(&series).unwrap()
    };
    (0..METERS).map(group).collect()
}

/// Goes on where the store ends.
fn write(dir: &Path, seconds: i64, window: i64, mib: i64) {
    let store = open(dir, mib);
    let groups = groups(&store);
    let first = store.durable().through.map_or(0, |through| (through.as_ms() - START_MS) / 1_000 + 1);
    let mut site = workload::site();
    let mut longest = Duration::ZERO;
    for second in first..first + seconds {
        for (meter, group) in site.iter_mut().zip(&groups) {
            let at = meter.time(second);
            let samples = meter.values().map(|value| Sample::good(Value::Number(value))).to_vec();
            store.append_blocking(Scan { group: *group, at, samples }).unwrap();
        }
        if second % window == window - 1 {
            let started = Instant::now();
            store.flush().unwrap();
            longest = longest.max(started.elapsed());
        }
    }
    store.flush().unwrap();
    // What follows is not the store's daily work.
    let memory_kib = memory_kib();
    let status = store.status();
    let live = store.count(SeriesId(0), UtcTime::from_ms(0)..UtcTime::from_ms(i64::MAX)).unwrap() * READINGS;
    say("readings", seconds.cast_unsigned() * READINGS);
    say("live_readings", live);
    say("disk_bytes", status.disk_bytes);
    say("sealed_bytes", status.sealed_bytes);
    say("expired_epochs", status.expired_epochs);
    say("dropped_scans", status.dropped_scans);
    say("blobs", status.blob_files);
    say("longest_flush_ms", longest.as_millis());
    say("memory_kib", memory_kib);
    store.close().unwrap();
}

fn keyed(dir: &Path, seconds: i64, window: i64) {
    let sled = sled::Config::new().path(dir.join("db")).cache_capacity(16 << 20).flush_every_ms(None);
    let sled = sled.open().unwrap();
    let file = std::fs::File::open(dir.join("db/db")).unwrap();
    let mut site = workload::site();
    for second in 0..seconds {
        for (number, meter) in site.iter_mut().enumerate() {
            let at = meter.time(second).as_ms();
            for (place, value) in meter.values().into_iter().enumerate() {
                let series = u32::try_from(number * SERIES + place).unwrap();
                let key = [series.to_be_bytes().as_slice(), &at.to_be_bytes()].concat();
                sled.insert(key, &value.to_be_bytes()).unwrap();
            }
        }
        if second % window == window - 1 {
            sled.flush().unwrap();
            file.sync_data().unwrap();
        }
    }
    say("readings", seconds.cast_unsigned() * READINGS);
    say("memory_kib", memory_kib());
}

fn values(file: &Path, seconds: i64) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    let mut site = workload::site();
    for second in 0..seconds {
        for meter in &mut site {
            meter.time(second);
            for value in meter.values() {
                file.write_all(&value.to_le_bytes()).unwrap();
            }
        }
    }
    file.flush().unwrap();
}

fn nothing(seconds: i64) {
    let mut site = workload::site();
    let mut sum = 0.0;
    for second in 0..seconds {
        for meter in &mut site {
            let at = meter.time(second);
            let samples = meter.values().map(|value| Sample::good(Value::Number(value))).to_vec();
            sum += at.as_ms() as f64 + samples.len() as f64;
        }
    }
    say("sum", sum);
    say("memory_kib", memory_kib());
}

fn query(dir: &Path, days: i64) {
    let started = Instant::now();
    let store = open(dir, 65_536);
    say("open_ms", started.elapsed().as_secs_f64() * 1e3);
    say("open_memory_kib", memory_kib());
    let series = store.series("PT-7", "P9").unwrap();
    let end = START_MS + days * DAY_MS;
    for (name, days) in [("first_day_ms", 1), ("day_ms", 1), ("first_month_ms", days), ("month_ms", days)] {
        let range = UtcTime::from_ms(end - days * DAY_MS)..UtcTime::from_ms(end);
        let started = Instant::now();
        let readings = store.history(series, range).unwrap().flatten().count();
        say(name, started.elapsed().as_secs_f64() * 1e3);
        assert!(readings.cast_signed() as i64 >= days * 86_399, "{readings} readings in {days} days");
    }
    say("memory_kib", memory_kib());
    store.close().unwrap();
}
