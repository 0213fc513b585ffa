//! Classes that lie where no PSR rule looks for them: Composer passes over them with a warning. Pure.

use std::collections::{BTreeMap, HashSet};

use super::finding::{Code, Finding, Severity};
use super::{Examination, real, tree};
use crate::build::exclude::Pattern;
use crate::build::rules::{Owner, Resolved};
use crate::build::scan::{ClassName, Kind, ScannedFile, psr0_classes, psr4_classes};

/// How many classes a message names.
const SHOWN: usize = 3;

/// Findings for each package and part of the root; only for a loader that scans PSR directories, as in Composer.
pub(super) fn findings(examination: &Examination) -> Vec<Finding> {
    let Examination { tree, rules, territories, .. } = examination;
    if !(tree.loader.optimize || tree.loader.authoritative) {
        return Vec::new();
    }
    let packages = rules.packages.iter().enumerate().map(|(index, resolved)| (Owner::Package(index), resolved));
    let parts = rules.parts.iter().enumerate();
    let parts = parts.flat_map(|(index, (autoload, dev))| [autoload, dev].map(|rules| (Owner::Part(index), rules)));
    let blocks: Vec<(Owner, &Resolved)> = packages.chain(parts).collect();
    let patterns: Vec<Pattern<'_>> = blocks.iter().flat_map(|(_, block)| &block.exclude).map(Pattern::new).collect();

    // A file that another rule takes is in order, and so is a class that is found elsewhere.
    let mut taken: HashSet<&str> = HashSet::new();
    let mut known: HashSet<&ClassName> = HashSet::new();
    let mut doubtful: Vec<(usize, &'static str, &ScannedFile)> = Vec::new();
    for (number, (_, block)) in blocks.iter().enumerate() {
        for (path, _) in &block.classmap {
            taken.extend(files(examination, path, block).map(real));
            known.extend(files(examination, path, block).flat_map(|file| file.classes.iter()));
        }
        let psr4 = block.psr4.iter().flat_map(|(prefix, paths)| paths.iter().map(move |path| (Some(prefix), path)));
        let psr0 = block.psr0.iter().flat_map(|(_, paths)| paths.iter().map(|path| (None, path)));
        for (prefix, path) in psr4.chain(psr0) {
            let home = territories.of(path);
            for file in files(examination, path, block).filter(|file| !file.classes.is_empty()) {
                let (standard, fits) = match prefix {
                    Some(prefix) => ("psr-4", psr4_classes(prefix, path, file)),
                    None => ("psr-0", psr0_classes(path, file)),
                };
                if !fits.is_empty() {
                    taken.insert(real(file));
                    known.extend(fits);
                } else if territories.of(&file.path) == home && !(path.is_empty() && file.path.starts_with("vendor/")) {
                    doubtful.push((number, standard, file));
                }
            }
        }
    }
    let mut found: BTreeMap<usize, Vec<(&'static str, &ScannedFile)>> = BTreeMap::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for (number, standard, file) in doubtful {
        let excluded = || patterns.iter().any(|pattern| pattern.covers(real(file)) || pattern.covers(&file.path));
        let lost = file.classes.iter().any(|class| !known.contains(class));
        if lost && !taken.contains(real(file)) && !excluded() && seen.insert(real(file)) {
            found.entry(number).or_default().push((standard, file));
        }
    }
    found.into_iter().map(|(number, files)| finding(examination, blocks[number].0, &files)).collect()
}

/// What was scanned at a path; a file that a PSR rule names is none of its own.
fn files<'e>(examination: &'e Examination, path: &str, block: &Resolved) -> impl Iterator<Item = &'e ScannedFile> {
    let paths = &examination.paths;
    let at = paths.binary_search_by(|known| (&*known.path, &*known.confine).cmp(&(path, &*block.confine)));
    let scanned = at.ok().map(|at| &examination.scan.paths[at]);
    scanned.filter(|scanned| scanned.kind != Kind::Missing).into_iter().flat_map(|scanned| &scanned.files)
}

fn finding(examination: &Examination, owner: Owner, files: &[(&'static str, &ScannedFile)]) -> Finding {
    let classes: Vec<(String, &'static str, &str)> = files
        .iter()
        .flat_map(|(standard, file)| {
            let names = file.classes.iter().map(|class| class.to_string_lossy().into_owned());
            names.map(|name| (name, *standard, file.path.as_str()))
        })
        .collect();
    let shown = classes.iter().take(SHOWN).map(|(class, standard, file)| format!("`{class}` ({standard}) in `{file}`"));
    let mut what = format!("no rule looks for {}", shown.collect::<Vec<_>>().join(", "));
    if classes.len() > SHOWN {
        what = format!("{what} and {} more", classes.len() - SHOWN);
    }
    let hint = "give class and file names that fit the rule, or name the file in `classmap`";
    let finding = tree::of_owner(examination, owner, Finding::new(Code::PsrMismatch, Severity::Note, what, hint));
    let mut finding = finding.at(files[0].1.path.clone(), "");
    finding.classes = classes.into_iter().map(|(class, ..)| class).collect();
    finding
}
