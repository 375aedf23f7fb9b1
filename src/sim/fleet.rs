//! The meters of one line, and how they are made from a site file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::factory::{self, Quantity};
use super::meter::{Dial, Formula, Holes, Meter};
use super::mishap::Life;
use super::wave::Wave;
use crate::config::site::Site;
use crate::modbus::frame::{Answer, Request};
use crate::model::meter::Line;
use crate::model::point::{Metered, Parameter, Point};
use crate::model::register::UnitId;
use crate::time::UtcTime;

/// The meters of one line, by their address on it. Several connections may ask at once.
#[derive(Debug, Default)]
pub struct Fleet {
    meters: BTreeMap<UnitId, Mutex<Meter>>,
}

impl Fleet {
    /// A fleet of these meters.
    #[must_use]
    pub fn new(meters: impl IntoIterator<Item = (UnitId, Meter)>) -> Self {
        Self { meters: meters.into_iter().map(|(unit, meter)| (unit, Mutex::new(meter))).collect() }
    }

    /// The meters that `site` has on `line`, each with the registers that some Parameter reads.
    ///
    /// The Parameters of the factory follow [`factory`], those of any other site a [`Wave`].
    #[must_use]
    pub fn of_line(site: &Site, line: &Line, holes: Holes) -> Self {
        let of_factory = site.cems.id == factory::CEMS_ID;
        let mut meters: BTreeMap<UnitId, Meter> = BTreeMap::new();
        for point in &site.points {
            for parameter in &point.parameters {
                let Some(metered) = parameter.metered() else { continue };
                let Some(meter) = site.meter(&metered.meter_id) else { continue };
                if meter.line_id == line.id {
                    let dial = dial(point, (parameter, metered), meter.unit, of_factory);
                    let simulated = meters.entry(meter.unit).or_insert_with(|| Meter::new(holes));
                    if metered.writable.is_some() {
                        simulated.add_set_point(&dial);
                    } else {
                        simulated.add(dial);
                    }
                }
            }
        }
        Self::new(meters)
    }

    /// The same meters, each with the life that `life_of` gives its address.
    #[must_use]
    pub fn living(mut self, life_of: impl Fn(UnitId) -> Life) -> Self {
        for (unit, meter) in &mut self.meters {
            meter.get_mut().unwrap_or_else(PoisonError::into_inner).live(life_of(*unit));
        }
        self
    }

    /// The meter that is meant by `unit`: over TCP a meter that is alone is also meant by 0 and 255
    /// (Modbus Messaging on TCP/IP V1.0b, section 4.4.2.2).
    #[must_use]
    pub fn resolve(&self, unit: UnitId, over_tcp: bool) -> Option<UnitId> {
        if over_tcp && matches!(unit.0, 0 | 255) && self.meters.len() == 1 {
            return self.meters.keys().next().copied();
        }
        self.meters.contains_key(&unit).then_some(unit)
    }

    /// What `unit` says; `None` where no meter has this address, or it has no power.
    pub fn answer(&self, unit: UnitId, request: &Request<'_>, at: UtcTime) -> Option<Answer> {
        let mut meter = self.meters.get(&unit)?.lock().unwrap_or_else(PoisonError::into_inner);
        (!meter.is_off(at)).then(|| meter.answer(request, at))
    }

    /// Gives a request to every meter; nobody answers a broadcast.
    pub fn broadcast(&self, request: &Request<'_>, at: UtcTime) {
        for unit in self.meters.keys() {
            let _unsaid = self.answer(*unit, request, at);
        }
    }
}

fn dial(point: &Point, (parameter, metered): (&Parameter, &Metered), unit: UnitId, of_factory: bool) -> Dial {
    let quantity = of_factory.then(|| Quantity::of(&point.id, &parameter.id)).flatten();
    let formula: Formula = if let Some(writable) = &metered.writable {
        let release = writable.release;
        Arc::new(move |_| release)
    } else if let Some(quantity) = quantity {
        Arc::new(move |at| quantity.value(at))
    } else {
        let wave = Wave::of(parameter, metered, unit);
        Arc::new(move |at| wave.value(at))
    };
    let is_counter = metered.writable.is_none() && parameter.reading_type.is_cumulative();
    Dial { register: metered.register.clone(), conversion: metered.conversion, formula, is_counter }
}
