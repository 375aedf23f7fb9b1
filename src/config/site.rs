//! The site as it is held: checked, every reference resolved, every default filled in.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::model::category::Category;
use crate::model::cems::Cems;
use crate::model::demand::DemandSettings;
use crate::model::demand_response::DemandResponse;
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
    /// How demand is measured, and what is agreed about it.
    pub demand: DemandSettings,
    /// Which rate applies when.
    pub tou: Tou,
    /// What it offers where load has to be moved; `None` where it says nothing of that.
    pub demand_response: Option<DemandResponse>,
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
    /// Address and time of a box with an image of ours.
    pub network: NetworkSettings,
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

/// What a platform may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Ask.
    Read,
    /// Enter events of demand response.
    Events,
    /// Enter events that move equipment of this site.
    Control,
    /// See the audit log and change what is run.
    Admin,
}

/// Every scope with its word.
pub const SCOPES: [(Scope, &str); 4] =
    [(Scope::Read, "read"), (Scope::Events, "events"), (Scope::Control, "control"), (Scope::Admin, "admin")];

/// An energy service platform that may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Its name in logs.
    pub id: String,
    /// SHA-256 of its token; the token itself is kept nowhere.
    pub token_sha256: [u8; 32],
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// It signs its requests with `token_sha256`; then its token by itself opens nothing.
    pub is_signed: bool,
    /// SHA-256 of the certificate that it must show in TLS.
    pub certificate_sha256: Option<[u8; 32]>,
    /// IDs of the categories that there are for it; all where it is `None`.
    pub categories: Option<Vec<String>>,
    /// IDs of the points that there are for it; all where it is `None`.
    pub points: Option<Vec<String>>,
    /// How often it may ask in a minute.
    pub requests_per_min: u32,
}

impl Platform {
    /// One that may ask for everything, with a token.
    #[must_use]
    pub fn reading(id: String, token_sha256: [u8; 32]) -> Self {
        Self {
            id,
            token_sha256,
            scopes: vec![Scope::Read],
            is_signed: false,
            certificate_sha256: None,
            categories: None,
            points: None,
            requests_per_min: crate::limits::PLATFORM_REQUESTS_PER_MIN,
        }
    }

    /// Whether it may do so.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// Address and port of plain HTTP; a loopback address unless the site file insists.
    pub listen: std::net::SocketAddr,
    /// Address and port of HTTPS.
    pub tls_listen: Option<std::net::SocketAddr>,
    /// Files of a certificate and its key, in PEM; otherwise the gateway makes its own.
    pub certificate: Option<CertificateFiles>,
    /// What platforms want that were made for other forms of the interface.
    pub compat: ApiCompat,
}

impl ApiSettings {
    /// Plain HTTP at `listen`, and nothing else.
    #[must_use]
    pub fn plain(listen: std::net::SocketAddr) -> Self {
        Self { listen, tls_listen: None, certificate: None, compat: ApiCompat::default() }
    }
}

/// Where a certificate and its key lie, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and after it those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
}

/// Forms of the interface that differ between platforms, while the text of the standard is not public.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each form is taken or not, by itself")]
pub struct ApiCompat {
    /// Digits of the return code of an answer that is no refusal.
    pub success_code: String,
    /// Return codes are texts.
    pub codes_as_text: bool,
    /// A refusal too has the HTTP status 200.
    pub http_status_200: bool,
    /// The number of the first page, 0 or 1.
    pub first_page: u32,
    /// `yyyy-MM-dd HH:mm:ss` is taken, for local time.
    pub local_time: bool,
    /// Reading types are taken with hyphens and with 16 fields.
    pub other_reading_types: bool,
}

impl Default for ApiCompat {
    fn default() -> Self {
        Self {
            success_code: "200".to_owned(),
            codes_as_text: false,
            http_status_200: false,
            first_page: 1,
            local_time: false,
            other_reading_types: false,
        }
    }
}

/// How a box with an image of ours gets its address and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// The interface; `None` takes the first one.
    pub interface: Option<String>,
    /// The address and the length of its network's prefix; `None` asks the network (DHCP).
    pub address: Option<(Ipv4Addr, u8)>,
    /// The way out of a fixed address's network.
    pub router: Option<Ipv4Addr>,
    /// Who knows host names where the address is fixed.
    pub name_servers: Vec<IpAddr>,
    /// Whom the clock is compared with (SNTP); empty for nobody.
    pub time_servers: Vec<String>,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            interface: None,
            address: None,
            router: None,
            name_servers: Vec::new(),
            // The National Time Service Center of China, and whoever is near.
            time_servers: vec!["ntp.ntsc.ac.cn".to_owned(), "pool.ntp.org".to_owned()],
        }
    }
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
    /// Whether updates of the system are taken from the broker.
    pub takes_updates: bool,
}
