//! mwfarm against a real Composer.

mod observe;
mod semver;
mod theorem;
mod traps;
