//! The draft of the site file, as all consoles share it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::spawn_blocking;

use crate::config::draft::{Draft, DraftError};

/// One draft for all consoles; clones share it.
#[derive(Clone)]
pub(super) struct SharedDraft(Arc<Mutex<Draft>>);

impl SharedDraft {
    pub(super) fn new(draft: Draft) -> Self {
        Self(Arc::new(Mutex::new(draft)))
    }

    /// For a look, or for work that is known to be short.
    pub(super) fn lock(&self) -> MutexGuard<'_, Draft> {
        lock(&self.0)
    }

    /// Works on it where its reading and syncing of files holds nobody up.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Draft) -> Result<T, DraftError> + Send + 'static,
    ) -> Result<T, DraftError> {
        let draft = Arc::clone(&self.0);
        let done = spawn_blocking(move || work(&mut lock(&draft))).await;
        done.unwrap_or_else(|failed| Err(DraftError::NotApplied(failed.to_string())))
    }
}

fn lock(draft: &Mutex<Draft>) -> MutexGuard<'_, Draft> {
    draft.lock().unwrap_or_else(PoisonError::into_inner)
}
