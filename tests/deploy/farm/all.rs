//! All wikis at once, after a change that nobody pushes: of the farm's settings, of `mwfarm.yml`, of mwfarm itself.

use std::fs;

use serde_json::{Value, json};

use super::sound::{listing, sound};
use super::{Farm, Plan};

fn change(farm: &Farm, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(farm.at(file)).expect("a file");
    assert!(text.contains(from), "{text}");
    fs::write(farm.at(file), text.replace(from, to)).expect("a file");
}

/// What `status` says of wikis whose release was made with something else than what is there today.
fn outdated(farm: &Farm) -> Vec<(String, Value)> {
    let status: Value = serde_json::from_str(&farm.mwfarm(["status", "--format", "json"]).well()).expect("JSON");
    let wikis = status["wikis"].as_array().expect("wikis").iter();
    let of = |wiki: &Value| (wiki["name"].as_str().expect("a name").to_owned(), wiki["outdated"].clone());
    wikis.map(of).filter(|(_, outdated)| *outdated != json!([])).collect()
}

#[test]
fn a_change_of_options_gets_to_all_wikis_by_one_command() {
    let farm = Farm::start(&Plan::plain());
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| farm.name(name));
    for name in ["a", "b", "c", "d"] {
        farm.create(name);
    }
    assert_eq!(outdated(&farm), []);
    farm.mwfarm(["wiki", "hold", &b, "a demo"]).well();
    farm.mwfarm(["wiki", "archive", &d]).well();
    let fail = farm.at("fail");
    farm.push_file(
        "c",
        "maintenance/update.php",
        &format!("<?php\nexit(file_exists('{}') ? 3 : 0);\n", fail.display()),
    );
    farm.deploy("c").well();
    fs::write(&fail, "").expect("a file");

    change(&farm, "mwfarm.yml", "database: none", "database: sqlite");
    farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(outdated(&farm), [&a, &b, &c].map(|name| (name.clone(), json!(["options"]))));
    let told = farm.mwfarm(["status"]).well();
    assert!(told.contains(&format!("{a} (mwfarm.yml)")) && told.contains("`mwfarm deploy --all --again`"), "{told}");
    assert!(farm.mwfarm(["wiki", "show", &a]).well().contains("mwfarm.yml, since the release was made"));
    let told = farm.mwfarm(["watch", "reconcile", "--dry-run"]).well();
    assert!(told.contains(&format!("{b}: its release was made before a change of mwfarm.yml")), "{told}");

    // What would be done, is not.
    let before = listing(&farm);
    let told = farm.mwfarm(["deploy", "--all", "--again", "--dry-run"]).well();
    assert!(told.contains(&format!("`{a}` would serve")) && told.contains(&format!("`{b}` is held by carol: a demo")));
    assert!(told.contains(&format!("`{d}` is archived")), "{told}");
    let json: Value =
        serde_json::from_str(&farm.mwfarm(["deploy", "--all", "--dry-run", "--format", "json"]).well()).expect("JSON");
    assert_eq!(json["wikis"].as_array().map(Vec::len), Some(4), "{json}");
    assert_eq!(json["wikis"][0]["steps"], json!(["nothing, as it is served"]));
    assert_eq!(super::sound::Listing::changes(&before, &listing(&farm)), [""; 0]);

    // One that fails keeps no other back.
    let code = farm.show("a")["release"]["code"].as_str().expect("a commit")[..12].to_owned();
    let said = farm.mwfarm(["deploy", "--all", "--again", "another", "database"]);
    assert_eq!(
        said.out,
        format!(
            "`{a}` serves release 2-{code}\n`{b}` is held by carol: a demo\n`{c}` failed, and serves release {}\n\
             `{d}` is archived\n1 deployed, 2 skipped, 1 failed\n",
            farm.release("c").expect("a release")
        )
    );
    said.badly(1, &format!("update.php failed for `{c}`"));
    assert_eq!(outdated(&farm), [&b, &c].map(|name| (name.clone(), json!(["options"]))));
    let last = farm.show("a")["journal"].as_array().expect("a journal").last().cloned().expect("a line");
    assert_eq!((last["stage"].as_str(), last["why"].as_str()), (Some("done"), Some("another database")));
    assert_eq!(last["who"], "carol");

    fs::remove_file(&fail).expect("a file");
    farm.mwfarm(["wiki", "resume", &b]).well();
    let out = farm.mwfarm(["deploy", "--all", "--again", "--format", "json"]).well();
    let json: Value = serde_json::from_str(&out).expect("JSON");
    let outcomes: Vec<_> = json["wikis"].as_array().expect("wikis").iter().map(|wiki| &wiki["outcome"]).collect();
    assert_eq!(outcomes, ["deployed", "deployed", "deployed", "skipped"]);
    assert_eq!((&json["schema"], &json["wikis"][1]["wiki"]), (&json!("1.0.0"), &json!(b)));
    assert_eq!(outdated(&farm), []);
    // Without `--again`, there is nothing to do.
    let said = farm.mwfarm(["deploy", "--all"]).well();
    assert!(said.ends_with("3 unchanged, 1 skipped\n"), "{said}");
    // An archived wiki comes back with what it had, and that is told.
    farm.mwfarm(["wiki", "restore", &d]).well();
    assert_eq!(outdated(&farm), [(d, json!(["options"]))]);
    sound(&farm);
}

/// One that is passed over for what somebody has to decide is no failure, and what is said before is what is done.
#[test]
fn what_would_be_done_with_all_wikis_is_what_is_done() {
    let farm = Farm::with_core(&Plan::plain(), &super::watching::small_core());
    let [a, b, c] = ["a", "b", "c"].map(|name| farm.name(name));
    for name in ["a", "b", "c"] {
        farm.create(name);
        farm.push_file(name, "file.txt", "1");
        farm.deploy(name).well();
    }
    let branch = format!("refs/heads/wiki/{a}");
    let clone = super::watching::Clone::of(&farm, "a", "x");
    super::git(&clone.directory, ["commit", "-q", "--amend", "-m", "another"]);
    assert!(clone.try_push(&["--force"], &branch).0);
    farm.mwfarm(["deploy", &b, "--revert", "it is bad"]).well();
    farm.mwfarm(["wiki", "resume", &b]).well();
    farm.push_file("c", "file.txt", "2");
    let told = farm.mwfarm(["deploy", "--all", "--dry-run"]).well();
    for part in ["leaves out", "is marked as bad: it is bad", &format!("`{c}` would serve")] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let done = farm.mwfarm(["deploy", "--all"]).well();
    assert!(done.ends_with("1 deployed, 2 skipped\n"), "{done}");
}

/// What was refused may have been the system's fault: a person who asks is not told what was so before.
#[test]
fn who_asks_for_all_wikis_is_not_answered_from_memory() {
    let farm = Farm::with_core(&Plan::plain(), &super::watching::small_core());
    farm.create("a");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Configured';");
    let work = farm.at("data/project").join(farm.name("a")).join("config.git-work");
    let newest = super::git(&work, ["rev-parse", "HEAD"]).trim().to_owned();
    let record = farm.at(&format!("var/lib/mwfarm/wikis/{}.json", farm.name("a")));
    let mut wiki: Value = serde_json::from_slice(&fs::read(&record).expect("a record")).expect("JSON");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    wiki["refused"] = json!({"config": newest, "why": "PHP was not there", "at": now});
    fs::write(&record, wiki.to_string()).expect("a record");
    farm.mwfarm(["watch", "reconcile"]).badly(1, "PHP was not there");
    let said = farm.mwfarm(["deploy", "--all"]).well();
    assert!(said.ends_with("1 deployed\n"), "{said}");
}

#[test]
fn all_wikis_means_all_and_one_means_one() {
    let farm = Farm::start(&Plan::plain());
    assert_eq!(farm.mwfarm(["deploy", "--all", "--again"]).well(), "there are no wikis\n");
    farm.create("a");
    let name = farm.name("a");
    farm.mwfarm(["deploy", "--all", &name]).badly(4, "is one wiki, and `--all` means all of them");
    farm.mwfarm(["deploy", "--all", "--revert"]).badly(4, "cannot be used with");
    farm.mwfarm(["deploy", "--all", "--rev", "0123456"]).badly(4, "cannot be used with");
    farm.mwfarm(["deploy"]).badly(4, "required");
    let served = farm.release("a");
    // A release of another mwfarm is one that this one would make otherwise.
    let release = format!("srv/deployment/releases/{name}/{}/.mwfarm/release.json", served.expect("a release"));
    change(&farm, &release, "\"mwfarm\": \"", "\"mwfarm\": \"0.0.");
    assert_eq!(outdated(&farm), [(name, json!(["mwfarm"]))]);
    // One record that cannot be read keeps the others from nothing.
    fs::write(farm.at("var/lib/mwfarm/wikis/broken.json"), "{").expect("a file");
    let said = farm.mwfarm(["deploy", "--all", "--again"]);
    assert!(said.out.ends_with("1 deployed\n"), "{said:?}");
    said.badly(1, "broken.json");
    fs::remove_file(farm.at("var/lib/mwfarm/wikis/broken.json")).expect("a file");
    assert_eq!(outdated(&farm), []);
}

/// Both wait for each other: one after the other, they would fail.
#[test]
fn several_wikis_are_made_anew_at_a_time() {
    let farm = Farm::start(&Plan::plain());
    for (own, other) in [("a", "b"), ("b", "a")] {
        farm.create(own);
        let [own_file, other_file] = [own, other].map(|name| farm.at(&format!("meets-{name}")).display().to_string());
        let php = format!(
            "<?php\nif (!file_exists('{}')) {{ exit(0); }}\ntouch('{own_file}');\n\
             for ($i = 0; $i < 12000 && !file_exists('{other_file}'); $i++) {{ usleep(10000); }}\n\
             exit(file_exists('{other_file}') ? 0 : 3);\n",
            farm.at("meet").display()
        );
        farm.push_file(own, "maintenance/update.php", &php);
        farm.deploy(own).well();
    }
    fs::write(farm.at("meet"), "").expect("a file");
    let said = farm.mwfarm(["deploy", "--all", "--again", "-j", "2"]).well();
    assert!(said.ends_with("2 deployed\n"), "{said}");
    sound(&farm);
}

#[test]
fn a_change_of_the_farms_settings_is_told_until_it_is_served() {
    let farm = Farm::start(&Plan::plain().with("list: wikis.yml"));
    let write = |file: &str, text: &str| fs::write(farm.at(file), text).expect("a file");
    write(
        "farms.yml",
        "myfarm:\n  server: '(?<wiki>[a-z0-9-]+)\\.wiki\\.test'\n  variables: [ { variable: wiki, file: wikis.yml } ]\n  \
         suffix: wiki\n  wikiID: $wikiwiki\n  config:\n    - { file: defaults.yml, key: default }\n",
    );
    write("defaults.yml", "wgLogo: one\n");
    farm.create("a");
    let settings = |name: &str| {
        let release = farm.release(name).expect("a release");
        let file = format!("srv/deployment/releases/{}/{release}/.mwfarm/farm.php", farm.name(name));
        fs::read_to_string(farm.at(&file)).expect("settings")
    };
    assert!(settings("a").contains("'one'"));
    // A new wiki is no change for those before.
    farm.create("b");
    assert_eq!(outdated(&farm), []);
    write("defaults.yml", "wgLogo: two\n");
    let both = [farm.name("a"), farm.name("b")].map(|name| (name, json!(["farm"])));
    assert_eq!(outdated(&farm), both);
    assert!(farm.mwfarm(["status"]).well().contains("(the farm's settings)"));
    // A push to one of them brings it there.
    farm.push_file("a", "resources/style.css", "body {}\n");
    farm.deploy("a").well();
    assert_eq!(outdated(&farm), both[1..]);
    // Settings that cannot be compiled are told, and nothing is switched.
    let before = farm.release("b");
    write("defaults.yml", "wgLogo: [\n");
    let said = farm.mwfarm(["deploy", "--all", "--again"]);
    assert!(said.out.ends_with("2 failed\n"), "{said:?}");
    said.badly(1, "defaults.yml");
    assert_eq!(farm.release("b"), before);
    write("defaults.yml", "wgLogo: three\n");
    farm.mwfarm(["deploy", "--all", "--again"]).well();
    assert!(settings("a").contains("'three'") && settings("b").contains("'three'"));
    assert_eq!(outdated(&farm), []);
    // No settings any more are a change, too.
    fs::remove_file(farm.at("farms.yml")).expect("a file");
    assert_eq!(outdated(&farm), both);
    farm.mwfarm(["deploy", "--all", "--again"]).well();
    assert_eq!(outdated(&farm), []);
    sound(&farm);
}
