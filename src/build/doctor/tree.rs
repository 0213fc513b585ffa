//! What a build would refuse or warn of, all of it at once; and what it is silent about. Pure, but for a look at links
//! of the manifests that were read already.

use std::collections::BTreeSet;

use super::finding::{Code, Concern, Finding, Severity, some_of};
use super::{Examination, READ, closed, restore};
use crate::build::plan;
use crate::build::resolve::Problem;
use crate::build::rules::{self, Owner, Resolved, Rules};
use crate::build::scan::{Kind, Scan, ScanPath};
use crate::farm::{Wanted, WikiId};

/// What was told while the tree was read.
pub(super) struct Told {
    /// Rules that cannot be resolved.
    pub(super) refused: Vec<(Owner, rules::Error)>,
    /// Rules that lead nowhere.
    pub(super) missing: Vec<Missing>,
    /// What wikis want and the tree does not have.
    pub(super) unknown: Vec<(WikiId, Wanted)>,
    /// What the scan passed over.
    pub(super) scan_warnings: Vec<String>,
}

/// A rule that leads nowhere.
pub(super) struct Missing {
    owner: Owner,
    field: &'static str,
    path: String,
    /// Whether Composer refuses it, and a build too.
    refused: bool,
}

impl Missing {
    /// Whether a build is refused for it.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }
}

/// Takes class map rules out that lead nowhere, which a build refuses; PSR directories that are missing stay.
pub(super) fn take_missing(rules: &mut Rules, paths: &[ScanPath], scan: &Scan) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut look = |owner: Owner, resolved: &mut Resolved| {
        let confine = resolved.confine.clone();
        let is_missing = |path: &str| {
            let known = paths.binary_search_by(|known| (&*known.path, &*known.confine).cmp(&(path, &*confine)));
            known.is_ok_and(|at| scan.paths[at].kind == Kind::Missing)
        };
        for (path, _) in resolved.classmap.extract_if(.., |(path, _)| is_missing(path)) {
            missing.push(Missing { owner, field: "classmap", path, refused: true });
        }
        for (field, prefixes) in [("psr-4", &resolved.psr4), ("psr-0", &resolved.psr0)] {
            for path in prefixes.iter().flat_map(|(_, paths)| paths).filter(|path| is_missing(path)) {
                missing.push(Missing { owner, field, path: path.clone(), refused: false });
            }
        }
    };
    for (index, resolved) in rules.packages.iter_mut().enumerate() {
        look(Owner::Package(index), resolved);
    }
    for (index, (autoload, dev)) in rules.parts.iter_mut().enumerate() {
        look(Owner::Part(index), autoload);
        look(Owner::Part(index), dev);
    }
    missing
}

pub(super) fn findings(examination: &Examination, told: &Told) -> Vec<Finding> {
    let mut findings = missing_files(examination, told);
    findings.extend(requirements(examination));
    findings.extend(unknown(examination, &told.unknown));
    findings.extend(warnings(examination, &told.scan_warnings));
    findings.extend(manifests(examination));
    findings.extend(orphans(examination));
    findings.extend(silent(examination));
    findings
}

fn missing_files(examination: &Examination, told: &Told) -> Vec<Finding> {
    let Examination { tree, concerns, .. } = examination;
    let mut findings = Vec::new();
    let install = format!("bring missing files back: {}; or correct the rule", restore(&examination.directory));
    for &index in &tree.absent {
        let package = &tree.packages[index];
        let wikis = concerns.of_package(index);
        // Rules of Composer's that must lead somewhere stop a build whoever loads the package.
        let owner = Owner::Package(index);
        let stops = told.refused.iter().any(|(refused, _)| *refused == owner)
            || told.missing.iter().any(|missing| missing.owner == owner && missing.refused);
        let severity = if wikis.is_none() && !stops { Severity::Warning } else { Severity::Error };
        let path = package.install_path.as_deref().unwrap_or_default();
        let (code, what, hint) = if let Some(why) = closed(&examination.directory.join(path)) {
            let what = format!("`{path}` of package `{}` {why}", package.name);
            (Code::UnreadableTree, what, READ.to_owned())
        } else {
            let hint = format!("{}, or copy the tree again as a whole", restore(&examination.directory));
            (Code::MissingFile, format!("package `{}` is not at `{path}`", package.name), hint)
        };
        let field = format!("packages[{}].install-path", package.name);
        let finding = Finding::new(code, severity, what, hint).package(&*package.name).wikis(wikis);
        findings.push(finding.at("vendor/composer/installed.json", field));
    }
    let is_absent = |owner: Owner| matches!(owner, Owner::Package(index) if tree.absent.contains(&index));
    for (owner, error) in told.refused.iter().filter(|(owner, _)| !is_absent(*owner)) {
        let finding = Finding::new(Code::MissingFile, Severity::Error, error.reason.clone(), &*install);
        findings.push(of_owner(examination, *owner, finding).at(error.file.clone(), error.field.clone()));
    }
    for missing in told.missing.iter().filter(|missing| !is_absent(missing.owner)) {
        let Missing { owner, field, path, refused } = missing;
        let shipped = format!("if the package was not shipped without it: {}", restore(&examination.directory));
        let (severity, hint) = if *refused { (Severity::Error, install.clone()) } else { (Severity::Note, shipped) };
        let shown = if path.is_empty() { "the tree" } else { path };
        let code = if *refused { Code::MissingFile } else { Code::MissingDirectory };
        let finding = match closed(&examination.directory.join(path)) {
            Some(why) => Finding::new(Code::UnreadableTree, severity, format!("`{shown}` {why}"), READ),
            None => Finding::new(code, severity, format!("`{shown}` does not exist"), hint),
        };
        let finding = of_owner(examination, *owner, finding);
        let (file, block) = match owner {
            Owner::Package(index) => {
                let name = &tree.packages[*index].name;
                ("vendor/composer/installed.json".to_owned(), format!("packages[{name}].autoload"))
            }
            Owner::Part(index) => (tree.root.parts[*index].file.clone(), "autoload".to_owned()),
        };
        findings.push(finding.at(file, format!("{block}.{field}")));
    }
    findings
}

/// Says whose rule it is.
pub(super) fn of_owner(examination: &Examination, owner: Owner, finding: Finding) -> Finding {
    match owner {
        Owner::Package(index) => {
            let name = examination.tree.packages[index].name.clone();
            finding.package(name).wikis(examination.concerns.of_package(index))
        }
        Owner::Part(index) => match &examination.tree.root.parts[index].owner {
            Some(id) => finding.extension(id).wikis(examination.concerns.of(id)),
            None => finding,
        },
    }
}

/// Requirements that are not met: of Composer's, and of manifests.
fn requirements(examination: &Examination) -> Vec<Finding> {
    let Examination { checked, concerns, .. } = examination;
    let mut findings = Vec::new();
    for unmet in &checked.unmet {
        let finding = Finding::new(Code::UnmetRequirement, Severity::Error, unmet.to_string(), unmet.hint());
        let finding = finding.at(unmet.file.clone(), unmet.field.clone());
        let extension = concerns.extension_around(&unmet.file).map(|index| &examination.objects.extensions[index]);
        // Nothing is built for anybody; those that have on who requires it are the ones to look at.
        findings.push(match (extension, concerns.package(&unmet.who), &unmet.problem) {
            (Some(id), _, _) => finding.extension(id).wikis(concerns.of(id)),
            (None, Some(who), Problem::Missing) => finding.package(&*unmet.target).wikis(concerns.of_package(who)),
            (None, Some(who), _) => finding.package(&*unmet.who).wikis(concerns.of_package(who)),
            (None, None, _) => finding,
        });
    }
    for dangling in &checked.dangling {
        let wikis = concerns.of(&dangling.extension);
        let severity = if wikis.is_none() { Severity::Note } else { Severity::Error };
        let hint = if wikis.is_none() {
            "add it to the tree before a wiki turns this extension on"
        } else {
            "add the missing extension to the tree, or turn this one off for these wikis"
        };
        let finding = Finding::new(Code::MissingRequirement, severity, dangling.to_string(), hint).wikis(wikis);
        findings.push(finding.at(dangling.file.clone(), dangling.field.clone()).extension(&dangling.extension));
    }
    findings
}

fn unknown(examination: &Examination, unknown: &[(WikiId, Wanted)]) -> Vec<Finding> {
    let of = |(wiki, wanted): &(WikiId, Wanted)| {
        let hint = match plan::near(&examination.objects.extensions, &wanted.extension) {
            Some(near) => format!("did you mean `{near}`? names are directory names"),
            None => "names are directory names below `extensions/` and `skins/`".to_owned(),
        };
        let what = format!("no extension `{}` in the tree", wanted.extension);
        let finding = Finding::new(Code::UnknownExtension, Severity::Error, what, hint);
        let file = examination.farm_file.clone();
        finding.at(file, wanted.field.clone()).extension(&wanted.extension).wikis(Concern::Wikis(vec![wiki.clone()]))
    };
    unknown.iter().map(of).collect()
}

/// What a build warns of. Who is concerned is read from the files and packages that the text names.
fn warnings(examination: &Examination, of_scan: &[String]) -> Vec<Finding> {
    let Examination { tree, checked, concerns, .. } = examination;
    let absent: BTreeSet<String> =
        tree.absent.iter().map(|&index| format!("package `{}` is not at ", tree.packages[index].name)).collect();
    let all = tree.warnings.iter().chain(&checked.warnings).chain(of_scan);
    // Packages that are missing have a finding of their own.
    let others = all.filter(|text| !absent.iter().any(|known| text.starts_with(known)));
    others
        .map(|text| {
            let (wikis, extension) = concerns.of_text(text);
            let (code, hint) = if text.ends_with("should be in lower case") {
                (Code::UpperCaseName, "write it in lower case")
            } else {
                (Code::OddTree, "mend what the message names, or leave it if it is meant")
            };
            let mut finding = Finding::new(code, Severity::Warning, text.clone(), hint).wikis(wikis);
            finding.extension = extension;
            finding.file = text.split('`').nth(1).filter(|file| file.contains(".json")).map(str::to_owned);
            finding
        })
        .collect()
}

/// Manifests without a name, circles among them.
fn manifests(examination: &Examination) -> Vec<Finding> {
    let Examination { tree, concerns, graph, .. } = examination;
    let mut findings = Vec::new();
    for (index, extension) in tree.extensions.iter().enumerate() {
        for manifest in extension.manifests.iter().filter(|manifest| manifest.name.is_none()) {
            let what = format!("`{}` has no `name`", manifest.file);
            let finding = Finding::new(Code::NoName, Severity::Warning, what, "add `name`, as MediaWiki wants it");
            let finding = finding.at(manifest.file.clone(), "name").extension(&extension.id);
            findings.push(finding.wikis(concerns.of_extension(index)));
        }
    }
    for circle in graph.cycles() {
        let names: Vec<&str> = circle.iter().map(|&extension| tree.extensions[extension].id.as_str()).collect();
        let what =
            format!("{} require each other; they load in this order", some_of(names.iter().copied(), names.len()));
        let hint = "nothing, as long as none of them needs another one while it is registered";
        let wikis = circle.iter().fold(Concern::none(), |all, &e| all.and(concerns.of_extension(e)));
        findings.push(Finding::new(Code::Circle, Severity::Note, what, hint).wikis(wikis));
    }
    findings
}

fn orphans(examination: &Examination) -> Vec<Finding> {
    let Examination { tree, graph, .. } = examination;
    let of = |&index: &usize| {
        let package = &tree.packages[index];
        let what = format!("nobody requires `{}` {}", package.name, package.version);
        let hint = format!(
            "`composer remove --unused` or `composer update` takes it out; or require it where it is used, in \
             `composer.local.json` or an extension's `composer.json`, to keep it: `mwfarm why {}` then shows who",
            package.name
        );
        let finding = Finding::new(Code::Orphan, Severity::Note, what, hint).package(&*package.name);
        finding.at("vendor/composer/installed.json", format!("packages[{}]", package.name))
    };
    graph.orphans().iter().map(of).collect()
}

/// What nobody can mend, and a build is silent about.
fn silent(examination: &Examination) -> Vec<Finding> {
    let Examination { tree, checked, concerns, .. } = examination;
    let mut findings = Vec::new();
    if let Some((name, directory)) = &tree.other_root {
        let file = "vendor/composer/installed.php";
        let what = format!("`{file}` describes another root package, `{name}` at `{directory}`");
        let hint = "nothing: `vendor/` was installed apart, as distributions do";
        findings.push(Finding::new(Code::OtherRoot, Severity::Note, what, hint).at(file, "root"));
    }
    for unasked in &checked.unasked {
        let directories = some_of(unasked.directories.iter().map(String::as_str), 3);
        let what = format!("`{}` is wanted by {directories}", unasked.target);
        let hint = "nothing: what is a directory already needs no installer";
        let wikis = unasked.directories.iter().filter_map(|directory| concerns.extension_around(directory));
        let wikis = wikis.fold(Concern::none(), |all, extension| all.and(concerns.of_extension(extension)));
        findings
            .push(Finding::new(Code::NotChecked, Severity::Note, what, hint).package(&*unasked.target).wikis(wikis));
    }
    findings
}
