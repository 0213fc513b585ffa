//! Farms with settings: `config`, `wikis`, `build` and `run`, as their callers see them.
//!
//! `fixtures/config/<case>/session.txt` holds commands, each behind `$ ` and followed by what it prints: lines of stderr
//! stand behind `! `, and an exit code other than 0 behind `= `. They run one after the other in a copy of the case's
//! directory, which has the demo's tree as `tree/` and each directory of `code/` made whole in the same way.
//! `UPDATE=1 cargo test --test suite shell::config` writes the sessions anew.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use super::demo::{copy, entries};

/// A copy of a case.
struct Case {
    directory: tempfile::TempDir,
}

impl Case {
    fn new(name: &str) -> Self {
        let case = Self { directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory") };
        let fixture = fixtures().join("config").join(name);
        let code = fixture.join("code");
        if code.is_dir() {
            for version in fs::read_dir(&code).expect("versions") {
                let version = version.expect("a version").file_name();
                copy(&fixtures().join("demo"), &case.path("code").join(version));
            }
        } else {
            copy(&fixtures().join("demo"), &case.path("tree"));
        }
        copy(&fixture, &case.path(""));
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn output(&self, arguments: &str) -> Output {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        super::mwfarm(&arguments).current_dir(self.path("")).output().expect("mwfarm runs")
    }

    /// Runs what must succeed; gives stdout.
    #[track_caller]
    fn run(&self, arguments: &str) -> String {
        let Output { status, stdout, stderr } = self.output(arguments);
        assert!(status.success(), "{arguments}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("UTF-8")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// Everything in the output directory, with what changes when it is written. In the directory itself, builds make
    /// and remove another one.
    fn stat(&self) -> Vec<(PathBuf, (u64, i64, i64))> {
        let mut stat = entries(&self.path("output"), |_, stat| (stat.ino(), stat.mtime(), stat.mtime_nsec()));
        stat.retain(|(path, _)| path != Path::new(""));
        stat
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

#[test]
fn a_farm_with_every_plane() {
    session("farm");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    session("errors");
}

#[test]
fn slips_are_told_with_what_was_meant() {
    session("slips");
}

#[test]
fn versions_wait_for_updates() {
    session("versions");
}

#[test]
fn every_session_has_a_test() {
    let cases = fs::read_dir(fixtures().join("config")).expect("the cases");
    let mut cases: Vec<_> = cases.map(|case| case.expect("a case").file_name().into_string().expect("UTF-8")).collect();
    cases.sort();
    assert_eq!(cases, ["errors", "farm", "slips", "versions"]);
}

/// Runs a session and compares it with what is recorded.
#[track_caller]
fn session(name: &str) {
    let file = fixtures().join("config").join(name).join("session.txt");
    let recorded = fs::read_to_string(&file).expect("a session");
    let case = Case::new(name);
    let mut hidden = Hidden::default();
    let mut session = String::new();
    for command in recorded.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let Output { status, stdout, stderr } = case.output(command);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let (stdout, stderr) = (text(stdout), text(stderr));
        assert!(stdout.is_empty() || stdout.ends_with('\n'), "{command}: no line end");
        let _ = writeln!(session, "$ {command}\n{stdout}");
        session.truncate(session.trim_end_matches('\n').len() + 1);
        for line in stderr.lines() {
            session.push_str(format!("! {line}").trim_end());
            session.push('\n');
        }
        match status.code().expect("an exit code") {
            0 => {}
            code => writeln!(session, "= {code}").expect("text"),
        }
        session.push('\n');
    }
    let real = fs::canonicalize(case.path("")).expect("a path");
    let session = hidden.keys(&session.replace(real.to_str().expect("UTF-8"), "(case)"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &session).expect("written");
    }
    let different = recorded.lines().zip(session.lines()).find(|(recorded, said)| recorded != said);
    assert!(recorded == session, "{name} differs, first in {different:#?}; all of it:\n{session}");
}

/// Keys are names of content, of which no session depends.
#[derive(Default)]
struct Hidden {
    numbers: HashMap<String, usize>,
}

impl Hidden {
    /// Puts numbers in place of keys, which tables cut to 12 digits, in the order in which they appear.
    fn keys(&mut self, text: &str) -> String {
        let mut out = String::new();
        for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            // `composer<KEY>`
            let from = if word.len() > 32 { word.len() - 32 } else { 0 };
            let (before, key) = word.split_at(from);
            let is_key = matches!(key.len(), 12 | 32) && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if is_key && matches!(before, "" | "composer") {
                let next = self.numbers.len() + 1;
                let number = *self.numbers.entry(key[..12].to_owned()).or_insert(next);
                let width = key.len() - 2;
                let _ = write!(out, "{before}<{number:0>width$}>");
                out.push_str(&part[word.len()..]);
            } else {
                out.push_str(part);
            }
        }
        out
    }
}

#[test]
fn the_plan_of_a_farm_is_json() {
    let case = Case::new("farm");
    let plan = |arguments: &str| -> Value { serde_json::from_str(&case.run(arguments)).expect("JSON") };
    let planned = plan("config compile --config-dir config --dry-run --format json");
    assert!(!case.path("output").exists() && !case.path("tree/vendor/autoload.php").exists());
    let created: Vec<&str> = planned["created"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    let ids: Vec<&str> = created.iter().filter_map(|name| Some(name.split_once('_')?.0)).collect();
    assert_eq!(ids, ["settings/atlaswiki", "settings/newswiki", "settings/researchwiki"]);
    let loaded = ["extensions/Bootstrap", "extensions/Validator", "extensions/Maps", "skins/chameleon"];
    let expected = json!({
        "farm": "demo",
        "suffix": "wiki",
        "tags": ["small"],
        "hosts": ["atlas.example.org", "atlas.example.com"],
        "version": "",
        "delayed": false,
        "compiled": { "": {
            "settings": created[0], "extensions": loaded, "wanted": ["skins/chameleon", "extensions/Maps"],
        } },
    });
    assert_eq!(planned["wikis"]["atlaswiki"], expected);
    assert_eq!((&planned["broken"], &planned["kept"], &planned["invalidated"]), (&json!([]), &json!(0), &json!([])));
    assert_eq!((&planned["schema"], &planned["trees"][""]["schema"]), (&json!("1.0.0"), &json!("1.1.0")));

    let built = plan("build --config-dir config --format json");
    for field in ["created", "generation", "kept", "wikis"] {
        assert_eq!(built[field], planned[field], "{field}");
    }
    let again = plan("plan --config-dir config --format json");
    assert_eq!((&again["created"], &again["kept"], &again["wikis"]), (&json!([]), &json!(3), &planned["wikis"]));
}

/// What is made of private files is as private; only what changes is written, and nothing else is left.
#[test]
fn settings_are_as_private_as_what_they_are_made_of() {
    let case = Case::new("farm");
    let private = case.path("config/private/passwords.json");
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(case.path(name), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    let modes = || {
        let files = entries(&case.path("output/settings"), |_, stat| stat.is_file().then(|| stat.mode() & 0o777));
        files.into_iter().filter_map(|(_, mode)| mode).collect::<Vec<_>>()
    };
    mode("config/private/passwords.json", 0o640);
    case.run("build --config-dir config");
    assert_eq!(modes(), [0o640; 3]);
    let group = |path: &Path| fs::metadata(path).expect("a file").gid();
    let settings = fs::read_link(case.path("output/LocalSettings/atlaswiki.php")).expect("a link");
    assert_eq!(group(&case.path("output/LocalSettings").join(settings)), group(&private));

    // Files that were there before are not more open than their inputs either.
    mode("config/private/passwords.json", 0o600);
    case.run("build --config-dir config");
    assert_eq!(modes(), [0o600; 3]);
    mode("config/private/passwords.json", 0o644);
    case.run("build --config-dir config");
    assert_eq!(modes(), [0o644; 3]);
}

#[test]
fn only_what_changes_is_written() {
    let case = Case::new("farm");
    case.run("build --config-dir config");
    let first = case.stat();
    let settings = |stat: &[(PathBuf, (u64, i64, i64))]| -> Vec<String> {
        let names = stat.iter().filter_map(|(path, _)| path.strip_prefix("settings").ok());
        names.filter_map(|name| Some(name.to_str()?.split_once('_')?.0.to_owned())).collect()
    };
    assert_eq!(settings(&first), ["atlaswiki", "newswiki", "researchwiki"]);

    let said = case.output("build --config-dir config");
    assert!(String::from_utf8_lossy(&said.stderr).contains("nothing was written"), "{said:?}");
    assert_eq!(case.stat(), first);

    case.write("config/atlas.yml", "wgSitename: Other\n");
    case.run("build --config-dir config");
    let second = case.stat();
    assert_eq!(settings(&second), ["atlaswiki", "atlaswiki", "newswiki", "researchwiki"]);
    let files = |stat: &[(PathBuf, (u64, i64, i64))], place: &str| -> Vec<_> {
        stat.iter().filter(|(path, _)| path.starts_with(place) && path != Path::new(place)).cloned().collect()
    };
    let before = files(&first, "settings");
    assert!(before.iter().all(|entry| second.contains(entry)), "{before:?} {second:?}");
    // What leads there: only that of one wiki.
    let (before, after) = (files(&first, "LocalSettings"), files(&second, "LocalSettings"));
    let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(a, _)| a.0.clone()).collect();
    assert_eq!(changed, [Path::new("LocalSettings/atlaswiki.php")]);
    // Nothing is left of how it was written.
    let names: Vec<_> =
        second.iter().filter(|(path, _)| path.components().count() == 1).map(|(path, _)| path).collect();
    let expected = ["LocalSettings", "settings", "versions", "www", "farm.php", "LocalSettings.php", "unavailable.php"];
    let known = |name: &str| {
        expected.contains(&name)
            || name == "mwfarm.json"
            || ["farm_", "mwfarm_"].iter().any(|prefix| name.starts_with(prefix))
    };
    assert!(names.iter().all(|name| known(name.to_str().expect("UTF-8"))), "{names:?}");
}

/// An error leaves what is published, byte for byte.
#[test]
fn errors_leave_what_is_published() {
    let case = Case::new("farm");
    case.run("build --config-dir config");
    let first = case.stat();
    case.write("config/default.yml", "wgSitename: [\n");
    assert_eq!(case.output("build --config-dir config").status.code(), Some(5));
    let files = |stat: Vec<(PathBuf, (u64, i64, i64))>| -> Vec<_> {
        let names = stat.into_iter().filter(|(path, _)| {
            path.starts_with("settings/") || path.starts_with("LocalSettings/") || path == Path::new("farm.php")
        });
        names.collect()
    };
    assert_eq!(files(case.stat()), files(first));
    assert_eq!(case.output("build --config-dir config --locked").status.code(), Some(5));
}

/// A configuration that comes back is a change, too: what MediaWiki has cached meanwhile was made under another one, and
/// counts until settings are younger.
#[test]
fn settings_that_come_back_are_young() {
    let case = Case::new("farm");
    let build = || {
        case.run("build --config-dir config");
        fs::canonicalize(case.path("output/LocalSettings/atlaswiki.php")).expect("a file")
    };
    let first = build();
    case.write("config/atlas.yml", "wgSitename: Other\n");
    let second = build();
    assert_ne!(first, second);
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for file in [&first, &second] {
        fs::File::open(file).and_then(|file| file.set_modified(long_ago)).expect("a time");
    }
    let time = |file: &Path| fs::metadata(file).and_then(|stat| stat.modified()).expect("a time");
    build();
    assert_eq!(time(&second), long_ago, "nothing has changed");
    case.write("config/atlas.yml", "wgSitename: Atlas\n");
    assert_eq!(build(), first);
    assert!(time(&first) > long_ago);
    assert_eq!(time(&second), long_ago);
}

/// `--locked` looks at the files, not at what the manifest says of them.
#[test]
fn what_is_gone_is_out_of_date() {
    let case = Case::new("farm");
    case.run("build --config-dir config");
    case.run("build --config-dir config --locked");
    for gone in ["farm.php", "LocalSettings.php", "unavailable.php", "LocalSettings/atlaswiki.php"] {
        fs::remove_file(case.path("output").join(gone)).expect("removed");
        assert_eq!(case.output("build --config-dir config --locked").status.code(), Some(6), "{gone}");
        case.run("build --config-dir config");
        case.run("build --config-dir config --locked");
    }
}

/// A PHP file that requests would stop at stops the build, and is not run for that.
#[test]
fn included_files_are_looked_at_and_not_run() {
    let case = Case::new("farm");
    let canary = case.path("canary");
    case.write("config/last.php", &format!("<?php touch( '{}' );\n", canary.display()));
    case.run("build --config-dir config");
    assert!(!canary.exists());
    case.write("config/last.php", "<?php\n$wgSitename = ;\n");
    let said = case.output("build --config-dir config");
    assert_eq!(said.status.code(), Some(5));
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert!(stderr.contains("error: last.php:2: PHP says: "), "{stderr}");
}

/// A wiki with an error stays as it was, and with it what only it may have.
#[test]
fn a_wiki_that_stays_keeps_its_caches_for_itself() {
    let case = Case::new("farm");
    let farm = |first: &str, second: &str| {
        let of = |name: &str, more: &str| {
            format!(
                "{name}:\n  server: '{name}\\.example\\.org'\n  suffix: wiki\n  wikiID: {name}wiki\n  config: [{{ file: {name}.yml, \
                 key: default }}]\n{more}"
            )
        };
        case.write("config/farms.yml", &format!("{}{}", of("one", ""), of("two", "")));
        case.write("config/one.yml", first);
        case.write("config/two.yml", second);
    };
    farm("wgDBname: one\n", "wgDBname: two\n");
    case.run("build --config-dir config");
    farm("wgDBname: one\nthis: 1\n", "wgDBname: one\n");
    let said = case.output("build --config-dir config");
    assert_eq!(said.status.code(), Some(5));
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert!(stderr.contains("its cache prefix is that of `onewiki`, which stays as it was"), "{stderr}");
    let settings = |wiki: &str| {
        fs::read_to_string(case.path("output/LocalSettings").join(format!("{wiki}.php"))).expect("settings")
    };
    assert!(settings("onewiki").contains("'one'"));
    assert!(settings("twowiki").contains("'two'"));
}

/// What no table leads to any more goes, when it is old enough; what an earlier generation of the vendor directory leads
/// to stays as long as that does.
#[test]
fn settings_that_nothing_leads_to_are_collected() {
    let case = Case::new("farm");
    let settings = || -> Vec<String> {
        let names = fs::read_dir(case.path("output/settings")).expect("settings");
        let names = names.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<String> = names.filter(|name| name.starts_with("atlaswiki_")).collect();
        names.sort();
        names
    };
    let gc = |flags: &str| -> Value {
        let answer = case.run(format!("gc --config-dir config --format json {flags}").trim_end());
        serde_json::from_str(&answer).expect("JSON")
    };
    for name in ["One", "Two", "Three", "Four"] {
        case.write("config/atlas.yml", &format!("wgSitename: {name}\n"));
        case.run("build --config-dir config");
    }
    let all = settings();
    assert_eq!(all.len(), 4);
    gc("");
    assert_eq!(settings(), all, "all of them are young");
    let planned = gc("--grace 0 --dry-run");
    assert_eq!(settings(), all);
    let done = gc("--grace 0");
    assert_eq!(planned, done);
    // The present ones, and those of the generation that `rollback` goes to.
    assert_eq!(settings().len(), 2);
    let directories = done["directories"].as_array().expect("a list");
    assert_eq!(directories.len(), 2);
    let names = |at: usize| directories[at]["names"].as_array().expect("a list").len();
    assert!(names(0) >= 2 && names(1) >= 2, "{done:#}");
    case.run("rollback -d tree");
    let dispatcher = fs::read_to_string(case.path("tree/vendor/autoload.php")).expect("a dispatcher");
    let table = dispatcher.split("/wikis_").nth(1).and_then(|rest| rest.get(..32)).expect("a table");
    let table = fs::read_to_string(case.path("tree/vendor").join(format!("wikis_{table}.php"))).expect("a table");
    let led_to = settings().into_iter().filter(|name| table.contains(name.as_str())).count();
    assert_eq!(led_to, 1, "the settings of the earlier generation are there");
    gc("--grace 0");
    assert_eq!(settings().len(), 2);
    case.run("build --config-dir config");
    case.run("build --config-dir config --locked");
}

/// What `rollback` takes back of a farm are settings, too: it names the wikis, and does not lead to files that are gone.
#[test]
fn a_rollback_knows_settings() {
    let case = Case::new("farm");
    let mut settings = Vec::new();
    for name in ["One", "Two"] {
        case.write("config/atlas.yml", &format!("wgSitename: {name}\n"));
        case.run("build --config-dir config");
        settings.push(fs::canonicalize(case.path("output/LocalSettings/atlaswiki.php")).expect("a file"));
    }
    let planned = case.run("rollback -d tree --dry-run");
    assert!(planned.contains("\nchanged: atlaswiki\n"), "{planned}");
    let text = fs::read(&settings[0]).expect("settings");
    fs::remove_file(&settings[0]).expect("removed");
    let refused = case.output("rollback -d tree");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("maps files that are gone"));
    fs::write(&settings[0], text).expect("written");
    case.run("rollback -d tree");
    case.run("verify -d tree");
    fs::remove_file(&settings[0]).expect("removed");
    let verified = case.output("verify -d tree");
    assert_eq!(verified.status.code(), Some(1), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// A tree that the farm has left may still be served from.
#[test]
fn settings_of_a_tree_that_was_left_stay_while_it_names_them() {
    let case = Case::new("farm");
    copy(&case.path("tree"), &case.path("next"));
    case.run("build --config-dir config -d tree");
    let old = fs::canonicalize(case.path("output/LocalSettings/atlaswiki.php")).expect("a file");
    case.write("config/atlas.yml", "wgSitename: Next\n");
    let options = fs::read_to_string(case.path("config/mwfarm.yml")).expect("options");
    case.write("config/mwfarm.yml", &options.replace("../tree", "../next"));
    case.run("build --config-dir config -d next");
    case.run("gc --config-dir config --grace 0");
    assert!(old.exists(), "the tree before is still there, and names it");
    case.run("eject -d tree");
    case.run("gc --config-dir config --grace 0");
    assert!(!old.exists());
}
