//! Pauses shorter than the runtime's timer can measure.
//!
//! Tokio sleeps in whole milliseconds, which turns 1.75 ms between two frames into more than 3 and
//! costs a tenth of a fast line. A timer of the kernel wakes the same event loop on time.

use std::fs::File;
use std::io;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::timing::PauseKind;

/// Waits for an instant.
pub(super) enum Pause {
    Runtime,
    /// A timer is read as a pipe is: it becomes readable, and a read takes the news away.
    Kernel(pipe::Receiver),
}

impl Pause {
    /// A pause of this kind; the runtime's where the kernel gives none.
    pub(super) fn of(kind: PauseKind) -> Self {
        let kernel = || -> io::Result<_> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            pipe::Receiver::from_file_unchecked(File::from(timer))
        };
        match kind {
            PauseKind::Runtime => Self::Runtime,
            PauseKind::Kernel => kernel().map_or_else(
                |error| {
                    log::warn!("no kernel timer ({error}); pauses between frames are longer than needed");
                    Self::Runtime
                },
                Self::Kernel,
            ),
        }
    }

    /// Returns at `deadline`, or at once when it is over.
    pub(super) async fn until(&self, deadline: Instant) {
        if let Self::Kernel(timer) = self
            && wait(timer, deadline).await.is_ok()
        {
            return;
        }
        if deadline > Instant::now() {
            tokio::time::sleep_until(deadline).await;
        }
    }
}

async fn wait(timer: &pipe::Receiver, deadline: Instant) -> io::Result<()> {
    loop {
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Ok(());
        }
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec::try_from(rest).map_err(io::Error::other)?;
        let once = Itimerspec { it_interval: none, it_value: value };
        // The news of an earlier pause is taken away here and not at its end: what comes after a pause is a
        // request, and every call before it lengthens the silence.
        while timer.try_read(&mut [0_u8; 8]).is_ok() {}
        timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
        timer.readable().await?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_kernel_pause_never_ends_early_and_can_be_used_again() {
        let pause = Pause::of(PauseKind::Kernel);
        assert!(matches!(pause, Pause::Kernel(_)));
        for _ in 0..3 {
            let deadline = Instant::now() + Duration::from_micros(1_750);
            pause.until(deadline).await;
            assert!(Instant::now() >= deadline);
        }
    }
}
