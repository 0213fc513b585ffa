//! The configuration of a wiki, from a repository that the wiki writes to.
//!
//! What such a repository's own configuration and hooks name is executed by git. So git runs there as the wiki's user
//! only, and what it prints is believed no more than anything else from outside: a name of a commit is checked, and a
//! bundle goes through `git fetch` with all checks of objects, into a copy that the wiki cannot write to.

use std::path::Path;
use std::time::Duration;

use super::bare::{self, FETCH_FLAGS, has_ref, heal, make_bare};
use super::export::export;
use super::git::{self, Repository};
use super::options::Options;
use super::record::Wiki;
use super::release::Sha;
use super::repository::{REMOTE, has};
use super::tree::{self, Tree};
use crate::disk;
use crate::process::{Limits, User};
use crate::report::{ExitCode, Problem};

/// The largest history that is taken, in bytes.
const MAX_BUNDLE: usize = 64 << 20;

/// How much of all that was taken is kept, in bytes: with each commit, a wiki can bring other histories.
const MAX_COPY: usize = 4 * MAX_BUNDLE;

/// How many packs there may be before they are made one. Each commit that is taken comes in one.
const MAX_PACKS: usize = 10;

/// What a bundle begins with. Other versions may say that objects are missing on purpose.
const BUNDLE: &[u8] = b"# v2 git bundle\n";

/// How long git may take in the wiki's repository, where the wiki can make it take for ever.
const TIME: Duration = Duration::from_secs(60);

/// How long git may take there to say a commit's name, which takes milliseconds. All wikis are asked one after another.
const ASK: Duration = Duration::from_secs(10);

/// What git may use, in the copy as in the wiki's repository: some kilobytes are unpacked to any size.
const LIMITS: Limits = Limits { memory: 512 << 20, processor: TIME };

/// What keeps git below [`LIMITS`] with histories that are taken.
const SPARING: &[&str] = &[
    "-c",
    "pack.threads=1",
    "-c",
    "pack.windowMemory=64m",
    "-c",
    "core.packedGitWindowSize=16m",
    "-c",
    "core.packedGitLimit=128m",
    "-c",
    "core.deltaBaseCacheLimit=32m",
];

/// Where what arrives is held until it is pinned.
const INCOMING: &str = "refs/incoming/head";

/// The commit that the wiki's work tree is at; `None` before the first one.
///
/// # Errors
/// git does not run there, or does not end.
pub fn head(wiki: &Wiki, work: &Path) -> Result<Option<Sha>, Problem> {
    let program = theirs(wiki, work).program(["rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}"]);
    let captured = program.capture(1024, ASK).map_err(|error| Problem::from(git::Error::from(error)))?;
    // It says nothing when there is no commit, and something when there is no repository.
    if captured.output.is_empty() && captured.messages.is_empty() {
        return Ok(None);
    }
    let output = git::succeeded(captured, "rev-parse").map_err(|error| not_there(wiki, work, &error))?;
    git::sha(&output)
        .map(Some)
        .ok_or_else(|| Problem::new(ExitCode::Failed, format!("`{}` is at what is no commit", work.display())))
}

/// The copy of a wiki's configuration, which only we write to.
#[must_use]
pub fn copy(options: &Options, wiki: &Wiki) -> Repository {
    Repository { limits: Some(LIMITS), ..Repository::ours(&options.layout.config_copy(&wiki.name)) }
}

/// The commit that the wiki's work tree is at, which is to be taken.
///
/// # Errors
/// There is none yet, or git does not run there.
pub fn newest(wiki: &Wiki, work: &Path) -> Result<Sha, Problem> {
    head(wiki, work)?.ok_or_else(|| {
        let what = format!("the configuration of `{}` has no commit yet", wiki.name);
        Problem::new(ExitCode::Usage, what).hint(format!("commit `LocalSettings.php` in `{}`", work.display()))
    })
}

/// Takes the commit that the wiki's work tree is at into the copy that only we write to, and pins it there by
/// `refs/deployed/<sha>`. Nothing is copied when it was taken before. The wiki's lock has to be held.
///
/// # Errors
/// There is no commit, its history is too large or broken, or git does not run there.
pub fn import(options: &Options, wiki: &Wiki, work: &Path) -> Result<Sha, Problem> {
    take(options, wiki, work, &newest(wiki, work)?)
}

/// The same of a commit that the work tree was said to be at; gives the one that it is at by now.
///
/// # Errors
/// As of [`import`].
pub fn take(options: &Options, wiki: &Wiki, work: &Path, expected: &Sha) -> Result<Sha, Problem> {
    let copy = copy(options, wiki);
    make_bare(&copy.directory)?;
    if has_ref(&copy, &pin_of(expected)) {
        // Its last step, which a death may have kept it from.
        if disk::look(&copy.directory.join(INCOMING)).ok().flatten().is_some() {
            copy.run(["update-ref", "-d", INCOMING], TIME)?;
        }
        return Ok(expected.clone());
    }
    let pins = pins(&copy)?;
    if is_below(&copy, expected)? {
        // A pin leads to it, so that all of it is here.
        copy.run(["update-ref", &pin_of(expected), expected.as_str()], TIME)?;
        return Ok(expected.clone());
    }
    // What is here is not brought again. The wiki may have thrown it away.
    let mut command = [SPARING, &["bundle", "create", "--quiet", "--version=2", "-"]].concat();
    command.extend(["--ignore-missing", "HEAD", "--not"]);
    command.extend(pins.iter().map(Sha::as_str));
    let captured = theirs(wiki, work).program(command).capture(MAX_BUNDLE, TIME);
    let captured = captured.map_err(|error| not_there(wiki, work, &error.into()))?;
    let bundle = git::succeeded(captured, "bundle").map_err(|error| not_there(wiki, work, &error))?;
    if !bundle.starts_with(BUNDLE) {
        return Err(Problem::new(ExitCode::Failed, format!("git gives no bundle of `{}`", work.display())));
    }
    heal(&copy)?;
    if size(&copy)?.0.saturating_add(bundle.len()) > MAX_COPY {
        // Perhaps nobody needs most of it.
        pack(&copy)?;
        if size(&copy)?.0.saturating_add(bundle.len()) > MAX_COPY {
            let what = format!("the configuration of `{}` has more than {} MiB of history", wiki.name, MAX_COPY >> 20);
            let hint = format!("take large files out of the history of `{}`", work.display());
            return Err(Problem::new(ExitCode::Failed, what).hint(hint));
        }
    }
    let file = copy.directory.join(bare::INCOMING);
    let failed = |error: std::io::Error| {
        Problem::new(ExitCode::Failed, format!("cannot write `{}`", file.display())).cause(error.to_string())
    };
    disk::replace(&file, &bundle, 0o600).map_err(failed)?;
    let fetched = fetch(&copy, &file);
    disk::discard(&file).map_err(failed)?;
    let sha = fetched.map_err(|error| not_there(wiki, work, &error))?;
    copy.run(["update-ref", &pin_of(&sha), sha.as_str()], TIME)?;
    copy.run(["update-ref", "-d", INCOMING], TIME)?;
    Ok(sha)
}

/// Makes sure that a commit of the wiki's configuration is in the copy of this server, which need not be the one that took
/// it from the wiki. Says whether it was not. The wiki's lock has to be held.
///
/// # Errors
/// It is found neither where `config-origin` says nor in the wiki's own repository.
pub fn bring(options: &Options, wiki: &Wiki, commit: &Sha, work: &Path) -> Result<bool, Problem> {
    let copy = copy(options, wiki);
    make_bare(&copy.directory)?;
    if has_ref(&copy, &pin_of(commit)) {
        return Ok(false);
    }
    if let Some(origin) = &options.config_origin {
        let mut arguments: Vec<&str> = [SPARING, REMOTE, &["fetch"], FETCH_FLAGS].concat();
        let (from, refspec) = (format!("{origin}/{}.git", wiki.name), format!("{commit}:{}", pin_of(commit)));
        arguments.extend(["--end-of-options", &from, &refspec]);
        let fetched = copy.run(arguments, options.remote);
        return fetched.map(|_| true).map_err(|error| {
            if error.is_of_limits() {
                not_there(wiki, Path::new(&from), &error)
            } else {
                absent(wiki, commit).cause(error.to_string())
            }
        });
    }
    // The home is perhaps on storage that all servers share.
    if disk::is_directory(work) && import(options, wiki, work)? == *commit {
        return Ok(true);
    }
    let hint =
        "name the directory of its copies in `deploy.config-origin`, as `ssh://host/srv/deployment/mediawiki/config`";
    Err(absent(wiki, commit).hint(hint))
}

fn absent(wiki: &Wiki, commit: &Sha) -> Problem {
    let what = format!("the configuration {} of `{}` is not on this server", commit.short(), wiki.name);
    Problem::new(ExitCode::Failed, what)
}

/// Writes a commit that was taken before into a directory that is empty and only ours.
///
/// # Errors
/// Its tree is refused, or cannot be written.
pub fn write(options: &Options, wiki: &Wiki, commit: &Sha, into: &Path) -> Result<Tree, Problem> {
    let copy = copy(options, wiki);
    let tree = tree::scan_config(&copy, commit, &tree::CONFIG_LIMITS)?;
    export(&copy, commit, &tree, into)?;
    Ok(tree)
}

/// Lets go of all commits that were taken but these, and of what they alone had when many have come. The wiki's lock has
/// to be held.
///
/// # Errors
/// git refuses.
pub fn keep(options: &Options, wiki: &Wiki, commits: &[Sha]) -> Result<(), Problem> {
    let copy = copy(options, wiki);
    if disk::look(&copy.directory).ok().flatten().is_none() {
        return Ok(());
    }
    for pinned in pins(&copy)? {
        if !commits.contains(&pinned) {
            heal(&copy)?;
            copy.run(["update-ref", "-d", &pin_of(&pinned)], TIME)?;
        }
    }
    if size(&copy)?.1 > MAX_PACKS {
        heal(&copy)?;
        // A history that git does not manage to pack fails no deploy: once it is too large, nothing more is taken.
        let _ = pack(&copy);
    }
    Ok(())
}

/// The commits that were taken.
fn pins(copy: &Repository) -> Result<Vec<Sha>, Problem> {
    let listed = copy.run(["for-each-ref", "--format=%(objectname)", "refs/deployed/"], TIME)?;
    Ok(listed.split(|byte| *byte == b'\n').filter_map(git::sha).collect())
}

/// Whether a commit came before one that was taken.
fn is_below(copy: &Repository, commit: &Sha) -> Result<bool, Problem> {
    if !has(copy, commit) {
        return Ok(false);
    }
    let found = copy.run(["for-each-ref", "--count=1", "--contains", commit.as_str(), "refs/deployed/"], TIME)?;
    Ok(!found.is_empty())
}

/// How many bytes a copy has, and how many packs.
fn size(copy: &Repository) -> Result<(usize, usize), Problem> {
    let counted = copy.run(["count-objects", "-v"], TIME)?;
    let counted = String::from_utf8_lossy(&counted);
    let number = |name: &str| {
        let mut lines = counted.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        lines.next().and_then(|number| number.parse::<usize>().ok()).unwrap_or(0)
    };
    // In KiB.
    Ok(((number("size") + number("size-pack")) << 10, number("packs")))
}

/// Makes one pack of all that the pins lead to, and removes the rest.
fn pack(copy: &Repository) -> Result<(), Problem> {
    let repack = ["-c", "repack.writeBitmaps=false", "repack", "-a", "-d", "-q"];
    copy.run([SPARING, &repack].concat(), TIME)?;
    copy.run(["prune", "--expire=now"], TIME)?;
    Ok(())
}

/// Brings what a bundle has; gives its commit.
fn fetch(copy: &Repository, bundle: &Path) -> Result<Sha, git::Error> {
    // Always as a pack: single objects of what is packed small would be large.
    let mut arguments = [SPARING, &["-c", "fetch.unpackLimit=1", "fetch"], FETCH_FLAGS].concat();
    let (path, refspec) = (bundle.to_string_lossy(), format!("+HEAD:{INCOMING}"));
    arguments.extend(["--end-of-options", &path, &refspec]);
    copy.run(arguments, TIME)?;
    let commit = format!("{INCOMING}^{{commit}}");
    let printed = copy.run(["rev-parse", "--verify", "--end-of-options", &commit], TIME)?;
    git::sha(&printed).ok_or_else(|| git::Error::Failed {
        command: "rev-parse".to_owned(),
        messages: "what was fetched is no commit".to_owned(),
    })
}

fn pin_of(commit: &Sha) -> String {
    format!("refs/deployed/{commit}")
}

/// The wiki's own repository: git runs as the wiki there.
fn theirs(wiki: &Wiki, work: &Path) -> Repository {
    let user = wiki.uid.map(|uid| User { uid, gid: uid });
    Repository { user, limits: Some(LIMITS), ..Repository::ours(work) }
}

fn not_there(wiki: &Wiki, work: &Path, error: &git::Error) -> Problem {
    if error.is_of_limits() {
        let what = format!(
            "the history of the configuration of `{}` needs more than {} MiB of memory, or {} s, to be unpacked",
            wiki.name,
            LIMITS.memory >> 20,
            LIMITS.processor.as_secs()
        );
        let hint = format!("take large files out of the history of `{}`", work.display());
        return Problem::new(ExitCode::Failed, what).cause(error.to_string()).hint(hint);
    }
    let what = format!("the configuration of `{}` cannot be taken from `{}`", wiki.name, work.display());
    Problem::new(ExitCode::Failed, what).cause(error.to_string())
}
