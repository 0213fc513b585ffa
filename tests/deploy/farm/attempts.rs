//! What a deploy decides: which steps it takes, what it leaves out, and what it says.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use super::sound::{Listing, listing, sound};
use super::{Farm, Plan, Said, core, git};

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

/// PHP's trace is longer than what is told of the end of an output.
#[test]
fn why_the_schema_failed_is_told_and_all_that_was_said_is_kept() {
    let farm = Farm::start(&Plan { options: "  database: sqlite\n".to_owned(), ..Plan::plain() });
    farm.create("a");
    let name = farm.name("a");
    let deep = "function a($n) { if ($n) { a($n - 1); } else { throw new Exception('boom ' . getmyuid()); } }";
    farm.configure_wiki("a", &format!("<?php\nif (PHP_SAPI === 'cli') {{ echo \"begun\\n\"; {deep} a(9); }}"));
    let log = farm.at("data/project").join(&name).join("logs/update.log");
    let said = farm.deploy("a").badly(1, "update.php failed");
    assert!(said.contains("Uncaught Exception: boom") && said.contains(&log.display().to_string()), "{said}");
    let shown = farm.mwfarm(["wiki", "show", &name]).well();
    assert!(shown.contains("Uncaught Exception: boom"), "{shown}");
    let kept = fs::read_to_string(&log).expect("a log");
    assert!(kept.contains("begun") && kept.contains("#3 ") && kept.contains("boom"), "{kept}");
    // What the wiki put there is not followed with root's rights, and hides no reason.
    fs::remove_file(&log).expect("a log");
    fs::create_dir(&log).expect("a directory");
    let said = farm.deploy("a").badly(1, "Uncaught Exception: boom");
    assert!(!said.contains("update.log"), "{said}");
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
fn a_deploy_asks_the_remote_that_the_file_of_the_farm_names_now() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    git(&farm.base, ["clone", "-q", "--bare", "core.git", "moved.git"]);
    let path = farm.at("mwfarm.yml");
    let text = fs::read_to_string(&path).expect("options");
    let moved = farm.at("moved.git").display().to_string();
    fs::write(&path, text.replace(&farm.at("core.git").display().to_string(), &moved)).expect("options");
    git(&farm.at("work"), ["commit", "-q", "--allow-empty", "-m", "only there"]);
    let branch = format!("HEAD:refs/heads/wiki/{}", farm.name("a"));
    git(&farm.at("work"), ["push", "-q", "--force", &moved, &branch]);
    let tip = git(&farm.at("work"), ["rev-parse", "HEAD"]);
    farm.mwfarm(["deploy", &farm.name("a"), "--rev", tip.trim()]).well();
    assert!(farm.release("a").is_some_and(|release| release.ends_with(&tip[..12])), "{:?}", farm.release("a"));
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

/// Neither a script that fails nor one that takes its caller with it is begun for ever.
#[test]
fn after_two_tries_of_update_php_pushes_wait() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let served = farm.release("a");
    let held = || farm.show("a")["wiki"]["held"]["why"].as_str().map(str::to_owned);
    let [fail, kill] = ["fail", "kill"].map(|file| farm.at(file));
    let php = |version: u32| {
        format!(
            "<?php // {version}\nif (file_exists('{}')) {{ posix_kill(posix_getppid(), 9); sleep(1); }}\n\
             exit(file_exists('{}') ? 3 : 0);\n",
            kill.display(),
            fail.display()
        )
    };
    fs::write(&fail, "").expect("a file");
    let code = farm.push_file("a", "maintenance/update.php", &php(1));
    farm.deploy("a").badly(1, "update.php failed");
    assert_eq!(held(), None);
    farm.mwfarm(["watch", "reconcile"]).badly(1, "update.php failed");
    assert_eq!(held(), Some(format!("update.php has failed 2 times for {}", &code[..12])));
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    assert_eq!(farm.release("a"), served);
    fs::remove_file(&fail).expect("a file");
    farm.mwfarm(["wiki", "resume", &name]).well();
    farm.deploy("a").well();
    sound(&farm);
    // The same of one that is killed with its caller.
    let served = farm.release("a");
    fs::write(&kill, "").expect("a file");
    let code = farm.push_file("a", "maintenance/update.php", &php(2));
    for _ in 0..2 {
        assert_eq!((farm.deploy("a").code, held()), (-1, None));
    }
    farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(held(), Some(format!("update.php has failed 2 times for {}", &code[..12])));
    assert_eq!(farm.release("a"), served);
    sound(&farm);
    fs::remove_file(&kill).expect("a file");
    farm.mwfarm(["wiki", "resume", &name]).well();
    farm.deploy("a").well();
    assert_ne!(farm.release("a"), served);
    sound(&farm);
}

#[test]
fn a_wiki_whose_first_release_does_not_answer_is_not_made() {
    let mut files = core::files("1");
    let unwell = "<?php\nif (strncmp($_SERVER['HTTP_HOST'] ?? 'next--', 'next--', 6) !== 0) { throw new Exception('unwell'); }\n";
    files.insert("includes/Health.php".to_owned(), unwell.to_owned());
    let farm = Farm::with_core(&Plan::of("fpm"), &files);
    let name = farm.name("a");
    for attempt in ["1-", "2-"] {
        farm.mwfarm(["wiki", "create", &name]).badly(1, "did not answer as it should");
        assert_eq!(farm.show("a")["wiki"]["state"], "provisioning");
        assert!(farm.release("a").is_some_and(|release| release.starts_with(attempt)), "{:?}", farm.release("a"));
    }
    farm.mwfarm(["watch", "reconcile"]).badly(1, "did not answer as it should");
    assert_eq!(farm.show("a")["wiki"]["state"], "provisioning");
    farm.push_file("a", "includes/Health.php", "<?php\n");
    farm.create("a");
    assert_eq!(farm.show("a")["wiki"]["state"], "ready");
    assert!(farm.page("a").starts_with("index 1 page 1 site a-"));
    sound(&farm);
}

/// Gives the agent an order.
fn order(farm: &Farm, order: &serde_json::Value) -> Said {
    let mut command = farm.command(["agent", "apply", "--format", "json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mwfarm");
    child.stdin.take().expect("an input").write_all(order.to_string().as_bytes()).expect("it reads");
    Said::from(child.wait_with_output().expect("it ends"))
}

#[test]
fn an_order_brings_its_commit_and_waits_for_others() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let show = farm.show("a");
    let config = show["release"]["config"].clone();
    let code = farm.push_file("a", "resources/style.css", "body {}\n");
    let prepare = |release: String, code: &str| {
        serde_json::json!({
            "schema": 1, "action": "prepare", "wiki": show["wiki"], "release": release, "code": code, "config": config,
        })
    };
    let other = "0123456789abcdef0123456789abcdef01234567";
    order(&farm, &prepare(format!("7-{}", &other[..12]), &code)).badly(4, "the order's field `release` is 7-");
    order(&farm, &prepare(format!("7-{}", &other[..12]), other)).badly(1, "has no commit 0123456789abcdef");
    let release = format!("7-{}", &code[..12]);
    // Somebody else works on the wiki.
    let lock = fs::File::open(farm.at(&format!("var/lib/mwfarm/locks/{}.wiki", farm.name("a")))).expect("a lock");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("the lock");
    let place = farm.at(&format!("srv/deployment/releases/{}/{release}", farm.name("a")));
    std::thread::scope(|scope| {
        let ordered = scope.spawn(|| order(&farm, &prepare(release.clone(), &code)));
        std::thread::sleep(Duration::from_millis(700));
        assert!(!place.exists() && !ordered.is_finished());
        drop(lock);
        assert!(ordered.join().expect("an answer").well().contains("\"changed\": true"));
    });
    assert!(place.join(".mwfarm/release.json").exists());
}

#[test]
fn programs_read_what_became_of_a_deploy_that_failed() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let served = farm.release("a").expect("a release");
    let failed = |code: i32| {
        let said = farm.mwfarm(["deploy", &name, "--format", "json"]);
        assert_eq!(said.code, code, "{said:?}");
        let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        assert_eq!((json["schema"].as_str(), json["wiki"].as_str()), (Some("1.0.0"), Some(name.as_str())), "{json}");
        assert_eq!((json["outcome"].as_str(), json["release"].as_str()), (Some("failed"), Some(&*served)), "{json}");
        (json["error"].as_str().expect("an error").to_owned(), json["hint"].as_str().map(str::to_owned))
    };
    farm.push_file("a", "includes/Page.php", "<?php\nclass {");
    let (error, _) = failed(1);
    assert!(error.contains("includes/Page.php:2: "), "{error}");
    farm.mwfarm(["wiki", "hold", &name, "a demo"]).well();
    let (error, hint) = failed(4);
    assert!(error.contains("is held by carol: a demo"), "{error}");
    assert!(hint.is_some_and(|hint| hint.contains("mwfarm wiki resume")));
}

#[test]
fn what_would_be_done_is_what_would_be_decided() {
    let farm = Farm::start(&Plan::plain());
    farm.create("a");
    let name = farm.name("a");
    let told = |flags: &[&str]| farm.mwfarm([&["deploy", &name, "--dry-run"], flags].concat());
    assert!(told(&[]).well().contains("nothing, as it is served"));
    assert!(told(&["--again"]).well().contains("  switch\n"));
    let before = listing(&farm);
    told(&["--revert"]).badly(4, "there is no release of");
    farm.push_file("a", "includes/Page.php", "<?php\nclass {");
    told(&[]).badly(1, "includes/Page.php:2: ");
    // What was fetched is there; record and journal say nothing of it.
    let changed = Listing::changes(&before, &listing(&farm));
    assert!(changed.iter().all(|path| path.starts_with("srv/deployment/mediawiki/common")), "{changed:?}");
    farm.mwfarm(["wiki", "hold", &name, "a demo"]).well();
    told(&[]).badly(4, "is held by carol: a demo");
    farm.mwfarm(["wiki", "resume", &name]).well();
    let lock = fs::File::open(farm.at(&format!("var/lib/mwfarm/locks/{name}.wiki"))).expect("a lock");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("the lock");
    told(&[]).badly(1, "wait for it, or say `--wait`");
    drop(lock);
    farm.mwfarm(["wiki", "archive", &name]).well();
    told(&[]).badly(4, "is archived");
}

#[test]
fn a_branch_of_somebody_is_not_taken_for_that_of_a_new_wiki() {
    let farm = Farm::start(&Plan::plain());
    let name = farm.name("a");
    let branch = format!("refs/heads/wiki/{name}");
    let work = farm.at("work");
    git(&work, ["push", "-q", "origin", &format!("main:{branch}")]);
    git(&work, ["commit", "-q", "--allow-empty", "-m", "elsewhere"]);
    git(&work, ["push", "-q", "origin", "main"]);
    for base in [&["--base", "refs/heads/main"][..], &[]] {
        let said = farm
            .mwfarm([&["wiki", "create", &name], base].concat())
            .badly(4, "and does not begin with `refs/heads/main`");
        assert!(said.contains(&format!("--base {branch}")), "{said}");
    }
    farm.mwfarm(["wiki", "show", &name]).badly(4, "there is no wiki");
    farm.mwfarm(["wiki", "create", &name, "--base", &branch]).well();
    // Deleted and made again, it is its own.
    farm.push_file("a", "resources/style.css", "body {}\n");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
    farm.mwfarm(["wiki", "create", &name, "--base", "refs/heads/main"]).badly(4, "does not begin with");
    farm.create("a");
}
