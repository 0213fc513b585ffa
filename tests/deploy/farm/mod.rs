//! Whole farms: a core repository, real daemons, and the program itself.

pub(in crate::deploy) mod agent;
mod all;
mod attempts;
mod bastion;
mod boot;
mod both;
mod commands;
mod core;
mod damaged;
mod dying;
mod faults;
mod forced;
pub(in crate::deploy) mod gerrit;
mod history;
mod hostile;
mod kill;
mod leaving;
mod lifecycle;
mod many;
mod meanwhile;
mod mended;
mod opcache;
mod pushes;
mod removed;
mod rights;
mod running;
mod schedules;
mod secret;
mod served;
mod slow;
mod sound;
mod steps;
mod trace;
mod watching;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::servers;
use super::web::daemons::{Reply, apache_conf, ask, chmod, daemons, end, fpm_conf, nginx_conf, ports};

/// The first number of a wiki's user that a farm of these tests gives.
const FIRST_USER: u32 = 1_000_000;

/// How many a farm has, of which none is given twice.
const USERS: u32 = 1000;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a farm is to be.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// `fpm`, `itk`, `both` (and `fpm` where nothing is said) or `none`.
    pub(super) web: &'static str,
    /// Whether wikis have users of their own.
    pub(super) users: bool,
    /// More lines of the section `deploy`; `ROOT` in them stands for the farm's root.
    pub(super) options: String,
    /// The bare repository that the core repository is a copy of; without one, it has a few files.
    pub(super) core: Option<PathBuf>,
}

impl Plan {
    /// Wikis with users of their own.
    pub(super) fn of(web: &'static str) -> Self {
        Self { web, users: true, options: "  database: sqlite\n".to_owned(), core: None }
    }

    /// Wikis that run as the tests do, served by nobody.
    pub(super) fn plain() -> Self {
        Self { web: "none", users: false, options: "  database: none\n".to_owned(), core: None }
    }

    /// Wikis with users of their own, whose code is that of a repository.
    pub(super) fn of_core(web: &'static str, core: &Path, options: &[&str]) -> Self {
        let plan = Self { web, users: true, options: String::new(), core: Some(core.to_owned()) };
        options.iter().fold(plan, |plan, line| plan.with(line))
    }

    /// Wikis with all that there is: users of their own, `MariaDB` and Redis.
    pub(super) fn with_stores(web: &'static str) -> Self {
        Self { options: String::new(), ..Self::of(web) }
            .with("database: {mariadb: ROOT/mariadb.sock}")
            .with("cache: {redis: ROOT/redis.sock}")
            .with("list: wikis.yml")
            .with("keep: 2")
    }

    pub(super) fn with(mut self, line: &str) -> Self {
        self.options.push_str("  ");
        self.options.push_str(line);
        self.options.push('\n');
        self
    }
}

/// A farm whose daemons run.
pub(super) struct Farm {
    pub(super) base: PathBuf,
    /// The address of the proxy, and of nginx and Apache behind it.
    pub(super) proxy: String,
    pub(super) backends: [String; 2],
    /// What tells the names of this farm's wikis from those of others on the machine.
    tag: String,
    daemons: Vec<(String, Child)>,
    servers: Vec<(&'static str, Child)>,
    users: bool,
    /// The numbers that its wikis' users may have.
    uids: Range<u32>,
    web: &'static str,
    root: tempfile::TempDir,
}

/// What the program said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    #[track_caller]
    pub(super) fn well(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub(super) fn badly(self, code: i32, with: &str) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        assert!(self.err.contains(with), "{with:?} is not in\n{}", self.err);
        self.err
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Farm {
    /// A farm with a core repository of a few files, and no wiki.
    pub(super) fn start(plan: &Plan) -> Self {
        Self::with_core(plan, &core::files("1"))
    }

    /// A farm whose core repository has these files.
    pub(super) fn with_core(plan: &Plan, files: &BTreeMap<String, String>) -> Self {
        static FARMS: AtomicU32 = AtomicU32::new(0);
        assert!(rustix::process::geteuid().is_root(), "these tests make processes of other users: run them as root");
        let number = std::process::id() % 30_000 * 200 + FARMS.fetch_add(1, Ordering::Relaxed);
        let root = tempfile::Builder::new().prefix("mwf").tempdir().expect("a temporary directory");
        chmod(root.path(), 0o755);
        let base = fs::canonicalize(root.path()).expect("the root");
        let [proxy, backend, apache_backend] = ports().map(|port| format!("127.0.0.1:{port}"));
        let farm = Self {
            base,
            proxy,
            backends: [backend, apache_backend],
            tag: base36(number),
            daemons: Vec::new(),
            servers: Vec::new(),
            users: plan.users,
            uids: FIRST_USER + number % 30_000 * USERS..FIRST_USER + (number % 30_000 + 1) * USERS,
            web: plan.web,
            root,
        };
        match &plan.core {
            Some(core) => farm.copy_core(core),
            None => farm.make_core(files),
        }
        farm.configure(plan);
        let mut farm = farm;
        if plan.options.contains("ROOT/mariadb.sock") {
            let server = servers::mariadb(&farm.base);
            farm.servers.push(("mariadb", server));
        }
        if plan.options.contains("ROOT/redis.sock") {
            // Redis does not start without its file, which mwfarm writes.
            let said = farm.mwfarm(["watch", "reconcile"]);
            assert!(said.err.contains("Redis does not answer"), "{said:?}");
            farm.server("redis");
        }
        // Daemons need files to include.
        if plan.web != "none" {
            let said = farm.mwfarm(["watch", "reconcile"]);
            assert!(said.err.contains("does not run"), "{said:?}");
            for daemon in daemons(plan.web) {
                farm.daemon(daemon);
            }
            farm.mwfarm(["watch", "reconcile"]).well();
        }
        farm
    }

    fn configure(&self, plan: &Plan) {
        let at = |name: &str| self.base.join(name).display().to_string();
        let users = if plan.users {
            format!("{{from: {}, to: {}}}", self.uids.start, self.uids.end - 1)
        } else {
            "none".to_owned()
        };
        let yaml = format!(
            "php: {php}\ndeploy:\n  root: .\n  zone: wiki.test\n  core: core.git\n  base: refs/heads/main\n  web: {web}\n  \
             users: {users}\n  health: {{seconds: 120}}\n{options}  services:\n    \
             nginx-check: [nginx, -t, -q, -c, {nginx}, -p, {base}]\n    nginx-pid: {pid}/nginx.pid\n    \
             fpm-check: [{fpm_program}, -t, -y, {fpm}]\n    fpm-pid: {pid}/fpm.pid\n    \
             apache-check: [apache2, -t, -f, {apache}]\n    apache-pid: {pid}/apache.pid\n    \
             proxy: {proxy}\n    backend: {backend}\n    apache-backend: {apache_backend}\n",
            php = "/usr/bin/php",
            web = if plan.web == "both" { "fpm" } else { plan.web },
            options =
                plan.options.replace("core.git", &at("core.git")).replace("ROOT", &self.base.display().to_string()),
            base = self.base.display(),
            nginx = at("nginx.conf"),
            fpm = at("php-fpm.conf"),
            apache = at("apache2.conf"),
            pid = at("pid"),
            fpm_program = crate::fpm::binary().display(),
            proxy = self.proxy,
            backend = self.backends[0],
            apache_backend = self.backends[1],
        );
        let yaml = yaml.replace("core: core.git", &format!("core: {}", at("core.git")));
        fs::write(self.base.join("mwfarm.yml"), yaml).expect("options");
        fs::create_dir_all(self.base.join("pid")).expect("a directory");
        fs::create_dir(self.base.join("php.d")).expect("a directory");
        fs::write(self.base.join("php.d/own.ini"), "apc.enabled=0\n").expect("php.ini");
        fs::write(self.base.join("nginx.conf"), nginx_conf(&self.base)).expect("nginx.conf");
        fs::write(self.base.join("php-fpm.conf"), fpm_conf(&self.base)).expect("php-fpm.conf");
        fs::write(self.base.join("apache2.conf"), apache_conf(&self.base)).expect("apache2.conf");
    }

    /// Starts a daemon.
    pub(super) fn daemon(&mut self, daemon: &str) {
        let at = |name: &str| self.base.join(name);
        let mut command = match daemon {
            "nginx" => {
                let mut command = Command::new("/usr/sbin/nginx");
                command.arg("-c").arg(at("nginx.conf")).arg("-p").arg(&self.base).args(["-g", "daemon off;"]);
                command
            }
            "fpm" => {
                let mut command = Command::new(crate::fpm::binary());
                command.arg("-F").arg("-R").arg("-y").arg(at("php-fpm.conf"));
                command.env("PHP_INI_SCAN_DIR", format!(":{}", at("fpm.ini").display()));
                command
            }
            _ => {
                let mut command = Command::new("/usr/sbin/apache2");
                command.arg("-f").arg(at("apache2.conf")).arg("-DFOREGROUND");
                // APCu's memory would be one for all wikis.
                command.env("PHP_INI_SCAN_DIR", format!(":{}", at("php.d").display()));
                command
            }
        };
        let log = fs::File::create(at(&format!("{daemon}.out"))).expect("a log");
        let err = log.try_clone().expect("a log");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(err).process_group(0).spawn().expect(daemon);
        self.daemons.push((daemon.to_owned(), child));
        let pid = at(&format!("pid/{daemon}.pid"));
        wait(daemon, || fs::read_to_string(&pid).is_ok_and(|pid| !pid.trim().is_empty()));
    }

    /// Starts `redis`, or `mariadb` on what it had before.
    pub(super) fn server(&mut self, name: &'static str) {
        let server = match name {
            "redis" => servers::redis(&self.base, &self.at("etc/mwfarm/users.acl")),
            _ => servers::mariadb_again(&self.base),
        };
        self.servers.push((name, server));
    }

    /// Kills one of them.
    pub(super) fn kill_server(&mut self, name: &str) {
        let at = self.servers.iter().position(|(known, _)| *known == name).expect("it runs");
        let (_, mut server) = self.servers.remove(at);
        server.kill().and_then(|()| server.wait()).expect("it ends");
        let _ = fs::remove_file(self.at(&format!("{name}.sock")));
    }

    /// Ends a daemon.
    pub(super) fn stop(&mut self, daemon: &str) {
        let at = self.daemons.iter().position(|(name, _)| name == daemon).expect("it runs");
        end(self.daemons.remove(at).1);
    }

    fn make_core(&self, files: &BTreeMap<String, String>) {
        let work = self.base.join("work");
        fs::create_dir(&work).expect("a directory");
        git(&self.base, ["init", "-q", "--bare", "-b", "main", "core.git"]);
        git(&self.base, ["init", "-q", "-b", "main", "work"]);
        write(&work, files);
        git(&work, ["add", "-A"]);
        git(&work, ["commit", "-q", "-m", "core"]);
        git(&work, ["remote", "add", "origin", "../core.git"]);
        git(&work, ["push", "-q", "origin", "main"]);
    }

    fn copy_core(&self, core: &Path) {
        git(&self.base, ["clone", "-q", "--bare", &core.display().to_string(), "core.git"]);
    }

    /// The name of a wiki, which no other farm has.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.tag)
    }

    /// What the names of its wikis end in.
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// The host of a wiki.
    pub(super) fn host(&self, name: &str) -> String {
        format!("{}.wiki.test", self.name(name))
    }

    /// Runs the program.
    pub(super) fn mwfarm<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Said {
        self.command(arguments).output().expect("mwfarm").into()
    }

    /// The program with arguments, which are those of the shell; the farm's flag is added.
    pub(super) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
        command.env("MWFARM_CACHE_DIR", "/dev/null");
        let arguments: Vec<_> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let dashes = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
        command.args(&arguments[..dashes]).arg("--config-dir").arg(&self.base).args(&arguments[dashes..]);
        command.stdin(Stdio::null()).env("LOGNAME", "carol").env_remove("SUDO_USER");
        command
    }

    /// Makes a wiki.
    #[track_caller]
    pub(super) fn create(&self, name: &str) {
        self.mwfarm(["wiki", "create", &self.name(name)]).well();
    }

    /// Commits files to a wiki's branch, and pushes them. Gives the commit.
    pub(super) fn push(&self, name: &str, files: &BTreeMap<String, String>) -> String {
        let clone = self.base.join(format!("clone-{name}"));
        let branch = format!("wiki/{}", self.name(name));
        if !clone.exists() {
            let core = self.base.join("core.git").display().to_string();
            git(&self.base, ["clone", "-q", "-n", "-s", "-b", &branch, &core, &clone.display().to_string()]);
            // All files of the branch are in the index, and only those that change on disk.
            git(&clone, ["read-tree", "HEAD"]);
        }
        write(&clone, files);
        git(&clone, ["update-index", "--add", "--"].into_iter().chain(files.keys().map(String::as_str)));
        git(&clone, ["commit", "-q", "--allow-empty", "-m", "change"]);
        git(&clone, ["push", "-q", "origin", &format!("HEAD:refs/heads/{branch}")]);
        git(&clone, ["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Pushes a change of one file.
    pub(super) fn push_file(&self, name: &str, file: &str, text: &str) -> String {
        self.push(name, &BTreeMap::from([(file.to_owned(), text.to_owned())]))
    }

    /// Commits a wiki's own settings, as the wiki's user.
    pub(super) fn configure_wiki(&self, name: &str, text: &str) {
        let script = format!(
            "cat > LocalSettings.php <<'END'\n{text}\nEND\ngit -c user.name=carol -c user.email=carol@wiki.test commit -qam change"
        );
        self.mwfarm(["wiki", "become", &self.name(name), "--", "sh", "-c", &script]).well();
    }

    /// Deploys a wiki.
    pub(super) fn deploy(&self, name: &str) -> Said {
        self.mwfarm(["deploy", &self.name(name)])
    }

    /// Deletes a wiki.
    #[track_caller]
    pub(super) fn delete(&self, name: &str) {
        let name = self.name(name);
        self.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
    }

    /// Asks the proxy for a page of a wiki.
    pub(super) fn get(&self, name: &str, path: &str) -> Reply {
        ask(&self.proxy, &self.host(name), path, "").expect("an answer of the proxy")
    }

    /// What a wiki's page says.
    #[track_caller]
    pub(super) fn page(&self, name: &str) -> String {
        let reply = self.get(name, "/index.php");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body
    }

    /// The address of what serves a wiki, as its record has it.
    pub(super) fn behind(&self, wiki: &serde_json::Value) -> &str {
        let usual = if self.web == "itk" { "itk" } else { "fpm" };
        &self.backends[usize::from(wiki["web"].as_str().unwrap_or(usual) == "itk")]
    }

    /// A path below the farm's root.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The release that is served, as the link names it.
    pub(super) fn release(&self, name: &str) -> Option<String> {
        let link = self.at("srv/deployment/servicegroup").join(self.name(name));
        let target = fs::read_link(link).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// What is below the farm's root, in the registry of users and in the repository under the name of a wiki, but for its
    /// journal and its lock.
    pub(super) fn left_of(&self, name: &str) -> Vec<String> {
        let name = self.name(name);
        let find = Command::new("find").arg(&self.base).args(["-name", &format!("*{name}*")]).output().expect("find");
        let found = String::from_utf8(find.stdout).expect("UTF-8");
        let kept = ["/core.git/", "/common/refs/heads/", "/locks/", "/journal/", "/clone-"];
        let mut left: Vec<String> =
            found.lines().filter(|path| !kept.iter().any(|kept| path.contains(kept))).map(str::to_owned).collect();
        for file in ["/etc/passwd", "/etc/group"] {
            let text = fs::read_to_string(file).expect("users");
            left.extend(text.lines().filter(|line| line.starts_with(&format!("wiki-{name}:"))).map(str::to_owned));
        }
        for file in ["etc/mwfarm/proxy.map", "etc/mwfarm/users.acl"] {
            let text = fs::read_to_string(self.at(file)).unwrap_or_default();
            left.extend(text.lines().filter(|line| line.contains(&name)).map(str::to_owned));
        }
        left
    }

    /// What `wiki show` says, as JSON.
    pub(super) fn show(&self, name: &str) -> serde_json::Value {
        let out = self.mwfarm(["wiki", "show", &self.name(name), "--format", "json"]).well();
        serde_json::from_str(&out).expect("JSON")
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = ["nginx.out", "nginx.log", "fpm.out", "fpm.log", "apache.out", "apache.log"];
            let homes = fs::read_dir(self.at("data/project")).into_iter().flatten().flatten();
            let own = homes.map(|home| format!("data/project/{}/logs/php.log", home.file_name().display()));
            for log in logs.into_iter().map(str::to_owned).chain(own) {
                if let Ok(text) = fs::read_to_string(self.root.path().join(&log)) {
                    let lines: Vec<&str> = text.lines().collect();
                    let last = lines[lines.len().saturating_sub(15)..].join("\n");
                    let _ = writeln!(std::io::stderr(), "== {log}\n{last}");
                }
            }
        }
        self.daemons.drain(..).for_each(|(_, child)| end(child));
        for (_, mut server) in self.servers.drain(..) {
            // What they wrote goes anyway.
            let _ = server.kill().and_then(|()| server.wait());
        }
        if self.users {
            let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
            let ours = format!("-{}", self.tag);
            for user in users.lines().filter_map(|line| line.split(':').next()) {
                if user.ends_with(&ours) {
                    // What it still runs would keep it.
                    let _ = Command::new("pkill").args(["-KILL", "-u", user]).status();
                    let _ = Command::new("userdel").arg(user).stderr(Stdio::null()).status();
                    let _ = Command::new("groupdel").arg(user).stderr(Stdio::null()).status();
                }
            }
        }
    }
}

/// Runs git, whose identity is that of the tests.
#[track_caller]
pub(super) fn git<A: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = A>) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=carol", "-c", "user.email=carol@wiki.test", "-c", "advice.detachedHead=false"]);
    let output = command.args(arguments).current_dir(directory).output().expect("git");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub(super) fn write(directory: &Path, files: &BTreeMap<String, String>) {
    for (file, text) in files {
        let path = directory.join(file);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
}

/// Waits for what is observed.
#[track_caller]
pub(super) fn wait(what: &str, is: impl FnMut() -> bool) {
    wait_for(PATIENCE, what, is);
}

/// The same, with another patience.
#[track_caller]
fn wait_for(patience: Duration, what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < patience, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process waits for a lock, as the system has it.
pub(super) fn waits(child: &Child) -> bool {
    let id = child.id().to_string();
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks.lines().any(|line| line.contains("->") && line.split_whitespace().any(|word| word == id))
}

fn base36(mut number: u32) -> String {
    let mut text = Vec::new();
    while number > 0 {
        text.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]);
        number /= 36;
    }
    text.reverse();
    String::from_utf8(text).expect("ASCII")
}
