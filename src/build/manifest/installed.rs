//! `vendor/composer/installed.json`: the locked versions, as Composer installed them.

use std::collections::HashSet;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::composer_json::{include_path, links};
use super::error::Place;
use super::json::{self, Given, Object, Objects, Pairs, Strings};
use super::merge_plugin::self_version_is;
use super::paths::{self, Base};
use super::rules::{Autoload, Owner};
use super::{Error, names};
use crate::build::package::{Alias, Package};
use crate::build::version;

/// The file, relative to the tree.
pub(super) const FILE: &str = "vendor/composer/installed.json";

/// Composer's name for the default branch of a package without a numbered one.
const DEFAULT_BRANCH: &str = "9999999-dev";

/// The packages and how they were installed.
#[derive(Debug)]
pub(super) struct Installed {
    /// By name.
    pub(super) packages: Vec<Package>,
    /// Whether development requirements were installed; `false` when the file does not say, as Composer takes it.
    pub(super) dev: bool,
}

/// Reads both shapes: Composer 1 wrote a list of packages, Composer 2 an object around it. `path` is the file's, for
/// messages.
pub(super) fn read(path: &str, bytes: &[u8], warnings: &mut Vec<String>) -> Result<Installed, Error> {
    let shape: Shape = json::parse(path, bytes)?;
    let (object, file) = match shape {
        Shape::First(packages) => (false, Written { packages, ..Written::default() }),
        Shape::Second(file) => (true, file),
    };
    let dev_names: HashSet<String> =
        file.dev_package_names.unwrap_or_default().0.into_iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut packages: Vec<Package> = Vec::with_capacity(file.packages.0.len());
    for (index, package) in file.packages.0.into_iter().enumerate() {
        packages.push(package.into_package(path, index, object, &dev_names, warnings)?);
    }
    // Composer sorts the file by names as written, capitals first, and goes by the order of the file ever after.
    packages.sort_by(|a, b| a.pretty_name.cmp(&b.pretty_name));
    let mut seen = HashSet::new();
    if let Some(twice) = packages.iter().find(|package| !seen.insert(&package.name)) {
        let object = format!("packages[{}]", twice.name);
        return Err(Place { file: path, object: &object }.error("name", "is listed twice"));
    }
    Ok(Installed { packages, dev: file.dev.unwrap_or(false) })
}

enum Shape {
    First(Objects<Entry>),
    Second(Written),
}

#[derive(Debug, Default, Deserialize)]
struct Written {
    #[serde(default)]
    packages: Objects<Entry>,
    dev: Option<bool>,
    #[serde(rename = "dev-package-names")]
    dev_package_names: Option<Strings>,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of packages, or an object that holds one")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Shape, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(seq)).map(Shape::First)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Shape::Second)
            }
        }
        deserializer.deserialize_any(ShapeVisitor)
    }
}

#[derive(Debug, Default, Deserialize)]
struct Entry {
    name: Option<String>,
    version: Option<String>,
    version_normalized: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "target-dir")]
    target_dir: Option<String>,
    source: Option<Object<Origin>>,
    dist: Option<Object<Origin>>,
    #[serde(rename = "installation-source")]
    installation_source: Option<String>,
    #[serde(default, rename = "install-path")]
    install_path: Given<String>,
    #[serde(rename = "default-branch")]
    default_branch: Option<bool>,
    require: Option<Pairs<String>>,
    replace: Option<Pairs<String>>,
    provide: Option<Pairs<String>>,
    conflict: Option<Pairs<String>>,
    autoload: Option<Object<Autoload>>,
    #[serde(rename = "include-path")]
    include_path: Option<Strings>,
    extra: Option<Object<Extra>>,
}

#[derive(Debug, Default, Deserialize)]
struct Origin {
    reference: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Extra {
    #[serde(rename = "branch-alias")]
    branch_alias: Option<Pairs<String>>,
}

impl Entry {
    fn into_package(
        self,
        file: &str,
        index: usize,
        has_install_paths: bool,
        dev_names: &HashSet<String>,
        warnings: &mut Vec<String>,
    ) -> Result<Package, Error> {
        let position = format!("packages[{index}]");
        let place = Place { file, object: &position };
        let name = self.name.as_deref().ok_or_else(|| place.error("name", "is missing"))?;
        let name = names::package(name, place, "name", warnings)?;
        // From here on the name says more than the position.
        let object = format!("packages[{name}]");
        let place = Place { file, object: &object };

        let version = self.version.clone().ok_or_else(|| place.error("version", "is missing"))?;
        let bad_version = |error: version::Error| place.error("version", error.to_string());
        let version_normalized = match &self.version_normalized {
            Some(normalized) => normalized.clone(),
            None => version::normalize(&version).map_err(bad_version)?,
        };
        if version.chars().chain(version_normalized.chars()).any(char::is_control) {
            return Err(place.error("version", "holds a control character"));
        }
        let kind = self.kind.as_deref().unwrap_or("library").to_ascii_lowercase();
        if let Some(directory) = &self.target_dir {
            paths::check_rule(Base::Package, directory, place, "target-dir")?;
        }
        let install_path = self.install_path(&name, &kind, has_install_paths, place)?;
        let aliases = self.branch_alias(&version, place)?.into_iter().collect();
        let reference = self.reference();
        let owner = Owner { base: Base::Package, prefix: "", target_dir: self.target_dir.is_some() };
        Ok(Package {
            require: self_version_is(&version, links(self.require.as_ref(), place, "require", warnings)?),
            replace: links(self.replace.as_ref(), place, "replace", warnings)?,
            provide: links(self.provide.as_ref(), place, "provide", warnings)?,
            conflict: self_version_is(&version, links(self.conflict.as_ref(), place, "conflict", warnings)?),
            autoload: self.autoload.unwrap_or_default().0.into_rules(owner, place, "autoload")?,
            include_path: include_path(self.include_path, Base::Package, place)?,
            dev: dev_names.contains(&name),
            target_dir: self.target_dir,
            pretty_name: self.name.unwrap_or_default(),
            name,
            version,
            version_normalized,
            kind,
            reference,
            aliases,
            install_path,
        })
    }

    /// Relative to the tree. Composer 2 writes it relative to `vendor/composer`, and null for a metapackage;
    /// Composer 1 wrote none.
    fn install_path(&self, name: &str, kind: &str, given: bool, place: Place) -> Result<Option<String>, Error> {
        match &self.install_path {
            Given::Null => Ok(None),
            Given::Value(path) => {
                paths::check_text(path, place, "install-path")?;
                let resolved = paths::join("vendor/composer", path)
                    .ok_or_else(|| place.error("install-path", format!("`{}` is absolute", names::short(path))))?;
                if resolved.is_empty() || resolved == "vendor" || resolved == "vendor/composer" {
                    let reason = format!("`{}` is no directory of a package", names::short(path));
                    return Err(place.error("install-path", reason));
                }
                Ok(Some(resolved))
            }
            Given::Not if given || kind == "metapackage" => Ok(None),
            Given::Not => {
                let target = self.target_dir.as_ref().map(|directory| format!("/{directory}")).unwrap_or_default();
                Ok(paths::normalize(&format!("vendor/{name}{target}")))
            }
        }
    }

    /// As `FilesystemRepository::dumpInstalledPackage` chooses it.
    fn reference(&self) -> Option<String> {
        let of = |origin: &Option<Object<Origin>>| origin.as_ref().and_then(|origin| origin.0.reference.clone());
        let (source, dist) = (of(&self.source), of(&self.dist));
        let installed = match self.installation_source.as_deref() {
            None | Some("") => None,
            Some("source") => source.clone(),
            Some(_) => dist.clone(),
        };
        // PHP's `?:` passes over the empty text and over `0`.
        let truthy = |reference: &String| !reference.is_empty() && reference != "0";
        installed.or_else(|| source.filter(truthy)).or_else(|| dist.filter(truthy))
    }

    /// The alias of a development version, as `ArrayLoader::getBranchAlias` chooses it.
    fn branch_alias(&self, version: &str, place: Place) -> Result<Option<Alias>, Error> {
        if !version.starts_with("dev-") && !version.ends_with("-dev") {
            return Ok(None);
        }
        let aliases = self.extra.as_ref().and_then(|extra| extra.0.branch_alias.as_ref());
        for (branch, alias) in aliases.map(|pairs| pairs.0.as_slice()).unwrap_or_default() {
            let Some(stem) = alias.strip_suffix("-dev") else { continue };
            let normalized = if alias == DEFAULT_BRANCH {
                DEFAULT_BRANCH.to_owned()
            } else {
                version::normalize_branch(stem).map_err(|error| place.error("extra.branch-alias", error.to_string()))?
            };
            if !normalized.ends_with("-dev") || !version.eq_ignore_ascii_case(branch) {
                continue;
            }
            // A numbered branch can only stand for a version below it: 1.x-dev for 1.2.x-dev, not for 2.x-dev.
            if let (Some(from), Some(to)) = (version::branch_number(branch), version::branch_number(alias))
                && !to.starts_with(&from)
            {
                continue;
            }
            return Ok(Some(Alias { version: shown(&normalized), version_normalized: normalized, asked_by: None }));
        }
        let numbered = version::branch_number(version.strip_prefix('v').unwrap_or(version)).is_some();
        if self.default_branch == Some(true) && !numbered {
            let version = DEFAULT_BRANCH.to_owned();
            return Ok(Some(Alias { version_normalized: version.clone(), version, asked_by: None }));
        }
        Ok(None)
    }
}

/// A normalised branch as Composer shows it: `2.9999999.9999999.9999999-dev` is `2.x-dev`.
fn shown(normalized: &str) -> String {
    match normalized.find(".9999999") {
        Some(at) => {
            let rest = normalized[at..].trim_start_matches(".9999999");
            format!("{}.x{rest}", &normalized[..at])
        }
        None => normalized.to_owned(),
    }
}
