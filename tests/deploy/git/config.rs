//! The configuration repository of a wiki that wants to run things as root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use mwfarm::deploy::config_repository::{head, import, keep, write};
use mwfarm::deploy::record::Wiki;
use mwfarm::deploy::release::Sha;
use mwfarm::report::ExitCode;

use super::fixture::{Fixture, git, sha, try_git, wiki};

/// Numbers of users that nobody else has: they need no names.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A wiki with a working tree that belongs to its user.
pub(super) struct Tenant {
    pub(super) fixture: Fixture,
    wiki: Wiki,
    pub(super) work: PathBuf,
    uid: u32,
}

impl Tenant {
    pub(super) fn new() -> Self {
        let fixture = Fixture::new();
        let uid = 64_000 + std::process::id() % 900 + NEXT.fetch_add(1, Ordering::Relaxed);
        let home = fixture.path().join("home");
        fs::create_dir(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(uid), Some(uid)).unwrap();
        let tenant =
            Self { wiki: wiki(&fixture.options, "alpha", Some(uid)), work: home.join("config.git-work"), fixture, uid };
        tenant.shell("git init -q -b master config.git-work");
        tenant
    }

    /// Runs a script as the wiki's user in its home.
    pub(super) fn shell(&self, script: &str) -> String {
        let output = Command::new("setpriv")
            .args([&format!("--reuid={}", self.uid), &format!("--regid={}", self.uid)])
            .args(["--clear-groups", "--no-new-privs", "--", "sh", "-ec", script])
            .current_dir(self.work.parent().unwrap())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_NAME"), "Alpha")))
            .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_EMAIL"), "alpha@example.org")))
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(super) fn commit(&self, text: &str) -> Sha {
        sha(&self.shell(&format!(
            "cd config.git-work; printf '%s' '{text}' > LocalSettings.php; git add .; git commit -q -m x; git rev-parse HEAD"
        )))
    }

    /// Gives the wiki what another repository has.
    pub(super) fn take_objects(&self, of: &Path) {
        let objects = self.work.join(".git/objects");
        let all = of.join("objects/.");
        assert!(Command::new("cp").arg("-r").arg(&all).arg(&objects).status().unwrap().success());
        let owner = format!("{0}:{0}", self.uid);
        assert!(Command::new("chown").args(["-R", &owner]).arg(&objects).status().unwrap().success());
    }

    fn head(&self) -> Result<Option<Sha>, mwfarm::report::Problem> {
        head(&self.wiki, &self.work)
    }

    pub(super) fn import(&self) -> Result<Sha, mwfarm::report::Problem> {
        import(&self.fixture.options, &self.wiki, &self.work)
    }

    pub(super) fn copy(&self) -> PathBuf {
        self.fixture.options.layout.config_copy(&self.wiki.name)
    }
}

#[test]
fn a_commit_is_taken_once_and_pinned() {
    let tenant = Tenant::new();
    assert_eq!(tenant.head().unwrap(), None);
    assert_eq!(tenant.import().unwrap_err().exit, ExitCode::Usage);
    let first = tenant.commit("<?php // 1");
    assert_eq!(tenant.head().unwrap(), Some(first.clone()));
    assert_eq!(tenant.import().unwrap(), first);
    // Not committed, not taken.
    tenant.shell("cd config.git-work; echo broken > LocalSettings.php; echo secret > other");
    assert_eq!(tenant.import().unwrap(), first);
    let into = tenant.fixture.path().join("out");
    fs::create_dir(&into).unwrap();
    let tree = write(&tenant.fixture.options, &tenant.wiki, &first, &into).unwrap();
    assert_eq!((tree.files, fs::read(into.join("LocalSettings.php")).unwrap().as_slice()), (1, &b"<?php // 1"[..]));
    // History that is rewritten takes nothing away.
    tenant.shell("cd config.git-work; git update-ref -d HEAD; git rm -q -f --cached LocalSettings.php");
    let second = tenant.commit("<?php // 2");
    tenant.shell("cd config.git-work; git reflog expire --expire=now --all; git gc -q --prune=now");
    assert_eq!(tenant.import().unwrap(), second);
    let copy = tenant.copy();
    git(&copy, &["gc", "-q", "--prune=now"], b"");
    git(&copy, &["fsck", "--strict"], b"");
    assert_eq!(git(&copy, &["show", &format!("{first}:LocalSettings.php")], b""), "<?php // 1");
    assert_eq!(git(&copy, &["for-each-ref"], b"").lines().count(), 2);
    // It belongs to us alone.
    assert_eq!(fs::metadata(copy.join("HEAD")).unwrap().uid(), our_uid());
    assert!(!copy.join("incoming.bundle").exists());
}

/// Whom the tests run as.
fn our_uid() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

#[test]
fn what_the_repository_names_runs_as_the_wiki_at_most() {
    let tenant = Tenant::new();
    tenant.commit("<?php // 1");
    let canaries = tenant.fixture.path().join("canaries");
    fs::create_dir(&canaries).unwrap();
    fs::set_permissions(&canaries, fs::Permissions::from_mode(0o1777)).unwrap();
    // Says who ran it, by the file's owner.
    tenant.shell(&format!(
        "printf '#!/bin/sh\\necho > {}/$(id -u).$$\\nexec cat\\n' > evil; chmod 755 evil",
        canaries.display()
    ));
    let evil = tenant.work.with_file_name("evil");
    let evil = evil.display();
    tenant.shell(&format!(
        "cd config.git-work
        for hook in post-checkout post-commit pre-auto-gc reference-transaction post-index-change fsmonitor-watchman \
            pre-push update post-update pre-receive post-receive; do cp ../evil .git/hooks/$hook; done
        for key in core.fsmonitor core.pager core.sshCommand core.editor core.askPass core.gitProxy core.alternateRefsCommand \
            diff.external diff.evil.textconv filter.evil.clean filter.evil.smudge filter.evil.process \
            uploadpack.packObjectsHook remote.origin.uploadpack remote.origin.receivepack credential.helper \
            gpg.program pager.rev-parse pager.bundle interactive.diffFilter merge.evil.driver sequence.editor; do
            git config --file .git/config $key {evil}; done
        git config --file .git/config alias.bundle '!{evil}'
        git config --file .git/config alias.rev-parse '!{evil}'
        printf '[core]\\n\\tfsmonitor = {evil}\\n' > .git/included
        git config --file .git/config includeIf.gitdir:/.path {}/.git/included
        echo '* filter=evil diff=evil merge=evil' > .git/info/attributes",
        tenant.work.display()
    ));
    let head = sha(&tenant.shell("cat config.git-work/.git/refs/heads/master"));
    assert_eq!(tenant.import().unwrap(), head);
    let into = tenant.fixture.path().join("out");
    fs::create_dir(&into).unwrap();
    write(&tenant.fixture.options, &tenant.wiki, &head, &into).unwrap();
    for canary in fs::read_dir(&canaries).unwrap() {
        let canary = canary.unwrap();
        assert_eq!(canary.metadata().unwrap().uid(), tenant.uid, "{}", canary.path().display());
    }
    // The canary is one that can sing: plain git as root, told to trust the directory, runs it.
    let mut command = Command::new("git");
    command.arg("status").current_dir(&tenant.work).env("GIT_CONFIG_COUNT", "1");
    command.env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*").output().unwrap();
    let owners = || fs::read_dir(&canaries).unwrap().map(|canary| canary.unwrap().metadata().unwrap().uid());
    assert!(owners().any(|uid| uid == our_uid()), "the canary proves nothing");
}

#[test]
fn what_the_wiki_cannot_read_it_cannot_bring() {
    let tenant = Tenant::new();
    let head = tenant.commit("<?php // 1");
    assert_eq!(tenant.import().unwrap(), head);
    // A repository of root's, with objects that the wiki names as its own.
    let secret = tenant.fixture.path().join("secret");
    tenant.fixture.git(&["init", "-q", "secret"]);
    fs::write(secret.join("password"), "x").unwrap();
    git(&secret, &["add", "."], b"");
    git(&secret, &["commit", "-q", "-m", "x"], b"");
    let commit = git(&secret, &["rev-parse", "HEAD"], b"");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o700)).unwrap();
    tenant.shell(&format!(
        "cd config.git-work; echo {}/.git/objects > .git/objects/info/alternates; echo {commit} > .git/refs/heads/master",
        secret.display()
    ));
    assert!(tenant.import().is_err());
    // And the directory itself as a link to it.
    tenant.shell("mv config.git-work away");
    std::os::unix::fs::symlink(&secret, &tenant.work).unwrap();
    assert!(tenant.head().is_err());
    assert!(tenant.import().is_err());
    assert!(!try_git(&tenant.copy(), &["cat-file", "-e", &commit], b"").status.success());
    fs::remove_file(&tenant.work).unwrap();
    tenant.shell("mv away config.git-work; rm config.git-work/.git/objects/info/alternates");
    tenant.shell(&format!("cd config.git-work; echo {head} > .git/refs/heads/master"));
    let next = tenant.commit("<?php // 2");
    assert_eq!(tenant.import().unwrap(), next);
}

#[test]
fn repositories_of_somebody_else_and_none_are_refused() {
    let tenant = Tenant::new();
    tenant.commit("<?php // 1");
    std::os::unix::fs::chown(&tenant.work, Some(tenant.uid + 1), None).unwrap();
    assert!(tenant.head().is_err());
    fs::remove_dir_all(&tenant.work).unwrap();
    assert!(tenant.head().is_err());
    fs::create_dir(&tenant.work).unwrap();
    assert!(tenant.head().is_err());
    fs::remove_dir(&tenant.work).unwrap();
    assert_eq!(Command::new("mkfifo").arg(&tenant.work).status().unwrap().code(), Some(0));
    assert!(tenant.head().is_err());
}

#[test]
fn broken_and_strange_histories_are_refused() {
    let tenant = Tenant::new();
    let head = tenant.commit("<?php // 1");
    let put = |name: &str| tenant.shell(&format!("cd config.git-work; echo {name} > .git/refs/heads/master"));
    // A branch that is a tree, and a commit whose tree is missing or has `.git` in it.
    let tree = tenant.shell("cd config.git-work; git rev-parse HEAD^{tree}");
    put(&tree);
    assert!(tenant.import().is_err());
    let missing = tenant.shell(
        "cd config.git-work; printf 'tree 1111111111111111111111111111111111111111\\nauthor a <a> 1 +0000\\ncommitter a <a> 1 +0000\\n\\nx' \
            | git hash-object -t commit --literally -w --stdin",
    );
    put(&missing);
    assert!(tenant.import().is_err());
    let twice = tenant.shell(
        "cd config.git-work; blob=$(git hash-object -w LocalSettings.php | sed 's/../\\\\x&/g')
        tree=$(perl -e \"print \\\"100644 a\\\\0$blob\\\" x 2\" | git hash-object -t tree --literally -w --stdin)
        git commit-tree -m x $tree",
    );
    put(&twice);
    assert!(tenant.import().is_err());
    let dot_git = tenant.shell(
        "cd config.git-work; blob=$(git hash-object -w LocalSettings.php | sed 's/../\\\\x&/g')
        tree=$(perl -e \"print \\\"100644 .git\\\\0$blob\\\"\" | git hash-object -t tree --literally -w --stdin)
        git commit-tree -m x $tree",
    );
    put(&dot_git);
    let into = tenant.fixture.path().join("out");
    fs::create_dir(&into).unwrap();
    // Whether git or the scan refuses it, nothing of it is written.
    let written = tenant.import().and_then(|sha| write(&tenant.fixture.options, &tenant.wiki, &sha, &into));
    assert!(written.is_err());
    assert_eq!(fs::read_dir(&into).unwrap().count(), 0);
    put(head.as_str());
    assert_eq!(tenant.import().unwrap(), head);
    is_healthy(&tenant.copy());
}

/// How many bytes the packs of a copy have, and how many there are.
fn packed(copy: &Path) -> (u64, usize) {
    let files: Vec<_> = fs::read_dir(copy.join("objects/pack")).unwrap().map(Result::unwrap).collect();
    let packs = files.iter().filter(|file| file.path().extension().is_some_and(|end| end == "pack")).count();
    (files.iter().map(|file| file.metadata().unwrap().len()).sum(), packs)
}

#[test]
fn many_commits_of_a_long_history_leave_a_bounded_copy() {
    let tenant = Tenant::new();
    tenant.shell("cd config.git-work; head -c 4000000 /dev/urandom > large");
    for number in 0..30 {
        let commit = tenant.commit(&format!("<?php // {number}"));
        assert_eq!(tenant.import().unwrap(), commit);
        keep(&tenant.fixture.options, &tenant.wiki, std::slice::from_ref(&commit)).unwrap();
        let (bytes, packs) = packed(&tenant.copy());
        assert!(bytes < 5 << 20 && packs <= 10, "after {number} commits: {bytes} bytes in {packs} packs");
    }
    git(&tenant.copy(), &["fsck", "--strict", "--no-dangling"], b"");
    // One that came before what is here, and one whose predecessors the wiki has thrown away.
    tenant.shell("cd config.git-work; git reset -q --hard HEAD~3");
    let old = tenant.head().unwrap().unwrap();
    assert_eq!(tenant.import().unwrap(), old);
    tenant.shell(
        "cd config.git-work; git update-ref -d HEAD; git reflog expire --expire=now --all; git gc -q --prune=now",
    );
    let other = tenant.commit("<?php // other");
    assert_eq!(tenant.import().unwrap(), other);
    is_healthy(&tenant.copy());
    git(&tenant.copy(), &["fsck", "--strict", "--no-dangling"], b"");
}

#[test]
fn histories_that_are_replaced_leave_nothing_and_one_that_grows_ends() {
    let tenant = Tenant::new();
    let replace = || {
        tenant.shell("cd config.git-work; git update-ref -d HEAD; head -c 56000000 /dev/urandom > large");
        tenant.commit("<?php")
    };
    // Other histories each time: those before are let go when there would be too much.
    for _ in 0..5 {
        let commit = replace();
        assert_eq!(tenant.import().unwrap(), commit);
        keep(&tenant.fixture.options, &tenant.wiki, std::slice::from_ref(&commit)).unwrap();
        assert!(packed(&tenant.copy()).0 < 260 << 20);
    }
    // One history, of which all is in use.
    let refused = (0..6).find_map(|_| {
        tenant.shell("cd config.git-work; head -c 56000000 /dev/urandom > large");
        tenant.commit("<?php");
        tenant.import().err()
    });
    assert_eq!(refused.expect("it ends").what, "the configuration of `alpha` has more than 256 MiB of history");
    assert!(packed(&tenant.copy()).0 < 260 << 20);
}

/// A history that git would show otherwise than it is.
#[test]
fn histories_are_taken_as_they_are() {
    let tenant = Tenant::new();
    let first = tenant.commit("<?php // 1");
    let second = tenant.commit("<?php // 2");
    let write_out = |commit: &Sha, to: &str| {
        let into = tenant.fixture.path().join(to);
        fs::create_dir(&into).unwrap();
        write(&tenant.fixture.options, &tenant.wiki, commit, &into).unwrap();
        fs::read_to_string(into.join("LocalSettings.php")).unwrap()
    };
    tenant.shell(&format!("cd config.git-work; git replace {second} {first}"));
    assert_eq!(tenant.import().unwrap(), second);
    assert_eq!(write_out(&second, "replaced"), "<?php // 2");
    // Parents that are left out are missing, or are brought: never half of it.
    let third = tenant.commit("<?php // 3");
    for (make, unmake) in [
        (format!("echo {third} > .git/info/grafts"), "rm .git/info/grafts"),
        (format!("echo {third} > .git/shallow"), "rm .git/shallow"),
        (format!("echo {third} {first} > .git/info/grafts"), "rm .git/info/grafts"),
    ] {
        tenant.shell(&format!("cd config.git-work; mkdir -p .git/info; {make}"));
        if let Ok(taken) = tenant.import() {
            assert_eq!(taken, third);
        }
        git(&tenant.copy(), &["fsck", "--strict", "--connectivity-only"], b"");
        tenant.shell(&format!("cd config.git-work; {unmake}"));
    }
    assert_eq!(tenant.import().unwrap(), third);
    assert_eq!(write_out(&third, "third"), "<?php // 3");
    is_healthy(&tenant.copy());
}

fn is_healthy(copy: &Path) {
    let listed = git(copy, &["for-each-ref", "--format=%(refname)"], b"");
    assert!(listed.lines().all(|name| name.starts_with("refs/deployed/")), "{listed}");
}
