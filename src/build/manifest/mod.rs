//! Reads a tree: `composer.json` with everything that the merge plugin adds, the locked versions, the extensions, and
//! how Composer wrote the autoloader. Nothing of the tree is executed.

mod composer_json;
mod error;
mod extension_json;
mod extensions;
mod files;
mod glob;
mod installed;
mod json;
mod loader;
mod lock;
mod merge_plugin;
mod mwcomposer;
mod names;
mod paths;
mod root_block;
mod rules;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

pub use self::error::Error;
pub use self::names::{is_package, is_platform};

use self::composer_json::ComposerJson;
use self::error::Place;
use self::files::Files;
use self::paths::Base;
use self::rules::Owner;
use super::package::{Alias, AutoloadRules, Extension, Link, Package, Root, RootBlock, RootPart, Tree};
use super::version;

/// The root's file.
const COMPOSER_JSON: &str = "composer.json";

/// What a caller knows better than the files.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Contents that stand for a file, by its path relative to the tree (`vendor/composer/installed.php`): the
    /// originals of what an earlier build replaced, `None` where it replaced nothing.
    pub restored: BTreeMap<String, Option<Vec<u8>>>,
}

/// Reads the tree whose root `composer.json` lies in the directory `tree`.
///
/// # Errors
/// The first file that cannot be used, with the field that is to blame.
pub fn read(tree: &Path, options: &ReadOptions) -> Result<Tree, Error> {
    let files = Files { tree, restored: &options.restored };
    let mut warnings = Vec::new();

    let json = ComposerJson::parse(COMPOSER_JSON, &needed(files, COMPOSER_JSON)?)?;
    json.check_root(COMPOSER_JSON)?;
    let name = match &json.name {
        Some(name) => names::package(name, Place::top(COMPOSER_JSON), "name", &mut warnings)?,
        None => root_block::UNNAMED.to_owned(),
    };
    let installed = installed::read(installed::FILE, &needed(files, installed::FILE)?, &mut warnings)?;
    let (mut packages, dev) = (installed.packages, installed.dev);
    mwcomposer::complete(files, &mut packages, &mut warnings)?;
    let (block, other_root) = root_block(files, &json, &name, dev)?;

    let mut found = extensions::find(files, &packages, &mut warnings)?;
    let settings = json.merge_plugin();
    let mut parts = vec![first_part(&json, &block, dev, &mut warnings)?];
    if packages.iter().any(|package| package.name == merge_plugin::PACKAGE) {
        let root = merge_plugin::Root { settings: &settings, pretty_version: &block.pretty_version, dev };
        merge_plugin::merge(files, &root, &mut found.extensions, &mut parts, &mut warnings)?;
    }
    for extension in &found.extensions {
        parts.extend(uncovered_part(extension, &found.composer, &block, &mut warnings)?);
    }
    add_inline_aliases(&mut packages, &parts)?;

    let loader = loader::read(files, &json.config(), &parts, &packages)?;
    for lock in ["composer.lock", "vendor/composer.lock"] {
        if let Some(bytes) = files.read(lock)? {
            warnings.extend(lock::differences(lock, &bytes, &packages)?);
        }
    }
    let mut absent = Vec::new();
    for (index, package) in packages.iter().enumerate() {
        if let Some(path) = package.install_path.as_ref().filter(|path| !files.is_directory(path)) {
            absent.push(index);
            warnings.push(format!("package `{}` is not at `{}`", package.name, path.escape_debug()));
        }
    }
    let platform = json.platform(COMPOSER_JSON, &mut warnings)?;
    let mediawiki_version = mediawiki_version(files)?;
    let root = Root { name, block, parts, duplicates: settings.duplicates() };
    let extensions = found.extensions;
    Ok(Tree { root, packages, absent, extensions, loader, dev, platform, mediawiki_version, warnings, other_root })
}

fn needed(files: Files, file: &str) -> Result<Vec<u8>, Error> {
    let missing = || {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such file");
        Error::Read { file: file.to_owned(), source }
    };
    files.read(file)?.ok_or_else(missing)
}

/// The root as `installed.php` has it; when that describes another one, what `composer.json` says, and name and
/// directory of the other.
fn root_block(
    files: Files,
    json: &ComposerJson,
    name: &str,
    dev: bool,
) -> Result<(RootBlock, Option<(String, String)>), Error> {
    let derived = root_block::derived(COMPOSER_JSON, json, name, dev)?;
    let Some(bytes) = files.read(root_block::FILE)? else { return Ok((derived, None)) };
    let block = root_block::parse(&bytes, name, dev)?;
    if root_block::is_of_tree(&block) {
        return Ok((block, None));
    }
    let directory = paths::join("vendor/composer", &block.install_path).unwrap_or(block.install_path);
    Ok((derived, Some((block.name, directory))))
}

/// What `composer.json` itself says.
fn first_part(
    json: &ComposerJson,
    block: &RootBlock,
    dev: bool,
    warnings: &mut Vec<String>,
) -> Result<RootPart, Error> {
    let place = Place::top(COMPOSER_JSON);
    let owner = Owner { base: Base::Root, prefix: "", target_dir: false };
    let fixed = |links| merge_plugin::self_version_is(&block.pretty_version, links);
    let mut require = json.require(place, warnings)?;
    if dev {
        require.extend(json.require_dev(place, warnings)?);
    }
    Ok(RootPart {
        file: COMPOSER_JSON.to_owned(),
        owner: None,
        require: fixed(require),
        replace: json.replace(place, warnings)?,
        provide: json.provide(place, warnings)?,
        conflict: fixed(json.conflict(place, warnings)?),
        autoload: json.autoload(owner, place)?,
        autoload_dev: if dev { json.autoload_dev(owner, place)? } else { AutoloadRules::default() },
        include_path: json.include_path(Base::Root, place)?,
    })
}

/// The requirements of a directory that no include covers.
fn uncovered_part(
    extension: &Extension,
    composer: &BTreeMap<String, ComposerJson>,
    block: &RootBlock,
    warnings: &mut Vec<String>,
) -> Result<Option<RootPart>, Error> {
    let file = format!("{}/{COMPOSER_JSON}", extension.id);
    let Some(json) = composer.get(&file).filter(|_| !extension.included) else { return Ok(None) };
    let require: Vec<Link> = json.require(Place::top(&file), warnings)?;
    let require = merge_plugin::self_version_is(&block.pretty_version, require);
    let part = RootPart { file, owner: Some(extension.id.clone()), require, ..RootPart::default() };
    Ok((!part.require.is_empty()).then_some(part))
}

/// Adds the aliases that requirements of the root make, such as `dev-main as 1.0.x-dev`, to the packages whose
/// version (or branch alias) they are about.
fn add_inline_aliases(packages: &mut [Package], parts: &[RootPart]) -> Result<(), Error> {
    for part in parts {
        for link in &part.require {
            let field = format!("{}.{}", if link.dev { "require-dev" } else { "require" }, link.target);
            let bad = |error: version::Error| Place::top(&part.file).error(&field, error.to_string());
            let Some((version, alias)) = version::inline_alias(&link.constraint).map_err(bad)? else { continue };
            let aliased = version::normalize(version).map_err(bad)?;
            let normalized = version::normalize(alias).map_err(bad)?;
            let Some(package) = packages.iter_mut().find(|package| package.name == link.target) else { continue };
            let known = package.aliases.iter().filter(|alias| alias.asked_by.is_none());
            if package.version_normalized == aliased || known.into_iter().any(|a| a.version_normalized == aliased) {
                package.aliases.push(Alias {
                    version: alias.to_owned(),
                    version_normalized: normalized,
                    asked_by: Some(part.file.clone()),
                });
            }
        }
    }
    Ok(())
}

/// `MW_VERSION` of `includes/Defines.php`, found as text.
fn mediawiki_version(files: Files) -> Result<Option<String>, Error> {
    let Some(bytes) = files.read("includes/Defines.php")? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let version = text.split_once("MW_VERSION").and_then(|(_, rest)| {
        let rest = rest.trim_start_matches(['\'', '"']).trim_start().strip_prefix(',')?.trim_start();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        rest[1..].split_once(quote).map(|(version, _)| version)
    });
    let plain = |version: &&str| version.len() <= 64 && version.chars().all(|c| c.is_ascii_graphic());
    Ok(version.filter(plain).map(str::to_owned))
}

/// A text of the tree as a message may show it: escaped, and not too long.
pub(super) fn shortened(text: &str) -> String {
    names::short(text)
}
