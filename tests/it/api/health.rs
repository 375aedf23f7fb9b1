//! What the gateway says of itself when something needs to be looked after.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::client::get;
use super::site::Served;

fn health(served: &Served) -> Value {
    get(served.address(), "/healthz").json()
}

/// Zeroes the first 64 KiB of the main database.
fn damage(data: &Path) {
    let mut file = std::fs::File::options().write(true).open(data.join("db/db")).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&vec![0; 64 * 1_024]).unwrap();
}

#[test]
fn damage_is_an_alarm_until_the_next_start() {
    let served = Served::after_a_morning();
    assert_eq!(health(&served)["status"], json!("ok"));
    assert_eq!(health(&served)["alarm"], Value::Null);
    let served = served.restarted_after(damage);
    assert_eq!(health(&served)["status"], json!("alarm"));
    assert_eq!(health(&served)["alarm"], json!(["store-damaged"]));
    let served = served.restarted_after(|_| {});
    assert_eq!(health(&served)["status"], json!("ok"));
}
