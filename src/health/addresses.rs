//! The addresses by which others reach this machine, as the kernel lists them.

use std::net::Ipv4Addr;

/// Addresses that are told.
const ADDRESSES_MAX: usize = 4;
/// How a line of the kernel's table of routes marks an address of the machine itself (`fib_trie.c` of Linux: the prefix, the scope, the
/// type).
const OWN: &str = "/32 host LOCAL";

/// The addresses in the text of `/proc/net/fib_trie`, those of the loopback left out, each once.
pub(super) fn own_addresses(fib_trie: &str) -> Vec<Ipv4Addr> {
    let mut found: Vec<Ipv4Addr> = Vec::new();
    let mut last = None;
    for line in fib_trie.lines() {
        if let Some(address) = line.trim().strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line.trim() == OWN {
            found.extend(last.filter(|address| !address.is_loopback() && !found.contains(address)));
        }
        if found.len() == ADDRESSES_MAX {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a box printed whose one port has 10.0.2.15.
    const TABLE: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.2.0/24 2 0 2
        +-- 10.0.2.0/28 2 0 2
           |-- 10.0.2.0
              /24 link UNICAST
           |-- 10.0.2.15
              /32 host LOCAL
        |-- 10.0.2.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
Local:
           |-- 10.0.2.15
              /32 host LOCAL
";

    #[test]
    fn an_address_is_told_once_and_the_loopback_is_none() {
        assert_eq!(own_addresses(TABLE), [Ipv4Addr::new(10, 0, 2, 15)]);
    }

    #[test]
    fn a_machine_of_many_addresses_tells_the_first_ones() {
        let line = |last: usize| format!("|-- 192.0.2.{last}\n/32 host LOCAL\n");
        let table: String = (1..=20).map(line).collect();
        assert_eq!(own_addresses(&table).len(), ADDRESSES_MAX);
    }

    #[test]
    fn what_is_no_such_table_tells_none() {
        for text in ["", "/32 host LOCAL", "|-- 300.1.1.1\n/32 host LOCAL", "|-- a\n/32 host LOCAL\n\0"] {
            assert_eq!(own_addresses(text), [] as [Ipv4Addr; 0], "{text:?}");
        }
    }
}
