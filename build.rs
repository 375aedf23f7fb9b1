//! Packs the texts that the program carries and rarely reads: flash is small. `src/packed.rs` unpacks
//! them.

use std::env;
use std::fs::{self, File};
use std::io::{self, Error, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Before each of several texts that are packed as one, with its name on the rest of the line. `src/packed.rs` knows it too.
const BEGINS: char = '\u{1e}';
/// How the names of golden frames end. They are all alike and read together, so they are packed as one.
const GOLDEN_ENDING: &str = ".golden.toml";
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
        let mut files: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        files.sort();
        let (mut golden, others): (Vec<_>, Vec<_>) =
            files.iter().partition(|file| golden_model(file).is_some());
        others.into_iter().try_for_each(|file| pack(file, &out))?;
        golden.sort_by_key(|file| golden_model(file));
        if !golden.is_empty() {
            pack_as_one(&golden, &out.join("golden-frames.gz"))?;
        }
    }
    Ok(())
}

fn golden_model(file: &Path) -> Option<&str> {
    file.file_name()?.to_str()?.strip_suffix(GOLDEN_ENDING)
}

fn pack_as_one(texts: &[&PathBuf], to: &Path) -> io::Result<()> {
    let mut packed = GzEncoder::new(File::create(to)?, Compression::best());
    for text in texts {
        writeln!(packed, "{BEGINS}{}", golden_model(text).unwrap_or_default())?;
        io::copy(&mut File::open(text)?, &mut packed)?;
    }
    packed.finish().map(drop)
}

fn pack(text: &Path, out: &Path) -> io::Result<()> {
    let mut name = text.file_name().ok_or_else(|| Error::other("a text without a name"))?.to_owned();
    name.push(".gz");
    // Without a time in its head, so that two builds give the same bytes.
    let mut packed = GzEncoder::new(File::create(out.join(name))?, Compression::best());
    io::copy(&mut File::open(text)?, &mut packed)?;
    packed.finish().map(drop)
}
