//! Watches over updates: proves a system on trial, gives up what nobody goes on sending, and notes in the audit
//! book how things come to stand.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Gateway, fitness};
use crate::model::audit::{Actor, Deed, Note};
use crate::ops::Ops;
use crate::slots::Reason;
use crate::update::{Proving, State, Updates, Verdict, View};

/// How often it is looked how things go.
const PERIOD: Duration = Duration::from_secs(1);

/// The task; it ends when this goes.
pub(super) struct Updater {
    updates: Arc<Updates>,
    task: JoinHandle<()>,
}

impl Drop for Updater {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Updater {
    /// Watches over `updates` of a gateway.
    pub(super) fn start(gateway: Arc<Gateway>, updates: Arc<Updates>) -> Self {
        let task = tokio::spawn(watch_over(gateway, Arc::clone(&updates)));
        Self { updates, task }
    }

    /// Ends when an update or the end of a trial asks for a restart of the machine.
    pub(super) async fn restart_wanted(&self) {
        self.updates.restart_wanted().await;
    }
}

async fn watch_over(gateway: Arc<Gateway>, updates: Arc<Updates>) {
    let mut watch = updates.watch();
    let mut proving = Proving::begun(Instant::now());
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut noted = None;
    if updates.has_fallen_back() {
        note(&gateway.ops, &watch.borrow_and_update(), &mut noted);
    } else {
        noted = Some(watch.borrow_and_update().state.word());
    }
    loop {
        tokio::select! {
            changed = watch.changed() => {
                if changed.is_err() {
                    return;
                }
                note(&gateway.ops, &watch.borrow_and_update(), &mut noted);
            }
            _ = ticks.tick() => {
                updates.settle();
                if updates.view().state == State::Trial {
                    let is_fit = fitness::is_fit(&gateway).await;
                    end_trial(&updates, proving.look(Instant::now(), is_fit)).await;
                }
            }
        }
    }
}

async fn end_trial(updates: &Arc<Updates>, verdict: Verdict) {
    let updates = Arc::clone(updates);
    let ended = spawn_blocking(move || match verdict {
        Verdict::Wait => Ok(()),
        Verdict::Confirm => updates.confirm(),
        Verdict::GiveUp => updates.fail_trial(Reason::UNHEALTHY),
    });
    match ended.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::error!("update: the trial could not be ended: {error}"),
        Err(error) => log::error!("update: the trial could not be ended: {error}"),
    }
}

/// Notes once how things have come to stand.
fn note(ops: &Arc<Ops>, view: &View, noted: &mut Option<&'static str>) {
    let word = view.state.word();
    let is_worth_it = matches!(view.state, State::Ready | State::Confirmed | State::RolledBack { .. });
    if noted.replace(word) == Some(word) || !is_worth_it {
        return;
    }
    let about = match (&view.state, view.offered) {
        (State::RolledBack { reason }, _) => format!("{word} {}", reason.word()),
        (State::Ready, Some(offered)) => format!("{word} {offered}"),
        _ => format!("{word} {}", view.running),
    };
    log::info!("update: {about}");
    let (ops, note) = (Arc::clone(ops), Note::done(Actor::SYSTEM, Deed::Update).about(about));
    // It is told once, so it must not go with a power cut.
    let _noted_aside = spawn_blocking(move || ops.note_durably(note));
}
