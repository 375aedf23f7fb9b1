//! Totals: which points make up the energy of a category or of the site, so that none is counted twice.
//!
//! Points measure one below the other: the utility's (`gateway`) above the user's main meter (`main`) above
//! branches (`branch`, and beside them resources, `der`) above parts of branches (`sub`). Of all points that
//! measure an energy class only those of the highest of these levels count. A computed point (`virtual`)
//! counts only where no other measures the class. Points that measure again (`check`), products and the
//! environment never do. What is given is a total of its own, and is never subtracted from what is taken.

use super::selection::{ParameterView, PointView};
use crate::model::point::{Parameter, PointRole};
use crate::model::reading_type::ReadingType;
use crate::stats::SeriesKind;
use crate::stats::indicator::base_unit;

/// A sum of amounts of one energy class, or of one product.
#[derive(Clone)]
pub(super) struct Total<'c> {
    /// The energy class; of products the product.
    pub(super) of: Option<&'c str>,
    /// Whether this is given rather than taken.
    pub(super) is_given: bool,
    /// The unit of the sum.
    pub(super) unit: &'c str,
    /// What is measured, where all parts measure the same.
    pub(super) reading_type: Option<ReadingType>,
    /// Each with how much of the sum's unit one of its own is.
    pub(super) parts: Vec<(f64, ParameterView<'c>)>,
}

/// One amount that counts.
#[derive(Clone, Copy)]
pub(super) struct Counted<'c> {
    of: Option<&'c str>,
    is_given: bool,
    view: ParameterView<'c>,
}

/// Above what a point measures; the least is the highest. `None` for one that never counts.
const fn level(role: PointRole) -> Option<u8> {
    match role {
        PointRole::Gateway => Some(0),
        PointRole::Main => Some(1),
        PointRole::Branch | PointRole::Der => Some(2),
        PointRole::Sub => Some(3),
        PointRole::Virtual => Some(4),
        PointRole::Check | PointRole::Production | PointRole::Environment => None,
    }
}

/// The amounts of energy of `points` that count.
pub(super) fn counted<'c>(points: impl Iterator<Item = PointView<'c>>) -> Vec<Counted<'c>> {
    let mut all: Vec<(u8, Counted<'c>)> = Vec::new();
    for point in points {
        let Some(level) = level(point.point.role) else { continue };
        for is_given in [false, true] {
            let fits = |parameter: &Parameter| {
                let reading_type = &parameter.reading_type;
                let flows = if is_given { reading_type.is_given() } else { reading_type.is_taken() };
                flows && reading_type.is_amount_of_energy()
            };
            let Some(view) = amount_of(point, fits) else { continue };
            let of_type = view.parameter.reading_type.energy_code();
            let of = point.point.energy_code.as_deref().or(point.category.energy_code.as_deref()).or(of_type);
            all.push((level, Counted { of, is_given, view }));
        }
    }
    let highest = |of: Option<&str>| {
        all.iter().filter(|(_, counted)| counted.of == of).map(|(level, _)| *level).min().unwrap_or_default()
    };
    all.iter().filter(|(level, counted)| *level == highest(counted.of)).map(|(_, counted)| *counted).collect()
}

/// The amounts of `points` that count products, or one of `products` where those are given.
pub(super) fn products<'c>(
    points: impl Iterator<Item = PointView<'c>>,
    products: Option<&[String]>,
) -> Vec<Counted<'c>> {
    let of = |point: PointView<'c>| {
        let product = point.point.product.as_deref();
        let is_asked = products.is_none_or(|list| list.iter().any(|asked| Some(asked.as_str()) == product));
        let view = amount_of(point, |_| true)?;
        let counts = point.point.role == PointRole::Production && is_asked;
        counts.then_some(Counted { of: product, is_given: false, view })
    };
    points.filter_map(of).collect()
}

/// The parameter of a point that tells how much in all: a register, or else amounts.
fn amount_of(point: PointView<'_>, fits: impl Fn(&Parameter) -> bool) -> Option<ParameterView<'_>> {
    let of_kind = |wanted: SeriesKind| {
        point.parameters().find(|view| {
            let reading_type = &view.parameter.reading_type;
            SeriesKind::of(reading_type) == wanted && reading_type.is_whole() && fits(view.parameter)
        })
    };
    of_kind(SeriesKind::Register).or_else(|| of_kind(SeriesKind::Delta))
}

/// What all of several objects come to: an amount that counts for more than one of them counts once.
pub(super) fn merged<'c>(of_each: impl Iterator<Item = Vec<Counted<'c>>>) -> Vec<Counted<'c>> {
    let mut all: Vec<Counted<'c>> = Vec::new();
    for counted in of_each.flatten() {
        if !all.iter().any(|known| known.view.series == counted.view.series) {
            all.push(counted);
        }
    }
    all
}

/// One total for each energy class or product, direction and kind of unit, in this order.
pub(super) fn totals<'c>(counted: &[Counted<'c>]) -> Vec<Total<'c>> {
    let key =
        |counted: &Counted<'c>| (counted.of, counted.is_given, base_unit(&counted.view.parameter.unit).1);
    let mut keys: Vec<_> = counted.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    let total = |wanted: (Option<&'c str>, bool, &'c str)| {
        let parts: Vec<ParameterView<'c>> =
            counted.iter().filter(|counted| key(counted) == wanted).map(|counted| counted.view).collect();
        let (of, is_given, base) = wanted;
        let first = parts.first().map_or(base, |view| view.parameter.unit.as_str());
        let is_one_unit = parts.iter().all(|view| view.parameter.unit == first);
        let factor =
            |view: &ParameterView<'c>| if is_one_unit { 1.0 } else { base_unit(&view.parameter.unit).0 };
        let reading_type = parts.first().map(|view| view.parameter.reading_type);
        Total {
            of,
            is_given,
            unit: if is_one_unit { first } else { base },
            reading_type: reading_type.filter(|_| is_one_unit),
            parts: parts.iter().map(|view| (factor(view), *view)).collect(),
        }
    };
    keys.into_iter().map(total).collect()
}

impl<'c> Total<'c> {
    /// What one parameter alone comes to.
    pub(super) fn of_one(view: ParameterView<'c>) -> Self {
        let unit = &view.parameter.unit;
        Self { of: None, is_given: false, unit, reading_type: None, parts: vec![(1.0, view)] }
    }

    /// How much of its base unit one of its own unit is.
    pub(super) fn base_factor(&self) -> f64 {
        base_unit(self.unit).0
    }
}
