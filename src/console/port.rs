//! The serial console: keeps a port open and serves one person after the other on it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_serial::{DataBits, SerialPortBuilderExt, SerialStream, StopBits};

use super::desk::Front;
use super::login::Login;
use super::session::{Access, serve};
use crate::model::meter::{Parity, SerialSettings};

/// The first wait before a port that failed is opened again.
const REOPEN_MIN: Duration = Duration::from_secs(1);
/// The longest; a technician who plugs in an adapter should not wait longer for the prompt.
const REOPEN_MAX: Duration = Duration::from_secs(30);

/// Serves the console on a serial port for as long as it is polled. A port that is absent, unplugged
/// or unwell is opened again, at first after a second, then less often.
pub async fn serve_port(settings: SerialSettings, front: Front, login: Arc<Login>) {
    let mut wait = REOPEN_MIN;
    let mut told = String::new();
    loop {
        let ended = match open(&settings) {
            Ok(stream) => {
                log::info!("console: on {}", settings.port);
                (wait, told) = (REOPEN_MIN, String::new());
                let access = Access::Password(Arc::clone(&login));
                serve(stream, front.clone(), access)
                    .await
                    .map_or_else(|error| error.to_string(), |()| "the port hung up".to_owned())
            }
            Err(error) => error.to_string(),
        };
        // The same failure every half minute would only fill the log.
        if ended != told {
            log::warn!("console: {}: {ended}; opening it again", settings.port);
            told = ended;
        }
        sleep(wait).await;
        wait = (wait * 2).min(REOPEN_MAX);
    }
}

fn open(settings: &SerialSettings) -> tokio_serial::Result<SerialStream> {
    let parity = match settings.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    tokio_serial::new(&settings.port, settings.baud)
        .data_bits(if settings.data_bits == 7 { DataBits::Seven } else { DataBits::Eight })
        .parity(parity)
        .stop_bits(if settings.stop_bits == 2 { StopBits::Two } else { StopBits::One })
        .open_native_async()
}
