//! A backup.

use super::{bits_of_scan, take_long};
use crate::limits;
use crate::model::reading::Scan;
use crate::store::backup::{BackupReader, BackupWriter, Entry, Totals};

/// How a backup begins: magic and version.
const BEGINNING: &[u8; 10] = b"CEMSBKP\n\0\x01";

/// Frames of a backup without their checksums: kind, and payload behind its length. The reader takes the
/// file or refuses it; what it takes is the same once it is written again.
pub fn backup(bytes: &[u8]) {
    // As it is, which seldom comes beyond the first checksum, and with checksums that hold.
    let _ = contents(bytes);
    let Some(contents) = contents(&sealed(bytes)) else { return };
    let again = written(&contents).and_then(|bytes| self::contents(&bytes));
    assert!(again.is_some(), "a backup that was read cannot be read once it is written again");
    let again = again.unwrap_or_default();
    assert_eq!(again.entries, contents.entries, "what is in it changes");
    let same = again.scans.iter().map(|(sequence, scan)| (*sequence, bits_of_scan(scan)));
    assert!(
        same.eq(contents.scans.iter().map(|(sequence, scan)| (*sequence, bits_of_scan(scan)))),
        "scans change"
    );
}

fn sealed(mut frames: &[u8]) -> Vec<u8> {
    let mut file = BEGINNING.to_vec();
    let mut crc = crc32fast::Hasher::new();
    crc.update(BEGINNING);
    while let Some((kind, rest)) = frames.split_first() {
        frames = rest;
        let Some(payload) = take_long(&mut frames) else { break };
        let bytes = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
        let frame = [&[*kind], bytes.as_slice(), payload].concat();
        crc.update(&frame);
        file.extend(frame);
        file.extend(crc.clone().finalize().to_be_bytes());
    }
    file
}

/// What a backup holds.
#[derive(Default)]
struct Contents {
    /// All but the scans, as text.
    entries: Vec<String>,
    head: Vec<Entry>,
    scans: Vec<(u64, Scan)>,
}

/// What the backup `bytes` holds; `None` where it is none that can be restored.
fn contents(bytes: &[u8]) -> Option<Contents> {
    let mut reader = BackupReader::begin(bytes).ok()?;
    let mut contents = Contents::default();
    let mut scans_of_frames = 0;
    while let Some(entry) = reader.next_entry().ok()? {
        let Entry::Scans(frame) = entry else {
            contents.entries.push(format!("{entry:?}"));
            contents.head.push(entry);
            continue;
        };
        for scan in frame.scans().ok()? {
            contents.scans.push(scan.ok()?);
            scans_of_frames += 1;
            assert!(scans_of_frames <= 8 * bytes.len(), "more scans than bits");
        }
    }
    assert_eq!(reader.bytes(), bytes.len() as u64, "it is whole before its end");
    Some(contents)
}

/// The contents as a backup of its own; `None` where they are in no order that a store gives them in.
fn written(contents: &Contents) -> Option<Vec<u8>> {
    let Some(Entry::Begun { made_at, through }) = contents.head.first() else { return None };
    let mut writer = BackupWriter::begin(Vec::new(), *made_at, *through).ok()?;
    for entry in &contents.head {
        match entry {
            Entry::Begun { .. } | Entry::Scans(_) => {}
            Entry::Series { series, point_id, parameter_id } => {
                writer.series(*series, point_id, parameter_id).ok()?;
            }
            Entry::Group { group, series } => writer.group(*group, series).ok()?,
            Entry::Cursor { name, sequence } => writer.cursor(name, *sequence).ok()?,
            Entry::Record(record) => writer.record(record).ok()?,
        }
    }
    for (sequence, scan) in &contents.scans {
        writer.scan(*sequence, scan).ok()?;
    }
    let (bytes, totals) = writer.finish().ok()?;
    let readings = contents.scans.iter().map(|(_, scan)| scan.samples.len() as u64).sum();
    assert_eq!(totals, Totals { scans: contents.scans.len() as u64, readings });
    assert!(bytes.len() <= limits::BACKUP_FRAME_BYTES_MAX, "a small backup becomes a large one");
    Some(bytes)
}
