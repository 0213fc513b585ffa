//! A copy of the demo farm, and mwfarm at work on it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// What a run of mwfarm gave.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(super) fn done(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(super) fn fails(&self, code: i32, message: &str) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert!(self.err.contains(message), "no `{message}` in:\n{}", self.err);
        assert_eq!(self.out, "", "a result, though it failed");
    }
}

/// What a function body in PHP returns, run in the demo's vendor/.
#[track_caller]
pub(super) fn php(demo: &Demo, code: &str) -> Value {
    let output = Command::new("php")
        .args(["-d", "display_errors=stderr", "-d", "error_reporting=-1", "-r"])
        .arg(format!("echo json_encode((static function () {{ {code} }})());"))
        .current_dir(demo.vendor())
        .output()
        .expect("php runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A demo farm of its own.
pub(super) struct Demo {
    directory: tempfile::TempDir,
}

impl Demo {
    pub(super) fn new() -> Self {
        let demo = Self { directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory") };
        let from = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo");
        copy(Path::new(from), &demo.tree());
        demo
    }

    pub(super) fn tree(&self) -> PathBuf {
        self.path("tree")
    }

    pub(super) fn vendor(&self) -> PathBuf {
        self.tree().join("vendor")
    }

    /// A path beside the tree.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// mwfarm, in the directory of the tree; arguments are separated by spaces.
    pub(super) fn command(&self, arguments: &str) -> Command {
        let mut command = super::mwfarm(&arguments.split(' ').collect::<Vec<_>>());
        command.args(["-d", "tree"]).current_dir(self.directory.path());
        command
    }

    pub(super) fn run(&self, arguments: &str) -> Ran {
        Ran::new(self.command(arguments).output().expect("mwfarm runs"))
    }

    /// Writes a farm file beside the tree, with one wiki.
    pub(super) fn write_wikis(&self, name: &str, extensions: &str) {
        let text = format!("wikis:\n  one: {{ hosts: [one.example.org], extensions: [{extensions}] }}\n");
        fs::write(self.path(name), text).expect("written");
    }

    /// Everything in a directory: path, kind and mode, content or target.
    pub(super) fn content(&self, name: &str) -> Vec<(PathBuf, u32, Vec<u8>)> {
        entries(&self.path(name), |path, metadata| {
            let content = if metadata.is_symlink() {
                fs::read_link(path).expect("a link").into_os_string().into_encoded_bytes()
            } else if metadata.is_file() {
                fs::read(path).expect("a file")
            } else {
                Vec::new()
            };
            (metadata.mode(), content)
        })
        .into_iter()
        .map(|(path, (mode, content))| (path, mode, content))
        .collect()
    }

    /// Everything in a directory, with what changes when anything is written.
    pub(super) fn stat(&self, name: &str) -> Vec<(PathBuf, (u64, i64, i64))> {
        entries(&self.path(name), |_, stat| (stat.ino(), stat.ctime(), stat.ctime_nsec()))
    }
}

pub(super) fn entries<T>(directory: &Path, of: impl Fn(&Path, &fs::Metadata) -> T) -> Vec<(PathBuf, T)> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let path = directory.join(&below);
        let metadata = fs::symlink_metadata(&path).expect("an entry");
        if metadata.is_dir() {
            open.extend(
                fs::read_dir(&path).expect("a directory").map(|e| below.join(e.expect("an entry").file_name())),
            );
        }
        found.push((below, of(&path, &metadata)));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

pub(super) fn copy(from: &Path, to: &Path) {
    for (path, kind) in entries(from, |_, metadata| metadata.file_type()) {
        assert!(kind.is_dir() || kind.is_file(), "the demo holds neither links nor pipes: {}", path.display());
        let target = to.join(&path);
        if kind.is_dir() {
            fs::create_dir_all(&target).expect("a directory");
        } else {
            fs::copy(from.join(&path), &target).expect("a file");
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).expect("a mode");
        }
    }
}
