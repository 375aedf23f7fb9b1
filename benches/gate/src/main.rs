//! What the gate before the interface costs: `benches/gate/run` calls it.
//!
//! ```text
//! measure           CPU of one document through the gate, in TLS, and by servers without a gate
//! stream            how far memory rises while a million readings are told
//! ```
//!
//! The rest are the servers that it starts itself, each a process of its own:
//!
//! ```text
//! serve DIR STEPS   the gateway, over the store in DIR, filled with so many quarter hours
//! bare DIR          tiny_http on TCP without delay and on a Unix socket, with the documents that lie in DIR
//! axum DIR          axum with the same
//! ```

mod client;
mod cpu;
mod measure;
mod peers;
mod serve;
#[path = "../../documents/src/site.rs"]
#[allow(dead_code)]
mod site;

use std::io::Read;
use std::path::Path;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["measure"] => measure::documents(),
        ["stream"] => measure::stream(),
        ["serve", dir, steps] => serve::serve(Path::new(dir), steps.parse().unwrap()),
        ["bare", dir] => peers::bare(Path::new(dir)),
        ["axum", dir] => peers::axum(Path::new(dir)),
        _ => println!("this is called by benches/gate/run"),
    }
}

/// Tells that it is ready, and waits until nobody listens any more.
fn wait(address: impl std::fmt::Display) {
    println!("{address}");
    let _ = std::io::stdin().read(&mut [0]);
}
