//! The meter library.
