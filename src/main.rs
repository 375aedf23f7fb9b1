//! The command line: parse, call, exit code; nothing else.

fn main() {}
