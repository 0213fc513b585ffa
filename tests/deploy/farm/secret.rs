//! Secrets through the whole program: nobody sees them who should not, and whoever changes them is followed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mwfarm::deploy::name::Name;
use mwfarm::deploy::options;
use mwfarm::deploy::secrets::{self, Secrets};

use super::sound::sound;
use super::watching::small_core;
use super::{Farm, Plan, git, trace, wait};
use crate::deploy::servers::redis_says;

fn secrets_of(farm: &Farm, wiki: &str) -> Secrets {
    let options = options::read(&farm.base).expect("options");
    secrets::read(&options, &Name::new(&farm.name(wiki)).expect("a name")).expect("secrets")
}

/// All that is secret of a wiki, and of the farm.
fn secret(farm: &Farm, wiki: &str) -> BTreeSet<String> {
    let Secrets { secret_key, upgrade_key, redis_password, admin_password, cache_prefix, settings, .. } =
        secrets_of(farm, wiki);
    let farms = fs::read_to_string(farm.at("srv/private/redis.password")).expect("a password").trim().to_owned();
    let mut all: BTreeSet<String> =
        [secret_key, upgrade_key, redis_password, admin_password, cache_prefix, farms].into();
    all.extend(settings.values().filter_map(|value| value["password"].as_str()).map(str::to_owned));
    all
}

/// Runs a command, and gives the arguments and variables of all programs that were started, and all that it said.
fn watched(farm: &Farm, words: &[&str]) -> String {
    let program = farm.command(words);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-v", "-s", "100000", "-e", "trace=execve,execveat", "-o"]).arg(farm.at("trace"));
    command.arg(program.get_program()).args(program.get_args()).env("LOGNAME", "carol").env_remove("SUDO_USER");
    let said = trace::ended(&mut command);
    assert_eq!(said.code, 0, "{words:?}: {said:?}");
    let trace = fs::read_to_string(farm.at("trace")).expect("a trace");
    assert!(trace.contains("execve("), "{words:?}");
    fs::remove_file(farm.at("trace")).expect("a trace");
    trace + &said.out + &said.err
}

#[test]
fn no_command_shows_a_secret_to_anybody() {
    let plan = Plan::of("fpm").with("cache: {redis: ROOT/redis.sock}");
    let farm = Farm::with_core(&plan, &small_core());
    let name = farm.name("a");
    let mut seen = String::new();
    let mut watch = |words: &[&str]| seen.push_str(&watched(&farm, words));
    watch(&["-vvv", "wiki", "create", &name]);
    let mut all = secret(&farm, "a");
    change(&farm, "a", |json| {
        json["settings"] = serde_json::json!({"wgSMTP": {"password": "the password of a mail server"}});
    });
    all.extend(secret(&farm, "a"));
    farm.push_file("a", "resources/style.css", "p {}\n");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Configured';");
    watch(&["-vvv", "deploy", &name]);
    watch(&["-vvv", "run", "show", "--wiki", &name]);
    watch(&["-vvv", "wiki", "become", &name, "--", "true"]);
    watch(&["-vvv", "deploy", &name, "--revert"]);
    watch(&["-vvv", "wiki", "resume", &name]);
    watch(&["-vvv", "wiki", "rotate", &name]);
    let rotated = secret(&farm, "a");
    assert!(rotated.difference(&all).count() == 3, "{} of {}", rotated.difference(&all).count(), all.len());
    all.extend(rotated);
    assert_eq!(all.len(), 10);
    watch(&["-vvv", "wiki", "archive", &name]);
    watch(&["-vvv", "wiki", "restore", &name]);
    watch(&["-vvv", "watch", "reconcile"]);
    watch(&["-vvv", "watch", "worker", "--once"]);
    for words in [&["status"][..], &["wiki", "list"], &["wiki", "show", &name], &["agent", "observe"]] {
        watch(&[words, &["--format", "json"]].concat());
    }
    // Everything on disk, journal and logs, but for what is for secrets.
    let private = ["srv/private", "run/mwfarm/secrets"].map(|place| farm.at(place));
    let prefix = secrets_of(&farm, "a").cache_prefix;
    let mut files = 0;
    for path in files_below(&farm).into_iter().filter(|path| !private.iter().any(|place| path.starts_with(place))) {
        let Ok(content) = fs::read(&path) else { continue };
        files += 1;
        for secret in &all {
            // Of which Redis has to be told; no wiki reads that file.
            let is_told = *secret == prefix && path.ends_with("etc/mwfarm/users.acl");
            let there = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!there || is_told, "{}", path.display());
        }
    }
    assert!(files > 100, "{files}");
    watch(&["-vvv", "wiki", "delete", &name, "--yes-i-mean", &name]);
    assert!(seen.contains("\"MW_CONFIG_FILE=/"), "variables are seen");
    for program in ["useradd", "git", "redis-cli", "php", "userdel"] {
        assert!(seen.contains(&format!("/{program}\"")), "{program} was started");
    }
    for secret in &all {
        assert!(secret.len() >= 16 && !seen.contains(secret.as_str()), "{secret} is seen");
    }
    // Nor afterwards, in what is left.
    for path in files_below(&farm).into_iter().filter(|path| !path.ends_with("redis.password")) {
        let content = fs::read(&path).unwrap_or_default();
        let there = |secret: &String| content.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!all.iter().any(there), "{}", path.display());
    }
}

fn files_below(farm: &Farm) -> Vec<PathBuf> {
    let find = Command::new("find").arg(&farm.base).args(["-type", "f", "-print0"]).output().expect("find");
    let text = String::from_utf8(find.stdout).expect("UTF-8");
    text.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from).collect()
}

/// Changes a wiki's secrets, as an operator does.
fn change(farm: &Farm, wiki: &str, edit: impl FnOnce(&mut serde_json::Value)) {
    let clone = tempfile::tempdir().expect("a directory");
    let private = farm.at(&format!("srv/private/{}.git", farm.name(wiki)));
    git(clone.path(), ["clone", "-q", private.to_str().expect("UTF-8"), "."]);
    let file = clone.path().join("secrets.json");
    let mut json = serde_json::from_slice(&fs::read(&file).expect("secrets")).expect("JSON");
    edit(&mut json);
    fs::write(&file, json.to_string()).expect("secrets");
    git(clone.path(), ["commit", "-qam", "by an operator"]);
    git(clone.path(), ["push", "-q", "origin", "HEAD:main"]);
}

/// A page that says how the cache takes the wiki, and what its secrets are.
const PAGE: &str = "<?php
$cache = $wgObjectCaches['redis'];
$secrets = ( require $cache['farmSecrets'] )['redis'];
$redis = new Redis();
$redis->connect( $cache['servers'][0] );
try {
	$redis->auth( [ $secrets['user'], $secrets['password'] ] );
	$redis->set( $secrets['prefix'] . 'key', 'taken' );
	echo $redis->get( $secrets['prefix'] . 'key' );
} catch ( RedisException $e ) {
	echo 'refused';
}
echo ' ', $wgSecretKey, ' ', $wgSMTP['password'] ?? 'none', \"\\n\";
";

/// Whether Redis lets somebody in.
fn is_let_in(farm: &Farm, wiki: &str, password: &str) -> bool {
    let mut client = Command::new("redis-cli");
    client.arg("-s").arg(farm.at("redis.sock")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = client.spawn().expect("redis-cli");
    let login = format!("AUTH wiki-{} {password}\n", farm.name(wiki));
    std::io::Write::write_all(&mut child.stdin.take().expect("an input"), login.as_bytes()).expect("it reads");
    child.wait_with_output().expect("an end").stdout.starts_with(b"OK")
}

#[test]
fn secrets_that_are_changed_are_followed() {
    let plan = Plan::of("fpm").with("cache: {redis: ROOT/redis.sock}");
    let mut files = small_core();
    files.insert("includes/Page.php".to_owned(), PAGE.to_owned());
    let mut farm = Farm::with_core(&plan, &files);
    farm.create("a");
    farm.create("b");
    let name = farm.name("a");
    let shows = |farm: &Farm, mail: &str| {
        let secrets = secrets_of(farm, "a");
        let page = format!("taken {} {mail}\n", secrets.secret_key);
        // OPcache looks at files every two seconds.
        wait("the page has the secrets", || farm.page("a") == page);
        assert!(is_let_in(farm, "a", &secrets.redis_password));
    };
    let first = secrets_of(&farm, "a");
    shows(&farm, "none");
    let other = farm.page("b");

    // By an operator, in the private repository; the next look follows, and tells.
    change(&farm, "a", |json| {
        json["redis_password"] = "0123456789abcdef0123456789abcdef".into();
        json["secret_key"] = "fedcba9876543210fedcba9876543210".into();
        json["settings"] = serde_json::json!({"wgSMTP": {"host": "mail.test", "port": 25, "password": "it's $wg\\"}});
    });
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    assert!(said.contains(&format!("{name}: made sure of its secrets\n")), "{said}");
    shows(&farm, "it's $wg\\");
    assert!(!is_let_in(&farm, "a", &first.redis_password));
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");

    // By a command; what the operator has added stays.
    let second = secrets_of(&farm, "a");
    let said = farm.mwfarm(["wiki", "rotate", &name]).well();
    assert!(said.contains("has other secrets"), "{said}");
    let third = secrets_of(&farm, "a");
    assert!(third.secret_key != second.secret_key && third.redis_password != second.redis_password);
    assert_eq!((&third.cache_prefix, &third.settings), (&second.cache_prefix, &second.settings));
    shows(&farm, "it's $wg\\");
    assert!(!is_let_in(&farm, "a", &second.redis_password));
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    assert!(farm.journal("a").iter().any(|line| line["why"] == "made its secrets anew"));

    // What does not fit is told by its name; the wiki goes on with what it has.
    change(&farm, "a", |json| json["redis_password"] = "not for anybody's eyes".into());
    let said = farm.mwfarm(["watch", "reconcile"]).badly(1, "field `redis_password` is not made of");
    assert!(said.contains("file `secrets.json`") && !said.contains("anybody's eyes"), "{said}");
    assert!(farm.mwfarm(["status"]).well().contains("field `redis_password`"));
    assert_eq!(farm.page("a"), format!("taken {} it's $wg\\\n", third.secret_key));
    assert!(is_let_in(&farm, "a", &third.redis_password));
    change(&farm, "a", |json| json["redis_password"] = "ffff456789abcdef0123456789abcdef".into());
    farm.mwfarm(["watch", "reconcile"]).well();
    shows(&farm, "it's $wg\\");

    // While the cache does not run.
    farm.kill_server("redis");
    farm.mwfarm(["wiki", "rotate", &name]).badly(1, "step `cache` of the wiki");
    farm.server("redis");
    farm.mwfarm(["watch", "reconcile"]).well();
    shows(&farm, "it's $wg\\");
    assert!(farm.show("a")["wiki"]["broken"].is_null());

    // The administrator's own, as docs/deploy.md has it.
    let password = farm.at("srv/private/redis.password");
    let before = fs::read_to_string(&password).expect("a password");
    fs::write(&password, "a5".repeat(32) + "\n").expect("a password");
    let users = farm.at("etc/mwfarm/users.acl");
    let text = fs::read_to_string(&users).expect("users");
    let lines = text.lines().map(|line| {
        let is_kept = |rule: &&str| !line.starts_with("user mwfarm ") || !rule.starts_with('#');
        line.split(' ').filter(is_kept).collect::<Vec<_>>().join(" ") + "\n"
    });
    fs::write(&users, lines.collect::<String>()).expect("users");
    farm.mwfarm(["watch", "reconcile"]).badly(1, "WRONGPASS");
    assert!(farm.page("a").starts_with("taken "));
    farm.kill_server("redis");
    farm.server("redis");
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    assert_eq!(redis_says(&farm.base, "PING"), ["PONG"]);
    fs::write(&password, before).expect("a password");
    assert_ne!(redis_says(&farm.base, "PING"), ["PONG"]);
    fs::write(&password, "a5".repeat(32)).expect("a password");
    shows(&farm, "it's $wg\\");
    // Others have theirs.
    assert_eq!(farm.page("b"), other);
    sound(&farm);
}
