//! How Composer wrote the tree's autoloader.

use std::collections::HashSet;

use super::composer_json::{Config, ConfiguredCheck};
use super::files::Files;
use super::{Error, paths};
use crate::build::package::{AutoloadRules, LoaderSettings, Package, PlatformCheck, RootPart};

const REAL: &str = "vendor/composer/autoload_real.php";
const CHECK: &str = "vendor/composer/platform_check.php";
const CLASS_MAP: &str = "vendor/composer/autoload_classmap.php";

/// Reads the settings from the files that Composer wrote, since `composer dump-autoload -a` and the like set them
/// without `composer.json` saying so; what those files do not show comes from `config`.
pub(super) fn read(
    files: Files,
    config: &Config,
    parts: &[RootPart],
    packages: &[Package],
) -> Result<LoaderSettings, Error> {
    let real = files.read(REAL)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let says = |text: &str| real.as_ref().is_some_and(|real| real.contains(text));
    let check = if says("platform_check.php") { files.read(CHECK)? } else { None };
    let authoritative = match &real {
        Some(_) => says("->setClassMapAuthoritative(true)"),
        None => config.classmap_authoritative == Some(true),
    };
    let optimize = authoritative
        || config.optimize_autoloader == Some(true)
        || config.classmap_authoritative == Some(true)
        || files.read(CLASS_MAP)?.is_some_and(|map| holds_scanned_class(&map, parts, packages));
    Ok(LoaderSettings {
        authoritative,
        optimize,
        prepend: if says("->register(true)") {
            true
        } else if says("->register(false)") {
            false
        } else {
            config.prepend_autoloader != Some(false)
        },
        use_include_path: match &real {
            Some(_) => says("->setUseIncludePath(true)"),
            None => config.use_include_path == Some(true),
        },
        platform_check: platform_check(check.as_deref(), config.platform_check),
    })
}

/// The check as it stands. Its absence can also mean that there was nothing to check, so only `config` turns it off.
fn platform_check(written: Option<&[u8]>, configured: Option<ConfiguredCheck>) -> PlatformCheck {
    let extensions = written.is_some_and(|text| contains(text, b"$missingExtensions"));
    match configured {
        _ if extensions => PlatformCheck::Full,
        Some(ConfiguredCheck::Full) => PlatformCheck::Full,
        Some(ConfiguredCheck::Off) if written.is_none() => PlatformCheck::Off,
        _ => PlatformCheck::PhpOnly,
    }
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

/// Whether the class map holds a class that no `classmap` rule put there: then PSR directories were scanned.
fn holds_scanned_class(map: &[u8], parts: &[RootPart], packages: &[Package]) -> bool {
    let mut mapped = HashSet::new();
    let mut scanned = HashSet::new();
    let mut add = |directory: &str, rules: &AutoloadRules| {
        let path = |rule: &str| paths::normalize(format!("{directory}/{rule}").trim_start_matches('/'));
        mapped.extend(rules.classmap.iter().filter_map(|rule| path(rule.split('*').next().unwrap_or(rule))));
        let psr = rules.psr4.iter().chain(&rules.psr0).flat_map(|(_, directories)| directories);
        scanned.extend(psr.filter_map(|rule| path(rule)));
    };
    for part in parts {
        add("", &part.autoload);
        add("", &part.autoload_dev);
    }
    for package in packages {
        if let Some(directory) = &package.install_path {
            add(directory, &package.autoload);
        }
    }
    let within = |file: &str, directories: &HashSet<String>| {
        let ancestors = file.match_indices('/').map(|(at, _)| &file[..at]);
        directories.contains("") || directories.contains(file) || ancestors.into_iter().any(|d| directories.contains(d))
    };
    String::from_utf8_lossy(map)
        .lines()
        .filter_map(mapped_file)
        .any(|file| within(&file, &scanned) && !within(&file, &mapped))
}

/// The file of a line such as `    'Acme\\Thing' => $vendorDir . '/acme/lib/Thing.php',`, relative to the tree.
fn mapped_file(line: &str) -> Option<String> {
    let (_, value) = line.split_once(" => ")?;
    let value = value.trim().trim_end_matches(',');
    let (directory, path) = match value.strip_prefix("$vendorDir . ") {
        Some(path) => ("vendor", path),
        None => ("", value.strip_prefix("$baseDir . ")?),
    };
    let path = path.strip_prefix("'/")?.strip_suffix('\'')?;
    if path.contains("composer/InstalledVersions.php") {
        return None;
    }
    paths::join(directory, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_check_is_what_stands_there() {
        let ext: &[u8] = b"<?php $missingExtensions = array();";
        for (written, configured, expected) in [
            (Some(ext), None, PlatformCheck::Full),
            (Some(ext), Some(ConfiguredCheck::PhpOnly), PlatformCheck::Full),
            (Some(b"<?php".as_slice()), None, PlatformCheck::PhpOnly),
            (Some(b"<?php".as_slice()), Some(ConfiguredCheck::Full), PlatformCheck::Full),
            (None, Some(ConfiguredCheck::Off), PlatformCheck::Off),
            (None, None, PlatformCheck::PhpOnly),
            (None, Some(ConfiguredCheck::Full), PlatformCheck::Full),
        ] {
            assert_eq!(platform_check(written, configured), expected, "{configured:?}");
        }
    }

    #[test]
    fn a_scanned_class_is_told_from_a_mapped_one() {
        let part = RootPart {
            autoload: AutoloadRules {
                psr4: vec![("A\\".into(), vec!["src/".into()])],
                classmap: vec!["lib/".into(), "src/Odd.php".into()],
                ..AutoloadRules::default()
            },
            ..RootPart::default()
        };
        let scanned = |line: &str| holds_scanned_class(line.as_bytes(), std::slice::from_ref(&part), &[]);
        assert!(scanned("    'A\\\\B' => $baseDir . '/src/B.php',"));
        assert!(!scanned("    'Odd' => $baseDir . '/src/Odd.php',"));
        assert!(!scanned("    'Old' => $baseDir . '/lib/Old.php',"));
        assert!(!scanned("    'Composer\\\\InstalledVersions' => $vendorDir . '/composer/InstalledVersions.php',"));
    }
}
