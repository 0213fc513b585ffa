//! `composer.json`, of the root, of merged files and of directories.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Deserializer, de};

use super::error::Place;
use super::json::{self, Object, Pairs, Strings};
use super::merge_plugin::Settings;
use super::rules::{Autoload, Owner};
use super::{Error, names, paths};
use crate::build::package::{AutoloadRules, Link};

/// The fields of a `composer.json` that matter here.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ComposerJson {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(rename = "target-dir")]
    target_dir: Option<String>,
    require: Option<Pairs<String>>,
    #[serde(rename = "require-dev")]
    require_dev: Option<Pairs<String>>,
    replace: Option<Pairs<String>>,
    provide: Option<Pairs<String>>,
    conflict: Option<Pairs<String>>,
    autoload: Option<Object<Autoload>>,
    #[serde(rename = "autoload-dev")]
    autoload_dev: Option<Object<Autoload>>,
    #[serde(rename = "include-path")]
    include_path: Option<Strings>,
    config: Option<Object<Config>>,
    extra: Option<Object<Extra>>,
}

/// The fields of `config` that matter here.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Config {
    #[serde(rename = "vendor-dir")]
    vendor_dir: Option<String>,
    platform: Option<Pairs<PlatformVersion>>,
    #[serde(rename = "platform-check")]
    pub(super) platform_check: Option<ConfiguredCheck>,
    #[serde(rename = "optimize-autoloader")]
    pub(super) optimize_autoloader: Option<bool>,
    #[serde(rename = "classmap-authoritative")]
    pub(super) classmap_authoritative: Option<bool>,
    #[serde(rename = "prepend-autoloader")]
    pub(super) prepend_autoloader: Option<bool>,
    #[serde(rename = "use-include-path")]
    pub(super) use_include_path: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Extra {
    #[serde(rename = "merge-plugin")]
    merge_plugin: Option<Object<Settings>>,
}

/// `config.platform-check`: a boolean or `php-only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfiguredCheck {
    /// `false`.
    Off,
    /// `php-only`.
    PhpOnly,
    /// `true`.
    Full,
}

impl<'de> Deserialize<'de> for ConfiguredCheck {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match BoolOrText::deserialize(deserializer)? {
            BoolOrText::Bool(false) => Ok(Self::Off),
            BoolOrText::Bool(true) => Ok(Self::Full),
            BoolOrText::Text(text) if text == "php-only" => Ok(Self::PhpOnly),
            BoolOrText::Text(_) => Err(de::Error::custom("expected a boolean or `php-only`")),
        }
    }
}

/// A value of `config.platform`: a version, or `false` for what is pretended absent.
#[derive(Debug, Clone)]
struct PlatformVersion(Option<String>);

impl<'de> Deserialize<'de> for PlatformVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match BoolOrText::deserialize(deserializer)? {
            BoolOrText::Bool(false) => Ok(Self(None)),
            BoolOrText::Text(version) => Ok(Self(Some(version))),
            BoolOrText::Bool(true) => Err(de::Error::custom("expected a version or `false`")),
        }
    }
}

enum BoolOrText {
    Bool(bool),
    Text(String),
}

impl<'de> Deserialize<'de> for BoolOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = BoolOrText;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a boolean or a string")
            }
            fn visit_bool<E>(self, value: bool) -> Result<BoolOrText, E> {
                Ok(BoolOrText::Bool(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<BoolOrText, E> {
                Ok(BoolOrText::Text(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl ComposerJson {
    /// Parses one file.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self, Error> {
        json::parse::<Object<Self>>(file, bytes).map(|object| object.0)
    }

    /// `config`, empty when not given.
    pub(super) fn config(&self) -> Config {
        self.config.clone().unwrap_or_default().0
    }

    /// `extra.merge-plugin`, with its defaults when not given.
    pub(super) fn merge_plugin(&self) -> Settings {
        self.extra.as_ref().and_then(|extra| extra.0.merge_plugin.as_ref()).map(|s| s.0.clone()).unwrap_or_default()
    }

    /// Refuses what mwfarm cannot follow in a root package.
    pub(super) fn check_root(&self, file: &str) -> Result<(), Error> {
        let place = Place::top(file);
        if self.target_dir.is_some() {
            return Err(place.error("target-dir", "is not supported in the root package; Composer deprecates it"));
        }
        if let Some(vendor) = self.config.as_ref().and_then(|config| config.0.vendor_dir.as_ref())
            && paths::normalize(vendor).as_deref() != Some("vendor")
        {
            let reason = format!("`{}` is not supported, MediaWiki loads `vendor`", names::short(vendor));
            return Err(place.error("config.vendor-dir", reason));
        }
        Ok(())
    }

    /// `config.platform`.
    pub(super) fn platform(
        &self,
        file: &str,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeMap<String, Option<String>>, Error> {
        let mut platform = BTreeMap::new();
        let pairs = self.config.as_ref().and_then(|config| config.0.platform.clone()).unwrap_or_default();
        for (name, version) in pairs.0 {
            let name = names::target(&name, Place::top(file), "config.platform", warnings)?;
            platform.insert(name, version.0);
        }
        Ok(platform)
    }

    /// `require`.
    pub(super) fn require(&self, place: Place, warnings: &mut Vec<String>) -> Result<Vec<Link>, Error> {
        links(self.require.as_ref(), place, "require", warnings)
    }

    /// `require-dev`.
    pub(super) fn require_dev(&self, place: Place, warnings: &mut Vec<String>) -> Result<Vec<Link>, Error> {
        links(self.require_dev.as_ref(), place, "require-dev", warnings)
    }

    /// `replace`.
    pub(super) fn replace(&self, place: Place, warnings: &mut Vec<String>) -> Result<Vec<Link>, Error> {
        links(self.replace.as_ref(), place, "replace", warnings)
    }

    /// `provide`.
    pub(super) fn provide(&self, place: Place, warnings: &mut Vec<String>) -> Result<Vec<Link>, Error> {
        links(self.provide.as_ref(), place, "provide", warnings)
    }

    /// `conflict`.
    pub(super) fn conflict(&self, place: Place, warnings: &mut Vec<String>) -> Result<Vec<Link>, Error> {
        links(self.conflict.as_ref(), place, "conflict", warnings)
    }

    /// `autoload`.
    pub(super) fn autoload(&self, owner: Owner, place: Place) -> Result<AutoloadRules, Error> {
        self.autoload.clone().unwrap_or_default().0.into_rules(owner, place, "autoload")
    }

    /// `autoload-dev`.
    pub(super) fn autoload_dev(&self, owner: Owner, place: Place) -> Result<AutoloadRules, Error> {
        self.autoload_dev.clone().unwrap_or_default().0.into_rules(owner, place, "autoload-dev")
    }

    /// `include-path`.
    pub(super) fn include_path(&self, base: paths::Base, place: Place) -> Result<Vec<String>, Error> {
        include_path(self.include_path.clone(), base, place)
    }
}

/// Checks an `include-path`.
pub(super) fn include_path(given: Option<Strings>, base: paths::Base, place: Place) -> Result<Vec<String>, Error> {
    let given = given.unwrap_or_default().0;
    for (index, path) in given.iter().enumerate() {
        // Composer drops the slashes around it.
        paths::check_rule(base, path.trim_matches('/'), place, &format!("include-path[{index}]"))?;
    }
    Ok(given)
}

/// The links of one field, their targets in lower case.
pub(super) fn links(
    pairs: Option<&Pairs<String>>,
    place: Place,
    field: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<Link>, Error> {
    let mut links: Vec<Link> = Vec::new();
    for (target, constraint) in pairs.map(|pairs| pairs.0.as_slice()).unwrap_or_default() {
        let target = names::target(target, place, field, warnings)?;
        links.push(Link { target, constraint: constraint.clone(), dev: field == "require-dev" });
    }
    let mut seen = HashSet::new();
    if let Some(twice) = links.iter().find(|link| !seen.insert(&link.target)) {
        return Err(place.error(field, format!("`{}` stands there twice, in different case", twice.target)));
    }
    Ok(links)
}
