//! What answers about demand look like.

use serde_json::Value;

use super::answers::{Shapes, always, list_of};
use crate::api::wire::answer::{DataCount, HistoricalHead, Page};
use crate::api::wire::demand::{DemandReading, DemandSeries, DmDynamic, DmMonth, DmStatic};
use crate::api::wire::site::SimpleCems;
use crate::api::wire::{Empty, names};

impl Shapes {
    pub(super) fn dm_static_data(&mut self) -> Value {
        let further = vec![
            always(names::CEMS, self.reference::<SimpleCems<'_>>()),
            always(names::DM_STATIC, self.reference::<DmStatic<'_>>()),
        ];
        self.object::<Empty>("DmStaticData", further)
    }

    pub(super) fn dm_dynamic_data(&mut self) -> Value {
        let series = list_of(&self.demand_series());
        let now = self.object::<DmDynamic>("DmDynamic", vec![always(names::READING, series)]);
        let further = vec![
            always(names::CEMS, self.reference::<SimpleCems<'_>>()),
            always(names::DM_STATIC, self.reference::<DmStatic<'_>>()),
            always(names::DM_DYNAMIC, now),
        ];
        self.object::<Empty>("DmDynamicData", further)
    }

    pub(super) fn dm_historical_data(&mut self) -> Value {
        let parts = vec![
            always(names::READING, list_of(&self.demand_series())),
            always(names::MONTH, list_of(&self.reference::<DmMonth>())),
        ];
        let history = self.object::<Empty>("DmHistorical", parts);
        let further = vec![
            always(names::CEMS, self.reference::<SimpleCems<'_>>()),
            always(names::PAGE, self.reference::<Page>()),
            always(names::DM_HISTORICAL, history),
            always(names::DATA_COUNT, self.reference::<DataCount>()),
        ];
        self.object::<HistoricalHead>("DmHistoricalData", further)
    }

    fn demand_series(&mut self) -> Value {
        let readings = list_of(&self.reference::<DemandReading>());
        self.object::<DemandSeries>("DemandReadings", vec![always(names::READING, readings)])
    }
}
