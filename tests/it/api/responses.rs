//! Demand response as a platform and a technician live it: invited, replied to, measured, judged. The
//! site is the simulated factory, so that every number follows from its formula.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use cems_gateway::api::{self, ApiServer};
use cems_gateway::config::site::{Scope, Site};
use cems_gateway::model::audit::{Actor, Deed, Note, Place, Reason, Who};
use cems_gateway::model::demand_response::{Act, BaselineMethod, DemandResponse, SamplesUntil};
use cems_gateway::model::reading::{Sample, Scan, Value as Reading};
use cems_gateway::ops::Ops;
use cems_gateway::ops::demand_response::OrderError;
use cems_gateway::sim::factory::{self, Ports, site_toml};
use cems_gateway::sim::run;
use cems_gateway::store::Store;
use cems_gateway::time::{Interval, ManualClock, UtcTime};
use cems_gateway::{config, limits, meters};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Answer, ask, get, post, raw};
use super::golden::check_asked;
use super::site::{TOKEN, at};

/// Early enough for the 45 days that a baseline may look back on.
const HISTORY_FROM: &str = "2024-07-20";
const ORDER: &str = r#"{"cemsID":"CEMS-310000-0001","eventID":"DR20240806-01","eventName":"8月6日日前削峰",
    "responseType":1,"timeType":"dayAhead","startTime":"2024-08-06T13:00:00+08:00",
    "endTime":"2024-08-06T15:00:00+08:00","invitationTime":"2024-08-05T10:00:00+08:00",
    "deadlineTime":"2024-08-05T16:00:00+08:00","invitationCap":500,"subsidyPrice":2.0}"#;
const ORDER_DECLINED: &str = r#"{"eventID":"DR20240820-02","eventName":"8月20日日内削峰","responseType":1,
    "startTime":"2024-08-20T19:00:00+08:00","endTime":"2024-08-20T20:00:00+08:00",
    "invitationTime":"2024-08-20T14:00:00+08:00","deadlineTime":"2024-08-20T15:00:00+08:00",
    "invitationCap":400}"#;
const QUESTION: &str = r#"{"cemsID":"CEMS-310000-0001","startTime":"2024-07-01T00:00:00+08:00",
    "endTime":"2024-09-01T00:00:00+08:00","include":["result","baseline"],"pageNumber":1,"pageSize":20}"#;
const SAMPLE_DATES: [&str; 5] = ["2024-07-30", "2024-07-31", "2024-08-01", "2024-08-02", "2024-08-05"];

/// The factory, read every quarter of an hour as its clock goes on.
struct Factory {
    ops: Arc<Ops>,
    store: Store,
    clock: Arc<ManualClock>,
    server: Option<ApiServer>,
    measured_until: UtcTime,
    dir: TempDir,
}

fn site(change: impl FnOnce(&mut Site)) -> Site {
    let place = "127.0.0.1:1502".parse().unwrap();
    let ports = Ports { serial: run::Place::Tcp(place), grid: place, der: place };
    let text = site_toml(&ports, "127.0.0.1:0".parse().unwrap(), &api::token_sha256(TOKEN));
    // All lines at one place are no site; these are never used.
    let text = text.replacen("port = 1502", "port = 1503", 1).replacen("port = 1502", "port = 1504", 1);
    let mut site = config::read("factory.toml", &text, meters::library).unwrap_or_else(|why| panic!("{why}"));
    site.store.raw_days = 400;
    let parameters = site.points.iter_mut().flat_map(|point| &mut point.parameters);
    for register in parameters.filter(|parameter| parameter.reading_type.is_cumulative()) {
        register.interval = Interval::QUARTER_HOUR;
    }
    change(&mut site);
    site
}

fn settings(site: &mut Site) -> &mut DemandResponse {
    site.demand_response.as_mut().unwrap()
}

impl Factory {
    fn new(change: impl FnOnce(&mut Site)) -> Self {
        Self::over(tempfile::tempdir().unwrap(), at(HISTORY_FROM), change)
    }

    fn over(dir: TempDir, now: UtcTime, change: impl FnOnce(&mut Site)) -> Self {
        let site = Arc::new(site(change));
        let store = Store::open(dir.path(), &site.store).unwrap();
        let clock = Arc::new(ManualClock::showing(now));
        let ops = Ops::new(Arc::clone(&site), store.clone(), clock.clone()).unwrap();
        let server = Some(api::serve(Arc::clone(&ops), &site.api, dir.path()).unwrap());
        Self { ops, store, clock, server, measured_until: now, dir }
    }

    fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().local_addr()
    }

    /// The clock goes on to `time`, and the grid's register is read on the way wherever `is_read`.
    fn goes_on_to(&mut self, time: &str, is_read: impl Fn(UtcTime) -> bool) {
        let until = at(time);
        let series = self.store.series("PT-GRID", "EPI").unwrap();
        let group = self.store.group(&[series]).unwrap();
        while self.measured_until <= until {
            let now = self.measured_until;
            if is_read(now) {
                let energy = factory::value("PT-GRID", "EPI", now).unwrap();
                let samples = vec![Sample::good(Reading::Number(energy))];
                self.store.append_blocking(Scan { group, at: now, samples }).unwrap();
            }
            self.measured_until = now.plus(Interval::QUARTER_HOUR);
        }
        self.store.flush().unwrap();
        self.clock.set(until);
    }

    fn goes_on(&mut self, time: &str) {
        self.goes_on_to(time, |_| true);
    }

    fn put(&self, order: &str) -> Answer {
        post(self.address(), "PutDrEvent", order)
    }

    fn asks(&self, operation: &str, question: &str) -> Value {
        let answer = post(self.address(), operation, question);
        assert_eq!(answer.code(), 200, "{}", answer.message());
        answer.json()["data"].clone()
    }

    /// Both events of the worked example, from the invitation to the day after the month.
    fn lives_through_august(&mut self) {
        self.goes_on("2024-08-05T10:00:00+08:00");
        assert_eq!(self.put(ORDER).code(), 200);
        self.goes_on("2024-08-05T14:12:00+08:00");
        self.ops.reply_to_event("DR20240806-01", Some(450.0), "console").unwrap();
        self.goes_on("2024-08-20T14:00:00+08:00");
        assert_eq!(self.put(ORDER_DECLINED).code(), 200);
        self.goes_on("2024-08-20T14:40:00+08:00");
        self.ops.reply_to_event("DR20240820-02", None, "console").unwrap();
        self.goes_on("2024-09-02T09:00:00+08:00");
    }

    /// The same folder, read by a gateway that was started anew.
    fn restarted(mut self) -> Self {
        let now = self.measured_until;
        self.server.take().unwrap().shutdown();
        self.store.close().unwrap();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        Self::over(dir, now, |_| {})
    }
}

impl Drop for Factory {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown();
        }
    }
}

/// What the factory's formula says that the grid takes in the quarters of an hour from 13:00 to 15:00.
fn formula(day: &str) -> Vec<f64> {
    let start = at(&format!("{day}T13:00:00+08:00")).as_ms();
    let energy =
        |quarter: i64| factory::value("PT-GRID", "EPI", UtcTime::from_ms(start + quarter * 900_000)).unwrap();
    (0..8).map(|quarter| ((energy(quarter + 1) - energy(quarter)) * 4e6).round() / 1e6).collect()
}

/// The answer of the worked example, its numbers from the formula.
fn worked_example() -> Value {
    let samples = SAMPLE_DATES.map(formula);
    let mean = |quarter: usize| samples.iter().map(|day| day[quarter]).sum::<f64>() / 5.0;
    let baseline: Vec<f64> = (0..8).map(|quarter| (mean(quarter) * 1e6).round() / 1e6).collect();
    json!([
        {
            "eventID": "DR20240806-01", "eventName": "8月6日日前削峰", "responseType": 1,
            "timeType": "dayAhead", "startTime": "2024-08-06T13:00:00+08:00",
            "endTime": "2024-08-06T15:00:00+08:00", "eventStatus": 4, "pointID": "PT-GRID",
            "invitation": {
                "invitationTime": "2024-08-05T10:00:00+08:00", "deadlineTime": "2024-08-05T16:00:00+08:00",
                "invitationCap": 500.0, "isParticipate": 1, "replyCap": 450.0,
                "replyTime": "2024-08-05T14:12:00+08:00", "subsidyPrice": 2.0,
            },
            "baseline": {
                "method": "AVG_LAST_5_WORKDAYS", "sampleDate": SAMPLE_DATES, "interval": "PT15M",
                "value": baseline,
            },
            "actual": { "interval": "PT15M", "value": formula("2024-08-06"), "completeness": 1.0 },
            "result": {
                "replyCap": 450.0, "maxLoadBaseline": 2465.0, "avgLoadBaseline": 2400.0,
                "minLoadBaseline": 2340.0, "maxLoadActual": 2010.0, "avgLoadActual": 1965.0,
                "minLoadActual": 1940.0, "actualCap": 435.0, "actualEnergy": 870.0, "responseRate": 0.9667,
                "effectiveTime": 120, "isEffective": "Y", "incentiveAmount": 1740.0, "completeness": 1.0,
                "isFinal": "N",
            },
        },
        {
            "eventID": "DR20240820-02", "eventName": "8月20日日内削峰", "responseType": 1,
            "startTime": "2024-08-20T19:00:00+08:00", "endTime": "2024-08-20T20:00:00+08:00",
            "eventStatus": 4, "pointID": "PT-GRID",
            "invitation": {
                "invitationTime": "2024-08-20T14:00:00+08:00", "deadlineTime": "2024-08-20T15:00:00+08:00",
                "invitationCap": 400.0, "isParticipate": 0, "replyTime": "2024-08-20T14:40:00+08:00",
            },
        },
    ])
}

#[test]
fn the_worked_example_comes_out_exactly_and_stays_what_it_is_once_it_is_frozen() {
    let mut factory = Factory::new(|_| {});
    factory.lives_through_august();
    let mut expected = worked_example();
    assert_eq!(
        expected[0]["baseline"]["value"],
        json!([2380.0, 2395.0, 2410.0, 2465.0, 2440.0, 2400.0, 2370.0, 2340.0])
    );
    assert_eq!(
        expected[0]["actual"]["value"],
        json!([2010.0, 1990.0, 1975.0, 1960.0, 1950.0, 1945.0, 1950.0, 1940.0])
    );

    // Nobody has looked for what is due meanwhile.
    let before = factory.asks("GetDrHistoricalData", QUESTION);
    assert!(before["drEvent"][0]["baseline"]["value"].is_null(), "{before}");
    factory.ops.settle_responses().unwrap();
    expected[0]["result"]["isFinal"] = json!("Y");
    let data = factory.asks("GetDrHistoricalData", QUESTION);
    assert_eq!(data["drEvent"], expected);
    assert_eq!(data["page"], json!({ "pageNumber": 1, "pageSize": 20, "totalPages": 1, "total": 2 }));
    assert_eq!(data["dataCount"], json!({ "eventCount": 2 }));

    let summary =
        factory.asks("GetDrStatisticalData", r#"{"startTime":"2024-07-01","endTime":"2024-09-01"}"#);
    let expected_summary = json!({
        "responseTimes": 1, "peakClippingTimes": 1, "valleyFillingTimes": 0, "totalResponseLoad": 435.0,
        "totalResponseEnergy": 870.0, "responseAccuracy": 1.0, "incentiveAmount": 1740.0, "completeness": 1.0,
    });
    assert_eq!(summary["drStatistics"], expected_summary);

    // Other rules from now on, other holidays, and a restart: what is frozen does not move.
    let holidays = SAMPLE_DATES.map(|day| day.parse().unwrap()).to_vec();
    factory.ops.replace_site(Arc::new(site(|site| settings(site).calendar.holidays = holidays))).unwrap();
    factory.ops.settle_responses().unwrap();
    assert_eq!(factory.asks("GetDrHistoricalData", QUESTION)["drEvent"], expected);
    let factory = factory.restarted();
    assert_eq!(factory.asks("GetDrHistoricalData", QUESTION)["drEvent"], expected);
}

#[test]
fn an_event_that_was_acknowledged_is_on_the_medium_and_in_a_backup() {
    let mut factory = Factory::new(|_| {});
    factory.goes_on("2024-08-05T10:00:00+08:00");
    assert_eq!(factory.put(ORDER).code(), 200);
    factory.ops.reply_to_event("DR20240806-01", Some(450.0), "console").unwrap();
    let event = factory.store.dr_event("DR20240806-01").unwrap();
    // As a process that is killed leaves its folder behind.
    let killed = tempfile::tempdir().unwrap();
    copy(factory.dir.path(), killed.path());
    let found = Store::open(killed.path(), &factory.ops.site().store).unwrap();
    assert_eq!(found.dr_event("DR20240806-01"), Some(event.clone()));

    let file = factory.dir.path().join("cems.backup");
    factory.ops.backup_to(&file, &mut |_, _| {}).unwrap();
    let other = Factory::new(|_| {});
    other.ops.restore_from(&file, &mut |_, _| {}).unwrap();
    assert_eq!(other.store.dr_event("DR20240806-01"), Some(event.clone()));
    let acts: Vec<_> = event.audit.iter().map(|entry| (entry.who.as_str(), entry.act)).collect();
    assert_eq!(acts, [("demo", Act::Entered), ("console", Act::Promised(450.0))]);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if entry.path().is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn an_event_under_way_is_told_against_its_baseline_as_it_goes() {
    let mut factory = Factory::new(|_| {});
    factory.goes_on("2024-08-05T10:00:00+08:00");
    factory.put(ORDER);
    let ask = |factory: &Factory| factory.asks("GetDrDynamicData", "{}")["drEvent"][0].clone();
    let waiting = ask(&factory);
    assert_eq!((&waiting["eventStatus"], &waiting["invitation"]["isParticipate"]), (&json!(1), &Value::Null));
    assert_eq!(waiting["baseline"]["remark"], "not frozen yet: the days that it is made of are not over");
    factory.ops.reply_to_event("DR20240806-01", Some(450.0), "console").unwrap();
    assert_eq!(ask(&factory)["eventStatus"], 2);

    // A little after midnight the last sample day has been read to its end.
    factory.goes_on("2024-08-06T00:15:00+08:00");
    factory.ops.settle_responses().unwrap();
    assert!(ask(&factory)["baseline"]["value"].is_null());
    factory.goes_on("2024-08-06T00:16:00+08:00");
    factory.ops.settle_responses().unwrap();
    assert_eq!(ask(&factory)["baseline"]["sampleDate"], json!(SAMPLE_DATES));

    factory.goes_on("2024-08-06T13:30:00+08:00");
    let series = factory.store.series("PT-GRID", "P").unwrap();
    let group = factory.store.group(&[series]).unwrap();
    let power = |power, time| {
        let samples = vec![Sample::good(Reading::Number(power))];
        factory.store.append_blocking(Scan { group, at: at(time), samples }).unwrap();
    };
    power(1_975.0, "2024-08-06T13:30:00+08:00");
    let running = ask(&factory);
    assert_eq!(running["eventStatus"], 3);
    let expected = json!({
        "executeTime": "2024-08-06T13:30:00+08:00", "baselineCap": 2410.0, "realTimeCap": 1975.0,
        "executeCap": 435.0, "executeRate": 0.9667, "isOut": "N", "isQualified": "Y",
    });
    assert_eq!(running["execution"], expected);
    power(2_500.0, "2024-08-06T13:30:01+08:00");
    factory.clock.set(at("2024-08-06T13:30:01+08:00"));
    let out = ask(&factory)["execution"].clone();
    assert_eq!(
        (&out["executeCap"], &out["isOut"], &out["isQualified"]),
        (&json!(-90.0), &json!("Y"), &json!("N"))
    );

    // Without a fresh power the last quarter of an hour tells what it can.
    factory.goes_on("2024-08-06T13:45:00+08:00");
    let by_register = ask(&factory)["execution"].clone();
    assert_eq!(
        (&by_register["executeTime"], &by_register["realTimeCap"]),
        (&json!("2024-08-06T13:30:00+08:00"), &json!(1975.0))
    );
}

#[test]
fn what_was_not_measured_is_told_as_that_and_later_as_final() {
    let mut factory = Factory::new(|_| {});
    factory.goes_on("2024-08-05T10:00:00+08:00");
    factory.put(ORDER);
    factory.ops.reply_to_event("DR20240806-01", Some(450.0), "console").unwrap();
    let (from, to) = (at("2024-08-06T13:20:00+08:00"), at("2024-08-06T14:20:00+08:00"));
    factory.goes_on_to("2024-08-07T09:00:00+08:00", |now| now < from || now > to);
    factory.ops.settle_responses().unwrap();
    let event = factory.asks("GetDrHistoricalData", r#"{"eventID":"DR20240806-01"}"#)["drEvent"][0].clone();
    assert_eq!(event["actual"]["value"], json!([2010.0, null, null, null, null, null, 1950.0, 1940.0]));
    let result = &event["result"];
    assert_eq!(result["remark"], "5 of 8 quarters of an hour were not measured; the others are told");
    for unknown in ["actualEnergy", "isEffective", "incentiveAmount"] {
        assert!(result[unknown].is_null(), "{unknown}");
    }
    assert_eq!((&result["isFinal"], &result["maxLoadActual"]), (&json!("N"), &json!(2010.0)));
    assert!(result["completeness"].as_f64().unwrap() < 0.6, "{result}");
    factory.goes_on("2024-08-13T15:00:00+08:00");
    factory.ops.settle_responses().unwrap();
    let event = factory.asks("GetDrHistoricalData", r#"{"eventID":"DR20240806-01"}"#)["drEvent"][0].clone();
    assert_eq!(event["result"]["isFinal"], "Y");
}

#[test]
fn a_site_that_was_measured_too_shortly_has_no_baseline_and_says_why() {
    let mut factory = Factory::over(tempfile::tempdir().unwrap(), at("2024-08-02"), |_| {});
    factory.goes_on("2024-08-05T10:00:00+08:00");
    factory.put(ORDER);
    factory.ops.reply_to_event("DR20240806-01", Some(450.0), "console").unwrap();
    factory.goes_on("2024-08-06T16:00:00+08:00");
    factory.ops.settle_responses().unwrap();
    let event = factory.asks("GetDrHistoricalData", r#"{"eventID":"DR20240806-01"}"#)["drEvent"][0].clone();
    let remark = "no baseline: only 2 of 5 days could be used";
    assert_eq!((&event["baseline"]["value"], &event["baseline"]["remark"]), (&Value::Null, &json!(remark)));
    assert_eq!(
        (&event["result"]["avgLoadBaseline"], &event["result"]["remark"]),
        (&Value::Null, &json!(remark))
    );
    assert_eq!(event["actual"]["value"], json!(formula("2024-08-06")));
    let summary =
        factory.asks("GetDrStatisticalData", r#"{"startTime":"2024-08-01","endTime":"2024-09-01"}"#);
    assert_eq!(summary["drStatistics"]["responseAccuracy"], Value::Null);
    assert_eq!(summary["drStatistics"]["completeness"], 0.0);
}

#[test]
fn the_quarter_before_and_the_day_of_the_invitation_may_be_the_measure() {
    let mut factory = Factory::new(|site| settings(site).method = BaselineMethod::QuarterBefore);
    factory.goes_on("2024-08-06T12:00:00+08:00");
    let order = ORDER.replace("2024-08-05", "2024-08-06").replace("T16:00", "T12:30");
    assert_eq!(factory.put(&order).code(), 200);
    factory.ops.reply_to_event("DR20240806-01", Some(450.0), "console").unwrap();
    factory.goes_on("2024-08-06T15:30:00+08:00");
    factory.ops.settle_responses().unwrap();
    let baseline = factory.store.dr_event("DR20240806-01").unwrap().baseline.unwrap().unwrap();
    let power = factory::value("PT-GRID", "P", at("2024-08-06T12:45:00+08:00")).unwrap();
    assert_eq!((baseline.dates, baseline.load_kw), (vec![], vec![power; 8]));

    let mut factory = Factory::new(|site| settings(site).samples_until = SamplesUntil::InvitationDay);
    factory.goes_on("2024-08-05T10:00:00+08:00");
    factory.put(ORDER);
    // All days are over, so it is frozen at once.
    let baseline = factory.store.dr_event("DR20240806-01").unwrap().baseline.unwrap().unwrap();
    let dates: Vec<String> = baseline.dates.iter().map(ToString::to_string).collect();
    assert_eq!(dates, ["2024-07-29", "2024-07-30", "2024-07-31", "2024-08-01", "2024-08-02"]);
}

#[test]
fn an_event_that_a_platform_enters_or_may_not_enter_is_in_the_audit_book() {
    let mut factory = Factory::new(|_| {});
    factory.goes_on("2024-08-05T10:00:00+08:00");
    factory.put(ORDER);
    factory.put(ORDER);
    factory.put(&ORDER.replace("DR20240806-01", "Tr0ub4dor-3").replace("2024-08-06T13", "2024-08-07T13"));
    let page = factory.ops.audit(None, 10, None);
    let who = Who::Platform(factory.ops.site().platforms[0].id.clone());
    let actor = Actor { who, from: Place::Address([127, 0, 0, 1].into()) };
    let refused = Note::refused(actor.clone(), Deed::EnterEvent, Reason::Malformed).value(Some(500.0));
    let done = Note::done(actor, Deed::EnterEvent).about("DR20240806-01").value(Some(500.0));
    let told: Vec<_> = page.entries.into_iter().map(|entry| (entry.note, entry.count)).collect();
    assert_eq!(told, [(refused, 1), (done, 2)]);
}

#[test]
fn an_order_said_twice_is_one_event_and_what_cannot_be_changes_nothing() {
    let mut factory = Factory::new(|_| {});
    factory.goes_on("2024-08-05T10:00:00+08:00");
    let first = factory.put(ORDER).json()["data"].clone();
    assert_eq!(first["extension"], json!({ "created": true }));
    let again = factory.put(ORDER).json()["data"].clone();
    assert_eq!((&again["extension"], &again["drEvent"]), (&json!({ "created": false }), &first["drEvent"]));

    let with = |member: &str, value: &str| {
        let mut order: Value = serde_json::from_str(ORDER).unwrap();
        order["eventID"] = json!("DR-NEW");
        order[member] = serde_json::from_str(value).unwrap();
        order.to_string()
    };
    let other = ORDER.replace("\"invitationCap\":500", "\"invitationCap\":501");
    for (order, code, told) in [
        (other, 40_901, "eventID: another event has the ID 'DR20240806-01'"),
        (with("eventID", "null"), 40_002, "eventID is missing"),
        (with("eventID", r#"["A","B"]"#), 40_001, "eventID names one here, not 2"),
        (with("eventID", r#""电""#), 40_001, "eventID: an ID has 1 to 64 ASCII letters"),
        (with("eventID", r#""""#), 40_001, "eventID: an ID has 1 to 64 ASCII letters"),
        (with("eventNo", r#""a b""#), 40_001, "eventNo: an ID has 1 to 64 ASCII letters"),
        (with("eventName", "null"), 40_002, "eventName is missing"),
        (with("eventName", &format!("\"{}\"", "名".repeat(129))), 40_001, "eventName: the name has 1 to 128"),
        (with("eventName", r#""a\u001b[2J""#), 40_001, "eventName: the name has 1 to 128 printable"),
        (with("responseType", "4"), 40_001, "responseType cannot be 4; 1 is peak clipping"),
        (with("timeType", r#""soon""#), 40_001, "timeType cannot be 'soon'; it is one of dayAhead"),
        (with("pointID", r#""PT-X""#), 40_403, "pointID: there is no point 'PT-X'"),
        (with("pointID", r#""PT-GAS""#), 40_001, "pointID: the point 'PT-GAS' tells no load"),
        (with("startTime", "null"), 40_002, "startTime is missing"),
        (with("startTime", r#""2024-08-06T13:00:00""#), 40_003, "startTime: the time has no offset"),
        (
            with("startTime", r#""2024-08-06T13:05:00+08:00""#),
            40_003,
            "startTime: an event starts and ends on",
        ),
        (with("startTime", r#""2024-08-05T09:45:00+08:00""#), 40_003, "endTime: an event lies within one"),
        (with("startTime", r#""2024-08-06T15:00:00+08:00""#), 40_003, "endTime: the event must end after"),
        (with("endTime", r#""2024-08-06T15:00:01+08:00""#), 40_003, "endTime: an event starts and ends on"),
        (with("endTime", r#""2024-08-07T01:00:00+08:00""#), 40_003, "endTime: an event lies within one"),
        (
            with("deadlineTime", r#""2024-08-06T13:00:01+08:00""#),
            40_003,
            "deadlineTime: the deadline must not be after",
        ),
        (
            with("deadlineTime", r#""2024-08-05T09:59:59+08:00""#),
            40_003,
            "deadlineTime: the deadline must not be before",
        ),
        (with("invitationCap", "-1"), 40_001, "invitationCap: must be a number from 0 to"),
        (with("invitationCap", "1e300"), 40_001, "invitationCap: must be a number from 0 to"),
        (with("invitationCap", r#""500""#), 40_001, "invitationCap must be a number without quotes"),
        (with("subsidyPrice", "true"), 40_001, "subsidyPrice must be a number without quotes"),
        (with("invitationRound", "256"), 40_001, "invitationRound is at most 255"),
        (with("cemsID", r#""CEMS-X""#), 40_401, "cemsID: there is no CEMS 'CEMS-X' here"),
        (with("replyCap", "450"), 40_001, "'replyCap' is no member of PutDrEvent"),
    ] {
        let answer = factory.put(&order);
        assert_eq!(answer.code(), code, "{order}: {}", answer.message());
        assert!(answer.message().starts_with(told), "{order}: {}", answer.message());
    }
    for (day, told) in
        [("2024-08-05", "startTime: the event has begun"), ("2025-09-01", "startTime: the event is more")]
    {
        let mut order: Value = serde_json::from_str(ORDER).unwrap();
        order["eventID"] = json!("DR-NEW");
        order["startTime"] = json!(format!("{day}T09:00:00+08:00"));
        order["endTime"] = json!(format!("{day}T10:00:00+08:00"));
        let answer = factory.put(&order.to_string());
        assert_eq!(answer.code(), 40_003);
        assert!(answer.message().starts_with(told), "{}", answer.message());
    }
    let events = factory.asks("GetDrDynamicData", "{}")["drEvent"].clone();
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!(events[0]["invitation"], first["drEvent"][0]["invitation"]);
}

#[test]
fn only_so_many_events_wait_and_one_that_is_cancelled_makes_room() {
    let mut factory = Factory::new(|_| {});
    factory.goes_on("2024-08-05T10:00:00+08:00");
    let numbered = |number: usize| ORDER.replace("DR20240806-01", &format!("DR-{number}"));
    for number in 0..limits::DR_OPEN_EVENTS_MAX {
        assert_eq!(factory.put(&numbered(number)).code(), 200, "{number}");
    }
    let refused = factory.put(&numbered(99));
    assert_eq!((refused.status, refused.code()), (409, 40_901));
    assert!(refused.message().starts_with("eventID: 32 events are not over yet"), "{}", refused.message());
    factory.ops.cancel_event("DR-0", "console").unwrap();
    assert_eq!(factory.put(&numbered(99)).code(), 200);
    let void = factory.asks("GetDrHistoricalData", r#"{"eventID":["DR-0"]}"#)["drEvent"][0].clone();
    assert_eq!(void["eventStatus"], 5);
}

#[test]
fn nobody_enters_events_without_the_right_and_where_the_site_takes_none() {
    let length = ORDER.len();
    let head = format!(
        "POST /cems/v1/PutDrEvent HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: {length}\r\n"
    );
    let typed = "Content-Type: application/json\r\n";
    let silent = |site: &mut Site| site.demand_response = None;
    let closed = |site: &mut Site| settings(site).accepts_events = false;
    let without_right = |site: &mut Site| site.platforms[0].scopes = vec![Scope::Read];
    for (change, told) in [
        (&silent as &dyn Fn(&mut Site), "no events are taken here"),
        (&closed, "no events are taken here"),
        (&without_right, "this token may enter no events"),
    ] {
        let mut factory = Factory::new(change);
        factory.goes_on("2024-07-20T01:00:00+08:00");
        let answer = factory.put(ORDER);
        assert_eq!((answer.status, answer.code()), (403, 40_301));
        assert!(answer.message().starts_with(told), "{}", answer.message());
        for headers in [typed.to_owned(), format!("{typed}Authorization: Bearer nonsense\r\n")] {
            let answer = raw(factory.address(), format!("{head}{headers}\r\n{ORDER}").as_bytes());
            assert_eq!((answer.status, answer.code()), (401, 40_101));
        }
        assert_eq!(factory.store.dr_events(), []);
        assert_eq!(get(factory.address(), "/cems/v1/GetDrDynamicData").code(), 200);
    }
    let factory = Factory::new(|_| {});
    let got = ask(factory.address(), "GET", "/cems/v1/PutDrEvent?eventID=DR-1", "", b"");
    assert_eq!((got.status, got.header("Allow")), (405, Some("POST, OPTIONS")));
    let mut factory = Factory::new(|site| settings(site).participates = false);
    factory.goes_on("2024-07-20T01:00:00+08:00");
    assert_eq!(factory.put(ORDER).code(), 40_301);
    assert_eq!(factory.asks("GetDrStaticData", "{}")["drCapability"]["participate"], false);
}

#[test]
fn who_replies_too_late_takes_no_part() {
    let mut factory = Factory::new(|_| {});
    factory.goes_on("2024-08-05T10:00:00+08:00");
    factory.put(ORDER);
    let reply =
        |factory: &Factory, promised| factory.ops.reply_to_event("DR20240806-01", promised, "console");
    assert!(matches!(reply(&factory, Some(0.0)), Err(OrderError::Amount(_))));
    assert!(matches!(reply(&factory, Some(f64::NAN)), Err(OrderError::Amount(_))));
    assert!(reply(&factory, None).is_ok() && reply(&factory, Some(450.0)).is_ok());
    factory.goes_on("2024-08-05T16:00:01+08:00");
    assert_eq!(reply(&factory, None), Err(OrderError::DeadlinePassed));
    assert_eq!(factory.store.dr_event("DR20240806-01").unwrap().promised_kw(), Some(450.0));
    let unknown = factory.ops.cancel_event("DR-X", "console");
    assert_eq!(unknown, Err(OrderError::NoSuchEvent("DR-X".to_owned())));
    factory.ops.cancel_event("DR20240806-01", "console").unwrap();
    assert_eq!(factory.ops.cancel_event("DR20240806-01", "console"), Err(OrderError::Cancelled));
}

#[test]
fn a_question_that_cannot_be_answered_names_its_member() {
    let mut factory = Factory::new(|_| {});
    factory.goes_on("2024-07-20T01:00:00+08:00");
    for (operation, body, code, told) in [
        ("GetDrHistoricalData", "{}", 40_002, "startTime is missing"),
        ("GetDrHistoricalData", r#"{"eventID":["DR-X"]}"#, 40_001, "eventID: there is no event 'DR-X'"),
        (
            "GetDrHistoricalData",
            r#"{"startTime":"2024-07-01","endTime":"2024-06-01"}"#,
            40_003,
            "endTime: the range must end after it starts",
        ),
        (
            "GetDrHistoricalData",
            r#"{"startTime":"2024-07-01","endTime":"2024-08-01","include":["profile"]}"#,
            40_001,
            "include cannot be 'profile'; it is one of baseline, result",
        ),
        ("GetDrStatisticalData", "{}", 40_002, "startTime is missing"),
        ("GetDrStaticData", r#"{"cemsID":"X"}"#, 40_401, "cemsID: there is no CEMS 'X' here"),
        ("GetDrStaticData", r#"{"pointID":["X"]}"#, 40_001, "'pointID' is no member of GetDrStaticData"),
        ("GetDrDynamicData", r#"{"pageSize":0}"#, 40_004, "pageSize: a page has 1 to 500 items"),
    ] {
        let answer = post(factory.address(), operation, body);
        assert_eq!(answer.code(), code, "{operation} {body}: {}", answer.message());
        assert!(answer.message().starts_with(told), "{operation} {body}: {}", answer.message());
    }
}

#[test]
fn answers_about_events_are_as_recorded() {
    let mut factory = Factory::new(|site| {
        settings(site).accepts_events = true;
        site.platforms[0].scopes = vec![Scope::Read, Scope::Events];
    });
    factory.lives_through_august();
    factory.ops.settle_responses().unwrap();
    let range = r#"{"startTime":"2024-07-01","endTime":"2024-09-01"}"#;
    check_asked(factory.address(), "dr_static", "GetDrStaticData", "");
    check_asked(factory.address(), "dr_historical", "GetDrHistoricalData", range);
    check_asked(factory.address(), "dr_statistical", "GetDrStatisticalData", range);
    let order = ORDER_DECLINED.replace("DR20240820-02", "DR20240903-01").replace("2024-08-20", "2024-09-03");
    check_asked(factory.address(), "dr_entered", "PutDrEvent", &order);
    factory.goes_on("2024-09-03T14:20:00+08:00");
    factory.ops.reply_to_event("DR20240903-01", Some(300.0), "console").unwrap();
    factory.goes_on("2024-09-03T19:30:00+08:00");
    factory.ops.settle_responses().unwrap();
    check_asked(factory.address(), "dr_dynamic", "GetDrDynamicData", "");
}
