//! The table of partitions of our cards, as far as it takes to let the last one reach further. Pure: sectors come in, sectors go out.
//!
//! An MBR whose fourth entry holds two more partitions, each behind a sector of the same form (an EBR) that names it and
//! the way to the next one. deploy/image makes it from board/flash.cfg; a table of any other shape is left alone.

use std::io;
use std::ops::Range;

/// Bytes of a sector, in which all tables count.
pub(super) const SECTOR_BYTES: u64 = 512;
/// The bytes of one.
pub(super) type Sector = [u8; 512];
/// The number of the data partition.
pub(super) const DATA: i32 = 6;

/// `disk-signature` of board/flash.cfg.
const SIGNATURE: [u8; 4] = 0x4345_4d53_u32.to_le_bytes();
/// Where it stands.
const SIGNATURE_AT: Range<usize> = 440..444;
/// What every such sector ends with.
const END_MARK: [u8; 2] = [0x55, 0xaa];
const END_MARK_AT: Range<usize> = 510..512;
/// Where the first of four entries begins.
const ENTRIES_AT: usize = 446;
const ENTRY_BYTES: usize = 16;
/// What kind of partition an entry names: FAT, Linux, and a partition of partitions.
const FAT: u8 = 0x0c;
const LINUX: u8 = 0x83;
const EXTENDED: u8 = 0x0f;
/// The end of a partition in cylinders, heads and sectors, where these have no room for it.
const END_BEYOND: [u8; 3] = [0xfe, 0xff, 0xff];

/// Stays free at the end of a card: some use it themselves, and a copy of it may go onto one that is a little smaller.
const FREE_SECTORS: u64 = (1 << 20) / SECTOR_BYTES;
/// The data partition grows by whole pieces of this size, so that a group of blocks is never too small for its own tables.
const PIECE_SECTORS: u64 = (16 << 20) / SECTOR_BYTES;
/// The data partition never gets larger: its file system is made with room for the descriptors of so much (board/mke2fs.conf).
const DATA_SECTORS_MAX: u64 = (64 << 30) / SECTOR_BYTES;

/// Where a partition lies, in sectors from the beginning of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) sectors: u64,
}

impl Span {
    pub(super) const fn end(self) -> u64 {
        self.start + self.sectors
    }
}

/// The three sectors that say where the data partition lies, with their places: each names the room of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// The MBR, whose fourth entry is the room of the two others.
    main: Sector,
    /// The first EBR: state, and the room of the second.
    first: (u64, Sector),
    /// The second EBR: data.
    second: (u64, Sector),
    data: Span,
}

/// What makes the data partition larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    /// Sectors to be written one after the other, each on the medium before the next: so a room is larger before anything in it is,
    /// and after each of them the table can be read.
    pub(super) writes: Vec<(u64, Sector)>,
    /// Where the data partition lies then.
    pub(super) data: Span,
}

impl Table {
    /// The table that `read` gives sector by sector.
    ///
    /// # Errors
    /// Those of `read`, and `InvalidData` where it is not exactly as deploy/image makes one.
    pub(super) fn read(mut read: impl FnMut(u64) -> io::Result<Sector>) -> io::Result<Self> {
        let main = read(0)?;
        let room = room_of_all(&main).ok_or_else(|| foreign("the MBR"))?;
        let first = read(room.start)?;
        let second_room = room_in_first(&first, room).ok_or_else(|| foreign("the first EBR"))?;
        let second = read(second_room.start)?;
        let data = data_in_second(&second, second_room, room).ok_or_else(|| foreign("the second EBR"))?;
        Ok(Self { main, first: (room.start, first), second: (second_room.start, second), data })
    }

    /// Where the data partition lies.
    pub(super) fn data(&self) -> Span {
        self.data
    }

    /// What lets the data partition reach to the end of a card of so many sectors; nothing where it does so, or where the
    /// card is smaller than its table says.
    pub(super) fn growth(&self, card_sectors: u64) -> Option<Growth> {
        let room = card_sectors.saturating_sub(FREE_SECTORS).saturating_sub(self.data.start);
        let sectors = room.min(DATA_SECTORS_MAX) / PIECE_SECTORS * PIECE_SECTORS;
        let data = Span { sectors, ..self.data };
        if sectors <= self.data.sectors {
            return None;
        }
        let all = [
            (0, reaching_to(&self.main, 3, 0, data.end())?),
            (self.first.0, reaching_to(&self.first.1, 1, self.first.0, data.end())?),
            (self.second.0, reaching_to(&self.second.1, 0, self.second.0, data.end())?),
        ];
        let old = [&self.main, &self.first.1, &self.second.1];
        let writes = all.into_iter().zip(old).filter(|((_, new), old)| new != *old);
        Some(Growth { writes: writes.map(|(write, _)| write).collect(), data })
    }
}

fn foreign(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is not as this system makes it"))
}

/// The room of the partitions five and six, if the MBR is ours.
fn room_of_all(main: &Sector) -> Option<Span> {
    let is_ours = main[SIGNATURE_AT] == SIGNATURE && main[END_MARK_AT] == END_MARK;
    let entries: Vec<Span> = [FAT, LINUX, LINUX, EXTENDED]
        .into_iter()
        .enumerate()
        .map(|(place, kind)| entry(main, place, kind, 0))
        .collect::<Option<_>>()?;
    let follow = entries.is_sorted_by(|one, next| one.end() <= next.start);
    entries.last().copied().filter(|_| is_ours && follow)
}

/// The room of the second EBR, if the first one is ours.
fn room_in_first(first: &Sector, room: Span) -> Option<Span> {
    let state = entry(first, 0, LINUX, room.start)?;
    let second = entry(first, 1, EXTENDED, room.start)?;
    let is_ours = first[END_MARK_AT] == END_MARK && are_empty(first, 2..4);
    (is_ours && state.end() <= second.start && second.end() <= room.end()).then_some(second)
}

/// The data partition, if the second EBR is ours: nothing comes after it.
fn data_in_second(second: &Sector, second_room: Span, room: Span) -> Option<Span> {
    let data = entry(second, 0, LINUX, second_room.start)?;
    let is_ours = second[END_MARK_AT] == END_MARK && are_empty(second, 1..4);
    (is_ours && data.end() <= second_room.end() && data.end() <= room.end()).then_some(data)
}

/// What an entry names, if it is of this kind, takes any room and lies behind `base`, which it counts from.
fn entry(sector: &Sector, place: usize, kind: u8, base: u64) -> Option<Span> {
    let entry = sector.get(entry_at(place))?;
    let number = |at: usize| {
        let bytes: [u8; 4] = entry.get(at..at + 4)?.try_into().ok()?;
        Some(u64::from(u32::from_le_bytes(bytes)))
    };
    let (start, sectors) = (number(8)?, number(12)?);
    let is_there = entry.get(4) == Some(&kind) && start > 0 && sectors > 0;
    is_there.then_some(Span { start: base + start, sectors })
}

fn are_empty(sector: &Sector, mut places: Range<usize>) -> bool {
    places.all(|place| sector[entry_at(place)].iter().all(|byte| *byte == 0))
}

fn entry_at(place: usize) -> Range<usize> {
    let begin = ENTRIES_AT + place * ENTRY_BYTES;
    begin..begin + ENTRY_BYTES
}

/// The sector with an entry that reaches to `end`; unchanged where it reaches further. Nothing where it cannot count so far.
fn reaching_to(sector: &Sector, place: usize, base: u64, end: u64) -> Option<Sector> {
    let mut sector = *sector;
    let entry = sector.get_mut(entry_at(place))?;
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).ok();
    let (start, sectors) = (u64::from(number(entry.get(8..12)?)?), number(entry.get(12..16)?)?);
    let wanted = u32::try_from(end.checked_sub(base + start)?).ok()?;
    if sectors < wanted {
        entry.get_mut(5..8)?.copy_from_slice(&END_BEYOND);
        entry.get_mut(12..16)?.copy_from_slice(&wanted.to_le_bytes());
    }
    Some(sector)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The sectors of a card that are anything but zeroes.
    type Card = BTreeMap<u64, Sector>;

    const MIB: u64 = (1 << 20) / SECTOR_BYTES;

    /// A sector with these entries: kind, start, sectors.
    fn sector(entries: &[(u8, u64, u64)]) -> Sector {
        let mut sector = [0; 512];
        for (place, (kind, start, sectors)) in entries.iter().enumerate() {
            let entry = &mut sector[entry_at(place)];
            entry[4] = *kind;
            entry[8..12].copy_from_slice(&u32::try_from(*start).unwrap().to_le_bytes());
            entry[12..16].copy_from_slice(&u32::try_from(*sectors).unwrap().to_le_bytes());
        }
        sector[END_MARK_AT].copy_from_slice(&END_MARK);
        sector
    }

    /// A card as deploy/image makes it, with a data partition of 64 MiB at 79 MiB.
    fn new_card() -> Card {
        let main = [
            (FAT, 4 * MIB, 8 * MIB),
            (LINUX, 12 * MIB, 32 * MIB),
            (LINUX, 44 * MIB, 32 * MIB),
            (EXTENDED, 76 * MIB, 67 * MIB),
        ];
        let mut main = sector(&main);
        main[SIGNATURE_AT].copy_from_slice(b"SMEC");
        let first = sector(&[(LINUX, MIB, MIB), (EXTENDED, 2 * MIB, 65 * MIB)]);
        let second = sector(&[(LINUX, MIB, 64 * MIB)]);
        Card::from([(0, main), (76 * MIB, first), (78 * MIB, second)])
    }

    fn table(card: &Card) -> io::Result<Table> {
        Table::read(|sector| Ok(card.get(&sector).copied().unwrap_or([0; 512])))
    }

    /// Grows a card whose power goes after so many writes.
    fn grow(card: &mut Card, card_sectors: u64, writes_max: usize) {
        if let Some(growth) = table(card).unwrap().growth(card_sectors) {
            card.extend(growth.writes.into_iter().take(writes_max));
        }
    }

    #[test]
    fn the_data_partition_grows_by_whole_pieces_up_to_the_last_mebibyte() {
        for (card_mib, data_mib) in [
            (0, None),
            (143, None),
            (144, None),
            (159, None),
            (160, Some(80)),
            (175, Some(80)),
            (176, Some(96)),
            (1_024, Some(944)),
            (30_436, Some(30_352)),
            (65_615, Some(65_520)),
            (65_616, Some(65_536)),
            (10_000_000, Some(65_536)),
        ] {
            let growth = table(&new_card()).unwrap().growth(card_mib * MIB);
            let expected = data_mib.map(|mib| Span { start: 79 * MIB, sectors: mib * MIB });
            assert_eq!(growth.map(|growth| growth.data), expected, "{card_mib} MiB");
        }
    }

    #[test]
    fn the_rooms_grow_before_what_is_in_them_and_all_end_together() {
        let mut card = new_card();
        let growth = table(&card).unwrap().growth(1_024 * MIB).unwrap();
        let places: Vec<u64> = growth.writes.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [0, 76 * MIB, 78 * MIB]);
        card.extend(growth.writes);
        let ends = [(0, 3, EXTENDED), (76 * MIB, 1, EXTENDED), (78 * MIB, 0, LINUX)]
            .map(|(at, place, kind)| entry(&card[&at], place, kind, at).unwrap().end());
        assert_eq!(ends, [growth.data.end(); 3]);
        assert_eq!(
            card[&0][..ENTRIES_AT],
            new_card()[&0][..ENTRIES_AT],
            "the boot code and the signature stay"
        );
    }

    #[test]
    fn a_table_that_is_not_ours_in_any_way_is_left_alone() {
        type Change = fn(&mut Card);
        let changes: [(&str, Change); 12] = [
            ("another signature", |card| card.get_mut(&0).unwrap()[440] ^= 1),
            ("no MBR", |card| card.get_mut(&0).unwrap()[511] = 0),
            ("another kind of first partition", |card| card.get_mut(&0).unwrap()[450] = EXTENDED),
            ("a slot less", |card| card.get_mut(&0).unwrap()[entry_at(2)].fill(0)),
            ("slots that overlap", |card| card.get_mut(&0).unwrap()[entry_at(1)][15] = 1),
            ("no room for the others", |card| card.get_mut(&0).unwrap()[entry_at(3)].fill(0)),
            ("no EBR", |card| _ = card.remove(&(76 * MIB))),
            ("a third partition in the first EBR", |card| {
                card.get_mut(&(76 * MIB)).unwrap()[entry_at(2)][4] = LINUX;
            }),
            ("no way to the second EBR", |card| card.get_mut(&(76 * MIB)).unwrap()[entry_at(1)].fill(0)),
            ("no second EBR", |card| _ = card.remove(&(78 * MIB))),
            ("a partition behind the data", |card| {
                card.get_mut(&(78 * MIB)).unwrap()[entry_at(1)][4] = EXTENDED;
            }),
            ("data beyond their room", |card| card.get_mut(&(78 * MIB)).unwrap()[entry_at(0)][14] = 3),
        ];
        assert!(table(&new_card()).is_ok());
        for (what, change) in changes {
            let mut card = new_card();
            change(&mut card);
            assert_eq!(table(&card).unwrap_err().kind(), io::ErrorKind::InvalidData, "{what}");
        }
    }

    #[test]
    fn a_medium_that_does_not_answer_is_told() {
        let error = Table::read(|_| Err(io::Error::from(io::ErrorKind::TimedOut))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    proptest! {
        #[test]
        fn a_power_cut_after_any_write_leaves_a_table_that_the_next_start_completes(
            card_sectors in 143 * MIB..200_000 * MIB,
            writes in prop::collection::vec(0_usize..=3, 0..4),
        ) {
            let mut whole = new_card();
            grow(&mut whole, card_sectors, usize::MAX);
            let mut cut = new_card();
            for writes in writes {
                grow(&mut cut, card_sectors, writes);
                let data = table(&cut).unwrap().data();
                prop_assert!([&new_card(), &whole].into_iter().any(|card| table(card).unwrap().data() == data));
            }
            grow(&mut cut, card_sectors, usize::MAX);
            prop_assert_eq!(&cut, &whole);
            prop_assert_eq!(table(&whole).unwrap().growth(card_sectors), None);
            let data = table(&whole).unwrap().data();
            prop_assert!(data.sectors >= 64 * MIB && data.sectors <= DATA_SECTORS_MAX);
            prop_assert!(data.sectors == 64 * MIB || data.end() + FREE_SECTORS <= card_sectors);
        }

        #[test]
        fn a_partition_never_shrinks_and_never_moves_whatever_card_it_comes_onto(
            sizes in prop::collection::vec(0_u64..200_000 * MIB, 1..6),
        ) {
            let mut card = new_card();
            let mut before = table(&card).unwrap().data();
            for card_sectors in sizes {
                grow(&mut card, card_sectors, usize::MAX);
                let data = table(&card).unwrap().data();
                prop_assert_eq!(data.start, before.start);
                prop_assert!(data.sectors >= before.sectors);
                before = data;
            }
        }

        #[test]
        fn no_bytes_of_a_table_bring_this_down(
            place in prop::sample::select(vec![0, 76 * MIB, 78 * MIB]),
            changes in prop::collection::vec((0_usize..512, any::<u8>()), 1..40),
            card_sectors in any::<u64>(),
        ) {
            let mut card = new_card();
            for (at, byte) in changes {
                card.get_mut(&place).unwrap()[at] = byte;
            }
            if let Ok(Some(growth)) = table(&card).map(|table| table.growth(card_sectors)) {
                prop_assert!(growth.writes.len() <= 3);
            }
        }
    }
}
