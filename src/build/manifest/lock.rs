//! `composer.lock`, to notice that what is installed is not what is locked.

use std::collections::HashMap;

use serde::Deserialize;

use super::Error;
use super::json::{self, Object, Objects};
use crate::build::package::Package;

#[derive(Debug, Default, Deserialize)]
struct Lock {
    #[serde(default)]
    packages: Objects<Locked>,
    #[serde(default, rename = "packages-dev")]
    packages_dev: Option<Objects<Locked>>,
}

#[derive(Debug, Default, Deserialize)]
struct Locked {
    name: Option<String>,
    version: Option<String>,
}

/// What differs between a lock file and the installed packages, one line each.
pub(super) fn differences(file: &str, bytes: &[u8], installed: &[Package]) -> Result<Vec<String>, Error> {
    let lock = json::parse::<Object<Lock>>(file, bytes)?.0;
    let versions: HashMap<&str, &str> =
        installed.iter().map(|package| (package.name.as_str(), package.version.as_str())).collect();
    let mut differences = Vec::new();
    let dev = lock.packages_dev.unwrap_or_default();
    let packages =
        lock.packages.0.iter().map(|locked| (locked, false)).chain(dev.0.iter().map(|locked| (locked, true)));
    for (locked, is_dev) in packages {
        let (Some(name), Some(version)) = (&locked.name, &locked.version) else { continue };
        let lower = name.to_ascii_lowercase();
        let (file, name, version) = (file.escape_debug(), name.escape_debug(), version.escape_debug());
        match versions.get(lower.as_str()) {
            Some(installed) if Some(*installed) == locked.version.as_deref() => {}
            Some(installed) => differences
                .push(format!("`{file}` locks `{name}` {version}, but {} is installed", installed.escape_debug())),
            None if is_dev => {}
            None => differences.push(format!("`{file}` locks `{name}` {version}, which is not installed")),
        }
    }
    Ok(differences)
}
