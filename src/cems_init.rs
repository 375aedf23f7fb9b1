//! The first process of the box; see `cems_gateway::init`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cems_gateway::init::main(&std::env::args().skip(1).collect::<Vec<_>>())
}
