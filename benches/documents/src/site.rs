//! The site: 1,000 points with a register of energy and a power each.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cems_gateway::config::site::Site;
use cems_gateway::ops::Ops;
use cems_gateway::store::Store;
use cems_gateway::time::{ManualClock, UtcOffset, UtcTime, parse_instant};
use cems_gateway::{api, config, meters};
use sha2::{Digest, Sha256};

pub const POINTS: usize = 1_000;
/// Points with a year of history; the others have the newest reading.
pub const POINTS_OF_A_YEAR: usize = 200;
/// Each category with the point after its last one.
const CATEGORIES: [(&str, usize); 3] = [("A", 50), ("B", POINTS_OF_A_YEAR), ("C", POINTS)];
pub const START: &str = "2024-01-01";
pub const END: &str = "2025-01-01";

pub fn at(text: &str) -> UtcTime {
    parse_instant(text, UtcOffset::from_minutes(480).unwrap()).unwrap()
}

pub fn site() -> Site {
    let token: String = Sha256::digest(b"bench").iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = format!(
        r#"
[cems]
id = "c"
name = "c"
user_name = "u"
utc_offset = "+08:00"
[api]
listen = "127.0.0.1:0"
[[platform]]
id = "bench"
token_sha256 = "{token}"
requests_per_min = 1000000
[store]
raw_days = 400
size_max_mib = 2048
[[tou]]
rates = ["00:00 valley", "08:00 peak", "11:00 flat", "18:00 sharp", "21:00 flat", "22:00 valley"]
[[line]]
id = "lan"
kind = "tcp"
host = "meter"
[[meter]]
id = "m"
line = "lan"
unit = 1
interval = "PT15M"
"#
    );
    for (id, _) in CATEGORIES {
        text.push_str(&format!(
            "[[category]]\nid = \"{id}\"\ncode = \"C\"\nname = \"{id}\"\nenergy_code = \"01\"\n"
        ));
    }
    for point in 0..POINTS {
        let category = CATEGORIES.iter().find(|(_, end)| point < *end).unwrap().0;
        text.push_str(&format!(
            r#"
[[point]]
id = "PT-{point:04}"
name = "测点 {point}"
category = "{category}"
role = "branch"
meter = "m"
[[point.parameter]]
id = "EPI"
register = {{ table = "holding", address = {}, type = "u32" }}
unit = "kWh"
reading_type = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
scale = 0.01
[[point.parameter]]
id = "P"
register = {{ table = "holding", address = {}, type = "u32" }}
unit = "kW"
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
scale = 0.1
"#,
            4 * point,
            4 * point + 2
        ));
    }
    config::read("bench.toml", &text, meters::library).unwrap_or_else(|faults| panic!("{faults}"))
}

pub fn ops(dir: &Path) -> (Arc<Site>, Arc<Ops>) {
    let site = Arc::new(site());
    let store = Store::open(dir, &site.store).unwrap();
    let clock = Arc::new(ManualClock::showing(at(END)));
    let ops = Ops::new(Arc::clone(&site), store, clock).unwrap();
    (site, ops)
}

pub fn serve(dir: &Path) {
    let (site, ops) = ops(dir);
    // After opening, the store looks through what it holds; that is not what is measured.
    while ops.store().status().unchecked_epochs > 0 {
        std::thread::sleep(Duration::from_millis(100));
    }
    let server = api::serve(ops, &site.api, dir).unwrap();
    crate::wait(server.local_addr());
    server.shutdown();
}
