//! What `doctor` finds, as data.

use std::fmt;

use crate::farm::{ExtensionId, WikiId};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A build is refused, or wikis do not get what the tree says.
    Error,
    /// It works today, and probably nobody means it.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// Declares the codes with their names and why each matters.
macro_rules! codes {
    ($($code:ident $name:literal $why:literal;)*) => {
        /// What kind of thing was found. Names are stable: scripts may rely on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $why] $code,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }

            /// Why it matters.
            #[must_use]
            pub fn why(self) -> &'static str {
                match self { $(Self::$code => $why,)* }
            }
        }
    };
}

codes! {
    UnreadableInput "unreadable-input"
        "what says what the tree, its wikis or the published files are cannot be read, which stops every build";
    UnmetRequirement "unmet-requirement"
        "extensions that cannot be installed together stop every build";
    UnknownExtension "unknown-extension"
        "a wiki wants what the tree does not have, which stops every build";
    MissingRequirement "missing-requirement"
        "MediaWiki refuses to load an extension without those it requires, and a build to link one that is on";
    MissingFile "missing-file"
        "a rule that leads nowhere stops a build; a mapped file that is gone is a fatal error where its class is used";
    MissingDirectory "missing-directory"
        "Composer passes over a PSR directory that is not there, so that none of its classes can be loaded";
    UnreadableTree "unreadable-tree"
        "what cannot be scanned stops every build";
    OddTree "odd-tree"
        "the tree can be used, but probably not as meant";
    UpperCaseName "upper-case-name"
        "Composer compares names in lower case, and newer versions refuse others";
    NoName "no-name"
        "MediaWiki does not load a manifest without `name`, and nobody can require it";
    Circle "circle"
        "extensions that require each other cannot each load after those they require";
    OtherRoot "other-root"
        "`InstalledVersions::getRootPackage()` answers what `composer.json` says, not what `installed.php` said";
    NotChecked "not-checked"
        "directories are not installed by Composer, so what they want of it was not checked";
    Orphan "orphan"
        "nobody requires it, so that every wiki loads it with the base";
    PrivateVendor "private-vendor"
        "a second set of libraries beside the farm's: PHP keeps whichever version of a class it loads first";
    DeadComposerAutoloader "dead-composer-autoloader"
        "`load_composer_autoloader` loads `vendor/autoload.php` of the extension, which does nothing here";
    DuplicateClass "duplicate-class"
        "only one of the files is ever loaded, and which one depends on what else a wiki has on";
    PsrMismatch "psr-mismatch"
        "Composer passes over classes that do not comply with PSR-4 or PSR-0, so that they cannot be loaded";
    FilesSideEffect "files-side-effect"
        "`autoload.files` run on every request of the wikis that load them, before MediaWiki's configuration";
    ScannerDifference "scanner-difference"
        "the class map follows Composer's scanner, which reads some PHP wrongly";
    ComposerRan "composer-ran"
        "wikis answer through Composer's loader: each loads everything that Composer installed";
    OutOfDate "out-of-date"
        "what is published was made from files or wikis that have changed since";
    Interrupted "interrupted"
        "until the next build, wikis are served what was published before";
    RolledBack "rolled-back"
        "wikis are served what an earlier build made; the next one takes them forward again";
    NotBuilt "not-built"
        "without a build, each wiki loads everything that Composer installed";
    Damaged "damaged"
        "wikis are served files that are not as they were published";
    Leftover "leftover"
        "a build that was killed left it; the next one removes it";
    Unlisted "unlisted"
        "no manifest knows it, so that nothing of mwfarm uses or removes it";
    Unreadable "unreadable"
        "PHP runs as another user than the one who builds, and could not load it";
    Generations "generations"
        "generations that no wiki is served take space on disk and in OPcache";
    Platform "platform"
        "packages that PHP does not satisfy fail where they are used, or at once by the platform check";
    Opcache "opcache"
        "with limits too small, or never looking at files again, OPcache compiles on every request or serves old code";
    Php "php"
        "without PHP, class lists, platform requirements and OPcache's limits are not checked";
}

/// Which wikis a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// All, whatever they have on: the base, or the vendor directory as a whole.
    All,
    /// These, by identifier; none when no wiki has on what it is about.
    Wikis(Vec<WikiId>),
}

impl Concern {
    /// No wiki.
    #[must_use]
    pub fn none() -> Self {
        Self::Wikis(Vec::new())
    }

    /// Whether there is no wiki.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Wikis(wikis) if wikis.is_empty())
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Wikis(mut wikis), Self::Wikis(others)) => {
                wikis.extend(others);
                wikis.sort();
                wikis.dedup();
                Self::Wikis(wikis)
            }
            _ => Self::All,
        }
    }
}

/// Something that holds for some of the wikis only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What holds.
    pub what: String,
    /// For whom.
    pub wikis: Concern,
}

/// Something that was found. Texts are phrases in lower case, names in backticks, without full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// The file that says or is it, relative to the tree.
    pub file: Option<String>,
    /// The field of the file.
    pub field: Option<String>,
    /// The package that it is about.
    pub package: Option<String>,
    /// The extension that it is about.
    pub extension: Option<ExtensionId>,
    /// The classes that it is about, by name.
    pub classes: Vec<String>,
    /// What holds for which wikis, where that differs.
    pub cases: Vec<Case>,
    /// Which wikis it concerns.
    pub wikis: Concern,
    /// What to do.
    pub hint: String,
}

impl Finding {
    /// A finding that concerns all wikis.
    #[must_use]
    pub fn new(code: Code, severity: Severity, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            what: what.into(),
            file: None,
            field: None,
            package: None,
            extension: None,
            classes: Vec::new(),
            cases: Vec::new(),
            wikis: Concern::All,
            hint: hint.into(),
        }
    }

    /// Says where it is written.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, field: impl Into<String>) -> Self {
        let field = field.into();
        self.file = Some(file.into());
        self.field = (!field.is_empty()).then_some(field);
        self
    }

    /// Says which package it is about.
    #[must_use]
    pub fn package(mut self, name: impl Into<String>) -> Self {
        self.package = Some(name.into());
        self
    }

    /// Says which extension it is about.
    #[must_use]
    pub fn extension(mut self, id: &ExtensionId) -> Self {
        self.extension = Some(id.clone());
        self
    }

    /// Says which wikis it concerns.
    #[must_use]
    pub fn wikis(mut self, wikis: Concern) -> Self {
        self.wikis = wikis;
        self
    }
}

/// The worst first, then by kind, file and words.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let order = |finding: &Finding| (finding.severity, finding.code);
        order(a).cmp(&order(b)).then_with(|| (&a.file, &a.field, &a.what).cmp(&(&b.file, &b.field, &b.what)))
    });
}

/// The first few items of a list, each in backticks, and how many more there are.
#[must_use]
pub fn some_of<'i>(items: impl IntoIterator<Item = &'i str>, most: usize) -> String {
    let items: Vec<&str> = items.into_iter().collect();
    let shown: Vec<String> = items.iter().take(most).map(|item| format!("`{item}`")).collect();
    match items.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_of_their_own() {
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn the_worst_comes_first() {
        let finding = |code, severity, what: &str| Finding::new(code, severity, what, "");
        let mut findings = [
            finding(Code::UnmetRequirement, Severity::Note, "a"),
            finding(Code::Opcache, Severity::Error, "b"),
            finding(Code::Orphan, Severity::Error, "d"),
            finding(Code::Orphan, Severity::Error, "c"),
        ];
        sort(&mut findings);
        assert_eq!(findings.map(|finding| finding.what), ["c", "d", "b", "a"]);
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(some_of(["a", "b"], 2), "`a`, `b`");
        assert_eq!(some_of(["a", "b", "c"], 1), "`a` and 2 more");
    }

    #[test]
    fn concerns_add_up() {
        let wikis = |names: &[&str]| Concern::Wikis(names.iter().map(|name| WikiId::new(name).unwrap()).collect());
        assert_eq!(wikis(&["b"]).and(wikis(&["a", "b"])), wikis(&["a", "b"]));
        assert_eq!(wikis(&["b"]).and(Concern::All), Concern::All);
        assert!(Concern::none().and(Concern::none()).is_none());
    }
}
