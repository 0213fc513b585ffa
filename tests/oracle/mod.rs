//! mwfarm against a real Composer.

mod corners;
mod natural;
mod observe;
mod scanner;
mod semver;
mod theorem;
mod traps;
