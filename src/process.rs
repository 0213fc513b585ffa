//! Other programs: the one place that starts them. Arguments are arrays, and no shell ever sees them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

mod lines;

pub use lines::{Lines, Next};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

use crate::report::relay;

/// What is kept of a captured program's messages, in bytes; the rest is read and forgotten.
const MAX_MESSAGES: usize = 64 * 1024;

/// Where programs are looked for when the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The program of util-linux that gives up rights and executes another one. Rust's own way to do all of this before a
/// program starts is unsafe code.
const SETPRIV: &str = "/usr/bin/setpriv";

/// The program of util-linux that executes another one in a new session. It forks only as the leader of a group, which
/// a child of ours never is unless it is made one.
const SETSID: &str = "/usr/bin/setsid";

/// The program of util-linux that limits what another one may use, and executes it.
const PRLIMIT: &str = "/usr/bin/prlimit";

/// The program of util-linux that gives another one a terminal of its own (`--pty`), and stands between the two.
const RUNUSER: &str = "/usr/sbin/runuser";

/// The program of coreutils that executes another one in a directory (`--chdir`).
const ENV: &str = "/usr/bin/env";

/// A program with all that it is started with.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: PathBuf,
    /// Its arguments, as they arrive there.
    pub arguments: Vec<OsString>,
    /// The directory in which it works.
    pub directory: PathBuf,
    /// Its environment.
    pub environment: Environment,
    /// Whom it runs as; `None`: as we do.
    pub user: Option<User>,
    /// What it may use; `None`: what we may.
    pub limits: Option<Limits>,
}

/// What a program may use, and each of those that it starts. None of them can have more, whoever it runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory, in bytes (`RLIMIT_AS`): all that it has in its address space, files that it maps, too.
    pub memory: u64,
    /// Time on processors (`RLIMIT_CPU`), in whole seconds.
    pub processor: Duration,
}

/// A user of the system by numbers, so that no name has to be looked up.
///
/// A program that runs as one has no other groups, and can never gain rights again (`no_new_privs`), whatever it
/// executes. It never has our terminal: whoever can open that can type there, and read what is typed (`TIOCSTI`). It
/// goes to its directory with its own rights: links on the way may be its own, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

/// The environment of a program.
#[derive(Debug, Clone)]
pub enum Environment {
    /// Ours, and these variables.
    Inherited(Vec<(OsString, OsString)>),
    /// `PATH`, `HOME` and `LANG` of ours, and these variables.
    Clean(Vec<(OsString, OsString)>),
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Killed(u8),
}

/// What a program said.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub status: Status,
    /// Its standard output.
    pub output: Vec<u8>,
    /// The beginning of its standard error, 64 KiB at most.
    pub messages: Vec<u8>,
}

/// A program that could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It did not start.
    #[error("cannot start `{}`", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It did not end in time, and was killed.
    #[error("`{}` was stopped after {} s", program.display(), limit.as_secs_f32())]
    Late {
        /// The program.
        program: PathBuf,
        /// The time it had.
        limit: Duration,
    },
    /// It said too much, and was killed.
    #[error("`{}` was stopped after {limit} bytes of output", program.display())]
    Output {
        /// The program.
        program: PathBuf,
        /// What it might say, in bytes.
        limit: usize,
    },
    /// The system does not let us follow it.
    #[error("cannot follow `{}`", program.display())]
    System {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Status {
    /// The code with which a shell would report it: 128 and the signal's number for a death by signal.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => signal.saturating_add(128),
        }
    }
}

impl From<ExitStatus> for Status {
    fn from(status: ExitStatus) -> Self {
        let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(byte(code)),
            (None, signal) => Self::Killed(byte(signal.unwrap_or_default())),
        }
    }
}

impl Program {
    /// Runs it on our own input, output and terminal. As another user it has a terminal of its own, if all three are
    /// terminals; otherwise none: it reads nothing where we have a terminal, and what it says there goes through us.
    ///
    /// # Errors
    /// It cannot be started, or followed.
    pub fn run(&self) -> Result<Status, Error> {
        let start = |source| Error::Start { program: self.program.clone(), source };
        let terminals = relay::terminals();
        match self.user {
            None => Ok(self.command().status().map_err(start)?.into()),
            Some(user) if terminals == [true; 3] => {
                Ok(self.command_with_terminal(user).status().map_err(start)?.into())
            }
            Some(_) => self.relay(terminals),
        }
    }

    /// Runs it without terminal: of our input and outputs, it has those that are none.
    fn relay(&self, [input, output, messages]: [bool; 3]) -> Result<Status, Error> {
        let system = |source| Error::System { program: self.program.clone(), source };
        let stream = |is_terminal: bool| if is_terminal { Stdio::piped() } else { Stdio::inherit() };
        let mut command = self.command();
        command.stdin(if input { Stdio::null() } else { Stdio::inherit() });
        command.stdout(stream(output)).stderr(stream(messages));
        let child = command.spawn().map_err(|source| Error::Start { program: self.program.clone(), source })?;
        let mut running = Running { child, reaped: false };
        let process = pidfd_open(running.pid(), PidfdFlags::empty()).map_err(|error| system(error.into()))?;
        let mut output = Stream::new(running.child.stdout.take().map(OwnedFd::from), usize::MAX);
        let mut messages = Stream::new(running.child.stderr.take().map(OwnedFd::from), usize::MAX);
        let mut ended = false;
        loop {
            let time = if ended { Duration::ZERO } else { Duration::from_secs(3600) };
            let ready = wait(&process, ended, [&output, &messages], time).map_err(system)?;
            if ready == [false; 3] && ended {
                return Ok(running.reap().map_err(system)?.into());
            }
            if ready[0] {
                ended = true;
                running.kill_group();
            }
            if ready[1] {
                output.read().and_then(|()| relay::output(&std::mem::take(&mut output.kept))).map_err(system)?;
            }
            if ready[2] {
                messages.read().and_then(|()| relay::messages(&std::mem::take(&mut messages.kept))).map_err(system)?;
            }
        }
    }

    /// Runs it without input; all that it says goes into a file.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run_into(&self, log: File) -> Result<Status, Error> {
        let failed = |source| Error::Start { program: self.program.clone(), source };
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
        Ok(command.status().map_err(failed)?.into())
    }

    /// Runs it without input and takes what it says. When it ends, or is stopped for taking longer than `time` or for
    /// saying more than `limit` bytes, what it started and left in its process group is killed.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn capture(&self, limit: usize, time: Duration) -> Result<Captured, Error> {
        self.capture_from(Stdio::null(), limit, time)
    }

    /// The same with an input, which is seen neither among the arguments nor on any disk.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn capture_with(&self, input: &[u8], limit: usize, time: Duration) -> Result<Captured, Error> {
        let system = |source| Error::System { program: self.program.clone(), source };
        let memory = rustix::fs::memfd_create("input", rustix::fs::MemfdFlags::CLOEXEC);
        let mut file = File::from(memory.map_err(|error| system(error.into()))?);
        file.write_all(input).and_then(|()| file.rewind()).map_err(system)?;
        self.capture_from(file.into(), limit, time)
    }

    fn capture_from(&self, input: Stdio, limit: usize, time: Duration) -> Result<Captured, Error> {
        let mut command = self.command();
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.group(&mut command);
        let child = command.spawn().map_err(|source| Error::Start { program: self.program.clone(), source })?;
        let mut running = Running { child, reaped: false };
        let system = |source| Error::System { program: self.program.clone(), source };
        let deadline = Instant::now() + time;
        let mut output = Stream::new(running.child.stdout.take().map(OwnedFd::from), limit.saturating_add(1));
        let mut messages = Stream::new(running.child.stderr.take().map(OwnedFd::from), MAX_MESSAGES);
        let process = pidfd_open(running.pid(), PidfdFlags::empty()).map_err(|error| system(error.into()))?;
        let mut ended = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // One that left its group may still hold the pipes, and write.
                if ended {
                    break;
                }
                return Err(Error::Late { program: self.program.clone(), limit: time });
            }
            // What an ended program said lies in the pipes; nobody writes more to them.
            let left = if ended { Duration::ZERO } else { left };
            let ready = wait(&process, ended, [&output, &messages], left).map_err(system)?;
            if ready == [false; 3] && ended {
                break;
            }
            if ready[0] {
                ended = true;
                running.kill_group();
            }
            for (stream, ready) in [&mut output, &mut messages].into_iter().zip(&ready[1..]) {
                if *ready {
                    stream.read().map_err(system)?;
                }
            }
            if output.kept.len() > limit {
                return Err(Error::Output { program: self.program.clone(), limit });
            }
        }
        let status = running.reap().map_err(system)?;
        Ok(Captured { status: status.into(), output: output.kept, messages: messages.kept })
    }

    fn command(&self) -> Command {
        let mut command = match self.user {
            None => {
                let mut words = self.limited();
                words.push(self.located().into());
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).args(&self.arguments).current_dir(&self.directory);
                command
            }
            Some(user) => {
                let mut command = Command::new(SETSID);
                command.args(self.limited()).arg(SETPRIV).args(self.as_user(user, &[])).current_dir("/");
                command
            }
        };
        self.set_environment(&mut command);
        command
    }

    /// The words that come before a program which is limited.
    fn limited(&self) -> Vec<OsString> {
        let Some(Limits { memory, processor }) = self.limits else { return Vec::new() };
        let processor = processor.as_secs();
        // The first is told by `SIGXCPU`, the second kills.
        let processor = format!("--cpu={processor}:{}", processor.saturating_add(1));
        [PRLIMIT, &format!("--as={memory}"), &processor, "--"].map(OsString::from).to_vec()
    }

    /// The program as another user, on a terminal of its own. What gives it that stays ours, and ends when we do.
    fn command_with_terminal(&self, user: User) -> Command {
        let mut command = Command::new(SETPRIV);
        command.args(["--pdeathsig", "KILL", "--", RUNUSER, "--pty", "-u", "root", "--"]);
        command.args(self.limited()).arg(SETPRIV);
        self.set_environment(&mut command);
        // It sets some variables to what root has.
        let variables: Vec<(OsString, OsString)> =
            command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
        command.args(self.as_user(user, &variables)).current_dir("/");
        command
    }

    /// The arguments with which `setpriv` starts the program as a user, in its directory and with these variables.
    fn as_user(&self, User { uid, gid }: User, variables: &[(OsString, OsString)]) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec![format!("--reuid={uid}").into(), format!("--regid={gid}").into()];
        // When we are killed, so is it: what it changes is ours to change again.
        all.extend(["--clear-groups", "--no-new-privs", "--pdeathsig", "KILL", "--", ENV].map(OsString::from));
        let mut directory = OsString::from("--chdir=");
        directory.push(&self.directory);
        all.extend([directory, "--".into()]);
        all.extend(variables.iter().map(|(name, value)| {
            let mut variable = name.clone();
            variable.push("=");
            variable.push(value);
            variable
        }));
        all.push(self.located().into());
        all.extend(self.arguments.iter().cloned());
        all
    }

    /// Makes it the leader of a group, by which it can be killed; as another user, it leads a session anyway.
    fn group(&self, command: &mut Command) {
        if self.user.is_none() {
            command.process_group(0);
        }
    }

    fn set_environment(&self, command: &mut Command) {
        match &self.environment {
            Environment::Inherited(variables) => command.envs(variables.iter().map(|(name, value)| (name, value))),
            Environment::Clean(variables) => {
                command.env_clear();
                for name in ["HOME", "LANG"] {
                    if let Some(value) = std::env::var_os(name) {
                        command.env(name, value);
                    }
                }
                command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()));
                command.envs(variables.iter().map(|(name, value)| (name, value)))
            }
        };
    }

    /// A path is meant from where we are, not from where the program will work.
    fn located(&self) -> PathBuf {
        let is_name = self.program.parent() == Some(Path::new(""));
        let absolute = if is_name { None } else { std::path::absolute(&self.program).ok() };
        absolute.unwrap_or_else(|| self.program.clone())
    }
}

/// A program that is captured. However that ends, nothing of it stays.
struct Running {
    child: Child,
    reaped: bool,
}

impl Running {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Kills all that is left of its process group. As long as it was not waited for, nobody else has that number.
    fn kill_group(&self) {
        // Fails when nothing is left.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        // It may not have come to lead one yet.
        let _ = kill_process(self.pid(), Signal::KILL);
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait()?;
        self.reaped = true;
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

/// One of its two streams.
struct Stream {
    /// None when it was closed.
    pipe: Option<std::fs::File>,
    kept: Vec<u8>,
    most: usize,
}

impl Stream {
    fn new(pipe: Option<OwnedFd>, most: usize) -> Self {
        Self { pipe: pipe.map(std::fs::File::from), kept: Vec::new(), most }
    }

    /// Reads what is there, once.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 8 * 1024];
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(length) => {
                let room = self.most.saturating_sub(self.kept.len());
                self.kept.extend_from_slice(&buffer[..length.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Waits until the process has ended or one of its streams can be read, and tells which; all false when the time is
/// over or a signal came.
fn wait(process: &OwnedFd, ended: bool, streams: [&Stream; 2], time: Duration) -> io::Result<[bool; 3]> {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = Timespec { tv_sec: seconds, tv_nsec: time.subsec_nanos().into() };
    let mut files = Vec::with_capacity(3);
    let mut places = Vec::with_capacity(3);
    if !ended {
        files.push(PollFd::new(process, PollFlags::IN));
        places.push(0);
    }
    for (place, stream) in (1..).zip(streams) {
        if let Some(pipe) = &stream.pipe {
            files.push(PollFd::new(pipe, PollFlags::IN));
            places.push(place);
        }
    }
    let mut ready = [false; 3];
    match poll(&mut files, Some(&time)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(ready),
        Err(error) => return Err(error.into()),
    }
    for (file, place) in files.iter().zip(places) {
        ready[place] = !file.revents().is_empty();
    }
    Ok(ready)
}

#[cfg(test)]
mod tests;
