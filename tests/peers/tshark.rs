//! Our traffic, decoded by tshark: every value of every reply is what was stored at that time.

use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::api::Served;
use crate::harness::capture::{Capture, Exchange};
use crate::harness::gateway::Gateway;
use crate::harness::meters::{Fleet, MeterServer, Placed};
use crate::harness::random::Random;
use crate::harness::wait;

/// How often the meters change what they hold, and how long they hold it.
const CHANGES: usize = 6;
const HELD_FOR: Duration = Duration::from_millis(1_200);
/// How often each value is read.
const INTERVAL: SignedDuration = SignedDuration::from_millis(500);
const VALUES_MIN: usize = 500;

#[test]
fn what_tshark_reads_in_our_traffic_is_what_was_stored_value_by_value() {
    let dir = TempDir::new().unwrap();
    let mut random = Random::new(20_261_128);
    let mut fleet = Fleet::of_every_type(&mut random, dir.path());
    let mut server = MeterServer::start(&fleet, dir.path());
    let began = Timestamp::now().to_string();
    let held = fleet.over_tcp();
    let mut ports: Vec<u16> = held.iter().map(|held| held.port).collect();
    ports.dedup();
    let capture = Capture::start(&ports, dir.path());
    let gateway = Gateway::run(dir.path(), "PT1S", &fleet.site("PT0.5S"));
    for _ in 0..CHANGES {
        thread::sleep(HELD_FOR);
        fleet.change(&mut random);
        server.hold(&fleet);
    }
    thread::sleep(HELD_FOR);
    let (exchanges, refused) = capture.end();
    let last = exchanges.last().unwrap().answered_at + INTERVAL;
    let stored = wait::until("what was read to be stored", || {
        let later = gateway.api().history_since(&last.to_string()).unwrap();
        let is_whole = held.iter().all(|held| later.contains_key(&held.series));
        is_whole.then(|| gateway.api().history_since(&began).unwrap())
    });

    let compared: usize = held.iter().map(|held| compare(held, &exchanges, &stored[&held.series])).sum();
    println!("{compared} values in {} replies are the same; {refused} reads were refused", exchanges.len());
    assert!(compared >= VALUES_MIN, "{compared} values are too few");
}

/// Holds the replies about one value against its readings, of which there must be one for each; gives how
/// many there are.
fn compare(held: &Placed, exchanges: &[Exchange], stored: &[Served]) -> usize {
    let about = |exchange: &Exchange| Some((exchange.answered_at, held.value_in(exchange)?));
    let replies: Vec<(Timestamp, Value)> = exchanges.iter().filter_map(about).collect();
    let readings: Vec<&Served> = stored.iter().filter(|reading| reading.quality == 0).collect();
    assert!(readings.len() >= replies.len(), "{held:?}: {} replies, {stored:?}", replies.len());
    for ((answered_at, value), reading) in replies.iter().zip(&readings) {
        // A scan of several reads has the time of its first reply.
        let apart = time_of(reading).duration_since(*answered_at).abs();
        assert!(apart < INTERVAL, "{held:?}: a reply of {answered_at}, {reading:?}");
        assert!(held.is_same(value, &reading.value), "{held:?} at {answered_at}: {value}, {reading:?}");
    }
    // The capture may have ended in the middle of a scan.
    let next = readings.get(replies.len());
    let captured_until = exchanges.last().unwrap().answered_at;
    assert!(
        next.is_none_or(|next| time_of(next) + INTERVAL > captured_until),
        "{held:?}: no reply is behind {next:?}"
    );
    replies.len()
}

fn time_of(reading: &Served) -> Timestamp {
    reading.time.parse().unwrap()
}

impl Placed {
    fn text(&self, key: &str) -> &str {
        self.spec[key].as_str().unwrap()
    }

    /// The value that a reply holds; `None` where it is about other registers.
    fn value_in(&self, exchange: &Exchange) -> Option<Value> {
        let is_here = (exchange.port, exchange.unit) == (self.port, self.unit);
        if !is_here || exchange.table != self.text("table") {
            return None;
        }
        let address = u16::try_from(self.spec["address"].as_u64().unwrap()).unwrap();
        let at = usize::from(address.checked_sub(exchange.start)?);
        let words = exchange.words.get(at..at + self.size())?;
        Some(decode(self.text("type"), self.text("letters"), words))
    }

    /// Registers or bits.
    fn size(&self) -> usize {
        match self.text("type") {
            "bit" => 1,
            "text8" => 8,
            _ => self.text("letters").len() / 2,
        }
    }

    /// A float is stored as the shortest decimal that its type gives back.
    fn is_same(&self, read: &Value, stored: &Value) -> bool {
        let (Some(read), Some(stored)) = (read.as_f64(), stored.as_f64()) else { return read == stored };
        let half_a_step = match self.text("type") {
            "f16" => 2_f64.powi(-12),
            "f32" => 2_f64.powi(-25),
            _ => 0.0,
        };
        (read - stored).abs() <= read.abs() * half_a_step * 2.0
    }
}

/// The value of these words, by arithmetic of this test's own.
fn decode(data_type: &str, letters: &str, words: &[u16]) -> Value {
    if data_type == "bit" {
        return Value::from(f64::from(words[0]));
    }
    let wire: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    if data_type == "text8" {
        let pairs = wire
            .chunks(2)
            .flat_map(|pair| if letters.starts_with('A') { [pair[0], pair[1]] } else { [pair[1], pair[0]] });
        let text: Vec<u8> = pairs.take_while(|byte| *byte != 0).collect();
        return Value::from(String::from_utf8(text).unwrap());
    }
    // A letter is the place of a byte in the value, A the highest.
    let natural: Vec<u8> =
        ('A'..).take(wire.len()).map(|letter| wire[letters.find(letter).unwrap()]).collect();
    Value::from(decode_bytes(data_type, &natural))
}

/// The number that these bytes are, the highest first.
#[expect(clippy::cast_precision_loss, reason = "the test's integers stay below 2^53")]
fn decode_bytes(data_type: &str, bytes: &[u8]) -> f64 {
    let whole = bytes.iter().fold(0_u64, |whole, byte| whole << 8 | u64::from(*byte));
    let bits = 8 * bytes.len();
    let signed = |whole: u64, bits: usize| (whole.cast_signed() << (64 - bits) >> (64 - bits)) as f64;
    let digits =
        || bytes.iter().fold(0, |all, byte| all * 100 + u64::from(byte >> 4) * 10 + u64::from(byte & 15));
    if let Some(field) = data_type.strip_prefix("bits") {
        let [_, shift, width] =
            field.split(':').map(|part| part.parse::<u32>().unwrap()).collect::<Vec<_>>()[..]
        else {
            panic!("{data_type}");
        };
        return (whole >> shift & ((1 << width) - 1)) as f64;
    }
    match data_type {
        "u8-high" => f64::from(bytes[0]),
        "i8-high" => signed(bytes[0].into(), 8),
        "u8-low" => f64::from(bytes[1]),
        "i8-low" => signed(bytes[1].into(), 8),
        "f16" => half(whole),
        "f32" => f64::from(f32::from_be_bytes(bytes.try_into().unwrap())),
        "f64" => f64::from_be_bytes(bytes.try_into().unwrap()),
        name if name.starts_with("bcd") => digits() as f64,
        name if name.starts_with('u') => whole as f64,
        name if name.starts_with('i') => signed(whole, bits),
        other => panic!("{other}"),
    }
}

/// A normal half-precision number (IEEE 754, section 3.6): sign, five bits of exponent, ten of fraction.
#[expect(clippy::cast_precision_loss, reason = "ten bits")]
fn half(bits: u64) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::try_from(bits >> 10 & 31).unwrap(), (bits & 1_023) as f64);
    match exponent {
        0 => sign * fraction * 2_f64.powi(-24),
        exponent => sign * (1.0 + fraction / 1_024.0) * 2_f64.powi(exponent - 15),
    }
}

#[test]
fn the_decoder_of_this_test_is_right_on_examples_by_hand() {
    for (data_type, letters, words, expected) in [
        ("u32", "CDAB", &[0x5678, 0x1234][..], f64::from(0x1234_5678)),
        ("i48", "FEDCBA", &[0xFEFF, 0xFFFF, 0xFFFF][..], -2.0),
        ("f16", "AB", &[0xC500][..], -5.0),
        ("f32", "BADC", &[0xC03F, 0x0000][..], 1.5),
        ("f64", "GHEFCDAB", &[0, 0, 0, 0x4004][..], 2.5),
        ("bcd32", "ABCD", &[0x1234, 0x5678][..], 12_345_678.0),
        ("i8-low", "BA", &[0xFF7F][..], -1.0),
        ("bits16:4:3", "AB", &[0x0050][..], 5.0),
    ] {
        assert_eq!(decode(data_type, letters, words), Value::from(expected), "{data_type} {letters}");
    }
    assert_eq!(decode("text8", "BA", &[0x4241, 0x0043, 0, 0, 0, 0, 0, 0]), Value::from("ABC"));
}
