//! Updates that the broker of the uplink brings.

use std::sync::Arc;

use tokio::sync::watch;

use crate::model::audit::{Actor, Place, Who};
use crate::ops::Ops;
use crate::update::{Origin, Piece, Updates, View, Wish};
use crate::uplink::UpdateDoor;

/// The door of the broker.
pub(super) struct BrokerDoor {
    pub(super) ops: Arc<Ops>,
    pub(super) updates: Arc<Updates>,
    /// The broker, as the audit book names it.
    pub(super) host: String,
}

impl UpdateDoor for BrokerDoor {
    fn take(&self, offset: u64, bytes: &[u8]) {
        let actor = Actor { who: Who::Platform(self.host.clone()), from: Place::Inside };
        let piece = Piece { offset, bytes, wish: Wish::default() };
        if let Err(error) = self.ops.take_update(actor, &Origin::Broker, piece) {
            log::warn!("update: a piece from the broker is not taken: {error}");
            self.updates.tell_again();
        }
    }

    fn watch(&self) -> watch::Receiver<View> {
        self.updates.watch()
    }
}
