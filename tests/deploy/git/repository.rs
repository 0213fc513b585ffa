//! The reference repository against remotes that change, break and do not end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mwfarm::deploy::lock;
use mwfarm::deploy::repository::{
    clean, create_branch, ensure, fetch, is_ancestor, ls_remote, pin, pins, resolve, unpin,
};
use mwfarm::report::{ExitCode, Problem};

use super::fixture::{Fixture, git, name, sha, try_git};

const BRANCH: &str = "refs/heads/wiki/alpha";

fn made() -> Fixture {
    let fixture = Fixture::new();
    fixture.commit("index.php", b"<?php\n");
    fixture.push("refs/heads/master");
    ensure(&fixture.options).expect("a repository");
    fixture
}

fn said(problem: &Problem) -> String {
    format!("{} {}", problem.what, problem.causes.join(" "))
}

#[test]
fn a_repository_is_made_once_and_knows_its_remote() {
    let fixture = made();
    let core = fixture.options.layout.core();
    fs::write(core.join("kept"), "").unwrap();
    let mut moved = fixture.options.clone();
    moved.core = "/elsewhere".to_owned();
    ensure(&moved).unwrap();
    assert_eq!(git(&core, &["config", "--get-all", "remote.origin.url"], b""), "/elsewhere");
    assert_eq!(git(&core, &["config", "--get-all", "remote.origin.fetch"], b""), "+refs/heads/*:refs/heads/*");
    assert_eq!(git(&core, &["config", "gc.auto"], b""), "0");
    assert!(core.join("kept").is_file());
    // Who else comes by does not see other wikis' code.
    assert_eq!(fs::metadata(&core).unwrap().permissions().mode() & 0o7777, 0o700);
    // What one that was killed has left is no obstacle.
    fs::remove_dir_all(&core).unwrap();
    fs::create_dir(core.with_file_name("common.new")).unwrap();
    fs::write(core.with_file_name("common.new").join("HEAD"), "x").unwrap();
    ensure(&fixture.options).unwrap();
    fetch(&fixture.options, "refs/heads/master").unwrap();
    assert!(!core.with_file_name("common.new").exists());
}

#[test]
fn only_the_branch_asked_for_is_brought() {
    let fixture = made();
    let sha = fixture.commit("a", b"1");
    fixture.push(BRANCH);
    fixture.in_work(&["tag", "v1"]);
    fixture.in_work(&["push", "-q", "origin", "v1"]);
    assert_eq!(fetch(&fixture.options, BRANCH).unwrap(), sha);
    let core = fixture.options.layout.core();
    assert_eq!(git(&core, &["for-each-ref", "--format=%(refname)"], b""), BRANCH);
    assert!(fetch(&fixture.options, "refs/heads/wiki/nobody").is_err());
    for refused in
        ["wiki/alpha", "refs/heads/-x/a", "refs/tags/v1", "--upload-pack=id", "refs/heads/a;b", "+refs/heads/a"]
    {
        assert_eq!(fetch(&fixture.options, refused).unwrap_err().exit, ExitCode::Usage, "{refused}");
    }
}

#[test]
fn odd_names_of_a_remote_are_told_and_left_alone() {
    let fixture = made();
    for odd in
        ["refs/heads/wiki/$(id)", "refs/heads/wiki/a;b", "refs/heads/wiki/\u{202e}x", "refs/heads/--upload-pack=x"]
    {
        git(&fixture.remote(), &["update-ref", odd, "refs/heads/master"], b"");
    }
    let listing = ls_remote(&fixture.options).unwrap();
    assert_eq!(listing.refs.keys().collect::<Vec<_>>(), ["refs/heads/master"]);
    assert_eq!(listing.refused.len(), 4);
    assert!(listing.refused.iter().all(|line| !line.contains('\u{202e}')), "{:?}", listing.refused);
}

#[test]
fn branches_are_made_once() {
    let fixture = made();
    let base = fetch(&fixture.options, "refs/heads/master").unwrap();
    assert_eq!(create_branch(&fixture.options, "refs/heads/master", BRANCH).unwrap(), base);
    let later = fixture.commit("a", b"1");
    fixture.push(BRANCH);
    // It is there, at something else: left as it is.
    assert_eq!(create_branch(&fixture.options, "refs/heads/master", BRANCH).unwrap(), later);
    assert_eq!(git(&fixture.remote(), &["rev-parse", BRANCH], b""), later.as_str());
    assert_eq!(create_branch(&fixture.options, base.as_str(), "refs/heads/wiki/beta").unwrap(), base);
    let unknown = "1".repeat(40);
    let problem = create_branch(&fixture.options, &unknown, "refs/heads/wiki/gamma").unwrap_err();
    assert_eq!(problem.exit, ExitCode::Usage);
    // Only what a branch has can be the base of another one, not what is still kept of a deleted one.
    let secret = fixture.commit("b", b"1");
    fixture.push("refs/heads/wiki/gone");
    fetch(&fixture.options, "refs/heads/wiki/gone").unwrap();
    git(&fixture.remote(), &["update-ref", "-d", "refs/heads/wiki/gone"], b"");
    git(&fixture.options.layout.core(), &["update-ref", "-d", "refs/heads/wiki/gone"], b"");
    assert!(create_branch(&fixture.options, secret.as_str(), "refs/heads/wiki/delta").is_err());
    assert!(!ls_remote(&fixture.options).unwrap().refs.contains_key("refs/heads/wiki/delta"));
}

#[test]
fn a_remote_that_refuses_is_believed() {
    let fixture = made();
    let hook = fixture.remote().join("hooks/pre-receive");
    fs::write(&hook, "#!/bin/sh\necho no thanks >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let problem = create_branch(&fixture.options, "refs/heads/master", BRANCH).unwrap_err();
    assert!(said(&problem).contains("no thanks"), "{}", said(&problem));
    assert!(!ls_remote(&fixture.options).unwrap().refs.contains_key(BRANCH));
}

#[test]
fn commits_are_named_by_digits_and_belong_to_the_branch() {
    let fixture = made();
    let first = fixture.commit("a", b"1");
    let second = fixture.commit("a", b"2");
    fixture.push(BRANCH);
    fixture.in_work(&["checkout", "-q", "-b", "other", "HEAD~2"]);
    let other = fixture.commit("a", b"3");
    fixture.push("refs/heads/wiki/beta");
    // A branch whose name looks like a commit of the other one.
    let lure = &first.as_str()[..8];
    fixture.push(&format!("refs/heads/{lure}"));
    for branch in [BRANCH, "refs/heads/wiki/beta", &format!("refs/heads/{lure}")] {
        fetch(&fixture.options, branch).unwrap();
    }
    assert_eq!(resolve(&fixture.options, BRANCH, first.as_str()).unwrap(), first);
    assert_eq!(resolve(&fixture.options, BRANCH, lure).unwrap(), first);
    assert_eq!(resolve(&fixture.options, BRANCH, &second.as_str()[..7]).unwrap(), second);
    let tree = fixture.in_work(&["rev-parse", &format!("{first}^{{tree}}")]);
    for rev in [other.as_str(), &tree, "HEAD", "HEAD~1", "master", "abc", "", &first.as_str().to_uppercase(), "0000000"]
    {
        assert_eq!(resolve(&fixture.options, BRANCH, rev).unwrap_err().exit, ExitCode::Usage, "{rev}");
    }
    assert!(is_ancestor(&fixture.options, &first, &second).unwrap());
    assert!(!is_ancestor(&fixture.options, &second, &first).unwrap());
    assert!(is_ancestor(&fixture.options, &first, &sha(&"1".repeat(40))).is_err());
}

#[test]
fn what_is_deployed_outlives_forced_pushes_prunes_and_clean_ups() {
    let fixture = made();
    let alpha = name("alpha");
    let old = fixture.commit("a", b"old");
    fixture.push(BRANCH);
    fetch(&fixture.options, BRANCH).unwrap();
    pin(&fixture.options, &alpha, &old).unwrap();
    let lost = fixture.commit("a", b"lost");
    fixture.push(BRANCH);
    fetch(&fixture.options, BRANCH).unwrap();
    fixture.in_work(&["reset", "-q", "--hard", "HEAD~2"]);
    let new = fixture.commit("a", b"new");
    fixture.push(BRANCH);
    assert_eq!(fetch(&fixture.options, BRANCH).unwrap(), new);
    let core = fixture.options.layout.core();
    git(&core, &["update-ref", "-d", BRANCH], b"");
    clean(&fixture.options).unwrap();
    assert!(try_git(&core, &["cat-file", "-e", lost.as_str()], b"").status.success());
    git(&core, &["gc", "-q", "--prune=now"], b"");
    git(&core, &["fsck", "--strict"], b"");
    assert_eq!(pins(&fixture.options, &alpha).unwrap(), std::slice::from_ref(&old));
    assert_eq!(git(&core, &["show", &format!("{old}:a")], b""), "old");
    // It is the pin that keeps it.
    assert!(!try_git(&core, &["cat-file", "-e", lost.as_str()], b"").status.success());
    unpin(&fixture.options, &alpha, &old).unwrap();
    unpin(&fixture.options, &alpha, &old).unwrap();
    git(&core, &["gc", "-q", "--prune=now"], b"");
    assert!(!try_git(&core, &["cat-file", "-e", old.as_str()], b"").status.success());
    assert!(pin(&fixture.options, &alpha, &old).is_err());
    assert!(pins(&fixture.options, &alpha).unwrap().is_empty());
}

#[test]
fn one_broken_branch_does_not_keep_the_others_back() {
    let fixture = made();
    // A tree that holds a name twice is an error for every git that checks.
    let broken = fixture.commit_tree(&[("100644", "a", b"1"), ("100644", "a", b"2")]);
    fixture.in_work(&["push", "-q", "origin", &format!("{broken}:refs/heads/wiki/broken")]);
    let good = fixture.commit("a", b"1");
    fixture.push(BRANCH);
    let refused = fetch(&fixture.options, "refs/heads/wiki/broken").unwrap_err();
    assert!(said(&refused).contains("duplicateEntries"), "{}", said(&refused));
    fetch(&fixture.options, BRANCH).unwrap();
    assert_eq!(resolve(&fixture.options, BRANCH, good.as_str()).unwrap(), good);
    // A remote that is not there is another matter.
    fs::rename(fixture.remote(), fixture.path().join("away")).unwrap();
    assert!(fetch(&fixture.options, BRANCH).is_err());
}

#[test]
fn what_killed_gits_left_is_removed() {
    let fixture = made();
    let sha = fixture.commit("a", b"1");
    fixture.push(BRANCH);
    fetch(&fixture.options, BRANCH).unwrap();
    fixture.commit("tmp_x", b"1");
    fixture.push("refs/heads/tmp_branch");
    fetch(&fixture.options, "refs/heads/tmp_branch").unwrap();
    let core = fixture.options.layout.core();
    let left = ["packed-refs.lock", "config.lock", "refs/heads/wiki/alpha.lock", "objects/pack/tmp_pack_aBcDeF"];
    for file in left {
        fs::write(core.join(file), "x").unwrap();
    }
    fs::create_dir_all(core.join("refs/deployed/alpha")).unwrap();
    fs::write(core.join(format!("refs/deployed/alpha/{sha}.lock")), "x").unwrap();
    pin(&fixture.options, &name("alpha"), &sha).unwrap();
    let next = fixture.commit("a", b"2");
    fixture.push(BRANCH);
    assert_eq!(fetch(&fixture.options, BRANCH).unwrap(), next);
    assert!(left.iter().all(|file| !core.join(file).exists()));
    assert!(core.join("refs/heads/tmp_branch").is_file());
    git(&core, &["fsck", "--strict"], b"");
}

#[test]
fn a_fetch_that_is_killed_at_any_time_is_done_again() {
    let fixture = made();
    for round in 0..12_u64 {
        let noise: Vec<u8> =
            (0..25_000_u64).flat_map(|n| (n + round).wrapping_mul(6_364_136_223_846_793_005).to_be_bytes()).collect();
        let sha = fixture.commit(&format!("noise{round}"), &noise);
        fixture.push(BRANCH);
        let core = fixture.options.layout.core();
        let mut child = Command::new("git")
            .args(["fetch", "-q", "origin", &format!("+{BRANCH}:{BRANCH}")])
            .current_dir(&core)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(round * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        // A lock that the death leaves sometimes only is there always.
        fs::create_dir_all(core.join("refs/heads/wiki")).unwrap();
        fs::write(core.join("refs/heads/wiki/alpha.lock"), "").unwrap();
        assert_eq!(fetch(&fixture.options, BRANCH).unwrap(), sha, "round {round}");
        git(&core, &["fsck", "--strict"], b"");
    }
}

/// A git that waits for a pack on its input, as one does whose parent was killed.
fn orphan(core: &std::path::Path, words: &[&str]) -> std::process::Child {
    let mut command = Command::new("git");
    // What follows `--end-of-options` is there for whoever looks at processes.
    command.args(["-c", "alias.waits=!cat #", "waits"]).args(words).current_dir(core);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn locks_of_a_git_that_is_at_work_are_left_alone() {
    let fixture = made();
    let core = fixture.options.layout.core();
    fetch(&fixture.options, "refs/heads/master").unwrap();
    let (ours, all) = (core.join("refs/heads/master.lock"), core.join("packed-refs.lock"));
    for lock in [&ours, &all] {
        fs::write(lock, "x").unwrap();
    }
    let mut orphan = orphan(&core, &["fetch", "origin", "+refs/heads/master:refs/heads/master"]);
    let began = Instant::now();
    let waited = std::thread::scope(|scope| {
        let fetched = scope.spawn(|| fetch(&fixture.options, "refs/heads/master"));
        std::thread::sleep(Duration::from_millis(1500));
        assert!(ours.exists() && all.exists());
        orphan.kill().unwrap();
        orphan.wait().unwrap();
        fetched.join().unwrap().unwrap();
        began.elapsed()
    });
    assert!(waited >= Duration::from_millis(1500) && !ours.exists());
    ensure(&fixture.options).unwrap();
    assert!(!all.exists());
}

#[test]
fn a_git_that_is_at_work_on_another_branch_is_not_waited_for() {
    let fixture = made();
    let core = fixture.options.layout.core();
    let sha = fetch(&fixture.options, "refs/heads/master").unwrap();
    let lock = core.join("refs/heads/master.lock");
    let pin_lock = core.join(format!("refs/deployed/alpha/{sha}.lock"));
    fs::create_dir_all(pin_lock.parent().unwrap()).unwrap();
    fs::write(&lock, "x").unwrap();
    fs::write(&pin_lock, "x").unwrap();
    let mut orphan = orphan(&core, &["fetch", "origin", "+refs/heads/master2:refs/heads/master2"]);
    assert_eq!(fetch(&fixture.options, "refs/heads/master").unwrap(), sha);
    pin(&fixture.options, &name("alpha"), &sha).unwrap();
    assert!(orphan.try_wait().unwrap().is_none());
    orphan.kill().unwrap();
    orphan.wait().unwrap();
    assert!(!lock.exists() && !pin_lock.exists());
}

/// What removes objects is alone; what packs them is not.
#[test]
fn a_fetch_that_hangs_keeps_only_removal_back() {
    let fixture = made();
    let master = fetch(&fixture.options, "refs/heads/master").unwrap();
    let core = fixture.options.layout.core();
    let old = git(&core, &["hash-object", "-w", "--stdin"], b"of no ref");
    let object = core.join("objects").join(&old[..2]).join(&old[2..]);
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(15 * 24 * 60 * 60);
    fs::File::open(&object).unwrap().set_modified(long_ago).unwrap();
    let hanging = lock::repository_shared(&fixture.options.layout).unwrap();
    std::thread::scope(|scope| {
        let cleaned = scope.spawn(|| clean(&fixture.options));
        // Also while somebody waits to be alone.
        pin(&fixture.options, &name("alpha"), &master).unwrap();
        assert_eq!(fetch(&fixture.options, "refs/heads/master").unwrap(), master);
        unpin(&fixture.options, &name("alpha"), &master).unwrap();
        assert!(!cleaned.is_finished() && object.exists());
        drop(hanging);
        cleaned.join().unwrap().unwrap();
    });
    assert!(!object.exists());
    assert!(fs::read_dir(core.join("objects/pack")).unwrap().count() >= 2);
    assert!(!core.join("mwfarm-removing.lock").exists());
}

/// A remote that hangs is given another name in the farm's file: nobody waits for what still hangs there.
#[test]
fn a_repository_gets_another_remote_while_a_fetch_hangs() {
    let fixture = made();
    let core = fixture.options.layout.core();
    // Left by a git that was killed.
    fs::write(core.join("config.lock"), "").unwrap();
    let hanging = lock::repository_shared(&fixture.options.layout).unwrap();
    let moved = ["/elsewhere", "/elsewhere", "/there"].map(|address| {
        let mut moved = fixture.options.clone();
        moved.core = address.to_owned();
        moved
    });
    std::thread::scope(|scope| {
        let ensured: Vec<_> = moved.iter().map(|options| scope.spawn(|| ensure(options))).collect();
        let begun = Instant::now();
        while !ensured.iter().all(std::thread::ScopedJoinHandle::is_finished)
            && begun.elapsed() < Duration::from_secs(60)
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        let waits = !ensured.iter().all(std::thread::ScopedJoinHandle::is_finished);
        drop(hanging);
        for one in ensured {
            one.join().unwrap().unwrap();
        }
        assert!(!waits, "it waits for what hangs");
    });
    let url = git(&core, &["config", "--get-all", "remote.origin.url"], b"");
    assert!(["/elsewhere", "/there"].contains(&url.trim()), "{url}");
    assert!(!core.join("config.lock").exists());
}

#[test]
fn what_a_killed_removal_still_removes_is_waited_for() {
    let fixture = made();
    let core = fixture.options.layout.core();
    let marker = core.join("mwfarm-removing.lock");
    fs::write(&marker, "").unwrap();
    let mut orphan = orphan(&core, &["prune", "--expire=2.weeks.ago"]);
    std::thread::scope(|scope| {
        let fetched = scope.spawn(|| fetch(&fixture.options, "refs/heads/master"));
        std::thread::sleep(Duration::from_millis(700));
        assert!(marker.exists() && !fetched.is_finished());
        orphan.kill().unwrap();
        orphan.wait().unwrap();
        fetched.join().unwrap().unwrap();
    });
    assert!(!marker.exists());
}
