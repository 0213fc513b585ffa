//! What follows pushes, as processes of the program itself, beside a farm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Farm, git, wait, wait_for};

/// A process of the program that runs until it is stopped.
pub(in crate::deploy) struct Service {
    child: Option<Child>,
    log: PathBuf,
}

impl Service {
    /// What it said so far.
    pub(in crate::deploy) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it says something.
    #[track_caller]
    pub(super) fn until_it_says(&self, text: &str) {
        wait(&format!("it says {text:?}"), || self.said().contains(text));
    }

    /// Asks it to end, as the system does, and waits until it has. Gives what it said.
    #[track_caller]
    pub(in crate::deploy) fn stop(mut self) -> String {
        let mut child = self.child.take().expect("a process");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("a signal");
        let status = child.wait().expect("its end");
        assert_eq!(status.code(), Some(0), "{}", self.said());
        self.said()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            if std::thread::panicking() {
                let said = self.said();
                let lines: Vec<&str> = said.lines().collect();
                let last = lines[lines.len().saturating_sub(40)..].join("\n");
                let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("== service\n{last}\n"));
            }
        }
    }
}

/// A farm's core with little in it, which is exported in no time.
pub(super) fn small_core() -> BTreeMap<String, String> {
    super::core::files("1").into_iter().filter(|(path, _)| !path.contains("/part/")).collect()
}

impl Farm {
    /// Starts a command that goes on.
    pub(in crate::deploy) fn service(&self, arguments: &[&str]) -> Service {
        static SERVICES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = SERVICES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = self.at(&format!("service{number}.log"));
        let file = fs::File::create(&log).expect("a log");
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a log")).stderr(file);
        Service { child: Some(command.spawn().expect("mwfarm")), log }
    }

    /// Starts the worker, which looks at all wikis once, as it always does.
    pub(in crate::deploy) fn worker(&self, jobs: &str) -> Service {
        self.service(&["watch", "worker", "-v", "-j", jobs, "--reconcile", "0"])
    }

    /// Lets the core repository's hooks call the program.
    pub(super) fn hooks(&self) {
        for hook in ["pre-receive", "post-receive"] {
            let path = self.at("core.git/hooks").join(hook);
            let (program, base) = (env!("CARGO_BIN_EXE_mwfarm"), self.base.display());
            fs::write(&path, format!("#!/bin/sh\nexec {program} watch hook {hook} --config-dir {base}\n"))
                .expect("hook");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
    }

    /// Adds lines to the section `deploy`.
    pub(in crate::deploy) fn option(&self, line: &str) {
        let file = self.at("mwfarm.yml");
        let text = fs::read_to_string(&file).expect("options");
        fs::write(file, format!("{text}  {line}\n")).expect("options");
    }

    /// The commit of a wiki's branch.
    pub(in crate::deploy) fn tip(&self, name: &str) -> String {
        let branch = format!("refs/heads/wiki/{}", self.name(name));
        git(&self.at("core.git"), ["rev-parse", "--verify", &branch]).trim().to_owned()
    }

    /// The commit that is served.
    pub(in crate::deploy) fn served(&self, name: &str) -> String {
        let revision = self.at("srv/deployment/servicegroup").join(self.name(name)).join("REVISION");
        fs::read_to_string(revision).unwrap_or_default().trim().to_owned()
    }

    /// How many entries the queue has, taken ones included.
    pub(super) fn queued(&self) -> usize {
        let count = |place: &str| {
            // The first worker makes it.
            let names = fs::read_dir(self.at("var/lib/mwfarm/queue").join(place)).into_iter().flatten();
            names
                .filter(|name| !name.as_ref().expect("a name").file_name().as_encoded_bytes().starts_with(b"."))
                .count()
        };
        count("new") + count("cur")
    }

    /// Waits until each wiki serves what its branch has, and nothing is left to do.
    #[track_caller]
    pub(in crate::deploy) fn settle(&self, wikis: &[&str]) {
        wait("all is served", || self.queued() == 0 && wikis.iter().all(|wiki| self.served(wiki) == self.tip(wiki)));
    }

    /// The lines of a wiki's journal.
    pub(super) fn journal(&self, name: &str) -> Vec<Value> {
        self.lines_of(&format!("{}.jsonl", self.name(name)))
    }

    /// Who became a wiki, and ran its scripts.
    pub(super) fn audit(&self, name: &str) -> Vec<Value> {
        self.lines_of(&format!("{}.audit.jsonl", self.name(name)))
    }

    fn lines_of(&self, file: &str) -> Vec<Value> {
        let path = self.at("var/lib/mwfarm/journal").join(file);
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The attempts of a wiki's journal, each with its stages. One ends before another begins, and no number is used twice.
    #[track_caller]
    pub(super) fn attempts(&self, name: &str) -> Vec<(u64, Vec<String>)> {
        let mut attempts: Vec<(u64, Vec<String>)> = Vec::new();
        let is_over = |stages: &[String]| {
            stages.last().is_some_and(|stage| ["done", "failed", "rolled-back"].contains(&stage.as_str()))
        };
        for entry in self.journal(name) {
            let (number, stage) =
                (entry["attempt"].as_u64().expect("a number"), entry["stage"].as_str().expect("a stage"));
            if number == 0 {
                continue;
            }
            match attempts.last_mut() {
                Some((last, stages)) if *last == number => {
                    assert!(!is_over(stages), "{number} goes on after its end: {stages:?} {stage}");
                    stages.push(stage.to_owned());
                }
                last => {
                    assert!(last.is_none_or(|(_, stages)| is_over(stages)), "{number} begins too early");
                    assert_eq!(stage, "queued");
                    attempts.push((number, vec![stage.to_owned()]));
                }
            }
        }
        let numbers: BTreeSet<u64> = attempts.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers.len(), attempts.len(), "a number was given twice");
        assert!(attempts.is_sorted_by_key(|(number, _)| *number));
        assert!(attempts.last().is_none_or(|(_, stages)| is_over(stages)));
        attempts
    }

    /// What is in a directory of the farm: each path with what it is, and a link with its target.
    pub(super) fn listing(&self, below: &str) -> String {
        let find = Command::new("find").arg(self.at(below)).args(["-printf", "%P %y %l\n"]).output().expect("find");
        let mut lines: Vec<String> = String::from_utf8_lossy(&find.stdout).lines().map(str::to_owned).collect();
        lines.sort();
        lines.join("\n")
    }
}

/// How many wikis were deployed at one moment at most, as a worker's log tells.
pub(super) fn most_at_a_time(said: &str) -> usize {
    let mut running = BTreeSet::new();
    let mut most = 0;
    for line in said.lines() {
        let mut parts = line.rsplitn(3, ": ");
        let (Some(stage), Some(_), Some(wiki)) = (parts.next(), parts.next(), parts.next()) else { continue };
        match stage.trim() {
            "queued" => drop(running.insert(wiki.to_owned())),
            "done" | "failed" => drop(running.remove(wiki)),
            _ => {}
        }
        most = most.max(running.len());
    }
    most
}

/// A clone of a wiki's branch.
pub(super) struct Clone {
    pub(super) directory: PathBuf,
    branch: String,
}

impl Clone {
    pub(super) fn of(farm: &Farm, wiki: &str, who: &str) -> Self {
        let directory = farm.at(&format!("clone-{wiki}-{who}"));
        let branch = format!("wiki/{}", farm.name(wiki));
        let core = farm.at("core.git").display().to_string();
        git(&farm.base, ["clone", "-q", "-b", &branch, &core, &directory.display().to_string()]);
        Self { directory, branch }
    }

    /// Commits one file.
    pub(super) fn commit(&self, file: &str, text: &str) -> String {
        let path = self.directory.join(file);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        fs::write(path, text).expect("a file");
        git(&self.directory, ["add", "-A"]);
        git(&self.directory, ["commit", "-q", "--allow-empty", "-m", file]);
        git(&self.directory, ["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Pushes with these flags; says whether it was taken, and what was said.
    pub(super) fn try_push(&self, flags: &[&str], to: &str) -> (bool, String) {
        let mut command = Command::new("git");
        command.args(["push", "-q"]).args(flags).args(["origin", &format!("HEAD:{to}")]).current_dir(&self.directory);
        let output = command.env("LOGNAME", "carol").output().expect("git");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Pushes, on top of whatever others have pushed.
    pub(super) fn push(&self) -> String {
        let to = format!("refs/heads/{}", self.branch);
        // Whoever has to take in what others have pushed needs longer than they do.
        wait_for(Duration::from_secs(900), "git takes the push", || {
            let (taken, said) = self.try_push(&[], &to);
            let raced = ["fetch first", "non-fast-forward", "lock", "failed to update ref"];
            assert!(taken || raced.iter().any(|why| said.contains(why)), "{said}");
            if !taken {
                git(&self.directory, ["pull", "-q", "--rebase", "origin", &self.branch]);
            }
            taken
        });
        git(&self.directory, ["rev-parse", "HEAD"]).trim().to_owned()
    }
}
