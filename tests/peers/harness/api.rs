//! The HTTP interface as a platform uses it, over a client of its own.
//!
//! The wire names that the tests rely on stand here and nowhere else.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// The most rows that a page may have.
const PAGE_SIZE: u32 = 500;

/// Point ID and parameter ID.
pub(crate) type SeriesName = (String, String);

/// One value as the interface tells it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Served {
    pub(crate) time: String,
    pub(crate) value: Value,
    pub(crate) quality: i64,
}

/// What `/healthz` says.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    pub(crate) durable_sequence: u64,
    pub(crate) durable_through: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Api {
    port: u16,
    token: String,
}

impl Api {
    pub(crate) fn new(port: u16, token: &str) -> Self {
        Self { port, token: token.to_owned() }
    }

    /// Where it is served.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Where it is found.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// `None` while nobody answers, or not well.
    pub(crate) fn health(&self) -> Option<Health> {
        let (status, body) = self.exchange("GET", "/healthz", "").ok()?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        (status == 200 && answer["status"] == "ok").then(|| Health {
            durable_sequence: answer["durableSequence"].as_u64().unwrap(),
            durable_through: answer["durableThrough"].as_str().map(str::to_owned),
        })
    }

    /// Whether it answers at all, with an alarm or without.
    pub(crate) fn answers(&self) -> Option<()> {
        self.exchange("GET", "/healthz", "").is_ok_and(|(status, _)| status == 200).then_some(())
    }

    /// The newest value of every series.
    pub(crate) fn dynamic(&self) -> BTreeMap<SeriesName, Served> {
        let all = self.all_pages("GetCemsDynamicData", &json!({})).unwrap();
        all.into_iter().map(|(name, mut values)| (name, values.pop().unwrap())).collect()
    }

    /// Every reading of `start..end` by series, in order of time; an error when the gateway is gone.
    pub(crate) fn history(&self, start: &str, end: &str) -> io::Result<BTreeMap<SeriesName, Vec<Served>>> {
        self.all_pages("GetCemsHistoricalData", &json!({"startTime": start, "endTime": end}))
    }

    /// Every reading from `start` up to now.
    pub(crate) fn history_since(&self, start: &str) -> io::Result<BTreeMap<SeriesName, Vec<Served>>> {
        let later = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(1);
        self.history(start, &later.to_string())
    }

    /// Whether readings of `start..end` are missing because the power was.
    pub(crate) fn tells_of_power_cut(&self, start: &str, end: &str) -> bool {
        let question = json!({"startTime": start, "endTime": end, "pageSize": 1});
        let data = self.ask("GetCemsHistoricalData", &question).unwrap();
        data["gap"].as_array().is_some_and(|gaps| gaps.iter().any(|gap| gap["cause"] == "power"))
    }

    /// What monitoring systems gather.
    pub(crate) fn figures(&self) -> String {
        let (status, text) = self.exchange("GET", "/metrics", "").unwrap();
        assert_eq!(status, 200, "{text}");
        text
    }

    /// A whole number among them.
    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        self.figures().lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// How often each thing happened at the front of the interface.
    pub(crate) fn turns(&self) -> BTreeMap<String, usize> {
        let text = self.figures();
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("cems_gate_turns_total{turn=\"")?.split_once("\"} "));
        lines.map(|(turn, count)| (turn.to_owned(), count.parse().unwrap())).collect()
    }

    /// The token that it asks with.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    fn all_pages(&self, operation: &str, question: &Value) -> io::Result<BTreeMap<SeriesName, Vec<Served>>> {
        let mut all: BTreeMap<SeriesName, Vec<Served>> = BTreeMap::new();
        for page in 1.. {
            let mut question = question.clone();
            question["pageNumber"] = json!(page);
            question["pageSize"] = json!(PAGE_SIZE);
            let data = self.ask(operation, &question)?;
            for (name, values) in series_of(&data) {
                all.entry(name).or_default().extend(values);
            }
            if page >= data["page"]["totalPages"].as_u64().unwrap() {
                break;
            }
        }
        Ok(all)
    }

    /// The `data` of a successful answer.
    ///
    /// # Panics
    /// When the answer tells an error: the tests ask only what is allowed.
    pub(crate) fn ask(&self, operation: &str, question: &Value) -> io::Result<Value> {
        let (status, body) =
            self.exchange("POST", &format!("/cems/v1/{operation}"), &question.to_string())?;
        let mut answer: Value =
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{operation}: {error} in {body}"));
        assert!(status == 200 && answer["code"] == 200, "{operation} {question}: {status} {body}");
        Ok(answer["data"].take())
    }

    /// How an update stands; an error when the gateway is gone, or has only just begun and does not know of its slots yet.
    pub(crate) fn update(&self) -> io::Result<Value> {
        let (status, body) = self.exchange("GET", "/update", "")?;
        if status != 200 {
            return Err(io::Error::other(body));
        }
        Ok(serde_json::from_str::<Value>(&body)?["data"].take())
    }

    /// Brings a piece of an update, whatever its release, and leaves it waiting for a restart.
    pub(crate) fn bring_update(&self, offset: usize, piece: &[u8]) -> io::Result<()> {
        let path = format!("/update?offset={offset}&force=true&restart=false");
        let (status, body) = self.send("POST", &path, "application/octet-stream", piece)?;
        assert_eq!(status, 200, "{body}");
        Ok(())
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
        self.send(method, path, "application/json; charset=utf-8", body.as_bytes())
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.token,
            body.len()
        )?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        read_answer(&answer).ok_or_else(|| io::Error::other("the answer broke off"))
    }
}

/// Every series of an answer with its values; category, point and parameter nest in each other.
fn series_of(data: &Value) -> Vec<(SeriesName, Vec<Served>)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for category in list(&data["category"]) {
        for point in list(&category["point"]) {
            for series in list(&point["reading"]) {
                let name = (text(&point["pointID"]), text(&series["parameterID"]));
                found.push((name, list(&series["reading"]).iter().map(served).collect()));
            }
        }
    }
    found
}

fn served(reading: &Value) -> Served {
    Served {
        time: text(&reading["timeStamp"]),
        value: as_double(&reading["value"]),
        quality: reading["quality"].as_i64().unwrap_or(0),
    }
}

/// `7` and `7.0` are the same number.
pub(crate) fn as_double(value: &Value) -> Value {
    value.as_f64().map_or_else(|| value.clone(), |number| json!(number))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text is missing: {value}")).to_owned()
}

/// Status and body; `None` when the answer is not whole.
fn read_answer(bytes: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    let body = if head.contains("transfer-encoding: chunked") {
        join_chunks(body.as_bytes())?
    } else {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let whole = length.is_none_or(|length| length.trim().parse() == Ok(body.len()));
        whole.then(|| body.to_owned())?
    };
    Some((status, body))
}

/// The body of a chunked answer (RFC 9112, section 7.1); `None` when its last chunk has not come.
fn join_chunks(mut rest: &[u8]) -> Option<String> {
    let mut body = Vec::new();
    loop {
        let line_end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line_end]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return String::from_utf8(body).ok();
        }
        let chunk = rest.get(line_end + 2..line_end + 2 + size)?;
        body.extend_from_slice(chunk);
        rest = rest.get(line_end + 4 + size..)?;
    }
}
