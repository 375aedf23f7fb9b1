//! The task that lives through the modes: one function a mode, each gives the next.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::UplinkState;
use super::backlog::{Backlog, BacklogError};
use super::backoff::{system_jitter, wait_before_attempt};
use super::batch::Batch;
use super::link::{Link, LinkError};
use super::mode::{Mode, Offline, Online};
use super::payload::{Identity, Names, Packed, pack};
use super::topic::Topics;
use crate::config::site::UplinkSettings;
use crate::limits::UPLINK_SCANS_READ_MAX;

/// How long to leave the store alone after it failed.
const STORE_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Driver<B> {
    settings: UplinkSettings,
    topics: Topics,
    identity: Arc<Identity>,
    backlog: Arc<B>,
    durable: watch::Receiver<u64>,
    state: watch::Sender<UplinkState>,
    stop: watch::Receiver<bool>,
}

impl<B: Backlog> Driver<B> {
    pub(super) fn new(
        settings: UplinkSettings,
        topics: Topics,
        identity: Identity,
        backlog: Arc<B>,
        state: watch::Sender<UplinkState>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let durable = backlog.watch_durable();
        Self { settings, topics, identity: Arc::new(identity), backlog, durable, state, stop }
    }

    pub(super) async fn run(mut self) {
        let backlog = Arc::clone(&self.backlog);
        let cursor = tokio::task::spawn_blocking(move || backlog.cursor()).await.unwrap_or(0);
        let mut mode = Mode::starting_at(cursor);
        self.state.send_modify(|state| state.cursor = cursor);
        loop {
            let name = mode.name();
            self.state.send_if_modified(|state| {
                let changed = state.mode != name;
                state.mode = name;
                changed
            });
            self.tell_backlog();
            mode = match mode {
                Mode::Offline(offline) => self.offline(offline).await,
                Mode::CatchUp(online) => self.catch_up(online).await,
                Mode::Live(online) => self.live(online).await,
                Mode::Stopped => return,
            };
        }
    }

    /// Waits out the back-off, then connects.
    async fn offline(&mut self, offline: Offline) -> Mode<Link> {
        let connect = async {
            sleep(wait_before_attempt(offline.failures(), system_jitter())).await;
            Link::open(&self.settings, &self.topics).await
        };
        let opened = tokio::select! {
            () = stopped(&mut self.stop) => return Mode::Stopped,
            opened = connect => opened,
        };
        match opened {
            Ok(link) => {
                log::info!("uplink: connected to {}:{}", self.settings.host, self.settings.port);
                self.state.send_modify(|state| state.connections += 1);
                offline.connected(link)
            }
            Err(error) => {
                self.note(&error.to_string());
                offline.failed()
            }
        }
    }

    /// Fills the window, then waits for an acknowledgement to make room; live once nothing is left.
    async fn catch_up(&mut self, mut online: Online<Link>) -> Mode<Link> {
        // Marked as seen before the store is read, so that whatever comes later wakes us again.
        self.durable.borrow_and_update();
        loop {
            if let Err(error) = send_waiting(&mut online) {
                self.note(&error.to_string());
                return online.lost();
            }
            if !online.has_room() {
                break;
            }
            match self.read_on(&mut online.batch).await {
                Ok(true) => {}
                Ok(false) => return online.caught_up(),
                Err(error) => {
                    self.note(&format!("store: {error}"));
                    return self.pause(online).await;
                }
            }
        }
        tokio::select! {
            () = stopped(&mut self.stop) => leave(online).await,
            acknowledged = online.link.acknowledgement() => match acknowledged {
                Ok(ticket) => {
                    self.acknowledge(&mut online, ticket).await;
                    online.behind()
                }
                Err(error) => self.lose(online, &error),
            },
        }
    }

    /// Waits for whatever comes first: an acknowledgement, or more to send.
    async fn live(&mut self, mut online: Online<Link>) -> Mode<Link> {
        tokio::select! {
            () = stopped(&mut self.stop) => leave(online).await,
            acknowledged = online.link.acknowledgement() => match acknowledged {
                Ok(ticket) => {
                    self.acknowledge(&mut online, ticket).await;
                    online.caught_up()
                }
                Err(error) => self.lose(online, &error),
            },
            () = grown(&mut self.durable) => online.behind(),
        }
    }

    /// Gives a store that failed some time, while acknowledgements are still taken.
    async fn pause(&mut self, mut online: Online<Link>) -> Mode<Link> {
        let pause = sleep(STORE_PAUSE);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = stopped(&mut self.stop) => return leave(online).await,
                () = &mut pause => return online.behind(),
                acknowledged = online.link.acknowledgement() => match acknowledged {
                    Ok(ticket) => self.acknowledge(&mut online, ticket).await,
                    Err(error) => return self.lose(online, &error),
                },
            }
        }
    }

    /// Reads the next scans of the backlog; `false` when there are none.
    async fn read_on(&mut self, batch: &mut Batch) -> Result<bool, BacklogError> {
        let (backlog, identity, after) =
            (Arc::clone(&self.backlog), Arc::clone(&self.identity), batch.read_to());
        let read = tokio::task::spawn_blocking(move || read_and_pack(&*backlog, &identity, after));
        let Some((packed, read_to)) = read.await?? else { return Ok(false) };
        if packed.unsendable > 0 {
            log::warn!("uplink: {} samples left out: nothing names them", packed.unsendable);
            self.state.send_modify(|state| state.unsendable += packed.unsendable as u64);
        }
        if let Some(cursor) = batch.extend(packed.messages, read_to) {
            self.move_cursor(cursor).await;
        }
        Ok(true)
    }

    async fn acknowledge(&mut self, online: &mut Online<Link>, ticket: super::batch::Ticket) {
        let (readings, cursor) = online.acknowledged(ticket);
        self.state.send_modify(|state| state.sent_readings += readings as u64);
        if let Some(cursor) = cursor {
            self.move_cursor(cursor).await;
        }
    }

    /// A cursor that cannot be kept is told, not fatal: after a restart more is sent again.
    async fn move_cursor(&mut self, cursor: u64) {
        let backlog = Arc::clone(&self.backlog);
        match tokio::task::spawn_blocking(move || backlog.move_cursor(cursor)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.note(&format!("store: cursor not kept: {error}")),
            Err(error) => self.note(&format!("store: cursor not kept: {error}")),
        }
        self.state.send_modify(|state| state.cursor = cursor);
        self.tell_backlog();
    }

    fn lose(&mut self, online: Online<Link>, error: &LinkError) -> Mode<Link> {
        self.note(&error.to_string());
        online.lost()
    }

    fn note(&self, error: &str) {
        log::warn!("uplink: {error}");
        self.state.send_modify(|state| state.last_error = Some(error.to_owned()));
    }

    fn tell_backlog(&self) {
        let durable = *self.durable.borrow();
        self.state.send_if_modified(|state| {
            let backlog_scans = durable.saturating_sub(state.cursor);
            let changed = state.backlog_scans != backlog_scans;
            state.backlog_scans = backlog_scans;
            changed
        });
    }
}

fn send_waiting(online: &mut Online<Link>) -> Result<(), LinkError> {
    while online.has_room()
        && let Some((ticket, message)) = online.batch.send_next()
    {
        online.link.publish_reading(ticket, &message.payload)?;
    }
    Ok(())
}

fn read_and_pack(
    backlog: &impl Backlog,
    identity: &Identity,
    after: u64,
) -> Result<Option<(Packed, u64)>, BacklogError> {
    let scans = backlog.scans_after(after, UPLINK_SCANS_READ_MAX)?;
    let newest = scans.last().map(|(sequence, _)| *sequence);
    let names = Names { labels: |group| backlog.labels(group), run_of: |sequence| backlog.run_of(sequence) };
    Ok(newest.map(|read_to| (pack(identity, after, &scans, names), read_to)))
}

async fn leave(online: Online<Link>) -> Mode<Link> {
    online.link.farewell().await;
    Mode::Stopped
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the handle is gone, which stops the uplink as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn grown(durable: &mut watch::Receiver<u64>) {
    if durable.changed().await.is_err() {
        // The store has closed; nothing will ever grow.
        std::future::pending::<()>().await;
    }
}
