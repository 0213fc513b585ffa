//! Composer's platform check for C(S): the highest lower bound on PHP, and the PHP extensions needed.

use std::collections::{BTreeMap, HashMap};

use super::Names;
use crate::build::package::{Duplicates, PlatformCheck};
use crate::build::set::{Base, Package, Part};
use crate::build::version::{Bound, Constraint};

/// What PHP must bring for the packages to work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Platform {
    /// The bound on PHP's version.
    pub php: Option<Php>,
    /// Whether integers must have 64 bits (`php-64bit`).
    pub int64: bool,
    /// PHP extensions, in Composer's order.
    pub extensions: Vec<String>,
}

/// A lower bound on PHP's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Php {
    /// `>=`, or `>` for an exclusive bound.
    pub operator: &'static str,
    /// As `PHP_VERSION_ID`.
    pub id: u64,
    /// As Composer's message shows it: `8.1.0`.
    pub shown: String,
}

impl Platform {
    /// Whether there is nothing to check; Composer writes no `platform_check.php` then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Collects the platform check of these packages, as `AutoloadGenerator::getPlatformCheck` does: development
/// packages (`dev`) ask for nothing, and an extension that a package provides or replaces is not asked for.
///
/// Constraints that cannot be read count as none: `resolve` has refused them before.
#[must_use]
pub fn platform(base: &Base, parts: &[&Part], packages: &[&Package], dev: &Names<'_>) -> Platform {
    let check = base.loader.platform_check;
    let mut platform = Platform::default();
    if check == PlatformCheck::Off {
        return platform;
    }
    let mut parsed = Parsed::default();
    let mut providers: HashMap<&str, Vec<&str>> = HashMap::new();
    let offers = parts.iter().flat_map(|part| part.replace.iter().chain(&part.provide));
    let offers = offers.map(|link| (link, base.block.pretty_version.as_str()));
    let offers = offers.chain(packages.iter().flat_map(|package| {
        let links = package.replace.iter().chain(&package.provide);
        links.map(|link| (link, package.version.as_str()))
    }));
    for ((target, constraint), version) in offers.filter(|((target, _), _)| target.starts_with("ext-")) {
        let constraint = if constraint == "self.version" { version } else { constraint };
        providers.entry(target).or_default().push(constraint);
    }

    let mut bound = Bound::zero();
    let mut extensions: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    let root = merged(base.duplicates, parts);
    let required = packages.iter().filter(|package| !dev.contains(&*package.name)).flat_map(|package| &package.require);
    let required = required.map(|(target, constraint)| (target.as_str(), vec![constraint.as_str()]));
    for (target, constraints) in root.into_iter().chain(required) {
        if target == "php" || target == "php-64bit" {
            for lower in constraints.iter().filter_map(|text| parsed.get(text).map(Constraint::lower_bound)) {
                if lower.is_above(&bound) {
                    bound = lower;
                }
            }
        }
        platform.int64 |= target == "php-64bit";
        if let (PlatformCheck::Full, Some(name)) = (check, target.strip_prefix("ext-")) {
            let provided = providers.get(target).into_iter().flatten();
            if provided.copied().any(|provided| constraints.iter().all(|wanted| parsed.meet(provided, wanted))) {
                continue;
            }
            let name = if name == "zend-opcache" { "zend opcache" } else { name };
            // Composer sorts by the quoted name.
            extensions.insert([name.as_bytes(), b"'"].concat(), name.to_owned());
        }
    }
    platform.extensions = extensions.into_values().collect();
    if !bound.is_zero() {
        let operator = if bound.is_inclusive() { ">=" } else { ">" };
        platform.php = Some(Php { operator, id: bound.php_version_id(), shown: bound.php_version_text() });
    }
    platform
}

/// The root's requirements in order, duplicates treated as the merge plugin is configured.
fn merged<'s>(duplicates: Duplicates, parts: &[&'s Part]) -> Vec<(&'s str, Vec<&'s str>)> {
    let mut merged: Vec<(&'s str, Vec<&'s str>)> = Vec::new();
    for (target, constraint) in parts.iter().flat_map(|part| &part.require) {
        match (merged.iter_mut().find(|(known, _)| known == target), duplicates) {
            (None, _) => merged.push((target, vec![constraint])),
            (Some(_), Duplicates::Ignore) => {}
            (Some((_, constraints)), Duplicates::Replace) => *constraints = vec![constraint],
            (Some((_, constraints)), Duplicates::Merge) => constraints.push(constraint),
        }
    }
    merged
}

/// Constraints read so far.
#[derive(Default)]
struct Parsed<'t>(HashMap<&'t str, Option<Constraint>>);

impl<'t> Parsed<'t> {
    fn get(&mut self, text: &'t str) -> Option<&Constraint> {
        self.0.entry(text).or_insert_with(|| Constraint::parse(text).ok()).as_ref()
    }

    /// Whether a provided range and a wanted one have a version in common.
    fn meet(&mut self, provided: &'t str, wanted: &'t str) -> bool {
        self.get(wanted);
        let Some(wanted) = self.0.get(wanted).cloned().flatten() else { return false };
        self.get(provided).is_some_and(|provided| provided.matches_constraint(&wanted))
    }
}
