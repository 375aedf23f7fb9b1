//! The running slot and the serial console, as the boot loader has told the kernel.

use super::state::Slot;

const KEY: &str = "cems.slot=";
const CONSOLE_KEY: &str = "console=";
/// The rate of a serial console where the command line names none (Linux, admin-guide/serial-console).
const CONSOLE_BAUD: u32 = 9_600;

/// The serial port at which the kernel speaks to whoever stands before the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialConsole {
    /// Its device, such as `/dev/ttyS0`.
    pub device: String,
    /// Bits a second.
    pub baud: u32,
}

/// The slot that a kernel command line names with `cems.slot=a` or `cems.slot=b`; the last one counts, as
/// with the kernel's own words.
#[must_use]
pub fn running_slot(command_line: &str) -> Option<Slot> {
    let mut named = command_line.split_ascii_whitespace().filter_map(|word| word.strip_prefix(KEY));
    named.next_back().and_then(Slot::from_name)
}

/// The serial port that a kernel command line names last with `console=ttyS0,115200`; a screen is none.
#[must_use]
pub(super) fn serial_console(command_line: &str) -> Option<SerialConsole> {
    let named = command_line.split_ascii_whitespace().filter_map(|word| word.strip_prefix(CONSOLE_KEY));
    named.filter_map(serial_port).next_back()
}

fn serial_port(named: &str) -> Option<SerialConsole> {
    let (device, options) = named.split_once(',').unwrap_or((named, ""));
    let is_screen =
        device.strip_prefix("tty").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '/';
    if device.is_empty() || is_screen || device == "null" || !device.chars().all(is_plain) {
        return None;
    }
    // Behind the rate stand parity and bits, as in 115200n8.
    let rate: String = options.chars().take_while(char::is_ascii_digit).collect();
    let baud = if rate.is_empty() { CONSOLE_BAUD } else { rate.parse().ok()? };
    Some(SerialConsole { device: format!("/dev/{device}"), baud })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_serial_port_that_the_kernel_speaks_at_is_the_console() {
        for (text, expected) in [
            ("console=ttyS0,115200 cems.slot=a", Some(("/dev/ttyS0", 115_200))),
            ("console=ttyAMA0,57600n8 quiet\n", Some(("/dev/ttyAMA0", 57_600))),
            ("console=ttyS1,9600 console=ttyS0", Some(("/dev/ttyS0", 9_600))),
            ("console=ttymxc3,115200 console=tty0", Some(("/dev/ttymxc3", 115_200))),
            ("console=tty0", None),
            ("console=tty", None),
            ("console=null", None),
            ("console=", None),
            ("console=../x,9600", None),
            ("console=ttyS0,99999999999", None),
            ("earlycon=ttyS0", None),
            ("", None),
        ] {
            let expected = expected.map(|(device, baud)| SerialConsole { device: device.to_owned(), baud });
            assert_eq!(serial_console(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_last_slot_on_the_command_line_runs() {
        for (text, expected) in [
            ("console=ttyS0 cems.slot=a ro\n", Some(Slot::A)),
            ("cems.slot=a cems.slot=b", Some(Slot::B)),
            ("cems.slot=", None),
            ("cems.slot=c", None),
            ("xcems.slot=a", None),
            ("", None),
        ] {
            assert_eq!(running_slot(text), expected, "{text:?}");
        }
    }
}
