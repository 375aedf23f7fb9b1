//! Shows maps.
