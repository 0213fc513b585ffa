//! A root directory of the test's own, with wikis whose users are real and go with it, and servers that end with it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use mwfarm::deploy::name::Name;
use mwfarm::deploy::options::{self, Options};
use mwfarm::deploy::record::Wiki;
use mwfarm::deploy::{cache, database, home, registry, secrets, users};
use mwfarm::farm::Host;

use crate::deploy::servers;

/// Numbers of users that tests of this process took.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// The root, and what is to be undone.
pub(super) struct Ground {
    pub(super) options: Options,
    wikis: Vec<Wiki>,
    servers: Vec<Child>,
    directory: tempfile::TempDir,
}

impl Ground {
    /// A root with these lines in the section `deploy`; `ROOT` in them stands for it.
    pub(super) fn new(lines: &[&str]) -> Self {
        // Short, since sockets are in it, and open for the users of wikis.
        let directory = tempfile::Builder::new().prefix("mwf").tempdir_in("/tmp").expect("a directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let root = directory.path().to_str().expect("UTF-8");
        let mut text = format!("deploy:\n  root: {root}\n  zone: wiki.test\n  core: {root}/core.git\n");
        for line in lines {
            let _ = writeln!(text, "  {}", line.replace("ROOT", root));
        }
        fs::write(directory.path().join("mwfarm.yml"), text).expect("options");
        let options = options::read(directory.path()).expect("options");
        Self { options, wikis: Vec::new(), servers: Vec::new(), directory }
    }

    pub(super) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// A wiki that nothing was made for. Its name is nobody else's, and ends in `-` and this word.
    pub(super) fn wiki(&mut self, word: &str) -> Wiki {
        let uid = number();
        let name = Name::new(&format!("t{}x{uid}-{word}", std::process::id())).expect("a name");
        let wiki = Wiki::new(
            name.clone(),
            Host::new(&format!("{name}.wiki.test")).expect("a host"),
            "refs/heads/master",
            self.options.users.map(|_| uid),
        );
        registry::put(&self.options.layout, &wiki).expect("a record");
        self.wikis.push(wiki.clone());
        wiki
    }

    /// Makes everything that a wiki owns, in the order of `wiki create`. Says whether anything was changed.
    #[track_caller]
    pub(super) fn provide(&self, wiki: &Wiki) -> bool {
        let mut changed = users::ensure(&self.options, wiki).expect("a user");
        changed |= secrets::ensure(&self.options, wiki).expect("secrets");
        changed |= home::ensure(&self.options, wiki).expect("a home");
        changed |= database::ensure(&self.options, wiki).expect("a database");
        changed | cache::ensure(&self.options).expect("a cache")
    }

    /// The same but for the cache, which may not run yet.
    #[track_caller]
    pub(super) fn provide_without_cache(&self, wiki: &Wiki) {
        users::ensure(&self.options, wiki).expect("a user");
        secrets::ensure(&self.options, wiki).expect("secrets");
        home::ensure(&self.options, wiki).expect("a home");
        database::ensure(&self.options, wiki).expect("a database");
    }

    /// Starts Redis with the farm's file of users, as its operator does.
    pub(super) fn redis(&mut self) {
        let file = cache::file(&self.options);
        if !file.exists() {
            let refused = cache::ensure(&self.options).expect_err("nothing listens");
            assert!(refused.hint.expect("a hint").contains(file.to_str().expect("UTF-8")));
        }
        self.servers.push(servers::redis(self.root(), &file));
    }

    /// Starts `MariaDB` on an empty directory.
    pub(super) fn mariadb(&mut self) {
        self.servers.push(servers::mariadb(self.root()));
    }

    /// Kills the server that was started last.
    pub(super) fn stop_server(&mut self) {
        let mut server = self.servers.pop().expect("a server");
        server.kill().and_then(|()| server.wait()).expect("it ends");
    }

    /// Everything below the root with what `stat` knows of it, to be compared.
    pub(super) fn listing(&self) -> Vec<String> {
        let found = Command::new("find")
            .arg(self.root())
            .args(["-path", "*/mariadb*", "-prune", "-o", "-printf", "%p %m %U %G %y %l %i %T@ %C@\n"])
            .output()
            .expect("find runs");
        String::from_utf8(found.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill().and_then(|()| server.wait());
        }
        for wiki in &self.wikis {
            // A test that took a name or number for something else undoes that itself.
            let _ = users::remove(&self.options, wiki);
        }
    }
}

/// A number of the tests' range that no user and no other test of this process has, also of those tests that have fixed
/// ones: what runs as one of these numbers is killed.
pub(super) fn number() -> u32 {
    loop {
        let next = TAKEN.fetch_add(1, Ordering::Relaxed) + std::process::id().wrapping_mul(37);
        let number = 62_000 + next % 1900;
        let free = |database: &str| !output("getent", &[database, &number.to_string()]).status.success();
        if free("passwd") && free("group") {
            return number;
        }
    }
}

/// Runs a program.
#[track_caller]
pub(super) fn output(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Runs a program as a user of the system, with the groups that it has; gives what it printed and whether it ended well.
#[track_caller]
pub(super) fn as_user(uid: u32, directory: &Path, program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("setpriv")
        .args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned(), "--".to_owned()])
        .arg(program)
        .args(arguments)
        .current_dir(directory)
        .env("HOME", "/nonexistent")
        .output()
        .expect("setpriv runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}
