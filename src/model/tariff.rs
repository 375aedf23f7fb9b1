//! Tariff: what a kilowatt-hour costs at which rate, and when the billing month begins.

use super::tou::Rate;

/// What the supplier charges.
#[derive(Clone, Debug, PartialEq)]
pub struct Tariff {
    /// The day of the month at whose midnight a billing month begins, 1 to 28.
    pub billing_day: i8,
    /// Yuan a kilowatt-hour where no rate applies, or none has a price of its own.
    pub price: Option<f64>,
    /// Yuan a kilowatt-hour at each rate, by [`Rate::ALL`].
    pub rates: [Option<f64>; Rate::COUNT],
}

impl Default for Tariff {
    fn default() -> Self {
        Self { billing_day: 1, price: None, rates: [None; Rate::COUNT] }
    }
}

impl Tariff {
    /// Yuan a kilowatt-hour at `rate`; `None` stands for a time without a rate.
    #[must_use]
    pub fn price_at(&self, rate: Option<Rate>) -> Option<f64> {
        let of_rate = |rate: Rate| self.rates.get(rate as usize).copied().flatten();
        rate.and_then(of_rate).or(self.price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_without_a_price_costs_what_is_charged_where_there_is_none() {
        let mut tariff = Tariff::default();
        assert_eq!(tariff.price_at(Some(Rate::Peak)), None);
        tariff.price = Some(0.6);
        tariff.rates[Rate::Peak as usize] = Some(1.1);
        assert_eq!(tariff.price_at(Some(Rate::Peak)), Some(1.1));
        assert_eq!(tariff.price_at(Some(Rate::Flat)), Some(0.6));
        assert_eq!(tariff.price_at(None), Some(0.6));
    }
}
