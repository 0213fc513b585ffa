//! A copy of a real MediaWiki tree.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::farm::composer;
use crate::farm::random::Random;

/// A copy of the tree of one MediaWiki, and a place beside it.
pub(super) struct Tree {
    original: PathBuf,
    directory: tempfile::TempDir,
}

/// Something that a build added to `vendor/` or changed there.
pub(super) struct Built {
    mode: u32,
    content: Option<Vec<u8>>,
}

impl Built {
    /// Whether it is a directory.
    pub(super) fn is_directory(&self) -> bool {
        self.content.is_none()
    }

    /// Its permissions.
    pub(super) fn mode(&self) -> u32 {
        self.mode
    }

    /// Whether both hold the same bytes.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

/// What a run of mwfarm gave.
pub(super) struct Ran {
    what: String,
    output: Output,
}

impl Ran {
    /// Fails the test unless the run ended with `code`; gives its result.
    #[track_caller]
    pub(super) fn expect_code(&self, code: i32) -> String {
        assert_eq!(self.output.status.code(), Some(code), "{}: {:?}", self.what, self.output);
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Fails the test, with all that was printed, unless the run ended with 0.
    #[track_caller]
    pub(super) fn expect_success(&self) {
        let (out, err) = (String::from_utf8_lossy(&self.output.stdout), String::from_utf8_lossy(&self.output.stderr));
        assert!(self.output.status.success(), "{} ended with {}\n{out}\n{err}", self.what, self.output.status);
    }
}

impl Tree {
    /// Copies the tree, file by file; with a seed in random order, which is the order in which many file systems
    /// list a directory.
    pub(super) fn copy(version: &str, seed: Option<u64>) -> Self {
        let original = fs::canonicalize(composer::trees().join(version)).expect("the tree is there");
        let directory = tempfile::Builder::new().prefix("mediawiki-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let directory = directory.expect("a temporary directory");
        // The longer name of the shuffled copy is the other path.
        let tree = Self { original, directory };
        let mut paths = list(&tree.original);
        if let Some(seed) = seed {
            Random::new(seed).shuffle(&mut paths);
        }
        for path in &paths {
            let (from, to) = (tree.original.join(path), tree.root().join(path));
            let metadata = fs::symlink_metadata(&from).expect("an entry");
            fs::create_dir_all(if metadata.is_dir() { &to } else { to.parent().expect("a directory") })
                .expect("a copy");
            if metadata.is_symlink() {
                symlink(fs::read_link(&from).expect("a link"), &to).expect("a link");
            } else if metadata.is_file() {
                fs::copy(&from, &to).expect("a copy");
            }
        }
        for path in paths {
            let metadata = fs::symlink_metadata(tree.original.join(&path)).expect("an entry");
            if metadata.is_dir() {
                fs::set_permissions(tree.root().join(path), metadata.permissions()).expect("permissions");
            }
        }
        tree
    }

    pub(super) fn root(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    /// The tree that was copied.
    pub(super) fn original(&self) -> &Path {
        &self.original
    }

    /// The directories of all bundled extensions and skins.
    pub(super) fn extensions(&self) -> Vec<String> {
        let mut found = Vec::new();
        for kind in ["extensions", "skins"] {
            for entry in fs::read_dir(self.root().join(kind)).expect("a directory") {
                let entry = entry.expect("an entry");
                if entry.path().join("extension.json").exists() || entry.path().join("skin.json").exists() {
                    found.push(format!("{kind}/{}", entry.file_name().to_string_lossy()));
                }
            }
        }
        found.sort();
        found
    }

    /// A path beside the tree, which goes with it.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a farm file beside the tree, and returns its path.
    pub(super) fn write_wikis(&self, wikis: &[(&str, &[String])]) -> String {
        let mut text = String::from("wikis:\n");
        for (id, wanted) in wikis {
            let of =
                |prefix: &str| wanted.iter().filter_map(|id| id.strip_prefix(prefix)).collect::<Vec<_>>().join(", ");
            let (extensions, skins) = (of("extensions/"), of("skins/"));
            let _ =
                writeln!(text, "  {id}: {{ hosts: [{id}.localhost], extensions: [{extensions}], skins: [{skins}] }}");
        }
        let path = self.directory.path().join("wikis.yml");
        fs::write(&path, text).expect("the farm file is written");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// Runs mwfarm on the tree.
    pub(super) fn mwfarm(&self, arguments: &[&str]) -> Ran {
        self.mwfarm_in(arguments, &[], "022")
    }

    /// Runs mwfarm on the tree, in an environment of its own: no cache of another run counts.
    pub(super) fn mwfarm_in(&self, arguments: &[&str], environment: &[(&str, &str)], umask: &str) -> Ran {
        let home = tempfile::tempdir_in(self.directory.path()).expect("a home");
        let output = Command::new("sh")
            .args(["-c", &format!("umask {umask} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_mwfarm")])
            .args(arguments)
            .arg("-d")
            .arg(self.root())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .env("XDG_CACHE_HOME", home.path())
            .envs(environment.iter().copied())
            .output()
            .expect("mwfarm runs");
        Ran { what: format!("mwfarm {}", arguments.join(" ")), output }
    }

    /// Runs Composer in the tree, without the plugins and scripts of MediaWiki's developers.
    pub(super) fn composer(&self, command: &str) {
        let home = tempfile::tempdir_in(self.directory.path()).expect("a home");
        composer::run(&self.root(), home.path(), &[command, "--no-plugins", "--no-scripts"])
            .expect("Composer is content");
    }

    /// A file of `vendor/`.
    pub(super) fn vendor_file(&self, name: &str) -> Vec<u8> {
        fs::read(self.root().join("vendor").join(name)).expect("a file")
    }

    /// What PHP prints for `code` in the tree, when it serves `wiki`.
    #[track_caller]
    pub(super) fn php(&self, wiki: &str, code: &str) -> String {
        let mut php = Command::new("php");
        let output = php.args(["-d", "display_errors=1", "-r", code]).env("MWFARM_WIKI", wiki).current_dir(self.root());
        let output = output.output().expect("php runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{wiki}: {code}\n{text}");
        text
    }

    /// Modification time, inode, size and mode of everything in `vendor/`.
    pub(super) fn vendor_stat(&self) -> BTreeMap<PathBuf, (i64, i64, u64, u64, u32)> {
        let vendor = self.root().join("vendor");
        let stat = |path: PathBuf| {
            let stat = fs::symlink_metadata(vendor.join(&path)).expect("an entry");
            (path, (stat.mtime(), stat.mtime_nsec(), stat.ino(), stat.size(), stat.mode()))
        };
        list(&vendor).into_iter().map(stat).collect()
    }

    /// What a build added to `vendor/` or changed there, by path.
    pub(super) fn built(&self) -> BTreeMap<String, Built> {
        let (vendor, original) = (self.root().join("vendor"), self.original.join("vendor"));
        let mut built = BTreeMap::new();
        for path in list(&vendor) {
            let metadata = fs::symlink_metadata(vendor.join(&path)).expect("an entry");
            let content = metadata.is_file().then(|| fs::read(vendor.join(&path)).expect("a file"));
            let before = original.join(&path);
            if before.is_dir() || content.is_some() && content == fs::read(before).ok() {
                continue;
            }
            let mode = metadata.permissions().mode() & 0o7777;
            built.insert(path.to_string_lossy().into_owned(), Built { mode, content });
        }
        built
    }

    /// How the tree differs from the one it was copied from: entries, kinds, modes, bytes, targets of links.
    pub(super) fn differences_from_original(&self) -> Vec<String> {
        let (here, there) = (list(&self.root()), list(&self.original));
        let mut differences = Vec::new();
        differences.extend(
            here.iter().filter(|path| there.binary_search(path).is_err()).map(|p| format!("new: {}", p.display())),
        );
        differences.extend(
            there.iter().filter(|path| here.binary_search(path).is_err()).map(|p| format!("gone: {}", p.display())),
        );
        for path in here.iter().filter(|path| there.binary_search(path).is_ok()) {
            let (one, other) = (self.root().join(path), self.original.join(path));
            let stat = |path: &Path| fs::symlink_metadata(path).expect("an entry");
            let (left, right) = (stat(&one), stat(&other));
            if left.mode() != right.mode() {
                differences.push(format!("mode: {} {:o} ≠ {:o}", path.display(), left.mode(), right.mode()));
            } else if left.is_symlink() {
                if fs::read_link(&one).ok() != fs::read_link(&other).ok() {
                    differences.push(format!("link: {}", path.display()));
                }
            } else if left.is_file()
                && (left.len() != right.len() || fs::read(&one).expect("a file") != fs::read(&other).expect("a file"))
            {
                differences.push(format!("bytes: {}", path.display()));
            }
        }
        differences
    }
}

/// Everything below a directory, as sorted paths relative to it.
fn list(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        for entry in fs::read_dir(directory.join(&below)).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = below.join(entry.file_name());
            if entry.file_type().expect("a kind").is_dir() {
                waiting.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}
