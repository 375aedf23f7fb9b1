//! Demand management over the wire: the worked example, and a table of what can go wrong with a register.

use std::ops::Range;
use std::time::Duration;

use cems_gateway::config::site::Site;
use cems_gateway::counter::Assumption;
use cems_gateway::meters;
use cems_gateway::model::demand::{DemandMethod, DemandSettings};
use cems_gateway::model::point::{Conversion, PointRole, Source};
use cems_gateway::model::quality::Cause;
use cems_gateway::model::reading::{Sample, Value as Reading};
use cems_gateway::model::register::DataType;
use cems_gateway::ops::counter_events::Correction;
use cems_gateway::sim::factory;
use cems_gateway::sim::run::Place;
use cems_gateway::sim::site::{Ports, site_toml};
use cems_gateway::time::{Interval, UtcTime};
use serde_json::{Value, json};

use super::client::{get, post};
use super::golden::check_asked;
use super::site::{ENERGY, POWER, Served, TOKEN, at, parameter, point, site};

const MINUTE_MS: i64 = Interval::MINUTE.as_ms();

fn good(value: f64) -> Sample {
    Sample::good(Reading::Number(value))
}

fn minute_of(start: UtcTime, minute: i64) -> UtcTime {
    UtcTime::from_ms(start.as_ms() + minute * MINUTE_MS)
}

fn ask(served: &Served, operation: &str, body: &str) -> Value {
    let answer = post(served.address(), operation, body);
    assert_eq!(answer.code(), 200, "{}", answer.message());
    answer.json()["data"].clone()
}

fn dynamic(served: &Served) -> Value {
    ask(served, "GetDmDynamicData", "{}")["dmDynamic"].clone()
}

/// The simulated factory, its grid's register read every minute since the month began, the power just now.
fn factory_in_july() -> Served {
    let [grid, der] = ["127.0.0.1:1502", "127.0.0.1:1503"].map(|address| address.parse().unwrap());
    let ports = Ports { serial: Place::Pty("/dev/null".into()), grid, der };
    let text = site_toml(&ports, "127.0.0.1:0".parse().unwrap(), &cems_gateway::api::token_sha256(TOKEN));
    let mut site = cems_gateway::config::read("factory.toml", &text, meters::library).unwrap();
    site.store.raw_days = 400;
    let served = Served::of(site);
    let (start, now) = (at("2024-07-01"), at("2024-07-24T14:40:00+08:00"));
    for minute in 0..=now.ms_since(start) / MINUTE_MS {
        let time = minute_of(start, minute);
        let energy = factory::value("PT-GRID", "EPI", time).unwrap();
        served.append("PT-GRID", &["EPI"], time, vec![good(energy)]);
    }
    served.append("PT-GRID", &["P"], now, vec![good(factory::value("PT-GRID", "P", now).unwrap())]);
    served.clock.set(at("2024-07-24T14:40:02+08:00"));
    served
}

/// The closed formula of the factory, in watt-hours and watts: exact whole numbers.
fn watts_over(from: UtcTime, to: UtcTime) -> i64 {
    let watt_hours = |time| {
        #[expect(clippy::cast_possible_truncation, reason = "whole watt-hours far below 2^53")]
        let whole = (factory::value("PT-GRID", "EPI", time).unwrap() * 1_000.0).round() as i64;
        whole
    };
    (watt_hours(to) - watt_hours(from)) * 4
}

#[test]
fn the_worked_example_comes_out_as_the_factory_is_built() {
    let served = factory_in_july();
    let (start, now) = (at("2024-07-01"), at("2024-07-24T14:40:00+08:00"));
    let ends = (15..=now.ms_since(start) / MINUTE_MS).map(|minute| minute_of(start, minute));
    let watts = ends.map(|end| (watts_over(UtcTime::from_ms(end.as_ms() - 15 * MINUTE_MS), end), end));
    let (max_w, max_at) = watts.reduce(|max, next| if next.0 > max.0 { next } else { max }).unwrap();
    assert_eq!((max_w, max_at), (3_372_120, at("2024-07-04T11:15:00+08:00")), "as the documentation has it");

    let data = ask(&served, "GetDmDynamicData", r#"{"cemsID":"CEMS-310000-0001"}"#);
    let (sliding, maximum) =
        ("0.0.73.0.1.1.8.0.0.0.0.0.0.0.0.3.38.0", "13.8.73.6.1.1.8.0.0.0.0.0.0.0.0.3.38.0");
    let expected = json!({
        "cems": {"cemsID": "CEMS-310000-0001", "cemsName": "示例工厂用户端能源管理系统"},
        "dmStatic": {
            "basicChargeMode": "contractDemand", "contractDemand": 3200.0, "transformerCapacity": 4000.0,
            "demandWindow": "PT15M", "slidingStep": "PT1M", "demandMethod": "sliding", "billingDay": 1,
            "alarmRatio": 0.9, "limitRatio": 1.0, "demandPoint": "PT-GRID",
            "extension": {"overThreshold": 1.05, "overFactor": 2.0},
        },
        "dmDynamic": {
            "timeStamp": "2024-07-24T14:40:00+08:00", "currentPower": 2932.4, "currentDemand": 2874.6,
            "predictedDemand": 2932.399, "windowRemain": 300,
            "monthMaxDemand": 3372.12, "monthMaxTime": "2024-07-04T11:15:00+08:00",
            "demandUsageRate": 0.8983, "margin": 325.4, "alarmLevel": 0, "controllableLoad": 260.0,
            "extension": {"missing": 0, "overCount": 12, "overDuration": "PT7H9M"},
            "reading": [
                {"readingTypeID": sliding, "unit": "kW", "reading": [
                    {"timeStamp": "2024-07-24T14:40:00+08:00", "value": 2874.6, "quality": 0}]},
                {"readingTypeID": maximum, "unit": "kW", "reading": [
                    {"timeStamp": "2024-07-04T11:15:00+08:00", "value": 3372.12, "quality": 0}]},
            ],
        },
    });
    assert_eq!(data, expected);
    assert_eq!(ask(&served, "GetDmStaticData", "{}")["dmStatic"], expected["dmStatic"]);
    // Asked once more, the month comes from what is remembered of its days.
    assert_eq!(ask(&served, "GetDmDynamicData", "{}"), expected);
    assert_eq!(get(served.address(), "/healthz").json()["alarm"], Value::Null);
}

#[test]
fn every_window_of_a_range_is_told_page_by_page_in_either_direction() {
    let served = factory_in_july();
    let range = r#""startTime":"2024-07-10T09:00:00+08:00","endTime":"2024-07-10T21:00:00+08:00""#;
    let page = |number: u32, sort: &str| {
        let body = format!(r#"{{{range},"pageSize":300,"pageNumber":{number},"sort":"{sort}"}}"#);
        ask(&served, "GetDmHistoricalData", &body)
    };
    let readings = |data: &Value| data["dmHistorical"]["reading"][0]["reading"].as_array().unwrap().clone();
    let first = page(1, "asc");
    assert_eq!(first["page"], json!({"pageNumber": 1, "pageSize": 300, "totalPages": 3, "total": 720}));
    let mut all: Vec<Value> = (1..=3).flat_map(|number| readings(&page(number, "asc"))).collect();
    let start = at("2024-07-10T09:00:00+08:00");
    for (reading, minute) in all.iter().zip(0..) {
        let end = minute_of(start, minute);
        assert_eq!(at(reading["timeStamp"].as_str().unwrap()), end);
        let watts = watts_over(UtcTime::from_ms(end.as_ms() - 15 * MINUTE_MS), end);
        let told = reading["value"].as_f64().unwrap() * 1_000.0;
        assert!((told - f64::from(i32::try_from(watts).unwrap())).abs() < 0.6, "{reading} {watts}");
    }
    assert_eq!(all.len(), 720);
    all.reverse();
    assert_eq!((1..=3).flat_map(|number| readings(&page(number, "desc"))).collect::<Vec<_>>(), all);
    assert_eq!(readings(&page(4, "asc")), Vec::<Value>::new());

    let month = &first["dmHistorical"]["month"];
    assert_eq!(month.as_array().unwrap().len(), 1);
    assert_eq!((&month[0]["maxDemand"], &month[0]["overCount"]), (&json!(3372.12), &json!(12)));
    // 33 986 of 44 626 windows.
    assert_eq!(month[0]["completeness"], json!(0.7615));
    let beyond = r#"{"startTime":"2024-07-24T14:30:00+08:00","endTime":"2024-07-25"}"#;
    let told = ask(&served, "GetDmHistoricalData", beyond);
    assert_eq!(told["page"]["total"], json!(11), "what has not ended is not told");
}

/// A site with a register and a power at its gateway, both read every minute; 400 kW are agreed on.
struct Plan {
    settings: DemandSettings,
    data_type: DataType,
    ratio: f64,
    contract_kw: Option<f64>,
    has_power: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            settings: DemandSettings::default(),
            data_type: DataType::Float { words: 4 },
            ratio: 1.0,
            contract_kw: Some(1_000.0),
            has_power: true,
        }
    }
}

impl Plan {
    fn site(&self) -> Site {
        let mut register = parameter("EPI", ENERGY, "kWh");
        register.interval = Interval::MINUTE;
        register.decimals = None;
        if let Source::Meter(metered) = &mut register.source {
            metered.register.data_type = self.data_type;
            metered.conversion = Conversion { scale: 0.01, ratio: self.ratio, ..Conversion::NONE };
        }
        let mut power = parameter("P", POWER, "kW");
        power.interval = Interval::MINUTE;
        let parameters = if self.has_power { vec![register, power] } else { vec![register] };
        let mut site = site();
        site.points.push(point("PT-GRID", "CAT-ALL", PointRole::Gateway, parameters));
        site.demand = self.settings.clone();
        site.cems.contract_demand_kw = self.contract_kw;
        site
    }

    /// The site after minutes of 2024-06-12, of which `shows` says what the register and the power are.
    fn served(
        &self,
        minutes: Range<i64>,
        now: &str,
        shows: impl Fn(i64) -> (Option<f64>, Option<f64>),
    ) -> Served {
        let served = Served::of(self.site());
        for minute in minutes {
            let time = minute_of(at("2024-06-12"), minute);
            let (energy, power) = shows(minute);
            if let Some(energy) = energy {
                served.append("PT-GRID", &["EPI"], time, vec![good(energy)]);
            } else {
                served.append("PT-GRID", &["EPI"], time, vec![Sample::missing(Cause::Timeout)]);
            }
            if let Some(power) = power.filter(|_| self.has_power) {
                served.append("PT-GRID", &["P"], time, vec![good(power)]);
            }
        }
        served.clock.set(at(now));
        served
    }
}

#[expect(clippy::cast_precision_loss, reason = "minutes of a day")]
fn steady(minute: i64) -> f64 {
    // 600 kW.
    minute as f64 * 10.0
}

/// What is told of the last window: value, quality, cause.
fn told(served: &Served) -> (Option<f64>, u64, String) {
    let reading = dynamic(served)["reading"][0]["reading"][0].clone();
    let cause = reading["extension"]["cause"].as_str().unwrap_or_default().to_owned();
    (reading["value"].as_f64(), reading["quality"].as_u64().unwrap(), cause)
}

/// What is shown at a minute of the day, if anything.
type Show = fn(i64) -> Option<f64>;
/// What the register and what the power shows.
type Shows = (Show, Show);
/// Value, quality, cause.
type Told = (Option<f64>, u64, &'static str);
type Case = (&'static str, Shows, Told);

/// 12 kW more than the register tells, so that one sees which of them was asked.
const POWER_612: Show = |_| Some(612.0);
const NO_POWER: Show = |_| None;

fn unless(range: &Range<i64>, minute: i64, value: f64) -> Option<f64> {
    (!range.contains(&minute)).then_some(value)
}

/// What is told at 10:30, of the window since 10:15.
fn told_at_half_past_ten(plan: &Plan, (register, power): Shows) -> (Option<f64>, u64, String) {
    told(&plan.served(540..631, "2024-06-12T10:30:05+08:00", |minute| (register(minute), power(minute))))
}

#[test]
fn a_gap_at_an_end_of_the_window_is_filled_by_the_power_or_by_nothing() {
    let gap_at_start: Show = |minute| unless(&(600..620), minute, steady(minute));
    let cases: [Case; 6] = [
        ("nothing is missing", (|minute| Some(steady(minute)), POWER_612), (Some(600.0), 0, "")),
        (
            "a gap inside",
            (|minute| unless(&(618..627), minute, steady(minute)), NO_POWER),
            (Some(600.0), 0, ""),
        ),
        ("a gap at the start, with power", (gap_at_start, POWER_612), (Some(612.0), 11, "mean-power")),
        ("a gap at the start, without power", (gap_at_start, NO_POWER), (None, 16, "incomplete")),
        (
            "a gap at the start, and one in the power",
            (gap_at_start, |minute| unless(&(616..620), minute, 612.0)),
            (None, 16, "incomplete"),
        ),
        ("no reading at all", (|_| None, NO_POWER), (None, 16, "incomplete")),
    ];
    for (name, shows, (value, quality, cause)) in cases {
        let found = told_at_half_past_ten(&Plan::default(), shows);
        assert_eq!(found, (value, quality, cause.to_owned()), "{name}");
    }
}

#[test]
fn a_register_that_does_not_just_grow_is_judged_and_never_just_subtracted() {
    const MODULUS: f64 = 42_949_672.96;
    let plan = Plan { data_type: DataType::Integer { words: 2, signed: false }, ..Plan::default() };
    let reset: Show = |minute| Some(if minute < 620 { steady(minute) } else { steady(minute - 620) });
    let cases: [Case; 5] = [
        ("a reset, with power", (reset, POWER_612), (Some(612.0), 11, "mean-power")),
        ("a reset, without power", (reset, NO_POWER), (Some(560.0), 10, "reset")),
        (
            "another meter",
            (|minute| Some(if minute < 620 { steady(minute) } else { steady(minute) - 2_000.0 }), NO_POWER),
            (None, 16, "replaced"),
        ),
        (
            "one wrong reading",
            (|minute| Some(if minute == 622 { 0.0 } else { steady(minute) }), NO_POWER),
            (Some(600.0), 0, ""),
        ),
        (
            "a rollover",
            (|minute| Some((MODULUS - 6_200.0 + steady(minute)).rem_euclid(MODULUS)), NO_POWER),
            (Some(600.0), 0, ""),
        ),
    ];
    for (name, shows, (value, quality, cause)) in cases {
        assert_eq!(told_at_half_past_ten(&plan, shows), (value, quality, cause.to_owned()), "{name}");
    }
}

#[test]
fn a_register_of_ten_kilowatt_hours_a_count_gives_way_to_the_power() {
    let data_type = DataType::Integer { words: 2, signed: false };
    let coarse = Plan { data_type, ratio: 1_000.0, ..Plan::default() };
    let register: Show = |minute| Some(steady(minute));
    let cases: [(&str, Show, Told); 3] = [
        ("with power", POWER_612, (Some(612.0), 11, "mean-power")),
        ("without power", NO_POWER, (Some(600.0), 10, "coarse-register")),
        ("while energy is given back", |_| Some(-200.0), (Some(0.0), 11, "mean-power")),
    ];
    for (name, power, (value, quality, cause)) in cases {
        let found = told_at_half_past_ten(&coarse, (register, power));
        assert_eq!(found, (value, quality, cause.to_owned()), "{name}");
    }
}

#[test]
fn a_reading_that_is_late_leaves_the_step_before_as_the_present_one() {
    let served =
        Plan::default().served(540..631, "2024-06-12T10:31:00.100+08:00", |m| (Some(steady(m)), Some(612.0)));
    let now = dynamic(&served);
    assert_eq!(
        (&now["timeStamp"], &now["currentDemand"]),
        (&json!("2024-06-12T10:30:00+08:00"), &json!(600.0))
    );
    assert_eq!((&now["windowRemain"], &now["predictedDemand"]), (&json!(900), &json!(612.0)));
    served.clock.set(at("2024-06-12T11:30:00+08:00"));
    let now = dynamic(&served);
    assert_eq!(
        (&now["currentDemand"], &now["currentPower"], &now["predictedDemand"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&now["extension"]["cause"], &now["extension"]["powerCause"]),
        (&json!("incomplete"), &json!("stale"))
    );
    assert_eq!((&now["alarmLevel"], &now["margin"]), (&Value::Null, &Value::Null));
    assert_eq!(now["monthMaxDemand"], json!(600.0), "what was known of the month stays");
}

#[test]
fn blocks_follow_each_other() {
    let settings = DemandSettings { method: DemandMethod::Block, ..DemandSettings::default() };
    let plan = Plan { settings, ..Plan::default() };
    // 600 kW up to 10:30, 900 kW since.
    let shows = |m: i64| (Some(steady(m) + steady((m - 630).max(0)) / 2.0), Some(900.0));
    let served = plan.served(540..638, "2024-06-12T10:37:05+08:00", shows);
    let data = ask(&served, "GetDmDynamicData", "{}");
    let now = &data["dmDynamic"];
    assert_eq!(
        (&now["timeStamp"], &now["currentDemand"]),
        (&json!("2024-06-12T10:37:00+08:00"), &json!(600.0))
    );
    assert_eq!((&now["windowRemain"], &now["predictedDemand"]), (&json!(480), &json!(900.0)));
    let of_window = &now["reading"][0];
    assert_eq!(of_window["readingTypeID"], json!("0.0.53.0.1.1.8.0.0.0.0.0.0.0.0.3.38.0"));
    assert_eq!(of_window["reading"][0]["timeStamp"], json!("2024-06-12T10:30:00+08:00"));
    assert_eq!(
        (&data["dmStatic"]["demandMethod"], &data["dmStatic"]["slidingStep"]),
        (&json!("block"), &Value::Null)
    );
    let range = r#"{"startTime":"2024-06-12T09:00:00+08:00","endTime":"2024-06-12T11:00:00+08:00"}"#;
    let history = ask(&served, "GetDmHistoricalData", range);
    let values: Vec<Value> = history["dmHistorical"]["reading"][0]["reading"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reading| reading["value"].clone())
        .collect();
    let known = json!(600.0);
    assert_eq!(values, [vec![Value::Null], vec![known; 6]].concat());
}

#[test]
fn a_month_begins_on_the_billing_day_and_what_flowed_before_is_no_part_of_it() {
    // The peak ends ten minutes after the billing day begins: it lies half in the month before.
    let settings = DemandSettings { billing_day: 13, ..DemandSettings::default() };
    let plan = Plan { settings, contract_kw: Some(700.0), ..Plan::default() };
    let shows = |m: i64| {
        let peak = (m.min(1_450) - 1_440 + 5).max(0);
        (Some(steady(m) + steady(peak)), Some(600.0))
    };
    let served = plan.served(1_300..1_501, "2024-06-13T01:00:05+08:00", shows);
    let now = dynamic(&served);
    // Of the windows that lie whole in the new month the first has the most of the peak: 10 of its 15 minutes.
    assert_eq!(
        (&now["monthMaxDemand"], &now["monthMaxTime"]),
        (&json!(1000.0), &json!("2024-06-13T00:15:00+08:00"))
    );
    assert_eq!(
        (&now["extension"]["overCount"], &now["extension"]["overDuration"]),
        (&json!(1), &json!("PT8M"))
    );
    let range = r#"{"startTime":"2024-06-12","endTime":"2024-06-14","pageSize":1}"#;
    let history = ask(&served, "GetDmHistoricalData", range);
    let months = history["dmHistorical"]["month"].as_array().unwrap();
    let told =
        |month: &Value| ["periodStart", "periodEnd", "maxDemand", "maxTime"].map(|name| month[name].clone());
    assert_eq!(
        told(&months[0]),
        [
            json!("2024-05-13T00:00:00+08:00"),
            json!("2024-06-13T00:00:00+08:00"),
            json!(800.0),
            json!("2024-06-13T00:00:00+08:00"),
        ]
    );
    assert_eq!(told(&months[1])[2], json!(1000.0));
}

#[test]
fn the_level_is_told_and_raises_an_alarm() {
    for (contract_kw, level, alarm) in
        [(700.0, 0, Value::Null), (660.0, 1, json!(["demand-near"])), (600.0, 2, json!(["demand-over"]))]
    {
        let plan = Plan { contract_kw: Some(contract_kw), ..Plan::default() };
        let served = plan.served(540..631, "2024-06-12T10:30:05+08:00", |m| (Some(steady(m)), Some(612.0)));
        assert_eq!(dynamic(&served)["alarmLevel"], json!(level));
        assert_eq!(get(served.address(), "/healthz").json()["alarm"], alarm);
    }
}

#[test]
fn what_comes_later_and_what_a_technician_says_changes_the_month() {
    let plan = Plan { has_power: false, ..Plan::default() };
    // A reset at 10:10 of which nobody knows what it cost.
    let shows = |m: i64| (Some(if m < 610 { steady(m) } else { steady(m - 610) }), None);
    let served = plan.served(540..700, "2024-06-12T11:39:05+08:00", shows);
    let month = |served: &Served| dynamic(served)["monthMaxDemand"].clone();
    assert_eq!(month(&served), json!(600.0));
    // A minute at 1 800 kW adds 80 to the window that holds it; its successor lets it be believed.
    for (minute, energy) in [(700, 920.0), (701, 930.0)] {
        served.append("PT-GRID", &["EPI"], minute_of(at("2024-06-12"), minute), vec![good(energy)]);
    }
    served.clock.set(at("2024-06-12T11:41:05+08:00"));
    assert_eq!(month(&served), json!(680.0));
    let number = loop {
        let events = served.ops.counter_events(Some("PT-GRID"), 20);
        match events.iter().find(|of| of.event.event.assumption == Assumption::Reset) {
            Some(of) => break of.event.number,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    // It cost a hundred kilowatt-hours, says a technician.
    served.ops.correct(number, Correction::Amount(100.0)).unwrap();
    let corrected = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        month(&served) == json!(960.0)
    });
    assert!(corrected, "{}", dynamic(&served));
}

#[test]
fn a_wrong_reading_that_is_seen_by_its_successor_leaves_the_month_as_it_was() {
    let plan = Plan { has_power: false, ..Plan::default() };
    let served = plan.served(540..631, "2024-06-12T10:30:05+08:00", |minute| (Some(steady(minute)), None));
    let month = |served: &Served| dynamic(served)["monthMaxDemand"].clone();
    assert_eq!(month(&served), json!(600.0));
    served.append("PT-GRID", &["EPI"], at("2024-06-12T10:31:00+08:00"), vec![good(50_000.0)]);
    served.clock.set(at("2024-06-12T10:31:05+08:00"));
    assert!(month(&served).as_f64().unwrap() > 100_000.0, "nobody can know yet that it is wrong");
    served.append("PT-GRID", &["EPI"], at("2024-06-12T10:32:00+08:00"), vec![good(steady(632))]);
    served.clock.set(at("2024-06-12T10:32:05+08:00"));
    assert_eq!(month(&served), json!(600.0));
}

#[test]
fn when_the_readings_have_gone_quarter_hours_are_left() {
    let plan = Plan { has_power: false, ..Plan::default() };
    let shows = |m: i64| (Some(steady(m) + steady((m - 330).clamp(0, 15))), None);
    let served = plan.served(-5..6_500, "2024-06-16T12:19:05+08:00", shows);
    let (series, day) = (served.store.series("PT-GRID", "EPI").unwrap(), at("2024-06-12")..at("2024-06-13"));
    while served.store.summed(series, &day).unwrap().row.summary.readings < 1_440 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let served = served.without_sealed_readings();
    served.clock.set(at("2024-06-16T12:19:05+08:00"));
    assert!(served.store.readings_from().unwrap() > at("2024-06-13"), "the readings have gone");
    let range = r#"{"startTime":"2024-06-12T05:40:00+08:00","endTime":"2024-06-12T05:50:00+08:00"}"#;
    let history = ask(&served, "GetDmHistoricalData", range);
    for (reading, minute) in
        history["dmHistorical"]["reading"][0]["reading"].as_array().unwrap().iter().zip(40..)
    {
        let (value, cause) =
            if minute == 45 { (json!(1200.0), "quarter-hours") } else { (Value::Null, "incomplete") };
        assert_eq!((&reading["value"], &reading["extension"]["cause"]), (&value, &json!(cause)), "{reading}");
    }
    let month = &history["dmHistorical"]["month"][0];
    assert_eq!((&month["maxDemand"], &month["quality"]), (&json!(1200.0), &json!(11)));
}

#[test]
fn a_site_that_lacks_something_is_told_which_key_to_give() {
    let range = r#"{"startTime":"2024-06-11","endTime":"2024-06-12"}"#;
    let refused = |served: &Served, operation: &str, body: &str| {
        let answer = post(served.address(), operation, body);
        (answer.code(), answer.message())
    };
    let no_contract = Served::of(Plan { contract_kw: None, ..Plan::default() }.site());
    let no_register = Served::empty();
    for (operation, body) in
        [("GetDmStaticData", "{}"), ("GetDmDynamicData", "{}"), ("GetDmHistoricalData", range)]
    {
        let (code, message) = refused(&no_contract, operation, body);
        assert_eq!(code, 40_404);
        assert!(message.contains("give contract_demand_kw") && message.contains("[cems]"), "{message}");
        let (code, message) = refused(&no_register, operation, body);
        assert_eq!(code, 40_404);
        assert!(message.contains("no point of role gateway") && message.contains("[demand]"), "{message}");
    }
    let served = Served::of(Plan::default().site());
    for (operation, body, code, expected) in [
        ("GetDmDynamicData", r#"{"cemsID":"CEMS-X"}"#, 40_401, "cemsID: there is no CEMS 'CEMS-X' here"),
        ("GetDmDynamicData", r#"{"pageSize":1}"#, 40_001, "its members are cemsID"),
        ("GetDmHistoricalData", "{}", 40_002, "startTime is missing"),
        (
            "GetDmHistoricalData",
            r#"{"startTime":"2024-06-12","endTime":"2024-06-12"}"#,
            40_003,
            "endTime: the range must end",
        ),
        (
            "GetDmHistoricalData",
            r#"{"startTime":"2024-01-01","endTime":"2024-06-12"}"#,
            40_003,
            "longer than 31 days",
        ),
        (
            "GetDmHistoricalData",
            r#"{"startTime":"2024-06-11","endTime":"2024-06-12","sort":"up"}"#,
            40_001,
            "sort cannot be 'up'",
        ),
    ] {
        let (found, message) = refused(&served, operation, body);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(dynamic(&served)["currentDemand"], Value::Null, "nothing was read so far");
}

#[test]
fn answers_about_demand_are_as_recorded() {
    let served = factory_in_july();
    check_asked(served.address(), "dm_static", "GetDmStaticData", "");
    check_asked(served.address(), "dm_dynamic", "GetDmDynamicData", "");
    let range =
        r#"{"startTime":"2024-07-24T14:30:00+08:00","endTime":"2024-07-24T14:45:00+08:00","pageSize":5}"#;
    check_asked(served.address(), "dm_historical", "GetDmHistoricalData", range);
}
