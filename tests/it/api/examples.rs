//! The worked examples of statistics, asked of the simulated factory: what it gives is known to the last
//! kilowatt-hour.

use std::sync::Arc;

use cems_gateway::api::{self, ApiServer};
use cems_gateway::config::site::{Site, StoreSettings};
use cems_gateway::model::point::Source;
use cems_gateway::model::reading::{Sample, Scan, Value as Reading};
use cems_gateway::model::tou::Rate;
use cems_gateway::ops::Ops;
use cems_gateway::ops::query::{Grouping, PageRequest, Selection, StatisticalQuery, TimeOrder};
use cems_gateway::sim::factory::value;
use cems_gateway::sim::run::Place;
use cems_gateway::sim::site::{Ports, site_toml};
use cems_gateway::stats::Function;
use cems_gateway::stats::calendar::Period;
use cems_gateway::store::Store;
use cems_gateway::time::{Interval, ManualClock};
use cems_gateway::{config, meters};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Answer, post};
use super::golden::check_asked;
use super::site::{TOKEN, at};

/// The factory after two and a half months, of which the registers were read every quarter of an hour.
struct Factory {
    ops: Arc<Ops>,
    store: Store,
    server: Option<ApiServer>,
    _dir: TempDir,
}

fn site() -> Site {
    let token = api::token_sha256(TOKEN);
    let [grid, der] = ["127.0.0.1:1502", "127.0.0.1:1503"].map(|address| address.parse().unwrap());
    let ports = Ports { serial: Place::Pty("/dev/null".into()), grid, der };
    let text = site_toml(&ports, "127.0.0.1:0".parse().unwrap(), &token);
    let mut site = config::read("factory.toml", &text, meters::library).unwrap();
    let parameters = site.points.iter_mut().flat_map(|point| &mut point.parameters);
    for register in parameters.filter(|parameter| parameter.reading_type.is_cumulative()) {
        register.interval = Interval::QUARTER_HOUR;
    }
    site
}

impl Factory {
    /// Its store was told of the site only afterwards, so that nothing was summed up.
    fn after_two_months() -> Self {
        Self::filled(false)
    }

    /// Every quarter hour, day and month that is over was summed up.
    fn summed_up() -> Self {
        let factory = Self::filled(true);
        while factory.store.status().waiting_quarters > 0 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        factory
    }

    fn filled(sums_up: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = site();
        let settings = StoreSettings { raw_days: 400, ..StoreSettings::default() };
        let store = Store::open(dir.path(), &settings).unwrap();
        let clock = Arc::new(ManualClock::showing(at("2024-06-12T10:30:05+08:00")));
        let serve = || Ops::new(Arc::new(site.clone()), store.clone(), clock.clone()).unwrap();
        let mut ops = sums_up.then(serve);
        let registers: Vec<_> = site
            .points
            .iter()
            .flat_map(|point| point.parameters.iter().map(move |parameter| (&point.id, parameter)))
            .filter(|(_, parameter)| parameter.interval == Interval::QUARTER_HOUR)
            .filter(|(_, parameter)| matches!(parameter.source, Source::Meter(_)))
            .collect();
        let series: Vec<_> =
            registers.iter().map(|(point, parameter)| store.series(point, &parameter.id).unwrap()).collect();
        let group = store.group(&series).unwrap();
        let mut time = at("2024-03-31T23:00:00+08:00");
        while time <= at("2024-06-12T10:30:00+08:00") {
            let read = |(point, parameter): &(&String, &cems_gateway::model::point::Parameter)| {
                Sample::good(Reading::Number(value(point, &parameter.id, time).unwrap()))
            };
            let samples = registers.iter().map(read).collect();
            store.append_blocking(Scan { group, at: time, samples }).unwrap();
            time = time.plus(Interval::QUARTER_HOUR);
        }
        let ops = ops.take().unwrap_or_else(serve);
        let server = Some(api::serve(Arc::clone(&ops), &site.api, dir.path()).unwrap());
        Self { ops, store, server, _dir: dir }
    }

    /// How many readings a page of what is asked makes one go through.
    fn readings(&self, range: (&str, &str), period: Period, rates: Vec<Option<Rate>>) -> u64 {
        let energy = Some(vec!["EPI".to_owned()]);
        let query = StatisticalQuery {
            order: TimeOrder::Ascending,
            selection: Selection { parameter_ids: energy, ..Selection::default() },
            range: at(range.0)..at(range.1),
            period,
            functions: Some(vec![Function::Sum]),
            rates,
            indicators: None,
            products: None,
            grouping: Some(Grouping::Point),
            page: PageRequest::new(1, 500).unwrap(),
        };
        self.ops.statistical_data(query).unwrap().readings()
    }

    fn ask(&self, operation: &str, body: &str) -> Answer {
        let answer = post(self.server.as_ref().unwrap().local_addr(), operation, body);
        assert_eq!(answer.code(), 200, "{}", answer.message());
        answer
    }

    fn rows(&self, operation: &str, body: &str) -> Vec<Value> {
        self.ask(operation, body).json()["data"]["statistic"].as_array().unwrap().clone()
    }
}

impl Drop for Factory {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown();
        }
    }
}

/// The members of `row` that are in `expected`.
fn assert_has(row: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&row[name], value, "{name} of {row}");
    }
}

const PER_OUTPUT: &str = r#"{"cemsID":"CEMS-310000-0001","indicatorCode":["ENERGY_PER_OUTPUT","TCE_PER_OUTPUT"],"startTime":"2024-04-01T00:00:00+08:00","endTime":"2024-05-01T00:00:00+08:00","period":"P1M","productID":["A"]}"#;

fn assert_energy_per_output(factory: &Factory) {
    let rows = factory.rows("GetCemsStatisticalData", PER_OUTPUT);
    assert_eq!(rows.len(), 2);
    let common = json!({
        "objectType": "cems", "objectID": "CEMS-310000-0001", "productID": "A", "function": "sum",
        "periodStart": "2024-04-01T00:00:00+08:00", "periodEnd": "2024-05-01T00:00:00+08:00",
        "completeness": 1.0, "denominator": { "value": 1_215.75, "unit": "t" },
    });
    for row in &rows {
        assert_has(row, &common);
    }
    assert_has(
        &rows[0],
        &json!({
            "indicatorCode": "ENERGY_PER_OUTPUT", "value": 400.0, "unit": "kWh/t",
            "numerator": { "value": 486_300.0, "unit": "kWh" },
        }),
    );
    assert_has(
        &rows[1],
        &json!({
            "indicatorCode": "TCE_PER_OUTPUT", "value": 62.288, "unit": "kgce/t",
            "numerator": { "value": 75_726.27, "unit": "kgce" },
        }),
    );
}

const PEAK_ENERGY: &str = r#"{"cemsID":"CEMS-310000-0001","categoryCode":["01B00","01C30"],"indicatorCode":["ENERGY"],"startTime":"2024-04-01T00:00:00+08:00","endTime":"2024-06-01T00:00:00+08:00","period":"P1M","tou":[2],"groupBy":"category"}"#;

fn assert_peak_energy(factory: &Factory) {
    let answer = factory.ask("GetCemsStatisticalData", PEAK_ENERGY).json();
    assert_has(&answer["data"]["dataCount"], &json!({ "categoryCount": 2, "readingCount": 4 }));
    let rows = answer["data"]["statistic"].as_array().unwrap();
    let common = json!({
        "indicatorCode": "ENERGY", "objectType": "category", "function": "sum", "tou": 2, "unit": "kWh",
        "readingTypeID": "13.0.0.4.1.1.12.0.0.0.0.2.0.0.0.3.72.0", "completeness": 1.0,
    });
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            assert_has(row, &common);
            let text = |name: &str| row[name].as_str().unwrap();
            (text("objectID"), &text("periodStart")[..7], row["value"].as_f64().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("CAT-HVAC", "2024-04", 18_432.6),
            ("CAT-HVAC", "2024-05", 31_877.2),
            ("CAT-VENT", "2024-04", 6_210.4),
            ("CAT-VENT", "2024-05", 6_655.8),
        ]
    );
}

/// The months of the whole site, of every category and of every point.
fn everything(factory: &Factory) -> Vec<Value> {
    let range = r#""startTime":"2024-04-01","endTime":"2024-06-12","pageSize":500"#;
    let mut all = Vec::new();
    for period in ["P1D", "P1M", "TOTAL"] {
        for rest in [
            r#""groupBy":"point","function":["sum"],"tou":[0,2,4],"parameterID":["EPI","VOL","OUTPUT"]"#,
            r#""groupBy":"category","tou":[0,1,2]"#,
            r#""groupBy":"cems","indicatorCode":["ENERGY","ENERGY_TCE","COST","CO2","LOAD_AVG","RENEWABLE_SHARE","SELF_USE_RATE","ENERGY_PER_AREA","OUTPUT"]"#,
        ] {
            let body = format!(r#"{{{range},"period":"{period}",{rest}}}"#);
            all.extend(factory.rows("GetCemsStatisticalData", &body));
        }
    }
    all
}

#[test]
fn the_worked_examples_come_out_to_the_last_digit_from_readings() {
    let factory = Factory::after_two_months();
    assert_energy_per_output(&factory);
    assert_peak_energy(&factory);
    assert_energy_of_months(&factory);
}

#[test]
fn rows_tell_the_same_as_readings_and_stand_for_them() {
    let (of_rows, of_readings) = (Factory::summed_up(), Factory::after_two_months());
    assert_energy_per_output(&of_rows);
    assert_peak_energy(&of_rows);
    assert_energy_of_months(&of_rows);
    for (left, right) in everything(&of_rows).iter().zip(&everything(&of_readings)) {
        assert_eq!(left, right);
    }
    let months = ("2024-04-01", "2024-06-01");
    let by_rate = || vec![None, Some(Rate::Peak)];
    // Seven points measure energy that is taken, and one is computed of two of them.
    let (points, a_day) = (9, 96);
    assert_eq!(of_readings.readings(months, Period::Month, by_rate()), points * 61 * a_day);
    assert_eq!(of_rows.readings(months, Period::Month, by_rate()), 0);
    assert_eq!(of_rows.readings(("2024-04-01", "2024-06-12"), Period::Day, by_rate()), 0);
    let edges = ("2024-04-03T18:00:00+08:00", "2024-05-20T06:00:00+08:00");
    assert_eq!(of_rows.readings(edges, Period::Total, vec![None]), points * a_day / 2);
    assert_eq!(of_rows.readings(("2024-06-01", "2024-06-13"), Period::Month, vec![None]), points * 43);
}

/// Energy of months is what the factory gave.
fn assert_energy_of_months(factory: &Factory) {
    let total = |point: &str, parameter: &str, from: &str, to: &str| {
        value(point, parameter, at(to)).unwrap() - value(point, parameter, at(from)).unwrap()
    };
    let months = r#"{"startTime":"2024-04-01","endTime":"2024-06-01","period":"P1M","groupBy":"cems","energyCode":["01"],"indicatorCode":["ENERGY"]}"#;
    let rows = factory.rows("GetCemsStatisticalData", months);
    let found: Vec<f64> = rows.iter().map(|row| row["value"].as_f64().unwrap()).collect();
    let expected = ["EPI", "EPE"].map(|parameter| {
        [("2024-04-01", "2024-05-01"), ("2024-05-01", "2024-06-01")]
            .map(|(from, to)| total("PT-GRID", parameter, from, to))
    });
    for (found, expected) in found.iter().zip(expected.as_flattened()) {
        assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn categories_come_to_their_points_and_a_computed_point_is_not_counted_beside_them() {
    let factory = Factory::after_two_months();
    let range =
        r#""startTime":"2024-04-01","endTime":"2024-05-01","period":"P1M","indicatorCode":["ENERGY"]"#;
    let of_points = format!(r#"{{"categoryID":["CAT-HVAC"],"function":["sum"],{range}}}"#);
    let points = factory.rows("GetCemsStatisticalData", &of_points);
    let energy =
        |point: &str| points.iter().find(|row| row["objectID"] == point).unwrap()["value"].as_f64().unwrap();
    assert!((energy("PT-HVAC") - energy("PT-CH1") - energy("PT-CH2")).abs() < 1e-6);
    let of_category = format!(r#"{{"categoryID":["CAT-HVAC"],{range}}}"#);
    let rows = factory.rows("GetCategoryStatisticalData", &of_category);
    assert_eq!(rows.len(), 1);
    assert_has(&rows[0], &json!({ "objectType": "category", "objectID": "CAT-HVAC" }));
    assert!((rows[0]["value"].as_f64().unwrap() - energy("PT-HVAC")).abs() < 1e-6);
    // The same categories as one, and the computed point alone.
    let merged = format!(r#"{{"categoryCode":["01B00","01C30"],"groupBy":"cems",{range}}}"#);
    let merged = factory.rows("GetCemsStatisticalData", &merged);
    let both = format!(r#"{{"categoryCode":["01B00","01C30"],"groupBy":"category",{range}}}"#);
    let both: f64 =
        factory.rows("GetCemsStatisticalData", &both).iter().map(|row| row["value"].as_f64().unwrap()).sum();
    assert!((merged[0]["value"].as_f64().unwrap() - both).abs() < 1e-6);
    let alone = format!(r#"{{"pointID":["PT-HVAC"],"groupBy":"category",{range}}}"#);
    let alone = factory.rows("GetCemsStatisticalData", &alone);
    assert!((alone[0]["value"].as_f64().unwrap() - energy("PT-HVAC")).abs() < 1e-6);
}

#[test]
fn an_indicator_is_told_of_what_it_makes_sense_of_and_refused_of_others() {
    let factory = Factory::after_two_months();
    let range = r#""startTime":"2024-04-01","endTime":"2024-05-01","period":"P1M""#;
    let ask = |rest: &str| {
        let body = format!("{{{range},{rest}}}");
        post(factory.server.as_ref().unwrap().local_addr(), "GetCemsStatisticalData", &body)
    };
    for (rest, member) in [
        (r#""groupBy":"point","indicatorCode":["COST"]"#, "groupBy"),
        (r#""groupBy":"category","indicatorCode":["ENERGY_PER_AREA"]"#, "groupBy"),
        (r#""groupBy":"cems","indicatorCode":["P"]"#, "groupBy"),
        (r#""groupBy":"meter""#, "groupBy"),
        (r#""productID":["B"]"#, "productID"),
    ] {
        let answer = ask(rest);
        assert_eq!(answer.code(), 40_001, "{rest}");
        assert!(answer.message().starts_with(member), "{rest}: {}", answer.message());
    }
    // Without groupBy: energy of each point, and cost of the site, which alone has it.
    let mixed = ask(r#""indicatorCode":["ENERGY","COST"],"function":["sum"],"pageSize":500"#).json();
    let rows = mixed["data"]["statistic"].as_array().unwrap().clone();
    let types: Vec<_> = rows.iter().map(|row| row["objectType"].as_str().unwrap()).collect();
    assert_eq!(types.iter().filter(|kind| **kind == "cems").count(), 1);
    assert_eq!(types.last(), Some(&"cems"));
    // A period without output has no ratio, and says why.
    let body = r#"{"startTime":"2024-04-01T00:00:00+08:00","endTime":"2024-04-01T02:00:00+08:00","period":"TOTAL","indicatorCode":["ENERGY_PER_OUTPUT"]}"#;
    let row = factory.rows("GetCemsStatisticalData", body).remove(0);
    if row["denominator"]["value"] == json!(0.0) {
        assert_has(&row, &json!({ "value": null, "remark": "denominator is zero" }));
    }
    // At a rate a ratio says nothing.
    let rated = ask(r#""indicatorCode":["ENERGY_PER_OUTPUT"],"tou":[2]"#).json();
    assert_eq!(rated["data"]["statistic"], json!([]));
}

#[test]
fn a_computed_point_is_told_in_its_newest_value_and_in_its_history() {
    let factory = Factory::after_two_months();
    let both = |time: &str| {
        let each = ["PT-CH1", "PT-CH2"].map(|point| value(point, "EPI", at(time)).unwrap());
        (each.iter().sum::<f64>() * 1e3).round() / 1e3
    };
    let reading = |answer: Answer| {
        let answer = answer.json();
        let point = &answer["data"]["category"][0]["point"][0];
        (point["status"].clone(), point["reading"][0]["reading"].clone())
    };
    let (status, newest) =
        reading(factory.ask("GetCemsDynamicData", r#"{"pointID":["PT-HVAC"],"parameterID":["EPI"]}"#));
    assert_eq!(status, "online");
    let now = "2024-06-12T10:30:00+08:00";
    assert_eq!(newest, json!([{ "timeStamp": now, "value": both(now), "quality": 0 }]));
    let (_, history) = reading(factory.ask(
        "GetCemsHistoricalData",
        r#"{"pointID":["PT-HVAC"],"parameterID":["EPI"],"startTime":"2024-05-01","endTime":"2024-05-02",
            "interval":"PT12H","sort":"desc"}"#,
    ));
    let last = ["2024-05-01T23:45:00+08:00", "2024-05-01T11:45:00+08:00"]
        .map(|time| json!({ "timeStamp": time, "value": both(time), "quality": 0 }));
    assert_eq!(history, json!(last));
    // Its page counts what is computed and not what it is computed of.
    let body = r#"{"pointID":["PT-HVAC"],"parameterID":["EPI"],"startTime":"2024-05-01","endTime":"2024-05-02",
        "pageNumber":2,"pageSize":90}"#;
    let page = factory.ask("GetCemsHistoricalData", body).json()["data"].clone();
    assert_eq!((&page["page"]["total"], &page["dataCount"]["readingCount"]), (&json!(96), &json!(6)));
}

#[test]
fn a_billing_month_begins_on_the_billing_day() {
    let factory = Factory::after_two_months();
    let body = r#"{"startTime":"2024-04-01","endTime":"2024-06-01","period":"BILLING","groupBy":"cems","energyCode":["03"]}"#;
    let rows = factory.rows("GetCemsStatisticalData", body);
    let months: Vec<_> =
        rows.iter().map(|row| row["periodStart"].as_str().unwrap()[..10].to_owned()).collect();
    assert_eq!(months, ["2024-04-01", "2024-05-01"]);
    assert_eq!(rows[0]["readingTypeID"], json!("8.0.0.4.1.7.58.0.0.0.0.0.0.0.0.0.42.0"));
}

#[test]
fn answers_about_totals_and_ratios_are_as_recorded() {
    let factory = Factory::after_two_months();
    let address = factory.server.as_ref().unwrap().local_addr();
    let month = r#""startTime":"2024-04-01","endTime":"2024-05-01","period":"P1M""#;
    let ratios = format!(r#"{{{month},"indicatorCode":["ENERGY_PER_OUTPUT","RENEWABLE_SHARE","COST"]}}"#);
    check_asked(address, "statistical_ratios", "GetCemsStatisticalData", &ratios);
    let totals = format!(r#"{{{month},"indicatorCode":["ENERGY"],"groupBy":"category","tou":[0,2]}}"#);
    check_asked(address, "statistical_totals", "GetCemsStatisticalData", &totals);
    let computed = r#"{"pointID":["PT-HVAC"],"startTime":"2024-06-12T09:00:00+08:00","endTime":"2024-06-12T10:00:00+08:00"}"#;
    check_asked(address, "historical_computed", "GetPointHistoricalData", computed);
}
