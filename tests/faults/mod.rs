//! Builds that are killed, refused by the system, and run into each other: what is served is old or new as a whole, and
//! the next build needs no help.
//!
//! `MWFARM_FAULTS=all` tries every error at every system call, on a larger farm.

mod confined;
mod disks;
mod lock;
mod order;
mod snapshot;
mod sound;
mod stopped;
mod together;
mod tree;

use std::env;

use stopped::{
    Case, beside, built, copied, deaths, dumped, killed, killed_at_random, linked, prepared, refused, thrice, twice,
};

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// What a push to this repository pays for.
    Few,
    /// Everything.
    All,
}

impl Size {
    fn extensions(self) -> usize {
        match self {
            Self::Few => 5,
            Self::All => 20,
        }
    }
}

fn size() -> Size {
    match env::var("MWFARM_FAULTS").as_deref() {
        Err(_) => Size::Few,
        Ok("all") => Size::All,
        Ok(other) => panic!("MWFARM_FAULTS is `{other}`, and may be `all`"),
    }
}

/// Which of many are tried.
fn seed() -> usize {
    env::var("MWFARM_SEED").ok().map_or(0, |seed| seed.parse().expect("MWFARM_SEED is a number"))
}

/// Over an earlier build.
const AGAIN: Case = Case { words: &["build", "-j", "1"], prepare: built, place: "tree/vendor", done: None };

/// Over what Composer left.
const FIRST: Case = Case { words: &["build", "-j", "1"], prepare: |_| {}, place: "tree/vendor", done: None };

/// Over an earlier build, after which Composer has run.
const DUMPED: Case = Case { words: &["build", "-j", "1"], prepare: dumped, place: "tree/vendor", done: None };

/// With links, over a build with others.
const LINKS: Case =
    Case { words: &["build", "-j", "1", "--mediawikifarm"], prepare: linked, place: "tree/vendor", done: None };

/// Into another directory, over an earlier build there.
const OUTPUT: Case = Case {
    words: &["build", "-j", "1", "--output", "@/other/vendor"],
    prepare: copied,
    place: "other/vendor",
    done: None,
};

/// Into another directory, which is not there yet.
const COPY: Case = Case {
    words: &["build", "-j", "1", "--output", "@/other/vendor"],
    prepare: beside,
    place: "other/vendor",
    done: None,
};

const EJECT: Case =
    Case { words: &["eject"], prepare: built, place: "tree/vendor", done: Some("mwfarm has not built in") };

/// Of one generation of three.
const COLLECT: Case =
    Case { words: &["gc", "--grace", "0", "--keep", "2"], prepare: thrice, place: "tree/vendor", done: None };

const BACK: Case =
    Case { words: &["rollback", "--to", "%"], prepare: twice, place: "tree/vendor", done: Some("already") };

const WRITER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/writer.php");

/// The checks themselves find what is wrong: a program that writes over what is there does not pass.
#[test]
fn a_program_that_writes_in_place_is_noticed() {
    let words = &["php", "-n", WRITER, "in-place", "@/next", "@/tree/vendor"];
    let wrong = deaths(&Case { words, prepare: prepared, place: "tree/vendor", done: None });
    assert!(wrong.len() > 10, "{} moments:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn a_program_that_writes_aside_and_renames_is_not() {
    let words = &["php", "-n", WRITER, "careful", "@/next", "@/tree/vendor"];
    killed(&Case { words, prepare: prepared, place: "tree/vendor", done: None });
}

#[test]
fn a_build_that_is_killed_leaves_the_old_or_the_new_generation() {
    killed(&AGAIN);
}

#[test]
fn a_build_of_many_threads_that_is_killed_leaves_the_old_or_the_new_generation() {
    killed_at_random(&AGAIN);
}

#[test]
fn a_first_build_that_is_killed_leaves_composers_loader_or_the_new_generation() {
    killed(&FIRST);
}

#[test]
fn a_build_after_composer_that_is_killed_leaves_its_loader_or_the_new_generation() {
    killed(&DUMPED);
}

#[test]
fn a_build_with_links_that_is_killed_leaves_the_old_or_the_new_generation() {
    killed(&LINKS);
}

#[test]
fn a_build_into_another_directory_that_is_killed_leaves_the_old_or_the_new_generation() {
    killed(&OUTPUT);
}

#[test]
fn a_first_build_into_another_directory_that_is_killed_leaves_nothing_served_or_the_new_generation() {
    killed(&COPY);
}

#[test]
fn an_eject_that_is_killed_leaves_the_generation_or_composers_loader() {
    killed(&EJECT);
}

#[test]
fn a_rollback_that_is_killed_leaves_the_one_or_the_other_generation() {
    killed(&BACK);
}

#[test]
fn a_collection_that_is_killed_leaves_what_is_served() {
    killed(&COLLECT);
}

#[test]
fn a_rollback_that_the_system_refuses_something_says_so_and_leaves_the_one_or_the_other_generation() {
    refused(&BACK);
}

#[test]
fn a_collection_that_the_system_refuses_something_says_so_and_leaves_what_is_served() {
    refused(&COLLECT);
}

#[test]
fn a_build_that_the_system_refuses_something_says_so_and_leaves_the_old_generation() {
    refused(&AGAIN);
}

#[test]
fn a_first_build_that_the_system_refuses_something_says_so_and_leaves_composers_loader() {
    refused(&FIRST);
}

#[test]
fn a_build_with_links_that_the_system_refuses_something_says_so_and_leaves_the_old_generation() {
    refused(&LINKS);
}

#[test]
fn a_build_into_another_directory_that_the_system_refuses_something_says_so_and_leaves_the_old_generation() {
    refused(&OUTPUT);
}

#[test]
fn a_first_build_into_another_directory_that_the_system_refuses_something_says_so() {
    refused(&COPY);
}

#[test]
fn an_eject_that_the_system_refuses_something_says_so_and_leaves_the_generation_or_composers_loader() {
    refused(&EJECT);
}
