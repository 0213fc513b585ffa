//! Reads a whole farm: its options, its farms with their wikis, every settings file, and the trees of MediaWiki.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::farms::{self, Enumeration, FarmWiki, Mode, NotFound, Pattern, Scope};
use super::finding::{Finding, Severity};
use super::options::{self, Options};
use super::published::{self, Published};
use super::read::{Document, Sources};
use super::tree::{self, Tree};
use crate::disk;
use crate::farm::WikiId;

/// Everything that was read.
#[derive(Debug)]
pub struct Configuration {
    /// `mwfarm.yml`.
    pub options: Options,
    /// The files of the configuration.
    pub sources: Sources,
    /// The wikis, by identifier.
    pub wikis: Vec<FarmWiki>,
    /// Those of them that wait for an upgrade, as they will be: `$VERSION` and `$CODE` are others then.
    pub upgraded: BTreeMap<WikiId, FarmWiki>,
    /// Hosts that could not be enumerated.
    pub patterns: Vec<Pattern>,
    /// What farms answer where there is no wiki.
    pub not_found: Vec<NotFound>,
    /// Wikis of which something cannot be read.
    pub broken: BTreeSet<WikiId>,
    /// The tags that farms have, whether a wiki has them or not.
    pub tags: BTreeSet<String>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Settings files by name; those that cannot be read are missing, with a finding.
    pub documents: HashMap<String, Arc<Document>>,
    /// PHP files to be included that are not there.
    pub unreadable: HashSet<String>,
    /// The trees by version; that of a farm without versions under an empty name.
    pub trees: BTreeMap<String, Tree>,
    /// The files that web servers may run, which any of the trees has at its top.
    pub entry_points: BTreeSet<String>,
    /// Versions that wikis used before there was mwfarm, from the file that `deployments` names.
    pub imported: BTreeMap<WikiId, String>,
    /// What is compiled already.
    pub published: Published,
}

/// A farm that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `mwfarm.yml`
    #[error(transparent)]
    Options(#[from] options::Error),
    /// What is compiled already.
    #[error(transparent)]
    Published(#[from] published::Error),
    /// The main file: what was found, with the sources that name places.
    #[error("the farm's main file cannot be read")]
    Main(Box<(Finding, Sources)>),
    /// A directory of MediaWiki.
    #[error("cannot read MediaWiki in `{}`", directory.display())]
    Tree {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where the one MediaWiki of a farm is, when settings are loaded.
#[derive(Clone, Copy)]
enum Place<'p> {
    /// Where it is read.
    There,
    /// Somewhere else.
    Later(&'p Path),
    /// There are many, and none is read.
    Nowhere,
}

impl Configuration {
    /// Reads the farm in a directory. Without versions, its MediaWiki is the one that `mwfarm.yml` names, else `tree`.
    ///
    /// # Errors
    /// See [`Error`]: what concerns single wikis is a finding.
    pub fn read(directory: &Path, tree: &Path) -> Result<Self, Error> {
        let options = options::read(directory)?;
        let published = Published::read(&options.output)?;
        Self::with(options, published, tree, Place::There)
    }

    /// Reads the farm in a directory whose wikis each have a MediaWiki of their own, and looks at none: what is turned on
    /// is taken to be there. `tree` is only a name.
    ///
    /// # Errors
    /// As of [`Configuration::read`].
    pub fn read_for_any(directory: &Path, tree: &Path) -> Result<Self, Error> {
        let options = Options { tree: None, code: None, ..options::read(directory)? };
        Self::with(options, Published::default(), tree, Place::Nowhere)
    }

    /// Reads the farm in a directory for one MediaWiki that is not at its place yet: settings name files by where they
    /// will be. Which trees `mwfarm.yml` names, and what is compiled already, does not count.
    ///
    /// # Errors
    /// As of [`Configuration::read`].
    pub fn read_staged(directory: &Path, tree: &Path, place: &Path) -> Result<Self, Error> {
        let options = Options { tree: None, code: None, ..options::read(directory)? };
        Self::with(options, Published::default(), tree, Place::Later(place))
    }

    fn with(options: Options, published: Published, tree: &Path, place: Place<'_>) -> Result<Self, Error> {
        let mut sources = Sources::new(&options.config, &options.php);
        let main = match sources.main() {
            Ok(main) => main,
            Err(finding) => return Err(Error::Main(Box::new((*finding, sources)))),
        };
        let found = enumerate(
            &main,
            &options,
            if let Place::Later(place) = place { place } else { tree },
            &BTreeMap::new(),
            &mut sources,
        );
        let broken = broken(&found, &published);
        let mut configuration = Self {
            wikis: found.wikis,
            upgraded: BTreeMap::new(),
            patterns: found.patterns,
            tags: tags(&main),
            not_found: found.missing,
            broken,
            findings: found.findings,
            documents: HashMap::new(),
            unreadable: HashSet::new(),
            trees: BTreeMap::new(),
            entry_points: BTreeSet::new(),
            imported: BTreeMap::new(),
            published,
            sources,
            options,
        };
        configuration.look_at_versions(&main);
        configuration.look_at_pages();
        configuration.import();
        configuration.begin_delays();
        configuration.look_at_waiting(&main, tree);
        configuration.read_settings();
        if let Place::Nowhere = place {
            configuration.trees.insert(String::new(), Tree::any(tree));
            return Ok(configuration);
        }
        configuration.read_trees(tree)?;
        if let (Place::Later(place), Some(tree)) = (place, configuration.trees.get_mut("")) {
            place.clone_into(&mut tree.place);
        }
        Ok(configuration)
    }

    /// With one MediaWiki, `versions` and `deployments` say nothing.
    fn look_at_versions(&mut self, main: &Document) {
        if self.options.code.is_some() {
            return;
        }
        for (farm, node) in main.root.map().unwrap_or_default() {
            for (key, value) in node.map().unwrap_or_default() {
                if let Some(name @ ("versions" | "deployments")) = key.name().as_deref() {
                    let message = format!("`{name}` is not looked at: the farm has one MediaWiki");
                    let hint = "`code` of mwfarm.yml names the directory that holds a directory for each version";
                    self.findings.push(Finding::warning(value.mark, format!("{farm}.{name}"), message).hint(hint));
                }
            }
        }
    }

    /// The pages of `HTTP404` must be there.
    fn look_at_pages(&mut self) {
        for not_found in &self.not_found {
            if let Err(mut finding) = self.sources.file(&not_found.file) {
                (finding.severity, finding.field) = (Severity::Warning, format!("{}.HTTP404", not_found.farm));
                self.findings.push(*finding);
            }
        }
    }

    /// Wikis that wait for an upgrade are other ones under the version in use: `$VERSION` may name their files.
    fn look_at_waiting(&mut self, main: &Document, tree: &Path) {
        let waits = |wiki: &&FarmWiki| self.versions(wiki).len() > 1;
        let waiting = self
            .wikis
            .iter()
            .filter(waits)
            .filter_map(|wiki| Some((wiki.id.clone(), self.in_use(&wiki.id)?.to_owned())));
        let waiting: BTreeMap<WikiId, String> = waiting.collect();
        if waiting.is_empty() {
            return;
        }
        let found = enumerate(main, &self.options, tree, &waiting, &mut self.sources);
        let mut now: BTreeMap<WikiId, FarmWiki> = found.wikis.into_iter().map(|wiki| (wiki.id.clone(), wiki)).collect();
        for wiki in self.wikis.iter_mut().filter(|wiki| waiting.contains_key(&wiki.id)) {
            if let Some(now) = now.remove(&wiki.id) {
                self.upgraded.insert(wiki.id.clone(), std::mem::replace(wiki, now));
            } else {
                let findings = found.findings.iter().filter(|finding| finding.wiki.as_ref() == Some(&wiki.id));
                self.findings.extend(findings.cloned());
                self.broken.insert(wiki.id.clone());
            }
        }
    }

    /// Each settings file of any wiki, once.
    fn read_settings(&mut self) {
        let mut seen: BTreeMap<(&str, bool), &FarmWiki> = BTreeMap::new();
        for wiki in self.wikis.iter().chain(self.upgraded.values()) {
            for entry in &wiki.config {
                seen.entry((&entry.file, entry.scope == Scope::Executable)).or_insert(wiki);
            }
        }
        for ((name, executable), wiki) in seen {
            let result =
                if executable { self.sources.file(name).map(|()| None) } else { self.sources.read(name).map(Some) };
            match result {
                Ok(Some(document)) => {
                    self.documents.insert(name.to_owned(), document);
                }
                Ok(None) => {}
                Err(finding) => {
                    let needs = format!("farm `{}` names it in `config`", wiki.farm);
                    self.findings.push(if finding.hint.is_none() { finding.hint(needs) } else { *finding });
                    self.unreadable.insert(name.to_owned());
                }
            }
        }
    }

    /// Versions in use, from the files that `deployments` names: each is looked at until a wiki has a version of its
    /// own in the output directory.
    fn import(&mut self) {
        let mut lists: BTreeMap<&str, Vec<&WikiId>> = BTreeMap::new();
        for wiki in &self.wikis {
            if let Some(list) = &wiki.deployments
                && !self.published.in_use.contains_key(&wiki.id)
            {
                lists.entry(list).or_default().push(&wiki.id);
            }
        }
        for (name, wikis) in lists {
            // It need not exist: then nothing is imported.
            if !disk::look(&self.options.config.join(name)).is_ok_and(|found| found.is_some()) {
                continue;
            }
            match self.sources.read(name) {
                Ok(list) => {
                    for wiki in wikis {
                        let mut entries = list.root.map().unwrap_or_default().iter();
                        let entry = entries.find(|(key, _)| key.name().is_some_and(|name| name == wiki.as_str()));
                        if let Some(version) = entry.and_then(|(_, version)| version.name()) {
                            self.imported.insert(wiki.clone(), version.into_owned());
                        }
                    }
                }
                Err(finding) => self.findings.push(*finding),
            }
        }
    }

    /// The versions of wikis whose upgrades are delayed from now on: what they had until now. One whose version was kept
    /// here and is lost has data of nobody knows which.
    fn begin_delays(&mut self) {
        let Some(manifest) = &self.published.manifest else { return };
        for wiki in self.wikis.iter().filter(|wiki| wiki.deployments.is_some() && wiki.version.is_some()) {
            let at_once = |before: &published::Wiki| !before.delayed && !before.version.is_empty();
            if manifest.wikis.get(&wiki.id).is_some_and(at_once) {
                // A version kept here is from an earlier time of delays; since then it has changed at once.
                self.published.in_use.remove(&wiki.id);
            }
            if self.published.in_use.contains_key(&wiki.id) {
                continue;
            }
            match manifest.wikis.get(&wiki.id) {
                Some(before) if before.delayed => {
                    let link = self.options.output.join(published::VERSIONS).join(wiki.id.as_str());
                    let message = format!("`{}` is gone, which said the version of the wiki's data", link.display());
                    let hint = format!("put it back: `ln -s VERSION {}`", link.display());
                    self.findings.push(Finding::error(wiki.mark, &*wiki.farm, message).of_wiki(&wiki.id).hint(hint));
                    self.broken.insert(wiki.id.clone());
                }
                Some(before) if !before.version.is_empty() => {
                    self.imported.entry(wiki.id.clone()).or_insert_with(|| before.version.clone());
                }
                _ => {}
            }
        }
    }

    fn read_trees(&mut self, tree: &Path) -> Result<(), Error> {
        let mut directories: BTreeMap<String, PathBuf> = BTreeMap::new();
        match &self.options.code {
            None => {
                let directory = self.options.tree.clone().unwrap_or_else(|| tree.to_owned());
                if !tree::is_mediawiki(&directory) {
                    let message = format!("there is no MediaWiki in `{}`", directory.display());
                    let hint =
                        "`tree` of mwfarm.yml names its directory, or `code` that of several versions; else `-d` does";
                    self.findings.push(Finding::warning(options::FILE, "tree", message).hint(hint));
                }
                directories.insert(String::new(), directory);
            }
            Some(code) => {
                for wiki in &self.wikis {
                    directories.extend(self.versions(wiki).into_iter().map(|v| (v.clone(), code.join(v))));
                }
            }
        }
        for (version, directory) in directories {
            let failed = |source| Error::Tree { directory: directory.clone(), source };
            if !version.is_empty() && !tree::is_mediawiki(&directory) {
                self.refuse_version(&version);
                continue;
            }
            let real = disk::real_path(&directory).map_err(failed)?;
            self.entry_points.extend(disk::names(&real).map_err(failed)?);
            self.trees.insert(version, Tree::read(&real).map_err(failed)?);
        }
        Ok(())
    }

    /// A version in use whose directory is gone.
    fn refuse_version(&mut self, version: &str) {
        for wiki in &self.wikis {
            if self.versions(wiki).iter().any(|other| other == version) {
                let message = format!("the version in use, `{}`, is no directory of MediaWiki", version.escape_debug());
                let hint = "put it back until `mwfarm run update` has brought the wiki to another one";
                self.findings.push(Finding::error(wiki.mark, wiki.farm.clone(), message).of_wiki(&wiki.id).hint(hint));
                self.broken.insert(wiki.id.clone());
            }
        }
    }

    /// The versions that a wiki is compiled for: the one in use, when its upgrades are delayed, and the one asked for,
    /// which comes last. An empty one without versions.
    #[must_use]
    pub fn versions(&self, wiki: &FarmWiki) -> Vec<String> {
        let Some((asked, _)) = &wiki.version else { return vec![String::new()] };
        let in_use = wiki.deployments.as_ref().and_then(|_| self.in_use(&wiki.id));
        let mut versions: Vec<String> = in_use.map(str::to_owned).into_iter().collect();
        if self.published.in_use.get(&wiki.id).is_some_and(|state| state.updating) {
            // What update.php is on the way to may not be what is asked for any more.
            let before = self.published.manifest.as_ref().and_then(|manifest| manifest.wikis.get(&wiki.id));
            versions.extend(before.into_iter().flat_map(|wiki| wiki.compiled.keys().cloned()));
            versions.sort();
            versions.dedup();
        }
        versions.retain(|version| version != asked);
        versions.push(asked.clone());
        versions
    }

    /// The version that the data of a wiki is for, as far as anybody knows.
    #[must_use]
    pub fn in_use(&self, wiki: &WikiId) -> Option<&str> {
        let state = self.published.in_use.get(wiki).map(|state| state.version.as_str());
        state.or_else(|| self.imported.get(wiki).map(String::as_str))
    }
}

/// The tags that a main file declares.
fn tags(main: &Document) -> BTreeSet<String> {
    let farms = main.root.map().unwrap_or_default().iter();
    let tags = farms.filter_map(|(_, farm)| farm.map()?.iter().find(|(key, _)| key.name().as_deref() == Some("tags")));
    tags.flat_map(|(_, tags)| tags.map().unwrap_or_default())
        .filter_map(|(tag, _)| tag.name().map(std::borrow::Cow::into_owned))
        .collect()
}

/// All wikis, those that are named as they are under these versions.
fn enumerate(
    main: &Document,
    options: &Options,
    tree: &Path,
    in_use: &BTreeMap<WikiId, String>,
    sources: &mut Sources,
) -> Enumeration {
    let code = options.code.as_deref();
    let place = code.or(options.tree.as_deref()).unwrap_or(tree).to_string_lossy();
    let is_version = |version: &str| code.is_some_and(|code| tree::is_mediawiki(&code.join(version)));
    let active = |wiki: &WikiId| in_use.get(wiki).cloned();
    let mode = match code {
        None => Mode::Monoversion { code: &place },
        Some(_) => Mode::Multiversion { code: &place, is_version: &is_version, active: &active },
    };
    farms::enumerate(main, &mode, &mut |name| sources.read(name))
}

/// Wikis that are there but cannot be described: those that errors name, those of a farm whose `server` or `tags` are
/// wrong, and, as long as anything is wrong with the farms, those compiled before that are not found any more: an error
/// may hide them.
fn broken(found: &Enumeration, published: &Published) -> BTreeSet<WikiId> {
    let errors = || found.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let mut broken = found.broken.clone();
    if errors().next().is_none() {
        return broken;
    }
    broken.extend(errors().filter_map(|finding| finding.wiki.clone()));
    let known: BTreeSet<&WikiId> = found.wikis.iter().map(|wiki| &wiki.id).collect();
    let before = published.manifest.iter().flat_map(|manifest| manifest.wikis.keys());
    broken.extend(before.filter(|id| !known.contains(id)).cloned());
    // Without its tags, or without its hosts, a wiki would be another one.
    let of_farm = errors().filter(|finding| finding.wiki.is_none()).filter_map(|finding| {
        let (farm, field) = finding.field.split_once('.')?;
        ["server", "tags"].iter().any(|key| field.starts_with(key)).then_some(farm)
    });
    let farms: BTreeSet<&str> = of_farm.collect();
    broken.extend(found.wikis.iter().filter(|wiki| farms.contains(&*wiki.farm)).map(|wiki| wiki.id.clone()));
    broken
}
