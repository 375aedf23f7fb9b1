//! Registers that did not just grow, and statistics of a time of which the readings have gone.

use std::time::Duration;

use cems_gateway::counter::Assumption;
use cems_gateway::model::reading::{Sample, Value as Reading};
use cems_gateway::ops::counter_events::{Correction, CorrectionError, CounterEventOf};
use cems_gateway::time::{Interval, UtcTime};
use serde_json::{Value, json};

use super::client::post;
use super::site::{Served, at};

const DAY: &str = r#""pointID":["PT-CH1"],"startTime":"2024-06-11","endTime":"2024-06-12""#;

/// Gives the chiller's register every minute from the first to the last of `minutes` of 2024-06-11.
fn append(served: &Served, minutes: std::ops::Range<i64>, shows: impl Fn(f64) -> f64) {
    let midnight = at("2024-06-11");
    for minute in minutes {
        let time = UtcTime::from_ms(midnight.as_ms() + minute * Interval::MINUTE.as_ms());
        let value = shows(f64::from(i32::try_from(minute).unwrap()));
        let samples = [value, 200.0].map(|value| Sample::good(Reading::Number(value)));
        served.append("PT-CH1", &["EPI", "P"], time, samples.to_vec());
    }
}

/// What the day came to, once `is_it` holds of it; the store sums up when it has time.
fn sum_of_day(served: &Served, is_it: impl Fn(&Value) -> bool) -> Value {
    let body = format!(r#"{{{DAY},"period":"P1D","function":["sum"]}}"#);
    for _ in 0..1_000 {
        let answer = post(served.address(), "GetCemsStatisticalData", &body);
        let row = answer.json()["data"]["statistic"][0].clone();
        if is_it(&row) {
            return row;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never so: {}", post(served.address(), "GetCemsStatisticalData", &body).json())
}

fn events(served: &Served, count: usize) -> Vec<CounterEventOf> {
    for _ in 0..1_000 {
        let events = served.ops.counter_events(Some("PT-CH1"), 20);
        if events.len() >= count {
            return events;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("there are not {count} events")
}

/// The meter is replaced at noon: the old one showed 9 360, the new one begins at 4 000.
fn after_a_replacement() -> Served {
    let served = Served::empty();
    let shows = |minute: f64| if minute < 720.0 { 9_000.0 + minute / 2.0 } else { 3_640.0 + minute / 2.0 };
    append(&served, 0..1_460, shows);
    served
}

#[test]
fn a_register_that_was_replaced_is_told_beside_the_history_and_a_correction_changes_the_sum() {
    let served = after_a_replacement();
    let number = events(&served, 1)[0].event.number;
    let first = sum_of_day(&served, |row| row["value"] == json!(719.5));
    let beside = |served: &Served| {
        let body = format!(r#"{{{DAY},"parameterID":["EPI"],"pageSize":1}}"#);
        post(served.address(), "GetCemsHistoricalData", &body).json()["data"]["counterEvent"].clone()
    };
    let mut told = json!([{
        "eventID": number, "pointID": "PT-CH1", "parameterID": "EPI",
        "since": "2024-06-11T11:59:00+08:00", "timeStamp": "2024-06-11T12:00:00+08:00",
        "before": 9_359.5, "after": 4_000.0, "verdict": "replaced", "counted": 0.0, "basis": "assumed",
    }]);
    assert_eq!(beside(&served), told);
    served.ops.correct(number, Correction::Amount(0.5)).unwrap();
    let second = sum_of_day(&served, |row| row["value"] == json!(720.0) && row["revision"].is_u64());
    assert_ne!(first["revision"], second["revision"]);
    told[0]["counted"] = json!(0.5);
    told[0]["basis"] = json!("corrected");
    assert_eq!(beside(&served), told);
    served.ops.correct(number, Correction::TakeBack).unwrap();
    sum_of_day(&served, |row| row["value"] == json!(719.5));
    served.ops.correct(number, Correction::Confirm).unwrap();
    told[0]["counted"] = json!(0.0);
    told[0]["basis"] = json!("confirmed");
    assert_eq!(beside(&served), told);
}

#[test]
fn a_correction_that_cannot_be_changes_nothing() {
    let served = after_a_replacement();
    let number = events(&served, 1)[0].event.number;
    for (number, correction, error) in [
        (number, Correction::Amount(-1.0), CorrectionError::Amount),
        (number, Correction::Amount(f64::NAN), CorrectionError::Amount),
        (number, Correction::To(Assumption::RolledOver), CorrectionError::NoModulus),
        (4_711, Correction::Confirm, CorrectionError::NoSuchEvent(4_711)),
    ] {
        assert_eq!(served.ops.correct(number, correction), Err(error));
    }
    assert_eq!(events(&served, 1)[0].event.ruled, None);
}

#[test]
fn a_day_of_which_the_readings_have_gone_comes_to_what_it_came_to_before() {
    let served = after_a_replacement();
    append(&served, 1_460..9_000, |minute| 3_640.0 + minute / 2.0);
    let is_summed = |row: &Value| row["value"] == json!(719.5) && row["completeness"] == json!(1.0);
    let before = sum_of_day(&served, is_summed);
    let (series, day) = (served.store.series("PT-CH1", "EPI").unwrap(), at("2024-06-11")..at("2024-06-12"));
    while served.store.summed(series, &day).unwrap().row.summary.readings < 1_440 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let served = served.without_sealed_readings();
    assert!(served.store.readings_from().unwrap() > at("2024-06-12"), "the readings have gone");
    let body = format!(r#"{{{DAY},"parameterID":["EPI"]}}"#);
    let history = post(served.address(), "GetCemsHistoricalData", &body).json();
    assert_eq!(history["data"]["dataCount"]["readingCount"], json!(0), "{history}");
    assert_eq!(sum_of_day(&served, |_| true), before);
    let number = events(&served, 1)[0].event.number;
    assert_eq!(served.ops.correct(number, Correction::Amount(0.5)), Err(CorrectionError::ReadingsGone));
}
