//! The one thread that writes: scans into the ring, full epochs into blocks, and nothing is called
//! durable before it is on the medium.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::database::Database;
use super::directory::{self, Directory};
use super::epoch::Epoch;
use super::error::StoreError;
use super::job::{Job, NewNames, Write};
use super::recovery::{self, Recovered, RingPen};
use super::shared::Shared;
use super::status::Durable;
use super::{retention, ring, sealed};
use crate::config::site::StoreSettings;
use crate::limits;

/// Failures in a row that speak of damage before the database is moved aside.
const DAMAGE_STRIKES_MAX: u32 = 3;

/// What the writer thread owns.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) directory: Directory,
    pub(super) settings: StoreSettings,
    pub(super) pen: RingPen,
    /// The last scan in the ring, durable with the next sync.
    pub(super) written: Durable,
    /// Failures in a row that speak of damage.
    pub(super) damage_strikes: u32,
}

impl Writer {
    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        loop {
            let job = self.shared.next_job();
            if matches!(job, Job::Stop) {
                break;
            }
            let panicked = |_| {
                let what = "the writer's work".to_owned();
                Err(StoreError::Damaged { what, reason: "it panicked".to_owned() })
            };
            if let Err(error) = catch_unwind(AssertUnwindSafe(|| self.work(job))).unwrap_or_else(panicked) {
                self.fail(&error);
            }
        }
        self.shared.close_database();
        let Self { shared, directory, .. } = self;
        directory.note_last_sequence(shared.state().durable.sequence);
        // The lock goes before those who wait are told, so that they can open the store again.
        drop(directory);
        shared.state().closed = true;
        shared.tell();
    }

    fn work(&mut self, job: Job) -> Result<(), StoreError> {
        match job {
            Job::Seal { number, epoch, names } => self.seal(number, &epoch, &names),
            Job::Write(write) => self.write(&write),
            Job::Reopen => self.reopen(),
            Job::Stop => Ok(()),
        }
    }

    fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        shared.with_database(|database| {
            write_names(database, &write.names)?;
            for (name, sequence) in &write.cursors {
                database.cursors.put(name.as_bytes(), &sequence.to_be_bytes())?;
            }
            self.write_ring(database, write)?;
            if write.sync { database.sync() } else { Ok(()) }
        })?;
        self.damage_strikes = 0;
        let mut state = shared.state();
        state.names_are_durable(write.names.counts);
        if write.sync {
            state.scans_are_durable(self.written, write.flushes);
        }
        state.ring_has(write.epoch, self.pen.slot);
        drop(state);
        shared.tell();
        Ok(())
    }

    fn write_ring(&mut self, database: &Database, write: &Write) -> Result<(), StoreError> {
        if self.pen.epoch != write.epoch {
            self.pen = RingPen { epoch: write.epoch, ..RingPen::default() };
        }
        let (mut sequence, mut scans) = (write.first_sequence, write.scans.as_slice());
        while !scans.is_empty() {
            let (count, batch) = self.pen.coder.encode(sequence, scans);
            for record in ring::records(self.pen.epoch, &batch) {
                database.ring.put(&self.pen.slot.to_be_bytes(), &record)?;
                self.pen.slot += 1;
            }
            let (coded, rest) = scans.split_at(count);
            sequence += count as u64;
            self.written = Durable { sequence: sequence - 1, through: coded.last().map(|scan| scan.at) };
            scans = rest;
        }
        Ok(())
    }

    fn seal(&mut self, number: u32, epoch: &Epoch, names: &NewNames) -> Result<(), StoreError> {
        let Some(extent) = epoch.extent() else { return Ok(()) };
        let shared = Arc::clone(&self.shared);
        let marker = shared.with_database(|database| {
            write_names(database, names)?;
            sealed::seal(database, number, epoch, extent, names.counts)
        })?;
        self.damage_strikes = 0;
        self.written = Durable { sequence: extent.last_sequence, through: Some(extent.newest) };
        let disk_bytes = directory::database_bytes(&self.directory.database());
        let mut state = shared.state();
        state.names_are_durable(names.counts);
        state.sealed(number, &marker);
        let expired = retention::expired(&state.index, &self.settings, extent.last, disk_bytes);
        for number in &expired {
            state.expire(*number);
        }
        drop(state);
        shared.tell();
        self.directory.note_last_sequence(extent.last_sequence);
        self.directory.fill_reserve();
        self.watch_blobs();
        shared
            .with_database(|database| expired.iter().try_for_each(|number| sealed::remove(database, *number)))
    }

    /// With a file in `blobs/` a full disk could cost the whole database.
    fn watch_blobs(&self) {
        let blobs = directory::blob_files(&self.directory.database());
        if blobs > 0 {
            log::error!("store: {blobs} files in the database's blobs directory, where there must be none");
        }
    }

    /// Lets go of the database, whose first error sticks, to open it again after a pause.
    fn fail(&mut self, error: &StoreError) {
        log::error!("store: {error}");
        self.damage_strikes += u32::from(matches!(error, StoreError::Damaged { .. }));
        self.shared.close_database();
        let retry_at = Instant::now() + Duration::from_millis(limits::STORE_REOPEN_PAUSE_MS);
        self.shared.state().fail(error.to_string(), retry_at);
        self.shared.tell();
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.directory.give_reserve();
        let mut damage = Vec::new();
        if self.damage_strikes >= DAMAGE_STRIKES_MAX {
            damage.push(replace(&self.directory, "it failed again and again")?);
        }
        let database = open_or_replace(&self.directory, &mut damage)?;
        let mut index = self.shared.state().index.clone();
        if damage.is_empty() {
            damage = recovery::reconcile(&database, &mut index)?;
        } else {
            index.clear();
        }
        self.damage_strikes = 0;
        self.pen = RingPen::default();
        self.shared.open_database(database);
        self.shared.state().recover(index, damage);
        self.shared.tell();
        log::info!("store: the database takes writes again");
        Ok(())
    }
}

/// Names are on the medium before anything that is stored under them.
fn write_names(database: &Database, names: &NewNames) -> Result<(), StoreError> {
    if names.series.is_empty() && names.groups.is_empty() {
        return Ok(());
    }
    for (id, stored) in &names.series {
        database.series.put(&id.0.to_be_bytes(), stored)?;
    }
    for (id, stored) in &names.groups {
        database.groups.put(&id.0.to_be_bytes(), stored)?;
    }
    database.sync()
}

/// Opens the database; one that is damaged is moved aside and noted, and an empty one is begun.
pub(super) fn open_or_replace(
    directory: &Directory,
    damage: &mut Vec<String>,
) -> Result<Database, StoreError> {
    match Database::open(&directory.database()) {
        Err(StoreError::Damaged { reason, .. }) => {
            damage.push(replace(directory, &reason)?);
            Database::open(&directory.database())
        }
        other => other,
    }
}

/// Opens the database and reads what it holds; one that is damaged is moved aside and noted, and an
/// empty one is begun.
pub(super) fn open_and_recover(
    directory: &Directory,
    damage: &mut Vec<String>,
) -> Result<(Database, Recovered), StoreError> {
    let attempt = |damage: &mut Vec<String>| {
        let mut database = open_or_replace(directory, damage)?;
        let recovered = recovery::recover(&mut database)?;
        Ok((database, recovered))
    };
    let outcome = match attempt(damage) {
        // sled needs some space to open.
        Err(StoreError::Failing { .. }) => {
            directory.give_reserve();
            attempt(damage)
        }
        other => other,
    };
    match outcome {
        Err(StoreError::Damaged { reason, .. }) => {
            damage.push(replace(directory, &reason)?);
            attempt(damage)
        }
        other => other,
    }
}

/// Moves the database aside; gives the note of it.
pub(super) fn replace(directory: &Directory, reason: &str) -> Result<String, StoreError> {
    let aside = directory.move_aside()?;
    Ok(format!("the database was damaged ({reason}); it lies in {} and a new one is begun", aside.display()))
}
