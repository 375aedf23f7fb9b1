//! Readings as CSV (RFC 4180), in the order in which they were taken.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::ops::Range;

use csv::{StringRecord, Terminator, WriterBuilder};

use super::{ArchiveError, Progress};
use crate::config::site::Site;
use crate::model::reading::{SeriesId, Value};
use crate::store::{Store, Taken, Wanted, What};
use crate::time::{UtcOffset, UtcTime, parse_instant};

/// The columns. Later versions may add some at the end.
const COLUMNS: [&str; 8] = ["time", "point", "parameter", "value", "unit", "quality", "sequence", "run"];
/// Scans after which it is told how far the export has come.
const PROGRESS_SCANS: u64 = 4_096;

/// Which readings are exported; what is not said is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOrder {
    /// Of this point only.
    pub point: Option<String>,
    /// Of this parameter only.
    pub parameter: Option<String>,
    /// From this instant on.
    pub from: Option<String>,
    /// Before this instant.
    pub to: Option<String>,
}

impl ExportOrder {
    fn times(&self, offset: UtcOffset) -> Result<Range<UtcTime>, ArchiveError> {
        let instant = |text: &Option<String>, default_ms| match text {
            None => Ok(UtcTime::from_ms(default_ms)),
            Some(text) => {
                parse_instant(text, offset).map_err(|fault| ArchiveError::Time { text: text.clone(), fault })
            }
        };
        Ok(instant(&self.from, i64::MIN)?..instant(&self.to, i64::MAX)?)
    }

    fn takes(&self, point_id: &str, parameter_id: &str) -> bool {
        self.point.as_deref().is_none_or(|wanted| wanted == point_id)
            && self.parameter.as_deref().is_none_or(|wanted| wanted == parameter_id)
    }

    /// The series that it names; `None` when it names none and so takes all.
    fn series(&self, store: &Store) -> Result<Option<HashSet<SeriesId>>, ArchiveError> {
        let named: Vec<String> = [("point", &self.point), ("parameter", &self.parameter)]
            .into_iter()
            .filter_map(|(what, id)| id.as_ref().map(|id| format!("{what} '{id}'")))
            .collect();
        if named.is_empty() {
            return Ok(None);
        }
        let all = store.all_series().filter(|(_, point, parameter)| self.takes(point, parameter));
        let series: HashSet<SeriesId> = all.map(|(series, ..)| series).collect();
        if series.is_empty() {
            return Err(ArchiveError::NothingOf(named.join(", ")));
        }
        Ok(Some(series))
    }
}

/// What a site says about readings that the store does not know.
#[derive(Clone, Debug)]
pub struct Labels {
    /// The offset that times are written in.
    pub offset: UtcOffset,
    /// The unit of each point and parameter.
    pub units: HashMap<(String, String), String>,
}

impl Default for Labels {
    fn default() -> Self {
        Self { offset: UtcOffset::UTC, units: HashMap::new() }
    }
}

impl Labels {
    /// Those of `site`.
    #[must_use]
    pub fn of(site: &Site) -> Self {
        let units = site.points.iter().flat_map(|point| {
            let unit = |id: &str, unit: &str| ((point.id.clone(), id.to_owned()), unit.to_owned());
            point.parameters.iter().map(move |parameter| unit(&parameter.id, &parameter.unit))
        });
        Self { offset: site.cems.offset, units: units.collect() }
    }
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Readings.
    pub readings: u64,
    /// Stretches of the store that do not read back, or were removed meanwhile.
    pub unread: u64,
}

/// Writes what `order` asks for to `out`.
///
/// # Errors
/// When the order names what there is not, or it cannot be written.
pub fn export(
    store: &Store,
    labels: &Labels,
    order: &ExportOrder,
    out: impl Write,
    progress: Progress<'_>,
) -> Result<ExportReport, ArchiveError> {
    let what = order.series(store)?.map_or(What::All, What::Series);
    let wanted = Wanted { what, times: order.times(labels.offset)?, sequences: 0..u64::MAX };
    let mut rows = Rows::begin(store, labels, out).map_err(output)?;
    let mut walk = store.walk(wanted);
    let mut scans = 0_u64;
    while let Some(taken) = walk.next() {
        rows.write(&taken?).map_err(output)?;
        scans += 1;
        if scans % PROGRESS_SCANS == 1 {
            let (done, of) = walk.progress();
            progress(done, of);
        }
    }
    Ok(ExportReport { readings: rows.end().map_err(output)?, unread: walk.unread() })
}

pub(super) fn output(error: csv::Error) -> ArchiveError {
    ArchiveError::Output(match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    })
}

/// Point, parameter and unit of a series, as they stand in its rows.
type Label = (String, String, String);

struct Rows<'a, W: Write> {
    store: &'a Store,
    labels: &'a Labels,
    known: HashMap<SeriesId, Label>,
    csv: csv::Writer<W>,
    /// Filled anew for every row.
    row: StringRecord,
    readings: u64,
}

impl<'a, W: Write> Rows<'a, W> {
    fn begin(store: &'a Store, labels: &'a Labels, out: W) -> Result<Self, csv::Error> {
        let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        csv.write_record(COLUMNS)?;
        Ok(Self { store, labels, known: HashMap::new(), csv, row: StringRecord::new(), readings: 0 })
    }

    fn write(&mut self, taken: &Taken) -> Result<(), csv::Error> {
        let Some(group) = self.store.group_series(taken.group) else { return Ok(()) };
        let time = taken.at.iso(self.labels.offset).to_string();
        let sequence = taken.sequence.to_string();
        let run = self.store.run_of(taken.sequence).map_or_else(String::new, |(run, _)| run.to_string());
        for (place, sample) in &taken.samples {
            let Some(series) = group.get(usize::from(*place)) else { continue };
            let label = self.known.entry(*series).or_insert_with(|| label(self.store, self.labels, *series));
            let (point, parameter, unit) = label;
            let value = match &sample.value {
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::Text(text)) => text.to_string(),
                None => String::new(),
            };
            let quality = sample.quality.to_string();
            self.row.clear();
            for field in [&time, point.as_str(), parameter, &value, unit, &quality, &sequence, &run] {
                self.row.push_field(field);
            }
            self.csv.write_record(&self.row)?;
            self.readings += 1;
        }
        Ok(())
    }

    fn end(mut self) -> Result<u64, csv::Error> {
        self.csv.flush()?;
        Ok(self.readings)
    }
}

fn label(store: &Store, labels: &Labels, series: SeriesId) -> Label {
    // A series whose name is lost still has its readings.
    let name = store.series_name(series).unwrap_or_else(|| (format!("series {}", series.0), String::new()));
    let unit = labels.units.get(&name).cloned().unwrap_or_default();
    (name.0, name.1, unit)
}
