//! Clients that are rude, broken or slow: the server survives and goes on answering.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use super::client::{ask, connect, get, post, raw, raw_to_end, read_answer};
use super::site::{Served, TOKEN};
use cems_gateway::limits;

const PATH: &str = "/cems/v1/GetCemsDynamicData";

fn head(method: &str, rest: &str) -> String {
    format!("{method} {PATH} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {TOKEN}\r\n{rest}\r\n")
}

fn assert_answers(address: SocketAddr) {
    assert_eq!(get(address, "/healthz").status, 200);
    assert_eq!(post(address, "GetCemsDynamicData", "{}").code(), 200);
}

#[test]
fn pipelined_questions_are_answered_in_order() {
    let served = Served::after_a_morning();
    let mut stream = connect(served.address());
    let mut all = String::new();
    for number in 0..20 {
        all += &head("GET", &format!("X-Request-ID: n{number}\r\n"));
    }
    stream.write_all(all.as_bytes()).unwrap();
    for number in 0..20 {
        let answer = read_answer(&mut stream);
        assert_eq!(answer.json()["requestID"], format!("n{number}"));
    }
}

#[test]
fn half_a_body_or_half_a_head_costs_nobody_else_an_answer() {
    let served = Served::empty();
    let address = served.address();
    let long = head("POST", "Content-Type: application/json\r\nContent-Length: 50000\r\n");
    let waiting: Vec<TcpStream> = (1..limits::GATE_CONNECTIONS_PER_ADDRESS_MAX)
        .map(|number| {
            let mut stream = connect(address);
            let half = if number % 2 == 0 { format!("{long}{{\"pointID\"") } else { long[..30].to_owned() };
            stream.write_all(half.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_answers(address);
    drop(waiting);
    assert_answers(address);
}

#[test]
fn a_body_that_ends_early_is_refused() {
    let served = Served::empty();
    let bytes = head("POST", "Content-Type: application/json\r\nContent-Length: 5000\r\n") + "{}";
    let all = raw_to_end(served.address(), bytes.as_bytes());
    assert!(all.contains("400 Bad Request") && all.contains("shorter than Content-Length"), "{all}");
}

#[test]
fn a_length_that_is_a_lie_is_refused_without_waiting_or_allocating() {
    let served = Served::empty();
    let address = served.address();
    for (length, status) in [
        ("65537", 413),
        ("100000", 413),
        ("2000000", 413),
        ("4000000000", 413),
        ("9000000000000000000", 413),
        ("99999999999999999999999999", 413),
        ("-1", 400),
        ("0x10", 400),
        ("5, 5", 400),
    ] {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        let answer = raw(address, head("POST", &headers).as_bytes());
        assert_eq!(answer.status, status, "{length}: {}", answer.body);
        assert_eq!(answer.header("Connection"), Some("close"));
    }
    let signed = head("POST", "Content-Type: application/json\r\nContent-Length: +2\r\n") + "{}";
    assert_eq!(raw(address, signed.as_bytes()).status, 400);
    assert_answers(address);
}

#[test]
fn contradicting_lengths_are_refused() {
    let served = Served::empty();
    for headers in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let all = raw_to_end(served.address(), (head("POST", headers) + "{}").as_bytes());
        assert!(all.starts_with("HTTP/1.1 400"), "{headers}: {all}");
    }
    assert_answers(served.address());
}

#[test]
fn an_upload_in_chunks_is_taken_and_bounded() {
    let served = Served::empty();
    let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let whole = head("POST", chunked) + "5\r\n{\"pag\r\nb\r\neSize\":  1}\r\n0\r\n\r\n";
    let answer = raw(served.address(), whole.as_bytes());
    assert_eq!(answer.json()["data"]["page"]["pageSize"], 1);
    let long = "400\r\n".to_owned() + &" ".repeat(1_024) + "\r\n";
    let all = raw_to_end(served.address(), (head("POST", chunked) + &long.repeat(70)).as_bytes());
    assert!(all.contains("HTTP/1.1 413"), "{all}");
    assert_answers(served.address());
}

#[test]
fn bodies_that_break_parsers_are_refused() {
    let served = Served::empty();
    for body in [
        "[".repeat(10_000),
        format!("{}{}", "{\"a\":".repeat(10_000), "1"),
        format!("{{\"x\":{}1{}}}", "[".repeat(9), "]".repeat(9)),
        r#"{"pageSize":NaN}"#.to_owned(),
        r#"{"pageSize":1e999}"#.to_owned(),
        "{\"cemsID\":\"a\u{1}b\"}".to_owned(),
        "{\"cemsID\":\"\\ud800\"}".to_owned(),
        "{} {}".to_owned(),
        "\u{feff}{}".to_owned(),
        "nul".to_owned(),
    ] {
        let answer = post(served.address(), "GetCemsDynamicData", &body);
        assert_eq!(answer.code(), 40_001, "{}", &body[..body.len().min(40)]);
        assert!(answer.message().starts_with("the body is refused: byte "), "{}", answer.message());
    }
    let latin = [b"{\"cemsID\":\"".as_slice(), b"\xe9\"}"].concat();
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", latin.len());
    assert_eq!(ask(served.address(), "POST", PATH, &headers, &latin).code(), 40_001);
    assert_answers(served.address());
}

#[test]
fn a_name_written_in_escapes_is_understood_and_shown_again() {
    let served = Served::empty();
    let body = r#"{"point\u0049D":["\ud83d\ude00\u7535\"\\\n"]}"#;
    let answer = post(served.address(), "GetCemsDynamicData", body);
    assert_eq!(answer.code(), 40_403);
    assert!(answer.message().contains("'😀电\"\\\n'"), "{}", answer.message());
}

#[test]
fn a_request_id_is_repeated_only_when_it_is_harmless() {
    let served = Served::empty();
    let get = |id: &str| raw(served.address(), head("GET", &format!("X-Request-ID: {id}\r\n")).as_bytes());
    assert_eq!(get("plain-1").json()["requestID"], "plain-1");
    for id in ["a b", "\"x", &"x".repeat(100)] {
        let made_up = get(id).json()["requestID"].as_str().unwrap().to_owned();
        assert!(made_up.len() == 16 && made_up.bytes().all(|b| b.is_ascii_hexdigit()), "{made_up}");
    }
}

#[test]
fn nobody_without_the_token_learns_what_there_is() {
    let ask = |served: &Served, path: &str, authorization: &str| {
        let text = format!("GET {path} HTTP/1.1\r\nHost: g\r\nX-Request-ID: r\r\n{authorization}\r\n");
        raw(served.address(), text.as_bytes())
    };
    let first = ask(&Served::empty(), PATH, "");
    assert_eq!(first.status, 401);
    for authorization in ["Authorization: Bearer wrong\r\n", "Authorization: Basic ZGVtbzpkZW1v\r\n"] {
        let served = Served::empty();
        for path in [PATH, "/cems/v1/Nonsense", "/cems", "/cems/v1/about"] {
            assert_eq!(ask(&served, path, authorization), first, "{path} {authorization}");
        }
    }
    let twice = format!("Authorization: Bearer {TOKEN}\r\n").repeat(2);
    assert_eq!(ask(&Served::empty(), PATH, &twice).status, 400);
}

#[test]
fn head_and_options_tell_about_an_answer_without_giving_it() {
    let served = Served::after_a_morning();
    let whole = get(served.address(), PATH);
    let text = raw_to_end(served.address(), head("HEAD", "Connection: close\r\n").as_bytes());
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("\r\n\r\n"), "{text}");
    assert!(text.contains("Content-Length: "), "{text}");
    assert!(whole.body.len() > 100);
    let options = ask(served.address(), "OPTIONS", PATH, "", b"");
    assert_eq!((options.status, options.header("Allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
}

#[test]
fn a_client_of_http_1_0_gets_an_answer_without_chunks() {
    let served = Served::after_a_morning();
    let range = "startTime=2024-06-11&endTime=2024-06-13&pageSize=500";
    let question = format!(
        "GET /cems/v1/GetCemsHistoricalData?{range} HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    let all = raw_to_end(served.address(), question.as_bytes());
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK") && !head.contains("chunked"), "{head}");
    assert!(body.len() > 8 * 1_024 && serde_json::from_str::<serde_json::Value>(body).is_ok());
    let modern = get(served.address(), &format!("/cems/v1/GetCemsHistoricalData?{range}"));
    assert_eq!(modern.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(modern.json()["data"]["dataCount"]["readingCount"], 255);
}

#[test]
fn after_shutdown_the_port_is_free_again() {
    let served = Served::empty();
    let address = served.address();
    assert_answers(address);
    drop(served);
    assert!(std::net::TcpListener::bind(address).is_ok());
}
