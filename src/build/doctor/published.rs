//! What is published, against what it should be.

use std::collections::{BTreeMap, BTreeSet};

use super::Examination;
use super::finding::{Case, Code, Concern, Finding, Severity, some_of};
use crate::build::copy::MARK;
use crate::build::generated::Generated;
use crate::build::published::{self, DISPATCHER, FIXED, MANIFEST, Manifest};
use crate::build::set::{Autoload, Set};
use crate::build::verify::{self, Difference, Wrong};
use crate::disk::{self, Lock, STAGING};
use crate::farm::WikiId;

/// How many names a message shows.
const SHOWN: usize = 4;

/// More generations than these are told of.
const GENERATIONS: usize = 5;

pub(super) fn findings(examination: &Examination) -> Vec<Finding> {
    let mut findings = strangers(examination);
    let Some(manifest) = &examination.published.manifest else { return findings };
    let wikis = Served::new(manifest);
    if !examination.published.is_live() {
        findings.push(not_live(examination, manifest, &wikis));
    }
    findings.extend(inputs(examination, manifest));
    findings.extend(differences(examination, &wikis));
    findings.extend(unreadable(examination, manifest));
    findings.extend(generations(manifest));
    findings
}

/// The wikis that published names serve.
struct Served<'m> {
    manifest: &'m Manifest,
}

impl<'m> Served<'m> {
    fn new(manifest: &'m Manifest) -> Self {
        Self { manifest }
    }

    /// Of a file below `vendor/`.
    fn of(&self, file: &str) -> Concern {
        let manifest = self.manifest;
        let bundles: BTreeSet<&crate::key::Key> = match published::hashed(file) {
            Some(Generated::Bundle(hash) | Generated::Installed(hash)) => {
                manifest.bundles.iter().map(|bundle| &bundle.hash).filter(|known| **known == hash).collect()
            }
            Some(Generated::Set(key)) => {
                let set = manifest.sets.iter().find(|set| set.key == key);
                match set.and_then(|set| set.extension.as_ref()) {
                    None if set.is_some() => return Concern::All,
                    None => return Concern::none(),
                    Some(id) => {
                        let holds = manifest.bundles.iter().filter(|bundle| bundle.extensions.contains(id));
                        holds.map(|bundle| &bundle.hash).collect()
                    }
                }
            }
            _ if manifest.files.contains_key(file) => return Concern::All,
            _ => return Concern::none(),
        };
        let served = manifest.wikis.iter().filter(|wiki| bundles.contains(&wiki.bundle));
        Concern::Wikis(served.map(|wiki| wiki.id.clone()).collect())
    }

    /// Those that load a package.
    fn of_package(&self, name: &str) -> Concern {
        let loads = self.manifest.bundles.iter().filter(|bundle| bundle.packages.iter().any(|package| package == name));
        let bundles: BTreeSet<_> = loads.map(|bundle| &bundle.hash).collect();
        let served = self.manifest.wikis.iter().filter(|wiki| bundles.contains(&wiki.bundle));
        Concern::Wikis(served.map(|wiki| wiki.id.clone()).collect::<Vec<WikiId>>())
    }
}

/// What a killed build left; hashed names that no manifest knows.
fn strangers(examination: &Examination) -> Vec<Finding> {
    let Examination { vendor, published, .. } = examination;
    let mut findings = Vec::new();
    // Somebody at work has it too, and the lock.
    let left = disk::is_directory(&vendor.join(STAGING)) && Lock::take(vendor, false).is_ok();
    if left {
        let what = format!("`vendor/{STAGING}` was left by a build that was killed");
        let finding = Finding::new(Code::Leftover, Severity::Note, what, "run `mwfarm build`, which removes it");
        findings.push(finding.at(format!("vendor/{STAGING}"), "").wikis(Concern::none()));
    }
    if examination.published.manifest.is_none() && disk::size(&vendor.join(MARK)).is_some() {
        let what = "the copy in `--output` was begun, and not finished".to_owned();
        let hint = "run `mwfarm build` with the same `--output`, which finishes it";
        findings.push(Finding::new(Code::Leftover, Severity::Warning, what, hint).at(MARK, ""));
    }
    let unlisted: Vec<String> =
        published.present.iter().filter(|name| published.digests(name).is_none()).map(ToString::to_string).collect();
    if !unlisted.is_empty() {
        let names = some_of(unlisted.iter().map(String::as_str), SHOWN);
        let what = match &published.manifest {
            Some(_) => format!("{names} of `vendor/` in no manifest"),
            None => format!("{names} of `vendor/`, and no `{MANIFEST}`"),
        };
        let hint = "run `mwfarm build`, which takes up what it makes itself; remove by hand what stays";
        findings.push(Finding::new(Code::Unlisted, Severity::Note, what, hint).wikis(Concern::none()));
    }
    findings
}

/// The dispatcher is not the one that the manifest names.
fn not_live(examination: &Examination, manifest: &Manifest, wikis: &Served<'_>) -> Finding {
    let Examination { published, vendor, .. } = examination;
    let file = format!("vendor/{DISPATCHER}");
    if published.in_place.contains_key(DISPATCHER) {
        let what = format!("`{file}` is that of another generation than `{MANIFEST}` names");
        let hint = "run `mwfarm build`: an earlier one was killed before it had switched, or the file was put back";
        return Finding::new(Code::OutOfDate, Severity::Error, what, hint).at(file, "");
    }
    let there = disk::read_optional(&vendor.join(DISPATCHER)).ok().flatten();
    let Some(loader) = there else {
        let what = format!("`{file}` is gone");
        return Finding::new(Code::Damaged, Severity::Error, what, "run `mwfarm build`").at(file, "");
    };
    let by_composer = memchr::memmem::find(&loader, b"@generated by Composer").is_some();
    let who = if by_composer { "Composer" } else { "another tool" };
    let mut what = format!("`{file}` is {who}'s since the build: no wiki is served by mwfarm");
    let uncovered = if by_composer { uncovered(examination, manifest) } else { BTreeMap::new() };
    let mut cases = Vec::new();
    if !uncovered.is_empty() {
        what = format!(
            "{what}; Composer's loader does not cover {} of the packages and extensions that are on disk",
            uncovered.len()
        );
        for (name, path) in &uncovered {
            let what = format!("classes of `{name}` in `{path}` cannot be loaded");
            cases.push(Case { what, wikis: wikis.of_package(name) });
        }
    }
    let others: Vec<&str> = FIXED
        .into_iter()
        .filter(|name| {
            *name != DISPATCHER && manifest.files.contains_key(*name) && !published.in_place.contains_key(*name)
        })
        .collect();
    if !others.is_empty() {
        what = format!("{what}; replaced too: {}", some_of(others.iter().copied(), SHOWN));
    }
    let hint = "run `mwfarm build` with the same options; a `post-autoload-dump` script in `composer.json` does so each \
                time";
    let mut finding = Finding::new(Code::ComposerRan, Severity::Error, what, hint).at(file, "");
    finding.cases = cases;
    finding
}

/// Packages of the build that are on disk, and of which Composer's own loader names no directory and no file.
fn uncovered(examination: &Examination, manifest: &Manifest) -> BTreeMap<String, String> {
    let Examination { vendor, directory, .. } = examination;
    let mut loader: Vec<u8> = Vec::new();
    for name in ["psr4", "namespaces", "classmap", "files"] {
        let file = vendor.join(format!("composer/autoload_{name}.php"));
        loader.extend(disk::read_optional(&file).ok().flatten().unwrap_or_default());
    }
    let mut uncovered = BTreeMap::new();
    for set in &manifest.sets {
        let json = disk::read_optional(&vendor.join(format!("composer{}/set.json", set.key))).ok().flatten();
        let set = json.and_then(|json| serde_json::from_slice::<Set>(&json).ok());
        let packages = set.iter().flat_map(|set| &set.packages);
        let packages = packages
            .filter_map(|package| Some((package.name.as_str(), package.install_path.as_deref()?, &package.autoload)));
        // What the merge plugin adds is gone when Composer ran without it.
        let parts = set
            .iter()
            .flat_map(|set| &set.parts)
            .filter_map(|part| Some((part.file.as_str(), part.file.strip_suffix("/composer.json")?, &part.autoload)));
        for (name, path, autoload) in packages.chain(parts) {
            let place = path.strip_prefix("vendor/").map_or_else(|| directory.join(path), |inside| vendor.join(inside));
            let paths = rule_paths(autoload);
            if !paths.is_empty() && disk::is_directory(&place) && !paths.iter().any(|path| names(&loader, path)) {
                uncovered.insert(name.to_owned(), path.to_owned());
            }
        }
    }
    uncovered
}

/// The directories and files that rules name.
fn rule_paths(autoload: &Autoload) -> Vec<&str> {
    let Autoload { classmap, files, psr0, psr4, .. } = autoload;
    let psr = psr4.iter().chain(psr0).flat_map(|(_, directories)| directories).map(|directory| &directory.path);
    let mapped = classmap.iter().flat_map(|directory| &directory.files).map(|file| &file.path);
    psr.chain(mapped).chain(files.iter().map(|file| &file.path)).map(String::as_str).collect()
}

/// Whether Composer's files name a path, as `$vendorDir . '/…'` or `$baseDir . '/…'`: itself, or something below.
fn names(loader: &[u8], path: &str) -> bool {
    let inside = path.strip_prefix("vendor/").map_or_else(|| ("$baseDir", path), |inside| ("$vendorDir", inside));
    let text = format!("{} . '/{}", inside.0, inside.1);
    memchr::memmem::find_iter(loader, text.as_bytes())
        .any(|at| matches!(loader.get(at + text.len()), Some(b'\'' | b'/')))
}

/// Files that say what to build, and have changed.
fn inputs(examination: &Examination, manifest: &Manifest) -> Vec<Finding> {
    let Examination { directory, concerns, .. } = examination;
    let now = super::super::inputs(directory, &examination.tree).unwrap_or_default();
    let changed: Vec<&str> = manifest
        .inputs
        .iter()
        .filter(|(file, digest)| now.get(*file) != Some(digest))
        .map(|(file, _)| file.as_str())
        .chain(now.keys().filter(|file| !manifest.inputs.contains_key(*file)).map(String::as_str))
        .collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let mut wikis = Concern::none();
    for file in &changed {
        wikis = wikis.and(match concerns.extension_around(file) {
            Some(extension) => concerns.of_extension(extension),
            None => Concern::All,
        });
    }
    let what = format!("since the build, {} changed", some_of(changed.iter().copied(), SHOWN));
    let hint = "run `mwfarm build`; `mwfarm plan` shows before what that changes";
    let finding = Finding::new(Code::OutOfDate, Severity::Warning, what, hint).wikis(wikis);
    vec![finding.at(changed[0], "")]
}

/// What `verify` finds, but for what has findings of its own.
fn differences(examination: &Examination, wikis: &Served<'_>) -> Vec<Finding> {
    let verified = match verify::verify(&examination.directory, &examination.vendor) {
        Ok(verified) => verified,
        Err(error) => {
            let what = format!("what is published cannot be compared: {error}");
            return vec![Finding::new(Code::Damaged, Severity::Error, what, "see what the system says, and mend that")];
        }
    };
    let mut findings = Vec::new();
    let mut mapped: BTreeMap<String, Concern> = BTreeMap::new();
    for Difference { file, wrong } in verified.differences {
        let hint = match &wrong {
            Wrong::Unlisted | Wrong::Replaced => continue,
            // The dispatcher has a finding of its own.
            _ if file == DISPATCHER => continue,
            Wrong::Maps(path) => {
                let known = mapped.remove(path).unwrap_or_else(Concern::none);
                mapped.insert(path.clone(), known.and(wikis.of(&file)));
                continue;
            }
            Wrong::Stranger => "remove it, if nobody needs it",
            Wrong::Interrupted(_) => "run `mwfarm build`",
            Wrong::NoLink(_) => "run `mwfarm build` with `--mediawikifarm`",
            Wrong::Missing | Wrong::Changed if FIXED.contains(&file.as_str()) => "run `mwfarm build`",
            Wrong::Missing | Wrong::Changed | Wrong::Unreadable(_) => {
                "remove the file or directory of that name from `vendor/`, and run `mwfarm build`, which makes it anew"
            }
        };
        let severity =
            if matches!(wrong, Wrong::Stranger | Wrong::Interrupted(_)) { Severity::Warning } else { Severity::Error };
        let what = format!("`vendor/{file}` {wrong}");
        findings.push(
            Finding::new(Code::Damaged, severity, what, hint).wikis(wikis.of(&file)).at(format!("vendor/{file}"), ""),
        );
    }
    for (path, wikis) in mapped {
        let what = format!("`{path}` is mapped by what is published, and is gone");
        let hint = "run `mwfarm build` if it is meant to be gone, else bring it back: `composer install`";
        findings.push(Finding::new(Code::MissingFile, Severity::Error, what, hint).wikis(wikis).at(path, ""));
    }
    findings
}

/// Generated files that not everybody may read.
fn unreadable(examination: &Examination, manifest: &Manifest) -> Vec<Finding> {
    let Examination { vendor, .. } = examination;
    let directories: BTreeSet<&str> = manifest.files.keys().filter_map(|file| Some(file.rsplit_once('/')?.0)).collect();
    let closed = |name: &str, needed: u32| {
        disk::permissions(&vendor.join(name)).is_some_and(|mode| mode & needed != needed).then(|| name.to_owned())
    };
    let directories = directories.into_iter().filter_map(|directory| closed(directory, 0o005));
    let closed: Vec<String> = directories.chain(manifest.files.keys().filter_map(|file| closed(file, 0o004))).collect();
    if closed.is_empty() {
        return Vec::new();
    }
    let what = format!("not everybody may read {} of `vendor/`", some_of(closed.iter().map(String::as_str), SHOWN));
    let hint = "build with umask 022, or give the user of PHP-FPM the right: `chmod -R o+rX vendor`, a group, an ACL";
    vec![Finding::new(Code::Unreadable, Severity::Warning, what, hint).at(format!("vendor/{}", closed[0]), "")]
}

fn generations(manifest: &Manifest) -> Vec<Finding> {
    let count = manifest.previous.len();
    if count <= GENERATIONS {
        return Vec::new();
    }
    let what = format!("{count} earlier generations are still there, of {} files", manifest.retained.len());
    let finding =
        Finding::new(Code::Generations, Severity::Note, what, "run `mwfarm gc`, after each build or from cron");
    vec![finding.at(format!("vendor/{MANIFEST}"), "previous").wikis(Concern::none())]
}
