//! Asking a unit what it says of itself.

use tokio_modbus::Request;
use tokio_modbus::prelude::ReadCode;

use super::super::brought::Brought;
use super::LineHandle;
use crate::model::quality::Cause;
use crate::model::register::UnitId;

impl LineHandle {
    /// The bytes that `unit` reports as its server ID (function code 17), the first of them their number.
    /// Asked only once: most meters do not know it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn server_id(&self, unit: UnitId) -> Result<Vec<u8>, Cause> {
        self.told_by(unit, Request::ReportServerId).await
    }

    /// The basic device identification of `unit` (function code 43/14), from its MEI type on. Asked only
    /// once: most meters do not know it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn device_identification(&self, unit: UnitId) -> Result<Vec<u8>, Cause> {
        self.told_by(unit, Request::ReadDeviceIdentification(ReadCode::Basic, 0)).await
    }

    async fn told_by(&self, unit: UnitId, request: Request<'static>) -> Result<Vec<u8>, Cause> {
        match self.ask(unit, request, 1, self.rank).await? {
            (Brought::Identity(bytes), _) => Ok(bytes),
            _ => Err(Cause::Mismatch),
        }
    }
}
