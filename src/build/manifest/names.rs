//! Composer's names of packages and of the platform.

use super::Error;
use super::error::Place;

/// Whether a name is Composer's word for something that no package is: `php`, `ext-json`, `composer-plugin-api`.
/// Follows `PlatformRepository::PLATFORM_PACKAGE_REGEX`; the name is in lower case.
#[must_use]
pub fn is_platform(name: &str) -> bool {
    match name {
        "php"
        | "php-64bit"
        | "php-ipv6"
        | "php-zts"
        | "php-debug"
        | "hhvm"
        | "composer"
        | "composer-plugin-api"
        | "composer-runtime-api" => true,
        _ => name.strip_prefix("ext-").or_else(|| name.strip_prefix("lib-")).is_some_and(|rest| is_words(rest, 1)),
    }
}

/// Whether a name in lower case is `vendor/package` as `ValidatingArrayLoader::hasPackageNamingError` wants it.
#[must_use]
pub fn is_package(name: &str) -> bool {
    name.split_once('/').is_some_and(|(vendor, package)| is_words(vendor, 1) && is_words(package, 2))
}

/// Letters and digits with single `_`, `.`, `-` between them; `dashes` of `-` may stand in a row.
fn is_words(text: &str, dashes: usize) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separators: &[u8] = b"";
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if alphanumeric(*byte) {
            separators = b"";
            continue;
        }
        let start = at - separators.len();
        separators = &bytes[start..=at];
        let good = match separators {
            b"_" | b"." | b"-" => true,
            b"--" => dashes == 2,
            _ => false,
        };
        if !good || start == 0 {
            return false;
        }
    }
    !bytes.is_empty() && separators.is_empty()
}

/// Checks the name of a package, in lower case from here on.
pub(super) fn package(name: &str, place: Place, field: &str, warnings: &mut Vec<String>) -> Result<String, Error> {
    checked(name, place, field, warnings, is_package)
}

/// Checks the target of a requirement and the like: a package or part of the platform, in lower case from here on.
pub(super) fn target(name: &str, place: Place, field: &str, warnings: &mut Vec<String>) -> Result<String, Error> {
    checked(name, place, field, warnings, |name| {
        // `composer-api` is not of Composer's making, but some extensions ask for it.
        is_package(name) || is_platform(name) || name == "composer-api"
    })
}

fn checked(
    name: &str,
    place: Place,
    field: &str,
    warnings: &mut Vec<String>,
    good: impl Fn(&str) -> bool,
) -> Result<String, Error> {
    let lower = name.to_ascii_lowercase();
    if lower.len() > 256 || !good(&lower) {
        let reason = format!("`{}` is not the name of a package", short(name));
        return Err(place.error(field, reason));
    }
    if lower != name {
        warnings.push(format!("`{}`, field `{}`: `{name}` should be in lower case", place.file, place.field(field)));
    }
    Ok(lower)
}

/// A text of the tree as a message may show it: escaped and not too long.
pub(super) fn short(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_composer() {
        for good in ["a/b", "mediawiki/semantic-media-wiki", "a.b_c-d/e--f.g", "0/0", "oojs/oojs-ui"] {
            assert!(is_package(good), "{good}");
        }
        for bad in [
            "a", "a/", "/b", "a/b/c", "a--b/c", "a/b---c", "-a/b", "a/b-", "a/.b", "A/b", "a/b..c", "a/b-_c", "../a",
            "a/..", "a b/c", "a/b\0", "é/a", "",
        ] {
            assert!(!is_package(bad), "{bad:?}");
        }
        for good in ["php", "php-64bit", "ext-zend-opcache", "lib-icu", "composer-runtime-api", "ext-pdo_mysql", "hhvm"]
        {
            assert!(is_platform(good), "{good}");
        }
        for bad in ["ext-", "php-", "composer-api", "ext-é", "php/x", "ext-a--b"] {
            assert!(!is_platform(bad), "{bad}");
        }
    }

    #[test]
    fn a_name_in_upper_case_is_lowered_with_a_warning() {
        let mut warnings = Vec::new();
        let place = Place { file: "composer.json", object: "" };
        assert_eq!(target("Acme/Lib", place, "require", &mut warnings).expect("good"), "acme/lib");
        assert_eq!(warnings, ["`composer.json`, field `require`: `Acme/Lib` should be in lower case"]);
        let error = target("no name\n", place, "require", &mut warnings).expect_err("refused");
        assert_eq!(error.to_string(), "`composer.json`, field `require`: `no name\\n` is not the name of a package");
    }
}
