//! Paths as text: relative to the tree, `/` between the parts, the tree itself empty.

use super::Error;
use super::error::Place;
use super::names::short;

/// A relative path with `.`, `..` and doubled slashes resolved as text; `None` when it is absolute. What leads out
/// of the starting directory stays as leading `../`.
pub(super) fn normalize(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Joins two relative paths and normalises the result.
pub(super) fn join(directory: &str, path: &str) -> Option<String> {
    if path.starts_with('/') { None } else { normalize(format!("{directory}/{path}").trim_start_matches('/')) }
}

/// Whether a normalised path leaves the directory it is relative to.
pub(super) fn leaves(path: &str) -> bool {
    path == ".." || path.starts_with("../")
}

/// The directory of a file, as PHP's `dirname` gives it, with the empty text instead of `.`.
pub(super) fn directory(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Whether a normalised path is a directory or lies in it.
pub(super) fn is_within(path: &str, directory: &str) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Checks a path of an autoload rule as Composer will use it: behind `base`, which is the directory of the package
/// (for the root: nothing), so that a leading `/` is harmless in a package and absolute in the root.
pub(super) fn check_rule(base: Base, path: &str, place: Place, field: &str) -> Result<(), Error> {
    check_text(path, place, field)?;
    // Composer takes both slashes for the same.
    let path = path.replace('\\', "/");
    let path = match base {
        Base::Root => path,
        Base::Package => path.trim_start_matches('/').to_owned(),
    };
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    match normalize(&path) {
        None => Err(place.error(field, format!("`{}` is absolute", short(&path)))),
        Some(_) if drive => Err(place.error(field, format!("`{}` is absolute", short(&path)))),
        Some(normal) if leaves(&normal) => Err(place.error(field, format!("`{}` leaves the package", short(&path)))),
        Some(_) => Ok(()),
    }
}

/// What the paths of a rule are relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// The tree; Composer puts nothing before the path.
    Root,
    /// The directory of an installed package; Composer puts it and a slash before the path.
    Package,
}

/// Refuses what no path or pattern may hold: control characters, and PHP's stream wrappers (`phar://…`), which
/// would load code from somewhere else.
pub(super) fn check_text(path: &str, place: Place, field: &str) -> Result<(), Error> {
    if path.chars().any(char::is_control) {
        return Err(place.error(field, format!("`{}` holds a control character", short(path))));
    }
    if path.contains("://") || path.to_ascii_lowercase().starts_with("data:") {
        return Err(place.error(field, format!("`{}` is not a path but the address of a stream", short(path))));
    }
    if path.len() > 4096 {
        return Err(place.error(field, "is longer than any path can be"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_as_text() {
        for (path, expected) in [
            ("", Some("")),
            (".", Some("")),
            ("./a//b/", Some("a/b")),
            ("a/../b", Some("b")),
            ("../semver", Some("../semver")),
            ("a/../../b", Some("../b")),
            ("../../..", Some("../../..")),
            ("/a", None),
        ] {
            assert_eq!(normalize(path).as_deref(), expected, "{path}");
        }
        assert_eq!(join("vendor/composer", "../acme/lib").as_deref(), Some("vendor/acme/lib"));
        assert_eq!(join("vendor/composer", "./semver").as_deref(), Some("vendor/composer/semver"));
        assert_eq!(join("vendor/composer", "../../extensions/A").as_deref(), Some("extensions/A"));
        assert_eq!(join("", "a").as_deref(), Some("a"));
        assert_eq!(join("a", "/b"), None);
        assert_eq!(directory("a/b/c.json"), "a/b");
        assert_eq!(directory("c.json"), "");
        assert!(is_within("a/b", "a") && is_within("a", "a") && !is_within("ab", "a") && is_within("a", ""));
    }

    #[test]
    fn rules_stay_in_their_package() {
        let place = Place { file: "f.json", object: "" };
        let check = |base, path| check_rule(base, path, place, "autoload.classmap[0]").map_err(|e| e.to_string());
        for good in ["", "src/", "./src", "a/../b", "src\\Sub", "..a/b", "a b"] {
            assert_eq!(check(Base::Root, good), Ok(()), "{good}");
            assert_eq!(check(Base::Package, good), Ok(()), "{good}");
        }
        assert_eq!(check(Base::Package, "/src"), Ok(()));
        let refused = |base, path, reason| {
            assert_eq!(check(base, path), Err(format!("`f.json`, field `autoload.classmap[0]`: {reason}")));
        };
        refused(Base::Root, "/etc", "`/etc` is absolute");
        refused(Base::Root, "C:\\x", "`C:/x` is absolute");
        refused(Base::Package, "/../x", "`../x` leaves the package");
        refused(Base::Package, "a/../../x", "`a/../../x` leaves the package");
        refused(Base::Package, "..\\x", "`../x` leaves the package");
        refused(
            Base::Package,
            "phar://x.phar/a.php",
            "`phar://x.phar/a.php` is not a path but the address of a stream",
        );
        refused(Base::Package, "a\0b", "`a\\0b` holds a control character");
        refused(Base::Package, "a\nb", "`a\\nb` holds a control character");
    }
}
