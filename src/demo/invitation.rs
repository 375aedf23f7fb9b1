//! What the demo says when it is ready: the address, the token, and three requests to try.

use std::net::SocketAddr;

use crate::api::wire::example;
use crate::time::{Interval, UtcOffset, UtcTime};

/// The text of the invitation.
pub(super) fn text(address: SocketAddr, token: &str, start: UtcTime, history_days: u16) -> String {
    // The factory stands in Shanghai.
    let offset = UtcOffset::from_minutes(8 * 60).unwrap_or(UtcOffset::UTC);
    let date = |at: UtcTime| at.iso(offset).to_string().split('T').next().unwrap_or_default().to_owned();
    let day_before = |days: i64| date(UtcTime::from_ms(start.as_ms() - days * Interval::DAY.as_ms()));
    let host = format!("http://{address}");
    let base = example::base();
    let curl = format!("curl -s -H 'Authorization: Bearer {token}'");
    let (today, yesterday, first) = (day_before(0), day_before(1), day_before(i64::from(history_days)));
    let load = example::load_of_resources();
    let register = example::register_every_hour(&yesterday, &today);
    let energy = example::energy_month_by_month(&first, &today);
    format!(
        "cems-gateway demo: a simulated factory, prepared for GB/T 35031.5-2025, wire names provisional
  API      {host}{base}/        token: {token}
  history  {first} to {today}, a reading every 15 minutes, of the grid's import every minute; live since then, a reading every second

The load of storage, photovoltaics and chargers now / 分布式能源当前负荷:
  {curl} '{host}{load}'

The grid meter's energy register yesterday, every hour / 关口表昨日逐时电能示值:
  {curl} '{host}{register}'

Energy of air conditioning and ventilation, month by month / 空调与通风逐月电量:
  {curl} '{host}{energy}'

Ctrl-C ends it.
"
    )
}
