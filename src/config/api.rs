//! `[api]`: where the interface is served, and as whom.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::compat;
use super::site::{ApiCompat, ApiSettings, CertificateFiles};
use crate::document::Section;

/// Not below 1024, so that no special right is needed.
const API_PORT: u16 = 8_080;
/// Characters of a path.
const PATH_CHARS_MAX: usize = 255;

/// Reads the table; files are reckoned from `folder`, that of the site file.
pub(super) fn api(root: &Section<'_>, folder: &Path) -> ApiSettings {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, API_PORT));
    let Some(section) = root.section("api") else { return ApiSettings::plain(default) };
    let allows_plain = section.flag("plain_http").unwrap_or(false);
    let listen = section.parsed("listen", address);
    if let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback() && !allows_plain) {
        section.fault(
            "listen",
            format!(
                "{} could be reached by others, and plain HTTP can be listened to on its way",
                listen.ip()
            ),
            "write tls_listen for HTTPS instead, or plain_http = true where the network is your own",
        );
    }
    let tls_listen = section.parsed("tls_listen", address);
    if tls_listen.is_some() && tls_listen == listen {
        section.fault("tls_listen", "listen is the same", "give the two different ports");
    }
    let certificate = certificate(&section, folder);
    let compat: ApiCompat = compat::compat(&section);
    section.finish();
    ApiSettings { listen: listen.unwrap_or(default), tls_listen, certificate, compat }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:8080 or [::]:8443")
}

/// A certificate is of use only with its key.
fn certificate(section: &Section<'_>, folder: &Path) -> Option<CertificateFiles> {
    let certificate = section.text("certificate", PATH_CHARS_MAX);
    let private_key = section.text("private_key", PATH_CHARS_MAX);
    for (given, missing, remedy) in [
        ("certificate", "private_key", "give the file of the certificate's key, in PEM"),
        ("private_key", "certificate", "give the file of the certificate, in PEM"),
    ] {
        if section.has(given) && !section.has(missing) {
            section.missing(missing, remedy);
        }
    }
    if certificate.is_some() && !section.has("tls_listen") {
        section.missing("tls_listen", "give the address of HTTPS, such as 0.0.0.0:8443");
    }
    Some(CertificateFiles { certificate: folder.join(certificate?), private_key: folder.join(private_key?) })
}

#[cfg(test)]
mod tests {
    use crate::config::site::ApiSettings;
    use crate::config::site_with;

    fn api(keys: &str) -> Result<ApiSettings, String> {
        site_with(&format!("[api]\n{keys}")).map(|site| site.api).map_err(|faults| faults.to_string())
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_the_file_insists() {
        assert!(api("").unwrap().listen.ip().is_loopback());
        assert!(api("listen = '0.0.0.0:80'").unwrap_err().contains("plain_http = true"));
        assert_eq!(api("listen = '0.0.0.0:80'\nplain_http = true").unwrap().listen.port(), 80);
        assert!(api("tls_listen = '[::]:8443'").unwrap().tls_listen.is_some());
    }

    #[test]
    fn a_certificate_needs_its_key_and_an_address() {
        assert!(api("certificate = 'a.pem'").unwrap_err().contains("private_key: is missing"));
        assert!(api("private_key = 'a.pem'").unwrap_err().contains("certificate: is missing"));
        let files = "certificate = 'a.pem'\nprivate_key = '/k.pem'";
        assert!(api(files).unwrap_err().contains("tls_listen: is missing"));
        let files = api(&format!("{files}\ntls_listen = '0.0.0.0:8443'")).unwrap().certificate.unwrap();
        assert_eq!(files.private_key.to_str(), Some("/k.pem"));
        assert!(
            api("listen = '127.0.0.1:1'\ntls_listen = '127.0.0.1:1'")
                .unwrap_err()
                .contains("different ports")
        );
    }
}
