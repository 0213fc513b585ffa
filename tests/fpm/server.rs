//! Pools of our own, asked over FastCGI by the library's client.
//!
//! Benches use this file too, by `#[path]`: it knows the library and its dependencies only.

#![allow(dead_code, reason = "neither the tests nor any bench uses all of it")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mwfarm::fastcgi::{self, Address, Response};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a pool may take to start or to reload, and for one request.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a pool is to be. PHP's other settings are those of the system's php-fpm, its modules with them.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    workers: usize,
    ini: Vec<(String, String)>,
    pool: Vec<(String, String)>,
}

impl Settings {
    /// That many workers, always there. OPcache is on with room for any tree, and takes files however young they are:
    /// with a test's fresh files it would otherwise keep nothing for two seconds.
    pub(crate) fn new(workers: usize) -> Self {
        let settings = Self { workers, ini: Vec::new(), pool: Vec::new() };
        settings
            .ini("opcache.enable", "1")
            .ini("opcache.memory_consumption", "256")
            .ini("opcache.interned_strings_buffer", "32")
            .ini("opcache.max_accelerated_files", "32531")
            .ini("opcache.file_update_protection", "0")
            .ini("error_reporting", "-1")
            .ini("display_errors", "0")
            .ini("log_errors", "1")
    }

    /// Sets one of php.ini's settings, also those that only a process' start can set.
    #[must_use]
    pub(crate) fn ini(mut self, name: &str, value: &str) -> Self {
        self.ini.retain(|(known, _)| known != name);
        self.ini.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a directive of FPM's own, such as `security.limit_extensions`.
    #[must_use]
    pub(crate) fn pool(mut self, name: &str, value: &str) -> Self {
        self.pool.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running pool with a socket and a log of its own. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    master: Child,
    address: Address,
    log: PathBuf,
    /// Removed with what is in it; the log of a failing test is printed, see [`Pool::get`].
    _directory: tempfile::TempDir,
}

impl Pool {
    /// Starts a pool and waits until it answers.
    #[track_caller]
    pub(crate) fn start(settings: &Settings) -> Self {
        // Not below `target/`: a socket's path has at most 107 bytes.
        let directory = tempfile::Builder::new().prefix("mwfarm-fpm").tempdir().expect("a temporary directory");
        let at = |name: &str| directory.path().join(name);
        let (socket, log, configuration) = (at("s"), at("log"), at("conf"));
        fs::write(&configuration, settings.configuration(&socket, &log)).expect("the pool's configuration");
        let mut command = Command::new(binary());
        command.arg("--nodaemonize").arg("--fpm-config").arg(&configuration);
        if rustix::process::geteuid().is_root() {
            command.arg("--allow-to-run-as-root");
        }
        for (name, value) in &settings.ini {
            command.arg("-d").arg(format!("{name}={value}"));
        }
        let output = File::options().create(true).append(true).open(&log).expect("the pool's log");
        let output = || output.try_clone().expect("the pool's log");
        let master = command
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            // A group of its own, so that no worker outlives it.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; `apt-get install php-fpm`", binary().display()));
        let mut pool = Self { master, address: Address::Unix(socket), log, _directory: directory };
        pool.wait_until("it answers", |pool| pool.ping().is_some());
        pool
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Asks for a script with these FastCGI parameters besides those of a plain GET; any status is an answer.
    #[track_caller]
    pub(crate) fn get(&self, script: &Path, parameters: &[(&str, &str)]) -> Response {
        self.try_get(script, parameters).unwrap_or_else(|error| panic!("{error:?}\n{}", self.log()))
    }

    /// As [`Pool::get`], where failing is a result.
    pub(crate) fn try_get(&self, script: &Path, parameters: &[(&str, &str)]) -> Result<Response, fastcgi::Error> {
        Self::ask(&self.address, script, parameters)
    }

    /// As [`Pool::try_get`], of a pool that listens there.
    pub(crate) fn ask(
        address: &Address,
        script: &Path,
        parameters: &[(&str, &str)],
    ) -> Result<Response, fastcgi::Error> {
        let script = script.to_str().expect("a path in UTF-8");
        let mut all = vec![
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_FILENAME", script),
            ("SCRIPT_NAME", "/index.php"),
            ("REQUEST_URI", "/index.php"),
            ("QUERY_STRING", ""),
            ("REMOTE_ADDR", "127.0.0.1"),
        ];
        all.retain(|(name, _)| !parameters.iter().any(|(own, _)| own == name));
        all.extend(parameters);
        fastcgi::request(address, &all, PATIENCE)
    }

    /// What FPM and its workers have said so far. PHP's messages are in [`Response::stderr`] instead, except those
    /// that belong to no request.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Reloads gracefully, as `systemctl reload` does, and waits until new workers answer. Requests that are being
    /// served end first.
    #[track_caller]
    pub(crate) fn reload(&mut self) {
        let ready = "ready to handle connections";
        let before = self.log().matches(ready).count();
        kill_process(self.pid(), Signal::USR2).expect("the pool runs");
        self.wait_until("it has reloaded", |pool| pool.log().matches(ready).count() > before);
        self.wait_until("it answers", |pool| pool.ping().is_some());
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.master)
    }

    fn ping(&self) -> Option<Response> {
        let parameters = [("REQUEST_METHOD", "GET"), ("SCRIPT_NAME", PING), ("SCRIPT_FILENAME", PING)];
        fastcgi::request(&self.address, &parameters, PATIENCE).ok().filter(|response| response.body == b"pong")
    }

    /// Waits until something holds, while the pool runs.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            if let Some(status) = self.master.try_wait().expect("the pool's state") {
                panic!("php-fpm ended, {status}:\n{}", self.log());
            }
            assert!(start.elapsed() < PATIENCE, "php-fpm: waited in vain until {what}:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // A master that is asked ends its workers and then itself.
        let _ = kill_process(self.pid(), Signal::TERM);
        let start = Instant::now();
        while matches!(self.master.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(2));
        }
        if matches!(self.master.try_wait(), Ok(None)) {
            // Not reaped yet, so the group's number is still ours.
            let _ = kill_process_group(self.pid(), Signal::KILL);
            let _ = self.master.wait();
        }
    }
}

impl Settings {
    fn configuration(&self, socket: &Path, log: &Path) -> String {
        let mut text = format!(
            "[global]\nerror_log = {log}\ndaemonize = no\nprocess_control_timeout = 30\n[test]\nlisten = {socket}\npm = static\n\
             pm.max_children = {workers}\nping.path = {PING}\ncatch_workers_output = yes\nclear_env = yes\n",
            log = log.display(),
            socket = socket.display(),
            workers = self.workers,
        );
        if rustix::process::geteuid().is_root() {
            let _ = writeln!(text, "user = root");
        }
        for (name, value) in &self.pool {
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }
}

/// The path at which FPM itself answers.
const PING: &str = "/ping";

/// `MWFARM_FPM`, else `php-fpm`, else Debian's name for the newest: `/usr/sbin/php-fpm8.4`.
pub(crate) fn binary() -> PathBuf {
    if let Some(given) = std::env::var_os("MWFARM_FPM") {
        return given.into();
    }
    let directories = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let directories = directories.unwrap_or_default().into_iter().chain([PathBuf::from("/usr/sbin")]);
    if let Some(plain) = directories.map(|directory| directory.join("php-fpm")).find(|path| path.is_file()) {
        return plain;
    }
    let names = fs::read_dir("/usr/sbin").into_iter().flatten().flatten().map(|entry| entry.path());
    let version = |path: &PathBuf| -> Option<(u32, u32)> {
        let (major, minor) = path.file_name()?.to_str()?.strip_prefix("php-fpm")?.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let versioned = names.filter_map(|path| version(&path).map(|version| (version, path)));
    versioned.max().map_or_else(|| PathBuf::from("php-fpm"), |(_, path)| path)
}
