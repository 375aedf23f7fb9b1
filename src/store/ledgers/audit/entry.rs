//! The bytes of an entry of the audit book.
//!
//! ```text
//! key     number u32, from 1
//! value   version (1) u8 | what u8 | 0 done, or why it was refused u8 | clock state u8 | noted first i64
//!         | noted last i64 | how often u32 | 0, or 1 and value f64 | who u8, text | from where u8, text
//!         | about, text
//! who     0 the gateway, 1 console, 2 command line, 3 platform, 4 unknown
//! where   0 inside, 1 serial port, 2 console socket, 3 socket of the command line, 4 address
//! text    bytes u16 | UTF-8
//! ```
//!
//! Big-endian, times in milliseconds since 1970 UTC. What and why are the bytes of `model::audit`.

use crate::model::audit::{Actor, AuditEntry, Deed, Note, Outcome, Place, Reason, Who};
use crate::store::ledgers::fields::{take, take_number};
use crate::time::UtcTime;
use crate::time::trust::ClockState;

const VERSION: u8 = 1;

/// The value of an entry.
pub(super) fn write(entry: &AuditEntry) -> Vec<u8> {
    let Note { actor, what, about, value, outcome } = &entry.note;
    let reason = match outcome {
        Outcome::Done => 0,
        Outcome::Refused(reason) => reason.code(),
    };
    let mut bytes = vec![VERSION, what.code(), reason, entry.clock.code()];
    bytes.extend([entry.at, entry.last].map(|at| at.as_ms().to_be_bytes()).concat());
    bytes.extend(entry.count.to_be_bytes());
    bytes.push(u8::from(value.is_some()));
    bytes.extend(value.map(f64::to_be_bytes).into_iter().flatten());
    bytes.push(code_of_who(&actor.who));
    put_text(&mut bytes, actor.who.name());
    let (code, text) = parts_of_place(&actor.from);
    bytes.push(code);
    put_text(&mut bytes, &text);
    put_text(&mut bytes, about);
    bytes
}

/// The entry of this number out of its value; `None` when no version wrote that.
pub(super) fn read(number: u32, value: &[u8]) -> Option<AuditEntry> {
    let mut rest = value.strip_prefix(&[VERSION])?;
    let rest = &mut rest;
    let [what, reason, clock] = take(rest)?;
    let outcome = match reason {
        0 => Outcome::Done,
        code => Outcome::Refused(Reason::from_code(code)?),
    };
    let (what, clock) = (Deed::from_code(what)?, ClockState::from_code(clock)?);
    let (at, last) = (take_time(rest)?, take_time(rest)?);
    let count = u32::from_be_bytes(take(rest)?);
    let value = match take(rest)? {
        [0] => None,
        [1] => Some(take_number(rest)?),
        _ => return None,
    };
    let [who] = take(rest)?;
    let who = read_who(who, take_text(rest)?)?;
    let [from] = take(rest)?;
    let from = read_place(from, take_text(rest)?)?;
    let about = take_text(rest)?;
    let note = Note { actor: Actor { who, from }, what, about, value, outcome };
    rest.is_empty().then_some(AuditEntry { number, note, at, clock, last, count })
}

const fn code_of_who(who: &Who) -> u8 {
    match who {
        Who::System => 0,
        Who::Console(_) => 1,
        Who::Operator => 2,
        Who::Platform(_) => 3,
        Who::Unknown => 4,
    }
}

fn read_who(code: u8, name: String) -> Option<Who> {
    Some(match code {
        0 => Who::System,
        1 => Who::Console(name),
        2 => Who::Operator,
        3 => Who::Platform(name),
        4 => Who::Unknown,
        _ => return None,
    })
}

fn parts_of_place(place: &Place) -> (u8, String) {
    match place {
        Place::Inside => (0, String::new()),
        Place::Port(port) => (1, port.clone()),
        Place::Socket => (2, String::new()),
        Place::CommandLine => (3, String::new()),
        Place::Address(address) => (4, address.to_string()),
    }
}

fn read_place(code: u8, text: String) -> Option<Place> {
    Some(match code {
        0 => Place::Inside,
        1 => Place::Port(text),
        2 => Place::Socket,
        3 => Place::CommandLine,
        4 => Place::Address(text.parse().ok()?),
        _ => return None,
    })
}

/// Texts are cut long before they could be too long for their length.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(0);
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.bytes().take(usize::from(length)));
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = u16::from_be_bytes(take(rest)?);
    let (text, left) = rest.split_at_checked(usize::from(length))?;
    *rest = left;
    String::from_utf8(text.to_vec()).ok()
}

fn take_time(rest: &mut &[u8]) -> Option<UtcTime> {
    take(rest).map(i64::from_be_bytes).map(UtcTime::from_ms)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::limits;

    fn entry(who: Who, from: Place, outcome: Outcome) -> AuditEntry {
        let note = Note {
            actor: Actor { who, from },
            what: Deed::Hold,
            about: "PT-EV/充电".to_owned(),
            value: Some(-0.5),
            outcome,
        };
        let (at, last) = (UtcTime::from_ms(-7), UtcTime::from_ms(9_000));
        AuditEntry { number: 3, note, at, clock: ClockState::Unset, last, count: 70_000 }
    }

    #[test]
    fn every_kind_of_entry_reads_back_as_it_was_written() {
        let name = || "李四".to_owned();
        let whos = [Who::System, Who::Console(name()), Who::Operator, Who::Platform(name()), Who::Unknown];
        let places = [
            Place::Inside,
            Place::Port("/dev/ttyS1".to_owned()),
            Place::Socket,
            Place::CommandLine,
            Place::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Place::Address(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        let outcomes =
            || Reason::all().map(Outcome::Refused).chain([Outcome::Done]).collect::<Vec<Outcome>>();
        for (who, from) in whos.iter().flat_map(|who| places.iter().map(move |from| (who, from))) {
            for outcome in outcomes() {
                let entry = entry(who.clone(), from.clone(), outcome);
                assert_eq!(read(3, &write(&entry)), Some(entry));
            }
        }
    }

    #[test]
    fn the_longest_entry_finds_room() {
        let long = || "李".repeat(10_000);
        let mut entry = entry(Who::Platform(long()), Place::Port(long()), Outcome::Done);
        entry.note = entry.note.about(long()).bounded();
        let bytes = write(&entry);
        assert!(bytes.len() <= limits::STORE_VALUE_BYTES_MAX, "{}", bytes.len());
        assert_eq!(read(3, &bytes), Some(entry));
    }

    #[test]
    fn what_no_version_wrote_is_no_entry() {
        let whole = write(&entry(Who::Unknown, Place::Socket, Outcome::Done));
        for cut in 0..whole.len() {
            assert_eq!(read(3, &whole[..cut]), None, "{cut}");
        }
        assert_eq!(read(3, &[&[2], &whole[1..]].concat()), None);
        assert_eq!(read(3, &[&whole[..], &[0]].concat()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut value in prop::collection::vec(any::<u8>(), 1..80)) {
            value[0] = VERSION;
            if let Some(entry) = read(1, &value) {
                prop_assert!(read(1, &write(&entry)).is_some());
            }
        }
    }
}
