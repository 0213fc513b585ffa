//! Random farms: small trees in which everything occurs that changes what Composer generates.

mod extension;
mod library;
mod root;

use serde_json::Value;

use super::random::Random;
use super::{Farm, Package};

/// What the parts of one farm must know of each other while it is drawn.
pub(crate) struct Draft {
    pub(crate) random: Random,
    /// Each library in its locked version, with the older version that Composer must pass over.
    libraries: Vec<library::Library>,
    /// Libraries which the root requires, by index.
    base: Vec<usize>,
}

/// How large a farm is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// The number of libraries.
    pub(crate) libraries: usize,
    /// The number of extensions.
    pub(crate) extensions: usize,
}

/// The farm of that seed.
pub(crate) fn farm(seed: u64) -> Farm {
    let mut random = Random::new(seed);
    let size = Size { libraries: 5 + random.below(12), extensions: 3 + random.below(6) };
    farm_of_size(random, size, &format!("random farm, MWFARM_SEED={seed}"))
}

/// A farm of a given size.
pub(crate) fn farm_of_size(random: Random, size: Size, name: &str) -> Farm {
    let mut draft = Draft { random, libraries: Vec::new(), base: Vec::new() };
    draft.libraries(size.libraries);
    let mut root = draft.root();
    let (extensions, extension_packages) = draft.extensions(size.extensions, &mut root);
    let libraries = draft.libraries.into_iter().flat_map(|library| library.versions);
    let packages: Vec<Package> = libraries.chain(extension_packages).collect();
    Farm {
        name: name.to_owned(),
        root: root.manifest,
        local: root.local,
        unlisted: root.unlisted,
        dev: root.dev,
        sources: root.sources,
        packages,
        extensions,
    }
}

/// A constraint that `version` meets, in one of the forms people write.
fn constraint(random: &mut Random, version: &str) -> String {
    if version.starts_with("dev-") {
        return version.to_owned();
    }
    let plain = version.trim_start_matches('v');
    let two: Vec<&str> = plain.split('.').take(2).collect();
    let two = two.join(".");
    let exact = plain.to_owned();
    if plain.contains('-') || plain.split('.').count() > 3 {
        return random.pick(&["*", exact.as_str()]).to_owned();
    }
    let choices = [
        "*".to_owned(),
        exact,
        format!("^{two}"),
        format!("~{two}"),
        format!(">={two}"),
        format!("^{two} || ^7.0"),
        format!(">={two} <9"),
    ];
    choices[random.below(choices.len())].clone()
}

/// Appends to the list at `field` of an object, making it when absent.
fn push(object: &mut Value, field: &str, value: Value) {
    let list = object.as_object_mut().expect("an object").entry(field).or_insert_with(|| Value::Array(Vec::new()));
    list.as_array_mut().expect("a list").push(value);
}

/// Sets `object[field][key]`, making the object at `field` when absent.
fn put(object: &mut Value, field: &str, key: &str, value: impl Into<Value>) {
    let fields = object.as_object_mut().expect("an object");
    let inner = fields.entry(field).or_insert_with(|| Value::Object(serde_json::Map::new()));
    inner.as_object_mut().expect("an object").insert(key.to_owned(), value.into());
}
