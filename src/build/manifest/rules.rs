//! The `autoload` block of a package.

use serde::Deserialize;

use super::Error;
use super::error::Place;
use super::json::{Pairs, Strings};
use super::paths::{self, Base};
use crate::build::package::AutoloadRules;

/// How many `*` a pattern may hold, so that looking for it stays cheap; Composer's own search would not end.
const MOST_STARS: usize = 32;

/// `autoload` or `autoload-dev`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Autoload {
    #[serde(rename = "psr-4")]
    psr4: Option<Pairs<Strings>>,
    #[serde(rename = "psr-0")]
    psr0: Option<Pairs<Strings>>,
    classmap: Option<Strings>,
    files: Option<Strings>,
    #[serde(rename = "exclude-from-classmap")]
    exclude_from_classmap: Option<Strings>,
}

/// Whose rules they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    /// What Composer puts before each path.
    pub(super) base: Base,
    /// What the merge plugin puts before each path: the directory of the merged file and a slash, or nothing.
    pub(super) prefix: &'a str,
    /// Whether the package has a `target-dir`, which does not go together with PSR-4.
    pub(super) target_dir: bool,
}

impl Autoload {
    /// Checks the rules. Paths stay as they are written, behind the owner's prefix: Composer makes the identifiers
    /// of `files` from that text.
    pub(super) fn into_rules(self, owner: Owner, place: Place, block: &str) -> Result<AutoloadRules, Error> {
        let field = |kind: &str| format!("{block}.{kind}");
        let psr4 = prefixes(self.psr4, owner, place, &field("psr-4"))?;
        for (namespace, _) in &psr4 {
            // `ClassLoader::setPsr4` throws at run time otherwise.
            if !namespace.is_empty() && !namespace.ends_with('\\') {
                let reason = "a namespace must end with a backslash";
                return Err(place.error(&format!("{}.{namespace}", field("psr-4")), reason));
            }
        }
        if owner.target_dir && !psr4.is_empty() {
            return Err(place.error(&field("psr-4"), "does not go together with `target-dir`"));
        }
        Ok(AutoloadRules {
            psr4,
            psr0: prefixes(self.psr0, owner, place, &field("psr-0"))?,
            classmap: checked(self.classmap.unwrap_or_default(), owner, place, &field("classmap"))?,
            files: checked(self.files.unwrap_or_default(), owner, place, &field("files"))?,
            exclude_from_classmap: patterns(self.exclude_from_classmap, owner, place, &field("exclude-from-classmap"))?,
        })
    }
}

fn prefixes(
    pairs: Option<Pairs<Strings>>,
    owner: Owner,
    place: Place,
    field: &str,
) -> Result<Vec<(String, Vec<String>)>, Error> {
    let mut prefixes = Vec::new();
    for (prefix, directories) in pairs.unwrap_or_default().0 {
        let field = format!("{field}.{prefix}");
        if prefix.chars().any(char::is_control) {
            return Err(place.error(&field, "holds a control character"));
        }
        let directories = checked(directories, owner, place, &field)?;
        // As `AutoloadGenerator::parseAutoloadsType` does: no class name begins with a backslash.
        prefixes.push((prefix.trim_start_matches('\\').to_owned(), directories));
    }
    Ok(prefixes)
}

fn checked(strings: Strings, owner: Owner, place: Place, field: &str) -> Result<Vec<String>, Error> {
    let mut checked = Vec::with_capacity(strings.0.len());
    for (index, path) in strings.0.into_iter().enumerate() {
        let field = format!("{field}[{index}]");
        paths::check_text(&path, place, &field)?;
        let path = format!("{}{path}", owner.prefix);
        paths::check_rule(owner.base, &path, place, &field)?;
        checked.push(path);
    }
    Ok(checked)
}

fn patterns(strings: Option<Strings>, owner: Owner, place: Place, field: &str) -> Result<Vec<String>, Error> {
    let mut patterns = Vec::new();
    for (index, pattern) in strings.unwrap_or_default().0.into_iter().enumerate() {
        let field = format!("{field}[{index}]");
        paths::check_text(&pattern, place, &field)?;
        if pattern.matches('*').count() > MOST_STARS {
            return Err(place.error(&field, format!("holds more than {MOST_STARS} asterisks")));
        }
        // A pattern may begin with `../`: it only takes files away, and Composer resolves that start. A leading
        // slash is dropped by Composer.
        let slashed = pattern.replace('\\', "/");
        let mut rest = slashed.trim_matches('/');
        while let Some(below) = rest.strip_prefix("./").or_else(|| rest.strip_prefix("../")) {
            rest = below.trim_start_matches('/');
        }
        // `..` alone is no start but a name, which no file has.
        if rest != ".." && paths::normalize(rest).is_none_or(|rest| paths::leaves(&rest)) {
            return Err(place.error(&field, format!("`{}` leaves the package", super::names::short(&pattern))));
        }
        patterns.push(format!("{}{pattern}", owner.prefix));
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::manifest::json;

    const PACKAGE: Owner = Owner { base: Base::Package, prefix: "", target_dir: false };

    fn read(owner: Owner, text: &str) -> Result<AutoloadRules, String> {
        let rules = json::parse::<json::Object<Autoload>>("f.json", text.as_bytes()).expect("JSON").0;
        rules
            .into_rules(owner, Place { file: "f.json", object: "packages[a/b]" }, "autoload")
            .map_err(|e| e.to_string())
    }

    #[test]
    fn rules_keep_their_order_and_spelling() {
        let rules = read(
            PACKAGE,
            r#"{"psr-4": {"Z\\": "src/", "\\A\\": ["./a", "b//"]}, "psr-0": {"": "lib", "Mail": ""},
                "classmap": ["x/", "y.php"], "files": ["./f.php"], "exclude-from-classmap": ["/Tests/", "../o/**/t"]}"#,
        )
        .expect("good");
        let text = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        assert_eq!(rules.psr4, [("Z\\".into(), text(&["src/"])), ("A\\".into(), text(&["./a", "b//"]))]);
        assert_eq!(rules.psr0, [(String::new(), text(&["lib"])), ("Mail".into(), text(&[""]))]);
        assert_eq!(rules.classmap, ["x/", "y.php"]);
        assert_eq!(rules.files, ["./f.php"]);
        assert_eq!(rules.exclude_from_classmap, ["/Tests/", "../o/**/t"]);
    }

    #[test]
    fn a_merged_file_puts_its_directory_before_each_path() {
        let owner = Owner { base: Base::Root, prefix: "extensions/A/", target_dir: false };
        let rules = read(owner, r#"{"psr-4": {"A\\": ""}, "files": ["./f.php", "../B/g.php"]}"#).expect("good");
        assert_eq!(rules.psr4, [("A\\".to_owned(), vec!["extensions/A/".to_owned()])]);
        assert_eq!(rules.files, ["extensions/A/./f.php", "extensions/A/../B/g.php"]);
        let error = read(owner, r#"{"classmap": ["../../../x"]}"#).expect_err("refused");
        assert!(error.contains("leaves the package"), "{error}");
    }

    #[test]
    fn bad_rules_name_their_field() {
        let field = "`f.json`, field `packages[a/b].autoload";
        for (text, expected) in [
            (r#"{"psr-4": {"A": "src"}}"#, ".psr-4.A`: a namespace must end with a backslash"),
            (r#"{"psr-4": {"A\\": ["x", "../y"]}}"#, ".psr-4.A\\\\[1]`: `../y` leaves the package"),
            (r#"{"psr-0": {"A\u0000": "x"}}"#, ".psr-0.A\\0`: holds a control character"),
            (r#"{"files": ["phar://a"]}"#, ".files[0]`: `phar://a` is not a path but the address of a stream"),
            (
                r#"{"exclude-from-classmap": ["a/../../b"]}"#,
                ".exclude-from-classmap[0]`: `a/../../b` leaves the package",
            ),
        ] {
            assert_eq!(read(PACKAGE, text), Err(format!("{field}{expected}")));
        }
        let target = Owner { target_dir: true, ..PACKAGE };
        let error = read(target, r#"{"psr-4": {"A\\": ""}}"#).expect_err("refused");
        assert_eq!(error, format!("{field}.psr-4`: does not go together with `target-dir`"));
    }
}
