//! What the initramfs and the root say of the box: where its parts lie, and the seal of the root.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use super::Trouble;
use crate::slots::Board;

/// The description of the board, in the initramfs.
const BOARD_IN_INITRAMFS: &str = "/board.toml";
/// The seal of the root, in the initramfs: whoever can write it decides what runs.
const SEAL_IN_INITRAMFS: &str = "/root.toml";
/// The description of the board, in the root.
pub(super) const BOARD_IN_ROOT: &str = "/usr/lib/cems-gateway/board.toml";

/// The one hash that speaks for a whole root, and how it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RootSeal {
    /// Blocks of 4096 bytes of the root; the tree of hashes lies behind them.
    pub(super) blocks: u64,
    /// The hash at the top of the tree, in hexadecimal.
    pub(super) hash: String,
    /// What was hashed before each block.
    pub(super) salt: String,
}

/// The board, as the initramfs describes it.
pub(super) fn board_in_initramfs() -> Result<Board, Trouble> {
    board(BOARD_IN_INITRAMFS)
}

/// The board, as the root describes it.
pub(super) fn board_in_root() -> Result<Board, Trouble> {
    board(BOARD_IN_ROOT)
}

fn board(file: &str) -> Result<Board, Trouble> {
    match Board::load(Some(Path::new(file))) {
        Ok(Some(board)) => Ok(board),
        Ok(None) => Err(format!("{file} is missing")),
        Err(fault) => Err(fault.to_string()),
    }
}

/// The partition of the data, as the root says.
pub(super) fn data_partition() -> Result<PathBuf, Trouble> {
    let document = read(BOARD_IN_ROOT)?;
    let data = document.get("data").and_then(|data| data.as_str());
    data.map(PathBuf::from).ok_or_else(|| format!("{BOARD_IN_ROOT}: data: names no partition"))
}

/// The seal of the root.
pub(super) fn root_seal() -> Result<RootSeal, Trouble> {
    seal_of(&read(SEAL_IN_INITRAMFS)?).ok_or_else(|| format!("{SEAL_IN_INITRAMFS} is no seal of a root"))
}

fn seal_of(document: &DocumentMut) -> Option<RootSeal> {
    let is_hex = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hex = |key| document.get(key)?.as_str().filter(is_hex).map(str::to_owned);
    let blocks = document.get("blocks")?.as_integer().and_then(|blocks| u64::try_from(blocks).ok())?;
    Some(RootSeal { blocks, hash: hex("hash")?, salt: hex("salt")? })
}

fn read(file: &str) -> Result<DocumentMut, Trouble> {
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    text.parse().map_err(|error| format!("{file}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(text: &str) -> Option<RootSeal> {
        seal_of(&text.parse().unwrap())
    }

    #[test]
    fn a_seal_has_blocks_a_hash_and_a_salt() {
        let read = seal("blocks = 12\nhash = \"00ff\"\nsalt = \"ab\"\n").unwrap();
        assert_eq!(read, RootSeal { blocks: 12, hash: "00ff".to_owned(), salt: "ab".to_owned() });
    }

    #[test]
    fn what_is_no_hexadecimal_is_no_seal() {
        for text in [
            "blocks = 12\nhash = \"00 ff\"\nsalt = \"ab\"\n",
            "blocks = -1\nhash = \"00\"\nsalt = \"ab\"\n",
            "blocks = 12\nhash = \"\"\nsalt = \"ab\"\n",
            "blocks = 12\nhash = \"00\"\n",
        ] {
            assert_eq!(seal(text), None, "{text}");
        }
    }
}
