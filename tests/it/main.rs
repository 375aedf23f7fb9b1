//! The gateway against itself: one module a part.

mod sim;
mod faults;
mod lines;
