//! The factory's site file, with the places of one run filled in.

use std::net::SocketAddr;
use std::path::PathBuf;

const TEMPLATE: &str = include_str!("factory.toml");
/// The RS-485 bus in the main panel.
pub const SERIAL_LINE: &str = "rs485-1";
/// The utility's meter.
pub const GRID_LINE: &str = "lan-grid";
/// Inverter, battery and charging station.
pub const DER_LINE: &str = "lan-der";

/// Where the lines and the API of one run are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// [`SERIAL_LINE`]: a serial port or a pty.
    pub serial: PathBuf,
    /// [`GRID_LINE`].
    pub grid: SocketAddr,
    /// [`DER_LINE`].
    pub der: SocketAddr,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// SHA-256 of the platform's token, 64 hexadecimal digits.
    pub token_sha256: String,
}

/// How often the factory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// Powers every second, registers every fifteen minutes.
    Live,
    /// Everything every fifteen minutes: months of history in seconds.
    History,
}

/// The factory's site file.
#[must_use]
pub fn site_toml(ports: &Ports, rhythm: Rhythm) -> String {
    let power_interval = match rhythm {
        Rhythm::Live => "PT1S",
        Rhythm::History => "PT15M",
    };
    let serial = ports.serial.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    [
        ("{serial}", serial),
        ("{grid_host}", ports.grid.ip().to_string()),
        ("{grid_port}", ports.grid.port().to_string()),
        ("{der_host}", ports.der.ip().to_string()),
        ("{der_port}", ports.der.port().to_string()),
        ("{listen}", ports.listen.to_string()),
        ("{token_sha256}", ports.token_sha256.clone()),
        ("{power_interval}", power_interval.to_owned()),
    ]
    .iter()
    .fold(TEMPLATE.to_owned(), |text, (place, value)| text.replace(place, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::site::Site;
    use crate::meters;
    use crate::sim::factory::Quantity;
    use crate::time::Interval;

    fn ports() -> Ports {
        Ports {
            serial: "/dev/pts/7".into(),
            grid: "127.0.0.1:1502".parse().unwrap(),
            der: "127.0.0.1:1503".parse().unwrap(),
            listen: "127.0.0.1:8080".parse().unwrap(),
            token_sha256: "0".repeat(64),
        }
    }

    fn read(rhythm: Rhythm) -> Site {
        let text = site_toml(&ports(), rhythm);
        crate::config::read("factory.toml", &text, meters::library)
            .unwrap_or_else(|faults| panic!("{faults}"))
    }

    #[test]
    fn the_site_file_is_read_without_a_fault_and_nothing_is_left_to_fill_in() {
        let text = site_toml(&ports(), Rhythm::Live);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(!line.contains('{') || line.starts_with("register = {"), "{line}");
        }
        let lines = read(Rhythm::Live).lines;
        let ids: Vec<_> = lines.iter().map(|line| line.id.as_str()).collect();
        assert_eq!(ids, [SERIAL_LINE, GRID_LINE, DER_LINE]);
    }

    #[test]
    fn the_formula_knows_every_parameter_of_the_site() {
        for point in read(Rhythm::Live).points {
            for parameter in point.parameters {
                assert!(Quantity::of(&point.id, &parameter.id).is_some(), "{} {}", point.id, parameter.id);
            }
        }
    }

    #[test]
    fn history_is_read_every_fifteen_minutes_only() {
        let intervals = |rhythm| {
            let points = read(rhythm).points.into_iter();
            points.flat_map(|point| point.parameters).map(|parameter| parameter.interval).collect::<Vec<_>>()
        };
        assert!(intervals(Rhythm::History).iter().all(|interval| *interval == Interval::QUARTER_HOUR));
        assert!(intervals(Rhythm::Live).contains(&Interval::SECOND));
    }
}
