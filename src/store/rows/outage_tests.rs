//! What is told of readings that memory had to let go while the medium failed.

use std::cmp::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::quarters::Quarter;
use super::summed::Summed;
use crate::config::site::StoreSettings;
use crate::limits;
use crate::model::gap::GapCause;
use crate::model::reading::{GroupId, Sample, Scan, SeriesId, Value};
use crate::model::tou::Tou;
use crate::stats::{SeriesKind, SeriesProfile};
use crate::store::Store;
use crate::time::{Interval, UtcOffset, UtcTime};

/// Texts fill the memory fast.
const TEXTS: u32 = 200;

struct Site {
    store: Store,
    series: Vec<SeriesId>,
    group: GroupId,
}

impl Site {
    fn open(dir: &std::path::Path) -> Self {
        let settings = StoreSettings { size_max_mib: 256, ..StoreSettings::default() };
        let store = Store::open(dir, &settings).unwrap();
        let names = ["EPI", "P"].map(str::to_owned).into_iter().chain((0..TEXTS).map(|n| format!("T{n}")));
        let series: Vec<SeriesId> = names.map(|name| store.series("PT-1", &name).unwrap()).collect();
        let group = store.group(&series).unwrap();
        let profile = |kind| SeriesProfile { kind, interval: Interval::MINUTE, modulus: None };
        let kinds = [SeriesKind::Register, SeriesKind::Level];
        let profiles = series.iter().copied().zip(kinds.map(profile));
        store.describe(profiles, UtcOffset::UTC, Tou::default());
        Self { store, series, group }
    }

    fn append(&self, minute: u32) {
        let text = |place: u32| {
            let noise = u64::from(minute * TEXTS + place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            Value::Text(format!("{noise:064x}").into())
        };
        let numbers = [f64::from(minute) / 4.0, f64::from(minute % 17)].map(Value::Number);
        let values = numbers.into_iter().chain((0..TEXTS).map(text));
        let at = UtcTime::from_ms(i64::from(minute) * Interval::MINUTE.as_ms());
        let samples = values.map(Sample::good).collect();
        self.store.append_now(Scan { group: self.group, at, samples }).unwrap();
    }

    fn summed(&self, series: usize, (start, _): Quarter) -> Summed {
        let period = start..start.plus(Interval::QUARTER_HOUR);
        self.store.summed(self.series[series], &period).unwrap()
    }

    /// The medium takes no writes from now on.
    fn fail_until(&self, retry_at: Instant) {
        self.store.shared.state().fail("no space".to_owned(), retry_at);
        self.store.shared.wake_writer();
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_mins(2);
        while !is_so(self) {
            assert!(Instant::now() < until, "never: {what}, {:?}", self.store.status());
            self.store.shared.wake_writer();
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn readings_that_memory_lets_go_while_the_medium_fails_leave_their_quarter_hours() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path());
    let quarter = |number: u32| {
        let at = UtcTime::from_ms(i64::from(number) * Interval::QUARTER_HOUR.as_ms());
        (at, site.group)
    };
    let minutes = 60 * 60;
    site.append(0);
    site.store.flush().unwrap();
    site.fail_until(Instant::now() + Duration::from_hours(1));
    for minute in 1..minutes {
        site.append(minute);
        if minute % 15 == 1 {
            site.wait_until("all quarter hours are summed up", |site| {
                site.store.shared.state().quarters.waiting() == 0
            });
        }
    }
    let dropped = site.store.status().dropped_scans;
    assert!(dropped > 60, "{dropped}");
    assert!(site.store.status().open_bytes <= limits::UNSEALED_BYTES_MAX);
    let whole = |minute: u32| minute.div_ceil(15)..u32::try_from(dropped).unwrap() / 15;
    let check = |site: &Site, when: &str| {
        for number in whole(1) {
            let (register, level) = (site.summed(0, quarter(number)), site.summed(1, quarter(number)));
            assert_eq!((register.row.summary.readings, level.row.summary.readings), (15, 15), "{when}");
            assert!((register.row.summary.growth - 3.75).abs() < 1e-9, "{when}: {register:?}");
            let least = (number * 15..number * 15 + 15).map(|minute| minute % 17).min().unwrap();
            assert_eq!(
                level.row.summary.min.unwrap().value.total_cmp(&f64::from(least)),
                Ordering::Equal,
                "{when}"
            );
        }
    };
    check(&site, "while the medium fails");
    site.fail_until(Instant::now());
    site.wait_until("the medium takes writes again", |site| site.store.status().failing.is_none());
    site.wait_until("all rows are stored", |site| site.store.status().waiting_quarters == 0);
    check(&site, "when the medium works again");
    let day = quarter(0).0..quarter(96).0;
    let of_day = site.store.summed(site.series[1], &day).unwrap();
    assert!(of_day.row.summary.readings >= 1_438, "{of_day:?}");
    let gaps = site.store.gaps(site.series[1], &day).unwrap();
    assert!(gaps.iter().any(|gap| gap.cause == GapCause::Quota), "{gaps:?}");
    site.store.close().unwrap();
    drop(site.store);
    check(&Site::open(dir.path()), "after the next start");
}
