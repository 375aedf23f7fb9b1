//! The site file that a new box begins with: that of the board, with readings that may take most of the data partition.

use std::fs;
use std::io;

use rustix::fs::statvfs;
use toml_edit::{DocumentMut, Item, Value};

use super::kernel_log::complain;

/// What the root has of it.
const FILE: &str = "/usr/lib/cems-gateway/gateway.toml";
const MIB: u64 = 1 << 20;
/// How much of the file system the readings may take; the rest is for ledgers, register maps and copies.
const SHARE: (u64, u64) = (5, 8);
/// At least so much, as the smallest store needs it (`store.size_max_mib`).
const LIMIT_MIB_MIN: u64 = 16;
/// At most so much: months of a thousand points, and a person may allow more.
const LIMIT_MIB_MAX: u64 = 4_096;

/// The site file of a new box whose data lie below `data_folder`.
///
/// # Errors
/// Where the board has none that can be read. One whose limit cannot be changed is given as it is.
pub(super) fn read(data_folder: &str) -> io::Result<String> {
    let text = fs::read_to_string(FILE)?;
    let limit_mib = statvfs(data_folder).map(|system| limit_mib(system.f_blocks * system.f_frsize))?;
    Ok(with_limit(&text, limit_mib).unwrap_or_else(|| {
        complain(&format!("{FILE}: there is no store.size_max_mib"));
        text
    }))
}

/// What readings may take of a file system of so many bytes.
fn limit_mib(bytes: u64) -> u64 {
    (bytes / MIB * SHARE.0 / SHARE.1).clamp(LIMIT_MIB_MIN, LIMIT_MIB_MAX)
}

/// The same text with another limit, if it has one.
fn with_limit(text: &str, limit_mib: u64) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let item = document.get_mut("store")?.as_table_mut()?.get_mut("size_max_mib")?;
    let Item::Value(value) = item else { return None };
    let mut limit = Value::from(i64::try_from(limit_mib).ok()?);
    *limit.decor_mut() = value.decor().clone();
    *value = limit;
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_take_five_eighths_of_the_partition_within_bounds() {
        for (mib, expected) in [(1, 16), (60, 37), (128, 80), (944, 590), (30_352, 4_096)] {
            assert_eq!(limit_mib(mib * MIB), expected, "{mib} MiB");
        }
    }

    #[test]
    fn the_limit_of_every_board_is_changed_and_nothing_else() {
        for text in [
            include_str!("../../board/virt/gateway.toml"),
            include_str!("../../board/orange-pi-zero/gateway.toml"),
            include_str!("../../board/kontron-bl-imx6ul/gateway.toml"),
        ] {
            assert_eq!(
                with_limit(text, 123).unwrap(),
                text.replace("size_max_mib = 40", "size_max_mib = 123")
            );
        }
    }

    #[test]
    fn a_site_file_without_a_limit_is_left_as_it_is() {
        for text in ["", "[store]\n", "store = 1\n", "[store]\nsize_max_mib.x = 1\n", "no TOML"] {
            assert_eq!(with_limit(text, 123), None, "{text}");
        }
    }
}
