//! The simulated factory on a thread of its own, so that it and the gateway share nothing but wires.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::gateway::runtime;
use crate::sim::run::{Manner, factory};
use crate::time::Clock;

/// The running factory; it ends when this is dropped.
pub(super) struct FactoryThread {
    site_text: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FactoryThread {
    /// Starts the factory; its site file lets the gateway listen at `listen`.
    pub(super) fn start(listen: SocketAddr, token_sha256: String, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let (stop, stopped) = oneshot::channel();
        let (started, starts) = mpsc::channel();
        let live = move || {
            let runtime = match runtime() {
                Ok(runtime) => runtime,
                Err(failure) => return drop(started.send(Err(failure))),
            };
            runtime.block_on(async {
                match factory(listen, &token_sha256, &clock, &Manner::default()).await {
                    Ok(factory) => {
                        let _starter_gone = started.send(Ok(factory.site_text.clone()));
                        // An error means that the other end is gone, which is the same order.
                        let _ordered = stopped.await;
                    }
                    Err(error) => {
                        let _starter_gone = started.send(Err(Failure::new(error)));
                    }
                }
            });
        };
        let thread = std::thread::Builder::new().name("factory".to_owned()).spawn(live).map_err(Failure::new)?;
        let ended = || Failure::new("the simulated factory ended before it began");
        let site_text = starts.recv().map_err(|_| ended())??;
        Ok(Self { site_text, stop: Some(stop), thread: Some(thread) })
    }

    /// The site file of the factory, with the pty and the ports of this run.
    pub(super) fn site_text(&self) -> &str {
        &self.site_text
    }
}

impl Drop for FactoryThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the simulated factory panicked");
        }
    }
}
