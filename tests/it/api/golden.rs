//! Every operation and every return code against recorded answers.
//!
//! `UPDATE_GOLDEN=1 cargo test --test it api::golden` records them anew.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::client::{Answer, ask, get, post, raw};
use super::site::Served;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/api")
}

/// Asks, and compares the answer with the file of this name, or records it.
pub(super) fn check_asked(address: SocketAddr, name: &str, operation: &str, body: &str) {
    let body = if body.is_empty() { "{}" } else { body };
    let asked: Value = serde_json::from_str(body).unwrap();
    let answer = post(address, operation, body);
    check(name, &json!({ "operation": operation, "body": asked }), &answer);
}

/// Compares `answer` to `question` with the file of this name, or records it.
fn check(name: &str, question: &Value, answer: &Answer) {
    let found = json!({ "question": question, "status": answer.status, "answer": answer.json() });
    let path = folder().join(format!("{name}.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(&found).unwrap();
        fs::write(&path, text + "\n").unwrap();
        return;
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let recorded: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found, recorded, "{name} differs; if that is right, record anew with UPDATE_GOLDEN=1");
}

#[test]
fn every_operation_answers_as_recorded() {
    let served = Served::after_a_morning();
    for (name, operation, body) in [
        ("static", "GetCemsStaticData", r#"{"cemsID":"CEMS-310000-0001"}"#),
        ("static_page", "GetCemsStaticData", r#"{"include":["point"],"pageNumber":2,"pageSize":3}"#),
        ("static_capability", "GetCemsStaticData", r#"{"include":["capability"]}"#),
        ("static_codes", "GetCemsStaticData", r#"{"include":["codes"]}"#),
        ("dynamic", "GetCemsDynamicData", "{}"),
        ("dynamic_category", "GetCemsDynamicData", r#"{"categoryCode":["01B00"],"parameterID":["P"]}"#),
        (
            "dynamic_reading_type",
            "getcemsdynamicdata",
            r#"{"readingTypeID":["0.0.0.12.*.1.37.0.0.0.0.0.0.0.0.3.38.0"]}"#,
        ),
        (
            "historical",
            "GetCemsHistoricalData",
            r#"{"startTime":"2024-06-12T08:30:00+08:00","endTime":"20240612T013000Z"}"#,
        ),
        (
            "historical_thinned",
            "GetCemsHistoricalData",
            r#"{"pointID":["PT-CH1"],"startTime":"2024-06-12","endTime":"2024-06-12T06:00:00+08:00",
                "interval":"PT2H","sort":"desc"}"#,
        ),
        (
            "historical_filled_null",
            "GetCemsHistoricalData",
            r#"{"pointID":"PT-PV1","startTime":"2024-06-12T08:30:00+08:00","endTime":"2024-06-12T11:00:00+08:00",
                "interval":"PT30M","fill":"null"}"#,
        ),
        (
            "historical_filled_previous",
            "GetCemsHistoricalData",
            r#"{"pointID":"PT-PV1","startTime":"2024-06-12T08:30:00+08:00","endTime":"2024-06-12T11:00:00+08:00",
                "interval":"PT30M","fill":"previous","sort":"desc"}"#,
        ),
        (
            "historical_filled_linear",
            "GetCemsHistoricalData",
            r#"{"pointID":"PT-CH1","startTime":"2024-06-12T08:30:00+08:00","endTime":"2024-06-12T09:00:00+08:00",
                "interval":"PT10M","fill":"linear"}"#,
        ),
        (
            "historical_nothing",
            "GetCemsHistoricalData",
            r#"{"startTime":"2023-06-12","endTime":"2023-06-13"}"#,
        ),
        (
            "statistical",
            "GetCemsStatisticalData",
            r#"{"startTime":"2024-06-11","endTime":"2024-06-14","period":"P1D"}"#,
        ),
        (
            "statistical_tou",
            "GetCemsStatisticalData",
            r#"{"startTime":"2024-06-12","endTime":"2024-06-13","period":"P1D","tou":[0,1,2,3,4]}"#,
        ),
        (
            "statistical_energy",
            "GetCemsStatisticalData",
            r#"{"startTime":"2024-06-11T23:00:00+08:00","endTime":"2024-06-12T03:00:00+08:00",
                "period":"PT1H","indicatorCode":["ENERGY"],"function":["sum"]}"#,
        ),
    ] {
        let answer = post(served.address(), operation, body);
        let question =
            json!({ "operation": operation, "body": serde_json::from_str::<Value>(body).unwrap() });
        check(name, &question, &answer);
    }
    check("about", &json!({ "get": "/cems/v1/about" }), &get(served.address(), "/cems/v1/about"));
    check("health", &json!({ "get": "/healthz" }), &get(served.address(), "/healthz"));
}

#[test]
fn every_member_that_is_wrong_is_named_as_recorded() {
    let served = Served::empty();
    let range = r#""startTime":"2024-06-11","endTime":"2024-06-12""#;
    for (name, operation, body) in [
        ("error_40001_json", "GetCemsDynamicData", r#"{"pageSize":NaN}"#.to_owned()),
        ("error_40001_unknown", "GetCemsDynamicData", r#"{"pointId":["PT-CH1"]}"#.to_owned()),
        ("error_40001_empty", "GetCemsDynamicData", r#"{"pointID":[]}"#.to_owned()),
        ("error_40001_type", "GetCemsDynamicData", r#"{"pageSize":"20"}"#.to_owned()),
        ("error_40001_parameter", "GetCemsDynamicData", r#"{"parameterID":["X"]}"#.to_owned()),
        ("error_40001_energy", "GetCemsDynamicData", r#"{"energyCode":"99"}"#.to_owned()),
        ("error_40001_word", "GetCemsHistoricalData", format!(r#"{{{range},"sort":"up"}}"#)),
        ("error_40001_tou", "GetCemsStatisticalData", format!(r#"{{{range},"period":"P1D","tou":[6]}}"#)),
        (
            "error_40001_indicator",
            "GetCemsStatisticalData",
            format!(r#"{{{range},"period":"P1D","indicatorCode":["NONSENSE"]}}"#),
        ),
        ("error_40002_range", "GetCemsHistoricalData", "{}".to_owned()),
        ("error_40002_fill", "GetCemsHistoricalData", format!(r#"{{{range},"fill":"linear"}}"#)),
        ("error_40002_period", "GetCemsStatisticalData", format!("{{{range}}}")),
        (
            "error_40003_time",
            "GetCemsHistoricalData",
            r#"{"startTime":"2024-06-11T00:00:00","endTime":"2024-06-12"}"#.to_owned(),
        ),
        (
            "error_40003_order",
            "GetCemsHistoricalData",
            r#"{"startTime":"2024-06-12","endTime":"2024-06-11"}"#.to_owned(),
        ),
        (
            "error_40003_span",
            "GetCemsHistoricalData",
            r#"{"startTime":"2023-01-01","endTime":"2024-06-11"}"#.to_owned(),
        ),
        (
            "error_40003_fine_span",
            "GetCemsHistoricalData",
            r#"{"startTime":"2024-04-01","endTime":"2024-06-11","interval":"PT1M"}"#.to_owned(),
        ),
        ("error_40003_interval", "GetCemsHistoricalData", format!(r#"{{{range},"interval":"P1M"}}"#)),
        ("error_40004_number", "GetCemsStaticData", r#"{"pageNumber":0}"#.to_owned()),
        ("error_40004_size", "GetCemsStaticData", r#"{"pageSize":501}"#.to_owned()),
        ("error_40005_form", "GetCemsDynamicData", r#"{"readingTypeID":["1.2.3"]}"#.to_owned()),
        (
            "error_40005_unknown",
            "GetCemsDynamicData",
            r#"{"readingTypeID":["9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.9.*"]}"#.to_owned(),
        ),
        ("error_40401", "GetCemsStaticData", r#"{"cemsID":"CEMS-X"}"#.to_owned()),
        ("error_40402", "GetCemsStaticData", r#"{"categoryID":["CAT-X"]}"#.to_owned()),
        ("error_40402_code", "GetCemsStaticData", r#"{"categoryCode":"zz"}"#.to_owned()),
        ("error_40403", "GetCemsStaticData", r#"{"pointID":["PT-CH1","PT-X"]}"#.to_owned()),
        ("error_40404", "GetCemsNonsense", "{}".to_owned()),
    ] {
        let answer = post(served.address(), operation, &body);
        assert_eq!(answer.code(), name[6..11].parse::<u64>().unwrap(), "{name}: {}", answer.message());
        check(name, &json!({ "operation": operation, "body": body }), &answer);
    }
}

#[test]
fn what_http_itself_forbids_is_told_as_recorded() {
    let served = Served::empty();
    let address = served.address();
    let path = "/cems/v1/GetCemsDynamicData";
    let anonymous =
        format!("GET {path} HTTP/1.1\r\nHost: g\r\nX-Request-ID: a1\r\nConnection: close\r\n\r\n");
    let long = vec![b' '; 65 * 1_024];
    let typed = |length: usize| format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    for (name, answer, header) in [
        (
            "error_40101",
            raw(address, anonymous.as_bytes()),
            Some(("WWW-Authenticate", "Bearer realm=\"cems\"")),
        ),
        ("error_40404_path", get(address, "/nowhere"), None),
        ("error_40501", ask(address, "DELETE", path, "", b""), Some(("Allow", "GET, HEAD, POST, OPTIONS"))),
        (
            "error_40501_trace",
            ask(address, "TRACE", path, "", b""),
            Some(("Allow", "GET, HEAD, POST, OPTIONS")),
        ),
        (
            "error_40501_health",
            ask(address, "PUT", "/healthz", "", b""),
            Some(("Allow", "GET, HEAD, OPTIONS")),
        ),
        ("error_41301", ask(address, "POST", path, &typed(long.len()), &long), None),
        ("error_41401", get(address, &format!("{path}?pointID={}", "x".repeat(5_000))), None),
        (
            "error_41501",
            ask(address, "POST", path, "Content-Type: text/plain\r\nContent-Length: 2\r\n", b"{}"),
            None,
        ),
    ] {
        assert_eq!(answer.code(), name[6..11].parse::<u64>().unwrap(), "{name}: {}", answer.message());
        if let Some((header, value)) = header {
            assert_eq!(answer.header(header), Some(value), "{name}");
        }
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        check(name, &json!(name), &answer);
    }
}

#[test]
fn a_query_string_asks_what_a_body_asks() {
    let served = Served::after_a_morning();
    let body = r#"{"pointID":["PT-CH1","PT-PV1"],"startTime":"2024-06-12T08:00:00+08:00","endTime":"2024-06-12T09:00:00+08:00","pageSize":3}"#;
    let posted = post(served.address(), "GetCemsHistoricalData", body);
    assert_eq!(posted.code(), 200);
    for query in [
        "pointID=PT-CH1,PT-PV1&startTime=2024-06-12T08:00:00%2B08:00&endTime=2024-06-12T09:00:00%2b08:00&pageSize=3",
        "pointID=PT-CH1&pageSize=3&startTime=20240612T000000Z&endTime=20240612T010000Z&pointID=PT-PV1",
    ] {
        let got = get(served.address(), &format!("/cems/v1/GetCemsHistoricalData?{query}"));
        assert_eq!(got.json(), posted.json());
    }
}

#[test]
fn a_query_string_that_is_wrong_is_told_what_to_write() {
    let served = Served::after_a_morning();
    let end = "endTime=2024-06-13";
    for (query, code, expected) in [
        (
            format!("GetCemsHistoricalData?startTime=2024-06-12T00:00:00+08:00&{end}"),
            40_003,
            "startTime: a blank stands before the offset; write + as %2B in an address, like %2B08:00",
        ),
        (
            format!("GetCemsHistoricalData?startTime=0000-01-01&{end}"),
            40_003,
            "startTime: no such date or time between the years 1 and 9999",
        ),
        (
            "GetCemsDynamicData?pageSize=007".to_owned(),
            40_001,
            "pageSize must be a whole number without quotes, without a zero before it",
        ),
        ("about?x=1".to_owned(), 40_001, "'x' is no member of about, which takes none; leave it out"),
    ] {
        let answer = get(served.address(), &format!("/cems/v1/{query}"));
        assert_eq!((answer.code(), answer.message().as_str()), (code, expected), "{query}");
    }
}

#[test]
fn the_end_of_a_day_is_the_start_of_the_next_and_an_energy_class_of_the_site_is_known() {
    let served = Served::after_a_morning();
    let ask = |start: &str, end: &str| {
        let body = format!(r#"{{"startTime":"{start}","endTime":"{end}","pointID":"PT-CH1"}}"#);
        post(served.address(), "GetCemsHistoricalData", &body).json()
    };
    let written = ask("2024-06-11T24:00:00+08:00", "2024-06-12T24:00:00+08:00");
    assert_eq!(written["code"], 200);
    assert_eq!(written, ask("2024-06-12", "2024-06-13"));
    // The site uses class 02, of which nothing is measured.
    let unmeasured = post(served.address(), "GetCemsDynamicData", r#"{"energyCode":"02"}"#).json();
    assert_eq!((&unmeasured["code"], &unmeasured["data"]["page"]["total"]), (&200.into(), &0.into()));
}
