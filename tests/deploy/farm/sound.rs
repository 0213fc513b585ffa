//! Whether a farm is in order: registry, disk, web servers, users and repositories say the same, and nothing else is
//! there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mwfarm::deploy::layout::Layout;
use mwfarm::deploy::{lock, releases};
use serde_json::Value;

use super::{Farm, git, running, wait};

/// Fails unless all is in order.
#[track_caller]
pub(super) fn sound(farm: &Farm) {
    let mut wrong = left_over(&farm.base);
    let beside = names_in(&farm.base, "", &[]);
    wrong.extend(beside.iter().filter(|name| name.starts_with(".mwfarm-")).map(|name| format!("`{name}` was left")));
    let wikis = wikis(farm);
    for (name, wiki) in &wikis {
        wiki_is_sound(farm, name, wiki, &mut wrong);
    }
    let names: BTreeSet<String> = wikis.keys().cloned().collect();
    let served = |wiki: &&Value| matches!(wiki["state"].as_str(), Some("ready" | "provisioning"));
    let on_the_web: BTreeSet<String> = wikis.values().filter(served).map(|wiki| text(&wiki["name"])).collect();
    let mut same = |what: &str, there: BTreeSet<String>, wanted: &BTreeSet<String>| {
        if there != *wanted {
            wrong.push(format!("{what}: {there:?}, not {wanted:?}"));
        }
    };
    for (place, end) in [
        ("srv/deployment/servicegroup", ""),
        ("srv/deployment/releases", ""),
        ("srv/deployment/mediawiki/config", ".git"),
        ("srv/private", ".git"),
        ("run/mwfarm/secrets", ".php"),
        ("data/project", ""),
    ] {
        same(place, names_in(&farm.at(place), end, &[".tmp", ".removed", "redis.password"]), &names);
    }
    let layout = Layout::new(farm.base.clone());
    // Who removes them does so when it has time for it; if nobody does, nothing may be left.
    wait("old releases are removed", || {
        releases::removed(&layout).is_ok_and(|old| old.is_empty()) || lock::removing(&layout).is_ok()
    });
    same("staging", names_in(&farm.at("srv/deployment/releases/.tmp"), "", &[]), &BTreeSet::new());
    same("removed homes", names_in(&farm.at("data/project/.removed"), "", &[]), &BTreeSet::new());
    same("tried", names_in(&farm.at("srv/deployment/next"), "", &[]), &BTreeSet::new());
    if farm.web != "none" {
        let sites = |directory: &str| names_in(&farm.at("etc/mwfarm").join(directory), ".conf", &[]);
        let by = |backend: &str| {
            let wikis = wikis.values().filter(served);
            let usual = if farm.web == "itk" { "itk" } else { "fpm" };
            let wikis = wikis.filter(|wiki| wiki["web"].as_str().unwrap_or(usual) == backend);
            wikis.map(|wiki| text(&wiki["name"])).collect::<BTreeSet<String>>()
        };
        for (directory, backend) in [("fpm.d", "fpm"), ("nginx.d", "fpm"), ("apache.d", "itk")] {
            same(directory, sites(directory), &by(backend));
        }
        let map = fs::read_to_string(farm.at("etc/mwfarm/proxy.map")).unwrap_or_default();
        let routed =
            map.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_whitespace().next());
        let routed = routed.filter_map(|host| host.strip_suffix(".wiki.test")).map(str::to_owned).collect();
        same("routes", routed, &on_the_web);
    }
    if farm.users {
        let ours = format!("-{}", farm.tag);
        for database in ["/etc/passwd", "/etc/group"] {
            let lines = fs::read_to_string(database).expect("users");
            let users = lines.lines().filter_map(|line| line.split(':').next()).filter(|user| user.ends_with(&ours));
            same(database, users.filter_map(|user| user.strip_prefix("wiki-")).map(str::to_owned).collect(), &names);
        }
    }
    running::runs(farm, &wikis, &on_the_web, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wiki_is_sound(farm: &Farm, name: &str, wiki: &Value, wrong: &mut Vec<String>) {
    if !wiki["will_hold"].is_null() {
        wrong.push(format!("{name} is to be held by a deploy that is over: {}", wiki["will_hold"]));
    }
    let directory = farm.at("srv/deployment/releases").join(name);
    let link = fs::read_link(farm.at("srv/deployment/servicegroup").join(name)).unwrap_or_default();
    let served = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let releases = names_in(&directory, "", &[]);
    if !releases.contains(&served) {
        wrong.push(format!("{name} serves `{served}`, of {releases:?}"));
    }
    let mut codes = BTreeSet::new();
    let bad: BTreeSet<String> = wiki["bad"].as_array().expect("a list").iter().map(|bad| text(&bad["code"])).collect();
    let (mut newest, next) = (0, wiki["next"].as_u64().expect("a number"));
    for release in &releases {
        let json = fs::read(directory.join(release).join(".mwfarm/release.json")).unwrap_or_default();
        let Ok(json) = serde_json::from_slice::<Value>(&json) else {
            wrong.push(format!("{name} has `{release}`, which is no release"));
            continue;
        };
        let code = text(&json["code"]);
        if text(&json["release"]) != *release || !release.ends_with(&code[..12]) {
            wrong.push(format!("{name} has `{release}`, which says {json}"));
        }
        if number(release) > number(&served) && !bad.contains(&code) && !was_served(farm, name, release) {
            wrong.push(format!("{name} has `{release}`, which is newer than what is served, and never was"));
        }
        newest = newest.max(number(release));
        codes.insert(code);
    }
    // The served one and the one to go back to are kept besides the newest.
    let mut sorted: Vec<&String> = releases.iter().collect();
    sorted.sort_by_key(|release| number(release));
    let options = fs::read_to_string(farm.at("mwfarm.yml")).expect("options");
    let keep = options.lines().find_map(|line| line.trim().strip_prefix("keep: ")?.parse().ok()).unwrap_or(5);
    let old = &sorted[..sorted.len().saturating_sub(keep)];
    if old.iter().filter(|release| ***release != served).count() > 1 {
        wrong.push(format!("{name} has {sorted:?}, and serves {served}"));
    }
    let pins = git(
        &farm.at("srv/deployment/mediawiki/common"),
        ["for-each-ref", "--format=%(objectname)", &format!("refs/deployed/{name}/")],
    );
    let pins: BTreeSet<String> = pins.lines().map(str::to_owned).collect();
    if pins != codes {
        wrong.push(format!("{name} pins {pins:?}, and has {codes:?}"));
    }
    journal_is_sound(farm, name, &served, next, newest, wrong);
}

/// Whether a journal says that the release was served by the attempt that made it.
fn was_served(farm: &Farm, name: &str, release: &str) -> bool {
    let journal = farm.at("var/lib/mwfarm/journal").join(format!("{name}.jsonl"));
    let entries = fs::read_to_string(journal).unwrap_or_default();
    entries.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|entry| {
        entry["attempt"] == number(release)
            && text(&entry["release"]) == release
            && ["switched", "verified", "done"].contains(&text(&entry["stage"]).as_str())
    })
}

/// Each line can be read, and no number of an attempt was given twice.
fn journal_is_sound(farm: &Farm, name: &str, served: &str, next: u64, newest: u64, wrong: &mut Vec<String>) {
    let journal =
        fs::read_to_string(farm.at("var/lib/mwfarm/journal").join(format!("{name}.jsonl"))).unwrap_or_default();
    let mut begun = BTreeMap::new();
    let (mut last, mut stage) = (0, String::new());
    for line in journal.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else {
            if !line.starts_with(TORN) {
                wrong.push(format!("{name} has in its journal: {line}"));
            }
            continue;
        };
        let attempt = entry["attempt"].as_u64().expect("a number");
        if entry["stage"] == "queued" {
            *begun.entry(attempt).or_insert(0) += 1;
        }
        if attempt != 0 && attempt < last {
            wrong.push(format!("{name} has attempt {attempt} after {last}"));
        }
        if attempt != 0 {
            stage = text(&entry["stage"]);
        }
        if attempt != 0 && ["failed", "rolled-back"].contains(&stage.as_str()) && text(&entry["release"]) == served {
            wrong.push(format!("{name} serves {served}, of which its journal says {entry}"));
        }
        last = last.max(attempt);
    }
    if !["done", "failed", "rolled-back", "needs-operator"].contains(&stage.as_str()) {
        wrong.push(format!("{name} has attempt {last}, which came to no end: {stage:?}"));
    }
    begun.retain(|_, times| *times > 1);
    if !begun.is_empty() || next <= last || next <= newest {
        wrong.push(format!("{name} has attempts twice: {begun:?}; last {last}, newest release {newest}, next {next}"));
    }
}

/// What a loss of power leaves of a line.
pub(super) const TORN: &str = "{\"at\":1,\"att";

/// What only killed programs leave, anywhere.
fn left_over(base: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for top in ["srv", "data", "run", "var", "etc"] {
        for (path, _) in walk(&base.join(top)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let below = |place: &str| path.starts_with(base.join(place));
            let repository = below("srv") || below("data");
            let left = name.starts_with(".mwfarm-")
                || [".new", ".install", ".removed"].iter().any(|end| name.ends_with(end) && name != *end)
                || [".new.", ".old."].iter().any(|begin| name.starts_with(begin))
                || (repository
                    && (path.extension().is_some_and(|end| end == "lock")
                        || name.starts_with("tmp_")
                        || name == "gc.pid"))
                || name == "incoming.bundle"
                || (name == "closed" && path.parent().is_some_and(|above| above.ends_with(".mwfarm")))
                || (below("srv/deployment/mediawiki/config") && path.ends_with("refs/incoming/head"));
            if left {
                wrong.push(format!("`{}` was left", path.strip_prefix(base).unwrap_or(&path).display()));
            }
        }
    }
    wrong
}

/// The records of the registry.
pub(super) fn wikis(farm: &Farm) -> BTreeMap<String, Value> {
    let directory = farm.at("var/lib/mwfarm/wikis");
    let read = |name: String| {
        let record = fs::read(directory.join(format!("{name}.json"))).expect("a record");
        (name, serde_json::from_slice(&record).expect("JSON"))
    };
    names_in(&directory, ".json", &[]).into_iter().filter(|name| !name.starts_with('.')).map(read).collect()
}

/// The names in a directory, without an end that all have, and without some.
fn names_in(directory: &Path, end: &str, except: &[&str]) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(directory) else { return BTreeSet::new() };
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let names = names.filter(|name| !except.contains(&name.as_str()));
    names.map(|name| name.strip_suffix(end).unwrap_or(&name).to_owned()).collect()
}

fn number(release: &str) -> u64 {
    release.split('-').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn walk(directory: &Path) -> Vec<(PathBuf, fs::Metadata)> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                left.push(path.clone());
            }
            found.push((path, metadata));
        }
    }
    found
}

/// All files of a farm, by what changes when one is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing(BTreeMap<PathBuf, (u32, u64, u64, i64, i64)>);

/// Lists a farm's files. Of directories, only their rights count: git makes and removes files in passing.
pub(super) fn listing(farm: &Farm) -> Listing {
    let mut files = BTreeMap::new();
    for top in ["srv", "data", "run", "var", "etc"] {
        for (path, there) in walk(&farm.at(top)) {
            let is_directory = there.is_dir();
            let of = |value: u64| if is_directory { 0 } else { value };
            let of_time = |value: i64| if is_directory { 0 } else { value };
            let entry =
                (there.mode(), of(there.ino()), of(there.size()), of_time(there.mtime()), of_time(there.mtime_nsec()));
            files.insert(path.strip_prefix(&farm.base).expect("below").to_owned(), entry);
        }
    }
    Listing(files)
}

impl Listing {
    /// The same without some paths.
    pub(super) fn without(mut self, is: impl Fn(&Path) -> bool) -> Self {
        self.0.retain(|path, _| !is(path));
        self
    }

    /// The paths that differ.
    pub(super) fn changes(one: &Self, other: &Self) -> Vec<String> {
        let paths: BTreeSet<&PathBuf> = one.0.keys().chain(other.0.keys()).collect();
        paths
            .into_iter()
            .filter(|path| one.0.get(*path) != other.0.get(*path))
            .map(|path| path.display().to_string())
            .collect()
    }
}
