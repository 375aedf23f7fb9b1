//! Values entered by hand: what the site asks of them, what becomes of them, and who is told to have
//! entered them.

use std::path::Path;
use std::sync::Arc;

use cems_gateway::config;
use cems_gateway::meters;
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::ops::Ops;
use cems_gateway::ops::archive::{NewFile, backup, open_backup, restore};
use cems_gateway::ops::manual::{Entering, EnteringError};
use cems_gateway::ops::query::{
    DynamicItem, DynamicQuery, Fill, HistoricalQuery, Newest, PageRequest, Selection, StatisticalQuery,
    TimeOrder, Told,
};
use cems_gateway::stats::Function;
use cems_gateway::stats::calendar::Period;
use cems_gateway::store::Store;
use cems_gateway::time::{ManualClock, UtcOffset, UtcTime, parse_instant};

const SITE: &str = r#"
[cems]
id = "c"
name = "c"
user_name = "u"
utc_offset = "+08:00"

[[category]]
id = "CAT-PROD"
code = "OUTPUT"
name = "产量"

[[point]]
id = "PT-B"
name = "产品B"
category = "CAT-PROD"
role = "production"

[[point.parameter]]
id = "OUTPUT"
manual = true
unit = "t"
reading_type = "0.0.0.4.0.0.0.0.0.0.0.0.0.0.0.0.199.0"
valid = [0, 500]

[[point.parameter]]
id = "DOUBLE"
formula = "2 * PT-B/OUTPUT"
unit = "t"
reading_type = "0.0.0.4.0.0.0.0.0.0.0.0.0.0.0.0.199.0"
"#;

struct Works {
    ops: Arc<Ops>,
    clock: Arc<ManualClock>,
}

fn at(text: &str) -> UtcTime {
    parse_instant(text, UtcOffset::from_minutes(480).unwrap()).unwrap()
}

impl Works {
    fn open(dir: &Path) -> Self {
        let site = Arc::new(config::read("site.toml", SITE, meters::library).unwrap());
        let store = Store::open(dir, &site.store).unwrap();
        let clock = Arc::new(ManualClock::showing(at("2024-06-12T10:30:05+08:00")));
        let ops = Ops::new(site, store, clock.clone()).unwrap();
        Self { ops, clock }
    }

    fn enter(&self, value: impl Into<Option<f64>>, time: &str) -> Result<Option<f64>, EnteringError> {
        let entering = Entering {
            point: "PT-B".to_owned(),
            parameter: "OUTPUT".to_owned(),
            value: value.into(),
            at: Some(time.to_owned()),
            by: "zhang".to_owned(),
        };
        self.ops.enter(&entering).map(|entry| entry.entry.before)
    }

    fn selection() -> Selection {
        Selection { parameter_ids: Some(vec!["OUTPUT".to_owned()]), ..Selection::default() }
    }

    /// Sum, completeness and revision of the days from the 8th to the 11th of June.
    fn days(&self) -> Vec<(Option<f64>, f64, u32)> {
        let query = StatisticalQuery {
            range: at("2024-06-08")..at("2024-06-12"),
            period: Period::Day,
            functions: Some(vec![Function::Sum]),
            ..Self::query()
        };
        let answer = self.ops.statistical_data(query).unwrap();
        answer.rows().map(|row| row.unwrap()).map(|row| (row.value, row.completeness, row.revision)).collect()
    }

    fn query() -> StatisticalQuery {
        StatisticalQuery {
            selection: Self::selection(),
            range: at("2024-06-01")..at("2024-07-01"),
            period: Period::Month,
            functions: None,
            rates: vec![None],
            indicators: None,
            order: TimeOrder::Ascending,
            products: None,
            grouping: None,
            page: PageRequest::first(),
        }
    }

    fn history(&self) -> Vec<(i64, Option<f64>, Quality)> {
        let query = HistoricalQuery {
            selection: Self::selection(),
            range: at("2024-06-01")..at("2024-07-01"),
            interval: None,
            fill: Fill::None,
            order: TimeOrder::Ascending,
            page: PageRequest::first(),
        };
        let answer = self.ops.historical_data(query).unwrap();
        assert_eq!(answer.page().total, answer.rows().count() as u64);
        let rows = answer.rows().map(|row| match row.unwrap().told {
            Told::Read(reading) => reading,
            told => panic!("nothing was asked to be filled: {told:?}"),
        });
        let day = |at: UtcTime| at.ms_since(self::at("2024-06-01")) / 86_400_000 + 1;
        rows.map(|reading| (day(reading.at), reading.number(), reading.quality)).collect()
    }

    fn newest(&self) -> Newest {
        let query = DynamicQuery { selection: Self::selection(), page: PageRequest::first() };
        let answer = self.ops.dynamic_data(&query).unwrap();
        let newest = answer.items().find_map(|item| match item {
            DynamicItem::Reading(_, newest) => Some(newest),
            DynamicItem::Point(..) => None,
        });
        newest.unwrap()
    }
}

const ENTERED: Quality = Quality::Suspect(Doubt::Entered);
const WITHDRAWN: Quality = Quality::Missing(Cause::Withdrawn);

#[test]
fn the_output_of_a_day_counts_for_that_day_and_a_correction_changes_it_with_its_revision() {
    let dir = tempfile::tempdir().unwrap();
    let works = Works::open(dir.path());
    assert_eq!(works.enter(12.0, "2024-06-09"), Ok(None));
    assert_eq!(works.enter(14.0, "2024-06-11"), Ok(None));
    assert_eq!(works.enter(13.0, "2024-06-10"), Ok(None), "late ones are taken in any order");
    let none = (None, 0.0, 0);
    assert_eq!(works.days(), [none, (Some(12.0), 1.0, 0), (Some(13.0), 1.0, 0), (Some(14.0), 1.0, 0)]);
    assert_eq!(works.enter(12.5, "2024-06-09"), Ok(Some(12.0)));
    assert_eq!(works.days()[1], (Some(12.5), 1.0, 1));
    assert_eq!(works.enter(None, "2024-06-11"), Ok(Some(14.0)));
    assert_eq!(works.days()[3], (None, 0.0, 1));
    assert_eq!(
        works.history(),
        [(10, Some(12.5), ENTERED), (11, Some(13.0), ENTERED), (12, None, WITHDRAWN)],
        "told at the end of its day, and once"
    );
}

#[test]
fn the_book_tells_who_entered_what_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let works = Works::open(dir.path());
    works.enter(12.0, "2024-06-09").unwrap();
    works.enter(12.5, "2024-06-09").unwrap();
    let before = (works.ops.manual_entries(Some("PT-B"), 9), works.days(), works.history());
    works.ops.store().close().unwrap();
    drop(works);
    let works = Works::open(dir.path());
    assert_eq!((works.ops.manual_entries(Some("PT-B"), 9), works.days(), works.history()), before);
    let [first, second] = before.0.as_slice() else { panic!("two lines") };
    assert_eq!((first.entry.value, first.entry.before), (Some(12.0), None));
    assert_eq!((second.entry.value, second.entry.before), (Some(12.5), Some(12.0)));
    assert_eq!((second.entry.by.as_str(), second.unit.as_str()), ("zhang", "t"));
    assert_eq!(works.ops.manual_entries(Some("PT-NONE"), 9), []);
}

#[test]
fn the_newest_value_is_the_last_that_stands() {
    let dir = tempfile::tempdir().unwrap();
    let works = Works::open(dir.path());
    works.enter(14.0, "2024-06-11").unwrap();
    works.enter(12.0, "2024-06-09").unwrap();
    let Newest::Fresh(newest) = works.newest() else { panic!("{:?}", works.newest()) };
    assert_eq!((newest.number(), newest.quality), (Some(14.0), ENTERED));
    works.enter(None, "2024-06-11").unwrap();
    assert_eq!(works.newest(), Newest::Never(Some((at("2024-06-12"), Cause::Withdrawn))));
}

#[test]
fn what_cannot_be_entered_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let works = Works::open(dir.path());
    let refused = |value: Option<f64>, time: &str| works.enter(value, time).unwrap_err();
    assert_eq!(
        refused(Some(501.0), "2024-06-11"),
        EnteringError::OutOfRange { value: 501.0, min: 0.0, max: 500.0 }
    );
    assert!(matches!(refused(Some(f64::NAN), "2024-06-11"), EnteringError::OutOfRange { .. }));
    assert!(matches!(refused(Some(1.0), "11.06.2024"), EnteringError::Time(_)));
    assert_eq!(refused(Some(1.0), "2024-06-13"), EnteringError::Ahead);
    assert_eq!(refused(Some(1.0), "2024-06-12T10:30:06+08:00"), EnteringError::Ahead);
    assert_eq!(refused(Some(1.0), "2024-04-20"), EnteringError::TooOld(45));
    assert_eq!(refused(None, "2024-06-11"), EnteringError::NothingThere);
    let entering = |point: &str, parameter: &str| Entering {
        point: point.to_owned(),
        parameter: parameter.to_owned(),
        value: Some(1.0),
        at: None,
        by: String::new(),
    };
    let wrong = |point, parameter| works.ops.enter(&entering(point, parameter)).unwrap_err();
    assert!(matches!(wrong("PT-C", "OUTPUT"), EnteringError::NoSuchParameter { .. }));
    assert!(matches!(wrong("PT-B", "DOUBLE"), EnteringError::NotManual(_)));
    assert_eq!((works.history(), works.ops.manual_entries(None, 9)), (vec![], vec![]));
    assert_eq!(works.enter(1.0, "2024-06-12"), Ok(None), "the output of today may be known already");
    works.clock.set(at("2024-06-14"));
    assert_eq!(works.enter(1.0, "2024-06-13"), Ok(None));
}

#[test]
fn a_backup_brings_back_what_stands() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let works = Works::open(dir.path());
    for (value, day) in [(Some(12.0), "2024-06-09"), (Some(12.5), "2024-06-09"), (Some(3.0), "2024-06-10")] {
        works.enter(value, day).unwrap();
    }
    works.enter(None, "2024-06-10").unwrap();
    let copy = dir.path().join("copy");
    let file = NewFile::begin(&copy).unwrap();
    backup(works.ops.store(), at("2024-06-12"), file.file(), &mut |_, _| {}).unwrap();
    file.keep().unwrap();
    let new = Works::open(other.path());
    restore(new.ops.store(), &open_backup(&copy).unwrap(), &copy, &mut |_, _| {}).unwrap();
    assert_eq!(new.history(), works.history());
    assert_eq!(new.ops.manual_entries(None, 9), works.ops.manual_entries(None, 9));
}
