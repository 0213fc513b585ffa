//! A release: the commit's tree, the wiki's configuration, the Composer sets and the settings, put together apart and
//! renamed to its place when all of it is durable. From then on nothing in it changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::engine::{Built, Engine, ToBuild};
use super::git::Repository;
use super::options::Options;
use super::record::Wiki;
use super::release::{Release, ReleaseId, Sha};
use super::releases::{self, SCHEMA, staged, unusable};
use super::tree::{self, Tree};
use super::{cache, config_repository, database, export, home, lint, outdated, repository, settings};
use crate::disk;
use crate::farm::Host;
use crate::php::Value;
use crate::report::{ExitCode, Problem};

/// Makes a release, unless it is there. Says whether it was made.
///
/// # Errors
/// The tree or the configuration is refused, or the system refuses. Nothing is left.
pub fn assemble(
    engine: &Engine<'_>,
    wiki: &Wiki,
    release: &ReleaseId,
    code: &Sha,
    config: Option<&Sha>,
) -> Result<bool, Problem> {
    let layout = &engine.options.layout;
    if releases::read(layout, &wiki.name, release)?.is_some() {
        return Ok(false);
    }
    let staged = staged(layout, &wiki.name, release.seq, "release");
    let assembly = Assembly { engine, wiki, release, code, config, staged };
    let made = assembly.make();
    if made.is_err() {
        // What is left is removed with the next attempt, too; the error is more important.
        let _ = disk::clear(&assembly.staged);
    }
    made.map(|()| true)
}

/// How old generated PHP is made, in seconds since 1970: OPcache compiles what is younger than two seconds on every
/// request.
const OLD: Duration = Duration::from_secs(1_000_000_000);

struct Assembly<'a> {
    engine: &'a Engine<'a>,
    wiki: &'a Wiki,
    release: &'a ReleaseId,
    code: &'a Sha,
    config: Option<&'a Sha>,
    staged: PathBuf,
}

impl Assembly<'_> {
    fn make(&self) -> Result<(), Problem> {
        let layout = &self.engine.options.layout;
        let name = &self.wiki.name;
        home::ensure_releases(self.engine.options, self.wiki)?;
        let failed = |error: std::io::Error| unusable(&self.staged, &error);
        disk::clear(&self.staged).map_err(failed)?;
        releases::make_staging(layout).map_err(failed)?;
        disk::new_directory(&self.staged, 0o755).map_err(failed)?;

        let digest = self.code()?;
        self.configuration()?;
        let built = self.build()?;
        self.settings(&built)?;
        let sources = self.sources(built.sources)?;
        self.write("REVISION", format!("{}\n", self.code).as_bytes())?;
        let link = layout.home(name).join("config/LocalSettings.php");
        disk::make_link(&self.staged.join("LocalSettings.php"), &link).map_err(failed)?;

        let said = Release {
            schema: SCHEMA,
            release: self.release.clone(),
            code: self.code.clone(),
            branch: self.wiki.branch.clone(),
            config: self.config.cloned(),
            generation: built.generation,
            extensions: built.extensions,
            made: crate::disk::now(),
            digest,
            mwfarm: outdated::VERSION.to_owned(),
            sources,
        };
        let json = serde_json::to_vec_pretty(&said).unwrap_or_default();
        // The last file: a directory without it is no release.
        self.write(".mwfarm/release.json", &json)?;
        let place = layout.release(name, self.release);
        disk::sync_file_system(&self.staged)
            .and_then(|()| disk::publish(&self.staged, &place))
            .map_err(|error| unusable(&place, &error))
    }

    /// The tree of the commit. Says its digest.
    fn code(&self) -> Result<String, Problem> {
        let options = self.engine.options;
        let repository = repository::core(options);
        let scanned = tree::scan(&repository, self.code, &options.limits)?;
        let served = self.served()?;
        match &served {
            Some(served) if served.code == *self.code => {
                export::link_copy(&options.layout.release(&self.wiki.name, &served.release), &self.staged)?;
            }
            _ => {
                parse_changed(self.engine, self.wiki, served.as_ref(), &scanned, self.code)?;
                export::export(&repository, self.code, &scanned, &self.staged)?;
            }
        }
        Ok(scanned.digest)
    }

    /// The release that is served, whose files need not be written again when the code is the same.
    fn served(&self) -> Result<Option<Release>, Problem> {
        let layout = &self.engine.options.layout;
        let Some(current) = releases::current(layout, &self.wiki.name)? else { return Ok(None) };
        releases::read(layout, &self.wiki.name, &current)
    }

    /// The wiki's own configuration.
    fn configuration(&self) -> Result<(), Problem> {
        let options = self.engine.options;
        let inside = self.staged.join(".mwfarm");
        home::make_private(options, self.wiki, &inside)?;
        let Some(config) = self.config else { return Ok(()) };
        let directory = inside.join("config");
        disk::new_directory(&directory, 0o755).map_err(|error| unusable(&directory, &error))?;
        config_repository::write(options, self.wiki, config, &directory).map(drop)
    }

    fn build(&self) -> Result<Built, Problem> {
        let options = self.engine.options;
        let mut hosts = vec![self.wiki.host.clone()];
        hosts.extend(Host::new(&format!("{}.{}", self.wiki.name.next(), options.zone)).ok());
        let config = self.staged.join(".mwfarm/config");
        let place = options.layout.release(&self.wiki.name, self.release);
        let to_build = ToBuild { tree: &self.staged, place, wiki: self.wiki, hosts, config };
        (self.engine.build)(&to_build).map_err(|problems| first(problems, "the release cannot be built"))
    }

    fn settings(&self, built: &Built) -> Result<(), Problem> {
        if let Some(farm) = &built.settings {
            self.write(".mwfarm/farm.php", farm.as_bytes())?;
        }
        let text = given(self.engine.options, self.wiki, self.release, self.config.is_some(), built.settings.is_some());
        self.write(".mwfarm/settings.php", text.as_bytes())
    }

    /// What the farm's settings were read from. Gives its key.
    fn sources(&self, mut sources: BTreeMap<String, String>) -> Result<Option<String>, Problem> {
        // Each new wiki changes the list of them, and no other wiki by that.
        if let Some(list) = &self.engine.options.list {
            sources.remove(list.file());
        }
        if sources.is_empty() {
            return Ok(None);
        }
        self.write(outdated::SOURCES, &serde_json::to_vec(&sources).unwrap_or_default())?;
        Ok(Some(outdated::key(&sources)))
    }

    fn write(&self, file: &str, content: &[u8]) -> Result<(), Problem> {
        let path = self.staged.join(file);
        disk::write_file(&path, content, false, SystemTime::UNIX_EPOCH + OLD).map_err(|error| unusable(&path, &error))
    }
}

/// The settings file of a release: what the farm gives a wiki, around its own file, which is that of a commit or the
/// working file; `farm` is whether compiled settings stand beside it.
pub(super) fn given(options: &Options, wiki: &Wiki, release: &ReleaseId, committed: bool, farm: bool) -> String {
    let name = &wiki.name;
    let place = options.layout.release(name, release);
    let own = if committed {
        place.join(".mwfarm/config/LocalSettings.php")
    } else {
        options.layout.home(name).join("config/LocalSettings.php")
    };
    let mut given = vec![
        ("wgSitename".to_owned(), Value::Text(name.to_string())),
        ("wgServer".to_owned(), Value::Text(format!("//{}", wiki.host))),
        ("wgScriptPath".to_owned(), Value::Text(String::new())),
        ("wgArticlePath".to_owned(), Value::Text("/wiki/$1".to_owned())),
        ("wgUploadPath".to_owned(), Value::Text("/images".to_owned())),
    ];
    let mut kept = home::settings(options, wiki, release);
    kept.extend(database::settings(options, wiki));
    given.extend(kept.iter().cloned());
    given.extend(database::files(options, wiki));
    given.extend(cache::settings(options, wiki));
    settings::text(&settings::Content {
        wiki: name.as_str(),
        release,
        directory: &place,
        given: &given,
        secrets: Some(&options.layout.secrets(name)),
        farm,
        own: &own,
        kept: &kept,
    })
}

/// Parses what a commit changes of the code that is served. What a wiki's branch began with is what other wikis run: of
/// the first release, the wiki's own changes are looked at.
///
/// # Errors
/// As of [`parse`].
pub(super) fn parse_changed(
    engine: &Engine<'_>,
    wiki: &Wiki,
    served: Option<&Release>,
    tree: &Tree,
    code: &Sha,
) -> Result<(), Problem> {
    let repository = repository::core(engine.options);
    let base = repository::tip(engine.options, &wiki.base);
    let from = served.map(|served| &served.code).or(base.as_ref());
    let changed = lint::changed(&repository, from, tree, code)?;
    parse(engine, wiki, &repository, tree, &changed, "the pushed code")
}

/// Parses PHP files of a commit; nothing of them is run.
///
/// # Errors
/// One cannot be parsed: which, where and why, of the first three.
pub(super) fn parse(
    engine: &Engine<'_>,
    wiki: &Wiki,
    repository: &Repository,
    tree: &Tree,
    paths: &[String],
    what: &str,
) -> Result<(), Problem> {
    let faults = lint::lint(engine.options, engine.user(wiki), repository, tree, paths)?;
    if faults.is_empty() {
        return Ok(());
    }
    let causes = faults.iter().take(3).map(|fault| format!("{}:{}: {}", fault.path, fault.line, fault.message));
    Err(Problem::new(ExitCode::Failed, format!("{what} of `{}` does not parse", wiki.name)).causes(causes))
}

/// Several problems as one: the first, with the number of the others.
pub(super) fn first(problems: Vec<Problem>, otherwise: &str) -> Problem {
    let others = problems.len().saturating_sub(1);
    let mut problems = problems.into_iter();
    let Some(problem) = problems.next() else { return Problem::new(ExitCode::Failed, otherwise) };
    if others == 0 { problem } else { problem.cause(format!("and {others} other problems")) }
}
