//! Farms to measure: a tree as Composer leaves it, of any size, the same on every machine.
//!
//! A farm of N extensions has 3.5 N packages and about 160 N PHP files of 3.5 KB; 50 extensions make the farm that
//! the figures in the README are about. Half of the extensions are packages, half are directories that the merge
//! plugin includes; every tenth is a skin. Wikis are as many as extensions: N/2 combinations, each of one to three
//! wikis. What the base needs, how many extensions a wiki has on and how much a package requires do not grow with N,
//! as they do not in real farms; so a build whose time is linear in N does linear work.

mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Libraries of the base.
const BASE: usize = 20;

/// Libraries that require each other lie in families of this size.
const FAMILY: usize = 10;

/// A farm, not yet on disk.
pub(crate) struct Farm {
    /// The root's `composer.json`.
    pub(crate) root: Value,
    /// The root's `composer.local.json`.
    pub(crate) local: Value,
    /// Packages as `installed.json` lists them.
    pub(crate) packages: Vec<Value>,
    /// What is written below the root: by path, the text, or where the text is made from.
    files: BTreeMap<String, Text>,
    /// `wikis.yml`.
    pub(crate) wikis: String,
}

enum Text {
    Json(Value),
    Class { namespace: String, name: String, number: usize },
    Functions(String),
}

impl Farm {
    /// A farm with so many extensions, at least ten.
    pub(crate) fn new(extensions: usize) -> Self {
        assert!(extensions >= 10, "a farm has ten extensions or more");
        let mut random = Random(extensions as u64);
        let mut farm = Self {
            root: json!({
                "name": "mediawiki/core",
                "type": "mediawiki-core",
                "license": "GPL-2.0-or-later",
                "require": { "php": ">=7.4" },
                "autoload": { "psr-0": { "ComposerHookHandler": "includes/composer" } },
                "config": {
                    "optimize-autoloader": true,
                    "prepend-autoloader": false,
                    "allow-plugins": { "wikimedia/composer-merge-plugin": true, "composer/installers": true },
                },
                "extra": { "merge-plugin": { "include": ["composer.local.json"], "merge-dev": false } },
            }),
            local: json!({ "require": {}, "extra": { "merge-plugin": { "include": [] } } }),
            packages: plugins(),
            files: BTreeMap::new(),
            wikis: String::new(),
        };
        for plugin in &farm.packages {
            farm.root["require"][text(plugin, "name")] = json!("*");
        }
        let libraries = extensions * 3 - farm.packages.len();
        for number in 0..libraries {
            farm.library(number, &mut random);
        }
        let first_of = |extension: usize| BASE + extension * (libraries - BASE) / extensions;
        for number in 0..extensions {
            // Its own libraries, so that there is none that nobody requires, and perhaps one of others.
            let mut wanted: Vec<usize> = (first_of(number)..first_of(number + 1)).collect();
            if random.below(2) == 0 {
                wanted.push(random.below(libraries));
            }
            farm.extension(number, &wanted, &mut random);
        }
        farm.packages.sort_by(|a, b| text(a, "name").cmp(text(b, "name")));
        farm.write_wikis(extensions, &mut random);
        farm
    }

    /// Writes the tree, without the files that Composer generates. Returns how many PHP files were written.
    pub(crate) fn write(&self, tree: &Path) -> io::Result<usize> {
        fs::create_dir_all(tree.join("vendor/composer"))?;
        for package in &self.packages {
            fs::create_dir_all(tree.join("vendor/composer").join(text(package, "install-path")))?;
        }
        write(tree, "composer.json", &pretty(&self.root))?;
        write(tree, "composer.local.json", &pretty(&self.local))?;
        write(tree, "wikis.yml", &self.wikis)?;
        let installed = json!({ "packages": self.packages, "dev": true, "dev-package-names": [] });
        write(tree, "vendor/composer/installed.json", &pretty(&installed))?;
        write(tree, "vendor/composer/InstalledVersions.php", &source::class("Composer", "InstalledVersions", 0))?;
        for (path, content) in &self.files {
            match content {
                Text::Json(value) => write(tree, path, &pretty(value))?,
                Text::Class { namespace, name, number } => {
                    write(tree, path, &source::class(namespace, name, *number))?;
                }
                Text::Functions(function) => write(tree, path, &source::functions(function))?,
            }
        }
        Ok(1 + self.files.values().filter(|content| !matches!(content, Text::Json(_))).count())
    }

    fn library(&mut self, number: usize, random: &mut Random) {
        let name = library_name(number);
        let mut require = Map::from_iter([("php".to_owned(), json!(">=7.4"))]);
        let family = number - number % FAMILY;
        if number > family {
            for _ in 0..random.below(3) {
                require.insert(library_name(family + random.below(number - family)), json!("^1.0"));
            }
        }
        if number < BASE {
            self.root["require"][&name] = json!("^1.0");
        }
        let namespace = format!("{}\\Library{number}", camel(VENDORS[number % VENDORS.len()]));
        let files = 20 + random.below(41);
        let directory = format!("vendor/{name}");
        let mut autoload = match number % 10 {
            0 => json!({ "classmap": ["lib/"] }),
            5 => json!({ "psr-0": { format!("{namespace}\\"): "src/" } }),
            _ => json!({ "psr-4": { format!("{namespace}\\"): "src/" } }),
        };
        let source = match number % 10 {
            0 => format!("{directory}/lib"),
            5 => format!("{directory}/src/{}", namespace.replace('\\', "/")),
            _ => format!("{directory}/src"),
        };
        self.classes(&source, &namespace, files, random);
        if number.is_multiple_of(6) {
            autoload["files"] = json!(["functions.php"]);
            let function = format!("farm_library_{number}");
            self.files.insert(format!("{directory}/functions.php"), Text::Functions(function));
        }
        if number.is_multiple_of(8) {
            autoload["exclude-from-classmap"] = json!(["**/Tests/"]);
        }
        let install_path = format!("../{name}");
        self.packages.push(package(&name, "library", &install_path, &require, &autoload, random));
    }

    fn extension(&mut self, number: usize, wanted: &[usize], random: &mut Random) {
        let skin = number % 10 == 9;
        let directory = extension_directory(number);
        let (_, short) = directory.split_once('/').unwrap_or_default();
        let mut require = Map::from_iter([("php".to_owned(), json!(">=7.4"))]);
        require.extend(wanted.iter().map(|&library| (library_name(library), json!("^1.0"))));
        let namespace = format!("MediaWiki\\{}\\{short}", if skin { "Skin" } else { "Extension" });
        let autoload = json!({ "psr-4": { format!("{namespace}\\"): "includes/" } });
        let files = 20 + random.below(41);
        self.classes(&format!("{directory}/includes"), &namespace, files, random);

        let mut requires = json!({ "MediaWiki": ">= 1.39" });
        if number % 10 > 4 && random.below(2) == 0 {
            // One of the first extensions of its ten.
            let other = number / 10 * 10 + random.below(4);
            let name = extension_directory(other);
            requires["extensions"] = json!({ name.split_once('/').unwrap_or_default().1: "*" });
        }
        let manifest = format!("{directory}/{}.json", if skin { "skin" } else { "extension" });
        let mut registered = json!({ "name": short, "version": "1.0.0", "requires": requires, "manifest_version": 2 });
        for section in ["MessagesDirs", "ResourceModules", "HookHandlers", "AutoloadNamespaces"] {
            registered[section] = json!({ namespace.as_str(): [format!("{section}/of/{short}")] });
        }
        self.files.insert(manifest, Text::Json(registered));

        let name = format!("mediawiki/{}", short.to_lowercase());
        let kind = if skin { "mediawiki-skin" } else { "mediawiki-extension" };
        let composer = json!({
            "name": name,
            "type": kind,
            "license": "GPL-2.0-or-later",
            "require": require,
            "autoload": autoload,
            "extra": { "installer-name": short },
        });
        self.files.insert(format!("{directory}/composer.json"), Text::Json(composer));
        if number.is_multiple_of(2) {
            self.local["require"][&name] = json!("^1.0");
            let mut package = package(&name, kind, &format!("../../{directory}"), &require, &autoload, random);
            package["extra"] = json!({ "installer-name": short });
            self.packages.push(package);
        } else if let Value::Array(include) = &mut self.local["extra"]["merge-plugin"]["include"] {
            include.push(json!(format!("{directory}/composer.json")));
        }
    }

    /// Adds classes below a directory, some of them in directories of their own.
    fn classes(&mut self, directory: &str, namespace: &str, files: usize, random: &mut Random) {
        const PARTS: [&str; 6] = ["Api", "Storage", "Formatters", "Hooks", "Exceptions", "Maintenance"];
        for number in 0..files {
            let name = format!("{}{number}", PARTS[number % PARTS.len()].trim_end_matches('s'));
            let part = PARTS[number / 8 % PARTS.len()];
            let (path, namespace) = if number % 3 == 0 {
                (format!("{directory}/{name}.php"), namespace.to_owned())
            } else {
                (format!("{directory}/{part}/{name}.php"), format!("{namespace}\\{part}"))
            };
            self.files.insert(path, Text::Class { namespace, name, number: random.below(1000) });
        }
    }

    fn write_wikis(&mut self, extensions: usize, random: &mut Random) {
        self.wikis.push_str("wikis:\n");
        let mut wiki = 0;
        for combination in 0..extensions / 2 {
            let mut on: BTreeMap<bool, Vec<String>> = BTreeMap::new();
            // The first ones are what most wikis have; one is this combination's own.
            let mut chosen: Vec<usize> = (0..3 + random.below(12)).map(|_| random.below(extensions)).collect();
            chosen.extend([combination, extensions - 1 - combination, 9, 0]);
            chosen.sort_unstable();
            chosen.dedup();
            for extension in chosen {
                let directory = extension_directory(extension);
                let (parent, name) = directory.split_once('/').unwrap_or_default();
                on.entry(parent == "skins").or_default().push(name.to_owned());
            }
            let list = |skins: bool| on.get(&skins).map(|names| names.join(", ")).unwrap_or_default();
            for _ in 0..=combination % 3 {
                let _ = writeln!(
                    self.wikis,
                    "  wiki{wiki}: {{ hosts: [wiki{wiki}.example.org], extensions: [{}], skins: [{}] }}",
                    list(false),
                    list(true)
                );
                wiki += 1;
            }
        }
    }
}

const VENDORS: [&str; 16] = [
    "acorn", "birch", "cedar", "elm", "fir", "ginkgo", "hazel", "ivy", "juniper", "larch", "maple", "oak", "pine",
    "rowan", "spruce", "willow",
];

fn library_name(number: usize) -> String {
    format!("{}/library-{number}", VENDORS[number % VENDORS.len()])
}

/// Where an extension lies; some are skins.
pub(crate) fn extension_directory(number: usize) -> String {
    if number % 10 == 9 { format!("skins/Skin{number}") } else { format!("extensions/Extension{number}") }
}

fn camel(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn package(
    name: &str,
    kind: &str,
    install_path: &str,
    require: &Map<String, Value>,
    autoload: &Value,
    random: &mut Random,
) -> Value {
    let reference = format!("{:016x}{:016x}{:08x}", random.next(), random.next(), random.next() >> 32);
    json!({
        "name": name,
        "version": "1.0.0",
        "version_normalized": "1.0.0.0",
        "dist": { "type": "path", "url": format!("../packages/{name}"), "reference": reference },
        "require": require,
        "require-dev": { "phpunit/phpunit": "^9.5 || ^10.5", "squizlabs/php_codesniffer": "^3.7" },
        "type": kind,
        "extra": { "branch-alias": { "dev-main": "1.x-dev" } },
        "installation-source": "dist",
        "autoload": autoload,
        "license": ["GPL-2.0-or-later"],
        "authors": [{ "name": "The authors of the farm", "email": "authors@example.org" }],
        "description": format!("Stands for a package of the kind {kind} in a farm that is measured"),
        "homepage": format!("https://example.org/{name}"),
        "keywords": ["farm", "measured"],
        "install-path": install_path,
    })
}

/// The two plugins without which Composer would not know the extensions. Their code is not the farm's: whoever runs
/// Composer puts it there.
fn plugins() -> Vec<Value> {
    let plugin = |name: &str, install_path: &str, version: &str, namespace: &str, class: &str| {
        json!({
            "name": name,
            "version": version,
            "version_normalized": format!("{version}.0"),
            "dist": { "type": "path", "url": format!("../packages/{name}"), "reference": "0" },
            "require": { "composer-plugin-api": "^2.0" },
            "type": "composer-plugin",
            "extra": { "class": format!("{namespace}{class}") },
            "installation-source": "dist",
            "autoload": { "psr-4": { namespace: "src/" } },
            "install-path": install_path,
        })
    };
    vec![
        plugin("composer/installers", "./installers", "2.3.0", "MwfarmTest\\Installers\\", "Plugin"),
        plugin(
            "wikimedia/composer-merge-plugin",
            "../wikimedia/composer-merge-plugin",
            "2.1.0",
            "Wikimedia\\Composer\\Merge\\V2\\",
            "MergePlugin",
        ),
    ]
}

fn text<'v>(package: &'v Value, field: &str) -> &'v str {
    package[field].as_str().unwrap_or_default()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn write(tree: &Path, path: &str, content: &str) -> io::Result<()> {
    let path = tree.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content)
}

/// `SplitMix64`: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or_default()
    }
}
