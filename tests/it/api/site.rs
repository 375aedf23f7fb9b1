//! A small site over a temporary store, served on a port of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use cems_gateway::api::{self, ApiServer};
use cems_gateway::config::site::{ApiSettings, NetworkSettings, Platform, Site, StoreSettings};
use cems_gateway::model::category::{Category, CodeSystem};
use cems_gateway::model::cems::{BasicChargeMode, Cems, DerInstalled, UserType};
use cems_gateway::model::demand::DemandSettings;
use cems_gateway::model::factor::Factors;
use cems_gateway::model::point::{Conversion, Metered, Parameter, Point, PointRole, Source, ValidRange};
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::model::reading::{Sample, Scan, Value};
use cems_gateway::model::register::{DataType, Register, Table, WordOrder};
use cems_gateway::model::tariff::Tariff;
use cems_gateway::model::tou::{Rate, Tou, TouDay};
use cems_gateway::ops::Ops;
use cems_gateway::store::Store;
use cems_gateway::time::trust::Sight;
use cems_gateway::time::{Clock, Interval, ManualClock, UtcOffset, UtcTime, parse_instant};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The token of the only platform.
pub(super) const TOKEN: &str = "demo";

pub(super) const ENERGY: &str = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0";
pub(super) const POWER: &str = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0";
const POWER_GIVEN: &str = "0.0.0.12.19.1.37.0.0.0.0.0.0.0.0.3.38.0";
const CHARGE: &str = "0.0.0.12.0.0.0.0.0.0.0.0.0.0.0.-2.0.0";
const COUNT: &str = "0.0.0.1.0.0.142.0.0.1.1.0.0.0.0.0.111.0";
const TEXT: &str = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0";

/// A served site; the directory and the server last as long as it does.
pub(super) struct Served {
    pub(super) ops: Arc<Ops>,
    pub(super) store: Store,
    pub(super) clock: Arc<ManualClock>,
    site: Arc<Site>,
    server: Option<ApiServer>,
    dir: Option<TempDir>,
}

impl Served {
    /// The site without any readings; the clock shows 2024-06-12T10:30:05+08:00.
    pub(super) fn empty() -> Self {
        Self::of(site())
    }

    /// Another site without any readings, at the same time.
    pub(super) fn of(site: Site) -> Self {
        Self::over(tempfile::tempdir().unwrap(), Arc::new(site))
    }

    /// The site after `change`, without any readings.
    pub(super) fn changed(change: impl FnOnce(&mut Site)) -> Self {
        let mut site = site();
        change(&mut site);
        Self::of(site)
    }

    /// The site over the store in `dir`.
    fn over(dir: TempDir, site: Arc<Site>) -> Self {
        let store = Store::open(dir.path(), &site.store).unwrap();
        let clock = Arc::new(ManualClock::showing(at("2024-06-12T10:30:05+08:00")));
        store.begin_run(&Sight { shown: clock.now(), state: clock.state(), steady_ms: 0 }, "boot");
        let ops = Ops::new(Arc::clone(&site), store.clone(), clock.clone()).unwrap();
        let server = Some(api::serve(Arc::clone(&ops), &site.api, dir.path()).unwrap());
        Self { ops, store, clock, site, server, dir: Some(dir) }
    }

    /// The same site, started again after `change` was made to its folder.
    pub(super) fn restarted_after(mut self, change: impl FnOnce(&Path)) -> Self {
        self.store.close().unwrap();
        let (dir, site) = (self.dir.take().unwrap(), Arc::clone(&self.site));
        drop(self);
        change(dir.path());
        Self::over(dir, site)
    }

    /// The same site after the sealed readings have gone, as retention removes them.
    pub(super) fn without_sealed_readings(self) -> Self {
        while self.store.status().waiting_epochs > 0 {
            self.store.flush().unwrap();
        }
        self.restarted_after(remove_sealed_readings)
    }

    /// The site after a morning: the chiller was read every quarter of an hour since yesterday
    /// evening, the photovoltaics have been silent since nine, the storage's meter says that it has
    /// no value, the counter of products was never read.
    pub(super) fn after_a_morning() -> Self {
        let served = Self::empty();
        let (start, silent) = (at("2024-06-11T22:00:00+08:00"), at("2024-06-12T09:00:00+08:00"));
        for step in 0..=50_u32 {
            let time = UtcTime::from_ms(start.as_ms() + i64::from(step) * Interval::QUARTER_HOUR.as_ms());
            let steps = f64::from(step);
            let power = 200.0 + 10.0 * (steps % 4.0);
            let suspect =
                Sample { value: Some(Value::Number(900.5)), quality: Quality::Suspect(Doubt::OutOfRange) };
            let power = if step == 7 { suspect } else { Sample::good(Value::Number(power)) };
            let energy = Sample::good(Value::Number(18_000.0 + 52.5 * steps));
            served.append("PT-CH1", &["EPI", "P"], time, vec![energy, power]);
            let given = if time < silent {
                Sample::good(Value::Number(steps * 9.5))
            } else {
                Sample::missing(Cause::Timeout)
            };
            served.append("PT-PV1", &["P"], time, vec![given]);
            served.append("PT-ESS1", &["SOC", "SN"], time, storage(step));
        }
        served.store.flush().unwrap();
        served
    }

    /// Appends one scan of parameters of one point.
    pub(super) fn append(&self, point: &str, parameters: &[&str], time: UtcTime, samples: Vec<Sample>) {
        let series: Vec<_> =
            parameters.iter().map(|parameter| self.store.series(point, parameter).unwrap()).collect();
        let group = self.store.group(&series).unwrap();
        self.store.append_blocking(Scan { group, at: time, samples }).unwrap();
    }

    /// The folder of the site's data.
    pub(super) fn dir(&self) -> &Path {
        self.dir.as_ref().unwrap().path()
    }

    /// Where HTTPS is served, and the fingerprint of the certificate there.
    pub(super) fn tls(&self) -> (SocketAddr, &str) {
        self.server.as_ref().unwrap().tls().unwrap()
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().local_addr()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown();
        }
    }
}

fn remove_sealed_readings(data: &Path) {
    for entry in std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().to_str().unwrap().starts_with("raw-") {
            std::fs::remove_dir_all(entry).unwrap();
        }
    }
}

pub(super) fn at(text: &str) -> UtcTime {
    parse_instant(text, UtcOffset::from_minutes(480).unwrap()).unwrap()
}

fn storage(step: u32) -> Vec<Sample> {
    let serial = Sample::good(Value::Text("SN-\"7\"\u{1}电".into()));
    let charge =
        if step < 49 { Sample::good(Value::Number(63.5)) } else { Sample::missing(Cause::NotAvailable) };
    vec![charge, serial]
}

/// Valley at night, flat by day, peak from nine to eleven.
fn tou_day() -> TouDay {
    let edges = [(0, Rate::Valley), (8, Rate::Flat), (9, Rate::Peak), (11, Rate::Flat), (22, Rate::Valley)];
    TouDay { edges: edges.map(|(hour, rate)| (hour * 60, rate)).to_vec(), ..TouDay::default() }
}

pub(super) fn site() -> Site {
    Site {
        cems: cems(),
        categories: vec![
            category("CAT-PV", "DER-PV", "光伏", None),
            category("CAT-ALL", "01000", "用电", None),
            category("CAT-HVAC", "01B00", "空调用电", Some("CAT-ALL")),
            category("CAT-OUT", "OUT", "产量", None),
        ],
        lines: Vec::new(),
        meters: Vec::new(),
        points: vec![
            point("PT-PV1", "CAT-PV", PointRole::Der, vec![parameter("P", POWER_GIVEN, "kW")]),
            point("PT-OUT", "CAT-OUT", PointRole::Production, vec![parameter("N", COUNT, "1")]),
            point(
                "PT-CH1",
                "CAT-HVAC",
                PointRole::Branch,
                vec![limited(parameter("P", POWER, "kW")), parameter("EPI", ENERGY, "kWh")],
            ),
            point(
                "PT-ESS1",
                "CAT-PV",
                PointRole::Der,
                vec![parameter("SOC", CHARGE, "%"), text(parameter("SN", TEXT, ""))],
            ),
        ],
        demand: DemandSettings::default(),
        tou: Tou { days: vec![tou_day()] },
        tariff: Tariff::default(),
        factors: Factors::default(),
        demand_response: None,
        platforms: vec![Platform {
            requests_per_min: 1_000_000,
            ..Platform::reading("cloud".to_owned(), Sha256::digest(TOKEN).into())
        }],
        api: ApiSettings::plain(([127, 0, 0, 1], 0).into()),
        store: StoreSettings { raw_days: 400, size_max_mib: 64, ..StoreSettings::default() },
        uplink: None,
        console: None,
        network: NetworkSettings::default(),
        maps_dir: None,
    }
}

fn cems() -> Cems {
    Cems {
        id: "CEMS-310000-0001".to_owned(),
        name: "示例工厂用户端能源管理系统".to_owned(),
        user_id: Some("3100012345".to_owned()),
        user_name: "示例制造有限公司".to_owned(),
        industry_code: Some("C3811".to_owned()),
        user_type: Some(UserType::Industrial),
        region_code: Some("310114".to_owned()),
        address: None,
        building_area_m2: Some(42_000.0),
        supply_voltage_kv: vec![10.0],
        transformer_capacity_kva: Some(4_000.0),
        contract_demand_kw: Some(3_200.0),
        basic_charge_mode: Some(BasicChargeMode::ContractDemand),
        tariff_id: Some("SH-10kV-2024".to_owned()),
        der_installed: DerInstalled {
            pv_kw: Some(800.0),
            storage_kw: Some(500.0),
            ..DerInstalled::default()
        },
        energy_types: vec!["01".to_owned(), "02".to_owned()],
        offset: UtcOffset::from_minutes(480).unwrap(),
    }
}

fn category(id: &str, code: &str, name: &str, parent: Option<&str>) -> Category {
    Category {
        id: id.to_owned(),
        code: code.to_owned(),
        code_system: CodeSystem::Local,
        name: name.to_owned(),
        energy_code: Some("01".to_owned()),
        parent_id: parent.map(str::to_owned),
    }
}

pub(super) fn point(id: &str, category: &str, role: PointRole, parameters: Vec<Parameter>) -> Point {
    Point {
        id: id.to_owned(),
        name: format!("测点 {id}"),
        category_id: category.to_owned(),
        role,
        energy_code: None,
        sub_item_code: None,
        location: None,
        product: None,
        rated_power_kw: None,
        rated_capacity_kwh: None,
        parameters,
    }
}

pub(super) fn parameter(id: &str, reading_type: &str, unit: &str) -> Parameter {
    let register = Register {
        name: id.to_owned(),
        table: Table::HoldingRegister,
        address: 0,
        data_type: DataType::Float { words: 2 },
        word_order: WordOrder::ABCD,
        not_available: Vec::new(),
    };
    Parameter {
        id: id.to_owned(),
        name: format!("参数 {id}"),
        code: None,
        reading_type: reading_type.parse().unwrap(),
        unit: unit.to_owned(),
        decimals: Some(1),
        interval: Interval::QUARTER_HOUR,
        valid: None,
        source: Source::Meter(Metered {
            meter_id: "m".to_owned(),
            register,
            conversion: Conversion::NONE,
            writable: None,
        }),
    }
}

fn limited(parameter: Parameter) -> Parameter {
    Parameter { valid: Some(ValidRange { min: 0.0, max: 500.0 }), ..parameter }
}

fn text(mut parameter: Parameter) -> Parameter {
    if let Source::Meter(metered) = &mut parameter.source {
        metered.register.data_type = DataType::Text { words: 8 };
    }
    parameter.code = Some("SERIAL".to_owned());
    parameter.decimals = None;
    parameter
}
