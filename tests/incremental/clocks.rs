//! Wrong clocks never hide an edit. What is believed of a file is decided, and tested with clocks of any kind, in
//! `src/build/scan/cache.rs`; here the files and the times are real.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use super::edits::{YEARS, set_time, write_over};
use super::{Place, a_moment, ahead};

const CLASS: &str = "src/One.php";

/// A tree with one class.
fn place() -> Place {
    let place = Place::new(true);
    fs::create_dir_all(place.path("src")).expect("a directory");
    fs::create_dir_all(place.path("vendor/composer")).expect("a directory");
    fs::write(place.path("composer.json"), r#"{ "name": "a/b", "autoload": { "classmap": ["src/"] } }"#)
        .expect("a file");
    fs::write(place.path("vendor/composer/installed.json"), r#"{ "packages": [], "dev": false }"#).expect("a file");
    fs::write(place.path("wikis.yml"), "wikis:\n  a: { hosts: [a.example.org], extensions: [] }\n").expect("a file");
    fs::write(place.path(CLASS), "<?php\nclass One {}\n").expect("a file");
    place
}

/// Builds with the clocks `then` and `now`, with an edit in between that keeps the size and gives the file this time,
/// or the one it had. Says whether the edit was seen.
fn sees(then: fn() -> SystemTime, time: Option<SystemTime>, now: fn() -> SystemTime) -> bool {
    let place = place();
    let file = place.path(CLASS);
    place.build(Some(then));
    a_moment();
    let before = fs::metadata(&file).expect("a file");
    assert!(classes(&place).contains("'One'"));
    write_over(&file, "<?php\nclass Six {}\n");
    set_time(&file, time.unwrap_or(before.modified().expect("a time")));
    let after = fs::metadata(&file).expect("a file");
    assert_eq!((before.len(), before.ino()), (after.len(), after.ino()));
    place.build(Some(now));
    let classes = classes(&place);
    classes.contains("'Six'") && !classes.contains("'One'")
}

fn classes(place: &Place) -> String {
    let generation = place.generation();
    let (_, text) = generation.iter().find(|(name, _)| name.ends_with("autoload_classmap.php")).expect("a class map");
    String::from_utf8(text.clone()).expect("UTF-8")
}

fn behind() -> SystemTime {
    SystemTime::now() - YEARS
}

fn far_ahead() -> SystemTime {
    SystemTime::now() + YEARS
}

#[test]
fn an_edit_is_seen_whatever_time_the_file_gets() {
    let now = SystemTime::now();
    for time in [
        None,
        Some(SystemTime::UNIX_EPOCH),
        Some(now + YEARS),
        Some(now - YEARS),
        Some(now - Duration::from_secs(3600)),
        Some(now),
    ] {
        for clock in [SystemTime::now, ahead] {
            assert!(sees(clock, time, clock), "{time:?}");
        }
    }
}

#[test]
fn an_edit_is_seen_whatever_the_clock_says() {
    let clocks: [fn() -> SystemTime; 4] = [SystemTime::now, behind, ahead, far_ahead];
    for then in clocks {
        for now in clocks {
            assert!(sees(then, None, now), "{:?}, then {:?}", then(), now());
        }
    }
}

/// Otherwise the tests above would say nothing: without an edit, files that are old enough are believed.
#[test]
fn what_is_believed_changes_nothing() {
    let place = place();
    place.build(Some(ahead));
    // What is kept says when files were read, and is written anew when one is read.
    let reads = |clock: fn() -> SystemTime| {
        let kept = || {
            let files: Vec<_> = fs::read_dir(place.cache()).expect("a cache").map(|file| file.expect("it")).collect();
            assert_eq!(files.len(), 1, "{files:?}");
            files[0].metadata().expect("a file").ino()
        };
        let before = kept();
        place.build(Some(clock));
        kept() != before
    };
    assert!(!reads(ahead));
    assert!(reads(behind), "the clock was set back");
    assert!(reads(ahead), "what was too young is old enough now");
    assert!(!reads(ahead));
}
