//! What a deploy decides: which steps it takes, what it leaves out, and what it says.

use std::fs;

use super::sound::sound;
use super::{Farm, Plan, core};

/// The stages of the last attempt of a wiki.
fn stages(farm: &Farm, name: &str) -> Vec<String> {
    let show = farm.show(name);
    let journal = show["journal"].as_array().expect("a journal");
    let last = journal.iter().filter_map(|entry| entry["attempt"].as_u64()).max();
    let of_last = journal.iter().filter(|entry| entry["attempt"].as_u64() == last);
    of_last.filter_map(|entry| entry["stage"].as_str()).map(str::to_owned).collect()
}

/// Settings can turn an extension on, and then tables are missing.
#[test]
fn the_schema_is_looked_after_also_when_only_settings_change() {
    let farm = Farm::start(&Plan { options: "  database: sqlite\n".to_owned(), ..Plan::plain() });
    farm.create("a");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Configured';");
    farm.deploy("a").well();
    assert!(stages(&farm, "a").contains(&"schema-same".to_owned()), "{:?}", stages(&farm, "a"));
    // A schema that fails with these settings keeps them from being served.
    let before = farm.release("a");
    farm.configure_wiki("a", "<?php\nif (PHP_SAPI === 'cli') { fwrite(STDERR, \"no table\\n\"); exit(3); }");
    farm.deploy("a").badly(1, "update.php failed");
    assert_eq!(farm.release("a"), before);
}

/// No push tells of changed options, of a farm's changed settings and of a new mwfarm.
#[test]
fn the_same_commits_are_made_into_a_release_again() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let first = farm.release("a").expect("a release");
    let options = fs::read_to_string(farm.at("mwfarm.yml")).expect("options");
    fs::write(farm.at("mwfarm.yml"), options.replace("database: none", "database: sqlite")).expect("options");
    farm.mwfarm(["watch", "reconcile"]).well();
    assert!(farm.deploy("a").well().contains("already"));
    // What was pushed since is not of these commits.
    farm.push_file("a", "resources/style.css", "body {}\n");
    farm.mwfarm(["deploy", &name, "--again", "the database is another one"]).well();
    let again = farm.release("a").expect("a release");
    assert_eq!(again, first.replacen('1', "2", 1));
    let settings = |release: &str| {
        let file = farm.at(&format!("srv/deployment/releases/{name}/{release}/.mwfarm/settings.php"));
        fs::read_to_string(file).expect("settings")
    };
    assert!(settings(&again).contains("wgSQLiteDataDir") && !settings(&first).contains("wgSQLiteDataDir"));
    // Back from it: the commits are those of what is served, and not bad.
    farm.mwfarm(["deploy", &name, "--revert"]).well();
    assert_eq!(farm.release("a").as_deref(), Some(first.as_str()));
    assert_eq!(farm.show("a")["wiki"]["bad"], serde_json::json!([]));
    farm.mwfarm(["deploy", &name, "--again"]).badly(4, "is held by carol");
    farm.mwfarm(["deploy", &name, "--again", "--rev", "0123456"]).badly(4, "cannot be used with");
    farm.mwfarm(["wiki", "resume", &name]).well();
    farm.mwfarm(["deploy", &name, "--again"]).well();
    farm.deploy("a").well();
    sound(&farm);
}

#[test]
fn what_fails_after_the_schema_has_changed_leaves_nothing_closed() {
    let farm = Farm::start(&Plan { options: "  database: sqlite\n".to_owned(), ..Plan::plain() });
    farm.create("a");
    let before = farm.release("a").expect("a release");
    // Another version of MediaWiki, whose release cannot be tried: there is something else than a link.
    let next = farm.at("srv/deployment/next").join(farm.name("a"));
    farm.push_file("a", "includes/Defines.php", "<?php\ndefine( 'MW_VERSION', '2.0' );\n");
    farm.push_file("a", "schema.sql", "CREATE TABLE IF NOT EXISTS added (id INTEGER)");
    let update = &core::files("1")["maintenance/update.php"];
    let php = format!("{update}mkdir('{}', 0755, true);\n", next.display());
    farm.push_file("a", "maintenance/update.php", &php);
    farm.deploy("a").badly(1, "is not a link of mwfarm's");
    assert_eq!(farm.release("a"), Some(before.clone()));
    let closed = format!("srv/deployment/releases/{}/{before}/.mwfarm/closed", farm.name("a"));
    assert!(!farm.at(&closed).exists());
    let broken = farm.show("a")["wiki"]["broken"].clone();
    assert!(broken["needs_operator"].as_str().is_some_and(|hint| hint.contains("has changed the schema")), "{broken}");
    assert_eq!(stages(&farm, "a").last().map(String::as_str), Some("needs-operator"));
}

#[test]
fn a_release_that_was_served_is_kept_when_somebody_goes_back_by_hand() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let first = farm.release("a").expect("a release");
    farm.push_file("a", "resources/style.css", "body {}\n");
    farm.deploy("a").well();
    let second = farm.release("a").expect("a release");
    farm.mwfarm(["wiki", "hold", &name, "by hand"]).well();
    let link = farm.at(&format!("srv/deployment/servicegroup/{name}"));
    fs::remove_file(&link).expect("a link");
    std::os::unix::fs::symlink(format!("../releases/{name}/{first}"), &link).expect("a link");
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    assert_eq!(farm.show("a")["releases"], serde_json::json!([first, second]));
}

#[test]
fn a_commit_is_bad_until_it_was_seen_to_work() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let fail = farm.at("fail");
    let php = format!("<?php\nexit(file_exists('{}') ? 3 : 0);\n", fail.display());
    let code = farm.push_file("a", "maintenance/update.php", &php);
    farm.deploy("a").well();
    farm.mwfarm(["deploy", &name, "--revert"]).well();
    let bad = || farm.show("a")["wiki"]["bad"].as_array().map(Vec::len);
    assert_eq!(bad(), Some(1));
    fs::write(&fail, "").expect("a file");
    farm.mwfarm(["deploy", &name, "--rev", &code]).badly(1, "update.php failed");
    assert_eq!(bad(), Some(1));
    fs::remove_file(&fail).expect("a file");
    farm.mwfarm(["deploy", &name, "--rev", &code]).well();
    assert_eq!(bad(), Some(0));
}
