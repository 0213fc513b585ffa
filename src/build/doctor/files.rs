//! `autoload.files` that do more than declare: what they do, and for which wikis.

use std::collections::BTreeSet;

use super::Examination;
use super::finding::{Code, Concern, Finding, Severity};
use crate::build::rules::join;
use crate::build::scan::{Effect, effects};
use crate::disk;

/// How many files one file may include, directly or not, before it is told as one that includes.
const MOST: usize = 64;

/// How many bytes of a file are read.
const LONGEST: u64 = 8 << 20;

/// How many of its effects are told.
const SHOWN: usize = 6;

pub(super) fn findings(examination: &Examination) -> Vec<Finding> {
    let Examination { objects, concerns, tree, .. } = examination;
    let mut findings = Vec::new();
    for (index, package) in objects.packages.iter().enumerate() {
        for file in &package.autoload.files {
            let field = format!("packages[{}].autoload.files", package.name);
            let finding = of_file(examination, &file.path, concerns.of_package(index));
            let finding = finding.map(|f| f.at(file.path.clone(), field).package(&*package.name));
            findings.extend(finding);
        }
    }
    for (owner, part) in &objects.parts {
        for (field, autoload) in [("autoload.files", &part.autoload), ("autoload-dev.files", &part.autoload_dev)] {
            for file in &autoload.files {
                let wikis = owner.map_or(Concern::All, |extension| concerns.of_extension(extension));
                let Some(mut finding) = of_file(examination, &file.path, wikis) else { continue };
                finding.extension = owner.map(|extension| tree.extensions[extension].id.clone());
                findings.push(finding.at(file.path.clone(), format!("{field} of {}", part.file)));
            }
        }
    }
    findings
}

fn of_file(examination: &Examination, file: &str, wikis: Concern) -> Option<Finding> {
    let all = with_included(examination, file);
    if all.is_empty() {
        return None;
    }
    let (severity, hint) = match all.first() {
        Some((Effect::Exits, _)) => (
            Severity::Warning,
            "every program that loads `vendor/autoload.php` without MediaWiki, for such a wiki, may end there silently",
        ),
        Some((Effect::Prints, _)) => (Severity::Warning, "output before headers breaks cookies and redirects"),
        _ if all.iter().any(|(effect, _)| sets_core(effect)) => (
            Severity::Warning,
            "MediaWiki 1.39 and later overwrite what `vendor/autoload.php` sets of core's `$wg…`: let it be done in \
             `extension.json`",
        ),
        _ => (
            Severity::Note,
            "an extension loaded by `wfLoadExtension` should rather register itself in `extension.json`",
        ),
    };
    let shown: Vec<String> = all
        .iter()
        .take(SHOWN)
        .map(|(effect, from)| match from {
            Some(from) => format!("{effect} (in `{from}`)"),
            None => effect.to_string(),
        })
        .collect();
    let more = all.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let what = format!("`{file}` {}{more}", shown.join(", "));
    Some(Finding::new(Code::FilesSideEffect, severity, what, hint).wikis(wikis))
}

/// Whether it sets a variable that core may own.
fn sets_core(effect: &Effect) -> bool {
    matches!(effect, Effect::Sets(name) if name.starts_with("$wg") || name.starts_with("$GLOBALS['wg") && name != "$GLOBALS['wgAutoloadClasses']")
}

/// What a file does, and what those do that it includes; each with the included file.
fn with_included(examination: &Examination, file: &str) -> BTreeSet<(Effect, Option<String>)> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::from([file.to_owned()]);
    let mut open = vec![file.to_owned()];
    while let Some(next) = open.pop() {
        let from = (next != file).then(|| next.clone());
        let directory = next.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
        let content = read(examination, &next).unwrap_or_default();
        for effect in effects(&content) {
            if let Effect::Includes(Some(path)) = &effect {
                let target = join(&directory, path);
                // A private autoloader is worth telling of; what it loads is not ours to follow.
                let follow = !target.ends_with("vendor/autoload.php") && !target.starts_with("../");
                if follow && seen.contains(&target) {
                    continue;
                }
                if follow && seen.len() < MOST && read(examination, &target).is_some() {
                    seen.insert(target.clone());
                    open.push(target);
                    continue;
                }
            }
            found.insert((effect, from.clone()));
        }
    }
    found
}

fn read(examination: &Examination, file: &str) -> Option<Vec<u8>> {
    let path = examination.directory.join(file);
    let size = disk::size(&path)?;
    if size > LONGEST { None } else { disk::read_optional(&path).ok()? }
}
