//! The site file.

pub mod site;
