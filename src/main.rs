//! The command line: parse, call, exit code; nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use cems_gateway::{check, demo, gateway, rights, tools};
use clap::{Parser, Subcommand};

/// An energy gateway: Modbus meters in, a trimmed application-side interface out.
///
/// Prepared for GB/T 35031.5-2025, wire names provisional.
#[derive(Parser)]
#[command(name = "cems-gateway", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A whole simulated site through the real code; token `demo`, loopback only
    Demo {
        /// Where the API listens; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Start at this instant instead of now, such as 2024-06-12T10:30:00+08:00
        #[arg(long)]
        at: Option<String>,
        /// Keep the readings here instead of in a folder that goes with the demo
        #[arg(long)]
        data: Option<PathBuf>,
        /// Days of history made before the start
        #[arg(long, default_value_t = 75, value_parser = clap::value_parser!(u16).range(0..=400))]
        history_days: u16,
    },
    /// The service: polls, keeps and serves the site of a file
    Run {
        /// The site file
        #[arg(long)]
        config: PathBuf,
        /// The folder of readings, cursors and passwords
        #[arg(long)]
        data: PathBuf,
        /// Believe the time that the machine shows at the start, although neither a hardware clock nor a
        /// time service speaks for it: for a container
        #[arg(long)]
        trust_clock: bool,
        /// The file that describes a box with two slots, where it is not /etc/cems-gateway/board.toml
        #[arg(long)]
        board: Option<PathBuf>,
    },
    /// Tells all faults of a site file (exit code 78), or prints its read plan
    Check {
        /// The site file
        file: PathBuf,
    },
    /// Reads registers of one unit, through the same line code
    Read(tools::ReadOptions),
    /// Writes registers or coils of one unit
    Write(tools::WriteOptions),
    /// Finds what answers on a line, at which settings, and what it is
    Scan(tools::ScanOptions),
    /// Shows what some registers of one unit may be: every type and word order, the likely one first
    Probe(tools::ProbeOptions),
    /// What a SunSpec device tells of itself: its models and points, or a register map made of them
    Sunspec(tools::SunspecOptions),
    /// The meter library and its golden frames
    Meters {
        /// A folder of register maps that come before the built-in ones
        #[arg(long)]
        maps: Option<PathBuf>,
        #[command(subcommand)]
        order: tools::MetersOrder,
    },
    /// Only the simulated meters of a site file, or those of a recorded line, for practice and for other
    /// software
    Sim(tools::SimOptions),
    /// What was recorded of a line, frame by frame in words
    Frames {
        /// A file that the console's `record` has written
        file: PathBuf,
    },
    /// The serial console's commands on this terminal, for a gateway that runs here
    Console {
        /// The data folder of the running gateway
        #[arg(long, default_value = "/var/lib/cems-gateway")]
        data: PathBuf,
    },
    /// The readings of a data folder as CSV, while its gateway runs or without it
    Export(tools::ExportOptions),
    /// Everything that a data folder holds into one file, while its gateway runs or without it
    Backup(tools::FileOptions),
    /// Adds from a backup what a data folder does not have, while its gateway runs or without it
    Restore(tools::FileOptions),
    /// Brings a new release into the other slot of the box and restarts into it, or only looks at it
    Update(tools::UpdateOptions),
    /// As whom the gateway shows itself in TLS: the fingerprint of its certificate, or a request for another
    Certificate(tools::CertificateOptions),
    /// What the site file wants of the network, one wish a line: for the first process of a box
    Network(tools::NetworkOptions),
    /// Makes a new bearer token and the line that lets a platform use it
    Token {
        /// The platform's ID
        platform: String,
    },
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    rights::keep_all_private();
    // A service tells what it does; a tool speaks for itself. RUST_LOG overrides both.
    let default = if matches!(command, Command::Run { .. }) { "warn,cems_gateway=info" } else { "warn" };
    let log = env_logger::Env::default().default_filter_or(default);
    env_logger::Builder::from_env(log).format_timestamp_millis().init();
    let ended = match command {
        Command::Demo { listen, at, data, history_days } => {
            demo::run(&demo::Options { listen, at, data, history_days })
        }
        Command::Run { config, data, trust_clock, board } => {
            gateway::run(&config, &data, trust_clock, board.as_deref())
        }
        Command::Check { file } => check::run(&file),
        Command::Read(options) => tools::read(&options),
        Command::Write(options) => tools::write(&options),
        Command::Scan(options) => tools::scan(&options),
        Command::Probe(options) => tools::probe(&options),
        Command::Sunspec(options) => tools::sunspec(&options),
        Command::Meters { maps, order } => tools::meters(maps.as_deref(), &order),
        Command::Sim(options) => tools::sim(&options),
        Command::Frames { file } => tools::frames(&file),
        Command::Console { data } => tools::console(&data),
        Command::Export(options) => tools::export(options),
        Command::Backup(options) => tools::backup(&options),
        Command::Restore(options) => tools::restore(&options),
        Command::Update(options) => tools::update(&options),
        Command::Certificate(options) => tools::certificate(&options),
        Command::Network(options) => tools::network(&options),
        Command::Token { platform } => tools::token(&platform),
    };
    ended.unwrap_or_else(|failure| failure.report())
}
