//! What the interface says of itself, what need not be sent twice, what is compressed, and other forms.

use std::io::Read;

use cems_gateway::api::wire::openapi;
use cems_gateway::config::site::ApiCompat;
use cems_gateway::model::reading::{Sample, Value};
use flate2::read::GzDecoder;
use serde_json::{Value as Json, json};

use super::client::{ask, get, get_bytes, post, raw};
use super::site::{Served, at};

const STATIC: &str = "/cems/v1/GetCemsStaticData";

#[test]
fn the_description_is_open_to_all_and_is_the_one_that_was_drawn() {
    let served = Served::empty();
    let answer = raw(served.address(), b"GET /openapi.json HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n");
    assert_eq!((answer.status, answer.body.as_str()), (200, openapi::DOCUMENT.text().as_str()));
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let refused = ask(served.address(), "POST", "/openapi.json", "", b"");
    assert_eq!((refused.status, refused.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn figures_for_monitoring_need_a_token_and_are_plain_text() {
    let served = Served::after_a_morning();
    let refused = raw(served.address(), b"GET /metrics HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n");
    assert_eq!((refused.status, refused.code()), (401, 40_101));
    let answer = get(served.address(), "/metrics");
    assert!(answer.header("Content-Type").unwrap().starts_with("application/openmetrics-text; "));
    assert!(answer.body.contains("# TYPE cems_durable_scans counter\n"), "{}", answer.body);
    assert!(answer.body.ends_with("# EOF\n"));
    assert_eq!(ask(served.address(), "POST", "/metrics", "", b"").status, 405);
}

#[test]
fn a_kept_answer_need_not_be_sent_again_until_something_in_it_changes() {
    let served = Served::after_a_morning();
    let address = served.address();
    let first = get(address, STATIC);
    let tag = first.header("ETag").unwrap().to_owned();
    assert_eq!(first.header("Cache-Control"), Some("private, no-cache"));
    let with = |tag: &str| ask(address, "GET", STATIC, &format!("If-None-Match: {tag}\r\n"), b"");

    let again = with(&tag);
    assert_eq!((again.status, again.body.as_str(), again.header("ETag")), (304, "", Some(tag.as_str())));
    assert_eq!(ask(address, "HEAD", STATIC, &format!("If-None-Match: {tag}\r\n"), b"").status, 304);
    assert_eq!(with("\"other\"").status, 200);
    // Another question has another tag.
    let other = get(address, &format!("{STATIC}?pageSize=1"));
    assert_ne!(other.header("ETag"), Some(tag.as_str()));

    // The counter of products is heard for the first time: its point goes online.
    served.append("PT-OUT", &["N"], at("2024-06-12T10:30:00+08:00"), vec![Sample::good(Value::Number(1.0))]);
    served.store.flush().unwrap();
    let changed = with(&tag);
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("ETag"), Some(tag.as_str()));
    assert_ne!(changed.json()["data"], first.json()["data"]);
}

#[test]
fn only_what_stays_the_same_for_long_has_a_tag() {
    let served = Served::after_a_morning();
    for path in ["/cems/v1/GetCemsDynamicData", "/cems/v1/about", "/healthz"] {
        let answer = ask(served.address(), "GET", path, "If-None-Match: *\r\n", b"");
        assert_eq!((answer.status, answer.header("ETag")), (200, None), "{path}");
    }
    // What is posted is never answered from what was kept.
    let headers = "If-None-Match: *\r\n";
    assert_eq!(ask(served.address(), "POST", STATIC, headers, b"").status, 200);
}

#[test]
fn a_long_answer_is_compressed_for_whoever_takes_it() {
    let served = Served::after_a_morning();
    let (answer, body) = get_bytes(served.address(), "/openapi.json", "Accept-Encoding: br, gzip\r\n");
    assert_eq!(
        (answer.header("Content-Encoding"), answer.header("Vary")),
        (Some("gzip"), Some("Accept-Encoding"))
    );
    let mut plain = String::new();
    GzDecoder::new(body.as_slice()).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, openapi::DOCUMENT.text());
    assert!(body.len() * 5 < plain.len(), "{} of {} bytes", body.len(), plain.len());

    let history = "/cems/v1/GetCemsHistoricalData?startTime=2024-06-11&endTime=2024-06-13&pageSize=500";
    let (answer, packed) = get_bytes(served.address(), history, "Accept-Encoding: gzip\r\n");
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    let mut unpacked = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut unpacked).unwrap();
    let unpacked: Json = serde_json::from_str(&unpacked).unwrap();
    assert_eq!(unpacked["data"], get(served.address(), history).json()["data"]);

    let (short, _) = get_bytes(served.address(), "/healthz", "Accept-Encoding: gzip\r\n");
    assert_eq!(short.header("Content-Encoding"), None);
}

fn compat(compat: ApiCompat) -> Served {
    Served::changed(|site| site.api.compat = compat)
}

#[test]
fn a_platform_may_want_another_success_code_and_always_status_200() {
    let served = compat(ApiCompat {
        success_code: "0000".to_owned(),
        codes_as_text: true,
        http_status_200: true,
        ..ApiCompat::default()
    });
    let answered = post(served.address(), "GetCemsDynamicData", "{}");
    assert_eq!((answered.status, &answered.json()["code"]), (200, &json!("0000")));
    let refused = post(served.address(), "GetCemsDynamicData", r#"{"pageSize":0}"#);
    assert_eq!((refused.status, &refused.json()["code"]), (200, &json!("40004")));
    let anonymous =
        raw(served.address(), b"GET /cems/v1/about HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n");
    assert_eq!((anonymous.status, &anonymous.json()["code"]), (200, &json!("40101")));
}

#[test]
fn pages_may_be_counted_from_zero() {
    let served = compat(ApiCompat { first_page: 0, ..ApiCompat::default() });
    let page = |body: &str| post(served.address(), "GetCemsStaticData", body).json()["data"]["page"].clone();
    assert_eq!(page(r#"{"pageSize":3}"#)["pageNumber"], 0);
    let second = page(r#"{"pageSize":3,"pageNumber":1}"#);
    assert_eq!(second, json!({ "pageNumber": 1, "pageSize": 3, "totalPages": 2, "total": 4 }));
}

#[test]
fn local_times_and_other_reading_types_are_taken_only_where_the_site_says_so() {
    let body = r#"{"startTime":"2024-06-11 00:00:00","endTime":"2024-06-12 00:00:00",
        "readingTypeID":["0-0-0-12-1-1-37-0-0-0-0-0-0-3-38-0"]}"#;
    let strict = post(Served::empty().address(), "GetCemsHistoricalData", body);
    assert_eq!(strict.code(), 40_003);
    let served = compat(ApiCompat { local_time: true, other_reading_types: true, ..ApiCompat::default() });
    let taken = post(served.address(), "GetCemsHistoricalData", body).json();
    assert_eq!(taken["code"], 200, "{taken}");
    // What goes out has the interface's own form.
    assert_eq!(taken["data"]["startTime"], "2024-06-11T00:00:00+08:00");
}

#[test]
fn a_question_about_categories_or_points_is_the_question_about_the_site_narrowed_to_them() {
    let served = Served::after_a_morning();
    let range = r#""startTime":"2024-06-12","endTime":"2024-06-13""#;
    let statistical = format!(r#"{range},"period":"P1D""#);
    for (of_site, of_categories, of_points, members) in [
        ("GetCemsStaticData", "GetCategoryStaticData", "GetPointStaticData", r#""pageSize":9"#),
        ("GetCemsDynamicData", "GetCategoryDynamicData", "GetPointDynamicData", r#""pageSize":9"#),
        ("GetCemsHistoricalData", "GetCategoryHistoricalData", "GetPointHistoricalData", range),
        ("GetCemsStatisticalData", "GetCategoryStatisticalData", "GetPointStatisticalData", &statistical),
    ] {
        for (narrowed, by) in
            [(of_categories, r#""categoryID":"CAT-HVAC""#), (of_points, r#""pointID":"PT-CH1""#)]
        {
            let body = format!("{{{members},{by}}}");
            let narrow = post(served.address(), narrowed, &body).json();
            assert_eq!(narrow["code"], 200, "{narrowed}: {narrow}");
            // Statistics of categories are their totals, unless something else is asked for.
            let is_total = narrowed == "GetCategoryStatisticalData";
            let grouped = if is_total { r#","groupBy":"category""# } else { "" };
            let asked = post(served.address(), of_site, &format!("{{{members},{by}{grouped}}}")).json();
            assert_eq!(narrow["data"], asked["data"], "{narrowed}");
            // A narrowed question must say to what.
            let whole = post(served.address(), narrowed, &format!("{{{members}}}"));
            assert_eq!(whole.code(), 40_002, "{narrowed}");
        }
    }
}
