//! Network: addresses by DHCP, which is the work of Debian's busybox, or as the site file says; and then the clock.
//!
//! What the site wants is asked of the service's own program, which knows the file;
//! nothing here reads it.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::kernel_log::{self, complain, note};
use super::{clock, modules, service};

/// Where the kernel lists its network interfaces.
const INTERFACES: &str = "/sys/class/net";
/// How long an interface may take to show itself.
const INTERFACE_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(100);
/// A helper that ends is started again after this.
const AGAIN: Duration = Duration::from_secs(10);
/// Helpers of one kind.
const WISHES_MAX: usize = 8;

/// What the site wants of the network: one word and its value a line, as `cems-gateway network` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wishes {
    interface: Option<String>,
    address: Option<String>,
    router: Option<String>,
    names: Vec<String>,
    time_servers: Vec<String>,
}

impl Wishes {
    fn read(text: &str) -> Self {
        let mut wishes = Self::default();
        for line in text.lines() {
            let Some((word, value)) = line.split_once(' ') else { continue };
            let value = value.to_owned();
            match word {
                "interface" => wishes.interface = Some(value),
                "address" => wishes.address = Some(value),
                "router" => wishes.router = Some(value),
                "name-server" if wishes.names.len() < WISHES_MAX => wishes.names.push(value),
                "time-server" if wishes.time_servers.len() < WISHES_MAX => wishes.time_servers.push(value),
                _ => {}
            }
        }
        wishes
    }

    /// Whether an interface of this name is to be brought up.
    fn is_wanted(&self, name: &str) -> bool {
        match &self.interface {
            Some(wanted) => name == wanted,
            None => name.starts_with("eth") || name.starts_with("en"),
        }
    }
}

/// Brings the network up beside everything else: no reading waits for it.
pub(super) fn start(site: &'static str) {
    run("/bin/ip", &["link", "set", "lo", "up"]);
    let started = thread::Builder::new().name("network".to_owned()).spawn(move || {
        modules::load_all();
        let wishes = Wishes::read(&ask_service(site));
        let interfaces = interfaces(&wishes);
        if interfaces.is_empty() {
            complain("the board shows no network interface");
        }
        for interface in &interfaces {
            bring_up(interface, &wishes);
        }
        clock::keep(&wishes.time_servers);
    });
    if let Err(error) = started {
        complain(&format!("the network cannot be brought up: {error}"));
    }
}

/// What the site wants; nothing where its file has faults, and then DHCP it is.
fn ask_service(site: &str) -> String {
    let program = [service::PROGRAM, "network", "--config", site];
    let asked = Command::new(service::SELF).arg(service::AS_SERVICE).args(program).output();
    let text = asked.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

/// The interface that the site names, or all that Ethernet is plugged into; the first where the address is fixed.
fn interfaces(wishes: &Wishes) -> Vec<String> {
    let end = Instant::now() + INTERFACE_PATIENCE;
    loop {
        let entries = fs::read_dir(INTERFACES).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| wishes.is_wanted(name)).collect();
        names.sort();
        names.truncate(if wishes.address.is_some() { 1 } else { WISHES_MAX });
        if !names.is_empty() || Instant::now() > end {
            return names;
        }
        thread::sleep(LOOK);
    }
}

fn bring_up(interface: &str, wishes: &Wishes) {
    if !run("/bin/ip", &["link", "set", interface, "up"]) {
        return;
    }
    match &wishes.address {
        Some(address) => set_address(interface, address, wishes),
        None => keep("/bin/udhcpc", &["-f", "-i", interface, "-A", "5", "-t", "4"]),
    }
}

fn set_address(interface: &str, address: &str, wishes: &Wishes) {
    run("/bin/ip", &["address", "replace", address, "dev", interface]);
    if let Some(router) = &wishes.router {
        run("/bin/ip", &["route", "replace", "default", "via", router, "dev", interface]);
    }
    let names: Vec<String> = wishes.names.iter().map(|name| format!("nameserver {name}\n")).collect();
    if let Err(error) = fs::write("/run/resolv.conf", names.concat()) {
        complain(&format!("/run/resolv.conf: {error}"));
    }
    note(&format!("{interface} has {address}"));
}

/// Runs a program once; gives whether it did what it should.
fn run(program: &str, arguments: &[&str]) -> bool {
    let ended = Command::new(program).args(arguments).stdin(Stdio::null()).status();
    match ended {
        Ok(status) if status.success() => return true,
        Ok(status) => complain(&format!("{program} {}: {status}", arguments.join(" "))),
        Err(error) => complain(&format!("{program}: {error}")),
    }
    false
}

/// Keeps a helper running beside everything else; what it prints goes to the kernel's log.
fn keep(program: &'static str, arguments: &[&str]) {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let kept = thread::Builder::new().name(program.to_owned()).spawn(move || {
        loop {
            let mut helper = Command::new(program);
            helper.args(&arguments).stdin(Stdio::null());
            if let (Ok(out), Ok(errors)) = (kernel_log::open(), kernel_log::open()) {
                helper.stdout(out).stderr(errors);
            }
            if let Err(error) = helper.status() {
                complain(&format!("{program}: {error}"));
            }
            thread::sleep(AGAIN);
        }
    });
    if let Err(error) = kept {
        complain(&format!("{program}: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_line_by_line_and_unknown_ones_passed_over() {
        let text = "address 192.168.1.20/24\nrouter 192.168.1.1\nname-server 223.5.5.5\n\
                    time-server ntp.example\nfuture 1\nnothing\n";
        let wishes = Wishes::read(text);
        assert_eq!(wishes.address.as_deref(), Some("192.168.1.20/24"));
        assert_eq!(wishes.router.as_deref(), Some("192.168.1.1"));
        assert_eq!(wishes.names, ["223.5.5.5"]);
        assert_eq!(wishes.time_servers, ["ntp.example"]);
        assert_eq!(wishes.interface, None);
    }

    #[test]
    fn without_a_name_every_ethernet_port_is_wanted_and_no_other() {
        let any = Wishes::default();
        assert!(
            any.is_wanted("eth0")
                && any.is_wanted("enp1s0")
                && !any.is_wanted("lo")
                && !any.is_wanted("wlan0")
        );
        let one = Wishes { interface: Some("wlan0".to_owned()), ..any };
        assert!(one.is_wanted("wlan0") && !one.is_wanted("eth0"));
    }

    #[test]
    fn no_more_servers_are_taken_than_are_of_use() {
        assert_eq!(Wishes::read(&"time-server a\n".repeat(100)).time_servers.len(), WISHES_MAX);
    }
}
