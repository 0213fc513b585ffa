//! Registries of earlier mwfarms: what is in `fixtures/deploy/registry-1` was written by them, and is read for ever.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mwfarm::deploy::journal::{self, Stage};
use mwfarm::deploy::layout::Layout;
use mwfarm::deploy::name::Name;
use mwfarm::deploy::options::Range;
use mwfarm::deploy::record::State;
use mwfarm::deploy::registry;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/deploy/registry-1")
}

/// A farm with that registry.
fn farm() -> (tempfile::TempDir, Layout) {
    let root = tempfile::tempdir().expect("a directory");
    let layout = Layout::new(root.path().to_owned());
    fs::create_dir_all(layout.state().parent().expect("a directory")).expect("directories");
    let copied = Command::new("cp").arg("-r").arg(fixture()).arg(layout.state()).status().expect("cp");
    assert!(copied.success());
    (root, layout)
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

#[test]
fn records_of_form_1_are_read_and_written_as_they_were() {
    let (_root, layout) = farm();
    let (wikis, damaged) = registry::readable(&layout).expect("a registry");
    assert!(damaged.is_empty(), "{damaged:?}");
    let states: Vec<(&str, State)> = wikis.iter().map(|(name, wiki)| (name.as_str(), wiki.state)).collect();
    assert_eq!(
        states,
        [
            ("alpha", State::Ready),
            ("beta", State::Provisioning),
            ("delta", State::Deleting),
            ("gamma-2", State::Archived)
        ]
    );
    let alpha = &wikis[&name("alpha")];
    let commit = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!((alpha.uid, alpha.next, alpha.expires), (Some(61_000), 8, Some(1_798_192_000)));
    assert_eq!(alpha.owners, ["carol", "dave"]);
    assert_eq!(alpha.held.as_ref().map(|held| (held.by.as_str(), held.by_deploy)), Some(("carol", true)));
    assert_eq!(alpha.desired.as_ref().map(|desired| desired.code.as_str()), Some(commit));
    assert_eq!(alpha.bad.iter().map(|bad| bad.config.is_some()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(alpha.refused.as_ref().map(|refused| refused.at), Some(1_795_600_200));
    let broken = alpha.broken.as_ref().expect("it is broken");
    assert_eq!(broken.needs_operator.as_deref(), Some("repair the wiki, then `mwfarm wiki resume alpha`"));
    let gamma = &wikis[&name("gamma-2")];
    assert_eq!((gamma.uid, gamma.host.as_str(), gamma.base.as_str()), (None, "other.wiki.test", commit));
    assert_eq!(gamma.held.as_ref().map(|held| held.why.as_str()), Some("é „quoted“ \"text\""));
    // Whoever changes the form has to give it another number, and to read this one all the same.
    for (name, wiki) in &wikis {
        let file = format!("wikis/{name}.json");
        registry::put(&layout, wiki).expect("a record");
        let written = fs::read_to_string(layout.state().join(&file)).expect("a record");
        assert_eq!(written, fs::read_to_string(fixture().join(&file)).expect("a record"), "{name}");
    }
}

#[test]
fn journals_of_form_1_are_read_and_written_as_they_were() {
    let (_root, layout) = farm();
    let path = layout.journal(&name("alpha"));
    let entries = journal::read(&path).expect("a journal");
    let stages: Vec<&str> = entries.iter().map(|entry| entry.stage.word()).collect();
    assert_eq!(
        stages,
        [
            "noted",
            "queued",
            "fetched",
            "built",
            "schema-begun",
            "schema-same",
            "schema-changed",
            "checked",
            "switching",
            "switched",
            "verified",
            "done",
            "failed",
            "rolled-back",
            "needs-operator",
            "superseded",
            "noted"
        ]
    );
    let last = &entries[15];
    assert_eq!((last.attempt, last.stage, last.at), (1, Stage::Superseded, 1_795_600_015));
    assert_eq!(last.release.as_ref().map(ToString::to_string).as_deref(), Some("1-0123456789ab"));
    // One line was cut by a loss of power.
    let text = fs::read_to_string(&path).expect("a journal");
    let whole: Vec<&str> = text.lines().filter(|line| line.ends_with('}')).collect();
    assert_eq!(whole.len() + 1, text.lines().count());
    let again = layout.journal(&name("again"));
    for entry in &entries {
        journal::add(&again, entry).expect("a line");
    }
    assert_eq!(fs::read_to_string(&again).expect("a journal"), whole.join("\n") + "\n");
    // What a newer mwfarm writes is not passed over: it may say that a deploy goes on.
    fs::write(&again, text + "{\"at\":1,\"attempt\":2,\"stage\":\"pondered\",\"who\":\"carol\"}\n").expect("a journal");
    let refused = journal::read(&again).expect_err("it is newer").to_string();
    assert!(refused.starts_with("line 19 does not fit: unknown variant `pondered`"), "{refused}");
}

#[test]
fn numbers_of_form_1_go_on() {
    let (_root, layout) = farm();
    let range = Range { from: 61_000, to: 61_010 };
    let next = || registry::allocate(&layout, range, |_| Ok::<_, registry::Error>(false));
    assert_eq!(next().expect("a number"), 61_005);
    assert_eq!(fs::read_to_string(layout.state().join("ids.json")).expect("numbers"), "{\"last\":61005}");
    // Of the wiki that is gone nothing tells the number.
    fs::remove_file(layout.state().join("ids.json")).expect("numbers");
    assert!(matches!(next(), Err(registry::Error::Forgotten { highest: Some(61_003), .. })));
}
