//! Power cuts of the flashed image: whatever the moment, the box is back in time, and what it has called durable is there.
//!
//! `CUTS` says how many times the power goes; each third time it goes once more while the box starts. A hundred take half an hour.

use std::path::Path;
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::image::{Image, set_up};
use super::lossy_disk::{Flushes, Loss, LossyDisk};
use super::machine::{Board, Disk, Machine};
use crate::harness::api::Api;
use crate::harness::ledger::Acknowledged;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::random::Random;
use crate::harness::site;

/// Power cuts of a running box where nobody says otherwise.
const CUTS: u64 = 5;
/// How long the box may take from its first instruction until it answers, by its own clock.
const BOOT_BUDGET: Duration = Duration::from_secs(30);
/// How long we wait for that, on a machine that may be busy with other things.
const PATIENCE: Duration = Duration::from_mins(4);
/// The power goes within this after the box answers again.
const RUN_MAX: Duration = Duration::from_secs(6);
/// Or within so many writes, of which there are two or three a second.
const WRITES_MAX: u64 = 8;
/// The clock of the box is set from one that knows only whole seconds, and readings come once a second.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(3);
/// Where the interface is found inside.
const API_PORT: u16 = 8080;
/// The host, as the box sees it.
const HOST: &str = "10.0.2.2";

/// A box with meters on its network.
struct TheBox {
    machine: Machine,
    api: Api,
    /// The longest that it took to start, by its own clock.
    slowest_start: Duration,
    _meters: MeterServer,
}

impl TheBox {
    fn start(flushes: Flushes, dir: &Path) -> Self {
        let image = Image::of("virt");
        let fleet = Fleet::counting(4, 10, dir);
        let meters = MeterServer::start(&fleet, dir);
        let card = image.card(dir);
        set_up(&card, &site_of(&fleet), dir);
        let disk = Disk::Lossy(LossyDisk::serve(&card, flushes));
        let machine = Machine::start(Board::Virt, &image.kernel(), disk, &[API_PORT], dir);
        let api = Api::new(machine.port(API_PORT), site::TOKEN);
        let mut started = Self { machine, api, slowest_start: Duration::ZERO, _meters: meters };
        started.wait_until_it_answers();
        started
    }

    /// # Panics
    /// When it takes longer than its budget by its own clock.
    fn wait_until_it_answers(&mut self) {
        let printed = self.machine.expect("API on", PATIENCE);
        let uptime = uptime_of_last_line(&printed);
        assert!(uptime < BOOT_BUDGET, "it was up only after {} s", uptime.as_secs_f64());
        self.slowest_start = self.slowest_start.max(uptime);
        let api = self.api.clone();
        self.machine.wait("an answer of /healthz", PATIENCE, |_| api.health());
    }

    /// Takes the power at `moment`, while the interface is asked for all that it calls durable.
    fn cut_while_asking(&mut self, from: &str, moment: Moment, loss: Loss) -> Acknowledged {
        let mut acknowledged = Acknowledged::nothing_since(from);
        let machine = &mut self.machine;
        thread::scope(|scope| {
            scope.spawn(move || cut(machine, moment, loss));
            acknowledged.write_down(&self.api);
        });
        acknowledged
    }

    fn switch_on(&mut self) {
        self.machine.switch_on();
        self.wait_until_it_answers();
    }
}

/// When the power goes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    After(Duration),
    AfterWrites(u64),
}

impl Moment {
    fn at_any_time(random: &mut Random) -> Self {
        Self::After(Duration::from_millis(random.below(u64::try_from(RUN_MAX.as_millis()).unwrap())))
    }

    fn between_any_writes(random: &mut Random) -> Self {
        Self::AfterWrites(1 + random.below(WRITES_MAX))
    }
}

fn cut(machine: &mut Machine, moment: Moment, loss: Loss) {
    match moment {
        Moment::After(run) => {
            thread::sleep(run);
            machine.cut(loss);
        }
        Moment::AfterWrites(writes) => machine.cut_after(writes, RUN_MAX, loss),
    }
}

fn any_loss(random: &mut Random) -> Loss {
    if random.below(3) == 0 { Loss::All } else { Loss::Some(random.below(u64::MAX)) }
}

/// The bare site and the meters, both as seen from inside an emulator.
fn site_of(fleet: &Fleet) -> String {
    let bare = site::bare_site_for_all(API_PORT, "PT1S");
    bare + &fleet.site("PT1S").replace("127.0.0.1", HOST)
}

/// When the kernel printed the last line: `[    4.083414] ...`.
fn uptime_of_last_line(printed: &str) -> Duration {
    let line = printed.lines().last().unwrap_or_default();
    let seconds = line.trim_start_matches('[').split(']').next().and_then(|time| time.trim().parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or_else(|| panic!("no time stands in {line:?}")))
}

fn cuts() -> u64 {
    std::env::var("CUTS").map_or(CUTS, |cuts| cuts.parse().unwrap())
}

#[test]
fn power_cuts_at_any_moment_lose_nothing_durable_and_each_is_told_as_a_gap() {
    let dir = TempDir::new().unwrap();
    let mut random = Random::new(31);
    let mut board = TheBox::start(Flushes::Kept, dir.path());
    let began = Timestamp::now().to_string();
    // Nothing is missing before there is anything.
    let api = board.api.clone();
    board.machine.wait("the first durable reading", PATIENCE, |_| api.health()?.durable_through);
    let mut from = began.clone();
    let (mut all, mut cut_at) = (Vec::new(), Vec::new());
    for number in 0..cuts() {
        let moment = match number % 2 {
            0 => Moment::between_any_writes(&mut random),
            _ => Moment::at_any_time(&mut random),
        };
        // The first one takes all that it can, so that something is lost for sure.
        let loss = if number == 0 { Loss::All } else { any_loss(&mut random) };
        let acknowledged = board.cut_while_asking(&from, moment, loss);
        cut_at.push(Timestamp::now());
        if number % 3 == 2 {
            // Once more before it is up again.
            board.machine.switch_on();
            cut(&mut board.machine, Moment::between_any_writes(&mut random), any_loss(&mut random));
            cut_at.push(Timestamp::now());
        }
        board.switch_on();
        acknowledged.check(&board.api).unwrap();
        acknowledged.through().clone_into(&mut from);
        all.push(acknowledged);
    }
    // What survived the first cut must also have survived the last.
    for acknowledged in &all {
        acknowledged.check(&board.api).unwrap();
    }
    let found_again: usize = all.iter().map(Acknowledged::count).sum();
    let gone = board.machine.lossy_disk().unwrap().counts().bytes_lost;
    println!(
        "{} cuts: {found_again} readings found again; the disk lost {gone} bytes; the slowest start took {:.1} s",
        cut_at.len(),
        board.slowest_start.as_secs_f64()
    );
    assert!(found_again > 0, "no reading was acknowledged: that says nothing");
    assert!(gone > 0, "the disk had nothing to lose: that says nothing");

    for cut in cut_at {
        let [start, end] = [cut - CLOCK_SLACK, cut + CLOCK_SLACK].map(|time| time.to_string());
        let what = format!("a gap that tells of the cut at {cut}");
        board.machine.wait(&what, PATIENCE, |_| board.api.tells_of_power_cut(&start, &end).then_some(()));
    }
}

#[test]
fn on_a_disk_that_ignores_flushes_a_power_cut_loses_what_was_durable() {
    let dir = TempDir::new().unwrap();
    let mut board = TheBox::start(Flushes::Ignored, dir.path());
    let began = Timestamp::now().to_string();
    let mut acknowledged = Acknowledged::nothing_since(&began);
    let machine = &mut board.machine;
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(2 * RUN_MAX);
            machine.cut(Loss::All);
        });
        acknowledged.write_down(&board.api);
    });
    board.switch_on();
    assert!(acknowledged.count() > 0, "no reading was acknowledged: that says nothing");
    acknowledged.check(&board.api).expect_err("nothing is missing: these cuts show nothing");
}
