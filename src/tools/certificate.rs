//! `certificate`: as whom a gateway shows itself in TLS, and a request for somebody to vouch for it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::api::OwnCertificate;
use crate::failure::{Failure, tell};

/// What is wanted of the certificate.
#[derive(Args)]
pub struct CertificateOptions {
    /// The data folder of the gateway
    #[arg(long, default_value = "/var/lib/cems-gateway")]
    data: PathBuf,
    /// Print a request (CSR) for the gateway's key, for an authority to sign
    #[arg(long)]
    request: bool,
    /// A host name or address that platforms call the gateway by; may be given more than once
    #[arg(long, requires = "request", default_value = "cems-gateway.local")]
    name: Vec<String>,
}

/// Prints the fingerprint of the certificate that the gateway made itself, or a request for its key.
///
/// # Errors
/// When the gateway has no certificate yet, or a name is none.
pub fn certificate(options: &CertificateOptions) -> Result<ExitCode, Failure> {
    let own = OwnCertificate::in_data(&options.data).map_err(Failure::new)?;
    if options.request {
        tell(own.request(&options.name).map_err(Failure::new)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    tell(format_args!(
        "SHA-256 {}\n\nA platform keeps this to know the gateway by / 平台据此辨认本网关.\n\
         Certificate / 证书: {}\nTo have it vouched for / 申请认证机构签发: \
         cems-gateway certificate --data {} --request --name HOST\n",
        own.fingerprint(),
        own.path().display(),
        options.data.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
