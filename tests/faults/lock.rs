//! The lock: who holds it is named, who waits gets it, and a death gives it up.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mwfarm::disk::STAGING;

use super::tree::{Said, Tree};
use super::{Size, size};

/// A build that has the lock, and does not come to an end by itself.
struct Holder {
    /// strace, which delays it.
    tracer: Child,
    /// The build's own process.
    process: u32,
}

impl Holder {
    /// Starts one, and waits until it has the lock.
    fn start(tree: &Tree) -> Self {
        let _ = fs::remove_file(tree.beside("trace"));
        let build = tree.command(&["build", "-j", "1"]);
        let mut command = Command::new("strace");
        command.args(["-qq", "-o"]).arg(tree.beside("trace"));
        command.args(["-e", "trace=syncfs", "-e", "inject=syncfs:delay_enter=60000000"]);
        command.arg(build.get_program()).args(build.get_args()).env("MWFARM_CACHE_DIR", tree.beside("cache"));
        let tracer = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace");
        let mut holder = Self { tracer, process: 0 };
        holder.process = until(|| {
            // All is made then, and nothing has its name.
            let waits = fs::read_to_string(tree.beside("trace")).is_ok_and(|trace| trace.starts_with("syncfs("));
            waits.then(|| children(holder.tracer.id()).into_iter().find(|child| is_mwfarm(*child))).flatten()
        });
        holder
    }

    /// Kills it, as the system does that has no memory left.
    fn kill(mut self) {
        let killed = Command::new("kill").args(["-9", &self.process.to_string()]).status().expect("kill");
        assert!(killed.success());
        // It would go on to wait.
        self.tracer.kill().and_then(|()| self.tracer.wait()).expect("an end");
    }
}

/// The processes that a process has started.
fn children(process: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    children.split_whitespace().map(|child| child.parse().expect("a number")).collect()
}

/// strace tries out what it can do in processes of its own.
fn is_mwfarm(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name == "mwfarm\n")
}

/// Waits for something.
#[track_caller]
fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "it does not happen");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_holder_is_named_and_its_death_gives_the_lock_up() {
    let tree = Tree::new(5);
    let rounds = if size() == Size::All { 500 } else { 100 };
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        // Nothing of it is there yet.
        tree.write(
            &format!("extensions/Extension1/src/Round{round}.php"),
            &format!("<?php\nnamespace Farm\\Extension1;\nclass Round{round} {{}}\n"),
        );
        let holder = Holder::start(&tree);
        if round % 10 == 0 {
            let name = format!("process {} (mwfarm) is at work in `{}`", holder.process, tree.vendor().display());
            for words in
                [&["build", "--no-wait"][..], &["gc", "--no-wait"], &["rollback", "--no-wait"], &["eject", "--no-wait"]]
            {
                let said = tree.mwfarm(words);
                assert!(said.code == 1 && said.err.contains(&name), "{round}: {said:?}");
            }
        }
        holder.kill();
        let begun = Instant::now();
        // It may find the holder dying, and waits for that.
        tree.mwfarm(&["build"]).well();
        longest = longest.max(begun.elapsed());
        assert!(!tree.vendor().join(STAGING).exists());
    }
    // Whoever waits for the holder's children waits for strace's minute.
    assert!(longest < Duration::from_secs(20), "{longest:?}");
    tree.mwfarm(&["verify"]).well();
}

#[test]
fn a_build_that_waits_says_for_whom_and_gets_the_lock_when_the_holder_dies() {
    let tree = Tree::new(5);
    let holder = Holder::start(&tree);
    let name = format!("waiting for process {} (mwfarm), which is at work in", holder.process);
    let waiting = tree.command(&["build"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("mwfarm");
    until(|| is_waiting(waiting.id()).then_some(()));
    holder.kill();
    let said = Said::of(waiting.wait_with_output().expect("an end")).well();
    assert!(said.err.contains(&name), "{said:?}");
    tree.mwfarm(&["build", "--locked"]).well();
}

/// Composer removes a vendor directory and makes it anew: a build that waited must not write into what is no more.
#[test]
fn a_build_that_waited_works_in_what_is_there_then() {
    let tree = Tree::new(5);
    let (vendor, aside) = (tree.vendor(), tree.root().join("aside"));
    let holder = Holder::start(&tree);
    let waiting = tree.command(&["build"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("mwfarm");
    until(|| is_waiting(waiting.id()).then_some(()));
    fs::rename(&vendor, &aside).expect("moved");
    let copied = Command::new("cp").arg("-aT").arg(&aside).arg(&vendor).status().expect("cp");
    assert!(copied.success());
    let before = super::snapshot::Snapshot::of(&aside);
    holder.kill();
    Said::of(waiting.wait_with_output().expect("an end")).well();
    assert_eq!(super::snapshot::Snapshot::of(&aside).differences(&before), [""; 0]);
    tree.mwfarm(&["build", "--locked"]).well();
    tree.mwfarm(&["verify"]).well();
    assert!(!vendor.join(STAGING).exists());
}

/// In a container with processes of its own, the system does not tell who it is.
#[test]
fn a_holder_that_cannot_be_seen_is_another_process() {
    let tree = Tree::new(5);
    let holder = Holder::start(&tree);
    let build = tree.command(&["build", "--no-wait"]);
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc"]).arg(build.get_program()).args(build.get_args());
    let said = Said::of(command.output().expect("unshare"));
    holder.kill();
    let is_named = said.err.contains("another process is at work in `");
    assert!(said.code == 1 && is_named, "this test needs root, and a machine that lets it make namespaces: {said:?}");
}

/// Whether a process waits for a lock on a file.
fn is_waiting(process: u32) -> bool {
    let locks = fs::read_to_string("/proc/locks").expect("locks");
    locks.lines().any(|line| line.contains("-> FLOCK") && line.contains(&format!(" {process} ")))
}
