//! The table `[network]`: how a box with an image of ours gets its address and its time. Another machine has its own ways.

use std::net::{IpAddr, Ipv4Addr};

use super::form;
use super::site::NetworkSettings;
use crate::document::Section;

/// Name servers that are asked.
const NAME_SERVERS_MAX: usize = 3;
/// Time servers that are asked.
const TIME_SERVERS_MAX: usize = 4;
/// Characters of the name of an interface (`IFNAMSIZ` of linux/if.h, with its zero).
const INTERFACE_CHARS_MAX: usize = 15;
/// The longest prefix of a network that has room for another machine.
const PREFIX_MAX: u8 = 30;
/// Why a host name cannot be taken.
const HOST_REMEDY: &str = "write host names or addresses, such as \"ntp.ntsc.ac.cn\"";

/// `[network]`
pub(super) fn network(root: &Section<'_>) -> NetworkSettings {
    let mut settings = NetworkSettings::default();
    let Some(section) = root.section("network") else { return settings };
    settings.interface = section.parsed("interface", interface);
    settings.address = section.parsed("address", address);
    settings.router = section.parsed("router", router);
    settings.name_servers = name_servers(&section);
    let time_servers = time_servers(&section);
    if section.has("time_servers") {
        settings.time_servers = time_servers;
    }
    for key in ["router", "name_servers"] {
        if section.has(key) && !section.has("address") {
            section.fault(key, "the network says this itself where it gives the address", "give address too");
        }
    }
    section.finish();
    settings
}

fn interface(text: &str) -> Result<String, &'static str> {
    let is_short = (1..=INTERFACE_CHARS_MAX).contains(&text.len());
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    (is_short && is_plain).then(|| text.to_owned()).ok_or("write the name that Linux gives it, such as eth0")
}

/// An address with the length of its network's prefix.
fn address(text: &str) -> Result<(Ipv4Addr, u8), &'static str> {
    const REMEDY: &str = "write an address with the length of its prefix, such as 192.168.1.20/24";
    let (address, prefix) = text.split_once('/').ok_or(REMEDY)?;
    let address: Ipv4Addr = address.parse().map_err(|_| REMEDY)?;
    let prefix: u8 = prefix.parse().map_err(|_| REMEDY)?;
    let is_of_a_host = !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast();
    (is_of_a_host && (1..=PREFIX_MAX).contains(&prefix)).then_some((address, prefix)).ok_or(REMEDY)
}

fn router(text: &str) -> Result<Ipv4Addr, &'static str> {
    text.parse().map_err(|_| "write an address, such as 192.168.1.1")
}

fn name_servers(section: &Section<'_>) -> Vec<IpAddr> {
    let texts = section.texts("name_servers", NAME_SERVERS_MAX);
    let read = |text: &String| {
        let address = text.parse().ok();
        if address.is_none() {
            section.fault(
                "name_servers",
                format!("'{text}' is no address"),
                "write addresses, such as \"223.5.5.5\"",
            );
        }
        address
    };
    texts.iter().filter_map(read).collect()
}

fn time_servers(section: &Section<'_>) -> Vec<String> {
    let texts = section.texts("time_servers", TIME_SERVERS_MAX);
    for text in texts.iter().filter(|text| !form::is_host(text)) {
        section.fault("time_servers", format!("'{text}' is no host"), HOST_REMEDY);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn read(keys: &str) -> Result<NetworkSettings, String> {
        let document = Document::parse("site.toml", &format!("[network]\n{keys}")).unwrap();
        let settings = network(&document.root());
        document.verdict().map(|()| settings).map_err(|faults| faults.to_string())
    }

    #[test]
    fn without_an_address_the_network_gives_it() {
        let settings = read("").unwrap();
        assert_eq!(settings, NetworkSettings::default());
        assert_eq!(settings.address, None);
        assert!(!settings.time_servers.is_empty(), "a clock is compared with somebody");
    }

    #[test]
    fn a_fixed_address_has_router_and_name_servers() {
        let keys = "address = '192.168.1.20/24'\nrouter = '192.168.1.1'\nname_servers = ['223.5.5.5']\n\
                    time_servers = ['192.168.1.1']\ninterface = 'eth1'\n";
        let settings = read(keys).unwrap();
        assert_eq!(settings.address, Some((Ipv4Addr::new(192, 168, 1, 20), 24)));
        assert_eq!(settings.router, Some(Ipv4Addr::new(192, 168, 1, 1)));
        assert_eq!(settings.time_servers, ["192.168.1.1"]);
    }

    #[test]
    fn nobody_is_asked_for_the_time_where_the_list_is_empty() {
        assert_eq!(read("time_servers = []").unwrap().time_servers, Vec::<String>::new());
    }

    #[test]
    fn what_is_no_network_is_told() {
        for (keys, told) in [
            ("address = '192.168.1.20'", "192.168.1.20/24"),
            ("address = '192.168.1.20/31'", "192.168.1.20/24"),
            ("address = '0.0.0.0/24'", "192.168.1.20/24"),
            ("address = '255.255.255.255/24'", "192.168.1.20/24"),
            ("router = '192.168.1.1'", "give address too"),
            ("address = '10.0.0.2/8'\nrouter = 'me'", "192.168.1.1"),
            ("address = '10.0.0.2/8'\nname_servers = ['dns']", "'dns' is no address"),
            ("time_servers = ['http://time']", "'http://time' is no host"),
            ("interface = 'eth 0'", "eth0"),
        ] {
            let faults = read(keys).unwrap_err();
            assert!(faults.contains(told), "{keys}: {faults}");
        }
    }
}
