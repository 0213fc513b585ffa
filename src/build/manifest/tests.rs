use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::build::package::{Duplicates, PlatformCheck};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/manifest").join(name)
}

fn read_fixture(name: &str) -> Tree {
    read(&fixture(name), &ReadOptions::default()).expect("a good tree")
}

fn links(links: &[Link]) -> Vec<String> {
    links.iter().map(|link| format!("{} {}", link.target, link.constraint)).collect()
}

fn package<'t>(tree: &'t Tree, name: &str) -> &'t Package {
    tree.packages.iter().find(|package| package.name == name).expect("installed")
}

#[test]
fn the_root_is_kept_in_its_parts() {
    let tree = read_fixture("merged");
    assert_eq!(tree.root.name, "acme/wiki");
    assert_eq!(tree.root.duplicates, Duplicates::Merge);
    let parts: Vec<_> = tree
        .root
        .parts
        .iter()
        .map(|part| (part.file.as_str(), part.owner.as_ref().map(crate::farm::ExtensionId::as_str)))
        .collect();
    assert_eq!(
        parts,
        [
            ("composer.json", None),
            ("composer.local.json", None),
            // Named by composer.local.json, so it comes before the next file of the root's own pattern.
            ("settings/more.json", None),
            ("extensions/Plain/composer.json", Some("extensions/Plain")),
            ("settings/needed.json", None),
            // No include covers skins.
            ("skins/bare/composer.json", Some("skins/bare")),
        ]
    );
    let [root, local, more, plain, needed, bare] = tree.root.parts.as_slice() else { panic!("six parts") };
    assert_eq!(links(&root.require), ["php >=8.1", "wikimedia/composer-merge-plugin ^2.1", "acme/base ^1.0"]);
    assert_eq!(links(&root.replace), ["acme/old self.version"]);
    assert_eq!(links(&root.conflict), ["acme/bad <1"]);
    assert_eq!(root.autoload.files, ["./start.php"]);
    assert!(root.autoload_dev.is_empty(), "development requirements are not installed");
    assert_eq!(root.include_path, ["lib/"]);
    assert_eq!(links(&local.require), ["acme/main dev-main as 2.5.0", "acme/wiki-part 3.0.0"]);
    assert_eq!(local.autoload.psr4, [("Local\\".to_owned(), vec![String::new()])]);
    assert_eq!(more.autoload.classmap, ["settings/Odd.php"]);
    assert_eq!(links(&more.provide), ["acme/virtual 1.0"]);
    assert_eq!(links(&plain.require), ["acme/base ^1.2"]);
    assert_eq!(plain.autoload.files, ["extensions/Plain/functions.php"]);
    assert_eq!(plain.autoload.psr4, [("Plain\\".to_owned(), vec!["extensions/Plain/src/".to_owned()])]);
    assert_eq!(links(&needed.require), ["acme/base 1.*"]);
    assert_eq!(links(&bare.require), ["acme/base *"]);
    assert_eq!(tree.root.block.version, "3.0.0.0");
}

#[test]
fn packages_are_as_composer_installed_them() {
    let tree = read_fixture("merged");
    let names: Vec<_> = tree.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["acme/base", "acme/bundle", "acme/main", "acme/packed", "wikimedia/composer-merge-plugin"]);
    let base = package(&tree, "acme/base");
    assert_eq!(base.reference.as_deref(), Some("source-reference"));
    assert_eq!(base.install_path.as_deref(), Some("vendor/acme/base"));
    assert_eq!(links(&base.require), ["php >=8.0", "acme/bundle 1.5.0"]);
    assert_eq!(links(&base.replace), ["acme/older self.version"]);
    assert_eq!(base.autoload.exclude_from_classmap, ["/Tests/", "../main/hidden/"]);
    assert_eq!(base.include_path, ["./"]);
    assert_eq!(package(&tree, "acme/bundle").install_path, None);
    let main = package(&tree, "acme/main");
    assert!(main.dev && !base.dev);
    assert_eq!(main.reference.as_deref(), Some("dist-only"));
    let aliases: Vec<_> = main.aliases.iter().map(|a| (a.version.as_str(), a.asked_by.as_deref())).collect();
    assert_eq!(aliases, [("2.x-dev", None), ("2.5.0", Some("composer.local.json"))]);
    assert_eq!(main.aliases[0].version_normalized, "2.9999999.9999999.9999999-dev");
    assert_eq!(package(&tree, "acme/packed").install_path.as_deref(), Some("extensions/Packed"));
}

#[test]
fn extensions_are_directories_and_packages() {
    let tree = read_fixture("merged");
    let found: Vec<_> = tree
        .extensions
        .iter()
        .map(|e| (e.id.as_str(), e.package.as_deref(), e.composer_name.as_deref(), e.included, e.manifests.len()))
        .collect();
    assert_eq!(
        found,
        [
            ("extensions/Packed", Some("acme/packed"), Some("acme/packed"), false, 1),
            ("extensions/Plain", None, Some("acme/plain"), true, 1),
            ("extensions/Twofold", None, None, false, 2),
            ("skins/bare", None, None, false, 0),
        ]
    );
    let names: Vec<_> = tree.extensions[2].manifests.iter().map(|m| m.name.as_deref()).collect();
    assert_eq!(names, [Some("TwofoldClient"), Some("TwofoldRepository")]);
    assert!(tree.extensions[1].manifests[0].load_composer_autoloader);
    assert_eq!(tree.mediawiki_version.as_deref(), Some("1.43.9"));
}

#[test]
fn settings_are_those_that_composer_wrote() {
    let tree = read_fixture("merged");
    assert_eq!(tree.loader.platform_check, PlatformCheck::Full);
    assert!(tree.loader.optimize, "the class map holds a class of a PSR-4 directory");
    assert!(!tree.loader.authoritative && !tree.loader.prepend && tree.loader.use_include_path);
    let platform: Vec<_> = tree.platform.iter().map(|(name, version)| (name.as_str(), version.as_deref())).collect();
    assert_eq!(platform, [("ext-intl", None), ("php", Some("8.1.0"))]);
    assert_eq!(
        tree.warnings,
        [
            "`composer.json`, field `name`: `Acme/Wiki` should be in lower case",
            "`extensions/Packed/composer.json` is not merged: `acme/packed` is installed there as a package",
            "`composer.lock` locks `acme/base` 1.4.0, but 1.5.0 is installed",
            "`composer.lock` locks `acme/gone` 1.0.0, which is not installed",
        ]
    );
}

#[test]
fn what_composer_1_wrote_is_read() {
    let tree = read_fixture("composer-1");
    assert_eq!(tree.root.name, "__root__");
    let block = &tree.root.block;
    assert_eq!((block.pretty_version.as_str(), block.version.as_str()), ("1.0.0+no-version-set", "1.0.0.0"));
    assert_eq!((block.install_path.as_str(), block.kind.as_str(), block.dev), ("../../", "library", false));
    let old = package(&tree, "acme/old");
    assert_eq!(old.install_path.as_deref(), Some("vendor/acme/old/Acme/Old"));
    assert_eq!((old.version.as_str(), old.version_normalized.as_str()), ("v1.2", "1.2.0.0"));
    let meta = package(&tree, "acme/meta");
    assert_eq!((meta.install_path.as_deref(), meta.aliases[0].version.as_str()), (None, "9999999-dev"));
    assert_eq!(tree.loader.platform_check, PlatformCheck::Off);
    assert!(!tree.loader.prepend);
    assert_eq!(links(&tree.root.parts[0].require), ["acme/old *"]);
    assert_eq!(tree.mediawiki_version, None);
}

#[test]
fn development_requirements_count_when_they_are_installed() {
    let tree = copy("merged");
    edit(&tree, "vendor/composer/installed.json", "\"dev\": false", "\"dev\": true");
    let parts = read_at(&tree).expect("good").root.parts;
    assert_eq!(links(&parts[0].require).last().map(String::as_str), Some("acme/tests *"));
    assert!(parts[0].require.last().is_some_and(|link| link.dev));
    assert_eq!(parts[0].autoload_dev.classmap, ["tests/"]);
    assert_eq!(links(&parts[3].require), ["acme/base ^1.2", "acme/never *"]);
    edit(&tree, "composer.json", "\"merge-dev\": true", "\"merge-dev\": false");
    assert_eq!(links(&read_at(&tree).expect("good").root.parts[3].require), ["acme/base ^1.2"]);
}

#[test]
fn without_the_plugin_nothing_is_merged() {
    let tree = copy("merged");
    edit(&tree, "vendor/composer/installed.json", "wikimedia/composer-merge-plugin\"", "acme/other\"");
    let files: Vec<_> = read_at(&tree).expect("good").root.parts.into_iter().map(|part| part.file).collect();
    assert_eq!(files, ["composer.json", "extensions/Plain/composer.json", "skins/bare/composer.json"]);
}

#[test]
fn settings_of_the_plugin_are_followed() {
    let files = |from: &str, to: &str| {
        let tree = copy("merged");
        edit(&tree, "composer.json", from, to);
        let tree = read_at(&tree).expect("good");
        (tree.root.duplicates, tree.root.parts.into_iter().map(|part| part.file).collect::<Vec<_>>())
    };
    let (_, parts) = files("\"merge-dev\": true", "\"recurse\": false");
    assert!(!parts.contains(&"settings/more.json".to_owned()), "{parts:?}");
    assert_eq!(files("\"merge-dev\": true", "\"replace\": true").0, Duplicates::Replace);
    assert_eq!(files("\"merge-dev\": true", "\"replace\": true, \"ignore-duplicates\": true").0, Duplicates::Ignore);
}

#[test]
fn restored_contents_stand_for_files() {
    let tree = copy("merged");
    fs::write(tree.path().join(root_block::FILE), "<?php return MwFarm::installed();\n").expect("written");
    let error = read_at(&tree).expect_err("not Composer's").to_string();
    assert!(error.starts_with("`vendor/composer/installed.php` is not as Composer writes it"), "{error}");
    let original = fs::read(fixture("merged").join(root_block::FILE)).expect("there");
    let restored = BTreeMap::from([(root_block::FILE.to_owned(), Some(original))]);
    let found = read(tree.path(), &ReadOptions { restored }).expect("good");
    assert_eq!(found.root.block.version, "3.0.0.0");

    let restored = BTreeMap::from([(root_block::FILE.to_owned(), None)]);
    let found = read(tree.path(), &ReadOptions { restored }).expect("good");
    assert_eq!(found.root.block.name, "acme/wiki", "what was not there is taken from composer.json");
}

#[test]
fn a_vendor_directory_that_is_a_root_of_its_own_is_not_the_tree() {
    let tree = copy("merged");
    edit(&tree, root_block::FILE, "'/../../'", "'/../'");
    let found = read_at(&tree).expect("good");
    assert_eq!((found.root.block.name.as_str(), found.root.block.install_path.as_str()), ("acme/wiki", "../../"));
    assert_eq!(found.other_root, Some(("acme/wiki".to_owned(), "vendor".to_owned())));
    assert_eq!(found.warnings, read_at(&copy("merged")).expect("good").warnings, "nobody can mend it");
}

#[test]
fn an_include_that_goes_round_ends() {
    let tree = copy("merged");
    fs::write(
        tree.path().join("settings/more.json"),
        r#"{"extra": {"merge-plugin": {"include": ["../settings/more.json", "../composer.local.json"]}}}"#,
    )
    .expect("written");
    assert_eq!(read_at(&tree).expect("good").root.parts.len(), 6);
}

#[test]
fn an_extension_from_before_extension_json_is_known_by_its_file() {
    let tree = copy("merged");
    for (directory, file) in [("Old", "Old.php"), ("Other", "other.php")] {
        fs::create_dir(tree.path().join("extensions").join(directory)).expect("made");
        fs::write(tree.path().join("extensions").join(directory).join(file), "<?php\n").expect("written");
    }
    let found = read_at(&tree).expect("good");
    let ids: Vec<&str> = found.extensions.iter().map(|extension| extension.id.as_str()).collect();
    assert!(ids.contains(&"extensions/Old") && !ids.contains(&"extensions/Other"), "{ids:?}");
}

#[test]
fn the_core_version_is_found_as_text() {
    for (text, expected) in [
        ("define( 'MW_VERSION', '1.44.0-alpha' );", Some("1.44.0-alpha")),
        ("define(\"MW_VERSION\",\"1.40\");", Some("1.40")),
        ("define( 'MW_VERSION', $x );", None),
        ("", None),
    ] {
        let restored = BTreeMap::from([("includes/Defines.php".to_owned(), Some(text.as_bytes().to_vec()))]);
        let found = read(&fixture("merged"), &ReadOptions { restored }).expect("good");
        assert_eq!(found.mediawiki_version.as_deref(), expected, "{text}");
    }
}

/// Every text of the fixture, changed at random, is read or refused, never partly.
mod mutated {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            prop::sample::select(vec!["", "dev-main", "../..", "a/b", "phar://x", "self.version", "1.0", "é", "\0"])
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let key = prop::sample::select(vec![
                "name",
                "version",
                "type",
                "require",
                "psr-4",
                "files",
                "a/b",
                "branch-alias",
                "reference",
                "install-path",
                "include",
                "merge-plugin",
                "A\\",
                "packages",
                "dev",
                "php",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
            ]
        })
    }

    const FILES: [&str; 6] = [
        "composer.json",
        "composer.local.json",
        "extensions/Plain/composer.json",
        "vendor/composer/installed.json",
        "composer.lock",
        "extensions/Plain/extension.json",
    ];

    /// Puts a value in the place of one of the values of a document.
    fn replace(document: &mut Value, mut at: usize, with: Value) {
        let mut pending = vec![document];
        while let Some(value) = pending.pop() {
            if at == 0 {
                *value = with;
                return;
            }
            at -= 1;
            match value {
                Value::Array(items) => pending.extend(items),
                Value::Object(fields) => pending.extend(fields.iter_mut().map(|(_, value)| value)),
                _ => {}
            }
        }
    }

    fn try_all(file: &str, bytes: &[u8]) {
        let mut warnings = Vec::new();
        let place = Place::top(file);
        let owner = Owner { base: Base::Root, prefix: "extensions/A/", target_dir: false };
        if let Ok(json) = ComposerJson::parse(file, bytes) {
            let _ = json.check_root(file);
            let _ = json.platform(file, &mut warnings);
            let _ = json.autoload(owner, place);
            if let Ok(block) = root_block::derived(file, &json, "a/b", true)
                && let Ok(part) = first_part(&json, &block, true, &mut warnings)
            {
                let _ = add_inline_aliases(&mut [], &[part]);
            }
        }
        if let Ok(installed) = installed::read(installed::FILE, bytes, &mut warnings) {
            let _ = lock::differences(file, bytes, &installed.packages);
        }
        let _ = extension_json::parse(file, bytes, &mut warnings);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn values_of_any_kind_never_panic(file in prop::sample::select(&FILES[..]), at in 0usize..80, with in json()) {
            let text = std::fs::read(super::fixture("merged").join(file)).expect("there");
            let mut document: Value = serde_json::from_slice(&text).expect("JSON");
            replace(&mut document, at, with);
            try_all(file, document.to_string().as_bytes());
        }

        #[test]
        fn bytes_of_any_kind_never_panic(
            file in prop::sample::select(&FILES[..]),
            at in 0.0..1.0,
            cut in 0usize..9,
            with in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let mut text = std::fs::read(super::fixture("merged").join(file)).expect("there");
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let at = (at * text.len() as f64) as usize;
            let end = (at + cut).min(text.len());
            text.splice(at..end, with);
            try_all(file, &text);
        }
    }
}

pub(super) fn copy(name: &str) -> TempDir {
    let to = tempfile::tempdir().expect("a directory");
    let from = fixture(name);
    let mut pending = vec![PathBuf::new()];
    while let Some(directory) = pending.pop() {
        fs::create_dir_all(to.path().join(&directory)).expect("made");
        for entry in fs::read_dir(from.join(&directory)).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = directory.join(entry.file_name());
            if entry.path().is_dir() {
                pending.push(path);
            } else {
                fs::copy(entry.path(), to.path().join(path)).expect("copied");
            }
        }
    }
    to
}

#[track_caller]
pub(super) fn edit(tree: &TempDir, file: &str, from: &str, to: &str) {
    let path = tree.path().join(file);
    let text = fs::read_to_string(&path).expect("there");
    assert!(text.contains(from), "`{from}` is in {file}");
    fs::write(path, text.replacen(from, to, 1)).expect("written");
}

pub(super) fn read_at(tree: &TempDir) -> Result<Tree, Error> {
    read(tree.path(), &ReadOptions::default())
}
