//! The CSV, held against `data/archive/*.csv`; set `CEMS_RENEW_GOLDEN=1` to write those files anew, and
//! read the difference before keeping it.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use cems_gateway::ops::archive::{ArchiveError, ExportOrder, ExportReport, Labels, export};
use cems_gateway::time::UtcOffset;

use super::Plant;

fn labels() -> Labels {
    let unit = |point: &str, parameter: &str, unit: &str| {
        ((point.to_owned(), parameter.to_owned()), unit.to_owned())
    };
    Labels {
        offset: UtcOffset::parse("+08:00").unwrap(),
        units: HashMap::from([unit("PT-1", "P", "kW"), unit("PT-1", "EPI", "kWh")]),
    }
}

fn csv(plant: &Plant, order: &ExportOrder) -> Result<(String, ExportReport), ArchiveError> {
    let mut out = Vec::new();
    let report = export(&plant.store, &labels(), order, &mut out, &mut |_, _| {})?;
    Ok((String::from_utf8(out).unwrap(), report))
}

fn assert_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/archive").join(name);
    if std::env::var_os("CEMS_RENEW_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap());
}

#[test]
fn every_reading_is_a_row_with_its_time_quality_and_sequence() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    plant.append(0..10);
    let (text, report) = csv(&plant, &ExportOrder::default()).unwrap();
    assert_golden("all.csv", &text);
    assert_eq!(report, ExportReport { readings: text.lines().count() as u64 - 1, unread: 0 });
}

#[test]
fn only_the_point_the_parameter_and_the_time_that_were_asked_for_are_given() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    plant.append(0..10_000);
    let order = ExportOrder {
        point: Some("PT-1".to_owned()),
        parameter: Some("EPI".to_owned()),
        from: Some("2024-06-01T10:00:00+08:00".to_owned()),
        to: Some("2024-06-01T02:00:20Z".to_owned()),
    };
    assert_golden("some.csv", &csv(&plant, &order).unwrap().0);
    let whole_day = ExportOrder { from: Some("2024-06-02".to_owned()), ..ExportOrder::default() };
    assert_eq!(csv(&plant, &whole_day).unwrap().1.readings, 0, "the day begins at the site's midnight");
}

#[test]
fn an_order_that_names_what_there_is_not_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    plant.append(0..10);
    let order = ExportOrder { point: Some("PT-9".to_owned()), ..ExportOrder::default() };
    assert!(csv(&plant, &order).unwrap_err().to_string().contains("point 'PT-9'"));
    let order = ExportOrder { to: Some("yesterday".to_owned()), ..ExportOrder::default() };
    assert!(csv(&plant, &order).unwrap_err().to_string().contains("'yesterday'"));
}

#[test]
fn a_reader_that_has_left_ends_the_export() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    plant.append(0..2_000);
    let ended = export(&plant.store, &labels(), &ExportOrder::default(), Closed, &mut |_, _| {});
    let is_right =
        matches!(&ended, Err(ArchiveError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe);
    assert!(is_right, "{ended:?}");
}
