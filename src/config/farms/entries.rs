//! The entries of `farms.yml`, as they are written.

use std::collections::BTreeSet;

use super::lists::{self, Item, below};
use super::server::Server;
use super::template::Template;
use crate::config::finding::Finding;
use crate::config::near;
use crate::config::value::{Mark, Node, Value};

/// The keys of a farm.
pub(super) const FARM_KEYS: [&str; 11] = [
    "server",
    "redirect",
    "variables",
    "suffix",
    "wikiID",
    "versions",
    "deployments",
    "data",
    "HTTP404",
    "config",
    "tags",
];
/// The keys of one of its variables.
pub(super) const VARIABLE_KEYS: [&str; 3] = ["variable", "file", "values"];
/// The keys of one of its settings files.
pub(super) const CONFIG_KEYS: [&str; 4] = ["file", "key", "default", "executable"];
/// The keys of a tag that is written as a map.
pub(super) const TAG_KEYS: [&str; 2] = ["file", "values"];

/// What stands in the main file.
pub(super) enum Entry {
    /// Wikis.
    Farm(Box<Farm>),
    /// Hosts that lead elsewhere.
    Redirect(Box<Redirect>),
}

/// Wikis of one form.
pub(super) struct Farm {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) server: Server,
    pub(super) server_mark: Mark,
    pub(super) variables: Vec<Variable>,
    pub(super) suffix: Field,
    pub(super) wiki_id: Field,
    pub(super) versions: Option<Field>,
    pub(super) deployments: Option<Field>,
    pub(super) data: Option<Field>,
    pub(super) not_found: Option<Field>,
    pub(super) config: Vec<Config>,
    pub(super) tags: Vec<Tag>,
}

/// Hosts that lead elsewhere.
pub(super) struct Redirect {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) server: Server,
    pub(super) target: Field,
}

/// A text with variables.
pub(super) struct Field {
    pub(super) template: Template,
    pub(super) mark: Mark,
    /// Its key path, such as `mainfarm.wikiID`.
    pub(super) path: String,
}

/// A captured variable that only has values which are listed.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) values: Values,
}

/// Where values are listed.
pub(super) enum Values {
    /// In a file.
    File(Field),
    /// Here.
    Here(Vec<Item>),
}

/// A settings file.
pub(super) struct Config {
    pub(super) file: Field,
    /// Nothing for an executable file.
    pub(super) key: Option<Field>,
    pub(super) default: Option<Field>,
}

/// A tag.
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) path: String,
    pub(super) wikis: Wikis,
}

/// The wikis of a tag.
pub(super) enum Wikis {
    /// In a file.
    File(Field),
    /// Here.
    Here(BTreeSet<String>),
}

/// Variables of the farm that are set when a field is read.
mod set {
    pub(super) const CAPTURED: &[&str] = &[];
    pub(super) const FILE: &[&str] = &["FARM"];
    pub(super) const SUFFIX: &[&str] = &["FARM", "SERVER"];
    pub(super) const WIKI_ID: &[&str] = &["FARM", "SERVER", "SUFFIX"];
    pub(super) const VERSIONS: &[&str] = &["FARM", "SERVER", "SUFFIX", "WIKIID"];
    pub(super) const DEPLOYMENTS: &[&str] = &["FARM", "SERVER", "SUFFIX", "WIKIID", "VERSIONS"];
    pub(super) const DATA: &[&str] =
        &["FARM", "SERVER", "SUFFIX", "WIKIID", "VERSIONS", "DEPLOYMENTS", "VERSION", "CODE"];
    pub(super) const CONFIG: &[&str] = &super::super::template::OWN;
}

/// Reads the entries, in order. An entry with an error is left out, but as much as possible is said about it.
pub(super) fn parse(root: &Node, findings: &mut Vec<Finding>) -> Vec<Entry> {
    let Some(pairs) = root.map().filter(|pairs| !pairs.is_empty()) else {
        let what = if root.map().is_some() { "nothing" } else { root.kind() };
        findings.push(Finding::error(root.mark, "", format!("has {what}, not a map from names to farms")));
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (key, node) in pairs {
        let name = key.name().unwrap_or_default();
        let field = below("", &key.to_string());
        if !is_plain(&name) {
            let message = "is no name of a farm: they are made of letters, digits, `_` and `-`";
            findings.push(Finding::error(node.mark, field, message));
            continue;
        }
        entries.extend(Reader { findings, groups: Vec::new() }.entry(&name, node));
    }
    entries
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

struct Reader<'f> {
    findings: &'f mut Vec<Finding>,
    groups: Vec<String>,
}

impl Reader<'_> {
    fn entry(mut self, name: &str, node: &Node) -> Option<Entry> {
        let before = self.errors();
        let fields = self.fields(node, name, &FARM_KEYS)?;
        let get = |key: &str| fields.iter().find(|(own, _)| *own == key).map(|&(_, node)| node);

        let server = match get("server") {
            None => {
                self.missing(node.mark, name, "server");
                None
            }
            Some(node) => self.text(node, &below(name, "server")).and_then(|text| {
                let parsed = Server::parse(text);
                parsed.map_err(|reason| self.error(node.mark, below(name, "server"), reason)).ok()
            }),
        };
        // Without the names of the groups nothing can be said about variables.
        let server = server?;
        self.groups = server.groups().to_vec();

        if let Some(target) = get("redirect") {
            let target = self.template(target, below(name, "redirect"), set::CAPTURED);
            for &(key, node) in &fields {
                if key != "server" && key != "redirect" {
                    let message = "is not used, because the entry is a redirect";
                    self.findings.push(Finding::warning(node.mark, below(name, key), message));
                }
            }
            return Some(Entry::Redirect(Box::new(Redirect {
                name: name.to_owned(),
                mark: node.mark,
                server,
                target: target?,
            })));
        }

        let mut field = |key: &str, set: &[&str]| get(key).and_then(|node| self.template(node, below(name, key), set));
        let suffix = field("suffix", set::SUFFIX);
        let wiki_id = field("wikiID", set::WIKI_ID);
        let versions = field("versions", set::VERSIONS);
        let deployments = field("deployments", set::DEPLOYMENTS);
        let data = field("data", set::DATA);
        let not_found = field("HTTP404", set::VERSIONS);
        for key in ["suffix", "wikiID"] {
            if get(key).is_none() {
                self.missing(node.mark, name, key);
            }
        }
        let variables = get("variables").map_or_else(Vec::new, |node| self.variables(node, &below(name, "variables")));
        let config = get("config").map_or_else(Vec::new, |node| self.configs(node, &below(name, "config")));
        let tags = get("tags").map_or_else(Vec::new, |node| self.tags(node, &below(name, "tags")));
        if self.errors() > before {
            return None;
        }
        Some(Entry::Farm(Box::new(Farm {
            name: name.to_owned(),
            mark: node.mark,
            server,
            server_mark: get("server").map_or(node.mark, |node| node.mark),
            variables,
            suffix: suffix?,
            wiki_id: wiki_id?,
            versions,
            deployments,
            data,
            not_found,
            config,
            tags,
        })))
    }

    fn variables(&mut self, node: &Node, path: &str) -> Vec<Variable> {
        let mut variables: Vec<Variable> = Vec::new();
        for (index, node) in self.list(node, path).iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(fields) = self.fields(node, &path, &VARIABLE_KEYS) else { continue };
            let get = |key: &str| fields.iter().find(|(own, _)| *own == key).map(|&(_, node)| node);
            let Some(named) = get("variable") else {
                self.missing(node.mark, &path, "variable");
                continue;
            };
            let Some(name) = self.text(named, &below(&path, "variable")).map(str::to_ascii_lowercase) else { continue };
            if variables.iter().any(|other| other.name == name) {
                let message = format!("`{}` stands there twice", name.escape_debug());
                self.error(named.mark, below(&path, "variable"), message);
                continue;
            }
            let values = self.values(get("file"), get("values"), &path, set::FILE);
            if !self.groups.contains(&name) {
                let message = format!("`{}` is no group of `server`, and so it has no effect", name.escape_debug());
                self.findings.push(Finding::warning(named.mark, below(&path, "variable"), message));
                continue;
            }
            // An entry without list has no effect, and MediaWikiFarm's own example has one.
            variables.extend(values.map(|values| Variable { name, values }));
        }
        variables
    }

    /// `file` beats `values`.
    fn values(&mut self, file: Option<&Node>, values: Option<&Node>, path: &str, set: &[&str]) -> Option<Values> {
        if let (Some(_), Some(values)) = (file, values) {
            let message = "is not used, because there is a `file`";
            self.findings.push(Finding::warning(values.mark, below(path, "values"), message));
        }
        match (file, values) {
            (Some(file), _) => Some(Values::File(self.template(file, below(path, "file"), set)?)),
            (None, Some(values)) => Some(Values::Here(lists::items(values, &below(path, "values"), self.findings)?)),
            (None, None) => None,
        }
    }

    fn configs(&mut self, node: &Node, path: &str) -> Vec<Config> {
        let mut configs = Vec::new();
        for (index, node) in self.list(node, path).iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(fields) = self.fields(node, &path, &CONFIG_KEYS) else { continue };
            let get = |key: &str| fields.iter().find(|(own, _)| *own == key).map(|&(_, node)| node);
            let executable = match get("executable").map(|node| (node, &node.value)) {
                None => false,
                Some((_, Value::Bool(executable))) => *executable,
                Some((node, _)) => {
                    let message = format!("is {}, not true or false", node.kind());
                    self.error(node.mark, below(&path, "executable"), message);
                    continue;
                }
            };
            let file = get("file").and_then(|node| self.template(node, below(&path, "file"), set::CONFIG));
            let mut level = |key: &str| {
                let (node, path) = (get(key)?, below(&path, key));
                match &node.value {
                    // There may be a wiki `123`.
                    Value::Int(number) => self.template_of(&number.to_string(), node.mark, path, set::CONFIG),
                    _ => self.template(node, path, set::CONFIG),
                }
            };
            let (key, default) = (level("key"), level("default"));
            if get("file").is_none() {
                self.missing(node.mark, &path, "file");
            }
            if get("key").is_none() && !executable {
                self.missing(node.mark, &path, "key");
            }
            if let (Some(key), Some(default)) = (&key, &default)
                && !key.template.written().contains('*')
            {
                let message = "is not used, because there is no star in `key`";
                self.findings.push(Finding::warning(default.mark, default.path.clone(), message));
            }
            let Some(file) = file else { continue };
            configs.push(Config { file, key: key.filter(|_| !executable), default: default.filter(|_| !executable) });
        }
        configs
    }

    /// A tag's list is a file's name, wikis, or a map that says which.
    fn tags(&mut self, node: &Node, path: &str) -> Vec<Tag> {
        let Some(pairs) = node.map() else {
            self.error(node.mark, path.to_owned(), format!("is {}, not a map from tags to lists", node.kind()));
            return Vec::new();
        };
        let mut tags = Vec::new();
        for (key, node) in pairs {
            let name = key.name().unwrap_or_default().into_owned();
            let path = below(path, &key.to_string());
            if !is_plain(&name) {
                self.error(node.mark, path, "is no name of a tag: they are made of letters, digits, `_` and `-`");
                continue;
            }
            let wikis = match &node.value {
                Value::Text(_) => self.template(node, path.clone(), set::VERSIONS).map(Values::File),
                Value::Map(_) => self.fields(node, &path, &TAG_KEYS).and_then(|fields| {
                    let get = |key: &str| fields.iter().find(|(own, _)| *own == key).map(|&(_, node)| node);
                    let values = self.values(get("file"), get("values"), &path, set::VERSIONS);
                    if fields.is_empty() {
                        self.missing(node.mark, &path, "file");
                    }
                    values
                }),
                Value::List(_) => lists::items(node, &path, self.findings).map(Values::Here),
                _ => {
                    let message = format!("is {}, not a file's name, a list of wikis, or a map", node.kind());
                    self.error(node.mark, path.clone(), message);
                    None
                }
            };
            let wikis = wikis.map(|wikis| match wikis {
                Values::File(field) => Wikis::File(field),
                Values::Here(items) => Wikis::Here(items.iter().map(|item| item.value.to_string()).collect()),
            });
            tags.extend(wikis.map(|wikis| Tag { name, mark: node.mark, path, wikis }));
        }
        tags
    }

    /// The fields of a map; those whose names are not known are errors.
    fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        known: &[&'static str],
    ) -> Option<Vec<(&'static str, &'n Node)>> {
        let Some(pairs) = node.map() else {
            self.error(node.mark, path.to_owned(), format!("is {}, not a map", node.kind()));
            return None;
        };
        let mut fields = Vec::new();
        for (key, node) in pairs {
            let name = key.name().unwrap_or_default();
            if let Some(known) = known.iter().find(|known| **known == name) {
                fields.push((*known, node));
                continue;
            }
            let finding = Finding::error(node.mark, below(path, &key.to_string()), "is no field that is known");
            let meant = match &*name {
                // So in MediaWikiFarm's handbook.
                "exec" => Some("executable"),
                name => near(name, known.iter().copied()),
            };
            self.findings.push(finding.hint(match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the fields here are `{}`", known.join("`, `")),
            }));
        }
        Some(fields)
    }

    fn list<'n>(&mut self, node: &'n Node, path: &str) -> &'n [Node] {
        if let Value::List(nodes) = &node.value {
            return nodes;
        }
        self.error(node.mark, path.to_owned(), format!("is {}, not a list", node.kind()));
        &[]
    }

    fn text<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n str> {
        let Value::Text(text) = &node.value else {
            self.error(node.mark, path.to_owned(), format!("is {}, not a text", node.kind()));
            return None;
        };
        let reason = match text.as_str() {
            None => "is no UTF-8",
            Some("") => "is empty",
            Some(text) if text.chars().any(char::is_control) => "has control characters",
            Some(text) => return Some(text),
        };
        self.error(node.mark, path.to_owned(), reason);
        None
    }

    fn template(&mut self, node: &Node, path: String, set: &[&str]) -> Option<Field> {
        let text = self.text(node, &path)?;
        self.template_of(text, node.mark, path, set)
    }

    fn template_of(&mut self, text: &str, mark: Mark, path: String, set: &[&str]) -> Option<Field> {
        let template = match Template::parse(text, &self.groups) {
            Ok(template) => template,
            Err(name) => {
                let hint = match self.groups.as_slice() {
                    [] => "`server` captures nothing; a group is written `(?<name>…)`".to_owned(),
                    groups => format!("`server` captures `${}`", groups.join("`, `$")),
                };
                let message = format!("has the variable `${name}`, which nothing sets");
                self.findings.push(Finding::error(mark, path, message).hint(hint));
                return None;
            }
        };
        let early = template.names().find(|name| !self.groups.iter().any(|own| own == name) && !set.contains(name));
        if let Some(name) = early {
            self.error(mark, path, format!("has the variable `${name}`, which is not set yet when this is read"));
            return None;
        }
        Some(Field { template, mark, path })
    }

    fn missing(&mut self, mark: Mark, path: &str, key: &str) {
        self.error(mark, path.to_owned(), format!("has no `{key}`"));
    }

    fn error(&mut self, mark: Mark, path: String, message: impl Into<String>) {
        self.findings.push(Finding::error(mark, path, message));
    }

    fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == crate::config::finding::Severity::Error).count()
    }
}
