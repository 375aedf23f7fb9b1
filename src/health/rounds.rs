//! Rounds: whether a task comes round, also where it has nothing to do for hours.

use std::sync::Arc;

use tokio::sync::Notify;

use super::Beat;

/// The rounds of a task. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    asked: Arc<Notify>,
    made: Beat,
}

impl Rounds {
    /// Asks the task for one more round, from any thread. Gives how many it has made so far.
    #[must_use]
    pub fn ask_for_one(&self) -> u64 {
        self.asked.notify_one();
        self.made.count()
    }

    /// Ends when the task is asked for a round; one that was asked for before it waited is not missed.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// The task has come round.
    pub fn note(&self) {
        self.made.give();
    }

    /// Comes round whenever it is asked to, for ever: whether the thread it runs on moves.
    pub async fn keep_coming(self) {
        loop {
            self.note();
            self.asked().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_comes_round_when_it_is_asked_and_not_otherwise() {
        let rounds = Rounds::default();
        let task = tokio::spawn(rounds.clone().keep_coming());
        tokio::task::yield_now().await;
        for made in 1..5 {
            assert_eq!(rounds.made.count(), made);
            tokio::task::yield_now().await;
            assert_eq!(rounds.ask_for_one(), made, "nobody has asked");
            tokio::task::yield_now().await;
        }
        task.abort();
    }
}
