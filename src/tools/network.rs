//! `network`: what a site file wants of the network, for the first process of a box.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::check;
use crate::config::site::NetworkSettings;
use crate::failure::{Failure, tell};

/// Whose network it is.
#[derive(Args)]
pub struct NetworkOptions {
    /// The site file
    #[arg(long)]
    config: PathBuf,
}

/// Prints one wish a line: a word and its value. Without a word the network itself decides.
///
/// # Errors
/// The faults of the site file.
pub fn network(options: &NetworkOptions) -> Result<ExitCode, Failure> {
    let site = check::load(&options.config)?;
    tell(wishes(&site.network))?;
    Ok(ExitCode::SUCCESS)
}

fn wishes(network: &NetworkSettings) -> String {
    let mut lines = Vec::new();
    let mut wish = |word: &str, value: String| lines.push(format!("{word} {value}\n"));
    if let Some(interface) = &network.interface {
        wish("interface", interface.clone());
    }
    if let Some((address, prefix)) = network.address {
        wish("address", format!("{address}/{prefix}"));
    }
    if let Some(router) = network.router {
        wish("router", router.to_string());
    }
    for server in &network.name_servers {
        wish("name-server", server.to_string());
    }
    for server in &network.time_servers {
        wish("time-server", server.clone());
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wish_is_a_line() {
        let network = NetworkSettings {
            address: Some(([10, 0, 2, 20].into(), 24)),
            router: Some([10, 0, 2, 2].into()),
            time_servers: vec!["a".to_owned(), "b".to_owned()],
            ..NetworkSettings::default()
        };
        assert_eq!(wishes(&network), "address 10.0.2.20/24\nrouter 10.0.2.2\ntime-server a\ntime-server b\n");
    }
}
