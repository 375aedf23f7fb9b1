//! Where the interface is served and whether anybody owns it, as `status` shows it; pure.

use super::desk::InterfaceView;
use super::table::printable;
use crate::language::Language;

/// One line about the addresses, and one each about the certificate and the claim.
pub(super) fn interface(view: &InterfaceView, language: Language) -> String {
    let Some(plain) = &view.plain else {
        return language.pick("api  not served\n", "接口  未开启\n").to_owned();
    };
    let name = language.pick("api", "接口");
    let addresses = match &view.tls {
        None => format!("{name}  http {plain}\n"),
        Some((address, fingerprint)) => {
            let certificate = language.pick("certificate", "证书");
            format!("{name}  http {plain}, https {address}\n     {certificate} SHA-256 {fingerprint}\n")
        }
    };
    let claim = match (&view.claim_code, language) {
        (None, _) => String::new(),
        (Some(code), Language::English) => format!("     not claimed: POST /claim with the code {code}\n"),
        (Some(code), Language::Chinese) => format!("     尚未认领：以认领码 {code} 提交 POST /claim\n"),
    };
    addresses + &claim
}

/// What a serial console says before any login while nobody owns the gateway, in both languages.
pub(super) fn invitation(code: &str) -> String {
    let code = printable(code);
    format!(
        "NOT CLAIMED: POST /claim with the code {code}, see docs/box.md\n\
         尚未认领：以认领码 {code} 提交 POST /claim，见 docs/box.zh.md\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stands_before_the_box_is_told_how_to_claim_it() {
        let address = |port| ([127, 0, 0, 1], port).into();
        let view = InterfaceView {
            plain: Some(address(8080)),
            tls: Some((address(8443), "ab".to_owned())),
            claim_code: Some("AB12-CD34".to_owned()),
        };
        assert_eq!(
            interface(&view, Language::English),
            "api  http 127.0.0.1:8080, https 127.0.0.1:8443\n     certificate SHA-256 ab\n     \
             not claimed: POST /claim with the code AB12-CD34\n"
        );
        let claimed = InterfaceView { tls: None, claim_code: None, ..view };
        assert_eq!(interface(&claimed, Language::Chinese), "接口  http 127.0.0.1:8080\n");
        assert_eq!(
            interface(&InterfaceView { plain: None, ..claimed }, Language::English),
            "api  not served\n"
        );
    }
}
