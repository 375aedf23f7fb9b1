//! Modbus: what goes over a wire, and what is made of it.

pub mod decode;
mod half;
