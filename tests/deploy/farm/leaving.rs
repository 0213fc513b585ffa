//! Releases that answer when they are tried, and not when they are served.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::sound::sound;
use super::{Farm, Plan, Said, chmod, core, wait};

/// Code whose page is that of a version, and whose health is bad as soon as people come.
fn unwell(version: &str) -> BTreeMap<String, String> {
    let health = "<?php\nif (strncmp($_SERVER['HTTP_HOST'], 'next--', 6) !== 0) { throw new Exception('unwell'); }\n";
    BTreeMap::from([
        ("includes/Page.php".to_owned(), core::page(version)),
        ("includes/Health.php".to_owned(), health.to_owned()),
    ])
}

fn deploy_as_json(farm: &Farm) -> Value {
    let said = farm.mwfarm(["deploy", &farm.name("a"), "--format", "json"]);
    assert_eq!(said.code, 1, "{said:?}");
    serde_json::from_str(&said.out).expect("JSON")
}

fn last_stage(farm: &Farm) -> String {
    let show = farm.show("a");
    let journal = show["journal"].as_array().expect("a journal");
    journal.last().and_then(|entry| entry["stage"].as_str()).expect("a stage").to_owned()
}

#[test]
fn a_release_that_does_not_answer_is_left_by_itself() {
    let farm = Farm::start(&Plan::of("fpm"));
    farm.create("a");
    let first = farm.release("a").expect("a release");
    let bad = farm.push("a", &unwell("2"));
    let said = deploy_as_json(&farm);
    assert_eq!((said["outcome"].as_str(), said["release"].as_str()), (Some("rolled_back"), Some(&*first)), "{said}");
    assert!(said["hint"].as_str().is_some_and(|hint| hint.contains("push a better commit")), "{said}");
    assert!(farm.page("a").starts_with("index 1 page 1 "));
    assert_eq!(last_stage(&farm), "rolled-back");
    let show = farm.show("a");
    assert_eq!((&show["wiki"]["bad"][0]["code"], &show["wiki"]["held"]["by"]), (&bad.into(), &"mwfarm".into()));
    assert_eq!(show["releases"], serde_json::json!([first]));
    let told = farm.mwfarm(["status"]).well();
    assert!(told.contains("held by mwfarm: release 2-") && told.contains("did not answer as it should"), "{told}");
    sound(&farm);
    // Neither is it tried again, nor the next one before somebody says so.
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    farm.push("a", &core::files("3"));
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    farm.deploy("a").badly(4, "is held by mwfarm");
    farm.mwfarm(["wiki", "resume", &farm.name("a")]).well();
    farm.deploy("a").well();
    assert!(farm.page("a").starts_with("index 3 page 3 "));
    sound(&farm);
}

#[test]
fn a_release_that_does_not_answer_and_has_changed_the_schema_waits_for_an_operator() {
    let farm = Farm::start(&Plan::of("fpm"));
    farm.create("a");
    let first = farm.release("a").expect("a release");
    let mut files = unwell("2");
    files.insert("schema.sql".to_owned(), "CREATE TABLE IF NOT EXISTS added (id INTEGER)".to_owned());
    farm.push("a", &files);
    let said = deploy_as_json(&farm);
    let second = farm.release("a").expect("a release");
    assert!(second.starts_with("2-"));
    assert_eq!(
        (said["outcome"].as_str(), said["release"].as_str()),
        (Some("needs_operator"), Some(&*second)),
        "{said}"
    );
    assert_eq!(last_stage(&farm), "needs-operator");
    let told = farm.mwfarm(["status"]).well();
    for part in ["needs operator", "update.php has changed the schema", &first, "--revert", "wiki resume"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Whatever looks at it leaves that to the operator.
    farm.push("a", &core::files("3"));
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    assert_eq!(farm.release("a").as_deref(), Some(&*second));
    sound(&farm);
    // Who does what it says, is back.
    let name = farm.name("a");
    farm.mwfarm(["deploy", &name, "--revert", "the old code works"]).well();
    assert!(farm.page("a").starts_with("index 1 page 1 "));
    assert!(!farm.mwfarm(["status"]).well().contains("needs operator"));
    farm.mwfarm(["wiki", "resume", &name]).well();
    farm.deploy("a").well();
    assert!(farm.page("a").starts_with("index 3 page 3 "));
    sound(&farm);
}

/// The release works when what it lacked is there: it can be made again, as any other one.
#[test]
fn a_release_that_was_repaired_is_not_bad_any_more() {
    let farm = Farm::start(&Plan::of("fpm"));
    farm.create("a");
    let name = farm.name("a");
    chmod(&farm.at("data"), 0o755);
    let well = farm.at("data/well");
    let bad = || farm.show("a")["wiki"]["bad"].as_array().map(Vec::len);
    let is_served_badly = |version: &str| {
        let mut files = unwell(version);
        let health = format!(
            "<?php\nif (!str_starts_with($_SERVER['HTTP_HOST'], 'next--') && !file_exists('{}')) \
             {{ http_response_code(500); }}\n",
            well.display()
        );
        files.insert("includes/Health.php".to_owned(), health);
        let table = format!("CREATE TABLE IF NOT EXISTS added{version} (id INTEGER)");
        files.insert("schema.sql".to_owned(), table);
        let code = farm.push("a", &files);
        assert_eq!(deploy_as_json(&farm)["outcome"], "needs_operator");
        assert_eq!((farm.served("a"), bad()), (code.clone(), Some(1)));
        code
    };
    is_served_badly("2");
    fs::write(&well, "").expect("a file");
    farm.mwfarm(["wiki", "resume", &name]).well();
    assert_eq!(bad(), Some(0));
    farm.mwfarm(["deploy", &name, "--again"]).well();
    let said = farm.mwfarm(["deploy", "--all", "--again"]).well();
    assert!(said.ends_with("1 deployed\n"), "{said}");
    // Who asks for just this commit says so, too.
    fs::remove_file(&well).expect("a file");
    let code = is_served_badly("3");
    fs::write(&well, "").expect("a file");
    let said = farm.mwfarm(["deploy", &name, "--rev", &code]).well();
    assert!(said.contains("already"), "{said}");
    assert_eq!(bad(), Some(0));
    farm.mwfarm(["wiki", "resume", &name]).well();
    farm.mwfarm(["deploy", &name, "--again"]).well();
    sound(&farm);
}

#[test]
fn a_wiki_is_closed_as_long_as_another_version_works_on_its_database() {
    let farm = Farm::start(&Plan::of("fpm"));
    farm.create("a");
    let [begun, go] = ["begun", "go"].map(|file| farm.at(&format!("data/{file}")));
    chmod(&farm.at("data"), 0o777);
    assert!(Command::new("mkfifo").arg("-m").arg("666").arg(&go).status().expect("mkfifo").success());
    let update = |more: &str| {
        format!(
            "{}touch('{}');\nfile_get_contents('{}');\n{more}",
            core::files("1")["maintenance/update.php"],
            begun.display(),
            go.display()
        )
    };
    let while_it_runs = |look: &dyn Fn()| {
        let mut command = farm.command(["deploy", &farm.name("a")]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mwfarm");
        wait("update.php runs", || begun.exists());
        look();
        fs::remove_file(&begun).expect("a file");
        fs::OpenOptions::new().write(true).open(&go).expect("the pipe");
        Said::from(child.wait_with_output().expect("its end"))
    };
    // The same version: its wiki is open.
    farm.push_file("a", "maintenance/update.php", &update(""));
    while_it_runs(&|| assert!(farm.page("a").starts_with("index 1 "))).well();
    // Another one: it is closed, and says for how long.
    let version = |version: &str| format!("<?php\ndefine( 'MW_VERSION', '{version}' );\n");
    let closed = || {
        let reply = farm.get("a", "/index.php");
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(reply.head.contains("Retry-After: 30") && reply.body.contains("being upgraded"), "{reply:?}");
    };
    farm.push_file("a", "includes/Defines.php", &version("2.0"));
    while_it_runs(&closed).well();
    assert!(farm.page("a").starts_with("index 1 "));
    // It fails: what was served is open again.
    farm.push_file("a", "maintenance/update.php", &update("fwrite(STDERR, 'no table');\nexit(3);\n"));
    farm.push_file("a", "includes/Defines.php", &version("3.0"));
    while_it_runs(&closed).badly(1, "no table");
    assert!(farm.page("a").starts_with("index 1 "));
    sound(&farm);
}
