//! Errors of verbs in words for the user: what failed, why, and what helps.

use std::error::Error as _;
use std::path::Path;

use crate::build::{self, Error, eject, gc, opened, plan, published, rollback, verify, write};
use crate::config::wikis;
use crate::disk::{Linked, LockError};
use crate::report::{ExitCode, Problem};

/// A build's error; an unmet requirement is a problem each.
pub(super) fn problems(tree: &Path, error: Error) -> Vec<Problem> {
    vec![match error {
        Error::Unmet(unmet) => return unmet.iter().map(of_unmet).collect(),
        Error::Absent(absent) => return absent.iter().map(|absent| of_absent(tree, absent)).collect(),
        Error::Dangling(dangling) => return dangling.iter().map(of_dangling).collect(),
        Error::Plan(error) => return of_plan(&error),
        Error::Link(Linked::Link(_)) => Problem::from_error(ExitCode::Failed, &error).hint(
            "build a vendor tree elsewhere with `mwfarm build --output DIR`, or give this tree a vendor of its own",
        ),
        Error::Lock(error) => of_lock(&error),
        Error::Published(error) => of_published(&error),
        Error::Write(error) => of_write(&error),
        Error::Manifest(error) => {
            let hint = match &error {
                build::manifest::Error::Read { file, .. } if file == "composer.json" => Some(of_directory(tree)),
                build::manifest::Error::Read { file, .. } if file.ends_with("installed.json") => Some(install(tree)),
                _ => None,
            };
            with_hint(Problem::from_error(ExitCode::Failed, &error), hint)
        }
        Error::Rule(error) => Problem::from_error(ExitCode::Failed, &error)
            .hint(format!("{}, to bring missing files back; or correct the rule", install(tree))),
        Error::Missing(error) => Problem::from_error(ExitCode::Failed, &error)
            .hint(format!("{}, to bring missing files back; or correct the rule", install(tree))),
        Error::Scan(error) => Problem::from_error(ExitCode::Failed, &error),
        Error::Copy(build::copy::Error::Inside(_)) => Problem::from_error(ExitCode::Failed, &error)
            .hint("name a directory outside it, or leave `--output` out to build in the tree itself"),
        Error::Copy(build::copy::Error::Foreign(_)) => Problem::from_error(ExitCode::Failed, &error)
            .hint("name a directory that is empty, missing, or was made by an earlier `mwfarm build --output`"),
        Error::Link(Linked::System { .. }) | Error::Copy(_) | Error::Read { .. } => {
            Problem::from_error(ExitCode::Failed, &error)
        }
    }]
}

/// An error of the farm's file.
pub(super) fn of_farm(tree: &Path, error: &wikis::Error) -> Problem {
    let missing = matches!(error, wikis::Error::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
    let hint = missing.then(|| {
        if tree.join("composer.json").exists() {
            "write the wikis into `wikis.yml`, or name the file with `--wikis FILE`".to_owned()
        } else {
            of_directory(tree)
        }
    });
    with_hint(Problem::from_error(ExitCode::Farm, error), hint)
}

/// What to do when the tree is not one.
fn of_directory(tree: &Path) -> String {
    format!("`-d` names the directory of MediaWiki's composer.json; here it is `{}`", tree.display())
}

/// What brings `vendor/` back. Where Composer did not install it, as in a tarball, it would choose every version anew.
fn install(tree: &Path) -> String {
    let there = |name: &str| tree.join(name).exists();
    if there("composer.lock") || !there("vendor/composer") {
        "run `composer install`".to_owned()
    } else {
        "restore `vendor/` from where it came (the tarball): without `composer.lock`, `composer install` would choose \
         other versions"
            .to_owned()
    }
}

/// An error of `verify`.
pub(super) fn of_verify(error: &verify::Error) -> Vec<Problem> {
    vec![match error {
        verify::Error::Published(error) => of_published(error),
        verify::Error::Nothing(_) => Problem::from_error(ExitCode::Failed, error).hint(NOTHING),
        verify::Error::Read { .. } => Problem::from_error(ExitCode::Failed, error),
    }]
}

/// What helps where there is no build.
const NOTHING: &str = "run `mwfarm build` first; `-d` names the directory of the tree's composer.json";

/// A vendor directory that is not opened.
fn of_opened(error: &opened::Error) -> Problem {
    let problem = Problem::from_error(ExitCode::Failed, error);
    match error {
        opened::Error::Published(error) => of_published(error),
        opened::Error::Lock(error) => of_lock(error),
        opened::Error::Link(Linked::Link(_)) => {
            problem.hint("name the directory itself, with `--output DIR`, if it is yours to change")
        }
        opened::Error::Nothing(_) => problem.hint(NOTHING),
        opened::Error::Link(Linked::System { .. }) | opened::Error::System { .. } => problem,
    }
}

/// An error of `eject`.
pub(super) fn of_eject(error: &eject::Error) -> Vec<Problem> {
    vec![match error {
        eject::Error::Open(error) => of_opened(error),
        eject::Error::System { .. } => Problem::from_error(ExitCode::Failed, error),
    }]
}

pub(super) fn of_gc(error: &gc::Error) -> Problem {
    let problem = Problem::from_error(ExitCode::Failed, error);
    match error {
        gc::Error::Open(error) => of_opened(error),
        gc::Error::Unknown(_) => problem.hint("run `mwfarm build`, then collect again"),
        gc::Error::System { .. } => problem,
    }
}

pub(super) fn of_rollback(error: &rollback::Error) -> Problem {
    let problem = |code| Problem::from_error(code, error);
    match error {
        rollback::Error::Open(error) => of_opened(error),
        rollback::Error::Replaced(_) => {
            problem(ExitCode::Failed).hint("run `mwfarm build`; `mwfarm eject` takes mwfarm out")
        }
        rollback::Error::NoEarlier(_) => {
            problem(ExitCode::Failed).hint("`mwfarm rollback --list` shows the generations that are there")
        }
        rollback::Error::Unknown(_) => {
            problem(ExitCode::Usage).hint("`mwfarm rollback --list` shows the generations that are there")
        }
        rollback::Error::Ambiguous { matches, .. } => {
            let matches: Vec<_> = matches.iter().map(ToString::to_string).collect();
            problem(ExitCode::Usage).cause(matches.join(", ")).hint("give more digits")
        }
        rollback::Error::Served(_) => problem(ExitCode::Usage),
        rollback::Error::Unrecorded(_) => {
            problem(ExitCode::Failed).hint("bring the tree back to what it was then, and run `mwfarm build`")
        }
        rollback::Error::Damaged { file, what, .. } => problem(ExitCode::Failed)
            .cause(format!("`{file}` {what}"))
            .hint("`--to` names another one; with the tree as it was then, remove that file and run `mwfarm build`"),
        rollback::Error::Unfinished(_) => problem(ExitCode::Usage).hint("run `mwfarm build`"),
        rollback::Error::Missing { files, .. } => {
            let mut shown: Vec<_> = files.iter().take(3).map(|file| format!("`{}`", file.escape_debug())).collect();
            if files.len() > shown.len() {
                shown.push(format!("{} more", files.len() - shown.len()));
            }
            problem(ExitCode::Failed).cause(shown.join(", ")).hint(
                "bring these files back, as with `composer install` for the composer.lock of then; then roll back",
            )
        }
        rollback::Error::System { .. } => problem(ExitCode::Failed),
    }
}

/// What `--locked` finds.
pub(super) fn out_of_date(build: &build::Build) -> Problem {
    let published =
        build.published.manifest.as_ref().map_or("nothing".to_owned(), |m| format!("generation {}", m.generation));
    Problem::new(ExitCode::OutOfDate, "what is published is out of date")
        .cause(format!("{published} is published, generation {} is what a build would make", build.plan.generation))
        .hint("run `mwfarm build`; with the options of that build, `--locked` is content")
}

fn of_absent(tree: &Path, build::Absent { package, path, wiki }: &build::Absent) -> Problem {
    let who = wiki.as_ref().map_or("every wiki".to_owned(), |wiki| format!("wiki `{wiki}`"));
    Problem::new(ExitCode::Failed, format!("package `{package}` is not at `{}`", path.escape_debug()))
        .cause(format!("vendor/composer/installed.json, field `packages[{package}].install-path`; {who} loads it"))
        .hint(format!("{}, or copy the tree again as a whole", install(tree)))
}

fn of_unmet(unmet: &build::resolve::Unmet) -> Problem {
    Problem::new(ExitCode::Unmet, unmet.to_string()).cause(unmet.cause()).hint(unmet.hint())
}

fn of_dangling(build::Dangling { dangling, wiki }: &build::Dangling) -> Problem {
    Problem::new(ExitCode::Unmet, dangling.to_string())
        .cause(format!("{}, field `{}`; wiki `{wiki}` has it on", dangling.file, dangling.field))
        .hint("add the missing extension to the tree, or turn this one off for the wiki")
}

fn of_plan(error: &plan::Error) -> Vec<Problem> {
    match error {
        plan::Error::UnknownExtensions { file, unknown } => unknown.iter().map(|one| of_unknown(file, one)).collect(),
        plan::Error::FastNotAuthoritative => vec![
            Problem::from_error(ExitCode::Usage, error)
                .cause("it knows the class map only, and the tree's Composer also looks for files of classes")
                .hint("add `--classmap-authoritative`, or leave `--autoloader fast` out"),
        ],
        plan::Error::Taken(_) => vec![
            Problem::from_error(ExitCode::Failed, error)
                .cause("`MediaWikiFarm` looks there for the autoloader of an extension")
                .hint("move it away and build again, or leave `--mediawikifarm` out"),
        ],
        plan::Error::TooManyCombinations { .. } => vec![
            Problem::from_error(ExitCode::Usage, error)
                .cause(format!("it is for comparisons, with at most {} extensions", plan::BOLD_LIMIT))
                .hint("leave `--strategy` out: quick bold links only what wikis have on"),
        ],
    }
}

fn of_unknown(file: &str, plan::Unknown { wanted, near }: &plan::Unknown) -> Problem {
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? names are directory names"),
        None => "names are directory names below `extensions/` and `skins/`".to_owned(),
    };
    Problem::new(ExitCode::Farm, format!("no extension `{}` in the tree", wanted.extension))
        .cause(format!("{file}, field `{}`", wanted.field))
        .hint(hint)
}

fn of_lock(error: &LockError) -> Problem {
    let hint = match error {
        LockError::Held { .. } => Some("wait for it, or leave `--no-wait` out".to_owned()),
        LockError::Replaced(_) => Some("build again when whatever replaces it, such as Composer, has ended".to_owned()),
        LockError::System { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Some("run `composer install` first".to_owned())
        }
        LockError::System { .. } => None,
    };
    with_hint(Problem::from_error(ExitCode::Failed, error), hint)
}

/// How to begin again without a manifest.
const AFRESH: &str = "put `vendor/mwfarm.json` back from a copy; if there is none: first bring Composer's own \
                      `vendor/autoload.php` and `vendor/composer/installed.php` back, from the tarball, or where there \
                      is a `composer.lock` by `composer install && composer dump-autoload`; then remove \
                      `vendor/mwfarm.json`, `vendor/mwfarm_extensions.php`, `vendor/mwfarm_preload.php` and \
                      `vendor/MediaWikiExtensions.php`; then run `mwfarm build`";

fn of_published(error: &published::Error) -> Problem {
    let hint = match error {
        published::Error::Read(_) => None,
        published::Error::Link(_) => Some("put a plain file there, or remove it, and build again"),
        published::Error::Manifest(_) | published::Error::OriginalLost(_) => Some(AFRESH),
        published::Error::Schema { .. } => Some("use the mwfarm that wrote it, or a newer one"),
    };
    with_hint(Problem::from_error(ExitCode::Failed, error), hint.map(str::to_owned))
}

fn of_write(error: &write::Error) -> Problem {
    let hint = match error {
        write::Error::System { .. } => None,
        write::Error::Stranger { .. } => Some("move it away and build again".to_owned()),
    };
    let problem = Problem::from_error(ExitCode::Failed, error);
    debug_assert!(error.source().is_some() || hint.is_some());
    with_hint(problem, hint)
}

fn with_hint(problem: Problem, hint: Option<String>) -> Problem {
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
