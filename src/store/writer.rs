//! The one thread that writes: scans into the ring, full epochs into their period, and nothing is
//! called durable before it is on the medium.

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::disk::salvage;
use super::periods::retention;
use super::ring;
use super::rows::sums;
use crate::config::site::StoreSettings;
use crate::limits;
use crate::model::gap::GapCause;
use crate::store::disk::block_device::DeviceWatch;
use crate::store::disk::database::Database;
use crate::store::disk::directory::{self, Directory};
use crate::store::disk::engine;
use crate::store::epoch::{Epoch, Extent};
use crate::store::error::StoreError;
use crate::store::job::{Job, NewNames, RingPart, Write};
use crate::store::names_file::NamesFile;
use crate::store::periods::Periods;
use crate::store::periods::contents::Listing;
use crate::store::periods::marker::Marker;
use crate::store::periods::period::Period;
use crate::store::periods::sealed::{SealedEpoch, Sealing};
use crate::store::recovery::{self, Recovered, RingPen};
use crate::store::rows::quarters::Quarter;
use crate::store::shared::Shared;
use crate::store::state::Phase;
use crate::store::status::Durable;
use crate::time::UtcTime;

/// Failures in a row that speak of damage before the database is moved aside.
const DAMAGE_STRIKES_MAX: u32 = 3;

/// What the writer thread owns.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) directory: Directory,
    pub(super) settings: StoreSettings,
    pub(super) pen: RingPen,
    /// The epoch that is being sealed.
    pub(super) sealing: Option<Sealing>,
    /// The period that is searched for its contents.
    pub(super) listing: Option<Listing>,
    /// The last scan in the ring, durable with the next sync.
    pub(super) written: Durable,
    /// Failures in a row that speak of damage.
    pub(super) damage_strikes: u32,
    /// The device under the data directory.
    pub(super) device: DeviceWatch,
}

impl Writer {
    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        engine::count_calls_of_this_thread(self.shared.steps.clone());
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
        self.sealing = None;
        self.shared.close_databases();
        let Self { shared, directory, .. } = self;
        directory.note_last_sequence(shared.state().durable.sequence);
        directory.leave();
        // The lock goes before those who wait are told, so that they can open the store again.
        drop(directory);
        shared.state().phase = Phase::Closed;
        shared.tell();
    }

    fn work(&mut self, job: Job) -> Result<(), StoreError> {
        match job {
            Job::Seal { number, epoch, names, whole } => self.seal(number, epoch, &names, whole),
            Job::Write(write) => self.write(&write),
            Job::Check { number } => self.check(number),
            Job::List { first } => {
                self.list(first);
                Ok(())
            }
            Job::Salvage { number } => self.salvage(number),
            Job::Sum { quarter } => self.sum_up(quarter),
            Job::Reopen => self.reopen(),
            Job::Stop => Ok(()),
        }
    }

    fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        shared.with_database(|database| {
            self.write_names(database, &write.names)?;
            for (tree, changes) in &write.changes {
                database.write(*tree, changes)?;
            }
            for part in &write.parts {
                self.write_ring(database, part)?;
            }
            if write.sync { database.sync() } else { Ok(()) }
        })?;
        self.damage_strikes = 0;
        let through = self.written.through;
        let look = through.and_then(|at| Some((self.device.look(Instant::now())?, at)));
        let mut state = shared.state();
        state.names_are_durable(write.names.counts);
        if let Some((counter, at)) = look {
            let day = state.profiles.local_day(at);
            state.ledgers.flash.take(counter, day);
        }
        if write.sync {
            state.scans_are_durable(self.written, write.flushes);
        }
        state.ring_has(self.pen.epoch, self.pen.slot);
        drop(state);
        shared.tell();
        Ok(())
    }

    fn write_ring(&mut self, database: &Database, part: &RingPart) -> Result<(), StoreError> {
        if self.pen.epoch != part.epoch {
            self.pen = RingPen { epoch: part.epoch, ..RingPen::default() };
        }
        let (mut sequence, mut scans) = (part.first_sequence, part.scans.as_slice());
        while !scans.is_empty() {
            let (count, batch) = self.pen.coder.encode(sequence, scans);
            for record in ring::records(self.pen.epoch, &batch) {
                database.ring.put(&ring::key(self.pen.epoch, self.pen.slot), &record)?;
                self.pen.slot += 1;
            }
            let (coded, rest) = scans.split_at(count);
            sequence += count as u64;
            self.written = Durable { sequence: sequence - 1, through: coded.last().map(|scan| scan.at) };
            scans = rest;
        }
        Ok(())
    }

    /// Names are on the medium before anything that is stored under them, beside the database too.
    fn write_names(&self, database: &Database, names: &NewNames) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        let file = NamesFile::of(self.directory.path());
        if names.are_all() { file.replace(names) } else { file.append(names) }?;
        for (tree, key, value) in names.records() {
            if let Some(table) = database.table(tree) {
                table.put(&key, &value)?;
            }
        }
        database.sync()
    }

    /// Writes the next step of an epoch, or all that is left of it.
    fn seal(&mut self, number: u32, epoch: Epoch, names: &NewNames, whole: bool) -> Result<(), StoreError> {
        let begun = self.sealing.take().filter(|sealing| sealing.number == number);
        let mut sealing = begun.map_or_else(|| self.begin_sealing(number, epoch, names), Ok)?;
        loop {
            if let Some(marker) = sealing.step(names.counts)? {
                return self.sealed(number, &marker);
            }
            if !whole {
                self.sealing = Some(sealing);
                self.shared.state().step_is_written();
                return Ok(());
            }
        }
    }

    fn begin_sealing(&self, number: u32, epoch: Epoch, names: &NewNames) -> Result<Sealing, StoreError> {
        self.shared.with_database(|database| self.write_names(database, names))?;
        self.shared.state().names_are_durable(names.counts);
        let newest = epoch.extent().map_or_else(UtcTime::default, |extent| extent.newest);
        let period = self.period_for(number, &epoch, newest)?;
        Sealing::begin(number, epoch, period)
    }

    /// The epoch is in its period; from here on it counts as sealed, and its ring can be used again.
    fn sealed(&mut self, number: u32, marker: &Marker) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        shared.with_database(|database| {
            database.epochs.put(&number.to_be_bytes(), &marker.to_bytes())?;
            database.sync()
        })?;
        self.damage_strikes = 0;
        let extent = marker.extent;
        if extent.last_sequence > self.written.sequence {
            self.written = Durable { sequence: extent.last_sequence, through: Some(extent.newest) };
        }
        shared.state().sealed(number, marker);
        shared.tell();
        self.directory.note_last_sequence(shared.state().durable.sequence);
        self.directory.fill_reserve();
        self.watch_blobs();
        shared.periods.release(number);
        self.remove_expired(extent.newest)?;
        sums::remove_expired(&shared, &self.settings, extent.newest)
    }

    /// The period that the next epoch is written to, with room made for it.
    fn period_for(&self, number: u32, epoch: &Epoch, now: UtcTime) -> Result<Arc<Period>, StoreError> {
        let periods = &self.shared.periods;
        let is_full = periods.firsts().last().is_none_or(|first| {
            let bytes = periods.bytes(*first);
            retention::is_full(&self.settings, &self.shared.state().index, *first, bytes)
        });
        if is_full {
            let over = periods.firsts().pop();
            periods.begin(number)?;
            self.shared.state().are_over(over);
            self.remove_expired(now)?;
        }
        self.make_room(epoch.bytes() as u64)?;
        periods.holding(number)
    }

    /// Removes what is oldest until `epoch_bytes` can be sealed without crossing the limit.
    fn make_room(&self, epoch_bytes: u64) -> Result<(), StoreError> {
        let data = self.directory.path();
        loop {
            if retention::has_room(&self.settings, directory::tree_bytes(data), epoch_bytes) {
                return Ok(());
            }
            if directory::remove_damaged(data) {
                continue;
            }
            // Quarter hours may take half of it; beyond that, and before them, the oldest readings go.
            let quarters = self.shared.quarters.firsts();
            let quarter_bytes: u64 = quarters.iter().map(|first| self.shared.quarters.bytes(*first)).sum();
            let firsts = self.shared.periods.firsts();
            match (firsts.as_slice(), quarters.as_slice()) {
                (_, [oldest, _, ..]) if quarter_bytes > retention::size_max_bytes(&self.settings) / 2 => {
                    self.shared.quarters.remove(*oldest)?;
                }
                ([oldest, next, ..], _) => self.remove_period(*oldest..*next, Some(GapCause::Quota))?,
                (_, [oldest, _, ..]) => self.shared.quarters.remove(*oldest)?,
                _ => return Ok(()),
            }
        }
    }

    /// Removes the oldest period when its readings have been kept long enough; the newest one always
    /// stays. One goes at a time: a clock that for a moment runs years ahead must not cost the whole
    /// history.
    fn remove_expired(&self, now: UtcTime) -> Result<(), StoreError> {
        let firsts = self.shared.periods.firsts();
        let [oldest, next, ..] = firsts.as_slice() else { return Ok(()) };
        let numbers = *oldest..*next;
        let is_expired = {
            let state = self.shared.state();
            let of_period = state.index.iter().filter(|epoch| numbers.contains(&epoch.number));
            retention::is_expired(&self.settings, now, of_period)
        };
        if is_expired { self.remove_period(numbers, None) } else { Ok(()) }
    }

    /// Removes the period of the epochs `numbers`: first its promises, then its readings. They are
    /// missed where they go before their time, for this `cause`.
    fn remove_period(&self, numbers: Range<u32>, cause: Option<GapCause>) -> Result<(), StoreError> {
        let first = numbers.start;
        let mut state = self.shared.state();
        let gone = state.expire(numbers);
        if let Some(cause) = cause {
            state.note_lost(Extent::around(gone.iter().map(|epoch| epoch.extent)), cause);
        }
        drop(state);
        self.shared.with_database(|database| {
            for epoch in &gone {
                database.epochs.remove(&epoch.number.to_be_bytes())?;
            }
            database.sync()
        })?;
        self.shared.periods.remove(first)
    }

    /// Looks whether an epoch is what its marker was written for. One that is not is salvaged; what is
    /// missing even after that is noted.
    fn check(&mut self, number: u32) -> Result<(), StoreError> {
        let outcome = self.shared.periods.holding(number).and_then(|period| {
            let epoch = SealedEpoch { period, number };
            let marker = epoch.marker()?;
            marker.map_or(Ok(false), |marker| epoch.is_whole(&marker))
        });
        let damage = match outcome {
            Ok(true) => None,
            Ok(false) => Some(format!("blocks of epoch {number} are missing or changed")),
            Err(error @ StoreError::Damaged { .. }) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        match damage.filter(|_| self.shared.state().index.contains(number)) {
            None => self.shared.state().is_whole(number),
            Some(damage) => self.salvage_or(number, damage)?,
        }
        self.shared.note_rebuilt();
        Ok(())
    }

    /// Searches a period for its contents, a step further. Without them it can be read as well.
    fn list(&mut self, first: u32) {
        match self.list_further(first) {
            Ok(true) => self.shared.state().is_listed(first),
            Ok(false) => {}
            Err(error) => {
                log::warn!("store: the period from epoch {first} on gets no contents: {error}");
                self.listing = None;
                self.shared.state().is_listed(first);
            }
        }
    }

    /// `true` when all of it has been searched.
    fn list_further(&mut self, first: u32) -> io::Result<bool> {
        let mut listing = match self.listing.take().filter(|listing| listing.first == first) {
            Some(listing) => listing,
            None => Listing::begin(first, self.shared.periods.directory_of(first))?,
        };
        let Some(contents) = listing.step()? else {
            self.listing = Some(listing);
            return Ok(false);
        };
        let disk_bytes = directory::tree_bytes(self.directory.path());
        if retention::has_room(&self.settings, disk_bytes, contents.len() as u64) {
            listing.write(&contents)?;
        }
        Ok(true)
    }

    /// Sums up a quarter hour. What stands in its way is no reason to take no readings.
    fn sum_up(&self, quarter: Quarter) -> Result<(), StoreError> {
        let was_failing = self.shared.state().failing().is_some();
        let outcome = sums::sum_up(&self.shared, quarter);
        let mut state = self.shared.state();
        match outcome {
            Err(StoreError::Failing { .. }) if was_failing => state.quarters.put_back(quarter),
            Err(error @ StoreError::Failing { .. }) => {
                state.quarters.put_back(quarter);
                return Err(error);
            }
            Err(error) => {
                state.waiting_rows.settle(quarter);
                state.note_damage(format!("a quarter hour is not summed up: {error}"));
            }
            Ok(()) if !was_failing => state.waiting_rows.settle(quarter),
            Ok(()) => {}
        }
        Ok(())
    }

    fn salvage(&mut self, number: u32) -> Result<(), StoreError> {
        self.salvage_or(number, format!("epoch {number} does not read back"))
    }

    /// Rebuilds the period of an epoch and has all of it checked again; when that has been done before,
    /// notes `damage`.
    fn salvage_or(&mut self, number: u32, damage: String) -> Result<(), StoreError> {
        (self.sealing, self.listing) = (None, None);
        match self.shared.periods.salvage(number) {
            Ok(true) => self.shared.note_rebuilt(),
            Ok(false) => self.shared.state().lacks_readings(number, damage),
            // Somebody reads in it: the next check, or the next question, comes back to it.
            Err(StoreError::Failing { .. }) => self.shared.state().check_again(number),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// With a file in `blobs/` a full disk could cost the whole database.
    fn watch_blobs(&self) {
        let blobs = directory::blob_files(self.directory.path());
        if blobs > 0 {
            log::error!("store: {blobs} files in blobs directories, where there must be none");
        }
    }

    /// The databases are opened anew after a pause, because their first error sticks. Until then they
    /// are kept for those who read.
    fn fail(&mut self, error: &StoreError) {
        log::error!("store: {error}");
        self.damage_strikes += u32::from(matches!(error, StoreError::Damaged { .. }));
        self.sealing = None;
        self.shared.state().fail(error.to_string(), retry_at(Instant::now()));
        self.shared.tell();
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.directory.give_reserve();
        self.directory.probe()?;
        self.shared.close_databases();
        if self.shared.state().never_opened() {
            return self.open_late();
        }
        let mut damage = Vec::new();
        let database = self.open_or_replace(&mut damage)?;
        let mut index = self.shared.state().index.clone();
        damage.extend(recovery::reconcile(&database, &mut index)?);
        self.shared.open_database(database);
        self.shared.state().recover(index, damage);
        self.works_again(RingPen::default());
        Ok(())
    }

    /// Opens the databases for the first time, after a start without.
    fn open_late(&mut self) -> Result<(), StoreError> {
        let (database, mut recovered) = open_databases(&self.directory, &self.shared.periods)?;
        if !self.shared.state().names.begin_with(&recovered.names) {
            engine::close(database);
            let path = self.directory.database();
            let aside = directory::move_aside(self.directory.path(), &path)?;
            let reason = format!("the database had other names and was moved to {}", aside.display());
            return Err(StoreError::Failing { reason });
        }
        let pen = recovered.pen.take();
        self.shared.open_database(database);
        self.shared.state().adopt(recovered, pen.as_ref());
        self.works_again(pen.unwrap_or_default());
        Ok(())
    }

    fn works_again(&mut self, pen: RingPen) {
        self.damage_strikes = 0;
        self.pen = pen;
        self.shared.tell();
        log::info!("store: the database takes writes again");
    }

    /// Opens the main database; one that is damaged, or speaks of damage again and again, is moved
    /// aside and salvaged.
    fn open_or_replace(&self, damage: &mut Vec<String>) -> Result<Database, StoreError> {
        let path = self.directory.database();
        let reason = if self.damage_strikes >= DAMAGE_STRIKES_MAX {
            "it failed again and again".to_owned()
        } else {
            match Database::open(&path) {
                Err(StoreError::Damaged { reason, .. }) => reason,
                other => return other,
            }
        };
        let (database, note) = salvage::main(self.directory.path(), &path, &reason)?;
        damage.push(note);
        Ok(database)
    }
}

/// When databases that take no writes are tried again.
pub(super) fn retry_at(now: Instant) -> Instant {
    now + Duration::from_millis(limits::STORE_REOPEN_PAUSE_MS)
}

/// Opens the databases and reads what they hold; on a full medium with the reserve given back.
pub(super) fn open_databases(
    directory: &Directory,
    periods: &Periods,
) -> Result<(Database, Recovered), StoreError> {
    match recovery::open(directory, periods) {
        // sled needs some space to open.
        Err(StoreError::Failing { .. }) => {
            directory.give_reserve();
            recovery::open(directory, periods)
        }
        other => other,
    }
}
