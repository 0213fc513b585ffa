//! `config check`, `config show` and `config diff`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::super::formatted;
use super::{Trees, line};
use crate::cli::{self, ConfigDir, ShowFormat};
use crate::config::compile::Compilation;
use crate::config::configuration::Configuration;
use crate::config::finding::{Finding, Severity, joined};
use crate::config::model::Variant;
use crate::config::settings::Setting;
use crate::config::settings_file::statements;
use crate::config::slips::slips;
use crate::config::value::{Key, Node, Value};
use crate::disk;
use crate::farm::WikiId;
use crate::php;
use crate::report::{ExitCode, Output, Problem, Reporter, escaped};

/// The version of the JSON forms.
const SCHEMA: &str = "1.0.0";

/// Everything that is wrong or odd.
pub(in crate::run) fn check(tree: &Path, flags: &cli::Check) -> Result<Output, Vec<Problem>> {
    let configuration = super::read_to_check(&flags.config, tree)?;
    let mut trees = Trees::read(&configuration);
    let compilation = trees.compile(&configuration);
    let slips = joined(slips(&configuration));
    let differences = if flags.mediawikifarm { compilation.model.differences() } else { Vec::new() };
    let all = compilation.model.findings.iter().chain(&slips).chain(&differences);
    let mut findings: Vec<&Finding> = all.collect();
    findings.sort_by(|a, b| a.order(&configuration.sources).cmp(&b.order(&configuration.sources)));
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let text = || {
        let mut text = String::new();
        for finding in &findings {
            let kind = if finding.severity == Severity::Error { "error" } else { "warning" };
            let _ = writeln!(text, "{kind}: {}", escaped(&line(finding, &configuration.sources)));
            if let Some(hint) = &finding.hint {
                let _ = writeln!(text, "  hint: {}", escaped(hint));
            }
        }
        let wikis = some(compilation.model.wikis.len(), "wiki");
        let _ = writeln!(text, "{wikis}, {}, {}", some(errors, "error"), some(warnings, "warning"));
        if !compilation.model.broken.is_empty() {
            let broken: Vec<&str> = compilation.model.broken.iter().map(WikiId::as_str).collect();
            let _ = writeln!(text, "with errors, left as published: {}", broken.join(", "));
        }
        text
    };
    let json = || {
        let findings = findings.iter().map(|finding| {
            let location = finding.location(&configuration.sources);
            let (file, line) = location.rsplit_once(':').map_or((location.as_str(), None), |(file, line)| {
                line.parse::<u32>().map_or((location.as_str(), None), |line| (file, Some(line)))
            });
            json!({
                "severity": if finding.severity == Severity::Error { "error" } else { "warning" },
                "file": file,
                "line": line,
                "field": finding.field,
                "wiki": finding.wiki,
                "others": finding.others,
                "message": finding.message,
                "hint": finding.hint,
            })
        });
        let findings: Vec<_> = findings.collect();
        let value = json!({
            "schema": SCHEMA,
            "wikis": compilation.model.wikis.len(),
            "broken": compilation.model.broken,
            "findings": findings,
        });
        Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
    };
    let output = Output::done(formatted(flags.format, text, json)?);
    Ok(if errors > 0 { output.exit(ExitCode::Farm) } else { output })
}

/// `3 wikis`
pub(super) fn some(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A wiki's settings.
pub(in crate::run) fn show(tree: &Path, flags: &cli::Show, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let configuration = super::read(&flags.config, tree)?;
    let mut trees = Trees::read(&configuration);
    let compilation = trees.compile(&configuration);
    let id = named(&compilation, &flags.wiki)?;
    let about: Vec<Finding> =
        compilation.model.findings.iter().filter(|finding| finding.wiki.as_ref() == Some(&id)).cloned().collect();
    super::warn(&about, &configuration.sources, reporter);
    let wiki = compilation.model.wikis.iter().find(|wiki| wiki.farm.id == id);
    let (Some(wiki), Some(compiled)) = (wiki, compilation.wikis.get(&id)) else {
        return Err(not_compiled(&compilation, &id));
    };
    let settings = wiki.asked().map(Variant::settings).unwrap_or_default();
    let stdout = match flags.format {
        ShowFormat::Php => {
            let name = compiled.compiled.get(&compiled.version).map(|compiled| compiled.settings.as_str());
            let file = compilation.settings.iter().find(|file| Some(file.name.as_str()) == name);
            file.map(|file| file.text.to_string()).unwrap_or_default()
        }
        ShowFormat::Json => {
            json_of(&settings).and_then(|value| serde_json::to_string_pretty(&value).map_err(|error| failed(&error)))?
        }
        ShowFormat::Yaml => {
            let value = json_of(&settings)?;
            serde_saphyr::to_string(&value).map_err(|error| vec![Problem::from_error(ExitCode::Failed, &error)])?
        }
    };
    Ok(Output::done(if stdout.ends_with('\n') { stdout } else { format!("{stdout}\n") }))
}

fn failed(error: &serde_json::Error) -> Vec<Problem> {
    vec![Problem::from_error(ExitCode::Failed, &error)]
}

/// The wiki that a user names by its identifier or host.
pub(super) fn named(compilation: &Compilation<'_>, name: &str) -> Result<WikiId, Vec<Problem>> {
    let host = name.to_ascii_lowercase();
    let wikis = &compilation.configuration.wikis;
    let by_id = wikis.iter().find(|wiki| wiki.id.as_str() == name);
    let found = by_id.or_else(|| wikis.iter().find(|wiki| wiki.hosts.iter().any(|other| other.as_str() == host)));
    found.map(|wiki| wiki.id.clone()).ok_or_else(|| vec![unknown(name, wikis.iter().map(|wiki| wiki.id.as_str()))])
}

/// No wiki has this name.
pub(super) fn unknown<'n>(name: &str, wikis: impl Iterator<Item = &'n str>) -> Problem {
    let problem = Problem::new(ExitCode::Usage, format!("there is no wiki `{}`", name.escape_debug()));
    match crate::config::near(name, wikis) {
        Some(near) => problem.hint(format!("did you mean `{near}`? `mwfarm wikis` lists all")),
        None => problem.hint("`mwfarm wikis` lists all; a wiki is named by its wikiID or by one of its hosts"),
    }
}

/// What keeps a wiki from being compiled.
pub(super) fn not_compiled(compilation: &Compilation<'_>, id: &WikiId) -> Vec<Problem> {
    let mut problems = super::errors(&compilation.model.findings, &compilation.configuration.sources);
    if problems.is_empty() {
        problems.push(Problem::new(ExitCode::Farm, format!("wiki `{id}` cannot be compiled")));
    }
    problems
}

/// Settings with their values; diffs onto MediaWiki's have a `+` before their names.
fn json_of(settings: &[Setting<'_>]) -> Result<serde_json::Value, Vec<Problem>> {
    let mut object = serde_json::Map::new();
    for setting in settings {
        let named = [(String::new(), &setting.value), ("+".to_owned(), &setting.diff)];
        for (before, node) in named {
            if let Some(node) = node {
                let name = format!("{before}{}", setting.variable);
                object.insert(name.clone(), json_value(node, &name)?);
            }
        }
    }
    Ok(object.into())
}

/// A value, which nests as deep as its file was allowed to.
fn json_value(node: &Node, name: &str) -> Result<serde_json::Value, Vec<Problem>> {
    let no_text = || {
        let what = format!("`{name}` holds bytes that are no UTF-8, which the format cannot have");
        vec![Problem::new(ExitCode::Failed, what).hint("`--format php` can")]
    };
    let key = |key: &Key| key.name().map(std::borrow::Cow::into_owned).ok_or_else(no_text);
    Ok(match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number, _) => (*number).into(),
        Value::Text(text) => text.as_str().ok_or_else(no_text)?.into(),
        Value::List(items) => items.iter().map(|item| json_value(item, name)).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(k, value)| Ok((key(k)?, json_value(value, name)?)));
            serde_json::Value::Object(pairs.collect::<Result<_, Vec<Problem>>>()?)
        }
    })
}

/// Which wikis change, and how.
pub(in crate::run) fn diff(tree: &Path, flags: &cli::Diff, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let configuration = super::read(&flags.config, tree)?;
    let mut trees = Trees::read(&configuration);
    let compilation = trees.compile(&configuration);
    super::warn(&compilation.model.findings, &configuration.sources, reporter);
    let after = texts(&compilation);
    let before = match &flags.from {
        None => published(&configuration)?,
        Some(from) => {
            let from = super::read(&ConfigDir { config_dir: Some(from.clone()) }, tree)?;
            let mut trees = Trees::read(&from);
            let compilation = trees.compile(&from);
            let (here, there) = (&configuration.options, &from.options);
            let directories = [(&*there.config, &*here.config), (&*there.output, &*here.output)];
            let texts = texts(&compilation).into_iter();
            texts.map(|(id, (version, text))| (id, (version, moved(&text, directories)))).collect()
        }
    };
    let ids: BTreeSet<&WikiId> = before.keys().chain(after.keys()).collect();
    let mut changes: Vec<Change> = Vec::new();
    for id in ids {
        let change = match (before.get(id), after.get(id)) {
            (None, None) => continue,
            // It stays as it was, with an error.
            (Some(_), None) if compilation.model.broken.contains(id) => continue,
            (Some(_), None) => Change { id, kind: "removed", version: None, removed: Vec::new(), added: Vec::new() },
            (None, Some(_)) => Change { id, kind: "added", version: None, removed: Vec::new(), added: Vec::new() },
            (Some(old), Some(new)) => {
                let (removed, added) = differences(&old.1, &new.1);
                let version = (old.0 != new.0).then(|| (old.0.clone(), new.0.clone()));
                if removed.is_empty() && added.is_empty() && version.is_none() {
                    continue;
                }
                Change { id, kind: "changed", version, removed, added }
            }
        };
        changes.push(change);
    }
    let text = || {
        let mut text = String::new();
        for change in &changes {
            let _ = writeln!(text, "{} {}", change.id, change.kind);
            if let Some((old, new)) = &change.version {
                let _ = write!(text, "    - version {}\n    + version {}\n", escaped(old), escaped(new));
            }
            for (sign, statements) in [('-', &change.removed), ('+', &change.added)] {
                for line in statements.iter().flat_map(|statement| statement.lines()) {
                    let _ = writeln!(text, "    {sign} {}", escaped(line));
                }
            }
        }
        let _ = writeln!(text, "{} of {}", some(changes.len(), "change"), some(after.len(), "wiki"));
        text
    };
    let json = || {
        let changes: Vec<_> = changes.iter().map(Change::json).collect();
        let value = json!({ "schema": SCHEMA, "wikis": changes });
        Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
    };
    let output = Output::done(formatted(flags.format, text, json)?);
    Ok(output.but(super::errors(&compilation.model.findings, &configuration.sources)))
}

/// How a wiki changes.
struct Change<'d> {
    id: &'d WikiId,
    kind: &'static str,
    version: Option<(String, String)>,
    removed: Vec<String>,
    added: Vec<String>,
}

impl Change<'_> {
    fn json(&self) -> serde_json::Value {
        json!({
            "id": self.id,
            "change": self.kind,
            "version": self.version.as_ref().map(|(old, new)| json!({ "from": old, "to": new })),
            "removed": self.removed,
            "added": self.added,
        })
    }
}

/// Each wiki's version and settings file, as compiled now.
fn texts(compilation: &Compilation<'_>) -> BTreeMap<WikiId, (String, String)> {
    let texts: BTreeMap<&str, &str> =
        compilation.settings.iter().map(|file| (file.name.as_str(), &*file.text)).collect();
    let wikis = compilation.model.wikis.iter().filter_map(|wiki| {
        let compiled = compilation.wikis.get(&wiki.farm.id)?;
        let text = texts.get(compiled.compiled.get(&compiled.version)?.settings.as_str())?;
        Some((wiki.farm.id.clone(), (compiled.version.clone(), (*text).to_owned())))
    });
    wikis.collect()
}

/// The same as published.
fn published(configuration: &Configuration) -> Result<BTreeMap<WikiId, (String, String)>, Vec<Problem>> {
    let mut texts = BTreeMap::new();
    let options = &configuration.options;
    let Some(manifest) = &configuration.published.manifest else { return Ok(texts) };
    for (id, wiki) in &manifest.wikis {
        let Some(compiled) = wiki.compiled.get(&wiki.version) else { continue };
        let file = options.output.join(&compiled.settings);
        let text = disk::read_optional(&file).map_err(|error| {
            vec![Problem::new(ExitCode::Failed, format!("cannot read `{}`", file.display())).cause(error.to_string())]
        })?;
        let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
        let text = moved(&text, [(&*manifest.config, &*options.config), (&*options.output, &*options.output)]);
        texts.insert(id.clone(), (wiki.version.clone(), text));
    }
    Ok(texts)
}

/// A settings file, with PHP files included from other directories: each pair leads from one to another.
fn moved(text: &str, directories: [(&Path, &Path); 2]) -> String {
    // As literals of PHP begin.
    let within = |directory: &Path| {
        let mut literal = php::string_literal(&format!("{}/", directory.display()));
        literal.pop();
        literal
    };
    let directories = directories.map(|(from, to)| (within(from), within(to)));
    let line = |line: &str| match line.strip_prefix("include ") {
        None => line.to_owned(),
        Some(_) => directories.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to)),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Statements that only one of two settings files has.
fn differences(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let (old, new) = (statements(old), statements(new));
    let only = |these: &[&str], others: &[&str]| -> Vec<String> {
        let others: BTreeSet<&str> = others.iter().copied().collect();
        these.iter().filter(|statement| !others.contains(*statement)).map(|text| (*text).to_owned()).collect()
    };
    (only(&old, &new), only(&new, &old))
}
