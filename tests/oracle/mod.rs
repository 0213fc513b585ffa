//! mwfarm against a real Composer.

mod observe;
mod theorem;
mod traps;
