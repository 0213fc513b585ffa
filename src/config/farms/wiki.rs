//! From a host and the values of its variables to a wiki.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::entries::{Farm, Field, Wikis};
use super::enumerate::{Combination, Variables, Work};
use super::lists::{Version, below};
use super::{Entry, FarmWiki, Mode, Scope};
use crate::config::finding::Finding;
use crate::config::value::Mark;
use crate::farm::{Host, WikiId};

/// A wiki, with what is needed to compare it with others.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) wiki: FarmWiki,
    /// The index of its farm's entry.
    pub(super) entry: usize,
    /// The values that its identifier is made of.
    used: Vec<(String, String)>,
}

/// Why a wiki is broken; nothing when that was said already.
type Broken = Option<Box<Finding>>;

/// What is known of a wiki by its host.
pub(super) struct Resolved {
    /// The values of the groups that take part.
    pub(super) captured: BTreeMap<String, String>,
    /// The host; none when hosts are matched by a pattern.
    pub(super) host: Option<Host>,
    /// Whether all that its identifier is made of is listed.
    pub(super) is_explicit: bool,
}

impl Work<'_, '_, '_> {
    /// Adds a wiki, or a host to one that is there.
    pub(super) fn wiki(
        &mut self,
        entry: usize,
        farm: &Farm,
        used: &BTreeSet<&str>,
        combination: &Combination<'_>,
        resolved: Resolved,
    ) {
        let Resolved { captured: mut variables, host, is_explicit } = resolved;
        let used: Vec<(String, String)> =
            variables.iter().filter(|(name, _)| used.contains(&***name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        variables.insert("FARM".to_owned(), farm.name.clone());
        if let Some(host) = &host {
            variables.insert("SERVER".to_owned(), host.as_str().to_owned());
        }
        let Some((id, suffix)) = self.identifier(farm, &mut variables, combination) else { return };

        let there = match self.known.get(&id) {
            None => None,
            // It is broken, and that was said.
            Some(None) => return,
            Some(Some(index)) => Some(*index),
        };
        if let Some(index) = there {
            let other = &self.made[index];
            if other.entry != entry || other.used != used {
                let mut message = format!("the wikiID `{id}` is used twice");
                if other.entry != entry {
                    _ = write!(message, ", first by the farm `{}`", other.wiki.farm);
                } else if !combination.values.is_empty() {
                    _ = write!(message, ", the second time where {}", combination.describe());
                }
                let finding = Finding::error(farm.wiki_id.mark, farm.wiki_id.path.clone(), message).of_wiki(&id);
                self.findings.push(finding);
                return;
            }
            // Another host of the same wiki: `$SERVER` is the first one.
            if let Some(server) = other.wiki.variables.get("SERVER") {
                variables.insert("SERVER".to_owned(), server.clone());
            }
        }
        match self.rest(farm, id.clone(), suffix, variables, combination, is_explicit) {
            Ok(mut wiki) => {
                if let Some(index) = there {
                    let other = &mut self.made[index].wiki;
                    if let Some(field) = difference(other, &wiki) {
                        let hosts = other.hosts.first().zip(host).map(|(a, b)| format!(" (`{a}`, `{b}`)"));
                        let message = format!("differs between the hosts of one wiki{}", hosts.unwrap_or_default());
                        let finding = Finding::error(farm.mark, format!("{}.{field}", farm.name), message).of_wiki(&id);
                        self.findings.push(finding);
                    } else if let Some(host) = host.filter(|host| !other.hosts.contains(host)) {
                        other.hosts.push(host);
                    }
                    return;
                }
                wiki.hosts.extend(host);
                self.known.insert(id, Some(self.made.len()));
                self.made.push(Made { wiki, entry, used });
            }
            Err(finding) => {
                if let Some(finding) = finding {
                    self.findings.push(finding.of_wiki(&id));
                }
                self.known.entry(id).or_insert(None);
            }
        }
    }

    /// `suffix` and `wikiID`, both checked.
    fn identifier(
        &mut self,
        farm: &Farm,
        variables: &mut Variables,
        combination: &Combination<'_>,
    ) -> Option<(WikiId, String)> {
        let suffix = self.fill(&farm.suffix, variables)?;
        variables.insert("SUFFIX".to_owned(), suffix.clone());
        let text = self.fill(&farm.wiki_id, variables)?;
        variables.insert("WIKIID".to_owned(), text.clone());
        let place = || {
            let (mark, _) = combination.origin.clone().unwrap_or((farm.wiki_id.mark, String::new()));
            let what = combination.describe();
            (mark, if what.is_empty() { what } else { format!(", where {what}") })
        };
        let id = match WikiId::new(&text) {
            Ok(id) => id,
            Err(error) => {
                let (mark, at) = place();
                self.say(Finding::error(mark, farm.wiki_id.path.clone(), format!("{error}{at}")));
                return None;
            }
        };
        let reason = if suffix.is_empty() {
            "is empty".to_owned()
        } else if !text.ends_with(&suffix) {
            format!("`{}` is not the end of the wikiID `{id}`", suffix.escape_debug())
        } else if text == "default" || suffix == "default" {
            "`default` names neither a wiki nor a suffix, because it stands for all of them".to_owned()
        } else {
            return Some((id, suffix));
        };
        self.say(Finding::error(farm.suffix.mark, farm.suffix.path.clone(), reason).of_wiki(&id));
        self.known.entry(id).or_insert(None);
        None
    }

    /// All that follows from the identifier. An error that was said already is nothing.
    fn rest(
        &mut self,
        farm: &Farm,
        id: WikiId,
        suffix: String,
        mut variables: Variables,
        combination: &Combination<'_>,
        is_explicit: bool,
    ) -> Result<FarmWiki, Broken> {
        let versions = self.fill_any(farm.versions.as_ref(), &variables)?;
        set(&mut variables, "VERSIONS", versions.as_ref());
        let deployments = self.fill_any(farm.deployments.as_ref(), &variables)?;
        let deployments = deployments.map(|name| if name.as_bytes().ends_with(b".php") { name } else { name + ".php" });
        set(&mut variables, "DEPLOYMENTS", deployments.as_ref());
        let version = self.version(farm, &id, &suffix, versions.as_deref(), combination, is_explicit)?;
        let (current, code) = match (self.mode, &version) {
            (Mode::Monoversion { code }, _) => (String::new(), (*code).to_owned()),
            (Mode::Multiversion { code, active, .. }, asked) => {
                let current = active(&id).or_else(|| asked.as_ref().map(|(asked, _)| asked.clone()));
                let current = current.unwrap_or_default();
                let code = format!("{code}/{current}");
                (current, code)
            }
        };
        variables.insert("VERSION".to_owned(), current);
        variables.insert("CODE".to_owned(), code);
        let data = self.fill_any(farm.data.as_ref(), &variables)?;
        set(&mut variables, "DATA", data.as_ref());
        if let (Some(field), Some(data)) = (&farm.data, &data)
            && data.split('/').any(|part| part == "..")
        {
            let message = format!("`{}` has a part `..`", data.escape_debug());
            return Err(Some(Box::new(Finding::error(field.mark, field.path.clone(), message))));
        }
        let not_found = self.fill_any(farm.not_found.as_ref(), &variables)?;
        let config = self.config(farm, &variables)?;
        let tags = self.tags(farm, &id, &variables)?;
        let is_multiversion = matches!(self.mode, Mode::Multiversion { .. });
        Ok(FarmWiki {
            id,
            farm: farm.name.clone(),
            suffix,
            hosts: Vec::new(),
            tags,
            variables,
            version,
            deployments: deployments.filter(|_| is_multiversion),
            data,
            not_found,
            config,
            mark: farm.mark,
        })
    }

    /// The version: what a dictionary says, else the file of versions for the wiki, its suffix, or all.
    fn version(
        &mut self,
        farm: &Farm,
        id: &WikiId,
        suffix: &str,
        file: Option<&str>,
        combination: &Combination<'_>,
        is_explicit: bool,
    ) -> Result<Option<(String, Mark)>, Broken> {
        let Mode::Multiversion { is_version, .. } = self.mode else { return Ok(None) };
        let mut found: Option<(Version, String)> =
            combination.version.clone().map(|(_, version, field)| (version, field));
        if found.is_none() {
            let Some(file) = file else {
                let message = "has no `versions`, and no dictionary of a variable gives the version";
                self.say(Finding::error(farm.mark, farm.name.clone(), message));
                return Err(None);
            };
            let versions = self.lists.versions(file, &mut self.findings).ok_or(None)?;
            let names = [id.as_str(), suffix, "default"];
            let count = if is_explicit { names.len() } else { 1 };
            found = names[..count].iter().find_map(|name| Some((versions.get(name)?.clone(), below("", name))));
        }
        let path = farm.versions.as_ref().map_or(&farm.name, |field| &field.path);
        let Some(((version, mark), field)) = found else {
            let message = format!("gives no version to the wiki `{id}`, to its suffix, or as `default`");
            return Err(Some(Box::new(Finding::error(farm.mark, path.clone(), message))));
        };
        let reason = match version {
            None => "the version is no text".to_owned(),
            Some(version) if !is_directory(&version) => {
                format!("the version `{}` is no plain name of a directory", version.escape_debug())
            }
            Some(version) if !is_version(&version) => {
                format!("the version `{version}` is no directory with MediaWiki")
            }
            Some(version) => return Ok(Some((version, mark))),
        };
        Err(Some(Box::new(Finding::error(mark, field, reason))))
    }

    fn config(&mut self, farm: &Farm, variables: &Variables) -> Result<Vec<Entry>, Broken> {
        let mut entries = Vec::with_capacity(farm.config.len());
        for (index, config) in farm.config.iter().enumerate() {
            let file = self.fill(&config.file, variables).ok_or(None)?;
            if !is_inside(&file) {
                let message = format!("`{}` is no plain path inside the configuration directory", file.escape_debug());
                self.say(Finding::error(config.file.mark, config.file.path.clone(), message));
                return Err(None);
            }
            let key = self.fill_any(config.key.as_ref(), variables)?;
            let default = self.fill_any(config.default.as_ref(), variables)?;
            let scope = match (&config.key, key) {
                (Some(field), Some(key)) => match scope(&key, default) {
                    Ok(scope) => scope,
                    Err(reason) => {
                        self.say(Finding::error(field.mark, field.path.clone(), reason));
                        return Err(None);
                    }
                },
                _ => Scope::Executable,
            };
            entries.push(Entry { file, scope, index });
        }
        Ok(entries)
    }

    fn tags(&mut self, farm: &Farm, id: &WikiId, variables: &Variables) -> Result<Vec<String>, Broken> {
        let mut tags = Vec::new();
        for tag in &farm.tags {
            let has = match &tag.wikis {
                Wikis::Here(wikis) => wikis.contains(id.as_str()),
                Wikis::File(field) => {
                    let file = self.fill(field, variables).ok_or(None)?;
                    let members = self.lists.members(&file, &mut self.findings).ok_or(None)?;
                    members.contains(id.as_str())
                }
            };
            if has {
                tags.push(tag.name.clone());
            }
        }
        Ok(tags)
    }

    fn fill(&mut self, field: &Field, variables: &Variables) -> Option<String> {
        match field.template.fill(|name| variables.get(name).map(String::as_str)) {
            Ok(text) => Some(text),
            Err(name) => {
                let message = format!("has the variable `${name}`, which has no value for all hosts of the farm");
                self.say(Finding::error(field.mark, field.path.clone(), message));
                None
            }
        }
    }

    fn fill_any(&mut self, field: Option<&Field>, variables: &Variables) -> Result<Option<String>, Broken> {
        field.map(|field| self.fill(field, variables).ok_or(None)).transpose()
    }
}

fn set(variables: &mut Variables, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        variables.insert(name.to_owned(), value.clone());
    }
}

/// The field in which two descriptions of one wiki differ.
fn difference(a: &FarmWiki, b: &FarmWiki) -> Option<&'static str> {
    let version = |wiki: &FarmWiki| wiki.version.as_ref().map(|(version, _)| version.clone());
    [
        (version(a) == version(b), "versions"),
        (a.deployments == b.deployments, "deployments"),
        (a.data == b.data, "data"),
        (a.not_found == b.not_found, "HTTP404"),
        (a.config == b.config, "config"),
        (a.tags == b.tags, "tags"),
    ]
    .into_iter()
    .find_map(|(same, field)| (!same).then_some(field))
}

/// Whom a file is for.
fn scope(key: &str, default: Option<String>) -> Result<Scope, String> {
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if key.is_empty() || !is_name(&key.replacen('*', "", 1)) {
        return Err(format!(
            "`{}` is no key: it is made of letters, digits, `_`, `-`, and one star",
            key.escape_debug()
        ));
    }
    if let Some(default) = default.as_deref().filter(|default| default.is_empty() || !is_name(default)) {
        return Err(format!("has `default: {}`, which names no level", default.escape_debug()));
    }
    Ok(match key.split_once('*') {
        None => Scope::Fixed(key.to_owned()),
        Some((before, behind)) => Scope::Star { before: before.to_owned(), behind: behind.to_owned(), default },
    })
}

/// Whether a path leads down, whatever there is.
fn is_inside(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(part) && !path.contains('\\') && !path.chars().any(char::is_control)
}

/// Whether a name is that of a directory, and hides nothing.
fn is_directory(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with(['.', '-'])
        // So links in `versions/` say that update.php runs.
        && !name.ends_with('!')
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
}
