//! From the text of a site file to a [`Site`], or to all its faults.
//!
//! A key that is missing or wrong notes its fault, and the reader goes on with a stand-in so that the
//! next fault is found as well. A stand-in never leaves this module: the verdict at the end throws
//! the site away when there was any fault.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::api::api;
use super::categories::categories;
use super::cems::cems;
use super::demand::demand;
use super::demand_response::demand_response;
use super::factors::factors;
use super::lines::lines;
use super::meters::meters;
use super::network::network;
use super::parameters::Known;
use super::places::Places;
use super::platforms::platforms;
use super::points::points;
use super::services;
use super::site::Site;
use super::tariff::tariff;
use super::text::{bounded_text, remedy};
use super::tou::tou;
use crate::document::{Document, Faults, Section};
use crate::model::map_library::MapLibrary;

/// Reads `text`, which the user knows as `file`; paths in it are reckoned from the folder of `file`.
///
/// `load_maps` is called with the folder of the site's own register maps, where it names one.
///
/// # Errors
/// Every fault of the file, and after them those of the register maps.
pub fn read(
    file: &str,
    text: &str,
    load_maps: impl FnOnce(Option<&Path>) -> Result<MapLibrary, Faults>,
) -> Result<Site, Faults> {
    let document = Document::parse(file, text)?;
    let root = document.root();
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let maps_dir = services::maps_dir(&root, folder);
    let library = load_maps(maps_dir.as_deref());
    let site = site(&root, folder, maps_dir, library.as_ref().ok());
    root.finish();
    match (document.verdict(), library, site) {
        (Ok(()), Ok(_), Some(site)) => Ok(site),
        (verdict, library, _) => {
            Err(verdict.err().unwrap_or_default().and(library.err().unwrap_or_default()))
        }
    }
}

fn site(
    root: &Section<'_>,
    folder: &Path,
    maps_dir: Option<PathBuf>,
    library: Option<&MapLibrary>,
) -> Option<Site> {
    let mut places = Places::default();
    let cems = cems(root);
    let (categories, category_ids) = categories(root);
    let lines = lines(root, &mut places);
    let meters = meters(root, &lines, library);
    let points = points(root, &category_ids, Known { meters: &meters, library });
    let (tou, tariff, factors) = (tou(root), tariff(root), factors(root));
    let demand = demand(root, &points, &tariff);
    let cems_id = cems.as_ref().map_or("", |cems| cems.id.as_str());
    let uplink = services::uplink(root, cems_id, folder);
    let platforms = platforms(root, &category_ids, &points);
    let (api, store) = (api(root, folder), services::store(root));
    let (console, network) = (services::console(root, &mut places), network(root));
    let demand_response = demand_response(root, &points);
    Some(Site {
        cems: cems?,
        categories,
        lines: lines.list,
        meters: meters.list,
        points,
        demand,
        tou,
        demand_response,
        tariff,
        factors,
        platforms,
        api,
        store,
        uplink,
        console,
        network,
        maps_dir,
    })
}

/// Why there is no site.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error(
        "cannot read the site file {}: {source}; {}",
        path.display(),
        remedy(source, "check that it exists and may be read")
    )]
    Read {
        /// The file as the user named it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file was read and is wrong.
    #[error("the site file has faults\n{0}")]
    Faults(Faults),
}

/// Reads the site file at `path`; see [`read`].
///
/// # Errors
/// When the file cannot be read, is no UTF-8, is too large, or has faults.
pub fn load(
    path: &Path,
    load_maps: impl FnOnce(Option<&Path>) -> Result<MapLibrary, Faults>,
) -> Result<Site, LoadError> {
    let text = bounded_text(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    read(&path.to_string_lossy(), &text, load_maps).map_err(LoadError::Faults)
}
