//! A small farm with what surrounds it, and mwfarm at work on it within limits.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long a run may take on a busy machine before it is taken for endless. What it may *compute* is [`SECONDS`].
const PATIENCE: Duration = Duration::from_secs(120);

/// How much processor time a run may take.
const SECONDS: u64 = 5;

/// How much memory a run may take, in bytes.
const MEMORY: u64 = 256 << 20;

/// The name of a file that whoever executes something of the tree makes, in the directory where that runs.
pub(super) const CANARY: &str = "canary";

/// What no message may show: it is in files that nobody may read.
pub(super) const SECRET: &str = "stolen-secret";

/// A farm in a directory of its own: `tree`, and `outside`, which is none of a build's business.
pub(super) struct Yard {
    directory: tempfile::TempDir,
}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// `None` when a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

/// All entries below a directory with what tells that somebody has written there.
pub(super) type Listing = BTreeMap<PathBuf, (u32, u64, u64, (i64, i64), Vec<u8>)>;

/// The farm as it is before anything is put into it, with a generation published.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let yard = Yard { directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory") };
        yard.fill();
        let ran = yard.build();
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        // It stays for the other tests of this process; a static is never dropped.
        yard.directory.keep()
    })
}

impl Yard {
    /// A copy of the template.
    pub(super) fn new() -> Self {
        Self::below(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    /// A copy somewhere else.
    pub(super) fn below(directory: &Path) -> Self {
        let yard = Self { directory: tempfile::tempdir_in(directory).expect("a directory") };
        copy(template(), yard.directory.path());
        yard
    }

    fn fill(&self) {
        let touch = format!("touch('{CANARY}');");
        self.write(
            "tree/composer.json",
            r#"{"name": "mediawiki/core", "type": "project",
                "require": {"acme/lib": "^1.0", "wikimedia/composer-merge-plugin": "^2.1"},
                "config": {"optimize-autoloader": true},
                "extra": {"merge-plugin": {"include": ["extensions/*/composer.json", "skins/*/composer.json"]}},
                "scripts": {"post-autoload-dump": "touch canary", "pre-autoload-dump": ["@php -r touch('canary');"]}}"#,
        );
        self.write("tree/includes/Defines.php", format!("<?php {touch} define( 'MW_VERSION', '1.43.0' );\n"));
        self.write("tree/includes/registration/ExtensionRegistry.php", format!("<?php {touch}\n"));
        self.write("tree/index.php", format!("<?php {touch}\n"));
        self.write("tree/vendor/composer/installed.json", INSTALLED);
        self.write("tree/vendor/autoload.php", format!("<?php {touch}\n"));
        self.write("tree/vendor/composer/autoload_real.php", format!("<?php {touch}\n"));
        self.write("tree/vendor/composer/InstalledVersions.php", format!("<?php {touch}\n"));
        self.write("tree/vendor/acme/lib/src/Lib.php", format!("<?php namespace Acme\\Lib; {touch} class Lib {{}}\n"));
        self.write("tree/vendor/acme/lib/functions.php", format!("<?php {touch}\n"));
        self.write("tree/vendor/acme/lib/composer.json", "{\"bin\": [\"../../../outside/tool\"]}");
        self.write("tree/vendor/wikimedia/composer-merge-plugin/README", "");
        self.write("tree/extensions/Good/extension.json", "{\"name\": \"Good\", \"version\": \"1.0.0\"}");
        self.write(
            "tree/extensions/Good/composer.json",
            r#"{"name": "acme/good", "require": {"acme/lib": "^1.0"}, "autoload": {"psr-4": {"Good\\": "src/"}}}"#,
        );
        self.write("tree/extensions/Good/src/Good.php", format!("<?php namespace Good; {touch} class Good {{}}\n"));
        self.write("tree/skins/Plain/skin.json", "{\"name\": \"Plain\"}");
        self.write(
            "tree/wikis.yml",
            "wikis:\n  one: {hosts: [one.example.org], extensions: [Good], skins: [Plain]}\n  two: {hosts: [two.example.org]}\n",
        );
        for hook in ["pre-commit", "post-checkout", "fsmonitor"] {
            let file = format!("tree/.git/hooks/{hook}");
            self.write(&file, format!("#!/bin/sh\ntouch {CANARY}\n"));
            fs::set_permissions(self.path(&file), fs::Permissions::from_mode(0o755)).expect("executable");
        }
        self.write("outside/secret.json", format!("{{\"name\": \"{SECRET}\"}}"));
        self.write("outside/secret", format!("{SECRET}\n"));
        self.write("outside/Secret.php", "<?php class StolenSecret {}\n");
        self.write("outside/linked/extension.json", "{\"name\": \"Linked\"}");
        self.write("outside/tool", "#!/bin/sh\n");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file with all directories above it.
    pub(super) fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let file = self.directory.path().join(name);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(file, text).expect("a file");
    }

    /// Puts one text in the place of another in a file.
    #[track_caller]
    pub(super) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).expect("a file");
        assert!(text.contains(from), "`{from}` is not in {name}");
        self.write(name, text.replacen(from, to, 1));
    }

    /// An extension with these files beside a plain manifest.
    pub(super) fn extension(&self, composer: &str) {
        self.write("tree/extensions/Bad/extension.json", "{\"name\": \"Bad\"}");
        self.write("tree/extensions/Bad/composer.json", composer);
    }

    /// Rules of the extension for its classes and files, as an installed package has them (`base` of the rules is the
    /// package) rather than as a merged directory.
    pub(super) fn package(&self, fields: &str) {
        self.write("tree/extensions/Bad/extension.json", "{\"name\": \"Bad\"}");
        let package = format!(
            r#"{{"name": "acme/bad", "version": "1.0.0", "type": "mediawiki-extension",
                "install-path": "../../extensions/Bad", {fields}}},"#
        );
        self.edit("tree/vendor/composer/installed.json", "{\"packages\": [", &format!("{{\"packages\": [{package}"));
        self.edit("tree/composer.json", "\"require\": {", "\"require\": {\"acme/bad\": \"*\", ");
    }

    /// The wikis have `Bad` on, too.
    pub(super) fn turn_on(&self) {
        self.edit("tree/wikis.yml", "extensions: [Good]", "extensions: [Good, Bad]");
    }

    pub(super) fn link(&self, target: impl AsRef<Path>, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        let _ = fs::remove_file(&path);
        symlink(target, path).expect("a link");
    }

    pub(super) fn pipe(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        let _ = fs::remove_file(&path);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    }

    pub(super) fn directory(&self, name: &str) {
        let path = self.path(name);
        let _ = fs::remove_file(&path);
        fs::create_dir_all(path).expect("a directory");
    }

    /// A file of so many bytes, with nothing in it.
    pub(super) fn hole(&self, name: &str, length: u64) {
        self.write(name, "");
        fs::File::options().write(true).open(self.path(name)).and_then(|file| file.set_len(length)).expect("a hole");
    }

    pub(super) fn remove(&self, name: &str) {
        let path = self.path(name);
        if fs::symlink_metadata(&path).expect("an entry").is_dir() {
            fs::remove_dir_all(path).expect("removed");
        } else {
            fs::remove_file(path).expect("removed");
        }
    }

    /// The names in vendor/ that begin so.
    pub(super) fn published(&self, prefix: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path("tree/vendor")).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        names
    }

    pub(super) fn build(&self) -> Ran {
        self.mwfarm(&["build"])
    }

    /// Runs mwfarm on the tree with so much memory and processor time and no more.
    pub(super) fn mwfarm(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("prlimit");
        command.args([format!("--data={MEMORY}"), format!("--cpu={SECONDS}"), "--core=0".to_owned()]);
        command.arg(env!("CARGO_BIN_EXE_mwfarm")).args(arguments).args(["-d", "tree"]);
        command.current_dir(self.directory.path()).env("XDG_CACHE_HOME", self.path("cache"));
        run(&mut command)
    }

    /// Everything below a directory but what one of these leads to.
    pub(super) fn listing(&self, name: &str, but: &[&str]) -> Listing {
        let mut listing = Listing::new();
        let but: Vec<PathBuf> = but.iter().map(|name| self.path(name)).collect();
        let mut open = vec![self.path(name)];
        while let Some(path) = open.pop() {
            if but.contains(&path) {
                continue;
            }
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                // One of the trees is deeper than a path can be.
                Err(error) if error.kind() == std::io::ErrorKind::InvalidFilename => continue,
                Err(error) => panic!("{}: {error}", path.display()),
            };
            let content = if metadata.is_symlink() {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else if metadata.is_dir() {
                open.extend(fs::read_dir(&path).into_iter().flatten().map(|entry| entry.expect("an entry").path()));
                Vec::new()
            } else if metadata.is_file() && metadata.len() < 1 << 16 {
                fs::read(&path).expect("a file")
            } else {
                metadata.len().to_le_bytes().to_vec()
            };
            let times = (metadata.mtime(), metadata.mtime_nsec());
            let name = path.strip_prefix(self.directory.path()).expect("below").to_owned();
            listing.insert(name, (metadata.mode(), metadata.ino(), metadata.nlink(), times, content));
        }
        listing
    }
}

/// Runs a program, and kills it when it does not end.
#[track_caller]
pub(super) fn run(command: &mut Command) -> Ran {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut pipes = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    let out = thread::spawn(move || {
        let mut said = Vec::new();
        pipes.0.read_to_end(&mut said).map(|_| said)
    });
    let err = thread::spawn(move || {
        let mut said = Vec::new();
        pipes.1.read_to_end(&mut said).map(|_| said)
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a state") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().expect("killed");
            panic!("{command:?} did not end within {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(2));
    };
    let text = |said: thread::JoinHandle<std::io::Result<Vec<u8>>>| {
        String::from_utf8(said.join().expect("a reader").expect("read")).expect("messages in UTF-8")
    };
    Ran { code: status.code(), out: text(out), err: text(err) }
}

fn copy(from: &Path, to: &Path) {
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(from.join(&below)).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = below.join(entry.file_name());
            if entry.file_type().expect("a kind").is_dir() {
                fs::create_dir(to.join(&name)).expect("a directory");
                open.push(name);
            } else {
                fs::copy(entry.path(), to.join(&name)).expect("a file");
            }
        }
    }
}

/// What Composer installed.
pub(super) const INSTALLED: &str = r#"{"packages": [
    {"name": "acme/lib", "version": "1.2.0", "version_normalized": "1.2.0.0", "type": "library",
     "bin": ["../../../outside/tool"],
     "autoload": {"psr-4": {"Acme\\Lib\\": "src/"}, "files": ["functions.php"]}, "install-path": "../acme/lib"},
    {"name": "wikimedia/composer-merge-plugin", "version": "v2.1.0", "version_normalized": "2.1.0.0",
     "type": "composer-plugin", "install-path": "../wikimedia/composer-merge-plugin"}
], "dev": false, "dev-package-names": []}"#;
