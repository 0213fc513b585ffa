//! Libraries: each draws a few of the shapes that autoload rules and links have in the wild.

use serde_json::{Value, json};

use super::super::Package;
use super::super::random::Random;
use super::super::source::Sources;
use super::{Draft, constraint, push, put};

/// One library of a farm.
pub(super) struct Library {
    /// Its name as its author writes it; capitals are allowed there.
    pub(super) pretty: String,
    /// The version that gets locked.
    pub(super) version: String,
    /// Virtual packages that it provides or replaces.
    pub(super) answers_to: Vec<String>,
    /// The locked version first, then older ones.
    pub(super) versions: Vec<Package>,
}

impl Library {
    /// The name by which others require it.
    pub(super) fn name(&self) -> String {
        self.pretty.to_lowercase()
    }
}

impl Draft {
    /// Draws all libraries, then the links between them.
    pub(super) fn libraries(&mut self, count: usize) {
        for index in 0..count {
            let library = library(&mut self.random, index);
            self.libraries.push(library);
        }
        let most = 2 + self.random.below(4);
        self.base = self.random.some_of(count, most);
        if self.base.is_empty() {
            self.base.push(0);
        }
        for index in 0..count {
            self.link(index);
        }
    }

    /// Draws what library `index` requires: mostly earlier ones, sometimes a later one, which makes cycles.
    fn link(&mut self, index: usize) {
        let mut targets = if index == 0 { Vec::new() } else { self.random.some_of(index, 3) };
        if self.random.chance(12) {
            targets.push(self.random.below(self.libraries.len()));
        }
        for target in targets {
            if target == index {
                continue;
            }
            let other = &self.libraries[target];
            // Names are compared without case; authors write what they like.
            let name = if self.random.chance(10) { other.pretty.clone() } else { other.name() };
            let wanted = constraint(&mut self.random, &other.version);
            put(&mut self.libraries[index].versions[0].manifest, "require", &name, wanted);
        }
        // A virtual package is required only where the base holds somebody who stands for it.
        let virtuals: Vec<String> = self.base.iter().flat_map(|&at| self.libraries[at].answers_to.clone()).collect();
        if !virtuals.is_empty() && self.random.chance(25) {
            let name = &virtuals[self.random.below(virtuals.len())];
            put(&mut self.libraries[index].versions[0].manifest, "require", name, "*");
        }
        let platform = [("ext-json", "*"), ("php", ">=7.4"), ("php", ">=8.0.2"), ("ext-mbstring", "*")];
        if self.random.chance(40) {
            let (name, wanted) = platform[self.random.below(platform.len())];
            put(&mut self.libraries[index].versions[0].manifest, "require", name, wanted);
        }
        if self.random.chance(10) {
            put(&mut self.libraries[index].versions[0].manifest, "require", "composer-runtime-api", "^2.0");
        }
    }
}

/// Draws one library without its requirements.
fn library(random: &mut Random, index: usize) -> Library {
    let vendor = random.pick(&["acme", "acme", "acme", "wmf", "pear", "composer", "Zeta"]);
    let pretty = format!("{vendor}/{}lib-{index}", if random.chance(12) { "Big" } else { "" });
    let version = random.pick(&[
        "1.0.0",
        "1.4.2",
        "v2.3.0",
        "2.0.0-beta1",
        "0.9",
        "3.1.4.1",
        "dev-main",
        "dev-feature",
        "4.10.3",
    ]);
    let mut manifest = json!({ "name": pretty, "version": version });
    let mut sources = Sources::default();
    let mut answers_to = Vec::new();
    if version == "dev-main" && random.chance(70) {
        put(&mut manifest, "extra", "branch-alias", json!({ "dev-main": "2.x-dev" }));
    }
    if random.chance(60) {
        manifest["reference"] = json!(format!("{:016x}", random.next()));
    }
    if random.chance(12) {
        put(&mut manifest, "replace", &format!("old/lib-{index}"), random.pick(&["self.version", "1.5", "*"]));
        answers_to.push(format!("old/lib-{index}"));
    }
    if random.chance(20) {
        put(&mut manifest, "provide", "virtual/log", random.pick(&["1.0", "1.0 || 2.0", "self.version"]));
        answers_to.push("virtual/log".to_owned());
    }
    if random.chance(8) {
        put(&mut manifest, "provide", "ext-farmzzz", "1.2");
        answers_to.push("ext-farmzzz".to_owned());
    }
    if random.chance(8) {
        put(&mut manifest, "conflict", "acme/never", "<5");
    }
    match random.below(16) {
        0 => {
            manifest["type"] = json!("metapackage");
            manifest.as_object_mut().expect("an object").shift_remove("reference");
        }
        1 => target_dir(&mut manifest, &mut sources, index),
        shape => {
            if shape == 2 {
                manifest["type"] = json!("symfony-bundle");
            }
            rules(random, &mut manifest, &mut sources, index, vendor);
        }
    }
    if random.chance(40) {
        sources.text("composer.json", &manifest.to_string());
    }
    let mut versions = vec![Package { manifest, sources }];
    if !version.starts_with("dev-") && random.chance(30) {
        let mut older = Sources::default();
        older.class("src/Old.php", &format!("Lib{index}\\Old"));
        let namespace = format!("Lib{index}\\");
        let manifest = json!({ "name": pretty, "version": "0.0.1", "autoload": { "psr-4": { namespace: "src/" } } });
        versions.push(Package { manifest, sources: older });
    }
    Library { pretty, version: version.to_owned(), answers_to, versions }
}

/// A library of old with `target-dir`: its files lie deeper than its package.
fn target_dir(manifest: &mut Value, sources: &mut Sources, index: usize) {
    manifest["target-dir"] = json!(format!("Target/Lib{index}"));
    manifest["autoload"] = json!({
        "psr-0": { format!("Target\\Lib{index}"): "" },
        "classmap": ["legacy/"],
        "files": ["boot.php"],
    });
    sources.class("Thing.php", &format!("Target\\Lib{index}\\Thing"));
    sources.class("Sub/Other.php", &format!("Target\\Lib{index}\\Sub\\Other"));
    sources.class("legacy/old.php", &format!("Target{index}_Legacy"));
    sources.loaded_always("boot.php", &[&format!("farm_target_{index}")]);
}

/// Draws autoload rules, with the files to which they lead.
fn rules(random: &mut Random, manifest: &mut Value, sources: &mut Sources, index: usize, vendor: &str) {
    let mut autoload = json!({});
    if random.chance(75) {
        psr4_of_its_own(random, &mut autoload, sources, index);
    }
    if random.chance(35) {
        // Several libraries share this prefix, and some classes in it.
        put(&mut autoload, "psr-4", "Shared\\", json!(random.pick(&["shared/", "shared", "./shared/"])));
        sources.class(&format!("shared/Only{index}.php"), &format!("Shared\\Only{index}"));
        sources.class("shared/Common.php", "Shared\\Common");
        if random.chance(50) {
            // A stale copy of what a longer prefix owns.
            sources.class("shared/Deep/Layer.php", "Shared\\Deep\\Layer");
        }
    }
    if random.chance(25) {
        put(&mut autoload, "psr-4", "Shared\\Deep\\", json!(["deep/", "deep-too/"]));
        sources.class("deep/Layer.php", "Shared\\Deep\\Layer");
        sources.class(&format!("deep-too/Layer{index}.php"), &format!("Shared\\Deep\\Layer{index}"));
    }
    if random.chance(25) {
        put(&mut autoload, "psr-0", &format!("Old{index}_"), "psr0/");
        sources.class(&format!("psr0/Old{index}/Thing.php"), &format!("Old{index}_Thing"));
        sources.class(&format!("psr0/Old{index}/Deep/Er.php"), &format!("Old{index}_Deep_Er"));
        if random.chance(50) {
            put(&mut autoload, "psr-0", "Mixed", json!(["mixed/"]));
            sources.class("mixed/Mixed/Both/Under_Score.php", "Mixed\\Both\\Under_Score");
            sources.class(&format!("mixed/Mixed/Both/Sub/N{index}.php"), &format!("Mixed\\Both\\Sub_N{index}"));
        }
    }
    fallbacks(random, &mut autoload, sources, index);
    if random.chance(35) {
        push(&mut autoload, "classmap", json!("map/"));
        sources.several("map/several.php", &[&format!("Map{index}\\One"), &format!("map{index}_lower")]);
        sources.declare("map/deep/Iface.inc", "interface", &format!("Map{index}\\Deep\\Iface"), "");
        sources.text("map/note.txt", "class Nothing {}\n");
        if random.chance(50) {
            sources.class("map/Mapped.php", "Mapped");
        }
        if random.chance(50) {
            push(&mut autoload, "classmap", json!("single.php"));
            sources.declare("single.php", "trait", &format!("Single{index}"), "");
        }
    }
    if random.chance(25) {
        exclusions(random, &mut autoload, sources, index, vendor);
    }
    let include_path = random.chance(20);
    if include_path {
        manifest["include-path"] = json!(["inc/"]);
        sources.class(&format!("inc/Inc{index}.php"), &format!("Inc{index}"));
        sources.text("inc/shared-part.php", "<?php\nreturn __FILE__;\n");
    }
    if random.chance(45) {
        push(&mut autoload, "files", json!("functions.php"));
        let more = if include_path { "$GLOBALS['loaded'][] = include 'shared-part.php';\n" } else { "" };
        sources.loaded_always_with("functions.php", &["farm_shared", &format!("farm_lib_{index}")], more);
        if random.chance(40) {
            push(&mut autoload, "files", json!("src/./boot.php"));
            sources.loaded_always("src/boot.php", &["farm_boot"]);
        }
    }
    if autoload.as_object().is_some_and(|rules| !rules.is_empty()) {
        manifest["autoload"] = autoload;
    }
}

/// The rule that most libraries have.
fn psr4_of_its_own(random: &mut Random, autoload: &mut Value, sources: &mut Sources, index: usize) {
    let namespace = format!("Lib{index}");
    let directory = random.pick(&["src/", "src", "lib/main/", ""]);
    put(autoload, "psr-4", &format!("{namespace}\\"), directory);
    let base = directory.trim_end_matches('/');
    let path = |rest: &str| if base.is_empty() { rest.to_owned() } else { format!("{base}/{rest}") };
    sources.class(&path("A.php"), &format!("{namespace}\\A"));
    sources.class(&path("Sub/B.php"), &format!("{namespace}\\Sub\\B"));
    if random.chance(40) {
        sources.declare(
            &path("Kind.php"),
            random.pick(&["enum", "interface", "trait"]),
            &format!("{namespace}\\Kind"),
            "",
        );
    }
    if random.chance(30) {
        sources.declare(&path("Child.php"), "class", &format!("{namespace}\\Child"), " extends Sub\\B");
    }
    if random.chance(20) {
        // Found by looking up, not by scanning: its name does not fit its path.
        sources.class(&path("Wrong.php"), &format!("{namespace}\\Misplaced"));
    }
}

/// Rules that apply to every class.
fn fallbacks(random: &mut Random, autoload: &mut Value, sources: &mut Sources, index: usize) {
    if random.chance(8) {
        put(autoload, "psr-4", "", "fallback/");
        sources.class(&format!("fallback/Fall{index}/X.php"), &format!("Fall{index}\\X"));
        sources.class("fallback/Shared/Common.php", "Shared\\Common");
    }
    if random.chance(6) {
        put(autoload, "psr-0", "", "fallback-0/");
        sources.class(&format!("fallback-0/Fall/Zero{index}.php"), &format!("Fall_Zero{index}"));
    }
}

/// Patterns that keep files out of the class map: of this package, and of its neighbours.
fn exclusions(random: &mut Random, autoload: &mut Value, sources: &mut Sources, index: usize, vendor: &str) {
    push(autoload, "classmap", json!("more/"));
    sources.class("more/Kept.php", &format!("More{index}_Kept"));
    sources.class("more/tests/Test.php", &format!("More{index}_Test"));
    sources.class("more/x/Skip/Y.php", &format!("More{index}_Skipped"));
    push(autoload, "exclude-from-classmap", json!(random.pick(&["more/tests/", "/more/tests", "**/tests/"])));
    if random.chance(50) {
        push(autoload, "exclude-from-classmap", json!("**/Skip/"));
    }
    if random.chance(60) {
        let neighbour = index.wrapping_sub(1 + random.below(3)) % 16;
        let pattern = format!("../lib-{neighbour}/{}", random.pick(&["more/", "map/", "*/Kept.php"]));
        push(
            autoload,
            "exclude-from-classmap",
            json!(if vendor == "Zeta" { "../*/more/x".to_owned() } else { pattern }),
        );
    }
}
