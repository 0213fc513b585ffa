//! Cases where adding up what each extension brings, or chaining one autoloader per extension, differs from Composer.
//! Each shows that the trap is real (in Composer's own answers) and that the dispatcher does as Composer.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use super::observe::{Entry, Questions, Side, differences, observe};
use super::theorem::try_build;
use crate::farm::source::Sources;
use crate::farm::world::World;
use crate::farm::{Extension, Farm, Kind, MERGE_PLUGIN, Package};

#[test]
fn trap_01_the_order_of_files_depends_on_the_set() {
    let mut farm = farm(json!({}));
    for name in ["l/aa", "l/zz"] {
        library(&mut farm, name, json!({ "autoload": { "files": ["f.php"] } }), |sources| {
            sources.loaded_always("f.php", &["pf"]);
        });
    }
    with_file(&mut farm, "E1", json!({ "l/aa": "*", "l/zz": "*" }));
    with_file(&mut farm, "E2", json!({ "l/zz": "*" }));
    let [one, two, both] = check(farm, [&["E1"], &["E2"], &["E1", "E2"]]);
    assert_eq!(files(&one), ["vendor/l/aa/f.php", "vendor/l/zz/f.php", "extensions/E1/E1.php"]);
    assert_eq!(files(&two), ["vendor/l/zz/f.php", "extensions/E2/E2.php"]);
    assert_eq!(
        files(&both),
        ["vendor/l/zz/f.php", "vendor/l/aa/f.php", "extensions/E1/E1.php", "extensions/E2/E2.php"]
    );
    assert_eq!(one["complete"]["functions"]["pf"], "vendor/l/aa/f.php");
    assert_eq!(both["complete"]["functions"]["pf"], "vendor/l/zz/f.php");
}

#[test]
fn trap_02_which_of_two_packages_gives_a_class_depends_on_the_set() {
    for config in [json!({ "optimize-autoloader": true }), json!({})] {
        let mut farm = farm(config);
        for name in ["l/aa", "l/zz"] {
            library(&mut farm, name, json!({ "autoload": { "psr-4": { "Shared\\": "src/" } } }), |sources| {
                sources.class("src/Common.php", "Shared\\Common");
            });
        }
        extension(&mut farm, "E1", json!({ "require": { "l/aa": "*", "l/zz": "*" } }), |_| {});
        extension(&mut farm, "E2", json!({ "require": { "l/zz": "*" } }), |_| {});
        let [one, both] = check(farm, [&["E1"][..], &["E1", "E2"]]);
        assert_eq!(found(&one, "Shared\\Common"), "vendor/l/zz/src/Common.php");
        assert_eq!(found(&both, "Shared\\Common"), "vendor/l/aa/src/Common.php");
    }
}

#[test]
fn trap_03_circular_requirements_have_an_order() {
    let mut farm = farm(json!({}));
    for (name, next) in [("l/ca", "l/cb"), ("l/cb", "l/cc"), ("l/cc", "l/ca")] {
        let rules = json!({ "require": { next: "*" }, "autoload": { "files": ["f.php"] }, "include-path": ["inc"] });
        library(&mut farm, name, rules, |sources| {
            sources.loaded_always("f.php", &["cyclic"]);
            sources.class("inc/Part.php", "Part");
        });
    }
    with_file(&mut farm, "E1", json!({ "l/ca": "*" }));
    with_file(&mut farm, "E2", json!({ "l/cb": "*" }));
    let [one, both] = check(farm, [&["E1"][..], &["E1", "E2"]]);
    // Neither the order of names nor that of the include path.
    assert_eq!(files(&one)[..3], ["vendor/l/ca/f.php", "vendor/l/cc/f.php", "vendor/l/cb/f.php"]);
    assert_eq!(files(&both).len(), 5);
    assert_eq!(one["complete"]["include path"], json!(["vendor/l/ca/inc", "vendor/l/cb/inc", "vendor/l/cc/inc", "."]),);
}

#[test]
fn trap_04_the_longer_prefix_owns_a_class() {
    let mut farm = farm(json!({}));
    library(&mut farm, "l/stale", json!({ "autoload": { "psr-4": { "Smw\\": "src/" } } }), |sources| {
        sources.class("src/Foo/X.php", "Smw\\Foo\\X");
    });
    library(&mut farm, "l/owner", json!({ "autoload": { "psr-4": { "Smw\\Foo\\": "foo/" } } }), |sources| {
        sources.class("foo/X.php", "Smw\\Foo\\X");
    });
    extension(&mut farm, "E1", json!({ "require": { "l/stale": "*" } }), |_| {});
    extension(&mut farm, "E2", json!({ "require": { "l/owner": "*" } }), |_| {});
    let [stale, both] = check(farm, [&["E1"][..], &["E1", "E2"]]);
    assert_eq!(found(&stale, "Smw\\Foo\\X"), "vendor/l/stale/src/Foo/X.php");
    assert_eq!(found(&both, "Smw\\Foo\\X"), "vendor/l/owner/foo/X.php");
}

#[test]
fn trap_05_classes_of_other_wikis_do_not_exist() {
    for config in [json!({}), json!({ "classmap-authoritative": true })] {
        let mut farm = farm(config);
        let rules = json!({ "autoload": { "psr-4": { "Only\\": "src/" }, "classmap": ["map/"] } });
        library(&mut farm, "l/only", rules, |sources| {
            sources.class("src/Here.php", "Only\\Here");
            sources.class("map/mapped.php", "OnlyMapped");
        });
        extension(&mut farm, "E1", json!({ "require": { "l/only": "*" } }), |_| {});
        extension(&mut farm, "E2", json!({}), |_| {});
        let [with, without] = check(farm, [&["E1"], &["E2"]]);
        for class in ["Only\\Here", "OnlyMapped"] {
            assert!(found(&with, class).is_string() && found(&without, class) == false, "{class}");
        }
    }
}

#[test]
fn trap_06_a_package_excludes_files_of_another() {
    let mut farm = farm(json!({ "optimize-autoloader": true }));
    library(&mut farm, "l/vic", json!({ "autoload": { "classmap": ["hidden/", "shown/"] } }), |sources| {
        sources.class("hidden/H.php", "Hidden");
        sources.class("shown/S.php", "Shown");
    });
    let rules = json!({ "autoload": { "psr-4": { "Ex\\": "src/" }, "exclude-from-classmap": ["../vic/hidden/"] } });
    library(&mut farm, "l/ex", rules, |sources| sources.class("src/E.php", "Ex\\E"));
    extension(&mut farm, "E1", json!({ "require": { "l/vic": "*" } }), |_| {});
    extension(&mut farm, "E2", json!({ "require": { "l/ex": "*" } }), |_| {});
    let [victim, both] = check(farm, [&["E1"][..], &["E1", "E2"]]);
    assert_eq!(found(&victim, "Hidden"), "vendor/l/vic/hidden/H.php");
    assert_eq!(found(&both, "Hidden"), false);
    assert_eq!(found(&both, "Shown"), "vendor/l/vic/shown/S.php");
}

#[test]
fn trap_07_what_one_requires_another_provides() {
    let mut farm = farm(json!({ "platform-check": true }));
    library(&mut farm, "l/first", json!({ "provide": { "virtual/log": "1.0" } }), |_| {});
    library(&mut farm, "l/second", json!({ "provide": { "virtual/log": "1.0" } }), |_| {});
    let poly = json!({ "provide": { "ext-zzz": "1.0" }, "replace": { "old/poly": "2.0" } });
    extension(&mut farm, "Poly", poly, |_| {});
    extension(&mut farm, "Need", json!({ "require": { "ext-zzz": "*", "old/poly": "^2.0" } }), |_| {});
    needs(&mut farm, "Need", "Poly");
    extension(&mut farm, "Log", json!({ "require": { "virtual/log": "*", "l/first": "*" } }), |_| {});
    extension(&mut farm, "Other", json!({ "require": { "l/second": "*" } }), |_| {});
    let [need, log, both] = check(farm, [&["Need"][..], &["Log"], &["Log", "Other"]]);
    assert!(installed(&need, "mediawiki/poly"));
    // Composer takes a virtual package from whoever is there; it does not bring in everybody who offers it.
    assert_eq!((installed(&log, "l/first"), installed(&log, "l/second")), (true, false));
    assert!(installed(&both, "l/second"));
}

#[test]
fn trap_08_the_include_path_is_that_of_the_set() {
    let mut farm = farm(json!({}));
    for name in ["l/one", "l/two"] {
        library(&mut farm, name, json!({ "include-path": ["."] }), |sources| {
            sources.text("Part.php", "<?php\nreturn __FILE__;\n");
        });
    }
    extension(&mut farm, "E1", json!({ "require": { "l/one": "*" } }), |_| {});
    extension(&mut farm, "E2", json!({ "require": { "l/two": "*" } }), |_| {});
    let [one, both] = check(farm, [&["E1"][..], &["E1", "E2"]]);
    assert_eq!(one["complete"]["include path"], json!(["vendor/l/one", "."]));
    assert_eq!(both["complete"]["include path"], json!(["vendor/l/one", "vendor/l/two", "."]));
}

#[test]
fn trap_09_installed_versions_tells_of_the_set() {
    let mut farm = farm(json!({}));
    library(&mut farm, "l/one", json!({ "replace": { "old/one": "self.version" } }), |_| {});
    library(&mut farm, "l/two", json!({}), |_| {});
    extension(&mut farm, "E1", json!({ "require": { "l/one": "*" } }), |_| {});
    extension(&mut farm, "E2", json!({ "require": { "l/two": "*" } }), |_| {});
    let [none, one, two] = check(farm, [&[][..], &["E1"], &["E2"]]);
    let shown = |seen| [installed(seen, "l/one"), installed(seen, "old/one"), installed(seen, "l/two")];
    assert_eq!(shown(&none), [false, false, false]);
    assert_eq!(shown(&one), [true, true, false]);
    assert_eq!(shown(&two), [false, false, true]);
    assert_eq!(one["complete"]["installed"]["raw"].as_array().map(Vec::len), Some(1));
}

#[test]
fn trap_10_the_loader_is_asked_first_or_last() {
    for (prepend, position) in [(json!(true), 0), (json!(false), 2)] {
        let mut farm = farm(json!({ "prepend-autoloader": prepend }));
        extension(&mut farm, "E1", json!({}), |_| {});
        extension(&mut farm, "E2", json!({}), |_| {});
        for seen in check(farm, [&["E1"][..], &["E1", "E2"]]) {
            let functions = seen["complete"]["autoload functions"].as_array().expect("a list");
            assert_eq!(functions.len(), 3);
            assert_eq!(functions[position], "Composer\\Autoload\\ClassLoader::loadClass of the value");
        }
    }
}

#[test]
fn trap_11_an_authoritative_miss_is_final() {
    for authoritative in [true, false] {
        let mut farm = farm(json!({ "classmap-authoritative": authoritative, "optimize-autoloader": true }));
        let rules = json!({ "autoload": { "psr-4": { "Lib\\": "src/" }, "exclude-from-classmap": ["src/Not"] } });
        library(&mut farm, "l/lib", rules, |sources| {
            sources.class("src/Not/Mapped.php", "Lib\\Not\\Mapped");
        });
        extension(&mut farm, "E1", json!({ "require": { "l/lib": "*" } }), |_| {});
        let [seen] = check(farm, [&["E1"]]);
        assert_eq!(found(&seen, "Lib\\Not\\Mapped").is_string(), !authoritative);
    }
}

#[test]
fn trap_12_misses_are_remembered_per_loader() {
    let mut farm = farm(json!({ "apcu-autoloader": true }));
    library(&mut farm, "l/one", json!({ "autoload": { "psr-4": { "One\\": "src/" } } }), |sources| {
        sources.class("src/Here.php", "One\\Here");
    });
    extension(&mut farm, "E1", json!({ "require": { "l/one": "*" } }), |_| {});
    extension(&mut farm, "E2", json!({}), |_| {});
    let [with, without] = check(farm, [&["E1"], &["E2"]]);
    assert!(with["complete"]["found otherwise"].is_null() && without["complete"]["found otherwise"].is_null());
    assert!(found(&with, "One\\Here").is_string() && found(&without, "One\\Here") == false);
}

#[test]
fn trap_13_optional_dependencies_are_found_only_where_they_are_on() {
    let mut farm = farm(json!({}));
    library(&mut farm, "l/opt", json!({ "autoload": { "psr-4": { "Opt\\": "src/" } } }), |sources| {
        sources.class("src/Thing.php", "Opt\\Thing");
    });
    extension(&mut farm, "E1", json!({ "autoload": { "files": ["probe.php"] } }), |sources| {
        let probe = "$GLOBALS['loaded'][] = [__FILE__, class_exists('Opt\\Thing') ? 'class' : 'no class',\n    \
                     Composer\\InstalledVersions::isInstalled('l/opt') ? 'installed' : 'not installed'];\n";
        sources.loaded_always_with("probe.php", &[], probe);
    });
    extension(&mut farm, "E2", json!({ "require": { "l/opt": "*" } }), |_| {});
    let [alone, both] = check(farm, [&["E1"][..], &["E1", "E2"]]);
    let probed = |seen: &Value| seen["complete"]["loaded by files"].to_string();
    assert!(probed(&alone).contains("\"no class\",\"not installed\""), "{}", probed(&alone));
    assert!(probed(&both).contains("\"class\",\"installed\""), "{}", probed(&both));
}

#[test]
fn trap_14_packages_lie_in_composers_own_directory() {
    let mut farm = farm(json!({}));
    let rules = json!({ "autoload": { "psr-4": { "Composer\\Fake\\": "src/" }, "files": ["f.php"] } });
    library(&mut farm, "composer/fake", rules, |sources| {
        sources.class("src/Thing.php", "Composer\\Fake\\Thing");
        sources.loaded_always("f.php", &[]);
    });
    extension(&mut farm, "E1", json!({ "require": { "composer/fake": "*" } }), |_| {});
    let [seen] = check(farm, [&["E1"]]);
    assert_eq!(seen["complete"]["installed"]["answers"]["composer/fake"]["path"], "vendor/composer/fake");
    assert_eq!(found(&seen, "Composer\\Fake\\Thing"), "vendor/composer/fake/src/Thing.php");
}

#[test]
fn trap_15_the_platform_check_is_that_of_the_set() {
    for check_of in [json!(true), json!("php-only"), json!(false)] {
        let platform = json!({ "php": "9.2.0", "ext-zzz": "1.0" });
        let mut farm = farm(json!({ "platform": platform, "platform-check": check_of }));
        library(&mut farm, "l/new", json!({ "require": { "php": ">=9.1" } }), |_| {});
        extension(&mut farm, "New", json!({ "require": { "l/new": "*" } }), |_| {});
        extension(&mut farm, "Ext", json!({ "require": { "ext-zzz": "*" } }), |_| {});
        directory(&mut farm, "Covered", true, json!({ "require": { "php": ">=9.0" } }), |_| {});
        directory(&mut farm, "Bare", false, json!({ "require": { "php": ">=9.0.5", "ext-zzz": "*" } }), |_| {});
        let [none, new, ext, covered, bare] = check(farm, [&[][..], &["New"], &["Ext"], &["Covered"], &["Bare"]]);
        let refused = |seen: &Value| !seen["complete"]["fatal"].is_null() || !seen["complete"]["thrown"].is_null();
        assert!(!refused(&none));
        assert_eq!([&new, &covered, &bare].map(refused), [check_of != json!(false); 3]);
        assert_eq!(refused(&ext), check_of == json!(true));
    }
}

#[test]
fn trap_16_an_alias_is_shown_where_the_root_asks_for_it() {
    let mut farm = farm(json!({}));
    library(&mut farm, "l/dev", json!({ "version": "dev-main" }), |_| {});
    let alias = json!({ "extra": { "branch-alias": { "dev-main": "3.x-dev" } }, "version": "dev-main" });
    library(&mut farm, "l/alias", alias, |_| {});
    directory(&mut farm, "E1", true, json!({ "require": { "l/dev": "dev-main as 1.2.0" } }), |_| {});
    extension(&mut farm, "E2", json!({ "require": { "l/dev": "dev-main", "l/alias": "^3.0@dev" } }), |_| {});
    let [one, two] = check(farm, [&["E1"], &["E2"]]);
    let aliases = |seen: &Value, package: &str| {
        let raw = &seen["complete"]["installed"]["raw"][0]["versions"][package]["aliases"];
        raw.as_array().map(|aliases| aliases.iter().map(Value::to_string).collect::<Vec<_>>())
    };
    assert_eq!(aliases(&one, "l/dev"), Some(vec!["\"1.2.0\"".to_owned()]));
    assert_eq!(aliases(&two, "l/dev"), Some(vec![]));
    assert_eq!(aliases(&two, "l/alias"), Some(vec!["\"3.x-dev\"".to_owned()]));
}

#[test]
fn trap_17_two_autoloaders_of_one_suffix_live_in_one_process() {
    let mut farm = farm(json!({ "autoloader-suffix": "_mediawiki_vendor" }));
    extension(&mut farm, "E1", json!({}), |_| {});
    let world = World::new(farm).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let one = BTreeSet::from(["extensions/E1".to_owned()]);
    let first = world.reference(&one, "first").expect("Composer accepts it");
    let second = world.reference(&one, "second").expect("Composer accepts it");
    let load = |tree: &std::path::Path| {
        let code = "require $argv[1] . '/vendor/autoload.php'; require $argv[2] . '/vendor/autoload.php'; echo 'both';";
        let mut php = Command::new("php");
        php.args(["-d", "display_errors=1", "-r", code, "--"]).arg(&first).arg(tree).env("MWFARM_WIKI", "one");
        String::from_utf8_lossy(&php.output().expect("php runs").stdout).into_owned()
    };
    assert!(load(&second).contains("Cannot declare class ComposerAutoloaderInit_mediawiki_vendor"));
    try_build(&world, &[("one", &one)]).unwrap_or_else(|message| panic!("{message}"));
    assert_eq!(load(&world.tree()), "both");
}

#[test]
fn includes_are_merged_in_the_order_of_whole_paths() {
    let mut farm = farm(json!({}));
    farm.local = Some(json!({ "extra": { "merge-plugin": { "include": ["extensions/*/composer.json"] } } }));
    for name in ["A", "A-b"] {
        let rules = json!({ "autoload": { "files": ["f.php"], "psr-4": { "Shared\\": "src/" } } });
        directory(&mut farm, name, false, rules, |sources| {
            sources.loaded_always("f.php", &["ordered"]);
            sources.class("src/Common.php", "Shared\\Common");
        });
    }
    for extension in &mut farm.extensions {
        if let Kind::Directory { covered, .. } = &mut extension.kind {
            *covered = true;
        }
    }
    let [both] = check(farm, [&["A", "A-b"]]);
    // As directories, `A` comes before `A-b`; as paths, `A-b/` comes before `A/`.
    assert_eq!(files(&both), ["extensions/A-b/f.php", "extensions/A/f.php"]);
}

/// A farm with an empty base and the merge plugin.
pub(super) fn farm(config: Value) -> Farm {
    let mut root = json!({
        "name": "mediawiki/core",
        "version": "1.43.0",
        "minimum-stability": "dev",
        "prefer-stable": true,
        "require": { MERGE_PLUGIN: "*" },
        "extra": { "merge-plugin": { "include": ["composer.local.json"] } },
    });
    root["config"] = config;
    root["config"]["allow-plugins"] = json!(true);
    Farm {
        name: "a trap".to_owned(),
        root,
        local: Some(json!({ "extra": { "merge-plugin": { "include": [] } } })),
        unlisted: serde_json::Map::new(),
        dev: false,
        sources: Sources::default(),
        packages: Vec::new(),
        extensions: Vec::new(),
    }
}

/// Adds a library.
pub(super) fn library(farm: &mut Farm, name: &str, more: Value, fill: impl FnOnce(&mut Sources)) {
    let mut manifest = json!({ "name": name, "version": "1.0.0" });
    extend(&mut manifest, more);
    let mut sources = Sources::default();
    fill(&mut sources);
    farm.packages.push(Package { manifest, sources });
}

/// Adds the fields of one object to another.
fn extend(object: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("an object is expected") };
    object.as_object_mut().expect("an object").extend(more);
}

/// Adds an extension that Composer installs: `extensions/E1` from `mediawiki/e1`.
pub(super) fn extension(farm: &mut Farm, directory: &str, more: Value, fill: impl FnOnce(&mut Sources)) {
    let name = format!("mediawiki/{}", directory.to_lowercase());
    let mut manifest = json!({ "type": "mediawiki-extension", "extra": { "installer-name": directory } });
    extend(&mut manifest, more);
    manifest["require"]["composer/installers"] = json!("*");
    library(farm, &name, manifest, fill);
    farm.root["require"][&name] = json!("*");
    let kind = Kind::Package(name);
    farm.extensions.push(Extension { id: format!("extensions/{directory}"), kind, needs: BTreeSet::new() });
}

/// Adds such an extension with a file that is always loaded.
pub(super) fn with_file(farm: &mut Farm, directory: &str, require: Value) {
    let file = format!("{directory}.php");
    let mut more = json!({ "autoload": { "files": [file] } });
    more["require"] = require;
    extension(farm, directory, more, |sources| sources.loaded_always(&format!("{directory}.php"), &[]));
}

/// Adds an extension that was unpacked.
pub(super) fn directory(
    farm: &mut Farm,
    directory: &str,
    covered: bool,
    composer: Value,
    fill: impl FnOnce(&mut Sources),
) {
    let mut sources = Sources::default();
    sources.text("extension.json", &json!({ "name": directory, "manifest_version": 2 }).to_string());
    fill(&mut sources);
    let id = format!("extensions/{directory}");
    if covered {
        let include = farm.local.as_mut().and_then(|local| local.pointer_mut("/extra/merge-plugin/include"));
        let include = include.and_then(Value::as_array_mut).expect("a list of includes");
        include.push(json!(format!("{id}/composer.json")));
    }
    let kind = Kind::Directory { composer: Some(composer), covered, sources };
    farm.extensions.push(Extension { id, kind, needs: BTreeSet::new() });
}

/// Notes that Composer's links make one extension need another.
pub(super) fn needs(farm: &mut Farm, one: &str, other: &str) {
    let one = farm.extensions.iter_mut().find(|extension| extension.id.ends_with(&format!("/{one}")));
    one.expect("an extension of this farm").needs.insert(format!("extensions/{other}"));
}

/// Compares the dispatcher with Composer for each set, and returns what Composer shows.
#[track_caller]
pub(super) fn check<const N: usize>(farm: Farm, sets: [&[&str]; N]) -> [Value; N] {
    let mut world = World::new(farm).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let questions = Questions::new(&world.farm, 17);
    let sets = sets.map(|names| names.iter().map(|name| format!("extensions/{name}")).collect::<BTreeSet<String>>());
    let ids: [String; N] = std::array::from_fn(|index| format!("w{index}"));
    let expected: [Value; N] = std::array::from_fn(|index| {
        let reference = world.reference(&sets[index], &format!("reference-{index}"));
        let tree = reference.unwrap_or_else(|refusal| panic!("{:?}: {}", sets[index], refusal.text));
        observe(&Side::new(tree, Entry::default()), &questions, 1)
    });
    let wikis: Vec<(&str, &BTreeSet<String>)> = ids.iter().map(String::as_str).zip(&sets).collect();
    try_build(&world, &wikis).unwrap_or_else(|message| panic!("{message}"));
    for (index, id) in ids.iter().enumerate() {
        let side = Side::new(world.tree(), Entry::environment("MWFARM_WIKI", id));
        let found = differences(&expected[index], &observe(&side, &questions, 1));
        let kept = if found.is_empty() { String::new() } else { world.keep().display().to_string() };
        assert!(found.is_empty(), "{:?} differs from Composer; kept in {kept}\n{}", sets[index], found.join("\n"));
    }
    expected
}

/// The files that were loaded, in order.
pub(super) fn files(seen: &Value) -> Vec<&str> {
    let trace = seen["complete"]["files"].as_array().expect("a list");
    trace.iter().map(|entry| entry[0].as_str().expect("a path")).collect()
}

/// Where a class is, or false.
pub(super) fn found<'a>(seen: &'a Value, class: &str) -> &'a Value {
    &seen["complete"]["found"][class]
}

/// Whether a package is installed.
pub(super) fn installed(seen: &Value, package: &str) -> bool {
    seen["complete"]["installed"]["answers"][package]["installed"].as_bool().expect("an answer")
}
