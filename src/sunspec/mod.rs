//! SunSpec: devices that describe themselves.
//!
//! Somewhere in the holding registers stands a mark, "SunS", and behind it a chain of models, each with its
//! number, its length and its registers ([`chain`]). What a model of that number holds is told by the tables
//! of the SunSpec Alliance, which come with the program as data ([`table`]). [`survey`] reads one device by
//! them, and each point then says a value in its unit or why there is none ([`value`]); [`show`], [`json`]
//! and [`map`] write that down.
//!
//! Nothing here speaks on a line: [`chain::Walk`] and [`survey::Survey`] say what they want read next and
//! are given what came of it.

pub mod chain;
pub mod in_chinese;
pub mod json;
pub mod layout;
pub mod map;
mod naming;
mod point_type;
mod registers;
pub mod show;
pub mod survey;
pub mod table;
mod table_text;
pub mod value;

#[cfg(test)]
mod tests;
