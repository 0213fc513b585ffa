//! git, as this program runs it: no configuration but the repository's own, no hooks, no prompts, full names only.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::release::Sha;
use crate::process::{Captured, Environment, Limits, Program, Status, User};
use crate::report::{ExitCode, Problem};

/// A command that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It did not run.
    #[error(transparent)]
    Process(#[from] crate::process::Error),
    /// It refused.
    #[error("`git {command}` failed: {messages}")]
    Failed {
        /// Its name.
        command: String,
        /// What it said, without control characters.
        messages: String,
    },
}

impl Error {
    /// Whether it needed more than [`Repository::limits`] allow, as far as git says.
    #[must_use]
    pub fn is_of_limits(&self) -> bool {
        // `SIGXCPU` is the signal of the limit of time on processors.
        const SAID: &[&str] = &["ut of memory", "annot allocate memory", "died of signal 24", "exit code 152"];
        matches!(self, Self::Failed { messages, .. } if SAID.iter().any(|said| messages.contains(said)))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from_error(ExitCode::Failed, &error)
    }
}

/// A repository, and whom git runs as there.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Its directory: that of a bare repository, or of a working tree.
    pub directory: PathBuf,
    /// Whom git runs as. In a repository that a wiki can write to, it has to be that wiki: what its configuration names
    /// is executed.
    pub user: Option<User>,
    /// What each git there may use, as what is packed small may be unpacked to any size.
    pub limits: Option<Limits>,
    /// Variables of a hook's environment that every command in the repository needs; see [`Repository::receiving`].
    pub quarantine: Vec<(OsString, OsString)>,
}

/// Where git keeps what is being pushed until `pre-receive` has accepted it.
const QUARANTINE: &[&str] = &["GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"];

/// What every command is told, whatever the repository's configuration says.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.askPass=",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "protocol.file.allow=always",
    "protocol.ssh.allow=always",
    "protocol.https.allow=always",
    "protocol.git.allow=always",
    "transfer.fsckObjects=true",
    "submodule.recurse=false",
    "advice.detachedHead=false",
];

impl Repository {
    /// A repository in which git runs as we do. Only for those that no wiki can write to.
    #[must_use]
    pub fn ours(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), user: None, limits: None, quarantine: Vec::new() }
    }

    /// The repository that receives a push, in whose `pre-receive` we run: what is pushed is not in it yet, but in a
    /// quarantine beside it, of which only our environment says where it is.
    ///
    /// The repository is named, not looked for: it may belong to somebody else than the pusher, whom git that runs us
    /// was told to trust, and git that we run was not.
    #[must_use]
    pub fn receiving(directory: &Path) -> Self {
        let variable = |name: &&str| Some((OsString::from(name), std::env::var_os(name)?));
        let mut quarantine = vec![("GIT_DIR".into(), directory.as_os_str().to_owned())];
        quarantine.extend(QUARANTINE.iter().filter_map(variable));
        Self { quarantine, ..Self::ours(directory) }
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It does not run, takes too long, or ends with anything but 0.
    pub fn run<A: Into<std::ffi::OsString>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        time: Duration,
    ) -> Result<Vec<u8>, Error> {
        let program = self.program(arguments);
        // What comes before are pairs of `-c` and a setting.
        let command = program.arguments.chunks(2).find(|pair| pair[0] != "-c").map(|pair| pair[0].clone());
        let command = command.unwrap_or_default();
        let captured = program.capture(MAX_OUTPUT, time)?;
        succeeded(captured, &command.to_string_lossy())
    }

    /// A command with all that it is started with.
    #[must_use]
    pub fn program<A: Into<std::ffi::OsString>>(&self, arguments: impl IntoIterator<Item = A>) -> Program {
        let mut all: Vec<std::ffi::OsString> = Vec::new();
        for setting in SETTINGS {
            all.extend(["-c".into(), (*setting).into()]);
        }
        all.extend(arguments.into_iter().map(Into::into));
        let mut variables = vec![
            ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
            ("GIT_CONFIG_GLOBAL".into(), "/dev/null".into()),
            ("GIT_TERMINAL_PROMPT".into(), "0".into()),
            ("GIT_ALLOW_PROTOCOL".into(), "file:git:https:ssh".into()),
            ("GIT_NO_REPLACE_OBJECTS".into(), "1".into()),
            ("LC_ALL".into(), "C".into()),
        ];
        variables.extend(self.quarantine.iter().cloned());
        if self.limits.is_some() {
            // What each thread sets apart for itself is not used, but counts.
            variables.push(("MALLOC_ARENA_MAX".into(), "2".into()));
        }
        if self.user.is_some() {
            variables.push(("HOME".into(), "/nonexistent".into()));
        }
        Program {
            program: "git".into(),
            arguments: all,
            directory: self.directory.clone(),
            environment: Environment::Clean(variables),
            user: self.user,
            limits: self.limits,
        }
    }
}

/// What a command said, if it ended well.
///
/// # Errors
/// It did not.
pub fn succeeded(captured: Captured, command: &str) -> Result<Vec<u8>, Error> {
    if captured.status == Status::Exited(0) {
        return Ok(captured.output);
    }
    let messages = String::from_utf8_lossy(&captured.messages);
    let lines: Vec<&str> = messages.lines().filter(|line| !line.trim().is_empty()).take(5).collect();
    let messages = if lines.is_empty() { format!("exit code {}", captured.status.code()) } else { lines.join("; ") };
    Err(Error::Failed { command: command.to_owned(), messages })
}

/// The most that a command may print, in bytes: the list of a tree's files, at most.
const MAX_OUTPUT: usize = 256 << 20;

/// Whether a text is a full name of a ref that shells, paths and web servers cannot take for anything else. git allows
/// more.
#[must_use]
pub fn is_ref(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['-', '.'])
            && !part.ends_with('.')
            && part.strip_suffix(".lock").is_none()
            && !part.contains("..")
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
    };
    text.len() <= 200 && text.starts_with("refs/") && text.split('/').count() >= 3 && text.split('/').all(part)
}

/// A commit's name in what git printed.
#[must_use]
pub fn sha(output: &[u8]) -> Option<Sha> {
    Sha::new(std::str::from_utf8(output).ok()?.trim_end())
}
