//! What the line costs: `benches/line/run` calls it, a part a process.
//!
//! Every part prints its figures as `name value`, one a line.
//!
//! ```text
//! bus BAUD                                  a serial line with one meter; prints its port first
//! serial PORT BAUD REGISTERS SECONDS        the gateway's line asks the meter on a port
//! planner                                   plans against all plans, and against other ways to plan
//! server                                    a Modbus TCP server; prints its port first
//! line|wire|stock|queued PORT CONNECTIONS SECONDS
//!                                           the gateway's line, its wire alone; tokio-modbus alone, with a queue
//! dead-meter                                what a dead meter takes from the others of its line
//! recovery                                  how soon there is a value again after an adapter or a connection was gone
//! ```

mod allocations;
mod bus;
mod dead_meter;
mod planner;
mod recovery;
mod serial;
mod server;
mod tcp;

use std::io::Read;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["bus", baud] => bus::serve(number(baud)),
        ["serial", port, baud, registers, seconds] => {
            serial::ask(port, number(baud), number(registers), number(seconds));
        }
        ["planner"] => planner::compare(),
        ["server"] => server::serve(),
        [who @ ("line" | "wire" | "stock" | "queued"), port, connections, seconds] => {
            tcp::ask(who, number(port), number(connections), number(seconds));
        }
        ["dead-meter"] => dead_meter::compare(),
        ["recovery"] => recovery::measure(),
        _ => println!("this is called by benches/line/run"),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("'{word}' is no such number"))
}

/// Waits until whoever started this closes its input.
fn wait_for_the_end() {
    let _ = std::io::stdin().read(&mut [0]);
}
