//! `[[line]]`: serial ports and TCP connections that meters hang on.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::entries::{Entry, Ids, entries};
use super::form;
use super::places::Places;
use super::serial;
use crate::document::Section;
use crate::limits;
use crate::model::meter::{Line, Link};

/// The port of Modbus TCP.
const TCP_PORT: u16 = 502;
/// Modbus over Serial Line V1.02, section 2.4.1, speaks of one second to several.
const RESPONSE_TIMEOUT_MS: u32 = 1_000;

/// What servers of Modbus TCP may be asked at once (Modbus Messaging on TCP/IP V1.0b, section 4.2.2, names 1 to 16).
const PIPELINE_MAX: i64 = 16;
const REGISTRATION_REMEDY: &str =
    "give the 3 to 64 bytes that the modem sends first, as text or as hex:0102AB";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rtu,
    Tcp,
    RtuOverTcp,
    DialIn,
}

const KINDS: [(&str, Kind); 4] =
    [("rtu", Kind::Rtu), ("tcp", Kind::Tcp), ("rtu-over-tcp", Kind::RtuOverTcp), ("dial-in", Kind::DialIn)];

/// The lines that could be read, and the IDs of all that meters may refer to.
pub(super) struct Lines {
    /// In the order of the file.
    pub list: Vec<Line>,
    /// Those of faulty lines too.
    pub ids: Ids,
}

/// Reads the tables.
pub(super) fn lines(root: &Section<'_>, places: &mut Places) -> Lines {
    let entries = entries(root, "line", limits::LINES_MAX);
    let ids = Ids::of("line", &entries);
    let mut modems = Vec::new();
    let list = entries.into_iter().filter_map(|entry| line(entry, places, &mut modems)).collect();
    Lines { list, ids }
}

/// Without its kind nobody knows which keys belong to a line, so the others are not judged.
fn line(entry: Entry<'_>, places: &mut Places, modems: &mut Vec<Modem>) -> Option<Line> {
    let section = entry.section;
    let kind = section.choice("kind", &KINDS);
    if !section.has("kind") {
        section.missing("kind", "give one of rtu, tcp, rtu-over-tcp, dial-in");
    }
    let link = match kind? {
        Kind::Rtu => Link::Serial(serial::meter_port(&section, places)),
        Kind::Tcp => {
            let (host, port) = endpoint(&section, Some(TCP_PORT), places);
            Link::Tcp { host, port }
        }
        Kind::RtuOverTcp => {
            let (host, port) = endpoint(&section, None, places);
            Link::RtuOverTcp { host, port, baud: serial::meter_baud(&section) }
        }
        Kind::DialIn => dial_in(&section, places, modems),
    };
    let response_timeout_ms =
        form::whole(&section, "response_timeout_ms", 10..=60_000).unwrap_or(RESPONSE_TIMEOUT_MS);
    let pipeline = match link {
        Link::Tcp { .. } => form::whole(&section, "pipeline", 1..=PIPELINE_MAX).unwrap_or(1),
        _ => 1,
    };
    section.finish();
    Some(Line { id: entry.id?, link, response_timeout_ms, pipeline })
}

/// Where a modem calls, and how it says that it is the one of this line.
fn dial_in(section: &Section<'_>, places: &mut Places, modems: &mut Vec<Modem>) -> Link {
    let listen = section.parsed("listen", |text| {
        text.parse::<SocketAddr>().map_err(|_| "give an address with its port, such as 0.0.0.0:5020")
    });
    if !section.has("listen") {
        section.missing("listen", "give the address and port that the modem calls, such as 0.0.0.0:5020");
    }
    let registration = section.parsed("registration", |text| registration(text).ok_or(REGISTRATION_REMEDY));
    if !section.has("registration") {
        section.missing("registration", REGISTRATION_REMEDY);
    }
    if let (Some(listen), Some(registration)) = (listen, &registration) {
        places.take(section, "registration", format!("{} on {listen}", registration.escape_ascii()));
        refuse_ambiguous(section, listen, registration, modems);
        modems.push((listen, registration.clone()));
    }
    Link::DialIn {
        listen: listen.unwrap_or(NOWHERE),
        registration: registration.unwrap_or_default(),
        baud: serial::meter_baud(section),
    }
}

/// Where a modem calls and what it says first.
type Modem = (SocketAddr, Vec<u8>);

/// Of two registrations of which one begins like the other nobody could say which modem calls.
fn refuse_ambiguous(section: &Section<'_>, listen: SocketAddr, registration: &[u8], modems: &[Modem]) {
    let is_ambiguous = |(at, other): &&Modem| {
        let one_begins_the_other = registration.starts_with(other) || other.starts_with(registration);
        *at == listen && other != registration && one_begins_the_other
    };
    if let Some((_, other)) = modems.iter().find(is_ambiguous) {
        let reason = format!("'{}' begins like '{}'", registration.escape_ascii(), other.escape_ascii());
        section.fault("registration", reason, "give all modems of a port registrations of one length");
    }
}

/// Stands in for an address that was refused.
const NOWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// The bytes of a text of printable ASCII, or of hex digits after `hex:`.
fn registration(text: &str) -> Option<Vec<u8>> {
    let bytes = match text.strip_prefix("hex:") {
        None => text.bytes().all(|byte| (b' '..=b'~').contains(&byte)).then(|| text.as_bytes().to_vec())?,
        Some(digits) => {
            let pairs = digits.as_bytes().chunks_exact(2);
            let is_whole = pairs.remainder().is_empty();
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            pairs.map(byte).collect::<Option<Vec<u8>>>().filter(|_| is_whole)?
        }
    };
    (3..=limits::REGISTRATION_BYTES_MAX).contains(&bytes.len()).then_some(bytes)
}

fn endpoint(section: &Section<'_>, port_default: Option<u16>, places: &mut Places) -> (String, u16) {
    let host = form::host(section, "host");
    if !section.has("host") {
        section.missing("host", "give the host name or address of the meter or the device server");
    }
    let port = form::whole(section, "port", 1..=65_535).or(port_default);
    if port.is_none() && !section.has("port") {
        section.missing("port", "give the TCP port that the device server shows");
    }
    if let (Some(host), Some(port)) = (&host, port) {
        places.take(section, "host", format!("{}:{port}", host.to_ascii_lowercase()));
    }
    (host.unwrap_or_default(), port.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::model::meter::Parity;

    fn read(text: &str) -> Result<Vec<Line>, String> {
        let document = Document::parse("site.toml", text).unwrap();
        let lines = lines(&document.root(), &mut Places::default());
        document.verdict().map(|()| lines.list).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_line_needs_little_where_the_defaults_fit() {
        let text = "[[line]]\nid = 'a'\nkind = 'rtu'\nport = '/dev/ttyS1'\n\
                    [[line]]\nid = 'b'\nkind = 'tcp'\nhost = '192.0.2.10'\n";
        let lines = read(text).unwrap();
        let Link::Serial(serial) = &lines[0].link else { panic!("{lines:?}") };
        assert_eq!((serial.baud, serial.parity, serial.bits_per_char()), (9_600, Parity::None, 10));
        assert_eq!(lines[1].link, Link::Tcp { host: "192.0.2.10".to_owned(), port: 502 });
        assert_eq!(lines[1].response_timeout_ms, 1_000);
    }

    #[test]
    fn modems_that_call_one_port_are_told_apart_by_their_registration() {
        let line = |id, registration| {
            format!(
                "[[line]]\nid = '{id}'\nkind = 'dial-in'\nlisten = '0.0.0.0:5020'\nregistration = '{registration}'\n"
            )
        };
        let lines = read(&(line("a", "DTU-1") + &line("b", "hex:0102aB"))).unwrap();
        let registrations: Vec<&[u8]> = lines
            .iter()
            .map(|line| match &line.link {
                Link::DialIn { registration, baud: 9_600, .. } => registration.as_slice(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(registrations, [b"DTU-1".as_slice(), &[1, 2, 0xAB]]);
        let faults = read(&(line("a", "DTU-1") + &line("b", "DTU-1"))).unwrap_err();
        assert!(faults.contains("registration: DTU-1 on 0.0.0.0:5020 is taken by line 'a'"), "{faults}");
        for (first, second) in [("DTU-1", "DTU-10"), ("DTU-10", "DTU-1")] {
            let faults = read(&(line("a", first) + &line("b", second))).unwrap_err();
            assert!(faults.contains(&format!("registration: '{second}' begins like '{first}'")), "{faults}");
        }
    }

    #[test]
    fn one_port_has_one_line() {
        for (first, second) in [
            ("kind = 'rtu'\nport = '/dev/ttyS1'", "kind = 'rtu'\nport = '/dev//ttyS1'"),
            ("kind = 'tcp'\nhost = 'Meter'", "kind = 'rtu-over-tcp'\nhost = 'meter'\nport = 502"),
        ] {
            let faults = read(&format!("[[line]]\nid = 'a'\n{first}\n[[line]]\nid = 'b'\n{second}\n"));
            assert!(faults.unwrap_err().contains("is taken by line 'a'"), "{second}");
        }
        let two_ports = "[[line]]\nid = 'a'\nkind = 'tcp'\nhost = 'm'\n\
                         [[line]]\nid = 'b'\nkind = 'tcp'\nhost = 'm'\nport = 503\n";
        assert!(read(two_ports).is_ok());
    }

    #[test]
    fn what_no_line_can_be_is_refused() {
        for (keys, told) in [
            ("", "kind: is missing; give one of rtu, tcp, rtu-over-tcp, dial-in"),
            ("kind = 'dial-in'", "listen: is missing"),
            ("kind = 'dial-in'\nlisten = '0.0.0.0:5020'", "registration: is missing"),
            ("kind = 'dial-in'\nlisten = '5020'\nregistration = 'DTU'", "listen: '5020' is refused"),
            ("kind = 'dial-in'\nlisten = '0.0.0.0:1'\nregistration = 'D'", "registration: 'D' is refused"),
            ("kind = 'dial-in'\nlisten = '0.0.0.0:1'\nregistration = 'hex:123456A'", "is refused"),
            ("kind = 'udp'", "kind: 'udp' is unknown"),
            ("kind = 'rtu'", "port: is missing"),
            ("kind = 'rtu'\nport = 'ttyS1'", "port: 'ttyS1' is refused"),
            ("kind = 'rtu'\nport = '/dev/a'\ndata_bits = 7", "data_bits: 7 bits cannot carry RTU frames"),
            ("kind = 'rtu'\nport = '/dev/a'\nhost = 'm'", "host: is an unknown key"),
            ("kind = 'tcp'", "host: is missing"),
            ("kind = 'tcp'\nhost = 'm'\npipeline = 17", "pipeline: 17 is out of range"),
            ("kind = 'rtu'\nport = '/dev/a'\npipeline = 2", "pipeline: is an unknown key"),
            ("kind = 'tcp'\nhost = 'm'\nport = 0", "port: 0 is out of range"),
            ("kind = 'rtu-over-tcp'\nhost = 'm'", "port: is missing"),
            ("kind = 'tcp'\nhost = 'm'\nresponse_timeout_ms = 5", "a whole number from 10 to 60000"),
        ] {
            let faults = read(&format!("[[line]]\nid = 'a'\n{keys}\n")).unwrap_err();
            assert!(faults.contains(told), "{keys}\n{faults}");
        }
    }
}
