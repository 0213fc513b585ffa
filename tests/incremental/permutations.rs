//! The same input gives the same bytes: wherever it lies, in whatever order it was written, whoever builds it, when and
//! with how many threads.
//!
//! No clock is set: a build looks at the clock for nothing but what it believes of files' times. That clock is a value
//! in tests of the library; here the files' times go 20 years ahead and back instead.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use super::super::farm::random::Random;
use super::edits::{YEARS, set_time};
use super::{Place, difference, world};

/// How many times a tree is built.
const PERMUTATIONS: usize = 60;

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let world = world(3);
    let mut random = Random::new(10);
    let mut first: Option<BTreeMap<String, Vec<u8>>> = None;
    for number in 0..PERMUTATIONS {
        let place = Place::new(number % 4 != 0);
        let moment = SystemTime::now();
        let time = [None, Some(moment + YEARS), Some(moment - YEARS), Some(SystemTime::UNIX_EPOCH)][number % 4];
        shuffled(&world.tree(), &place.tree(), &mut random, time);
        let umask = random.pick(&["000", "022", "077"]);
        let threads = random.pick(&["1", "2", "8"]);
        let zone = random.pick(&["UTC", "America/Caracas", "Asia/Kathmandu", ":/nonexistent"]);
        let language = random.pick(&["C", "tr_TR.UTF-8", "de_DE.ISO-8859-1", "ja_JP.UTF-8"]);
        let cache = ["/dev/null", place.cache().to_str().expect("UTF-8")][number % 2].to_owned();
        let what = format!("{number}: {time:?}, umask {umask}, {threads} threads, TZ {zone}, LANG {language}, {cache}");
        // With a cache, a second time from it, after vendor/ was made anew.
        for _ in 0..=number % 2 {
            let output = Command::new("sh")
                .args(["-c", &format!("umask {umask} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_mwfarm")])
                .args(["build", "--optimize-autoloader", "--jobs", threads, "-d"])
                .arg(if number % 3 == 0 { Path::new(".").to_owned() } else { place.tree() })
                .current_dir(place.tree())
                .env("MWFARM_CACHE_DIR", &cache)
                .env("TZ", zone)
                .env("LANG", language)
                .env("LC_ALL", language)
                .output()
                .expect("mwfarm runs");
            assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
            let built = everything(&place.vendor());
            match &first {
                None => first = Some(built),
                Some(first) => assert_eq!(difference(first, &built), None, "{what}"),
            }
            mwfarm::build::eject::eject(&place.vendor(), false, &mwfarm::report::Silent).expect("it is taken out");
        }
    }
}

/// Copies a tree: directories and files in random order, since file systems list them in the order of their making,
/// with this time.
fn shuffled(from: &Path, to: &Path, random: &mut Random, time: Option<SystemTime>) {
    let mut waiting = vec![(from.to_owned(), to.to_owned())];
    while !waiting.is_empty() {
        let (from, to) = waiting.swap_remove(random.below(waiting.len()));
        if from.is_dir() {
            fs::create_dir(&to).expect("a directory");
            let mut entries: Vec<_> =
                fs::read_dir(&from).expect("a directory").map(|entry| entry.expect("an entry").file_name()).collect();
            random.shuffle(&mut entries);
            waiting.extend(entries.into_iter().map(|name| (from.join(&name), to.join(&name))));
        } else {
            fs::copy(&from, &to).expect("a copy");
            if let Some(time) = time {
                set_time(&to, time);
            }
        }
    }
}

/// Every file below vendor/: what `diff -r` would compare.
fn everything(vendor: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![vendor.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(vendor).expect("below").to_str().expect("UTF-8").to_owned();
                // It names the process that builds.
                if name != ".mwfarm.lock" {
                    files.insert(name, fs::read(&path).expect("a file"));
                }
            }
        }
    }
    files
}
