//! What the commands say, and what they refuse.

use std::fs;
use std::process::Stdio;

use super::{Farm, Plan, git, wait};

/// The text without what differs from run to run.
fn plain(farm: &Farm, text: &str) -> String {
    let text = text.replace(&format!("a-{}", farm.tag()), "a").replace(&format!("b-{}", farm.tag()), "b");
    let digits = |word: &str| word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut out = String::new();
    for line in text.lines() {
        let mut words = Vec::new();
        for word in line.split(' ') {
            let (head, tail) = word.rsplit_once('-').unwrap_or(("", word));
            let bare = tail.trim_end_matches([',', ':']);
            words.push(if digits(bare) {
                let head = if head.is_empty() { String::new() } else { format!("{head}-") };
                format!("{head}<commit>{}", &tail[bare.len()..])
            } else {
                word.to_owned()
            });
        }
        out.push_str(words.join(" ").trim_end());
        out.push('\n');
    }
    out
}

#[test]
fn what_would_be_done_is_said_and_not_done() {
    let farm = Farm::start(&Plan::plain());
    let name = farm.name("a");
    // Neither does looking make anything.
    let before = farm.listing(".");
    let said = farm.mwfarm(["wiki", "create", &name, "--dry-run"]).well();
    assert_eq!(
        plain(&farm, &said),
        "`a` would be made at a.wiki.test, with\n  user wiki-a, branch wiki/a, database wiki_a\n  \
         base refs/heads/main\n  \
         steps: registry, list, user, branch, secrets, home, database, cache, code, route, ready\n"
            .replace("wiki_a", &format!("wiki_a_{}", farm.tag()))
    );
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&farm.mwfarm([arguments, &["--dry-run", "--format", "json"]].concat()).well()).unwrap()
    };
    assert_eq!(
        json(&["wiki", "create", &name, "--base", "refs/heads/main", "--host", &farm.host("x")]),
        serde_json::json!({
            "schema": "1.0.0", "name": name, "state": null, "host": farm.host("x"), "user": format!("wiki-{name}"),
            "database": format!("wiki_a_{}", farm.tag()), "branch": format!("refs/heads/wiki/{name}"),
            "base": "refs/heads/main",
            "steps": ["registry", "list", "user", "branch", "secrets", "home", "database", "cache", "code", "route", "ready"],
        })
    );
    // The lock files of all commands are there.
    let after = farm.listing(".");
    assert_eq!(after, before);
    farm.mwfarm(["wiki", "show", &name]).badly(4, "there is no wiki");
    assert_eq!(farm.left_of("a"), Vec::<String>::new());
    // What would be refused is.
    fs::create_dir_all(farm.at("data/project").join(&name)).unwrap();
    farm.mwfarm(["wiki", "create", &name, "--dry-run"]).badly(4, "the registry knows no wiki");
    fs::remove_dir(farm.at("data/project").join(&name)).unwrap();
    fs::remove_dir(farm.at("data/project")).unwrap();

    // Half made, as a branch that nobody can make leaves it.
    let hook = farm.at("core.git/hooks/pre-receive");
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    super::chmod(&hook, 0o755);
    farm.mwfarm(["wiki", "create", &name]).badly(1, "step `branch`");
    let said = plain(&farm, &farm.mwfarm(["wiki", "create", &name, "--dry-run"]).well());
    assert!(said.starts_with("`a` would be finished at a.wiki.test, with\n"), "{said}");
    assert!(
        said.ends_with("  steps: list, user, branch, secrets, home, database, cache, code, route, ready\n"),
        "{said}"
    );
    fs::remove_file(&hook).unwrap();
    let other = farm.name("c");
    for base in ["refs/heads/absent", "refs/heads/$(touch${IFS}canary)", "refs/heads/-x", "refs/tags/1", "main"] {
        for dry_run in [&["--dry-run"][..], &[]] {
            let said = farm.mwfarm([&["wiki", "create", &other, "--base", base], dry_run].concat());
            assert_eq!(said.code, 4, "{base}: {said:?}");
        }
        farm.mwfarm(["wiki", "show", &other]).badly(4, "there is no wiki");
        assert_eq!(farm.left_of("c"), Vec::<String>::new(), "{base}");
    }
    farm.create("a");
    farm.push_file("a", "resources/style.css", "body {}\n");
    let said = farm.mwfarm(["wiki", "create", &name, "--dry-run"]).well();
    assert_eq!(plain(&farm, &said), "`a` is there already, at http://a.wiki.test\n");
    let there = json(&["wiki", "create", &name]);
    assert_eq!((&there["state"], &there["steps"]), (&"ready".into(), &serde_json::json!([])));
    farm.mwfarm(["wiki", "create", &name, "--dry-run", "--host", "x.wiki.test"]).badly(4, "is there, and answers at");
    let before = farm.release("a");
    let said = farm.mwfarm(["deploy", &name, "--dry-run"]).well();
    let said = plain(&farm, &said);
    assert!(
        said.starts_with(
            "`a` would serve <commit> of refs/heads/wiki/a with configuration <commit>, instead of release 1-<commit>\n  \
             export 159 files, "
        ),
        "{said}"
    );
    assert_eq!(farm.release("a"), before);
    farm.deploy("a").well();
    let said = plain(&farm, &farm.mwfarm(["deploy", &name, "--revert", "--dry-run"]).well());
    assert!(said.contains("  try release 1-<commit>\n  switch\n  hold pushes\n"), "{said}");
}

/// The plan of a deletion, as people and as programs read it; and that nothing is deleted by half of a command.
#[test]
fn what_would_be_deleted_is_said_and_only_that_is() {
    let farm = Farm::with_core(&Plan { users: true, ..Plan::plain() }, &super::watching::small_core());
    farm.create("a");
    farm.create("b");
    let name = farm.name("a");
    let before = farm.listing(".");
    let said = farm.mwfarm(["wiki", "delete", &name, "--dry-run"]).well();
    let base = farm.base.display().to_string();
    assert_eq!(
        plain(&farm, &said).replace(&base, "").replace(&name, "a"),
        "`a`, which is ready, would be deleted, with\n  host a.wiki.test\n  user wiki-a\n  \
         /srv/deployment/servicegroup/a\n  /srv/deployment/releases/a\n  /data/project/a\n  \
         /srv/deployment/mediawiki/config/a.git\n  /srv/private/a.git\n  /run/mwfarm/secrets/a.php\n  \
         /var/lib/mwfarm/wikis/a.json\nkept: branch wiki/a, /var/lib/mwfarm/journal/a.jsonl\n"
    );
    let json = farm.mwfarm(["wiki", "delete", &name, "--dry-run", "--format", "json"]).well();
    let json: serde_json::Value = serde_json::from_str(&json.replace(&base, "").replace(&name, "a")).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "schema": "1.0.0", "wiki": "a", "state": "ready", "host": "a.wiki.test", "user": "wiki-a", "database": null,
            "paths": [
                "/srv/deployment/servicegroup/a", "/srv/deployment/releases/a", "/data/project/a",
                "/srv/deployment/mediawiki/config/a.git", "/srv/private/a.git", "/run/mwfarm/secrets/a.php",
                "/var/lib/mwfarm/wikis/a.json",
            ],
            "kept": {"branch": "refs/heads/wiki/a", "journal": "/var/lib/mwfarm/journal/a.jsonl"},
        })
    );
    let other = farm.name("b");
    farm.mwfarm(["wiki", "delete", &name]).badly(4, "--yes-i-mean");
    for meant in [other.as_str(), "", "A", " ", &name[..name.len() - 1], &format!("{name} ")] {
        farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", meant]).badly(4, "nothing was deleted");
    }
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &other, "--dry-run"]).badly(4, "nothing was deleted");
    farm.mwfarm(["wiki", "delete", "absent", "--yes-i-mean", "absent"]).badly(4, "there is no wiki");
    farm.mwfarm(["wiki", "delete", "absent", "--dry-run"]).badly(4, "there is no wiki");
    assert_eq!(farm.listing("."), before);
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
    assert_eq!(farm.left_of("a"), Vec::<String>::new());
    assert!(farm.at(&format!("var/lib/mwfarm/journal/{name}.jsonl")).exists());
}

#[test]
fn lists_and_states_are_told() {
    let farm = Farm::start(&Plan::plain());
    assert_eq!(farm.mwfarm(["wiki", "list"]).well(), "Wiki  State  Host  Web  Release  Owners\n");
    farm.create("a");
    farm.create("b");
    let list = plain(&farm, &farm.mwfarm(["wiki", "list"]).well());
    let cells: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[1], ["a", "ready", "a.wiki.test", "-", "1-<commit>"]);
    assert_eq!(cells[2], ["b", "ready", "b.wiki.test", "-", "1-<commit>"]);

    let name = farm.name("a");
    let said = farm.mwfarm(["wiki", "hold", &name, "a", "demo", "at four"]).well();
    assert_eq!(
        plain(&farm, &said),
        "`a` is held: pushes wait until `mwfarm wiki resume a`\n"
            .replace("resume a`", &format!("resume {name}`"))
            .replace(&name, "a")
    );
    let status = farm.mwfarm(["status"]).well();
    assert!(status.contains("ready, held") && status.contains("held by carol: a demo at four"), "{status}");
    farm.deploy("a").badly(4, "is held by carol: a demo at four");
    farm.mwfarm(["wiki", "resume", &name]).well();
    assert!(farm.mwfarm(["wiki", "resume", &name]).well().contains("was not held"));
    assert!(farm.mwfarm(["deploy", &name, "--engine", "local"]).well().contains("already"));
    farm.mwfarm(["deploy", &name, "--engine", "salt"]).badly(4, "invalid value 'salt'");
    let json: serde_json::Value = serde_json::from_str(&farm.mwfarm(["status", "--format", "json"]).well()).unwrap();
    assert_eq!((json["schema"].as_str(), json["wikis"].as_array().map(Vec::len)), (Some("1.2.0"), Some(2)));
}

#[test]
fn wikis_end_when_their_time_is_over() {
    let farm = Farm::start(&Plan::plain());
    farm.mwfarm(["wiki", "create", &farm.name("a"), "--ttl", "2h"]).well();
    farm.create("b");
    assert_eq!(farm.mwfarm(["wiki", "expire"]).well(), "");
    // Two hours later.
    let record = farm.at(&format!("var/lib/mwfarm/wikis/{}.json", farm.name("a")));
    let mut wiki: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    let expires = wiki["expires"].as_u64().unwrap();
    assert_eq!(expires - wiki["created"].as_u64().unwrap(), 7200);
    wiki["expires"] = (expires - 7201).into();
    std::fs::write(&record, wiki.to_string()).unwrap();
    let said = farm.mwfarm(["wiki", "expire", "--dry-run"]).well();
    assert_eq!(plain(&farm, &said), "`a` would be archived: its time is over\n");
    let json = |dry_run: &[&str]| -> serde_json::Value {
        let words = [&["wiki", "expire", "--format", "json"], dry_run].concat();
        serde_json::from_str(&farm.mwfarm(words).well()).unwrap()
    };
    let told = serde_json::json!({"schema": "1.0.0", "expired": [farm.name("a")], "dry_run": true});
    assert_eq!(json(&["--dry-run"]), told);
    assert_eq!(farm.show("a")["wiki"]["state"], "ready");
    assert!(farm.mwfarm(["wiki", "expire"]).well().contains("is archived: its time is over"));
    assert_eq!(farm.show("a")["wiki"]["state"], "archived");
    assert_eq!(json(&[]), serde_json::json!({"schema": "1.0.0", "expired": [], "dry_run": false}));
    assert_eq!(farm.show("b")["wiki"]["state"], "ready");
    // Who wants it back keeps it.
    let restored = farm.mwfarm(["wiki", "restore", &farm.name("a")]);
    assert!(restored.err.contains("stays now until somebody archives it"), "{}", restored.err);
    assert_eq!(farm.mwfarm(["wiki", "expire"]).well(), "");
    assert!(farm.show("a")["wiki"]["expires"].is_null());
    // Or for another time.
    let now = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (before, name) = (now(), farm.name("a"));
    assert!(farm.mwfarm(["wiki", "ttl", &name, "3d"]).well().contains("is archived after 2"));
    let expires = farm.show("a")["wiki"]["expires"].as_u64().unwrap();
    assert!((before..=now()).contains(&(expires - 3 * 86_400)), "{expires}");
    farm.mwfarm(["wiki", "create", &name, "--ttl", "9d"]).badly(4, "`mwfarm wiki ttl` gives it another time");
    farm.mwfarm(["wiki", "ttl", &name, "--never"]).well();
    assert!(farm.show("a")["wiki"]["expires"].is_null());
    farm.mwfarm(["wiki", "ttl", &name]).badly(4, "<TIME>");
}

#[test]
fn a_worker_archives_and_cleans_up() {
    let farm = Farm::start(&Plan::plain());
    farm.mwfarm(["wiki", "create", &farm.name("a"), "--ttl", "2h"]).well();
    farm.create("b");
    let record = farm.at(&format!("var/lib/mwfarm/wikis/{}.json", farm.name("a")));
    let mut wiki: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    wiki["expires"] = 1.into();
    std::fs::write(&record, wiki.to_string()).unwrap();
    let core = farm.at("srv/deployment/mediawiki/common");
    farm.push_file("b", "resources/style.css", "body {}\n");
    farm.deploy("b").well();
    let is_packed = || {
        let counted = git(&core, ["count-objects", "-v"]);
        counted.contains("count: 0\n") && counted.contains("packs: 1\n")
    };
    assert!(!is_packed());
    let cleaned = farm.at("var/lib/mwfarm/cleaned");
    let worker = farm.worker("1");
    wait("it is archived", || farm.show("a")["wiki"]["state"] == "archived");
    wait("it is cleaned", || cleaned.exists() && is_packed());
    assert_eq!(farm.show("b")["wiki"]["state"], "ready");
    assert!(worker.said().contains("archived, as its time is over"), "{}", worker.said());
    worker.stop();
    // Once a day.
    let now = std::fs::read_to_string(&cleaned).unwrap().trim().parse::<u64>().unwrap();
    for (before, again) in [(now - 3600, false), (now - 25 * 3600, true)] {
        std::fs::write(&cleaned, before.to_string()).unwrap();
        let text = || std::fs::read_to_string(&cleaned).unwrap();
        let said_before = text();
        let worker = farm.worker("1");
        if again {
            wait("it is cleaned again", || text() != said_before);
        } else {
            worker.until_it_says("the look at all wikis");
            std::thread::sleep(std::time::Duration::from_secs(2));
            assert_eq!(text(), said_before);
        }
        worker.stop();
    }
}

#[test]
fn an_agent_follows_orders_and_can_be_asked_again() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let code = farm.push_file("a", "resources/style.css", "body {}\n");
    farm.deploy("a").well();
    let observed = |farm: &Farm| -> serde_json::Value {
        let out = farm.mwfarm(["agent", "observe", &farm.name("a"), "--format", "json"]).well();
        serde_json::from_str(&out).unwrap()
    };
    let told = observed(&farm);
    let wiki = &told["wikis"][0];
    assert_eq!((wiki["code"].as_str(), wiki["health"]["ok"].as_bool()), (Some(code.as_str()), Some(true)));
    assert_eq!(wiki["releases"].as_array().map(Vec::len), Some(2));

    let show = farm.show("a");
    let first = wiki["releases"][0].as_str().unwrap().to_owned();
    let order = |action: &str, release: &str, schema: u64| {
        let order = serde_json::json!({
            "schema": schema, "action": action, "wiki": show["wiki"], "release": release, "code": null, "config": null,
        });
        let mut command = farm.command(["agent", "apply", "--format", "json"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), order.to_string().as_bytes()).unwrap();
        super::Said::from(child.wait_with_output().unwrap())
    };
    for changed in [true, false] {
        let said: serde_json::Value = serde_json::from_str(&order("switch", &first, 1).well()).unwrap();
        assert_eq!((&said["changed"], &said["observed"]["release"]), (&changed.into(), &first.as_str().into()));
    }
    order("switch", "9-0123456789ab", 1).badly(1, "is not on this server");
    order("switch", "../../etc", 1).badly(4, "holds no order");
    order("dance", &first, 1).badly(4, "unknown variant `dance`");
    order("switch", &first, 2).badly(4, "the order's form is 2");
    assert_eq!(farm.release("a").as_deref(), Some(first.as_str()));
}

#[test]
fn what_cannot_be_read_is_said() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    farm.create("b");
    let name = farm.name("a");
    std::fs::write(farm.at(&format!("var/lib/mwfarm/wikis/{name}.json")), "{\"schema\": 1").unwrap();
    let said = farm.mwfarm(["status"]);
    assert!(said.out.contains(&farm.name("b")), "{said:?}");
    said.badly(1, "does not fit: EOF while parsing");
    let mwfarm = farm.at("mwfarm.yml");
    let yaml = std::fs::read_to_string(&mwfarm).unwrap();
    for (from, to, what) in [
        ("zone: wiki.test", "zone: 'wiki test'", "field `deploy.zone` does not fit"),
        ("zone: wiki.test", "zone: wiki.test\n  zoom: 1", "unknown field `zoom`"),
        ("base: refs/heads/main", "base: main", "field `deploy.base` is no full name of a ref"),
        ("web: none", "web: lighttpd", "unknown variant `lighttpd`"),
        ("users: none", "users: {from: 5, to: 9}", "field `deploy.users` is no range of numbers"),
        ("  root: .", "  root: absent", "field `deploy.root` is not there"),
        ("  web: none", "  web: none\n  keep: 1", "field `deploy.keep` must be at least 2"),
        ("deploy:", "delay:", "unknown field"),
    ] {
        assert!(yaml.contains(from), "{from}");
        std::fs::write(&mwfarm, yaml.replace(from, to)).unwrap();
        let said = farm.mwfarm(["status"]);
        if what == "unknown field" {
            said.badly(5, "has no section `deploy`");
        } else {
            said.badly(5, what);
        }
    }
    std::fs::remove_file(&mwfarm).unwrap();
    farm.mwfarm(["status"]).badly(5, "is not there");
}

/// As the document has it: the working file itself is live, saved or committed or not.
#[test]
fn a_saved_file_is_live_where_the_document_is_taken_at_its_word() {
    let farm = Farm::start(&Plan::plain().with("config: seed"));
    farm.create("a");
    let name = farm.name("a");
    let config = farm.at(&format!("data/project/{name}/config"));
    assert!(config.join(".git").is_dir() && !config.is_symlink());
    let link = farm.at(&format!("srv/deployment/servicegroup/{name}/LocalSettings.php"));
    assert_eq!(std::fs::read_link(&link).unwrap(), config.join("LocalSettings.php"));
    let shown = || farm.mwfarm(["run", "show", "--wiki", &name]).well();
    assert!(shown().starts_with(&format!("[\"{name}\",")), "{}", shown());
    let release = farm.release("a");
    std::fs::write(config.join("LocalSettings.php"), "<?php\n$wgSitename = 'Saved';\n").unwrap();
    assert!(shown().starts_with("[\"Saved\","), "{}", shown());
    assert_eq!(farm.release("a"), release);
    assert!(farm.deploy("a").well().contains("already"));
}

/// A hold stops pushes, not repairs; and what was chosen by hand stays, also when it was served already.
#[test]
fn a_lost_link_comes_back_also_while_the_wiki_is_held() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    farm.push_file("a", "resources/style.css", "body {}\n");
    farm.deploy("a").well();
    let second = farm.release("a");
    farm.push_file("a", "resources/style.css", "p {}\n");
    let commit = farm.show("a")["release"]["code"].as_str().unwrap().to_owned();
    assert!(farm.mwfarm(["deploy", &name, "--rev", &commit]).well().contains("already"));
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    farm.deploy("a").badly(4, "was deployed by hand");
    std::fs::remove_file(farm.at(&format!("srv/deployment/servicegroup/{name}"))).unwrap();
    farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(farm.release("a"), second);
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");

    // A wiki has two names.
    let host = farm.host("a");
    assert!(farm.mwfarm(["run", "show", "--wiki", &host]).well().starts_with(&format!("[\"{name}\",")));
}

/// Nobody waits for minutes before a terminal that says nothing.
#[test]
fn whoever_waits_at_a_terminal_sees_how_far_it_is() {
    let farm = Farm::start(&Plan::plain());
    let at_terminal = |arguments: &[&str]| {
        let command = farm.command(arguments);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line.join(" "), "/dev/null"]).env_remove("CI").env("TERM", "xterm");
        let output = script.stdin(std::process::Stdio::null()).output().expect("script");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let name = farm.name("a");
    let said = at_terminal(&["wiki", "create", &name]);
    for step in ["registry", "user", "branch", "home", "code"] {
        assert!(said.contains(&format!("{name}: {step}\r\n")), "{said}");
    }
    assert!(said.contains(": fetched\r\n") && said.contains(": built\r\n"), "{said}");
    let said = at_terminal(&["deploy", &name, "--again"]);
    assert!(said.contains(": fetched\r\n") && !said.contains(&format!("{name}: home")), "{said}");
    let quiet = at_terminal(&["-q", "deploy", &name, "--again"]);
    assert_eq!(quiet.lines().count(), 1, "the result alone: {quiet}");
    let piped = farm.mwfarm(["deploy", &name, "--again"]);
    assert_eq!(piped.err, "");
}

/// Each wiki has a tree of its own: where the command is run says nothing about any of them.
#[test]
fn a_farms_settings_are_checked_without_a_tree() {
    let farm = Farm::start(&Plan::plain().with("list: wikis.yml"));
    let farms = "farm:\n  server: '(?<wiki>[a-z0-9-]+)\\.wiki\\.test'\n  variables: [ { variable: wiki, file: wikis.yml } ]\n  \
                 suffix: wiki\n  wikiID: $wikiwiki\n  config: [ { file: all.yml, key: default } ]\n";
    fs::write(farm.at("farms.yml"), farms).expect("settings");
    fs::write(farm.at("all.yml"), "wgUseSkinVector: true\nwgUseExtensionCite: composer\nwgSitename: One\n")
        .expect("settings");
    fs::write(farm.at("wikis.yml"), "- alpha\n").expect("a list");
    let check = |arguments: &[&str]| {
        let mut command = farm.command(arguments);
        command.current_dir("/").output().expect("mwfarm")
    };
    let text = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let said = check(&["config", "check"]);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(text(&said), "1 wiki, 0 errors, 0 warnings\n");
    // What is wrong is told all the same, and a tree that is named is looked at.
    let named = text(&check(&["-d", &farm.at("pid").display().to_string(), "config", "check"]));
    assert!(named.contains("there is no MediaWiki") && named.contains("Vector` stays off"), "{named}");
    fs::write(farm.at("all.yml"), "wgUseSkinVector: perhaps\nwgSitename: {a\n").expect("settings");
    let wrong = check(&["config", "check"]);
    assert_eq!(wrong.status.code(), Some(5), "{wrong:?}");
}
