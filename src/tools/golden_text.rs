//! What the commands are held to say, word for word: files in `tests/it/data/tools`.

use std::path::Path;

/// Holds `text` against the file `name`; `CEMS_RENEW_GOLDEN=1` writes it anew.
pub(super) fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/tools").join(name);
    if std::env::var_os("CEMS_RENEW_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "something else is said than in {}:\n{text}", path.display());
}
