//! Whose turn is next on a line, so that a slow or chatty meter takes no more than its share where others wait.
//!
//! A meter within its share is read when it is due. One past its share waits until it is tolerated; before
//! that it is read only in time that nobody else needs: where everybody within his share can still be read
//! before his next tick. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// One turn that is due, or will be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// When it is due.
    pub(super) due: Instant,
    /// How long after that its next tick is due.
    pub(super) interval: Duration,
    /// When it was read last, or begun: of two that have waited as long it decides.
    pub(super) read_at: Instant,
    /// How long it is likely to take.
    pub(super) expected: Duration,
    /// How its meter keeps to its share.
    pub(super) manner: Manner,
}

/// How a meter keeps to its share of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It takes no more than its share.
    Within,
    /// It takes more, which is tolerated from then on.
    Past(Instant),
    /// It does not answer, and is asked for a moment at most.
    Silent,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The turn at this place.
    InTurn(usize),
    /// The turn at this place, in time that nobody else needs.
    InSpareTime(usize),
    /// Nothing before that.
    Later(Instant),
    /// Nothing at all.
    Never,
}

impl Waiting {
    const fn is_past(&self) -> bool {
        matches!(self.manner, Manner::Past(_))
    }

    /// When it is due and tolerated.
    fn ready_at(&self) -> Instant {
        match self.manner {
            Manner::Past(tolerated_from) => self.due.max(tolerated_from),
            Manner::Within | Manner::Silent => self.due,
        }
    }

    /// By when it would be done if nobody were before it: of those that are ready together the short ones go
    /// first, and nobody is overtaken for ever.
    fn done_at(&self) -> Instant {
        self.ready_at() + self.expected
    }
}

/// What is to be done at `now`.
pub(super) fn next(turns: &[Waiting], now: Instant) -> Next {
    let at = || turns.iter().enumerate();
    let ready = || at().filter(|(_, turn)| turn.ready_at() <= now);
    // Of several that are tolerated the one that has waited longest is next.
    let tolerated =
        ready().filter(|(_, turn)| turn.is_past()).min_by_key(|(_, turn)| (turn.due, turn.read_at));
    let others = ready().filter(|(_, turn)| !turn.is_past());
    if let Some((place, _)) = others.chain(tolerated).min_by_key(|(_, turn)| (turn.done_at(), turn.read_at)) {
        return Next::InTurn(place);
    }
    let spared = at().filter(|(_, turn)| turn.due <= now && leaves_time(turn, turns, now));
    if let Some((place, _)) = spared.min_by_key(|(_, turn)| (turn.due, turn.read_at)) {
        return Next::InSpareTime(place);
    }
    let news = at().map(|(_, turn)| if turn.due > now { turn.due } else { turn.ready_at() });
    news.min().map_or(Next::Never, Next::Later)
}

/// Whether everybody within his share who comes due while `turn` is read can be read before his next tick.
fn leaves_time(turn: &Waiting, turns: &[Waiting], now: Instant) -> bool {
    let ends = now + turn.expected;
    let meanwhile = || turns.iter().filter(|other| other.manner == Manner::Within && other.due <= ends);
    let all_done = ends + meanwhile().map(|other| other.expected).sum::<Duration>();
    meanwhile().all(|other| all_done <= other.due + other.interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD: u64 = u64::MAX;

    /// What is next at `now_ms` of turns of 1 s: each by when it is due, from when its meter is tolerated (0 for
    /// one within its share), and how long it takes.
    fn next_at(turns: &[(u64, u64, u64)], now_ms: u64) -> String {
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        let waiting = |(due, tolerated, expected): &(u64, u64, u64)| Waiting {
            due: after(*due),
            interval: Duration::from_secs(1),
            read_at: start,
            expected: Duration::from_millis(*expected),
            manner: match *tolerated {
                0 => Manner::Within,
                DEAD => Manner::Silent,
                from => Manner::Past(after(from)),
            },
        };
        match next(&turns.iter().map(waiting).collect::<Vec<_>>(), after(now_ms)) {
            Next::Later(at) => format!("Later({})", at.duration_since(start).as_millis()),
            next => format!("{next:?}"),
        }
    }

    #[test]
    fn a_meter_past_its_share_goes_behind_the_others_and_into_time_that_nobody_needs() {
        for (turns, now_ms, told) in [
            (&[][..], 0, "Never"),
            (&[(400, 0, 10)], 300, "Later(400)"),
            // Whoever is due first, and of two at once the short one.
            (&[(100, 0, 10), (50, 0, 10)], 200, "InTurn(1)"),
            (&[(100, 0, 900), (100, 0, 10)], 200, "InTurn(1)"),
            (&[(100, 0, 900), (1_100, 0, 10)], 1_200, "InTurn(0)"),
            // Past its share: behind one that is due, however long it has waited.
            (&[(0, 5_000, 900), (900, 0, 10)], 1_000, "InTurn(1)"),
            // Nobody needs the line until 1000, and whoever is due then can wait until 2000.
            (&[(0, 5_000, 900), (1_000, 0, 10)], 300, "InSpareTime(0)"),
            (&[(0, 5_000, 1_800), (1_000, 0, 10)], 300, "Later(1000)"),
            // Two are due at 1000: one of them would lose its tick.
            (&[(0, 5_000, 1_500), (1_000, 0, 150), (1_000, 0, 150)], 300, "Later(1000)"),
            (&[(0, 5_000, 1_400), (1_000, 0, 150), (1_000, 0, 150)], 300, "InSpareTime(0)"),
            // It is tolerated again.
            (&[(0, 300, 1_800), (1_000, 0, 10)], 300, "InTurn(0)"),
            (&[(0, 400, 1_800), (1_000, 0, 10)], 300, "Later(400)"),
            (&[(50, 300, 10), (0, 300, 1_800), (1_000, 0, 10)], 300, "InTurn(1)"),
            // Those that are past their share need not spare each other, nor those that do not answer.
            (&[(50, 5_000, 1_800), (0, 6_000, 1_800)], 300, "InSpareTime(1)"),
            (&[(0, 5_000, 1_800), (1_000, DEAD, 10)], 300, "InSpareTime(0)"),
            (&[(0, 5_000, 1_800), (200, DEAD, 10)], 300, "InTurn(1)"),
        ] {
            assert_eq!(next_at(turns, now_ms), told, "{turns:?} at {now_ms}");
        }
    }
}
