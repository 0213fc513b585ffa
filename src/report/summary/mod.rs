//! What a build did or a plan would do, as JSON for programs and as text for people.
//!
//! The JSON form is a schema of its own, described in `docs/output.md`: new fields raise the minor version, changed
//! or removed ones the major version of [`SCHEMA`].

mod text;

use serde::Serialize;

use crate::farm::{ExtensionId, Host, WikiId};
use crate::key::Key;

/// The version of the JSON form.
pub const SCHEMA: &str = "1.1.0";

/// What one build publishes, whether it has done so or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The name of the generation.
    pub generation: Key,
    /// The base set first, then one set per extension, ordered by extension.
    pub sets: Vec<Set>,
    /// The bundles, ordered by hash.
    pub bundles: Vec<Bundle>,
    /// The wikis, ordered by identifier.
    pub wikis: Vec<Wiki>,
    /// All extensions in load order: each after those it requires.
    pub order: Vec<ExtensionId>,
    /// The links for `MediaWikiFarm`, ordered by name.
    pub links: Vec<Link>,
    /// Names below `vendor/` that the generation published before has and this one has not.
    pub removed: Vec<String>,
    /// The PHP-FPM pools that were to be told, in the order of the command line. The text form leaves these out too.
    pub invalidated: Vec<Invalidated>,
    /// What was odd. The text form leaves these out: they are on stderr already.
    pub warnings: Vec<String>,
}

/// A link for `MediaWikiFarm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Its name below `vendor/`.
    pub name: String,
    /// The set's directory that it leads to; none when it goes.
    pub directory: Option<String>,
    /// What happens to it.
    pub state: LinkState,
}

/// What happens to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It is made, or made to lead to another set.
    Created,
    /// It stays as it is.
    Kept,
    /// It goes.
    Removed,
}

/// A set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Set {
    /// The extension whose set it is; none for the base.
    pub extension: Option<ExtensionId>,
    /// Its content key.
    pub key: Key,
    /// Its directory below `vendor/`.
    pub directory: String,
    /// The packages it holds, ordered by name.
    pub packages: Vec<String>,
    /// How many classes it maps.
    pub classes: usize,
    /// What happens to it.
    pub state: State,
}

/// A bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bundle {
    /// Its hash; the file is `bundle_<hash>.php`.
    pub hash: Key,
    /// The combination it serves, closed under requirements, ordered by extension.
    pub extensions: Vec<ExtensionId>,
    /// The packages it loads, those of the base included, ordered by name.
    pub packages: Vec<String>,
    /// The wikis it serves.
    pub wikis: Vec<WikiId>,
    /// What happens to it.
    pub state: State,
}

/// A wiki.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wiki {
    /// Its identifier.
    pub id: WikiId,
    /// Where it answers.
    pub hosts: Vec<Host>,
    /// The extensions it has on, in load order, those that others pull in included.
    pub extensions: Vec<ExtensionId>,
    /// Those of `extensions` that the farm's file does not name.
    pub pulled_in: Vec<ExtensionId>,
    /// The hash of its bundle.
    pub bundle: Key,
    /// What happens to it.
    pub state: WikiState,
}

/// A PHP-FPM pool that was to be told of what is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invalidated {
    /// Where it listens.
    pub pool: String,
    /// Its version of PHP; none when it could not be told.
    pub php: Option<String>,
    /// Whether its OPcache is on; none when it could not be told.
    pub opcache: Option<bool>,
    /// Files below `vendor/` that it compiles anew.
    pub files: Vec<String>,
    /// Why it could not be told.
    pub error: Option<String>,
}

/// What happens to something that is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is written.
    Created,
    /// It is there already.
    Kept,
}

/// What happens to a wiki.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WikiState {
    /// It was not in the generation published before.
    Created,
    /// It gets other hosts or another bundle than before.
    Changed,
    /// It stays as it is.
    Kept,
    /// It is no longer in the farm's file; what is said of it is how it was.
    Removed,
}

/// Whether a summary tells what was done or what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tense {
    /// It was done.
    Done,
    /// It would be done.
    Planned,
}

impl Summary {
    /// The JSON form, over several lines, with a line end.
    ///
    /// # Errors
    /// None that are known: every part can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn id(directory: &str) -> ExtensionId {
        ExtensionId::new(directory).unwrap()
    }

    pub(super) fn wiki(name: &str, hosts: &[&str], extensions: &[&str], pulled_in: &[&str], state: WikiState) -> Wiki {
        Wiki {
            id: WikiId::new(name).unwrap(),
            hosts: hosts.iter().map(|host| Host::new(host).unwrap()).collect(),
            extensions: extensions.iter().map(|directory| id(directory)).collect(),
            pulled_in: pulled_in.iter().map(|directory| id(directory)).collect(),
            bundle: Key::of(extensions.join(",").as_bytes()),
            state,
        }
    }

    fn set(extension: Option<&str>, packages: &[&str], classes: usize, state: State) -> Set {
        let key = Key::of(extension.unwrap_or_default().as_bytes());
        Set {
            extension: extension.map(id),
            directory: format!("composer{key}"),
            key,
            packages: packages.iter().map(ToString::to_string).collect(),
            classes,
            state,
        }
    }

    fn bundle(of: &Wiki, packages: &[&str], state: State) -> Bundle {
        Bundle {
            hash: of.bundle.clone(),
            extensions: of.extensions.clone(),
            packages: packages.iter().map(ToString::to_string).collect(),
            wikis: vec![of.id.clone()],
            state,
        }
    }

    pub(super) fn summary() -> Summary {
        let bare = wiki("bare", &["bare.example.org"], &[], &[], WikiState::Kept);
        let maps = wiki(
            "maps",
            &["maps.example.org", "www.example.org/maps"],
            &["extensions/Validator", "extensions/Maps", "skins/chameleon"],
            &["extensions/Validator"],
            WikiState::Created,
        );
        Summary {
            schema: SCHEMA,
            generation: Key::of(b"generation"),
            sets: vec![
                set(None, &["psr/log"], 9, State::Kept),
                set(Some("extensions/Maps"), &["data-values/geo", "mediawiki/maps"], 120, State::Created),
                set(Some("extensions/Validator"), &["mediawiki/validator"], 1, State::Created),
            ],
            bundles: vec![
                bundle(&bare, &["psr/log"], State::Kept),
                bundle(&maps, &["data-values/geo", "mediawiki/maps", "mediawiki/validator", "psr/log"], State::Created),
            ],
            wikis: vec![bare, maps],
            order: vec![id("extensions/Validator"), id("extensions/Maps"), id("skins/chameleon")],
            links: Vec::new(),
            removed: vec!["composer00000000000000000000000000000000".to_owned()],
            invalidated: vec![Invalidated {
                pool: "unix:/run/php/php-fpm.sock".to_owned(),
                php: Some("8.2.7".to_owned()),
                opcache: Some(true),
                files: vec!["autoload.php".to_owned()],
                error: None,
            }],
            warnings: vec!["odd".to_owned()],
        }
    }

    #[test]
    fn json_follows_its_schema() {
        let mut summary = summary();
        summary.sets.truncate(2);
        summary.bundles.truncate(1);
        assert_eq!(
            summary.json().unwrap(),
            r#"{
  "schema": "1.1.0",
  "generation": "e661f4c935e8a5a83349afb5e347695c",
  "sets": [
    {
      "extension": null,
      "key": "e3b0c44298fc1c149afbf4c8996fb924",
      "directory": "composere3b0c44298fc1c149afbf4c8996fb924",
      "packages": [
        "psr/log"
      ],
      "classes": 9,
      "state": "kept"
    },
    {
      "extension": "extensions/Maps",
      "key": "6cdda564c4a0f4c7d41b52d231aa11b7",
      "directory": "composer6cdda564c4a0f4c7d41b52d231aa11b7",
      "packages": [
        "data-values/geo",
        "mediawiki/maps"
      ],
      "classes": 120,
      "state": "created"
    }
  ],
  "bundles": [
    {
      "hash": "e3b0c44298fc1c149afbf4c8996fb924",
      "extensions": [],
      "packages": [
        "psr/log"
      ],
      "wikis": [
        "bare"
      ],
      "state": "kept"
    }
  ],
  "wikis": [
    {
      "id": "bare",
      "hosts": [
        "bare.example.org"
      ],
      "extensions": [],
      "pulled_in": [],
      "bundle": "e3b0c44298fc1c149afbf4c8996fb924",
      "state": "kept"
    },
    {
      "id": "maps",
      "hosts": [
        "maps.example.org",
        "www.example.org/maps"
      ],
      "extensions": [
        "extensions/Validator",
        "extensions/Maps",
        "skins/chameleon"
      ],
      "pulled_in": [
        "extensions/Validator"
      ],
      "bundle": "04c329dc19464db238ee95d1b8089a4a",
      "state": "created"
    }
  ],
  "order": [
    "extensions/Validator",
    "extensions/Maps",
    "skins/chameleon"
  ],
  "links": [],
  "removed": [
    "composer00000000000000000000000000000000"
  ],
  "invalidated": [
    {
      "pool": "unix:/run/php/php-fpm.sock",
      "php": "8.2.7",
      "opcache": true,
      "files": [
        "autoload.php"
      ],
      "error": null
    }
  ],
  "warnings": [
    "odd"
  ]
}
"#
        );
    }
}
