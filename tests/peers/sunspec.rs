//! A SunSpec device made with pysunspec2 and pymodbus, read by us and by pysunspec2.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::gateway::{Gateway, native};
use crate::harness::process::{Process, python};
use crate::harness::site::free_port;
use crate::harness::wait;

/// The points of one device by address.
type Told = BTreeMap<u64, Point>;

/// What is told of a point.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    name: String,
    /// `Null` unless the state is `ok`.
    value: Value,
    state: String,
}

/// A device that answers at `port` as long as this lives.
struct Device {
    port: u16,
    _server: Process,
    dir: TempDir,
}

impl Device {
    /// The device of a file of pysunspec2's own test data.
    fn of_test_data(name: &str, base: u16, without: &[&str]) -> Self {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/venv/lib");
        let python = fs::read_dir(packages).unwrap().next().unwrap().unwrap().path();
        let data = python.join("site-packages/sunspec2/tests/test_data").join(name);
        Self::of(&data, TempDir::new().unwrap(), base, without)
    }

    /// A device with every model that has a table, and random values.
    fn of_every_model(seed: u32) -> Self {
        let dir = TempDir::new().unwrap();
        let data = dir.path().join("data.json");
        fs::write(
            &data,
            printed(python("sunspec_data.py").args([seed.to_string().as_ref(), tables().as_os_str()])),
        )
        .unwrap();
        Self::of(&data, dir, 40_000, &[])
    }

    fn of(data: &Path, dir: TempDir, base: u16, without: &[&str]) -> Self {
        let port = free_port();
        let place = [port.to_string(), base.to_string()];
        let mut server = python("sunspec_server.py");
        let mut server = Process::start("device", server.arg(data).args(place).args(without), dir.path());
        server.wait_for_print("listening");
        Self { port, _server: server, dir }
    }

    fn ask(&self, options: &[&str]) -> Output {
        let line = format!("127.0.0.1:{}", self.port);
        Command::new(&native()[0])
            .args(["sunspec", &line, "1"])
            .args(options)
            .env("LC_ALL", "C")
            .output()
            .unwrap()
    }

    /// What we read.
    fn ours(&self, options: &[&str]) -> Told {
        let output = self.ask(&[&["--json"], options].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = objects(&String::from_utf8(output.stdout).unwrap());
        let points = lines.into_iter().filter(|line| line.get("point").is_some());
        points.map(|line| (line["address"].as_u64().unwrap(), Point::of_ours(&line))).collect()
    }

    /// What pysunspec2 reads, as lines of its client.
    fn theirs(&self) -> Vec<Value> {
        objects(&printed(python("sunspec_client.py").arg(self.port.to_string())))
    }
}

fn tables() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sunspec/models")
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Point {
    fn of_ours(line: &Value) -> Self {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        Self { name: text("point"), value: line["value"].clone(), state: text("state") }
    }

    /// Whether pysunspec2 says the same of it.
    fn is_as(&self, theirs: &Value) -> bool {
        // It gives the raw number where the scale factor is not implemented; we give none.
        let states: &[&str] = match (&theirs["value"], &theirs["scale_factor_is_missing"]) {
            (Value::Null, _) => &["not-implemented", "not-accumulated"],
            (_, Value::Bool(true)) => &["no-scale-factor"],
            _ => &["ok"],
        };
        let is_same_value = match (&self.value, &theirs["value"]) {
            (Value::Null, _) => self.state != "ok",
            // A text may be padded with blanks, which we leave out.
            (Value::String(ours), Value::String(theirs)) => ours == theirs.trim(),
            (ours, their_value) => {
                let (ours, their_value) = (ours.as_f64().unwrap(), their_value.as_f64().unwrap());
                (ours - their_value).abs() <= their_value.abs() * theirs["precision"].as_f64().unwrap()
            }
        };
        self.name == theirs["point"] && states.contains(&self.state.as_str()) && is_same_value
    }
}

/// Every point of one is a point of the other, with the same value or none.
fn assert_same(ours: &Told, theirs: &[Value]) {
    let addresses: Vec<u64> = theirs.iter().map(|line| line["address"].as_u64().unwrap()).collect();
    assert_eq!(ours.keys().copied().collect::<Vec<_>>(), addresses);
    let pairs = ours.values().zip(theirs);
    let different: Vec<(&Point, &Value)> = pairs.filter(|(ours, theirs)| !ours.is_as(theirs)).collect();
    assert_eq!(different, []);
}

#[test]
fn the_test_devices_of_pysunspec2_are_read_as_pysunspec2_reads_them() {
    for (data, base, points) in
        [("device_1547.json", 40_000, 338), ("device_1547.json", 0, 338), ("inverter_123.json", 50_000, 185)]
    {
        let device = Device::of_test_data(data, base, &[]);
        let ours = device.ours(&[]);
        assert_eq!(ours.len(), points, "{data}");
        assert_same(&ours, &device.theirs());
    }
}

#[test]
fn every_point_of_every_model_is_read_as_pysunspec2_reads_it() {
    for seed in [1, 2, 3] {
        let device = Device::of_every_model(seed);
        let ours = device.ours(&[]);
        assert!(ours.len() > 1_200, "{}", ours.len());
        assert_same(&ours, &device.theirs());
        assert_eq!(ours, device.ours(&["--registers-max", "16"]), "the length of a read changes nothing");
    }
}

#[test]
fn a_value_whose_scale_factor_is_not_implemented_is_never_shown() {
    let device = Device::of_test_data("device_1547.json", 40_000, &["701.A_SF"]);
    let ours = device.ours(&[]);
    let current = ours.values().find(|point| point.name == "AL1").unwrap();
    assert_eq!((&current.value, current.state.as_str()), (&Value::Null, "no-scale-factor"));
    assert_same(&ours, &device.theirs());
    let text = String::from_utf8(device.ask(&[]).stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("  AL1 ")).unwrap();
    assert!(line.contains("no value: its scale factor A_SF is not implemented"), "{line}");
}

#[test]
fn a_unit_without_the_mark_is_told_with_what_stands_there() {
    let device = Device::of_test_data("inverter_123.json", 1_000, &[]);
    let output = device.ask(&[]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("no mark 'SunS'"), "{told}");
    assert!(told.contains("at 40000: exception-02"), "{told}");
    assert_eq!(device.ours(&["--base", "1000"]).len(), 185);
}

#[test]
fn the_tables_are_what_the_script_makes_of_the_definitions() {
    let dir = TempDir::new().unwrap();
    printed(python("../../deploy/sunspec_models.py").arg(dir.path()));
    let files = |folder: &Path| -> BTreeMap<OsString, String> {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        files.map(|file| (file.file_name(), fs::read_to_string(file.path()).unwrap())).collect()
    };
    assert_eq!(files(&tables()), files(dir.path()));
}

#[test]
fn a_device_becomes_a_map_and_its_points_are_served() {
    let device = Device::of_test_data("device_1547.json", 40_000, &[]);
    let maps = device.dir.path().join("maps");
    fs::create_dir(&maps).unwrap();
    fs::write(maps.join("device.toml"), device.ask(&["--map"]).stdout).unwrap();

    let gateway = Gateway::run(device.dir.path(), "PT1S", &site(device.port));
    wait::until_ok("the points of the device to be served", || {
        let served = gateway.api().dynamic();
        let expected = [("P", 9.8), ("F", 60.01), ("E", 150.0), ("T", 45.0)];
        let wrong: Vec<String> = expected
            .iter()
            .filter_map(|(parameter, value)| {
                let name = ("PV".to_owned(), (*parameter).to_owned());
                let shown = served.get(&name).map(|served| (served.value.as_f64(), served.quality));
                (shown != Some((Some(*value), 0))).then(|| format!("{parameter}: {shown:?}"))
            })
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join(", ")) }
    });
}

fn site(port: u16) -> String {
    let parameter = |id: &str, register: &str| {
        format!("  [[point.parameter]]\n  id = \"{id}\"\n  name = \"{id}\"\n  register = \"{register}\"\n")
    };
    let parameters = [
        parameter("P", "power_export"),
        parameter("F", "frequency"),
        parameter("E", "energy_export"),
        parameter("T", "m701.TmpAmb"),
    ];
    format!(
        "[gateway]\nmaps_dir = \"maps\"\n\
         [[line]]\nid = \"lan\"\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         [[meter]]\nid = \"pv\"\nline = \"lan\"\nunit = 1\nmap = \"sunspectest-test-1547-1\"\ninterval = \"PT0.5S\"\n\
         [[point]]\nid = \"PV\"\nname = \"PV\"\ncategory = \"CAT\"\nrole = \"branch\"\nmeter = \"pv\"\n{}",
        parameters.concat()
    )
}
