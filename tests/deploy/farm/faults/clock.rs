//! A clock that jumps: numbers of releases and records follow their order, not the time.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::sound::sound;
use super::super::watching::small_core;
use super::super::{Farm, Plan, Said};

const YEAR: i64 = 365 * 24 * 60 * 60;

/// Shifts what a program takes for the time of day; how long things take stays.
const SOURCE: &str = "
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, \"clock_gettime\");
    const char *shift = getenv(\"SHIFT\");
    int result = real(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && shift) time->tv_sec += atol(shift);
    return result;
}
";

/// Makes the library that does it.
fn clock(farm: &Farm) -> PathBuf {
    let (source, library) = (farm.at("clock.c"), farm.at("clock.so"));
    std::fs::write(&source, SOURCE).expect("a source");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let output = compiler.output().expect("cc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

/// Runs the program as if it were so many seconds later.
fn at(farm: &Farm, clock: &Path, shift: i64, words: &[&str]) -> Said {
    farm.command(words).env("LD_PRELOAD", clock).env("SHIFT", shift.to_string()).output().expect("mwfarm").into()
}

#[test]
fn a_clock_that_jumps_changes_no_order() {
    let farm = Farm::with_core(&Plan::plain().with("keep: 9"), &small_core());
    let library = clock(&farm);
    let name = farm.name("a");
    at(&farm, &library, YEAR, &["wiki", "create", &name, "--ttl", "800d"]).well();
    let created = farm.show("a")["wiki"]["created"].as_u64().expect("a time");
    let mut releases = vec![farm.release("a").expect("a release")];
    // Ahead, far back, and where it is; before 1970, too.
    for (number, shift) in [(2, 2 * YEAR), (3, -YEAR), (4, -100 * YEAR), (5, 0)] {
        farm.push_file("a", "file.txt", &number.to_string());
        at(&farm, &library, shift, &["deploy", &name]).well();
        let release = farm.release("a").expect("a release");
        assert!(release.starts_with(&format!("{number}-")), "{release}");
        releases.push(release);
        assert_eq!(at(&farm, &library, -shift, &["watch", "reconcile"]).well(), "nothing differs\n");
        assert!(!at(&farm, &library, shift, &["status"]).well().is_empty());
        assert!(!at(&farm, &library, shift, &["wiki", "show", &name]).well().is_empty());
    }
    let times: Vec<u64> = farm.journal("a").iter().filter_map(|entry| entry["at"].as_u64()).collect();
    assert!(!times.is_sorted() && times[0].abs_diff(created) < 60, "the clock did jump: {times:?}");
    // Back is to the release before, not to the one that looks older.
    for back in [3, 2] {
        at(&farm, &library, -YEAR, &["deploy", &name, "--revert"]).well();
        assert_eq!(farm.release("a").as_ref(), Some(&releases[back]));
    }
    at(&farm, &library, YEAR, &["wiki", "resume", &name]).well();
    // It makes the queue.
    farm.mwfarm(["watch", "worker", "--once"]).well();
    // The newest push counts, whatever the clock of who told of it.
    let mut tip = String::new();
    for (number, shift) in [(6, YEAR), (7, -YEAR)] {
        tip = farm.push_file("a", "file.txt", &number.to_string());
        let mut hook = farm.command(["watch", "hook", "post-receive"]);
        let branch = format!("refs/heads/wiki/{name}");
        let (zero, input) = ("0".repeat(40), farm.at("told"));
        std::fs::write(&input, format!("{zero} {tip} {branch}\n")).expect("a file");
        let input = std::fs::File::open(input).expect("a file");
        hook.env("LD_PRELOAD", &library).env("SHIFT", shift.to_string()).env("GIT_DIR", farm.at("core.git"));
        let said = Said::from(hook.stdin(input).output().expect("mwfarm"));
        assert_eq!((said.code, farm.queued()), (0, number - 5), "{said:?}");
    }
    at(&farm, &library, -2 * YEAR, &["watch", "worker", "--once"]).well();
    assert_eq!((farm.queued(), farm.served("a")), (0, tip));
    // A wiki ends when its time is over, and not when the clock was wrong before.
    assert!(!at(&farm, &library, -YEAR, &["wiki", "expire"]).well().contains(&name));
    assert_eq!(farm.show("a")["wiki"]["state"], "ready");
    assert!(at(&farm, &library, 4 * YEAR, &["wiki", "expire"]).well().contains(&name));
    assert_eq!(farm.show("a")["wiki"]["state"], "archived");
    at(&farm, &library, -YEAR, &["wiki", "restore", &name]).well();
    let numbers: Vec<u64> = farm.attempts("a").iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    sound(&farm);
}
