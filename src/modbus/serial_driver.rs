//! What a serial driver does besides carrying bytes: it switches a transceiver, and it may hold bytes back.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serial2::SerialPort;
use serial2::rs4xx::Rs485Config;

use crate::model::meter::Rs485;

/// The shortest that an FTDI adapter may wait for more bytes, in milliseconds; out of the box it is 16.
const LATENCY_MS: u32 = 1;

/// Lets the driver of `port` switch the transceiver whenever it sends; gives the port, open.
///
/// # Errors
/// When the port cannot be opened, or the driver cannot do that; then nothing that is sent would reach a
/// meter.
pub(super) fn switch_direction(port: &str, rs485: Rs485) -> io::Result<SerialPort> {
    let mut config = Rs485Config::new();
    config.set_invert_rts(!rs485.rts_on_send);
    config.set_delay_before_send(Duration::from_millis(u64::from(rs485.delay_before_send_ms)));
    config.set_delay_after_send(Duration::from_millis(u64::from(rs485.delay_after_send_ms)));
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let port = SerialPort::from(rustix::fs::open(port, flags, Mode::empty())?);
    let switched = port.set_rs4xx_mode(config).map_err(|error| {
        let remedy = "take 'rs485' away where port or adapter switch by themselves";
        io::Error::new(error.kind(), format!("its driver does not switch RS-485 ({error}); {remedy}"))
    });
    switched.map(|()| port)
}

/// Asks a USB adapter to hand on what it has received at once; in a log line only, where it may not be
/// asked, because the line works all the same.
///
/// The adapters of FTDI wait for more bytes before each transfer. `classes` is where the kernel lists its
/// serial ports.
pub(super) fn hand_on_at_once(port: &Path, classes: &Path) {
    let Ok(device) = fs::canonicalize(port) else { return };
    let Some(name) = device.file_name() else { return };
    let timer = classes.join(name).join("device/latency_timer");
    let Some(latency_ms) = fs::read_to_string(&timer).ok().and_then(|text| text.trim().parse::<u32>().ok())
    else {
        return;
    };
    if latency_ms <= LATENCY_MS {
        return;
    }
    match fs::write(&timer, LATENCY_MS.to_string()) {
        Ok(()) => log::info!("{}: hands on what it hears at once, not after {latency_ms} ms", port.display()),
        Err(error) => log::warn!(
            "{}: hands on what it hears after {latency_ms} ms, which slows every read down; let root write {LATENCY_MS} to {} ({error})",
            port.display(),
            timer.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_cannot_switch_says_so_with_a_remedy() {
        let rs485 = Rs485 { rts_on_send: true, delay_before_send_ms: 1, delay_after_send_ms: 0 };
        let refused = |port: &str| switch_direction(port, rs485).unwrap_err().to_string();
        let error = refused("/dev/ptmx");
        assert!(error.contains("does not switch RS-485") && error.contains("take 'rs485' away"), "{error}");
        assert!(refused("/dev/no-such-port").contains("No such file"));
    }

    #[test]
    fn an_adapter_that_holds_bytes_back_is_asked_not_to() {
        let dir = tempfile::tempdir().unwrap();
        let port = dir.path().join("ttyUSB0");
        let device = dir.path().join("class/ttyUSB0/device");
        fs::create_dir_all(&device).unwrap();
        fs::write(&port, "").unwrap();
        let by_id = dir.path().join("usb-FTDI-if00-port0");
        std::os::unix::fs::symlink(&port, &by_id).unwrap();
        let timer = device.join("latency_timer");
        let after = |written: &str| {
            fs::write(&timer, written).unwrap();
            hand_on_at_once(&by_id, &dir.path().join("class"));
            fs::read_to_string(&timer).unwrap()
        };
        assert_eq!(after("16\n"), "1");
        assert_eq!(after("1\n"), "1\n", "it is left alone");
        assert_eq!(after("fast\n"), "fast\n");
        fs::remove_file(&timer).unwrap();
        hand_on_at_once(&by_id, &dir.path().join("class"));
        assert!(!timer.exists(), "other adapters have no such file");
    }
}
