//! The gateway against itself: one module a part.

mod api;
