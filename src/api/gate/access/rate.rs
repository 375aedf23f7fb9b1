//! Rate: how much each may ask for in a minute, saved up for at most one minute.

use tokio::time::Instant;

use crate::api::gate::seats::Neighbourhood;
use crate::limits;

/// Addresses that are remembered; the one that asked longest ago is forgotten first.
const STRANGERS_MAX: usize = 256;

/// What one may still ask for.
#[derive(Clone, Copy, Debug)]
struct Purse {
    requests: f64,
    at: Instant,
}

impl Purse {
    fn full(per_min: u32, now: Instant) -> Self {
        Self { requests: f64::from(per_min), at: now }
    }

    /// Takes one request out; otherwise tells after how many seconds there is one.
    fn take(&mut self, per_min: u32, now: Instant) -> Result<(), u32> {
        let per_s = f64::from(per_min) / 60.0;
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * per_s;
        self.requests = (self.requests + earned).min(f64::from(per_min));
        self.at = now;
        if self.requests >= 1.0 {
            self.requests -= 1.0;
            return Ok(());
        }
        let wait = ((1.0 - self.requests) / per_s).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 60 s")]
        Err((wait as u32).max(1))
    }
}

/// What platforms may still ask for.
#[derive(Debug, Default)]
pub(super) struct Rates {
    platforms: Vec<(String, Purse)>,
}

impl Rates {
    /// A platform that may ask `per_min` times a minute asks.
    ///
    /// # Errors
    /// The seconds after which it may.
    pub(super) fn ask(&mut self, platform: &str, per_min: u32, now: Instant) -> Result<(), u32> {
        // Platforms come and go with the site file.
        if self.platforms.len() > limits::PLATFORMS_MAX * 2 {
            self.platforms.clear();
        }
        let at = self.platforms.iter().position(|(known, _)| known == platform).unwrap_or_else(|| {
            self.platforms.push((platform.to_owned(), Purse::full(per_min, now)));
            self.platforms.len() - 1
        });
        self.platforms[at].1.take(per_min, now)
    }
}

/// What those may still ask for who show nothing.
#[derive(Debug)]
pub(super) struct Strangers {
    per_min: u32,
    /// In the order of their last requests.
    purses: Vec<(Neighbourhood, Purse)>,
}

impl Strangers {
    /// Each address may ask `per_min` times a minute.
    pub(super) const fn of(per_min: u32) -> Self {
        Self { per_min, purses: Vec::new() }
    }

    /// Somebody at this address asks.
    ///
    /// # Errors
    /// The seconds after which they may.
    pub(super) fn ask(&mut self, from: Neighbourhood, now: Instant) -> Result<(), u32> {
        let known = self.purses.iter().position(|(known, _)| *known == from);
        let (_, mut purse) = match known {
            Some(at) => self.purses.remove(at),
            None => (from, Purse::full(self.per_min, now)),
        };
        let granted = purse.take(self.per_min, now);
        if self.purses.len() >= STRANGERS_MAX {
            self.purses.remove(0);
        }
        self.purses.push((from, purse));
        granted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_minutes_worth_is_granted_at_once_and_the_rest_as_time_goes() {
        let (mut rates, start) = (Rates::default(), Instant::now());
        for _ in 0..30 {
            assert_eq!(rates.ask("cloud", 30, start), Ok(()));
        }
        assert_eq!(rates.ask("cloud", 30, start), Err(2));
        assert_eq!(rates.ask("other", 30, start), Ok(()), "each has its own");
        assert_eq!(rates.ask("cloud", 30, start + Duration::from_secs(2)), Ok(()));
        assert_eq!(rates.ask("cloud", 30, start + Duration::from_secs(2)), Err(2));
        let later = start + Duration::from_hours(1);
        assert_eq!((0..60).filter(|_| rates.ask("cloud", 30, later).is_ok()).count(), 30);
    }

    #[test]
    fn no_more_strangers_are_remembered_than_there_is_room_for() {
        let (mut strangers, now) = (Strangers::of(10), Instant::now());
        for number in 0..2_000_u32 {
            let from = Neighbourhood::of(std::net::IpAddr::from(number.to_be_bytes()));
            assert_eq!(strangers.ask(from, now), Ok(()));
        }
        assert_eq!(strangers.purses.len(), STRANGERS_MAX);
    }
}
