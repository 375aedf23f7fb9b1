//! The parts of a site file that every story needs.

use std::net::TcpListener;

use sha2::{Digest, Sha256};

/// The token of the one platform that every test site knows.
pub(crate) const TOKEN: &str = "a token of the tests";

/// A TCP port of the loopback address that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A site without lines, meters and points: the profile, the interface on `api_port`, one category `CAT`
/// and one platform that holds [`TOKEN`].
pub(crate) fn bare_site(api_port: u16, durability_window: &str) -> String {
    let token = format!("{:x}", Sha256::digest(TOKEN));
    format!(
        r#"
[cems]
id = "CEMS-TEST"
name = "test"
user_name = "test"
utc_offset = "+08:00"

[api]
listen = "127.0.0.1:{api_port}"

[store]
durability_window = "{durability_window}"

[[category]]
id = "CAT"
code = "01C00"
code_system = "MOHURD2008"
name = "动力用电"
energy_code = "01"

[[platform]]
id = "tests"
token_sha256 = "{token}"
requests_per_min = 1000000
"#
    )
}

/// The same for a machine of its own: its interface can be had from outside, in plain HTTP.
pub(crate) fn bare_site_for_all(api_port: u16, durability_window: &str) -> String {
    let listen = |address: &str| format!("listen = \"{address}:{api_port}\"");
    let for_all = listen("0.0.0.0") + "\nplain_http = true";
    bare_site(api_port, durability_window).replace(&listen("127.0.0.1"), &for_all)
}
