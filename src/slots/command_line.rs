//! The running slot, as the boot loader has told the kernel.

use super::state::Slot;

const KEY: &str = "cems.slot=";

/// The slot that a kernel command line names with `cems.slot=a` or `cems.slot=b`; the last one counts, as
/// with the kernel's own words.
#[must_use]
pub fn running_slot(command_line: &str) -> Option<Slot> {
    let mut named = command_line.split_ascii_whitespace().filter_map(|word| word.strip_prefix(KEY));
    named.next_back().and_then(Slot::from_name)
}

#[cfg(test)]
mod tests {
    use super::*;

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
