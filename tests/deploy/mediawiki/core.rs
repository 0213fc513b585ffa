//! Core repositories with a real MediaWiki, made once for all tests of a run.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::farm::composer;

/// The bare repository whose `main` is MediaWiki 1.39. It has one commit.
pub(super) fn mediawiki_39() -> &'static Path {
    static CORE: OnceLock<PathBuf> = OnceLock::new();
    CORE.get_or_init(|| make(&["1.39"]))
}

/// The same, and 1.43 as the branch `new`, one commit after it.
pub(super) fn mediawiki_39_and_43() -> &'static Path {
    static CORE: OnceLock<PathBuf> = OnceLock::new();
    CORE.get_or_init(|| make(&["1.39", "1.43"]))
}

/// Writes a repository with one pack and without a work tree: a commit of each version.
fn make(versions: &[&str]) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // What is shared by tests outlives them: those of runs that have ended go.
    for entry in fs::read_dir(place).expect("a directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.split_once(".mediawiki-").map(|(process, _)| process);
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let directory = place.join(format!("{}.mediawiki-{}.git", std::process::id(), versions.join("-")));
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&directory).args(["-c", "core.compression=1"]).args(arguments);
        command
    };
    let init = git(&["init", "-q", "--bare", "-b", "main"]).status().expect("git");
    assert!(init.success(), "{init}");
    let mut import = git(&["fast-import", "--quiet", "--depth=0"]).stdin(Stdio::piped()).spawn().expect("git");
    let mut input = BufWriter::with_capacity(1 << 20, import.stdin.take().expect("an input"));
    for (branch, version) in ["main", "new"].into_iter().zip(versions) {
        let files = commit(branch, version, &mut input).expect("git reads it");
        assert!(files >= 5000, "{files} files");
    }
    drop(input);
    let import = import.wait().expect("git ends");
    assert!(import.success(), "{import}");
    directory
}

/// Writes a branch with the files of a tree. Says how many there are.
fn commit(branch: &str, version: &str, stream: &mut impl Write) -> io::Result<usize> {
    let root = composer::trees().join(version).canonicalize()?;
    let message = format!("MediaWiki {version}");
    write!(
        stream,
        "commit refs/heads/{branch}\ncommitter carol <carol@wiki.test> 1000000000 +0000\ndata {}\n{message}\n",
        message.len()
    )?;
    if branch != "main" {
        writeln!(stream, "from refs/heads/main\ndeleteall")?;
    }
    let (mut files, mut left) = (0, vec![PathBuf::new()]);
    while let Some(directory) = left.pop() {
        let mut entries = fs::read_dir(root.join(&directory))?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = directory.join(entry.file_name());
            // Debian's links lead to directories of the system: what they lead to is committed.
            let metadata = fs::metadata(entry.path())?;
            if metadata.is_dir() {
                left.push(path);
            } else if !is_left_out(&path) {
                let content = fs::read(entry.path())?;
                let mode = if metadata.permissions().mode() & 0o100 == 0 { "100644" } else { "100755" };
                writeln!(stream, "M {mode} inline {}\ndata {}", path.display(), content.len())?;
                stream.write_all(&content)?;
                stream.write_all(b"\n")?;
                files += 1;
            }
        }
    }
    stream.flush()?;
    Ok(files)
}

/// Settings, and the texts of most languages, which are half of all files.
fn is_left_out(path: &Path) -> bool {
    let is_text = path.parent().is_some_and(|parent| parent.components().any(|part| part.as_os_str() == "i18n"))
        && path.extension().is_some_and(|end| end == "json");
    let language = path.file_stem().unwrap_or_default();
    path == Path::new("LocalSettings.php") || (is_text && !["en", "de", "qqq"].iter().any(|kept| language == *kept))
}
