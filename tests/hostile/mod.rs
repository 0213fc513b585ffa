//! Trees that mean harm. Each is refused, with the file and the field, or it is plain data: nothing of it is executed,
//! nothing outside changes, and what is published stays as it is unless the whole build succeeds.
//!
//! Configurations that mean harm are in `config::hostile`; branches, events and repositories in `deploy`.

mod autoload;
mod cases;
mod farms;
mod graphs;
mod json;
mod mutation;
mod names;
mod odd;
mod php;
mod publishing;
mod quoting;
mod scanning;
mod traced;
mod web;
mod yard;

use cases::{Case, check};

/// Splits the tables among tests, so that they run side by side. Of those in the second list the trees are examined by
/// `doctor`, too.
macro_rules! tables {
    ($($module:ident)*; $($examined:ident)*) => {
        $(#[test]
        fn $module() {
            check(&$module::cases(), false);
        })*
        $(#[test]
        fn $examined() {
            check(&$examined::cases(), true);
        })*

        #[test]
        fn there_are_enough() {
            let tables: [Vec<Case>; _] = [$($module::cases(),)* $($examined::cases()),*];
            let count: usize = tables.iter().map(Vec::len).sum();
            assert!(count >= 60, "only {count} trees");
        }
    };
}

tables!(farms json names publishing; autoload odd scanning);
