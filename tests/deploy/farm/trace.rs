//! The unmodified program under strace, which kills it, or lets the system refuse, at one moment.
//!
//! Only the program itself is followed: what it started goes on by itself when it is killed, as it does in real life.

use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Farm, Said, git, wait};
use crate::strace::{self, CHANGES, Moment};

/// What begins a program and what follows it.
const PROGRAMS: &str = "clone,clone3,vfork,pidfd_open";

/// How many moments of each verb a push to this repository pays for.
const FEW: usize = 9;

/// In the words of a verb, the commit before the newest one of the wiki's branch.
pub(super) const OLDER: &str = "OLDER";

/// The words of a verb, in which `@` is the wiki.
pub(super) fn words(farm: &Farm, wiki: &str, words: &[&str]) -> Vec<String> {
    let older = || {
        let commit = format!("refs/heads/wiki/{}~1", farm.name(wiki));
        git(&farm.at("core.git"), ["rev-parse", "--verify", &commit]).trim().to_owned()
    };
    words.iter().map(|word| if *word == OLDER { older() } else { word.replace('@', &farm.name(wiki)) }).collect()
}

/// The moments at which a command can be killed, in order. It runs for that.
pub(super) fn moments<A: AsRef<str>>(farm: &Farm, words: &[A]) -> Vec<Moment> {
    let said = traced(farm, words, &[format!("trace={CHANGES},{PROGRAMS}")]);
    assert!((0..=1).contains(&said.code), "{said:?}");
    strace::moments(&fs::read_to_string(farm.at("trace")).expect("a trace"))
}

/// Runs a command and kills it at this moment. Says whether it was.
pub(super) fn kill<A: AsRef<str>>(moment: &Moment, farm: &Farm, words: &[A]) -> bool {
    traced(farm, words, &moment.killing()).code == -9
}

/// The same, giving what it said until then; the code is -9 when it was killed.
pub(super) fn killed<A: AsRef<str>>(moment: &Moment, farm: &Farm, words: &[A]) -> Said {
    traced(farm, words, &moment.killing())
}

/// Runs a command and kills it at the n-th time that it asks for this call, whatever for. Gives what it said until then.
pub(super) fn killed_at<A: AsRef<str>>(call: &str, number: usize, farm: &Farm, words: &[A]) -> Said {
    killed(&Moment { call: call.to_owned(), number, text: String::new() }, farm, words)
}

/// Runs a command and lets the system refuse from this moment on.
pub(super) fn refuse<A: AsRef<str>>(moment: &Moment, farm: &Farm, words: &[A], error: &str) -> Said {
    traced(farm, words, &moment.refusing(error, true))
}

/// The same, where the system refuses this once.
pub(super) fn refuse_once<A: AsRef<str>>(moment: &Moment, farm: &Farm, words: &[A], error: &str) -> Said {
    traced(farm, words, &moment.refusing(error, false))
}

/// As many of them as `MWFARM_KILLS` says (`all` for all), spread evenly; `MWFARM_SEED` tells which.
pub(super) fn chosen(moments: &[Moment]) -> Vec<Moment> {
    let count = count(moments.len());
    let seed: usize = env::var("MWFARM_SEED").ok().map_or(0, |seed| seed.parse().expect("a number"));
    strace::spread(moments, count, seed)
}

/// Whether more is wanted than a push to this repository pays for.
pub(super) fn is_campaign() -> bool {
    env::var_os("MWFARM_KILLS").is_some()
}

/// How many of so many are tried.
pub(super) fn count(all: usize) -> usize {
    match env::var("MWFARM_KILLS").ok().as_deref() {
        None => FEW.min(all),
        Some("all") => all,
        Some(number) => number.parse::<usize>().expect("MWFARM_KILLS is a number or `all`").min(all),
    }
}

/// Runs a command and kills it when it has started its n-th program, for whose end nobody waits. Gives its session, too.
/// Programs are found in `programs` first.
pub(super) fn killed_at_work<A: AsRef<str>>(number: usize, programs: &Path, farm: &Farm, words: &[A]) -> (Said, u32) {
    let moment = Moment { call: "pidfd_open".to_owned(), number, text: String::new() };
    // The streams may stay open.
    let (out, err) = (farm.at("trace.out"), farm.at("trace.err"));
    let file = |path| fs::File::create(path).expect("a file");
    let mut command = command(farm, words, &moment.killing());
    command.env("PATH", format!("{}:{}", programs.display(), env::var("PATH").expect("a path")));
    let mut child = command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn().expect("a program");
    let session = child.id();
    let status = child.wait().expect("an end");
    let code = status.signal().map_or(status.code().unwrap_or(-1), |signal| -signal);
    let read = |path| fs::read_to_string(path).expect("UTF-8");
    (Said { code, out: read(out), err: read(err) }, session)
}

/// Runs a command under strace, and waits until all that it started has ended. The code is negative for a signal.
fn traced<A: AsRef<str>>(farm: &Farm, words: &[A], expressions: &[String]) -> Said {
    ended(&mut command(farm, words, expressions))
}

/// A command under strace, in a session of its own.
fn command<A: AsRef<str>>(farm: &Farm, words: &[A], expressions: &[String]) -> Command {
    let program = farm.command(words.iter().map(AsRef::as_ref));
    // A session of its own, by which its programs are found when it is no more.
    let mut command = Command::new("setsid");
    // Of what is written, more than the beginning: it tells the steps.
    command.args(["strace", "-qq", "-s", "256", "-o"]).arg(farm.at("trace"));
    for expression in expressions {
        command.args(["-e", expression]);
    }
    command.arg(program.get_program()).args(program.get_args()).env("LOGNAME", "carol").env_remove("SUDO_USER");
    command
}

/// Runs the first program of a session, and waits until all of that has ended.
pub(super) fn ended(command: &mut Command) -> Said {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a program");
    let session = child.id();
    let output = child.wait_with_output().expect("an end");
    wait("what a killed program has left", || !lives(session));
    let signal = output.status.signal();
    let said = Said::from(output);
    Said { code: signal.map_or(said.code, |signal| -signal), ..said }
}

/// Whether anything runs in a session.
pub(super) fn lives(session: u32) -> bool {
    let processes = fs::read_dir("/proc").expect("processes");
    processes.filter_map(|process| fs::read_to_string(process.ok()?.path().join("stat")).ok()).any(|stat| {
        // `1 (a name with ) and blanks) S <parent> <group> <session> …`
        let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        fields.next() != Some("Z") && fields.nth(2) == Some(session.to_string().as_str())
    })
}

/// The programs that a command starts, and they start.
pub(super) fn programs<A: AsRef<str>>(farm: &Farm, words: &[A]) -> Vec<String> {
    let program = farm.command(words.iter().map(AsRef::as_ref));
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=execve", "-e", "status=successful", "-o"]).arg(farm.at("trace"));
    command.arg(program.get_program()).args(program.get_args()).env("LOGNAME", "carol").env_remove("SUDO_USER");
    ended(&mut command).well();
    let text = fs::read_to_string(farm.at("trace")).expect("a trace");
    text.lines().filter(|line| line.contains("execve(")).map(str::to_owned).collect()
}

/// How often a command takes the lock of a wiki.
pub(super) fn locks<A: AsRef<str>>(farm: &Farm, wiki: &str, words: &[A]) -> usize {
    let said = traced(farm, words, &["trace=flock".to_owned(), "decode-fds=path".to_owned()]);
    assert_eq!(said.code, 0, "{said:?}");
    let lock = format!("/{}.wiki>", farm.name(wiki));
    let text = fs::read_to_string(farm.at("trace")).expect("a trace");
    text.lines().filter(|line| line.contains(&lock) && line.contains("LOCK_EX")).count()
}
