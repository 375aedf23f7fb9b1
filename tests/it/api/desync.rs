//! Requests that two programs could read in two ways: none lets a second request in behind it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use super::client::raw_to_end;
use super::site::{Served, TOKEN};

const VECTORS: &str = include_str!("../data/desync.txt");
/// What the second request on the connection is called, and what its answer repeats.
const SECOND: &str = "second-request";
/// What a request is called that hides in another.
const HIDDEN: &str = "hidden-request";
/// Characters of an answer that a failure shows.
const SHOWN: usize = 600;

/// One line of the file.
struct Vector {
    class: &'static str,
    is_served: bool,
    name: &'static str,
    bytes: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let lines = VECTORS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Vector::read).collect()
}

impl Vector {
    fn read(line: &'static str) -> Self {
        let mut columns = line.splitn(4, ' ');
        let mut column = || columns.next().unwrap_or_else(|| panic!("a column is missing: {line}"));
        let (class, outcome, name, bytes) = (column(), column(), column(), column());
        let is_served = match (class, outcome) {
            ("severe" | "ambiguous", "refused") => false,
            ("acceptable", "served") => true,
            _ => panic!("no such class, or not its outcome: {line}"),
        };
        Self { class, is_served, name, bytes: unescape(bytes) }
    }

    /// What is wrong with how the server at `address` takes it.
    fn fault(&self, address: SocketAddr) -> Option<String> {
        let heard = raw_to_end(address, &[self.bytes.clone(), marked(SECOND)].concat());
        let answers = answers(&heard);
        let is_right = !heard.contains(HIDDEN)
            && if self.is_served {
                matches!(answers[..], [_, 200]) && heard.contains(SECOND)
            } else {
                matches!(answers[..], [400..=499]) && !heard.contains(SECOND)
            };
        let shown: String = heard.chars().take(SHOWN).collect();
        (!is_right).then(|| format!("{} {}: {answers:?} {shown:?}", self.class, self.name))
    }
}

/// A whole request whose answer repeats `id`.
fn marked(id: &str) -> Vec<u8> {
    let mut text = "GET /cems/v1/GetCemsDynamicData HTTP/1.1\r\nHost: g\r\n".to_owned();
    write!(text, "Authorization: Bearer {TOKEN}\r\nX-Request-ID: {id}\r\nConnection: close\r\n\r\n").unwrap();
    text.into_bytes()
}

/// The statuses of the answers in `heard`.
fn answers(heard: &str) -> Vec<u16> {
    let begun = heard.split("HTTP/1.").skip(1);
    begun.filter_map(|rest| rest.get(2..5)?.parse().ok()).collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (written, length) = match (letter, rest.as_bytes().get(1)) {
            ('\\', Some(b'x')) => (vec![u8::from_str_radix(&rest[2..4], 16).unwrap()], 4),
            ('\\' | '%', Some(sign)) => (written(letter, *sign), 2),
            _ => (letter.to_string().into_bytes(), letter.len_utf8()),
        };
        bytes.extend(written);
        rest = &rest[length..];
    }
    bytes
}

/// What an escape or an abbreviation stands for; the head of the file lists them.
fn written(letter: char, sign: u8) -> Vec<u8> {
    match (letter, sign) {
        ('\\', b'r') => b"\r".to_vec(),
        ('\\', b'n') => b"\n".to_vec(),
        ('\\', b't') => b"\t".to_vec(),
        ('\\', b's') => b" ".to_vec(),
        ('\\', b'0') => b"\0".to_vec(),
        ('\\', b'\\') => b"\\".to_vec(),
        ('%', b'P') => b"POST /cems/v1/GetCemsDynamicData HTTP/1.1\r\n".to_vec(),
        ('%', b'G') => b"GET /cems/v1/GetCemsDynamicData HTTP/1.1\r\n".to_vec(),
        ('%', b'H') => b"Host: g\r\n".to_vec(),
        ('%', b'A') => {
            format!("Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n").into_bytes()
        }
        ('%', b'S') => marked(HIDDEN),
        _ => panic!("no such escape: {letter}{}", char::from(sign)),
    }
}

#[test]
fn a_request_that_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_answered() {
    let served = Served::empty();
    let faults: Vec<String> = vectors().iter().filter_map(|vector| vector.fault(served.address())).collect();
    assert!(faults.is_empty(), "{} are not taken as they must be:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_vectors_are_many_and_each_is_of_its_own() {
    let vectors = vectors();
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    for vector in &vectors {
        *classes.entry(vector.class).or_default() += 1;
    }
    let names: std::collections::BTreeSet<&str> = vectors.iter().map(|vector| vector.name).collect();
    assert_eq!(names.len(), vectors.len(), "a name is there twice");
    let few = classes.values().any(|count| *count < 30);
    assert!(classes.len() == 3 && !few && vectors.len() >= 150, "{classes:?}");
}
