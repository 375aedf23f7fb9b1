//! One copy of the state, as U-Boot's `env export -c -s 0x1000` writes it and `env import -c` reads it.
//!
//! The format is that of U-Boot's documentation, "env command" (`doc/usage/cmd/env.rst`) and "Environment
//! Variables" (`doc/usage/environment.rst`): a CRC-32 of all that follows it, in the byte order of the
//! board, which is little endian; then `name=value`, each ended by a zero byte; one more zero byte; zeros up
//! to the size. A U-Boot that was built for two environments of its own (`CONFIG_ENV_REDUND`) puts one byte
//! more behind the checksum, and can not be used here.

use super::state::{BootState, Contents, Reason, Slot};

/// Bytes of one copy.
pub(super) const COPY_BYTES: usize = 4_096;
const CHECKSUM_BYTES: usize = 4;
/// U-Boot compares the sequences as signed numbers of 32 bits.
pub(super) const SEQUENCE_MAX: u32 = i32::MAX.unsigned_abs();
const NOTHING: &str = "none";

/// A state with the number of the write that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) sequence: u32,
    pub(super) state: BootState,
}

/// The bytes of a copy; the variables are in the order of their names, as U-Boot writes them.
pub(super) fn encode(copy: &Copy) -> Vec<u8> {
    let state = &copy.state;
    let variables = [
        ("cems_a", state.a.name().to_owned()),
        ("cems_b", state.b.name().to_owned()),
        ("cems_reason", state.reason.word().to_owned()),
        ("cems_seq", format!("{:x}", copy.sequence)),
        ("cems_slot", state.slot.name().to_owned()),
        ("cems_trial", state.trial.map_or(NOTHING, Slot::name).to_owned()),
        ("cems_tries", format!("{:x}", state.tries)),
    ];
    let mut text = Vec::with_capacity(COPY_BYTES);
    for (name, value) in variables {
        text.extend_from_slice(format!("{name}={value}\0").as_bytes());
    }
    sealed(text)
}

/// Variables with the zeros behind them and the checksum before them.
pub(super) fn sealed(mut text: Vec<u8>) -> Vec<u8> {
    text.resize(COPY_BYTES - CHECKSUM_BYTES, 0);
    let mut bytes = crc32fast::hash(&text).to_le_bytes().to_vec();
    bytes.append(&mut text);
    bytes
}

/// The copy in `bytes`; `None` where the checksum does not fit or a value means nothing.
pub(super) fn decode(bytes: &[u8]) -> Option<Copy> {
    let (checksum, text) = bytes.split_first_chunk::<CHECKSUM_BYTES>()?;
    if bytes.len() != COPY_BYTES || u32::from_le_bytes(*checksum) != crc32fast::hash(text) {
        return None;
    }
    let end = text.windows(2).position(|pair| pair == [0, 0]).unwrap_or(text.len());
    let text = std::str::from_utf8(text.get(..end)?).ok()?;
    // As in U-Boot, the last one counts where a name comes twice.
    let value = |name: &str| {
        let lines = text.split('\0').rev().filter_map(|line| line.split_once('='));
        lines.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    };
    // U-Boot leaves out a variable that is empty.
    let contents = |name: &str| value(name).map_or(Some(Contents::Empty), Contents::from_name);
    let trial = match value("cems_trial") {
        None | Some(NOTHING) => None,
        Some(name) => Some(Slot::from_name(name)?),
    };
    let state = BootState {
        slot: Slot::from_name(value("cems_slot")?)?,
        trial,
        tries: u8::from_str_radix(value("cems_tries").unwrap_or("0"), 16).ok()?,
        a: contents("cems_a")?,
        b: contents("cems_b")?,
        reason: value("cems_reason").map_or(Some(Reason::NONE), Reason::from_word)?,
    };
    let sequence = u32::from_str_radix(value("cems_seq")?, 16).ok()?;
    (sequence <= SEQUENCE_MAX).then_some(Copy { sequence, state })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn any_state() -> impl Strategy<Value = BootState> {
        let slot = || prop::sample::select(Slot::ALL.to_vec());
        let contents = || prop::sample::select(vec![Contents::Good, Contents::Empty, Contents::Bad]);
        let reason = "[a-z0-9-]{1,32}".prop_map(|word| Reason::from_word(&word).unwrap());
        (slot(), prop::option::of(slot()), any::<u8>(), contents(), contents(), reason)
            .prop_map(|(slot, trial, tries, a, b, reason)| BootState { slot, trial, tries, a, b, reason })
    }

    const CHECKSUM_OF_MKENVIMAGE: [u8; 4] = [0xc4, 0x36, 0x7c, 0xcb];

    /// The file that `mkenvimage -s 4096` of U-Boot's own tools makes of these variables.
    #[test]
    fn a_copy_is_what_the_tools_of_u_boot_make_of_the_same_variables() {
        let state = BootState {
            slot: Slot::A,
            trial: Some(Slot::B),
            tries: 3,
            a: Contents::Good,
            b: Contents::Good,
            reason: Reason::CRASH_LOOP,
        };
        let bytes = encode(&Copy { sequence: 0x1f, state });
        let text = b"cems_a=good\0cems_b=good\0cems_reason=crash-loop\0cems_seq=1f\0cems_slot=a\0cems_trial=b\0cems_tries=3\0\0";
        assert_eq!(bytes.len(), COPY_BYTES);
        assert_eq!(bytes[4..4 + text.len()], text[..]);
        assert!(bytes[4 + text.len()..].iter().all(|byte| *byte == 0));
        assert_eq!(bytes[..4], CHECKSUM_OF_MKENVIMAGE);
    }

    #[test]
    fn what_u_boot_leaves_out_has_a_meaning_and_what_means_nothing_is_no_copy() {
        let sparse = decode(&sealed(b"cems_seq=a\0cems_slot=b\0other=1\0\0cems_tries=7\0".to_vec())).unwrap();
        let expected = BootState { slot: Slot::B, a: Contents::Empty, ..BootState::default() };
        assert_eq!(sparse, Copy { sequence: 10, state: expected });
        for text in [
            "",
            "cems_slot=a\0",
            "cems_seq=1\0",
            "cems_seq=1\0cems_slot=c\0",
            "cems_seq=80000000\0cems_slot=a\0",
            "cems_seq=1\0cems_slot=a\0cems_trial=x\0",
            "cems_seq=1\0cems_slot=a\0cems_tries=100\0",
            "cems_seq=1\0cems_slot=a\0cems_a=fine\0",
            "cems_seq=1\0cems_slot=a\0cems_reason=two words\0",
        ] {
            assert_eq!(decode(&sealed(text.into())), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_copy_is_read_as_it_was_written(sequence in 0..=SEQUENCE_MAX, state in any_state()) {
            let copy = Copy { sequence, state };
            prop_assert_eq!(decode(&encode(&copy)), Some(copy));
        }

        #[test]
        fn a_copy_with_one_bit_changed_is_none(state in any_state(), at in 0..COPY_BYTES * 8) {
            let mut bytes = encode(&Copy { sequence: 1, state });
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(decode(&bytes), None);
        }

        #[test]
        fn no_bytes_with_a_good_checksum_hurt(text in prop::collection::vec(any::<u8>(), 0..COPY_BYTES)) {
            let _any = decode(&sealed(text));
        }
    }
}
