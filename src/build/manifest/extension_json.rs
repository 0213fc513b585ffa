//! `extension.json`, `skin.json` and `extension-*.json`: what `ExtensionRegistry` reads.

use serde::Deserialize;

use super::Error;
use super::error::Place;
use super::json::{self, Object, Pairs};
use super::names;
use crate::build::package::{ExtensionManifest, Link};

#[derive(Debug, Default, Deserialize)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    requires: Option<Object<Requires>>,
    load_composer_autoloader: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Requires {
    #[serde(rename = "MediaWiki")]
    mediawiki: Option<String>,
    platform: Option<Pairs<PlatformValue>>,
    extensions: Option<Pairs<String>>,
    skins: Option<Pairs<String>>,
}

/// A constraint for `php` and `ext-*`, a boolean for abilities such as `ability-shell`.
#[derive(Debug)]
enum PlatformValue {
    Constraint(String),
    Ability,
}

impl<'de> Deserialize<'de> for PlatformValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = PlatformValue;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a constraint or a boolean")
            }
            fn visit_bool<E>(self, _: bool) -> Result<PlatformValue, E> {
                Ok(PlatformValue::Ability)
            }
            fn visit_str<E>(self, text: &str) -> Result<PlatformValue, E> {
                Ok(PlatformValue::Constraint(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Whether a file of an extension's directory is a manifest.
pub(super) fn is_manifest(name: &str) -> bool {
    let several = name.strip_prefix("extension-").and_then(|rest| rest.strip_suffix(".json"));
    name == "extension.json" || name == "skin.json" || several.is_some_and(|part| !part.is_empty())
}

/// Reads one manifest.
pub(super) fn parse(file: &str, bytes: &[u8], warnings: &mut Vec<String>) -> Result<ExtensionManifest, Error> {
    let manifest = json::parse::<Object<Manifest>>(file, bytes)?.0;
    let place = Place::top(file);
    for (field, text) in [("name", &manifest.name), ("version", &manifest.version)] {
        if text.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
            return Err(place.error(field, "holds a control character"));
        }
    }
    let requires = manifest.requires.unwrap_or_default().0;
    let mut platform = Vec::new();
    for (name, value) in requires.platform.unwrap_or_default().0 {
        if let PlatformValue::Constraint(constraint) = value {
            let target = names::target(&name, place, "requires.platform", warnings)?;
            platform.push(Link { target, constraint, dev: false });
        }
    }
    Ok(ExtensionManifest {
        file: file.to_owned(),
        name: manifest.name,
        version: manifest.version,
        mediawiki: requires.mediawiki,
        platform,
        extensions: named(requires.extensions),
        skins: named(requires.skins),
        load_composer_autoloader: manifest.load_composer_autoloader.unwrap_or(false),
    })
}

/// Links to other manifests, whose names are free text.
fn named(pairs: Option<Pairs<String>>) -> Vec<Link> {
    let link = |(target, constraint)| Link { target, constraint, dev: false };
    pairs.unwrap_or_default().0.into_iter().map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read() {
        let text = r#"{
            "name": "Semantic Forms Select", "version": "4.0.0", "manifest_version": 2, "load_composer_autoloader": true,
            "requires": {
                "MediaWiki": ">= 1.39", "platform": {"php": ">=8.1", "ability-shell": true, "ext-intl": "*"},
                "extensions": {"SemanticMediaWiki": ">= 4.0", "PageForms": "*"}, "skins": {"Chameleon": "*"}
            }
        }"#;
        let manifest = parse("extensions/S/extension.json", text.as_bytes(), &mut Vec::new()).expect("good");
        assert_eq!(manifest.name.as_deref(), Some("Semantic Forms Select"));
        assert_eq!(manifest.mediawiki.as_deref(), Some(">= 1.39"));
        assert!(manifest.load_composer_autoloader);
        let targets = |links: &[Link]| links.iter().map(|link| link.target.clone()).collect::<Vec<_>>();
        assert_eq!(targets(&manifest.platform), ["php", "ext-intl"]);
        assert_eq!(targets(&manifest.extensions), ["SemanticMediaWiki", "PageForms"]);
        assert_eq!(targets(&manifest.skins), ["Chameleon"]);
    }

    #[test]
    fn wrong_types_are_named() {
        let error = |text: &str| parse("e.json", text.as_bytes(), &mut Vec::new()).expect_err("refused").to_string();
        assert!(
            error(r#"{"requires": {"extensions": {"A": 1}}}"#).starts_with("`e.json`, field `requires.extensions.A`")
        );
        assert!(
            error(r#"{"requires": {"platform": {"php": 8}}}"#).starts_with("`e.json`, field `requires.platform.php`")
        );
        assert!(error(r#"{"name": "a\u0007"}"#).starts_with("`e.json`, field `name`: holds a control character"));
    }

    #[test]
    fn names_of_manifests() {
        for name in ["extension.json", "skin.json", "extension-repo.json"] {
            assert!(is_manifest(name), "{name}");
        }
        for name in ["extension-.json", "composer.json", "xextension.json", "extension.json.bak", "skin-x.json"] {
            assert!(!is_manifest(name), "{name}");
        }
    }
}
