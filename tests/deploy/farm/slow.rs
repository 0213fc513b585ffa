//! A core repository that is slow: with one branch, and not with the others.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::sound::sound;
use super::{Farm, Plan, Said, chmod, core, wait};

/// A remote by ssh, whose server stops in the middle of sending what the file `slow` names, until the pipe `go` is
/// opened.
struct Remote {
    farm: Farm,
    path: String,
}

impl Remote {
    fn start() -> Self {
        let farm = Farm::start(&Plan::plain().with("remote-seconds: 3600"));
        let programs = farm.at("programs");
        fs::create_dir(&programs).expect("a directory");
        let program = |name: &str, text: &str| {
            let path = programs.join(name);
            fs::write(&path, text.replace("BASE", &farm.base.display().to_string())).expect("a program");
            chmod(&path, 0o755);
        };
        // What ssh is asked to execute is its last argument.
        program(
            "ssh",
            "#!/bin/sh\nfor last; do :; done\nexport GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=uploadpack.packObjectsHook\n\
             export GIT_CONFIG_VALUE_0=BASE/programs/pack\nexec sh -c \"$last\"\n",
        );
        program(
            "pack",
            "#!/bin/sh\nasked=$(cat)\nif [ -e BASE/slow ]; then case $asked in *$(cat BASE/slow)*)\n\
             : >BASE/stopped; cat BASE/go >/dev/null;; esac; fi\nprintf '%s\\n' \"$asked\" | \"$@\"\n",
        );
        let made = Command::new("mkfifo").arg(farm.at("go")).status().expect("mkfifo");
        assert!(made.success());
        let options = fs::read_to_string(farm.at("mwfarm.yml")).expect("options");
        let own = format!("core: {}", farm.at("core.git").display());
        let by_ssh = format!("core: ssh://slow.test{}", farm.at("core.git").display());
        fs::write(farm.at("mwfarm.yml"), options.replace(&own, &by_ssh)).expect("options");
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").expect("a path"));
        Self { farm, path }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.farm.command(arguments);
        command.env("PATH", &self.path).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn mwfarm(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().expect("mwfarm").into()
    }
}

#[test]
fn a_branch_that_does_not_come_keeps_no_other_wiki_waiting() {
    let remote = Remote::start();
    let farm = &remote.farm;
    let [a, b, c] = ["a", "b", "c"].map(|name| farm.name(name));
    for name in [&a, &b] {
        remote.mwfarm(&["wiki", "create", name]).well();
    }
    let before = farm.release("a");
    fs::write(farm.at("slow"), farm.push("a", &core::files("2"))).expect("a file");
    let mut hanging = remote.command(&["deploy", &a]).spawn().expect("mwfarm");
    wait("its branch has begun to come", || farm.at("stopped").exists());

    farm.push("b", &core::files("3"));
    remote.mwfarm(&["deploy", &b, "--dry-run"]).well();
    remote.mwfarm(&["deploy", &b]).well();
    // What a git left that was killed, is no obstacle either.
    let lock = |name: &str| farm.at(&format!("srv/deployment/mediawiki/common/refs/heads/wiki/{name}.lock"));
    fs::write(lock(&b), "").expect("a lock");
    farm.push("b", &core::files("4"));
    remote.mwfarm(&["deploy", &b]).well();
    remote.mwfarm(&["deploy", &b, "--revert"]).well();
    remote.mwfarm(&["wiki", "resume", &b]).well();
    remote.mwfarm(&["watch", "reconcile", &b]).well();
    remote.mwfarm(&["wiki", "create", &c]).well();
    remote.mwfarm(&["wiki", "delete", &c, "--yes-i-mean", &c]).well();
    assert!(hanging.try_wait().expect("a process").is_none(), "it waits no more");
    assert_eq!(farm.release("a"), before);

    // Its own wiki waits for it, and for nothing else.
    remote.mwfarm(&["deploy", &a]).badly(1, "wait for it, or say `--wait`");
    fs::OpenOptions::new().write(true).open(farm.at("go")).expect("the pipe");
    Said::from(hanging.wait_with_output().expect("its end")).well();
    assert_ne!(farm.release("a"), before);
    assert!(!lock(&b).exists());
    sound(farm);
}

#[test]
fn a_worker_goes_on_with_the_others() {
    let remote = Remote::start();
    let farm = &remote.farm;
    let [a, b] = ["a", "b"].map(|name| farm.name(name));
    for name in [&a, &b] {
        remote.mwfarm(&["wiki", "create", name]).well();
    }
    fs::write(farm.at("slow"), farm.push("a", &core::files("2"))).expect("a file");
    let log = farm.at("worker.log");
    let file = fs::File::create(&log).expect("a log");
    let mut command = remote.command(&["watch", "worker", "-v", "-j", "2", "--reconcile", "1"]);
    let mut worker = command.stdout(Stdio::null()).stderr(file).spawn().expect("mwfarm");
    wait("the branch of the one has begun to come", || farm.at("stopped").exists());
    for version in ["3", "4"] {
        let code = farm.push("b", &core::files(version));
        wait("the other one is deployed", || farm.release("b").is_some_and(|release| code.starts_with(&release[2..])));
    }
    fs::OpenOptions::new().write(true).open(farm.at("go")).expect("the pipe");
    wait("the one is deployed", || farm.release("a").is_some_and(|release| release.starts_with("2-")));
    end(&mut worker, &log);
    sound(farm);
}

fn end(worker: &mut std::process::Child, log: &Path) {
    rustix::process::kill_process(rustix::process::Pid::from_child(worker), rustix::process::Signal::TERM)
        .expect("a signal");
    let status = worker.wait().expect("its end");
    assert!(status.success(), "{}", fs::read_to_string(log).unwrap_or_default());
}
