//! The daemons: how their configuration is checked, how they are told of it, and how to see what they serve by.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::fpm;
use crate::deploy::health;
use crate::deploy::options::{Backend, Options};
use crate::disk;
use crate::process::{Environment, Program, Status};
use crate::report::{ExitCode, Problem};

/// A daemon that mwfarm configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Daemon {
    /// The proxy, and with PHP-FPM the web server behind it.
    Nginx,
    /// PHP-FPM.
    Fpm,
    /// Apache, the web server behind the proxy, with mpm-itk.
    Apache,
}

/// The host whose answer is the digest of what nginx, or Apache, serves by. No name server has it.
pub(super) const PROBE_HOST: &str = "mwfarm.invalid";

/// How long a check may take.
const CHECK: Duration = Duration::from_secs(60);

/// How long nginx, or Apache, may take to say what it serves by; for PHP-FPM see [`fpm::ask`].
const ANSWER: Duration = Duration::from_secs(15);

/// How long a daemon may take until it serves by what it was told.
const RELOAD: Duration = Duration::from_secs(45);

/// How long processes of before may still accept connections, once new ones answer. Idle ones end within milliseconds;
/// one that takes longer is busy with a request, and accepts no other one.
const OLD: Duration = Duration::from_secs(3);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(10);

impl Daemon {
    /// The word for it in paths: `nginx`, `fpm`, `apache`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Fpm => "fpm",
            Self::Apache => "apache",
        }
    }

    /// What it is behind the proxy; `None`: it is the proxy.
    #[must_use]
    pub fn backend(self) -> Option<Backend> {
        match self {
            Self::Nginx => None,
            Self::Fpm => Some(Backend::Fpm),
            Self::Apache => Some(Backend::Itk),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Fpm => "PHP-FPM",
            Self::Apache => "Apache",
        }
    }

    /// What comments begin with in its configuration.
    pub(super) fn comment(self) -> &'static str {
        match self {
            Self::Nginx | Self::Apache => "#",
            Self::Fpm => ";",
        }
    }

    fn pid_file(self, options: &Options) -> &Path {
        match self {
            Self::Nginx => &options.services.nginx_pid,
            Self::Fpm => &options.services.fpm_pid,
            Self::Apache => &options.services.apache_pid,
        }
    }

    /// The signal to read the configuration again without cutting anybody off.
    fn signal(self) -> Signal {
        match self {
            Self::Nginx => Signal::HUP,
            Self::Fpm => Signal::USR2,
            Self::Apache => Signal::USR1,
        }
    }

    /// What the system calls its processes.
    fn has_name(self, name: &str) -> bool {
        match self {
            Self::Nginx => name == "nginx",
            Self::Fpm => name.starts_with("php-fpm"),
            Self::Apache => matches!(name, "apache2" | "httpd"),
        }
    }
}

/// Whether the daemon runs.
#[must_use]
pub fn is_running(options: &Options, daemon: Daemon) -> bool {
    main_process(options, daemon).is_some()
}

/// Asks a daemon whether it would start with the configuration as it is on disk.
///
/// # Errors
/// It says no, with its reasons as cause, or cannot be asked.
pub fn check(options: &Options, daemon: Daemon) -> Result<(), Problem> {
    let command = match daemon {
        Daemon::Nginx => &options.services.nginx_check,
        Daemon::Fpm => &options.services.fpm_check,
        Daemon::Apache => &options.services.apache_check,
    };
    let field = format!("deploy.services.{}-check", daemon.word());
    let Some((program, arguments)) = command.split_first() else {
        return Err(Problem::new(ExitCode::Farm, format!("field `{field}` names no command")));
    };
    // A service manager's `PATH` may lack where daemons are.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]));
    let program = Program {
        program: PathBuf::from(program),
        arguments: arguments.iter().map(OsString::from).collect(),
        directory: PathBuf::from("/"),
        environment: Environment::Clean(vec![(
            "PATH".into(),
            path.unwrap_or_else(|_| "/usr/sbin:/usr/bin:/bin".into()),
        )]),
        user: None,
        limits: None,
    };
    let captured = program
        .capture(64 * 1024, CHECK)
        .map_err(|error| Problem::from_error(ExitCode::Failed, &error).hint(format!("look at field `{field}`")))?;
    if captured.status == Status::Exited(0) {
        return Ok(());
    }
    let said = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.escape_debug().to_string()).collect()
    };
    let messages: Vec<String> = said(&captured.messages);
    let messages = if messages.is_empty() { said(&captured.output) } else { messages };
    let command = messages.iter().find_map(|message| message.split_once("a2enmod ")).map(|(_, modules)| modules);
    let hint = command.map(|modules| format!("`a2enmod {modules}` and a restart of Apache; then repeat the command"));
    let problem =
        Problem::new(ExitCode::Failed, format!("{} refuses its configuration", daemon.title())).causes(messages);
    Err(Problem { hint, ..problem })
}

/// The digest of the configuration by which a daemon serves, as it says itself; `None` when it does not answer, or was
/// not configured by mwfarm.
#[must_use]
pub fn loaded(options: &Options, daemon: Daemon) -> Option<String> {
    let text = match daemon {
        Daemon::Nginx => health::ask(&options.services.proxy, PROBE_HOST, "/", ANSWER).ok()?.body,
        Daemon::Apache => health::ask(&options.services.apache_backend, PROBE_HOST, "/", ANSWER).ok()?.body,
        Daemon::Fpm => {
            let parameters = [("REQUEST_METHOD", "GET"), ("SCRIPT_NAME", fpm::PING), ("SCRIPT_FILENAME", fpm::PING)];
            fpm::ask(&options.layout, &parameters).ok()?.body
        }
    };
    let text = String::from_utf8(text).ok()?;
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then_some(text)
}

/// Tells a daemon to read its configuration, and waits until it serves by it: until it answers with the digest, and no
/// process of before accepts connections any more.
///
/// # Errors
/// It does not run, or goes on with what it had.
pub fn reload(options: &Options, daemon: Daemon, digest: &str) -> Result<(), Problem> {
    let title = daemon.title();
    let Some(process) = main_process(options, daemon) else {
        let file = daemon.pid_file(options).display().to_string();
        return Err(Problem::new(ExitCode::Failed, format!("{title} does not run"))
            .cause(format!("`{file}` names no process of it"))
            .hint("start it: its configuration is written; then repeat the command"));
    };
    if has_lost_its_socket(options, daemon) {
        let socket = fpm::probe_socket(&options.layout).display().to_string();
        return Err(Problem::new(
            ExitCode::Failed,
            format!("{title} listens at sockets that nobody can find any more"),
        )
        .cause(format!("`{socket}` was removed while it runs, and a reload would keep it so"))
        .hint(format!("restart {title}, which makes them again; then repeat the command")));
    }
    let old = children(process);
    kill_process(process, daemon.signal()).map_err(|error| {
        Problem::new(ExitCode::Failed, format!("cannot tell {title} to read its configuration"))
            .cause(std::io::Error::from(error).to_string())
    })?;
    let begun = Instant::now();
    while loaded(options, daemon).as_deref() != Some(digest) {
        if begun.elapsed() > RELOAD {
            return Err(Problem::new(ExitCode::Failed, format!("{title} does not take its new configuration"))
                .cause(format!("after {} s it still serves by another one", RELOAD.as_secs()))
                .hint(format!(
                    "see the log of {title}: `{}` has to be included in its configuration; if it is, restart {title}",
                    super::farm_path(options, daemon).display()
                )));
        }
        thread::sleep(PAUSE);
    }
    let begun = Instant::now();
    while begun.elapsed() < OLD && old.iter().any(|&old| accepts(old, process)) {
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Whether the daemon listens at a socket whose file is gone, as when somebody has emptied `/run`. `PHP-FPM` passes its
/// sockets on when it reads its configuration again, and so only a restart makes their files. One that was not told of
/// mwfarm yet listens at no such socket.
#[must_use]
pub fn has_lost_its_socket(options: &Options, daemon: Daemon) -> bool {
    let socket = fpm::probe_socket(&options.layout);
    if daemon != Daemon::Fpm || !matches!(disk::look(&socket), Ok(None)) || !is_running(options, daemon) {
        return false;
    }
    // The last field is where a socket was bound, also when that is gone.
    let bound = disk::read_optional(Path::new("/proc/net/unix")).ok().flatten().unwrap_or_default();
    let bound = String::from_utf8_lossy(&bound);
    bound.lines().any(|line| line.split_whitespace().nth(7).map(Path::new) == Some(&socket))
}

/// The main process, if the pid file names one. A number that was left behind may be anybody's by now.
fn main_process(options: &Options, daemon: Daemon) -> Option<Pid> {
    let text = disk::read_optional(daemon.pid_file(options)).ok()??;
    let number: i32 = std::str::from_utf8(&text).ok()?.trim().parse().ok().filter(|number| *number > 1)?;
    let name = disk::read_optional(Path::new(&format!("/proc/{number}/comm"))).ok()??;
    let named = std::str::from_utf8(&name).is_ok_and(|name| daemon.has_name(name.trim_end()));
    named.then(|| Pid::from_raw(number)).flatten()
}

/// The processes that a process started.
fn children(parent: Pid) -> Vec<i32> {
    let all = disk::names(Path::new("/proc")).unwrap_or_default();
    all.iter().filter_map(|name| name.parse().ok()).filter(|&number| parent_of(number) == Some(parent)).collect()
}

fn parent_of(number: i32) -> Option<Pid> {
    let stat = disk::read_optional(Path::new(&format!("/proc/{number}/stat"))).ok()??;
    // `1 (a name with ) and blanks) S 0 …`
    let text = String::from_utf8_lossy(&stat).into_owned();
    let mut rest = text.rsplit_once(") ")?.1.split(' ');
    let (state, parent) = (rest.next()?, rest.next()?.parse().ok()?);
    if state == "Z" { None } else { Pid::from_raw(parent) }
}

/// Whether a process of before may still accept connections: nginx says in its title when it does not.
fn accepts(number: i32, parent: Pid) -> bool {
    let title = disk::read_optional(Path::new(&format!("/proc/{number}/cmdline"))).ok().flatten().unwrap_or_default();
    parent_of(number) == Some(parent) && !String::from_utf8_lossy(&title).contains("is shutting down")
}
