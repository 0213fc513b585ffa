//! From what is configured to what is compiled: the settings files of all wikis, and what each wiki wants of a build.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::configuration::Configuration;
use super::entry::ENTRY_POINTS;
use super::farms::{self, FarmWiki, Target};
use super::finding::{Finding, joined};
use super::local_settings::Written;
use super::model::{Loading, Model, Wiki, loading};
use super::options::Freshness;
use super::plan::{Access, Inputs, Missing, Pattern, Plan, SettingsFile, settings_name};
use super::published::{self, Compiled, Manifest, SCHEMA};
use super::read::Document;
use super::settings::{Levels, says};
use super::settings_file::{self, Content};
use super::threads;
use crate::farm::{self, ExtensionId, Farm, Host, Wanted, WikiId};
use crate::key::Key;

/// Says what a build loads for these extensions of a tree, in load order, with all that they require. What no build
/// knows is left out.
pub type Order<'o> = dyn FnMut(&str, &[ExtensionId]) -> Vec<ExtensionId> + 'o;

/// A compiled farm.
#[derive(Debug)]
pub struct Compilation<'c> {
    /// What it is compiled from.
    pub configuration: &'c Configuration,
    /// The wikis.
    pub model: Model<'c>,
    /// What each is compiled to. Those that cannot be compiled are as they were, when they were.
    pub wikis: BTreeMap<WikiId, published::Wiki>,
    /// Their settings files.
    pub settings: Vec<SettingsFile>,
    /// Wikis whose trees cannot have them, with the version: requests are told to come back.
    shut: BTreeSet<(WikiId, String)>,
}

/// What loads the extensions of a wiki under one of its versions, both by their numbers.
struct Loaded {
    wiki: usize,
    variant: usize,
    /// The directory of the version.
    tree: String,
    loading: Loading,
    /// What its settings turn on and a build knows.
    wanted: Vec<ExtensionId>,
}

impl<'c> Compilation<'c> {
    /// Compiles.
    #[must_use]
    pub fn new(configuration: &'c Configuration, order: &mut Order<'_>) -> Self {
        let model = Model::new(configuration);
        let mut compilation =
            Self { configuration, model, wikis: BTreeMap::new(), settings: Vec::new(), shut: BTreeSet::new() };
        let wikis = std::mem::take(&mut compilation.model.wikis);
        let (good, loading) = compilation.loading(wikis, order);
        compilation.write(&good, loading);
        compilation.model.wikis = good;
        let broken = compilation.model.broken.clone();
        compilation.keep_last_good(&broken);
        compilation
    }

    /// What loads the extensions of each wiki under each of its versions. The wikis for which there is an answer.
    fn loading(&mut self, wikis: Vec<Wiki<'c>>, order: &mut Order<'_>) -> (Vec<Wiki<'c>>, Vec<Loaded>) {
        let mut good = Vec::with_capacity(wikis.len());
        let mut all = Vec::with_capacity(wikis.len());
        for wiki in wikis {
            let mut of_wiki = Vec::new();
            for variant in &wiki.variants {
                let Some(tree) = self.configuration.trees.get(&variant.version) else { break };
                let on: Vec<ExtensionId> = variant.on.iter().map(|(id, _)| id.clone()).collect();
                let known = order(&variant.version, &on);
                match loading(variant, &known, tree) {
                    Ok(loading) => {
                        let wanted = on.into_iter().filter(|id| known.contains(id)).collect();
                        let tree = tree.place.to_string_lossy().into_owned();
                        of_wiki.push(Loaded { wiki: good.len(), variant: of_wiki.len(), tree, loading, wanted });
                    }
                    Err(findings) => {
                        self.model.findings.extend(findings);
                        break;
                    }
                }
            }
            if of_wiki.len() == wiki.variants.len() {
                all.extend(of_wiki);
                good.push(wiki);
            } else {
                self.model.broken.insert(wiki.farm.id.clone());
            }
        }
        (good, all)
    }

    /// Writes the settings file of each wiki under each of its versions, as texts.
    fn write(&mut self, wikis: &[Wiki<'c>], all: Vec<Loaded>) {
        let options = &self.configuration.options;
        let (config, output) = (options.config.to_string_lossy(), options.output.to_string_lossy());
        let texts = threads::map(&all, Written::default, |written, loaded| {
            let variant = &wikis[loaded.wiki].variants[loaded.variant];
            let content = Content {
                wiki: variant.farm,
                version: &variant.version,
                tree: &loaded.tree,
                config: &config,
                output: &output,
                settings: &variant.settings(),
                loading: &loaded.loading,
            };
            let text: Arc<str> = settings_file::text(&content, written).into();
            (settings_name(&variant.farm.id, &text), text)
        });
        let mut compiled: Vec<BTreeMap<String, Compiled>> = wikis.iter().map(|_| BTreeMap::new()).collect();
        for (loaded, (name, text)) in all.into_iter().zip(texts) {
            let variant = &wikis[loaded.wiki].variants[loaded.variant];
            let of_version =
                Compiled { settings: name.clone(), extensions: loaded.loading.extensions, wanted: loaded.wanted };
            compiled[loaded.wiki].insert(variant.version.clone(), of_version);
            let access = self.access(variant.farm);
            self.settings.push(SettingsFile { name, text, access });
        }
        self.model.findings = joined(std::mem::take(&mut self.model.findings));
        let published = wikis.iter().zip(compiled).map(|(wiki, of)| (wiki.farm.id.clone(), published_wiki(wiki, of)));
        self.wikis.extend(published);
    }

    /// Who may read a wiki's settings file: whoever may read all files that say something to it.
    fn access(&mut self, wiki: &'c FarmWiki) -> Access {
        let levels = Levels::of(wiki);
        let files = self.model.files(wiki).into_iter().filter(|(entry, file)| says(&levels, entry, file));
        let documents: Vec<&Document> = files
            .filter_map(|(entry, _)| self.configuration.documents.get(&entry.file))
            .map(std::convert::AsRef::as_ref)
            .collect();
        let access = Access::of(documents.iter().map(|document| (document.mode, document.group)));
        if access.mode & 0o044 == 0 {
            let private = documents.iter().find(|document| document.mode & 0o044 == 0).or(documents.last());
            if let Some(document) = private {
                let message = "is for its owner only, and so are the settings of wikis that it says something to";
                let hint = "PHP-FPM has to read them: give the file the group of its user, and the mode 0640";
                let finding = Finding::warning(document.root.mark, "", message);
                self.model.findings.push(finding.of_wiki(&wiki.id).hint(hint));
            }
        }
        access
    }

    /// Wikis that cannot be compiled stay as they were, unless others have their hosts now.
    fn keep_last_good(&mut self, wikis: &BTreeSet<WikiId>) {
        let taken: BTreeSet<&Host> = self.wikis.values().flat_map(|wiki| &wiki.hosts).collect();
        let kept = wikis.iter().filter_map(|id| {
            let wiki = self.last_good(id)?;
            (!wiki.hosts.iter().any(|host| taken.contains(host))).then(|| (id.clone(), wiki.clone()))
        });
        let kept: Vec<_> = kept.collect();
        self.refuse_kept_prefixes(&kept);
        self.wikis.extend(kept);
    }

    /// A wiki as it is published, when all that it needs is still there.
    fn last_good(&self, id: &WikiId) -> Option<&'c published::Wiki> {
        let wiki = self.configuration.published.manifest.as_ref()?.wikis.get(id)?;
        let there = wiki.compiled.values().all(|compiled| self.has_settings(&compiled.settings));
        let trees = wiki.compiled.keys().all(|version| self.tree(version).is_some());
        (there && trees).then_some(wiki)
    }

    /// A wiki whose caches would have the keys of one that stays as it was cannot be published.
    fn refuse_kept_prefixes(&mut self, kept: &[(WikiId, published::Wiki)]) {
        let owners: HashMap<&Key, &WikiId> =
            kept.iter().filter_map(|(id, wiki)| Some((wiki.cache.as_ref()?, id))).collect();
        let taken = self.wikis.iter().filter_map(|(id, wiki)| Some((id, *owners.get(wiki.cache.as_ref()?)?)));
        let taken: Vec<(WikiId, String)> = taken
            .map(|(id, owner)| (id.clone(), format!("its cache prefix is that of `{owner}`, which stays as it was")))
            .collect();
        for (id, reason) in taken {
            self.refuse(&id, &reason);
            self.wikis.remove(&id);
            self.model.wikis.retain(|wiki| wiki.farm.id != id);
            // It stays as it was, too.
            if let Some(wiki) = self.last_good(&id) {
                self.wikis.insert(id.clone(), wiki.clone());
            }
            self.model.broken.insert(id);
        }
    }

    fn has_settings(&self, name: &str) -> bool {
        name.rsplit('/').next().is_some_and(|name| self.configuration.published.settings.contains_key(name))
    }

    /// The directory of a version: as it is now, else as it was when it was compiled for.
    #[must_use]
    pub fn tree(&self, version: &str) -> Option<&Path> {
        let now = self.configuration.trees.get(version).map(|tree| tree.directory.as_path());
        let manifest = self.configuration.published.manifest.as_ref();
        now.or_else(|| manifest?.trees.get(version).map(std::path::PathBuf::as_path))
    }

    /// The versions that wikis are compiled for, and those that some were compiled for until now; of several that lead
    /// to one directory the first.
    #[must_use]
    pub fn versions(&self) -> BTreeSet<String> {
        let before = self.configuration.published.manifest.iter().flat_map(|manifest| manifest.wikis.values());
        let all: BTreeSet<&String> = self.wikis.values().chain(before).flat_map(|wiki| wiki.compiled.keys()).collect();
        let mut seen = BTreeSet::new();
        all.into_iter().filter(|version| self.tree(version).is_none_or(|tree| seen.insert(tree))).cloned().collect()
    }

    /// What a wiki is compiled to in the directory of a version; in the version in use, when several lead there.
    fn compiled_in<'w>(&self, id: &WikiId, wiki: &'w published::Wiki, version: &str) -> Option<&'w Compiled> {
        let tree = self.tree(version);
        let leads = |other: &String| other == version || tree.is_some() && self.tree(other) == tree;
        let in_use = self.configuration.in_use(id);
        let there = || wiki.compiled.iter().filter(|(other, _)| leads(other));
        there().find(|(other, _)| in_use == Some(other)).or_else(|| there().next_back()).map(|(_, compiled)| compiled)
    }

    /// The wikis of one tree, for a build. One that has just left it is still among them: requests that found it there
    /// are on their way.
    #[must_use]
    pub fn farm(&self, version: &str) -> Farm {
        let mut wikis: BTreeMap<&WikiId, farm::Wiki> = BTreeMap::new();
        let before = self.configuration.published.manifest.iter().flat_map(|manifest| &manifest.wikis);
        let left =
            before.filter(|(id, _)| self.wikis.get(*id).is_none_or(|now| self.compiled_in(id, now, version).is_none()));
        // A wiki that is gone altogether is gone at once.
        let left = left.filter(|(id, _)| self.wikis.contains_key(*id));
        for (id, wiki) in self.wikis.iter().chain(left) {
            if let Some(compiled) = self.compiled_in(id, wiki, version)
                && !self.shut.contains(&(id.clone(), version.to_owned()))
            {
                wikis.insert(id, self.to_build(id, wiki, compiled));
            }
        }
        let mut seen: HashMap<String, usize> = HashMap::new();
        wikis.values().filter_map(|wiki| wiki.db.clone()).for_each(|db| *seen.entry(db).or_default() += 1);
        for wiki in wikis.values_mut() {
            // A database that several wikis share, or that is named as another wiki, names none.
            wiki.db = wiki
                .db
                .take()
                .filter(|db| seen.get(db) == Some(&1) && !WikiId::new(db).is_ok_and(|id| self.wikis.contains_key(&id)));
        }
        Farm { file: self.configuration.options.config.display().to_string(), wikis: wikis.into_values().collect() }
    }

    fn to_build(&self, id: &WikiId, wiki: &published::Wiki, compiled: &Compiled) -> farm::Wiki {
        let wanted = compiled.wanted.iter().map(|id| Wanted {
            extension: id.clone(),
            field: format!("{}{}", if id.is_skin() { "wgUseSkin" } else { "wgUseExtension" }, id.name()),
        });
        let settings = self.configuration.options.output.join(&compiled.settings);
        farm::Wiki {
            id: id.clone(),
            hosts: wiki.hosts.clone(),
            db: wiki.db.clone(),
            wanted: wanted.collect(),
            settings: Some(settings.to_string_lossy().into_owned()),
        }
    }

    /// Leaves the wikis of a tree as they were, because it cannot be built: what was built before still has them.
    pub fn drop_version(&mut self, version: &str) {
        let wikis = self.wikis.iter().filter(|(id, wiki)| self.compiled_in(id, wiki, version).is_some());
        let wikis: BTreeSet<WikiId> = wikis.map(|(id, _)| id.clone()).collect();
        self.wikis.retain(|id, _| !wikis.contains(id));
        self.model.wikis.retain(|wiki| !wikis.contains(&wiki.farm.id));
        self.keep_last_good(&wikis);
        self.model.broken.extend(wikis);
    }

    /// Leaves a wiki as it was, because the tree of this version cannot have it as it should be. When it was the same
    /// before, it goes from that tree alone: it is there, has other versions perhaps, and cannot answer with this one.
    /// Says whether that changes anything.
    pub fn restore(&mut self, id: &WikiId, version: &str) -> bool {
        self.model.broken.insert(id.clone());
        self.model.wikis.retain(|wiki| wiki.farm.id != *id);
        let now = self.wikis.remove(id);
        let before = self.configuration.published.manifest.as_ref().and_then(|manifest| manifest.wikis.get(id));
        let same = |now: &published::Wiki, before: &published::Wiki| {
            now.compiled.get(version).map(|c| &c.wanted) == before.compiled.get(version).map(|c| &c.wanted)
        };
        match (now, before) {
            (Some(now), Some(before)) if !same(&now, before) => {
                self.wikis.insert(id.clone(), before.clone());
                true
            }
            (Some(_), Some(before)) if self.shut.insert((id.clone(), version.to_owned())) => {
                self.wikis.insert(id.clone(), before.clone());
                true
            }
            (now, _) => now.is_some(),
        }
    }

    /// Says that a build cannot have a wiki.
    pub fn refuse(&mut self, id: &WikiId, reason: &str) {
        let Some(farm) = self.configuration.wikis.iter().find(|wiki| wiki.id == *id) else { return };
        self.model.findings.push(Finding::error(farm.mark, farm.farm.clone(), reason).of_wiki(id));
    }

    /// Plans what is to be written. `program` is what compiles a farm: mwfarm.
    #[must_use]
    pub fn plan(&self, program: Option<&Path>) -> Plan {
        let configuration = self.configuration;
        let options = &configuration.options;
        let trees = self.wikis.values().flat_map(|wiki| wiki.compiled.keys());
        let trees: BTreeMap<_, _> =
            trees.filter_map(|version| Some((version.clone(), self.tree(version)?.to_owned()))).collect();
        let entry_points = ENTRY_POINTS.into_iter().filter(|entry| configuration.entry_points.contains(*entry));
        let names: BTreeSet<&str> =
            self.wikis.values().flat_map(|wiki| wiki.compiled.values()).map(|c| c.settings.as_str()).collect();
        // Two versions of a wiki may have the same settings, made of different files.
        let mut settings: BTreeMap<&str, SettingsFile> = BTreeMap::new();
        for file in self.settings.iter().filter(|file| names.contains(file.name.as_str())) {
            let known = settings.entry(&file.name).or_insert_with(|| file.clone());
            known.access = known.access.and(file.access);
        }
        Plan::new(Inputs {
            settings: settings.into_values().collect(),
            entry_points: entry_points.collect(),
            imported: configuration.imported.clone(),
            check: program.filter(|_| options.freshness == Freshness::Check).map(|program| {
                let config = options.config.to_string_lossy();
                let arguments = ["config", "compile", "--quiet", "--config-dir", &config].map(str::to_owned);
                let mut command = vec![program.to_string_lossy().into_owned()];
                command.extend(arguments);
                if let (None, None, Some(tree)) = (&options.code, &options.tree, configuration.trees.get("")) {
                    // The one of `-d`: requests run wherever they like.
                    command.extend(["--working-dir".to_owned(), tree.directory.to_string_lossy().into_owned()]);
                }
                command
            }),
            patterns: self.configuration.patterns.iter().filter_map(pattern).collect(),
            missing: self.missing(),
            published: &configuration.published,
            manifest: Manifest {
                config: configuration.options.config.clone(),
                former: BTreeSet::new(),
                generation: Key::of(b""),
                names: BTreeSet::new(),
                retained: BTreeMap::new(),
                sources: configuration.sources.digests().clone(),
                trees,
                wikis: self.wikis.clone(),
                schema: SCHEMA,
            },
        })
    }

    fn missing(&self) -> Vec<Missing> {
        let config = &self.configuration.options.config;
        let missing = self.configuration.not_found.iter().map(|not_found| Missing {
            pattern: not_found.pattern.clone(),
            file: config.join(&not_found.file).to_string_lossy().into_owned(),
        });
        missing.collect()
    }
}

fn published_wiki(wiki: &Wiki<'_>, compiled: BTreeMap<String, Compiled>) -> published::Wiki {
    let farm = wiki.farm;
    published::Wiki {
        farm: farm.farm.clone(),
        suffix: farm.suffix.clone(),
        tags: farm.tags.clone(),
        hosts: farm.hosts.clone(),
        db: wiki.db().map(str::to_owned),
        cache: wiki.cache_prefix().map(|prefix| Key::of(prefix.as_bytes())),
        version: wiki.asked().map(|variant| variant.version.clone()).unwrap_or_default(),
        delayed: farm.deployments.is_some() && farm.version.is_some(),
        compiled,
    }
}

/// A pattern as requests match it. One that might take them exponential time is none.
fn pattern(pattern: &farms::Pattern) -> Option<Pattern> {
    let (target, of_wiki) = match &pattern.target {
        Target::Wiki { suffix, id } => (id.clone(), Some((pattern.farm.clone(), suffix.clone()))),
        Target::Redirect(host) => (host.clone(), None),
    };
    pattern.matcher.is_quick.then(|| Pattern { pattern: pattern.matcher.delimited(), target, of_wiki })
}
