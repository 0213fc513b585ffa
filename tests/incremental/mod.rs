//! One build after another: what is read again and written again, and that the result is that of a clean build.

mod clocks;
mod copies;
mod edits;
mod keeping;
mod one;
mod permutations;
mod scripts;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mwfarm::build::{self, Build, Cache, Request, plan};
use mwfarm::config::wikis;
use mwfarm::report::Silent;
use serde_json::Value;

use super::farm::random::Random;
use super::farm::world::World;

/// A tree with what belongs to it, in a directory of its own: `tree`, `elsewhere` and `cache`.
struct Place(tempfile::TempDir);

impl Place {
    /// A copy of a tree; in memory or on disk, as the test likes, since file systems differ.
    fn of(tree: &Path, in_memory: bool) -> Self {
        let place = Self::new(in_memory);
        copy(tree, &place.tree());
        fs::create_dir(place.0.path().join("elsewhere")).expect("a directory");
        place
    }

    fn new(in_memory: bool) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if in_memory && memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
        Self(tempfile::Builder::new().prefix("incremental-").tempdir_in(parent).expect("a directory"))
    }

    fn tree(&self) -> PathBuf {
        self.0.path().join("tree")
    }

    fn path(&self, path: &str) -> PathBuf {
        self.tree().join(path)
    }

    fn vendor(&self) -> PathBuf {
        self.path("vendor")
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("cache")
    }

    /// A build, with the cache when there is a clock.
    fn try_build(&self, optimize: bool, clock: Option<fn() -> SystemTime>) -> Result<Build, String> {
        // What is said must not depend on where the tree lies.
        let said = |error: &dyn std::fmt::Debug| format!("{error:?}").replace(&self.0.path().display().to_string(), "");
        let request = Request {
            tree: self.tree(),
            output: None,
            farm: wikis::read(&self.path("wikis.yml")).map_err(|error| said(&error))?,
            strategy: plan::Strategy::QuickBold,
            optimize,
            authoritative: false,
            fast: false,
            absolute_paths: false,
            mediawikifarm: false,
            wait: true,
            cache: clock.map(|clock| Cache { directory: self.cache(), clock }),
        };
        build::build(&request, &Silent).map_err(|error| said(&error))
    }

    #[track_caller]
    fn build(&self, clock: Option<fn() -> SystemTime>) -> Build {
        self.try_build(true, clock).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Everything that the generation which is published now is made of, by name.
    fn generation(&self) -> BTreeMap<String, Vec<u8>> {
        generation(&self.vendor())
    }

    /// What a build gives in a copy of everything, which takes the place of it, without earlier builds and without a
    /// cache. (Where an extension that is a link leads is part of what is built: the copy must lie at the same path.)
    fn clean(&self, optimize: bool) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let root = self.0.path();
        for name in ["tree", "elsewhere"] {
            let aside = root.join(format!("{name}.aside"));
            fs::rename(root.join(name), &aside).expect("moved aside");
            copy(&aside, &root.join(name));
        }
        build::eject::eject(&self.vendor(), false, &mwfarm::report::Silent).expect("an earlier build is taken out");
        self.try_build(optimize, None)?;
        Ok(self.generation())
    }
}

/// The time, for tests that cannot wait until files are old enough to be believed: ten seconds ahead.
///
/// That is safe only while the system gives files changed at different times different times; older systems count in
/// steps of up to 10 ms, so between a build with this clock and the next change there must be [`a_moment`].
fn ahead() -> SystemTime {
    SystemTime::now() + Duration::from_secs(10)
}

/// Waits until a file changed now gets another time than one changed before.
fn a_moment() {
    std::thread::sleep(Duration::from_millis(12));
}

fn generation(vendor: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: &str| fs::read(vendor.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut manifest: Value = serde_json::from_slice(&read("mwfarm.json")).expect("a manifest");
    let fields = manifest.as_object_mut().expect("an object");
    let files = fields["files"].as_object().expect("files");
    let mut generation: BTreeMap<String, Vec<u8>> = files.keys().map(|name| (name.clone(), read(name))).collect();
    // What it says of earlier generations.
    for field in ["previous", "retained"] {
        fields.remove(field).expect("a field");
    }
    generation.insert("mwfarm.json".to_owned(), serde_json::to_vec_pretty(&manifest).expect("JSON"));
    generation
}

/// The first difference of two generations.
fn difference(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let names = one.keys().chain(other.keys());
    let name = names.into_iter().find(|name| one.get(*name) != other.get(*name))?;
    let text = |generation: &BTreeMap<String, Vec<u8>>| {
        generation.get(name).map_or("nothing".to_owned(), |text| String::from_utf8_lossy(text).into_owned())
    };
    let (one, other) = (text(one), text(other));
    let line = one.lines().zip(other.lines()).find(|(a, b)| a != b).unwrap_or((&one, &other));
    Some(format!("{name}:\n  {}\n  {}", line.0, line.1))
}

/// Copies a directory with its links.
fn copy(from: &Path, to: &Path) {
    let mut waiting = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = waiting.pop() {
        fs::create_dir_all(&to).expect("a directory");
        for entry in fs::read_dir(&from).expect("a directory") {
            let entry = entry.expect("an entry");
            let target = to.join(entry.file_name());
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                waiting.push((entry.path(), target));
            } else if kind.is_symlink() {
                symlink(fs::read_link(entry.path()).expect("a link"), target).expect("a link");
            } else {
                fs::copy(entry.path(), target).expect("a copy");
            }
        }
    }
}

/// A random farm, as Composer installed it, with a list of wikis; the next one that can be installed.
fn world(seed: u64) -> World {
    let farms = (seed..).map(super::farm::generate::farm);
    let world = farms.map(World::new).find_map(Result::ok).expect("a farm that can be installed");
    let all: Vec<String> = world.farm.all().into_iter().collect();
    write_wikis(&world.tree(), &all, &mut Random::new(seed));
    world
}

/// Lists some wikis, each with some of the extensions.
fn write_wikis(tree: &Path, extensions: &[String], random: &mut Random) {
    let mut text = String::from("wikis:\n");
    for wiki in 0..=random.below(4) {
        let wanted = random.some_of(extensions.len(), extensions.len());
        let wanted: Vec<String> = wanted.iter().map(|&at| format!("\"{}\"", extensions[at])).collect();
        let wanted = wanted.join(", ");
        let _ = writeln!(text, "  w{wiki}: {{ hosts: [w{wiki}.example.org], extensions: [{wanted}] }}");
    }
    fs::write(tree.join("wikis.yml"), text).expect("wikis.yml");
}
