//! Sets read back: `set.json` files hold everything that a bundle is linked from. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Objects, Selection};
use super::set::{Base, FORMAT, Package, Part, Set};
use crate::farm::ExtensionId;

/// The sets of a build, as their `set.json` files say.
#[derive(Debug)]
pub struct Sets {
    tree: Base,
    base: Set,
    extensions: BTreeMap<ExtensionId, Set>,
}

/// Sets that are not those of a build.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not the JSON of a set.
    #[error("not a `set.json`")]
    Json(#[from] serde_json::Error),
    /// Another generator wrote a file.
    #[error("a `set.json` of format {0}, and this mwfarm reads format {FORMAT}")]
    Format(u32),
    /// Two files are of the same extension, or of the base.
    #[error("two sets of {}", .0.as_ref().map_or_else(|| "the base".to_owned(), |id| format!("`{id}`")))]
    Twice(Option<ExtensionId>),
    /// There is no base.
    #[error("no set of the base")]
    NoBase,
    /// A set is missing.
    #[error("no set of `{0}`")]
    Missing(ExtensionId),
}

impl Sets {
    /// Reads the texts of `set.json` files, those of one build.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read<'j>(texts: impl IntoIterator<Item = &'j [u8]>) -> Result<Self, Error> {
        let mut base = None;
        let mut extensions = BTreeMap::new();
        for text in texts {
            let mut set: Set = serde_json::from_slice(text)?;
            if set.format != FORMAT {
                return Err(Error::Format(set.format));
            }
            let extension = set.extension.clone();
            let twice = match (extension.clone(), set.base.take()) {
                (None, Some(tree)) => base.replace((tree, set)).is_some(),
                (None, None) => return Err(Error::NoBase),
                (Some(id), _) => extensions.insert(id, set).is_some(),
            };
            if twice {
                return Err(Error::Twice(extension));
            }
        }
        let (tree, base) = base.ok_or(Error::NoBase)?;
        Ok(Self { tree, base, extensions })
    }

    /// Everything that the sets hold, ready for linking: the packages in the order of their names as written, the
    /// root's parts in merge order.
    #[must_use]
    pub fn objects(&self) -> Objects {
        let sets = || std::iter::once(&self.base).chain(self.extensions.values());
        let packages: BTreeMap<&str, &Package> =
            sets().flat_map(|set| &set.packages).map(|package| (package.pretty_name(), package)).collect();
        let parts: BTreeMap<usize, &Part> = sets().flat_map(|set| &set.parts).map(|part| (part.order, part)).collect();
        let of_base: BTreeSet<usize> = self.base.parts.iter().map(|part| part.order).collect();
        let extensions: Vec<ExtensionId> = self.extensions.keys().cloned().collect();
        let owner = |part: &Part| {
            let holds =
                |id: &ExtensionId| part.file.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('/'));
            let holders = (0..extensions.len()).filter(|&index| holds(&extensions[index]));
            holders.max_by_key(|&index| extensions[index].as_str().len()).filter(|_| !of_base.contains(&part.order))
        };
        Objects {
            base: self.tree.clone(),
            packages: packages.into_values().cloned().collect(),
            parts: parts.into_values().map(|part| (owner(part), part.clone())).collect(),
            extensions: extensions.clone(),
            manifests: self.extensions.values().map(|set| set.manifests.clone()).collect(),
        }
    }

    /// What a combination loads: the base, its extensions and all that these pull in, from the [`Sets::objects`].
    ///
    /// It is C(S), unless a requirement that several packages satisfy is satisfied otherwise for one of the
    /// extensions alone: each set then holds what its own extension would bring.
    ///
    /// # Errors
    /// The set of an extension is missing.
    pub fn selection(&self, objects: &Objects, extensions: &[ExtensionId]) -> Result<Selection, Error> {
        let mut on: BTreeMap<&ExtensionId, &Set> = BTreeMap::new();
        let mut open: Vec<&ExtensionId> = extensions.iter().collect();
        while let Some(id) = open.pop() {
            let set = self.extensions.get(id).ok_or_else(|| Error::Missing(id.clone()))?;
            if on.insert(id, set).is_none() {
                open.extend(&set.requires);
            }
        }
        let sets = || std::iter::once(&self.base).chain(on.values().copied());
        let names: BTreeSet<&str> = sets().flat_map(|set| &set.packages).map(|package| package.name.as_str()).collect();
        let orders: BTreeSet<usize> = sets().flat_map(|set| &set.parts).map(|part| part.order).collect();
        // What one set needs always, and what the base has for development only and one set needs always.
        let mut always: BTreeSet<&str> = sets().flat_map(|set| &set.promoted).map(String::as_str).collect();
        for set in sets() {
            let dev: BTreeSet<&str> = set.dev.iter().map(String::as_str).collect();
            always.extend(set.packages.iter().map(|package| package.name.as_str()).filter(|name| !dev.contains(name)));
        }
        let packages = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..objects.packages.len()).filter(|&index| wanted(&objects.packages[index].name)).collect()
        };
        Ok(Selection {
            extensions: (0..objects.extensions.len()).filter(|&e| on.contains_key(&objects.extensions[e])).collect(),
            packages: packages(&|name| names.contains(name)),
            parts: (0..objects.parts.len()).filter(|&part| orders.contains(&objects.parts[part].1.order)).collect(),
            dev: packages(&|name| names.contains(name) && !always.contains(name)),
            promoted: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(extension: Option<&str>, more: &str) -> String {
        let extension = extension.map(|id| format!("\"extension\":\"{id}\",")).unwrap_or_default();
        let runtime = "0".repeat(32);
        format!(
            "{{{more}\"dev\":[],{extension}\"format\":{FORMAT},\"packages\":[],\"parts\":[],\"promoted\":[],\
             \"requires\":[],\"runtime\":\"{runtime}\"}}"
        )
    }

    #[test]
    fn sets_of_no_build_are_refused() {
        let read = |texts: &[&str]| {
            Sets::read(texts.iter().map(|text| text.as_bytes())).map(|_| ()).map_err(|error| error.to_string())
        };
        let one = set(Some("extensions/A"), "");
        assert_eq!(read(&[&one]), Err("no set of the base".to_owned()));
        assert_eq!(read(&[&set(None, "")]), Err("no set of the base".to_owned()));
        assert_eq!(read(&[&one, &one]), Err("two sets of `extensions/A`".to_owned()));
        assert_eq!(read(&["{}"]), Err("not a `set.json`".to_owned()));
        let other = one.replace(&format!("\"format\":{FORMAT}"), "\"format\":0");
        assert_eq!(read(&[&other]), Err(format!("a `set.json` of format 0, and this mwfarm reads format {FORMAT}")));
    }
}
