//! Old or new: what has to hold wherever a build is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Mutex;

use mwfarm::build::copy::MARK;
use mwfarm::build::generated::Generated;
use mwfarm::build::published::{DISPATCHER, FIXED, MANIFEST};
use mwfarm::disk::STAGING;
use mwfarm::key::sha256;
use serde_json::Value;

use super::snapshot::{Entry, Snapshot};
use super::tree::{Tree, WIKIS};

/// What was published before or is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// Before.
    Old,
    /// After.
    New,
}

/// What is published at the two sides of what is interrupted, and what was seen between.
#[derive(Debug)]
pub(super) struct Sides {
    old: Published,
    new: Published,
    /// States that were looked at with PHP and with other verbs.
    seen: Mutex<BTreeSet<String>>,
}

/// A vendor directory.
#[derive(Debug)]
struct Published {
    snapshot: Snapshot,
    /// What its wikis show.
    shown: BTreeMap<&'static str, Value>,
    /// What the dispatcher needs.
    needed: BTreeSet<String>,
}

impl Published {
    fn new(tree: &Tree, place: &str) -> Self {
        let snapshot = Snapshot::of(&tree.beside(place));
        if snapshot.0.is_empty() {
            return Self { snapshot, shown: BTreeMap::new(), needed: BTreeSet::new() };
        }
        let shown = WIKIS.iter().map(|wiki| (*wiki, shown(tree, place, wiki).expect("a sound state"))).collect();
        let listed = listed(&snapshot).filter(|_| is_dispatcher(&snapshot));
        let ours = |path: &&String| is_hashed(path) || is_fixed(path) || is_link(&snapshot, path);
        let mut needed: BTreeSet<String> = snapshot.0.keys().filter(|path| !ours(path)).cloned().collect();
        needed.extend(listed.into_iter().flatten().map(|(path, _)| path).filter(|path| is_hashed(path)));
        needed.insert(DISPATCHER.to_owned());
        Self { snapshot, shown, needed }
    }
}

impl Sides {
    /// Begins with what is published now, the old side.
    pub(super) fn begin(tree: &Tree, place: &str) -> impl FnOnce(&Tree) -> Self {
        let (old, place) = (Published::new(tree, place), place.to_owned());
        move |tree| Self { old, new: Published::new(tree, &place), seen: Mutex::default() }
    }

    fn side(&self, side: Side) -> &Published {
        match side {
            Side::Old => &self.old,
            Side::New => &self.new,
        }
    }

    /// Checks what is in a vendor directory, and says which side is served.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn of(&self, state: &Snapshot) -> Result<Side, String> {
        let served = |side: &Published| side.snapshot.file(DISPATCHER) == state.file(DISPATCHER);
        let side = match (served(&self.old), served(&self.new)) {
            // The same dispatcher before and after: what it needs is the same, too.
            (true, _) => Side::Old,
            (false, true) => Side::New,
            (false, false) => return Err("the dispatcher is neither the old nor the new one".to_owned()),
        };
        let Published { snapshot, needed, .. } = self.side(side);
        if let Some(path) = needed.iter().find(|path| state.0.get(*path) != snapshot.0.get(*path)) {
            return Err(format!("{side:?} is served, and `{path}` is not as it was there"));
        }
        let stranger = state.0.iter().find(|(path, entry)| {
            let known = |side: &Published| side.snapshot.0.get(*path) == Some(entry);
            !known(&self.old) && !known(&self.new) && ![MANIFEST, MARK].contains(&path.as_str())
        });
        match stranger {
            Some((path, _)) => Err(format!("`{path}` is neither as before nor as after")),
            None => Ok(side),
        }
    }

    /// Lets PHP look at one wiki while the tree changes between the two sides.
    ///
    /// # Errors
    /// It shows what is of neither.
    pub(super) fn is_old_or_new(&self, tree: &Tree, place: &str, wiki: &'static str) -> Result<(), String> {
        let shown = shown(tree, place, wiki)?;
        let (old, new) = (&self.old.shown[wiki], &self.new.shown[wiki]);
        if shown == *old || shown == *new {
            Ok(())
        } else {
            Err(format!("{wiki} shows {shown:#}, not {old:#} or {new:#}"))
        }
    }

    /// Whether a state has not been asked for before.
    pub(super) fn is_unseen(&self, state: &Snapshot) -> bool {
        self.seen.lock().expect("no panic while it is held").insert(state.digest())
    }

    /// How many states there were.
    pub(super) fn states(&self) -> usize {
        self.seen.lock().expect("no panic while it is held").len()
    }

    /// Lets PHP look at the tree, which is in a state that serves this side.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn ask(&self, tree: &Tree, place: &str, side: Side) -> Result<(), String> {
        if self.side(side).shown.is_empty() {
            return Ok(());
        }
        let composers = !is_dispatcher(&self.side(side).snapshot);
        for wiki in WIKIS {
            let mut shown = shown(tree, place, wiki)?;
            let mut expected = self.side(side).shown[wiki].clone();
            if composers {
                // Its loader loads everything; which extensions are on is told by a file of a fixed name beside it.
                let told = |side: &Published| side.shown[wiki]["extensions"].clone();
                let extensions = shown["extensions"].take();
                if ![Value::Null, told(&self.old), told(&self.new)].contains(&extensions) {
                    return Err(format!("{wiki} has {extensions} on"));
                }
                let dependencies = shown["dependencies"].take();
                if dependencies.as_array().is_some_and(|all| !all.is_empty()) {
                    return Err(format!("{dependencies} without a dispatcher"));
                }
                expected["extensions"].take();
                expected["dependencies"].take();
            }
            // Of a package in another directory's copy, the old generation finds new classes by their names, too.
            for (class, file) in expected["classes"].as_object_mut().into_iter().flatten() {
                if file.is_null() && shown["classes"][class] == self.new.shown[wiki]["classes"][class] {
                    *file = shown["classes"][class].clone();
                }
            }
            if shown != expected {
                return Err(format!("{side:?} is served, and {wiki} shows {shown:#}, not {expected:#}"));
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// The vendor directory that is left when a build is taken out of this one.
    pub(super) fn ejected(&self, original: &Self) -> Self {
        let ours = |path: &&String| is_hashed(path) || is_fixed(path) || is_link(self, path);
        let theirs = self.0.iter().filter(|(path, _)| !ours(path));
        // Also where a copy that was begun has none of them yet: the manifest keeps them.
        let fixed = original.0.iter().filter(|(path, _)| is_fixed(path));
        Self(theirs.chain(fixed).map(|(path, entry)| (path.clone(), entry.clone())).collect())
    }
}

/// Whether a state is as its manifest says, as `verify` has to find it. None without a manifest.
pub(super) fn is_as_listed(state: &Snapshot) -> Option<bool> {
    let files = listed(state)?;
    let there = |(path, digest): &(String, String)| state.file(path).is_some_and(|file| sha256(file) == *digest);
    let manifest: Value = serde_json::from_slice(state.file(MANIFEST)?).ok()?;
    let links = manifest["links"].as_object().into_iter().flatten();
    let leads = |(name, target): (&String, &Value)| matches!(state.0.get(name), Some(Entry::Link(to)) if to.to_str() == target.as_str());
    let known: BTreeSet<&str> = files
        .iter()
        .map(|(path, _)| path.as_str())
        .chain(manifest["retained"].as_object().into_iter().flatten().map(|(path, _)| path.as_str()))
        .filter_map(|path| path.split('/').next())
        .collect();
    let strangers = state.0.keys().filter(|path| is_hashed(path) && !path.contains('/'));
    Some(
        files.iter().all(there) && links.into_iter().all(leads) && { strangers }
            .all(|path| known.contains(path.as_str())),
    )
}

/// The files that a manifest lists, with their digests.
fn listed(snapshot: &Snapshot) -> Option<Vec<(String, String)>> {
    let manifest: Value = serde_json::from_slice(snapshot.file(MANIFEST)?).ok()?;
    let files = manifest["files"].as_object()?.iter();
    Some(files.map(|(path, digest)| (path.clone(), digest.as_str().unwrap_or_default().to_owned())).collect())
}

fn is_dispatcher(snapshot: &Snapshot) -> bool {
    let mark = b"// autoload.php @generated by mwfarm";
    snapshot.file(DISPATCHER).is_some_and(|text| text.windows(mark.len()).any(|there| there == mark))
}

fn is_hashed(path: &str) -> bool {
    path.split('/').next().is_some_and(|name| Generated::parse(name).is_some())
}

fn is_fixed(path: &str) -> bool {
    FIXED.contains(&path) || [MANIFEST, MARK, STAGING].contains(&path) || path.starts_with(&format!("{STAGING}/"))
}

/// Whether it is a link for `MediaWikiFarm`.
fn is_link(snapshot: &Snapshot, path: &str) -> bool {
    matches!(snapshot.0.get(path), Some(Entry::Link(_)))
}

/// What a wiki shows.
fn shown(tree: &Tree, place: &str, wiki: &str) -> Result<Value, String> {
    let mut command = Command::new("php");
    command.arg("-n").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/show.php"));
    command.arg(tree.beside(place)).args(tree.classes()).env("MWFARM_WIKI", wiki);
    let output = command.output().expect("php");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&out).map_err(|_| format!("{wiki}: PHP says {out:?} {err:?}"))
}
