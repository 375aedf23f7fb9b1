//! The site's own folder of register maps and golden frames.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::read_map;
use crate::document::{Fault, Faults};
use crate::limits;
use crate::model::map_library::MapLibrary;

/// How the name of a file of golden frames ends; a map's name ends in `.toml` alone.
const GOLDEN_ENDING: &str = ".golden.toml";

/// Golden frames of one model, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// The model, taken from the file's name.
    pub model: String,
    /// What faults call the file.
    pub file: String,
    /// The frames as TOML.
    pub text: String,
}

/// Every map of `folder`, by model.
pub(super) fn maps(folder: &Path) -> Result<MapLibrary, Faults> {
    let mut library = MapLibrary::new();
    let mut faults = Faults::default();
    for path in toml_files(folder)?.into_iter().filter(|path| golden_model(path).is_none()) {
        match read_text(&path).and_then(|text| read_map(&path.display().to_string(), &text)) {
            Ok(map) if library.has(&map.model) => {
                let reason = format!("another file of the folder holds the model '{}' too", map.model);
                faults = faults.and(fault(&path, reason, "keep one map of a model"));
            }
            Ok(map) => library.insert(map),
            Err(found) => faults = faults.and(found),
        }
    }
    if faults == Faults::default() { Ok(library) } else { Err(faults) }
}

/// Every file of golden frames in `folder`.
pub(super) fn goldens(folder: &Path) -> Result<Vec<Golden>, Faults> {
    let mut goldens = Vec::new();
    for path in toml_files(folder)? {
        if let Some(model) = golden_model(&path) {
            goldens.push(Golden { model, file: path.display().to_string(), text: read_text(&path)? });
        }
    }
    Ok(goldens)
}

/// The model whose golden frames `path` holds, when it is such a file.
fn golden_model(path: &Path) -> Option<String> {
    path.file_name()?.to_str()?.strip_suffix(GOLDEN_ENDING).map(str::to_owned)
}

/// The TOML files of `folder` in the order of their names, so that faults come in the same order
/// each time.
fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Faults> {
    let unreadable = |error: io::Error| {
        fault(
            folder,
            format!("the folder of maps cannot be read: {error}"),
            "correct maps_dir or make it readable",
        )
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension() != Some(OsStr::new("toml")) {
            continue;
        }
        if files.len() == limits::MAP_FILES_MAX {
            let reason = format!("the folder holds more than {} TOML files", limits::MAP_FILES_MAX);
            return Err(fault(folder, reason, "keep the maps of this site only"));
        }
        files.push(path);
    }
    files.sort();
    Ok(files)
}

/// The text of a file of bounded size.
fn read_text(path: &Path) -> Result<String, Faults> {
    let unreadable = |error: io::Error| {
        fault(path, format!("cannot be read: {error}"), "make it a readable UTF-8 text or remove it")
    };
    let mut text = String::new();
    // One byte more than is allowed, so that the reader of the map sees and tells the excess.
    let most = limits::CONFIG_BYTES_MAX as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)).map_err(unreadable)?;
    Ok(text)
}

fn fault(path: &Path, reason: String, remedy: &str) -> Faults {
    let fault = Fault {
        file: path.display().to_string(),
        line: 1,
        section: String::new(),
        key: String::new(),
        reason,
        remedy: remedy.to_owned(),
    };
    Faults { list: vec![fault], more: 0 }
}

#[cfg(test)]
mod tests {
    use super::super::{built_in, builtin, golden_frames, goldens, library};
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn changed(title: &str) -> String {
        let map = built_in("acrel-adw300").map.text();
        map.replace("\ntitle = \"ADW300", &format!("\ntitle = \"{title} ADW300"))
    }

    #[test]
    fn a_map_of_the_folder_replaces_the_built_in_one_and_a_new_one_joins_it() {
        let new = changed("new").replace("model = \"acrel-adw300\"", "model = \"maker-new\"");
        let folder = folder(&[("a.toml", &changed("our own")), ("b.toml", &new), ("notes.txt", "no TOML [")]);
        let library = library(Some(folder.path())).unwrap();
        assert_eq!(library.models().count(), builtin().len() + 1);
        assert!(library.get("acrel-adw300").unwrap().title.starts_with("our own"));
        assert!(library.has("maker-new"));
    }

    #[test]
    fn the_faults_of_all_files_are_told_with_their_names() {
        let folder = folder(&[("a.toml", "model = 1"), ("b.toml", "model ="), ("c.toml", "")]);
        let faults = library(Some(folder.path())).unwrap_err();
        for name in ["a.toml", "b.toml", "c.toml"] {
            assert!(faults.list.iter().any(|fault| fault.file.ends_with(name)), "{name}: {faults}");
        }
    }

    #[test]
    fn two_maps_of_one_model_are_refused() {
        let map = built_in("acrel-adw300").map.text();
        let folder = folder(&[("a.toml", &map), ("b.toml", &map)]);
        let faults = library(Some(folder.path())).unwrap_err();
        assert!(faults.list[0].file.ends_with("b.toml"), "{faults}");
        assert!(faults.list[0].reason.contains("acrel-adw300"), "{faults}");
    }

    #[test]
    fn a_folder_that_is_not_there_or_too_full_is_a_fault_and_no_panic() {
        assert!(library(Some(Path::new("no/such/folder"))).is_err());
        let many: Vec<(String, &str)> =
            (0..=limits::MAP_FILES_MAX).map(|n| (format!("{n}.golden.toml"), "")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let folder = folder(&many);
        assert!(library(Some(folder.path())).unwrap_err().list[0].reason.contains("more than"));
    }

    #[test]
    fn a_file_that_is_too_large_or_no_text_is_a_fault() {
        let large = "#".repeat(limits::CONFIG_BYTES_MAX + 2);
        let folder = folder(&[("large.toml", &large)]);
        fs::write(folder.path().join("bytes.toml"), [0xFF, 0xFE]).unwrap();
        let faults = library(Some(folder.path())).unwrap_err();
        assert_eq!(faults.list.len(), 2, "{faults}");
    }

    #[test]
    fn golden_frames_of_the_folder_come_before_the_built_in_ones() {
        let folder = folder(&[("eastron-sdm120.golden.toml", "# ours"), ("maker-new.golden.toml", "# new")]);
        let goldens = goldens(Some(folder.path())).unwrap();
        let text = |model: &str| goldens.iter().find(|golden| golden.model == model).map(|g| g.text.as_str());
        assert_eq!(goldens.len(), builtin().len() + 1);
        assert_eq!((text("eastron-sdm120"), text("maker-new")), (Some("# ours"), Some("# new")));
        assert_eq!(text("eastron-sdm630"), Some(golden_frames("eastron-sdm630").as_str()));
    }
}
