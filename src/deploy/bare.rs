//! Bare repositories that only we write to, and that nobody else reads: made whole, and healed after deaths.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::git::Repository;
use crate::disk;
use crate::report::{ExitCode, Problem};

/// How long git may take for what it has.
const LOCAL: Duration = Duration::from_secs(60);

/// What every fetch is told.
pub(super) const FETCH_FLAGS: &[&str] =
    &["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules"];

/// The configuration of a repository that only we write to.
const CONFIG: &[(&str, &str)] = &[
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("receive.autogc", "false"),
    ("core.fsync", "all"),
    ("core.logAllRefUpdates", "false"),
    ("transfer.hideRefs", "refs/deployed"),
];

/// Attributes that win over those of any tree: its files are what was committed, whatever command is used.
const ATTRIBUTES: &[u8] =
    b"* -text -eol -ident -filter -working-tree-encoding -export-ignore -export-subst -diff -merge\n";

/// What is being taken from outside: a file, and what comes of it before it is pinned.
pub(super) const INCOMING: &str = "incoming.bundle";

/// Commands of git that write into a repository: what could hold a lock there.
const WRITERS: &[&[u8]] = &[
    b"config",
    b"fetch",
    b"gc",
    b"index-pack",
    b"maintenance",
    b"pack-refs",
    b"prune",
    b"push",
    b"receive-pack",
    b"repack",
    b"unpack-objects",
    b"update-ref",
];

/// Those of them that write no other refs than they name, or none.
const NAMES_REFS: &[&[u8]] = &[b"fetch", b"index-pack", b"push", b"unpack-objects", b"update-ref"];

/// Makes one, whole or not at all. The code of one wiki is no other wiki's business, and an address may hold a password.
pub(super) fn make_bare(directory: &Path) -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        Problem::new(ExitCode::Failed, format!("cannot make the repository `{}`", directory.display()))
            .cause(error.to_string())
    };
    if disk::look(directory).map_err(failed)?.is_none() {
        let above = directory.parent().unwrap_or(Path::new("/"));
        disk::make_directories(above).map_err(failed)?;
        let staged = staged(directory);
        // Left by one that was killed.
        disk::clear(&staged).map_err(failed)?;
        disk::new_directory(&staged, 0o700).map_err(failed)?;
        let repository = Repository::ours(&staged);
        let init = ["init", "--quiet", "--bare", "--template=", "--initial-branch=none", "."];
        repository.run(init, LOCAL)?;
        let info = staged.join("info");
        disk::make_directories(&info).map_err(failed)?;
        disk::replace(&info.join("attributes"), ATTRIBUTES, 0o644).map_err(failed)?;
        for (key, value) in CONFIG {
            set(&repository, key, value)?;
        }
        disk::sync_file_system(&staged).map_err(failed)?;
        disk::publish(&staged, directory).map_err(failed)?;
    }
    heal(&Repository::ours(directory))
}

/// Where a repository is until it is whole.
pub(super) fn staged(directory: &Path) -> PathBuf {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    directory.with_file_name(name)
}

/// Removes what a git that was killed left: its locks, under which nobody could write again, and packs without an end.
/// Only under the lock that all writers of the repository hold. A git that is at work is the child of one of us that
/// was killed; it is given some time.
pub(super) fn heal(repository: &Repository) -> Result<(), Problem> {
    for _ in 0..ATTEMPTS {
        if heal_if_idle(repository)? {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(at_work(&repository.directory))
}

/// The same without giving time to a git that is at work. Says whether all was removed: when one is at work nothing is,
/// and when one has come or gone meanwhile not all.
pub(super) fn heal_if_idle(repository: &Repository) -> Result<bool, Problem> {
    let directory = &repository.directory;
    let mend = || -> std::io::Result<bool> {
        let left = left(directory)?.into_iter().map(|path| Ok((identity(&path)?, path)));
        let left: Vec<(Option<Identity>, PathBuf)> = left.collect::<std::io::Result<_>>()?;
        if !left.is_empty() && is_at_work(directory, |_| true)? {
            return Ok(false);
        }
        for (found, path) in left {
            // Whoever came after we looked who is at work has taken the name meanwhile.
            if found.is_none() || identity(&path)? != found {
                return Ok(false);
            }
            disk::clear(&path)?;
        }
        Ok(true)
    };
    match mend() {
        // Something went while we looked.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        result => result.map_err(uncleanable(directory)),
    }
}

/// What tells a file from one that has its name later: device, inode (which is used again), and the nanosecond of its last change.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> std::io::Result<Option<Identity>> {
    Ok(disk::look(path)?.map(|found| (found.dev(), found.ino(), found.ctime(), found.ctime_nsec())))
}

/// The same for those who write one ref beside others who write other refs: what a git that was killed left of its lock
/// is removed. The lock of that ref has to be held, so that nobody but a child of one of us that was killed has it.
pub(super) fn heal_ref(repository: &Repository, reference: &str) -> Result<(), Problem> {
    let directory = &repository.directory;
    let lock = directory.join(format!("{reference}.lock"));
    for _ in 0..ATTEMPTS {
        if disk::look(&lock).map_err(uncleanable(directory))?.is_none() {
            return Ok(());
        }
        // Those that write refs that they name write no others; the rest, all that there are.
        let may_hold = |words: &[&[u8]]| {
            let names_refs = words.iter().any(|word| NAMES_REFS.contains(word));
            let is_meant =
                |word: &&[u8]| word.split(|byte| b":+".contains(byte)).any(|one| one == reference.as_bytes());
            !names_refs || words.iter().any(is_meant)
        };
        if !is_at_work(directory, may_hold).map_err(uncleanable(directory))? {
            return disk::discard(&lock).map_err(uncleanable(directory));
        }
        std::thread::sleep(PAUSE);
    }
    Err(at_work(directory))
}

/// How often one looks whether another git has ended, and how long one waits in between.
const ATTEMPTS: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

fn uncleanable(directory: &Path) -> impl Fn(std::io::Error) -> Problem + '_ {
    move |error| {
        Problem::new(ExitCode::Failed, format!("cannot clean up `{}`", directory.display())).cause(error.to_string())
    }
}

/// What is said of a git that does not end.
const AT_WORK: &str = "another git is at work in ";

/// Whether a problem is that another git did not end, which is no fault of what was to be done.
#[must_use]
pub fn is_kept_back(problem: &Problem) -> bool {
    problem.what.starts_with(AT_WORK)
}

fn at_work(directory: &Path) -> Problem {
    let what = format!("{AT_WORK}`{}`", directory.display());
    Problem::new(ExitCode::Failed, what).hint("wait until it has ended, or end it")
}

/// What gits that are at work, or were killed, have in a repository for as long as they work.
pub(super) fn left(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let is_lock = |path: &Path| path.extension().is_some_and(|end| end == "lock");
    let mut found = Vec::new();
    for below in ["", "objects/info", "objects/info/commit-graphs", "objects/pack"] {
        let is_left = |name: &&String| {
            is_lock(Path::new(name))
                || below == "objects/pack" && (name.starts_with("tmp_") || name.starts_with(".tmp-"))
                || below.is_empty() && (["gc.pid", INCOMING].contains(&name.as_str()) || name.starts_with('.'))
        };
        let names = disk::names(&directory.join(below))?;
        found.extend(names.iter().filter(is_left).map(|name| directory.join(below).join(name)));
    }
    let refs = disk::walk(&directory.join("refs"))?.into_iter().map(|(path, _)| directory.join("refs").join(path));
    // No ref has such a name.
    found.extend(refs.filter(|path| is_lock(path)));
    Ok(found)
}

/// Whether a git that writes has its working directory here, as every git has that we start, and is one that is meant.
fn is_at_work(directory: &Path, is_meant: impl Fn(&[&[u8]]) -> bool) -> std::io::Result<bool> {
    let directory = disk::real_path(directory)?;
    let processes = disk::names(Path::new("/proc"))?;
    let numbers = processes.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let mut processes = numbers.map(|number| Path::new("/proc").join(number));
    Ok(processes.any(|process| {
        // Processes end while we look.
        let here = disk::link_target(&process.join("cwd")).is_ok_and(|place| place == directory);
        let words = if here { disk::read_optional(&process.join("cmdline")).ok().flatten() } else { None };
        let words = words.unwrap_or_default();
        let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
        words.iter().any(|word| WRITERS.contains(&command(word))) && is_meant(&words)
    }))
}

/// A word as a command of git: those that others' pushes start are called by one name, such as `git-receive-pack`.
fn command(word: &[u8]) -> &[u8] {
    let name = word.rsplit(|byte| *byte == b'/').next().unwrap_or(word);
    name.strip_prefix(b"git-").unwrap_or(word)
}

/// Whether a repository is there, and its configuration has these values, each once.
pub(super) fn has(repository: &Repository, values: &[(&str, &str)]) -> Result<bool, Problem> {
    let directory = &repository.directory;
    if disk::look(directory).map_err(uncleanable(directory))?.is_none() {
        return Ok(false);
    }
    let listed = repository.run(["config", "--local", "--null", "--list"], LOCAL)?;
    let lines: Vec<&[u8]> = listed.split(|byte| *byte == 0).collect();
    Ok(values.iter().all(|(key, value)| {
        let begin = format!("{}\n", key.to_ascii_lowercase());
        let mut of_key = lines.iter().filter_map(|line| line.strip_prefix(begin.as_bytes()));
        of_key.next() == Some(value.as_bytes()) && of_key.next().is_none()
    }))
}

/// Sets one value of a repository's configuration, unless it is set.
pub(super) fn set(repository: &Repository, key: &str, value: &str) -> Result<(), Problem> {
    let there = repository.run(["config", "--local", "--get-all", key], LOCAL).unwrap_or_default();
    if there == format!("{value}\n").as_bytes() {
        return Ok(());
    }
    repository.run(["config", "--local", "--replace-all", key, value], LOCAL)?;
    Ok(())
}

/// Whether there is a ref of this full name.
pub(super) fn has_ref(repository: &Repository, name: &str) -> bool {
    repository.run(["show-ref", "--verify", "--quiet", "--", name], LOCAL).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_git_keeps_back_is_no_fault_of_what_was_to_be_done() {
        assert!(is_kept_back(&at_work(Path::new("/srv/common"))));
        assert!(!is_kept_back(&uncleanable(Path::new("/srv/common"))(std::io::Error::other("no"))));
    }

    #[test]
    fn a_git_that_writes_is_known_by_either_of_its_names() {
        for (word, known) in [("receive-pack", true), ("git-receive-pack", true), ("/usr/lib/git-core/git-gc", true)] {
            assert_eq!(WRITERS.contains(&command(word.as_bytes())), known, "{word}");
        }
        for word in ["git", "rev-parse", "git-upload-pack", "/srv/gc", "refs/heads/gc"] {
            assert!(!WRITERS.contains(&command(word.as_bytes())), "{word}");
        }
    }
}
