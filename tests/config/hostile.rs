//! Configurations that mean harm: each is refused with its place, or it is plain data. None of them becomes PHP, reaches
//! out of the output directory, or changes what is published when it is refused.

mod cases;
mod files;
mod hosts;
mod partly;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long the program may take in a debug build on a busy machine. Nothing comes near to it; no limit would hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a harmful text tries to make.
const CANARY: &str = "CANARY";

pub(super) const MAIN: &str = "\
farm:
  server: '(?<wiki>[a-z0-9-]+)\\.example\\.org'
  variables: [{variable: wiki, file: wikis.dblist}]
  suffix: wiki
  wikiID: $wikiwiki
  data: /srv/$wiki
  tags: {small: [alphawiki]}
  config:
  - {file: settings.yml, key: '*'}
";

/// Something in the configuration directory.
#[derive(Debug, Clone)]
pub(super) enum Put {
    /// A file.
    Text(Vec<u8>),
    /// A link.
    Link(&'static str),
    /// A named pipe.
    Pipe,
    /// A directory.
    Directory,
    /// A file of so many bytes, with nothing in it.
    Hole(u64),
    /// Nothing.
    Absent,
}

impl From<&str> for Put {
    fn from(text: &str) -> Self {
        Self::Text(text.as_bytes().to_owned())
    }
}

impl From<String> for Put {
    fn from(text: String) -> Self {
        Self::Text(text.into_bytes())
    }
}

/// A farm in a directory of its own: `etc`, a tree of MediaWiki, and `out`.
pub(super) struct Farm {
    directory: tempfile::TempDir,
}

/// How the program ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) err: String,
}

/// Everything in a directory, with all that changes when something is written.
pub(super) type Listing = BTreeMap<PathBuf, (u32, Vec<u8>)>;

impl Farm {
    pub(super) fn new() -> Self {
        let farm = Self { directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory") };
        farm.tree("tree");
        farm.write("etc/mwfarm.yml", "tree: ../tree\noutput: ../out\n");
        farm.write("etc/farms.yml", MAIN);
        farm.write("etc/wikis.dblist", "alpha\nbeta\n");
        farm.write("etc/settings.yml", "wgSitename: {default: Good, alphawiki: First}\n");
        farm.write("beside/secret.yml", "wgSecret: {default: stolen}\n");
        farm
    }

    /// A MediaWiki with nothing but what a build looks at.
    fn tree(&self, name: &str) {
        self.write(&format!("{name}/includes/Defines.php"), "<?php\ndefine( 'MW_VERSION', '1.43.0' );\n");
        self.write(&format!("{name}/includes/registration/ExtensionRegistry.php"), "<?php\n");
        self.write(&format!("{name}/index.php"), "<?php\n");
        self.write(&format!("{name}/composer.json"), "{\"name\": \"mediawiki/core\"}\n");
        self.write(&format!("{name}/vendor/composer/installed.json"), "{\"packages\": [], \"dev\": false}\n");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(file, text).expect("a file");
    }

    /// Puts something into the configuration directory. [`CANARY`] is replaced by a path outside.
    pub(super) fn put(&self, name: &str, put: &Put) {
        let path = self.path("etc").join(name);
        let _ = fs::remove_file(&path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        match put {
            Put::Text(text) => {
                let canary = self.path("canary").to_str().expect("a path in UTF-8").to_owned();
                let text = match std::str::from_utf8(text) {
                    Ok(text) => text.replace(CANARY, &canary).into_bytes(),
                    Err(_) => text.clone(),
                };
                fs::write(path, text).expect("a file");
            }
            Put::Link(target) => symlink(target, path).expect("a link"),
            Put::Pipe => {
                let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
                assert!(made.success(), "a pipe");
            }
            Put::Directory => fs::create_dir(path).expect("a directory"),
            Put::Hole(length) => {
                fs::File::create(path).and_then(|file| file.set_len(*length)).expect("a file");
            }
            Put::Absent => {}
        }
    }

    /// Takes everything out of the configuration directory, and puts what is harmless there.
    fn reset(&self) {
        let good = ["mwfarm.yml", "farms.yml", "wikis.dblist", "settings.yml"];
        let saved = good.map(|name| fs::read(self.path("good").join(name)).expect("a file"));
        fs::remove_dir_all(self.path("etc")).expect("removed");
        good.iter().zip(saved).for_each(|(name, text)| self.write(&format!("etc/{name}"), text));
    }

    /// Compiles what is harmless and keeps it for [`Farm::reset`].
    fn compiled() -> Self {
        let farm = Self::new();
        for entry in fs::read_dir(farm.path("etc")).expect("a directory") {
            let entry = entry.expect("an entry");
            farm.write(&format!("good/{}", entry.file_name().display()), fs::read(entry.path()).expect("a file"));
        }
        let ran = farm.run(&["config", "compile"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        farm
    }

    /// Runs the program, and kills it when it does not end.
    #[track_caller]
    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// As [`Farm::run`], with more in the environment.
    #[track_caller]
    pub(super) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mwfarm"))
            .env("MWFARM_CACHE_DIR", "/dev/null")
            .args(arguments)
            .args(["--config-dir", "etc"])
            .envs(environment.iter().copied())
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mwfarm runs");
        let mut stderr = child.stderr.take().expect("a pipe");
        let said = thread::spawn(move || {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).map(|_| said)
        });
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a state") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                child.kill().expect("killed");
                panic!("mwfarm did not end within {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(2));
        };
        let said = said.join().expect("a reader").expect("read");
        Ran { code: status.code(), err: String::from_utf8(said).expect("messages in UTF-8") }
    }

    /// What is in a directory: kinds and modes, contents and targets.
    pub(super) fn listing(&self, names: &[&str]) -> Listing {
        let mut listing = Listing::new();
        let mut open: Vec<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        while let Some(path) = open.pop() {
            let metadata = fs::symlink_metadata(&path).expect("an entry");
            let content = if metadata.is_symlink() {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else if metadata.is_dir() {
                open.extend(fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()));
                Vec::new()
            } else if metadata.is_file() && metadata.len() < 1 << 20 {
                fs::read(&path).expect("a file")
            } else {
                metadata.len().to_le_bytes().to_vec()
            };
            listing.insert(path, (metadata.permissions().mode(), content));
        }
        listing
    }

    /// What is published, but for the digests of the files that were read: they are of what is there now.
    fn published(&self) -> Listing {
        let mut listing = self.listing(&["out", "tree/vendor"]);
        let manifest = self.path("out/mwfarm.json");
        if let Some((_, content)) = listing.get_mut(&manifest) {
            let mut json: Value = serde_json::from_slice(content).expect("a manifest");
            json.as_object_mut().expect("a map").remove("sources");
            *content = json.to_string().into_bytes();
        }
        listing
    }

    /// What nobody may change: all but what is published.
    fn surroundings(&self) -> Listing {
        let mut listing = self.listing(&["."]);
        let outside =
            |path: &PathBuf| !["out", "tree/vendor", "code"].iter().any(|inside| path.starts_with(self.path(inside)));
        listing.retain(|path, _| outside(&self.path("").join(path)) && outside(path));
        listing
    }

    /// The settings file of a wiki that counts.
    pub(super) fn settings(&self, wiki: &str) -> PathBuf {
        fs::canonicalize(self.path(&format!("out/LocalSettings/{wiki}.php"))).expect("settings")
    }

    /// What a settings file makes of its variables, compared by PHP.
    #[track_caller]
    fn evaluated(&self, wiki: &str, expected: &Value) -> String {
        let file = self.settings(wiki);
        Self::lint(&file);
        let json = self.path("expected.json");
        let text = expected.to_string().replace(CANARY, self.path("canary").to_str().expect("a path in UTF-8"));
        fs::write(&json, text).expect("written");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/evaluate.php");
        let said = php(&[program.as_path(), &file, &json]);
        fs::remove_file(json).expect("removed");
        said
    }

    #[track_caller]
    fn lint(file: &Path) {
        let said = php(&[Path::new("-l"), file]);
        assert!(said.starts_with("No syntax errors"), "{said}\n{}", fs::read_to_string(file).unwrap_or_default());
    }
}

fn php(arguments: &[&Path]) -> String {
    let output = Command::new("php")
        .args(["-n", "-d", "error_reporting=-1", "-d", "display_errors=1"])
        .args(arguments)
        .output()
        .expect("php runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
