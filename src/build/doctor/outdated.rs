//! What has changed since the build: wikis, files that say what to build, PHP files; and what a rollback or a build that
//! was interrupted has left.

use std::collections::{BTreeMap, BTreeSet};

use super::Examination;
use super::finding::{Code, Concern, Finding, Severity, some_of};
use super::served::Served;
use crate::build::candidates::{self, Gatherer};
use crate::build::history::Generation;
use crate::build::objects::{Objects, SetTexts};
use crate::build::php;
use crate::build::plan::{self, Plan};
use crate::build::published::{Bundle, MANIFEST, Manifest, Wiki};
use crate::build::scan::Scan;
use crate::farm::{ExtensionId, Farm, WikiId};
use crate::key::Key;

/// How many names a message shows.
const SHOWN: usize = 4;

pub(super) fn findings(examination: &Examination, manifest: &Manifest, served: &Served<'_>) -> Vec<Finding> {
    match served.generation {
        Some(Generation::Current(_)) => {}
        Some(Generation::Previous(live)) => return vec![interrupted(manifest, served, &live.generation, live.undone)],
        None => return Vec::new(),
    }
    let inputs = inputs(examination, manifest);
    let changes = Changes::new(examination, served, inputs.as_ref().map(|finding| &finding.wikis));
    let mut findings: Vec<Finding> = inputs.into_iter().collect();
    if let Some(left) = left_by_rollback(manifest) {
        findings.push(rolled_back(manifest, left, &changes, &findings));
    } else {
        findings.extend(changes.of_farm(examination));
        findings.extend(changes.of_sources());
    }
    findings
}

/// The hint for what a build renews.
const BUILD: &str = "run `mwfarm build`; `mwfarm plan` shows before what that changes";

/// The manifest is that of a generation that is not served yet.
fn interrupted(manifest: &Manifest, served: &Served<'_>, live: &Key, undone: bool) -> Finding {
    let next = &manifest.generation;
    // A rollback leads to a generation that was served before the one that is left.
    let (who, hint) = if undone {
        ("a rollback", "run `mwfarm rollback` again, or `mwfarm build`")
    } else {
        ("a build", "run `mwfarm build`, which finishes it")
    };
    let what =
        format!("{who} was interrupted before it published generation {next}; wikis are served generation {live}");
    let mut wikis = Concern::All;
    if !served.wikis.is_empty() {
        let before: BTreeMap<&WikiId, &Wiki> = served.wikis.iter().map(|wiki| (&wiki.id, wiki)).collect();
        let after: BTreeMap<&WikiId, &Wiki> = manifest.wikis.iter().map(|wiki| (&wiki.id, wiki)).collect();
        let ids: BTreeSet<&WikiId> = before.keys().chain(after.keys()).copied().collect();
        let differ = ids.into_iter().filter(|id| before.get(id) != after.get(id));
        wikis = Concern::Wikis(differ.cloned().collect());
    }
    let finding = Finding::new(Code::Interrupted, Severity::Warning, what, hint).wikis(wikis);
    finding.at(format!("vendor/{MANIFEST}"), "generation")
}

/// The generation that the last rollback has left, when nothing was built since.
fn left_by_rollback(manifest: &Manifest) -> Option<&Key> {
    let left = manifest.previous.first().filter(|first| first.undone)?;
    // A build that was interrupted is undone too, by the next one, which at that moment replaces what was served.
    let latest = |undone: bool| {
        let known = manifest.previous.iter().filter(move |known| known.undone == undone);
        known.map(|known| known.replaced.unwrap_or_default()).max()
    };
    (latest(true) > latest(false)).then_some(&left.generation)
}

fn rolled_back(manifest: &Manifest, left: &Key, changes: &Changes, others: &[Finding]) -> Finding {
    let now = &manifest.generation;
    let mut what = format!("wikis are served an earlier generation, {now}, since a rollback from {left}");
    let wikis = changes.all();
    let severity = if wikis.is_none() && changes.sets.is_empty() && others.is_empty() && changes.known {
        what.push_str("; a build would publish the same");
        Severity::Note
    } else {
        Severity::Warning
    };
    let hint = "when the tree and the list of wikis are in order again, run `mwfarm build`";
    let wikis = if changes.known { wikis } else { Concern::All };
    let finding = Finding::new(Code::RolledBack, severity, what, hint).wikis(wikis);
    finding.at(format!("vendor/{MANIFEST}"), "generation")
}

/// Files that say what to build, and have changed.
fn inputs(examination: &Examination, manifest: &Manifest) -> Option<Finding> {
    let Examination { directory, concerns, .. } = examination;
    let now = super::super::inputs(directory, &examination.tree).unwrap_or_default();
    let changed: Vec<&str> = manifest
        .inputs
        .iter()
        .filter(|(file, digest)| now.get(*file) != Some(digest))
        .map(|(file, _)| file.as_str())
        .chain(now.keys().filter(|file| !manifest.inputs.contains_key(*file)).map(String::as_str))
        .collect();
    let first = (*changed.first()?).to_owned();
    let mut wikis = Concern::none();
    for file in &changed {
        wikis = wikis.and(match concerns.extension_around(file) {
            Some(extension) => concerns.of_extension(extension),
            None => Concern::All,
        });
    }
    let what = format!("since the build, {} changed", some_of(changed.iter().copied(), SHOWN));
    Some(Finding::new(Code::OutOfDate, Severity::Warning, what, BUILD).wikis(wikis).at(first, ""))
}

/// How wikis would differ from what they are served if a build ran now.
#[derive(Default)]
struct Changes {
    /// Whether that can be told: a build that is refused changes nothing.
    known: bool,
    /// Whether there is no list of wikis.
    no_list: bool,
    added: Vec<WikiId>,
    removed: Vec<WikiId>,
    /// With other extensions or hosts.
    changed: Vec<WikiId>,
    /// With the same extensions in other sets.
    sources: Vec<WikiId>,
    /// The extensions of those sets; the base has none.
    sets: BTreeSet<Option<ExtensionId>>,
}

impl Changes {
    /// `told` are wikis whose extensions are known to say something else, if anything does.
    fn new(examination: &Examination, served: &Served<'_>, told: Option<&Concern>) -> Self {
        let mut changes = Self::default();
        if !examination.knows_wikis {
            return changes;
        }
        let Some((objects, plan)) = planned(examination) else { return changes };
        changes.known = examination.can_be_built;
        let is_told = |id: &WikiId| match told {
            Some(Concern::All) => true,
            Some(Concern::Wikis(wikis)) => wikis.contains(id),
            None => false,
        };
        let bundles: BTreeMap<&Key, &Bundle> = served.bundles.iter().map(|bundle| (&bundle.hash, bundle)).collect();
        let before: BTreeMap<&WikiId, &Wiki> = served.wikis.iter().map(|wiki| (&wiki.id, wiki)).collect();
        let sets: BTreeMap<Option<&ExtensionId>, &Key> =
            served.sets.iter().map(|set| (set.extension.as_ref(), &set.key)).collect();
        let other_sets: Vec<bool> = plan
            .sets
            .iter()
            .map(|set| sets.get(&set.extension.map(|index| &objects.extensions[index])) != Some(&&set.key))
            .collect();
        // Whatever a bundle does without, it has the base.
        let others_of = |extensions: &[usize]| -> Vec<Option<usize>> {
            let has = |extension: Option<usize>| extension.is_none_or(|index| extensions.binary_search(&index).is_ok());
            let others = plan.sets.iter().zip(&other_sets).filter(|(set, other)| **other && has(set.extension));
            others.map(|(set, _)| set.extension).collect()
        };
        let of_bundle: Vec<(BTreeSet<&ExtensionId>, Vec<Option<usize>>)> = plan
            .bundles
            .iter()
            .map(|bundle| {
                let extensions = &bundle.selection.extensions;
                (extensions.iter().map(|&index| &objects.extensions[index]).collect(), others_of(extensions))
            })
            .collect();
        if changes.known && told.is_none() {
            // Those that no wiki has on, too.
            let others = plan.sets.iter().zip(&other_sets).filter(|(_, other)| **other);
            changes.sets.extend(others.map(|(set, _)| set.extension.map(|index| objects.extensions[index].clone())));
        }
        let mut listed: BTreeSet<&WikiId> = BTreeSet::new();
        for (wiki, bundle) in &plan.wikis {
            listed.insert(&wiki.id);
            let (extensions, others) = &of_bundle[*bundle];
            let Some(then) = before.get(&wiki.id) else {
                changes.added.push(wiki.id.clone());
                continue;
            };
            let had: BTreeSet<&ExtensionId> = bundles.get(&then.bundle).iter().flat_map(|b| &b.extensions).collect();
            let hosts = |hosts: &[crate::farm::Host]| hosts.iter().cloned().collect::<BTreeSet<_>>();
            if hosts(&wiki.hosts) != hosts(&then.hosts)
                || had != *extensions && !matches!(told, Some(Concern::Wikis(_)) if is_told(&wiki.id))
            {
                changes.changed.push(wiki.id.clone());
            } else if changes.known && had == *extensions && !others.is_empty() && !is_told(&wiki.id) {
                changes.sources.push(wiki.id.clone());
                changes.sets.extend(others.iter().map(|e| e.map(|index| objects.extensions[index].clone())));
            }
        }
        changes.removed = before.keys().filter(|id| !listed.contains(*id)).map(|id| (*id).clone()).collect();
        changes.no_list = examination.farm_file.is_empty() && !changes.removed.is_empty();
        changes
    }

    /// The wikis that differ in whatever way.
    fn all(&self) -> Concern {
        let all = [&self.added, &self.removed, &self.changed, &self.sources];
        all.into_iter().fold(Concern::none(), |wikis, some| wikis.and(Concern::Wikis(some.clone())))
    }

    fn of_farm(&self, examination: &Examination) -> Option<Finding> {
        let Self { added, removed, changed, .. } = self;
        let mut wikis = Concern::Wikis(changed.clone());
        let mut parts = Vec::new();
        for (of, what) in [(added, "added"), (removed, "removed"), (changed, "with other extensions or hosts")] {
            if !of.is_empty() {
                parts.push(format!("{} {what}", some_of(of.iter().map(WikiId::as_str), SHOWN)));
                wikis = wikis.and(Concern::Wikis(of.clone()));
            }
        }
        if parts.is_empty() {
            return None;
        }
        if self.no_list {
            let file = "wikis.yml";
            let what = format!("`{file}` is missing, and {} wikis are published", removed.len());
            let hint = "bring it back, or name the list of wikis with `--wikis FILE`; without one, a build is refused";
            return Some(Finding::new(Code::OutOfDate, Severity::Warning, what, hint).wikis(wikis).at(file, ""));
        }
        let file = &examination.farm_file;
        let what = format!("since the build, `{file}` changed: {}", parts.join("; "));
        Some(Finding::new(Code::OutOfDate, Severity::Warning, what, BUILD).wikis(wikis).at(file, ""))
    }

    fn of_sources(&self) -> Option<Finding> {
        if self.sets.is_empty() {
            return None;
        }
        let names: Vec<&str> =
            self.sets.iter().map(|set| set.as_ref().map_or("the base", ExtensionId::as_str)).collect();
        let what = format!(
            "since the build, PHP files or what loads them changed for {}: a build would publish another generation",
            some_of(names, SHOWN)
        );
        let wikis = Concern::Wikis(self.sources.clone());
        Some(Finding::new(Code::OutOfDate, Severity::Warning, what, BUILD).wikis(wikis))
    }
}

/// What a build would plan, but for the ways to write it down that it may be told of. The examination itself knows more
/// than a build: what PSR rules reach though the loader is not optimised.
fn planned(examination: &Examination) -> Option<(Objects, Plan)> {
    let Examination { tree, rules, paths, scan, graph, territories, published, .. } = examination;
    let wanted = candidates::scan_paths(tree, rules);
    let scanned = wanted.iter().map(|path| Some(scan.paths[paths.binary_search(path).ok()?].clone()));
    let scan = Scan { paths: scanned.collect::<Option<_>>()?, warnings: Vec::new() };
    let gatherer = Gatherer { model: tree, paths: &wanted, scan: &scan, territories };
    let objects = Objects::new(tree, rules, &gatherer, examination.base()).ok()?;
    let texts = SetTexts::new(&objects, &objects.selection(&graph.closure(&[])), php::runtime::key());
    let wikis = examination.plan.wikis.iter().map(|(wiki, _)| wiki.clone()).collect();
    let plan = Plan::new(&plan::Inputs {
        objects: &objects,
        graph,
        texts: &texts,
        farm: &Farm { file: examination.farm_file.clone(), wikis },
        strategy: plan::Strategy::QuickBold,
        mode: &php::bundle::Mode { fast: false, tree: None },
        mediawikifarm: false,
        published,
    });
    Some((objects, plan.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::history::Previous;

    fn manifest(previous: &[(&str, bool, u64)]) -> Manifest {
        let previous = previous.iter().map(|(name, undone, replaced)| Previous {
            generation: Key::of(name.as_bytes()),
            names: Vec::new(),
            record: None,
            replaced: Some(*replaced),
            undone: *undone,
            skipped: false,
        });
        Manifest {
            bundles: Vec::new(),
            files: BTreeMap::new(),
            fixed: BTreeMap::new(),
            generation: Key::of(b"now"),
            inputs: BTreeMap::new(),
            links: BTreeMap::new(),
            order: Vec::new(),
            originals: BTreeMap::new(),
            previous: previous.collect(),
            retained: BTreeMap::new(),
            schema: Manifest::schema(),
            sets: Vec::new(),
            union: String::new(),
            wikis: Vec::new(),
        }
    }

    #[test]
    fn a_rollback_is_told_from_a_build_that_was_interrupted() {
        let left = |previous: &[(&str, bool, u64)]| left_by_rollback(&manifest(previous)).cloned();
        assert_eq!(left(&[]), None);
        assert_eq!(left(&[("a", false, 1)]), None);
        assert_eq!(left(&[("b", true, 1)]), Some(Key::of(b"b")));
        assert_eq!(left(&[("c", true, 2), ("b", true, 3), ("a", false, 1)]), Some(Key::of(b"c")));
        assert_eq!(left(&[("b", true, 2), ("a", false, 2)]), None, "interrupted, then built");
        assert_eq!(left(&[("c", false, 3), ("b", true, 2)]), None, "rolled back, then built");
    }
}
