//! A `COMPOSER_HOME` for a farm: Composer needs no network with it.

use std::path::Path;
use std::{fs, io};

use serde_json::{Map, Value, json};

/// Writes one whose only repository offers just these packages, as `installed.json` lists them.
pub(crate) fn write(packages: &[Value], home: &Path) -> io::Result<()> {
    let named = packages.iter().map(|package| {
        let mut package = package.clone();
        if let Some(fields) = package.as_object_mut() {
            // These are about a package that is installed.
            fields.retain(|field, _| field != "install-path" && field != "installation-source");
        }
        let text = |field: &str| package[field].as_str().unwrap_or_default().to_owned();
        (text("name"), json!({ text("version"): package }))
    });
    let packages: Map<String, Value> = named.collect();
    let config = json!({
        "repositories": [
            { "type": "composer", "url": format!("file://{}", std::path::absolute(home)?.display()) },
            { "packagist": false },
        ],
        "config": { "preferred-install": "dist" },
    });
    fs::create_dir_all(home)?;
    fs::write(home.join("packages.json"), json!({ "packages": packages }).to_string())?;
    fs::write(home.join("config.json"), config.to_string())
}
