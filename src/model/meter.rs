//! Meters, the lines they hang on, and the register maps that describe them.

use std::net::SocketAddr;

use super::point::ValidRange;
use super::reading_type::ReadingType;
use super::register::{Register, Span, Table, UnitId};
use crate::time::Interval;

/// One meter of the site.
#[derive(Clone, Debug, PartialEq)]
pub struct Meter {
    /// Unique in the site.
    pub id: String,
    /// The line it hangs on.
    pub line_id: String,
    /// Its address on the line.
    pub unit: UnitId,
    /// The model of its register map; `None` when each Parameter describes its own register.
    pub map_model: Option<String>,
    /// Current transformer ratio that the meter does not apply itself.
    pub ct: f64,
    /// Voltage transformer ratio that the meter does not apply itself.
    pub pt: f64,
    /// How often it is read where a Parameter does not say.
    pub interval: Interval,
    /// What one read of it may ask for.
    pub read_limits: ReadLimits,
}

/// What one read of a meter may ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadLimits {
    /// Registers of one read.
    pub registers_max: u16,
    /// Coils or discrete inputs of one read.
    pub bits_max: u16,
    /// Addresses that no read may touch, even as a hole between two values.
    pub forbidden: Vec<(Table, Span)>,
    /// Reads of words must start at an even address.
    pub even_start: bool,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            registers_max: crate::limits::READ_REGISTERS_MAX,
            bits_max: crate::limits::READ_BITS_MAX,
            forbidden: Vec::new(),
            even_start: false,
        }
    }
}

/// A kind of meter: its registers as the maker's manual lists them.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterMap {
    /// The name that meters refer to, such as `eastron-sdm630`.
    pub model: String,
    /// The maker.
    pub manufacturer: String,
    /// What it is, for people.
    pub title: String,
    /// The manual that the registers were taken from.
    pub manual: String,
    /// Limits of the meter.
    pub read_limits: ReadLimits,
    /// Its registers.
    pub registers: Vec<MapRegister>,
}

impl RegisterMap {
    /// The register of this name.
    #[must_use]
    pub fn register(&self, name: &str) -> Option<&MapRegister> {
        self.registers.iter().find(|entry| entry.register.name == name)
    }
}

/// One register of a map, with what its value means.
#[derive(Clone, Debug, PartialEq)]
pub struct MapRegister {
    /// Where it lies and how it is read.
    pub register: Register,
    /// What it is, for people.
    pub title: String,
    /// Engineering units of one raw count.
    pub scale: f64,
    /// Added after scaling.
    pub offset: f64,
    /// The unit after scaling.
    pub unit: String,
    /// What it measures.
    pub reading_type: ReadingType,
    /// Which transformer ratios apply to it when the meter does not apply them itself.
    pub ratio: RatioKind,
    /// Decimals worth keeping.
    pub decimals: Option<u8>,
    /// Values outside are suspect.
    pub valid: Option<ValidRange>,
    /// The page of the manual.
    pub page: String,
}

/// Which of a meter's transformer ratios multiply a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatioKind {
    /// Neither: frequency, power factor, and meters that apply their ratios themselves.
    None,
    /// The current ratio.
    Current,
    /// The voltage ratio.
    Voltage,
    /// Both: power and energy.
    Power,
}

impl RatioKind {
    /// What a value of this kind is multiplied by on a meter with these ratios.
    #[must_use]
    pub const fn factor(self, ct: f64, pt: f64) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Current => ct,
            Self::Voltage => pt,
            Self::Power => ct * pt,
        }
    }
}

/// One wire: a serial port or a TCP connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Unique in the site.
    pub id: String,
    /// How it is reached.
    pub link: Link,
    /// The longest that any meter on it may take before its answer starts.
    pub response_timeout_ms: u32,
    /// Requests that may be under way at once; more than one only over Modbus TCP.
    pub pipeline: u8,
}

/// How a line is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// RTU frames on a serial port.
    Serial(SerialSettings),
    /// Modbus TCP.
    Tcp {
        /// Host name or address.
        host: String,
        /// 502 unless said otherwise.
        port: u16,
    },
    /// RTU frames through a TCP socket, as serial device servers do.
    RtuOverTcp {
        /// Host name or address.
        host: String,
        /// The device server's port.
        port: u16,
        /// Baud rate of the serial line behind it, which sets the silence between frames.
        baud: u32,
    },
    /// RTU frames through a TCP connection that a cellular modem makes to us.
    DialIn {
        /// Where it calls.
        listen: SocketAddr,
        /// What it says first, by which its line is known.
        registration: Vec<u8>,
        /// Baud rate of the serial line behind it.
        baud: u32,
    },
}

/// Settings of a serial port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialSettings {
    /// Device path, best a stable one below `/dev/serial/by-id` or `by-path`.
    pub port: String,
    /// Bits a second.
    pub baud: u32,
    /// Parity bit.
    pub parity: Parity,
    /// 7 or 8.
    pub data_bits: u8,
    /// 1 or 2.
    pub stop_bits: u8,
    /// The port hears what it sends, as two-wire adapters without receiver control do.
    pub local_echo: bool,
    /// How the kernel switches the transceiver to sending; `None` where port or adapter do that themselves.
    pub rs485: Option<Rs485>,
}

/// How a serial driver switches an RS-485 transceiver with the port's RTS line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rs485 {
    /// RTS is high while the port sends; low where it is `false`.
    pub rts_on_send: bool,
    /// From switching to the first bit, in milliseconds.
    pub delay_before_send_ms: u16,
    /// From the last bit to switching back, in milliseconds.
    pub delay_after_send_ms: u16,
}

/// Parity of a serial character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

impl SerialSettings {
    /// Bits on the wire for one character: start, data, parity and stop.
    #[must_use]
    pub const fn bits_per_char(&self) -> u32 {
        let parity = if matches!(self.parity, Parity::None) { 0 } else { 1 };
        1 + self.data_bits as u32 + parity + self.stop_bits as u32
    }
}
