//! Every step of making and of deleting a wiki, kept from its end by a real cause: it is told, seen in every list, and
//! shows nothing to anybody; when the cause is gone, the same command finishes, and makes nothing twice.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use super::sound::sound;
use super::watching::small_core;
use super::{Farm, Plan, chmod, git};
use crate::mount::Mount;

/// A farm with all stores.
fn farm() -> Farm {
    let plan = Plan::of("fpm").with("cache: {redis: ROOT/redis.sock}").with("list: wikis.yml");
    let plan = Plan { options: plan.options.replace("sqlite", "{mariadb: ROOT/mariadb.sock}"), ..plan };
    Farm::with_core(&plan, &small_core())
}

/// Takes a cause away.
type Mend = Box<dyn FnOnce(&mut Farm)>;

/// What keeps a step from its end.
struct Cause {
    /// The step that it is.
    step: &'static str,
    /// What is said of it.
    says: &'static str,
    /// Brings it about, where it can be.
    bring: fn(&mut Farm, &str) -> Option<Mend>,
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn read_only(farm: &Farm, path: &str) -> Option<Mend> {
    let mount = Mount::read_only(&farm.at(path))?;
    Some(Box::new(|_| drop(mount)))
}

fn stop(farm: &mut Farm, server: &'static str) -> Mend {
    farm.kill_server(server);
    Box::new(move |farm| farm.server(server))
}

fn break_nginx(farm: &Farm) -> Mend {
    let path = farm.at("nginx.conf");
    let good = fs::read_to_string(&path).expect("nginx.conf");
    fs::write(&path, format!("{good}nonsense;\n")).expect("nginx.conf");
    Box::new(move |_| fs::write(path, good).expect("nginx.conf"))
}

fn take_routes(farm: &Farm) -> Mend {
    let path = farm.at("etc/mwfarm/proxy.map");
    let good = fs::read_to_string(&path).expect("routes");
    let routes = good.split_once('\n').expect("a header").1;
    fs::write(&path, format!("# of an administrator\n{routes}")).expect("routes");
    Box::new(move |_| fs::write(path, good).expect("routes"))
}

fn take_list(farm: &Farm) -> Mend {
    let path = farm.at("wikis.yml");
    let good = fs::read(&path).expect("a list");
    fs::remove_file(&path).expect("a list");
    fs::create_dir(&path).expect("a directory");
    Box::new(move |_| {
        fs::remove_dir(&path).expect("a directory");
        fs::write(path, good).expect("a list");
    })
}

const CREATE: &[Cause] = &[
    Cause {
        step: "user",
        says: "is not this farm's",
        bring: |farm, name| {
            let user = format!("wiki-{name}");
            run("useradd", &["-M", "-u", &(farm.uids.end - 1).to_string(), &user]);
            Some(Box::new(move |_| run("userdel", &[&user])))
        },
    },
    Cause {
        step: "branch",
        says: "no wikis today",
        bring: |farm, _| {
            let hook = farm.at("core.git/hooks/pre-receive");
            fs::write(&hook, "#!/bin/sh\necho no wikis today >&2\nexit 1\n").expect("a hook");
            chmod(&hook, 0o755);
            Some(Box::new(move |_| fs::remove_file(hook).expect("a hook")))
        },
    },
    Cause { step: "secrets", says: "Read-only file system", bring: |farm, _| read_only(farm, "srv/private") },
    Cause {
        step: "secrets",
        says: "Is a directory",
        bring: |farm, name| {
            let file = farm.at(&format!("run/mwfarm/secrets/{name}.php"));
            fs::create_dir(&file).expect("a directory");
            Some(Box::new(move |_| fs::remove_dir(file).expect("a directory")))
        },
    },
    Cause {
        step: "home",
        says: "No space left on device",
        bring: |farm, _| {
            let mount = Mount::memory(&farm.at("data/project"), "nr_inodes=6")?;
            Some(Box::new(|_| drop(mount)))
        },
    },
    Cause { step: "database", says: "see that MariaDB answers at", bring: |farm, _| Some(stop(farm, "mariadb")) },
    Cause { step: "cache", says: "start Redis with `aclfile ", bring: |farm, _| Some(stop(farm, "redis")) },
    Cause {
        step: "deploy of ",
        says: "answers 500 to `/index.php",
        bring: |farm, _| {
            let work = farm.at("work");
            let good = fs::read_to_string(work.join("includes/Page.php")).expect("a page");
            let commit = |farm: &Farm, text: &str| {
                fs::write(farm.at("work/includes/Page.php"), text).expect("a page");
                git(&farm.at("work"), ["commit", "-qam", "change"]);
                git(&farm.at("work"), ["push", "-q", "origin", "main"]);
            };
            commit(farm, "<?php\nfunction {\n");
            Some(Box::new(move |farm| {
                commit(farm, &good);
                // The wiki's branch was made of the bad one, and goes on from there.
                git(&farm.at("work"), ["push", "-q", "origin", &format!("main:wiki/{}", farm.name("n7"))]);
            }))
        },
    },
    Cause { step: "deploy of ", says: "nginx", bring: |farm, _| Some(break_nginx(farm)) },
    Cause { step: "route", says: "is not mwfarm's, and is left alone", bring: |farm, _| Some(take_routes(farm)) },
    Cause { step: "list", says: "cannot use", bring: |farm, _| Some(take_list(farm)) },
];

#[test]
fn every_step_of_making_a_wiki_that_fails_is_told_and_finished_by_the_same_command() {
    let mut farm = farm();
    farm.create("other");
    let mut numbers = Vec::new();
    for (number, cause) in CREATE.iter().enumerate() {
        let wiki = format!("n{number}");
        let name = farm.name(&wiki);
        let Some(mend) = (cause.bring)(&mut farm, &name) else {
            let _ = writeln!(std::io::stderr(), "nothing can be mounted here: `{}` is not tried", cause.step);
            continue;
        };
        let said = farm.mwfarm(["wiki", "create", &name]);
        if cause.step == "list" {
            // What is known to be wrong is refused before anything is made.
            said.badly(1, cause.says);
            farm.mwfarm(["wiki", "show", &name]).badly(4, "there is no wiki");
            assert_eq!(farm.left_of(&wiki), [""; 0]);
            mend(&mut farm);
            farm.create(&wiki);
            continue;
        }
        assert!(matches!(said.code, 1 | 4), "{}: {said:?}", cause.step);
        assert!(said.err.contains(cause.says), "{}: {}", cause.step, said.err);
        let again = format!("`mwfarm wiki create {name}` goes on from there");
        assert!(said.err.contains(&again), "{}: {}", cause.step, said.err);
        assert!(
            cause.step.starts_with("deploy") || said.err.contains(&format!("step `{}` of the wiki", cause.step)),
            "{}: {}",
            cause.step,
            said.err
        );
        // Seen by whoever looks, and by nobody who browses.
        let shown = farm.show(&wiki);
        assert_eq!(shown["wiki"]["state"], "provisioning");
        let step = shown["wiki"]["broken"]["step"].as_str().expect("a step");
        assert!(step == cause.step || cause.step == "deploy of " && step.starts_with(cause.step), "{step}");
        for words in [&["status"][..], &["wiki", "show", &name]] {
            let told = farm.mwfarm(words).well();
            assert!(told.contains(cause.step) && told.contains(cause.says), "{words:?}: {told}");
        }
        let listed = farm.mwfarm(["wiki", "list"]).well();
        let line = listed.lines().find(|line| line.starts_with(&name)).expect("a line");
        assert!(line.contains("provisioning, "), "{line}");
        assert_eq!(farm.get(&wiki, "/index.php").status, 404, "{}", cause.step);
        assert_eq!(farm.get("other", "/index.php").status, 200, "{}", cause.step);
        // As it is, and as often as somebody tries.
        if cause.step != "home" {
            let again = farm.mwfarm(["wiki", "create", &name]);
            assert!(again.code != 0 && again.err.contains(cause.says), "{}: {again:?}", cause.step);
        }
        mend(&mut farm);
        farm.mwfarm(["wiki", "create", &name]).well();
        assert!(farm.page(&wiki).starts_with("index 1 page 1 "));
        let after = farm.show(&wiki);
        assert_eq!((&after["wiki"]["state"], &after["wiki"]["broken"]), (&"ready".into(), &serde_json::Value::Null));
        // Nothing twice.
        assert_eq!(after["wiki"]["uid"], shown["wiki"]["uid"], "{}", cause.step);
        assert_eq!(after["releases"].as_array().map(Vec::len), Some(1), "{after:#}");
        let asked = farm.journal(&wiki).iter().filter(|line| line["why"] == "asked for").count();
        assert_eq!(asked, 1, "{}", cause.step);
        assert!(farm.mwfarm(["wiki", "create", &name]).well().contains("is there already"));
        numbers.push(after["wiki"]["uid"].as_u64().expect("a number"));
    }
    numbers.dedup();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    sound(&farm);
}

const DELETE: &[Cause] = &[
    Cause { step: "route", says: "is not mwfarm's, and is left alone", bring: |farm, _| Some(take_routes(farm)) },
    Cause { step: "route", says: "nginx", bring: |farm, _| Some(break_nginx(farm)) },
    Cause { step: "cache", says: "start Redis with `aclfile ", bring: |farm, _| Some(stop(farm, "redis")) },
    Cause { step: "list", says: "cannot use", bring: |farm, _| Some(take_list(farm)) },
    Cause { step: "database", says: "see that MariaDB answers at", bring: |farm, _| Some(stop(farm, "mariadb")) },
    Cause {
        step: "user",
        says: "is not this farm's",
        bring: |_, name| {
            // Renamed by an administrator, for whom it is another group now.
            let (group, other) = (format!("wiki-{name}"), format!("was-{name}"));
            run("groupmod", &["-n", &other, &group]);
            Some(Box::new(move |_| run("groupmod", &["-n", &group, &other])))
        },
    },
    Cause {
        step: "code",
        says: "`rm` failed",
        bring: |farm, name| {
            let mount = Mount::memory(&farm.at(&format!("data/project/{name}/images")), "size=1m")?;
            let removed = farm.at("data/project/.removed");
            let name = name.to_owned();
            Some(Box::new(move |_| {
                drop(mount);
                // It went along with the home.
                for home in fs::read_dir(removed).expect("homes") {
                    let home = home.expect("a home");
                    if home.file_name().to_string_lossy().starts_with(&name) {
                        run("umount", &["--lazy", home.path().join("images").to_str().expect("UTF-8")]);
                    }
                }
            }))
        },
    },
    Cause { step: "code", says: "Read-only file system", bring: |farm, _| read_only(farm, "srv/private") },
];

#[test]
fn every_step_of_deleting_a_wiki_that_fails_is_told_and_finished_by_the_same_command() {
    let mut farm = farm();
    farm.create("other");
    for (number, cause) in DELETE.iter().enumerate() {
        let wiki = format!("n{number}");
        let name = farm.name(&wiki);
        farm.create(&wiki);
        let Some(mend) = (cause.bring)(&mut farm, &name) else {
            let _ = writeln!(std::io::stderr(), "nothing can be mounted here: `{}` is not tried", cause.step);
            continue;
        };
        let delete = ["wiki", "delete", &name, "--yes-i-mean", &name];
        let said = farm.mwfarm(delete);
        assert!(matches!(said.code, 1 | 4), "{}: {said:?}", cause.step);
        assert!(said.err.contains(cause.says), "{}: {}", cause.step, said.err);
        assert!(said.err.contains(&format!("step `{}` of the wiki", cause.step)), "{}: {}", cause.step, said.err);
        let again = format!("`mwfarm wiki delete {name} --yes-i-mean {name}` goes on from there");
        assert!(said.err.contains(&again), "{}: {}", cause.step, said.err);
        let shown = farm.show(&wiki);
        assert_eq!(
            (&shown["wiki"]["state"], &shown["wiki"]["broken"]["step"]),
            (&"deleting".into(), &cause.step.into())
        );
        let listed = farm.mwfarm(["status"]).well();
        assert!(listed.contains("deleting, broken") && listed.contains(cause.says), "{listed}");
        // Half a wiki is no wiki: neither for browsers, nor for commands.
        if cause.step != "route" {
            assert_eq!(farm.get(&wiki, "/index.php").status, 404, "{}", cause.step);
        }
        farm.mwfarm(["wiki", "restore", &name]).badly(4, "is being deleted");
        farm.deploy(&wiki).badly(4, "is deleting");
        let created = farm.mwfarm(["wiki", "create", &name]);
        if cause.step == "list" {
            created.badly(1, cause.says);
        } else {
            created.badly(4, "is being deleted");
        }
        assert_eq!(farm.get("other", "/index.php").status, 200, "{}", cause.step);
        mend(&mut farm);
        farm.mwfarm(delete).well();
        assert_eq!(farm.left_of(&wiki), [""; 0], "{}", cause.step);
        farm.mwfarm(["wiki", "show", &name]).badly(4, "there is no wiki");
    }
    // Their branches are kept.
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    assert!(said.lines().all(|line| line.contains("has no wiki; ")), "{said}");
    sound(&farm);
}

/// An owner who leaves keeps no wiki from being mended; a wiki can be given to others, and by nothing else than that.
#[test]
fn owners_come_and_go() {
    let plan = Plan { users: true, ..Plan::plain() };
    let farm = Farm::with_core(&plan, &small_core());
    let name = farm.name("a");
    let leaver = format!("leaver-{}", farm.tag());
    run("useradd", &["-M", "-u", &(farm.uids.end - 2).to_string(), &leaver]);
    farm.mwfarm(["wiki", "create", &name, "--owner", &leaver, "--owner", "daemon"]).well();
    let group = || {
        let output = Command::new("getent").args(["group", &format!("wiki-{name}")]).output().expect("getent");
        String::from_utf8(output.stdout).expect("UTF-8").trim_end().rsplit(':').next().unwrap_or_default().to_owned()
    };
    assert_eq!(group(), format!("daemon,{leaver}"));
    run("userdel", &[&leaver]);
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    farm.push_file("a", "file.txt", "1");
    farm.deploy("a").well();
    // Who asks for a name that is taken does not get the wiki.
    farm.mwfarm(["wiki", "create", &name, "--owner", "news"]).badly(4, &format!("is owned by {leaver}, daemon"));
    farm.mwfarm(["wiki", "create", &name, "--ttl", "2d"]).badly(4, "is there, for another time");
    farm.mwfarm(["wiki", "owners", &name]).badly(4, "--nobody");
    farm.mwfarm(["wiki", "owners", &name, &leaver]).badly(4, "is no user of this machine");
    farm.mwfarm(["wiki", "owners", &name, "--owner", "news"]).badly(4, "unexpected argument");
    let said = farm.mwfarm(["wiki", "owners", &name, "news", "backup"]).well();
    assert_eq!(said, format!("`{name}` is owned by news, backup\n"));
    assert_eq!(group(), "backup,news");
    let said = farm.mwfarm(["wiki", "owners", &name, "news", "backup"]).well();
    assert!(said.contains("as before"), "{said}");
    let journal = farm.journal("a");
    assert_eq!(journal.iter().filter(|line| line["why"] == "owned by news, backup").count(), 1);
    farm.mwfarm(["wiki", "owners", &name, "--nobody"]).well();
    assert_eq!(group(), "");
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
}
