//! mwfarm against a real Composer.

mod observe;
mod scanner;
mod semver;
mod theorem;
mod traps;
