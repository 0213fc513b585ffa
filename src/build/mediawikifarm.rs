//! What the extension `MediaWikiFarm` looks for in `vendor/`: a directory named after each extension that Composer
//! installed. Its own `mwcomposer` makes a whole autoloader there; here it is a link to the extension's set.

use std::collections::BTreeMap;
use std::path::Path;

use md5::{Digest, Md5};

use super::generated::Generated;
use super::objects::Objects;
use crate::disk::Found;
use crate::farm::ExtensionId;
use crate::key::hex;

/// What is at a link's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A link as a build makes it, to this set.
    Link(Generated),
    /// A directory: `mwcomposer`'s, which serves as well.
    Directory,
    /// Something else.
    Other,
}

/// What `MediaWikiFarm` calls the extensions that Composer installed, by their index: `ExtensionSemanticMediaWiki`,
/// `Skinchameleon`. Others it loads itself, and takes a directory here for a reason not to.
#[must_use]
pub fn names(objects: &Objects) -> BTreeMap<usize, String> {
    let installed = |id: &ExtensionId| objects.packages.iter().any(|p| p.install_path.as_deref() == Some(id.as_str()));
    let extensions = objects.extensions.iter().enumerate().filter(|(_, id)| installed(id));
    extensions
        .filter_map(|(index, id)| {
            let (kind, name) = match id.as_str().split_once('/')? {
                ("extensions", name) => ("Extension", name),
                ("skins", name) => ("Skin", name),
                _ => return None,
            };
            Some((index, format!("{kind}{name}")))
        })
        .collect()
}

/// The directory that is looked for: `composer` and the first eight digits of the name's MD5.
#[must_use]
pub fn link(name: &str) -> String {
    format!("composer{}", &hex(&Md5::digest(name))[..8])
}

/// What is at a name of that form.
///
/// `found` is what is there, a link not followed.
#[must_use]
pub fn place(found: &Found) -> Place {
    match found {
        Found::Directory => Place::Directory,
        Found::Link(target) => {
            let set = target.to_str().and_then(Generated::parse).filter(|name| matches!(name, Generated::Set(_)));
            set.map_or(Place::Other, Place::Link)
        }
        Found::Other => Place::Other,
    }
}

/// Whether a name has the form of a link's.
#[must_use]
pub fn is_link(name: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    name.strip_prefix("composer").is_some_and(|digits| digits.len() == 8 && digits.bytes().all(digit))
}

/// Whether a path below `vendor/` of another tree is a link that a build made there.
#[must_use]
pub fn is_ours(path: &Path, target: &Path) -> bool {
    let name = path.components().count() == 1 && path.to_str().is_some_and(is_link);
    name && target.to_str().and_then(Generated::parse).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_named_as_mediawikifarm_does() {
        assert_eq!(link("ExtensionSemanticMediaWiki"), "composerc4538db9");
        assert_eq!(link("Skinchameleon"), "composer66caa6fc");
        assert!(is_link(&link("ExtensionCite")));
        for name in ["composer", "composer1234567", "composer123456789", "composer1234567G", "xcomposer12345678"] {
            assert!(!is_link(name), "{name}");
        }
    }
}
