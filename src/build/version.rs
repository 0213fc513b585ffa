//! Composer versions and constraints.
