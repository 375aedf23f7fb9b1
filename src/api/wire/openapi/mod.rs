//! The interface as an `OpenAPI` 3.1 document.
//!
//! It is drawn from the types that answers are written with, from the table of members that questions
//! are read by and from the table of operations, in a test: the product carries the text alone, and the
//! test fails when text and tables no longer agree. `UPDATE_GOLDEN=1 cargo test --lib openapi` draws it
//! anew.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod demand;
#[cfg(test)]
mod demand_response;
#[cfg(test)]
mod draw;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod tests;

use crate::packed::{Packed, packed};

/// The document.
pub const DOCUMENT: Packed = packed!("openapi.json");
