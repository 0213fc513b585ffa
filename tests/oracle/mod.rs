//! mwfarm against a real Composer.

mod class_loader;
mod corners;
mod natural;
mod observe;
mod programs;
mod scanner;
mod semver;
mod strategies;
mod theorem;
mod traps;
