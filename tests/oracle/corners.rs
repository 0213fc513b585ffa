//! Corners that no generated farm reaches: cases in which a loader that follows the obvious rules differs from
//! Composer's.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use super::observe::{Entry, Questions, Side, differences, observe};
use super::theorem::try_build;
use super::traps::{check, directory, extension, farm, files, installed, library, needs};
use crate::farm::composer;
use crate::farm::source::Sources;
use crate::farm::world::World;

#[test]
fn what_php_lacks_may_come_from_a_package_that_is_there_anyway() {
    let mut farm = farm(json!({ "platform-check": true, "platform": { "ext-zzz": "1.0.0" } }));
    library(&mut farm, "l/poly", json!({ "provide": { "ext-zzz": "self.version" } }), |_| {});
    extension(&mut farm, "E1", json!({ "require": { "l/poly": "*", "ext-zzz": "^1.0" } }), |_| {});
    extension(&mut farm, "E2", json!({ "require": { "ext-zzz": "^1.0" } }), |_| {});
    let [one, two] = check(farm, [&["E1"][..], &["E2"]]);
    // The check is left out where the package is, and the package is not brought in for what PHP has.
    let refused = |seen: &Value| !seen["complete"]["fatal"].is_null();
    assert!(installed(&one, "l/poly") && !refused(&one) && refused(&two));
}

#[test]
fn exclusions_of_odd_forms() {
    for pattern in [
        "",
        "/",
        "./",
        ".",
        "src/**",
        "**/Hidden",
        "**",
        "src/*",
        "./src/Hidden",
        "src//Hidden/",
        "*/Hidden/*",
        "src/Hidden/H.php",
        "src\\Hidden",
        "src/Hid",
        "..",
        "../",
        "***/Hidden",
        "src/**/H.php",
        "/src/Hidden/",
        "../odd/src/Hidden",
        "src/../src/Hidden",
        ".//src/Hidden",
        "a/./b",
    ] {
        let mut farm = farm(json!({ "optimize-autoloader": true }));
        let rules = json!({ "autoload": { "psr-4": { "Odd\\": "src/" }, "classmap": ["map/"], "exclude-from-classmap": [pattern] } });
        library(&mut farm, "l/odd", rules, |sources| {
            sources.class("src/Hidden/H.php", "Odd\\Hidden\\H");
            sources.class("src/A/Hidden/H.php", "Odd\\A\\Hidden\\H");
            sources.class("src/S.php", "Odd\\S");
            sources.class("map/S.php", "MapS");
            sources.class("map/Hidden/S.php", "MapHidden");
        });
        extension(&mut farm, "E1", json!({ "require": { "l/odd": "*" } }), |_| {});
        check(farm, [&["E1"]]);
    }
}

#[test]
fn root_rules_that_reach_into_extensions() {
    for rules in [
        json!({ "psr-4": { "": "" } }),
        json!({ "psr-0": { "": "." } }),
        json!({ "psr-4": { "Ext\\": "extensions/" } }),
        json!({ "classmap": ["extensions/"] }),
        json!({ "psr-4": { "L\\": "vendor/l" } }),
        json!({ "classmap": ["vendor/l"] }),
    ] {
        let rules_need_lib = rules["classmap"][0] == "vendor/l";
        let mut farm = farm(json!({ "classmap-authoritative": true }));
        farm.root["autoload"] = rules;
        farm.sources.class("Top.php", "Top");
        library(&mut farm, "l/lib", json!({ "autoload": { "psr-4": { "Lib\\": "src/" } } }), |sources| {
            sources.class("src/A.php", "Lib\\A");
            sources.class("x/B.php", "L\\lib\\x\\B");
        });
        extension(&mut farm, "E1", json!({ "require": { "l/lib": "*" } }), |sources| {
            sources.class("src/One.php", "Ext\\E1\\src\\One");
            sources.class("extensions/E1/src/Two.php", "extensions\\E1\\extensions\\E1\\src\\Two");
        });
        directory(&mut farm, "E2", true, json!({}), |sources| {
            sources.class("src/One.php", "Ext\\E2\\src\\One");
            sources.class("src/Two.php", "extensions\\E2\\src\\Two");
        });
        directory(&mut farm, "E3", false, json!({}), |sources| {
            sources.class("src/One.php", "Ext\\E3\\src\\One");
        });
        let without = if rules_need_lib { &["E1", "E2"][..] } else { &["E2"] };
        check(farm, [&["E1"][..], without, &["E1", "E3"], &["E1", "E2", "E3"]]);
    }
}

#[test]
fn a_library_requires_an_extension() {
    let mut farm = farm(json!({}));
    extension(&mut farm, "E1", json!({ "autoload": { "psr-4": { "E1\\": "src/" } } }), |sources| {
        sources.class("src/A.php", "E1\\A");
    });
    library(&mut farm, "l/lib", json!({ "require": { "mediawiki/e1": "*" } }), |_| {});
    directory(&mut farm, "E2", false, json!({ "require": { "l/lib": "*" } }), |_| {});
    farm.unlisted.insert("l/lib".to_owned(), json!("*"));
    needs(&mut farm, "E2", "E1");
    check(farm, [&[][..], &["E2"]]);
}

#[test]
fn target_dir_and_include_path() {
    let mut farm = farm(json!({ "optimize-autoloader": true }));
    farm.root["include-path"] = json!(["lib", "/lib2/", ""]);
    let rules = json!({ "target-dir": "Acme/Sub", "autoload": { "psr-0": { "Acme\\Sub": "" }, "files": ["f.php", "Acme/Sub/g.php"], "classmap": ["map"], "exclude-from-classmap": ["map/not", "Acme/Sub/map/nor", "no*t"] }, "include-path": ["Acme/Sub/inc", "other"] });
    library(&mut farm, "l/old", rules, |sources| {
        sources.class("Thing.php", "Acme\\Sub\\Thing");
        sources.class("map/Mapped.php", "Mapped");
        sources.class("map/not/Not.php", "MappedNot");
        sources.class("map/nor/Nor.php", "MappedNor");
        sources.class("noot/Nor.php", "Acme\\Sub\\noot\\Nor");
        sources.loaded_always("f.php", &[]);
        sources.loaded_always("g.php", &[]);
    });
    extension(&mut farm, "E1", json!({ "require": { "l/old": "*" } }), |_| {});
    check(farm, [&[][..], &["E1"]]);
}

#[test]
fn metapackages_and_names_in_capitals() {
    let mut farm = farm(json!({ "optimize-autoloader": true }));
    library(
        &mut farm,
        "L/Meta",
        json!({ "type": "metapackage", "require": { "l/DEP": "*" }, "autoload": { "psr-4": { "M\\": "src/" }, "files": ["nothing.php"] }, "include-path": ["x"] }),
        |_| {},
    );
    library(
        &mut farm,
        "l/Dep",
        json!({ "autoload": { "files": ["f.php"] }, "replace": { "Old/Dep": "self.version" } }),
        |sources| sources.loaded_always("f.php", &[]),
    );
    library(&mut farm, "A/Z", json!({ "autoload": { "files": ["f.php"] } }), |sources| {
        sources.loaded_always("f.php", &[]);
    });
    extension(&mut farm, "E1", json!({ "require": { "l/meta": "*", "OLD/dep": "*", "a/z": "*" } }), |_| {});
    let [one] = check(farm, [&["E1"]]);
    assert_eq!(files(&one).len(), 2);
}

#[test]
fn parts_of_the_root_replace_and_provide() {
    let mut farm = farm(json!({}));
    library(&mut farm, "l/real", json!({ "autoload": { "files": ["f.php"] } }), |sources| {
        sources.loaded_always("f.php", &[]);
    });
    library(&mut farm, "l/user", json!({ "require": { "virt/x": "*" } }), |_| {});
    library(
        &mut farm,
        "l/prov",
        json!({ "provide": { "virt/x": "1.0" }, "autoload": { "files": ["f.php"] } }),
        |sources| sources.loaded_always("f.php", &[]),
    );
    directory(
        &mut farm,
        "E1",
        true,
        json!({ "provide": { "virt/x": "1.0" }, "replace": { "virt/y": "self.version" } }),
        |_| {},
    );
    extension(&mut farm, "E2", json!({ "require": { "l/user": "*" } }), |_| {});
    extension(&mut farm, "E3", json!({ "require": { "l/prov": "*" } }), |_| {});
    check(farm, [&["E1"][..], &["E3"], &["E1", "E2"], &["E2", "E3"], &["E1", "E2", "E3"]]);
}

#[test]
fn exclusions_of_merged_files() {
    let mut farm = farm(json!({ "optimize-autoloader": true }));
    let rules = json!({ "autoload": { "psr-4": { "E1\\": "src/", "\\Lead\\": "lead", "": "any" }, "psr-0": { "Under_": "zero" }, "exclude-from-classmap": ["src/not", "../../vendor/l/lib/src/not"] }, "autoload-dev": { "psr-4": { "E1\\Tests\\": "tests" } } });
    directory(&mut farm, "E1", true, rules, |sources| {
        sources.class("src/A.php", "E1\\A");
        sources.class("src/not/A.php", "E1\\not\\A");
        sources.class("lead/A.php", "Lead\\A");
        sources.class("any/Any.php", "Any");
        sources.class("zero/Under/X.php", "Under_X");
        sources.class("tests/T.php", "E1\\Tests\\T");
    });
    library(&mut farm, "l/lib", json!({ "autoload": { "psr-4": { "Lib\\": "src/" } } }), |sources| {
        sources.class("src/A.php", "Lib\\A");
        sources.class("src/not/A.php", "Lib\\not\\A");
    });
    extension(&mut farm, "E2", json!({ "require": { "l/lib": "*" } }), |_| {});
    check(farm, [&["E1"][..], &["E2"], &["E1", "E2"]]);
}

#[test]
fn versions_and_references_of_odd_text() {
    let mut farm = farm(json!({}));
    library(&mut farm, "l/odd", json!({ "version": "1.0.0+b'uild" }), |_| {});
    extension(&mut farm, "E1", json!({ "require": { "l/odd": "*" } }), |_| {});
    check(farm, [&["E1"]]);
}

/// With Composer, each tree brings classes of its own suffix; the runtime and an equal set are in both trees here.
#[test]
fn two_trees_live_in_one_process() {
    let world = |suffix: &str| {
        let mut farm = farm(json!({ "autoloader-suffix": suffix }));
        let rules = json!({ "autoload": { "psr-4": { "E1\\": "src/", "": "any/" }, "psr-0": { "Zero_": "zero/", "": "none/" } } });
        farm.root["description"] = json!(suffix);
        extension(&mut farm, "E1", rules, |sources| {
            sources.class("src/A.php", "E1\\A");
            sources.class("any/Any.php", "Any");
            sources.class("zero/Zero/A.php", "Zero_A");
            sources.class("none/None.php", "None");
        });
        if suffix == "second" {
            extension(&mut farm, "E2", json!({}), |_| {});
            farm.root["version"] = json!("1.44.0");
        }
        let world = World::new(farm).unwrap_or_else(|refusal| panic!("{}", refusal.text));
        // No combination but the empty one is linked: lists are merged from sets.
        try_build(&world, &[("base", &BTreeSet::new())]).unwrap_or_else(|message| panic!("{message}"));
        world
    };
    let (first, second) = (world("first"), world("second"));
    for (one, other) in [("E1", "E1"), ("E1", "E1,E2"), ("E1,", " E1 , E1,E2,"), (",", "E1,E2")] {
        let code = "$_SERVER['MWFARM_EXTENSIONS'] = $argv[3]; $one = require $argv[1] . '/vendor/autoload.php';
            $_SERVER['MWFARM_EXTENSIONS'] = $argv[4]; $two = require $argv[2] . '/vendor/autoload.php';
            foreach (['E1\\A', 'Any', 'Zero_A', 'None'] as $class) {
                echo is_string($one->findFile($class)) ? 1 : 0, realpath($two->findFile($class)), ' ';
            }
            echo count(Composer\\Autoload\\ClassLoader::getRegisteredLoaders());";
        let code = code.replace("\\\\", "\\");
        let mut php = Command::new("php");
        php.args(["-d", "display_errors=1", "-r", &code, "--"]).arg(first.tree()).arg(second.tree()).args([one, other]);
        let seen = String::from_utf8_lossy(&php.output().expect("php runs").stdout).into_owned();
        let tree = second.tree().canonicalize().expect("a tree");
        let has = u8::from(one != ",");
        let found = |file: &str| format!("{has}{}/extensions/E1/{file} ", tree.display());
        let expected = ["src/A.php", "any/Any.php", "zero/Zero/A.php", "none/None.php"].map(found).concat();
        assert_eq!(seen, expected + "2", "{one:?}, {other:?}");
    }
}

/// Composer resolves the directories that it scans, and the start of a pattern, but not the rest of the pattern: one
/// that names a link is dropped. For a class map rule that is itself a pattern it drops none.
#[test]
fn exclusions_of_what_is_linked() {
    let mut farm = farm(json!({ "optimize-autoloader": true }));
    farm.root["autoload"] = json!({ "classmap": ["extensions/*/map"], "exclude-from-classmap": ["**/nowhere"] });
    let rules = |prefix: &str| json!({ "autoload": { "psr-4": { prefix: "src/" }, "exclude-from-classmap": ["src/not", "map/not", "**/deep"] } });
    let fill = |sources: &mut Sources, prefix: &str| {
        for place in ["", "not\\", "deep\\", "nowhere\\"] {
            let file = place.replace('\\', "/");
            sources.class(&format!("src/{file}A.php"), &format!("{prefix}{place}A"));
            sources.class(&format!("map/{file}M.php"), &format!("{prefix}Map\\{place}M"));
        }
    };
    directory(&mut farm, "Linked", true, rules("Linked\\"), |sources| fill(sources, "Linked\\"));
    directory(&mut farm, "Plain", true, rules("Plain\\"), |sources| fill(sources, "Plain\\"));
    library(&mut farm, "l/linked", rules("Lib\\"), |sources| fill(sources, "Lib\\"));
    extension(&mut farm, "E1", json!({ "require": { "l/linked": "*" } }), |_| {});
    let mut world = World::new(farm).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let all = world.farm.all();
    let reference = world.reference(&all, "reference").unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let home = world.directory().join("home-locked");
    for tree in [world.tree(), reference.clone()] {
        for (number, place) in ["extensions/Linked", "vendor/l/linked"].into_iter().enumerate() {
            // Both trees lead to the same place.
            let elsewhere = world.directory().join(format!("elsewhere{number}"));
            if elsewhere.exists() {
                fs::remove_dir_all(tree.join(place)).expect("removed");
            } else {
                fs::rename(tree.join(place), &elsewhere).expect("moved");
            }
            symlink(&elsewhere, tree.join(place)).expect("linked");
        }
        composer::run(&tree, &home, &["dump-autoload", "--no-dev"]).expect("Composer dumps");
    }
    try_build(&world, &[("all", &all)]).unwrap_or_else(|message| panic!("{message}"));
    let questions = Questions::new(&world.farm, 3);
    let expected = observe(&Side::new(reference, Entry::default()), &questions, 0);
    let seen = observe(&Side::new(world.tree(), Entry::environment("MWFARM_WIKI", "all")), &questions, 0);
    let found = differences(&expected, &seen);
    assert!(found.is_empty(), "{}\n{}", world.keep().display(), found.join("\n"));
    let mapped = |class: &str| expected["complete"]["loader"]["class map"][class].is_string();
    assert_eq!(["Linked\\not\\A", "Plain\\not\\A", "Lib\\not\\A"].map(mapped), [true, false, false]);
}
