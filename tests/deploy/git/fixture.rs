//! A farm below a temporary root, and a remote that tests push to.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mwfarm::deploy::git::Repository;
use mwfarm::deploy::name::Name;
use mwfarm::deploy::options::{self, Options};
use mwfarm::deploy::record::{State, Wiki};
use mwfarm::deploy::release::Sha;

/// A farm with a remote and a working tree that pushes to it.
pub(super) struct Fixture {
    pub(super) options: Options,
    pub(super) root: tempfile::TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("mwg").tempdir().expect("a directory");
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).expect("its mode");
        let remote = root.path().join("remote.git");
        let settings = "deploy:\n  root: farm\n  zone: wiki.test\n  core: REMOTE\n  users: none\n";
        let settings = settings.replace("REMOTE", &remote.display().to_string());
        std::fs::write(root.path().join("mwfarm.yml"), settings).expect("the farm's file");
        std::fs::create_dir(root.path().join("farm")).expect("the root");
        let options = options::read(root.path()).expect("options");
        let fixture = Self { options, root };
        fixture.git(&["init", "-q", "--bare", "remote.git"]);
        fixture.git(&["init", "-q", "-b", "master", "work"]);
        fixture.in_work(&["remote", "add", "origin", &remote.display().to_string()]);
        fixture
    }

    pub(super) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(super) fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    pub(super) fn remote(&self) -> PathBuf {
        self.path().join("remote.git")
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        git(self.path(), arguments, b"")
    }

    pub(super) fn in_work(&self, arguments: &[&str]) -> String {
        git(&self.work(), arguments, b"")
    }

    /// Commits a file in the working tree.
    pub(super) fn commit(&self, file: &str, content: &[u8]) -> Sha {
        let path = self.work().join(file);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        std::fs::write(path, content).expect("a file");
        self.in_work(&["add", "-A", "-f"]);
        self.in_work(&["commit", "-q", "--allow-empty", "-m", "change"]);
        sha(&self.in_work(&["rev-parse", "HEAD"]))
    }

    pub(super) fn push(&self, branch: &str) {
        self.in_work(&["push", "-q", "--force", "origin", &format!("HEAD:{branch}")]);
    }

    pub(super) fn repository(&self) -> Repository {
        Repository::ours(&self.work())
    }

    /// A commit of a tree of which git would make none.
    pub(super) fn commit_tree(&self, lines: &[(&str, &str, &[u8])]) -> Sha {
        sha(&self.in_work(&["commit-tree", "-m", "tree", &self.tree(lines)]))
    }

    /// A tree of `(mode, name, content or name of a tree)`, as it is given.
    pub(super) fn tree(&self, lines: &[(&str, &str, &[u8])]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, content) in lines {
            let object = match *mode {
                "40000" | "160000" => String::from_utf8(content.to_vec()).expect("a name"),
                _ => self.blob(content),
            };
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            let byte = |at: usize| u8::from_str_radix(&object[at..at + 2], 16).expect("digits");
            bytes.extend((0..40).step_by(2).map(byte));
        }
        git(&self.work(), &["hash-object", "-t", "tree", "--literally", "-w", "--stdin"], &bytes)
    }

    /// A commit of one file at a path of bytes, which is made without a directory on the disk.
    pub(super) fn commit_path(&self, path: &[u8]) -> Sha {
        let mut quoted = vec![b'"'];
        for byte in path {
            quoted.extend_from_slice(format!("\\{byte:03o}").as_bytes());
        }
        let head = b"commit refs/heads/imported\ncommitter A <a@b> 1500000000 +0000\ndata 1\nx\nM 100644 inline ";
        let input = [&head[..], &quoted, b"\"\ndata 1\nx\n"].concat();
        git(&self.work(), &["fast-import", "--quiet", "--force"], &input);
        sha(&self.in_work(&["rev-parse", "refs/heads/imported"]))
    }

    pub(super) fn blob(&self, content: &[u8]) -> String {
        git(&self.work(), &["hash-object", "-w", "--stdin"], content)
    }
}

pub(super) fn sha(text: &str) -> Sha {
    Sha::new(text.trim()).unwrap_or_else(|| panic!("no commit: {text:?}"))
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// A wiki as the registry would have it.
pub(super) fn wiki(options: &Options, text: &str, uid: Option<u32>) -> Wiki {
    let name = name(text);
    Wiki { state: State::Ready, ..Wiki::new(name.clone(), options.host(&name).expect("a host"), &options.base, uid) }
}

/// Runs git as anybody would.
pub(super) fn git(directory: &Path, arguments: &[&str], input: &[u8]) -> String {
    let output = try_git(directory, arguments, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(super) fn try_git(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory).env_remove("GIT_DIR").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Test").env(format!("GIT_{role}_EMAIL"), "test@example.org");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("git");
    let mut stdin = child.stdin.take().expect("a pipe");
    // One that does not read has said why.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("its end")
}
