//! Packs the texts that the program carries and rarely reads: flash is small. `src/packed.rs` unpacks
//! them.

use std::env;
use std::fs::{self, File};
use std::io::{self, Error};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Files, and folders of files, whose packed form lies under their own names in the folder of the build.
const TEXTS: [&str; 3] = ["src/meters/maps", "src/sunspec/models", "src/api/wire/openapi/openapi.json"];

fn main() -> io::Result<()> {
    let out =
        env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| Error::other("cargo names no folder"))?;
    for text in TEXTS {
        println!("cargo::rerun-if-changed={text}");
        let path = Path::new(text);
        if path.is_file() {
            pack(path, &out)?;
            continue;
        }
        for entry in fs::read_dir(path)? {
            pack(&entry?.path(), &out)?;
        }
    }
    Ok(())
}

fn pack(text: &Path, out: &Path) -> io::Result<()> {
    let mut name = text.file_name().ok_or_else(|| Error::other("a text without a name"))?.to_owned();
    name.push(".gz");
    // Without a time in its head, so that two builds give the same bytes.
    let mut packed = GzEncoder::new(File::create(out.join(name))?, Compression::best());
    io::copy(&mut File::open(text)?, &mut packed)?;
    packed.finish().map(drop)
}
