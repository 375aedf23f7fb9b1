//! The demo's demand response: two events of August 2024, entered and replied to as real ones are, where
//! the demo starts after them and its history reaches back far enough.

use std::sync::Arc;

use crate::config::site::Site;
use crate::failure::Failure;
use crate::model::demand_response::{EventOrder, Invitation, ResponseType, TimeType};
use crate::ops::Ops;
use crate::ops::demand_response::OrderError;
use crate::store::Store;
use crate::time::{Clock, Interval, UtcOffset, UtcTime, parse_instant};

/// Who invites the demo.
const WHO: &str = "demo";
/// Days that the history must reach back before an event, for the five working days of its baseline.
const DAYS_BEFORE: i64 = 8;

/// An event with the reply: when, and how much was promised.
struct Told {
    id: &'static str,
    name: &'static str,
    timing: TimeType,
    time: [&'static str; 2],
    invitation: [&'static str; 2],
    wanted_kw: f64,
    price_per_kwh: Option<f64>,
    reply: (&'static str, Option<f64>),
}

const EVENTS: [Told; 2] = [
    Told {
        id: "DR20240806-01",
        name: "8月6日日前削峰",
        timing: TimeType::DayAhead,
        time: ["2024-08-06T13:00:00+08:00", "2024-08-06T15:00:00+08:00"],
        invitation: ["2024-08-05T10:00:00+08:00", "2024-08-05T16:00:00+08:00"],
        wanted_kw: 500.0,
        price_per_kwh: Some(2.0),
        reply: ("2024-08-05T14:12:00+08:00", Some(450.0)),
    },
    Told {
        id: "DR20240820-02",
        name: "8月20日日内削峰",
        timing: TimeType::Intraday,
        time: ["2024-08-20T19:00:00+08:00", "2024-08-20T20:00:00+08:00"],
        invitation: ["2024-08-20T14:00:00+08:00", "2024-08-20T15:00:00+08:00"],
        wanted_kw: 400.0,
        price_per_kwh: None,
        reply: ("2024-08-20T14:40:00+08:00", None),
    },
];

impl Told {
    fn order(&self) -> Option<EventOrder> {
        let at = |text: &str| parse_instant(text, UtcOffset::UTC).ok();
        let ([start, end], [invited, deadline]) = (self.time, self.invitation);
        Some(EventOrder {
            id: self.id.to_owned(),
            number: None,
            name: self.name.to_owned(),
            response: ResponseType::PeakClipping,
            timing: Some(self.timing),
            time: at(start)?..at(end)?,
            wanted_kw: None,
            point_id: None,
            invitation: Invitation {
                id: None,
                round: None,
                at: at(invited)?,
                deadline: at(deadline)?,
                wanted_kw: Some(self.wanted_kw),
                price_per_kwh: self.price_per_kwh,
            },
        })
    }
}

/// Enters the events that are over at the start of the demo, as of the time of their invitation.
///
/// # Errors
/// When the store fails.
pub(super) async fn enter(site: &Site, store: &Store, clock: &Arc<dyn Clock>) -> Result<(), Failure> {
    let (site, store, clock) = (Arc::new(site.clone()), store.clone(), Arc::clone(clock));
    let entering = tokio::task::spawn_blocking(move || {
        let ops = Ops::new(site, store, clock).map_err(Failure::new)?;
        EVENTS.iter().try_for_each(|told| enter_one(&ops, told).map_err(Failure::new))
    });
    entering.await.map_err(Failure::new)?
}

fn enter_one(ops: &Ops, told: &Told) -> Result<(), OrderError> {
    let Some(order) = told.order() else { return Ok(()) };
    let before_ms = order.time.start.as_ms() - DAYS_BEFORE * Interval::DAY.as_ms();
    let is_measured = ops.store().readings_from().is_some_and(|from| from <= UtcTime::from_ms(before_ms));
    if ops.clock().now() < order.time.end || !is_measured {
        return Ok(());
    }
    let (id, invited) = (order.id.clone(), order.invitation.at);
    let entered = ops.enter_event_at(order, WHO, invited)?;
    let (replied, promised_kw) = told.reply;
    match parse_instant(replied, UtcOffset::UTC) {
        Ok(replied) if entered.event.reply.is_none() => {
            ops.reply_to_event_at(&id, promised_kw, "console", replied).map(drop)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::{Sample, Scan, Value};
    use crate::sim::factory::{Ports, site_toml};
    use crate::sim::run::Place;
    use crate::time::ManualClock;

    /// The IDs of the events, each with what was promised, where the demo starts at `start` and its history
    /// begins at `from`.
    async fn entered(start: &str, from: &str) -> Vec<(String, Option<f64>)> {
        let at = |text: &str| parse_instant(text, UtcOffset::UTC).unwrap();
        let place = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let ports = Ports { serial: Place::Tcp(place(1_501)), grid: place(1_502), der: place(1_503) };
        let text = site_toml(&ports, place(8_080), &"0".repeat(64));
        let mut site = crate::config::read("factory.toml", &text, crate::meters::library).unwrap();
        site.store.raw_days = 400;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &site.store).unwrap();
        let series = store.series("PT-GRID", "EPI").unwrap();
        let group = store.group(&[series]).unwrap();
        let samples = vec![Sample::good(Value::Number(1.0))];
        store.append_blocking(Scan { group, at: at(from), samples }).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::showing(at(start)));
        // As a demo does that is started on the same folder again.
        for _ in 0..2 {
            enter(&site, &store, &clock).await.unwrap();
        }
        store.dr_events().into_iter().map(|event| (event.order.id.clone(), event.promised_kw())).collect()
    }

    #[tokio::test]
    async fn the_events_are_there_once_they_are_over_and_were_measured() {
        let first = ("DR20240806-01".to_owned(), Some(450.0));
        let both = vec![first.clone(), ("DR20240820-02".to_owned(), None)];
        for (start, from, events) in [
            ("2024-09-02T01:00:00Z", "2024-06-28T16:00:00Z", both.clone()),
            ("2024-08-10T01:00:00Z", "2024-06-28T16:00:00Z", vec![first]),
            ("2024-09-02T01:00:00Z", "2024-08-05T16:00:00Z", both[1..].to_vec()),
            ("2024-08-06T06:00:00Z", "2024-06-28T16:00:00Z", vec![]),
            ("2026-09-02T01:00:00Z", "2026-06-28T16:00:00Z", vec![]),
        ] {
            assert_eq!(entered(start, from).await, events, "{start} {from}");
        }
    }
}
