//! Power cuts of an update, in each of its steps: while it comes in, at the last write that puts it on trial, when the boot
//! loader counts the tries, in the trial, and at the confirmation. Whatever the moment, the box starts a slot that is whole. And
//! updates that a box does not take.
//!
//! `UPDATES` says how many updates are brought, each with five cuts and from the slot that the last one confirmed.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::boot_state::BootState;
use super::image::{Image, set_up, trial_key};
use super::lossy_disk::{Flushes, Loss, LossyDisk};
use super::machine::{Board, Disk, Machine, Pace};
use super::technician::{CONSOLE, choose_password, wait_for_console};
use super::tool::run;
use crate::harness::api::Api;
use crate::harness::meters::{Fleet, MeterServer};
use crate::harness::random::Random;
use crate::harness::site;

/// Updates where nobody says otherwise.
const UPDATES: u64 = 1;
/// How long we wait for the box, on a machine that may be busy with other things. A trial takes a minute.
const PATIENCE: Duration = Duration::from_mins(5);
/// When the writes that a cut waits for do not come.
const WRITES_PATIENCE: Duration = Duration::from_secs(10);
/// An update is so many writes, the larger part of them of a MiB.
const WRITES_MAX: u64 = 40;
/// Bytes of an update that are brought together.
const PIECE_BYTES: usize = 48 * 1_024;
/// Tries that a trial has.
const TRIES: u64 = 3;
/// Where the interface is found inside.
pub(super) const API_PORT: u16 = 8080;
/// The host, as the box sees it.
const HOST: &str = "10.0.2.2";
/// The token of whoever may bring an update.
pub(super) const ADMINISTRATOR: &str = "an administrator of the tests";

/// A box with a boot loader and one slot that is whole, and an update that holds the same.
struct TheBox {
    image: Image,
    card: PathBuf,
    bundle: Vec<u8>,
    machine: Machine,
    api: Api,
    random: Random,
}

impl TheBox {
    fn start(flushes: Flushes, random: Random, dir: &Path) -> Self {
        Self::start_with("", flushes, random, dir)
    }

    /// The same with meters.
    fn start_with(meters: &str, flushes: Flushes, random: Random, dir: &Path) -> Self {
        let image = Image::of("virt");
        let bundle = image.update(dir);
        let card = image.card(dir);
        set_up(&card, &(site_with_administrator() + meters), dir);
        image.spoil(&card, "b");
        let disk = Disk::Lossy(LossyDisk::serve(&card, flushes));
        let machine = Machine::start(Board::Virt, &image.boot_loader(), disk, &[API_PORT], dir);
        let api = Api::new(machine.port(API_PORT), ADMINISTRATOR);
        Self { image, card, bundle, machine, api, random }
    }

    /// Waits until it answers; gives the slot that runs and how its update stands.
    fn up(&mut self) -> (String, String) {
        let api = self.api.clone();
        self.machine.wait("an answer of /healthz", PATIENCE, |_| api.health());
        self.machine.wait("word of its slots", PATIENCE, |_| api.update().ok());
        self.stands()
    }

    fn stands(&self) -> (String, String) {
        let told = self.api.update().unwrap();
        let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        (word("slot"), word("state"))
    }

    fn wait_until_it_is(&mut self, state: &str) {
        let api = self.api.clone();
        let is_so = || (api.update().ok()?["state"] == state).then_some(());
        self.machine.wait(&format!("the update to be {state}"), PATIENCE, |_| is_so());
    }

    /// Waits until a meter is read, whatever the box thinks of its clock.
    fn wait_for_a_reading(&mut self) {
        let api = self.api.clone();
        let is_read = || api.dynamic().values().any(|served| !served.value.is_null()).then_some(());
        self.machine.wait("a value", PATIENCE, |_| is_read());
    }

    /// Where the last piece begins.
    fn last_piece(&self) -> usize {
        (self.bundle.len() - 1) / PIECE_BYTES * PIECE_BYTES
    }

    fn any_loss(&mut self) -> Loss {
        if self.random.below(3) == 0 { Loss::All } else { Loss::Some(self.random.below(u64::MAX)) }
    }

    /// Brings a part of the update, and takes the power after so many writes of it.
    fn cut_while_bringing(&mut self, part: Range<usize>, writes: u64) {
        let loss = self.any_loss();
        let machine = &mut self.machine;
        thread::scope(|scope| {
            scope.spawn(|| machine.cut_after(writes, WRITES_PATIENCE, loss));
            bring(&self.api, &self.bundle, part);
        });
    }

    /// What the card says after a cut.
    ///
    /// # Panics
    /// When it names a slot to be started that is not whole.
    fn card_state(&self) -> BootState {
        let state = BootState::of(&self.card);
        for slot in [Some(state.slot()), state.trial()].into_iter().flatten() {
            assert!(self.image.is_whole_in(&self.card, slot), "slot {slot} is not whole: {state:?}");
        }
        println!("{state}; {:?}", self.machine.lossy_disk().map(LossyDisk::counts));
        state
    }
}

/// Brings the pieces of the update that begin in a part of it, until the box is gone.
fn bring(api: &Api, bundle: &[u8], part: Range<usize>) {
    let piece = |offset: usize| &bundle[offset..bundle.len().min(offset + PIECE_BYTES)];
    let mut offsets = part.step_by(PIECE_BYTES);
    while offsets.next().is_some_and(|offset| api.bring_update(offset, piece(offset)).is_ok()) {}
}

/// A site on which an update may be brought and asked for.
pub(super) fn site_with_administrator() -> String {
    let bare = site::bare_site_for_all(API_PORT, "PT1S");
    let token = format!("{:x}", Sha256::digest(ADMINISTRATOR));
    format!(
        "{bare}\n[[platform]]\nid = \"administrator\"\ntoken_sha256 = \"{token}\"\nscopes = [\"read\", \"admin\"]\n"
    )
}

fn other(slot: &str) -> &'static str {
    if slot == "a" { "b" } else { "a" }
}

fn updates() -> u64 {
    std::env::var("UPDATES").map_or(UPDATES, |updates| updates.parse().unwrap())
}

#[test]
fn power_cuts_in_every_step_of_an_update_leave_a_slot_that_starts() {
    let dir = TempDir::new().unwrap();
    let mut board = TheBox::start(Flushes::Kept, Random::new(41), dir.path());
    let mut old = "a";
    assert_eq!(board.up().0, old);
    for _ in 0..updates() {
        while_it_comes_in(&mut board, old);
        at_the_last_write(&mut board, old);
        when_tries_are_counted(&mut board, old);
        in_the_trial(&mut board, old);
        at_the_confirmation(&mut board, old);
        old = other(old);
    }
}

/// The old slot goes on as if nothing had come.
fn while_it_comes_in(board: &mut TheBox, old: &str) {
    let writes = 1 + board.random.below(WRITES_MAX);
    board.cut_while_bringing(0..board.last_piece(), writes);
    let state = board.card_state();
    assert_eq!((state.slot(), state.trial()), (old, None));
    assert!(!board.image.is_whole_in(&board.card, other(old)), "all of it has come");
    board.machine.switch_on();
    assert_eq!(board.up(), (old.to_owned(), "idle".to_owned()));
}

/// It is on trial or it is not; in the end, it is.
fn at_the_last_write(board: &mut TheBox, old: &str) {
    let last = board.last_piece();
    bring(&board.api, &board.bundle, 0..last);
    let writes = 1 + board.random.below(3);
    board.cut_while_bringing(last..board.bundle.len(), writes);
    let state = board.card_state();
    assert_eq!(state.slot(), old);
    if state.trial().is_none() {
        board.machine.switch_on();
        assert_eq!(board.up(), (old.to_owned(), "idle".to_owned()));
        bring(&board.api, &board.bundle, 0..board.bundle.len());
        board.wait_until_it_is("ready");
        board.machine.cut(Loss::All);
    }
    let state = board.card_state();
    assert_eq!((state.slot(), state.trial(), state.tries()), (old, Some(other(old)), TRIES));
}

/// A try is counted or it is not, and the trial goes on.
fn when_tries_are_counted(board: &mut TheBox, old: &str) {
    let loss = board.any_loss();
    board.machine.switch_on();
    board.machine.cut_after(1, WRITES_PATIENCE, loss);
    let state = board.card_state();
    assert_eq!((state.slot(), state.trial()), (old, Some(other(old))));
    assert!([TRIES, TRIES - 1].contains(&state.tries()), "{state:?}");
}

/// The boot loader takes one try for each start.
fn in_the_trial(board: &mut TheBox, old: &str) {
    let before = board.card_state().tries();
    board.machine.switch_on();
    assert_eq!(board.up(), (other(old).to_owned(), "trial".to_owned()));
    let (writes, loss) = (1 + board.random.below(6), board.any_loss());
    board.machine.cut_after(writes, WRITES_PATIENCE, loss);
    let state = board.card_state();
    assert_eq!((state.slot(), state.trial(), state.tries()), (old, Some(other(old)), before - 1));
}

/// What has been told as confirmed stays so.
fn at_the_confirmation(board: &mut TheBox, old: &str) {
    let new = other(old);
    board.machine.switch_on();
    assert_eq!(board.up(), (new.to_owned(), "trial".to_owned()));
    board.wait_until_it_is("confirmed");
    board.machine.cut(Loss::All);
    let state = board.card_state();
    assert_eq!((state.slot(), state.trial()), (new, None));
    board.image.spoil(&board.card, old);
    board.machine.switch_on();
    assert_eq!(board.up(), (new.to_owned(), "idle".to_owned()));
}

#[test]
fn on_a_disk_that_ignores_flushes_a_power_cut_takes_back_an_update_that_was_ready() {
    let dir = TempDir::new().unwrap();
    let mut board = TheBox::start(Flushes::Ignored, Random::new(42), dir.path());
    board.up();
    bring(&board.api, &board.bundle, 0..board.bundle.len());
    board.wait_until_it_is("ready");
    board.machine.cut(Loss::All);
    assert_eq!(board.card_state().trial(), None, "nothing is missing: these cuts show nothing");
}

#[test]
fn an_update_whose_system_panics_is_tried_three_times_and_the_old_one_comes_back() {
    let dir = TempDir::new().unwrap();
    let mut board = TheBox::start(Flushes::Kept, Random::new(43), dir.path());
    assert_eq!(board.up().0, "a");
    board.bundle = board.image.update_that_panics(dir.path());
    bring(&board.api, &board.bundle, 0..board.bundle.len());
    board.wait_until_it_is("ready");
    board.machine.cut(Loss::All);
    board.machine.switch_on();
    for left in ["2", "1", "0"] {
        board.machine.expect(&format!("cems: trial of slot b, {left} tries left"), PATIENCE);
    }
    board.machine.expect("cems: slot b was not confirmed", PATIENCE);
    board.wait_until_it_is("rolled-back");
    assert_eq!(board.stands().0, "a");
    assert_eq!(board.api.update().unwrap()["reason"], "panic");
    board.machine.cut(Loss::All);
    let state = BootState::of(&board.card);
    assert_eq!((state.slot(), state.trial(), state.word("cems_b")), ("a", None, "bad"), "{state:?}");
}

#[test]
fn an_update_under_which_no_meter_answers_is_given_up_and_the_old_one_reads_on() {
    let dir = TempDir::new().unwrap();
    let fleet = Fleet::counting(1, 1, dir.path());
    let meters = MeterServer::start(&fleet, dir.path());
    let site = fleet.site("PT1S").replace("127.0.0.1", HOST);
    let mut board = TheBox::start_with(&site, Flushes::Kept, Random::new(44), dir.path());
    board.up();
    board.wait_for_a_reading();
    bring(&board.api, &board.bundle, 0..board.bundle.len());
    board.wait_until_it_is("ready");
    board.machine.cut(Loss::All);

    drop(meters);
    // The ten minutes of the trial are nothing but waiting.
    board.machine.set_pace(Pace::WithoutIdling);
    board.machine.switch_on();
    board.machine.expect("cems: trial of slot b, 2 tries left", PATIENCE);
    board.machine.expect("cems: slot b was not confirmed", PATIENCE);
    board.machine.cut(Loss::All);
    assert_eq!(board.card_state().tries(), 0);

    let _meters = MeterServer::start(&fleet, dir.path());
    board.machine.set_pace(Pace::Real);
    board.machine.switch_on();
    board.wait_until_it_is("rolled-back");
    assert_eq!(board.stands().0, "a");
    assert_eq!(board.api.update().unwrap()["reason"], "unhealthy");
    board.wait_for_a_reading();
}

#[test]
fn a_bundle_that_is_cut_short_signed_by_another_or_made_for_another_board_is_refused_and_polling_goes_on() {
    let dir = TempDir::new().unwrap();
    let image = Image::of("virt");
    let fleet = Fleet::counting(1, 10, dir.path());
    let _meters = MeterServer::start(&fleet, dir.path());
    let config = dir.path().join("data/config");
    fs::create_dir_all(&config).unwrap();
    let whole = image.update(dir.path());
    let another = another_key(dir.path());
    // Of the others, what says that they are foreign comes first; of the short one, all is there but the end.
    fs::write(config.join("short.cems"), &whole[..whole.len() - PIECE_BYTES]).unwrap();
    fs::write(config.join("unsigned.cems"), image.update_for("virt", &another, dir.path())).unwrap();
    fs::write(config.join("other.cems"), image.update_for("orange-pi-zero", &trial_key(), dir.path()))
        .unwrap();
    let site =
        site::bare_site_for_all(API_PORT, "PT1S") + CONSOLE + &fleet.site("PT1S").replace("127.0.0.1", HOST);
    let card = image.card(dir.path());
    set_up(&card, &site, dir.path());
    let disk = Disk::File(card.clone());
    let mut machine = Machine::start(Board::Virt, &image.boot_loader(), disk, &[API_PORT], dir.path());

    machine.expect("cems: slot a, ", PATIENCE);
    wait_for_console(&mut machine, "CEMS-TEST", PATIENCE);
    choose_password(&mut machine, PATIENCE);
    for (file, refusal) in [
        ("short", "it ends after "),
        ("unsigned", "it is signed with another key"),
        ("other", "it is made for the board 'orange-pi-zero', and this is 'virt'"),
    ] {
        machine.ask(&format!("update /etc/cems-gateway/{file}.cems force later"), refusal, PATIENCE);
    }
    let api = Api::new(machine.port(API_PORT), site::TOKEN);
    let sequence = api.health().unwrap().durable_sequence;
    machine
        .wait("more readings", PATIENCE, |_| (api.health()?.durable_sequence > sequence + 3).then_some(()));
    machine.cut(Loss::All);
    let state = BootState::of(&card);
    assert_eq!((state.slot(), state.trial(), state.word("cems_b")), ("a", None, "empty"), "{state:?}");
}

/// The secret half of a key that no box knows.
fn another_key(dir: &Path) -> PathBuf {
    let secret = dir.join("another-key");
    let mut make = Command::new("minisign");
    make.args(["-G", "-W", "-f", "-p"]).arg(dir.join("another-key.pub")).arg("-s").arg(&secret);
    run(&mut make);
    secret
}
