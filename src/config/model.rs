//! What every wiki is configured to: its settings, and which extensions it turns on under each version that it is
//! compiled for. Pure: everything was read before.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::configuration::Configuration;
use super::extensions::{self, Load, Mechanism};
use super::farms::{Entry, FarmWiki, Scope};
use super::finding::{Finding, Severity, joined};
use super::read::Document;
use super::settings::{Kind, Levels, Names, Original, Prepared, Resolved, Setting, differences, resolve};
use super::threads;
use super::tree::Tree;
use super::value::{Mark, Node, Value};
use crate::farm::{ExtensionId, WikiId};

/// All wikis.
#[derive(Debug)]
pub struct Model<'c> {
    /// Those that can be compiled, by identifier.
    pub wikis: Vec<Wiki<'c>>,
    /// Those that cannot.
    pub broken: BTreeSet<WikiId>,
    /// What was found, of reading as well.
    pub findings: Vec<Finding>,
    /// The names of all settings.
    pub names: Names<'c>,
    prepared: HashMap<(&'c str, bool), Prepared<'c>>,
}

/// A wiki.
#[derive(Debug)]
pub struct Wiki<'c> {
    /// As its farm describes it.
    pub farm: &'c FarmWiki,
    /// What it is under each version that it is compiled for, the one asked for last; at least one.
    pub variants: Vec<Variant<'c>>,
}

/// A wiki under one version.
#[derive(Debug)]
pub struct Variant<'c> {
    /// The version; empty without versions.
    pub version: String,
    /// The wiki as its farm describes it under that version.
    pub farm: &'c FarmWiki,
    /// Its settings, in the order in which its files mention them first.
    pub settings: Vec<Setting<'c>>,
    /// What is turned on and there, in order of mention.
    pub on: Vec<(ExtensionId, Mechanism)>,
    /// What is turned off, and where.
    pub off: BTreeMap<ExtensionId, Mark>,
}

impl<'c> Model<'c> {
    /// Looks at everything that was read.
    #[must_use]
    pub fn new(configuration: &'c Configuration) -> Self {
        let mut model = Self {
            wikis: Vec::new(),
            broken: configuration.broken.clone(),
            findings: configuration.findings.clone(),
            names: Names::default(),
            prepared: HashMap::new(),
        };
        let failed = model.prepare(configuration);
        let farms: Vec<_> = configuration.wikis.iter().filter(|farm| !model.broken.contains(&farm.id)).collect();
        let versions = farms.iter().enumerate().flat_map(|(index, farm)| {
            let upgraded = configuration.upgraded.get(&farm.id);
            let versions = configuration.versions(farm);
            let last = versions.len() - 1;
            let of = move |at| upgraded.filter(|_| at == last).unwrap_or(*farm);
            versions.into_iter().enumerate().map(move |(at, version)| (index, of(at), version, at == last))
        });
        let versions: Vec<_> = versions.collect();
        let resolved = threads::map(
            &versions,
            || (),
            |(), (_, farm, ..)| {
                let can = farm.config.iter().all(|entry| !failed.contains(&(entry.file.as_str(), is_star(entry))));
                can.then(|| resolve(&model.names, &Levels::of(farm), &model.files(farm)))
            },
        );
        let mut versions = versions.into_iter().zip(resolved).peekable();
        for (index, farm) in farms.into_iter().enumerate() {
            let of_wiki = std::iter::from_fn(|| versions.next_if(|((of, ..), _)| *of == index));
            let of_wiki = of_wiki.map(|((_, farm, version, last), resolved)| (farm, version, last, resolved));
            match model.wiki(configuration, farm, of_wiki.collect()) {
                Some(wiki) => model.wikis.push(wiki),
                None => {
                    model.broken.insert(farm.id.clone());
                }
            }
        }
        model.refuse_shared_prefixes();
        model.findings = joined(model.findings);
        model
    }

    /// A wiki under each of its versions, the one asked for last; nothing when something is wrong with it.
    fn wiki(
        &mut self,
        configuration: &'c Configuration,
        farm: &'c FarmWiki,
        versions: Vec<(&'c FarmWiki, String, bool, Option<Resolved<'c>>)>,
    ) -> Option<Wiki<'c>> {
        let mut variants: Vec<Variant<'c>> = Vec::new();
        for (farm, version, last, resolved) in versions {
            let resolved = resolved?;
            let wrong = resolved.findings.iter().any(|finding| finding.severity == Severity::Error);
            if last {
                // The others say the same, or are about files that are no longer asked for.
                self.findings.extend(resolved.findings);
            }
            if wrong {
                return None;
            }
            let mut variant =
                Variant { version, farm, settings: resolved.settings, on: Vec::new(), off: BTreeMap::new() };
            let findings = variant.choose(configuration.trees.get(&variant.version)?);
            self.findings.extend(findings);
            variants.push(variant);
        }
        Some(Wiki { farm, variants })
    }

    /// Settings that MediaWikiFarm gives other values, as it reads the same files: for whoever comes from there.
    #[must_use]
    pub fn differences(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for variant in self.wikis.iter().filter_map(Wiki::asked) {
            let farm = variant.farm;
            for difference in differences(&self.names, &Levels::of(farm), &self.files(farm), &variant.settings) {
                let setting = variant.settings.iter().find(|setting| setting.name == difference.name);
                let node = setting.and_then(|setting| setting.value.as_deref().or(setting.diff.as_deref()));
                let original = match &difference.original {
                    Original::Unset => "does not set it".to_owned(),
                    Original::Fails => "stops with an error there".to_owned(),
                    Original::Value(node) => format!("gives it {}", short(node)),
                    Original::Diff(node) => format!("adds {} to MediaWiki's value", short(node)),
                };
                let here = node.map_or_else(|| "not set here".to_owned(), |node| format!("{} here", short(node)));
                let mark = node.map_or(farm.mark, |node| node.mark);
                let message = format!("is {here}; MediaWikiFarm {original}");
                findings.push(Finding::warning(mark, difference.name, message).of_wiki(&farm.id));
            }
        }
        joined(findings)
    }

    /// The files of a wiki with their settings, as planes need them.
    #[must_use]
    pub fn files(&self, farm: &'c FarmWiki) -> Vec<(&'c Entry, &Prepared<'c>)> {
        let file = |entry: &'c Entry| Some((entry, self.prepared.get(&(entry.file.as_str(), is_star(entry)))?));
        farm.config.iter().filter(|entry| entry.scope != Scope::Executable).filter_map(file).collect()
    }

    /// Checks and indexes each file once. What cannot be used is returned.
    fn prepare(&mut self, configuration: &'c Configuration) -> HashSet<(&'c str, bool)> {
        let mut failed = HashSet::new();
        let wikis = configuration.wikis.iter().chain(configuration.upgraded.values());
        for entry in wikis.flat_map(|wiki| &wiki.config) {
            let key = (entry.file.as_str(), is_star(entry));
            if entry.scope == Scope::Executable {
                if configuration.unreadable.contains(&entry.file) {
                    failed.insert(key);
                }
                continue;
            }
            if failed.contains(&key) || self.prepared.contains_key(&key) {
                continue;
            }
            let Some(document) = configuration.documents.get(&entry.file) else {
                failed.insert(key);
                continue;
            };
            let document: &'c Document = document;
            let kind = if key.1 { Kind::Star } else { Kind::Fixed };
            let (prepared, findings) = Prepared::new(&document.root, kind, &mut self.names);
            if findings.iter().any(|finding| finding.severity == Severity::Error) {
                failed.insert(key);
            }
            self.findings.extend(findings);
            self.prepared.insert(key, prepared);
        }
        failed
    }

    /// Wikis whose caches have the same keys serve each other's pages.
    fn refuse_shared_prefixes(&mut self) {
        let mut owners: BTreeMap<String, WikiId> = BTreeMap::new();
        let mut broken = BTreeSet::new();
        for wiki in &self.wikis {
            let Some(prefix) = wiki.cache_prefix() else { continue };
            if let Some(owner) = owners.get(&prefix) {
                let message = format!("the cache prefix `{}` is that of `{owner}` already", prefix.escape_debug());
                let hint = "give each wiki its own `wgCachePrefix`, or its own `wgDBname`";
                let finding = Finding::error(wiki.farm.mark, wiki.farm.farm.clone(), message);
                self.findings.push(finding.of_wiki(&wiki.farm.id).hint(hint));
                broken.insert(wiki.farm.id.clone());
            } else {
                owners.insert(prefix, wiki.farm.id.clone());
            }
        }
        self.wikis.retain(|wiki| !broken.contains(&wiki.farm.id));
        self.broken.extend(broken);
    }
}

fn is_star(entry: &Entry) -> bool {
    matches!(entry.scope, Scope::Star { .. })
}

impl<'c> Wiki<'c> {
    /// What it is under the version that is asked for.
    #[must_use]
    pub fn asked(&self) -> Option<&Variant<'c>> {
        self.variants.last()
    }

    /// Its database, when its settings name one that is not named as the wiki.
    #[must_use]
    pub fn db(&self) -> Option<&str> {
        self.asked()?.text("wgDBname").filter(|db| *db != self.farm.id.as_str())
    }

    /// What the keys of its caches begin with, as MediaWiki makes it; nothing when only PHP files know.
    #[must_use]
    pub fn cache_prefix(&self) -> Option<String> {
        let variant = self.asked()?;
        if let Some(prefix) = variant.text("wgCachePrefix") {
            return Some(prefix.to_owned());
        }
        if variant.farm.config.iter().any(|entry| entry.scope == Scope::Executable) {
            return None;
        }
        let db = variant.text("wgDBname")?;
        let prefix = variant.text("wgDBprefix").unwrap_or_default();
        Some(if prefix.is_empty() { db.to_owned() } else { format!("{db}-{prefix}") })
    }
}

impl<'c> Variant<'c> {
    fn text(&self, name: &str) -> Option<&str> {
        let setting = self.settings.iter().find(|setting| setting.name == name)?;
        match &setting.value.as_deref()?.value {
            Value::Text(text) => text.as_str(),
            _ => None,
        }
    }

    /// Chooses how what is turned on is loaded. What is not there is off, with a warning.
    fn choose(&mut self, tree: &Tree) -> Vec<Finding> {
        let mut findings = Vec::new();
        for setting in &self.settings {
            let (Some(Ok(id)), Some(node)) = (extensions::named(setting.name), &setting.value) else { continue };
            match extensions::choose(&id, &node.value, &tree.facts(&id), tree.registration) {
                Ok(Some(mechanism)) => self.on.push((id, mechanism)),
                Ok(None) => {
                    self.off.insert(id, node.mark);
                }
                Err(reason) => {
                    let under = if self.version.is_empty() { String::new() } else { format!(" in {}", self.version) };
                    let message = format!("`{}` stays off{under}: {reason}", id.name().escape_debug());
                    let finding = Finding::warning(node.mark, setting.name, message).of_wiki(&self.farm.id);
                    let meant = if tree.facts(&id).exists { None } else { tree.meant(&id) };
                    findings.push(match meant {
                        Some(meant) => finding.hint(format!("did you mean `{meant}`?")),
                        None => finding,
                    });
                }
            }
        }
        findings
    }

    /// Its settings, with `wgUseExtension…` and `wgUseSkin…` saying what really is on.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting<'c>> {
        let mut settings = self.settings.clone();
        for setting in &mut settings {
            let Some(Ok(id)) = extensions::named(setting.name) else { continue };
            if let Some(value) = &mut setting.value {
                let on = self.on.iter().any(|(other, _)| *other == id);
                *value = Cow::Owned(Node { value: Value::Bool(on), mark: value.mark });
            }
        }
        settings
    }
}

/// A value on one line, for messages.
fn short(node: &Node) -> String {
    let mut text = String::new();
    crate::php::Value::from(&node.value).write(&mut text, 0);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("`{} …`", &line[..end]),
        None => format!("`{line}`"),
    }
}

/// What loads the extensions of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loading {
    /// PHP files that stand before the settings.
    pub require: Vec<Load>,
    /// Registrations, and PHP files among them, in load order.
    pub register: Vec<Load>,
    /// Everything that is on, in load order; what no build knows comes last.
    pub extensions: Vec<ExtensionId>,
}

/// Puts what is on in order: `known` is what a build loads for it, in load order, requirements included.
///
/// # Errors
/// What another one needs is turned off.
pub fn loading(variant: &Variant<'_>, known: &[ExtensionId], tree: &Tree) -> Result<Loading, Vec<Finding>> {
    let mut loading = Loading::default();
    let mut findings = Vec::new();
    let others = variant.on.iter().map(|(id, _)| id).filter(|id| !known.contains(id));
    for id in known.iter().chain(others) {
        let chosen = variant.on.iter().find(|(other, _)| other == id).map(|(_, mechanism)| *mechanism);
        let facts = tree.facts(id);
        let mechanism = match chosen {
            Some(mechanism) => mechanism,
            None => match variant.off.get(id) {
                Some(mark) => {
                    let message = format!("`{}` is turned off, but another one needs it", id.name().escape_debug());
                    let hint = format!("`mwfarm why {id} --wiki {}` shows which", variant.farm.id);
                    findings.push(Finding::error(*mark, id.as_str(), message).of_wiki(&variant.farm.id).hint(hint));
                    continue;
                }
                // Pulled in: as if it were turned on.
                None => extensions::choose(id, &Value::Bool(true), &facts, tree.registration)
                    .ok()
                    .flatten()
                    .unwrap_or(Mechanism::Composer),
            },
        };
        let loads = extensions::loads(id, mechanism, &facts, tree.registration);
        if mechanism == Mechanism::RequireOnce { &mut loading.require } else { &mut loading.register }.extend(loads);
        loading.extensions.push(id.clone());
    }
    if findings.is_empty() { Ok(loading) } else { Err(findings) }
}
