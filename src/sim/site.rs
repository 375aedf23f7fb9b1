//! The factory's site file, with the places of one run filled in.

use std::net::SocketAddr;

use super::run::Place;

const TEMPLATE: &str = include_str!("factory.toml");
/// The RS-485 bus in the main panel.
pub const SERIAL_LINE: &str = "rs485-1";
/// The utility's meter.
pub const GRID_LINE: &str = "lan-grid";
/// Inverter, battery and charging station.
pub const DER_LINE: &str = "lan-der";

/// Where the lines of one run are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// [`SERIAL_LINE`]: a pty, or a socket that carries RTU frames.
    pub serial: Place,
    /// [`GRID_LINE`].
    pub grid: SocketAddr,
    /// [`DER_LINE`].
    pub der: SocketAddr,
}

/// The factory's site file, with the API at `listen` and one platform whose token has this SHA-256
/// (64 hexadecimal digits). Powers are read every second, the grid's import every minute, all
/// other registers every fifteen.
#[must_use]
pub fn site_toml(ports: &Ports, listen: SocketAddr, token_sha256: &str) -> String {
    [
        ("{serial_link}", serial_link(&ports.serial)),
        ("{grid_host}", ports.grid.ip().to_string()),
        ("{grid_port}", ports.grid.port().to_string()),
        ("{der_host}", ports.der.ip().to_string()),
        ("{der_port}", ports.der.port().to_string()),
        ("{listen}", listen.to_string()),
        ("{token_sha256}", token_sha256.to_owned()),
    ]
    .iter()
    .fold(TEMPLATE.to_owned(), |text, (place, value)| text.replace(place, value))
}

/// How the gateway reaches the RS-485 bus.
fn serial_link(place: &Place) -> String {
    match place {
        Place::Pty(path) => {
            let path = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
            format!("kind = \"rtu\"\nport = \"{path}\"\nbaud = 19200\nparity = \"none\"\nstop_bits = 1")
        }
        Place::Tcp(address) => {
            let (host, port) = (address.ip(), address.port());
            format!("kind = \"rtu-over-tcp\"\nhost = \"{host}\"\nport = {port}\nbaud = 19200")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::site::Site;
    use crate::meters;
    use crate::model::meter::Link;
    use crate::sim::factory::Quantity;

    fn text_with(serial: Place) -> String {
        let ports =
            Ports { serial, grid: "127.0.0.1:1502".parse().unwrap(), der: "127.0.0.1:1503".parse().unwrap() };
        site_toml(&ports, "127.0.0.1:8080".parse().unwrap(), &"0".repeat(64))
    }

    fn text() -> String {
        text_with(Place::Pty("/dev/pts/7".into()))
    }

    fn site() -> Site {
        crate::config::read("factory.toml", &text(), meters::library)
            .unwrap_or_else(|faults| panic!("{faults}"))
    }

    #[test]
    fn the_site_file_is_read_without_a_fault_and_nothing_is_left_to_fill_in() {
        for line in text().lines().filter(|line| !line.starts_with('#')) {
            assert!(!line.contains('{') || line.starts_with("register = {"), "{line}");
        }
        let lines = site().lines;
        let ids: Vec<_> = lines.iter().map(|line| line.id.as_str()).collect();
        assert_eq!(ids, [SERIAL_LINE, GRID_LINE, DER_LINE]);
    }

    #[test]
    fn nothing_in_the_site_is_most_likely_a_slip() {
        assert_eq!(crate::config::doubts(&site()), Vec::<String>::new());
    }

    #[test]
    fn the_bus_may_lie_behind_a_socket() {
        let text = text_with(Place::Tcp("127.0.0.1:1501".parse().unwrap()));
        let site = crate::config::read("factory.toml", &text, meters::library).unwrap();
        let link = Link::RtuOverTcp { host: "127.0.0.1".to_owned(), port: 1501, baud: 19_200 };
        assert_eq!(site.lines.first().map(|line| &line.link), Some(&link));
    }

    #[test]
    fn the_formula_knows_every_parameter_of_the_site() {
        for point in site().points {
            // What is computed follows from the others.
            for parameter in point.parameters.iter().filter(|parameter| parameter.formula().is_none()) {
                assert!(Quantity::of(&point.id, &parameter.id).is_some(), "{} {}", point.id, parameter.id);
            }
        }
    }
}
