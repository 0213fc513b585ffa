//! Farms from the facts of real packages: names, versions, constraints and autoload rules of `fixtures/corpus`, with
//! class files that fit the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::random::Random;
use super::source::Sources;
use super::{Extension, Farm, Kind, MERGE_PLUGIN, Package};

/// A farm with a random part of the corpus' extensions, of one of its two eras.
pub(crate) fn farm(seed: u64) -> Farm {
    let mut random = Random::new(seed);
    let era = random.pick(&["release", "newest"]);
    let facts = facts(era);
    let optional = facts.values().filter(|fact| fact.is_extension()).count();
    let mut chosen = random.some_of(optional, 10);
    chosen.push(random.below(optional));
    let all: Vec<&str> = facts.values().filter(|fact| fact.is_extension()).map(|fact| fact.name.as_str()).collect();
    let chosen = closed(&facts, chosen.into_iter().map(|at| all[at].to_owned()).collect());
    let required: BTreeSet<&String> = chosen.iter().flat_map(|name| facts[name].requires.iter()).collect();

    let mut root = json!({
        "name": "mediawiki/core",
        "version": "1.39.17",
        "minimum-stability": "dev",
        "prefer-stable": true,
        "require": { "php": ">=7.4.3", MERGE_PLUGIN: "2.1.0", "psr/log": "^1.1", "wikimedia/textcat": "*" },
        "replace": { "symfony/polyfill-ctype": "1.99", "symfony/polyfill-mbstring": "1.99" },
        "config": {
            "allow-plugins": { MERGE_PLUGIN: true, "composer/installers": true },
            "optimize-autoloader": true,
            "prepend-autoloader": false,
            // The corpus asks for versions of PHP that no one PHP meets.
            "platform": { "php": "8.2.20" },
        },
        "extra": { "merge-plugin": { "include": ["composer.local.json"], "merge-dev": false } },
    });
    if random.chance(30) {
        root["config"]["classmap-authoritative"] = json!(true);
    }
    let mut local_require = Map::new();
    let mut unlisted = Map::new();
    let mut packages = Vec::new();
    let mut extensions = Vec::new();
    let mut listed = Vec::new();
    let known: BTreeSet<&str> =
        facts.values().flat_map(|fact| &fact.registration).filter_map(|manifest| manifest["name"].as_str()).collect();
    let cover_all = random.chance(60);
    for name in &chosen {
        let fact = &facts[name];
        let mut needs = fact.needs(&facts);
        for name in fact.wanted().into_iter().filter(|name| !known.contains(name.as_str())) {
            needs.insert(bundled(name, &mut extensions));
        }
        let alone = !required.contains(name) && !fact.stands_for_others(&facts, &chosen);
        if alone && random.chance(30) {
            let covered = cover_all || random.chance(50);
            let mut composer = fact.manifest.clone();
            composer.as_object_mut().expect("an object").shift_remove("version");
            if random.chance(50) {
                composer.as_object_mut().expect("an object").shift_remove("name");
            }
            if covered {
                listed.push(format!("{}/composer.json", fact.id));
            } else {
                let require = composer["require"].as_object().into_iter().flatten();
                unlisted.extend(require.filter(|(name, _)| name.contains('/')).map(|(k, v)| (k.clone(), v.clone())));
            }
            let kind = Kind::Directory { composer: Some(composer), covered, sources: fact.sources(false) };
            extensions.push(Extension { id: fact.id.clone(), kind, needs });
        } else {
            local_require.insert(name.clone(), json!("*"));
            extensions.push(Extension { id: fact.id.clone(), kind: Kind::Package(name.clone()), needs });
        }
    }
    let by_composer: BTreeSet<&str> = local_require.keys().map(String::as_str).collect();
    for fact in facts.values().filter(|fact| !fact.is_extension() || by_composer.contains(fact.name.as_str())) {
        packages.extend(versions(fact, &facts, random.chance(50)));
    }
    packages.extend(strangers(&facts));
    let include =
        if cover_all { json!(["extensions/*/composer.json", "skins/*/composer.json"]) } else { json!(listed) };
    let local = json!({ "require": local_require, "extra": { "merge-plugin": { "include": include } } });
    let name = format!("farm of the corpus ({era}), MWFARM_SEED={seed}");
    Farm { name, root, local: Some(local), unlisted, dev: false, sources: Sources::default(), packages, extensions }
}

/// Adds an extension that the corpus names and does not hold, as MediaWiki bundles it; returns its directory.
fn bundled(name: &str, extensions: &mut Vec<Extension>) -> String {
    let id = format!("extensions/{name}");
    if !extensions.iter().any(|extension| extension.id == id) {
        let mut sources = Sources::default();
        sources.text("extension.json", &json!({ "name": name, "manifest_version": 2 }).to_string());
        let kind = Kind::Directory { composer: None, covered: false, sources };
        extensions.push(Extension { id: id.clone(), kind, needs: BTreeSet::new() });
    }
    id
}

/// What the corpus says of one package.
struct Fact {
    name: String,
    /// Its directory, when it is an extension.
    id: String,
    /// Its `composer.json` with `version`, without our own field `manifests`.
    manifest: Value,
    /// Names of packages that it requires, in lower case.
    requires: BTreeSet<String>,
    /// `extension.json` and its like: `file`, `name`, `requires`.
    registration: Vec<Value>,
}

impl Fact {
    fn new(mut manifest: Value) -> Self {
        let fields = manifest.as_object_mut().expect("a package is an object");
        let registration = fields.shift_remove("manifests");
        let registration = registration.and_then(|list| list.as_array().cloned()).unwrap_or_default();
        let name = manifest["name"].as_str().expect("a package has a name").to_owned();
        let short = name.split('/').nth(1).unwrap_or_default();
        let installer_name = manifest["extra"]["installer-name"].as_str().map(str::to_owned);
        let camel: String = short
            .split('-')
            .map(|word| {
                word.chars().next().map(|c| c.to_ascii_uppercase()).into_iter().collect::<String>() + &word[1..]
            })
            .collect();
        let id = match manifest["type"].as_str() {
            Some("mediawiki-extension") => format!("extensions/{}", installer_name.unwrap_or(camel)),
            Some("mediawiki-skin") => format!("skins/{}", installer_name.unwrap_or(short.to_owned())),
            _ => String::new(),
        };
        // Indexing a value adds what it does not find.
        if manifest["extra"].is_null() {
            manifest.as_object_mut().expect("a package is an object").shift_remove("extra");
        }
        let requires = super::world::names(&manifest["require"]).into_iter().collect();
        Self { name, id, manifest, requires, registration }
    }

    fn is_extension(&self) -> bool {
        !self.id.is_empty()
    }

    /// The extensions that it needs, over both kinds of edges.
    fn needs(&self, facts: &BTreeMap<String, Fact>) -> BTreeSet<String> {
        let extensions = || facts.values().filter(|fact| fact.is_extension() && fact.name != self.name);
        let by_package = |fact: &&Fact| {
            let replaced = super::world::names(&fact.manifest["replace"]);
            self.requires.contains(&fact.name) || replaced.iter().any(|name| self.requires.contains(name))
        };
        let wanted = self.wanted();
        let by_name = |fact: &&Fact| {
            let mut names = fact.registration.iter().filter_map(|manifest| manifest["name"].as_str());
            names.any(|name| wanted.iter().any(|wanted| *wanted == name))
        };
        extensions().filter(|fact| by_package(fact) || by_name(fact)).map(|fact| fact.id.clone()).collect()
    }

    /// The names by which its manifests require other extensions and skins.
    fn wanted(&self) -> BTreeSet<&String> {
        self.registration
            .iter()
            .flat_map(|manifest| ["extensions", "skins"].map(|kind| manifest["requires"][kind].as_object()))
            .flatten()
            .flat_map(Map::keys)
            .collect()
    }

    /// Whether another chosen extension requires what this one replaces.
    fn stands_for_others(&self, facts: &BTreeMap<String, Fact>, chosen: &BTreeSet<String>) -> bool {
        let replaced = super::world::names(&self.manifest["replace"]);
        chosen.iter().any(|other| replaced.iter().any(|name| facts[other].requires.contains(name)))
    }

    /// Files that fit the autoload rules, and the manifests of extension registration.
    fn sources(&self, ships_manifest: bool) -> Sources {
        let mut sources = Sources::default();
        for manifest in &self.registration {
            let mut manifest = manifest.clone();
            let file = manifest.as_object_mut().and_then(|fields| fields.shift_remove("file")).expect("a file name");
            sources.text(file.as_str().expect("a file name"), &manifest.to_string());
        }
        fill(&mut sources, &self.manifest["autoload"], &self.name);
        if ships_manifest {
            let mut manifest = self.manifest.clone();
            manifest.as_object_mut().expect("an object").shift_remove("version");
            sources.text("composer.json", &manifest.to_string());
        }
        sources
    }
}

/// The packages of an era, by name.
fn facts(era: &str) -> BTreeMap<String, Fact> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/corpus/{era}.json"));
    let text = fs::read(&file).expect("the corpus is readable");
    let packages: Vec<Value> = serde_json::from_slice(&text).expect("the corpus is JSON");
    let mut facts = BTreeMap::new();
    for manifest in packages {
        let fact = Fact::new(manifest);
        facts.insert(fact.name.clone(), fact);
    }
    facts
}

/// The chosen extensions with all that they need.
fn closed(facts: &BTreeMap<String, Fact>, chosen: Vec<String>) -> BTreeSet<String> {
    let by_id: BTreeMap<&str, &str> = facts.values().map(|fact| (fact.id.as_str(), fact.name.as_str())).collect();
    let mut closed = BTreeSet::new();
    let mut waiting = chosen;
    while let Some(name) = waiting.pop() {
        if closed.insert(name.clone()) {
            waiting.extend(facts[&name].needs(facts).iter().map(|id| by_id[id.as_str()].to_owned()));
        }
    }
    closed
}

/// A package in its own version, and in those for which others ask: the corpus holds one version of each, and not
/// all of one era fit each other. What those other versions require is not known; they take any version.
fn versions(fact: &Fact, facts: &BTreeMap<String, Fact>, ships_manifest: bool) -> Vec<Package> {
    let own = fact.manifest["version"].as_str().expect("a package has a version");
    let mut versions: BTreeSet<String> = asked_for(&fact.name, facts);
    versions.remove(own.trim_start_matches('v'));
    let package = |version: &str| {
        let mut manifest = fact.manifest.clone();
        manifest["version"] = json!(version);
        if version != own {
            for (name, constraint) in manifest.get_mut("require").and_then(Value::as_object_mut).into_iter().flatten() {
                if name.contains('/') {
                    *constraint = json!("*");
                }
            }
        }
        Package { manifest, sources: fact.sources(ships_manifest) }
    };
    [own].into_iter().chain(versions.iter().map(String::as_str)).map(package).collect()
}

/// Libraries that the corpus names and does not hold, with rules of our own.
fn strangers(facts: &BTreeMap<String, Fact>) -> Vec<Package> {
    let named: BTreeSet<&String> = facts.values().flat_map(|fact| fact.requires.iter()).collect();
    let replaced: BTreeSet<String> =
        facts.values().flat_map(|fact| super::world::names(&fact.manifest["replace"])).collect();
    let mut packages = Vec::new();
    let extra = String::from("psr/log");
    for name in named.into_iter().chain([&extra]) {
        let stranger = name.contains('/') && !facts.contains_key(name) && !replaced.contains(name);
        if !stranger || name == "composer/installers" || packages.iter().any(|other: &Package| other.name() == *name) {
            continue;
        }
        let words: Vec<String> =
            name.split(['/', '-', '.']).map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        let mut autoload = json!({ "psr-4": { format!("{}\\", words.join("\\")): "src/" } });
        if name.len() % 3 == 0 {
            autoload["files"] = json!(["functions.php"]);
        }
        let mut sources = Sources::default();
        fill(&mut sources, &autoload, name);
        let mut versions = asked_for(name, facts);
        versions.insert("1.1.4".to_owned());
        for version in versions {
            let manifest = json!({ "name": name, "version": version, "autoload": autoload });
            packages.push(Package { manifest, sources: sources.clone() });
        }
    }
    packages
}

/// A version for each alternative of each constraint that the era puts on a package.
fn asked_for(name: &str, facts: &BTreeMap<String, Fact>) -> BTreeSet<String> {
    let mut versions = BTreeSet::new();
    for fact in facts.values() {
        let constraints = fact.manifest["require"].as_object().into_iter().flatten();
        for (_, constraint) in constraints.filter(|(other, _)| other.eq_ignore_ascii_case(name)) {
            for part in constraint.as_str().unwrap_or_default().split(['|', ',', ' ']) {
                let part = part.trim_start_matches(['^', '~', '=', '>', 'v']).split('@').next().unwrap_or_default();
                let numbers: Vec<&str> = part.split('.').take_while(|part| part.parse::<u32>().is_ok()).collect();
                if !numbers.is_empty() {
                    versions.insert([&numbers[..], &["0", "0"]].concat()[..3.max(numbers.len())].join("."));
                }
            }
        }
    }
    versions
}

/// Writes the files to which autoload rules lead.
fn fill(sources: &mut Sources, autoload: &Value, name: &str) {
    let tag: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let at = |directory: &str, rest: &str| {
        let directory = directory.trim_start_matches("./").trim_end_matches('/');
        if directory.is_empty() { rest.to_owned() } else { format!("{directory}/{rest}") }
    };
    for (prefix, directories) in autoload["psr-4"].as_object().into_iter().flatten() {
        for directory in texts(directories) {
            for (class, file) in [("Thing", "Thing.php"), ("Deep\\Other", "Deep/Other.php")] {
                sources.class(&at(directory, file), &format!("{prefix}{class}"));
            }
        }
    }
    for (prefix, directories) in autoload["psr-0"].as_object().into_iter().flatten() {
        for directory in texts(directories) {
            let class = if prefix.ends_with('\\') { format!("{prefix}Psr0{tag}") } else { format!("{prefix}_Psr0") };
            sources.class(&at(directory, &(class.replace(['\\', '_'], "/") + ".php")), &class);
        }
    }
    for (index, path) in texts(&autoload["classmap"]).into_iter().enumerate() {
        let path = if Path::new(path).extension().is_some() { path.to_owned() } else { at(path, "mapped.php") };
        if !sources.files.contains_key(&path) {
            sources.several(&path, &[&format!("{tag}_Mapped{index}"), &format!("Mapped\\{tag}\\C{index}")]);
        }
    }
    for pattern in texts(&autoload["exclude-from-classmap"]) {
        let pattern = pattern.trim_matches('/');
        if !pattern.contains('*') && !pattern.is_empty() {
            sources.class(&format!("{pattern}/Hidden.php"), &format!("{tag}_Hidden"));
        }
    }
    for path in texts(&autoload["files"]) {
        if !sources.files.contains_key(path) {
            sources.loaded_always(path, &[&format!("farm_{tag}")]);
        }
    }
}

/// A text, or the texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
