//! Composer's versions and constraints. Behind it stand the resolver crate's; with `resolve` this is the only module
//! that names them.

use vivacity_resolver::constraint as semver;
use vivacity_resolver::version as parser;

/// Longer texts are neither versions nor constraints that anybody writes; parsing is not made for them.
const MAX_VERSION: usize = 256;
const MAX_CONSTRAINT: usize = 4096;

/// A text that Composer does not take for a version or a constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// A version in the form that Composer compares: `1.2` is `1.2.0.0`, `v2.0-RC1` is `2.0.0.0-RC1`.
///
/// # Errors
/// When Composer's `VersionParser::normalize` refuses it.
pub fn normalize(version: &str) -> Result<String, Error> {
    let version = plain(version, MAX_VERSION, "version")?;
    parser::normalize(version, None).map_err(|_| Error(format!("`{}` is not a version", version.escape_debug())))
}

/// The version that a branch stands for: `2.x` is `2.9999999.9999999.9999999-dev`, `main` is `dev-main`.
///
/// # Errors
/// When the name is not plain ASCII, or too long.
pub fn normalize_branch(name: &str) -> Result<String, Error> {
    Ok(parser::normalize_branch(plain(name, MAX_VERSION, "branch")?))
}

/// The number before `.x-dev` or `-dev` with a dot behind it, of branches that have one:
/// `VersionParser::parseNumericAliasPrefix`.
#[must_use]
pub fn branch_number(branch: &str) -> Option<String> {
    parser::parse_numeric_alias_prefix(plain(branch, MAX_VERSION, "branch").ok()?)
}

/// The two versions of an inline alias such as `dev-main#abc as 1.2.x-dev`, as written; `None` when the constraint
/// holds none. The root package may write it next to other constraints (`RootPackageLoader::extractAliases`).
///
/// # Errors
/// When it says ` as ` without being such an alias.
pub fn inline_alias(constraint: &str) -> Result<Option<(&str, &str)>, Error> {
    if !constraint.contains(" as ") {
        return Ok(None);
    }
    let constraint = plain(constraint, MAX_CONSTRAINT, "constraint")?;
    for part in constraint.split(['|', ',']) {
        let Some((version, alias)) = part.trim().split_once(" as ") else { continue };
        let version = version.trim_end();
        let version = match version.split_once('#') {
            Some((branch, reference)) if !reference.contains(' ') => branch,
            _ => version,
        };
        let alias = alias.trim_start();
        if !version.is_empty() && !alias.is_empty() && !version.contains([' ', '#']) && !alias.contains(' ') {
            return Ok(Some((version, alias)));
        }
    }
    let text = constraint.escape_debug();
    Err(Error(format!("`{text}` is not an alias of the form `exact-version as other-exact-version`")))
}

/// A constraint on versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Constraint(semver::Constraint);

impl Constraint {
    /// Parses a constraint.
    ///
    /// # Errors
    /// When Composer's `VersionParser::parseConstraints` refuses it.
    pub fn parse(constraint: &str) -> Result<Self, Error> {
        let text = plain(constraint, MAX_CONSTRAINT, "constraint")?;
        match semver::parse_constraints(text) {
            Ok(parsed) => Ok(Self(parsed.constraint)),
            Err(_) => Err(Error(format!("`{}` is not a constraint", text.escape_debug()))),
        }
    }

    /// The constraint that one normalised version meets.
    #[must_use]
    pub fn exactly(normalized: &str) -> Self {
        Self(semver::Constraint::new(semver::Op::Eq, normalized))
    }

    /// Whether a normalised version meets the constraint.
    #[must_use]
    pub fn matches(&self, normalized: &str) -> bool {
        self.0.matches_version(normalized)
    }

    /// Whether some version meets both, as Composer asks it of what a package replaces or provides:
    /// `$provided->matches($required)`.
    #[must_use]
    pub fn matches_constraint(&self, other: &Self) -> bool {
        self.0.matches(&other.0)
    }

    /// The lowest version that meets the constraint (`getLowerBound`).
    #[must_use]
    pub fn lower_bound(&self) -> Bound {
        Bound(self.0.lower_bound())
    }
}

/// An end of the range that a constraint allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bound(semver::Bound);

impl Bound {
    /// Below every version.
    #[must_use]
    pub fn zero() -> Self {
        Self(semver::Bound::zero())
    }

    /// The version, normalised.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// Whether the version itself is within.
    #[must_use]
    pub fn is_inclusive(&self) -> bool {
        self.0.inclusive
    }

    /// Whether it allows every version from below.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether it allows every version from above.
    #[must_use]
    pub fn is_positive_infinity(&self) -> bool {
        self.0.is_positive_infinity()
    }

    /// Whether it is the stricter one of two lower bounds (`compareTo($other, '>')`).
    #[must_use]
    pub fn is_above(&self, other: &Self) -> bool {
        self.0.compare_to(&other.0, ">")
    }

    /// The number to compare `PHP_VERSION_ID` with, as `AutoloadGenerator::getPlatformCheck` makes it.
    #[must_use]
    pub fn php_version_id(&self) -> u64 {
        if self.is_zero() {
            return 0;
        }
        if self.is_positive_infinity() {
            return 99_999;
        }
        let mut parts = self.version().split(['.', '-']).map(leading_number);
        let mut next = || parts.next().unwrap_or(0);
        let (major, minor, patch) = (next(), next(), next());
        major.saturating_mul(10_000).saturating_add(minor.saturating_mul(100)).saturating_add(patch)
    }

    /// The version in that check's message: `8.1.0`.
    #[must_use]
    pub fn php_version_text(&self) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        if self.is_positive_infinity() {
            return "99999".to_owned();
        }
        self.version().split(['.', '-']).take(3).collect::<Vec<_>>().join(".")
    }
}

/// PHP's `intval` of a part of a version; what is too large stays as large as it can be.
fn leading_number(part: &str) -> u64 {
    let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
    let digits = &part[..end];
    if digits.is_empty() { 0 } else { digits.parse().unwrap_or(i64::MAX.unsigned_abs()) }
}

/// The parser takes ASCII only (it cuts inside of characters otherwise); so do versions.
fn plain<'a>(text: &'a str, limit: usize, what: &str) -> Result<&'a str, Error> {
    let quoted = || super::manifest::shortened(text);
    if text.len() > limit {
        return Err(Error(format!("`{}` is longer than a {what} can be", quoted())));
    }
    if !text.is_ascii() || text.chars().any(|c| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(Error(format!("`{}` is not a {what}: it holds something else than plain text", quoted())));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_branches_are_normalised() {
        assert_eq!(normalize("1.2"), Ok("1.2.0.0".into()));
        assert_eq!(normalize("v2.0-RC1"), Ok("2.0.0.0-RC1".into()));
        assert_eq!(normalize("1.0.0+no-version-set"), Ok("1.0.0.0".into()));
        assert_eq!(normalize_branch("2.x"), Ok("2.9999999.9999999.9999999-dev".into()));
        assert_eq!(normalize_branch("main"), Ok("dev-main".into()));
        assert_eq!(branch_number("1.2.x-dev").as_deref(), Some("1.2."));
        assert_eq!(branch_number("dev-main"), None);
    }

    #[test]
    fn what_is_not_ascii_is_refused_without_a_panic() {
        for text in ["1.0é", "é", "dev-é", "^1.0 || ²", "\u{a0}1.0", "1.0\0"] {
            assert!(normalize(text).is_err(), "{text:?}");
            assert!(Constraint::parse(text).is_err(), "{text:?}");
            assert!(normalize_branch(text).is_err(), "{text:?}");
            assert_eq!(branch_number(text), None);
        }
        let error = normalize("1.0é").expect_err("refused").to_string();
        assert_eq!(error, "`1.0é` is not a version: it holds something else than plain text");
        assert!(Constraint::parse(&"1 || ".repeat(2000)).is_err());
        assert_eq!(Constraint::parse("nope!").expect_err("refused").to_string(), "`nope!` is not a constraint");
    }

    #[test]
    fn constraints_meet_versions_and_each_other() {
        let constraint = |text: &str| Constraint::parse(text).expect("good");
        assert!(constraint("^1.2").matches("1.9.0.0"));
        assert!(!constraint("^1.2").matches("2.0.0.0"));
        assert!(constraint("dev-main").matches("dev-main"));
        assert!(Constraint::exactly("1.99.0.0").matches_constraint(&constraint("^1.8")));
        assert!(!Constraint::exactly("1.99.0.0").matches_constraint(&constraint("^2")));
        assert!(constraint("^1 || ^3").matches_constraint(&constraint(">=3.1")));
    }

    #[test]
    fn bounds_become_php_version_ids() {
        let bound = |text: &str| Constraint::parse(text).expect("good").lower_bound();
        for (text, id, shown) in [
            (">=8.1.0", 80_100, "8.1.0"),
            ("^7.2.5 || ^8.0", 70_205, "7.2.5"),
            (">7.4", 70_400, "7.4.0"),
            ("*", 0, "0"),
            ("<9", 0, "0"),
            ("8.1.*", 80_100, "8.1.0"),
        ] {
            assert_eq!((bound(text).php_version_id(), bound(text).php_version_text()), (id, shown.into()), "{text}");
        }
        assert!(bound(">=8.1").is_above(&bound(">=7.4")));
        assert!(bound(">7.4").is_above(&bound(">=7.4.0@stable")), "exclusive is the stricter one");
        assert!(!bound(">=7.4").is_above(&bound(">=7.4")));
        assert!(Bound::zero().is_zero());
    }

    #[test]
    fn inline_aliases_are_found() {
        assert_eq!(inline_alias("^1.0"), Ok(None));
        assert_eq!(inline_alias("dev-main as 1.0.x-dev"), Ok(Some(("dev-main", "1.0.x-dev"))));
        assert_eq!(inline_alias("dev-main#abc1 as 1.0"), Ok(Some(("dev-main", "1.0"))));
        assert_eq!(inline_alias("^2 || dev-fix as 1.5"), Ok(Some(("dev-fix", "1.5"))));
        assert!(inline_alias("a b as c d").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}", constraint in "[ 0-9.^~|,<>=!*xv@#a-z-]{0,40}") {
            for text in [&text, &constraint] {
                let _ = normalize(text);
                let _ = normalize_branch(text);
                let _ = inline_alias(text);
                if let Ok(parsed) = Constraint::parse(text) {
                    let _ = parsed.matches("1.0.0.0");
                    let _ = parsed.lower_bound().php_version_id();
                    let _ = parsed.matches_constraint(&Constraint::exactly("1.0.0.0"));
                }
            }
        }
    }
}
