//! The verbs that are killed, each from where it can begin to what has to be so after it was mended.

use std::fs;

use mwfarm::deploy::create::STEPS;
use mwfarm::deploy::retire::{ARCHIVE, DELETE, RESTORE};

use super::super::trace::OLDER;
use super::super::{Farm, core};
use super::whole;

/// A verb.
pub(super) struct Verb {
    /// What of it.
    pub(super) what: &'static str,
    /// Its words, in which `@` is the wiki.
    pub(super) words: &'static [&'static str],
    /// The steps that it tells.
    pub(super) steps: Vec<&'static str>,
    /// Whether each time it is about a wiki that it was not about before.
    pub(super) is_for_new: bool,
    /// Whether a wiki will do that was made for another verb.
    pub(super) takes_made: bool,
    /// Brings a wiki to where the verb begins; the version is one that no wiki had.
    pub(super) prepare: fn(&Farm, &str, u32),
    /// What a wiki may answer besides 200 before it is mended.
    pub(super) allowed: &'static [u16],
    /// Whether mending may find what has to be told as a failure.
    pub(super) may_fail: bool,
    /// Says what is wrong with a wiki after it was mended, and served this before.
    pub(super) after: fn(&Farm, &str, Option<&str>) -> Result<(), String>,
    /// Brings it to where it can be prepared again.
    pub(super) settle: fn(&Farm, &str),
    /// What has to work at last.
    pub(super) end: fn(&Farm, &str),
}

/// What all deploys that go well tell.
const STAGES: [&str; 9] =
    ["queued", "fetched", "built", "schema-begun", "checked", "switching", "switched", "verified", "done"];

fn with(steps: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [steps, more].concat()
}

pub(super) fn create() -> Verb {
    Verb {
        what: "new",
        words: &["wiki", "create", "@"],
        // Those of its deploy are those of any.
        steps: STEPS.to_vec(),
        is_for_new: true,
        takes_made: false,
        prepare: |_, _, _| {},
        allowed: &[404],
        may_fail: false,
        after: |farm, wiki, _| match state(farm, wiki).as_deref() {
            // Killed before it was entered, there is nothing.
            None => is(farm.release(wiki).is_none(), "served without a record"),
            Some("ready") => is(whole(farm, wiki) == 1, "another version"),
            Some(state) => Err(format!("it is {state}")),
        },
        settle: |_, _| {},
        end: |_, _| {},
    }
}

pub(super) fn delete() -> Verb {
    Verb {
        what: "one of several",
        words: &["wiki", "delete", "@", "--yes-i-mean", "@"],
        steps: DELETE.to_vec(),
        is_for_new: true,
        takes_made: true,
        prepare: |farm, wiki, _| {
            if state(farm, wiki).is_none() {
                farm.create(wiki);
            }
            assert_eq!(whole(farm, wiki), 1);
        },
        allowed: &[404],
        may_fail: false,
        after: |farm, wiki, before| match state(farm, wiki).as_deref() {
            None => is(farm.left_of(wiki).is_empty(), &format!("left: {:?}", farm.left_of(wiki))),
            Some("ready") => is(farm.release(wiki).as_deref() == before, "another release"),
            Some(state) => Err(format!("it is {state}")),
        },
        settle: |farm, wiki| {
            if state(farm, wiki).is_some() {
                farm.delete(wiki);
            }
            assert_eq!(farm.left_of(wiki), Vec::<String>::new());
            assert_eq!(farm.get(wiki, "/index.php").status, 404);
        },
        end: |_, _| {},
    }
}

pub(super) fn deploy() -> Verb {
    Verb {
        what: "code",
        words: &["deploy", "@"],
        steps: with(&STAGES, &["schema-same"]),
        is_for_new: false,
        takes_made: true,
        prepare: |farm, wiki, version| drop(farm.push(wiki, &core::with_stores(&version.to_string()))),
        allowed: &[],
        may_fail: false,
        after: is_new,
        settle: |_, _| {},
        end: |farm, wiki| {
            is_usual(farm, wiki);
            farm.delete(wiki);
        },
    }
}

/// The database changes; the release that is served is closed meanwhile, as its code is of another version.
pub(super) fn deploy_of_a_new_version() -> Verb {
    Verb {
        what: "a new version of MediaWiki, with other tables",
        steps: with(&STAGES, &["schema-changed"]),
        prepare: |farm, wiki, version| {
            let mut files = core::with_stores(&version.to_string());
            let (table, constant) = (format!("table{version}"), format!("'MW_VERSION', '1.{version}'"));
            files.insert("schema.sql".to_owned(), format!("CREATE TABLE IF NOT EXISTS {table} (id INTEGER)"));
            files.insert("includes/Defines.php".to_owned(), format!("<?php\ndefine( {constant} );\n"));
            farm.push(wiki, &files);
        },
        allowed: &[503],
        ..deploy()
    }
}

pub(super) fn deploy_of_configuration() -> Verb {
    Verb {
        what: "configuration",
        prepare: |farm, wiki, version| farm.configure_wiki(wiki, &format!("<?php\n$wgSitename = 'S{version}';")),
        ..deploy()
    }
}

/// A release that answers when it is tried, and not when it is served.
pub(super) fn rollback() -> Verb {
    Verb {
        what: "a release that does not answer",
        steps: vec![
            "queued",
            "fetched",
            "built",
            "schema-begun",
            "schema-same",
            "checked",
            "switching",
            "switched",
            "rolled-back",
        ],
        prepare: |farm, wiki, version| {
            let mut files = core::with_stores(&version.to_string());
            let health = "<?php\nif (!str_starts_with($_SERVER['HTTP_HOST'], 'next--')) { http_response_code(500); }\n";
            files.insert("includes/Health.php".to_owned(), health.to_owned());
            farm.push(wiki, &files);
        },
        may_fail: true,
        after: |farm, wiki, before| {
            let shown = farm.show(wiki);
            // When update.php was cut off, nobody knows whether the release before still works: it is not gone back to.
            let is_in_doubt = !shown["wiki"]["broken"]["needs_operator"].is_null();
            let cut_off = farm
                .journal(wiki)
                .iter()
                .any(|entry| entry["stage"] == "failed" && entry["error"] == "interrupted after update.php had begun");
            is(!is_in_doubt || cut_off, &format!("an operator is needed: {shown:#}"))?;
            is(is_in_doubt || farm.release(wiki).as_deref() == before, "another release")?;
            is(shown["wiki"]["held"]["by"] == "mwfarm", &format!("not held: {shown:#}"))?;
            let is_bad = shown["wiki"]["bad"].as_array().is_some_and(|bad| !bad.is_empty());
            is(is_bad && shown["wiki"]["broken"].is_object(), &format!("not told: {shown:#}"))
        },
        settle: |farm, wiki| {
            farm.mwfarm(["wiki", "resume", &farm.name(wiki)]).well();
            is_usual_with(farm, wiki, &[("includes/Health.php", "<?php\n")]);
        },
        ..deploy()
    }
}

pub(super) fn revert() -> Verb {
    Verb {
        what: "to the release before",
        words: &["deploy", "@", "--revert"],
        steps: vec!["queued", "switching", "switched", "done"],
        prepare: |farm, wiki, version| {
            farm.push(wiki, &core::with_stores(&version.to_string()));
            farm.deploy(wiki).well();
        },
        after: |farm, wiki, before| {
            let shown = farm.show(wiki);
            let reverted = farm.release(wiki).as_deref() != before;
            let held = !shown["wiki"]["held"].is_null();
            let bad = shown["wiki"]["bad"].as_array().is_some_and(|bad| {
                bad.iter().any(|bad| {
                    before.is_some_and(|before| {
                        bad["code"].as_str().expect("a commit").starts_with(&before[before.len() - 12..])
                    })
                })
            });
            is(
                (held, bad) == (reverted, reverted),
                &format!("reverted {reverted}, held {held}, bad {bad}: {shown:#}"),
            )?;
            is(shown["wiki"]["broken"].is_null(), &format!("{shown:#}"))
        },
        settle: |farm, wiki| drop(farm.mwfarm(["wiki", "resume", &farm.name(wiki)]).well()),
        ..deploy()
    }
}

/// An older commit, chosen by hand: either it is served, and holds the wiki, or pushes are followed as before.
pub(super) fn deploy_of_a_revision() -> Verb {
    Verb {
        what: "an older commit, by hand",
        words: &["deploy", "@", "--rev", OLDER],
        prepare: |farm, wiki, version| {
            farm.push(wiki, &core::with_stores(&version.to_string()));
            farm.push_file(wiki, "newest.txt", &version.to_string());
        },
        after: |farm, wiki, _| {
            let shown = farm.show(wiki);
            let held = shown["wiki"]["held"]["why"].as_str().unwrap_or_default();
            let wanted = if farm.served(wiki) == farm.tip(wiki) {
                String::new()
            } else {
                format!("{} was deployed by hand", &farm.served(wiki)[..12])
            };
            is(held == wanted, &format!("held as {held:?}, not {wanted:?}: {shown:#}"))?;
            is(shown["wiki"]["broken"].is_null(), &format!("{shown:#}"))
        },
        settle: |farm, wiki| drop(farm.mwfarm(["wiki", "resume", &farm.name(wiki)]).well()),
        ..deploy()
    }
}

pub(super) fn deploy_again() -> Verb {
    Verb {
        what: "the same commits",
        words: &["deploy", "@", "--again"],
        prepare: |_, _, _| {},
        after: |farm, wiki, before| {
            let code = |release: Option<&str>| {
                release.and_then(|release| release.split_once('-')).map(|(_, code)| code.to_owned())
            };
            is(code(farm.release(wiki).as_deref()) == code(before), "other commits")?;
            let shown = farm.show(wiki);
            is(shown["wiki"]["broken"].is_null() && shown["wiki"]["held"].is_null(), &format!("{shown:#}"))
        },
        ..deploy()
    }
}

pub(super) fn archive() -> Verb {
    Verb {
        what: "a wiki",
        words: &["wiki", "archive", "@"],
        steps: ARCHIVE.to_vec(),
        prepare: |_, _, _| {},
        allowed: &[404],
        after: keeps,
        settle: |farm, wiki| {
            if state(farm, wiki).as_deref() == Some("archived") {
                farm.mwfarm(["wiki", "restore", &farm.name(wiki)]).well();
            }
        },
        ..deploy()
    }
}

pub(super) fn restore() -> Verb {
    Verb {
        words: &["wiki", "restore", "@"],
        steps: RESTORE.to_vec(),
        prepare: |farm, wiki, _| drop(farm.mwfarm(["wiki", "archive", &farm.name(wiki)]).well()),
        ..archive()
    }
}

/// The release stays, and is served if and only if the wiki is ready.
fn keeps(farm: &Farm, wiki: &str, before: Option<&str>) -> Result<(), String> {
    is(farm.release(wiki).as_deref() == before, "another release")?;
    let (state, status) = (state(farm, wiki), farm.get(wiki, "/index.php").status);
    let fits = matches!((state.as_deref(), status), (Some("ready"), 200) | (Some("archived"), 404));
    is(fits, &format!("it is {state:?}, and answers {status}"))
}

fn is_new(farm: &Farm, wiki: &str, before: Option<&str>) -> Result<(), String> {
    is(farm.release(wiki).as_deref() != before, "the release before")?;
    let shown = farm.show(wiki);
    is(shown["wiki"]["broken"].is_null() && shown["wiki"]["held"].is_null(), &format!("{shown:#}"))?;
    let tip = farm.tip(wiki);
    is(farm.served(wiki) == tip, "not the newest commit")
}

/// Something is pushed, deployed and served, as on any other day.
fn is_usual(farm: &Farm, wiki: &str) {
    is_usual_with(farm, wiki, &[("usual.txt", "usual\n")]);
}

fn is_usual_with(farm: &Farm, wiki: &str, files: &[(&str, &str)]) {
    farm.push(wiki, &files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect());
    farm.deploy(wiki).well();
    assert_eq!(farm.served(wiki), farm.tip(wiki));
    whole(farm, wiki);
}

fn is(holds: bool, problem: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem.to_owned()) }
}

/// The state of a wiki, if there is one.
pub(super) fn state(farm: &Farm, wiki: &str) -> Option<String> {
    let record = farm.at("var/lib/mwfarm/wikis").join(format!("{}.json", farm.name(wiki)));
    let record: serde_json::Value = serde_json::from_slice(&fs::read(record).ok()?).expect("JSON");
    Some(record["state"].as_str().expect("a state").to_owned())
}
