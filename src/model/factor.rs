//! Factor: what a unit of an energy class is worth in standard coal, and what it emits.

/// The energy class of electricity.
pub const ELECTRICITY: &str = "01";
/// The energy class of renewable energy made on site.
pub const RENEWABLE: &str = "13";

/// What one kWh, m³ or kg of an energy class comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct EnergyFactor {
    /// Two-digit energy class.
    pub energy_code: String,
    /// Kilograms of standard coal equivalent; `None` where nobody said.
    pub kgce: Option<f64>,
    /// Kilograms of carbon dioxide; `None` where nobody said.
    pub co2_kg: Option<f64>,
}

/// The factors of a site, one entry an energy class.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// One entry an energy class.
    pub list: Vec<EnergyFactor>,
}

/// Provisional defaults. Standard coal by the calorific values in common use in China (electricity at its
/// equivalent value); carbon dioxide of electricity by a national mean of the grid, of gas by its carbon.
/// Water is no energy, and what the site makes of sun and wind costs no coal.
const DEFAULTS: [(&str, f64, Option<f64>); 9] = [
    (ELECTRICITY, 0.1229, Some(0.5366)),
    ("02", 0.0, Some(0.0)),
    ("03", 1.33, Some(2.162)),
    ("07", 0.7143, Some(1.9)),
    ("08", 1.7143, Some(3.101)),
    ("10", 1.4714, Some(2.925)),
    ("11", 1.4714, Some(3.033)),
    ("12", 1.4571, Some(3.096)),
    (RENEWABLE, 0.0, Some(0.0)),
];

impl Default for Factors {
    fn default() -> Self {
        let entry = |(code, kgce, co2_kg): (&str, f64, Option<f64>)| EnergyFactor {
            energy_code: code.to_owned(),
            kgce: Some(kgce),
            co2_kg,
        };
        Self { list: DEFAULTS.into_iter().map(entry).collect() }
    }
}

impl Factors {
    /// The entry of an energy class.
    #[must_use]
    pub fn of(&self, energy_code: &str) -> Option<&EnergyFactor> {
        self.list.iter().find(|factor| factor.energy_code == energy_code)
    }

    /// Takes what `factor` says in place of what is known of its energy class.
    pub fn put(&mut self, factor: EnergyFactor) {
        match self.list.iter_mut().find(|known| known.energy_code == factor.energy_code) {
            Some(known) => {
                known.kgce = factor.kgce.or(known.kgce);
                known.co2_kg = factor.co2_kg.or(known.co2_kg);
            }
            None => self.list.push(factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_site_says_takes_the_place_of_a_default_and_the_rest_stays() {
        let mut factors = Factors::default();
        factors.put(EnergyFactor { energy_code: "01".to_owned(), kgce: None, co2_kg: Some(0.42) });
        factors.put(EnergyFactor { energy_code: "06".to_owned(), kgce: Some(0.5), co2_kg: None });
        let electricity = factors.of("01").unwrap();
        assert_eq!((electricity.kgce, electricity.co2_kg), (Some(0.1229), Some(0.42)));
        assert_eq!(factors.of("06").unwrap().co2_kg, None);
        assert_eq!(factors.of("05"), None);
    }
}
