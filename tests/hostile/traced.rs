//! What the system is asked for while a tree full of programs is built: no other program, no connection, and changes
//! only where a build writes. And builds of those who may not do everything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::cases::faults;
use super::yard::{CANARY, Yard, run};
use crate::strace::moments;

/// What a build has no use for.
const NEVER: [&str; 10] =
    ["execve", "execveat", "fork", "vfork", "socket", "connect", "bind", "listen", "sendto", "sendmsg"];

#[test]
fn a_build_starts_nothing_asks_nobody_and_writes_below_vendor_only() {
    let yard = Yard::new();
    yard.extension("{\"autoload\": {\"classmap\": [\"src/\"], \"files\": [\"src/run.php\"]}, \"scripts\": {\"pre-install-cmd\": \"touch canary\"}}");
    yard.write("tree/extensions/Bad/src/Bad.php", "<?php touch('canary'); class Bad {}");
    yard.write("tree/extensions/Bad/src/run.php", "#!/usr/bin/env php\n<?php touch('canary'); system('touch canary');");
    yard.write("tree/extensions/Bad/Bad.php", "<?php touch('canary');");
    yard.turn_on();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-o"]).arg(yard.path("trace"));
    strace
        .args(["-e", &format!("trace={},openat,open,creat,clone,clone3,{}", NEVER.join(","), crate::strace::CHANGES)]);
    strace.arg(env!("CARGO_BIN_EXE_mwfarm")).args(["build", "-d", "tree"]).env("XDG_CACHE_HOME", yard.path("cache"));
    let ran = run(strace.current_dir(yard.path("")));
    assert_eq!((ran.code, faults(&ran)), (Some(0), Vec::new()), "{}", ran.err);

    let moments = moments(&fs::read_to_string(yard.path("trace")).expect("a trace"));
    // The first is strace's own.
    let asked: Vec<_> = moments.iter().skip(1).filter(|moment| NEVER.contains(&&*moment.call)).collect();
    assert!(asked.is_empty(), "{asked:?}");
    let threads = |text: &str| text.contains("CLONE_THREAD");
    assert!(moments.iter().all(|moment| !moment.call.starts_with("clone") || threads(&moment.text)));
    // A write is to what was opened before.
    let changes = moments.iter().filter(|moment| moment.is_change() && !moment.call.contains("write"));
    let [vendor, cache] = ["tree/vendor", "cache"].map(|name| yard.path(name).display().to_string());
    let allowed = |text: &str| ["\"tree/vendor", &*vendor, &*cache].iter().any(|place| text.contains(place));
    let elsewhere: Vec<_> = changes.clone().filter(|moment| !allowed(&moment.text)).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    assert!(changes.count() > 20, "too little to tell anything");
    assert!(!yard.path(CANARY).exists());
}

/// Gives everything to a user without rights, who builds, with these limits.
fn by_nobody(yard: &Yard, limits: &[&str], arguments: &[&str]) -> super::yard::Ran {
    let program = yard.path("mwfarm");
    if !program.exists() {
        let built = env!("CARGO_BIN_EXE_mwfarm");
        // On another file system it is copied, by somebody else: no program can be started that we still write.
        if fs::hard_link(built, &program).is_err() {
            assert!(Command::new("cp").arg(built).arg(&program).status().expect("cp").success());
        }
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    }
    // `-h`: what links lead to is not given away.
    let given =
        Command::new("chown").args(["-hR", "--from=root", "65534:65534", "."]).current_dir(yard.path("")).status();
    assert!(given.expect("chown runs").success());
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "prlimit"]).args(limits);
    command.arg("./mwfarm").args(arguments).args(["-d", "tree"]);
    run(command.current_dir(yard.path("")).env("XDG_CACHE_HOME", yard.path("cache")).env("HOME", yard.path("")))
}

/// A yard that others can reach, wherever the tests are built.
fn reachable() -> Yard {
    let yard = Yard::below(&std::env::temp_dir());
    fs::set_permissions(yard.path(""), fs::Permissions::from_mode(0o755)).expect("permissions");
    yard
}

#[test]
fn files_that_may_not_be_read_are_named() {
    for (file, says) in [
        ("tree/extensions/Good/extension.json", "cannot read `extensions/Good/extension.json`"),
        ("tree/extensions/Good/composer.json", "cannot read `extensions/Good/composer.json`"),
        ("tree/vendor/composer/installed.json", "cannot read `vendor/composer/installed.json`"),
        ("tree/wikis.yml", "cannot read `tree/wikis.yml`"),
        ("tree/extensions/Good/src/Good.php", "cannot look for classes in `extensions/Good/src/Good.php`"),
        ("tree/extensions/Good/src", "cannot look for classes in `extensions/Good/src`"),
        ("tree/extensions", "cannot read `extensions`"),
        ("tree/vendor/acme/lib/functions.php", "`vendor/acme/lib/functions.php` cannot be read (Permission denied"),
        ("tree/vendor/mwfarm.json", "mwfarm.json"),
    ] {
        let yard = reachable();
        let path = yard.path(file);
        let mode = fs::metadata(&path).expect("an entry").permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).expect("permissions");
        let before = yard.listing("tree/vendor", &[]);
        let ran = by_nobody(&yard, &[], &["build"]);
        assert_eq!(faults(&ran), [""; 0], "{file}: {}", ran.err);
        assert!(matches!(ran.code, Some(1 | 5)) && ran.err.contains(says), "{file}: {}", ran.err);
        let after = yard.listing("tree/vendor", &[]);
        assert!(before.keys().eq(after.keys()), "{file}: what is published has changed");
        fs::set_permissions(&path, mode).expect("permissions");
        assert_eq!(by_nobody(&yard, &[], &["build"]).code, Some(0), "{file}: and healed");
    }
}

#[test]
fn a_build_without_threads_is_refused_and_one_thread_is_enough() {
    let yard = reachable();
    let ran = by_nobody(&yard, &["--nproc=1"], &["build"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.starts_with("error: cannot start threads\ncaused by: "), "{}", ran.err);
    assert_eq!(by_nobody(&yard, &["--nproc=1"], &["build", "-j", "1"]).code, Some(0));
}
