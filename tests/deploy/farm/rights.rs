//! What follows pushes without root's rights, and the units that start it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::watching::{Clone, small_core};
use super::{Farm, Plan, Said, chmod};

/// The program as another user runs it, who need not reach where it was built.
fn as_user(farm: &Farm, user: &str, arguments: &[&str], input: &str) -> Said {
    let program = farm.at("mwfarm");
    if !program.exists() {
        let built = env!("CARGO_BIN_EXE_mwfarm");
        // On another file system it is copied, by somebody else: no program can be started that we still write.
        if fs::hard_link(built, &program).is_err() {
            assert!(Command::new("cp").arg(built).arg(&program).status().expect("cp").success());
        }
        chmod(&program, 0o755);
    }
    fs::write(farm.at("input"), input).expect("the input");
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), "--init-groups", "--regid=nogroup", "--no-new-privs"]);
    command.arg(program).args(arguments).arg("--config-dir").arg(&farm.base).current_dir(&farm.base);
    command.env("LOGNAME", user).env_remove("SUDO_USER");
    command.stdin(fs::File::open(farm.at("input")).expect("the input")).output().expect("setpriv").into()
}

#[test]
fn who_receives_pushes_may_tell_of_them_and_nobody_else() {
    // Both are users of every Debian; only the first is a member of its group.
    let plan = Plan { users: true, ..Plan::plain() }.with("queue-group: backup").with("project: a/core");
    let farm = Farm::with_core(&plan, &small_core());
    farm.create("a");
    farm.mwfarm(["watch", "worker", "--once"]).well();
    let clone = Clone::of(&farm, "a", "x");
    let old = farm.tip("a");
    clone.commit("file.txt", "1");
    let new = clone.push();
    let line = format!("{old} {new} refs/heads/wiki/{}\n", farm.name("a"));
    let hook = ["watch", "hook", "post-receive"];
    let said = as_user(&farm, "news", &hook, &line).well();
    assert!(said.contains("is looked at later: the queue does not take it"), "{said}");
    assert_eq!(farm.queued(), 0);
    let member =
        Command::new("setpriv").args(["--reuid=backup", "--regid=backup", "--clear-groups", "id", "-gn"]).output();
    assert_eq!(member.expect("id").stdout, b"backup\n");
    let said = as_user(&farm, "backup", &hook, &line).well();
    assert_eq!(said, format!("mwfarm: {} is queued to be deployed\n", farm.name("a")));
    let event = format!(
        r#"{{"type":"ref-updated","refUpdate":{{"project":"a/core","refName":"refs/heads/wiki/{}","oldRev":"{old}","newRev":"{new}"}}}}"#,
        farm.name("a")
    );
    assert_eq!(as_user(&farm, "backup", &["watch", "gerrit", "--stdin"], &event).well(), "1 push was queued\n");
    assert_eq!(farm.queued(), 2);
    // Nor can it or a wiki hold a lock that keeps the worker from its work.
    for place in ["queue/cur", "queue/bad", "locks", "locks/web.lock", &format!("locks/{}.wiki", farm.name("a"))] {
        let place = farm.at("var/lib/mwfarm").join(place);
        for user in ["backup", "news"] {
            let mut flock = Command::new("setpriv");
            flock.args([&format!("--reuid={user}"), "--init-groups", "--regid=nogroup", "flock", "--nonblock"]);
            let output = flock.arg(&place).arg("true").output().expect("flock");
            let harmless = place.ends_with("queue/cur") && user == "backup";
            assert!(!output.status.success() || harmless, "{user}: {}", place.display());
        }
    }
    // Neither can it take away what others told, nor deploy by itself.
    let left = Command::new("setpriv")
        .args(["--reuid=backup", "--init-groups", "--regid=backup", "rm", "-rf"])
        .args([farm.at("var/lib/mwfarm/queue/new"), farm.at("var/lib/mwfarm/queue/cur")])
        .stderr(Stdio::null())
        .status();
    assert!(!left.expect("rm").success());
    assert!(farm.at("var/lib/mwfarm/queue/new").is_dir());
    as_user(&farm, "backup", &["watch", "worker", "--once"], "").badly(4, "only root can work with them");
    as_user(&farm, "backup", &hook, &line).well();
    farm.mwfarm(["watch", "worker", "--once"]).well();
    assert_eq!(farm.served("a"), new);
    assert_eq!(farm.queued(), 0);
    let why = farm.journal("a").pop().expect("a line")["why"].clone();
    assert!(["pushed by backup", "pushed by unknown"].contains(&why.as_str().expect("text")), "{why}");
}

/// A worker that is stopped finishes what runs: systemd kills it no earlier than the longest deploy ends.
#[test]
fn the_worker_is_given_the_time_of_a_whole_deploy_to_stop() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/systemd/mwfarm-worker.service");
    let text = fs::read_to_string(unit).expect("a unit");
    let stop = text.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")?.strip_suffix("min"));
    let stop: u64 = stop.and_then(|minutes| minutes.parse().ok()).expect("minutes");
    let farm = tempfile::tempdir().expect("a directory");
    let least = "deploy:\n  root: farm\n  zone: wiki.test\n  core: core.git\n";
    fs::write(farm.path().join("mwfarm.yml"), least).expect("options");
    fs::create_dir(farm.path().join("farm")).expect("a root");
    let options = mwfarm::deploy::options::read(farm.path()).expect("options");
    let deploy = 2 * options.remote.as_secs() + 2 * options.schema.as_secs() + options.health.seconds;
    assert!(stop * 60 > deploy, "{stop} min are less than {deploy} s");
}

#[test]
fn units_start_commands_that_there_are() {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/systemd");
    let copies = tempfile::tempdir().expect("a directory");
    let program = env!("CARGO_BIN_EXE_mwfarm");
    let mut commands = Vec::new();
    let mut files = Vec::new();
    for unit in fs::read_dir(units).expect("units") {
        let unit = unit.expect("a unit");
        let text = fs::read_to_string(unit.path()).expect("its text");
        for line in text.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/bin/mwfarm ")) {
            let output = Command::new(program).args(line.split(' ')).arg("--help").output().expect("mwfarm");
            assert!(output.status.success(), "{line}");
            commands.push(line.to_owned());
        }
        // Users and services that not every machine has.
        assert!(!text.contains("WorkingDirectory="), "one that is missing keeps a unit from starting");
        let copy = copies.path().join(unit.file_name());
        fs::write(&copy, text.replace("/usr/bin/mwfarm", program)).expect("a copy");
        files.push(copy);
    }
    commands.sort();
    assert_eq!(commands, ["watch gerrit", "watch reconcile", "watch reconcile --boot", "watch serve", "watch worker"]);
    let Ok(verified) = Command::new("systemd-analyze").arg("verify").args(&files).output() else { return };
    let said = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("mwfarm-")).collect();
    assert_eq!(ours, [""; 0]);
}

#[test]
fn what_is_not_finished_and_what_is_known_of_wikis_is_for_root() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    let mode = |path: &str| fs::metadata(farm.at(path)).expect(path).mode() & 0o7777;
    for directory in ["srv/deployment/releases/.tmp", "var/lib/mwfarm/wikis", "var/lib/mwfarm/journal"] {
        assert_eq!(mode(directory), 0o700, "{directory}");
        // As an older mwfarm made it.
        chmod(&farm.at(directory), 0o755);
    }
    farm.push_file("a", "file.txt", "1");
    farm.deploy("a").well();
    for directory in ["srv/deployment/releases/.tmp", "var/lib/mwfarm/wikis", "var/lib/mwfarm/journal"] {
        assert_eq!(mode(directory), 0o700, "{directory}");
    }
}

#[test]
fn callers_by_sudo_choose_no_farm() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    let name = farm.name("a");
    let become_it = ["wiki", "become", &name, "--", "true"];
    let run = ["run", "showJobs", "--wiki", &name];
    for arguments in [&become_it[..], &run[..]] {
        let said = Said::from(farm.command(arguments).env("SUDO_USER", "carol").output().expect("mwfarm"));
        said.badly(4, "`carol` may not choose a farm with `--config-dir`");
        let said = Said::from(farm.command(arguments).env("SUDO_USER", "root").output().expect("mwfarm"));
        assert!(!said.err.contains("--config-dir"), "{said:?}");
    }
    farm.mwfarm(become_it).well();
    let said = farm.command(["wiki", "show", &name]).env("SUDO_USER", "carol").output().expect("mwfarm");
    Said::from(said).well();
}

#[test]
fn the_queue_is_there_before_any_worker() {
    let plan = Plan { users: true, ..Plan::plain() }.with("queue-group: backup").with("project: a/core");
    let farm = Farm::with_core(&plan, &small_core());
    farm.create("a");
    let tip = farm.tip("a");
    let line = format!("{tip} {tip} refs/heads/wiki/{}\n", farm.name("a"));
    let hook = ["watch", "hook", "post-receive"];
    let said = as_user(&farm, "backup", &hook, &line).well();
    assert_eq!(said, format!("mwfarm: {} is looked at later: no worker has run yet\n", farm.name("a")));
    farm.mwfarm(["watch", "reconcile"]).well();
    let said = as_user(&farm, "backup", &hook, &line).well();
    assert_eq!(said, format!("mwfarm: {} is queued to be deployed\n", farm.name("a")));
    // A group that is not there is told, and keeps no wiki from being mended.
    let text = fs::read_to_string(farm.at("mwfarm.yml")).expect("options");
    fs::write(farm.at("mwfarm.yml"), text.replace("group: backup", "group: nowhere")).expect("options");
    for flags in [&["watch", "reconcile", "--dry-run"][..], &["watch", "reconcile"]] {
        farm.mwfarm(flags).badly(5, "`nowhere` is no group of this machine");
    }
}
