//! The root: a `composer.json` like MediaWiki core's, with the settings that change what Composer writes.

use serde_json::{Map, Value, json};

use super::super::MERGE_PLUGIN;
use super::super::source::Sources;
use super::{Draft, constraint, push, put};

/// The root's files while a farm is drawn.
pub(super) struct Root {
    /// `composer.json`.
    pub(super) manifest: Value,
    /// `composer.local.json`.
    pub(super) local: Option<Value>,
    /// Requirements that no file of the tree states.
    pub(super) unlisted: Map<String, Value>,
    /// Whether development requirements are installed.
    pub(super) dev: bool,
    /// Which directories an include of the merge plugin covers.
    pub(super) cover: Cover,
    /// The root's own PHP files.
    pub(super) sources: Sources,
}

/// Which directories with a `composer.json` an include of the merge plugin covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    /// All, by patterns.
    All,
    /// Those that a list names.
    Listed,
    /// None.
    Nothing,
}

impl Draft {
    /// Draws the root: settings, rules, requirements on libraries.
    pub(super) fn root(&mut self) -> Root {
        let cover = [Cover::All, Cover::All, Cover::Listed, Cover::Nothing][self.random.below(4)];
        let dev = self.random.chance(30);
        let mut manifest = json!({
            "name": self.random.pick(&["mediawiki/core", "farm/root"]),
            "type": "mediawiki-core",
            "minimum-stability": "dev",
            "prefer-stable": true,
            "require": { "php": ">=8.0.0" },
            "replace": { "symfony/polyfill-mbstring": "1.99" },
        });
        if self.random.chance(10) {
            manifest.as_object_mut().expect("an object").shift_remove("name");
        }
        if self.random.chance(75) {
            manifest["version"] = json!(self.random.pick(&["1.43.0", "1.39.17", "1.44.0-alpha"]));
        }
        if self.random.chance(30) {
            put(&mut manifest, "provide", "virtual/root", "1.0");
        }
        let mut root = Root { manifest, local: None, unlisted: Map::new(), dev, cover, sources: Sources::default() };
        self.settings(&mut root);
        self.rules(&mut root);
        self.requirements(&mut root);
        self.merge_plugin(&mut root);
        root
    }

    fn settings(&mut self, root: &mut Root) {
        let mut config = json!({
            "allow-plugins": { MERGE_PLUGIN: true, "composer/installers": true },
        });
        if self.random.chance(75) {
            config["optimize-autoloader"] = json!(true);
        }
        if self.random.chance(35) {
            config["classmap-authoritative"] = json!(true);
        }
        if self.random.chance(60) {
            config["prepend-autoloader"] = json!(self.random.chance(20));
        }
        match self.random.below(4) {
            0 => config["platform-check"] = json!(true),
            1 => config["platform-check"] = json!("php-only"),
            2 => config["platform-check"] = json!(false),
            _ => {}
        }
        if self.random.chance(12) {
            config["use-include-path"] = json!(true);
        }
        if self.random.chance(15) {
            config["autoloader-suffix"] = json!("_mediawiki_vendor");
        }
        root.manifest["config"] = config;
    }

    fn rules(&mut self, root: &mut Root) {
        let mut autoload = json!({ "psr-4": { "MediaWiki\\Composer\\": "includes/composer" } });
        let sources = &mut root.sources;
        sources.class("includes/composer/Checker.php", "MediaWiki\\Composer\\Checker");
        if self.random.chance(50) {
            push(&mut autoload, "classmap", json!("includes/legacy"));
            sources.class("includes/legacy/Old.php", "LegacyOld");
            sources.class("includes/legacy/Mapped.php", "RootMapped");
        }
        if self.random.chance(50) {
            push(&mut autoload, "files", json!("includes/Global.php"));
            sources.loaded_always("includes/Global.php", &["farm_root", "farm_shared"]);
        }
        if self.random.chance(30) {
            put(&mut autoload, "psr-4", "Shared\\", "includes/shared/");
            sources.class("includes/shared/Common.php", "Shared\\Common");
            sources.class("includes/shared/OfRoot.php", "Shared\\OfRoot");
        }
        if self.random.chance(15) {
            push(&mut autoload, "exclude-from-classmap", json!("vendor/acme/lib-1/more/"));
        }
        root.manifest["autoload"] = autoload;
        if self.random.chance(50) {
            let dev = json!({ "psr-4": { "MediaWiki\\Tests\\": "tests/phpunit/" }, "files": ["tests/bootstrap.php"] });
            root.manifest["autoload-dev"] = dev;
            sources.class("tests/phpunit/Case_.php", "MediaWiki\\Tests\\Case_");
            sources.loaded_always("tests/bootstrap.php", &["farm_tests"]);
        }
        if self.random.chance(15) {
            root.manifest["include-path"] = json!(["includes/inc"]);
            sources.class("includes/inc/RootInc.php", "RootInc");
        }
    }

    fn requirements(&mut self, root: &mut Root) {
        for position in 0..self.base.len() {
            let library = &self.libraries[self.base[position]];
            let (name, version) = (library.name(), library.version.clone());
            let wanted = if version.starts_with("dev-") && self.random.chance(50) {
                format!("{version} as 1.9.{position}")
            } else {
                constraint(&mut self.random, &version)
            };
            put(&mut root.manifest, "require", &name, wanted);
        }
        if self.random.chance(40) {
            put(&mut root.manifest, "require", "ext-json", "*");
        }
        if self.random.chance(60) {
            for at in self.random.some_of(self.libraries.len(), 2) {
                let library = &self.libraries[at];
                let name = library.name();
                if root.manifest["require"].get(&name).is_none() {
                    let wanted = constraint(&mut self.random, &library.version);
                    put(&mut root.manifest, "require-dev", &name, wanted);
                }
            }
        }
        // Libraries that only the administrator's own Composer run knew of.
        if self.random.chance(40) {
            for at in self.random.some_of(self.libraries.len(), 2) {
                let library = &self.libraries[at];
                root.unlisted.insert(library.name(), json!(library.version));
            }
        }
    }

    fn merge_plugin(&mut self, root: &mut Root) {
        if root.cover == Cover::Nothing && self.random.chance(50) {
            return;
        }
        put(&mut root.manifest, "require", MERGE_PLUGIN, "^2.0");
        let mut settings = json!({ "include": ["composer.local.json"] });
        if self.random.chance(70) {
            settings["merge-dev"] = json!(self.random.chance(50));
        }
        match self.random.below(6) {
            0 => settings["replace"] = json!(true),
            1 => settings["ignore-duplicates"] = json!(true),
            _ => {}
        }
        put(&mut root.manifest, "extra", "merge-plugin", settings);
        let patterns = match root.cover {
            Cover::All => json!(["extensions/*/composer.json", "skins/*/composer.json"]),
            Cover::Listed | Cover::Nothing => json!([]),
        };
        root.local = Some(json!({ "require": {}, "extra": { "merge-plugin": { "include": patterns } } }));
    }
}
