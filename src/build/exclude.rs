//! `exclude-from-classmap`: which files a scan leaves out.

use std::cell::OnceCell;

use regex::bytes::Regex;

use super::set::Exclude;

/// A pattern ready to match.
///
/// Composer makes one regular expression of the real base directory and the pattern, `**` standing for anything and
/// `*` for anything but `/`, ended by `/` or the end of the path; it searches it in a file's real path and in the
/// path as found. Patterns begin with an absolute directory, so a search is a match at the beginning.
#[derive(Debug)]
pub struct Pattern<'e> {
    exclude: &'e Exclude,
    regex: OnceCell<Option<Regex>>,
}

impl<'e> Pattern<'e> {
    /// Takes the pattern; it is compiled when first needed.
    #[must_use]
    pub fn new(exclude: &'e Exclude) -> Self {
        Self { exclude, regex: OnceCell::new() }
    }

    /// Whether the pattern can concern anything below a directory, given its real path where that differs: one of
    /// the pattern's constant beginning and the real directory begins with the other. Composer drops other patterns
    /// before it scans, also those that name a link which leads to the directory; it drops none for a `classmap` rule
    /// that is itself a pattern.
    #[must_use]
    pub fn concerns(&self, path: &str, real: Option<&str>) -> bool {
        if real.is_none() && path.contains('*') {
            return true;
        }
        let directory = real.unwrap_or(path);
        if self.exclude.base.is_empty() && directory.starts_with('/') {
            return false;
        }
        let constant = &self.exclude.pattern[..self.exclude.pattern.find('*').unwrap_or(self.exclude.pattern.len())];
        let base = self.exclude.base.as_bytes();
        let constant = base.iter().chain(if base.is_empty() { &b""[..] } else { b"/" }).chain(constant.as_bytes());
        // Equal as far as both reach: one is a prefix of the other.
        constant.zip(directory.as_bytes()).all(|(a, b)| a == b)
    }

    /// Whether the pattern covers a path.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let rest = if self.exclude.base.is_empty() {
            // A path outside the tree does not lie below the tree.
            if path.starts_with("../") || path.starts_with('/') {
                return false;
            }
            path
        } else {
            match path.strip_prefix(&self.exclude.base).and_then(|rest| rest.strip_prefix('/')) {
                Some(rest) => rest,
                None => return false,
            }
        };
        let regex = self.regex.get_or_init(|| Regex::new(&regex_of(&self.exclude.pattern)).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(rest.as_bytes()))
    }
}

/// `^(?:` the pattern `)(?:$|/)`; at the `$` PCRE also allows a final newline, which no PHP file's name ends with.
fn regex_of(pattern: &str) -> String {
    let mut regex = String::from("^(?:");
    let mut rest = pattern;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("**") {
            regex.push_str(".+?");
            rest = after;
        } else if let Some(after) = rest.strip_prefix('*') {
            regex.push_str("[^/]+?");
            rest = after;
        } else {
            let end = rest.find('*').unwrap_or(rest.len());
            regex.push_str(&regex::escape(&rest[..end]));
            rest = &rest[end..];
        }
    }
    regex.push_str(")(?:$|/)");
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(base: &str, pattern: &str, path: &str) -> bool {
        let exclude = Exclude { base: base.to_owned(), pattern: pattern.to_owned() };
        Pattern::new(&exclude).covers(path)
    }

    #[test]
    fn patterns_end_at_a_part() {
        assert!(covers("vendor/a/b", "tests", "vendor/a/b/tests/X.php"));
        assert!(!covers("vendor/a/b", "tests", "vendor/a/b/tests2/X.php"));
        assert!(!covers("vendor/a/b", "tests", "vendor/a/bc/tests/X.php"));
        assert!(covers("vendor/a/b", "src/*/Fix", "vendor/a/b/src/q/Fix/X.php"));
        assert!(!covers("vendor/a/b", "src/*/Fix", "vendor/a/b/src/q/r/Fix/X.php"));
        assert!(covers("vendor/a/b", "**/Fix", "vendor/a/b/src/q/r/Fix/X.php"));
        assert!(!covers("vendor/a/b", "**/Fix", "vendor/a/b/Fix/X.php"));
        assert!(covers("", "vendor/x", "vendor/x/A.php"));
        assert!(!covers("", "vendor/x", "../vendor/x/A.php"));
        assert!(covers("v", "a.b", "v/a.b") && !covers("v", "a.b", "v/acb"));
    }

    #[test]
    fn unrelated_patterns_are_dropped() {
        let exclude = Exclude { base: "vendor/a".to_owned(), pattern: "lib/tests/*".to_owned() };
        let pattern = Pattern::new(&exclude);
        assert!(pattern.concerns("vendor/a", None));
        assert!(pattern.concerns("vendor/a/lib/tests/x", None));
        assert!(!pattern.concerns("vendor/b", None));
        assert!(!pattern.concerns("vendor/a", Some("/srv/a")));
        assert!(pattern.concerns("vendor/*/lib", None));
        let exclude = Exclude { base: String::new(), pattern: "**/tests".to_owned() };
        assert!(!Pattern::new(&exclude).concerns("extensions/Linked", Some("/srv/Linked")));
    }
}
