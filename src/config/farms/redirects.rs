//! Redirects: more hosts of wikis.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::entries::{Entry, Redirect};
use super::server::{Part, Shape};
use super::unique::earlier;
use super::wiki::Made;
use super::{Pattern, Target};
use crate::config::finding::Finding;
use crate::farm::Host;

/// So many redirects are followed, one after the other.
const MAX_HOPS: u32 = 5;

/// More hosts that lead to one host by one redirect are not enumerated.
const MAX_SOURCES: usize = 1000;

/// A host that leads to another.
struct Fixed<'e> {
    entry: &'e Redirect,
    host: String,
    target: String,
}

/// Hosts that follow from those that they lead to.
struct Open<'e> {
    index: usize,
    entry: &'e Redirect,
    shape: Shape,
}

/// Gives wikis the hosts whose redirects lead to them. A redirect whose hosts cannot be enumerated, neither by
/// themselves nor from where they lead, stays as a pattern.
pub(super) fn follow(
    entries: &[Entry],
    wikis: &mut [Made],
    patterns: &mut Vec<(usize, Pattern)>,
    findings: &mut Vec<Finding>,
) {
    let has_pattern_farms = !patterns.is_empty();
    let (fixed, open) = sources(entries, patterns, findings);
    let mut by_target: BTreeMap<&str, Vec<&Fixed<'_>>> = BTreeMap::new();
    for redirect in &fixed {
        by_target.entry(&redirect.target).or_default().push(redirect);
    }

    // Backwards, from the hosts of wikis: every host leads to one other, so that this walks trees.
    let mut owners: HashMap<String, usize> = HashMap::new();
    let mut queue: VecDeque<(String, usize, u32)> = VecDeque::new();
    for (index, made) in wikis.iter().enumerate() {
        for host in &made.wiki.hosts {
            owners.insert(host.as_str().to_owned(), index);
            queue.push_back((host.as_str().to_owned(), index, 0));
        }
    }
    while let Some((target, wiki, hops)) = queue.pop_front() {
        let here = by_target.get(target.as_str()).into_iter().flatten();
        let mut found: Vec<(&Redirect, String)> = here.map(|fixed| (fixed.entry, fixed.host.clone())).collect();
        for redirect in &open {
            for host in redirect.hosts(&target) {
                if earlier(entries, redirect.index, &host).is_none() {
                    found.push((redirect.entry, host));
                }
            }
        }
        for (redirect, host) in found {
            if owners.contains_key(&host) {
                continue;
            }
            if hops == MAX_HOPS {
                let message = format!(
                    "`{host}` gets to the wiki `{}` by more than {MAX_HOPS} redirects only",
                    wikis[wiki].wiki.id
                );
                findings.push(error(redirect, message));
                owners.insert(host, wiki);
                continue;
            }
            match Host::new(&host) {
                Ok(valid) => {
                    owners.insert(host.clone(), wiki);
                    wikis[wiki].wiki.hosts.push(valid);
                    queue.push_back((host, wiki, hops + 1));
                }
                Err(reason) => findings.push(error(redirect, reason.to_string())),
            }
        }
    }
    if has_pattern_farms {
        // What cannot be enumerated may be led to as well: requests follow those redirects as they come.
        let lost = fixed.iter().filter(|redirect| !owners.contains_key(&redirect.host)).map(|fixed| &*fixed.entry.name);
        let names: HashSet<&str> = open.iter().map(|open| &*open.entry.name).chain(lost).collect();
        for (index, entry) in entries.iter().enumerate() {
            if let Entry::Redirect(redirect) = entry
                && names.contains(&*redirect.name)
                && redirect.server.matcher().is_quick
            {
                patterns.push((index, to_pattern(redirect)));
            }
        }
    }
    let targets: HashMap<&str, &str> = fixed.iter().map(|fixed| (&*fixed.host, &*fixed.target)).collect();
    for redirect in fixed.iter().filter(|redirect| !owners.contains_key(&redirect.host)) {
        findings.extend(lost(redirect, &targets, &owners, entries, has_pattern_farms));
    }
}

/// The hosts of all redirects.
fn sources<'e>(
    entries: &'e [Entry],
    patterns: &mut Vec<(usize, Pattern)>,
    findings: &mut Vec<Finding>,
) -> (Vec<Fixed<'e>>, Vec<Open<'e>>) {
    let (mut fixed, mut open) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let Entry::Redirect(redirect) = entry else { continue };
        let template = &redirect.target.template;
        let all = redirect.server.shapes(&|_| false);
        let is_hole = |name: &str| template.names().any(|own| own == name);
        let is_fixed = all.is_some();
        let shapes = all.or_else(|| redirect.server.shapes(&is_hole).filter(|_| template.can_invert(|_| false)));
        let Some(shapes) = shapes else {
            pattern(index, redirect, patterns, findings);
            continue;
        };
        for shape in shapes {
            if !is_fixed && shape.iter().any(|part| matches!(part, Part::Hole(_))) {
                open.push(Open { index, entry: redirect, shape });
                continue;
            }
            let host = fill(&shape, &BTreeMap::new());
            // Anchors and the like may make it another one.
            let Some(captured) = redirect.server.read(&host) else { continue };
            if let Err(reason) = Host::new(&host) {
                findings.push(error(redirect, reason.to_string()));
                continue;
            }
            if let Some((_, other)) = earlier(entries, index, &host) {
                let message = format!("the host `{host}` is one of `{}` too, which is tried first", other.name());
                findings.push(Finding::warning(redirect.mark, format!("{}.server", redirect.name), message));
                continue;
            }
            match template.fill(|name| captured.get(name).map(String::as_str)) {
                Ok(target) => fixed.push(Fixed { entry: redirect, host, target: normal(&target) }),
                Err(name) => {
                    let message = format!("has the variable `${name}`, which has no value for the host `{host}`");
                    findings.push(error(redirect, message));
                }
            }
        }
    }
    (fixed, open)
}

fn pattern(index: usize, redirect: &Redirect, patterns: &mut Vec<(usize, Pattern)>, findings: &mut Vec<Finding>) {
    let field = format!("{}.server", redirect.name);
    if !redirect.server.matcher().is_quick {
        let message = "repeats something of no fixed length without end, and cannot be enumerated: matching it might \
                       take exponential time";
        findings.push(Finding::error(redirect.mark, field, message));
        return;
    }
    let message = "has hosts that cannot be enumerated: each request is matched";
    findings.push(Finding::warning(redirect.mark, field, message));
    patterns.push((index, to_pattern(redirect)));
}

fn to_pattern(redirect: &Redirect) -> Pattern {
    let target = Target::Redirect(redirect.target.template.written());
    Pattern { farm: redirect.name.clone(), matcher: redirect.server.matcher().clone(), target, mark: redirect.mark }
}

impl Open<'_> {
    /// The hosts that lead to this one.
    fn hosts(&self, target: &str) -> Vec<String> {
        let server = &self.entry.server;
        let template = &self.entry.target.template;
        let fits = |name: &str, value: &str| server.fits(name, value);
        let solutions = template.invert(target, |_| None, fits, MAX_SOURCES);
        let hosts = solutions.into_iter().filter_map(|solution| {
            let values: BTreeMap<String, String> = solution.into_iter().collect();
            let host = fill(&self.shape, &values);
            let captured = server.read(&host)?;
            let leads = template.fill(|name| captured.get(name).map(String::as_str)).ok()?;
            (normal(&leads) == target).then_some(host)
        });
        hosts.collect()
    }
}

fn fill(shape: &Shape, values: &BTreeMap<String, String>) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Hole(name) => values.get(name).cloned().unwrap_or_default(),
    };
    shape.iter().map(part).collect()
}

/// A host as it is looked up: in lower case, without a `/` at the end.
fn normal(target: &str) -> String {
    let target = target.trim_end_matches('/');
    let (host, path) = target.find('/').map_or((target, ""), |slash| target.split_at(slash));
    host.to_ascii_lowercase() + path
}

/// Why a host gets to no wiki.
fn lost(
    redirect: &Fixed<'_>,
    targets: &HashMap<&str, &str>,
    owners: &HashMap<String, usize>,
    entries: &[Entry],
    has_pattern_farms: bool,
) -> Option<Finding> {
    let mut chain: Vec<&str> = Vec::new();
    let mut seen = HashSet::new();
    let mut target = redirect.host.as_str();
    while let Some(next) = targets.get(target) {
        if !seen.insert(target) {
            let first = chain.iter().position(|host| *host == target).unwrap_or_default();
            let names = [&chain[first..], &[target]].concat().join("` → `");
            return Some(error(redirect.entry, format!("leads in a circle: `{names}`")));
        }
        chain.push(target);
        target = next;
    }
    if owners.contains_key(target) {
        let message = format!("`{}` gets to a wiki by more than {MAX_HOPS} redirects only", redirect.host);
        return Some(error(redirect.entry, message));
    }
    // Someone else may know what a pattern makes of it.
    let is_open = |entry: &Entry| {
        entry.server().matches(target)
            && (has_pattern_farms
                || matches!(entry, Entry::Redirect(redirect) if redirect.server.shapes(&|_| false).is_none()))
    };
    if let Some(entry) = entries.iter().find(|entry| is_open(entry)) {
        // An open redirect that leads to itself is a circle whatever its hosts are.
        let Entry::Redirect(other) = entry else { return None };
        let captured = other.server.read(target)?;
        let leads = other.target.template.fill(|name| captured.get(name).map(String::as_str)).ok()?;
        if normal(&leads) != target {
            return None;
        }
        return Some(error(redirect.entry, format!("leads in a circle: `{target}` → `{target}`")));
    }
    let message = format!("leads to `{}`, where there is no wiki", target.escape_debug());
    Some(Finding::warning(redirect.entry.target.mark, redirect.entry.target.path.clone(), message))
}

fn error(redirect: &Redirect, message: String) -> Finding {
    Finding::error(redirect.target.mark, redirect.target.path.clone(), message)
}
