//! The site as it is held: checked, every reference resolved, every default filled in.

use std::path::PathBuf;

use crate::model::category::Category;
use crate::model::cems::Cems;
use crate::model::meter::{Line, Meter, SerialSettings};
use crate::model::point::Point;

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
    /// Days of history.
    pub history_days: u32,
    /// Bytes of the database on disk, in MiB; the oldest history goes first.
    pub size_max_mib: u32,
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
