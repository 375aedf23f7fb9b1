//! Pages and orders: all pages together are the whole, each reading once.

use cems_gateway::model::reading::{Sample, Value as Reading};
use serde_json::{Value, json};

use super::client::post;
use super::site::{Served, at};

/// The readings of a historical answer as (point, parameter, time).
fn rows(answer: &Value) -> Vec<(String, String, String)> {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let mut rows = Vec::new();
    for category in list(&answer["data"], "category") {
        for point in list(&category, "point") {
            for series in list(&point, "reading") {
                for reading in list(&series, "reading") {
                    let time = text(&reading, "timeStamp");
                    rows.push((text(&point, "pointID"), text(&series, "parameterID"), time));
                }
            }
        }
    }
    rows
}

fn ask(served: &Served, rest: &str) -> Value {
    let range = r#""startTime":"2024-06-12T00:00:00+08:00","endTime":"2024-06-12T10:00:00+08:00""#;
    post(served.address(), "GetCemsHistoricalData", &format!("{{{range}{rest}}}")).json()
}

#[test]
fn all_pages_together_are_the_whole_in_both_directions() {
    let served = Served::after_a_morning();
    for rest in ["", r#","sort":"desc""#, r#","interval":"PT1H""#, r#","interval":"PT1H","sort":"desc""#] {
        let whole = rows(&ask(&served, &format!(r#"{rest},"pageSize":500"#)));
        assert!(whole.len() >= 50, "{} rows", whole.len());
        for size in [1, 7, 39, 40, 41, 200] {
            let mut pages = Vec::new();
            for number in 1.. {
                let page = ask(&served, &format!(r#"{rest},"pageSize":{size},"pageNumber":{number}"#));
                let found = rows(&page);
                assert_eq!(page["data"]["page"]["total"], whole.len());
                assert_eq!(page["data"]["page"]["totalPages"], whole.len().div_ceil(size));
                assert_eq!(page["data"]["dataCount"]["readingCount"], found.len());
                if found.is_empty() {
                    assert_eq!(page["code"], 200, "past the last page");
                    break;
                }
                pages.extend(found);
            }
            assert_eq!(pages, whole, "pages of {size} {rest}");
        }
    }
}

#[test]
fn readings_come_by_category_point_reading_type_and_time() {
    let served = Served::after_a_morning();
    let found = rows(&ask(&served, r#","pageSize":500"#));
    let mut series: Vec<_> = found.iter().map(|(point, parameter, _)| (&**point, &**parameter)).collect();
    series.dedup();
    let expected =
        [("PT-CH1", "EPI"), ("PT-CH1", "P"), ("PT-ESS1", "SN"), ("PT-ESS1", "SOC"), ("PT-PV1", "P")];
    assert_eq!(series, expected);
    for pair in found.windows(2).filter(|pair| pair[0].1 == pair[1].1 && pair[0].0 == pair[1].0) {
        assert!(at(&pair[0].2) < at(&pair[1].2));
    }
}

#[test]
fn an_answer_keeps_the_site_that_it_was_asked_of() {
    let served = Served::after_a_morning();
    let mut other = (*served.ops.site()).clone();
    other.points.retain(|point| point.id == "PT-PV1");
    other.cems.id = "CEMS-NEW".to_owned();
    served.ops.replace_site(other.into()).unwrap();
    let answer = post(served.address(), "GetCemsStaticData", "{}").json();
    assert_eq!(answer["data"]["cems"]["cemsID"], "CEMS-NEW");
    assert_eq!(answer["data"]["page"]["total"], 1);
}

#[test]
fn a_late_reading_is_on_the_pages_of_a_time_that_was_counted_before() {
    let served = Served::after_a_morning();
    let total = || {
        let body = r#"{"pointID":["PT-CH1"],"parameterID":["EPI"],"startTime":"2024-06-12T00:00:00+08:00",
            "endTime":"2024-06-12T09:00:00+08:00","pageSize":5,"interval":"PT15M"}"#;
        post(served.address(), "GetCemsHistoricalData", body).json()["data"]["page"]["total"].clone()
    };
    assert_eq!((total(), total()), (json!(36), json!(36)));
    let time = at("2024-06-12T00:07:00+08:00");
    served.append("PT-CH1", &["EPI"], time, vec![Sample::good(Reading::Number(1.0))]);
    assert_eq!(total(), json!(36), "two readings of one interval count as one");
    let time = at("2024-06-11T23:59:00+08:00");
    served.append("PT-CH1", &["EPI"], time, vec![Sample::good(Reading::Number(1.0))]);
    let without_interval = r#"{"pointID":["PT-CH1"],"parameterID":["EPI"],"startTime":"2024-06-12T00:00:00+08:00",
        "endTime":"2024-06-12T09:00:00+08:00","pageSize":5}"#;
    let count = || {
        post(served.address(), "GetCemsHistoricalData", without_interval).json()["data"]["page"]["total"]
            .clone()
    };
    assert_eq!(count(), json!(37));
    let time = at("2024-06-12T00:08:00+08:00");
    served.append("PT-CH1", &["EPI"], time, vec![Sample::good(Reading::Number(1.0))]);
    assert_eq!(count(), json!(38));
}
