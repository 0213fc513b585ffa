//! Vendor directories of extensions: libraries beside the farm's.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Examination;
use super::finding::{Case, Code, Finding, Severity, some_of};
use crate::build::package::Extension;
use crate::disk;

/// How many bytes of a private `installed.json` or loader are read.
const LONGEST: u64 = 16 << 20;

/// How many libraries a message names.
const SHOWN: usize = 3;

/// A private vendor directory.
struct Vendor {
    /// Name → version, as its `installed.json` has them.
    libraries: BTreeMap<String, String>,
    /// Who loads its `autoload.php`.
    loaded: Loaded,
    /// Whether its loader goes before those that are there.
    prepends: bool,
}

/// Who loads a private autoloader.
enum Loaded {
    /// MediaWiki, by `load_composer_autoloader` of this manifest.
    Manifest(String),
    /// This file of the extension.
    File(String),
    /// Nobody that is known.
    Nobody,
    /// There is none.
    Missing,
}

pub(super) fn findings(examination: &Examination) -> Vec<Finding> {
    let Examination { tree, directory, .. } = examination;
    let mut findings = Vec::new();
    let mut vendors: Vec<(usize, Vendor)> = Vec::new();
    for (index, extension) in tree.extensions.iter().enumerate() {
        let own = directory.join(extension.id.as_str());
        if disk::is_directory(&own.join("vendor")) {
            vendors.push((index, Vendor::read(&own, extension)));
        } else if let Some(manifest) = extension.manifests.iter().find(|manifest| manifest.load_composer_autoloader) {
            let what = format!("`{}/vendor/autoload.php` does not exist, so that nothing happens", extension.id);
            let hint = "nothing: wikis load its libraries from the farm's own vendor directory";
            let finding = Finding::new(Code::DeadComposerAutoloader, Severity::Note, what, hint);
            let finding = finding.at(manifest.file.clone(), "load_composer_autoloader").extension(&extension.id);
            findings.push(finding.wikis(examination.concerns.of_extension(index)));
        }
    }
    for (index, vendor) in &vendors {
        findings.push(of_vendor(examination, *index, vendor, &vendors));
    }
    findings
}

fn of_vendor(examination: &Examination, index: usize, vendor: &Vendor, all: &[(usize, Vendor)]) -> Finding {
    let Examination { tree, concerns, .. } = examination;
    let id = &tree.extensions[index].id;
    let wikis = concerns.of_extension(index);
    let (mut other, mut unknown, mut clashes, mut same) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (name, version) in &vendor.libraries {
        match concerns.package(name).map(|package| &tree.packages[package]) {
            Some(package) if package.version == *version => same += 1,
            Some(package) => other.push((name, version, package)),
            None => unknown.push(format!("{name} {version}")),
        }
        for (holder, holding) in all.iter().filter(|(holder, _)| *holder != index) {
            let versions = holding.libraries.get(name).filter(|theirs| *theirs != version);
            clashes.extend(versions.map(|theirs| (name, version, *holder, theirs)));
        }
    }
    let (file, field) = match &vendor.loaded {
        Loaded::Manifest(file) => (file.clone(), "load_composer_autoloader"),
        Loaded::File(file) => (file.clone(), ""),
        Loaded::Nobody | Loaded::Missing => (format!("{id}/vendor"), ""),
    };
    let finding = |code, severity, what: String, hint: &str| {
        Finding::new(code, severity, what, hint).at(file.clone(), field).extension(id).wikis(wikis.clone())
    };
    if matches!(vendor.loaded, Loaded::Missing) {
        let what = format!("`{id}/vendor` has no `autoload.php`");
        return finding(
            Code::DeadComposerAutoloader,
            Severity::Note,
            what,
            "remove the directory, which loads nothing",
        );
    }
    if other.is_empty() && unknown.is_empty() && clashes.is_empty() {
        let what = match same {
            0 => format!("`{id}/vendor` holds no library"),
            _ => format!(
                "`{id}/vendor` holds just what wikis load from the farm's vendor directory, in the same versions"
            ),
        };
        let hint = "remove the directory; MediaWiki looks for it again when the manifest's time changes: `touch` it";
        return finding(Code::DeadComposerAutoloader, Severity::Note, what, hint);
    }
    let loads = match &vendor.loaded {
        Loaded::Manifest(file) => format!("MediaWiki loads it by `{file}`"),
        Loaded::File(file) => format!("`{file}` loads it"),
        Loaded::Nobody | Loaded::Missing => "nobody is known to load it".to_owned(),
    };
    let mut cases = Vec::new();
    for (name, version, package) in &other {
        let wins = if matches!(vendor.loaded, Loaded::Nobody) {
            "the farm's is loaded as long as nobody loads this one".to_owned()
        } else if vendor.prepends {
            format!("once it is loaded, {version} wins for each class that is not loaded yet")
        } else {
            format!("{} wins on wikis that load it from the farm, else {version}", package.version)
        };
        let what = format!("`{name}` {version}; the farm has {}: {wins}", package.version);
        cases.push(Case { what, wikis: wikis.clone() });
    }
    for (name, version, holder, theirs) in &clashes {
        let holder_id = &tree.extensions[*holder].id;
        let what = format!("`{name}` {version}; `{holder_id}/vendor` has {theirs}: of both, the first one loaded wins");
        cases.push(Case { what, wikis: wikis.clone().and(concerns.of_extension(*holder)) });
    }
    let mut holds = Vec::new();
    if !other.is_empty() {
        holds.push(format!(
            "{} in another version than the farm",
            some_of(other.iter().map(|(n, ..)| n.as_str()), SHOWN)
        ));
    }
    if !unknown.is_empty() {
        holds.push(format!("{} which no bundle knows", some_of(unknown.iter().map(String::as_str), SHOWN)));
    }
    if holds.is_empty() {
        holds.push("libraries that another extension has in other versions".to_owned());
    }
    let harmless = other.is_empty() && clashes.is_empty() || matches!(vendor.loaded, Loaded::Nobody);
    let severity = if harmless { Severity::Note } else { Severity::Warning };
    let what = format!("`{id}/vendor` holds {}; {loads}", holds.join(", and "));
    let hint = "require them for the farm as a whole (an include of the merge plugin, or `composer require`), then remove \
                the directory";
    let mut finding = finding(Code::PrivateVendor, severity, what, hint);
    finding.package = other.first().map(|(name, ..)| (*name).clone());
    finding.cases = cases;
    finding
}

impl Vendor {
    fn read(own: &Path, extension: &Extension) -> Self {
        let text = |path: &Path| small(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let vendor = own.join("vendor");
        let real = text(&vendor.join("composer/autoload_real.php")).unwrap_or_default();
        let manifest = extension.manifests.iter().find(|manifest| manifest.load_composer_autoloader);
        let loaded = match (disk::size(&vendor.join("autoload.php")), manifest) {
            (None, _) => Loaded::Missing,
            (Some(_), Some(manifest)) => Loaded::Manifest(manifest.file.clone()),
            (Some(_), None) => {
                let names = disk::names(own).unwrap_or_default();
                let mut php = names.iter().filter(|name| is_php(name));
                let by =
                    php.find(|name| text(&own.join(name)).is_some_and(|text| text.contains("vendor/autoload.php")));
                by.map_or(Loaded::Nobody, |name| Loaded::File(format!("{}/{name}", extension.id)))
            }
        };
        Self {
            libraries: small(&vendor.join("composer/installed.json")).map(|json| libraries(&json)).unwrap_or_default(),
            loaded,
            prepends: !real.contains("->register(false)"),
        }
    }
}

/// PHP files by name; case counts, as for `require`.
fn is_php(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "php")
}

fn small(path: &Path) -> Option<Vec<u8>> {
    if disk::size(path)? > LONGEST { None } else { disk::read_optional(path).ok()? }
}

/// What an `installed.json` lists, of Composer 1 or 2; nothing when it is neither.
fn libraries(json: &[u8]) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Listed {
        name: String,
        version: String,
    }
    #[derive(Deserialize)]
    struct Second {
        packages: Vec<Listed>,
    }
    let second = serde_json::from_slice::<Second>(json).map(|second| second.packages);
    let packages = second.or_else(|_| serde_json::from_slice::<Vec<Listed>>(json)).unwrap_or_default();
    packages.into_iter().map(|package| (package.name.to_lowercase(), package.version)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_installed_json_are_read() {
        let expected = BTreeMap::from([("a/b".to_owned(), "1.0".to_owned())]);
        assert_eq!(libraries(br#"{"packages": [{"name": "A/b", "version": "1.0", "x": 1}], "dev": true}"#), expected);
        assert_eq!(libraries(br#"[{"name": "a/b", "version": "1.0"}]"#), expected);
        assert_eq!(libraries(b"{"), BTreeMap::new());
    }
}
