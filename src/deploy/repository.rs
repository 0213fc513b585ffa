//! The reference repository: what the wikis' branches are, and which of their commits are in use.
//!
//! Its branches are those of the remote and go with them. What wikis use is pinned by `refs/deployed/<wiki>/<sha>`, so
//! that neither a forced push nor a clean-up takes it away; a mirror's refspec would prune these pins, and is never set.
//!
//! Functions that write take the locks that they need themselves; their callers must not hold any of the repository's.
//! Several write at a time, each another ref: what one of them waits for at a remote, the others do not wait for.

mod writers;

use std::collections::BTreeMap;
use std::time::Duration;

pub use super::bare::is_kept_back;
use super::bare::{self, FETCH_FLAGS, make_bare, set};
use super::git::{self, Repository};
use super::name::Name;
use super::options::Options;
use super::release::Sha;
use crate::disk;
use crate::process::{Limits, Status};
use crate::report::{ExitCode, Problem};
use writers::{alone, alone_soon, beside, packing, tidy};

/// How long packing may take, which goes on beside everything else.
const PACK: Duration = Duration::from_secs(60 * 60);

/// How long removing may take, which keeps all deploys back: of a MediaWiki with all its branches, it takes seconds.
const PRUNE: Duration = Duration::from_secs(5 * 60);

/// How long the remote may take to say what it has, at most.
const ASK: Duration = Duration::from_secs(120);

/// The file of the repository's configuration, which is written as a ref is; no branch has such a name.
const CONFIG: &str = "config";

/// A day in seconds.
const DAY: u64 = 24 * 60 * 60;

/// How long git may take for what it has.
const LOCAL: Duration = Duration::from_secs(60);

/// What a remote with a dead line is told: ssh gives up instead of waiting, asks nothing, and so does HTTP.
pub(super) const REMOTE: &[&str] = &[
    "-c",
    "core.sshCommand=ssh -oBatchMode=yes -oConnectTimeout=20 -oServerAliveInterval=15 -oServerAliveCountMax=4",
    "-c",
    "http.lowSpeedLimit=1000",
    "-c",
    "http.lowSpeedTime=60",
    "-c",
    "http.followRedirects=false",
];

/// Faults that old, honest histories have.
const OLD_FAULTS: &[&str] = &[
    "-c",
    "fetch.fsck.zeroPaddedFilemode=warn",
    "-c",
    "fetch.fsck.missingSpaceBeforeDate=warn",
    "-c",
    "fetch.fsck.missingEmail=warn",
    "-c",
    "fetch.fsck.missingSpaceBeforeEmail=warn",
    "-c",
    "fetch.fsck.badDate=warn",
    "-c",
    "fetch.fsck.badTimezone=warn",
];

/// How many threads git has to unpack what it fetches.
const THREADS: u32 = 4;

/// What the remote has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The commits of its branches, by full names.
    pub refs: BTreeMap<String, Sha>,
    /// Names that it should not have, and that nothing is done with.
    pub refused: Vec<String>,
}

/// The repository.
#[must_use]
pub fn core(options: &Options) -> Repository {
    Repository::ours(&options.layout.core())
}

/// Makes the repository, unless it is there, and tells it where its remote is.
///
/// # Errors
/// The system or git refuses.
pub fn ensure(options: &Options) -> Result<(), Problem> {
    let repository = core(options);
    let values = [
        ("remote.origin.url", options.core.as_str()),
        ("remote.origin.fetch", "+refs/heads/*:refs/heads/*"),
        ("remote.origin.tagOpt", "--no-tags"),
    ];
    if bare::has(&repository, &values)? {
        return tidy(options, &repository);
    }
    let directory = &repository.directory;
    if disk::look(directory).map_err(|error| super::releases::unusable(directory, &error))?.is_none() {
        // Nobody works yet in one that is not there.
        let _alone = alone(options)?;
        make_bare(directory)?;
    }
    // Beside others: what hangs at the old remote must not keep back what goes to the new one.
    beside(options, CONFIG, CONFIG, |repository| values.iter().try_for_each(|(key, value)| set(repository, key, value)))
}

/// Brings one branch from the remote, and nothing else.
///
/// # Errors
/// The name is no full name of a branch, the remote has no such branch, or does not answer.
pub fn fetch(options: &Options, branch: &str) -> Result<Sha, Problem> {
    checked(branch)?;
    beside(options, branch, branch, |repository| bring(options, repository, branch))
}

/// What the remote has: the truth about branches, when events were lost.
///
/// # Errors
/// The remote does not answer.
pub fn ls_remote(options: &Options) -> Result<Listing, Problem> {
    listing(options)
}

/// Makes a branch on the remote that begins with a base, a full ref or a commit; a branch that is there is left as it
/// is. Gives the branch's commit, which is brought here.
///
/// # Errors
/// There is no such base, or the remote refuses.
pub fn create_branch(options: &Options, base: &str, branch: &str) -> Result<Sha, Problem> {
    checked(branch)?;
    let remote = listing(options)?.refs;
    if remote.contains_key(branch) {
        return fetch(options, branch);
    }
    let sha = match Sha::new(base) {
        None if checked(base).is_ok() && !remote.contains_key(base) => {
            let what = format!("the core repository has no branch `{base}`");
            return Err(Problem::new(ExitCode::Usage, what).hint("name a branch, such as `refs/heads/master`"));
        }
        None => fetch(options, base)?,
        Some(sha) => {
            let of_a_branch = ["for-each-ref", "--count=1", "--contains", sha.as_str(), "refs/heads/"];
            let found = core(options).run(of_a_branch, LOCAL);
            if !found.is_ok_and(|found| !found.is_empty()) {
                let what = format!("no branch has the commit `{sha}`");
                return Err(Problem::new(ExitCode::Usage, what).hint("name a branch, such as `refs/heads/master`"));
            }
            sha
        }
    };
    let mut arguments = remote_command(&["push", "--quiet", "--no-verify", "--no-follow-tags", "--no-signed"]);
    // Never over one that somebody else has just made.
    arguments.push(format!("--force-with-lease={branch}:"));
    arguments.extend(["--end-of-options".to_owned(), "origin".to_owned(), format!("{sha}:{branch}")]);
    // It becomes ours, too.
    beside(options, branch, branch, |repository| {
        if let Err(error) = repository.run(&arguments, options.remote)
            && !listing(options)?.refs.contains_key(branch)
        {
            return Err(of_remote(&error).cause(format!("branch `{branch}` is not on the remote")));
        }
        bring(options, repository, branch)
    })
}

/// The one commit of a branch that a text names: a full name, or at least the first seven digits of one. Names of refs
/// are refused, since anyone can make some that look like digits.
///
/// # Errors
/// It names none or several, or the branch is not here.
pub fn resolve(options: &Options, branch: &str, rev: &str) -> Result<Sha, Problem> {
    checked(branch)?;
    let usage = |what: String| Problem::new(ExitCode::Usage, what);
    let hex = rev.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !hex || !(7..=64).contains(&rev.len()) {
        let rev = rev.chars().take(100).collect::<String>();
        return Err(usage(format!("`{rev}` is no commit's name")).hint("give 7 to 40 hexadecimal digits in lower case"));
    }
    let repository = core(options);
    let objects =
        repository.run([format!("--disambiguate={rev}")].map(|flag| ["rev-parse".to_owned(), flag]).concat(), LOCAL);
    let objects = objects.map_err(|error| problem(&error))?;
    let mut found = Vec::new();
    for object in String::from_utf8_lossy(&objects).lines().filter_map(Sha::new).take(100) {
        let kind = repository.run(["cat-file", "-t", object.as_str()], LOCAL).map_err(|error| problem(&error))?;
        if kind == b"commit\n" && contains(&repository, branch, &object)? {
            found.push(object);
        }
    }
    match <[Sha; 1]>::try_from(found) {
        Ok([sha]) => Ok(sha),
        Err(found) if found.is_empty() => Err(usage(format!("`{branch}` has no commit `{rev}`"))),
        Err(_) => Err(usage(format!("`{branch}` has several commits that begin with `{rev}`"))),
    }
}

/// Whether a commit is the other one, or came before it.
///
/// # Errors
/// One of them is not here.
pub fn is_ancestor(options: &Options, commit: &Sha, of: &Sha) -> Result<bool, Problem> {
    contains(&core(options), of.as_str(), commit)
}

/// Whether a commit is here, and is one.
#[must_use]
pub fn has(repository: &Repository, commit: &Sha) -> bool {
    repository.run(["cat-file", "-t", commit.as_str()], LOCAL).is_ok_and(|kind| kind == b"commit\n")
}

/// The commit that a full ref or a commit's name stands for, if it is here.
#[must_use]
pub fn tip(options: &Options, name: &str) -> Option<Sha> {
    let commit = format!("{name}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
    core(options).run(arguments, LOCAL).ok().as_deref().and_then(git::sha)
}

/// Keeps a commit that a wiki uses.
///
/// # Errors
/// It is not here.
pub fn pin(options: &Options, name: &Name, commit: &Sha) -> Result<(), Problem> {
    let pin = pin_of(name, commit);
    beside(options, &pins_of(name), &pin, |repository| {
        if !has(repository, commit) {
            return Err(Problem::new(
                ExitCode::Failed,
                format!("there is no commit `{commit}` in the core repository"),
            ));
        }
        repository.run(["update-ref", &pin, commit.as_str()], LOCAL)?;
        Ok(())
    })
}

/// Lets go of a commit that a wiki uses no more; of one that it did not use, too.
///
/// # Errors
/// git refuses.
pub fn unpin(options: &Options, name: &Name, commit: &Sha) -> Result<(), Problem> {
    let pin = pin_of(name, commit);
    beside(options, &pins_of(name), &pin, |repository| {
        repository.run(["update-ref", "-d", &pin], LOCAL)?;
        Ok(())
    })
}

/// Packs what has come in piece by piece, beside all others, and removes what no branch has had and no wiki has used for
/// two weeks, alone: nobody may begin to use again what is just being removed. What is being brought or written to disk
/// meanwhile is younger, or pinned. When somebody works all the time, nothing is removed.
///
/// # Errors
/// git refuses.
pub fn clean(options: &Options) -> Result<(), Problem> {
    let repository = core(options);
    // Older gits keep what no ref leads to as single objects, and `prune` looks at no others.
    let pack = ["-c", "gc.cruftPacks=false", "gc", "--quiet", "--no-prune"];
    packing(options, || repository.run(pack, PACK).map(drop).map_err(|error| problem(&error)))?;
    let prune = ["prune", "--expire=2.weeks.ago"];
    alone_soon(options, || repository.run(prune, PRUNE).map(drop).map_err(|error| problem(&error)))
}

/// The same, if the last time was a day ago, or never was. It takes the time of others, who wait for a part of it; so
/// nothing is done while pushes wait, unless that has been so for a week.
///
/// # Errors
/// git refuses, or the time cannot be noted.
pub fn clean_daily(options: &Options) -> Result<(), Problem> {
    let layout = &options.layout;
    let path = layout.cleaned();
    let failed = |error| super::releases::unusable(&path, &error);
    let last = disk::read_optional(&path).map_err(failed)?.unwrap_or_default();
    let last = String::from_utf8_lossy(&last).trim().parse::<u64>().unwrap_or(0);
    // A clock that was wrong once does not keep it off for years.
    let since = crate::disk::now().checked_sub(last).unwrap_or(u64::MAX);
    let queued =
        ["new", "cur"].map(|place| disk::names(&layout.queue().join(place)).is_ok_and(|names| !names.is_empty()));
    if since < DAY || queued.contains(&true) && since < 7 * DAY {
        return Ok(());
    }
    // Before: what cannot be cleaned is not tried at each look.
    disk::replace(&path, format!("{}\n", crate::disk::now()).as_bytes(), 0o644).map_err(failed)?;
    clean(options)
}

/// The commits that a wiki uses.
///
/// # Errors
/// git refuses.
pub fn pins(options: &Options, name: &Name) -> Result<Vec<Sha>, Problem> {
    let all = refs(&core(options), &format!("{}/", pins_of(name)))?;
    Ok(all.into_iter().filter(|(name, sha)| name.ends_with(sha.as_str())).map(|(_, sha)| sha).collect())
}

fn remote_command(words: &[&str]) -> Vec<String> {
    [REMOTE, OLD_FAULTS, words].concat().into_iter().map(str::to_owned).collect()
}

/// Brings a branch, whose lock is held.
fn bring(options: &Options, repository: &Repository, branch: &str) -> Result<Sha, Problem> {
    let mut arguments = remote_command(&["fetch"]);
    arguments.extend(FETCH_FLAGS.iter().map(|flag| (*flag).to_owned()));
    arguments.extend(["--end-of-options".to_owned(), "origin".to_owned(), format!("+{branch}:{branch}")]);
    // What threads of git use counts for one, and should we be killed, nobody else ends it.
    arguments.splice(0..0, ["-c", &format!("pack.threads={THREADS}")].map(str::to_owned));
    let limits = Limits { memory: options.remote_memory, processor: options.remote.saturating_mul(THREADS) };
    let limited = Repository { limits: Some(limits), ..repository.clone() };
    limited.run(&arguments, options.remote).map_err(|error| of_fetch(&error, options, branch))?;
    let commit = format!("{branch}^{{commit}}");
    let sha = repository.run(["rev-parse", "--verify", "--end-of-options", &commit], LOCAL);
    let sha = sha.map_err(|error| problem(&error))?;
    git::sha(&sha).ok_or_else(|| Problem::new(ExitCode::Failed, format!("`{branch}` is no commit")))
}

fn listing(options: &Options) -> Result<Listing, Problem> {
    let mut arguments = remote_command(&["ls-remote", "--quiet", "--heads"]);
    arguments.extend(["--end-of-options".to_owned(), "origin".to_owned()]);
    let printed = core(options).run(&arguments, ASK.min(options.remote)).map_err(|error| of_remote(&error))?;
    let mut listing = Listing::default();
    for line in printed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match parse_ref(line, b'\t') {
            Some((name, sha)) => drop(listing.refs.insert(name, sha)),
            None => listing.refused.push(String::from_utf8_lossy(line).escape_debug().to_string()),
        }
    }
    Ok(listing)
}

fn refs(repository: &Repository, below: &str) -> Result<BTreeMap<String, Sha>, Problem> {
    let printed = repository.run(["for-each-ref", "--format=%(objectname) %(refname)", below], LOCAL);
    let printed = printed.map_err(|error| problem(&error))?;
    Ok(printed.split(|byte| *byte == b'\n').filter_map(|line| parse_ref(line, b' ')).collect())
}

/// `<sha><separator><name>`, if the name is one that can be used.
fn parse_ref(line: &[u8], separator: u8) -> Option<(String, Sha)> {
    let at = line.iter().position(|byte| *byte == separator)?;
    let name = std::str::from_utf8(&line[at + 1..]).ok().filter(|name| git::is_ref(name))?;
    Some((name.to_owned(), git::sha(&line[..at])?))
}

fn contains(repository: &Repository, tip: &str, commit: &Sha) -> Result<bool, Problem> {
    let program = repository.program(["merge-base", "--is-ancestor", "--end-of-options", commit.as_str(), tip]);
    let captured = program.capture(1024, LOCAL).map_err(|error| problem(&error.into()))?;
    match captured.status {
        Status::Exited(0) => Ok(true),
        Status::Exited(1) => Ok(false),
        _ => git::succeeded(captured, "merge-base").map(|_| false).map_err(|error| problem(&error)),
    }
}

fn pins_of(name: &Name) -> String {
    format!("refs/deployed/{name}")
}

fn pin_of(name: &Name, commit: &Sha) -> String {
    format!("{}/{commit}", pins_of(name))
}

fn checked(branch: &str) -> Result<(), Problem> {
    if branch.starts_with("refs/heads/") && git::is_ref(branch) {
        return Ok(());
    }
    let shown = branch.chars().take(200).collect::<String>();
    Err(Problem::new(
        ExitCode::Usage,
        format!("`{shown}` is no full name of a branch, such as `refs/heads/wiki/alpha`"),
    ))
}

/// What git said, without the password of a remote's address.
fn problem(error: &git::Error) -> Problem {
    let mut problem = Problem::from_error(ExitCode::Failed, error);
    problem.what = without_password(&problem.what);
    problem
}

/// The same of what the remote had a part in.
fn of_remote(error: &git::Error) -> Problem {
    problem(error).hint("see whether the core repository answers: field `deploy.core` of mwfarm.yml names it")
}

fn of_fetch(error: &git::Error, options: &Options, branch: &str) -> Problem {
    if !error.is_of_limits() {
        return of_remote(error);
    }
    let memory = options.remote_memory >> 20;
    let what = format!("the history of `{branch}` needs more than {memory} MiB of memory, or too long, to be unpacked");
    Problem::new(ExitCode::Failed, what)
        .cause(problem(error).what)
        .hint("take large files out of it, or give it more: `deploy.remote-mebibytes` of mwfarm.yml")
}

fn without_password(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', '\'', '"', ' ']).unwrap_or(part.len());
        let begin = part[..end].rfind('@').map_or(0, |at| at + 1);
        clean.push_str("://");
        clean.push_str(&part[begin..]);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_said() {
        for (said, told) in [
            ("unable to access 'https://u:p@h/x': no", "unable to access 'https://h/x': no"),
            ("ssh://mwfarm@h:29418/a@b and https://h", "ssh://h:29418/a@b and https://h"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(without_password(said), told);
        }
    }

    #[test]
    fn lines_of_refs_are_taken_whole_or_not() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        assert!(parse_ref(format!("{sha}\trefs/heads/a").as_bytes(), b'\t').is_some());
        for line in [format!("{sha}\trefs/heads/$(id)"), format!("{sha}\trefs/heads/a\tb"), sha.to_owned()] {
            assert_eq!(parse_ref(line.as_bytes(), b'\t'), None, "{line}");
        }
    }
}
