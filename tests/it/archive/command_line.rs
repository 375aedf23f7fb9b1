//! `export`, `backup` and `restore` as a user calls them, with a gateway that runs and without.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cems_gateway::config::site::StoreSettings;
use cems_gateway::store::Store;

use super::{Plant, walk};

const PATIENCE: Duration = Duration::from_secs(20);

fn cems_gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cems-gateway"));
    command.args(arguments);
    command
}

fn ran(arguments: &[&str]) -> Output {
    cems_gateway(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a command that went well wrote to standard output.
fn printed(arguments: &[&str]) -> String {
    let output = ran(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// A gateway of a site without meters, killed with the test.
struct Gateway(Child);

impl Gateway {
    fn on(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let site = format!(
            "[cems]\nid = \"CEMS-T\"\nname = \"test\"\nuser_name = \"test\"\nutc_offset = \"+08:00\"\n\
             [api]\nlisten = \"127.0.0.1:{port}\"\n"
        );
        let config = folder.join("site.toml");
        std::fs::write(&config, site).unwrap();
        let mut run = cems_gateway(&["run", "--config"]);
        let run = run.arg(config).arg("--data").arg(folder.join("data")).stderr(Stdio::null());
        let gateway = Self(run.spawn().unwrap());
        let socket = folder.join("data/orders.sock");
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the gateway does not take orders");
            std::thread::sleep(Duration::from_millis(20));
        }
        gateway
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A folder with data of so many scans, and its path as text.
fn folder_of(scans: u32) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let plant = Plant::open(&folder.path().join("data"));
    plant.append(0..scans);
    plant.store.close().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    (folder, data)
}

#[test]
fn the_readings_are_exported_by_a_gateway_that_runs_and_without_one() {
    let (folder, data) = folder_of(2_000);
    let alone = printed(&["export", "--data", &data]);
    assert!(alone.starts_with("time,point,parameter,value,unit,quality,sequence,run\r\n"));
    assert!(alone.contains("\r\n2024-06-01T00:00:00+00:00,PT-1,P,0,,good,1,\r\n"));
    let gateway = Gateway::on(folder.path());
    let running = printed(&["export", "--data", &data]);
    let in_utc = running.replace("2024-06-01T08:", "2024-06-01T00:").replace("+08:00,", "+00:00,");
    assert!(in_utc == alone, "the two differ in more than the site's offset");

    let file = folder.path().join("some.csv");
    let order = ["--point", "PT-1", "--parameter", "EPI", "--from", "2024-06-01T08:00:01+08:00"];
    let out = ["--to", "2024-06-01T08:00:03+08:00", "--out", file.to_str().unwrap()];
    printed(&[&["export", "--data", &data], &order[..], &out[..]].concat());
    let some = "time,point,parameter,value,unit,quality,sequence,run\r\n\
                2024-06-01T08:00:01.007+08:00,PT-1,EPI,0.5000000000000001,,out-of-range,2,\r\n\
                2024-06-01T08:00:02+08:00,PT-1,EPI,0.02,,good,3,\r\n";
    assert_eq!(std::fs::read_to_string(file).unwrap(), some);

    let refused = ran(&["export", "--data", &data, "--point", "PT-9"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told(&refused).contains("nothing is stored of point 'PT-9'"), "{}", told(&refused));
    drop(gateway);
    assert!(printed(&["export", "--data", &data]) == alone, "after a kill");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let (folder, data) = folder_of(9_000);
    for gateway in [None, Some(Gateway::on(folder.path()))] {
        let mut export = cems_gateway(&["export", "--data", &data]);
        let mut export = export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut some = [0; 1_000];
        export.stdout.take().unwrap().read_exact(&mut some).unwrap();
        let output = export.wait_with_output().unwrap();
        let said = told(&output);
        assert!(output.status.success() && !said.contains("panicked"), "{said}");
        drop(gateway);
    }
}

#[test]
fn a_running_store_is_backed_up_and_restored_into_another_folder() {
    let (folder, data) = folder_of(9_000);
    let file = folder.path().join("store.backup");
    let file = file.to_str().unwrap();
    let gateway = Gateway::on(folder.path());
    let saved = ran(&["backup", "--data", &data, file]);
    assert!(saved.status.success() && told(&saved).contains("of 9000 scans"), "{}", told(&saved));
    let again = ran(&["backup", "--data", &data, file]);
    assert!(!again.status.success() && told(&again).contains("exists already"), "{}", told(&again));
    let back = ran(&["restore", "--data", &data, file]);
    assert!(back.status.success() && told(&back).contains(": 0 readings added"), "{}", told(&back));
    drop(gateway);

    let other = folder.path().join("other");
    let restored = ran(&["restore", "--data", other.to_str().unwrap(), file]);
    assert!(restored.status.success(), "{}", told(&restored));
    let open = |dir: &Path| Store::open(dir, &StoreSettings::default()).unwrap();
    assert!(walk(&open(&other)) == walk(&open(&folder.path().join("data"))));
}

#[test]
fn a_folder_without_a_store_and_a_file_that_is_no_backup_are_told() {
    let (folder, data) = folder_of(10);
    let nothing = folder.path().join("nothing");
    let nothing = nothing.to_str().unwrap();
    for arguments in [["export", "--data", nothing].as_slice(), &["backup", "--data", nothing, "x"]] {
        let refused = ran(arguments);
        assert_eq!(refused.status.code(), Some(1));
        assert!(told(&refused).contains("there is no store in it"), "{}", told(&refused));
    }
    assert!(!Path::new(nothing).exists(), "a mistyped folder is not made");
    let csv = folder.path().join("readings.csv");
    let csv = csv.to_str().unwrap();
    printed(&["export", "--data", &data, "--out", csv]);
    let refused = ran(&["restore", "--data", &data, csv]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told(&refused).contains("does not begin as a backup does"), "{}", told(&refused));
}
