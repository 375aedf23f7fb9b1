//! A line as a technician writes it on the command line: `/dev/ttyUSB0:9600:8N1`, `10.0.0.7:502`.

use crate::model::meter::{Line, Link, Parity, SerialSettings};

/// Baud rate where none is written: what most meters are delivered with.
const BAUD_DEFAULT: u32 = 9_600;

/// Reads the line that `text` names; a path is a serial port, everything else a TCP address.
///
/// # Errors
/// What is wrong and how to write it.
pub(super) fn line_of(text: &str, rtu_over_tcp: bool, response_timeout_ms: u32) -> Result<Line, String> {
    let link = if text.starts_with('/') { serial(text)? } else { socket(text, rtu_over_tcp)? };
    Ok(Line { id: text.to_owned(), link, response_timeout_ms, pipeline: 1 })
}

fn serial(text: &str) -> Result<Link, String> {
    // Paths below /dev/serial/by-path hold colons themselves, so the settings are taken from the end.
    let (rest, frame) = match text.rsplit_once(':') {
        Some((rest, last)) if is_frame(last) => (rest, last),
        _ => (text, "8N1"),
    };
    let (port, baud) = match rest.rsplit_once(':') {
        Some((port, last)) if last.len() >= 3 && last.bytes().all(|b| b.is_ascii_digit()) => {
            (port, last.parse().ok())
        }
        _ => (rest, Some(BAUD_DEFAULT)),
    };
    let baud = baud.filter(|baud| (300..=4_000_000).contains(baud));
    let baud = baud.ok_or_else(|| {
        format!("'{text}': write a baud rate from 300 to 4000000, like /dev/ttyUSB0:9600:8N1")
    })?;
    let bytes = frame.as_bytes();
    let parity = match bytes[1] {
        b'E' => Parity::Even,
        b'O' => Parity::Odd,
        _ => Parity::None,
    };
    Ok(Link::Serial(SerialSettings {
        port: port.to_owned(),
        baud,
        parity,
        data_bits: bytes[0] - b'0',
        stop_bits: bytes[2] - b'0',
        local_echo: false,
        rs485: None,
    }))
}

/// `8N1`, `8E1`, `7O2` and the like.
fn is_frame(text: &str) -> bool {
    matches!(text.as_bytes(), [b'7' | b'8', b'N' | b'E' | b'O', b'1' | b'2'])
}

fn socket(text: &str, rtu_over_tcp: bool) -> Result<Link, String> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address in brackets are not that of the port.
        Some((host, port)) if !port.ends_with(']') => {
            (host, port.parse().map_err(|_| format!("'{port}' is no port; write HOST:PORT"))?)
        }
        _ => (text, 502),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    if host.is_empty() {
        return Err(format!("'{text}' names no host; write HOST:PORT or a path like /dev/ttyUSB0"));
    }
    Ok(if rtu_over_tcp {
        Link::RtuOverTcp { host, port, baud: BAUD_DEFAULT }
    } else {
        Link::Tcp { host, port }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial_of(text: &str) -> (String, u32, String) {
        let Link::Serial(s) = line_of(text, false, 500).unwrap().link else { panic!("not serial") };
        let parity = match s.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        (s.port, s.baud, format!("{}{parity}{}", s.data_bits, s.stop_bits))
    }

    #[test]
    fn a_path_is_a_serial_port_with_the_settings_that_follow_it() {
        for (text, port, baud, frame) in [
            ("/dev/ttyUSB0", "/dev/ttyUSB0", 9_600, "8N1"),
            ("/dev/ttyUSB0:19200", "/dev/ttyUSB0", 19_200, "8N1"),
            ("/dev/ttyUSB0:2400:8E1", "/dev/ttyUSB0", 2_400, "8E1"),
            ("/dev/serial/by-path/pci-0:1.0:9600:7O2", "/dev/serial/by-path/pci-0:1.0", 9_600, "7O2"),
        ] {
            assert_eq!(serial_of(text), (port.to_owned(), baud, frame.to_owned()), "{text}");
        }
        assert!(line_of("/dev/ttyUSB0:100:8N1", false, 500).is_err());
    }

    #[test]
    fn anything_else_is_a_host_with_a_port() {
        let tcp = |text| line_of(text, false, 500).map(|line| line.link);
        assert_eq!(tcp("meter.local"), Ok(Link::Tcp { host: "meter.local".to_owned(), port: 502 }));
        assert_eq!(tcp("10.0.0.7:1502"), Ok(Link::Tcp { host: "10.0.0.7".to_owned(), port: 1_502 }));
        for (text, port) in [("[::1]:1502", 1_502), ("[::1]", 502)] {
            assert_eq!(tcp(text), Ok(Link::Tcp { host: "::1".to_owned(), port }), "{text}");
        }
        assert!(tcp(":502").is_err() && tcp("host:port").is_err());
        let wrapped = line_of("10.0.0.7:4001", true, 500).map(|line| line.link);
        assert_eq!(wrapped, Ok(Link::RtuOverTcp { host: "10.0.0.7".to_owned(), port: 4_001, baud: 9_600 }));
    }
}
