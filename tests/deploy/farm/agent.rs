//! A server that only runs wikis: no registry, no worker, nothing but orders.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Farm, Plan, Said, ask, core, git};
use crate::meanwhile::End;

/// Gives a server an order.
pub(in crate::deploy) fn order(farm: &Farm, order: &Value) -> Said {
    let mut command = farm.command(["agent", "apply", "--format", "json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mwfarm");
    child.stdin.take().expect("an input").write_all(order.to_string().as_bytes()).expect("it reads");
    Said::from(child.wait_with_output().expect("it ends"))
}

/// What came of an order that was followed, or superseded.
#[track_caller]
fn told(farm: &Farm, document: &Value) -> Value {
    serde_json::from_str(&order(farm, document).well()).expect("JSON")
}

/// What is observed of the wiki.
#[track_caller]
fn observed(farm: &Farm) -> Value {
    let out = farm.mwfarm(["agent", "observe", &farm.name("z"), "--format", "json"]).well();
    serde_json::from_str::<Value>(&out).expect("JSON")["wikis"][0].clone()
}

/// An engine, which has a wiki, and what a server needs that no order brings.
struct Engine {
    farm: Farm,
    uid: u64,
    config: String,
    serial: u64,
}

impl Engine {
    fn start(web: &'static str) -> Self {
        let farm = Farm::with_core(&Plan::of(web), &small("1"));
        let text = fs::read_to_string(farm.at("mwfarm.yml")).expect("options");
        let from = text.split("{from: ").nth(1).and_then(|rest| rest.split(',').next()).expect("a range");
        let uid = from.parse::<u64>().expect("a number") + 7;
        git(&farm.at("work"), ["push", "-q", "origin", &format!("HEAD:refs/heads/wiki/{}", farm.name("z"))]);
        farm.option(&format!("config-origin: {}", farm.at("origin").display()));
        let mut engine = Self { farm, uid, config: String::new(), serial: 0 };
        engine.configure("Made");
        engine
    }

    /// A commit of the configuration, as the server that deploys has it.
    fn configure(&mut self, site: &str) {
        let work = self.farm.at("configured");
        let bare = self.farm.at("origin").join(format!("{}.git", self.farm.name("z")));
        if !work.exists() {
            git(&self.farm.base, ["init", "-q", "configured"]);
            git(&self.farm.base, ["init", "-q", "--bare", &bare.display().to_string()]);
            git(&bare, ["config", "transfer.hideRefs", "refs/deployed"]);
        }
        fs::write(work.join("LocalSettings.php"), format!("<?php\n$wgSitename = '{site}';\n")).expect("a file");
        git(&work, ["add", "-A"]);
        git(&work, ["commit", "-q", "-m", site]);
        git(&work, ["rev-parse", "HEAD"]).trim().clone_into(&mut self.config);
        let from = work.display().to_string();
        git(&bare, ["fetch", "-q", &from, &format!("HEAD:refs/deployed/{}", self.config)]);
    }

    /// An order with the next number.
    fn order(&mut self, action: &str, seq: u64, code: &str) -> Value {
        self.serial += 1;
        let name = self.farm.name("z");
        json!({
            "schema": 1,
            "serial": self.serial,
            "action": action,
            "wiki": {
                "schema": 1, "name": name, "state": "ready", "host": self.farm.host("z"),
                "branch": format!("refs/heads/wiki/{name}"), "base": "refs/heads/main", "uid": self.uid,
                "owners": ["daemon", "somebody-elsewhere"], "created": 1_700_000_000, "expires": null, "held": null,
                "broken": null, "desired": null, "bad": [], "next": seq + 1,
            },
            "release": format!("{seq}-{}", &code[..12]),
            "code": code,
            "config": self.config,
        })
    }

    /// The file of secrets, as Salt or Ansible bring it.
    fn secrets(&self) -> PathBuf {
        let path = self.farm.at("run/mwfarm/secrets").join(format!("{}.php", self.farm.name("z")));
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, "<?php return ['settings' => ['wgSecretKey' => 'brought']];\n").expect("secrets");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("a mode");
        path
    }
}

fn small(version: &str) -> std::collections::BTreeMap<String, String> {
    core::files(version).into_iter().filter(|(path, _)| !path.contains("/part/")).collect()
}

/// All below the farm's root that says what a server has, with its owner, mode and age.
fn everything(farm: &Farm) -> Vec<String> {
    let mut found = Vec::new();
    for place in ["srv", "data", "etc", "run", "var/lib/mwfarm/agent"] {
        // Sockets and logs are the daemons'.
        let find = std::process::Command::new("find")
            .arg(farm.at(place))
            .args(["-not", "-type", "s", "-not", "-name", "*.log", "-printf", "%p %m %U %G %l %T@\n"])
            .output()
            .expect("find");
        found.extend(String::from_utf8(find.stdout).expect("UTF-8").lines().map(str::to_owned));
    }
    found.sort();
    found
}

#[test]
fn one_order_brings_all_that_a_server_needs() {
    let mut engine = Engine::start("both");
    let first = engine.farm.tip("z");
    let one = engine.order("ensure", 1, &first);

    // Secrets are brought by others; without them, nothing is made.
    let said = order(&engine.farm, &one).badly(1, "an order brings no secrets");
    assert!(said.contains("copy it from the server that deploys"), "{said}");
    assert_eq!(observed(&engine.farm)["site"], false);
    let left = engine.farm.left_of("z");
    let kept = |path: &String| path.contains("/origin/") || path.contains("/agent/");
    assert!(left.iter().all(kept), "{left:?}");

    let secrets = engine.secrets();
    let said = told(&engine.farm, &one);
    assert_eq!((&said["changed"], &said["superseded_by"]), (&json!(true), &Value::Null), "{said}");
    assert_eq!(said["observed"], observed(&engine.farm));
    snapshot(&engine, "order", &one);
    snapshot(&engine, "applied", &said);
    let out = engine.farm.mwfarm(["agent", "observe", "--format", "json"]).well();
    snapshot(&engine, "observed", &serde_json::from_str(&out).expect("JSON"));
    let page = engine.farm.page("z");
    assert!(page.starts_with("index 1 page 1 site Made "), "{page}");

    // User, group, home, secrets: as on the server that deploys.
    let farm = &engine.farm;
    let user = format!("wiki-{}", farm.name("z"));
    let passwd = fs::read_to_string("/etc/passwd").expect("users");
    let line = passwd.lines().find(|line| line.starts_with(&format!("{user}:"))).expect("a user");
    assert!(line.starts_with(&format!("{user}:x:{0}:{0}:", engine.uid)), "{line}");
    let groups = fs::read_to_string("/etc/group").expect("groups");
    assert!(groups.lines().any(|line| line == format!("{user}:x:{}:daemon", engine.uid)), "of owners, those of here");
    let home = farm.at("data/project").join(farm.name("z"));
    for (directory, mode) in [("images", 0o2770), ("cache", 0o2770), ("logs", 0o2770), ("db", 0o700), ("tmp", 0o700)] {
        let there = fs::metadata(home.join(directory)).expect("a directory");
        assert_eq!((there.mode() & 0o7777, u64::from(there.uid())), (mode, engine.uid), "{directory}");
    }
    assert!(!home.join("config.git-work").exists(), "the repository to commit to is elsewhere");
    let there = fs::metadata(&secrets).expect("secrets");
    assert_eq!((there.mode() & 0o777, there.uid(), u64::from(there.gid())), (0o440, 0, engine.uid));

    // Again, and as often as one likes: nothing changes.
    let before = everything(farm);
    for _ in 0..2 {
        let said = told(farm, &one);
        assert_eq!((&said["changed"], &said["observed"]["health"]["ok"]), (&json!(false), &json!(true)), "{said}");
    }
    assert_eq!(everything(farm), before);
    // What somebody took away comes back.
    fs::remove_dir(home.join("logs/")).or_else(|_| fs::remove_dir_all(home.join("logs"))).expect("a directory");
    fs::remove_file(farm.at("etc/mwfarm/fpm.d").join(format!("{}.conf", farm.name("z")))).expect("a file");
    assert_eq!(told(farm, &one)["changed"], true);
    assert_eq!(told(farm, &one)["changed"], false);

    // The other kind of server, by the record's word.
    engine.serial += 1;
    let mut moved = one.clone();
    moved["serial"] = engine.serial.into();
    moved["wiki"]["web"] = "itk".into();
    assert_eq!(told(&engine.farm, &moved)["changed"], true);
    assert!(engine.farm.page("z").starts_with("index 1 page 1 "));
    let reply = ask(&engine.farm.backends[1], &engine.farm.host("z"), "/index.php", "").expect("an answer");
    assert_eq!(reply.status, 200, "by Apache");
    assert_eq!(told(&engine.farm, &moved)["changed"], false);
}

#[test]
fn an_order_that_is_older_than_the_newest_one_is_not_followed() {
    let mut engine = Engine::start("fpm");
    engine.secrets();
    let first = engine.farm.tip("z");
    let one = engine.order("ensure", 1, &first);
    told(&engine.farm, &one);
    let second = engine.farm.push("z", &small("2"));
    engine.configure("Changed");
    let two = engine.order("ensure", 2, &second);
    assert_eq!(told(&engine.farm, &two)["observed"]["code"], second.as_str());
    let page = |farm: &Farm, text: &str| assert!(farm.page("z").starts_with(text), "{}", farm.page("z"));
    page(&engine.farm, "index 2 page 2 site Changed ");

    // Late, twice, and one with a number that is taken.
    for late in [&one, &one, &two] {
        let said = told(&engine.farm, late);
        let newer = if late == &one { json!(2) } else { Value::Null };
        assert_eq!((&said["changed"], &said["superseded_by"]), (&json!(false), &newer), "{said}");
        assert_eq!(said["observed"]["code"], second.as_str());
        page(&engine.farm, "index 2 page 2 site Changed ");
    }
    let mut other = one.clone();
    other["serial"] = 2.into();
    order(&engine.farm, &other).badly(4, "had the number 2, too");
    page(&engine.farm, "index 2 page 2 ");

    // Going back is an order like any other; what is on disk is used again.
    let back = engine.order("ensure", 1, &first);
    let mut back = back;
    back["config"] = one["config"].clone();
    assert_eq!(told(&engine.farm, &back)["changed"], true);
    page(&engine.farm, "index 1 page 1 site Made ");
    assert_eq!(told(&engine.farm, &two)["superseded_by"], 3);
    page(&engine.farm, "index 1 page 1 site Made ");

    // One that does not work is not switched, and not forgotten.
    let broken = engine.farm.push_file("z", "includes/Health.php", "<?php\nthrow new Exception('unwell');\n");
    let fails = engine.order("ensure", 4, &broken);
    for _ in 0..2 {
        let said = order(&engine.farm, &fails).badly(1, "does not work here");
        assert!(said.contains("nothing was switched; what is served: 1-"), "{said}");
        page(&engine.farm, "index 1 page 1 ");
        let seen = observed(&engine.farm);
        assert_eq!((&seen["serial"], &seen["health"]["ok"]), (&json!(4), &json!(true)), "{seen}");
    }
    assert!(fs::symlink_metadata(engine.farm.at("srv/deployment/next").join(engine.farm.name("z"))).is_err());
    assert_eq!(told(&engine.farm, &back)["superseded_by"], 4);

    // Off the web, and back; an order that was under way meanwhile does not bring it back.
    let off = engine.order("withdraw", 1, &first);
    let on = engine.order("ensure", 2, &second);
    assert_eq!(told(&engine.farm, &off)["observed"]["site"], false);
    assert_eq!(engine.farm.get("z", "/index.php").status, 404);
    assert_eq!(told(&engine.farm, &back)["changed"], false);
    assert_eq!(engine.farm.get("z", "/index.php").status, 404);
    assert_eq!(told(&engine.farm, &on)["changed"], true);
    page(&engine.farm, "index 2 page 2 ");

    // Gone, but for its home, which other servers may use.
    let image = engine.farm.at("data/project").join(engine.farm.name("z")).join("images/kept.png");
    fs::write(&image, "kept").expect("an upload");
    let gone = engine.order("remove", 2, &second);
    let said = told(&engine.farm, &gone);
    assert_eq!(
        (&said["changed"], &said["observed"]["site"], &said["observed"]["releases"]),
        (&json!(true), &json!(false), &json!([]))
    );
    assert_eq!(told(&engine.farm, &gone)["changed"], false);
    assert_eq!(engine.farm.get("z", "/index.php").status, 404);
    let left = engine.farm.left_of("z");
    let kept = |path: &String| ["/data/project/", "/origin/", "/agent/"].iter().any(|kept| path.contains(kept));
    assert!(left.iter().all(kept) && image.exists(), "{left:?}");
    assert_eq!(told(&engine.farm, &on)["superseded_by"], 7);
    assert_eq!(engine.farm.left_of("z"), left, "a late order makes nothing");
}

#[test]
fn an_order_whose_agent_dies_is_followed_when_it_comes_again() {
    let mut engine = Engine::start("fpm");
    engine.secrets();
    let first = engine.farm.tip("z");
    let one = engine.order("ensure", 1, &first);
    // How long it takes here and now; the orders after it, less.
    let begun = Instant::now();
    told(&engine.farm, &one);
    let (mut whole, mut killed, mut round) = (begun.elapsed(), 0, 0_u32);
    while killed < 9 {
        round += 1;
        assert!(round < 60, "{killed} killed in {whole:?}");
        let version = u64::from(round) + 1;
        let code = engine.farm.push("z", &small(&version.to_string()));
        if round % 3 == 0 {
            engine.configure(&format!("Site{version}"));
        }
        let document = engine.order("ensure", version, &code);
        let mut command = engine.farm.command(["agent", "apply", "--format", "json"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it");
        child.stdin.take().expect("an input").write_all(document.to_string().as_bytes()).expect("it reads");
        std::thread::sleep(whole * (killed + 1) / 10);
        child.kill().expect("a signal");
        match child.wait().expect("its end").code() {
            None => killed += 1,
            // It was done before that.
            Some(_) => whole = whole * 3 / 4,
        }
        let page = engine.farm.page("z");
        let (old, new) = (format!("index {0} page {0} ", version - 1), format!("index {version} page {version} "));
        assert!(page.starts_with(&old) || page.starts_with(&new), "{page}");
        let said = told(&engine.farm, &document);
        assert_eq!(
            (&said["observed"]["code"], &said["observed"]["health"]["ok"]),
            (&json!(code), &json!(true)),
            "{said}"
        );
        assert!(engine.farm.page("z").starts_with(&new), "{}", engine.farm.page("z"));
        assert_eq!(told(&engine.farm, &document)["changed"], false);
        // Nothing of it is left, neither what was begun nor what was taken away.
        let left = fs::read_dir(engine.farm.at("srv/deployment/releases/.tmp")).expect("a directory");
        let left: Vec<_> = left.map(|entry| entry.expect("an entry").path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    assert!(observed(&engine.farm)["releases"].as_array().is_some_and(|releases| releases.len() <= 5));
    // Nor of an old release, should it have died as it removed that.
    let removed = engine.farm.at("srv/deployment/releases/.tmp").join(format!("{}.1.removed", engine.farm.name("z")));
    fs::create_dir_all(removed.join("includes")).expect("a directory");
    let again = engine.order("ensure", u64::from(round) + 1, &engine.farm.tip("z"));
    assert_eq!(told(&engine.farm, &again)["changed"], false);
    assert!(!removed.exists());
}

#[test]
fn an_order_that_cannot_be_is_refused_before_anything_is_made() {
    let mut engine = Engine::start("fpm");
    // The server that deploys deletes its wikis itself.
    engine.farm.create("a");
    let record = engine.farm.show("a")["wiki"].clone();
    let gone = json!({"schema": 1, "action": "remove", "wiki": record});
    order(&engine.farm, &gone).badly(4, "the registry of this server has");
    assert_eq!(engine.farm.get("a", "/index.php").status, 200);

    engine.secrets();
    let first = engine.farm.tip("z");
    let document = engine.order("ensure", 1, &first);
    let with = |path: &str, value: Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(path).expect("a field") = value;
        changed
    };
    for (wrong, says) in [
        (with("/wiki/uid", json!(0)), "has number 0, and this server's are"),
        (with("/wiki/uid", json!(33)), "has number 33, and this server's are"),
        (with("/wiki/uid", Value::Null), "has number none"),
        (with("/wiki/schema", json!(2)), "the form of the order's record is 2"),
        (with("/schema", json!(2)), "the order's form is 2"),
        (with("/wiki/name", json!("../../etc")), "holds no order"),
        (with("/wiki/host", json!("a b")), "holds no order"),
        (with("/wiki/host", json!("z.wiki.test 127.0.0.1:1; include /etc/passwd")), "holds no order"),
        (with("/wiki/host", json!("www.example.org")), "is not in the zone"),
        (with("/wiki/host", json!("next--z.wiki.test")), "is not directly below"),
        (with("/release", Value::Null), "has no field `release`"),
        (with("/code", Value::Null), "has no field `code`"),
        (with("/release", json!("1-0123456789ab")), "the order's field `release` is 1-0123456789ab"),
        (with("/action", json!("reboot")), "unknown variant `reboot`"),
    ] {
        let said = order(&engine.farm, &wrong).badly(4, says);
        assert!(!engine.farm.at("data/project").join(engine.farm.name("z")).exists(), "{said}");
    }
    // What is not there to be brought.
    let other = "0123456789abcdef0123456789abcdef01234567";
    let mut absent = document.clone();
    (absent["code"], absent["release"]) = (other.into(), format!("1-{}", &other[..12]).into());
    absent.as_object_mut().expect("an order").remove("serial");
    order(&engine.farm, &absent).badly(1, "has no commit 0123456789abcdef");
    let mut absent = document.clone();
    absent["config"] = other.into();
    absent.as_object_mut().expect("an order").remove("serial");
    order(&engine.farm, &absent).badly(1, "the configuration 0123456789ab of");
    assert_eq!(observed(&engine.farm)["release"], Value::Null);
    engine.farm.mwfarm(["agent", "observe", &engine.farm.name("y")]).badly(4, "there is no wiki");
}

/// Compares with `fixtures/deploy/agent/<name>.json`, in which everything that differs from run to run has a fixed value;
/// `UPDATE=1` writes it. The schema of docs knows every field.
fn snapshot(engine: &Engine, name: &str, value: &Value) {
    let mut text = serde_json::to_string_pretty(value).expect("JSON") + "\n";
    let code = engine.farm.tip("z");
    for (from, to) in [
        (&*code, "1111111111111111111111111111111111111111"),
        (&code[..12], "111111111111"),
        (&*engine.config, "2222222222222222222222222222222222222222"),
        (&*engine.uid.to_string(), "61007"),
        (&*engine.farm.name("z"), "zebra"),
    ] {
        text = text.replace(from, to);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("fixtures/deploy/agent").join(format!("{name}.json"));
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, &text).expect("a fixture");
    }
    assert_eq!(fs::read_to_string(&path).expect("a fixture"), text, "{}", path.display());
    let schema = fs::read_to_string(root.join("docs/agent.schema.json")).expect("a schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let mut wrong = Vec::new();
    fits(&schema, &schema["$defs"][name], &serde_json::from_str(&text).expect("JSON"), name, &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What of a value a schema does not allow, as far as ours say anything.
fn fits(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).expect("what is referred to");
        return fits(root, target, value, at, wrong);
    }
    if schema.is_null() {
        wrong.push(format!("{at} is not in the schema"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        one => vec![one.clone()],
    };
    if !schema["type"].is_null() && !kinds.iter().any(|known| known == kind) {
        wrong.push(format!("{at} is of type {kind}, not {}", schema["type"]));
    }
    let allowed = schema["enum"].as_array();
    if allowed.is_some_and(|allowed| !allowed.contains(value)) || schema.get("const").is_some_and(|one| one != value) {
        wrong.push(format!("{at} is {value}"));
    }
    match value {
        Value::Object(fields) => {
            for field in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(field) {
                    wrong.push(format!("{at} has no field {field}"));
                }
            }
            for (field, value) in fields {
                fits(root, &schema["properties"][field], value, &format!("{at}.{field}"), wrong);
            }
        }
        Value::Array(values) => {
            for value in values {
                fits(root, &schema["items"], value, &format!("{at}[]"), wrong);
            }
        }
        _ => {}
    }
}

/// A page is asked for while the server is told of a new release again and again.
#[test]
fn nobody_sees_that_a_server_is_told() {
    let mut engine = Engine::start("fpm");
    engine.secrets();
    let first = engine.farm.tip("z");
    let one = engine.order("ensure", 1, &first);
    told(&engine.farm, &one);
    let mut orders = vec![one];
    for version in 2..6 {
        let code = engine.farm.push("z", &small(&version.to_string()));
        orders.push(engine.order("ensure", version, &code));
    }
    let farm = &engine.farm;
    let ended = std::sync::atomic::AtomicBool::new(false);
    let replies = std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut replies = Vec::new();
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                replies.push(farm.get("z", "/index.php"));
                std::thread::sleep(Duration::from_millis(2));
            }
            replies
        });
        let end = End(&ended);
        // Several at once, in any order: the newest one wins.
        for document in [&orders[1], &orders[0], &orders[1]] {
            told(farm, document);
        }
        let rest: Vec<_> = [2, 4, 3].into_iter().map(|index| &orders[index]).collect();
        std::thread::scope(|inner| {
            for document in rest {
                inner.spawn(move || order(farm, document).well());
            }
        });
        drop(end);
        client.join().expect("replies")
    });
    let wrong: Vec<_> = replies.iter().filter(|reply| reply.status != 200).collect();
    assert!(wrong.is_empty() && !replies.is_empty(), "{} of {}: {:?}", wrong.len(), replies.len(), wrong.first());
    assert!(farm.page("z").starts_with("index 5 page 5 "), "{}", farm.page("z"));
}
