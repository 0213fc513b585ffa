//! A record that cannot be read: the other wikis go on, its own is served as it was, and nothing of it is changed, taken
//! away or given to somebody else.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::sound::sound;
use super::watching::small_core;
use super::{Farm, Plan};
use crate::deploy::servers::redis_says;

/// All that belongs to a wiki, with its times, and what is said of it in files of all wikis.
fn belongings(farm: &Farm, wiki: &str) -> Vec<String> {
    let name = farm.name(wiki);
    let mut all = Vec::new();
    for place in ["srv", "data/project", "etc", "run", "var/lib/mwfarm/wikis", "var/lib/mwfarm/journal"] {
        let find = Command::new("find")
            .arg(farm.at(place))
            .args([
                "-path",
                &format!("*{name}*"),
                "!",
                "-name",
                "php.log",
                "!",
                "-path",
                "*/cache/*",
                "!",
                "-path",
                "*/db/*",
            ])
            // Where the core repository is, branches are fetched for all.
            .args(["!", "-path", "*/common/*", "!", "-type", "s", "-printf", "%p %m %U %G %y %l %i %T@\n"])
            .output()
            .expect("find");
        let text = String::from_utf8(find.stdout).expect("UTF-8");
        all.extend(text.lines().filter(|line| !line.contains("/tmp ") && !line.contains("/logs ")).map(str::to_owned));
    }
    for file in ["etc/mwfarm/proxy.map", "etc/mwfarm/users.acl", "wikis.yml", "/etc/passwd", "/etc/group"] {
        let text = fs::read_to_string(farm.at(file)).unwrap_or_default();
        all.extend(text.lines().filter(|line| line.contains(&name)).map(str::to_owned));
    }
    // The order is another one each time.
    let user = format!("user wiki-{name} ");
    let redis = redis_says(&farm.base, "ACL LIST");
    let rules = redis.iter().find(|line| line.starts_with(&user)).expect("a user of the cache");
    all.push(rules.split(' ').collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" "));
    all.sort();
    all
}

#[test]
fn a_record_that_is_torn_stops_nobody_else() {
    goes_on(|json| json[..json.len() / 2].to_owned(), "does not fit: EOF while parsing");
}

#[test]
fn a_record_of_a_newer_mwfarm_stops_nobody_else() {
    goes_on(
        |json| json.replacen("\"schema\": 1", "\"schema\": 2", 1).replacen("\"state\": ", "\"states\": ", 1),
        "does not fit: its form is 2, and this mwfarm knows 1",
    );
}

/// Runs a command that tells of the record of `b`; gives what else it said.
#[track_caller]
fn tells(farm: &Farm, words: &[&str], says: &str) -> String {
    let said = farm.mwfarm(words);
    let out = said.out.clone();
    let err = said.badly(1, says);
    assert!(err.contains(&format!("{}.json` ", farm.name("b"))) && err.contains("hint: mend it"), "{words:?}: {err}");
    out
}

fn goes_on(damage: fn(&str) -> String, says: &str) {
    let plan = Plan::of("fpm").with("cache: {redis: ROOT/redis.sock}").with("list: wikis.yml");
    let farm = Farm::with_core(&plan.with("project: a/core").with("create-from-branches: true"), &small_core());
    for wiki in ["a", "c"] {
        farm.create(wiki);
    }
    // At a host that does not follow its name.
    let (name, host) = (farm.name("b"), farm.host("own"));
    farm.mwfarm(["wiki", "create", &name, "--host", &host]).well();
    let uid = farm.show("b")["wiki"]["uid"].as_u64().expect("a number");
    let served = || farm.get("own", "/index.php");
    let page = served();
    assert_eq!(page.status, 200);
    farm.push_file("b", "file.txt", "a push that waits");
    let record = farm.at(&format!("var/lib/mwfarm/wikis/{name}.json"));
    let good = fs::read_to_string(&record).expect("a record");
    let damaged = damage(&good);
    assert_ne!(damaged, good);
    fs::write(&record, damaged).expect("a record");
    let before = belongings(&farm, "b");
    let is_as_before = |farm: &Farm, after: &str| {
        assert_eq!(belongings(farm, "b"), before, "{after}");
        let reply = served();
        assert_eq!((reply.status, reply.body), (200, page.body.clone()), "{after}");
    };

    // Whoever looks at all sees the others, and what is wrong with this one.
    for words in [&["status"][..], &["wiki", "list"], &["agent", "observe"]] {
        let out = tells(&farm, words, says);
        assert!(out.contains(&farm.name("a")) && out.contains(&farm.name("c")) && !out.contains(&name), "{out}");
    }
    tells(&farm, &["wiki", "expire"], says);
    let out = tells(&farm, &["watch", "reconcile"], says);
    assert_eq!(out, "", "nothing else differs");
    is_as_before(&farm, "looking");

    // Those that concern the wiki itself are refused.
    let delete = ["wiki", "delete", &name, "--yes-i-mean", &name];
    for words in [
        &delete[..],
        &["wiki", "show", &name],
        &["wiki", "create", &name],
        &["wiki", "archive", &name],
        &["wiki", "hold", &name, "x"],
        &["wiki", "rotate", &name],
        &["wiki", "owners", &name, "daemon"],
        &["wiki", "become", &name, "--", "true"],
        &["run", "show", "--wiki", &name],
        &["deploy", &name],
        &["watch", "reconcile", &name],
    ] {
        tells(&farm, words, says);
    }
    is_as_before(&farm, "commands about it");

    // The others are deployed, mended, taken away and made, with all that wikis share written anew.
    farm.push_file("a", "resources/style.css", "body {}\n");
    farm.deploy("a").well();
    fs::remove_file(farm.at(&format!("srv/deployment/servicegroup/{}", farm.name("a")))).expect("a link");
    fs::remove_file(farm.at(&format!("etc/mwfarm/nginx.d/{}.conf", farm.name("a")))).expect("a site");
    fs::remove_file(farm.at("wikis.yml")).expect("a list");
    fs::write(
        farm.at("wikis.yml"),
        "# The wikis of this farm. Made by mwfarm: changes are lost with the next wiki.\n- '".to_owned()
            + &name
            + "'\n",
    )
    .expect("a list");
    let out = tells(&farm, &["watch", "reconcile"], says);
    assert!(out.contains(&format!("{}: ", farm.name("a"))) && !out.contains(&name), "{out}");
    assert_eq!(farm.get("a", "/index.php").status, 200);
    is_as_before(&farm, "mending others");
    others_end_and_begin(&farm, uid);
    is_as_before(&farm, "other wikis' ends and beginnings");

    nobody_else_answers_there(&farm, &host, says);

    // The worker deploys what is pushed to others, and does not take this one's branch for that of a new wiki.
    farm.push_file("a", "resources/style.css", "p {}\n");
    let release = farm.release("a");
    let worker = farm.worker("1");
    super::wait("a push to another wiki is served", || farm.release("a") != release);
    super::wait("it tells", || worker.said().contains(&format!("{name}.json` does not fit")));
    assert_eq!(worker.said().matches("does not fit").count(), 1, "once in its only look: {}", worker.said());
    worker.stop();
    is_as_before(&farm, "a worker");

    // Somebody mends it.
    fs::write(&record, good).expect("a record");
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    assert!(said.contains(&format!("{name}: deployed 2-")), "{said}");
    assert_eq!(served().status, 200);
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(said.lines().filter(|line| !line.contains("has no wiki")).count(), 1, "{said}");
    assert_eq!(farm.show("b")["wiki"]["uid"].as_u64(), Some(uid));
}

fn others_end_and_begin(farm: &Farm, uid: u64) {
    farm.mwfarm(["wiki", "archive", &farm.name("a")]).well();
    assert_eq!(farm.get("a", "/index.php").status, 404);
    farm.mwfarm(["wiki", "restore", &farm.name("a")]).well();
    farm.mwfarm(["wiki", "rotate", &farm.name("a")]).well();
    farm.mwfarm(["wiki", "delete", &farm.name("c"), "--yes-i-mean", &farm.name("c")]).well();
    assert_eq!(farm.left_of("c"), [""; 0]);
    farm.create("d");
    assert_eq!(farm.get("d", "/index.php").status, 200);
    assert!(farm.show("d")["wiki"]["uid"].as_u64().expect("a number") > uid);
}

/// Where a wiki answers, and where it might, nobody else does.
fn nobody_else_answers_there(farm: &Farm, host: &str, says: &str) {
    let other = farm.name("e");
    farm.mwfarm(["wiki", "create", &other, "--host", host]).badly(
        if says.contains("EOF") { 1 } else { 4 },
        if says.contains("EOF") { "may be the host of the wiki" } else { "is the host of the wiki" },
    );
    farm.mwfarm(["wiki", "create", &other, "--host", &farm.host("b")]).badly(4, "is the host of the wiki");
    farm.mwfarm(["wiki", "show", &other]).badly(4, "there is no wiki");
}

/// Of a wiki that is archived, and whose record says nothing, nobody knows the host: no other wiki is made before that is
/// known.
#[test]
fn a_host_that_nobody_knows_is_given_to_nobody() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    farm.mwfarm(["wiki", "create", &farm.name("b"), "--host", &farm.host("own")]).well();
    let record = farm.at(&format!("var/lib/mwfarm/wikis/{}.json", farm.name("b")));
    let good = fs::read(&record).expect("a record");
    fs::write(&record, "").expect("a record");
    let said = farm.mwfarm(["wiki", "create", &farm.name("c")]).badly(1, "whose record cannot be read");
    assert!(said.contains("does not fit: EOF") && said.contains("hint: mend it"), "{said}");
    farm.push_file("a", "file.txt", "1");
    farm.deploy("a").well();
    assert!(farm.mwfarm(["wiki", "create", &farm.name("a")]).well().contains("is there already"));
    fs::write(&record, good).expect("a record");
    farm.create("c");
    sound(&farm);
}

/// Secrets that do not fit are their wiki's affair, too.
#[test]
fn secrets_that_cannot_be_read_stop_nobody_else() {
    let plan = Plan { options: "  database: none\n".to_owned(), ..Plan::plain() };
    let farm = Farm::with_core(&plan.with("cache: {redis: ROOT/redis.sock}"), &small_core());
    farm.create("a");
    farm.create("b");
    let before = belongings(&farm, "b");
    let private = farm.at(&format!("srv/private/{}.git", farm.name("b")));
    let head = private.join("refs/heads/main");
    let good = fs::read(&head).expect("a commit");
    fs::write(&head, "0123456789012345678901234567890123456789\n").expect("a commit");
    farm.create("c");
    farm.mwfarm(["wiki", "rotate", &farm.name("a")]).well();
    let said = farm.mwfarm(["watch", "reconcile"]).badly(1, "secrets of the wiki");
    assert!(said.contains(&farm.name("b")) && said.contains("step `secrets` of the wiki"), "{said}");
    fs::write(&head, good).expect("a commit");
    farm.mwfarm(["watch", "reconcile"]).well();
    let known = |all: Vec<String>| -> Vec<String> {
        all.into_iter().filter(|line| !line.contains(".json") && !line.contains("private")).collect()
    };
    assert_eq!(known(belongings(&farm, "b")), known(before));
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    sound(&farm);
}

/// The numbers of users that were given, when the file of them is lost.
#[test]
fn numbers_are_not_given_again_when_the_file_of_them_is_lost() {
    let plan = Plan { users: true, ..Plan::plain() };
    let farm = Farm::with_core(&plan, &small_core());
    let uid = |wiki: &str| farm.show(wiki)["wiki"]["uid"].as_u64().expect("a number");
    farm.create("a");
    farm.create("b");
    let gone = uid("b");
    let ids = farm.at("var/lib/mwfarm/ids.json");
    for again in 0..2 {
        let name = farm.name("b");
        farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
        fs::remove_file(&ids).expect("the numbers");
        farm.create("b");
        assert_eq!(uid("b"), gone + 1 + again, "no number twice");
    }
    // A number that a user of the system has is passed over.
    let stranger = format!("stranger-{}", farm.tag());
    let number = (uid("b") + 1).to_string();
    let made = Command::new("groupadd").args(["-g", &number, &stranger]).status().expect("groupadd");
    assert!(made.success());
    farm.create("c");
    let removed = Command::new("groupdel").arg(&stranger).status().expect("groupdel");
    assert!(removed.success());
    assert_eq!(uid("c"), uid("b") + 2);

    // What an older mwfarm has not noted is not guessed.
    let name = farm.name("b");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
    let journal = farm.at(&format!("var/lib/mwfarm/journal/{name}.jsonl"));
    let text = fs::read_to_string(&journal).expect("a journal");
    let lines = text.lines().map(|line| match line.split_once(",\"uid\":") {
        Some((line, _)) => format!("{line}}}\n"),
        None => format!("{line}\n"),
    });
    let old: String = lines.collect();
    assert_ne!(old, text);
    fs::write(&journal, old).expect("a journal");
    fs::remove_file(&ids).expect("the numbers");
    let said = farm.mwfarm(["wiki", "create", &farm.name("d")]).badly(1, "ids.json` is gone");
    assert!(
        said.contains(&format!("hint: put that of a backup there, or `{{\"last\": NUMBER}}` with {}", uid("c"))),
        "{said}"
    );
    farm.mwfarm(["wiki", "show", &farm.name("d")]).badly(4, "there is no wiki");
    assert_eq!(farm.left_of("d"), [""; 0]);
    fs::write(&ids, format!("{{\"last\": {}}}", uid("c") + 2)).expect("the numbers");
    farm.create("d");
    assert_eq!(uid("d"), uid("c") + 3);

    // None is left.
    fs::write(&ids, "{\"last\": 4000000000}").expect("the numbers");
    let said = farm.mwfarm(["wiki", "create", &farm.name("f")]).badly(1, "no number is left for a user from ");
    assert!(said.contains("field `deploy.users`") && said.contains("give it a larger range"), "{said}");
}

/// On an app server, which has no registry: what cannot be read of one wiki is told, and keeps back no other.
#[test]
fn what_an_engine_has_told_of_one_wiki_and_is_torn_stops_nobody_else() {
    let farm = Farm::with_core(&Plan::of("fpm"), &small_core());
    let agent = farm.at("var/lib/mwfarm/agent");
    fs::create_dir_all(&agent).expect("a directory");
    for wiki in ["a", "b", "c", "d"] {
        farm.create(wiki);
    }
    // As if an engine elsewhere had told of them: `d` is of this server's registry.
    for wiki in ["a", "b", "c"] {
        let file = format!("{}.json", farm.name(wiki));
        let record = farm.at("var/lib/mwfarm/wikis").join(&file);
        let json = fs::read_to_string(&record).expect("a record");
        let told = format!("{{\"schema\": 1, \"newest\": null, \"is_served\": true, \"wiki\": {json}}}");
        fs::write(agent.join(&file), told).expect("what was told");
        fs::remove_file(&record).expect("a record");
    }
    fs::write(agent.join(format!("{}.json", farm.name("b"))), "gar").expect("a torn file");
    fs::write(agent.join("gamma.json"), "bage").expect("a torn file");
    let link = farm.at(&format!("srv/deployment/servicegroup/{}", farm.name("c")));
    let release = fs::read_link(&link).expect("a link");
    fs::remove_file(&link).expect("a link");
    std::os::unix::fs::symlink("/tmp", &link).expect("a link");

    let said = farm.mwfarm(["agent", "observe"]);
    let out = said.out.clone();
    let err = said.badly(1, "gamma.json` does not fit");
    assert!(err.contains(&format!("{}.json` does not fit", farm.name("b"))), "{err}");
    assert!(err.contains(&format!("which is no release of `{}`", farm.name("c"))), "{err}");
    assert!(["a", "d"].iter().all(|wiki| out.contains(&farm.name(wiki))) && out.lines().count() == 2, "{out}");

    // Another one is made: who was served is.
    farm.create("e");
    for wiki in ["a", "b", "d", "e"] {
        assert_eq!(farm.get(wiki, "/index.php").status, 200, "{wiki}");
    }
    fs::remove_file(&link).expect("a link");
    std::os::unix::fs::symlink(release, &link).expect("a link");
    assert_eq!(farm.get("c", "/index.php").status, 200);
    // One that goes is not kept for the sake of the others.
    farm.mwfarm(["wiki", "archive", &farm.name("d")]).well();
    let told = agent.join(format!("{}.json", farm.name("a")));
    let withdrawn = fs::read_to_string(&told).expect("what was told").replace("served\": true", "served\": false");
    fs::write(&told, withdrawn).expect("what was told");
    farm.mwfarm(["wiki", "archive", &farm.name("e")]).well();
    for (wiki, status) in [("a", 404), ("b", 200), ("c", 200), ("d", 404), ("e", 404)] {
        assert_eq!(farm.get(wiki, "/index.php").status, status, "{wiki}");
    }
}
