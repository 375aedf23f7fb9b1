//! Alarms: what somebody should look after, for as long as it lasts.

use super::part::Part;

/// Something that somebody should look after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The store takes no writes; readings wait in memory.
    StoreFailing {
        /// What was said.
        reason: String,
    },
    /// Something stored was found damaged since the gateway was started.
    StoreDamaged {
        /// What, and what was done about it.
        what: String,
    },
    /// Readings were lost since the gateway was started, because the store took no writes for too long.
    ReadingsLost {
        /// Scans that had to go.
        scans: u64,
    },
    /// The clock is not set.
    ClockUnset,
    /// Demand has come near to what was agreed.
    DemandNear {
        /// The mean power of the last window, in watts.
        demand_w: i64,
        /// What was agreed, in watts.
        contract_w: i64,
    },
    /// Demand is over the limit.
    DemandOver {
        /// The mean power of the last window, in watts.
        demand_w: i64,
        /// What was agreed, in watts.
        contract_w: i64,
    },
    /// A parameter is not at the value that it should have.
    ControlFailing {
        /// `POINT/PARAMETER`
        parameter: String,
        /// Why.
        reason: String,
    },
    /// A part of the gateway does not move.
    StandsStill {
        /// Which.
        part: Part,
    },
    /// A system that was brought did not prove itself, and the one before came back.
    UpdateRolledBack {
        /// Why, in one word.
        reason: String,
    },
}

impl Alarm {
    /// Its kind in one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::StoreFailing { .. } => "store-failing",
            Self::StoreDamaged { .. } => "store-damaged",
            Self::ReadingsLost { .. } => "readings-lost",
            Self::ClockUnset => "clock-unset",
            Self::DemandNear { .. } => "demand-near",
            Self::DemandOver { .. } => "demand-over",
            Self::ControlFailing { .. } => "control-failing",
            Self::StandsStill { .. } => "standing-still",
            Self::UpdateRolledBack { .. } => "update-rolled-back",
        }
    }
}
