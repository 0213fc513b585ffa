//! Writes a farm's plan: settings first, what names them last.

use std::io;
use std::path::{Path, PathBuf};

use super::entry::{self, WWW};
use super::plan::{KeptFile, Plan};
use super::published::{MANIFEST, SETTINGS, VERSIONS};
use super::threads;
use crate::disk::{self, Found, Linked, Lock, LockError, Staging};
use crate::farm::WikiId;
use crate::table::Texts;

/// For people: links to the settings in use, in the output directory.
pub(super) const LINKS: &str = "LocalSettings";

/// Writing that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses.
    #[error("cannot write into `{}`", directory.display())]
    System {
        /// The output directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a link, or a directory in it is.
    #[error(transparent)]
    Link(#[from] Linked),
    /// Somebody else is at work.
    #[error("the farm's output directory is locked")]
    Lock(#[from] LockError),
    /// It holds what is none of ours.
    #[error("`{}` is not what mwfarm made there", .0.display())]
    Stranger(PathBuf),
}

/// Makes the output directory, and locks it against others.
///
/// # Errors
/// See [`Error`].
pub fn lock(output: &Path, wait: bool) -> Result<Lock, Error> {
    let system = |source| Error::System { directory: output.to_owned(), source };
    let inner = [SETTINGS, VERSIONS, LINKS, WWW].map(|name| output.join(name));
    disk::refuse_links([output.to_owned()].into_iter().chain(inner.clone()))?;
    disk::make_directories(output).map_err(system)?;
    for directory in inner {
        disk::make_directories(&directory).map_err(system)?;
    }
    Ok(Lock::take(output, wait)?)
}

/// Writes the settings files, durably. Nothing names them yet. Those that are there are made as private as what they are
/// made of is now.
///
/// # Errors
/// See [`Error`].
pub fn settings(plan: &Plan, output: &Path) -> Result<(), Error> {
    let system = |source| Error::System { directory: output.to_owned(), source };
    for KeptFile { name, access, returns } in &plan.kept {
        let file = output.join(name);
        disk::restrict(&file, access.mode, access.group).map_err(system)?;
        if *returns {
            // MediaWiki takes its time for that of the last change, before which nothing cached counts.
            disk::renew(&file).map_err(system)?;
        }
    }
    if plan.create.is_empty() {
        return Ok(());
    }
    let staging = Staging::new(output).map_err(system)?;
    let result = (|| {
        staging.directory(SETTINGS)?;
        let written = threads::map(
            &plan.create,
            || (),
            |(), file| staging.write_private(&file.name, file.text.as_bytes(), file.access.mode, file.access.group),
        );
        written.into_iter().collect::<io::Result<()>>()?;
        staging.publish_hashed(plan.create.iter().map(|file| file.name.as_str()))
    })();
    staging.remove().map_err(system)?;
    result.map_err(system)
}

/// Writes what leads to the settings; `farm.php` last. Says how many files were written.
///
/// # Errors
/// See [`Error`].
pub fn publish(plan: &Plan, output: &Path) -> Result<usize, Error> {
    let system = |source| Error::System { directory: output.to_owned(), source };
    let staging = Staging::new(output).map_err(system)?;
    let result = publish_in(plan, output, &staging);
    staging.remove().map_err(system)?;
    result
}

fn publish_in(plan: &Plan, output: &Path, staging: &Staging) -> Result<usize, Error> {
    let system = |source| Error::System { directory: output.to_owned(), source };
    let mut written = 0;
    let runtime = entry::runtime_name(&plan.runtime);
    let mut fresh = Vec::new();
    if is_absent(output, &runtime)? {
        staging.directory(&runtime).map_err(system)?;
        for (name, text) in entry::runtime_files(&plan.runtime) {
            staging.write(&format!("{runtime}/{name}"), text.as_bytes()).map_err(system)?;
        }
        fresh.push(runtime);
    }
    let table = plan.table_name();
    if is_absent(output, &table)? {
        match &plan.table {
            Texts::File(text) => staging.write(&table, text.as_bytes()).map_err(system)?,
            Texts::Parts(files) => {
                staging.directory(&table).map_err(system)?;
                for (name, text) in files {
                    staging.write(&format!("{table}/{name}"), text.as_bytes()).map_err(system)?;
                }
            }
        }
        fresh.push(table);
    }
    if !fresh.is_empty() {
        written += fresh.len();
        staging.publish_hashed(fresh.iter().map(String::as_str)).map_err(system)?;
    }
    let mut link = |name: String, target: &str| -> Result<(), Error> {
        match disk::find(&output.join(&name)).map_err(system)? {
            Some(Found::Link(there)) if there == Path::new(target) => Ok(()),
            Some(Found::Link(_)) | None => {
                written += 1;
                staging.link(&name, target).map_err(system)
            }
            Some(_) => Err(Error::Stranger(output.join(name))),
        }
    };
    for (wiki, version) in &plan.versions {
        link(format!("{VERSIONS}/{wiki}"), version)?;
    }
    for (wiki, settings) in &plan.links {
        link(format!("{LINKS}/{wiki}.php"), &format!("../{settings}"))?;
    }
    if written > 0 {
        staging.make_durable().map_err(system)?;
    }
    for wiki in &plan.gone {
        if let Some(Found::Link(_)) = disk::find(&output.join(LINKS).join(format!("{wiki}.php"))).map_err(system)? {
            disk::discard(&output.join(LINKS).join(format!("{wiki}.php"))).map_err(system)?;
            written += 1;
        }
    }
    for (name, text) in fixed(plan) {
        if !is_there(output, &name, &text)? {
            staging.replace(&name, &text, None).map_err(system)?;
            written += 1;
        }
    }
    Ok(written)
}

/// Whether everything of a plan is in place, as `publish` would leave it.
///
/// # Errors
/// See [`Error`].
pub fn is_published(plan: &Plan, output: &Path) -> Result<bool, Error> {
    let system = |source| Error::System { directory: output.to_owned(), source };
    if !plan.create.is_empty() || !plan.versions.is_empty() {
        return Ok(false);
    }
    for name in [entry::runtime_name(&plan.runtime), plan.table_name()] {
        if is_absent(output, &name)? {
            return Ok(false);
        }
    }
    for (wiki, settings) in &plan.links {
        let there = disk::find(&output.join(LINKS).join(format!("{wiki}.php"))).map_err(system)?;
        if there != Some(Found::Link(format!("../{settings}").into())) {
            return Ok(false);
        }
    }
    for (name, text) in fixed(plan) {
        if !is_there(output, &name, &text)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The files of fixed names with what they hold; what names the table last.
fn fixed(plan: &Plan) -> Vec<(String, Vec<u8>)> {
    let check = plan.check.as_deref();
    let entry_points = plan.entry_points.iter();
    let mut files: Vec<(String, Vec<u8>)> =
        entry_points.map(|name| (format!("{WWW}/{name}"), entry::entry_point(name).into_bytes())).collect();
    let farm = entry::farm(&plan.runtime, &plan.manifest.generation, &plan.table, check);
    files.extend([
        (entry::UNAVAILABLE.to_owned(), entry::unavailable(&plan.runtime).into_bytes()),
        (entry::LOCAL_SETTINGS.to_owned(), entry::local_settings(&plan.runtime, check).into_bytes()),
        (MANIFEST.to_owned(), plan.manifest.to_json()),
        (entry::FARM.to_owned(), farm.into_bytes()),
    ]);
    files
}

fn is_there(output: &Path, name: &str, text: &[u8]) -> Result<bool, Error> {
    let there = disk::read_optional(&output.join(name));
    let there = there.map_err(|source| Error::System { directory: output.to_owned(), source })?;
    Ok(there.is_some_and(|there| there == text))
}

fn is_absent(output: &Path, name: &str) -> Result<bool, Error> {
    let found = disk::look(&output.join(name));
    Ok(found.map_err(|source| Error::System { directory: output.to_owned(), source })?.is_none())
}

/// For people: leads to the settings that a wiki has now.
///
/// # Errors
/// See [`Error`].
pub fn link(output: &Path, wiki: &WikiId, settings: &str) -> Result<(), Error> {
    disk::replace_link(&output.join(LINKS).join(format!("{wiki}.php")), &format!("../{settings}"))
        .map_err(|source| Error::System { directory: output.to_owned(), source })
}

/// Says which version a wiki's data is for, at once for all requests: by one `rename`. While `update.php` runs, they
/// are told to come back.
///
/// # Errors
/// See [`Error`].
pub fn version(output: &Path, wiki: &WikiId, version: &str, updating: bool) -> Result<(), Error> {
    let target = format!("{version}{}", if updating { "!" } else { "" });
    disk::replace_link(&output.join(VERSIONS).join(wiki.as_str()), &target)
        .map_err(|source| Error::System { directory: output.to_owned(), source })
}
