//! `run`: a maintenance script of MediaWiki for one wiki, as `mwscript` does it, from what is published.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::show::unknown;
use super::update;
use crate::cli;
use crate::config::options::{self, Options};
use crate::config::published::{Manifest, Published, Wiki};
use crate::disk;
use crate::farm::WikiId;
use crate::process::{Environment, Program, Status};
use crate::report::{ExitCode, Output, Problem, Reporter};

/// Runs a script and passes its exit code on, or `update` for all wikis.
pub(in crate::run) fn run(
    flags: &cli::Run,
    jobs: Option<NonZeroUsize>,
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    let directory = super::directory(&flags.config);
    let options = options::read(&directory).map_err(|error| vec![super::of_options(&error)])?;
    let farm = Farm::read(options)?;
    let is_update = plain_name(&flags.script).is_some_and(|name| name.eq_ignore_ascii_case("update"))
        || flags.script == "maintenance/update.php";
    if flags.all {
        if !is_update {
            let what = "`--all` is for `update` only".to_owned();
            let hint = "for other scripts, run it for each of `mwfarm wikis --format csv`";
            return Err(vec![Problem::new(ExitCode::Usage, what).hint(hint)]);
        }
        return update::all(&farm, jobs, &flags.arguments, reporter);
    }
    let name = flags.wiki.as_deref().unwrap_or_default();
    let (id, wiki) = farm.named(name)?;
    if is_update {
        return update::one(&farm, id, wiki, &flags.arguments, reporter);
    }
    let version = farm.published.in_use.get(id).filter(|_| wiki.delayed).map_or(&wiki.version, |state| &state.version);
    let program = farm.program(id, version, &flags.script, &flags.arguments)?;
    let status = program.run().map_err(|error| vec![Problem::from_error(ExitCode::Failed, &error)])?;
    Ok(ended(status))
}

/// What the process ends with when a script has ended.
pub(in crate::run) fn ended(status: Status) -> Output {
    Output::done(Vec::new()).exit(ExitCode::Script(status.code()))
}

/// A farm as it is published.
pub(super) struct Farm {
    pub(super) options: Options,
    pub(super) published: Published,
    pub(super) manifest: Manifest,
}

impl Farm {
    pub(super) fn read(options: Options) -> Result<Self, Vec<Problem>> {
        let published =
            Published::read(&options.output).map_err(|error| vec![Problem::from_error(ExitCode::Failed, &error)])?;
        let Some(manifest) = published.manifest.clone() else {
            let what = format!("no farm is compiled in `{}`", options.output.display());
            return Err(vec![Problem::new(ExitCode::Farm, what).hint("run `mwfarm build` first")]);
        };
        Ok(Self { options, published, manifest })
    }

    fn named(&self, name: &str) -> Result<(&WikiId, &Wiki), Vec<Problem>> {
        let wikis = self.manifest.wikis.keys().map(WikiId::as_str);
        self.manifest.named(name).ok_or_else(|| vec![unknown(name, wikis)])
    }

    /// The directory of a version.
    pub(super) fn tree(&self, version: &str) -> Result<&Path, Vec<Problem>> {
        self.manifest.trees.get(version).map(PathBuf::as_path).ok_or_else(|| {
            let what = format!("the farm is not compiled for the version `{}`", version.escape_debug());
            vec![Problem::new(ExitCode::Farm, what).hint("run `mwfarm build`")]
        })
    }

    /// A script with all that it is started with: the wiki, its version's directory, its settings.
    ///
    /// # Errors
    /// There is no such script in that version.
    pub(super) fn program(
        &self,
        id: &WikiId,
        version: &str,
        script: &str,
        arguments: &[OsString],
    ) -> Result<Program, Vec<Problem>> {
        let tree = self.tree(version)?;
        let runner = tree.join("maintenance/run.php");
        let has_runner = runner.is_file();
        let mut all: Vec<OsString> = Vec::new();
        let file = match plain_name(script) {
            Some(name) => format!("maintenance/{}", file_of(tree, name)?),
            None => script.to_owned(),
        };
        // Names of classes and of extensions' scripts, such as `CheckUser:importCheckUserLogs`, are run.php's to know.
        let of_class = has_runner && script.contains([':', '\\']);
        if !of_class && !tree.join(&file).is_file() {
            let what = format!("there is no script `{}` in `{}`", script.escape_debug(), tree.display());
            let hint = "scripts are named as in `maintenance/`, or by their path in MediaWiki's directory";
            return Err(vec![Problem::new(ExitCode::Usage, what).hint(hint)]);
        }
        if has_runner {
            all.push(runner.into());
            all.push(if of_class { script.into() } else { tree.join(&file).into() });
        } else {
            all.push(tree.join(&file).into());
        }
        all.extend(arguments.iter().cloned());
        let settings = self.options.output.join("LocalSettings.php");
        Ok(Program {
            program: self.options.php.clone(),
            arguments: all,
            directory: tree.to_owned(),
            environment: Environment::Inherited(vec![
                ("MWFARM_WIKI".into(), id.as_str().into()),
                ("MW_CONFIG_FILE".into(), settings.into()),
                ("MW_INSTALL_PATH".into(), tree.into()),
            ]),
            user: None,
            limits: None,
        })
    }
}

/// The file of a script in `maintenance/`. Some have changed to capital letters with a release, as `Version.php` has, and
/// run.php finds them by either name.
fn file_of(tree: &Path, name: &str) -> Result<String, Vec<Problem>> {
    let file = format!("{name}.php");
    let directory = tree.join("maintenance");
    if directory.join(&file).is_file() {
        return Ok(file);
    }
    let names = disk::names(&directory).map_err(|error| {
        vec![Problem::new(ExitCode::Failed, format!("cannot read `{}`", directory.display())).cause(error.to_string())]
    })?;
    Ok(names.into_iter().find(|other| other.eq_ignore_ascii_case(&file)).unwrap_or(file))
}

/// The name of a script in `maintenance/`, with or without its ending.
fn plain_name(script: &str) -> Option<&str> {
    let name = script.strip_suffix(".php").unwrap_or(script);
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')).then_some(name)
}
