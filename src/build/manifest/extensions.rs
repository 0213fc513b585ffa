//! Finds the extensions and skins of a tree: directories, and packages wherever Composer put them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;

use super::composer_json::ComposerJson;
use super::error::Place;
use super::files::Files;
use super::{Error, extension_json, names, paths};
use crate::build::package::{Extension, Package};
use crate::farm::ExtensionId;

/// The extensions, and the `composer.json` of those that are plain directories.
pub(super) struct Found {
    /// By id.
    pub(super) extensions: Vec<Extension>,
    /// What lies in a directory that is no package, by the file's path.
    pub(super) composer: BTreeMap<String, ComposerJson>,
}

/// Looks through `extensions/`, `skins/` and the packages.
pub(super) fn find(files: Files, packages: &[Package], warnings: &mut Vec<String>) -> Result<Found, Error> {
    let mut by_composer = BTreeMap::new();
    for package in packages {
        if let Some(id) = extension_of(package, warnings) {
            by_composer.insert(id, package.name.clone());
        }
    }
    let mut found = Found { extensions: Vec::new(), composer: BTreeMap::new() };
    let mut ids: Vec<ExtensionId> = by_composer.keys().cloned().collect();
    for parent in ["extensions", "skins"] {
        ids.extend(directories(files, parent, warnings)?);
    }
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let package = by_composer.remove(&id);
        if let Some(extension) = extension(files, id, package, &mut found.composer, warnings)? {
            found.extensions.push(extension);
        }
    }
    Ok(found)
}

/// Where a package is an extension: in a directory of `extensions/` or `skins/` whatever its type (some have the
/// type `library`), or anywhere outside of `vendor/` by its type. Below `vendor/` it is a library.
fn extension_of(package: &Package, warnings: &mut Vec<String>) -> Option<ExtensionId> {
    let path = package.install_path.as_deref()?;
    let direct = ["extensions/", "skins/"]
        .iter()
        .any(|parent| path.strip_prefix(parent).is_some_and(|name| !name.is_empty() && !name.contains('/')));
    let typed = matches!(package.kind.as_str(), "mediawiki-extension" | "mediawiki-skin");
    if !direct && (!typed || paths::is_within(path, "vendor")) {
        return None;
    }
    match ExtensionId::new(path) {
        Ok(id) => Some(id),
        Err(error) => {
            warnings.push(format!("package `{}` is taken for a library: {error}", package.name));
            None
        }
    }
}

/// The directories, and links to directories, of `extensions/` or `skins/`.
fn directories(files: Files, parent: &str, warnings: &mut Vec<String>) -> Result<Vec<ExtensionId>, Error> {
    let mut ids = Vec::new();
    for name in listing(files, parent)? {
        let name = match name.into_string() {
            Ok(name) => name,
            Err(name) => {
                if files.tree.join(parent).join(&name).is_dir() {
                    let name = name.as_encoded_bytes().escape_ascii();
                    warnings.push(format!("`{parent}/{name}` is passed over: its name is not UTF-8"));
                }
                continue;
            }
        };
        let directory = format!("{parent}/{name}");
        if name.starts_with('.') || !files.is_directory(&directory) {
            continue;
        }
        match ExtensionId::new(&directory) {
            Ok(id) => ids.push(id),
            Err(error) => warnings.push(error.to_string()),
        }
    }
    Ok(ids)
}

/// The names in a directory, sorted; none when there is no such directory. Names that are not UTF-8 are passed over.
pub(super) fn entries(files: Files, directory: &str) -> Result<Vec<String>, Error> {
    Ok(listing(files, directory)?.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// All names in a directory, sorted; none when there is no such directory.
fn listing(files: Files, directory: &str) -> Result<Vec<OsString>, Error> {
    let fail = |source| Error::Read { file: directory.to_owned(), source };
    let listing = match fs::read_dir(files.tree.join(directory)) {
        Ok(listing) => listing,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(fail(error)),
    };
    let mut names = Vec::new();
    for entry in listing {
        names.push(entry.map_err(fail)?.file_name());
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads one directory; `None` when nothing says that it is an extension.
fn extension(
    files: Files,
    id: ExtensionId,
    package: Option<String>,
    composer: &mut BTreeMap<String, ComposerJson>,
    warnings: &mut Vec<String>,
) -> Result<Option<Extension>, Error> {
    let mut manifests = Vec::new();
    let names = entries(files, id.as_str())?;
    for name in &names {
        if extension_json::is_manifest(name)
            && let Some(bytes) = files.read_foreign(id.as_str(), name)?
        {
            manifests.push(extension_json::parse(&format!("{id}/{name}"), &bytes, warnings)?);
        }
    }
    // Of a package, `installed.json` tells the truth; its own file may be absent or of another version.
    if let Some(package) = package {
        let composer_name = Some(package.clone());
        return Ok(Some(Extension { id, package: Some(package), composer_name, included: false, manifests }));
    }
    let mut composer_name = None;
    let file = format!("{id}/composer.json");
    if let Some(bytes) = files.read_foreign(id.as_str(), "composer.json")? {
        let json = ComposerJson::parse(&file, &bytes)?;
        if let Some(name) = &json.name {
            // Composer never reads the name of a directory, so a bad one does no harm.
            match names::package(name, Place::top(&file), "name", warnings) {
                Ok(name) => composer_name = Some(name),
                Err(error) => warnings.push(error.to_string()),
            }
        }
        composer.insert(file, json);
    } else if manifests.is_empty() && !names.contains(&format!("{}.php", id.name())) {
        // Extensions from before extension.json have a file of their own name to be required.
        return Ok(None);
    }
    Ok(Some(Extension { id, package: None, composer_name, included: false, manifests }))
}
