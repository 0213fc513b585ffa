//! Extensions and skins: packages and directories, with Composer's edges and extension registration's.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::source::Sources;
use super::super::{Extension, Kind, Package};
use super::root::{Cover, Root};
use super::{Draft, constraint, push, put};

/// One extension while it is drawn.
struct Plan {
    /// Its number.
    index: usize,
    /// The last part of its directory.
    directory: String,
    /// Its directory.
    id: String,
    /// What other manifests require it by, when it has a manifest.
    manifest_name: Option<String>,
    /// Its package and the version of it, when Composer installs it.
    package: Option<(String, &'static str)>,
    /// A virtual package for which it stands.
    provides: Option<String>,
}

impl Draft {
    /// Draws all extensions; the packages among them come back apart, and are required by the root.
    pub(super) fn extensions(&mut self, count: usize, root: &mut Root) -> (Vec<Extension>, Vec<Package>) {
        let plans: Vec<Plan> = (0..count).map(|index| self.plan(index)).collect();
        let mut extensions = Vec::new();
        let mut packages = Vec::new();
        let in_local = root.local.is_some() && self.random.chance(60);
        for plan in &plans {
            let mut sources = Sources::default();
            let mut needs = BTreeSet::new();
            self.registration(plan, &plans, &mut sources, &mut needs);
            let mut composer = json!({});
            self.links(plan, &plans, &mut composer, &mut needs);
            self.autoload(plan, &mut composer, &mut sources);
            let kind = if let Some((name, version)) = &plan.package {
                let wanted = if self.random.chance(50) { "*".to_owned() } else { (*version).to_owned() };
                let holder = if in_local { root.local.as_mut() } else { None }.unwrap_or(&mut root.manifest);
                put(holder, "require", name, wanted);
                packages.push(self.package(plan, composer, sources));
                Kind::Package(name.clone())
            } else {
                self.directory(plan, composer, sources, root)
            };
            extensions.push(Extension { id: plan.id.clone(), kind, needs });
        }
        (extensions, packages)
    }

    fn plan(&mut self, index: usize) -> Plan {
        let random = &mut self.random;
        let skin = random.chance(20);
        let word = ["Alpha", "Beta", "Gamma", "Delta", "Eps", "Zeta", "Eta", "Theta", "Iota", "Kappa"][index % 10];
        let is_package = random.chance(50);
        let (directory, package) = if is_package {
            let version = random.pick(&["1.2.3", "4.0.0-beta2", "dev-master", "2.1", "v0.3.0"]);
            let vendor = random.pick(&["mediawiki", "mediawiki", "Farm"]);
            let name = format!("{vendor}/{}-ext", word.to_lowercase());
            (if skin { format!("{}-ext", word.to_lowercase()) } else { format!("{word}Ext") }, Some((name, version)))
        } else {
            (format!("{word}{}", random.pick(&["", "-x", "_Y"])), None)
        };
        let id = format!("{}/{directory}", if skin { "skins" } else { "extensions" });
        let manifest_name = match random.below(12) {
            0 => None,
            1..=4 => Some(format!("The {word}")),
            _ => Some(directory.clone()),
        };
        let provides = (is_package && random.chance(15))
            .then(|| if random.chance(50) { format!("virtual/of-{index}") } else { format!("ext-farm{index}") });
        // Package names keep capitals only in the package itself; links and questions are in lower case.
        let package = package.map(|(name, version)| (name.to_lowercase(), version));
        Plan { index, directory, id, manifest_name, package, provides }
    }

    /// `extension.json` or `skin.json`, and its edges.
    fn registration(&mut self, plan: &Plan, plans: &[Plan], sources: &mut Sources, needs: &mut BTreeSet<String>) {
        let Some(name) = &plan.manifest_name else { return };
        let mut manifest = json!({ "name": name, "manifest_version": 2 });
        if self.random.chance(30) {
            manifest["requires"] = json!({ "MediaWiki": ">= 1.35.0" });
        }
        for other in self.others(plan, plans.len()) {
            let other = &plans[other];
            let Some(other_name) = &other.manifest_name else { continue };
            let kind = if other.id.starts_with("skins/") { "skins" } else { "extensions" };
            let mut requires = manifest["requires"].take();
            if requires.is_null() {
                requires = json!({});
            }
            put(&mut requires, kind, other_name, "*");
            manifest["requires"] = requires;
            needs.insert(other.id.clone());
        }
        let file = if plan.id.starts_with("skins/") { "skin.json" } else { "extension.json" };
        sources.text(file, &serde_json::to_string_pretty(&manifest).expect("JSON"));
        if self.random.chance(8) {
            let second = json!({ "name": format!("{name}Client"), "manifest_version": 2 });
            sources.text("extension-client.json", &second.to_string());
        }
    }

    /// Requirements: on libraries, and on extensions that are packages.
    fn links(&mut self, plan: &Plan, plans: &[Plan], composer: &mut Value, needs: &mut BTreeSet<String>) {
        // Without its installer a package would go below vendor/ in a reference that has no other extension.
        if plan.package.is_some() || self.random.chance(15) {
            put(composer, "require", "composer/installers", "^2.0 || ^1.0.1");
        }
        for at in self.random.some_of(self.libraries.len(), 3) {
            let library = &self.libraries[at];
            let name = library.name();
            let wanted = constraint(&mut self.random, &library.version);
            put(composer, "require", &name, wanted);
        }
        for other in self.others(plan, plans.len()) {
            let other = &plans[other];
            let Some((name, version)) = &other.package else { continue };
            let name = match &other.provides {
                Some(provided) if self.random.chance(60) => provided.clone(),
                _ => name.clone(),
            };
            let wanted = if name.contains("ext-farm") || name.starts_with("virtual/") {
                "*".to_owned()
            } else {
                constraint(&mut self.random, version)
            };
            put(composer, "require", &name, wanted);
            needs.insert(other.id.clone());
        }
        if self.random.chance(30) {
            put(composer, "require", "php", self.random.pick(&[">=7.4", ">=8.1", "^8.0", ">=8.1.0 <9"]));
        }
        if self.random.chance(20) {
            put(composer, "require", self.random.pick(&["ext-mbstring", "ext-ctype"]), "*");
        }
        if self.random.chance(20) {
            let at = self.random.below(self.libraries.len());
            let (name, version) = (self.libraries[at].name(), self.libraries[at].version.clone());
            put(composer, "require-dev", &name, version);
        }
    }

    fn autoload(&mut self, plan: &Plan, composer: &mut Value, sources: &mut Sources) {
        let index = plan.index;
        let mut autoload = json!({});
        if self.random.chance(75) {
            let namespace = format!("MediaWiki\\Extension\\E{index}");
            put(&mut autoload, "psr-4", &format!("{namespace}\\"), self.random.pick(&["src/", "src", "includes/"]));
            for directory in ["src", "includes"] {
                if autoload["psr-4"].to_string().contains(directory) {
                    sources.class(&format!("{directory}/Hooks.php"), &format!("{namespace}\\Hooks"));
                    sources.class(&format!("{directory}/Deep/Store.php"), &format!("{namespace}\\Deep\\Store"));
                }
            }
        }
        if self.random.chance(25) {
            put(&mut autoload, "psr-4", "Shared\\", "shared/");
            sources.class("shared/Common.php", "Shared\\Common");
            sources.class(&format!("shared/OfExtension{index}.php"), &format!("Shared\\OfExtension{index}"));
        }
        if self.random.chance(35) {
            push(&mut autoload, "classmap", json!("classes/"));
            sources.several("classes/all.php", &[&format!("Special{index}"), &format!("E{index}\\Inner")]);
            if self.random.chance(50) {
                sources.class("classes/Mapped.php", "Mapped");
            }
            if self.random.chance(40) {
                push(&mut autoload, "exclude-from-classmap", json!("classes/tests"));
                sources.class("classes/tests/T.php", &format!("Special{index}Test"));
            }
        }
        if self.random.chance(45) {
            push(&mut autoload, "files", json!(format!("{}.php", plan.directory)));
            sources.loaded_always(
                &format!("{}.php", plan.directory),
                &[&format!("farm_extension_{index}"), "farm_shared"],
            );
        }
        if self.random.chance(15) {
            put(&mut autoload, "psr-0", &format!("Ext{index}_"), "old/");
            sources.class(&format!("old/Ext{index}/Thing.php"), &format!("Ext{index}_Thing"));
        }
        if autoload.as_object().is_some_and(|rules| !rules.is_empty()) {
            composer["autoload"] = autoload;
        }
        if self.random.chance(15) {
            composer["autoload-dev"] = json!({ "psr-4": { format!("E{index}\\Tests\\"): "tests/" } });
            sources.class("tests/SomeTest.php", &format!("E{index}\\Tests\\SomeTest"));
        }
    }

    /// An extension that Composer installs.
    fn package(&mut self, plan: &Plan, mut composer: Value, mut sources: Sources) -> Package {
        let (name, version) = plan.package.as_ref().expect("a package");
        let kind = if plan.id.starts_with("skins/") { "mediawiki-skin" } else { "mediawiki-extension" };
        let camel: String = name.split('/').nth(1).unwrap_or_default().split('-').map(capitalised).collect();
        let by_rule =
            if kind == "mediawiki-skin" { name.split('/').nth(1).unwrap_or_default().to_owned() } else { camel };
        let mut manifest = json!({ "name": name, "version": version, "type": kind });
        if by_rule != plan.directory {
            put(&mut manifest, "extra", "installer-name", plan.directory.clone());
        }
        if let Some(provided) = &plan.provides {
            put(&mut manifest, self.random.pick(&["provide", "replace"]), provided, "1.0");
        }
        if self.random.chance(50) {
            manifest["reference"] = json!(format!("{:016x}", self.random.next()));
        }
        if let (Some(fields), Some(more)) = (manifest.as_object_mut(), composer.as_object_mut()) {
            fields.append(more);
        }
        if self.random.chance(50) {
            let mut shipped = manifest.clone();
            shipped.as_object_mut().expect("an object").shift_remove("version");
            sources.text("composer.json", &serde_json::to_string_pretty(&shipped).expect("JSON"));
        }
        Package { manifest, sources }
    }

    /// An extension that was unpacked in the tree.
    fn directory(&mut self, plan: &Plan, mut composer: Value, sources: Sources, root: &mut Root) -> Kind {
        let has_composer = self.random.chance(85) || composer["require"].is_object();
        if !has_composer {
            return Kind::Directory { composer: None, covered: false, sources };
        }
        if self.random.chance(40) {
            composer["name"] = json!(format!("mediawiki/{}", plan.directory.to_lowercase()));
            composer["type"] = json!("mediawiki-extension");
        }
        let covered = match root.cover {
            Cover::All => true,
            Cover::Listed => self.random.chance(60),
            Cover::Nothing => false,
        };
        if covered && root.cover == Cover::Listed {
            let include = root.local.as_mut().and_then(|local| local.pointer_mut("/extra/merge-plugin/include"));
            let include = include.and_then(Value::as_array_mut).expect("a list of includes");
            include.insert(self.random.below(include.len() + 1), json!(format!("{}/composer.json", plan.id)));
        }
        if covered && self.random.chance(30) {
            let links = self.random.pick(&["provide", "replace", "conflict"]);
            put(&mut composer, links, &format!("of-directory/{}", plan.index), "1.1");
        }
        // What a directory requires lies in vendor, whoever put it there.
        if !covered {
            for (name, wanted) in composer["require"].as_object().into_iter().flatten() {
                if name.contains('/') {
                    root.unlisted.entry(name).or_insert_with(|| wanted.clone());
                }
            }
        }
        Kind::Directory { composer: Some(composer), covered, sources }
    }

    /// Extensions that this one needs: mostly earlier ones, sometimes a later one, which makes cycles.
    fn others(&mut self, plan: &Plan, count: usize) -> Vec<usize> {
        let mut others = if plan.index == 0 { Vec::new() } else { self.random.some_of(plan.index, 2) };
        if self.random.chance(35) {
            others.clear();
        }
        if self.random.chance(8) {
            others.push(self.random.below(count));
        }
        others.retain(|&other| other != plan.index);
        others
    }
}

/// The word with a capital first.
fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
