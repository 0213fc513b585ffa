//! Processes of their own for what has to be one: this program itself, told what to be by the environment. Started
//! without that, as a test among others, it does nothing.

use std::io::{Read, Write};
use std::process::{Child, Command};

use mwfarm::deploy::git::Repository;
use mwfarm::deploy::watch::hook;

use super::*;

const ROLE: &str = "MWFARM_TEST_ROLE";
const FARM: &str = "MWFARM_TEST_FARM";

/// The words with which a hook runs this program in a role.
pub(super) fn command_line() -> Vec<String> {
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let filter = format!("{}::{}", module_path!().split_once("::").unwrap().1, "child");
    [&program, "--exact", &filter, "--nocapture", "--test-threads=1"].map(str::to_owned).to_vec()
}

pub(super) fn command(role: &str, farm: &Farm) -> Command {
    let words = command_line();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env(ROLE, role).env(FARM, farm.path());
    command
}

/// A hook's script that runs this program in a role.
pub(super) fn script(role: &str, farm: &Farm) -> String {
    let words = command_line().join(" ");
    format!("#!/bin/sh\n{ROLE}={role} {FARM}={} exec {words}\n", farm.path().display())
}

/// A process that is killed when it is dropped.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let directory = std::env::var_os(FARM).unwrap();
    let options = options::read(Path::new(&directory)).unwrap();
    std::process::exit(match role.as_str() {
        "worker" => worker(&options, Path::new(&directory)),
        "pre-receive" => pre_receive(&options),
        "post-receive" => {
            for line in hook::post_receive(&options, &input(), "alice") {
                writeln!(std::io::stdout(), "{line}").unwrap();
            }
            0
        }
        other => panic!("no role: {other}"),
    });
}

fn input() -> Vec<u8> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).unwrap();
    input
}

/// Refuses trees with a file `evil`, which it can only see in the quarantine.
fn pre_receive(options: &Options) -> i32 {
    let repository = Repository::receiving(&std::env::current_dir().unwrap());
    let scan = |repository: &Repository, sha: &Sha| {
        let listed = repository.run(["ls-tree", "-r", "--name-only", sha.as_str()], PATIENCE);
        let listed = String::from_utf8(listed.map_err(|error| vec![error.to_string()])?).unwrap();
        if listed.lines().any(|file| file == "evil") { Err(vec!["`evil` is evil".to_owned()]) } else { Ok(()) }
    };
    match hook::pre_receive(options, &input(), &repository, &scan) {
        Ok(()) => 0,
        Err(problems) => {
            for problem in problems {
                writeln!(std::io::stderr().lock(), "error: {} {:?}", problem.what, problem.causes).unwrap();
            }
            4
        }
    }
}

/// Notes the beginning and the end of each deploy, which takes until there is a file `go`.
fn worker(options: &Options, directory: &Path) -> i32 {
    // One write for each line: deploys run side by side.
    let log = |text: String| {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(directory.join("log")).unwrap();
        file.write_all(format!("{text}\n").as_bytes()).unwrap();
    };
    let deploy = |name: &Name, pushed: &Pushed| {
        log(format!("begin {name}"));
        until("it may go on", || directory.join("go").exists());
        log(format!("end {name}"));
        Outcome::Deployed(pushed.code.clone().unwrap())
    };
    let (stop, heard) = (Stop::on_signals().unwrap(), Heard::default());
    let done = work(&Work {
        options,
        jobs: 2,
        once: false,
        every: Duration::from_secs(3600),
        pauses: (Duration::from_secs(1), Duration::from_secs(1)),
        deploy: &deploy,
        create: None,
        reconcile: &nothing_missed,
        clean: None,
        stop: &stop,
        reporter: &heard,
    });
    i32::from(done.is_err())
}
