//! The built binary against outside software.
