//! The alarm that the present demand calls for, reckoned when it is asked for, and twice a step at most:
//! whoever looks every second costs no more than who looks now and then.

use std::sync::{Arc, Mutex, PoisonError};

use super::source::DemandSource;
use crate::config::site::Site;
use crate::model::alarm::Alarm;
use crate::ops::Ops;
use crate::stats::demand::AlarmLevel;
use crate::time::UtcTime;

/// The alarm that was told last.
#[derive(Default)]
pub(in crate::ops) struct DemandAlarm(Mutex<Option<(Basis, Option<Alarm>)>>);

/// What an alarm holds for: the site, the step, and the step that the register has been read in.
struct Basis {
    site: Arc<Site>,
    step: UtcTime,
    read_in: Option<UtcTime>,
}

impl Basis {
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.site, &other.site) && (self.step, self.read_in) == (other.step, other.read_in)
    }
}

impl Ops {
    /// The alarm that the present demand calls for.
    pub(in crate::ops) fn demand_alarm(&self) -> Option<Alarm> {
        let source = self.demand_source(None).ok()?;
        let latest = self.store().latest(source.register.series).and_then(|latest| latest.reading);
        let basis = Basis {
            site: Arc::clone(source.served.site()),
            step: source.step_at(self.clock().now()),
            read_in: latest.map(|reading| source.step_at(reading.at)),
        };
        let mut told = self.demand_alarm.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.as_ref() {
            Some((known, alarm)) if known.is_same(&basis) => alarm.clone(),
            _ => {
                let alarm = self.reckon_alarm(&source);
                *told = Some((basis, alarm.clone()));
                alarm
            }
        }
    }

    /// A demand that cannot be had calls for none: what is wrong is told by other alarms.
    fn reckon_alarm(&self, source: &DemandSource) -> Option<Alarm> {
        let kw = self.present_demand(source).ok()?.kw()?;
        let (demand_w, contract_w) = (watts(kw), watts(source.rule.contract_kw));
        match source.level(kw) {
            AlarmLevel::Normal => None,
            AlarmLevel::Warning => Some(Alarm::DemandNear { demand_w, contract_w }),
            AlarmLevel::Over => Some(Alarm::DemandOver { demand_w, contract_w }),
        }
    }
}

fn watts(kw: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float keeps to the range of the integer"
    )]
    let watts = (kw * 1_000.0).round() as i64;
    watts
}
