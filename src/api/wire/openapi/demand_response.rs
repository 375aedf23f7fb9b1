//! What answers about demand response look like.

use serde_json::Value;

use super::answers::{Further, Shapes, always, list_of, sometimes};
use crate::api::wire::answer::{DynamicHead, Page};
use crate::api::wire::response::{
    DrActual, DrBaseline, DrCapability, DrCount, DrEntered, DrEventHead, DrExecution, DrInvitation,
    DrRangeHead, DrResource, DrResult, DrStatistics,
};
use crate::api::wire::site::SimpleCems;
use crate::api::wire::{Empty, names};

impl Shapes {
    pub(super) fn dr_static_data(&mut self) -> Value {
        let resources = list_of(&self.reference::<DrResource<'_>>());
        let capability =
            self.object::<DrCapability<'_>>("DrCapability", vec![always(names::RESOURCE, resources)]);
        let further = vec![
            always(names::CEMS, self.reference::<SimpleCems<'_>>()),
            always(names::DR_CAPABILITY, capability),
        ];
        self.object::<Empty>("DrStaticData", further)
    }

    pub(super) fn dr_dynamic_data(&mut self) -> Value {
        let further = self.events();
        self.object::<DynamicHead>("DrDynamicData", further)
    }

    pub(super) fn dr_historical_data(&mut self) -> Value {
        let further = self.events();
        self.object::<DrRangeHead>("DrHistoricalData", further)
    }

    pub(super) fn dr_statistical_data(&mut self) -> Value {
        let further = vec![
            always(names::CEMS, self.reference::<SimpleCems<'_>>()),
            always(names::DR_STATISTICS, self.reference::<DrStatistics>()),
        ];
        self.object::<DrRangeHead>("DrStatisticalData", further)
    }

    pub(super) fn dr_entered(&mut self) -> Value {
        let further = vec![
            always(names::CEMS, self.reference::<SimpleCems<'_>>()),
            always(names::DR_EVENT, list_of(&self.event())),
            always(names::EXTENSION, self.reference::<DrEntered>()),
        ];
        self.object::<Empty>("DrEnteredData", further)
    }

    fn events(&mut self) -> Vec<Further> {
        vec![
            always(names::CEMS, self.reference::<SimpleCems<'_>>()),
            always(names::PAGE, self.reference::<Page>()),
            always(names::DR_EVENT, list_of(&self.event())),
            always(names::DATA_COUNT, self.reference::<DrCount>()),
        ]
    }

    fn event(&mut self) -> Value {
        let further = vec![
            always(names::INVITATION, self.reference::<DrInvitation<'_>>()),
            sometimes(names::BASELINE, self.reference::<DrBaseline<'_>>()),
            sometimes(names::EXECUTION, self.reference::<DrExecution>()),
            sometimes(names::ACTUAL, self.reference::<DrActual<'_>>()),
            sometimes(names::RESULT, self.reference::<DrResult>()),
        ];
        self.object::<DrEventHead<'_>>("DrEvent", further)
    }
}
