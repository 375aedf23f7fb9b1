//! The state under a writer that is slow, fails or keeps up.

use std::time::Duration;

use super::*;
use crate::model::reading::{GroupId, Sample, SeriesId, Value};
use crate::store::job::{Job, Pause};
use crate::store::periods::marker::Marker;
use crate::store::periods::marker::Sum;
use crate::time::UtcTime;

const WINDOW: Duration = Duration::from_secs(5);

fn state(series: usize) -> (State, GroupId) {
    let mut state = State::new(Recovered::default(), Some(&RingPen::default()), 0, limits::OPEN_BYTES_MAX);
    let name = |index| state.names.series("PT-1", &format!("P{index}")).unwrap();
    let series: Vec<SeriesId> = (0..series).map(name).collect();
    let group = state.names.group(&series).unwrap();
    (state, group)
}

/// A scan whose values do not compress.
fn noise(state: &State, group: GroupId) -> Scan {
    let width = state.names.group_series(group).unwrap().len() as u64;
    let bits = |place: u64| (state.last_sequence * width + place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = |place| Sample::good(Value::Number(f64::from_bits(bits(place) >> 2)));
    let at = UtcTime::from_ms(state.last_sequence.cast_signed() * 1_000);
    Scan { group, at, samples: (0..width).map(value).collect() }
}

#[test]
fn whoever_appends_waits_for_the_writer_instead_of_filling_the_memory() {
    let (mut state, group) = state(1);
    let take_all = |state: &mut State| {
        let mut taken = 0;
        while state.has_room() {
            state.take(noise(state, group)).unwrap();
            taken += 1;
        }
        taken
    };
    assert_eq!(take_all(&mut state), limits::STORE_QUEUE_MAX);
    // A writer that writes into the rings but is too slow to seal.
    let mut in_rings = 0;
    let job = loop {
        match state.next_job(Instant::now(), WINDOW) {
            Ok(Job::Write(write)) => {
                in_rings += write.parts.iter().map(|part| part.scans.len()).sum::<usize>();
                take_all(&mut state);
            }
            job => break job,
        }
    };
    assert!((limits::EPOCH_SCANS_MAX..2 * limits::EPOCH_SCANS_MAX).contains(&in_rings), "{in_rings}");
    let Ok(Job::Seal { epoch, whole: true, .. }) = job else { panic!("no seal") };
    let marker = Marker::new(&epoch, Sum::default(), NameCounts::default());
    state.sealed(0, &marker);
    assert!(matches!(state.next_job(Instant::now(), WINDOW), Ok(Job::Write(_))));
    assert!(state.has_room());
}

#[test]
fn nobody_waits_for_room_while_the_writer_waits_for_the_window() {
    let (mut state, group) = state(1);
    // Scans of a full epoch that the ring does not have yet, then some of the next one.
    for _ in 0..limits::STORE_QUEUE_MAX - 10 {
        state.take(noise(&state, group)).unwrap();
    }
    state.freeze();
    while state.has_room() {
        state.take(noise(&state, group)).unwrap();
    }
    let now = Instant::now();
    assert!(matches!(state.next_job(now, WINDOW), Ok(Job::Write(_))));
}

#[test]
fn what_a_late_database_holds_comes_before_what_memory_has_taken_meanwhile() {
    let outage = Outage { reason: "no space".to_owned(), retry_at: Instant::now(), never_opened: true };
    let (known, group) = state(1);
    let of = |first_sequence: u64, scans: u64| {
        let mut epoch = Epoch::default();
        (first_sequence..first_sequence + scans)
            .for_each(|sequence| epoch.push(sequence, &noise(&known, group)));
        epoch
    };
    for rings in [vec![of(1, 5)], vec![of(1, 5), of(6, 5)]] {
        let outage = Outage { reason: outage.reason.clone(), ..outage };
        let (names, _) = state(1);
        let mut state = State::without_database(names.names, 0, limits::OPEN_BYTES_MAX, outage);
        state.take(noise(&known, group)).unwrap();
        let (names, _) = self::state(1);
        let recovered = Recovered { names: names.names, unsealed: rings.clone(), ..Recovered::default() };
        state.adopt(recovered, Some(&RingPen::default()));
        let firsts: Vec<u64> =
            state.unsealed().filter_map(Epoch::extent).map(|extent| extent.first_sequence).collect();
        assert!(firsts.is_sorted(), "{firsts:?}");
        assert_eq!(firsts.len(), rings.len() + 1);
    }
}

#[test]
fn polling_goes_on_when_the_writer_is_too_slow_and_all_is_sealed_later() {
    let (mut state, group) = state(1);
    let Ok(Job::Write(_)) = ({
        state.take(noise(&state, group)).unwrap();
        state.next_job(Instant::now() + WINDOW, WINDOW)
    }) else {
        panic!("no write")
    };
    // The write is under way; meanwhile more comes than may wait for the ring.
    for _ in 0..3 * limits::STORE_QUEUE_MAX {
        if !state.has_room() {
            state.fall_behind();
        }
        state.take(noise(&state, group)).unwrap();
    }
    assert_eq!(state.last_sequence, 3 * limits::STORE_QUEUE_MAX as u64 + 1);
    assert!(state.pending.len() <= limits::STORE_QUEUE_MAX);
    state.ask_flush();
    let Ok(Job::Seal { epoch, whole: true, .. }) = state.next_job(Instant::now(), WINDOW) else {
        panic!("no seal")
    };
    assert_eq!(epoch.scans(), state.last_sequence);
}

#[test]
fn a_job_comes_when_the_window_is_over_and_holds_everything_since_the_last() {
    let (mut state, group) = state(2);
    assert!(matches!(state.next_job(Instant::now(), WINDOW), Err(Pause::Forever)));
    for _ in 0..3 {
        state.take(noise(&state, group)).unwrap();
    }
    let now = Instant::now();
    assert!(matches!(state.next_job(now, WINDOW), Err(Pause::Until(_))));
    let Ok(Job::Write(write)) = state.next_job(now + WINDOW, WINDOW) else { panic!("no write") };
    assert!(write.sync);
    let [part] = write.parts.as_slice() else { panic!("one part") };
    assert_eq!((part.epoch, part.first_sequence, part.scans.len()), (0, 1, 3));
    assert_eq!((write.names.series.len(), write.names.groups.len()), (2, 1));
    assert!(matches!(state.next_job(now + WINDOW, WINDOW), Err(Pause::Forever)));
}

#[test]
fn while_the_database_fails_only_what_was_never_acknowledged_is_lost() {
    // Columns take memory even with one scan each, so many wide groups fill it fast.
    let (mut state, group) = state(limits::GROUP_SERIES_MAX);
    let mut series = state.names.group_series(group).unwrap().to_vec();
    let mut groups = std::iter::repeat_with(move || {
        series.rotate_left(1);
        series.clone()
    });
    let mut take = |state: &mut State| {
        let group = state.names.group(&groups.next().unwrap()).unwrap();
        state.take(noise(state, group)).unwrap();
    };
    take(&mut state);
    state.scans_are_durable(Durable { sequence: 1, through: None }, 0);
    state.fail("no space".to_owned(), Instant::now() + WINDOW);
    while state.dropped_scans == 0 {
        assert!(state.has_room());
        take(&mut state);
    }
    let kept: Vec<_> = state.unsealed().filter_map(Epoch::extent).collect();
    assert_eq!(kept[0].last_sequence, 1);
    assert_eq!(kept[1].first_sequence, state.dropped_scans + 2);
    assert!(state.status().open_bytes <= limits::UNSEALED_BYTES_MAX);

    state.recover(EpochIndex::default(), Vec::new());
    let job = state.next_job(Instant::now(), WINDOW);
    assert!(matches!(job, Ok(Job::Seal { number: 0, epoch, .. }) if epoch.scans() == 1));
}

#[test]
fn what_does_not_read_back_is_a_gap_before_it_is_known_what_it_lacks_and_after() {
    let (mut state, group) = state(1);
    let series = state.names.group_series(group).unwrap()[0];
    for _ in 0..3 {
        state.take(noise(&state, group)).unwrap();
    }
    state.freeze();
    let Job::Seal { epoch, .. } = state.seal(true) else { panic!("no seal") };
    state.sealed(0, &Marker::new(&epoch, Sum::default(), NameCounts::default()));
    let gaps = |state: &State| -> Vec<(i64, i64, GapCause)> {
        let found = state.gaps(series, &[group], &(UtcTime::from_ms(0)..UtcTime::from_ms(10_000)));
        found.iter().map(|gap| (gap.from.as_ms(), gap.to.as_ms(), gap.cause)).collect()
    };
    assert_eq!(gaps(&state), []);
    state.suspect(0);
    assert_eq!(gaps(&state), [(0, 2_001, GapCause::Storage)]);
    assert_eq!(state.status().unchecked_epochs, 1);
    state.rebuilt(Rebuilt { note: "rebuilt".to_owned(), epochs: 0..1 });
    state.lacks_readings(0, "blocks are missing".to_owned());
    assert_eq!(gaps(&state), [(0, 2_001, GapCause::Storage)], "told once");
}

#[test]
fn what_was_past_changes_only_with_what_comes_late_or_goes() {
    let (mut state, group) = state(1);
    let take = |state: &mut State, at: i64| {
        let scan = Scan { at: UtcTime::from_ms(at), ..noise(state, group) };
        state.take(scan).unwrap();
        state.past_revision
    };
    let before = take(&mut state, 1_000);
    assert_eq!(take(&mut state, 2_000), before, "time goes on");
    let late = take(&mut state, 1_500);
    assert_ne!(late, before);
    assert_ne!(take(&mut state, 1_500), late, "one of the same time comes late as well");
    let known = state.past_revision;
    state.note_lost(None, GapCause::Storage);
    assert_ne!(state.past_revision, known);
}
