//! The database of a wiki, made by MediaWiki's installer and kept by its update.php, both from the release that will
//! need it and as the wiki's user.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::engine::told;
use super::maintenance::{Site, reason};
use super::options::{Database, Options};
use super::record::Wiki;
use super::releases::unusable;
use super::{database, secrets, system, users};
use crate::disk;
use crate::process::{Program, Status};
use crate::report::{ExitCode, Problem};

/// What update.php did to the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Nothing: code from before works on.
    Same,
    /// Something: code from before may not work any more.
    Changed,
}

/// The most that they may print, in bytes.
const MAX_OUTPUT: usize = 64 << 20;

/// How often update.php may fail or be cut off for the same commits before pushes wait for a person.
pub const TRIES: usize = 2;

/// Whether a release has scripts that look after the database. They are run for every release, also one that differs
/// in its settings only: those alone can turn an extension on, and nobody but MediaWiki knows which tables it needs.
#[must_use]
pub fn is_needed(site: &Site<'_>) -> bool {
    site.has("maintenance/update.php")
}

/// The schema as it is. A database that does not answer is found here, and is no fault of the release.
///
/// # Errors
/// The database does not answer.
pub fn look(options: &Options, wiki: &Wiki) -> Result<String, Problem> {
    database::schema(options, wiki)
}

/// Makes the schema, or brings it to what the release needs.
///
/// # Errors
/// A script failed; what it said is told. It can be run again.
pub fn update(options: &Options, wiki: &Wiki, site: &Site<'_>, before: &str) -> Result<Schema, Problem> {
    let is_new = before == database::nothing();
    if is_new && options.database != Database::None && site.has("maintenance/install.php") {
        install(options, wiki, site)?;
    }
    let quick: [OsString; 1] = ["--quick".into()];
    run(&site.script("maintenance/update.php", &quick), "update.php", "update.log", options, wiki)?;
    let after = database::schema(options, wiki)?;
    // A wiki's first schema is nobody else's.
    Ok(if is_new || before == after { Schema::Same } else { Schema::Changed })
}

/// MediaWiki's installer makes the tables and the first user. The settings file that it writes is thrown away.
fn install(options: &Options, wiki: &Wiki, site: &Site<'_>) -> Result<(), Problem> {
    let name = &wiki.name;
    let scratch = options.layout.installer(name);
    let failed = |error: std::io::Error| unusable(&scratch, &error);
    disk::clear(&scratch).map_err(failed)?;
    disk::own_directory(&scratch, users::owner(options, wiki), 0o700, None).map_err(failed)?;
    let password = scratch.join("password");
    let secret = secrets::read(options, name)?.admin_password;
    disk::own_file(&password, secret.as_bytes(), users::owner(options, wiki), 0o400).map_err(failed)?;
    let mut arguments: Vec<OsString> = Vec::new();
    let mut flag = |flag: &str, value: OsString| {
        arguments.push(flag.into());
        arguments.push(value);
    };
    flag("--confpath", scratch.clone().into());
    flag("--server", format!("http://{}", wiki.host).into());
    flag("--scriptpath", "".into());
    flag("--passfile", password.into());
    match &options.database {
        Database::None => {}
        Database::Sqlite => {
            flag("--dbtype", "sqlite".into());
            flag("--dbpath", options.layout.home(name).join("db").into());
            flag("--dbname", name.database().into());
        }
        Database::Mariadb(socket) => {
            let mut server = OsString::from("localhost:");
            server.push(socket);
            flag("--dbtype", "mysql".into());
            flag("--dbserver", server);
            flag("--dbname", name.database().into());
            flag("--dbuser", name.user().into());
            flag("--installdbuser", name.user().into());
        }
    }
    arguments.push(name.as_str().into());
    arguments.push("Admin".into());
    let mut program = site.script("maintenance/install.php", &arguments);
    if let crate::process::Environment::Clean(variables) = &mut program.environment {
        // The installer refuses to work where settings are.
        for (variable, value) in variables.iter_mut().filter(|(variable, _)| variable == "MW_CONFIG_FILE") {
            debug_assert_eq!(variable, "MW_CONFIG_FILE");
            *value = scratch.join("LocalSettings.php").into();
        }
    }
    let result = run(&program, "MediaWiki's installer", "install.log", options, wiki);
    disk::clear(&scratch).map_err(failed)?;
    result
}

fn run(program: &Program, what: &str, log: &str, options: &Options, wiki: &Wiki) -> Result<(), Problem> {
    let failed =
        |cause: String| Problem::new(ExitCode::Failed, format!("{what} failed for `{}`", wiki.name)).cause(cause);
    match program.capture(MAX_OUTPUT, options.schema) {
        Err(error) => Err(failed(told(&Problem::from_error(ExitCode::Failed, &error)))),
        Ok(captured) if captured.status == Status::Exited(0) => Ok(()),
        Ok(captured) => {
            let output = [captured.output, captured.messages].concat();
            let reason = reason(&String::from_utf8_lossy(&output));
            let reason = if reason.is_empty() { format!("exit code {}", captured.status.code()) } else { reason };
            let kept =
                keep(options, wiki, log, &output).map(|path| format!("all that it said is in `{}`", path.display()));
            Err(failed(reason).causes(kept))
        }
    }
}

/// Keeps what a script said for whoever works on the wiki, who could have run it: as the wiki's user, with that user's
/// rights. `None` when that cannot be, which is no reason to hide why the script failed.
fn keep(options: &Options, wiki: &Wiki, log: &str, output: &[u8]) -> Option<PathBuf> {
    if output.is_empty() {
        return None;
    }
    let path = options.layout.home(&wiki.name).join("logs").join(log);
    let write = "umask 007 && rm -f -- \"$1\" && cat > \"$1\"";
    let arguments: [OsString; 4] = ["-c".into(), write.into(), "sh".into(), path.clone().into()];
    let program = system::program("/bin/sh", arguments, users::of(options, wiki));
    system::succeed(&program, output).ok().map(|_| path)
}

/// The version of a MediaWiki; `None` for anything else.
#[must_use]
pub fn version(tree: &Path) -> Option<String> {
    let defines = disk::read_optional(&tree.join("includes/Defines.php")).ok()??;
    let text = String::from_utf8_lossy(&defines);
    let (_, after) = text.split_once("'MW_VERSION'")?;
    after.split('\'').nth(1).map(str::to_owned)
}
