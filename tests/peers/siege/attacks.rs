//! The attacks: what each client sends, how it behaves, and what it must be told.

use super::hostile::{Conduct, Opening, UNREAD};

/// The path that is open to anybody.
const OPEN: &str = "/healthz";
/// A path for platforms.
const CLOSED: &str = "/cems/v1/GetCemsDynamicData";
/// The longest answer that anybody may ask for.
const LONG: &str = "/openapi.json";

/// How many clients of a kind come.
const CLIENTS: usize = 1_000;
/// Clients of one address that are here at a time where each makes room for the next; an address may have
/// 16 connections, and some are still being ended.
const LANES: usize = 8;

/// One kind of hostile client.
#[derive(Clone)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    /// How many are here at a time.
    pub(crate) at_a_time: usize,
    pub(crate) opening: Opening,
    pub(crate) conduct: Conduct,
    /// Speaks as it stands where TLS is wanted.
    pub(crate) is_raw: bool,
    /// The statuses that a client may be told; none where it must be ended without.
    pub(crate) told: &'static [u16],
    /// The gate counts each client as what it saw.
    pub(crate) is_counted: bool,
}

impl Attack {
    /// All come at once.
    fn together(name: &'static str, opening: impl Into<Opening>, told: &'static [u16]) -> Self {
        Self {
            name,
            clients: CLIENTS,
            at_a_time: CLIENTS,
            opening: opening.into(),
            conduct: Conduct::Speaks,
            is_raw: false,
            told,
            is_counted: true,
        }
    }

    /// One comes when another has gone.
    fn in_turn(name: &'static str, opening: impl Into<Opening>, told: &'static [u16]) -> Self {
        Self { at_a_time: LANES, ..Self::together(name, opening, told) }
    }

    fn that(self, conduct: Conduct) -> Self {
        Self { conduct, ..self }
    }

    fn uncounted(self) -> Self {
        Self { is_counted: false, ..self }
    }
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: g\r\n{headers}\r\n")
}

fn post(token: &str, headers: &str) -> String {
    format!(
        "POST {CLOSED} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{headers}\r\n"
    )
}

/// Every attack on a gate whose platform holds `token`.
pub(crate) fn attacks(token: &str) -> Vec<Attack> {
    let with_token = |headers: &str| post(token, headers);
    vec![
        Attack::together("idle connections", "", &[408]),
        Attack::together("half a head", "GET /healthz HTTP/1.1\r\nHost: g\r\nX-Half", &[408]),
        Attack::together(
            "a head of one byte each half second",
            Opening::of("").then(&get(OPEN, ""), 1),
            &[408],
        )
        .that(Conduct::Drips),
        Attack::in_turn(
            "a length of 9e18",
            post("none", "Content-Length: 9000000000000000000\r\n"),
            &[401, 429],
        ),
        Attack::together(
            "a platform's length of 9e18",
            with_token("Content-Length: 9000000000000000000\r\n"),
            &[413],
        ),
        Attack::together("a platform's length of 1e9", with_token("Content-Length: 1000000000\r\n"), &[413]),
        Attack::together("a body that never comes", with_token("Content-Length: 60000\r\n"), &[408]),
        Attack::together(
            "a body of one byte each half second",
            Opening::of(with_token("Content-Length: 60000\r\n")).then(" ", 60_000),
            &[408],
        )
        .that(Conduct::Drips),
        Attack::in_turn("HTTP/2.0", "GET / HTTP/2.0\r\nHost: g\r\n\r\n", &[400]),
        Attack::in_turn(
            "a header line of 64 MB",
            Opening::of("GET /healthz HTTP/1.1\r\nHost: g\r\nX-Long: ").then("0123456789abcdef", 4_194_304),
            &[431],
        ),
        Attack::in_turn(
            "16 MB of short headers",
            Opening::of("GET /healthz HTTP/1.1\r\nHost: g\r\n").then("a: b\r\n", 2_796_203),
            &[431],
        ),
        Attack::together(
            "a million requests whose answers nobody reads",
            Opening::of("").then(&get(OPEN, ""), 1_000_000 / 16),
            &[],
        )
        .that(Conduct::NeverReads(UNREAD))
        .uncounted(),
        Attack::together("long answers that nobody reads", get(LONG, ""), &[])
            .that(Conduct::NeverReads(UNREAD)),
        Attack::together(
            "long answers without chunks",
            get(LONG, "TE: identity\r\nConnection: close, TE\r\n"),
            &[200],
        ),
        Attack { clients: 3_000, ..Attack::in_turn("connected and reset at once", "", &[]) }
            .that(Conduct::Resets)
            .uncounted(),
        Attack::in_turn(
            "forged headers of the gate",
            get(
                CLOSED,
                "X-Gate-Key: 00000000000000000000000000000000\r\nX-Gate-Platform: tests\r\n\
                 X-Gate-Peer: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: close\r\n",
            ),
            &[401, 429],
        ),
    ]
}

/// Attacks on the way to TLS.
pub(crate) fn attacks_on_tls() -> Vec<Attack> {
    // A record that says a ClientHello of 512 bytes follows, and its first ones.
    let half_a_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    let raw = |attack: Attack| Attack { is_raw: true, ..attack };
    vec![
        raw(Attack::together("TLS that is never agreed on", half_a_hello, &[])),
        raw(Attack::in_turn(
            "bytes that are no TLS",
            Opening::of("\u{16}\u{3}\u{1}").then("\u{7f}", 4_096),
            &[],
        )),
        raw(Attack::in_turn("plain HTTP where TLS is wanted", get(OPEN, ""), &[])),
    ]
}
