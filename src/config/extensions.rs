//! Which extensions and skins a wiki turns on, and how each is loaded: the settings `wgUseExtension…` and `wgUseSkin…`,
//! as `MediaWikiFarm` has them.

use super::value::Value;
use crate::farm::{ExtensionId, NameError};

/// What a tree has of an extension or skin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Its directory is there, and not empty.
    pub exists: bool,
    /// Its manifests by name: `extension.json`, else `extension-*.json`; `skin.json` of a skin.
    pub manifests: Vec<String>,
    /// It has a PHP file of its name.
    pub entry: bool,
    /// It has a `composer.json`, so that `build` makes a set of what it needs.
    pub composer: bool,
}

/// How an extension is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// Composer manages it: its set is loaded, and it is registered if it has a manifest, else by its PHP file.
    Composer,
    /// `wfLoadExtension`, `wfLoadSkin`
    Registration,
    /// `require_once` of its PHP file.
    RequireOnce,
}

/// The extension that a setting of this name turns on or off; nothing for other settings.
///
/// # Errors
/// Its name is none of a directory.
#[must_use]
pub fn named(setting: &str) -> Option<Result<ExtensionId, NameError>> {
    let (kind, name) = if let Some(name) = setting.strip_prefix("wgUseExtension") {
        ("extensions", name)
    } else {
        ("skins", setting.strip_prefix("wgUseSkin")?)
    };
    (!name.is_empty()).then(|| ExtensionId::new(&format!("{kind}/{name}")))
}

/// How an extension is loaded when its setting has this value; nothing when it is off. Without registration, MediaWiki
/// knows no manifests.
///
/// # Errors
/// Why it stays off although it was not turned off.
pub fn choose(id: &ExtensionId, value: &Value, facts: &Facts, registration: bool) -> Result<Option<Mechanism>, String> {
    let json = registration && !facts.manifests.is_empty();
    // A nested one would have to be `A/B/A/B.php`.
    let entry = facts.entry && id.as_str().matches('/').count() == 1;
    let usual = if json { Some(Mechanism::Registration) } else { entry.then_some(Mechanism::RequireOnce) };
    let composer = facts.composer.then_some(Mechanism::Composer);
    let text = match value {
        Value::Text(text) => text.as_str(),
        _ => None,
    };
    let found = match (value, text) {
        (Value::Bool(false), _) => return Ok(None),
        (Value::Bool(true), _) => composer.or(usual),
        (_, Some("composer")) => composer,
        (_, Some("wfLoadExtension")) if !id.is_skin() => json.then_some(Mechanism::Registration),
        (_, Some("wfLoadSkin")) if id.is_skin() => json.then_some(Mechanism::Registration),
        (_, Some("require_once")) => entry.then_some(Mechanism::RequireOnce),
        _ => {
            let load = if id.is_skin() { "wfLoadSkin" } else { "wfLoadExtension" };
            return Err(format!("is none of `true`, `false`, `composer`, `{load}`, `require_once`"));
        }
    };
    match found {
        Some(mechanism) => Ok(Some(mechanism)),
        None if !facts.exists => Err(format!("there is no directory `{id}`")),
        None => Err(match text {
            Some("composer") => format!("`{id}` has no composer.json"),
            Some("require_once") => format!("`{id}` has no {}.php", id.name()),
            Some(_) => format!("`{id}` has no manifest that this MediaWiki could register"),
            None => format!("`{id}` has neither a manifest nor {}.php", id.name()),
        }),
    }
}

/// One call or file of LocalSettings.php.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Load {
    /// `wfLoadExtension` or `wfLoadSkin`, with the manifest when it is not the usual one.
    Register(ExtensionId, Option<String>),
    /// `require_once`
    Require(ExtensionId),
}

/// What loads an extension.
#[must_use]
pub fn loads(id: &ExtensionId, mechanism: Mechanism, facts: &Facts, registration: bool) -> Vec<Load> {
    let requires = || vec![Load::Require(id.clone())];
    match mechanism {
        Mechanism::RequireOnce => requires(),
        Mechanism::Composer if !registration || facts.manifests.is_empty() => {
            if facts.entry {
                requires()
            } else {
                Vec::new()
            }
        }
        Mechanism::Composer | Mechanism::Registration => {
            let usual = if id.is_skin() { "skin.json" } else { "extension.json" };
            // A nested one is not where MediaWiki would look by its last name.
            let nested = id.as_str().matches('/').count() > 1;
            let manifest = |name: &String| (name != usual || nested).then(|| name.clone());
            facts.manifests.iter().map(|name| Load::Register(id.clone(), manifest(name))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(json: bool, entry: bool, composer: bool) -> Facts {
        let manifests = if json { vec!["extension.json".to_owned()] } else { Vec::new() };
        Facts { exists: json || entry || composer, manifests, entry, composer }
    }

    #[test]
    fn values_choose_as_documented() {
        use Mechanism::{Composer as C, Registration as W, RequireOnce as R};
        let id = ExtensionId::new("extensions/Cite").unwrap();
        let text = |text: &str| Value::Text(text.into());
        // Composer-ready, json only, N.php only, both, neither.
        let trees = [(true, false, true), (true, false, false), (false, true, false), (true, true, false)]
            .map(|(json, entry, composer)| facts(json, entry, composer));
        let table: [(Value, [Option<Mechanism>; 4]); 5] = [
            (Value::Bool(true), [Some(C), Some(W), Some(R), Some(W)]),
            (text("composer"), [Some(C), None, None, None]),
            (text("wfLoadExtension"), [Some(W), Some(W), None, Some(W)]),
            (text("require_once"), [None, None, Some(R), Some(R)]),
            (text("wfLoadSkin"), [None; 4]),
        ];
        for (value, expected) in table {
            for (tree, expected) in trees.iter().zip(expected) {
                let found = choose(&id, &value, tree, true);
                assert_eq!(found.is_err(), expected.is_none(), "{value:?} {tree:?}: {found:?}");
                assert_eq!(found.ok().flatten(), expected, "{value:?} {tree:?}");
            }
            assert!(choose(&id, &value, &Facts::default(), true).is_err(), "{value:?}");
        }
        for tree in trees {
            assert_eq!(choose(&id, &Value::Bool(false), &tree, true), Ok(None));
            for odd in [Value::Int(1), text("true"), text("yes"), Value::Null] {
                assert!(choose(&id, &odd, &tree, true).is_err(), "{odd:?}");
            }
        }
    }

    #[test]
    fn without_registration_only_files_are_left() {
        let id = ExtensionId::new("extensions/Cite").unwrap();
        let on = |facts: &Facts| choose(&id, &Value::Bool(true), facts, false).ok().flatten();
        assert_eq!(on(&facts(true, true, false)), Some(Mechanism::RequireOnce));
        assert_eq!(on(&facts(true, false, false)), None);
        let composer = facts(true, true, true);
        assert_eq!(on(&composer), Some(Mechanism::Composer));
        assert_eq!(loads(&id, Mechanism::Composer, &composer, false), [Load::Require(id.clone())]);
    }

    #[test]
    fn what_is_nested_or_has_another_manifest_is_named_in_full() {
        let nested = ExtensionId::new("extensions/ConfirmEdit/QuestyCaptcha").unwrap();
        let json = facts(true, true, false);
        assert_eq!(choose(&nested, &Value::Bool(true), &facts(false, true, false), true).ok(), None);
        let expected = [Load::Register(nested.clone(), Some("extension.json".to_owned()))];
        assert_eq!(loads(&nested, Mechanism::Registration, &json, true), expected);
        let flat = ExtensionId::new("extensions/Cite").unwrap();
        assert_eq!(loads(&flat, Mechanism::Registration, &json, true), [Load::Register(flat.clone(), None)]);
        let two = Facts { manifests: vec!["extension-client.json".into(), "extension-repo.json".into()], ..json };
        assert_eq!(loads(&flat, Mechanism::Composer, &two, true).len(), 2);
        assert_eq!(loads(&flat, Mechanism::Composer, &facts(false, false, true), true), []);
    }

    #[test]
    fn settings_name_extensions() {
        let id = |name: &str| named(name).map(|id| id.map(|id| id.to_string()).map_err(|_| ()));
        assert_eq!(id("wgUseExtensionCite"), Some(Ok("extensions/Cite".to_owned())));
        assert_eq!(id("wgUseSkinchameleon"), Some(Ok("skins/chameleon".to_owned())));
        assert_eq!(id("wgUseExtensionA/B"), Some(Ok("extensions/A/B".to_owned())));
        assert_eq!(id("wgUseExtensionA/../B"), Some(Err(())));
        assert_eq!(id("wgUseExtension"), None);
        assert_eq!(id("wgUseSomething"), None);
    }
}
