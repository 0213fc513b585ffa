//! Slips that are no errors: what is written has a meaning, but hardly the one that was meant. Only `config check` looks
//! for them, in every value of every file.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::configuration::Configuration;
use super::farms::Scope;
use super::finding::Finding;
use super::value::{Key, Node, Value};

/// The key that stands for all wikis.
const DEFAULT: &str = "default";

/// Texts that other readers of YAML take for `true` and `false`.
const SWITCHES: [(&str, &str); 4] = [("yes", "true"), ("on", "true"), ("no", "false"), ("off", "false")];

/// Looks through all files of a farm.
#[must_use]
pub fn slips(configuration: &Configuration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let heard = heard(configuration);
    let mut seen: HashSet<(&str, &Scope)> = HashSet::new();
    for wiki in &configuration.wikis {
        for entry in &wiki.config {
            if !seen.insert((&entry.file, &entry.scope)) {
                continue;
            }
            match &entry.scope {
                Scope::Executable => {}
                Scope::Fixed(key) if heard.contains(key.as_str()) => {}
                Scope::Fixed(key) => {
                    let message = format!(
                        "`{}` counts for nobody: its key `{}` is no wiki, tag or suffix",
                        entry.file.escape_debug(),
                        key.escape_debug()
                    );
                    let finding =
                        Finding::warning(wiki.mark, format!("{}.config[{}]", wiki.farm, entry.index), message);
                    findings.push(with_near(finding, key, heard.iter().copied()));
                }
                Scope::Star { before, behind, .. } => {
                    let Some(document) = configuration.documents.get(&entry.file) else { continue };
                    keys(&document.root, before, behind, &heard, &mut findings);
                }
            }
        }
    }
    let variables: BTreeSet<&str> =
        configuration.wikis.iter().flat_map(|wiki| wiki.variables.keys().map(String::as_str)).collect();
    for entry in configuration.wikis.iter().flat_map(|wiki| &wiki.config) {
        if let Some(document) = configuration.documents.get(&entry.file)
            && seen.remove(&(entry.file.as_str(), &entry.scope))
        {
            values(&document.root, &variables, &mut findings);
        }
    }
    findings
}

/// Everything that a key can be: wikis, also those with errors, tags, suffixes.
fn heard(configuration: &Configuration) -> HashSet<&str> {
    let mut heard: HashSet<&str> = HashSet::from([DEFAULT]);
    for wiki in &configuration.wikis {
        heard.extend([wiki.id.as_str(), wiki.suffix.as_str()]);
        heard.extend(wiki.tags.iter().map(String::as_str));
    }
    heard.extend(configuration.broken.iter().map(crate::farm::WikiId::as_str));
    heard.extend(configuration.tags.iter().map(String::as_str));
    heard
}

/// Keys of a star file that nobody listens to.
fn keys(root: &Node, before: &str, behind: &str, heard: &HashSet<&str>, findings: &mut Vec<Finding>) {
    let stars: HashMap<&str, &str> = heard
        .iter()
        .filter_map(|name| Some((name.strip_prefix(before)?.strip_suffix(behind)?, *name)))
        .filter(|(star, _)| !star.is_empty())
        .collect();
    for (name, node) in root.map().unwrap_or_default() {
        for (key, value) in node.map().unwrap_or_default() {
            let Some(text) = key.name() else { continue };
            let star = text.strip_prefix('+').unwrap_or(&text);
            if star == DEFAULT || stars.contains_key(star) {
                continue;
            }
            let pattern = format!("{before}*{behind}");
            let message = if pattern == "*" {
                "is no wiki, tag or suffix".to_owned()
            } else {
                let name = format!("{before}{star}{behind}");
                format!("`{pattern}` makes it `{}`, which is no wiki, tag or suffix", name.escape_debug())
            };
            let finding = Finding::warning(value.mark, format!("{name}.{text}"), message);
            findings.push(with_near(finding, star, stars.keys().copied()));
        }
    }
}

fn with_near<'n>(finding: Finding, name: &str, names: impl Iterator<Item = &'n str>) -> Finding {
    match super::near(name, names) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }
}

/// Values that say something else than they seem to. Files nest as deep as their readers let them.
fn values(root: &Node, variables: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    let mut open: Vec<(&Node, Option<&Key>)> = vec![(root, None)];
    while let Some((node, name)) = open.pop() {
        match &node.value {
            Value::List(items) => open.extend(items.iter().map(|item| (item, name))),
            Value::Map(pairs) => open.extend(pairs.iter().map(|(key, value)| (value, name.or(Some(key))))),
            Value::Text(text) => {
                let Some(text) = text.as_str() else { continue };
                let field = name.map(ToString::to_string).unwrap_or_default();
                let lower = text.to_ascii_lowercase();
                if let Some((_, value)) = SWITCHES.iter().find(|(switch, _)| *switch == lower) {
                    let message = format!("`{text}` is a text here, which PHP takes for true");
                    let hint = format!("write `{value}`, if a switch is meant");
                    findings.push(Finding::warning(node.mark, field, message).hint(hint));
                } else if let Some(variable) = variable(text, variables) {
                    let message = format!("`${variable}` stays as it is: variables are not replaced in settings");
                    let hint = "a PHP file with `executable: true` has them: `$wgMediaWikiFarm->getVariable( … )`";
                    findings.push(Finding::warning(node.mark, field, message).hint(hint));
                }
            }
            _ => {}
        }
    }
}

/// The farm's variable that a text names.
fn variable<'v>(text: &str, variables: &BTreeSet<&'v str>) -> Option<&'v str> {
    text.split('$').skip(1).find_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        variables.get(&rest[..end]).copied()
    })
}
