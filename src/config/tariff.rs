//! `[tariff]`: prices by rate, and when the billing month begins.

use super::form;
use crate::document::Section;
use crate::model::tariff::Tariff;
use crate::model::tou::Rate;

/// More than a kilowatt-hour ever cost, in yuan.
const PRICE_MAX: f64 = 1_000.0;

const PRICES: [(&str, Rate); Rate::COUNT] = [
    ("price_sharp", Rate::Sharp),
    ("price_peak", Rate::Peak),
    ("price_flat", Rate::Flat),
    ("price_valley", Rate::Valley),
    ("price_deep", Rate::Deep),
];

/// Reads the table; without it nothing has a price, and billing months are calendar months.
pub(super) fn tariff(root: &Section<'_>) -> Tariff {
    let mut tariff = Tariff::default();
    let Some(section) = root.section("tariff") else { return tariff };
    tariff.billing_day = form::whole(&section, "billing_day", 1..=28).unwrap_or(tariff.billing_day);
    tariff.price = section.number("price", 0.0..=PRICE_MAX);
    for (key, rate) in PRICES {
        let price = section.number(key, 0.0..=PRICE_MAX);
        if let Some(slot) = tariff.rates.get_mut(rate as usize) {
            *slot = price;
        }
    }
    section.finish();
    tariff
}
