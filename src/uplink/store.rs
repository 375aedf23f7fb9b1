//! The store as a backlog, its series named by the site.

use std::sync::Arc;

use tokio::sync::watch;

use super::backlog::{Backlog, BacklogError, Label};
use crate::config::site::Site;
use crate::model::reading::{GroupId, Scan};
use crate::store::Store;

/// The name of the uplink's cursor in the store.
const CURSOR: &str = "uplink";

/// The scans of a [`Store`], named by whatever site file holds at the moment.
pub struct StoreBacklog<S> {
    store: Store,
    site: S,
}

impl<S: Fn() -> Arc<Site> + Send + Sync + 'static> StoreBacklog<S> {
    /// The scans of `store`; `site` gives the present site whenever names are needed.
    pub const fn new(store: Store, site: S) -> Self {
        Self { store, site }
    }
}

impl<S: Fn() -> Arc<Site> + Send + Sync + 'static> Backlog for StoreBacklog<S> {
    fn cursor(&self) -> u64 {
        self.store.cursor(CURSOR)
    }

    fn move_cursor(&self, sequence: u64) -> Result<(), BacklogError> {
        Ok(self.store.move_cursor(CURSOR, sequence)?)
    }

    fn scans_after(&self, sequence: u64, scans_max: usize) -> Result<Vec<(u64, Scan)>, BacklogError> {
        Ok(self.store.scans_after(sequence, scans_max)?)
    }

    fn run_of(&self, sequence: u64) -> Option<u32> {
        self.store.run_of(sequence).map(|(run, _)| run)
    }

    fn labels(&self, group: GroupId) -> Option<Arc<[Label]>> {
        let site = (self.site)();
        let series = self.store.group_series(group)?;
        series.iter().map(|id| Some(label(&site, self.store.series_name(*id)?))).collect()
    }

    fn watch_durable(&self) -> watch::Receiver<u64> {
        self.store.watch_durable()
    }
}

/// Readings of a Point that the site no longer has are still sent, only without unit and type.
fn label(site: &Site, (point_id, parameter_id): (String, String)) -> Label {
    let point = site.points.iter().find(|point| point.id == point_id);
    let parameter = point.and_then(|point| point.parameters.iter().find(|known| known.id == parameter_id));
    Label {
        reading_type: parameter.map(|parameter| parameter.reading_type),
        unit: parameter.map(|parameter| parameter.unit.clone()),
        point_id,
        parameter_id,
    }
}
