//! `[[line]]`: serial ports and TCP connections that meters hang on.

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rtu,
    Tcp,
    RtuOverTcp,
}

const KINDS: [(&str, Kind); 3] = [("rtu", Kind::Rtu), ("tcp", Kind::Tcp), ("rtu-over-tcp", Kind::RtuOverTcp)];

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
    let list = entries.into_iter().filter_map(|entry| line(entry, places)).collect();
    Lines { list, ids }
}

/// Without its kind nobody knows which keys belong to a line, so the others are not judged.
fn line(entry: Entry<'_>, places: &mut Places) -> Option<Line> {
    let section = entry.section;
    let kind = section.choice("kind", &KINDS);
    if !section.has("kind") {
        section.missing("kind", "give one of rtu, tcp, rtu-over-tcp");
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
    };
    let response_timeout_ms =
        form::whole(&section, "response_timeout_ms", 10..=60_000).unwrap_or(RESPONSE_TIMEOUT_MS);
    section.finish();
    Some(Line { id: entry.id?, link, response_timeout_ms })
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
            ("", "kind: is missing; give one of rtu, tcp, rtu-over-tcp"),
            ("kind = 'udp'", "kind: 'udp' is unknown"),
            ("kind = 'rtu'", "port: is missing"),
            ("kind = 'rtu'\nport = 'ttyS1'", "port: 'ttyS1' is refused"),
            ("kind = 'rtu'\nport = '/dev/a'\ndata_bits = 7", "data_bits: 7 bits cannot carry RTU frames"),
            ("kind = 'rtu'\nport = '/dev/a'\nhost = 'm'", "host: is an unknown key"),
            ("kind = 'tcp'", "host: is missing"),
            ("kind = 'tcp'\nhost = 'm'\nport = 0", "port: 0 is out of range"),
            ("kind = 'rtu-over-tcp'\nhost = 'm'", "port: is missing"),
            ("kind = 'tcp'\nhost = 'm'\nresponse_timeout_ms = 5", "a whole number from 10 to 60000"),
        ] {
            let faults = read(&format!("[[line]]\nid = 'a'\n{keys}\n")).unwrap_err();
            assert!(faults.contains(told), "{keys}\n{faults}");
        }
    }
}
