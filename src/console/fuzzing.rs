//! A door to what a technician is told. No part of the product.

use super::command::Refusal;
use super::explain;
use crate::language::Language;

/// A refusal as it is told.
#[must_use]
pub fn explained(refusal: &Refusal, language: Language) -> String {
    explain::refusal(refusal, language)
}
