//! `probe`: reads some registers and shows what they may be.

mod judge;
mod text;
mod ways;

use std::process::ExitCode;

use clap::Args;

use super::by_hand::Target;
use crate::failure::{Failure, tell};
use crate::gateway::runtime;

/// What is read; the count bounds what is shown of it.
#[derive(Args)]
pub struct ProbeOptions {
    #[command(flatten)]
    target: Target,
    /// How many registers
    #[arg(default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=32))]
    count: u16,
}

/// `probe`: prints the likely values as lines for a site file, and everything that the registers may be.
///
/// # Errors
/// When the table holds bits, or the unit does not answer as asked.
pub fn probe(options: &ProbeOptions) -> Result<ExitCode, Failure> {
    let target = &options.target;
    let (table, span) = (target.table()?, target.span(options.count)?);
    if table.is_bits() {
        let reason = "holds bits, which are what they are; give input or holding";
        return Err(Failure::new(format!("the table '{}' {reason}", table.name())));
    }
    let block = runtime()?.block_on(async {
        target.open()?.read(target.unit(), table, span).await.map_err(|cause| target.refusal(cause))
    })?;
    let language = target.language();
    tell(text::guesses(&judge::guesses(&block), language))?;
    tell(text::all(&block, language))?;
    Ok(ExitCode::SUCCESS)
}
