//! Head: the first lines of a request, read strictly or not at all.
//!
//! Whatever two programs could read in two ways is refused, never repaired (RFC 9112, sections 3, 5
//! and 6; RFC 9110, section 5.5): a request that the next program ends elsewhere than we do is how
//! somebody gets past a front. Of the headers only those of [`Field`] go further.

use thiserror::Error;

use super::framing::{Framing, FramingFault};
use crate::limits;

/// Letters of a method.
const METHOD_BYTES_MAX: usize = 16;

/// A header that means something behind the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Field {
    /// How the answer may be compressed.
    AcceptEncoding,
    /// Who asks.
    Authorization,
    /// What the body is.
    ContentType,
    /// What the client has already.
    IfNoneMatch,
    /// What the client calls this request.
    RequestId,
}

const FIELDS: [(&str, Field); 5] = [
    ("accept-encoding", Field::AcceptEncoding),
    ("authorization", Field::Authorization),
    ("content-type", Field::ContentType),
    ("if-none-match", Field::IfNoneMatch),
    ("x-request-id", Field::RequestId),
];

impl Field {
    /// Its name on the wire, in lower case.
    pub(in crate::api) fn name(self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, field)| *field)
    }
}

/// What the first lines of a request say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct RequestHead {
    /// The method: capital letters.
    pub(in crate::api) method: String,
    /// Path and query: visible ASCII from `/` on.
    pub(in crate::api) target: String,
    /// HTTP/1.0, which knows no chunks.
    pub(in crate::api) is_http_1_0: bool,
    /// The client would ask again on this connection.
    pub(in crate::api) keeps_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(in crate::api) expects_continue: bool,
    /// How the body is delimited.
    pub(in crate::api) framing: Framing,
    fields: Vec<(Field, String)>,
}

/// Why a head is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::api) enum HeadFault {
    /// Too many bytes.
    #[error("the head is longer than {} bytes", limits::GATE_HEAD_BYTES_MAX)]
    TooLong,
    /// Too many headers.
    #[error("there are more than {} headers", limits::GATE_FIELDS_MAX)]
    TooManyFields,
    /// A byte that has no business there.
    #[error("byte {at} of the head is a control character; lines end with CR LF and hold none")]
    Control {
        /// Counted from 1.
        at: usize,
    },
    /// The first line.
    #[error("the first line must read METHOD PATH HTTP/1.1, with one blank between each")]
    RequestLine,
    /// Neither HTTP/1.1 nor HTTP/1.0.
    #[error("only HTTP/1.1 and HTTP/1.0 are spoken here")]
    Version,
    /// No path, or bytes that a path has not.
    #[error("the path must begin with '/' and be visible ASCII without '#'")]
    Target,
    /// A header's name.
    #[error(
        "header {number} is malformed; write Name: value, the name of letters, digits and single hyphens"
    )]
    Name {
        /// Counted from 1.
        number: usize,
    },
    /// A header's value.
    #[error("header {name} must be ASCII")]
    Value {
        /// Which.
        name: &'static str,
    },
    /// A header that is given once at most.
    #[error("header {name} is given more than once")]
    Repeated {
        /// Which.
        name: &'static str,
    },
    /// `Host` is missing, doubled or no host.
    #[error("exactly one Host header with a host name is wanted")]
    Host,
    /// `Expect`
    #[error("of Expect only 100-continue is understood")]
    Expect,
    /// The body cannot be delimited.
    #[error(transparent)]
    Framing(#[from] FramingFault),
}

/// Where the head at the beginning of `bytes` ends, once it is there.
///
/// # Errors
/// As soon as it can be seen that no head will come of it.
pub(in crate::api) fn end_of(bytes: &[u8]) -> Result<Option<usize>, HeadFault> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    let head = &bytes[..end.unwrap_or(bytes.len())];
    if let Some(at) = stray_control(head) {
        return Err(HeadFault::Control { at: at + 1 });
    }
    if head.len() > limits::GATE_HEAD_BYTES_MAX {
        return Err(HeadFault::TooLong);
    }
    Ok(end)
}

/// The first control character that neither ends a line nor is a tabulator. A CR that is the last byte
/// may still be followed by its LF.
fn stray_control(head: &[u8]) -> Option<usize> {
    let is_stray = |at: usize| match head[at] {
        b'\r' => head.get(at + 1).is_some_and(|next| *next != b'\n'),
        b'\n' => at == 0 || head[at - 1] != b'\r',
        b'\t' => false,
        byte => byte.is_ascii_control(),
    };
    (0..head.len()).find(|at| is_stray(*at))
}

impl RequestHead {
    /// Reads a whole head, its empty line included.
    ///
    /// # Errors
    /// The first thing that is not as it must be.
    pub(in crate::api) fn parse(head: &[u8]) -> Result<Self, HeadFault> {
        match end_of(head)? {
            Some(end) if end == head.len() => {}
            _ => return Err(HeadFault::RequestLine),
        }
        let mut slots = [httparse::EMPTY_HEADER; limits::GATE_FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut slots);
        let status = parsed.parse(head).map_err(|error| fault_of(error, head))?;
        if !status.is_complete() {
            return Err(HeadFault::RequestLine);
        }
        let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
        check_request_line(head, method, target)?;
        check_framing_lines(head)?;
        Self::gathered(method, target, parsed.version == Some(0), parsed.headers)
    }

    fn gathered(
        method: &str,
        target: &str,
        is_http_1_0: bool,
        headers: &[httparse::Header<'_>],
    ) -> Result<Self, HeadFault> {
        for (index, header) in headers.iter().enumerate() {
            check_name(header.name).ok_or(HeadFault::Name { number: index + 1 })?;
        }
        check_host(&values(headers, "host"), is_http_1_0)?;
        let (lengths, encodings) = (values(headers, "content-length"), values(headers, "transfer-encoding"));
        let framing = Framing::told(method, is_http_1_0, &lengths, &encodings)?;
        let connection = values(headers, "connection").join(&b","[..]).to_ascii_lowercase();
        let says = |word: &str| {
            connection.split(|byte| *byte == b',').any(|said| said.trim_ascii() == word.as_bytes())
        };
        let keeps_alive = if is_http_1_0 { says("keep-alive") } else { true } && !says("close");
        Ok(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            is_http_1_0,
            keeps_alive,
            expects_continue: expects_continue(&values(headers, "expect"))?,
            framing,
            fields: fields(headers)?,
        })
    }

    /// The value of a header that is given once.
    pub(in crate::api) fn value(&self, field: Field) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == field).map(|(_, value)| value.as_str())
    }

    /// All headers that go further, as they came.
    pub(in crate::api) fn fields(&self) -> &[(Field, String)] {
        &self.fields
    }

    /// The path without its query.
    pub(in crate::api) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }
}

fn fault_of(error: httparse::Error, head: &[u8]) -> HeadFault {
    match error {
        httparse::Error::TooManyHeaders => HeadFault::TooManyFields,
        httparse::Error::Version if has_three_words(head) => HeadFault::Version,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => {
            HeadFault::Name { number: first_bad_line(head) }
        }
        _ => HeadFault::RequestLine,
    }
}

fn has_three_words(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    words.len() == 3 && words.iter().all(|word| !word.is_empty())
}

/// The number of the first header line that is none.
fn first_bad_line(head: &[u8]) -> usize {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let is_bad = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.len() == line.len() || std::str::from_utf8(name).ok().and_then(check_name).is_none()
    };
    lines.take(limits::GATE_FIELDS_MAX).position(is_bad).map_or(1, |at| at + 1)
}

fn check_request_line(head: &[u8], method: &str, target: &str) -> Result<(), HeadFault> {
    let is_method = (1..=METHOD_BYTES_MAX).contains(&method.len())
        && method.bytes().all(|byte| byte.is_ascii_uppercase());
    // The parser takes more blanks and other line ends than we do.
    let rest = head.strip_prefix(method.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
    let rest = rest.and_then(|rest| rest.strip_prefix(target.as_bytes()));
    let is_exact =
        rest.is_some_and(|rest| rest.starts_with(b" HTTP/1.1\r\n") || rest.starts_with(b" HTTP/1.0\r\n"));
    if !is_method || !is_exact {
        return Err(HeadFault::RequestLine);
    }
    let is_path =
        target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_path { Ok(()) } else { Err(HeadFault::Target) }
}

/// A tabulator around a value is allowed (RFC 9112, section 5), and some programs take it for a part of the
/// value: of the lines that tell where the body ends none has one.
fn check_framing_lines(head: &[u8]) -> Result<(), HeadFault> {
    let named = |line: &[u8], name: &str| {
        line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name.as_bytes()))
    };
    for line in head.split(|byte| *byte == b'\n').filter(|line| line.contains(&b'\t')) {
        if named(line, "content-length:") {
            return Err(FramingFault::Length.into());
        }
        if named(line, "transfer-encoding:") {
            return Err(FramingFault::Encoding.into());
        }
    }
    Ok(())
}

/// Names with `_` or with hyphens at odd places are names that some programs turn into others.
fn check_name(name: &str) -> Option<()> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.split('-').all(is_word).then_some(())
}

fn values<'h>(headers: &[httparse::Header<'h>], name: &str) -> Vec<&'h [u8]> {
    let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    named.map(|header| header.value.trim_ascii()).collect()
}

fn check_host(hosts: &[&[u8]], is_http_1_0: bool) -> Result<(), HeadFault> {
    let is_of_host = |byte: &u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(byte);
    match hosts {
        [] if is_http_1_0 => Ok(()),
        [host] if !host.is_empty() && host.iter().all(is_of_host) => Ok(()),
        _ => Err(HeadFault::Host),
    }
}

fn expects_continue(expectations: &[&[u8]]) -> Result<bool, HeadFault> {
    match expectations {
        [] => Ok(false),
        [one] if one.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(HeadFault::Expect),
    }
}

fn fields(headers: &[httparse::Header<'_>]) -> Result<Vec<(Field, String)>, HeadFault> {
    let mut fields: Vec<(Field, String)> = Vec::new();
    for header in headers {
        let Some(field) = Field::named(header.name) else { continue };
        let name = field.name();
        let value = std::str::from_utf8(header.value).ok().filter(|value| value.is_ascii());
        let value = value.ok_or(HeadFault::Value { name })?.trim();
        match fields.iter_mut().find(|(known, _)| *known == field) {
            None => fields.push((field, value.to_owned())),
            // Both are lists (RFC 9110, section 5.3).
            Some((Field::AcceptEncoding | Field::IfNoneMatch, list)) => {
                list.push_str(", ");
                list.push_str(value);
            }
            Some(_) => return Err(HeadFault::Repeated { name }),
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Result<RequestHead, HeadFault> {
        RequestHead::parse(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes())
    }

    fn with(header: &str) -> Result<RequestHead, HeadFault> {
        parse(&["POST /a HTTP/1.1", "Host: gateway", header])
    }

    #[test]
    fn a_plain_head_is_read_whole() {
        let head = parse(&[
            "POST /cems/v1/GetCemsStaticData?a=b HTTP/1.1",
            "host: box.local:8443",
            "Content-Length: 12",
            "accept-encoding: gzip",
            "Accept-Encoding:\tbr ",
            "X-Unused: 电",
            "AUTHORIZATION: Bearer x",
        ])
        .unwrap();
        assert_eq!((head.method.as_str(), head.path()), ("POST", "/cems/v1/GetCemsStaticData"));
        assert_eq!(head.framing, Framing::Counted(12));
        assert_eq!(head.value(Field::AcceptEncoding), Some("gzip, br"));
        assert_eq!(head.value(Field::Authorization), Some("Bearer x"));
        assert!(head.keeps_alive && !head.is_http_1_0 && !head.expects_continue);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for (line, fault) in [
            ("GET  / HTTP/1.1", HeadFault::RequestLine),
            ("GET /  HTTP/1.1", HeadFault::RequestLine),
            ("GET / HTTP/1.1 ", HeadFault::RequestLine),
            (" GET / HTTP/1.1", HeadFault::RequestLine),
            ("GET /", HeadFault::RequestLine),
            ("GET /a b HTTP/1.1", HeadFault::RequestLine),
            ("get / HTTP/1.1", HeadFault::RequestLine),
            ("G\u{e9}T / HTTP/1.1", HeadFault::RequestLine),
            ("GET / HTTP/2.0", HeadFault::Version),
            ("GET / HTTP/0.9", HeadFault::Version),
            ("GET / HTTP/1.2", HeadFault::Version),
            ("GET / http/1.1", HeadFault::Version),
            ("GET http://a/ HTTP/1.1", HeadFault::Target),
            ("OPTIONS * HTTP/1.1", HeadFault::Target),
            ("CONNECT a:1 HTTP/1.1", HeadFault::Target),
            ("GET /#a HTTP/1.1", HeadFault::Target),
        ] {
            assert_eq!(parse(&[line, "Host: a"]).map(|_| ()), Err(fault), "{line}");
        }
        for header in
            ["a_b: 1", "-a: 1", "a-: 1", "a--b: 1", "a : 1", " a: 1", "a", ": 1", "a b: 1", "\ta: 1"]
        {
            assert_eq!(with(header).map(|_| ()), Err(HeadFault::Name { number: 2 }), "{header:?}");
        }
        for hosts in
            [&[][..], &["Host: a", "Host: a"], &["Host:"], &["Host: a/b"], &["Host: a@b"], &["Host: a b"]]
        {
            let lines = [&["GET / HTTP/1.1"], hosts].concat();
            assert_eq!(parse(&lines).map(|_| ()), Err(HeadFault::Host), "{hosts:?}");
        }
    }

    #[test]
    fn a_tabulator_beside_what_ends_the_body_is_refused() {
        for (header, fault) in [
            ("Content-Length:\t2", FramingFault::Length),
            ("content-length: 2\t", FramingFault::Length),
            ("Transfer-Encoding:\tchunked", FramingFault::Encoding),
            ("TRANSFER-ENCODING: chunked \t", FramingFault::Encoding),
        ] {
            assert_eq!(with(header).map(|_| ()), Err(fault.into()), "{header:?}");
        }
        assert!(with("X-Unused:\ta").is_ok());
    }

    #[test]
    fn a_control_character_is_refused_as_soon_as_it_is_there() {
        for (bytes, at) in [
            (&b"GET / HTTP/1.1\n"[..], 15),
            (b"GET / HTTP/1.1\r\rx", 15),
            (b"GET / HTTP/1.1\r\nHost: a\0", 24),
            (b"\x16\x03\x01", 1),
            (b"GET / HTTP/1.1\r\nA: \x7f", 20),
            (b"\n", 1),
        ] {
            assert_eq!(end_of(bytes), Err(HeadFault::Control { at }), "{bytes:?}");
        }
        assert_eq!(end_of(b"GET / HTTP/1.1\r"), Ok(None));
        assert_eq!(end_of(b"GET / HTTP/1.1\r\n\r\nrest\0"), Ok(Some(18)));
        let long = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'x'; limits::GATE_HEAD_BYTES_MAX]].concat();
        assert_eq!(end_of(&long), Err(HeadFault::TooLong));
    }

    #[test]
    fn there_is_a_limit_to_headers() {
        let many = |count: usize| {
            let lines: Vec<String> = (0..count).map(|number| format!("a{number}: 1")).collect();
            let mut all = vec!["GET / HTTP/1.1", "Host: a"];
            all.extend(lines.iter().map(String::as_str));
            parse(&all).map(|_| ())
        };
        assert_eq!(many(limits::GATE_FIELDS_MAX - 1), Ok(()));
        assert_eq!(many(limits::GATE_FIELDS_MAX), Err(HeadFault::TooManyFields));
    }

    #[test]
    fn a_header_that_names_somebody_or_something_is_given_once_and_in_ascii() {
        assert_eq!(
            with("Authorization: Bearer 电").map(|_| ()),
            Err(HeadFault::Value { name: "authorization" })
        );
        for name in ["authorization", "content-type", "x-request-id"] {
            let header = format!("{name}: a");
            let twice = parse(&["GET / HTTP/1.1", "Host: a", &header, &header]);
            assert_eq!(twice.map(|_| ()), Err(HeadFault::Repeated { name }));
        }
        assert_eq!(with("Expect: 100-Continue").map(|head| head.expects_continue), Ok(true));
        assert_eq!(with("Expect: 200-ok").map(|_| ()), Err(HeadFault::Expect));
    }

    #[test]
    fn a_connection_stays_open_where_both_would_have_it() {
        for (version, header, stays) in [
            ("1.1", "A: b", true),
            ("1.1", "Connection: close", false),
            ("1.1", "Connection: TE, Close", false),
            ("1.0", "A: b", false),
            ("1.0", "Connection: Keep-Alive", true),
            ("1.0", "Connection: keep-alive, close", false),
        ] {
            let head = parse(&[&format!("GET / HTTP/{version}"), "Host: a", header]).unwrap();
            assert_eq!(head.keeps_alive, stays, "{version} {header}");
        }
    }
}
