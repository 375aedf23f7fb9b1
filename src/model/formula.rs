//! Formula: how a virtual Parameter follows from others, as a weighted sum.
//!
//! Written `PT-A/EPI + 0.5 * PT-B/EPI - PT-C/EPI`; operators stand between blanks, because IDs may hold
//! dots and hyphens.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::limits;

/// A weighted sum of Parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    /// What is summed up; never empty.
    pub terms: Vec<Term>,
}

/// One summand.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// What its readings are multiplied by.
    pub factor: f64,
    /// The Point.
    pub point_id: String,
    /// The Parameter of that Point.
    pub parameter_id: String,
}

/// Why a text is no formula.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormulaFault {
    /// A word stands where something else should.
    #[error("expected {expected} at '{found}'; write it like PT-A/EPI + 0.5 * PT-B/EPI, with blanks between")]
    Unexpected {
        /// What should stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// Too many summands.
    #[error("has {0} summands; at most {max} are taken", max = limits::FORMULA_TERMS_MAX)]
    TooLong(usize),
}

impl FromStr for Formula {
    type Err = FormulaFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_whitespace().peekable();
        let mut terms = Vec::new();
        let mut sign = if words.next_if_eq(&"-").is_some() { -1.0 } else { 1.0 };
        loop {
            terms.push(term(sign, &mut words)?);
            sign = match words.next() {
                None => break,
                Some("+") => 1.0,
                Some("-") => -1.0,
                Some(other) => return Err(unexpected("'+', '-' or the end", other)),
            };
        }
        let count = terms.len();
        if count > limits::FORMULA_TERMS_MAX { Err(FormulaFault::TooLong(count)) } else { Ok(Self { terms }) }
    }
}

fn term<'t>(sign: f64, words: &mut impl Iterator<Item = &'t str>) -> Result<Term, FormulaFault> {
    let end = "the end";
    let first = words.next().unwrap_or(end);
    let (factor, parameter) = match first.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => match words.next() {
            Some("*") => (factor, words.next().unwrap_or(end)),
            other => return Err(unexpected("'*'", other.unwrap_or(end))),
        },
        Ok(_) => return Err(unexpected("a factor above zero", first)),
        Err(_) => (1.0, first),
    };
    match parameter.split_once('/') {
        Some((point_id, parameter_id)) if !point_id.is_empty() && !parameter_id.is_empty() => Ok(Term {
            factor: sign * factor,
            point_id: point_id.to_owned(),
            parameter_id: parameter_id.to_owned(),
        }),
        _ => Err(unexpected("POINT/PARAMETER", parameter)),
    }
}

fn unexpected(expected: &'static str, found: &str) -> FormulaFault {
    FormulaFault::Unexpected { expected, found: found.chars().take(limits::ID_CHARS_MAX).collect() }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, term) in self.terms.iter().enumerate() {
            match (place, term.factor < 0.0) {
                (0, false) => {}
                (0, true) => f.write_str("- ")?,
                (_, false) => f.write_str(" + ")?,
                (_, true) => f.write_str(" - ")?,
            }
            let factor = term.factor.abs();
            if (factor - 1.0).abs() > 0.0 {
                write!(f, "{factor} * ")?;
            }
            write!(f, "{}/{}", term.point_id, term.parameter_id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_prints_as_it_was_written() {
        for text in ["PT-A/EPI", "PT-A/EPI + 0.5 * PT-B.1/EPI - PT-C/EPI", "- 2 * PT-A/P + PT-B/P"] {
            assert_eq!(text.parse::<Formula>().map(|formula| formula.to_string()), Ok(text.to_owned()));
        }
        let formula: Formula = "PT-A/EPI - 3 * PT-B/EPE".parse().unwrap();
        assert_eq!(formula.terms[1].factor.to_bits(), (-3.0_f64).to_bits());
        assert_eq!(formula.terms[1].parameter_id, "EPE");
    }

    #[test]
    fn what_is_no_formula_is_refused_by_name() {
        for (text, expected) in [
            ("", "POINT/PARAMETER"),
            ("PT-A", "POINT/PARAMETER"),
            ("PT-A/", "POINT/PARAMETER"),
            ("PT-A/EPI PT-B/EPI", "'+', '-' or the end"),
            ("PT-A/EPI +", "POINT/PARAMETER"),
            ("2 PT-A/EPI", "'*'"),
            ("0 * PT-A/EPI", "a factor above zero"),
            ("inf * PT-A/EPI", "a factor above zero"),
        ] {
            let fault = text.parse::<Formula>().unwrap_err();
            assert!(
                matches!(&fault, FormulaFault::Unexpected { expected: e, .. } if *e == expected),
                "{text}: {fault}"
            );
        }
        let long = vec!["A/B"; limits::FORMULA_TERMS_MAX + 1].join(" + ");
        assert_eq!(long.parse::<Formula>(), Err(FormulaFault::TooLong(limits::FORMULA_TERMS_MAX + 1)));
    }
}
