//! The home of a wiki's group: its files, its pages, and the repository of its configuration.
//!
//! ```text
//! data/project/<wiki>/      root:wiki 3770: the wiki can add files, but not touch what is root's. The web server passes
//!     config                -> the configuration of the served release; a link of root's (or, `config: seed`, the work tree)
//!     config.git-work/      wiki 2770: where the configuration is edited and committed
//!     images/               wiki 2770: the web server reads it
//!     cache/ logs/          wiki 2770
//!     db/ tmp/              wiki 0700: pages, sessions and uploads under way
//!     config.committed      touched by the repository's hook; the worker takes it away, and looks for the commit
//! ```
//!
//! Everything inside what belongs to the wiki is done as the wiki's user. Root makes the directories themselves, by
//! descriptors that follow no link.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::git::{self, Repository};
use super::layout::Layout;
use super::lock;
use super::name::Name;
use super::options::{Live, Options};
use super::record::Wiki;
use super::release::ReleaseId;
use super::secrets::{self, random_hex};
use super::system::{program, succeed, unusable};
use super::users;
use crate::disk::{self, Found, Guest, Owner};
use crate::php::Value;
use crate::process::User;
use crate::report::{ExitCode, Problem};

/// The work tree of the configuration, where a commit of it is live.
const WORK: &str = "config.git-work";

/// What its name begins with before it is complete; the rest is of one attempt, so that a git which a kill has left at
/// work does not meddle with the next one. Only the wiki's user looks into it.
const UNFINISHED: &str = ".mwfarm-config-";

/// How long the removal of one may take.
const SWEEP: Duration = Duration::from_secs(10);

/// What is in no directory but a wiki's home.
pub(super) const PARTS: &[&str] = &["config", WORK];

/// What is kept for releases.
const CACHE: &str = "cache";

/// The directories that belong to the wiki.
const DIRECTORIES: &[(&str, u32)] =
    &[("images", 0o2770), ("cache", 0o2770), ("logs", 0o2770), ("db", 0o700), ("tmp", 0o700)];

/// What the repository runs after a commit. It tells that there is one, and never fails; which one, mwfarm reads itself.
const HOOK: &str = "#!/bin/sh
# Tells mwfarm to look for a new commit. Without this, it looks at intervals.
notify=$(git config --get mwfarm.notify) && touch -- \"$notify\" 2>/dev/null
exit 0
";

/// After what a new commit may be there.
const HOOKS: &[&str] = &["post-commit", "post-merge", "post-rewrite"];

/// The longest that a command of git may take here.
const TIME: Duration = Duration::from_secs(60);

/// Makes all of a home that is not there yet. Says whether it changed anything.
///
/// # Errors
/// Something else is where a directory belongs, or the system refuses.
pub fn ensure(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    let changed = ensure_directories(options, wiki)?;
    Ok(ensure_repository(options, wiki)? || changed)
}

/// Makes its directories, and no repository: what an app server needs of a home.
///
/// # Errors
/// As of [`ensure`].
pub fn ensure_directories(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    let home = options.layout.home(&wiki.name);
    let owner = users::owner(options, wiki);
    let web = web_user(options)?;
    let ours = Owner { uid: Owner::us().uid, gid: owner.gid };
    let mut changed = false;
    if let Some(above) = home.parent() {
        disk::make_directories(above).map_err(unusable(above))?;
    }
    if disk::find(&home).map_err(unusable(&home))? != Some(Found::Directory) {
        // As long as it is closed, nobody can put anything in the place of the link. What is no directory is refused.
        changed |= make_directory(&home, Owner::us(), 0o700, None)?;
    }
    changed |= place_config(options, &wiki.name)?;
    changed |= make_directory(&home, ours, 0o3770, web.map(Guest::Passes))?;
    for (name, mode) in DIRECTORIES {
        let guest = web.filter(|_| *name == "images").map(Guest::Reads);
        changed |= make_directory(&home.join(name), owner, *mode, guest)?;
    }
    Ok(changed)
}

/// The directory of what a release keeps for itself, such as compiled texts of languages: those of another release would
/// hold for it, since MediaWiki looks whether files have changed, and files of releases never do.
#[must_use]
pub fn cache(options: &Options, name: &Name, release: &ReleaseId) -> PathBuf {
    options.layout.home(name).join(CACHE).join(release.to_string())
}

/// The directory of all of these.
#[must_use]
pub fn caches(layout: &Layout, name: &Name) -> PathBuf {
    layout.home(name).join(CACHE)
}

/// Removes what releases kept that are gone; `kept` are those that are there. The directory is the wiki's, and so what
/// is in it is only touched as its user.
///
/// # Errors
/// Those of the system.
pub fn prune_caches(options: &Options, wiki: &Wiki, kept: &[ReleaseId]) -> Result<(), Problem> {
    let user = users::of(options, wiki);
    let directory = options.layout.home(&wiki.name).join(CACHE);
    let mut find = program("/usr/bin/find", [".", "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-print0"], user);
    find.directory.clone_from(&directory);
    let listed = succeed(&find, b"")?;
    let names = listed.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok()?.strip_prefix("./"));
    let gone = names.filter(|name| name.parse::<ReleaseId>().is_ok_and(|release| !kept.contains(&release)));
    let arguments: Vec<&str> = ["-rf", "--"].into_iter().chain(gone).collect();
    if arguments.len() > 2 {
        let mut remove = program("/bin/rm", arguments, user);
        remove.directory = directory;
        succeed(&remove, b"")?;
    }
    Ok(())
}

/// What MediaWiki is told of the directories in a wiki's home.
#[must_use]
pub fn settings(options: &Options, wiki: &Wiki, release: &ReleaseId) -> Vec<(String, Value)> {
    let home = options.layout.home(&wiki.name);
    let of = |(setting, path): (&str, PathBuf)| (setting.to_owned(), Value::Text(path.to_string_lossy().into_owned()));
    [
        ("wgUploadDirectory", home.join("images")),
        ("wgCacheDirectory", cache(options, &wiki.name, release)),
        ("wgTmpDirectory", home.join("tmp")),
    ]
    .map(of)
    .into()
}

/// The work tree of a wiki's configuration. It belongs to the wiki: only its user may run git there.
#[must_use]
pub fn work_tree(options: &Options, name: &Name) -> PathBuf {
    let home = options.layout.home(name);
    match options.config {
        Live::Committed => home.join(WORK),
        Live::Seed => home.join("config"),
    }
}

/// The file that the hooks of a wiki's configuration touch. Anybody in the wiki's group can: it is a reason to look, and
/// no more.
#[must_use]
pub fn notification(layout: &Layout, name: &Name) -> PathBuf {
    layout.home(name).join("config.committed")
}

/// Removes a home with all that is in it. Says whether there was one.
///
/// The wiki's user should be gone: what it still runs loses the home first, and can then put nothing into it.
///
/// # Errors
/// Those of the system.
pub fn remove(options: &Options, name: &Name) -> Result<bool, Problem> {
    let home = options.layout.home(name);
    let Some(above) = home.parent() else { return Ok(false) };
    let removed = above.join(".removed");
    if disk::find(above).map_err(unusable(above))?.is_none() {
        return Ok(false);
    }
    make_directory(&removed, Owner::us(), 0o700, None)?;
    let mut changed = false;
    if disk::find(&home).map_err(unusable(&home))?.is_some() {
        // No name has a dot.
        let out = removed.join(format!("{name}.{}", secrets::random_hex::<8>()?));
        disk::rename_new(&home, &out).map_err(unusable(&home))?;
        changed = true;
    }
    let mine = format!("{name}.");
    for left in disk::names(&removed).map_err(unusable(&removed))?.into_iter().filter(|left| left.starts_with(&mine)) {
        // Trees of a stranger can be deeper than our stack, and than the number of files that we may open.
        let remove = ["-rf".into(), "--one-file-system".into(), "--".into(), removed.join(left).into_os_string()];
        succeed(&program("/bin/rm", remove, None), b"")?;
        changed = true;
    }
    Ok(changed)
}

fn make_directory(path: &Path, owner: Owner, mode: u32, guest: Option<Guest>) -> Result<bool, Problem> {
    disk::own_directory(path, owner, mode, guest).map_err(|error| {
        let problem = unusable(path)(error);
        problem.hint("look what is there, and move it away")
    })
}

/// Makes the directory of a wiki's releases. It alone decides who comes in: the wiki, and whoever serves its files.
///
/// # Errors
/// Something else is there, or the system refuses.
pub fn ensure_releases(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    let directory = options.layout.releases(&wiki.name);
    let owner = Owner { uid: Owner::us().uid, gid: users::owner(options, wiki).gid };
    let guest = web_user(options)?.map(Guest::Passes);
    disk::make_directories(directory.parent().unwrap_or(Path::new("/")))
        .and_then(|()| disk::own_directory(&directory, owner, 0o750, guest))
        .map_err(unusable(&directory))
}

/// Makes a directory of ours that only the wiki's group reads besides.
///
/// # Errors
/// As of [`ensure_releases`].
pub fn make_private(options: &Options, wiki: &Wiki, directory: &Path) -> Result<(), Problem> {
    let owner = Owner { uid: Owner::us().uid, gid: users::owner(options, wiki).gid };
    disk::own_directory(directory, owner, 0o750, None).map(drop).map_err(unusable(directory))
}

/// The web server's user, where wikis have users of their own.
fn web_user(options: &Options) -> Result<Option<u32>, Problem> {
    if options.users.is_none() {
        return Ok(None);
    }
    let name = &options.services.web_user;
    let missing = || {
        Problem::new(ExitCode::Farm, format!("`{}` is no user of this machine", name.escape_debug()))
            .cause(format!("{}, field `deploy.services.web-user`", super::options::FILE))
    };
    users::number(name)?.ok_or_else(missing).map(Some)
}

/// Puts the link, or the work tree, where `config` is. What a change of `deploy.config` needs is a rename.
fn place_config(options: &Options, name: &Name) -> Result<bool, Problem> {
    let home = options.layout.home(name);
    let (config, work) = (home.join("config"), home.join(WORK));
    let target = options.layout.current(name).join(".mwfarm/config");
    let there = disk::find(&config).map_err(unusable(&config))?;
    match options.config {
        Live::Committed => {
            if disk::is_our_link(&config, &target).map_err(unusable(&config))? {
                return Ok(false);
            }
            match there {
                None => {}
                Some(Found::Directory) => disk::rename_new(&config, &work).map_err(unusable(&config))?,
                Some(_) => {
                    disk::remove_name(&config).map_err(unusable(&config))?;
                }
            }
            disk::link_new(&config, &target).map_err(unusable(&config))?;
            Ok(true)
        }
        Live::Seed => {
            let mut changed = false;
            if let Some(Found::Link(_) | Found::Other) = there {
                changed = disk::remove_name(&config).map_err(unusable(&config))?;
            }
            if there != Some(Found::Directory) && disk::find(&work).map_err(unusable(&work))? == Some(Found::Directory)
            {
                disk::rename_new(&work, &config).map_err(unusable(&work))?;
                changed = true;
            }
            Ok(changed)
        }
    }
}

/// Makes the repository of the configuration, as the wiki's user. It gets its name when it is complete.
fn ensure_repository(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    let home = options.layout.home(&wiki.name);
    let work = work_tree(options, &wiki.name);
    let owner = users::owner(options, wiki);
    let user = users::of(options, wiki);
    let is_missing = || Ok::<_, Problem>(disk::find(&work).map_err(unusable(&work))?.is_none());
    let mut changed = false;
    if is_missing()? {
        let template = hooks(options)?;
        let unfinished = format!("{UNFINISHED}{}", random_hex::<8>()?);
        commit_first(&Repository { user, ..Repository::ours(&home) }, options, wiki, &template, &unfinished)?;
        let name = work.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut rename = program("/bin/mv", ["-T", "--", &unfinished, &name], user);
        rename.directory.clone_from(&home);
        match succeed(&rename, b"") {
            // One that a kill has left at work was faster: its repository is as good.
            Err(_) if !is_missing()? => {}
            result => drop(result?),
        }
        changed = true;
    }
    sweep(&home, user);
    Ok(make_directory(&work, owner, 0o2770, None)? || changed)
}

/// Removes what attempts have left that were killed: after the rename, so that nobody renames what is being removed. As
/// the wiki's user: what somebody else has put there is in nobody's way, and stays.
fn sweep(home: &Path, user: Option<User>) {
    let is_ours = |name: &&String| {
        let attempt = name.strip_prefix(UNFINISHED);
        attempt.is_some_and(|attempt| attempt.len() == 16 && attempt.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    for name in disk::names(home).unwrap_or_default().iter().filter(is_ours) {
        let mut remove = program("/bin/rm", ["-rf", "--", name], user);
        home.clone_into(&mut remove.directory);
        // It is tried again with the next look.
        if remove.capture(0, SWEEP).is_err() {
            break;
        }
    }
}

fn commit_first(
    home: &Repository,
    options: &Options,
    wiki: &Wiki,
    template: &Path,
    unfinished: &str,
) -> Result<(), Problem> {
    let failed = |error: git::Error| {
        Problem::from_error(ExitCode::Failed, &error).cause(format!("configuration repository of `{}`", wiki.name))
    };
    let git = |arguments: &[&str], input: &[u8]| {
        // Nothing of it may be lost once the directory has its name.
        let program = home.program([&["-c", "core.fsync=all", "-C", unfinished], arguments].concat());
        let captured = program.capture_with(input, 64 << 10, TIME).map_err(|error| failed(error.into()))?;
        git::succeeded(captured, arguments[0]).map_err(failed)
    };
    let mut template_argument = std::ffi::OsString::from("--template=");
    template_argument.push(template);
    let init = ["init", "--quiet", "--shared=group", "--initial-branch=main"].map(Into::into).into_iter();
    home.run(init.chain([template_argument, unfinished.into()]), TIME).map_err(failed)?;
    let user = wiki.name.user();
    let notify = notification(&options.layout, &wiki.name);
    git(&["config", "user.name", &user], b"")?;
    git(&["config", "user.email", &format!("{user}@{}", wiki.host)], b"")?;
    git(&["config", "mwfarm.notify", &notify.to_string_lossy()], b"")?;
    let blob = git(&["hash-object", "-w", "--stdin"], local_settings(options, wiki).as_bytes())?;
    let blob = String::from_utf8_lossy(&blob).trim_end().to_owned();
    git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},LocalSettings.php")], b"")?;
    git(&["checkout-index", "--all"], b"")?;
    git(&["commit", "--quiet", "--message", &format!("Configuration of {}", wiki.name)], b"")?;
    Ok(())
}

/// The template of repositories: git copies its hooks.
fn hooks(options: &Options) -> Result<PathBuf, Problem> {
    let _farm = lock::farm(&options.layout).map_err(|error| Problem::from_error(ExitCode::Failed, &error))?;
    let etc = options.layout.etc();
    disk::make_directories(&etc).map_err(unusable(&etc))?;
    let template = etc.join("git-template");
    let directory = template.join("hooks");
    for path in [&template, &directory] {
        make_directory(path, Owner::us(), 0o755, None)?;
    }
    disk::sweep(&directory).map_err(unusable(&directory))?;
    for name in HOOKS {
        let path = directory.join(name);
        disk::own_file(&path, HOOK.as_bytes(), Owner::us(), 0o755).map_err(unusable(&path))?;
    }
    Ok(template)
}

/// What a wiki's configuration begins with.
fn local_settings(options: &Options, wiki: &Wiki) -> String {
    let name = crate::php::string_literal(wiki.name.as_str());
    let mut text = format!(
        "<?php\n\
         // Settings of this wiki. They come last: database, cache, secrets and paths are set before, by the farm.\n\
         // A commit is checked, and then live; a file that is only saved is not, unless the farm says `config: seed`.\n\
         // The file runs as the wiki's own user; other files of this repository are found by `__DIR__`.\n\
         \n\
         // $wgSitename = {name};\n"
    );
    if !options.has_settings() {
        text.push_str(
            "\n\
             // What all MediaWikis come with; without any skin, pages are bare.\n\
             if ( is_file( MW_INSTALL_PATH . '/skins/Vector/skin.json' ) ) {\n\
             \twfLoadSkin( 'Vector' );\n\
             }\n",
        );
    }
    text
}
