use proptest::prelude::*;

use super::*;
use crate::model::reading::{Sample, Scan};
use crate::store::code::sample::tests::{any_sample, same_bits};

/// Everything in a backup, to be compared.
#[derive(Debug, Default, PartialEq)]
struct Contents {
    names: Vec<String>,
    records: Vec<Record>,
    scans: Vec<(u64, Scan)>,
}

fn read(bytes: &[u8]) -> Result<Contents, BackupError> {
    let mut contents = Contents::default();
    let mut reader = BackupReader::begin(bytes)?;
    while let Some(entry) = reader.next_entry()? {
        match entry {
            Entry::Scans(frame) => {
                contents.scans.extend(frame.scans().unwrap().map(Result::unwrap));
            }
            Entry::Record(record) => contents.records.push(record),
            other => contents.names.push(format!("{other:?}")),
        }
    }
    let totals = reader.totals().unwrap();
    assert_eq!(totals.scans, contents.scans.len() as u64);
    assert_eq!(reader.bytes(), bytes.len() as u64);
    Ok(contents)
}

fn written(scans: &[(u64, Scan)]) -> Vec<u8> {
    let mut writer = BackupWriter::begin(Vec::new(), UtcTime::from_ms(1_717_000_000_000), 4_711).unwrap();
    writer.series(SeriesId(0), "PT-1", "P").unwrap();
    writer.series(SeriesId(3), "PT-1", "电能").unwrap();
    writer.group(GroupId(0), &[SeriesId(0), SeriesId(3)]).unwrap();
    writer.group(GroupId(1), &[SeriesId(3)]).unwrap();
    writer.cursor("uplink", 17).unwrap();
    writer.record(&Record { tree: 9, key: vec![1, 2], value: vec![0; 9] }).unwrap();
    for (sequence, scan) in scans {
        writer.scan(*sequence, scan).unwrap();
    }
    writer.finish().unwrap().0
}

fn scans_of(samples: &[Sample]) -> Vec<(u64, Scan)> {
    let scan = |(number, pair): (u32, &[Sample])| {
        let group = GroupId(u16::from(pair.len() == 1 || number % 5 == 0));
        let samples = if group.0 == 1 { pair[..1].to_vec() } else { pair.to_vec() };
        let at = UtcTime::from_ms(1_717_000_000_000 + i64::from(number) * 1_000);
        (u64::from(number) + 10, Scan { group, at, samples })
    };
    (0..).zip(samples.chunks(2)).map(scan).collect()
}

fn small_backup() -> Vec<u8> {
    let number = |number: u32| Sample::good(crate::model::reading::Value::Number(f64::from(number)));
    written(&scans_of(&(0..40).map(number).collect::<Vec<_>>()))
}

fn same_scans(left: &[(u64, Scan)], right: &[(u64, Scan)]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|((left_sequence, left), (right_sequence, right))| {
            (left_sequence, left.group, left.at) == (right_sequence, right.group, right.at)
                && left.samples.len() == right.samples.len()
                && left.samples.iter().zip(&right.samples).all(|(left, right)| same_bits(left, right))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_written_comes_back_bit_for_bit(
        samples in prop::collection::vec(any_sample(), 1..900)
    ) {
        let scans = scans_of(&samples);
        let contents = read(&written(&scans)).unwrap();
        prop_assert!(same_scans(&contents.scans, &scans));
        prop_assert_eq!(contents.names.len(), 6);
        prop_assert_eq!(contents.records, vec![Record { tree: 9, key: vec![1, 2], value: vec![0; 9] }]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let head = &small_backup()[..10];
        let _ = read(&[head, &bytes].concat());
        let _ = ScanFrame::of(&bytes);
    }
}

#[test]
fn a_long_backup_is_cut_into_frames_that_each_fit_into_memory() {
    let noise = |number: u64| {
        f64::from_bits(0x3ff0_0000_0000_0000 | number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12)
    };
    let sample = |number| Sample::good(crate::model::reading::Value::Number(noise(number)));
    let scans = scans_of(&(0..600_000).map(sample).collect::<Vec<_>>());
    let bytes = written(&scans);
    assert!(bytes.len() > 2 * 1_024 * 1_024);
    assert!(same_scans(&read(&bytes).unwrap().scans, &scans));
}

#[test]
fn a_backup_that_is_cut_off_anywhere_is_refused() {
    let bytes = small_backup();
    for end in 0..bytes.len() {
        let refused = read(&bytes[..end]).unwrap_err();
        let is_right = match refused {
            BackupError::NotABackup => end < MAGIC.len(),
            BackupError::Truncated { at } => at == end as u64,
            _ => false,
        };
        assert!(is_right, "cut at {end}: {refused}");
    }
}

#[test]
fn a_backup_with_any_byte_changed_is_refused() {
    let bytes = small_backup();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x40, 0xFF] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            assert!(read(&changed).is_err(), "byte {at} changed by {flip:#x}");
        }
    }
}

#[test]
fn parts_that_are_missing_doubled_or_added_are_refused() {
    let bytes = small_backup();
    assert!(matches!(read(&[&*bytes, b"x"].concat()), Err(BackupError::Damaged { .. })));
    assert!(matches!(read(&[&*bytes, &*bytes].concat()), Err(BackupError::Damaged { .. })));
    // The first frame begins after magic and version; `begun` has 16 bytes, `series` follows.
    let (begun, series) = (10..10 + 25, 35..35 + 9 + 10);
    let without = [&bytes[..series.start], &bytes[series.end..]].concat();
    assert!(matches!(read(&without), Err(BackupError::Damaged { at: 35, .. })), "{:?}", read(&without));
    let doubled = [&bytes[..begun.end], &bytes[begun.start..]].concat();
    assert!(matches!(read(&doubled), Err(BackupError::Damaged { at: 35, .. })));
}

#[test]
fn another_file_or_a_later_version_is_told_by_its_name() {
    assert!(matches!(read(b"time,point\n1,2\n"), Err(BackupError::NotABackup)));
    let mut later = small_backup();
    later[9] = 2;
    let refused = read(&later).unwrap_err();
    assert!(refused.to_string().contains("version 2"), "{refused}");
}
