//! What people see while wikis are deployed, made, deleted and rolled back, and while the program is killed at that: one
//! release or the other, never a part of one, never an error.

use std::collections::BTreeMap;
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::sound::sound;
use super::trace;
use super::{Farm, Plan, Reply, core};
use crate::meanwhile::End;
use crate::strace::Moment;

/// How many kills of each verb a push to this repository pays for: each costs seconds.
const FEW: usize = 5;

/// How long a client waits before it asks again.
const PAUSE: Duration = Duration::from_millis(2);

/// A core of few files that knows its version.
fn small(version: u64) -> BTreeMap<String, String> {
    let mut files = core::files(&version.to_string());
    files.retain(|path, _| !path.starts_with("includes/part/"));
    files
}

/// An answer that one release gave: its number. Index, included file and settings are of the same.
fn release_of(reply: &Reply) -> Result<u64, String> {
    // `index 3 page 3 site a release includes3-0123456789ab`
    let words: Vec<&str> = reply.body.split_whitespace().collect();
    let ["index", index, "page", page, "site", _, "release", release] = words[..] else {
        return Err(format!("half a page: {reply:?}"));
    };
    let release = release.trim_start_matches("includes");
    let settings = format!("MwFarm-Release: {release}\r\n");
    if index != page || !format!("{}\r\n", reply.head).contains(&settings) {
        return Err(format!("mixed: {reply:?}"));
    }
    release.split('-').next().and_then(|number| number.parse().ok()).ok_or_else(|| format!("no release: {reply:?}"))
}

/// What came back while something was done: how many answers, and what was wrong with them.
struct Seen {
    answers: u64,
    wrong: Vec<String>,
}

/// Asks for a wiki's page again and again while something is done. Each client sees numbers of releases that only grow,
/// unless they may fall.
fn watched(farm: &Farm, name: &str, clients: usize, allowed: fn(u16) -> bool, falls: bool, act: impl FnOnce()) -> Seen {
    let (ended, answers, wrong) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut newest = 0;
                while !ended.load(Ordering::Relaxed) {
                    let reply = farm.get(name, "/index.php");
                    answers.fetch_add(1, Ordering::Relaxed);
                    let problem = match (reply.status, release_of(&reply)) {
                        (200, Ok(release)) if release >= newest || falls => {
                            newest = release;
                            // About a thousand requests in a second, and some of the machine for what is done.
                            thread::sleep(PAUSE);
                            continue;
                        }
                        (200, Ok(release)) => format!("{release} after {newest}"),
                        (200, Err(problem)) => problem,
                        (status, _) if allowed(status) => {
                            // Such an answer costs nothing: others want to work, too.
                            thread::sleep(Duration::from_millis(5));
                            continue;
                        }
                        _ => format!("{reply:?}"),
                    };
                    wrong.lock().expect("a list").push(problem);
                }
            });
        }
        let _end = End(&ended);
        act();
    });
    Seen { answers: answers.into_inner(), wrong: wrong.into_inner().expect("a list") }
}

impl Seen {
    #[track_caller]
    fn well(&self) {
        let first: Vec<&String> = self.wrong.iter().take(3).collect();
        assert!(self.wrong.is_empty(), "{} of {} answers: {first:#?}", self.wrong.len(), self.answers);
        assert!(self.answers > 0, "nobody asked");
    }
}

#[test]
fn no_request_fails_while_wikis_are_deployed_with_fpm() {
    deploys_under_load("fpm", 50);
}

#[test]
fn no_request_fails_while_wikis_are_deployed_with_itk() {
    deploys_under_load("itk", 12);
}

#[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells how much was seen")]
fn deploys_under_load(web: &'static str, deploys: u64) {
    let deploys: u64 = env::var("MWFARM_DEPLOYS").ok().map_or(deploys, |number| number.parse().expect("a number"));
    let farm = Farm::with_core(&Plan::of(web), &small(1));
    farm.create("a");
    let begun = Instant::now();
    let seen = watched(
        &farm,
        "a",
        4,
        |_| false,
        false,
        || {
            for version in 2..=deploys + 1 {
                if version % 5 == 0 {
                    farm.configure_wiki("a", &format!("<?php\n$wgSitename = 'Site{version}';"));
                } else {
                    farm.push("a", &small(version));
                }
                farm.deploy("a").well();
                assert_eq!(farm.release("a").map(|release| release.starts_with(&format!("{version}-"))), Some(true));
            }
        },
    );
    println!("{deploys} deploys with {web} in {:?}, {} answers", begun.elapsed(), seen.answers);
    seen.well();
    assert!(seen.answers > 20 * deploys, "{} answers are no load", seen.answers);
    sound(&farm);
}

/// Few of the moments of a verb.
fn few(moments: &[Moment]) -> Vec<Moment> {
    let mut chosen = trace::chosen(moments);
    if env::var_os("MWFARM_KILLS").is_none() {
        let step = chosen.len().div_ceil(FEW);
        chosen = chosen.into_iter().step_by(step).collect();
    }
    chosen
}

fn reconciled(farm: &Farm) {
    farm.mwfarm(["watch", "reconcile"]).well();
    sound(farm);
    let again = farm.mwfarm(["watch", "reconcile"]).well();
    let told: Vec<&str> = again.lines().filter(|line| !line.contains("has no wiki")).collect();
    assert!(told.is_empty() || told == ["nothing differs"], "{again}");
}

#[test]
fn a_killed_deploy_is_not_seen() {
    let farm = Farm::with_core(&Plan::of("fpm"), &small(1));
    farm.create("a");
    let words = ["deploy".to_owned(), farm.name("a")];
    farm.push("a", &small(2));
    let moments = trace::moments(&farm, &words);
    let (mut version, mut killed) = (2, 0);
    let moments = few(&moments);
    for moment in &moments {
        version += 1;
        farm.push("a", &small(version));
        let seen = watched(
            &farm,
            "a",
            1,
            |_| false,
            false,
            || {
                killed += usize::from(trace::kill(moment, &farm, &words));
                reconciled(&farm);
            },
        );
        seen.well();
        let page = farm.page("a");
        assert!(page.starts_with(&format!("index {version} page {version} ")), "{moment:?}: {page}");
    }
    assert!(killed * 2 > moments.len(), "{killed} of {}", moments.len());
}

#[test]
fn half_a_wiki_is_not_seen() {
    let farm = Farm::with_core(&Plan::of("fpm"), &small(1));
    let create = |name: &str| ["wiki".to_owned(), "create".to_owned(), farm.name(name)];
    let delete = |name: &str| {
        let name = farm.name(name);
        ["wiki".to_owned(), "delete".to_owned(), name.clone(), "--yes-i-mean".to_owned(), name]
    };
    farm.create("z");
    let makes = few(&trace::moments(&farm, &create("a")));
    let ends = few(&trace::moments(&farm, &delete("a")));
    let mut killed = 0;
    for (number, moment) in makes.iter().enumerate() {
        let name = format!("c{number}");
        let seen = watched(
            &farm,
            &name,
            1,
            |status| status == 404,
            false,
            || {
                killed += usize::from(trace::kill(moment, &farm, &create(&name)));
                reconciled(&farm);
            },
        );
        seen.well();
        // Killed before it was entered, there is nothing.
        farm.create(&name);
        assert!(farm.page(&name).starts_with("index 1 page 1 "), "{moment:?}");
        let end = &ends[number % ends.len()];
        let seen = watched(
            &farm,
            &name,
            1,
            |status| status == 404,
            false,
            || {
                killed += usize::from(trace::kill(end, &farm, &delete(&name)));
                reconciled(&farm);
            },
        );
        seen.well();
        farm.mwfarm(delete(&name));
        assert_eq!(farm.get(&name, "/index.php").status, 404, "{end:?}");
        sound(&farm);
    }
    assert!(farm.page("z").starts_with("index 1 page 1 "));
    assert!(killed > makes.len(), "{killed} of {}", 2 * makes.len());
}

/// A release that answers when it is tried, and not when it is served.
#[test]
fn a_killed_rollback_ends_at_the_release_before() {
    let farm = Farm::with_core(&Plan::of("fpm"), &small(1));
    farm.create("a");
    let words = ["deploy".to_owned(), farm.name("a")];
    let mut version = 1;
    let mut push = || {
        version += 1;
        let mut files = small(version);
        let health = "<?php\nif (!str_starts_with($_SERVER['HTTP_HOST'], 'next--')) { http_response_code(500); }\n";
        files.insert("includes/Health.php".to_owned(), health.to_owned());
        farm.push("a", &files);
    };
    let back = |moment: &dyn std::fmt::Debug| {
        assert!(farm.page("a").starts_with("index 1 page 1 "), "{moment:?}: {}", farm.page("a"));
        let shown = farm.show("a");
        assert_eq!(shown["wiki"]["held"]["by"], "mwfarm", "{moment:?}: {shown:#}");
        assert!(!shown["wiki"]["bad"].as_array().expect("a list").is_empty(), "{shown:#}");
        farm.mwfarm(["wiki", "resume", &farm.name("a")]).well();
    };
    push();
    let moments = trace::moments(&farm, &words);
    back(&"not killed");
    let moments = few(&moments);
    let mut killed = 0;
    for moment in &moments {
        push();
        let seen = watched(
            &farm,
            "a",
            1,
            |_| false,
            true,
            || {
                killed += usize::from(trace::kill(moment, &farm, &words));
                // It was killed before the release was found to be bad: then this finds it.
                let first = farm.mwfarm(["watch", "reconcile"]);
                assert!((0..=1).contains(&first.code), "{first:?}");
                reconciled(&farm);
            },
        );
        seen.well();
        back(&moment);
    }
    assert!(killed * 2 > moments.len(), "{killed} of {}", moments.len());
}

#[test]
fn a_dead_proxy_is_told_and_made_good() {
    let mut farm = Farm::with_core(&Plan::of("fpm"), &small(1));
    farm.create("z");
    // As after a death: the file with its number stays.
    let number = std::fs::read(farm.at("pid/nginx.pid")).expect("a number");
    farm.stop("nginx");
    std::fs::write(farm.at("pid/nginx.pid"), number).expect("a number");
    assert!(farm.mwfarm(["status"]).well().ends_with("\nnginx does not run\n"));
    let json: Value = serde_json::from_str(&farm.mwfarm(["status", "--format", "json"]).well()).expect("JSON");
    assert_eq!(json["stopped"], json!(["nginx"]));
    farm.mwfarm(["wiki", "create", &farm.name("a")]).badly(1, "nginx does not run");
    assert!(farm.show("a")["wiki"]["broken"]["error"].as_str().expect("an error").contains("nginx does not run"));
    std::fs::remove_file(farm.at("pid/nginx.pid")).expect("removed");
    farm.daemon("nginx");
    farm.create("a");
    assert!(farm.page("a").starts_with("index 1 page 1 "));
    assert!(farm.page("z").starts_with("index 1 page 1 "));
    assert!(!farm.mwfarm(["status"]).well().contains("does not run"));
    sound(&farm);
}
