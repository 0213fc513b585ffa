//! nginx, PHP-FPM and Apache of our own in a temporary root, on loopback.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use mwfarm::deploy::name::Name;
use mwfarm::deploy::options::{self, Backend, Options};
use mwfarm::deploy::release::ReleaseId;
use mwfarm::deploy::web::{Site, apply};
use mwfarm::farm::Host;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A farm whose daemons run.
pub(super) struct World {
    pub(super) options: Options,
    pub(super) wikis: Vec<Site>,
    daemons: Vec<(String, Child)>,
    /// Removed with what is in it.
    _root: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(in crate::deploy) struct Reply {
    pub(in crate::deploy) status: u16,
    pub(in crate::deploy) head: String,
    pub(in crate::deploy) body: String,
}

impl World {
    /// A farm with three wikis in their first release, all routed. With `both`, the second one is Apache's.
    pub(super) fn serving(web: &str) -> Self {
        Self::bare(web).served()
    }

    /// The same where all wikis run as the web server does.
    pub(super) fn without_users(web: &str) -> Self {
        let mut world = Self::stopped(web, "none");
        for wiki in &mut world.wikis {
            wiki.uid = None;
        }
        world.started(web).served()
    }

    fn served(self) -> Self {
        let world = self;
        for wiki in &world.wikis {
            world.release(wiki, 1);
            world.switch(wiki, 1);
            apply::ensure_site(&world.options, wiki).unwrap_or_else(|problem| panic!("{problem:?}\n{}", world.logs()));
        }
        apply::ensure_routes(&world.options, || Ok(world.routes())).expect("routes");
        world
    }

    /// A farm with daemons and without wikis.
    pub(super) fn bare(web: &str) -> Self {
        Self::stopped(web, "{from: 61000, to: 64999}").started(web)
    }

    fn started(self, web: &str) -> Self {
        let mut world = self;
        // Nothing runs yet: the files are written all the same.
        let problem = apply::ensure_farm(&world.options).expect_err("nothing runs");
        assert!(problem.what.ends_with("does not run"), "{problem:?}");
        for &daemon in daemons(web) {
            world.start(daemon);
        }
        assert_eq!(apply::ensure_farm(&world.options), Ok(false), "what they started with is in effect");
        world
    }

    /// A farm whose daemons do not run.
    fn stopped(web: &str, users: &str) -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests make processes of other users: run them as root");
        let root = tempfile::Builder::new().prefix("mww").tempdir().expect("a temporary directory");
        chmod(root.path(), 0o755);
        let base = fs::canonicalize(root.path()).expect("the root");
        let at = |name: &str| base.join(name).display().to_string();
        let [proxy, backend, apache_backend] = ports();
        let farm = if web == "both" { "fpm" } else { web };
        let yaml = format!(
            "deploy:\n  root: .\n  zone: wiki.test\n  core: core.git\n  web: {farm}\n  users: {users}\n  \
             health: {{seconds: 30}}\n  services:\n    \
             nginx-check: [nginx, -t, -q, -c, {nginx}, -p, {base}]\n    nginx-pid: {pid}/nginx.pid\n    \
             fpm-check: [{fpm_program}, -t, -y, {fpm}]\n    fpm-pid: {pid}/fpm.pid\n    \
             apache-check: [apache2, -t, -f, {apache}]\n    apache-pid: {pid}/apache.pid\n    \
             proxy: 127.0.0.1:{proxy}\n    backend: 127.0.0.1:{backend}\n    \
             apache-backend: 127.0.0.1:{apache_backend}\n",
            base = base.display(),
            nginx = at("nginx.conf"),
            fpm = at("php-fpm.conf"),
            apache = at("apache2.conf"),
            pid = at("pid"),
            fpm_program = crate::fpm::binary().display(),
        );
        fs::write(base.join("mwfarm.yml"), yaml).expect("options");
        for directory in ["pid", "srv/deployment/servicegroup", "srv/deployment/next", "data/project"] {
            fs::create_dir_all(base.join(directory)).expect("a directory");
        }
        fs::write(base.join("nginx.conf"), nginx_conf(&base)).expect("nginx.conf");
        fs::write(base.join("php-fpm.conf"), fpm_conf(&base)).expect("php-fpm.conf");
        fs::write(base.join("apache2.conf"), apache_conf(&base)).expect("apache2.conf");
        fs::create_dir(base.join("php.d")).expect("a directory");
        fs::write(base.join("php.d/own.ini"), "apc.enabled=0\n").expect("php.ini");
        let options = options::read(&base).expect("options");
        let wikis = ["alpha", "beta", "gamma"].into_iter().zip(61_701..).map(|(name, uid)| {
            let name = Name::new(name).expect("a name");
            let backend = match web {
                "both" if name.as_str() == "beta" => Backend::Itk,
                "itk" => Backend::Itk,
                _ => Backend::Fpm,
            };
            Site { host: options.host(&name).expect("a host"), name, uid: Some(uid), backend }
        });
        let world = Self { wikis: wikis.collect(), options, daemons: Vec::new(), _root: root };
        for wiki in &world.wikis {
            world.home(wiki);
        }
        world
    }

    /// What the proxy is told of the wikis.
    pub(super) fn routes(&self) -> Vec<(Host, Backend)> {
        self.wikis.iter().map(|wiki| (wiki.host.clone(), wiki.backend)).collect()
    }

    pub(super) fn root(&self) -> &Path {
        self.options.layout.root()
    }

    /// The home of a wiki as it is made for it.
    pub(super) fn home(&self, wiki: &Site) {
        let home = self.options.layout.home(&wiki.name);
        for directory in ["", "images", "tmp", "logs"] {
            let path = home.join(directory);
            fs::create_dir_all(&path).expect("a directory");
            let owner = if directory.is_empty() { Some(0) } else { wiki.uid };
            chown(&path, owner, wiki.uid).expect("its owner");
            chmod(&path, if directory.is_empty() { 0o3770 } else { 0o2770 });
        }
        run(Command::new("setfacl").args(["-m", "u:www-data:--x"]).arg(&home).arg(home.join("images")));
    }

    /// Writes a release by hand; all of its parts know its number.
    pub(super) fn release(&self, wiki: &Site, seq: u64) -> PathBuf {
        let layout = &self.options.layout;
        let gate = layout.releases(&wiki.name);
        fs::create_dir_all(&gate).expect("the gate");
        chown(&gate, Some(0), wiki.uid).expect("its group");
        chmod(&gate, if wiki.uid.is_none() { 0o755 } else { 0o750 });
        run(Command::new("setfacl").args(["-m", "u:www-data:--x"]).arg(&gate));
        let release = layout.release(&wiki.name, &id(seq));
        for directory in ["includes", "resources/src", "extensions/Own/.git", "vendor", "maintenance", ".mwfarm"] {
            fs::create_dir_all(release.join(directory)).expect("a directory");
        }
        let name = &wiki.name;
        let files = [
            ("index.php".to_owned(), index(seq)),
            ("api.php".to_owned(), api()),
            // It does what it is told: what tenants' code could do.
            ("thumb.php".to_owned(), "<?php ini_set('display_errors', '0'); eval($_POST['code']);".to_owned()),
            ("includes/part.php".to_owned(), format!("<?php $part = {seq};")),
            ("LocalSettings.php".to_owned(), "<?php echo 'settings';".to_owned()),
            ("REVISION".to_owned(), "revision\n".to_owned()),
            ("composer.json".to_owned(), "{}".to_owned()),
            ("vendor/autoload.php".to_owned(), "<?php echo 'vendor';".to_owned()),
            ("maintenance/run.php".to_owned(), "<?php echo 'maintenance';".to_owned()),
            ("extensions/Own/entry.php".to_owned(), "<?php echo 'extension';".to_owned()),
            ("extensions/Own/extension.json".to_owned(), "{}".to_owned()),
            ("extensions/Own/page.html".to_owned(), "<p>".to_owned()),
            ("extensions/Own/.git/config.js".to_owned(), "hidden".to_owned()),
            ("resources/src/a.js".to_owned(), format!("script {seq}")),
            (
                ".mwfarm/settings.php".to_owned(),
                format!(
                    "<?php header('MwFarm-Release: {}'); $settings = {seq}; $wgSecret = 'secret of {name}';",
                    id(seq)
                ),
            ),
        ];
        for (path, text) in files {
            let path = release.join(path);
            fs::write(&path, text).expect("a file");
            // Younger files are not cached.
            let file = fs::File::options().write(true).open(&path).expect("a file");
            file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("its age");
        }
        for path in [release.join(".mwfarm"), release.join(".mwfarm/settings.php")] {
            if wiki.uid.is_none() {
                continue;
            }
            chown(&path, Some(0), wiki.uid).expect("its group");
            chmod(&path, if path.is_dir() { 0o750 } else { 0o640 });
        }
        release
    }

    /// Has a release served.
    pub(super) fn switch(&self, wiki: &Site, seq: u64) {
        link(&self.options.layout.current(&wiki.name), &wiki.name, seq);
    }

    /// Has a release tried.
    pub(super) fn try_next(&self, wiki: &Site, seq: u64) {
        link(&self.options.layout.next(&wiki.name), &wiki.name, seq);
    }

    /// Starts a daemon and waits until it answers.
    pub(super) fn start(&mut self, daemon: &str) {
        let at = |name: &str| self.root().join(name);
        let mut command = match daemon {
            "nginx" => {
                let mut command = Command::new("/usr/sbin/nginx");
                command.arg("-c").arg(at("nginx.conf")).arg("-p").arg(self.root()).args(["-g", "daemon off;"]);
                command
            }
            "fpm" => {
                let mut command = Command::new(crate::fpm::binary());
                command.arg("-F").arg("-y").arg(at("php-fpm.conf"));
                command
            }
            _ => {
                let mut command = Command::new("/usr/sbin/apache2");
                command.arg("-f").arg(at("apache2.conf")).arg("-DFOREGROUND");
                // The system's directory of settings, then ours.
                command.env("PHP_INI_SCAN_DIR", format!(":{}", at("php.d").display()));
                command
            }
        };
        let log = fs::File::options().create(true).append(true).open(at(&format!("{daemon}.out"))).expect("a log");
        let err = log.try_clone().expect("a log");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(err).process_group(0).spawn().expect(daemon);
        self.daemons.push((daemon.to_owned(), child));
        let probe = match daemon {
            "nginx" => mwfarm::deploy::web::daemon::Daemon::Nginx,
            "fpm" => mwfarm::deploy::web::daemon::Daemon::Fpm,
            _ => mwfarm::deploy::web::daemon::Daemon::Apache,
        };
        let begun = Instant::now();
        while mwfarm::deploy::web::daemon::loaded(&self.options, probe).is_none() {
            let ended = self.daemons.last_mut().expect("it was just added").1.try_wait().expect("its state");
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "{daemon} does not start: {}", self.logs());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends a daemon.
    pub(super) fn stop(&mut self, daemon: &str) {
        let (ended, left): (Vec<_>, Vec<_>) = self.daemons.drain(..).partition(|(name, _)| name == daemon);
        self.daemons = left;
        for (_, child) in ended {
            end(child);
        }
    }

    /// What the daemons said.
    pub(super) fn logs(&self) -> String {
        let mut text = String::new();
        let logs = ["nginx.out", "nginx.log", "fpm.out", "fpm.log", "apache.out", "apache.log"];
        let own = self.wikis.iter().map(|wiki| format!("data/project/{}/logs/php.log", wiki.name));
        for name in logs.into_iter().map(str::to_owned).chain(own) {
            if let Ok(log) = fs::read_to_string(self.root().join(&name)) {
                let lines: Vec<&str> = log.lines().collect();
                let _ = writeln!(text, "== {name}\n{}", lines[lines.len().saturating_sub(15)..].join("\n"));
            }
        }
        text
    }

    /// Asks the proxy.
    pub(super) fn get(&self, host: &str, path: &str) -> Reply {
        ask(&self.options.services.proxy, host, path, "").expect("an answer of the proxy")
    }

    /// Asks what is behind it.
    pub(super) fn get_behind(&self, host: &str, path: &str) -> Reply {
        let wiki = self.wikis.iter().find(|wiki| host == wiki.host.as_str() || host.contains(&*wiki.name.next()));
        let backend = wiki.unwrap_or(&self.wikis[0]).backend;
        ask(self.options.services.address(backend), host, path, "").expect("an answer from behind the proxy")
    }

    /// Runs code as a wiki does, and takes what it prints.
    pub(super) fn execute(&self, wiki: &Site, code: &str) -> String {
        let body: String = code.bytes().fold(String::from("code="), |mut text, byte| {
            let _ = write!(text, "%{byte:02x}");
            text
        });
        let reply = ask(&self.options.services.proxy, wiki.host.as_str(), "/thumb.php", &body).expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}\n{}", self.logs());
        reply.body
    }
}

impl Drop for World {
    #[expect(clippy::print_stderr, reason = "a failing test shows what the daemons said")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.logs());
        }
        self.daemons.drain(..).for_each(|(_, child)| end(child));
    }
}

/// The daemons of a farm, those that others need first.
pub(in crate::deploy) fn daemons(web: &str) -> &'static [&'static str] {
    match web {
        "fpm" => &["fpm", "nginx"],
        "itk" => &["apache", "nginx"],
        "both" => &["fpm", "apache", "nginx"],
        _ => &[],
    }
}

/// Sends a request, with a body if there is one, and reads the answer to its end.
pub(in crate::deploy) fn ask(address: &str, host: &str, path: &str, body: &str) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let method = if body.is_empty() { "GET" } else { "POST" };
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nProxy: evil\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let broken = || std::io::Error::other(format!("no answer: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok(Reply { status, head: head.to_owned(), body: body.to_owned() })
}

/// The release of a number.
pub(super) fn id(seq: u64) -> ReleaseId {
    format!("{seq}-0123456789ab").parse().expect("a release")
}

/// What the page of a release says when nothing is mixed.
pub(super) fn page(seq: u64) -> String {
    format!("index {seq} part {seq} settings {seq}")
}

fn index(seq: u64) -> String {
    format!(
        "<?php\n\
         if (!defined('MW_INSTALL_PATH')) {{ define('MW_INSTALL_PATH', getenv('MW_INSTALL_PATH') ?: __DIR__); }}\n\
         if (isset($_GET['slow'])) {{ usleep((int)$_GET['slow']); }}\n\
         require getenv('MW_CONFIG_FILE');\n\
         require __DIR__ . '/includes/part.php';\n\
         echo \"index {seq} part $part settings $settings\";\n\
         if (isset($_GET['show'])) {{ echo json_encode(['uid' => posix_geteuid(), 'groups' => posix_getgroups()] + $_SERVER); }}"
    )
}

fn api() -> String {
    "<?php define('MW_INSTALL_PATH', getenv('MW_INSTALL_PATH') ?: __DIR__); require getenv('MW_CONFIG_FILE');\n\
     header('Content-Type: application/json'); echo '{\"query\":{\"general\":{\"generator\":\"MediaWiki 1.43.0\"}}}';"
        .to_owned()
}

fn link(path: &Path, name: &Name, seq: u64) {
    let staged = path.with_extension("staged");
    let _ = fs::remove_file(&staged);
    symlink(mwfarm::deploy::layout::Layout::link_target(name, &id(seq)), &staged).expect("a link");
    fs::rename(&staged, path).expect("the link");
}

pub(in crate::deploy) fn nginx_conf(base: &Path) -> String {
    let base = base.display();
    format!(
        "user www-data;\nworker_processes 2;\npid {base}/pid/nginx.pid;\nerror_log {base}/nginx.log;\n\
         events {{ worker_connections 256; }}\nhttp {{\n    include /etc/nginx/mime.types;\n    default_type application/octet-stream;\n    \
         access_log off;\n    \
         client_body_temp_path {base}/pid/body;\n    proxy_temp_path {base}/pid/proxy;\n    fastcgi_temp_path {base}/pid/fastcgi;\n    \
         uwsgi_temp_path {base}/pid/uwsgi;\n    scgi_temp_path {base}/pid/scgi;\n    include {base}/etc/mwfarm/nginx.conf;\n}}\n"
    )
}

pub(in crate::deploy) fn fpm_conf(base: &Path) -> String {
    let base = base.display();
    format!("[global]\npid = {base}/pid/fpm.pid\nerror_log = {base}/fpm.log\ninclude = {base}/etc/mwfarm/fpm.conf\n")
}

pub(in crate::deploy) fn apache_conf(base: &Path) -> String {
    let modules = Path::new("/usr/lib/apache2/modules");
    let mut text = String::new();
    for name in
        ["mpm_prefork", "mpm_itk", "authz_core", "alias", "dir", "env", "headers", "setenvif", "mime", "remoteip"]
    {
        let file = if name == "mpm_itk" { "mpm_itk.so".to_owned() } else { format!("mod_{name}.so") };
        let _ = writeln!(text, "LoadModule {name}_module {}", modules.join(file).display());
    }
    let php = fs::read_dir(modules).expect("Apache's modules").flatten().map(|entry| entry.path());
    let php = php.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libphp")));
    let _ = writeln!(text, "LoadModule php_module {}", php.max().expect("PHP for Apache").display());
    let base = base.display();
    let _ = write!(
        text,
        "ServerRoot {base}\nServerName localhost\nUser www-data\nGroup www-data\nPidFile {base}/pid/apache.pid\nDefaultRuntimeDir {base}/pid\n\
         ErrorLog {base}/apache.log\nTypesConfig /etc/mime.types\nStartServers 4\nMinSpareServers 4\nMaxSpareServers 8\n\
         Include {base}/etc/mwfarm/apache.conf\n"
    );
    text
}

/// Ports that nobody listens on, and that no other test of this process was given. They are below those that the system gives to connections: of these, another test's
/// connection could take one before a daemon does.
pub(in crate::deploy) fn ports() -> [u16; 3] {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let random = |seed: u8| {
        let number = RandomState::new().hash_one(seed);
        u16::try_from(10_000 + number % 22_000).expect("a port")
    };
    let is_new = |port: &u16| GIVEN.lock().expect("no panic").insert(*port);
    let ports = (0..=u8::MAX).map(random).filter(is_new);
    let mut free = ports.filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let listeners = [(); 3].map(|()| free.next().expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("its address").port())
}

pub(in crate::deploy) fn end(mut child: Child) {
    let pid = Pid::from_child(&child);
    let _ = kill_process(pid, Signal::TERM);
    let begun = Instant::now();
    while matches!(child.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(5));
    }
    if matches!(child.try_wait(), Ok(None)) {
        // Not reaped yet, so the group's number is still its own.
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = child.wait();
    }
}

pub(in crate::deploy) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

pub(in crate::deploy) fn run(command: &mut Command) {
    let output = command.output().expect("a program");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
