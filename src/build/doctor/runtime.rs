//! What the PHP that serves wikis brings: its version, its modules, and OPcache's limits against what the farm needs.
//! Pure: whoever asks PHP gives the answers.

use std::collections::{BTreeMap, BTreeSet};

use super::Examination;
use super::finding::{Code, Concern, Finding, Severity, some_of};
use crate::build::manifest::is_platform;
use crate::build::set::Autoload;
use crate::build::version::{self, Constraint};
use crate::disk;

/// What a PHP says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Php {
    /// The program that was asked.
    pub program: String,
    /// What kind it is.
    pub kind: PhpKind,
    /// Its version, as `PHP_VERSION` has it.
    pub version: String,
    /// Its modules, in lower case, with their versions as far as they are known.
    pub modules: BTreeMap<String, Option<String>>,
    /// Its settings of OPcache, without the prefix `opcache.`; none when OPcache is not loaded.
    pub opcache: Option<BTreeMap<String, String>>,
    /// The php.ini that it read; none when it read none.
    pub ini: Option<String>,
}

/// A kind of PHP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhpKind {
    /// That of the command line, whose settings are others than those of web servers.
    Cli,
    /// PHP-FPM with its php.ini; what a pool sets itself is not known.
    Fpm,
}

impl Php {
    /// Whose settings and modules they are, for messages.
    #[must_use]
    pub fn whose(&self) -> String {
        let ini = self.ini.as_deref().unwrap_or("no php.ini");
        match self.kind {
            PhpKind::Cli => format!("`{}` on the command line, with {ini}", self.program),
            PhpKind::Fpm => format!("`{}`, with {ini}", self.program),
        }
    }

    fn number(&self, setting: &str) -> Option<u64> {
        self.opcache.as_ref()?.get(setting)?.trim().parse().ok()
    }

    fn is_off(&self, setting: &str) -> bool {
        let value = self.opcache.as_ref().and_then(|settings| settings.get(setting)).map(|value| value.to_lowercase());
        value.is_some_and(|value| matches!(value.trim(), "0" | "" | "off" | "no" | "false"))
    }
}

/// Numbers and bytes of the PHP files that wikis may load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Files of the tree, those of `vendor/` and of earlier generations included.
    pub files: u64,
    /// Those of them that bundles name by a path with `..`, which takes a second key: they lie outside of `vendor/`.
    pub doubled: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Directories whose files no web request loads.
const NOT_SERVED: &[&str] = &["maintenance", "tests", "docs", "images", "cache", "node_modules", "resources", "vendor"];

impl Sizes {
    pub(super) fn of(examination: &Examination) -> Self {
        let tree = disk::files_below(&examination.directory, ".php", NOT_SERVED);
        let vendor = disk::files_below(&examination.vendor, ".php", &[]);
        let all = || tree.values().chain(vendor.values());
        let objects = &examination.objects;
        let packages = objects.packages.iter().map(|package| &package.autoload);
        let parts = objects.parts.iter().map(|(_, part)| &part.autoload);
        let mapped: BTreeSet<&str> = packages.chain(parts).flat_map(mapped).collect();
        let outside = mapped.iter().filter(|path| !path.starts_with("vendor/")).count();
        Self { files: all().count() as u64, doubled: outside as u64, bytes: all().sum() }
    }

    /// How many keys of OPcache all files take, if all are loaded.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.files + self.doubled
    }

    /// How many MiB they take in OPcache, measured on MediaWiki 1.39 and 1.43: 2.5 times the source, and what names and
    /// texts take besides.
    #[must_use]
    pub fn memory(&self) -> u64 {
        (self.bytes * 26 / 10).div_ceil(1 << 20) + self.strings()
    }

    /// How many MiB of interned strings: half of the source, and a quarter of the buffer is its own index.
    #[must_use]
    pub fn strings(&self) -> u64 {
        (self.bytes * 55 / 100 * 4 / 3).div_ceil(1 << 20)
    }
}

fn mapped(autoload: &Autoload) -> impl Iterator<Item = &str> {
    let psr = autoload.psr4.iter().chain(&autoload.psr0).flat_map(|(_, directories)| directories);
    autoload.classmap.iter().chain(psr).flat_map(|directory| &directory.files).map(|file| file.path.as_str())
}

pub(super) fn findings(examination: &Examination, php: &Php) -> Vec<Finding> {
    let mut findings = platform(examination, php);
    findings.extend(opcache(&examination.sizes(), php));
    findings
}

/// A requirement of somebody on the platform.
struct Wants {
    constraint: String,
    who: String,
    wikis: Concern,
}

fn platform(examination: &Examination, php: &Php) -> Vec<Finding> {
    let Examination { objects, concerns, tree, .. } = examination;
    let mut wanted: BTreeMap<&str, Vec<Wants>> = BTreeMap::new();
    for (index, package) in objects.packages.iter().enumerate() {
        for (target, constraint) in package.require.iter().filter(|(target, _)| is_platform(target)) {
            let (constraint, who) = (constraint.clone(), package.name.clone());
            wanted.entry(target).or_default().push(Wants { constraint, who, wikis: concerns.of_package(index) });
        }
    }
    for (owner, part) in &objects.parts {
        for (target, constraint) in &part.require {
            let wikis = owner.map_or(Concern::All, |extension| concerns.of_extension(extension));
            wanted.entry(target).or_default().push(Wants {
                constraint: constraint.clone(),
                who: part.file.clone(),
                wikis,
            });
        }
    }
    for (index, extension) in tree.extensions.iter().enumerate() {
        for (manifest, link) in extension.manifests.iter().flat_map(|m| m.platform.iter().map(move |link| (m, link))) {
            let (constraint, who) = (link.constraint.clone(), manifest.file.clone());
            wanted.entry(&link.target).or_default().push(Wants {
                constraint,
                who,
                wikis: concerns.of_extension(index),
            });
        }
    }
    let packages = tree.packages.iter().flat_map(|package| package.replace.iter().chain(&package.provide));
    let parts = tree.root.parts.iter().flat_map(|part| part.replace.iter().chain(&part.provide));
    // A polyfill counts, whoever has it: a build links it with whoever needs it.
    let provided: BTreeSet<&str> = packages.chain(parts).map(|link| link.target.as_str()).collect();
    let mut findings = Vec::new();
    for (target, wants) in wanted {
        if provided.contains(target) {
            continue;
        }
        let Some(found) = php.answer(target) else { continue };
        let unmet: Vec<&Wants> = wants.iter().filter(|wants| !found.meets(&wants.constraint)).collect();
        if unmet.is_empty() {
            continue;
        }
        let mut who: Vec<&str> = unmet.iter().map(|wants| wants.who.as_str()).collect();
        who.dedup();
        let mut constraints: Vec<&str> = unmet.iter().map(|wants| wants.constraint.as_str()).collect();
        constraints.sort_unstable();
        constraints.dedup();
        let is = match &found {
            Answer::Missing => "is not there".to_owned(),
            Answer::Version(version) => format!("is {version}"),
        };
        let what = format!(
            "`{target}` {is}; {} {} {}: asked {}",
            some_of(who.iter().copied(), 4),
            if who.len() == 1 { "needs" } else { "need" },
            constraints.join(" and "),
            php.whose()
        );
        let wikis = unmet.iter().fold(Concern::none(), |all, wants| all.and(wants.wikis.clone()));
        let severity = if wikis.is_none() { Severity::Note } else { Severity::Error };
        let hint = match target.strip_prefix("ext-") {
            Some(module) => {
                format!("install PHP's module {module}, or name with `--fpm` the php-fpm that serves wikis")
            }
            None => {
                "use a PHP that all packages allow, or update them; `--php` and `--fpm` name another one".to_owned()
            }
        };
        let mut finding = Finding::new(Code::Platform, severity, what, hint).wikis(wikis);
        finding.package = (who.len() == 1 && concerns.package(who[0]).is_some()).then(|| who[0].to_owned());
        findings.push(finding);
    }
    findings
}

/// What PHP has under a platform package's name.
enum Answer {
    Missing,
    Version(String),
}

impl Answer {
    fn meets(&self, constraint: &str) -> bool {
        let Self::Version(version) = self else { return false };
        if constraint.trim() == "*" {
            return true;
        }
        match (Constraint::parse(constraint), version::normalize(version)) {
            (Ok(constraint), Ok(version)) => constraint.matches(&version),
            // Nothing can be said of it.
            _ => true,
        }
    }
}

impl Php {
    /// None when it cannot be told: `lib-*` and variants of PHP.
    fn answer(&self, target: &str) -> Option<Answer> {
        let plain = self.version.split(['-', '+', '~']).next().unwrap_or_default();
        if matches!(target, "php" | "php-64bit") {
            return Some(Answer::Version(plain.to_owned()));
        }
        let name = target.strip_prefix("ext-")?;
        // Composer writes what a module is called with dashes.
        let known = self.modules.iter().find(|(module, _)| module.replace(' ', "-") == *name);
        Some(match known {
            None => Answer::Missing,
            // Those that come with PHP have its version.
            Some((_, version)) => Answer::Version(version.clone().unwrap_or_else(|| plain.to_owned())),
        })
    }
}

/// What OPcache rounds `max_accelerated_files` up to.
const PRIMES: [u64; 13] =
    [223, 463, 983, 1979, 3907, 7963, 16_229, 32_531, 65_407, 130_987, 262_237, 524_521, 1_048_793];

/// The number of keys that OPcache has for a value of `max_accelerated_files`.
fn effective(files: u64) -> u64 {
    PRIMES.into_iter().find(|prime| *prime >= files).unwrap_or(PRIMES[PRIMES.len() - 1])
}

/// How long an earlier generation stays at least, in seconds.
const GRACE: u64 = 15 * 60;

fn opcache(sizes: &Sizes, php: &Php) -> Vec<Finding> {
    let whose = php.whose();
    let finding = |severity: Severity, setting: &str, what: String, hint: String| {
        let hint = match php.kind {
            PhpKind::Fpm => hint,
            PhpKind::Cli => format!("{hint}; web servers have settings of their own: name their php-fpm with `--fpm`"),
        };
        let mut finding = Finding::new(Code::Opcache, severity, format!("{what}: limits of {whose}"), hint);
        finding.file.clone_from(&php.ini);
        finding.field = Some(format!("opcache.{setting}"));
        finding
    };
    let Some(_) = &php.opcache else {
        let what = "OPcache is not loaded, so that every request compiles all it loads".to_owned();
        return vec![finding(Severity::Warning, "enable", what, "load it: `zend_extension=opcache`".to_owned())];
    };
    let mut findings = Vec::new();
    if php.is_off("enable") {
        let what = "`opcache.enable` is off, so that every request compiles all it loads".to_owned();
        return vec![finding(Severity::Warning, "enable", what, "set `opcache.enable = 1`".to_owned())];
    }
    if let Some(files) = php.number("max_accelerated_files").filter(|&files| effective(files) < sizes.keys()) {
        let what = format!(
            "`opcache.max_accelerated_files` is {files}, which gives {} keys; the {} PHP files take up to {}, as {} outside \
             of `vendor/` are mapped and take two",
            effective(files),
            sizes.files,
            sizes.keys(),
            sizes.doubled
        );
        let value = effective(sizes.keys() + sizes.keys() / 4).min(1_000_000);
        let hint =
            format!("set `opcache.max_accelerated_files = {value}`; `--absolute-paths` makes it one key for each");
        findings.push(finding(Severity::Warning, "max_accelerated_files", what, hint));
    }
    if let Some(memory) = php.number("memory_consumption").filter(|&memory| memory < sizes.memory()) {
        let needed = sizes.memory();
        let what = format!(
            "`opcache.memory_consumption` is {memory} MiB; {} MiB of PHP take up to about {needed}",
            sizes.bytes.div_ceil(1 << 20)
        );
        // Room for what is compiled anew, which OPcache does not give back.
        let hint = format!("set `opcache.memory_consumption = {}`", (needed + needed / 4).next_multiple_of(64));
        findings.push(finding(Severity::Warning, "memory_consumption", what, hint));
    }
    if let Some(strings) = php.number("interned_strings_buffer").filter(|&strings| strings < sizes.strings()) {
        let needed = sizes.strings();
        let what =
            format!("`opcache.interned_strings_buffer` is {strings} MiB; names and texts take up to about {needed}");
        let hint = format!("set `opcache.interned_strings_buffer = {}`", needed.next_multiple_of(16));
        findings.push(finding(Severity::Warning, "interned_strings_buffer", what, hint));
    }
    if php.is_off("validate_timestamps") {
        let what = "`opcache.validate_timestamps` is off: a build is noticed only when PHP is told".to_owned();
        let hint = "build with `--invalidate POOL`, or reload PHP-FPM after each build".to_owned();
        findings.push(finding(Severity::Note, "validate_timestamps", what, hint));
    } else if let Some(seconds) = php.number("revalidate_freq").filter(|&seconds| seconds >= GRACE) {
        let what = format!(
            "`opcache.revalidate_freq` is {seconds} s: by the time a build is noticed, `mwfarm gc` may have removed the \
             generation before"
        );
        let hint = "set `opcache.revalidate_freq = 2`, or build with `--invalidate POOL`".to_owned();
        findings.push(finding(Severity::Warning, "revalidate_freq", what, hint));
    }
    if php.is_off("use_cwd") {
        let what =
            "`opcache.use_cwd` is off: files that are included by the same relative path are taken for one".to_owned();
        findings.push(finding(Severity::Warning, "use_cwd", what, "set `opcache.use_cwd = 1`".to_owned()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn php(settings: &[(&str, &str)]) -> Php {
        Php {
            program: "php-fpm8.2".into(),
            kind: PhpKind::Fpm,
            version: "8.2.7-1+deb12".into(),
            modules: BTreeMap::from([("intl".into(), None), ("zend opcache".into(), Some("8.2.7".into()))]),
            opcache: Some(settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()),
            ini: Some("/etc/php/8.2/fpm/php.ini".into()),
        }
    }

    /// OPcache's defaults, as php-fpm says them.
    const DEFAULTS: [(&str, &str); 6] = [
        ("enable", "On"),
        ("max_accelerated_files", "10000"),
        ("memory_consumption", "128"),
        ("interned_strings_buffer", "8"),
        ("validate_timestamps", "On"),
        ("revalidate_freq", "2"),
    ];

    fn fields(sizes: &Sizes, settings: &[(&str, &str)]) -> Vec<String> {
        let findings = opcache(sizes, &php(settings));
        findings.iter().map(|finding| finding.field.clone().unwrap_or_default()).collect()
    }

    #[test]
    fn each_limit_is_told_of_only_when_it_is_too_small() {
        let small = Sizes { files: 300, doubled: 20, bytes: 4 << 20 };
        assert_eq!(fields(&small, &DEFAULTS), [""; 0]);
        let large = Sizes { files: 15_000, doubled: 3_000, bytes: 60 << 20 };
        assert_eq!(
            fields(&large, &DEFAULTS),
            ["opcache.max_accelerated_files", "opcache.memory_consumption", "opcache.interned_strings_buffer"]
        );
        // What the hints say is enough.
        let hints: Vec<String> = opcache(&large, &php(&DEFAULTS)).into_iter().map(|finding| finding.hint).collect();
        let values: Vec<(&str, String)> = hints
            .iter()
            .map(|hint| {
                let (setting, rest) = hint.split_once("opcache.").unwrap().1.split_once(" = ").unwrap();
                (setting, rest.chars().take_while(char::is_ascii_digit).collect())
            })
            .collect();
        let settings: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(fields(&large, &settings), [""; 0], "{settings:?}");
    }

    #[test]
    fn the_hash_table_is_larger_than_the_setting() {
        assert_eq!(effective(10_000), 16_229);
        assert_eq!(effective(16_229), 16_229);
        assert_eq!(effective(16_230), 32_531);
        assert_eq!(effective(5_000_000), 1_048_793);
    }

    #[test]
    fn how_changes_are_noticed_is_told_of() {
        let none = Sizes::default();
        let with = |name: &'static str, value: &'static str| fields(&none, &[&DEFAULTS[..], &[(name, value)]].concat());
        assert_eq!(with("validate_timestamps", "Off"), ["opcache.validate_timestamps"]);
        assert_eq!(with("revalidate_freq", "60"), [""; 0]);
        assert_eq!(with("revalidate_freq", "900"), ["opcache.revalidate_freq"]);
        assert_eq!(with("enable", "0"), ["opcache.enable"]);
        assert_eq!(with("use_cwd", "Off"), ["opcache.use_cwd"]);
        assert_eq!(opcache(&none, &Php { opcache: None, ..php(&[]) }).len(), 1);
    }

    #[test]
    fn whose_limits_they_are_is_said() {
        let of = |kind| opcache(&Sizes::default(), &Php { kind, ..php(&[("enable", "0")]) }).remove(0);
        assert!(of(PhpKind::Fpm).what.ends_with(": limits of `php-fpm8.2`, with /etc/php/8.2/fpm/php.ini"));
        let cli = of(PhpKind::Cli);
        assert!(cli.what.contains("on the command line") && cli.hint.contains("`--fpm`"), "{cli:?}");
    }

    #[test]
    fn versions_and_modules_are_compared() {
        let meets = |target: &str, constraint: &str| php(&[]).answer(target).map(|answer| answer.meets(constraint));
        assert_eq!(meets("php", ">=8.1"), Some(true));
        assert_eq!(meets("php", ">=8.3"), Some(false));
        assert_eq!(meets("php-64bit", "^8.2"), Some(true));
        assert_eq!(meets("ext-intl", "*"), Some(true));
        assert_eq!(meets("ext-intl", ">=8.2"), Some(true));
        assert_eq!(meets("ext-zend-opcache", "*"), Some(true));
        assert_eq!(meets("ext-mbstring", "*"), Some(false));
        assert_eq!(meets("lib-icu", ">=60"), None);
        assert_eq!(meets("php", "no constraint"), Some(true));
    }
}
