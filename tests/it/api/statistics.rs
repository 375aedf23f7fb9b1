//! Statistics over the wire against a model that looks every value up by itself.

use cems_gateway::model::reading::{Sample, Value as Reading};
use cems_gateway::time::UtcTime;
use serde_json::Value;

use super::client::post;
use super::site::{Served, at};

const MINUTE_MS: i64 = 60_000;

/// The register of the chiller: a closed formula of time, read every 15 minutes but never on the
/// minute.
fn energy(time: UtcTime) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few days of minutes")]
    let minutes = time.ms_since(at("2024-04-01")) as f64 / 60_000.0;
    1_000.0 + minutes * 0.25
}

fn power(time: UtcTime) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few days of minutes")]
    let minutes = time.ms_since(at("2024-04-01")) as f64 / 60_000.0;
    (200.0 + 50.0 * (minutes / 97.0).sin()).round()
}

/// Times of the readings: three days with a gap of five hours.
fn times() -> Vec<UtcTime> {
    let start = at("2024-05-30T00:00:00+08:00").as_ms() + 7 * MINUTE_MS;
    let all = (0..3 * 96).map(|step| UtcTime::from_ms(start + step * 15 * MINUTE_MS));
    let gap = at("2024-05-31T20:00:00+08:00")..at("2024-06-01T01:00:00+08:00");
    all.filter(|time| !gap.contains(time)).collect()
}

fn served() -> Served {
    let served = Served::empty();
    for time in times() {
        let samples = [energy(time), power(time)].map(|value| Sample::good(Reading::Number(value)));
        served.append("PT-CH1", &["EPI", "P"], time, samples.to_vec());
    }
    served
}

fn statistic(served: &Served, rest: &str) -> Vec<Value> {
    let body = format!(r#"{{"pointID":["PT-CH1"],"pageSize":500,{rest}}}"#);
    let answer = post(served.address(), "GetCemsStatisticalData", &body);
    assert_eq!(answer.code(), 200, "{}", answer.message());
    answer.json()["data"]["statistic"].as_array().unwrap().clone()
}

fn period(row: &Value) -> (UtcTime, UtcTime) {
    (at(row["periodStart"].as_str().unwrap()), at(row["periodEnd"].as_str().unwrap()))
}

#[test]
fn the_increase_of_a_straight_register_is_exact_at_edges_that_nobody_read() {
    let served = served();
    let range = r#""startTime":"2024-05-30T06:00:00+08:00","endTime":"2024-06-01T12:00:00+08:00""#;
    for word in ["PT1H", "P1D", "P1M", "TOTAL"] {
        let rest = format!(r#"{range},"period":"{word}","function":["sum"]"#);
        for row in statistic(&served, &rest) {
            let (start, end) = period(&row);
            let inside = times().iter().filter(|time| (start..end).contains(*time)).count();
            let Some(value) = row["value"].as_f64() else {
                assert_eq!(inside, 0, "{row}");
                assert_eq!(row["completeness"], 0.0);
                continue;
            };
            let naive = energy(end) - energy(start);
            assert!((value - naive).abs() < 1e-6, "{value} instead of {naive} in {row}");
            assert_eq!((row["indicatorCode"].as_str(), row["unit"].as_str()), (Some("ENERGY"), Some("kWh")));
        }
    }
}

#[test]
fn levels_agree_with_looking_through_each_period() {
    let served = served();
    let range = r#""startTime":"2024-05-30","endTime":"2024-06-02","parameterID":["P"]"#;
    for word in ["PT15M", "PT1H", "P1D", "P1W", "P3M", "P1Y"] {
        for row in statistic(&served, &format!(r#"{range},"period":"{word}""#)) {
            let (start, end) = period(&row);
            let inside: Vec<UtcTime> =
                times().into_iter().filter(|time| (start..end).contains(time)).collect();
            let values: Vec<f64> = inside.iter().map(|time| power(*time)).collect();
            #[expect(clippy::cast_precision_loss, reason = "few values")]
            let (count, expected) =
                (values.len() as f64, end.ms_since(start) as f64 / (15 * MINUTE_MS) as f64);
            let naive = match row["function"].as_str().unwrap() {
                "avg" => (count > 0.0).then(|| values.iter().sum::<f64>() / count),
                "max" => values.iter().copied().reduce(f64::max),
                "min" => values.iter().copied().reduce(f64::min),
                "last" => values.last().copied(),
                other => panic!("{other} makes no sense of a power"),
            };
            match (row["value"].as_f64(), naive) {
                (Some(value), Some(naive)) => assert!((value - naive).abs() < 1e-6, "{row} {naive}"),
                (value, naive) => assert_eq!(value, naive, "{row}"),
            }
            let completeness = row["completeness"].as_f64().unwrap();
            assert!((completeness - (count / expected).min(1.0)).abs() < 1e-4, "{row}");
            if let Some(time) = row["occurTime"].as_str() {
                assert!(inside.contains(&at(time)), "{row}");
                assert!((power(at(time)) - row["value"].as_f64().unwrap()).abs() < 1e-9, "{row}");
            }
        }
    }
}

#[test]
fn rates_come_to_what_flowed_in_their_hours_and_together_to_all_of_it() {
    let served = served();
    let rest =
        r#""startTime":"2024-05-30T06:00:00+08:00","endTime":"2024-06-01T12:00:00+08:00","function":["sum"]"#;
    for word in ["PT15M", "PT1H", "P1D", "TOTAL"] {
        for rows in statistic(&served, &format!(r#"{rest},"tou":[0,2,3,4],"period":"{word}""#)).chunks(4) {
            let numbers: Vec<u64> = rows.iter().map(|row| row["tou"].as_u64().unwrap_or(0)).collect();
            assert_eq!(numbers, [0, 2, 3, 4]);
            let Some(total) = rows[0]["value"].as_f64() else { continue };
            let of_rates: f64 = rows[1..].iter().filter_map(|row| row["value"].as_f64()).sum();
            assert!((total - of_rates).abs() < 1e-6, "{word}: {rows:?}");
            let (start, end) = period(&rows[0]);
            let is_peak = |minute: i64| {
                let at = UtcTime::from_ms(start.as_ms() + minute * MINUTE_MS);
                let hour =
                    (at.as_ms() + 8 * 60 * MINUTE_MS).rem_euclid(24 * 60 * MINUTE_MS) / (60 * MINUTE_MS);
                (9..11).contains(&hour)
            };
            let peak_minutes = (0..end.ms_since(start) / MINUTE_MS).filter(|minute| is_peak(*minute)).count();
            #[expect(clippy::cast_precision_loss, reason = "a few days of minutes")]
            let naive = peak_minutes as f64 * 0.25;
            if let Some(peak) = rows[1]["value"].as_f64() {
                assert!((peak - naive).abs() < 1e-6, "{word}: {peak} instead of {naive}");
            }
        }
    }
}

#[test]
fn the_future_has_no_rows_and_an_empty_past_has_rows_without_value() {
    let served = served();
    served.clock.set(at("2024-06-02T10:30:00+08:00"));
    let rest = r#""startTime":"2024-06-01","endTime":"2024-06-10","period":"P1D","function":["last"],"parameterID":["P"]"#;
    let rows = statistic(&served, rest);
    let days: Vec<_> = rows.iter().map(|row| row["periodStart"].as_str().unwrap().to_owned()).collect();
    assert_eq!(days, ["2024-06-01T00:00:00+08:00", "2024-06-02T00:00:00+08:00"]);
    assert!(rows[0]["value"].is_number() && rows[1]["value"].is_null());
}

#[test]
fn pages_of_rows_together_are_all_rows() {
    let served = served();
    let rest = r#""startTime":"2024-05-30","endTime":"2024-06-02","period":"PT1H""#;
    let whole = statistic(&served, rest);
    assert_eq!(whole.len(), 72 * (2 + 4));
    for size in [1_usize, 5, 144, 145, 400] {
        let mut pages = Vec::new();
        // Single rows would take many requests; the first dozen shows the same.
        for number in 1..=whole.len().div_ceil(size).min(12) {
            let body = format!(r#"{{"pointID":["PT-CH1"],{rest},"pageSize":{size},"pageNumber":{number}}}"#);
            let answer = post(served.address(), "GetCemsStatisticalData", &body).json();
            assert_eq!(answer["data"]["page"]["total"], whole.len());
            pages.extend(answer["data"]["statistic"].as_array().unwrap().clone());
        }
        assert_eq!(pages, whole[..pages.len()], "pages of {size}");
    }
}

#[test]
fn rows_may_run_backwards_in_time_and_their_pages_still_make_the_whole() {
    let served = served();
    let rest = r#""startTime":"2024-05-30","endTime":"2024-06-02","period":"PT1H""#;
    let mut expected = Vec::new();
    let ascending = statistic(&served, rest);
    for parameter in ["EPI", "P"] {
        let of_parameter: Vec<_> =
            ascending.iter().filter(|row| row["parameterID"] == parameter).cloned().collect();
        // The rows of one period, one a function, stay in their order.
        let functions = of_parameter.len() / 72;
        expected.extend(of_parameter.chunks(functions).rev().flatten().cloned());
    }
    for size in [5_usize, 145, 500] {
        let mut pages = Vec::new();
        for number in 1..=expected.len().div_ceil(size) {
            let by_page = format!(r#""sort":"desc","pageSize":{size},"pageNumber":{number}"#);
            let body = format!(r#"{{"pointID":["PT-CH1"],{rest},{by_page}}}"#);
            let answer = post(served.address(), "GetCemsStatisticalData", &body).json();
            pages.extend(answer["data"]["statistic"].as_array().unwrap().clone());
        }
        assert_eq!(pages, expected, "pages of {size}");
    }
}

/// The register read on every quarter of an hour from 08:00 on, as far as 11:00 unless an outage
/// begins before, asked for at a later minute.
fn read_on_the_quarter(outage_after: &str, now: &str) -> Served {
    let served = Served::empty();
    let (start, end) = (at("2024-06-12T08:00:00+08:00").as_ms(), at(outage_after).min(at(now)));
    let all = (0..13).map(|step| UtcTime::from_ms(start + step * 15 * MINUTE_MS));
    for time in all.filter(|time| *time <= end) {
        let samples = [energy(time), power(time)].map(|value| Sample::good(Reading::Number(value)));
        served.append("PT-CH1", &["EPI", "P"], time, samples.to_vec());
    }
    served.clock.set(at(now));
    served
}

fn sums_of_the_morning(served: &Served, period: &str) -> Vec<(String, Value, f64)> {
    let range = r#""startTime":"2024-06-12T09:00:00+08:00","endTime":"2024-06-12T12:00:00+08:00""#;
    let rows = statistic(served, &format!(r#"{range},"period":"{period}","function":["sum"]"#));
    let plain = |row: &Value| {
        let start = row["periodStart"].as_str().unwrap()[11..16].to_owned();
        (start, row["value"].clone(), row["completeness"].as_f64().unwrap())
    };
    rows.iter().map(plain).collect()
}

#[test]
fn an_hour_that_has_not_ended_tells_what_is_known_of_it_and_is_not_complete() {
    let served = read_on_the_quarter("2024-06-12T11:00:00+08:00", "2024-06-12T10:46:00+08:00");
    let hours = sums_of_the_morning(&served, "PT1H");
    // 15 kWh flow in an hour, of which three quarters have been read.
    assert_eq!(hours, [("09:00".to_owned(), 15.0.into(), 1.0), ("10:00".to_owned(), 11.25.into(), 0.75)]);
    let quarters = sums_of_the_morning(&served, "PT15M");
    assert_eq!(quarters[6], ("10:30".to_owned(), 3.75.into(), 1.0));
    assert_eq!(quarters[7], ("10:45".to_owned(), Value::Null, 0.0));
    assert_eq!(quarters.len(), 8);
}

#[test]
fn an_outage_that_starts_just_after_an_edge_leaves_no_sum() {
    let served = read_on_the_quarter("2024-06-12T10:00:00+08:00", "2024-06-12T11:30:00+08:00");
    let hours = sums_of_the_morning(&served, "PT1H");
    assert_eq!(hours[0], ("09:00".to_owned(), 15.0.into(), 1.0));
    assert_eq!(hours[1], ("10:00".to_owned(), Value::Null, 0.0));
    // Once the meter is read again the line over the gap gives a sum, which is known but badly.
    let later = at("2024-06-12T11:15:00+08:00");
    let samples = [energy(later), power(later)].map(|value| Sample::good(Reading::Number(value)));
    served.append("PT-CH1", &["EPI", "P"], later, samples.to_vec());
    let quarters = sums_of_the_morning(&served, "PT15M");
    assert_eq!(quarters[4], ("10:00".to_owned(), 3.75.into(), 0.2));
    assert_eq!(quarters[5], ("10:15".to_owned(), Value::Null, 0.0));
}

#[test]
fn no_period_is_complete_before_it_has_ended() {
    for minute in [0, 1, 14, 15, 16, 44, 45, 46, 59] {
        let now = format!("2024-06-12T10:{minute:02}:00+08:00");
        let served = read_on_the_quarter("2024-06-12T11:00:00+08:00", &now);
        for word in ["PT15M", "PT1H", "P1D", "TOTAL"] {
            let rest = format!(
                r#""startTime":"2024-06-12T08:00:00+08:00","endTime":"2024-06-13","period":"{word}""#
            );
            for row in statistic(&served, &rest) {
                let (start, end) = period(&row);
                let read_to = UtcTime::from_ms(at(&now).as_ms() - minute % 15 * MINUTE_MS).min(end);
                #[expect(clippy::cast_precision_loss, reason = "a day of milliseconds")]
                let share = |until: UtcTime| until.ms_since(start) as f64 / end.ms_since(start) as f64;
                let completeness = row["completeness"].as_f64().unwrap();
                assert!(completeness <= share(at(&now).min(end)), "{row} at {now}");
                if row["function"] == "sum" {
                    assert!((completeness - share(read_to)).abs() < 1e-4, "{row} at {now}");
                    let naive = (read_to > start).then(|| energy(read_to) - energy(start));
                    match (row["value"].as_f64(), naive) {
                        (Some(value), Some(naive)) => assert!((value - naive).abs() < 1e-6, "{row} at {now}"),
                        (value, naive) => assert_eq!(value, naive, "{row} at {now}"),
                    }
                }
            }
        }
    }
}
