//! The site as it is held: checked, every reference resolved, every default filled in.

use std::path::PathBuf;

use crate::model::category::Category;
use crate::model::cems::Cems;
use crate::model::factor::Factors;
use crate::model::meter::{Line, Meter, SerialSettings};
use crate::model::point::Point;
use crate::model::tariff::Tariff;
use crate::model::tou::Tou;

/// Everything that one site file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The profile of the site.
    pub cems: Cems,
    /// Kinds of equipment.
    pub categories: Vec<Category>,
    /// Serial ports and TCP connections.
    pub lines: Vec<Line>,
    /// Meters on the lines.
    pub meters: Vec<Meter>,
    /// Points with their parameters.
    pub points: Vec<Point>,
    /// Which rate applies when.
    pub tou: Tou,
    /// What energy costs, and when the billing month begins.
    pub tariff: Tariff,
    /// What energy classes are worth in standard coal, and what they emit.
    pub factors: Factors,
    /// Who may read over HTTP.
    pub platforms: Vec<Platform>,
    /// The HTTP server.
    pub api: ApiSettings,
    /// How readings are kept.
    pub store: StoreSettings,
    /// Where readings are pushed.
    pub uplink: Option<UplinkSettings>,
    /// The serial console.
    pub console: Option<SerialSettings>,
    /// A folder of register maps that come before the built-in ones.
    pub maps_dir: Option<PathBuf>,
}

impl Site {
    /// The meter of this ID.
    #[must_use]
    pub fn meter(&self, id: &str) -> Option<&Meter> {
        self.meters.iter().find(|meter| meter.id == id)
    }

    /// The category of this ID.
    #[must_use]
    pub fn category(&self, id: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.id == id)
    }
}

/// An energy service platform that may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Its name in logs.
    pub id: String,
    /// SHA-256 of its bearer token; the token itself is kept nowhere.
    pub token_sha256: [u8; 32],
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// Loopback address and port.
    pub listen: std::net::SocketAddr,
}

/// How readings are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The longest that a reading may wait before it is on the medium.
    pub durability_window_ms: i64,
    /// Days that every reading is kept.
    pub raw_days: u32,
    /// Days that quarter-hour values are kept.
    pub quarter_days: u32,
    /// Years that daily and monthly values are kept.
    pub day_years: u32,
    /// Bytes of all databases on disk, in MiB, never crossed; the oldest readings go first.
    pub size_max_mib: u32,
    /// How long the medium lasts; `None` when nobody said.
    pub flash: Option<FlashEndurance>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            // As much as may be lost at a power cut, against flash wear.
            durability_window_ms: 5_000,
            // A month and a half: the days that a demand-response baseline looks back on.
            raw_days: 45,
            // A year and a month, so that a month can be held against the same month of the year before.
            quarter_days: 400,
            day_years: 10,
            // Fits beside the system on the smallest flash in use.
            size_max_mib: 512,
            flash: None,
        }
    }
}

/// How much may be written to the medium before it wears out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashEndurance {
    /// Capacity of the medium, in MiB.
    pub size_mib: u32,
    /// How often each cell may be erased and written.
    pub cycles: u32,
}

/// Where readings are pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UplinkSettings {
    /// Broker host name or address.
    pub host: String,
    /// Broker port.
    pub port: u16,
    /// MQTT client ID.
    pub client_id: String,
    /// First part of every topic.
    pub topic_prefix: String,
    /// User name, where the broker wants one.
    pub username: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
}
