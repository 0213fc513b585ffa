//! A process that makes a wiki, killed at any time, and watched.

use std::env;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mwfarm::deploy::options;
use mwfarm::deploy::record::{State, Wiki};
use mwfarm::deploy::{cache, database, home, registry, secrets, users};

use super::ground::{Ground, as_user, output};

/// The directory of the farm, for a process that is this test and makes its wiki.
const FARM: &str = "MWFARM_TEST_STORES";

/// Not a test but the process that others start, when the variable says so.
#[test]
fn makes_a_wiki_for_others() {
    let Some(farm) = env::var_os(FARM) else { return };
    let options = options::read(farm.as_ref()).expect("options");
    let record = fs::read(options.directory.join("wiki.json")).expect("a record");
    let wiki: Wiki = serde_json::from_slice(&record).expect("a record");
    users::ensure(&options, &wiki).expect("a user");
    secrets::ensure(&options, &wiki).expect("secrets");
    home::ensure(&options, &wiki).expect("a home");
    database::ensure(&options, &wiki).expect("a database");
    cache::ensure(&options).expect("a cache");
}

/// The process, to be started with or without another program before it.
fn process(ground: &Ground, wiki: &Wiki, before: &[&str]) -> Command {
    fs::write(ground.root().join("wiki.json"), serde_json::to_vec(wiki).expect("JSON")).expect("a record");
    let test = env::current_exe().expect("this program");
    let words = before.iter().copied().chain([test.to_str().expect("UTF-8")]).collect::<Vec<_>>();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["--exact", "deploy::stores::kill::makes_a_wiki_for_others", "--nocapture"]);
    command.env(FARM, ground.root()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Removes all that a wiki owns, in the order of `wiki delete`.
fn remove(ground: &Ground, wiki: &Wiki) {
    database::remove(&ground.options, &wiki.name).expect("the database");
    cache::remove(&ground.options, &wiki.name).expect("keys");
    users::remove(&ground.options, wiki).expect("the user");
    home::remove(&ground.options, &wiki.name).expect("the home");
    secrets::remove(&ground.options, &wiki.name).expect("secrets");
    let mut deleting = wiki.clone();
    deleting.state = State::Deleting;
    registry::put(&ground.options.layout, &deleting).expect("a record");
    cache::ensure(&ground.options).expect("a cache");
    registry::put(&ground.options.layout, wiki).expect("a record");
}

#[test]
fn a_killed_process_is_finished_by_the_next() {
    let mut ground = Ground::new(&["cache: {redis: ROOT/redis.sock}"]);
    ground.redis();
    let wiki = ground.wiki("k");
    let begun = Instant::now();
    assert!(process(&ground, &wiki, &[]).status().expect("it runs").success());
    let mut whole = begun.elapsed();
    assert!(!ground.provide(&wiki), "it made everything");
    let (times, mut left) = (16, 0);
    for time in 0..times {
        remove(&ground, &wiki);
        let mut running = process(&ground, &wiki, &[]).spawn().expect("it runs");
        thread::sleep(whole * time / times);
        match running.try_wait().expect("a state") {
            None => left += 1,
            // It took less time than the first one, which is over before.
            Some(_) => whole = whole * 3 / 4,
        }
        running.kill().and_then(|()| running.wait()).expect("it ends");
        // What it started ends by itself; the wiki's lock is held as long.
        let ends = Instant::now() + Duration::from_secs(20);
        while output("pgrep", &["-f", wiki.name.as_str()]).status.success() {
            assert!(Instant::now() < ends, "something goes on");
            thread::sleep(Duration::from_millis(5));
        }
        ground.provide(&wiki);
        assert!(!ground.provide(&wiki), "killed after {time}/{times}");
        let work = home::work_tree(&ground.options, &wiki.name);
        let (well, said) = as_user(wiki.uid.expect("a number"), &work, "git", &["fsck", "--strict"]);
        assert!(well, "killed after {time}/{times}: {said}");
        let (_, status) = as_user(wiki.uid.expect("a number"), &work, "git", &["status", "--porcelain", "--branch"]);
        assert_eq!(status, "## main\n");
        let private = ground.root().join("srv/private");
        let private: Vec<_> =
            fs::read_dir(private).expect("a directory").map(|e| e.expect("an entry").file_name()).collect();
        assert_eq!(private.len(), 2, "a repository and the cache's password: {private:?}");
    }
    assert!(left > 4, "it was killed at work: {left} of {times}");
}

/// What any process of the machine can see of others: their arguments; and root, their environment.
#[test]
fn no_program_is_started_with_a_secret() {
    let mut ground = Ground::new(&["cache: {redis: ROOT/redis.sock}"]);
    ground.redis();
    let wiki = ground.wiki("s");
    let trace = ground.root().join("trace");
    let before = [
        "strace",
        "-f",
        "-qq",
        "-v",
        "-s",
        "100000",
        "-e",
        "trace=execve,execveat",
        "-o",
        trace.to_str().expect("UTF-8"),
    ];
    assert!(process(&ground, &wiki, &before).status().expect("strace runs").success());
    assert!(!ground.provide(&wiki), "it made everything");
    let trace = fs::read_to_string(trace).expect("a trace");
    for program in ["useradd", "git", "redis-cli"] {
        assert!(trace.contains(program), "{program} was started");
    }
    let secrets = secrets::read(&ground.options, &wiki.name).expect("secrets");
    let administrator = fs::read_to_string(ground.root().join("srv/private/redis.password")).expect("a password");
    let all = [
        &secrets.secret_key,
        &secrets.upgrade_key,
        &secrets.redis_password,
        &secrets.cache_prefix,
        &secrets.admin_password,
    ];
    for secret in all.into_iter().map(String::as_str).chain([administrator.trim_end()]) {
        assert!(secret.len() >= 16 && !trace.contains(secret));
    }
}
