//! `composer.lock`, to notice that what is installed is not what is locked.

use serde::Deserialize;

use super::Error;
use super::json::{self, Object};
use crate::build::package::Package;

#[derive(Debug, Default, Deserialize)]
struct Lock {
    #[serde(default)]
    packages: Vec<Object<Locked>>,
    #[serde(default, rename = "packages-dev")]
    packages_dev: Option<Vec<Object<Locked>>>,
}

#[derive(Debug, Default, Deserialize)]
struct Locked {
    name: Option<String>,
    version: Option<String>,
}

/// What differs between a lock file and the installed packages, one line each.
pub(super) fn differences(file: &str, bytes: &[u8], installed: &[Package]) -> Result<Vec<String>, Error> {
    let lock = json::parse::<Object<Lock>>(file, bytes)?.0;
    let mut differences = Vec::new();
    let dev = lock.packages_dev.unwrap_or_default();
    let packages = lock.packages.iter().map(|locked| (locked, false)).chain(dev.iter().map(|locked| (locked, true)));
    for (Object(locked), is_dev) in packages {
        let (Some(name), Some(version)) = (&locked.name, &locked.version) else { continue };
        let lower = name.to_ascii_lowercase();
        let (file, name, version) = (file.escape_debug(), name.escape_debug(), version.escape_debug());
        match installed.binary_search_by(|package| package.name.as_str().cmp(&lower)) {
            Ok(index) if installed[index].version == locked.version.as_deref().unwrap_or_default() => {}
            Ok(index) => differences.push(format!(
                "`{file}` locks `{name}` {version}, but {} is installed",
                installed[index].version.escape_debug()
            )),
            Err(_) if is_dev => {}
            Err(_) => differences.push(format!("`{file}` locks `{name}` {version}, which is not installed")),
        }
    }
    Ok(differences)
}
