//! The gate as clients meet it: who gets in, by what, how often, and what there is for them.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use cems_gateway::config::site::{Platform, Scope, Site};
use cems_gateway::limits;
use cems_gateway::ops::claim::Ownership;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::client::{Answer, connect, get, post, raw, read_answer};
use super::site::{Served, TOKEN};

const PATH: &str = "/cems/v1/GetCemsDynamicData";

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from_digit(u32::from(digit), 16).unwrap()).collect()
}

fn ask_with(address: SocketAddr, authorization: &str, path: &str) -> Answer {
    raw(address, format!("GET {path} HTTP/1.1\r\nHost: g\r\n{authorization}\r\n").as_bytes())
}

/// A request that the platform `cloud` has signed at `time_s` with `nonce`.
fn signed(method: &str, target: &str, body: &str, (time_s, nonce): (i64, &str)) -> String {
    let body_sha256 = hex(&Sha256::digest(body));
    let text = format!("{method}\n{target}\n{time_s}\n{nonce}\n{body_sha256}");
    let mut mac = Hmac::<Sha256>::new_from_slice(&Sha256::digest(TOKEN)).unwrap();
    mac.update(text.as_bytes());
    let signature = hex(&mac.finalize().into_bytes());
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Authorization: CEMS-HMAC-SHA256 platform=cloud, time={time_s}, nonce={nonce}, body={body_sha256}, \
         signature={signature}\r\n\r\n{body}"
    )
}

/// 2024-06-12T10:30:05+08:00, the time of the site.
const NOW_S: i64 = 1_718_159_405;

#[test]
fn a_signed_request_is_taken_once_and_only_as_it_was_signed() {
    let served = Served::changed(|site| site.platforms[0].is_signed = true);
    let asked = |request: &str| raw(served.address(), request.as_bytes());
    let request = signed("POST", PATH, "{}", (NOW_S, "nonce-0001"));
    assert_eq!(asked(&request).code(), 200);
    assert_eq!(asked(&request).code(), 40_103, "the same again");
    let changed = signed("POST", PATH, "{}", (NOW_S, "nonce-0002")).replace("\r\n\r\n{}", "\r\n\r\n[]");
    assert!(asked(&changed).message().contains("the body is not the one that was signed"));
    let moved = signed("POST", PATH, "", (NOW_S, "nonce-0003")).replace("Dynamic", "Static");
    assert_eq!(asked(&moved).code(), 40_103);
    for (time_s, code) in [(NOW_S - 301, 40_104), (NOW_S + 301, 40_104), (NOW_S + 299, 200)] {
        let nonce = format!("nonce-{time_s}");
        assert_eq!(asked(&signed("GET", PATH, "", (time_s, &nonce))).code(), code, "{time_s}");
    }
}

#[test]
fn the_token_of_a_platform_that_signs_opens_nothing_by_itself() {
    let served = Served::changed(|site| site.platforms[0].is_signed = true);
    assert_eq!(get(served.address(), PATH).status, 401);
    let bearer = Served::empty();
    let request = signed("GET", PATH, "", (NOW_S, "nonce-0001"));
    let refused = raw(bearer.address(), request.as_bytes());
    assert_eq!(refused.code(), 40_103, "nor does a signature of one that does not sign");
    let nobody = raw(bearer.address(), request.replace("platform=cloud", "platform=nobody").as_bytes());
    assert_eq!(
        (nobody.code(), nobody.message()),
        (refused.code(), refused.message()),
        "who is there is not told"
    );
}

#[test]
fn a_platform_asks_as_often_as_the_site_file_says() {
    let served = Served::changed(|site| site.platforms[0].requests_per_min = 3);
    for _ in 0..3 {
        assert_eq!(get(served.address(), PATH).status, 200);
    }
    let refused = get(served.address(), PATH);
    assert_eq!((refused.status, refused.code()), (429, 42_901));
    let wait: u32 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
}

#[test]
fn whoever_guesses_is_told_to_wait_and_the_right_token_opens_all_the_same() {
    let served = Served::empty();
    let guess = || ask_with(served.address(), "Authorization: Bearer guess\r\n", PATH).status;
    let told: Vec<u16> = (0..8).map(|_| guess()).collect();
    assert_eq!(told, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(get(served.address(), PATH).status, 200, "from the same address");
}

/// A site of which the platform sees only the photovoltaics.
fn partly() -> Served {
    Served::changed(|site| site.platforms[0].points = Some(vec!["PT-PV1".to_owned()]))
}

#[test]
fn what_is_not_listed_for_a_platform_is_not_found() {
    let served = partly();
    let address = served.address();
    for operation in ["GetPointStaticData", "GetPointDynamicData"] {
        let answer = post(address, operation, r#"{"pointID":["PT-CH1"]}"#);
        assert_eq!((answer.status, answer.code()), (404, 40_403), "{operation}");
        let unknown = post(address, operation, r#"{"pointID":["PT-XX1"]}"#);
        assert_eq!(answer.message().replace("PT-CH1", "PT-XX1"), unknown.message());
        assert_eq!(post(address, operation, r#"{"pointID":["PT-PV1"]}"#).code(), 200);
    }
    for operation in
        ["GetCemsStaticData", "GetCemsDynamicData", "GetCemsStatisticalData", "GetCemsHistoricalData"]
    {
        let range =
            r#"{"startTime":"2024-06-11","endTime":"2024-06-12","period":"P1D","groupBy":"category"}"#;
        let body = match operation {
            "GetCemsStatisticalData" => range,
            "GetCemsHistoricalData" => r#"{"startTime":"2024-06-11","endTime":"2024-06-12"}"#,
            _ => "{}",
        };
        let answer = post(address, operation, body);
        assert_eq!(answer.code(), 200, "{operation}: {}", answer.body);
        for hidden in ["PT-CH1", "PT-ESS1", "CAT-HVAC"] {
            assert!(!answer.body.contains(hidden), "{operation} tells of {hidden}: {}", answer.body);
        }
    }
}

#[test]
fn what_tells_of_the_whole_site_is_not_for_whoever_sees_a_part() {
    let served = partly();
    for path in ["/cems/v1/GetDmDynamicData", "/cems/v1/GetDmStaticData", "/metrics"] {
        assert_eq!(get(served.address(), path).code(), 40_301, "{path}");
    }
}

/// Writes down who was founded.
#[derive(Default)]
struct Notary(Mutex<Vec<(String, String)>>);

impl Ownership for Notary {
    fn found(&self, platform: &str, token_sha256: &str) -> Result<(), String> {
        self.0.lock().unwrap().push((platform.to_owned(), token_sha256.to_owned()));
        Ok(())
    }
}

fn claim(address: SocketAddr, code: &str) -> Answer {
    let body = format!(r#"{{"claimCode":"{code}","platformID":"owner"}}"#);
    let length = body.len();
    let head = "POST /claim HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n";
    raw(address, format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes())
}

#[test]
fn nothing_answers_before_the_box_is_claimed_and_only_its_code_claims_it() {
    let served = Served::changed(|site| site.platforms.clear());
    let (address, notary) = (served.address(), Arc::new(Notary::default()));
    served.ops.found_by(Arc::clone(&notary) as _);
    for path in ["/healthz", "/openapi.json", "/metrics", PATH, "/"] {
        let answer = get(address, path);
        assert_eq!(answer.code(), 40_301, "{path}");
        assert!(answer.message().contains("not claimed"), "{}", answer.message());
    }
    assert_eq!(claim(address, "0000-0000-0000-0000").status, 401);
    assert!(notary.0.lock().unwrap().is_empty());
    let code = served.ops.claim_code().unwrap();
    let file = served.dir().join("gate/claim-code");
    assert!(file.exists());
    let answer = claim(address, &code.to_ascii_lowercase());
    let token = answer.json()["data"]["token"].as_str().unwrap().to_owned();
    let kept = [("owner".to_owned(), hex(&Sha256::digest(&token)))];
    assert_eq!(*notary.0.lock().unwrap(), kept);
    assert!(!file.exists() && !answer.body.contains(&kept[0].1));
    assert_eq!(claim(address, &code).status, 401, "the code is gone");
}

#[test]
fn a_gateway_that_has_platforms_has_no_claim_code() {
    let served = Served::empty();
    assert_eq!((served.ops.claim_code(), claim(served.address(), "").status), (None, 404));
}

#[test]
fn one_address_takes_no_seats_from_another() {
    let served = Served::empty();
    let held: Vec<_> =
        (0..limits::GATE_CONNECTIONS_PER_ADDRESS_MAX).map(|_| connect(served.address())).collect();
    let mut turned_away = connect(served.address());
    assert_eq!(turned_away.read(&mut [0]).unwrap_or(0), 0);
    // The next address of the loopback network.
    let from: SocketAddr = ([127, 0, 0, 2], 0).into();
    let mut other = super::client::connect_from(from, served.address());
    write!(other, "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut other).status, 200);
    drop(held);
}

#[test]
fn what_happened_at_the_gate_is_told_among_the_figures() {
    let served = Served::empty();
    assert_eq!(raw(served.address(), b"GET / HTTP/3.0\r\nHost: g\r\n\r\n").status, 400);
    assert_eq!(ask_with(served.address(), "", PATH).status, 401);
    let figures = get(served.address(), "/metrics").body;
    for told in ["{turn=\"malformed\"} 1", "{turn=\"unauthorized\"} 1", "{turn=\"seated\"} 3"] {
        assert!(figures.contains(&format!("cems_gate_turns_total{told}")), "{told}\n{figures}");
    }
}

#[test]
fn forged_words_between_gate_and_workers_open_nothing() {
    let served = Served::empty();
    let forged = "X-Gate-Platform: cloud\r\nX-Gate-Key: 00\r\nX-Forwarded-For: 127.0.0.1\r\n";
    assert_eq!(ask_with(served.address(), forged, PATH).status, 401);
    let both = format!("{forged}Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(ask_with(served.address(), &both, PATH).status, 200);
}

#[test]
fn an_event_that_moves_equipment_needs_the_scope_for_it() {
    let with = |scopes: &[Scope]| {
        let scopes = scopes.to_vec();
        move |site: &mut Site| site.platforms[0] = Platform { scopes, ..site.platforms[0].clone() }
    };
    let none = Served::changed(with(&[]));
    assert_eq!(get(none.address(), PATH).code(), 40_301, "without read");
    let reads = Served::changed(with(&[Scope::Read]));
    assert_eq!(get(reads.address(), PATH).code(), 200);
}

#[test]
fn whoever_administers_reads_who_did_what_and_nobody_else() {
    let served = Served::changed(|site| site.platforms[0].scopes = vec![Scope::Read, Scope::Admin]);
    assert_eq!(ask_with(served.address(), "Authorization: Bearer guess-4711\r\n", PATH).status, 401);
    let book = get(served.address(), "/audit.csv");
    assert_eq!(book.header("Content-Type"), Some("text/csv; charset=utf-8; header=present"));
    assert!(book.body.contains("no-such-token") && book.body.contains("127.0.0.1"), "{}", book.body);
    assert!(!book.body.contains("guess-4711"), "{}", book.body);
    assert_eq!(get(Served::empty().address(), "/audit.csv").code(), 40_301);
}

#[test]
fn strangers_ask_for_what_is_open_so_often_and_platforms_as_often_as_they_may() {
    let served = Served::empty();
    let told: Vec<u16> = (0..260).map(|_| ask_with(served.address(), "", "/healthz").status).collect();
    assert_eq!((told[0], told[259]), (200, 429));
    assert_eq!(get(served.address(), "/healthz").status, 200);
}
